"""Checks and conversions of arguments that many families of ops share: dimensions, sizes, types, names of types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend import dtypes
from lepton.backend.devices import Array, device_of, is_array, move
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError, UnsupportedDTypeError
from lepton.kernels.reduction import is_narrow

SCALAR_NAMES = {
    dtypes.float64: "Double",
    dtypes.float32: "Float",
    dtypes.float16: "Half",
    dtypes.bfloat16: "BFloat16",
    dtypes.int64: "Long",
    dtypes.int32: "Int",
    dtypes.int16: "Short",
    dtypes.int8: "Char",
    dtypes.uint8: "Byte",
    dtypes.bool_: "Bool",
}


def scalar_name(array_dtype: Any) -> str:
    """PyTorch's word for a number type in error messages: ``Float``, ``Long``, …"""
    return SCALAR_NAMES[dtypes.of(array_dtype)]


def normalize_dims(dim: Any, ndim: int, empty_is_all: bool = True) -> tuple[int, ...] | None:
    """One dimension or several as a tuple counted from the front; None stands for all of them.

    Raises:
        IndexRangeError: one is out of range. ShapeError: one appears twice.
    """
    if dim is None:
        return None
    if type(dim) is int:
        place = normalize_dim(dim, ndim)
        return (place,) if ndim else None
    if isinstance(dim, (str, float, bool)):
        raise ArgumentTypeError(f"argument 'dim' must be an int or a tuple of ints, not {type(dim).__name__}")
    listed = tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    if not listed:
        return None if empty_is_all else ()
    found = tuple([normalize_dim(each, ndim) for each in listed])
    if len(set(found)) != len(found):
        twice = next(each for each in found if found.count(each) > 1)
        raise ShapeError(f"dim {twice} appears multiple times in the list of dims")
    return found if ndim else None


def sizes_of(sizes: Any, what: str = "size") -> tuple[int, ...]:
    """Sizes that were passed as one sequence or one by one, as a tuple of ints.

    Raises:
        ArgumentTypeError: one is not an int.
    """
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        first = sizes[0]
        if isinstance(first, (tuple, list)):
            sizes = first
        elif isinstance(first, (Tensor, np.ndarray)) and first.ndim == 1:
            sizes = first.tolist()
    for each in sizes:
        if type(each) is not int:
            return tuple([_as_size(size, what) for size in sizes])
    return tuple(sizes)


def sizes_or_named(sizes: tuple[Any, ...], named: dict[str, Any], function: str, *names: str) -> tuple[Any, ...]:
    """Sizes that were passed by position, or as one sequence by one of these names.

    Raises:
        ArgumentTypeError: neither, or an argument has another name.
    """
    unknown = set(named) - set(names)
    if unknown or not (sizes or named):
        unexpected = f"got an unexpected keyword argument '{unknown.pop()}'" if unknown else ""
        raise ArgumentTypeError(f"{function}() {unexpected or f'needs the argument {names[-1]!r}'}")
    return sizes or tuple(named.values())


def _as_size(size: Any, what: str) -> int:
    try:
        if not isinstance(size, (bool, float)):
            return int(size.__index__())
    except AttributeError:
        pass
    raise ArgumentTypeError(f"argument '{what}' must be tuple of ints, but found element of type {type(size).__name__}")


def same_type(what: str, *tensors: Tensor | None) -> None:
    """Refuse tensors of different number types, in PyTorch's words for ops that do not promote.

    Raises:
        DTypeError: the types differ.
    """
    first = None
    for each in tensors:
        if each is None:
            continue
        if first is None:
            first = each._data.dtype
        elif each._data.dtype != first:
            raise DTypeError(
                f"{what}: expected all tensors to have the same dtype, but got {scalar_name(first)} and "
                f"{scalar_name(each._data.dtype)}; convert one with tensor.to(dtype)"
            )


def check_tensor(value: Any, function: str, argument: str = "input", position: int = 1) -> Tensor:
    """``value``, which must be a Tensor.

    Raises:
        ArgumentTypeError: it is not.
    """
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(
            f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}"
        )
    return value


def check_floating(value: Any, function: str, wide: bool = False) -> Tensor:
    """``value``, which must be a Tensor of a floating type, with ``wide`` of at least 32 bits.

    Raises:
        UnsupportedDTypeError: its type is another. ArgumentTypeError: it is no Tensor.
    """
    data = check_tensor(value, function)._data
    if data.dtype.kind not in "fV" or (wide and is_narrow(data.dtype)):
        raise UnsupportedDTypeError(
            f"\"{function}\" not implemented for '{scalar_name(data.dtype)}'; convert the input, as with .float()"
        )
    tensor: Tensor = value
    return tensor


def check_storage(shape: Sequence[int], what: str) -> None:
    """Refuse a shape of more elements than memory has addresses, before anything of its size is begun.

    Raises:
        ShapeError: it has.
    """
    elements = 1
    for length in shape:
        elements *= max(length, 1)
    if elements >= 1 << 60:
        raise ShapeError(f"{what}: Storage size calculation overflowed with sizes={list(shape)}")


def check_optional(function: str, position: int, **tensors: Any) -> None:
    """Refuse what is neither a Tensor nor None; ``position`` is that of the first of these arguments.

    Raises:
        ArgumentTypeError: one is something else.
    """
    for place, (argument, value) in enumerate(tensors.items(), position):
        if value is not None:
            check_tensor(value, function, argument, place)


def index_array(index: Any, like: Array, what: str, tensor_only: bool = True) -> Array:
    """An index tensor's integers as int64, on the device of ``like``.

    Raises:
        DTypeError: they are not int32 or int64. ArgumentTypeError: it is no tensor.
    """
    if isinstance(index, Tensor):
        array = index._data
    elif is_array(index) and not tensor_only:
        array = index
    else:
        raise ArgumentTypeError(f"{what}: argument 'index' must be Tensor, not {type(index).__name__}")
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 4:
        raise DTypeError(f"{what}: Expected dtype int32/int64 for index")
    array = move(array, device_of(like))
    return array if array.dtype == np.int64 else array.astype(np.int64)


def tensor_sequence(tensors: Any, what: str) -> Sequence[Tensor]:
    """A tuple or list of Tensors, checked.

    Raises:
        ArgumentTypeError: it is neither, or holds something else.
    """
    if not isinstance(tensors, (tuple, list)):
        raise ArgumentTypeError(
            f"{what}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    for place, each in enumerate(tensors):
        if not isinstance(each, Tensor):
            raise ArgumentTypeError(
                f"expected Tensor as element {place} in argument 'tensors' of {what}(), but got {type(each).__name__}"
            )
    return tensors
