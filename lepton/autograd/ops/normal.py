"""The normal distribution function, the scaled error function, entropy: what :mod:`lepton.special` has of its own."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Elementwise
from lepton.autograd.ops._elementwise import Wide, module
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.exponential import Exp, Log, Log1p
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import is_array, xp
from lepton.kernels import special as kernels

__all__ = ["entr", "erfcx", "log_ndtr", "ndtr", "ndtri", "xlog1py"]

# ---------------------------------------------------------------------- x·ln x


class Entr(Elementwise):
    """z = −x·ln x, 0 at 0, −∞ below          ∂L/∂x = −g·(1 + ln x)"""

    __slots__ = ()
    integers = "float"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        where = xp(x).where
        inside = ~(x <= 0)  # nan too
        return where(inside, -x * xp(x).log(where(inside, x, 1)), where(x < 0, -math.inf, x))

    def backward(self, g: Any, x: Any) -> Any:
        return g * -(Log.on(x) + 1)


class Xlog1py(Elementwise):
    """z = x·ln(1 + y), 0 where x = 0 (nan where y is)          ∂L/∂x = g·ln(1 + y);  ∂L/∂y = g·x / (1 + y)"""

    __slots__ = ()
    integers = "float"
    saves = {"x": ("x", "y"), "y": ("x", "y")}

    def forward(self, x: Any, y: Any) -> Any:
        operands = module(x, y)
        return operands.where((x == 0) & (y == y), 0, x * (operands.log1p(y) if is_array(y) else log1p_of(y)))

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        to_x = None
        if self.needs[0]:
            alone = (x == 0) & (y <= -1)
            if isinstance(y, (int, float)):
                to_x = Where.on(alone, 0.0, g * log1p_of(y))
            else:
                to_x = g * Log1p.on(Where.on(alone, 0.0, y))
        return (to_x, g * (x / (y + 1)) if self.needs[1] else None)


def log1p_of(number: float) -> float:
    """ln(1 + a number): −∞ at −1, nan below."""
    return math.log1p(number) if number > -1 else -math.inf if number == -1 else math.nan


# ---------------------------------------------------------------------- the scaled error function


class Erfcx(Wide):
    """z = e^x²·erfc x          ∂L/∂x = g·(2x·z − 2/√π)"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.erfcx(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * ErfcxSlope.on(x)


class ErfcxSlope(Elementwise):
    """z = 2x·erfcx x − 2/√π          ∂L/∂x = 2g·(erfcx x + x·z)"""

    __slots__ = ()
    saves = ("x", "out")

    def forward(self, x: Any) -> Any:
        return kernels.erfcx_slope(x)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        return g * ((Erfcx.on(x) + x * out) * 2)


# ---------------------------------------------------------------------- the normal distribution function


class Ndtr(Elementwise):
    """z = Φ(x) = (1/√2π) ∫₋∞ˣ e^−t²/2 dt          ∂L/∂x = g·e^−x²/2 / √2π"""

    __slots__ = ()
    integers = "float"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.ndtr(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * (Exp.on(x * x * -0.5) * (1 / math.sqrt(2 * math.pi)))


class LogNdtr(Wide):
    """z = ln Φ(x)          ∂L/∂x = g·φ(x)/Φ(x), φ = Φ′"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.log_ndtr(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * NormalHazard.on(x)


class NormalHazard(Elementwise):
    """z = φ(x)/Φ(x)          ∂L/∂x = −g·z·(z + x)"""

    __slots__ = ()
    saves = ("x", "out")

    def forward(self, x: Any) -> Any:
        return kernels.normal_hazard(x)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        return g * -(out * NormalExcess.on(x))


class NormalExcess(Elementwise):
    """z = φ(x)/Φ(x) + x          ∂L/∂x = g·(1 − z·φ(x)/Φ(x))"""

    __slots__ = ()
    saves = ("x", "out")

    def forward(self, x: Any) -> Any:
        return kernels.normal_excess(x)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        return g * (1 - out * NormalHazard.on(x))


class Ndtri(Wide):
    """Φ(z) = x          ∂L/∂x = g·√2π·e^z²/2"""

    __slots__ = ()
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return kernels.ndtri(x)

    def backward(self, g: Any, out: Any) -> Any:
        return g * (Exp.on(out * out * 0.5) * math.sqrt(2 * math.pi))


# ---------------------------------------------------------------------- functions


def entr(input: Tensor) -> Tensor:
    """−x·ln x, element by element: 0 at 0, −∞ below; integers give the default floating type."""
    return Entr()(input)


def xlog1py(input: Tensor | float, other: Tensor | float) -> Tensor:
    """x·ln(1 + y), element by element, with 0·ln 0 = 0; integers give the default floating type.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return Xlog1py()(input, other)


def erfcx(input: Tensor) -> Tensor:
    """e^x²·erfc x, element by element, which neither overflows nor vanishes for large x.

    Integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type.
    """
    return Erfcx()(input)


def ndtr(input: Tensor) -> Tensor:
    """Φ(x), the distribution function of the standard normal, element by element.

    Exact in its tails too; integers give the default floating type.
    """
    return Ndtr()(input)


def log_ndtr(input: Tensor) -> Tensor:
    """ln Φ(x), element by element, for any x; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type.
    """
    return LogNdtr()(input)


def ndtri(input: Tensor) -> Tensor:
    """The z with Φ(z) = x, element by element: ∓∞ at 0 and 1, nan outside; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type.
    """
    return Ndtri()(input)
