"""Sums, products and magnitudes."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Elementwise
from lepton.autograd.ops._elementwise import Choosy, Flat, module, type_of
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_tensor
from lepton.autograd.registry import public
from lepton.autograd.scalars import fit_number
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.devices import is_array, xp
from lepton.errors import DTypeError, UnsupportedDTypeError
from lepton.kernels import arithmetic as kernels

__all__ = [
    "abs", "absolute", "add", "addcdiv", "addcmul", "lerp", "mul", "multiply", "neg", "negative", "positive",
    "reciprocal", "rsub", "square", "sub", "subtract",
]  # fmt: skip

# ---------------------------------------------------------------------- sums


class Add(Elementwise):
    """z = x + y          ∂L/∂x = g,  ∂L/∂y = g"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return kernels.add(x, y)

    def backward(self, g: Any) -> Any:
        return (g if self.needs[0] else None, g if self.needs[1] else None)


class AddScaled(Elementwise):
    """z = x + α·y          ∂L/∂x = g,  ∂L/∂y = α·g"""

    __slots__ = ("alpha",)

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def forward(self, x: Any, y: Any) -> Any:
        return x + scale_of(self.alpha, x, y) * y

    def backward(self, g: Any) -> Any:
        return (g if self.needs[0] else None, g * self.alpha if self.needs[1] else None)


def scale_of(alpha: float, *operands: Any) -> Any:
    """The factor ``alpha`` as a number of the operands' type.

    Raises:
        DTypeError: it is not a whole number, and the operands are.
    """
    common = type_of(*operands)
    if not common.is_floating_point and isinstance(alpha, float):
        raise DTypeError("For integral input tensors, argument alpha must not be a floating point number.")
    if common is not dtypes.bool_ and isinstance(alpha, bool):
        raise DTypeError("Boolean alpha only supported for Boolean results.")
    return bool(alpha) if common is dtypes.bool_ else fit_number(alpha, common)


class Sub(Elementwise):
    """z = x − y          ∂L/∂x = g,  ∂L/∂y = −g"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return kernels.subtract(x, y)

    def backward(self, g: Any) -> Any:
        return (g if self.needs[0] else None, -g if self.needs[1] else None)

    def _promote(self, inputs: tuple[Any, ...]) -> list[Any]:
        refuse_bool_subtraction(*inputs)
        return super()._promote(inputs)

    def explain(self, error: Exception, inputs: tuple[Any, ...]) -> Exception | None:
        if isinstance(error, TypeError):  # NumPy refuses to subtract bools too, in other words
            try:
                refuse_bool_subtraction(*inputs)
            except DTypeError as better:
                return better
        return super().explain(error, inputs)


def negated(alpha: float) -> float:
    """−alpha; a bool stays one, so that it is refused as one."""
    return alpha if isinstance(alpha, bool) else -alpha


def refuse_bool_subtraction(*operands: Any) -> None:
    """Raise for ``x - y`` where one of them is bool, as PyTorch does.

    Raises:
        DTypeError: always then, with the remedy.
    """
    found = [each._data.dtype.kind == "b" if isinstance(each, Tensor) else isinstance(each, bool) for each in operands]
    if all(found):
        raise DTypeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. "
            "Use the `^` or `logical_xor()` operator instead."
        )
    if any(found):
        raise DTypeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. "
            "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )


class Neg(Elementwise):
    """z = −x          ∂L/∂x = −g"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return -x

    def backward(self, g: Any) -> Any:
        return -g

    def explain(self, error: Exception, inputs: tuple[Any, ...]) -> Exception | None:
        if isinstance(error, TypeError) and isinstance(inputs[0], Tensor) and inputs[0].dtype is dtypes.bool_:
            return DTypeError(
                "Negation, the `-` operator, on a bool tensor is not supported. "
                "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
            )
        return super().explain(error, inputs)


@public(inplace=True, ufunc="add")
def add(input: Tensor, other: Tensor | float, *, alpha: float = 1) -> Tensor:
    """input + alpha·other, element by element.

    Args:
        input, other: tensors of shapes that broadcast, or a number; the result has their promoted type.
        alpha: factor of ``other``; a whole number where the result is not floating.

    Raises:
        ShapeError: the shapes do not broadcast. DTypeError: a floating ``alpha`` for an integer result.
    """
    return Add()(input, other) if alpha == 1 and alpha is not True else AddScaled(alpha)(input, other)


@public(inplace=True, ufunc="subtract", aliases=("subtract",))
def sub(input: Tensor, other: Tensor | float, *, alpha: float = 1) -> Tensor:
    """input − alpha·other, element by element.

    Args:
        input, other: tensors of shapes that broadcast, or a number; the result has their promoted type.
        alpha: factor of ``other``; a whole number where the result is not floating.

    Raises:
        ShapeError: the shapes do not broadcast. DTypeError: an operand is bool, or a floating ``alpha`` for an
            integer result.
    """
    if alpha == 1 and alpha is not True:
        return Sub()(input, other)
    refuse_bool_subtraction(input, other)
    return AddScaled(negated(alpha))(input, other)


@public(method=False)
def rsub(input: Tensor, other: Tensor | float, *, alpha: float = 1) -> Tensor:
    """other − alpha·input, element by element; types, shapes and errors as for :func:`sub`."""
    if alpha == 1 and alpha is not True:
        return Sub()(other, input)
    refuse_bool_subtraction(input, other)
    return AddScaled(negated(alpha))(other, input)


@public(inplace=True, aliases=("negative",))
def neg(input: Tensor) -> Tensor:
    """−input, element by element, of the same type (uint8 wraps).

    Raises:
        DTypeError: ``input`` is bool.
    """
    return Neg()(input)


@public()
def positive(input: Tensor) -> Tensor:
    """``input`` itself.

    Raises:
        DTypeError: it is bool.
    """
    if check_tensor(input, "positive").dtype is dtypes.bool_:
        raise DTypeError("The `+` operator, on a bool tensor is not supported.")
    return input


# ---------------------------------------------------------------------- products


class Mul(Elementwise):
    """z = x·y          ∂L/∂x = g·y,  ∂L/∂y = g·x"""

    __slots__ = ()
    saves = {"x": "y", "y": "x"}

    def forward(self, x: Any, y: Any) -> Any:
        return kernels.multiply(x, y)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        return (g * y if self.needs[0] else None, g * x if self.needs[1] else None)


class Square(Elementwise):
    """z = x²          ∂L/∂x = 2·g·x"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return x * x

    def backward(self, g: Any, x: Any) -> Any:
        return g * (x * 2.0)


class Reciprocal(Elementwise):
    """z = 1 / x          ∂L/∂x = −g·z²"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return 1 / x

    def backward(self, g: Any, out: Any) -> Any:
        return -g * (out * out)


class Addcmul(Choosy):
    """z = x + v·a·b          ∂L/∂x = g,  ∂L/∂a = v·g·b,  ∂L/∂b = v·g·a"""

    __slots__ = ("value",)
    kernel_name = "addcmul_cpu_out"
    saves = {"tensor1": "tensor2", "tensor2": "tensor1"}

    def __init__(self, value: float) -> None:
        self.value = value

    def forward(self, x: Any, tensor1: Any, tensor2: Any) -> Any:
        common = type_of(x)
        value = self.value if common.is_floating_point else int(self.value)
        return x + fit_number(value, common) * tensor1 * tensor2

    def backward(self, g: Any, tensor1: Any, tensor2: Any) -> Any:
        scaled = g if self.value == 1 else g * self.value
        return (
            g if self.needs[0] else None,
            scaled * tensor2 if self.needs[1] else None,
            scaled * tensor1 if self.needs[2] else None,
        )


class Addcdiv(Elementwise):
    """z = x + v·a / b          ∂L/∂x = g,  ∂L/∂a = v·g / b,  ∂L/∂b = −v·g·(a / b) / b"""

    __slots__ = ("value",)
    saves = {"tensor1": "tensor2", "tensor2": ("tensor1", "tensor2")}

    def __init__(self, value: float) -> None:
        self.value = value

    def forward(self, x: Any, tensor1: Any, tensor2: Any) -> Any:
        return x + self.value * tensor1 / tensor2

    def backward(self, g: Any, tensor1: Any, tensor2: Any) -> Any:
        scaled = g if self.value == 1 else g * self.value
        return (
            g if self.needs[0] else None,
            scaled / tensor2 if self.needs[1] else None,
            -scaled * ((tensor1 / tensor2) / tensor2) if self.needs[2] else None,
        )


class Lerp(Elementwise):
    """z = x + w·(y − x)          ∂L/∂x = g·(1 − w),  ∂L/∂y = g·w,  ∂L/∂w = g·(y − x)"""

    __slots__ = ()
    saves = {"start": "weight", "end": "weight", "weight": ("start", "end")}

    def forward(self, start: Any, end: Any, weight: Any) -> Any:
        step = end - start
        near = start + weight * step
        far = end - step * (1 - weight)  # exact at w = 1, where the other form is off by a rounding
        return (
            module(near).where(module(near).abs(weight) < 0.5, near, far)
            if is_array(weight)
            else (near if -0.5 < weight < 0.5 else far)
        )

    def backward(self, g: Any, start: Any, end: Any, weight: Any) -> Any:
        return (
            g * (1 - weight) if self.needs[0] else None,
            g * weight if self.needs[1] else None,
            g * (end - start) if self.needs[2] else None,
        )


@public(inplace=True, ufunc="multiply", aliases=("multiply",))
def mul(input: Tensor, other: Tensor | float) -> Tensor:
    """input · other, element by element; for bools this is "and".

    Args:
        input, other: tensors of shapes that broadcast, or a number; the result has their promoted type.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return Mul()(input, other)


@public(inplace=True)
def square(input: Tensor) -> Tensor:
    """input², element by element, of the same type (bool gives int64)."""
    return Mul()(input, 1) if check_tensor(input, "square").dtype is dtypes.bool_ else Square()(input)


@public(inplace=True)
def reciprocal(input: Tensor) -> Tensor:
    """1 / input, element by element; integers give the default floating type."""
    return Reciprocal()(input)


@public(inplace=True)
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value·tensor1·tensor2, element by element, of the promoted type.

    Raises:
        ShapeError: the shapes do not broadcast. UnsupportedDTypeError: all of them are bool.
    """
    return Addcmul(value)(input, tensor1, tensor2)


@public(inplace=True)
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """input + value·tensor1 / tensor2, element by element, of the promoted type.

    Raises:
        ShapeError: the shapes do not broadcast. DTypeError: ``tensor1`` and ``tensor2`` are both integers.
    """
    numerator, denominator = (
        check_tensor(tensor1, "addcdiv", "tensor1", 2),
        check_tensor(tensor2, "addcdiv", "tensor2", 3),
    )
    if not (numerator.is_floating_point() or denominator.is_floating_point()):
        raise DTypeError(
            "Integer division with addcdiv is not supported, as it could be a true or a truncating division; write "
            "input + value * lepton.trunc(tensor1 / tensor2) or input + value * tensor1 / tensor2 for the one meant."
        )
    return Addcdiv(value)(input, tensor1, tensor2)


@public(inplace=True)
def lerp(input: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """input + weight·(end − input): on the line from ``input`` (weight 0) to ``end`` (weight 1).

    Args:
        input, end, weight: floating tensors of one type and shapes that broadcast; ``weight`` may be a number.

    Raises:
        ShapeError: the shapes do not broadcast. DTypeError: the types differ, or are not floating.
    """
    if not check_tensor(input, "lerp").is_floating_point():
        raise UnsupportedDTypeError(
            f"\"lerp_kernel_scalar\" not implemented for '{SCALAR_NAMES[input.dtype]}': convert it with .float()"
        )
    check_tensor(end, "lerp", "end", 2)
    for name, each in (("end", end), ("weight", weight)):
        if isinstance(each, Tensor) and each.dtype is not input.dtype and (name == "end" or each.ndim):
            raise DTypeError(f"expected dtype {input.dtype} for `{name}` but got dtype {each.dtype}")
    return Lerp()(input, end, weight)


# ---------------------------------------------------------------------- magnitude


class Abs(Choosy):
    """z = |x|          ∂L/∂x = g·sgn x, which is 0 at 0"""

    __slots__ = ()
    kernel_name = "abs_cpu"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return xp(x).abs(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * Sign.on(x)


class Sign(Flat):
    """z = −1, 0 or 1 as x is below, at or above 0 (0 for nan)          ∂L/∂x = 0"""

    __slots__ = ()
    refuses = ()

    def forward(self, x: Any) -> Any:
        if x.dtype.kind in "bu":
            return (x != 0).astype(x.dtype)
        return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


@public(inplace=True, aliases=("absolute",))
def abs(input: Tensor) -> Tensor:
    """|input|, element by element, of the same type.

    Raises:
        UnsupportedDTypeError: ``input`` is bool.
    """
    return Abs()(input)


absolute = abs
multiply = mul
negative = neg
subtract = sub
