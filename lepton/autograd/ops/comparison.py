"""Comparisons, what kind of number an element is, and the choice between two tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from lepton.autograd.op import Elementwise, as_array, broadcast_shape, result_type
from lepton.autograd.ops._elementwise import require_equal_types
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_tensor
from lepton.autograd.registry import TABLE, PublicOp, public
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.devices import is_array, xp
from lepton.errors import ArgumentTypeError, DTypeError
from lepton.kernels import selection

__all__ = [
    "eq", "ge", "greater", "greater_equal", "gt", "isclose", "isfinite", "isinf", "isnan", "isneginf",
    "isposinf", "isreal", "le", "less", "less_equal", "lt", "ne", "not_equal", "signbit", "where",
]  # fmt: skip

# ---------------------------------------------------------------------- order


class Compare(Elementwise):
    """The base of comparisons: bool results, no derivative"""

    __slots__ = ()
    differentiable = False
    integers = "bool"


class Eq(Compare):
    """z = x = y          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return x == y


class Ne(Compare):
    """z = x ≠ y          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return x != y


class Lt(Compare):
    """z = x < y          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return x < y


class Le(Compare):
    """z = x ≤ y          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return x <= y


class Gt(Compare):
    """z = x > y          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return x > y


class Ge(Compare):
    """z = x ≥ y          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any, y: Any) -> Any:
        return x >= y


@public(inplace=True)
def eq(input: Tensor, other: Tensor | float) -> Tensor:
    """input = other, element by element, as bool; nan equals nothing.

    Args:
        input, other: tensors of shapes that broadcast, or a number; compared in their promoted type.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    return Eq()(input, other)


@public(inplace=True, aliases=("not_equal",))
def ne(input: Tensor, other: Tensor | float) -> Tensor:
    """input ≠ other, element by element, as bool; see :func:`eq`."""
    return Ne()(input, other)


@public(inplace=True, aliases=("less",))
def lt(input: Tensor, other: Tensor | float) -> Tensor:
    """input < other, element by element, as bool; see :func:`eq`."""
    return Lt()(input, other)


@public(inplace=True, aliases=("less_equal",))
def le(input: Tensor, other: Tensor | float) -> Tensor:
    """input ≤ other, element by element, as bool; see :func:`eq`."""
    return Le()(input, other)


@public(inplace=True, aliases=("greater",))
def gt(input: Tensor, other: Tensor | float) -> Tensor:
    """input > other, element by element, as bool; see :func:`eq`."""
    return Gt()(input, other)


@public(inplace=True, aliases=("greater_equal",))
def ge(input: Tensor, other: Tensor | float) -> Tensor:
    """input ≥ other, element by element, as bool; see :func:`eq`."""
    return Ge()(input, other)


class Isclose(Compare):
    """z = |x − y| ≤ a + r·|y|, or x = y          (no derivative)"""

    __slots__ = ("rtol", "atol", "equal_nan")

    def __init__(self, rtol: float, atol: float, equal_nan: bool) -> None:
        self.rtol, self.atol, self.equal_nan = rtol, atol, equal_nan

    def forward(self, x: Any, y: Any) -> Any:
        module = xp(x)
        close = x == y
        if self.equal_nan:
            close = close | (module.isnan(x) & module.isnan(y))
        if x.dtype.kind == "b":
            x, y = x.astype(dtypes.get_default_dtype().numpy), y.astype(dtypes.get_default_dtype().numpy)
        distance = module.abs(x - y)
        return close | (module.isfinite(distance) & (distance <= self.atol + module.abs(self.rtol * y)))


@public()
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether |input − other| ≤ atol + rtol·|other|, element by element, as bool.

    Args:
        input, other: tensors of one type and of shapes that broadcast.
        rtol, atol: relative and absolute tolerance, not negative.
        equal_nan: whether nan is close to nan.

    Raises:
        DTypeError: the types differ, or a tolerance is negative.
    """
    require_equal_types(check_tensor(input, "isclose"), check_tensor(other, "isclose", "other", 2))
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if not tolerance >= 0:
            raise DTypeError(f"{name} must be greater than or equal to zero, but got {tolerance}")
    return Isclose(rtol, atol, equal_nan)(input, other)


# ---------------------------------------------------------------------- kinds of numbers


class Isnan(Compare):
    """z = x is nan          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return x != x


class Isinf(Compare):
    """z = |x| = ∞          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).isinf(x)


class Isfinite(Compare):
    """z = |x| < ∞          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).isfinite(x)


class Signbit(Compare):
    """z = x's sign bit is set          (no derivative)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).signbit(x) if x.dtype.kind not in "bui" else x < 0


@public()
def isnan(input: Tensor) -> Tensor:
    """Whether each element is nan, as bool; always False for integers."""
    return Isnan()(input)


@public()
def isinf(input: Tensor) -> Tensor:
    """Whether each element is +∞ or −∞, as bool."""
    return Isinf()(input)


@public()
def isposinf(input: Tensor) -> Tensor:
    """Whether each element is +∞, as bool."""
    return Eq()(input, float("inf"))


@public()
def isneginf(input: Tensor) -> Tensor:
    """Whether each element is −∞, as bool."""
    return Eq()(input, float("-inf"))


@public()
def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither nan nor infinite, as bool."""
    return Isfinite()(input)


@public()
def isreal(input: Tensor) -> Tensor:
    """Whether each element is a real number, as bool: True everywhere, since there are no complex tensors."""
    data = check_tensor(input, "isreal")._data
    return Tensor(xp(data).ones_like(data, dtype=bool))


@public()
def signbit(input: Tensor) -> Tensor:
    """Whether each element's sign bit is set, as bool; True for −0.0 too."""
    return Signbit()(input)


# ---------------------------------------------------------------------- choice


class Where(Elementwise):
    """z = x where c, else y          ∂L/∂x = g where c, else 0,  ∂L/∂y = 0 where c, else g"""

    __slots__ = ()
    saves = ("condition",)

    def accept(self, inputs: tuple[Any, ...]) -> Any:
        condition, x, y = inputs
        if isinstance(condition, Tensor) and isinstance(x, Tensor) and isinstance(y, Tensor):
            mask, a, b = condition._data, x._data, y._data
            if mask.dtype.kind == "b" and a.dtype is b.dtype and mask.shape == a.shape == b.shape:
                self.restore = None
                return mask, a, b
        x, y = self._operand(x, 1), self._operand(y, 2)
        mask = self._mask(condition)
        if not isinstance(x, Tensor) and not isinstance(y, Tensor):
            self.restore = None
            wanted = result_type(x, y).numpy
            return mask, xp(mask).full_like(mask, x, dtype=wanted), y
        x_data, y_data = self._promote((x, y))
        broadcast_shape(*[each.shape for each in (mask, x_data, y_data) if is_array(each)])
        own = [(each._data.shape, each._data.dtype) if isinstance(each, Tensor) else None for each in (x, y)]
        self.restore = (None, *own)
        return mask, x_data, y_data

    def _mask(self, condition: Any) -> Any:
        if is_array(condition) or isinstance(condition, np.bool_):
            return as_array(condition)
        if not isinstance(condition, Tensor):
            raise ArgumentTypeError(
                f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}"
            )
        found = condition.dtype
        if found is dtypes.bool_:
            return condition._data
        if found is dtypes.uint8:
            return condition._data.astype(bool)
        raise DTypeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{SCALAR_NAMES[found]}; compare it first, for instance with condition != 0"
        )

    def forward(self, condition: Any, x: Any, y: Any) -> Any:
        if type(y) in (int, float) and y == 0 and is_array(x):
            return selection.masked(x, condition)
        if is_array(x) and is_array(y):
            return selection.choose(x, y, condition)
        return xp(condition).where(condition, x, y)

    def backward(self, g: Any, condition: Any) -> Any:
        return (
            None,
            Where.on(condition, g, 0) if self.needs[1] else None,
            Where.on(~condition, g, 0) if self.needs[2] else None,
        )


def where(condition: Tensor, input: Tensor | float | None = None, other: Tensor | float | None = None) -> Any:
    """``input`` where ``condition`` is true, ``other`` elsewhere.

    Args:
        condition: a bool tensor.
        input, other: tensors or numbers; the three shapes broadcast, the result has the promoted type of the two.

    Returns:
        A tensor; called with ``condition`` alone, the indices of its true elements, one int64 tensor per dimension.

    Raises:
        ShapeError: the shapes do not broadcast. DTypeError: ``condition`` is not bool. ArgumentTypeError: only one of
            ``input`` and ``other`` is given.
    """
    if input is not None and other is not None:
        return Where()(condition, input, other)
    if input is not None or other is not None:
        raise ArgumentTypeError("where() takes condition alone, or condition, input and other")
    data = check_tensor(condition, "where", "condition")._data
    places = (data.reshape(1) if data.ndim == 0 else data).nonzero()
    return tuple([Tensor(each) for each in places])


def _where_method(self: Tensor, condition: Tensor, other: Tensor | float) -> Tensor:
    """``self`` where ``condition`` is true, ``other`` elsewhere; see :func:`lepton.where`."""
    return Where()(condition, self, other)


TABLE["Tensor.where"] = PublicOp("where", _where_method, True, False, None)  # a method with another order of arguments


greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
