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
    """``value`` before and after the last dimension: v v a b c v.

    Args:
        padding: how many elements, one int or (left, right); negative ones cut off.
        value: what they are.

    Input: (*, L). Output: (*, left + L + right).

    Raises:
        When called: ShapeError: less than nothing is left. ValueRangeError: the input has no dimension.
    """

    dims = 1


class ConstantPad2d(_ConstantPadNd):
    """``value`` around the last two dimensions, as a frame around an image.

    Args:
        padding: how many elements, one int or (left, right, top, bottom); negative ones cut off.
        value: what they are.

    Input: (*, H, W). Output: (*, top + H + bottom, left + W + right).

    Raises:
        When called: ShapeError: less than nothing is left. ValueRangeError: the input has fewer dimensions.
    """

    dims = 2


class ConstantPad3d(_ConstantPadNd):
    """``value`` around the last three dimensions, as a shell around a volume.

    Args:
        padding: how many elements, one int or (left, right, top, bottom, front, back); negative ones cut off.
        value: what they are.

    Input: (*, D, H, W). Output: (*, front + D + back, top + H + bottom, left + W + right).

    Raises:
        When called: ShapeError: less than nothing is left. ValueRangeError: the input has fewer dimensions.
    """

    dims = 3


class _ZeroPadNd(_ConstantPadNd):
    """What the three paddings with zeros share."""

    def __init__(self, padding: Pads) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPadNd):
    """Zeros before and after the last dimension: 0 0 a b c 0.

    Args:
        padding: how many, one int or (left, right); negative ones cut off.

    Input: (*, L). Output: (*, left + L + right).

    Raises:
        When called: ShapeError: less than nothing is left. ValueRangeError: the input has no dimension.
    """

    dims = 1


class ZeroPad2d(_ZeroPadNd):
    """Zeros around the last two dimensions, as a frame around an image.

    Args:
        padding: how many, one int or (left, right, top, bottom); negative ones cut off.

    Input: (*, H, W). Output: (*, top + H + bottom, left + W + right).

    Raises:
        When called: ShapeError: less than nothing is left. ValueRangeError: the input has fewer dimensions.
    """

    dims = 2


class ZeroPad3d(_ZeroPadNd):
    """Zeros around the last three dimensions, as a shell around a volume.

    Args:
        padding: how many, one int or (left, right, top, bottom, front, back); negative ones cut off.

    Input: (*, D, H, W). Output: (*, front + D + back, top + H + bottom, left + W + right).

    Raises:
        When called: ShapeError: less than nothing is left. ValueRangeError: the input has fewer dimensions.
    """

    dims = 3


class ReflectionPad1d(_PadNd):
    """A sequence mirrored at its first and last element, which are not repeated: c b | a b c d | c b.

    Args:
        padding: how many elements, one int or (left, right), each less than L; negative ones cut off.

    Input: (N, C, L) or (C, L). Output: (N, C, L′) or (C, L′) with L′ = left + L + right.

    Raises:
        When called: ShapeError: an input of other dimensions, or too short. DTypeError: it is bool.
    """

    dims, mode = 1, "reflect"


class ReflectionPad2d(_PadNd):
    """An image mirrored at its edges, which are not repeated: in each dimension c b | a b c d | c b.

    Args:
        padding: how many elements, one int or (left, right, top, bottom), each less than the length; negative ones cut
            off.

    Input: (N, C, H, W) or (C, H, W). Output: (N, C, H′, W′) or (C, H′, W′) with H′ = top + H + bottom and
    W′ = left + W + right.

    Raises:
        When called: ShapeError: an input of other dimensions, or too small. DTypeError: it is bool.
    """

    dims, mode = 2, "reflect"


class ReflectionPad3d(_PadNd):
    """A volume mirrored at its faces, which are not repeated: in each dimension c b | a b c d | c b.

    Args:
        padding: how many elements, one int or (left, right, top, bottom, front, back), each less than the length;
            negative ones cut off.

    Input: (N, C, D, H, W) or (C, D, H, W). Output: (N, C, D′, H′, W′) or (C, D′, H′, W′) with D′ = front + D + back,
    H′ = top + H + bottom and W′ = left + W + right.

    Raises:
        When called: ShapeError: an input of other dimensions, or too small. DTypeError: it is bool.
    """

    dims, mode = 3, "reflect"


class ReplicationPad1d(_PadNd):
    """A sequence with its first and last element repeated: a a | a b c d | d d.

    Args:
        padding: how many elements, one int or (left, right); negative ones cut off.

    Input: (N, C, L) or (C, L). Output: (N, C, L′) or (C, L′) with L′ = left + L + right.

    Raises:
        When called: ShapeError: an input of other dimensions, or nothing is left. DTypeError: it is bool.
    """

    dims, mode = 1, "replicate"


class ReplicationPad2d(_PadNd):
    """An image with its edges repeated: in each dimension a a | a b c d | d d.

    Args:
        padding: how many elements, one int or (left, right, top, bottom); negative ones cut off.

    Input: (N, C, H, W) or (C, H, W). Output: (N, C, H′, W′) or (C, H′, W′) with H′ = top + H + bottom and
    W′ = left + W + right.

    Raises:
        When called: ShapeError: an input of other dimensions, or nothing is left. DTypeError: it is bool.
    """

    dims, mode = 2, "replicate"


class ReplicationPad3d(_PadNd):
    """A volume with its faces repeated: in each dimension a a | a b c d | d d.

    Args:
        padding: how many elements, one int or (left, right, top, bottom, front, back); negative ones cut off.

    Input: (N, C, D, H, W) or (C, D, H, W). Output: (N, C, D′, H′, W′) or (C, D′, H′, W′) with D′ = front + D + back,
    H′ = top + H + bottom and W′ = left + W + right.

    Raises:
        When called: ShapeError: an input of other dimensions, or nothing is left. DTypeError: it is bool.
    """

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
    """A sequence continued by its other end: c d | a b c d | a b.

    Args:
        padding: how many elements, one int or (left, right), at most L each; negative ones cut off first.

    Input: (N, C, L) or (C, L). Output: (N, C, L′) or (C, L′) with L′ = left + L + right.

    Raises:
        When called: ArgumentError: an input of other dimensions. ShapeError: it is too short.
    """

    dims = 1


class CircularPad2d(_CircularPadNd):
    """An image continued by its other end: in each dimension c d | a b c d | a b.

    Args:
        padding: how many elements, one int or (left, right, top, bottom), at most the length each; negative ones cut
            off first.

    Input: (N, C, H, W) or (C, H, W). Output: (N, C, H′, W′) or (C, H′, W′) with H′ = top + H + bottom and
    W′ = left + W + right.

    Raises:
        When called: ArgumentError: an input of other dimensions. ShapeError: it is too small.
    """

    dims = 2


class CircularPad3d(_CircularPadNd):
    """A volume continued by its other end: in each dimension c d | a b c d | a b.

    Args:
        padding: how many elements, one int or (left, right, top, bottom, front, back), at most the length each;
            negative ones cut off first.

    Input: (N, C, D, H, W) or (C, D, H, W). Output: (N, C, D′, H′, W′) or (C, D′, H′, W′) with D′ = front + D + back,
    H′ = top + H + bottom and W′ = left + W + right.

    Raises:
        When called: ArgumentError: an input of other dimensions. ShapeError: it is too small.
    """

    dims = 3
