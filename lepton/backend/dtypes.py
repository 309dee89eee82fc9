"""The number types: PyTorch's names over NumPy's dtypes, and PyTorch's rules of promotion.

NumPy alone would answer ``float64`` for ``int32 + float32`` and would let a 0-d array widen a matrix. Here, as in
PyTorch, the *category* (bool < integer < floating) of an operand decides first, and within a category an operand
with dimensions outranks a 0-d tensor, which outranks a Python number.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lepton.errors import ArgumentTypeError, DTypeError, require


class dtype:  # noqa: N801 - the name is PyTorch's
    """A number type such as ``lepton.float32``; one object for each type, compared by identity."""

    __slots__ = ("name", "itemsize", "is_floating_point", "is_signed", "category", "_numpy")

    def __init__(self, name: str, itemsize: int, category: int, signed: bool = True) -> None:
        self.name = name
        self.itemsize = itemsize
        self.category = category
        self.is_floating_point = category == 2
        self.is_signed = signed
        self._numpy: np.dtype[Any] | None = None

    @property
    def is_complex(self) -> bool:
        """Always False: complex numbers are out of scope."""
        return False

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype that arrays of this type carry (``bfloat16`` needs the extra ``bf16``)."""
        if self._numpy is None:
            self._numpy = np.dtype(require("ml_dtypes", "bf16", "bfloat16 tensors").bfloat16)
            _BY_NUMPY[self._numpy] = self
        return self._numpy

    def __repr__(self) -> str:
        return f"lepton.{self.name}"

    def __reduce__(self) -> str:
        return self.name


_BOOL, _INTEGER, _FLOATING = 0, 1, 2

float64 = dtype("float64", 8, _FLOATING)
float32 = dtype("float32", 4, _FLOATING)
float16 = dtype("float16", 2, _FLOATING)
bfloat16 = dtype("bfloat16", 2, _FLOATING)
int64 = dtype("int64", 8, _INTEGER)
int32 = dtype("int32", 4, _INTEGER)
int16 = dtype("int16", 2, _INTEGER)
int8 = dtype("int8", 1, _INTEGER)
uint8 = dtype("uint8", 1, _INTEGER, signed=False)
bool_ = dtype("bool", 1, _BOOL, signed=False)

ALL = (float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8, bool_)
_BY_NUMPY: dict[np.dtype[Any], dtype] = {}
for _each in ALL:
    if _each is not bfloat16:
        _each._numpy = np.dtype(_each.name)
        _BY_NUMPY[_each._numpy] = _each

_BY_PYTHON = {bool: bool_, int: int64, float: float64}
_default = float32


def of(array_dtype: np.dtype[Any]) -> dtype:
    """The lepton dtype of an array's NumPy dtype; ``ArgumentTypeError`` for types that tensors do not have."""
    found = _BY_NUMPY.get(array_dtype)
    if found is None:
        if array_dtype.name == "bfloat16" and bfloat16.numpy == array_dtype:
            return bfloat16
        names = ", ".join(each.name for each in ALL)
        raise ArgumentTypeError(
            f"can't make a tensor of NumPy dtype {array_dtype}; the types that a tensor can have are: {names}. "
            "Convert the array first, for instance with array.astype('float32')."
        )
    return found


def as_dtype(value: Any) -> dtype:
    """``value`` as a lepton dtype: one of ours, a NumPy dtype or scalar type, or Python's bool, int, float."""
    if isinstance(value, dtype):
        return value
    if value in _BY_PYTHON:
        return _BY_PYTHON[value]
    try:
        return of(np.dtype(value))
    except TypeError:
        raise ArgumentTypeError(f"dtype must be a lepton dtype such as lepton.float32, not {value!r}") from None


def get_default_dtype() -> dtype:
    """The floating type of Python numbers and of factories that are not told otherwise (float32 at the start)."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Set the default floating type.

    Raises:
        ArgumentTypeError: ``d`` is not a floating type.
    """
    global _default
    chosen = as_dtype(d)
    if not chosen.is_floating_point:
        raise ArgumentTypeError(f"only floating-point types are supported as the default type, got {chosen}")
    _default = chosen


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest type that both convert to without changing category, by PyTorch's table.

    Raises:
        ArgumentTypeError: one is no number type.
    """
    if type1 is type2:
        return type1
    _check_types("promote_types", type1, type2)
    if type1.category != type2.category:
        return type1 if type1.category > type2.category else type2
    if type1.category == _FLOATING:
        if type1.itemsize == type2.itemsize:  # float16 with bfloat16: neither holds the other
            return float32
        return type1 if type1.itemsize > type2.itemsize else type2
    return of(np.promote_types(type1.numpy, type2.numpy))


def _check_types(function: str, *types: Any) -> None:
    for place, each in enumerate(types, 1):
        if not isinstance(each, dtype):
            raise ArgumentTypeError(f"{function}(): argument {place} must be lepton.dtype, not {type(each).__name__}")


def of_number(value: Any) -> dtype:
    """The type that a Python number counts as: bool, int64, or the default floating type."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    return _default


def check_fits(value: float, target: dtype) -> None:
    """Refuse a Python number outside of the type's range; as in PyTorch, unsigned types take an integer −n for 2ᵇ − n.

    Raises:
        DTypeError: it is, or it is to be an integer and is infinite or nan.
    """
    if target.category == _INTEGER:
        limits = np.iinfo(target.numpy)
        least = -limits.max if isinstance(value, int) and not target.is_signed else limits.min
        fits = (isinstance(value, int) or math.isfinite(value)) and least <= int(value) <= limits.max
    else:
        most = finfo(target if target.is_floating_point else float64).max
        fits = abs(value) <= most or value != value or abs(value) == math.inf
    if not fits:
        raise DTypeError(f"value cannot be converted to type {target.name} without overflow: {value}")


def _outranked(higher: dtype | None, lower: dtype | None) -> dtype | None:
    if higher is None or lower is None:
        return higher or lower
    return higher if higher.category >= lower.category else promote_types(higher, lower)


def result_dtype(dtypes_with_rank: list[tuple[dtype, int]]) -> dtype:
    """PyTorch's type promotion over operands.

    Args:
        dtypes_with_rank: for each operand its type and rank: 2 with dimensions, 1 for a 0-d tensor, 0 for a number.
    """
    best: list[dtype | None] = [None, None, None]
    for each, rank in dtypes_with_rank:
        held = best[rank]
        best[rank] = each if held is None else promote_types(held, each)
    result = _outranked(best[2], _outranked(best[1], best[0]))
    assert result is not None
    return result


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether PyTorch lets a result of type ``from_`` be stored into ``to``: a category may not be lost.

    Raises:
        ArgumentTypeError: one is no number type.
    """
    _check_types("can_cast", from_, to)
    return from_.category <= to.category


class finfo:  # noqa: N801 - the name is PyTorch's
    """Machine limits of a floating type: ``bits``, ``eps``, ``max``, ``min``, ``tiny``, ``smallest_normal``, …

    Raises:
        ArgumentTypeError: the type is not floating.
    """

    def __init__(self, type: dtype | None = None) -> None:
        chosen = _default if type is None else as_dtype(type)
        if not chosen.is_floating_point:
            raise ArgumentTypeError(f"finfo() requires a floating point input type, not {chosen}; use lepton.iinfo")
        limits = (
            require("ml_dtypes", "bf16", "finfo(bfloat16)").finfo(chosen.numpy)
            if chosen is bfloat16
            else np.finfo(chosen.numpy)
        )
        self.dtype = chosen.name
        self.bits = chosen.itemsize * 8
        self.eps = float(limits.eps)
        self.max = float(limits.max)
        self.min = float(limits.min)
        self.tiny = self.smallest_normal = float(limits.tiny)
        self.resolution = float(limits.resolution)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:  # noqa: N801 - the name is PyTorch's
    """Limits of an integer type: ``bits``, ``min``, ``max``.

    Raises:
        ArgumentTypeError: the type is not an integer type.
    """

    def __init__(self, type: dtype) -> None:
        chosen = as_dtype(type)
        if chosen.category != _INTEGER:
            raise ArgumentTypeError(f"iinfo() requires an integer input type, not {chosen}; use lepton.finfo")
        limits = np.iinfo(chosen.numpy)
        self.dtype = chosen.name
        self.bits = int(limits.bits)
        self.min = int(limits.min)
        self.max = int(limits.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
