"""Arrays of Python's data: nested sequences of numbers, with PyTorch's rules for the type and for what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from lepton.autograd.tensor import Tensor
from lepton.backend import devices, dtypes
from lepton.errors import ArgumentError, ArgumentTypeError, DTypeError

_PYTHON = {int, float, bool}


def array_of_nested(data: Any, dtype: Any) -> np.ndarray[Any, Any]:
    """A new array of a number, nested sequences, or an array.

    Python's ints give int64, bools bool, floats the default floating type; arrays and their scalars count with their
    own type.

    Raises:
        ArgumentError: sequences of unequal lengths, or an int beyond int64. ArgumentTypeError, DTypeError: something
            else than numbers, or a number that the type does not hold.
    """
    target = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.array(data)
        return _converted(array, dtypes.of(array.dtype) if target is None else target)
    types: set[type] = set()
    _collect_types(data, types)
    if any(issubclass(each, Tensor) for each in types):
        data = _without_tensors(data)
    array = _plain_array(data)
    if target is None:
        return _converted(array, _inferred(array, types, data))
    if types <= _PYTHON:
        _check_fits(array, target)
    return _converted(array, target)


def _converted(array: np.ndarray[Any, Any], target: dtypes.dtype) -> np.ndarray[Any, Any]:
    if array.dtype.kind not in "fiubV" and array.dtype != target.numpy:
        dtypes.of(array.dtype)
    with np.errstate(all="ignore"):
        return array.astype(target.numpy, copy=False)


def _collect_types(data: Any, found: set[type]) -> None:
    """The types of the innermost elements."""
    if isinstance(data, (list, tuple)):
        inner = set(map(type, data))
        if inner & {list, tuple} or any(issubclass(each, (list, tuple)) for each in inner):
            for each in data:
                _collect_types(each, found)
        else:
            found |= inner
    else:
        found.add(type(data))


def _without_tensors(data: Any) -> Any:
    if isinstance(data, Tensor):
        host = devices.to_numpy(data._data)
        return host[()] if host.ndim == 0 else host
    if isinstance(data, (list, tuple)):
        return [_without_tensors(each) for each in data]
    return data


def _plain_array(data: Any) -> np.ndarray[Any, Any]:
    if isinstance(data, str):
        raise ArgumentTypeError("new(): invalid data type 'str'")
    if not isinstance(data, (list, tuple, range, bool, int, float)) and not hasattr(data, "__array__"):
        raise DTypeError(f"Could not infer dtype of {type(data).__name__}")
    try:
        array = np.array(data)
    except ValueError:
        raise _ragged(data) from None
    kind = array.dtype.kind
    if kind in "OUSu" and array.dtype != np.uint8:
        raise _not_numbers(array, data)
    return array


def _not_numbers(array: np.ndarray[Any, Any], data: Any) -> Exception:
    leaves = [each for each in _leaves(data) if not isinstance(each, (bool, int, float))]
    if not leaves:
        return ArgumentError("Overflow when unpacking long long: an int is beyond the range of int64")
    first = leaves[0]
    if isinstance(first, str) and len(leaves) == len(_leaves(data)):
        return ArgumentError(f"too many dimensions 'str': {first!r} is not a number")
    if isinstance(first, str):
        return ArgumentTypeError(f"new(): invalid data type 'str': {first!r} is not a number")
    if isinstance(first, np.generic):
        return ArgumentTypeError(f"can't make a tensor of elements of NumPy's {first.dtype}")
    return DTypeError(f"Could not infer dtype of {type(first).__name__}")


def _leaves(data: Any) -> list[Any]:
    if not isinstance(data, (list, tuple)):
        return [data]
    return [leaf for each in data for leaf in _leaves(each)]


def _ragged(data: Any) -> Exception:
    """Which of the nested sequences has another length than the first one at its depth."""
    lengths = []
    first = data
    while isinstance(first, (list, tuple)) or (isinstance(first, np.ndarray) and first.ndim):
        lengths.append(len(first))
        if not len(first):
            break
        first = first[0]
    return _mismatch(data, lengths, 0) or ArgumentError("the nested sequences do not have equal lengths")


def _mismatch(data: Any, lengths: list[int], depth: int) -> Exception | None:
    if depth == len(lengths):
        if isinstance(data, (list, tuple, np.ndarray)):
            return ArgumentTypeError(f"'{type(data).__name__}' object cannot be interpreted as an integer")
        return None
    if not isinstance(data, (list, tuple, np.ndarray)):
        return ArgumentTypeError(f"not a sequence: {type(data).__name__} at dim {depth}")
    if len(data) != lengths[depth]:
        return ArgumentError(f"expected sequence of length {lengths[depth]} at dim {depth} (got {len(data)})")
    for each in data:
        found = _mismatch(each, lengths, depth + 1)
        if found is not None:
            return found
    return None


def _inferred(array: np.ndarray[Any, Any], types: set[type], data: Any) -> dtypes.dtype:
    """PyTorch's type for this data: NumPy's, but Python's floats count as the default floating type."""
    if array.size == 0 and not isinstance(data, np.ndarray) and types <= _PYTHON:
        return dtypes.get_default_dtype()
    if types <= _PYTHON or types == {range}:
        return dtypes.get_default_dtype() if array.dtype.kind == "f" else dtypes.of(array.dtype)
    found: dtypes.dtype | None = None
    for each in _leaves(data):
        one = dtypes.of(each.dtype) if isinstance(each, (np.ndarray, np.generic)) else None
        if one is None:
            one = dtypes.of(array.dtype) if hasattr(each, "__array__") else dtypes.of_number(each)
        found = one if found is None else dtypes.promote_types(found, one)
    return dtypes.of(array.dtype) if found is None else found


def _check_fits(array: np.ndarray[Any, Any], target: dtypes.dtype) -> None:
    """Refuse Python's numbers that an integer type does not hold; negative ones wrap in unsigned types."""
    if target.category != 1 or array.size == 0 or array.dtype.kind == "b":
        return
    limits = np.iinfo(target.numpy)
    least = limits.min if target.is_signed else -int(limits.max)
    if not (array.min() >= least and array.max() <= limits.max):
        raise DTypeError(f"value cannot be converted to type {target.name} without overflow")
