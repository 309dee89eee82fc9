"""The larger and the smaller of two, and clamping between bounds."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Elementwise, as_array
from lepton.autograd.ops._elementwise import module
from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.comparison import Where
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.errors import DTypeError

__all__ = ["clamp", "clamp_max", "clamp_min", "clip", "fmax", "fmin", "maximum", "minimum"]

NUMBERS = (float, int)


class Maximum(Elementwise):
    """z = max(x, y), nan if one is          ∂L/∂x = g where x > y, g/2 where x = y, else 0;  ∂L/∂y likewise"""

    __slots__ = ()
    saves = ("x", "y")

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).maximum(x, y)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        shared = Where.on(x == y, g * 0.5, g)
        return (
            Where.on(~(x < y), shared, 0) if self.needs[0] else None,
            Where.on(~(y < x), shared, 0) if self.needs[1] else None,
        )


class Minimum(Elementwise):
    """z = min(x, y), nan if one is          ∂L/∂x = g where x < y, g/2 where x = y, else 0;  ∂L/∂y likewise"""

    __slots__ = ()
    saves = ("x", "y")

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).minimum(x, y)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        shared = Where.on(x == y, g * 0.5, g)
        return (
            Where.on(~(x > y), shared, 0) if self.needs[0] else None,
            Where.on(~(y > x), shared, 0) if self.needs[1] else None,
        )


class Fmax(Elementwise):
    """z = max(x, y), the other one if one is nan          ∂L/∂x = g where x ≥ y or y is nan,  ∂L/∂y = g elsewhere"""

    __slots__ = ("first",)
    saves = ("first",)

    def forward(self, x: Any, y: Any) -> Any:
        self.first = as_array((x >= y) | (y != y))
        return module(x, y).fmax(x, y)

    def backward(self, g: Any, first: Any) -> Any:
        return (Where.on(first, g, 0) if self.needs[0] else None, Where.on(~first, g, 0) if self.needs[1] else None)


class Fmin(Elementwise):
    """z = min(x, y), the other one if one is nan          ∂L/∂x = g where x ≤ y or y is nan,  ∂L/∂y = g elsewhere"""

    __slots__ = ("first",)
    saves = ("first",)

    def forward(self, x: Any, y: Any) -> Any:
        self.first = as_array((x <= y) | (y != y))
        return module(x, y).fmin(x, y)

    def backward(self, g: Any, first: Any) -> Any:
        return (Where.on(first, g, 0) if self.needs[0] else None, Where.on(~first, g, 0) if self.needs[1] else None)


class ClampMin(Elementwise):
    """z = max(x, l)          ∂L/∂x = g where x ≥ l, else 0,  ∂L/∂l = g where x < l, else 0"""

    __slots__ = ()
    saves = ("x", "low")

    def forward(self, x: Any, low: Any) -> Any:
        return module(x, low).maximum(x, low)

    def backward(self, g: Any, x: Any, low: Any) -> Any:
        return (
            Where.on(x >= low, g, 0) if self.needs[0] else None,
            Where.on(x < low, g, 0) if self.needs[1] else None,
        )


class ClampMax(Elementwise):
    """z = min(x, h)          ∂L/∂x = g where x ≤ h, else 0,  ∂L/∂h = g where x > h, else 0"""

    __slots__ = ()
    saves = ("x", "high")

    def forward(self, x: Any, high: Any) -> Any:
        return module(x, high).minimum(x, high)

    def backward(self, g: Any, x: Any, high: Any) -> Any:
        return (
            Where.on(x <= high, g, 0) if self.needs[0] else None,
            Where.on(x > high, g, 0) if self.needs[1] else None,
        )


class Clamp(Elementwise):
    """z = min(max(x, l), h)          ∂L/∂x = g if l ≤ x ≤ h,  ∂L/∂l = g if x < l < h,  ∂L/∂h = g if h < max(x, l)"""

    __slots__ = ()
    saves = ("x", "low", "high")

    def accept(self, inputs: tuple[Any, ...]) -> Any:
        x, low, high = inputs
        if type(low) in NUMBERS and type(high) in NUMBERS and isinstance(x, Tensor) and x._data.dtype.kind == "f":
            self.restore = None
            return x._data, float(low), float(high)
        return self._promote(inputs)

    def forward(self, x: Any, low: Any, high: Any) -> Any:
        number_module = module(x, low, high)
        return number_module.minimum(number_module.maximum(x, low), high)

    def backward(self, g: Any, x: Any, low: Any, high: Any) -> Any:
        return (
            Where.on((x >= low) & (x <= high), g, 0) if self.needs[0] else None,
            Where.on((x < low) & (low < high), g, 0) if self.needs[1] else None,
            Where.on((x > high) | (high < low), g, 0) if self.needs[2] else None,
        )


@public()
def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of the two, element by element; nan where one is nan. Equal ones get half the gradient each.

    Args:
        input, other: tensors of shapes that broadcast; the result has their promoted type.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return Maximum()(input, other)


@public()
def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of the two, element by element; otherwise as :func:`maximum`."""
    return Minimum()(input, other)


@public()
def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of the two, element by element; where one is nan, the other. Equal ones: the gradient is ``input``'s.

    Args:
        input, other: tensors of shapes that broadcast; the result has their promoted type.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return Fmax()(input, other)


@public()
def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of the two, element by element; otherwise as :func:`fmax`."""
    return Fmin()(input, other)


@public(inplace=True, aliases=("clip",))
def clamp(input: Tensor, min: Tensor | float | None = None, max: Tensor | float | None = None) -> Tensor:
    """min(max(input, min), max), element by element; nan stays nan. Where ``min`` > ``max`` it is ``max``.

    Args:
        input: a tensor.
        min, max: numbers or tensors of shapes that broadcast; None for no bound on that side, but not both.

    Raises:
        DTypeError: there is no bound. ShapeError: the shapes do not broadcast.
    """
    if max is None:
        if min is None:
            check_tensor(input, "clamp")
            raise DTypeError("clamp: At least one of 'min' or 'max' must not be None")
        return ClampMin()(input, min)
    return ClampMax()(input, max) if min is None else Clamp()(input, min, max)


@public(inplace=True)
def clamp_min(input: Tensor, min: Tensor | float) -> Tensor:
    """max(input, min), element by element; nan stays nan."""
    return ClampMin()(input, min)


@public(inplace=True)
def clamp_max(input: Tensor, max: Tensor | float) -> Tensor:
    """min(input, max), element by element; nan stays nan."""
    return ClampMax()(input, max)


clip = clamp
