"""Exponentials, logarithms, the logistic function, powers and roots."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from lepton.autograd.inplace import assign
from lepton.autograd.op import Cast, Elementwise, as_array
from lepton.autograd.ops._elementwise import FLOATING_ONLY, Choosy, ZerosLike, module, type_of
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_tensor
from lepton.autograd.ops.comparison import Where
from lepton.autograd.registry import TABLE, PublicOp, public
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.devices import is_array, xp
from lepton.errors import DTypeError
from lepton.kernels import elementwise as kernels

__all__ = [
    "exp", "exp2", "expm1", "float_power", "frexp", "ldexp", "log", "log10", "log1p", "log2", "logaddexp",
    "logaddexp2", "pow", "rsqrt", "sigmoid", "sqrt", "xlogy",
]  # fmt: skip

LN2 = math.log(2.0)
LN10 = math.log(10.0)

# ---------------------------------------------------------------------- exponentials


class Exp(Elementwise):
    """z = eˣ          ∂L/∂x = g·z"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return xp(x).exp(x)

    def backward(self, g: Any, out: Any) -> Any:
        return g * out


class Exp2(Elementwise):
    """z = 2ˣ          ∂L/∂x = g·z·ln 2"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return xp(x).exp2(x)

    def backward(self, g: Any, out: Any) -> Any:
        return g * (out * LN2)


class Expm1(Elementwise):
    """z = eˣ − 1          ∂L/∂x = g·(z + 1)"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return xp(x).expm1(x)

    def backward(self, g: Any, out: Any) -> Any:
        return g * (out + 1)


@public(inplace=True)
def exp(input: Tensor) -> Tensor:
    """eˣ, element by element; integers give the default floating type."""
    return Exp()(input)


@public(inplace=True)
def exp2(input: Tensor) -> Tensor:
    """2ˣ, element by element; integers give the default floating type."""
    return Exp2()(input)


@public(inplace=True)
def expm1(input: Tensor) -> Tensor:
    """eˣ − 1, element by element, exact for small x too; integers give the default floating type."""
    return Expm1()(input)


# ---------------------------------------------------------------------- logarithms


class Log(Elementwise):
    """z = ln x          ∂L/∂x = g / x"""

    __slots__ = ()
    integers = "float"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return xp(x).log(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g / x


class Log2(Elementwise):
    """z = log₂ x          ∂L/∂x = g / (x·ln 2)"""

    __slots__ = ()
    integers = "float"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return xp(x).log2(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g / (x * LN2)


class Log10(Elementwise):
    """z = log₁₀ x          ∂L/∂x = g / (x·ln 10)"""

    __slots__ = ()
    integers = "float"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return xp(x).log10(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g / (x * LN10)


class Log1p(Elementwise):
    """z = ln(1 + x)          ∂L/∂x = g / (1 + x)"""

    __slots__ = ()
    integers = "float"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return xp(x).log1p(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g / (x + 1)


class Sigmoid(Elementwise):
    """z = σ(x) = 1 / (1 + e⁻ˣ)          ∂L/∂x = g·z·(1 − z)"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return kernels.sigmoid(x)

    def backward(self, g: Any, out: Any) -> Any:
        return SigmoidBackward.on(g, out)


class SigmoidBackward(Elementwise):
    """z = g·o·(1 − o)          ∂L/∂g = h·o·(1 − o),  ∂L/∂o = h·g·(1 − 2·o)"""

    __slots__ = ()
    saves = {"g": "out", "out": ("g", "out")}

    def forward(self, g: Any, out: Any) -> Any:
        return kernels.sigmoid_backward(g, out)

    def backward(self, h: Any, g: Any, out: Any) -> Any:
        return (
            SigmoidBackward.on(h, out) if self.needs[0] else None,
            h * g * (1 - out * 2) if self.needs[1] else None,
        )


class Logaddexp(Choosy):
    """z = ln(eˣ + eʸ)          ∂L/∂x = g·σ(x − y),  ∂L/∂y = g·σ(y − x)"""

    __slots__ = ()
    refuses = FLOATING_ONLY
    kernel_name = "logaddexp_cpu"
    saves = ("x", "y")

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).logaddexp(x, y)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        return (
            g * Sigmoid.on(x - y) if self.needs[0] else None,
            g * Sigmoid.on(y - x) if self.needs[1] else None,
        )


class Logaddexp2(Choosy):
    """z = log₂(2ˣ + 2ʸ)          ∂L/∂x = g·σ((x − y)·ln 2),  ∂L/∂y = g·σ((y − x)·ln 2)"""

    __slots__ = ()
    refuses = FLOATING_ONLY
    kernel_name = "logaddexp2_cpu"
    saves = ("x", "y")

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).logaddexp2(x, y)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        return (
            g * Sigmoid.on((x - y) * LN2) if self.needs[0] else None,
            g * Sigmoid.on((y - x) * LN2) if self.needs[1] else None,
        )


class Xlogy(Elementwise):
    """z = x·ln y, 0 where x = 0 (nan where y is)          ∂L/∂x = g·ln y, 0 where x = 0 and y ≤ 0;  ∂L/∂y = g·x / y"""

    __slots__ = ()
    integers = "float"
    saves = {"x": ("x", "y"), "y": ("x", "y")}

    def forward(self, x: Any, y: Any) -> Any:
        operands = module(x, y)
        logarithm = operands.log(y) if is_array(y) else logarithm_of(y)
        return operands.where((x == 0) & (y == y), 0, x * logarithm)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        to_x = None
        if self.needs[0]:
            alone = (x == 0) & (y <= 0)
            if isinstance(y, (int, float)):
                to_x = Where.on(alone, 0.0, g * logarithm_of(y))
            else:
                to_x = g * Log.on(Where.on(alone, 1.0, y))
        return (to_x, g * (x / y) if self.needs[1] else None)


def logarithm_of(number: float) -> float:
    """ln of a number: −∞ at 0, nan below."""
    return math.log(number) if number > 0 else -math.inf if number == 0 else math.nan


@public(inplace=True)
def log(input: Tensor) -> Tensor:
    """ln x, element by element: −∞ at 0, nan below; integers give the default floating type."""
    return Log()(input)


@public(inplace=True)
def log2(input: Tensor) -> Tensor:
    """log₂ x, element by element: −∞ at 0, nan below; integers give the default floating type."""
    return Log2()(input)


@public(inplace=True)
def log10(input: Tensor) -> Tensor:
    """log₁₀ x, element by element: −∞ at 0, nan below; integers give the default floating type."""
    return Log10()(input)


@public(inplace=True)
def log1p(input: Tensor) -> Tensor:
    """ln(1 + x), element by element, exact for small x too; integers give the default floating type."""
    return Log1p()(input)


@public(inplace=True)
def sigmoid(input: Tensor) -> Tensor:
    """σ(x) = 1 / (1 + e⁻ˣ), element by element, without overflow; integers give the default floating type."""
    return Sigmoid()(input)


@public()
def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """ln(eˣ + eʸ), element by element, without overflow.

    Args:
        input, other: floating tensors of shapes that broadcast.

    Raises:
        UnsupportedDTypeError: both are integer or bool. ShapeError: the shapes do not broadcast.
    """
    return Logaddexp()(input, other)


@public()
def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log₂(2ˣ + 2ʸ), element by element, without overflow; otherwise as :func:`logaddexp`."""
    return Logaddexp2()(input, other)


@public(inplace=True)
def xlogy(input: Tensor | float, other: Tensor | float) -> Tensor:
    """x·ln y, element by element, with 0·ln 0 = 0; integers give the default floating type.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return Xlogy()(input, other)


# ---------------------------------------------------------------------- powers and roots


class Pow(Choosy):
    """z = xʸ          ∂L/∂x = g·y·xʸ⁻¹ (0 where y = 0),  ∂L/∂y = g·z·ln x (0 where x = 0 and y ≥ 0)"""

    __slots__ = ()
    kernel_name = "pow"
    saves = {"x": ("x", "y"), "y": ("x", "y"), "out": "y"}

    def forward(self, x: Any, y: Any) -> Any:
        if is_array(x) and not is_array(y):
            return power_of_number(x, y)
        if type_of(x, y).category == 1:
            return integer_power(x, y)
        return module(x, y).power(x, y)

    def backward(self, g: Any, x: Any, y: Any, out: Any) -> Any:
        return (self._base(g, x, y) if self.needs[0] else None, self._exponent(g, x, y, out) if self.needs[1] else None)

    def _base(self, g: Any, x: Any, y: Any) -> Any:
        if isinstance(y, (int, float)):
            return ZerosLike.on(g) if y == 0 else g if y == 1 else g * (Pow.on(x, y - 1) * y)
        return Where.on(y == 0, 0.0, g * (y * Pow.on(x, y - 1)))

    def _exponent(self, g: Any, x: Any, y: Any, out: Any) -> Any:
        if isinstance(x, (int, float)):
            through = g * (out * logarithm_of(x))
            return Where.on(~(y >= 0), through, 0) if x == 0 else through
        # where the base is 0 the logarithm is taken of 1, so that no 0·∞ arises in derivatives of higher order either
        return g * (out * Log.on(Where.on((x == 0) & (y >= 0), 1.0, x)))


def power_of_number(x: Any, y: float) -> Any:
    """xʸ for one exponent; the common ones without a power, several times faster and correctly rounded."""
    if y == 2:
        return x * x
    if y == 3:
        return x * x * x
    if not type_of(x).is_floating_point:
        return x**y
    if y == 0.5:
        return xp(x).sqrt(x)
    if y == -0.5:
        return 1 / xp(x).sqrt(x)
    if y == -1:
        return 1 / x
    return 1 / (x * x) if y == -2 else xp(x).power(x, y)


def integer_power(x: Any, y: Any) -> Any:
    """xʸ of integers; for a negative exponent 1/x^−y rounded towards 0, which is 0 unless x = ±1."""
    operands = module(x, y)
    negative = y < 0
    whole = operands.power(x, operands.where(negative, 0, y))
    if not negative.any():
        return whole
    inverse = operands.where(x == 1, 1, operands.where(x == -1, 1 - 2 * (y & 1), 0))
    return operands.where(negative, inverse, whole).astype(whole.dtype)


class Sqrt(Elementwise):
    """z = √x          ∂L/∂x = g / (2·z)"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return xp(x).sqrt(x)

    def backward(self, g: Any, out: Any) -> Any:
        return g / (out * 2)


class Rsqrt(Elementwise):
    """z = 1 / √x          ∂L/∂x = −g·z³ / 2"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return 1 / xp(x).sqrt(x)

    def backward(self, g: Any, out: Any) -> Any:
        return g * (out * out * out * -0.5)


@public(inplace=True)
def pow(input: Tensor | float, exponent: Tensor | float) -> Tensor:
    """input^exponent, element by element.

    Args:
        input, exponent: tensors of shapes that broadcast, or one of them a number; the result has their promoted type,
            so integers stay integers (a negative exponent in a tensor gives 0, and ±1 for ±1).

    Raises:
        DTypeError: an integer tensor to a negative whole number. UnsupportedDTypeError: both are bool. ShapeError: the
            shapes do not broadcast.
    """
    if type(exponent) is int and exponent < 0 and isinstance(input, Tensor) and not input.is_floating_point():
        raise DTypeError("Integers to negative integer powers are not allowed; make the tensor floating first.")
    if isinstance(exponent, bool) and isinstance(input, Tensor) and input.dtype is dtypes.bool_:
        return Tensor(as_array(input._data | (not exponent)))
    return Pow()(input, exponent)


@public()
def float_power(input: Tensor | float, exponent: Tensor | float) -> Tensor:
    """input^exponent, element by element, computed and returned in float64 whatever the types are.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    wide = dtypes.float64.numpy
    base, power = [
        Cast(wide)(each) if isinstance(each, Tensor) and each._data.dtype != wide else each
        for each in (input, exponent)
    ]
    return Pow()(base, float(power) if isinstance(power, (int, float)) else power)


def _float_power_in_place(self: Tensor, exponent: Tensor | float) -> Tensor:
    """In-place version of :meth:`Tensor.float_power`, for float64 tensors.

    Raises:
        DTypeError: the tensor is not float64. ShapeError: the shapes do not broadcast to its shape.
    """
    if self.dtype is not dtypes.float64:
        raise DTypeError(
            f"the base given to float_power_ has dtype {SCALAR_NAMES[self.dtype]} but the operation's result requires "
            "dtype Double; use float_power(), or convert the tensor with .double()"
        )
    return assign(self, float_power(self, exponent))


TABLE["Tensor.float_power_"] = PublicOp("float_power_", _float_power_in_place, True, False, None)


@public(inplace=True)
def sqrt(input: Tensor) -> Tensor:
    """√x, element by element: nan below 0; integers give the default floating type. The derivative at 0 is ∞."""
    return Sqrt()(input)


@public(inplace=True)
def rsqrt(input: Tensor) -> Tensor:
    """1 / √x, element by element: ∞ at 0, nan below; integers give the default floating type."""
    return Rsqrt()(input)


# ---------------------------------------------------------------------- mantissa and exponent


class Ldexp(Elementwise):
    """z = x·2ʸ          ∂L/∂x = g·2ʸ,  ∂L/∂y = g·z·ln 2"""

    __slots__ = ()
    integers = "float"
    saves = {"y": "x", "out": "y"}

    def forward(self, x: Any, y: Any) -> Any:
        return x * module(x, y).exp2(y)

    def backward(self, g: Any, y: Any, out: Any) -> Any:
        return (g * Exp2.on(y) if self.needs[0] else None, g * (out * LN2) if self.needs[1] else None)


class Frexp(Elementwise):
    """x = m·2ᵉ with ½ ≤ |m| < 1          ∂L/∂x = g / 2ᵉ"""

    __slots__ = ("scale",)
    several = True
    saves = ("scale",)

    def forward(self, x: Any) -> Any:
        mantissa, exponent = xp(x).frexp(x)
        self.scale = xp(x).exp2(exponent.astype(x.dtype))
        return mantissa, exponent.astype("int32")

    def backward(self, g: Any, scale: Any) -> Any:
        return g[0] / scale


class Parts(NamedTuple):
    """What :func:`frexp` returns."""

    mantissa: Tensor
    exponent: Tensor


@public(inplace=True)
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input·2^other, element by element; integers give the default floating type.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return Ldexp()(input, other)


@public()
def frexp(input: Tensor) -> Parts:
    """The mantissa and the exponent of each element: input = mantissa·2^exponent with ½ ≤ |mantissa| < 1.

    Returns:
        ``(mantissa, exponent)``, the exponent as int32; 0, ±∞ and nan are their own mantissa, with exponent 0.

    Raises:
        DTypeError: ``input`` is not floating.
    """
    if not check_tensor(input, "frexp").is_floating_point():
        raise DTypeError(f"frexp() only supports floating-point dtypes, not {input.dtype}")
    return Parts(*Frexp()(input))
