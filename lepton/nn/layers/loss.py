"""Losses as modules."""

from __future__ import annotations

from collections.abc import Sequence

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentTypeError
from lepton.nn import functional as F
from lepton.nn.functional._reduction import legacy_reduction
from lepton.nn.module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
]


class _Loss(Module):
    """The base of all losses: how the elements' losses become one number."""

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.reduction = legacy_reduction(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    """The base of losses with a weight for each class or element, which moves with the module."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MSELoss(_Loss):
    """(1/n) Σ (xᵢ − yᵢ)²: the mean squared error; ∂L/∂xᵢ = 2·(xᵢ − yᵢ)/n.

    Args:
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.

    Input: x and y, (*) each, floating (other shapes are broadcast, with a warning). Output: (), or (*) for ``"none"``.

    Raises:
        When called: ArgumentError: there is no such reduction. DTypeError: the inputs are not floating.

    >>> from lepton import nn, tensor
    >>> nn.MSELoss()(tensor([1.0, 2.0]), tensor([0.0, 5.0]))
    tensor(5.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of ``input`` with respect to ``target``."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """(1/n) Σ |xᵢ − yᵢ|: the mean absolute error.

    Args:
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.

    Input: x and y, (*) each (other shapes are broadcast, with a warning). Output: (), or (*) for ``"none"``.

    Raises:
        ArgumentError (when called): there is no such reduction.

    >>> from lepton import nn, tensor
    >>> nn.L1Loss()(tensor([1.0, -2.0]), tensor([0.0, 0.0]))
    tensor(1.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of ``input`` with respect to ``target``."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """With d = x − y: d²/(2β) where |d| < β, |d| − β/2 elsewhere, averaged (Girshick, 2015).

    Args:
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.
        beta: β, where the parabola becomes a line; with 0 it is :class:`L1Loss`.

    Input: x and y, (*) each (other shapes are broadcast, with a warning). Output: (), or (*) for ``"none"``.

    Raises:
        When called: ValueRangeError: ``beta`` is negative. ArgumentError: there is no such reduction.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of ``input`` with respect to ``target``."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """With d = x − y: d²/2 where |d| ≤ δ, δ·(|d| − δ/2) elsewhere, averaged (Huber, 1964).

    Args:
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.
        delta: δ, where the parabola becomes a line.

    Input: x and y, (*) each (other shapes are broadcast, with a warning). Output: (), or (*) for ``"none"``.

    Raises:
        ArgumentTypeError: ``delta`` is no number. When called: ValueRangeError: ``delta`` is not positive.
            ArgumentError: there is no such reduction.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, (float, int)):
            raise ArgumentTypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of ``input`` with respect to ``target``."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class CrossEntropyLoss(_WeightedLoss):
    """−log softmax(x)_y, averaged: cross-entropy of scores x with target classes y, or with target probabilities q.

    With l = log_softmax(x), C classes and smoothing ε, a sample costs −w_y·(1 − ε)·l_y − (ε/C)·Σ_c w_c·l_c, or with
    probabilities −Σ_c w_c·((1 − ε)·q_c + ε/C)·l_c. Scores go in as they are, without a softmax before. Without weights
    and smoothing the gradient is (softmax(x) − one_hot(y))/N.

    Args:
        weight: w, (C), a factor for each class; by default 1.
        ignore_index: samples of this class do not count (for classes only).
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` (of classes: over the sum of w_y), ``"sum"``, or ``"none"`` for each sample's loss.
        label_smoothing: ε in [0, 1] (Szegedy et al., 2016).

    Input: x, floating, (C), (N, C) or (N, C, d₁, …); and y, int64 or uint8, of that shape without C, or q, floating, of
    that shape. Output: (), or x's shape without C for ``"none"``.

    Raises:
        When called: IndexRangeError: a class is outside [0, C). ArgumentError: the batch sizes differ, or there is no
            such reduction. ShapeError: other shapes do not fit. DTypeError: a type is none of those. ValueRangeError:
            ``label_smoothing`` is out of range, or ``ignore_index`` is given for probabilities.

    >>> from lepton import nn, tensor
    >>> scores = tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> nn.CrossEntropyLoss()(scores, tensor([0, 1]))
    tensor(0.8955)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the scores ``input`` with respect to ``target``."""
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_WeightedLoss):
    """−w_y·l_y, averaged: the negative log-likelihood of target classes y under log-probabilities l.

    After :class:`LogSoftmax` it is :class:`CrossEntropyLoss`.

    Args:
        weight: w, (C), a factor for each class; by default 1.
        ignore_index: samples of this class do not count.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` (over the sum of w_y), ``"sum"``, or ``"none"`` for each sample's loss.

    Input: l, floating, (C), (N, C) or (N, C, d₁, …); and y, int64 or uint8, of that shape without C. Output: (), or y's
    shape for ``"none"``.

    Raises:
        When called: IndexRangeError: a class is outside [0, C). ArgumentError: the batch sizes differ, or there is no
            such reduction. ShapeError: other shapes do not fit. DTypeError: a type is none of those.

    >>> from lepton import nn, tensor
    >>> nn.NLLLoss()(nn.LogSoftmax(dim=1)(tensor([[2.0, 0.0, 0.0]])), tensor([0]))
    tensor(0.2395)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the log-probabilities ``input`` with respect to ``target``."""
        return F.nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class BCELoss(_WeightedLoss):
    """−w·(y·log x + (1 − y)·log(1 − x)), averaged: binary cross-entropy of probabilities, each logarithm at least −100.

    For scores, :class:`BCEWithLogitsLoss` is more precise.

    Args:
        weight: w, a factor for each element, broadcast to the input's shape; by default 1.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.

    Input: x and y, (*) each, in [0, 1], floating. Output: (), or (*) for ``"none"``.

    Raises:
        When called: ValueRangeError: a number is outside [0, 1]. ArgumentError: the shapes differ, or there is no such
            reduction. ShapeError: w does not broadcast to them. DTypeError: the types differ.

    >>> from lepton import nn, tensor
    >>> nn.BCELoss()(tensor([0.5, 0.9]), tensor([1.0, 1.0]))
    tensor(0.3993)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the probabilities ``input`` with respect to ``target``."""
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """−w·(P·y·log σ(x) + (1 − y)·log σ(−x)), averaged: binary cross-entropy of scores, stable for any x.

    Scores go in as they are, without a sigmoid before.

    Args:
        weight: w, a factor for each element, broadcast to the input's shape; by default 1.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.
        pos_weight: P, a factor for positive examples, broadcast to that shape; by default 1.

    Input: x, and y in [0, 1], (*) each, floating. Output: (), or (*) for ``"none"``.

    Raises:
        When called: ArgumentError: the shapes differ, or there is no such reduction. ShapeError: a weight does not
            broadcast to them. DTypeError: y is not floating.

    >>> from lepton import nn, tensor
    >>> nn.BCEWithLogitsLoss()(tensor([0.0, 3.0]), tensor([0.0, 1.0]))
    tensor(0.3709)
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the scores ``input`` with respect to ``target``."""
        return F.binary_cross_entropy_with_logits(
            input, target, weight=self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(_Loss):
    """p·(log p − log q), averaged: the Kullback–Leibler divergence of p from q; 0 where p is 0.

    Args:
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"batchmean"``, the sum over the first dimension's length, as the mathematics has it; ``"mean"``
            over all elements, with a warning; ``"sum"``, or ``"none"`` for each element's part.
        log_target: the target is log p instead of p.

    Input: log q, and the target p, floating, of shapes that broadcast to (*). Output: (), or (*) for ``"none"``.

    Raises:
        When called: ArgumentError: there is no such reduction. DTypeError: an input is not floating.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The divergence of the log-probabilities ``input`` from ``target``."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


# ---------------------------------------------------------------------- likelihoods


class GaussianNLLLoss(_Loss):
    """½·(log v + (y − μ)²/v), averaged: the negative log-likelihood of y under a normal distribution.

    (Nix and Weigend, *Estimating the Mean and Variance of the Target Probability Distribution*, 1994.)

    Args:
        full: add the constant ½·log 2π. eps: the least v.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.

    Input: ``input`` μ and ``target`` y, floating, of shapes that broadcast to (*); and ``var`` v ≥ 0, of μ's shape, of
    that with one dimension of length 1 or without the last one, or a float. Output: (), or (*) for ``"none"``.

    Raises:
        ArgumentError (when called): a variance is negative or does not fit, or there is no such reduction.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """The loss of the means ``input`` and variances ``var`` with respect to ``target``."""
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class PoissonNLLLoss(_Loss):
    """λ − y·log λ, averaged: the negative log-likelihood of counts y under a Poisson distribution, without log y!.

    Args:
        log_input: whether the input is log λ; else it is λ.
        full: add Stirling's approximation y·log y − y + ½·log 2πy of log y! where y > 1.
        eps: added to λ inside the logarithm, if not ``log_input``.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for each element's loss.

    Input: log λ or λ, and y, of shapes that broadcast to (*). Output: (), or (*) for ``"none"``.

    Raises:
        ArgumentError (when called): there is no such reduction.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """The loss of the expectations' logarithms (or the expectations) with respect to ``target``."""
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class CTCLoss(_Loss):
    """−log Σ Π_t p_t(π_t) over all alignments π of a label sequence with its input (Graves et al., 2006).

    An alignment names a class for each time; it is one of the labels if they remain when repetitions are joined and
    then blanks left out. Where there is none, as the input is too short, the loss is infinite.

    Args:
        blank: the class that stands for no label.
        reduction: ``"mean"`` of each loss over its number of labels, ``"sum"``, or ``"none"`` for each sample's loss.
        zero_infinity: let infinite losses be 0, and their gradients too.

    Input: log p, (T, N, C) or (T, C), float32 or float64; the labels, (N, S), or all after each other in one dimension;
    the lengths of both, N each, integers. Output: (), or (N) for ``"none"``.

    Raises:
        When called: ShapeError: shapes or numbers of lengths do not fit together. ValueRangeError: a length or
            ``blank`` is out of range. IndexRangeError: a label is no class. DTypeError, ArgumentTypeError: a type is
            none of those. ArgumentError: there is no such reduction.

    >>> from lepton import nn, tensor, zeros
    >>> log_probs = zeros(5, 1, 3).log_softmax(2)
    >>> nn.CTCLoss()(log_probs, tensor([[1, 2]]), [5], [2])
    tensor(0.9689)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        """The loss of the log-probabilities over time with respect to the labels ``targets``."""
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
