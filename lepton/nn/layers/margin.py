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
    """x where y is 1, max(0, margin − x) where y is −1, averaged: distances x are to be small, or larger than a margin.

    Args:
        margin: distances beyond it cost nothing where y is −1.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.

    Input: x, (*), any shape, and y, 1 or −1, of a shape that broadcasts with it. Output: (), or (*) for ``"none"``.

    Raises:
        ArgumentError (when called): there is no such reduction.
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
    """1 − c where y is 1, max(0, c − margin) where y is −1, averaged: vectors with cosine c are to be alike or not.

    Args:
        margin: cosines below it cost nothing where y is −1.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the pairs, ``"sum"``, or ``"none"`` for each pair's loss.

    Input: two of (N, D) with y of (N), or two of (D) with y of (). Output: (), or y's shape for ``"none"``.

    Raises:
        When called: ShapeError: the shapes do not fit together. ArgumentError: there is no such reduction.
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
    """max(0, −y·(x₁ − x₂) + margin), averaged: x₁ is to rank higher where y is 1, x₂ where it is −1.

    Args:
        margin: by how much the one is to be larger.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.

    Input: x₁, x₂ and y, usually (N), of as many dimensions and of shapes that broadcast to (*). Output: (), or (*) for
    ``"none"``.

    Raises:
        When called: ShapeError: the shapes do not fit together. ArgumentError: there is no such reduction.
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
    """log(1 + e^(−y·x)), averaged, stable for any x: the logistic loss of a score x with its target y, 1 or −1.

    Args:
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.

    Input: x, (*), any shape, floating, and y, of a shape that broadcasts with it. Output: (), or (*) for ``"none"``.

    Raises:
        When called: DTypeError: the input is not floating. ArgumentError: there is no such reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the scores ``input`` with respect to ``target``, 1 or −1."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """(1/C) Σ_{c≠y} w_y·max(0, margin − x_y + x_c)ᵖ, averaged: class y is to score higher than every other by a margin.

    Args:
        p: 1 or 2. margin: by how much. weight: w, (C), a factor for each class; by default 1.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the samples (not their weights), ``"sum"``, or ``"none"`` for each sample's loss.

    Input: the scores x, float32 or float64, (N, C) or (C), and the classes y, int64, (N) or (). Output: (), or y's
    shape for ``"none"``.

    Raises:
        ArgumentError: p is another number, or ``weight`` has not one dimension. When called: ArgumentError: there is no
            such reduction. ShapeError: the shapes do not fit together. DTypeError: a type is none of those. PlaceError:
            a class is outside [0, C).
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
    """(1/C) Σ_y Σ_{c not among the y} max(0, 1 − x_y + x_c), averaged: each class y of a sample is to score 1 higher.

    Args:
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the samples, ``"sum"``, or ``"none"`` for each sample's loss.

    Input: the scores x, float32 or float64, (N, C) or (C), and each sample's classes, int64, of the same shape, with −1
    after the last one; what follows does not count. Output: (), or (N) for ``"none"``.

    Raises:
        When called: ShapeError: the shapes are none of those. DTypeError: a type is none of those. PlaceError: a target
            is outside [−1, C). ArgumentError: there is no such reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the scores ``input`` with respect to the lists of classes ``target``."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """−(1/C) Σ_c w_c·(y_c·log σ(x_c) + (1 − y_c)·log σ(−x_c)), averaged: binary cross-entropy for each of C classes.

    Args:
        weight: w, usually (C), of a shape that broadcasts with the input; by default 1.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the samples, ``"sum"``, or ``"none"`` for each sample's loss.

    Input: the scores x, floating, (*, C), and y, 1 for classes that apply and 0 for others. Output: (), or (*) for
    ``"none"``.

    Raises:
        When called: ShapeError: the shapes do not fit together. ArgumentError: there is no such reduction.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the scores ``input`` with respect to ``target``, 1 for each class that applies."""
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """max(0, d(a, p) − d(a, n) + margin), d(x, y) = ‖x − y + ε‖ₚ, averaged: what belongs together is to be nearer.

    Args:
        margin: by how much, above 0. p: the norm's order. eps: ε, so that no distance is 0.
        swap: take d(p, n) for d(a, n) where it is smaller (Balntas et al., 2016).
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the triplets, ``"sum"``, or ``"none"`` for each triplet's loss.

    Input: anchors a, positives p and negatives n, (N, D) or (D) each. Output: (), or (N) for ``"none"``.

    Raises:
        ArgumentError: ``margin`` is not positive. When called: ArgumentError: there is no such reduction. ShapeError:
            the numbers of dimensions differ.
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
    """max(0, d(a, p) − d(a, n) + margin), averaged, with any distance d: what belongs together is to be nearer.

    Args:
        distance_function: d, of two tensors; by default :class:`PairwiseDistance`. margin: by how much, above 0.
        swap: take d(p, n) for d(a, n) where it is smaller (Balntas et al., 2016).
        reduction: ``"mean"`` over the triplets, ``"sum"``, or ``"none"`` for each triplet's loss.

    Input: anchors a, positives p and negatives n, of as many dimensions, usually (N, D). Output: (), or what d gives,
    (N), for ``"none"``.

    Raises:
        ArgumentError: ``margin`` is not positive. When called: ArgumentError: there is no such reduction. ShapeError:
            the numbers of dimensions differ.
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
