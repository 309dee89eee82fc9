"""Where in memory the elements of an array lie, and arrays that walk through memory in another way."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lepton.backend.devices import Array, xp


class Layout(NamedTuple):
    """Element [i, j, …] is number offset + i·stride₀ + j·stride₁ + … of the memory, which is counted in elements."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    def bounds(self) -> tuple[int, int]:
        """The lowest number of an element, and one more than the highest."""
        if 0 in self.shape:
            return self.offset, self.offset
        ways = [(length - 1) * step for length, step in zip(self.shape, self.stride, strict=True)]
        return self.offset + sum(min(each, 0) for each in ways), self.offset + sum(max(each, 0) for each in ways) + 1


def address(x: Array) -> int:
    """The address of the first element."""
    return int(x.ctypes.data if isinstance(x, np.ndarray) else x.data.ptr)


def strides(x: Array) -> tuple[int, ...]:
    """Steps between neighbours along each dimension, counted in elements."""
    return tuple([each // x.itemsize for each in x.strides])


def layout(x: Array) -> Layout:
    """The layout of an array in memory that begins with its lowest element."""
    from_first = Layout(x.shape, strides(x), 0)
    return from_first._replace(offset=-from_first.bounds()[0])


def layout_within(x: Array, owner: Array) -> Layout | None:
    """The layout of an array in the memory of another, from that one's lowest element; None if it is not all there."""
    if x.dtype != owner.dtype:
        return None
    whole = layout(owner)
    found = Layout(x.shape, strides(x), whole.offset + (address(x) - address(owner)) // x.itemsize)
    low, high = found.bounds()
    return found if low >= 0 and high <= whole.bounds()[1] else None


def walk(x: Array, ahead: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """The memory that begins ``ahead`` elements after the first one of ``x``, in another layout; nothing is checked."""
    as_strided, step = xp(x).lib.stride_tricks.as_strided, x.itemsize
    line = as_strided(x, (abs(ahead) + 1,), (step if ahead >= 0 else -step,))[abs(ahead) :]
    return as_strided(line, shape, tuple([each * step for each in stride]))
