"""Sliding windows: where they lie, and which elements of the input each of their places meets.

Convolution and pooling share these rules. Along one dimension, window i begins at i·stride − before (``before`` zeros
or nothing at all stand in front of the input), and its place k lies at i·stride − before + k·dilation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import product
from typing import Any, TypeVar, cast

from lepton.backend.devices import is_array
from lepton.kernels.reduction import is_narrow, widen

F = TypeVar("F", bound=Callable[..., Any])
Ints = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


def window_count(length: int, kernel: int, stride: int, pad: tuple[int, int], dilation: int) -> int:
    """How many windows fit: ⌊(length + before + after − dilation·(kernel − 1) − 1) / stride⌋ + 1; < 1 if none does."""
    return (length + pad[0] + pad[1] - dilation * (kernel - 1) - 1) // stride + 1


def span(shift: int, stride: int, length: int, count: int) -> tuple[slice, slice]:
    """For windows 0 … count − 1: those whose place i·stride + shift is inside the input, and these places."""
    first = max(0, -(shift // stride))
    last = min(count, (length - 1 - shift) // stride + 1)
    if last <= first:
        return slice(0, 0), slice(0, 0)
    begin = first * stride + shift
    return slice(first, last), slice(begin, begin + (last - first - 1) * stride + 1, stride)


def places(kernel: Ints, stride: Ints, before: Ints, dilation: Ints, lengths: Ints, counts: Ints) -> list[Any]:
    """For every place of a window, in row-major order: (which windows have it inside the input, its elements there).

    Both are tuples of slices, one for each dimension, to index the output's and the input's last dimensions with.
    """
    along = [
        [span(k * d - b, s, length, count) for k in range(size)]
        for size, s, b, d, length, count in zip(kernel, stride, before, dilation, lengths, counts, strict=True)
    ]
    return [
        ((..., *[windows for windows, _ in spans]), (..., *[elements for _, elements in spans]))
        for spans in product(*along)
    ]


def in_float32(function: F) -> F:
    """Let a kernel compute in float32 where its first argument has 16 bits, and give its results in that type."""

    @functools.wraps(function)
    def compute(first: Any, *rest: Any, **named: Any) -> Any:
        if not is_narrow(first.dtype):
            return function(first, *rest, **named)
        result = function(widen(first), *[widen(each) if is_array(each) else each for each in rest], **named)
        if isinstance(result, tuple):
            return tuple([None if each is None else each.astype(first.dtype) for each in result])
        return result.astype(first.dtype)

    return cast(F, compute)
