"""Rounding, signs, and numbers put in the place of others."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Elementwise
from lepton.autograd.ops._elementwise import FLOATING_ONLY, Choosy, Flat, ZerosLike, module
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_tensor
from lepton.autograd.ops.arithmetic import Sign
from lepton.autograd.ops.comparison import Where
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import DTypeError, UnsupportedDTypeError

__all__ = [
    "ceil", "copysign", "fix", "floor", "frac", "heaviside", "nan_to_num", "nextafter", "round", "sgn", "sign", "trunc",
]  # fmt: skip

# ---------------------------------------------------------------------- to whole numbers


class Floor(Flat):
    """z = ⌊x⌋          ∂L/∂x = 0"""

    __slots__ = ()
    kernel_name = "floor_vml_cpu"

    def forward(self, x: Any) -> Any:
        return xp(x).floor(x)


class Ceil(Flat):
    """z = ⌈x⌉          ∂L/∂x = 0"""

    __slots__ = ()
    kernel_name = "ceil_vml_cpu"

    def forward(self, x: Any) -> Any:
        return xp(x).ceil(x)


class Trunc(Flat):
    """z = x rounded towards 0          ∂L/∂x = 0"""

    __slots__ = ()
    kernel_name = "trunc_vml_cpu"

    def forward(self, x: Any) -> Any:
        return xp(x).trunc(x)


class Round(Flat):
    """z = x rounded to the nearest multiple of 10⁻ᵈ, halves to even          ∂L/∂x = 0"""

    __slots__ = ("decimals",)
    kernel_name = "round_vml_cpu"

    def __init__(self, decimals: int) -> None:
        self.decimals = decimals

    def forward(self, x: Any) -> Any:
        if self.decimals == 0:
            return xp(x).rint(x) if x.dtype.kind not in "iu" else x.copy()
        scale = 10.0 ** max(self.decimals, -self.decimals)
        return xp(x).rint(x * scale) / scale if self.decimals > 0 else xp(x).rint(x / scale) * scale


class Frac(Choosy):
    """z = x − trunc x          ∂L/∂x = g"""

    __slots__ = ()
    refuses = FLOATING_ONLY
    kernel_name = "frac_cpu"

    def forward(self, x: Any) -> Any:
        return x - xp(x).trunc(x)

    def backward(self, g: Any) -> Any:
        return g


@public(inplace=True)
def floor(input: Tensor) -> Tensor:
    """⌊x⌋, element by element, of the same type.

    Raises:
        UnsupportedDTypeError: ``input`` is bool.
    """
    return Floor()(input)


@public(inplace=True)
def ceil(input: Tensor) -> Tensor:
    """⌈x⌉, element by element, of the same type.

    Raises:
        UnsupportedDTypeError: ``input`` is bool.
    """
    return Ceil()(input)


@public(inplace=True, aliases=("fix",))
def trunc(input: Tensor) -> Tensor:
    """The whole part of x, element by element, of the same type.

    Raises:
        UnsupportedDTypeError: ``input`` is bool.
    """
    return Trunc()(input)


@public(inplace=True)
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """x rounded to the nearest, element by element, of the same type; halves go to the even neighbour.

    Args:
        input: a tensor.
        decimals: how many digits after the point to keep; negative: before it (floating tensors only).

    Raises:
        UnsupportedDTypeError: ``input`` is bool, or an integer with ``decimals`` not 0.
    """
    if decimals and not check_tensor(input, "round").is_floating_point():
        raise UnsupportedDTypeError(
            f"\"round_cpu\" not implemented for '{SCALAR_NAMES[input.dtype]}' with decimals={decimals}: "
            "convert it first, for instance with .float()"
        )
    return Round(decimals)(input)


@public(inplace=True)
def frac(input: Tensor) -> Tensor:
    """x − trunc x, the part after the point with the sign of x, element by element.

    Raises:
        UnsupportedDTypeError: ``input`` is not floating.
    """
    return Frac()(input)


# ---------------------------------------------------------------------- signs


class Copysign(Elementwise):
    """z = |x| with the sign of y          ∂L/∂x = g·sgn z·sgn x;  ∂L/∂y = 0"""

    __slots__ = ()
    integers = "float"
    saves = {"x": "x", "out": "x"}

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).copysign(x, y)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        return (
            g * (Sign.on(x) * Sign.on(out)) if self.needs[0] else None,
            ZerosLike.on(g) if self.needs[1] else None,
        )


class Heaviside(Elementwise):
    """z = 0, v or 1 as x is below, at or above 0          (its derivative is not defined)"""

    __slots__ = ()

    def forward(self, x: Any, values: Any) -> Any:
        return module(x, values).where(x == 0, values, (x > 0).astype(x.dtype))


@public(inplace=True)
def sign(input: Tensor) -> Tensor:
    """−1, 0 or 1 as x is below, at or above 0, element by element, of the same type; 0 for nan."""
    return Sign()(input)


@public(inplace=True)
def sgn(input: Tensor) -> Tensor:
    """The same as :func:`sign`: the two differ for complex numbers only."""
    return Sign()(input)


@public(inplace=True)
def copysign(input: Tensor, other: Tensor | float) -> Tensor:
    """|input| with the sign of ``other``, element by element; integers give the default floating type.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return Copysign()(input, other)


@public(inplace=True)
def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 where input < 0, 1 where input > 0, ``values`` where it is 0, element by element.

    Args:
        input, values: tensors of one type and of shapes that broadcast. There is no derivative.

    Raises:
        DTypeError: the types differ. ShapeError: the shapes do not broadcast.
    """
    if check_tensor(input, "heaviside").dtype is not check_tensor(values, "heaviside", "values", 2).dtype:
        raise DTypeError(
            "heaviside is not yet implemented for tensors with different dtypes; these are "
            f"{input.dtype} and {values.dtype}: convert one with .to(dtype)"
        )
    return Heaviside()(input, values)


# ---------------------------------------------------------------------- replacements


class NanToNum(Elementwise):
    """z = x with nan, ∞ and −∞ replaced by numbers          ∂L/∂x = g where x is finite, else 0"""

    __slots__ = ("nan", "posinf", "neginf")
    saves = ("x",)

    def __init__(self, nan: float | None, posinf: float | None, neginf: float | None) -> None:
        self.nan, self.posinf, self.neginf = nan or 0.0, posinf, neginf

    def forward(self, x: Any) -> Any:
        if x.dtype.kind in "biu":
            return x.copy()
        return xp(x).nan_to_num(x, nan=self.nan, posinf=self.posinf, neginf=self.neginf)

    def backward(self, g: Any, x: Any) -> Any:
        return Where.on(x - x == 0, g, 0)


class Nextafter(Choosy):
    """z = the neighbour of x in the direction of y          ∂L/∂x = g where x ≠ y, else 0;  ∂L/∂y = 0"""

    __slots__ = ()
    refuses = FLOATING_ONLY
    kernel_name = "nextafter_cpu"
    saves = {"x": "x", "y": "x"}

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).nextafter(x, y)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        return (Where.on(x != y, g, 0) if self.needs[0] else None, ZerosLike.on(g) if self.needs[1] else None)


@public(inplace=True)
def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """``input`` with nan replaced by ``nan`` (0), ∞ by ``posinf`` and −∞ by ``neginf`` (the type's largest numbers)."""
    return NanToNum(nan, posinf, neginf)(input)


@public(inplace=True)
def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next floating number after ``input`` in the direction of ``other``, element by element.

    Raises:
        UnsupportedDTypeError: both are integer or bool. ShapeError: the shapes do not broadcast.
    """
    return Nextafter()(input, other)


fix = trunc
