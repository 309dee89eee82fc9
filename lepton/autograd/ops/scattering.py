"""Ops that write values to places named by an index, a mask or a view."""

from __future__ import annotations

from typing import Any

import numpy as np

from lepton.autograd.inplace import ViewScatter
from lepton.autograd.op import BroadcastTo, Cast, Op, broadcast_shape
from lepton.autograd.ops.arguments import check_tensor, index_array, scalar_name
from lepton.autograd.ops.arithmetic import add
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.indexing import (
    FULL,
    Gather,
    GatherBackward,
    Index,
    IndexAdd,
    Plan,
    Slice,
    check_flat,
    check_places,
    long_index,
)
from lepton.autograd.ops.joining import Cat
from lepton.autograd.ops.reduction import Prod
from lepton.autograd.ops.setitem import PutAt
from lepton.autograd.ops.shape import clone, reshape
from lepton.autograd.registry import public
from lepton.autograd.scalars import written_number
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend import dtypes
from lepton.backend.devices import device_of, is_array, xp
from lepton.errors import ArgumentTypeError, DTypeError, IndexRangeError, ShapeError
from lepton.kernels.indexing import along, open_grid
from lepton.kernels.scattering import count_hits
from lepton.kernels.scattering import scatter_reduce as scatter_reduce_kernel
from lepton.kernels.sorting import runs

__all__ = [
    "index_add", "index_copy", "index_fill", "index_put", "index_reduce", "masked_fill", "masked_scatter", "put",
    "scatter", "scatter_add", "scatter_reduce", "select_scatter", "slice_scatter",
]  # fmt: skip


def _zero_like(g: Any) -> Any:
    """0 in the type of an array or a Tensor, as the same."""
    data = g._data if isinstance(g, Tensor) else g
    zero = xp(data).zeros((), data.dtype)
    return Tensor(zero) if isinstance(g, Tensor) else zero


def _erased(g: Any, index: tuple[Any, ...]) -> Any:
    """``g`` with 0 at ``index``, an array or a Tensor."""
    return PutAt.on(g, _zero_like(g), index=index, unique=True)


# ---------------------------------------------------------------------- values


def as_value(value: Any, like: Any) -> Tensor:
    """What is to be written, as a tensor: a number becomes 0-d in the type and on the device of ``like``.

    Raises:
        DTypeError: the type does not have this number. ArgumentTypeError: it is no number.
    """
    if isinstance(value, Tensor):
        if value._data.ndim == 0 and device_of(value._data) != device_of(like):
            return value.to(device_of(like))
        return value
    if isinstance(value, (bool, int, float, np.generic)):
        plain = value.item() if isinstance(value, np.generic) else value
        kind = dtypes.of(like.dtype)
        dtypes.check_fits(plain, kind)
        return Tensor(xp(like).full((), written_number(plain, kind), dtype=like.dtype))
    if is_array(value):
        return Tensor(value)
    raise ArgumentTypeError(
        f"can't assign a {type(value).__name__} to a {dtypes.of(like.dtype)} tensor; make a tensor of it first"
    )


def _shape_of_index(x: Any, index: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of x[index], and a check that every place exists."""
    try:
        return tuple(xp(x).broadcast_to(xp(x).zeros((), bool), x.shape)[index].shape)
    except IndexError as error:
        raise IndexRangeError(str(error).replace("for axis", "for dimension")) from None


def _expanded(value: Tensor, shape: tuple[int, ...], how: str) -> Tensor:
    """``value``, whose leading dimensions of length 1 may be too many, if it broadcasts to ``shape``."""
    own = value._data.shape
    if len(own) > len(shape):
        extra = len(own) - len(shape)
        if own[:extra] == (1,) * extra:
            value, own = reshape(value, own[extra:]), own[extra:]
    if len(own) <= len(shape) and all(a in (1, b) for a, b in zip(own[::-1], shape[::-1], strict=False)):
        return value
    if how == "index":
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(own)} cannot be broadcast to indexing result of shape "
            f"{list(shape)}"
        )
    for place in range(1, min(len(own), len(shape)) + 1):
        if own[-place] not in (1, shape[-place]):
            raise ShapeError(
                f"The expanded size of the tensor ({shape[-place]}) must match the existing size ({own[-place]}) at "
                f"non-singleton dimension {len(shape) - place}.  Target sizes: {list(shape)}.  "
                f"Tensor sizes: {list(own)}"
            )
    raise ShapeError(f"a value of shape {list(own)} has too many dimensions for a target of shape {list(shape)}")


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
    if data.dtype != rows.dtype:
        raise DTypeError(
            f"index_add_(): self ({scalar_name(data.dtype)}) and source ({scalar_name(rows.dtype)}) must have the same "
            "scalar type"
        )
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
    new = _scalar_value(value, data, "index_fill_")
    if data.ndim == 0:
        return BroadcastTo(())(new).clone() if places.size else input.clone()
    length = data.shape[dim]
    if places.size and (places.min() < -length or places.max() >= length):
        wrong = int(places.min()) if places.min() < -length else int(places.max())
        raise IndexRangeError(f"index {wrong} is out of bounds for dimension {dim} with size {length}")
    return PutAt(_at(dim, places), False)(input, new)


def _scalar_value(value: Any, data: Any, what: str) -> Tensor:
    new = as_value(value, data)
    if new._data.ndim:
        raise ShapeError(
            f"{what} only supports a 0-dimensional value tensor, but got tensor with {new._data.ndim} dimension(s)."
        )
    return new if new._data.dtype == data.dtype else Cast(data.dtype)(new)


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
    new = _expanded(new, shape, "index")
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


# ---------------------------------------------------------------------- element by element


def _check_scatter(index: Any, shape: tuple[int, ...], dim: int, source: tuple[int, ...] | None) -> None:
    if max(index.ndim, 1) != max(len(shape), 1):
        raise ShapeError("Index tensor must have the same number of dimensions as self tensor")
    if source is not None and max(len(source), 1) != max(index.ndim, 1):
        raise ShapeError("Index tensor must have the same number of dimensions as src tensor")
    for place, length in enumerate(index.shape):
        if (place != dim and length > shape[place]) or (source is not None and length > source[place]):
            also = "" if source is None else f" and to be no larger size than src {list(source)}"
            raise ShapeError(
                f"Expected index {list(index.shape)} to be no larger than self {list(shape)} apart from dimension {dim}"
                f"{also}"
            )


def _same_type(input: Tensor, src: Tensor, what: str) -> None:
    if src._data.dtype != input._data.dtype:
        raise DTypeError(
            f"{what}(): Expected self.dtype to be equal to src.dtype, but got {input.dtype} and {src.dtype}"
        )


class _Scatter:
    """The checked arguments of a scatter: everything with at least one dimension, ``src`` cut to ``index``'s shape."""

    __slots__ = ("dim", "index", "input", "shape", "src")

    def __init__(self, what: str, input: Tensor, dim: int, index: Tensor, src: Tensor | None) -> None:
        data = check_tensor(input, what)._data
        self.shape = data.shape
        self.index = long_index(index, data, f"{what}()")
        self.dim = normalize_dim(dim, data.ndim)
        _check_scatter(self.index._data, data.shape, self.dim, None if src is None else src._data.shape)
        check_places(self.index._data, data.shape[self.dim] if data.ndim else 1, self.dim)
        self.input, self.src = input, src
        if data.ndim == 0:
            self.input = reshape(input, 1)
        if self.index._data.ndim == 0:
            self.index = reshape(self.index, 1)
        if src is not None:
            own = src if src._data.ndim else reshape(src, 1)
            wanted = self.index._data.shape
            self.src = own if own._data.shape == wanted else Slice((*[slice(n) for n in wanted], ...))(own)

    def grid(self) -> tuple[Any, ...]:
        """The advanced index that a scatter writes to."""
        places = self.index._data
        return open_grid(places.copy() if STATE.grad_enabled else places, self.dim)

    def finish(self, out: Tensor) -> Tensor:
        """The result in the shape of the input."""
        return out if out._data.shape == self.shape else reshape(out, self.shape)


@public(inplace=True)
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """z = input, with z[index[i][j]][j] = src[i][j] for ``dim=0``, and likewise for other dimensions.

    Args:
        index: int64, of as many dimensions, no longer than ``src``, nor than ``input`` apart from ``dim``.
        src: a tensor of ``input``'s type, or a number (also as ``value=``).
        reduce: ``"add"`` or ``"multiply"`` into what is there, instead of replacing it.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ. IndexRangeError: an index is out of range.
    """
    given = value if src is None else src
    data = check_tensor(input, "scatter")._data
    source = given if isinstance(given, Tensor) and given._data.ndim else None
    if reduce not in (None, "add", "multiply"):
        raise ShapeError(f"reduce argument must be either add or multiply, got {reduce!r}.")
    if source is not None:
        _same_type(input, source, "scatter")
    elif isinstance(given, Tensor):
        _same_type(input, given, "scatter")
    parts = _Scatter("scatter", input, dim, index, source)
    if source is None:
        parts.src = BroadcastTo(parts.index._data.shape)(_scalar_value(given, data, "scatter"))
    if reduce == "add":
        added = GatherBackward(parts.dim, parts.input._data.shape)(parts.src, parts.index)
        return parts.finish(add(parts.input, added))
    if reduce == "multiply":
        return parts.finish(_reduced(parts.input, parts.dim, parts.index, parts.src, "prod", True))
    return parts.finish(PutAt(parts.grid(), False)(parts.input, parts.src))


@public(inplace=True)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """z = input, and z[index[i][j]][j] += src[i][j] for ``dim=0``, and likewise for other dimensions.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ. IndexRangeError: an index is out of range.
    """
    check_tensor(input, "scatter_add")
    _same_type(input, check_tensor(src, "scatter_add", "src", 4), "scatter")
    parts = _Scatter("scatter_add", input, dim, index, src)
    added = GatherBackward(parts.dim, parts.input._data.shape)(parts.src, parts.index)
    return parts.finish(add(parts.input, added))


REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


class ScatterReduce(Op):
    """z = x with the vs that fall on a place combined into it: mean, largest or smallest

    ∂L/∂x, ∂L/∂v: for a mean g/n; for the largest and smallest g shared evenly among those that are equal to z.
    Products whose gradient is wanted are made of other ops, see ``scatter_product``.
    """

    __slots__ = ("dim", "include_self", "reduce")
    saves = ("x", "index", "v", "out")

    def __init__(self, dim: int, reduce: str, include_self: bool) -> None:
        self.dim, self.reduce, self.include_self = dim, reduce, include_self

    def forward(self, x: Any, index: Any, v: Any) -> Any:
        return scatter_reduce_kernel(x, index, v, self.dim, self.reduce, self.include_self)

    def backward(self, g: Any, x: Any, index: Any, v: Any, out: Any) -> Any:
        if self.reduce == "mean":
            gx, gv = self._of_mean(g, index)
        else:
            gx, gv = self._of_extreme(g, x, index, v, out)
        if not self.include_self and self.needs[0]:
            gx = _erased(gx, self._grid(index))
        return gx if self.needs[0] else None, None, gv if self.needs[2] else None

    def _grid(self, index: Any) -> tuple[Any, ...]:
        return open_grid(index._data if isinstance(index, Tensor) else index, self.dim)

    def _of_mean(self, g: Any, index: Any) -> Any:
        places = index._data if isinstance(index, Tensor) else index
        counts = count_hits(places, self.dim, g.shape, self.include_self)
        shared = g / _like(counts, g)
        return shared, Gather.on(shared, index, dim=self.dim)

    def _of_extreme(self, g: Any, x: Any, index: Any, v: Any, out: Any) -> Any:
        kind = (g._data if isinstance(g, Tensor) else g).dtype
        mine = Cast.on(x == out, target=kind)
        if not self.include_self:
            mine = _erased(mine, self._grid(index))
        theirs = Cast.on(v == Gather.on(out, index, dim=self.dim), target=kind)
        hits = mine + GatherBackward.on(theirs, index, dim=self.dim, shape=x.shape)
        shared = g / Where.on(hits == 0, 1, hits)
        untouched = mine if self.include_self else Cast.on(x == x, target=kind)
        return shared * untouched, Gather.on(shared, index, dim=self.dim) * theirs


def scatter_product(x: Tensor, index: Tensor, v: Tensor, dim: int, include_self: bool) -> Tensor:
    """``x`` with the products of the ``v`` that fall on a place in its stead, or multiplied to it.

    The factors of each place are put into a row, filled up with ones, so that the rule of :class:`Prod` serves, which
    is right for factors of 0 in every order.
    """
    module = xp(x._data)
    numbers = module.arange(x._data.size).reshape(x._data.shape)
    flat = numbers[open_grid(index._data, dim)].reshape(-1)
    order = module.argsort(flat, kind="stable")
    touched, rows, counts = runs(flat[order], 0)
    if not touched.size:
        return clone(x)
    own = int(include_self)
    one = v._data.size + touched.size
    table = module.full((touched.size, int(counts.max()) + own), one, dtype="int64")
    firsts = module.cumsum(counts) - counts
    table[rows, module.arange(flat.size) - firsts[rows] + own] = order
    if include_self:
        table[:, 0] = v._data.size + module.arange(touched.size)
    line = reshape(x, x._data.size)
    factors = Cat(0)(reshape(v, v._data.size), Index((touched,), True)(line), Tensor(module.ones(1, x._data.dtype)))
    products = Prod((1,), False)(Index((table,))(factors))
    return reshape(PutAt((touched,), True)(line, products), x._data.shape)


def _like(array: Any, g: Any) -> Any:
    """Constants in the type of ``g``, as a Tensor if ``g`` is one."""
    if isinstance(g, Tensor):
        return Tensor(array.astype(g._data.dtype))
    return array.astype(g.dtype)


def _check_reduce(reduce: str) -> None:
    if reduce not in REDUCTIONS:
        raise ShapeError(f"reduce argument must be either {', '.join(REDUCTIONS[:-1])} or amin, got {reduce}")


@public(inplace=True)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """z = input, with the src[i][j] that fall on z[index[i][j]][j] (``dim=0``; others likewise) combined into it.

    Args:
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether what ``input`` holds at those places takes part.

    Raises:
        ShapeError: the shapes do not fit, or another ``reduce``. DTypeError: the types differ. IndexRangeError: an
            index is out of range.
    """
    check_tensor(input, "scatter_reduce")
    _same_type(input, check_tensor(src, "scatter_reduce", "src", 4), "scatter")
    _check_reduce(reduce)
    parts = _Scatter("scatter_reduce", input, dim, index, src)
    return parts.finish(_reduced(parts.input, parts.dim, parts.index, parts.src, reduce, include_self))


def _reduced(input: Tensor, dim: int, index: Tensor, src: Any, reduce: str, include_self: bool) -> Tensor:
    if reduce == "sum":
        base = input if include_self else _erased(input, open_grid(index._data, dim))
        return add(base, GatherBackward(dim, input._data.shape)(src, index))
    if reduce == "prod" and STATE.grad_enabled and (input.requires_grad or src.requires_grad):
        return scatter_product(input, index, src, dim, include_self)
    return ScatterReduce(dim, reduce, include_self)(input, index, src)


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
    if data.dtype != rows.dtype:
        raise DTypeError(
            f"index_reduce_(): self ({scalar_name(data.dtype)}) and source ({scalar_name(rows.dtype)}) must have the "
            "same scalar type"
        )
    dim = normalize_dim(dim, data.ndim)
    places = _vector(index, data, "index_reduce")
    _check_source(data, rows, dim, places, "index_reduce", ShapeError)
    check_places(places, data.shape[dim], 0)
    shape = (1,) * dim + (-1,) + (1,) * (data.ndim - dim - 1)
    everywhere = xp(data).broadcast_to(places.reshape(shape), rows.shape)
    return _reduced(input, dim, Tensor(everywhere), source, reduce, include_self)


# ---------------------------------------------------------------------- by masks, numbers and views


@public(inplace=True)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``value`` (a number or a 0-d tensor) where the bool ``mask`` is true, else ``input``; the two are broadcast.

    Raises:
        DTypeError: the mask is not bool. ShapeError: the shapes do not broadcast, or ``value`` has dimensions.
    """
    data, chosen = check_tensor(input, "masked_fill")._data, check_tensor(mask, "masked_fill", "mask", 2)._data
    if chosen.dtype != bool:
        raise DTypeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {scalar_name(chosen.dtype)}"
        )
    return Where()(mask, _scalar_value(value, data, "masked_fill_"), input)


@public(inplace=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``input`` with the places where ``mask`` is true filled, in order, with the first elements of ``source``.

    Raises:
        DTypeError: the mask is not bool, or the types differ. ShapeError: ``source`` has too few elements.
    """
    data, chosen = check_tensor(input, "masked_scatter")._data, check_tensor(mask, "masked_scatter", "mask", 2)._data
    if chosen.dtype != bool:
        raise DTypeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {scalar_name(chosen.dtype)}"
        )
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
