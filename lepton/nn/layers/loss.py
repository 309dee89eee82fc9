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
    """(1/n) Σ (xᵢ − yᵢ)², the mean squared error; ∂L/∂xᵢ = 2·(xᵢ − yᵢ)/n.

    Input and target: (*), floating; they are broadcast, with a warning. Output: (), or (*) with ``reduction="none"``.

    Args:
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.

    Raises:
        ShapeError (when called): the shapes do not broadcast. ArgumentError: another ``reduction``.

    >>> from lepton import nn, tensor
    >>> nn.MSELoss()(tensor([1.0, 2.0]), tensor([0.0, 0.0]))
    tensor(2.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of ``input`` with respect to ``target``."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """(1/n) Σ |xᵢ − yᵢ|, the mean absolute error; shapes, arguments and errors are as for :class:`MSELoss`.

    >>> from lepton import nn, tensor
    >>> nn.L1Loss()(tensor([1.0, -2.0]), tensor([0.0, 0.0]))
    tensor(1.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of ``input`` with respect to ``target``."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """With d = x − y: d²/(2·beta) where |d| < beta, |d| − beta/2 elsewhere (Girshick, 2015).

    Shapes, errors and other arguments are as for :class:`MSELoss`; see :func:`lepton.nn.functional.smooth_l1_loss`.
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
    """With d = x − y: d²/2 where |d| ≤ delta, delta·(|d| − delta/2) elsewhere (Huber, 1964).

    Shapes, errors and other arguments are as for :class:`MSELoss`; see :func:`lepton.nn.functional.huber_loss`.

    Raises:
        ArgumentTypeError: ``delta`` is no number.
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
    """−log of the probability that softmax gives to the right class y: −x_y + log Σⱼ e^(xⱼ), the mean over samples.

    Its gradient is (softmax(x) − one_hot(y))/N. The formula with weights, smoothing (Szegedy et al., 2016) and
    probabilities as targets stands at :func:`lepton.nn.functional.cross_entropy`.

    - input: scores (not probabilities) of C classes: (C), (N, C) or (N, C, d₁, …), floating
    - target: the classes, in [0, C), int64: (), (N) or (N, d₁, …); or probabilities of the input's shape, floating
    - output: (), or the target's shape without C with ``reduction="none"``

    Args:
        weight: (C), a factor for each class. ignore_index: samples of this class do not count.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.
        label_smoothing: in [0, 1], what part of the target is spread over all classes.

    Raises:
        IndexRangeError (when called): a class is outside [0, C). ArgumentError (when called): the batch sizes differ.
            ShapeError, DTypeError (when called): other shapes and types than those above.

    >>> from lepton import nn, tensor
    >>> nn.CrossEntropyLoss()(tensor([[2.0, 0.0, 0.0]]), tensor([0]))
    tensor(0.2395)
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
    """−(1/Σ w) Σₙ w_yₙ·l[n, yₙ], the negative log-likelihood of log-probabilities l at the classes y.

    With :class:`LogSoftmax` before it, it is :class:`CrossEntropyLoss`, whose shapes, arguments and errors it has; the
    target is always of classes.

    >>> from lepton import nn, tensor
    >>> scores = tensor([[2.0, 0.0, 0.0]])
    >>> nn.NLLLoss()(nn.LogSoftmax(dim=1)(scores), tensor([0]))
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
    """−(1/n) Σ w·(y·log x + (1 − y)·log(1 − x)): binary cross-entropy of probabilities, each logarithm at least −100.

    Input and target: (*), both in [0, 1], floating. Output: (), or (*) with ``reduction="none"``.

    Args:
        weight: a factor for each element; it is broadcast.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.

    Raises:
        ValueRangeError (when called): something is outside [0, 1]. ArgumentError (when called): the shapes differ.

    >>> from lepton import nn, tensor
    >>> nn.BCELoss()(tensor([0.5, 0.9]), tensor([1.0, 1.0]))
    tensor(0.3993)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the probabilities ``input`` with respect to ``target``."""
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """−(1/n) Σ w·(P·y·log p + (1 − y)·log(1 − p)) with p = σ(x): sigmoid and :class:`BCELoss` in one, stable for any x.

    Input: scores (*), floating; target: (*) in [0, 1]. Output: (), or (*) with ``reduction="none"``.

    Args:
        weight: w, a factor for each element. pos_weight: P, a factor for what is positive. Both are broadcast.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a loss of each element.

    Raises:
        ArgumentError (when called): the shapes of input and target differ. ShapeError (when called): that of a weight
            does not broadcast.

    >>> from lepton import nn, tensor
    >>> nn.BCEWithLogitsLoss()(tensor([0.0]), tensor([1.0]))
    tensor(0.6931)
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
