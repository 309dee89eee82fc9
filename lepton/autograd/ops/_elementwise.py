"""What the elementwise ops share: the array module of mixed operands, and which number types an op refuses."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lepton.autograd.op import Elementwise, Op, label
from lepton.autograd.ops.arguments import SCALAR_NAMES
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.devices import is_array, xp
from lepton.errors import DTypeError, UnsupportedDTypeError


def module(*operands: Any) -> Any:
    """The array module of the first operand that is an array and not a Python number."""
    for each in operands:
        if is_array(each):
            return xp(each)
    return xp(operands[0])


def type_of(*operands: Any) -> dtypes.dtype:
    """The number type of operands that have been promoted to one: that of the first array among them."""
    for each in operands:
        if is_array(each):
            return dtypes.of(each.dtype)
    return dtypes.of_number(operands[0])


def require_equal_types(input: Tensor, other: Tensor) -> None:
    """Raise unless two tensors have one type.

    Raises:
        DTypeError: they do not.
    """
    if input.dtype is not other.dtype:
        raise DTypeError(
            f"{SCALAR_NAMES[input.dtype]} did not match {SCALAR_NAMES[other.dtype]}: the tensors are {input.dtype} and "
            f"{other.dtype}; convert one with .to(dtype)"
        )


FLOATING_ONLY = ("bool", "integer")
INTEGERS_ONLY = ("bool", "floating")
BITS_ONLY = ("floating",)


class Choosy(Elementwise):
    """An elementwise op that does not have every number type.

    Class attributes:
        refuses: the categories that it refuses: ``"bool"``, ``"integer"``, ``"floating"``.
        kernel_name: how PyTorch's message calls it.
    """

    __slots__ = ()
    refuses: ClassVar[tuple[str, ...]] = ("bool",)
    kernel_name: ClassVar[str] = ""

    def accept(self, inputs: tuple[Any, ...]) -> Any:
        arrays = super().accept(inputs)
        first = arrays[0]
        if type(first) is np.ndarray and first.dtype.kind == "f" and "floating" not in self.refuses:
            return arrays  # the usual case, quickly
        found = type_of(*arrays)
        category = ("bool", "integer", "floating")[found.category]
        if category in self.refuses:
            raise UnsupportedDTypeError(
                f"\"{self.kernel_name}\" not implemented for '{SCALAR_NAMES[found]}': the input is {found}; "
                f"convert it first, for instance with {'.int()' if category == 'floating' else '.float()'}"
            )
        return arrays


class Wide(Elementwise):
    """An elementwise op that has no 16-bit types."""

    __slots__ = ()
    integers = "float"

    def title(self) -> str:
        """How its function is called."""
        return label(type(self))

    def accept(self, inputs: tuple[Any, ...]) -> Any:
        arrays = super().accept(inputs)
        found = type_of(*arrays)
        if found.itemsize == 2:
            raise UnsupportedDTypeError(
                f"\"{self.title()}_cpu\" not implemented for '{SCALAR_NAMES[found]}': the input is {found}; convert it "
                "first with .float()"
            )
        return arrays


class ZerosLike(Op):
    """z = 0 everywhere, in x's shape and type: the derivative of what is constant almost everywhere"""

    __slots__ = ()
    differentiable = False

    def forward(self, x: Any) -> Any:
        return xp(x).zeros_like(x)


class Flat(Choosy):
    """The base of ops that are constant almost everywhere: ∂L/∂x = 0"""

    __slots__ = ()

    def backward(self, g: Any) -> Any:
        zeros = ZerosLike.on(g)
        return tuple([zeros if need else None for need in self.needs])
