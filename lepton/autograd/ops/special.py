"""The error function and the gamma function with their relatives, and the logit.

The incomplete gamma function alone comes from SciPy, which the extra ``special`` brings; it is imported at the call.
"""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Elementwise
from lepton.autograd.ops._elementwise import FLOATING_ONLY, Choosy, Wide, module
from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.exponential import Exp, Xlogy
from lepton.autograd.registry import TABLE, PublicOp, public
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import device_of, is_array, place_of, to_numpy, xp
from lepton.errors import DTypeError, require
from lepton.kernels import gamma
from lepton.kernels import special as kernels

__all__ = ["digamma", "erf", "erfc", "erfinv", "igamma", "igammac", "lgamma", "logit", "mvlgamma", "polygamma"]

# ---------------------------------------------------------------------- the error function


class Erf(Elementwise):
    """z = (2/√π) ∫₀ˣ e^−t² dt          ∂L/∂x = g·(2/√π)·e^−x²"""

    __slots__ = ()
    integers = "float"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.erf(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * (Exp.on(-(x * x)) * (2 / math.sqrt(math.pi)))


class Erfc(Elementwise):
    """z = 1 − erf x          ∂L/∂x = −g·(2/√π)·e^−x²"""

    __slots__ = ()
    integers = "float"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.erfc(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * (Exp.on(-(x * x)) * (-2 / math.sqrt(math.pi)))


class Erfinv(Elementwise):
    """erf z = x          ∂L/∂x = g·(√π/2)·e^z²"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return kernels.erfinv(x)

    def backward(self, g: Any, out: Any) -> Any:
        return g * (Exp.on(out * out) * (math.sqrt(math.pi) / 2))


@public(inplace=True)
def erf(input: Tensor) -> Tensor:
    """(2/√π) ∫₀ˣ e^−t² dt, element by element; integers give the default floating type."""
    return Erf()(input)


@public(inplace=True)
def erfc(input: Tensor) -> Tensor:
    """1 − erf x without its cancellation, element by element; integers give the default floating type."""
    return Erfc()(input)


@public(inplace=True)
def erfinv(input: Tensor) -> Tensor:
    """The y with erf y = x, element by element: ±∞ at ±1, nan outside; integers give the default floating type."""
    return Erfinv()(input)


# ---------------------------------------------------------------------- the logit


class Logit(Elementwise):
    """z = ln(x / (1 − x)), x first limited to [ε, 1 − ε]          ∂L/∂x = g / (x·(1 − x)), 0 outside of the limits"""

    __slots__ = ("eps",)
    integers = "float"
    saves = ("x",)

    def __init__(self, eps: float | None) -> None:
        self.eps = eps

    def forward(self, x: Any) -> Any:
        module = xp(x)
        if self.eps is not None:
            high = 1 - self.eps
            x = module.where(x < self.eps, self.eps, module.where(x > high, high, x))
        return module.log(x / (1 - x))

    def backward(self, g: Any, x: Any) -> Any:
        if self.eps is None:
            return Where.on((x < 0) | (x > 1), math.nan, g / (x * (1 - x)))
        inside = (x >= self.eps) & (x <= 1 - self.eps)
        inner = Where.on(inside, x, 0.5)
        return Where.on(inside, g / (inner * (1 - inner)), 0)


@public(inplace=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """ln(x / (1 − x)), element by element, the inverse of the sigmoid; integers give the default floating type.

    Args:
        input: a tensor.
        eps: limits ``input`` to [eps, 1 − eps] first; None: no limit, and nan outside [0, 1].
    """
    return Logit(eps)(input)


# ---------------------------------------------------------------------- the gamma function


class Lgamma(Elementwise):
    """z = ln |Γ(x)|          ∂L/∂x = g·ψ(x)"""

    __slots__ = ()
    integers = "float"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return gamma.lgamma(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * Polygamma.on(x, n=0)


class Polygamma(Elementwise):
    """z = ψ⁽ⁿ⁾(x), the derivative number n + 1 of ln Γ          ∂L/∂x = g·ψ⁽ⁿ⁺¹⁾(x)"""

    __slots__ = ("n",)
    integers = "float"
    saves = ("x",)

    def __init__(self, n: int) -> None:
        self.n = n

    def forward(self, x: Any) -> Any:
        return gamma.digamma(x) if self.n == 0 else gamma.polygamma(x, self.n)

    def backward(self, g: Any, x: Any) -> Any:
        return g * Polygamma.on(x, n=self.n + 1)


class Mvlgamma(Elementwise):
    """z = p(p − 1)/4·ln π + Σⱼ ln Γ(x + (1 − j)/2), j = 1 … p          ∂L/∂x = g·Σⱼ ψ(x + (1 − j)/2)"""

    __slots__ = ("p",)
    integers = "float"
    saves = ("x",)

    def __init__(self, p: int) -> None:
        self.p = p

    def forward(self, x: Any) -> Any:
        total = Lgamma.on(x) + self.p * (self.p - 1) / 4 * math.log(math.pi)
        for j in range(1, self.p):
            total = total + Lgamma.on(x - j / 2)
        return total

    def backward(self, g: Any, x: Any) -> Any:
        total = Polygamma.on(x, n=0)
        for j in range(1, self.p):
            total = total + Polygamma.on(x - j / 2, n=0)
        return g * total


class Zeta(Wide):
    """z = ζ(x, q) = Σ 1/(q + k)ˣ, k = 0, 1, …          ∂L/∂q = −g·x·ζ(x + 1, q)"""

    __slots__ = ()
    saves = {"x": "q", "q": "q"}

    def forward(self, x: Any, q: Any) -> Any:
        operands = module(x, q)
        exponent = x if is_array(x) else operands.full(q.shape, x, q.dtype)
        start = q if is_array(q) else operands.full(x.shape, q, x.dtype)
        start, exponent = operands.broadcast_arrays(start, exponent)
        return gamma.zeta(start, exponent)

    def backward(self, g: Any, x: Any, q: Any) -> Any:
        if self.needs[0]:
            raise NotImplementedError("the derivative of zeta for 'input' is not implemented; detach() the input")
        return (None, g * -(x * Zeta.on(x + 1, q)))


def scipy_special(name: str, *operands: Any) -> Any:
    """A function of ``scipy.special`` of arrays and numbers, in the type and on the device of the arrays.

    Of several results it gives the first.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    function = getattr(require("scipy.special", "special", f"{name}()"), name)
    like = next(each for each in operands if hasattr(each, "dtype"))
    host = [to_numpy(each) if is_array(each) else each for each in operands]
    wide = [each.astype("float32") if is_array(each) and each.dtype.itemsize == 2 else each for each in host]
    out = function(*wide)
    out = out[0] if isinstance(out, tuple) else out
    return place_of(like).from_numpy(out.astype(like.dtype, copy=False), device_of(like))


class Igamma(Choosy):
    """z = P(a, x) = ∫₀ˣ tᵃ⁻¹e⁻ᵗ dt / Γ(a)          ∂L/∂x = g·xᵃ⁻¹e⁻ˣ / Γ(a)"""

    __slots__ = ("upper",)
    refuses = FLOATING_ONLY
    kernel_name = "igamma_cpu"
    saves = ("a", "x")

    def __init__(self, upper: bool) -> None:
        self.upper = upper

    def forward(self, a: Any, x: Any) -> Any:
        return scipy_special("gammaincc" if self.upper else "gammainc", a, x)

    def backward(self, g: Any, a: Any, x: Any) -> Any:
        if self.needs[0]:
            raise NotImplementedError(
                "the derivative of igamma and igammac for 'input' is not implemented; detach() the input"
            )
        density = Exp.on(Xlogy.on(a - 1, x) - x - Lgamma.on(a))
        return (None, g * -density if self.upper else g * density)


@public(inplace=True)
def lgamma(input: Tensor) -> Tensor:
    """ln |Γ(x)|, element by element; integers give the default floating type."""
    return Lgamma()(input)


@public(inplace=True)
def digamma(input: Tensor) -> Tensor:
    """ψ(x), the derivative of ln Γ(x), element by element; integers give the default floating type."""
    return Polygamma(0)(input)


def polygamma(n: int, input: Tensor) -> Tensor:
    """ψ⁽ⁿ⁾(x), the n-th derivative of :func:`digamma`, element by element; integers give the default floating type.

    Raises:
        DTypeError: ``n`` is negative.
    """
    if n < 0:
        raise DTypeError(f"polygamma(n, x) does not support negative n, but got {n}.")
    return Polygamma(n)(input)


def _polygamma_method(self: Tensor, n: int) -> Tensor:
    """The ``n``-th derivative of the digamma function; see :func:`lepton.polygamma`."""
    return polygamma(n, self)


TABLE["Tensor.polygamma"] = PublicOp("polygamma", _polygamma_method, True, True, None)  # another order of arguments


@public(inplace=True)
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """ln of the gamma function of ``p`` dimensions, p(p − 1)/4·ln π + Σⱼ ln Γ(x + (1 − j)/2), j = 1 … p.

    Raises:
        DTypeError: ``p`` is below 1, or ``input`` is bool.
    """
    if p < 1:
        raise DTypeError(f"p has to be greater than or equal to 1, but got {p}")
    if check_tensor(input, "mvlgamma")._data.dtype.kind == "b":
        raise DTypeError("The input tensor may not be a boolean tensor; convert it with .float()")
    return Mvlgamma(p)(input)


def zeta(input: Tensor | float, other: Tensor | float) -> Tensor:
    """ζ(x, q) = Σ 1/(q + k)ˣ, k = 0, 1, …, Hurwitz' zeta function, element by element.

    Args:
        input: x: ∞ at 1, nan below. There is no derivative for it.
        other: q, in a shape that broadcasts: ∞ at 0, −1, …; nan between them, unless x is whole.

    Raises:
        UnsupportedDTypeError: the type is a 16-bit one. ShapeError: the shapes do not broadcast.
    """
    return Zeta()(input, other)


@public(inplace=True)
def igamma(input: Tensor, other: Tensor) -> Tensor:
    """P(input, other) = ∫₀^other t^(input−1)·e⁻ᵗ dt / Γ(input), element by element.

    Args:
        input, other: floating tensors of shapes that broadcast. There is no derivative for ``input``.

    Raises:
        UnsupportedDTypeError: both are integer or bool. ShapeError: the shapes do not broadcast. MissingExtraError:
            SciPy is not installed.
    """
    return Igamma(upper=False)(input, other)


@public(inplace=True)
def igammac(input: Tensor, other: Tensor) -> Tensor:
    """1 − P(input, other), see :func:`igamma`, without cancellation."""
    return Igamma(upper=True)(input, other)
