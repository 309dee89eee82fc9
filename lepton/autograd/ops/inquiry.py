"""What a tensor says of itself, as functions and methods."""

from __future__ import annotations

from typing import Any

from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import ArgumentTypeError, ShapeError

__all__ = ["get_device", "is_nonzero", "is_same_size", "nonzero_static", "real"]


@public()
def is_nonzero(input: Tensor) -> Any:
    """Whether the one element is not 0.

    Raises:
        ShapeError: there is not exactly one element.
    """
    return bool(check_tensor(input, "is_nonzero"))


@public()
def is_same_size(input: Tensor, other: Tensor) -> Any:
    """Whether the two have the same shape."""
    mine, others = check_tensor(input, "is_same_size"), check_tensor(other, "is_same_size", "other", 2)
    return mine._data.shape == others._data.shape


@public()
def get_device(input: Tensor) -> Any:
    """The number of the GPU on which the tensor lives; −1 on the CPU."""
    place = check_tensor(input, "get_device").device
    return -1 if place.type == "cpu" else place.index or 0


@public(method=False)
def real(input: Tensor) -> Tensor:
    """The tensor itself: its numbers are real."""
    return check_tensor(input, "real")


@public()
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first ``size`` places of elements that are not 0, as :func:`nonzero` gives them; rows that lack are filled.

    Raises:
        ShapeError: ``size`` is negative. ArgumentTypeError: it is no integer.
    """
    data = check_tensor(input, "nonzero_static")._data
    if not isinstance(size, int):
        raise ArgumentTypeError(f"nonzero_static(): argument 'size' must be int, not {type(size).__name__}")
    if size < 0:
        raise ShapeError(f"nonzero_static: 'size' must be an non-negative integer, but got {size}")
    module = xp(data)
    out = module.full((size, data.ndim), fill_value, "int64")
    if data.ndim:
        found = module.stack(module.nonzero(data), axis=1)[:size]
        out[: found.shape[0]] = found
    return Tensor(out)
