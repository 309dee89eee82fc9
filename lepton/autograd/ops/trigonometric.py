"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Elementwise
from lepton.autograd.ops._elementwise import FLOATING_ONLY, Choosy, module
from lepton.autograd.ops.arithmetic import Mul
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.exponential import Rsqrt
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.kernels import elementwise as kernels

__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan",
    "atan2", "atanh", "cos", "cosh", "deg2rad", "hypot", "rad2deg", "sin", "sinc", "sinh", "tan",
]  # fmt: skip


class Angular(Elementwise):
    """The base of functions of one floating number that keep their input"""

    __slots__ = ()
    integers = "float"
    saves = ("x",)


# ---------------------------------------------------------------------- of angles


class Sin(Angular):
    """z = sin x          ∂L/∂x = g·cos x"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).sin(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * Cos.on(x)


class Cos(Angular):
    """z = cos x          ∂L/∂x = −g·sin x"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).cos(x)

    def backward(self, g: Any, x: Any) -> Any:
        return -g * Sin.on(x)


class Tan(Elementwise):
    """z = tan x          ∂L/∂x = g·(1 + z²)"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return xp(x).tan(x)

    def backward(self, g: Any, out: Any) -> Any:
        return g * (1 + out * out)


class Sinc(Angular):
    """z = sin(πx) / (πx), 1 at 0          ∂L/∂x = g·(cos(πx) − z) / x, 0 at 0

    ``order`` n > 0 makes it the n-th derivative f⁽ⁿ⁾, which follows from differentiating x·f = sin(πx)/π n times,
    x·f⁽ⁿ⁾ = πⁿ⁻¹·sin(πx + nπ/2) − n·f⁽ⁿ⁻¹⁾, and near 0 from the series Σₖ (−1)ᵏ π²ᵏ x²ᵏ⁻ⁿ (2k)! / ((2k−n)! (2k+1)!).
    """

    __slots__ = ("order",)

    def __init__(self, order: int = 0) -> None:
        self.order = order

    def forward(self, x: Any) -> Any:
        if self.order == 0:
            return kernels.sinc(x)
        near = xp(x).abs(x) < 0.5
        return xp(x).where(near, self._series(xp(x).where(near, x, 0)), self._recurrence(xp(x).where(near, 1, x)))

    def _series(self, x: Any) -> Any:
        n = self.order
        total = x * 0
        for k in range((n + 1) // 2, (n + 1) // 2 + 14):
            factor = math.factorial(2 * k) / math.factorial(2 * k - n) / math.factorial(2 * k + 1)
            total = total + (-1) ** k * math.pi ** (2 * k) * factor * x ** (2 * k - n)
        return total

    def _recurrence(self, x: Any) -> Any:
        module = xp(x)
        sine, cosine = module.sin(math.pi * x), module.cos(math.pi * x)
        value = module.sinc(x)
        for n in range(1, self.order + 1):
            wave = (sine, cosine, -sine, -cosine)[n % 4]
            value = (math.pi ** (n - 1) * wave - n * value) / x
        return value

    def backward(self, g: Any, x: Any) -> Any:
        return g * Sinc.on(x, order=self.order + 1)


@public(inplace=True)
def sin(input: Tensor) -> Tensor:
    """sin x of an angle in radians, element by element; integers give the default floating type."""
    return Sin()(input)


@public(inplace=True)
def cos(input: Tensor) -> Tensor:
    """cos x of an angle in radians, element by element; integers give the default floating type."""
    return Cos()(input)


@public(inplace=True)
def tan(input: Tensor) -> Tensor:
    """tan x of an angle in radians, element by element; integers give the default floating type."""
    return Tan()(input)


@public(inplace=True)
def sinc(input: Tensor) -> Tensor:
    """sin(πx) / (πx), element by element, and 1 at 0; integers give the default floating type."""
    return Sinc()(input)


@public(inplace=True)
def deg2rad(input: Tensor) -> Tensor:
    """x·π / 180: degrees as radians, element by element; integers give the default floating type."""
    return Mul()(input, math.pi / 180)


@public(inplace=True)
def rad2deg(input: Tensor) -> Tensor:
    """x·180 / π: radians as degrees, element by element; integers give the default floating type."""
    return Mul()(input, 180 / math.pi)


# ---------------------------------------------------------------------- to angles


class Asin(Angular):
    """z = arcsin x          ∂L/∂x = g / √(1 − x²)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).arcsin(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * Rsqrt.on((1 - x) * (1 + x))


class Acos(Angular):
    """z = arccos x          ∂L/∂x = −g / √(1 − x²)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).arccos(x)

    def backward(self, g: Any, x: Any) -> Any:
        return -g * Rsqrt.on((1 - x) * (1 + x))


class Atan(Angular):
    """z = arctan x          ∂L/∂x = g / (1 + x²)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).arctan(x)

    def backward(self, g: Any, x: Any) -> Any:
        length = Hypot.on(x, 1.0)
        return g / length / length


class Atan2(Elementwise):
    """z = the angle of the point (x, y)          ∂L/∂y = g·x / (x² + y²),  ∂L/∂x = −g·y / (x² + y²), 0 at the origin"""

    __slots__ = ()
    integers = "float"
    saves = ("y", "x")

    def forward(self, y: Any, x: Any) -> Any:
        return module(y, x).arctan2(y, x)

    def backward(self, g: Any, y: Any, x: Any) -> Any:
        length = Hypot.on(x, y)
        length = Where.on(length == 0, 1.0, length)
        return (
            g * (x / length / length) if self.needs[0] else None,
            -g * (y / length / length) if self.needs[1] else None,
        )


class Hypot(Choosy):
    """z = √(x² + y²)          ∂L/∂x = g·x / z,  ∂L/∂y = g·y / z"""

    __slots__ = ()
    refuses = FLOATING_ONLY
    kernel_name = "hypot_cpu"
    saves = {"x": "x", "y": "y", "out": ("x", "y")}

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).hypot(x, y)

    def backward(self, g: Any, x: Any, y: Any, out: Any) -> Any:
        return (g * (x / out) if self.needs[0] else None, g * (y / out) if self.needs[1] else None)


@public(inplace=True, aliases=("arcsin",))
def asin(input: Tensor) -> Tensor:
    """arcsin x in [−π/2, π/2], element by element, nan outside [−1, 1]; integers give the default floating type."""
    return Asin()(input)


@public(inplace=True, aliases=("arccos",))
def acos(input: Tensor) -> Tensor:
    """arccos x in [0, π], element by element, nan outside [−1, 1]; integers give the default floating type."""
    return Acos()(input)


@public(inplace=True, aliases=("arctan",))
def atan(input: Tensor) -> Tensor:
    """arctan x in [−π/2, π/2], element by element; integers give the default floating type."""
    return Atan()(input)


@public(inplace=True, aliases=("arctan2",))
def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle in [−π, π] of the point with ordinate ``input`` and abscissa ``other``, element by element.

    Args:
        input, other: tensors of shapes that broadcast; integers give the default floating type.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return Atan2()(input, other)


@public(inplace=True)
def hypot(input: Tensor, other: Tensor) -> Tensor:
    """√(input² + other²), element by element, without overflow on the way.

    Args:
        input, other: floating tensors of shapes that broadcast.

    Raises:
        UnsupportedDTypeError: both are integer or bool. ShapeError: the shapes do not broadcast.
    """
    return Hypot()(input, other)


# ---------------------------------------------------------------------- hyperbolic


class Sinh(Angular):
    """z = sinh x          ∂L/∂x = g·cosh x"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).sinh(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * Cosh.on(x)


class Cosh(Angular):
    """z = cosh x          ∂L/∂x = g·sinh x"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).cosh(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * Sinh.on(x)


class Asinh(Angular):
    """z = arsinh x          ∂L/∂x = g / √(x² + 1)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).arcsinh(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g / Hypot.on(x, 1.0)


class Acosh(Angular):
    """z = arcosh x          ∂L/∂x = g / √(x² − 1)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).arccosh(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * Rsqrt.on(x - 1) * Rsqrt.on(x + 1)


class Atanh(Angular):
    """z = artanh x          ∂L/∂x = g / (1 − x²)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).arctanh(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g / ((1 - x) * (1 + x))


@public(inplace=True)
def sinh(input: Tensor) -> Tensor:
    """(eˣ − e⁻ˣ) / 2, element by element; integers give the default floating type."""
    return Sinh()(input)


@public(inplace=True)
def cosh(input: Tensor) -> Tensor:
    """(eˣ + e⁻ˣ) / 2, element by element; integers give the default floating type."""
    return Cosh()(input)


@public(inplace=True, aliases=("arcsinh",))
def asinh(input: Tensor) -> Tensor:
    """ln(x + √(x² + 1)), element by element; integers give the default floating type."""
    return Asinh()(input)


@public(inplace=True, aliases=("arccosh",))
def acosh(input: Tensor) -> Tensor:
    """ln(x + √(x² − 1)), element by element, nan below 1; integers give the default floating type."""
    return Acosh()(input)


@public(inplace=True, aliases=("arctanh",))
def atanh(input: Tensor) -> Tensor:
    """½·ln((1 + x) / (1 − x)), element by element, nan outside [−1, 1]; integers give the default floating type."""
    return Atanh()(input)


arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh = acos, acosh, asin, asinh, atan, atan2, atanh
