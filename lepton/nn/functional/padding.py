"""Padding: elements put around an input."""

from __future__ import annotations

from typing import Any

from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.padding import ConstantPad
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import ArgumentError, ShapeError, ValueRangeError

__all__ = ["pad"]

_MODES = ("constant", "reflect", "replicate", "circular")


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements put before and after the input along its last dimensions.

    Args:
        input: of any shape; for the modes other than ``"constant"`` a batch, or one sample, of which the spatial
            dimensions are padded: 2 or 3 dimensions for two pads, 3 or 4 for four, 4 or 5 for six.
        pad: (left, right, top, bottom, front, back, …): pairs from the last dimension on; negative ones cut off.
        mode: ``"constant"`` puts ``value`` there, ``"reflect"`` the input mirrored at its edge element, ``"replicate"``
            the edge element, ``"circular"`` the input's other end.
        value: for ``"constant"``; by default 0.

    Raises:
        ValueRangeError: an odd number of pads, too many, or pads larger than the input allows.
        ShapeError: pads that do not fit the input's dimensions. ArgumentError: there is no such mode.
    """
    check_tensor(input, "pad")
    shape, pads = input._data.shape, tuple([int(each) for each in pad])
    if len(pads) % 2:
        raise ValueRangeError(f"Padding length must be divisible by 2, but it is {len(pads)}")
    if len(pads) > 2 * len(shape):
        raise ValueRangeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pads)} and input of dimension {len(shape)}"
        )
    if mode not in _MODES:
        raise ArgumentError(f"Unrecognised padding mode {mode}; there are {', '.join(_MODES)}")
    pairs = [(0, 0)] * (len(shape) - len(pads) // 2) + list(zip(pads[::2], pads[1::2], strict=True))[::-1]
    if mode == "constant":
        _check_lengths(shape, pairs)
        return ConstantPad(tuple(pairs), 0 if value is None else value)(input)
    if value is not None:
        raise ArgumentError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if len(shape) - len(pads) // 2 not in (1, 2):
        raise ShapeError(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: the pads are for "
            f"{len(pads) // 2} dimensions, and the input has the shape {list(shape)}"
        )
    padded: Any = input
    for dim, pair in enumerate(pairs):
        if pair != (0, 0):
            padded = padded.index_select(dim, Tensor(_places(input, dim, pair, mode)))
    return padded


def _check_lengths(shape: tuple[int, ...], pairs: list[tuple[int, int]]) -> None:
    for length, (before, after) in zip(shape, pairs, strict=True):
        if length + before + after < 0 or (min(before, after) < 0 and length + min(before, 0) + min(after, 0) < 0):
            raise ShapeError(
                f"The input size {length}, plus negative padding {before} and {after}, resulted in a negative output "
                f"size; the input's shape is {list(shape)}"
            )


def _places(input: Tensor, dim: int, pair: tuple[int, int], mode: str) -> Any:
    """Which elements along ``dim`` the padded input shows."""
    shape, (before, after) = input._data.shape, pair
    length, module = shape[dim], xp(input._data)
    limit = {"reflect": length - 1, "circular": length, "replicate": max(before, after)}[mode]
    if max(before, after) > limit or length + before + after < 0 or not length:
        raise ShapeError(
            f"Padding size should be less than {'' if mode == 'reflect' else 'or equal to '}the corresponding input "
            f"dimension in mode {mode!r}, but got: padding ({before}, {after}) at dimension {dim} of input "
            f"{list(shape)}"
        )
    places = module.arange(-before, length + after)
    if mode == "circular":
        return places % length
    if mode == "replicate":
        return module.clip(places, 0, length - 1)
    return (length - 1) - abs((length - 1) - abs(places))
