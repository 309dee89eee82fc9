"""Padding: elements put around an input."""

from __future__ import annotations

from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np

from lepton.autograd.ops.arguments import check_tensor, scalar_name
from lepton.autograd.ops.padding import ConstantPad
from lepton.autograd.ops.resampling import Resample
from lepton.autograd.scalars import written_number
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.errors import ArgumentTypeError, ShapeError, UnsupportedDTypeError, ValueRangeError
from lepton.kernels.resampling import LinearMap, picking
from lepton.nn.functional._sizes import only_ints

__all__ = ["pad"]

_MODES = ("constant", "reflect", "replicate", "circular")

Pairs = list[tuple[int, int]]


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements put before and after the input along its last dimensions.

    Args:
        input: of any shape; for the modes other than ``"constant"`` a batch, or one sample, of which the spatial
            dimensions are padded: 2 or 3 dimensions for two pads, 3 or 4 for four, 4 or 5 for six.
        pad: (left, right, top, bottom, front, back, …): pairs from the last dimension on; negative ones cut off.
        mode: ``"constant"`` puts ``value`` there, ``"reflect"`` the input mirrored at its edge element, ``"replicate"``
            the edge element, ``"circular"`` the other end of what is kept of the input.
        value: for ``"constant"``; by default 0.

    Raises:
        ValueRangeError: an odd number of pads, or too many; an unknown mode; a value for a mode that has none.
        ShapeError: pads that do not fit the input's dimensions, or are larger than the mode allows. DTypeError: the
            input's type does not have ``value``. UnsupportedDTypeError: bool, reflected or replicated.
    """
    check_tensor(input, "pad")
    shape, pads = input._data.shape, only_ints("pad", "pad", pad)
    if len(pads) % 2:
        raise ValueRangeError(f"Padding length must be divisible by 2, but it is {len(pads)}")
    if len(pads) > 2 * len(shape):
        raise ValueRangeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pads)} and input of dimension {len(shape)}"
        )
    if mode not in _MODES:
        raise ValueRangeError(f"Unrecognised padding mode {mode}; there are {', '.join(_MODES)}")
    pairs = list(zip(pads[::2], pads[1::2], strict=True))[::-1]
    if mode == "constant":
        return _pad_with(input, [(0, 0)] * (len(shape) - len(pairs)) + pairs, 0 if value is None else value)
    if value:
        raise ValueRangeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if len(shape) - len(pairs) not in (1, 2) or not 1 <= len(pairs) <= 3:
        raise ShapeError(
            f"Padding size {len(pads)} is not supported for {len(shape)}D input tensor: mode {mode!r} takes two pads "
            "for each dimension after the channels, of which there are one to three"
        )
    if mode != "circular":
        _check_mirrored(input, len(pairs), mode)
    lengths = shape[-len(pairs) :]
    maps = [_map_around(length, *pair, mode) for length, pair in zip(lengths, pairs, strict=True)]
    return Resample(tuple(maps))(input)


def _pad_with(input: Tensor, pairs: Pairs, value: Any) -> Tensor:
    for length, (before, after) in zip(input._data.shape, pairs, strict=True):
        if length + before + after < 0 or length + min(before, 0) + min(after, 0) < 0:
            raise ShapeError(
                f"The input size {length}, plus negative padding {before} and {after}, resulted in a negative output "
                f"size; the input's shape is {list(input.shape)}"
            )
    return ConstantPad(tuple(pairs), _in_type(value, input._data.dtype))(input)


def _in_type(value: Any, kind: Any) -> Any:
    """The value as a number type has it."""
    if not isinstance(value, Real):
        raise ArgumentTypeError(f"pad(): argument 'value' (position 4) must be float, not {type(value).__name__}")
    return written_number(float(value), dtypes.of(kind))


def _check_mirrored(input: Tensor, ndim: int, mode: str) -> None:
    """What reflecting and replicating refuse beyond what a wrapped input does."""
    kind, shape = input._data.dtype, input._data.shape
    if kind.kind == "b":
        raise UnsupportedDTypeError(
            f"\"{mode}\" padding not implemented for '{scalar_name(kind)}'; convert the input, as with .to(uint8)"
        )
    if 0 in shape[-ndim - 1 :]:
        raise ShapeError(
            f"Expected {ndim + 1}D or {ndim + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(shape)}"
        )


@lru_cache(maxsize=512)
def _map_around(length: int, before: int, after: int, mode: str) -> LinearMap | None:
    """Which elements along a dimension the padded input shows; None if there is nothing to do."""
    if before == after == 0:
        return None
    count, most = length + before + after, max(before, after)
    kept = length + min(before, 0) + min(after, 0)
    if count < (mode != "circular") or (mode == "circular" and kept < 0):
        raise ShapeError(f"input of length {length} is too small: padding ({before}, {after}) leaves {count} elements")
    if mode == "reflect" and most >= length:
        raise ShapeError(
            "Padding size should be less than the corresponding input dimension, but got: padding "
            f"({before}, {after}) for an input of length {length} in mode 'reflect'"
        )
    if mode == "circular" and most > kept:
        raise ShapeError(
            f"Padding value causes wrapping around more than once: padding ({before}, {after}) for an input of length "
            f"{length}"
        )
    places = np.arange(-before, length + after)
    if mode == "circular":
        first = max(-before, 0)
        return picking((places - first) % max(kept, 1) + first, length)
    if mode == "replicate":
        return picking(np.clip(places, 0, length - 1), length)
    return picking((length - 1) - abs((length - 1) - abs(places)), length)
