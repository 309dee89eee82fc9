"""Quotients, whole and not, and remainders."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Elementwise
from lepton.autograd.ops._elementwise import INTEGERS_ONLY, Choosy, Flat, module, type_of
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import is_array
from lepton.errors import DTypeError

__all__ = ["div", "divide", "floor_divide", "fmod", "gcd", "lcm", "remainder", "true_divide"]


class Div(Elementwise):
    """z = x / y          ∂L/∂x = g / y,  ∂L/∂y = −g·(x / y) / y"""

    __slots__ = ()
    integers = "float"
    saves = {"x": "y", "y": ("x", "y")}

    def forward(self, x: Any, y: Any) -> Any:
        return x / y

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        return (g / y if self.needs[0] else None, -g * ((x / y) / y) if self.needs[1] else None)


def refuse_zero(y: Any) -> None:
    """Raise for an integer division by zero, which has no result.

    Raises:
        DTypeError: there is a zero among ``y`` (a RuntimeError that says ZeroDivisionError, as PyTorch's).
    """
    if (y == 0).any() if is_array(y) else y == 0:
        raise DTypeError("ZeroDivisionError: an integer division by zero; make the tensors floating to get inf")


class FloorDivide(Flat):
    """z = ⌊x / y⌋          ∂L/∂x = 0,  ∂L/∂y = 0"""

    __slots__ = ()
    kernel_name = "div_floor_cpu"

    def forward(self, x: Any, y: Any) -> Any:
        if not type_of(x, y).is_floating_point:
            refuse_zero(y)
        return x // y


class TruncDivide(Flat):
    """z = x / y rounded towards 0          ∂L/∂x = 0,  ∂L/∂y = 0"""

    __slots__ = ()
    kernel_name = "div_trunc_cpu"

    def forward(self, x: Any, y: Any) -> Any:
        if type_of(x, y).is_floating_point:
            return module(x, y).trunc(x / y)
        refuse_zero(y)
        quotient = x // y
        inexact = (quotient * y != x) & ((x < 0) != (y < 0))
        return quotient + inexact.astype(quotient.dtype)


class Remainder(Choosy):
    """z = x − ⌊x / y⌋·y          ∂L/∂x = g,  ∂L/∂y = −g·⌊x / y⌋"""

    __slots__ = ()
    kernel_name = "remainder_cpu"
    saves = {"x": "y", "y": "y"}

    def forward(self, x: Any, y: Any) -> Any:
        if not type_of(x, y).is_floating_point:
            refuse_zero(y)
        return x % y

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        return (g if self.needs[0] else None, -g * FloorDivide.on(x, y) if self.needs[1] else None)


class Fmod(Choosy):
    """z = x − trunc(x / y)·y          ∂L/∂x = g,  ∂L/∂y = −g·trunc(x / y)"""

    __slots__ = ()
    kernel_name = "fmod_cpu"
    saves = {"x": "y", "y": "y"}

    def forward(self, x: Any, y: Any) -> Any:
        if not type_of(x, y).is_floating_point:
            refuse_zero(y)
        return module(x, y).fmod(x, y)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        return (g if self.needs[0] else None, -g * TruncDivide.on(x, y) if self.needs[1] else None)


class Gcd(Choosy):
    """z = the greatest common divisor of x and y          (integers: no derivative)"""

    __slots__ = ()
    differentiable = False
    refuses = INTEGERS_ONLY
    kernel_name = "gcd_cpu"

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).gcd(x, y)


class Lcm(Choosy):
    """z = the least common multiple of x and y          (integers: no derivative)"""

    __slots__ = ()
    differentiable = False
    refuses = INTEGERS_ONLY
    kernel_name = "lcm_cpu"

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).lcm(x, y)


@public(inplace=True, aliases=("divide",))
def div(input: Tensor, other: Tensor | float, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, element by element.

    Args:
        input, other: tensors of shapes that broadcast, or a number.
        rounding_mode: None: the quotient itself, floating (integers give the default floating type); ``"trunc"``:
            rounded towards 0; ``"floor"``: rounded down. The rounded ones have the promoted type.

    Raises:
        ShapeError: the shapes do not broadcast. DTypeError: an integer division by 0, bools, or an unknown mode.
    """
    if rounding_mode is None:
        return Div()(input, other)
    if rounding_mode == "floor":
        return FloorDivide()(input, other)
    if rounding_mode == "trunc":
        return TruncDivide()(input, other)
    raise DTypeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}")


@public(inplace=True)
def true_divide(input: Tensor, other: Tensor | float) -> Tensor:
    """input / other, element by element, always floating; as :func:`div` without rounding."""
    return Div()(input, other)


@public(inplace=True)
def floor_divide(input: Tensor, other: Tensor | float) -> Tensor:
    """⌊input / other⌋, element by element, of the promoted type.

    Raises:
        ShapeError: the shapes do not broadcast. DTypeError: an integer division by 0. UnsupportedDTypeError: bools.
    """
    return FloorDivide()(input, other)


@public(inplace=True)
def remainder(input: Tensor | float, other: Tensor | float) -> Tensor:
    """input − ⌊input / other⌋·other, element by element: it has the sign of ``other``, as Python's ``%``.

    Raises:
        ShapeError: the shapes do not broadcast. DTypeError: an integer division by 0. UnsupportedDTypeError: bools.
    """
    return Remainder()(input, other)


@public(inplace=True)
def fmod(input: Tensor, other: Tensor | float) -> Tensor:
    """input − trunc(input / other)·other, element by element: it has the sign of ``input``, as C's ``fmod``.

    Raises:
        ShapeError: the shapes do not broadcast. DTypeError: an integer division by 0. UnsupportedDTypeError: bools.
    """
    return Fmod()(input, other)


@public(inplace=True)
def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor of integers, element by element; gcd(0, 0) = 0.

    Raises:
        UnsupportedDTypeError: the tensors are not of an integer type.
    """
    return Gcd()(input, other)


@public(inplace=True)
def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple of integers, element by element; 0 where one of them is 0.

    Raises:
        UnsupportedDTypeError: the tensors are not of an integer type.
    """
    return Lcm()(input, other)


divide = div
