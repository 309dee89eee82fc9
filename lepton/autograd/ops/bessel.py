"""Bessel functions: the modified ones of the first kind computed here, the others by SciPy."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Elementwise
from lepton.autograd.ops._elementwise import Wide
from lepton.autograd.ops.arithmetic import Sign
from lepton.autograd.ops.extrema import clamp
from lepton.autograd.ops.special import scipy_special
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.kernels import bessel as kernels

__all__ = ["i0"]  # the others are in lepton.special


class Bessel(Elementwise):
    """The base of the modified Bessel functions of the first kind of order n"""

    __slots__ = ("order",)
    integers = "float"

    def __init__(self, order: int) -> None:
        self.order = order


class BesselI(Bessel):
    """z = I_n(x)          ∂L/∂x = g·(I_{n−1}(x) + I_{n+1}(x)) / 2, with I₋₁ = I₁"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.bessel_i(x, self.order, False)

    def backward(self, g: Any, x: Any) -> Any:
        return g * _neighbours(BesselI, self.order, x)


class BesselIe(Bessel):
    """z_n = e^−|x|·I_n(x)          ∂L/∂x = g·((z_{n−1} + z_{n+1}) / 2 − sgn(x)·z_n), with z₋₁ = z₁"""

    __slots__ = ()
    saves = ("x", "out")

    def forward(self, x: Any) -> Any:
        return kernels.bessel_i(x, self.order, True)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        return g * (_neighbours(BesselIe, self.order, x) - Sign.on(x) * out)


def _neighbours(kind: type[Bessel], order: int, x: Any) -> Any:
    """The mean of the functions one order below and one above."""
    above = kind.on(x, order=order + 1)
    return (kind.on(x, order=order - 1) + above) * 0.5 if order else above


@public(inplace=True)
def i0(input: Tensor) -> Tensor:
    """I₀(x), the modified Bessel function of order 0, element by element; integers give the default floating type."""
    return BesselI(0)(input)


def i1(input: Tensor) -> Tensor:
    """I₁(x), the modified Bessel function of order 1, element by element; integers give the default floating type."""
    return BesselI(1)(input)


def i0e(input: Tensor) -> Tensor:
    """e^−|x|·I₀(x), element by element, which does not overflow; integers give the default floating type."""
    return BesselIe(0)(input)


def i1e(input: Tensor) -> Tensor:
    """e^−|x|·I₁(x), element by element, which does not overflow; integers give the default floating type."""
    return BesselIe(1)(input)


# ---------------------------------------------------------------------- by SciPy, without derivative, as in PyTorch


class ByScipy(Wide):
    """z = f(x), a function of SciPy's, not differentiated"""

    __slots__ = ("known_as", "function", "first")
    differentiable = False

    def __init__(self, known_as: str, function: str, *first: int) -> None:
        self.known_as, self.function, self.first = known_as, function, first

    def title(self) -> str:
        return self.known_as

    def forward(self, x: Any) -> Any:
        return scipy_special(self.function, *self.first, x)


def bessel_j0(input: Tensor) -> Tensor:
    """J₀(x), the Bessel function of the first kind of order 0, element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("bessel_j0", "j0")(input)


def bessel_j1(input: Tensor) -> Tensor:
    """J₁(x), the Bessel function of the first kind of order 1, element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("bessel_j1", "j1")(input)


def bessel_y0(input: Tensor) -> Tensor:
    """Y₀(x), the Bessel function of the second kind of order 0: −∞ at 0, nan below; element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("bessel_y0", "y0")(input)


def bessel_y1(input: Tensor) -> Tensor:
    """Y₁(x), the Bessel function of the second kind of order 1: −∞ at 0, nan below; element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("bessel_y1", "y1")(input)


def modified_bessel_i0(input: Tensor) -> Tensor:
    """I₀(x), the modified Bessel function of the first kind of order 0, element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("modified_bessel_i0", "i0")(input)


def modified_bessel_i1(input: Tensor) -> Tensor:
    """I₁(x), the modified Bessel function of the first kind of order 1, element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("modified_bessel_i1", "i1")(input)


def modified_bessel_k0(input: Tensor) -> Tensor:
    """K₀(x), the modified Bessel function of the second kind of order 0: ∞ at 0, nan below; element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("modified_bessel_k0", "k0")(input)


def modified_bessel_k1(input: Tensor) -> Tensor:
    """K₁(x), the modified Bessel function of the second kind of order 1: ∞ at 0, nan below; element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("modified_bessel_k1", "k1")(input)


def scaled_modified_bessel_k0(input: Tensor) -> Tensor:
    """eˣ·K₀(x), which does not vanish for large x, element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("scaled_modified_bessel_k0", "k0e")(input)


def scaled_modified_bessel_k1(input: Tensor) -> Tensor:
    """eˣ·K₁(x), which does not vanish for large x, element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("scaled_modified_bessel_k1", "k1e")(input)


def spherical_bessel_j0(input: Tensor) -> Tensor:
    """j₀(x) = sin(x)/x, the spherical Bessel function of order 0, element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("spherical_bessel_j0", "spherical_jn", 0)(input)


def airy_ai(input: Tensor) -> Tensor:
    """Ai(x), the Airy function that vanishes at ∞, element by element.

    Not differentiable, as in PyTorch; integers give the default floating type.

    Raises:
        UnsupportedDTypeError: ``input`` is of a 16-bit type. MissingExtraError: SciPy is not installed.
    """
    return ByScipy("airy_ai", "airy")(clamp(input, max=200.0))  # 0 beyond, where SciPy has nan
