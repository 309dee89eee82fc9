"""Padding layers: a constant, the reflected or repeated border, or the other end, around the spatial dimensions."""

from __future__ import annotations

from typing import Any, ClassVar

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.nn import functional as F
from lepton.nn.layers._parameters import repeated
from lepton.nn.module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip

Pads = int | tuple[int, ...]


class _PadNd(Module):
    """The base of all: pads before and after each dimension, from the last one on, as ``F.pad`` takes them."""

    dims: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: Pads) -> None:
        super().__init__()
        self.padding: tuple[Any, ...] = repeated(padding, 2 * self.dims)

    def forward(self, input: Tensor) -> Tensor:
        """The input with more (negative pads: fewer) elements."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    """What the three paddings with a constant share."""

    def __init__(self, padding: Pads, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """The input with the value around it."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """``value`` before and after the last dimension.

    Args:
        padding: how many elements, one number or (left, right); negative ones cut off.
        value: what they are.

    Raises:
        ShapeError (when called): less than nothing is left.
    """

    dims = 1


class ConstantPad2d(_ConstantPadNd):
    """:class:`ConstantPad1d` for the last two dimensions: one number, or (left, right, top, bottom)."""

    dims = 2


class ConstantPad3d(_ConstantPadNd):
    """:class:`ConstantPad1d` for the last three: one number, or (left, right, top, bottom, front, back)."""

    dims = 3


class _ZeroPadNd(_ConstantPadNd):
    """What the three paddings with zeros share."""

    def __init__(self, padding: Pads) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPadNd):
    """Zeros before and after the last dimension; ``padding`` as for :class:`ConstantPad1d`."""

    dims = 1


class ZeroPad2d(_ZeroPadNd):
    """Zeros around the last two dimensions; ``padding`` as for :class:`ConstantPad2d`."""

    dims = 2


class ZeroPad3d(_ZeroPadNd):
    """Zeros around the last three dimensions; ``padding`` as for :class:`ConstantPad3d`."""

    dims = 3


class ReflectionPad1d(_PadNd):
    """(N, C, L) or (C, L) mirrored at its first and last element: d c b a b c d.

    Args:
        padding: how many elements, one number or (left, right), each less than L; negative ones cut off.

    Raises:
        ShapeError (when called): an input of other dimensions, or too short.
    """

    dims, mode = 1, "reflect"


class ReflectionPad2d(_PadNd):
    """:class:`ReflectionPad1d` for (N, C, H, W) or (C, H, W): one number, or (left, right, top, bottom)."""

    dims, mode = 2, "reflect"


class ReflectionPad3d(_PadNd):
    """:class:`ReflectionPad1d` for (N, C, D, H, W) or (C, D, H, W): one number, or six."""

    dims, mode = 3, "reflect"


class ReplicationPad1d(_PadNd):
    """(N, C, L) or (C, L) with its first and last element repeated: a a a b c d d d.

    Args:
        padding: how many elements, one number or (left, right); negative ones cut off.

    Raises:
        ShapeError (when called): an input of other dimensions, or nothing is left.
    """

    dims, mode = 1, "replicate"


class ReplicationPad2d(_PadNd):
    """:class:`ReplicationPad1d` for (N, C, H, W) or (C, H, W): one number, or (left, right, top, bottom)."""

    dims, mode = 2, "replicate"


class ReplicationPad3d(_PadNd):
    """:class:`ReplicationPad1d` for (N, C, D, H, W) or (C, D, H, W): one number, or six."""

    dims, mode = 3, "replicate"


class _CircularPadNd(_PadNd):
    """What the three circular paddings share."""

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """The input, continued by its other end."""
        if input.ndim not in (self.dims + 1, self.dims + 2):
            raise ArgumentError(f"expected {self.dims + 1}D or {self.dims + 2}D input (got {input.ndim}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """(N, C, L) or (C, L) continued by its other end: c d a b c d a b.

    Args:
        padding: how many elements, one number or (left, right), at most L each; negative ones cut off first.

    Raises:
        ArgumentError (when called): an input of other dimensions. ShapeError: it is too short.
    """

    dims = 1


class CircularPad2d(_CircularPadNd):
    """:class:`CircularPad1d` for (N, C, H, W) or (C, H, W): one number, or (left, right, top, bottom)."""

    dims = 2


class CircularPad3d(_CircularPadNd):
    """:class:`CircularPad1d` for (N, C, D, H, W) or (C, D, H, W): one number, or six."""

    dims = 3
