"""Negative log-likelihoods of numbers under a distribution whose parameters are predicted."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.comparison import where
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ArgumentTypeError
from lepton.nn.functional._reduction import check_reduction, chosen_reduction, reduced

__all__ = ["gaussian_nll_loss", "poisson_nll_loss"]


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Of a normal distribution with mean μ and variance v: ½·(log v + (y − μ)²/v), v at least ε.

    Args:
        input: μ, floating. target: y, of the same shape or one that broadcasts.
        var: v ≥ 0, of the input's shape, of that shape with one dimension of length 1 or without the last one, or a
            number.
        full: add the constant ½·log 2π.
        eps: ε; as in PyTorch, the gradient of v passes the maximum as if it were not there.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Raises:
        ArgumentError: a variance is negative, its shape is none of those, or there is no such reduction.
    """
    mean: Any = check_tensor(input, "gaussian_nll_loss")
    check_tensor(target, "gaussian_nll_loss", "target", 2)
    check_reduction(reduction)
    variance: Any = _variance(input, var).clone()
    with no_grad():
        variance.clamp_(min=eps)
    off = (mean - target) / variance.sqrt()  # squared only after the division, since (y − μ)² may overflow
    loss = 0.5 * (variance.log() + off * off)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def _variance(input: Tensor, var: Tensor | float) -> Any:
    """The variances as a tensor that broadcasts with the input."""
    if not isinstance(var, (float, Tensor)):
        found = type(var).__name__
        raise ArgumentTypeError(f"gaussian_nll_loss(): argument 'var' must be Tensor or float, not {found}")
    made: Any = input.new_full(input.shape, var) if isinstance(var, float) else var
    if (made < 0).any():
        raise ArgumentError(f"var has negative entry/entries: the smallest is {made.min().item()}")
    shape, own = input._data.shape, made._data.shape
    if own == shape:
        return made
    if own == shape[:-1]:
        return made.unsqueeze(-1)
    odd = [length for length, wanted in zip(own, shape, strict=False) if length != wanted]
    if len(own) != len(shape) or sum(odd) != 1:
        raise ArgumentError(
            f"var is of incorrect size: {list(own)}, where the input is {list(shape)}; one dimension may be 1, or the "
            "last one missing"
        )
    return made


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Of a Poisson distribution with expectation λ: λ − y·log λ, without the term log y! unless ``full``.

    Args:
        input: log λ; λ itself if not ``log_input``.
        target: the counts y, of a shape that broadcasts with the input.
        log_input: what the input is.
        full: add Stirling's approximation y·log y − y + ½·log 2πy of log y! where y > 1.
        size_average, reduce: deprecated; use ``reduction``.
        eps: added to λ inside the logarithm, if not ``log_input``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Raises:
        ArgumentError: there is no such reduction.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    x: Any = check_tensor(input, "poisson_nll_loss")
    y: Any = check_tensor(target, "poisson_nll_loss", "target", 2)
    loss = x.exp() - y * x if log_input else x - y * (x + eps).log()
    if full:
        many = y > 1
        count = where(many, y, 2)  # where the term is left out, its derivative is to be finite all the same
        loss = loss + where(many, count * count.log() - count + 0.5 * (2 * math.pi * count).log(), 0)
    return reduced(loss, reduction)
