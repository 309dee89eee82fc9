"""Losses that want a score or a distance to be better than another by a margin, as modules."""

from __future__ import annotations

from collections.abc import Callable

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.nn import functional as F
from lepton.nn.layers.distance import PairwiseDistance
from lepton.nn.layers.loss import _Loss, _WeightedLoss

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class HingeEmbeddingLoss(_Loss):
    """Of a distance x: x where the target is 1, max(0, margin − x) where it is −1: alike to be near, unlike to be far.

    Args:
        margin: distances beyond it cost nothing where the target is −1.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Input: distances and targets, of one shape (*). Output: (), or (*) for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.hinge_embedding_loss`.
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the distances ``input`` with respect to ``target``, 1 or −1."""
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """Of the cosine c of two vectors: 1 − c where the target is 1, max(0, c − margin) where it is −1.

    Args:
        margin: cosines below it cost nothing where the target is −1.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the pairs, ``"sum"``, or ``"none"``.

    Input: x₁ and x₂, (N, D) or (D), and targets, (N) or (). Output: (), or the targets' shape for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.cosine_embedding_loss`.
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The loss of the pairs of vectors with respect to ``target``, 1 or −1."""
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, −y·(x₁ − x₂) + margin): x₁ is to rank higher where y is 1, x₂ where it is −1.

    Args:
        margin: by how much the one is to be larger.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Input: x₁, x₂ and y, of one shape (*). Output: (), or (*) for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.margin_ranking_loss`.
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """The loss of the pairs of scores with respect to ``target``, 1 or −1."""
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """log(1 + e^(−y·x)) of scores x and targets y, 1 or −1, stable for any x.

    Arguments, input and output are as for :class:`MSELoss`.

    Raises:
        When called: as :func:`lepton.nn.functional.soft_margin_loss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the scores ``input`` with respect to ``target``, 1 or −1."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """(1/C) Σ_{c≠y} w_y·max(0, margin − x_y + x_c)ᵖ: the class y is to score higher than every other by a margin.

    Args:
        p: 1 or 2. margin: the margin. weight: w, (C), a factor for each class, kept as a buffer.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the samples, ``"sum"``, or ``"none"``.

    Input: scores (N, C) or (C), and classes (N) or (). Output: (), or the classes' shape for ``"none"``.

    Raises:
        ArgumentError: ``p`` is another number, or ``weight`` not one-dimensional. When called: as
        :func:`lepton.nn.functional.multi_margin_loss`.
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ArgumentError(f"only p == 1 and p == 2 supported, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ArgumentError(f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.ndim}D instead")
        self.p, self.margin = p, margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the scores ``input`` with respect to the classes ``target``."""
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(_Loss):
    """(1/C) Σ_y Σ_{c not among the y} max(0, 1 − x_y + x_c): each class y is to score 1 higher than all others.

    Args:
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the samples, ``"sum"``, or ``"none"``.

    Input: scores (N, C) or (C), and of the same shape the classes, −1 after the last one. Output: (), or (N) for
    ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.multilabel_margin_loss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the scores ``input`` with respect to the lists of classes ``target``."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """−(1/C) Σ_c w_c·(y_c·log σ(x_c) + (1 − y_c)·log σ(−x_c)): binary cross-entropy, averaged over C classes.

    Args:
        weight: w, of a shape that broadcasts with the input, usually (C), kept as a buffer.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the samples, ``"sum"``, or ``"none"``.

    Input: scores and y, 1 for each class that applies and 0 for others, (*, C). Output: (), or (*) for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.multilabel_soft_margin_loss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the scores ``input`` with respect to ``target``, 1 for each class that applies."""
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """max(0, d(a, p) − d(a, n) + margin) with d(x, y) = ‖x − y + ε‖ₚ: what belongs together is to be nearer.

    Args:
        margin: by how much, above 0. p, eps: of the distance, see :class:`PairwiseDistance`.
        swap: take d(p, n) for d(a, n) where it is smaller (Balntas et al., 2016).
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the triplets, ``"sum"``, or ``"none"``.

    Input: anchors a, positives p and negatives n, (N, D) or (D). Output: (), or without D for ``"none"``.

    Raises:
        ArgumentError: ``margin`` is not positive. When called: as :func:`lepton.nn.functional.triplet_margin_loss`.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        _check_margin(margin, "TripletMarginLoss")
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The loss of the triplets."""
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    """:class:`TripletMarginLoss` with any distance d.

    Args:
        distance_function: d of two tensors, which may be a module; by default :class:`PairwiseDistance`.
        margin, swap, reduction: as there, as are input, output and errors.
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        _check_margin(margin, "TripletMarginWithDistanceLoss")
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin, self.swap = margin, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """The loss of the triplets."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


def _check_margin(margin: float, name: str) -> None:
    if margin <= 0:
        raise ArgumentError(f"{name}: expected margin to be greater than 0, got {margin} instead")
