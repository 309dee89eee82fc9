"""Gradients made shorter: by their common norm, or element by element."""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lepton.autograd.ops.creation import scalar_tensor
from lepton.autograd.ops.joining import stack
from lepton.autograd.ops.statistics import norm
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.errors import ValueRangeError
from lepton.kernels.clipping import limit_each, scale_each, total_square

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

Tensors = Tensor | Iterable[Tensor]


def _gradients(parameters: Tensors) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else parameters
    return [each._grad for each in listed if each._grad is not None]


def _is_plain(gradients: list[Tensor]) -> bool:
    """Whether all of them are NumPy's, of one type, float32 or float64, and may be written to."""
    kind = gradients[0]._data.dtype if gradients else None
    for each in gradients:
        data = each._data
        if type(data) is not np.ndarray or data.dtype is not kind or kind.char not in "fd" or each._cell is None:
            return False
    return bool(gradients)


def _in_place(gradients: list[Tensor], change: Callable[[list[Any], float], None], value: float) -> None:
    change([each._data for each in gradients], value)
    for each in gradients:
        each._cell[0] += 1  # type: ignore[index]


def _check_finite(total: Tensor, p: float, wanted: bool) -> None:
    if wanted and not bool(total.isfinite()):
        raise ValueRangeError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be clipped: "
            f"it is {float(total)}. To disable this error and scale the gradients by the non-finite norm anyway, "
            "set `error_if_nonfinite=False`"
        )


def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over the elements of all tensors, as the norm of their norms; 0-d.

    Args:
        tensors: a tensor or several. norm_type: p, also ``inf``. error_if_nonfinite: refuse a norm of inf or nan.
        foreach: accepted for PyTorch's sake; there is one implementation.

    Raises:
        ValueRangeError: the norm is not finite, with ``error_if_nonfinite``.
    """
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    p = float(norm_type)
    if not listed:
        return scalar_tensor(0.0)
    if p == 2 and _is_plain(listed):
        square = total_square([each._data for each in listed])
        if listed[0]._data.itemsize == 4 or 1e-280 < square < 1e300 or square == 0:  # else squares are out of range
            total = Tensor(np.asarray(math.sqrt(square), listed[0]._data.dtype))
            _check_finite(total, p, error_if_nonfinite)
            return total
    with no_grad():
        norms = [norm(each, p).to(device=listed[0].device) for each in listed]
        total = norm(stack(norms), p)
        _check_finite(total, p, error_if_nonfinite)
    return total


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """g ← g·min(1, max_norm/(total_norm + 10⁻⁶)) for the gradients of all parameters, in place.

    Args:
        parameters: a tensor or several; those without a gradient are left out. total_norm: the norm of all gradients.
        foreach: accepted for PyTorch's sake; there is one implementation.
    """
    with no_grad():
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        gradients = _gradients(parameters)
        if _is_plain(gradients) and factor.numel() == 1 and factor.dtype is gradients[0].dtype:
            _in_place(gradients, scale_each, float(factor))
            return
        for gradient in gradients:
            gradient.mul_(factor.to(device=gradient.device))


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, in place and by one factor, so that their common norm is at most ``max_norm``.

    Args:
        parameters: a tensor or several; those without a gradient are left out. max_norm: the largest norm.
        norm_type, error_if_nonfinite, foreach: as for :func:`get_total_norm`.

    Returns:
        The norm before.

    Raises:
        ValueRangeError: the norm is not finite, with ``error_if_nonfinite``.
    """
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if not listed and isinstance(parameters, types.GeneratorType):
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(listed, max_norm, total, foreach)
    return total


def clip_grad_norm(parameters: Tensors, max_norm: float, *args: Any, **kwargs: Any) -> Tensor:
    """The old name of :func:`clip_grad_norm_`."""
    warnings.warn(
        "`lepton.nn.utils.clip_grad_norm` is now deprecated in favor of `lepton.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, *args, **kwargs)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Bring every element of all gradients into [−clip_value, clip_value], in place.

    Args:
        parameters: a tensor or several; those without a gradient are left out.
        foreach: accepted for PyTorch's sake; there is one implementation.
    """
    limit = float(clip_value)
    gradients = _gradients(parameters)
    if _is_plain(gradients):
        _in_place(gradients, limit_each, limit)
        return
    with no_grad():
        for gradient in gradients:
            gradient.clamp_(min=-limit, max=limit)
