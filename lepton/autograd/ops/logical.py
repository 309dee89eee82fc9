"""Logic on truth values and on the bits of integers."""

from __future__ import annotations

from typing import Any, ClassVar

from lepton.autograd.ops._elementwise import BITS_ONLY, INTEGERS_ONLY, Choosy, module
from lepton.autograd.ops.comparison import Compare
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp

__all__ = [
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "logical_and", "logical_not", "logical_or", "logical_xor",
]  # fmt: skip

# ---------------------------------------------------------------------- truth values


class LogicalAnd(Compare):
    """z = x ≠ 0 and y ≠ 0          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).logical_and(x, y)


class LogicalOr(Compare):
    """z = x ≠ 0 or y ≠ 0          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).logical_or(x, y)


class LogicalXor(Compare):
    """z = either x ≠ 0 or y ≠ 0          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).logical_xor(x, y)


class LogicalNot(Compare):
    """z = x = 0          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).logical_not(x)


@public(inplace=True)
def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Whether both elements are not 0, as bool; the shapes broadcast."""
    return LogicalAnd()(input, other)


@public(inplace=True)
def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Whether one of the elements is not 0, as bool; the shapes broadcast."""
    return LogicalOr()(input, other)


@public(inplace=True)
def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Whether exactly one of the elements is not 0, as bool; the shapes broadcast."""
    return LogicalXor()(input, other)


@public(inplace=True)
def logical_not(input: Tensor) -> Tensor:
    """Whether each element is 0, as bool."""
    return LogicalNot()(input)


# ---------------------------------------------------------------------- bits


class Bitwise(Choosy):
    """The base of operations on bits: integers and bools only, no derivative"""

    __slots__ = ()
    differentiable = False
    refuses: ClassVar[tuple[str, ...]] = BITS_ONLY


class BitwiseAnd(Bitwise):
    """z = x & y, bit by bit          (no derivative)"""

    __slots__ = ()
    kernel_name = "bitwise_and_cpu"

    def forward(self, x: Any, y: Any) -> Any:
        return x & y


class BitwiseOr(Bitwise):
    """z = x | y, bit by bit          (no derivative)"""

    __slots__ = ()
    kernel_name = "bitwise_or_cpu"

    def forward(self, x: Any, y: Any) -> Any:
        return x | y


class BitwiseXor(Bitwise):
    """z = x ^ y, bit by bit          (no derivative)"""

    __slots__ = ()
    kernel_name = "bitwise_xor_cpu"

    def forward(self, x: Any, y: Any) -> Any:
        return x ^ y


class BitwiseNot(Bitwise):
    """z = ~x, bit by bit          (no derivative)"""

    __slots__ = ()
    kernel_name = "bitwise_not_cpu"

    def forward(self, x: Any) -> Any:
        return ~x


class LeftShift(Bitwise):
    """z = x·2ʸ, bits that leave are lost          (no derivative)"""

    __slots__ = ()
    refuses = INTEGERS_ONLY
    kernel_name = "lshift_cpu"

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).left_shift(x, y)


class RightShift(Bitwise):
    """z = ⌊x / 2ʸ⌋          (no derivative)"""

    __slots__ = ()
    refuses = INTEGERS_ONLY
    kernel_name = "rshift_cpu"

    def forward(self, x: Any, y: Any) -> Any:
        return module(x, y).right_shift(x, y)


@public(inplace=True)
def bitwise_and(input: Tensor | int, other: Tensor | int) -> Tensor:
    """input & other, bit by bit; for bools "and".

    Args:
        input, other: integer or bool tensors of shapes that broadcast, or a number; promoted to one type.

    Raises:
        UnsupportedDTypeError: an operand is floating. ShapeError: the shapes do not broadcast.
    """
    return BitwiseAnd()(input, other)


@public(inplace=True)
def bitwise_or(input: Tensor | int, other: Tensor | int) -> Tensor:
    """input | other, bit by bit; for bools "or". Types, shapes and errors as for :func:`bitwise_and`."""
    return BitwiseOr()(input, other)


@public(inplace=True)
def bitwise_xor(input: Tensor | int, other: Tensor | int) -> Tensor:
    """input ^ other, bit by bit; for bools "either or". Types, shapes and errors as for :func:`bitwise_and`."""
    return BitwiseXor()(input, other)


@public(inplace=True)
def bitwise_not(input: Tensor) -> Tensor:
    """~input, every bit turned; for bools "not".

    Raises:
        UnsupportedDTypeError: ``input`` is floating.
    """
    return BitwiseNot()(input)


@public(inplace=True)
def bitwise_left_shift(input: Tensor | int, other: Tensor | int) -> Tensor:
    """input·2^other for integers; 0 where ``other`` is negative or not below the number of bits.

    Raises:
        UnsupportedDTypeError: an operand is floating, or both are bool. ShapeError: the shapes do not broadcast.
    """
    return LeftShift()(input, other)


@public(inplace=True)
def bitwise_right_shift(input: Tensor | int, other: Tensor | int) -> Tensor:
    """⌊input / 2^other⌋ for integers; where ``other`` is negative or not below the number of bits, all sign bits.

    Raises:
        UnsupportedDTypeError: an operand is floating, or both are bool. ShapeError: the shapes do not broadcast.
    """
    return RightShift()(input, other)
