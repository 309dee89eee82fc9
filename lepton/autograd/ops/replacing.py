"""Ops that write values along a dimension, where a mask is true, by number, or into what a view shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from lepton.autograd.inplace import ViewScatter
from lepton.autograd.op import BroadcastTo, Cast, broadcast_shape
from lepton.autograd.ops.arguments import check_tensor, index_array, scalar_name
from lepton.autograd.ops.arithmetic import add
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.indexing import FULL, IndexAdd, Plan, Slice, check_flat, check_places
from lepton.autograd.ops.scattering import REDUCTIONS, reduced_into, scalar_value
from lepton.autograd.ops.setitem import PutAt
from lepton.autograd.ops.shape import reshape
from lepton.autograd.registry import public
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend import dtypes
from lepton.backend.devices import xp
from lepton.errors import ArgumentTypeError, DTypeError, IndexRangeError, ShapeError
from lepton.kernels.indexing import along

__all__ = [
    "index_add", "index_copy", "index_fill", "index_put", "index_reduce", "masked_fill", "masked_scatter", "put",
    "select_scatter", "slice_scatter",
]  # fmt: skip


# ---------------------------------------------------------------------- along one dimension


def _vector(index: Tensor, data: Any, what: str) -> Any:
    places = index_array(index, data, f"{what}()")
    if places.ndim > 1:
        raise IndexRangeError(
            f"{what}_(): Index is supposed to be a vector, but got dim: {places.ndim} with type: "
            f"{scalar_name(index._data.dtype)} and size: {list(places.shape)}"
        )
    places = places.reshape(-1)
    return places.copy() if STATE.grad_enabled else places


def _at(dim: int, places: Any) -> tuple[Any, ...]:
    return (FULL,) * dim + (places,)


def _check_same_type(data: Any, source: Any, what: str) -> None:
    if data.dtype != source.dtype:
        raise DTypeError(
            f"{what}_(): self ({scalar_name(data.dtype)}) and source ({scalar_name(source.dtype)}) must have the same "
            "scalar type"
        )


def _check_source(data: Any, source: Any, dim: int, places: Any, what: str, kind: type[Exception]) -> None:
    if source.ndim and data.ndim and places.size != source.shape[dim]:
        raise kind(
            f"{what}_(): Number of indices ({places.size}) should be equal to source.size(dim) "
            f"({source.shape[dim]}), for dim: {dim}"
        )
    mine, theirs = list(data.shape), list(source.shape)
    other_dims = len(mine) != len(theirs) and what != "index_copy"
    if other_dims or mine[:dim] + mine[dim + 1 :] != theirs[:dim] + theirs[dim + 1 :]:
        raise ShapeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {mine} source.shape = {theirs}"
        )


@public(inplace=True)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """z = input, and z[index[i]] += α·source[i] along ``dim``; an index may come several times.

    Raises:
        ShapeError, IndexRangeError: ``index`` and ``source`` do not fit. DTypeError: the types differ.
    """
    data, rows = check_tensor(input, "index_add")._data, check_tensor(source, "index_add", "source", 4)._data
    dim = normalize_dim(dim, data.ndim)
    places = _vector(index, data, "index_add")
    _check_same_type(data, rows, "index_add")
    _check_source(data, rows, dim, places, "index_add", ShapeError)
    if data.ndim == 0:
        return add(input, reshape(source, ()), alpha=alpha)
    check_places(places, data.shape[dim], 0)
    return add(input, IndexAdd(_at(dim, places), data.shape, False)(source), alpha=alpha)


@public(inplace=True)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """z = input, with z[index[i]] = source[i] along ``dim``.

    Raises:
        ShapeError, IndexRangeError: ``index`` and ``source`` do not fit. DTypeError: the types differ, or ``index`` is
            not int64.
    """
    data, rows = check_tensor(input, "index_copy")._data, check_tensor(source, "index_copy", "source", 4)._data
    dim = normalize_dim(dim, data.ndim)
    if check_tensor(index, "index_copy", "index", 3)._data.dtype != np.int64:
        raise DTypeError(f"index_copy_(): Expected a long tensor for index, but got {scalar_name(index._data.dtype)}")
    places = _vector(index, data, "index_copy")
    if data.dtype != rows.dtype:
        raise DTypeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{scalar_name(data.dtype)} and (source) {scalar_name(rows.dtype)}"
        )
    _check_source(data, rows, dim, places, "index_copy", IndexRangeError)
    if data.ndim == 0:
        return reshape(source, ()).clone()
    if places.size and (places.min() < 0 or places.max() >= data.shape[dim]):
        wrong = int(places.min()) if places.min() < 0 else int(places.max())
        raise IndexRangeError(
            f"index_copy_(): index {wrong} is out of bounds for dimension {dim} with size {data.shape[dim]}"
        )
    return PutAt(_at(dim, places), False)(input, source)


@public(inplace=True)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """z = input, with z[index[i]] = value (a number or a 0-d tensor) along ``dim``.

    Raises:
        IndexRangeError: an index is out of range or not int64. ShapeError: ``value`` has dimensions.
    """
    data = check_tensor(input, "index_fill")._data
    dim = normalize_dim(dim, data.ndim)
    if check_tensor(index, "index_fill", "index", 3)._data.dtype != np.int64:
        raise IndexRangeError("index_fill_(): Expected dtype int64 for index.")
    places = _vector(index, data, "index_fill")
    new = scalar_value(value, data, "index_fill_")
    if data.ndim == 0:
        return BroadcastTo(())(new).clone() if places.size else input.clone()
    length = data.shape[dim]
    if places.size and (places.min() < -length or places.max() >= length):
        wrong = int(places.min()) if places.min() < -length else int(places.max())
        raise IndexRangeError(f"index {wrong} is out of bounds for dimension {dim} with size {length}")
    return PutAt(_at(dim, places), False)(input, new)


@public(inplace=True)
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """z = input, with the source[i] whose index[i] is the same combined into z[index[i]] along ``dim``.

    Args:
        reduce: ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether what ``input`` holds at those places takes part.

    Raises:
        ShapeError, IndexRangeError: ``index`` and ``source`` do not fit. DTypeError: the types differ.
    """
    data, rows = check_tensor(input, "index_reduce")._data, check_tensor(source, "index_reduce", "source", 4)._data
    if reduce not in REDUCTIONS[1:]:
        raise ShapeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    _check_same_type(data, rows, "index_reduce")
    dim = normalize_dim(dim, data.ndim)
    places = _vector(index, data, "index_reduce")
    _check_source(data, rows, dim, places, "index_reduce", ShapeError)
    check_places(places, data.shape[dim], 0)
    shape = (1,) * dim + (-1,) + (1,) * (data.ndim - dim - 1)
    everywhere = xp(data).broadcast_to(places.reshape(shape), rows.shape)
    return reduced_into(input, dim, Tensor(everywhere), source, reduce, include_self)


# ---------------------------------------------------------------------- at an index


@public(inplace=True)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """z = input, with z[indices] = values, or += with ``accumulate``.

    Args:
        indices: a tuple of tensors as in ``input[indices]``: integers, or bool masks.
        values: broadcast to what the indices pick; of ``input``'s type.

    Raises:
        IndexRangeError: an index is out of range. ShapeError: ``values`` does not broadcast. DTypeError: the types
            differ.
    """
    data, new = check_tensor(input, "index_put")._data, check_tensor(values, "index_put", "values", 3)
    for place, each in enumerate(indices):
        if not isinstance(each, Tensor):
            raise ArgumentTypeError(f"expected Tensor as element {place} in argument 0, but got {type(each).__name__}")
    if new._data.dtype != data.dtype:
        raise DTypeError(
            "Index put requires the source and destination dtypes match, got "
            f"{scalar_name(data.dtype)} for the destination and {scalar_name(new._data.dtype)} for the source."
        )
    index = _arrays_of(indices, input)
    shape = _shape_of_index(data, index)
    new = _expanded(new, shape)
    if not accumulate:
        return PutAt(index, False)(input, new)
    return add(input, IndexAdd(index, data.shape, False)(BroadcastTo(shape)(new)))


def _arrays_of(indices: Any, input: Tensor) -> tuple[Any, ...]:
    """The advanced index of a tuple of index tensors, of which 0-d ones count as tensors too."""
    widened = [reshape(each, 1) if each._data.ndim == 0 and each._data.dtype != bool else each for each in indices]
    plan = Plan(tuple(widened), input)
    if any(each._data.ndim == 0 and each._data.dtype != bool for each in indices) and all(
        each._data.ndim == 0 for each in indices
    ):
        return tuple([each if isinstance(each, slice) else each.reshape(()) for each in plan.advanced])
    return plan.advanced


def _shape_of_index(x: Any, index: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of x[index], and a check that every place exists."""
    try:
        return tuple(xp(x).broadcast_to(xp(x).zeros((), bool), x.shape)[index].shape)
    except IndexError as error:
        raise IndexRangeError(str(error).replace("for axis", "for dimension")) from None


def _expanded(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """``value``, whose leading dimensions of length 1 may be too many, if it broadcasts to ``shape``."""
    own = value._data.shape
    if len(own) > len(shape):
        extra = len(own) - len(shape)
        if own[:extra] == (1,) * extra:
            value, own = reshape(value, own[extra:]), own[extra:]
    if len(own) <= len(shape) and all(a in (1, b) for a, b in zip(own[::-1], shape[::-1], strict=False)):
        return value
    raise ShapeError(
        f"shape mismatch: value tensor of shape {list(own)} cannot be broadcast to indexing result of shape "
        f"{list(shape)}"
    )


# ---------------------------------------------------------------------- by masks, numbers and views


def _check_mask(mask: Any, what: str) -> None:
    if mask.dtype != bool:
        raise DTypeError(f"{what}_ only supports boolean masks, but got mask with dtype {scalar_name(mask.dtype)}")


@public(inplace=True)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``value`` (a number or a 0-d tensor) where the bool ``mask`` is true, else ``input``; the two are broadcast.

    Raises:
        DTypeError: the mask is not bool. ShapeError: the shapes do not broadcast, or ``value`` has dimensions.
    """
    data, chosen = check_tensor(input, "masked_fill")._data, check_tensor(mask, "masked_fill", "mask", 2)._data
    _check_mask(chosen, "masked_fill")
    return Where()(mask, scalar_value(value, data, "masked_fill_"), input)


@public(inplace=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``input`` with the places where ``mask`` is true filled, in order, with the first elements of ``source``.

    Raises:
        DTypeError: the mask is not bool, or the types differ. ShapeError: ``source`` has too few elements.
    """
    data, chosen = check_tensor(input, "masked_scatter")._data, check_tensor(mask, "masked_scatter", "mask", 2)._data
    _check_mask(chosen, "masked_scatter")
    if source._data.dtype != data.dtype:
        raise DTypeError(
            "masked_scatter: expected self and source to have same dtypes but got "
            f"{scalar_name(data.dtype)} and {scalar_name(source._data.dtype)}"
        )
    shape = broadcast_shape(data.shape, chosen.shape)
    module = xp(data)
    places = module.flatnonzero(module.broadcast_to(chosen, shape))
    if places.size > source._data.size:
        raise ShapeError("Number of elements of source < number of ones in mask")
    wide = input if data.shape == shape else BroadcastTo(shape)(input)
    values = Slice((slice(int(places.size)), ...))(reshape(source, -1))
    return reshape(PutAt((places,), True)(reshape(wide, -1), values), shape)


@public(inplace=True)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` with the elements whose numbers, counted through the flattened tensor, ``index`` holds replaced.

    Args:
        source: as many elements as ``index``, of ``input``'s type.
        accumulate: add to what is there instead.

    Raises:
        IndexRangeError: a number is out of range, or the numbers of elements differ. DTypeError: the types differ.
    """
    data, new = check_tensor(input, "put")._data, check_tensor(source, "put", "source", 3)
    places = index_array(index, data, "put_()").reshape(-1)
    if index.dtype is not dtypes.int64:
        raise DTypeError(f"put_(): Expected a long tensor for index, but got {scalar_name(index._data.dtype)}")
    if new._data.dtype != data.dtype:
        raise DTypeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{scalar_name(data.dtype)} and source.dtype = {scalar_name(new._data.dtype)}"
        )
    if places.size != new._data.size:
        raise IndexRangeError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{new._data.size}, index.numel() = {places.size}"
        )
    check_flat(places, data.size)
    places = xp(places).where(places < 0, places + data.size, places)
    line, values = reshape(input, -1), reshape(new, -1)
    if accumulate:
        return reshape(add(line, IndexAdd((places,), line._data.shape, False)(values)), data.shape)
    return reshape(PutAt((places,), False)(line, values), data.shape)


def replace_view(input: Tensor, src: Tensor, view: Any) -> Tensor:
    """``input`` with what a view op shows of it replaced by ``src``.

    Raises:
        ShapeError: ``src`` does not have the view's shape.
    """
    shape = view.forward(input._data).shape
    if src._data.shape != shape:
        raise ShapeError(
            "expected src to have a size equal to the slice of self. "
            f"src size = {list(src._data.shape)}, slice size = {list(shape)}"
        )
    if src._data.dtype != input._data.dtype:
        src = Cast(input._data.dtype)(src)
    return ViewScatter((view,))(input, src)


@public()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """``input`` with the slice number ``index`` along ``dim`` replaced by ``src``.

    Raises:
        ShapeError: ``src`` does not have the slice's shape. IndexRangeError: there is no such slice.
    """
    shape = check_tensor(input, "select_scatter")._data.shape
    dim = normalize_dim(dim, len(shape))
    if not -shape[dim] <= index < shape[dim]:
        raise IndexRangeError(
            f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {dim}"
        )
    return replace_view(input, check_tensor(src, "select_scatter", "src", 2), Slice(along(dim, index)))


@public()
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """``input`` with ``input[start:end:step]`` along ``dim`` replaced by ``src``.

    Raises:
        ShapeError: ``src`` does not have the slice's shape.
    """
    dim = normalize_dim(dim, check_tensor(input, "slice_scatter")._data.ndim)
    view = Slice(along(dim, slice(start, end, step)))
    return replace_view(input, check_tensor(src, "slice_scatter", "src", 2), view)
