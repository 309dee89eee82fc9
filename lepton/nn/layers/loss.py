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
    """Mean squared error: (1/n) Σ (xᵢ − yᵢ)².

    Args:
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"`` for each element's own loss.

    Input: x and the target y, floating, of one shape (*). Output: (), or (*) for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.mse_loss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of ``input`` with respect to ``target``."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """Mean absolute error: (1/n) Σ |xᵢ − yᵢ|. Arguments, input and output are as for :class:`MSELoss`.

    Raises:
        When called: as :func:`lepton.nn.functional.l1_loss`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of ``input`` with respect to ``target``."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """With d = x − y: d²/(2β) where |d| < β, |d| − β/2 elsewhere, so that outliers pull less (Girshick, 2015).

    Args:
        beta: β, where the parabola becomes a line; with 0 it is :class:`L1Loss`.
        other arguments, input and output: as for :class:`MSELoss`.

    Raises:
        When called: as :func:`lepton.nn.functional.smooth_l1_loss`.
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
    """With d = x − y: d²/2 where |d| ≤ δ, δ·(|d| − δ/2) elsewhere (Huber, 1964).

    Args:
        reduction: as for :class:`MSELoss`, as are input and output. delta: δ, where the parabola becomes a line.

    Raises:
        ArgumentTypeError: ``delta`` is no number. When called: as :func:`lepton.nn.functional.huber_loss`.
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
    """−log softmax(x)_y of scores x and the class y, or −Σ_c q_c·log softmax(x)_c of probabilities q of the classes.

    :func:`lepton.nn.functional.cross_entropy` has the formula with ``weight`` and ``label_smoothing``.

    Args:
        weight: (C), a factor for each class, kept as a buffer.
        size_average, reduce: deprecated; use ``reduction``.
        ignore_index: samples of this class do not count.
        reduction: ``"mean"`` over the samples (over their classes' weights, if there are), ``"sum"``, or ``"none"``.
        label_smoothing: ε in [0, 1]: of each sample, the part that all classes share.

    Input: scores (C), (N, C) or (N, C, d₁, …), without softmax; and classes of that shape without C, or probabilities
    of that shape. Output: (), or the shape without C for ``"none"``.

    Raises:
        When called: as ``cross_entropy``.
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
    """−w_y·l_y of log-probabilities l, as ``LogSoftmax`` gives them, at the class y.

    Arguments, input and output are as for :class:`CrossEntropyLoss`, whose second half this is.

    Raises:
        When called: as :func:`lepton.nn.functional.nll_loss`.
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
    """Binary cross-entropy of probabilities: −(1/n) Σ w·(y·log x + (1 − y)·log(1 − x)), each logarithm at least −100.

    Args:
        weight: w, a factor for each element, broadcast to the input's shape and kept as a buffer.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Input: x and y, numbers in [0, 1] of one shape (*). Output: (), or (*) for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.binary_cross_entropy`.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the probabilities ``input`` with respect to ``target``."""
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Binary cross-entropy of scores x, p = σ(x): −(1/n) Σ w·(P·y·log p + (1 − y)·log(1 − p)), stable for any x.

    Args:
        pos_weight: P, a factor for positive examples, broadcast to the input's shape and kept as a buffer.
        other arguments: as for :class:`BCELoss`.

    Input: scores x and y in [0, 1], of one shape (*). Output: (), or (*) for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.binary_cross_entropy_with_logits`.
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
    """Kullback–Leibler divergence p·(log p − log q), 0 where p is 0.

    Args:
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"batchmean"`` (the sum over the first dimension's length, as the mathematics has it), ``"mean"``
            over all elements, ``"sum"``, or ``"none"``.
        log_target: the target is log p.

    Input: log q and p (or log p), of one shape (*). Output: (), or (*) for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.kl_div`.
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
    """−log likelihood of a normal distribution with mean μ and variance v: ½·(log v + (y − μ)²/v), v at least ε.

    (Nix & Weigend, *Estimating the Mean and Variance of the Target Probability Distribution*, 1994.)

    Args:
        full: add the constant ½·log 2π. eps: ε. reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Input: μ and y, of one shape (*), and v of that shape, with the last dimension missing or one of length 1, or a
    number. Output: (), or (*) for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.gaussian_nll_loss`.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """The loss of the means ``input`` and variances ``var`` with respect to ``target``."""
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class PoissonNLLLoss(_Loss):
    """−log likelihood of a Poisson distribution with expectation λ: λ − y·log λ, without log y! unless ``full``.

    Args:
        log_input: the input is log λ; else it is λ, and ε is added to it in the logarithm.
        full: add Stirling's approximation of log y!. eps: ε.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Input: log λ or λ, and the counts y, of one shape (*). Output: (), or (*) for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.poisson_nll_loss`.
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
    """Connectionist temporal classification (Graves et al., 2006): −log Σ_π Π_t p_t(π_t), for labels without times.

    The sum is over the alignments π, a class for each time, that become the labels when repetitions are joined and then
    blanks left out. Where there is none the loss is infinite.

    Args:
        blank: the class that stands for no label.
        reduction: ``"mean"``: each loss over its number of labels, then averaged; ``"sum"``, or ``"none"``.
        zero_infinity: let infinite losses be 0, and their gradients too.

    Input: log p, (T, N, C) or (T, C); the labels, (N, S), or all after each other; how many times each sample has, and
    how many labels, (N). Output: (), or (N) for ``"none"``.

    Raises:
        When called: as :func:`lepton.nn.functional.ctc_loss`.
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
