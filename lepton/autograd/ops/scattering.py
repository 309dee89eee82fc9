"""Scatters: each element of a source goes to the place that an index of the same shape names for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from lepton.autograd.op import BroadcastTo, Cast, Op, constant, data_of
from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.arithmetic import add
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.indexing import Gather, GatherBackward, Index, Slice, check_places, long_index
from lepton.autograd.ops.joining import Cat
from lepton.autograd.ops.reduction import Prod
from lepton.autograd.ops.setitem import PutAt, erased
from lepton.autograd.ops.shape import clone, reshape
from lepton.autograd.registry import public
from lepton.autograd.scalars import written_number
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend import dtypes
from lepton.backend.devices import device_of, is_array, xp
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError
from lepton.kernels.indexing import open_grid
from lepton.kernels.scattering import count_hits
from lepton.kernels.scattering import scatter_reduce as scatter_reduce_kernel
from lepton.kernels.sorting import runs

__all__ = ["scatter", "scatter_add", "scatter_reduce"]


def scalar_value(value: Any, like: Any, what: str) -> Tensor:
    """The one value to be written, a number or a 0-d tensor, as a tensor of the type and on the device of ``like``.

    Raises:
        ShapeError: it has dimensions. ArgumentTypeError: it is neither.
    """
    new = _as_tensor(value, like)
    if new._data.ndim:
        raise ShapeError(
            f"{what} only supports a 0-dimensional value tensor, but got tensor with {new._data.ndim} dimension(s)."
        )
    return new if new._data.dtype == like.dtype else Cast(like.dtype)(new)


def _as_tensor(value: Any, like: Any) -> Tensor:
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
        parts.src = BroadcastTo(parts.index._data.shape)(scalar_value(given, data, "scatter"))
    if reduce == "add":
        added = GatherBackward(parts.dim, parts.input._data.shape)(parts.src, parts.index)
        return parts.finish(add(parts.input, added))
    if reduce == "multiply":
        return parts.finish(reduced_into(parts.input, parts.dim, parts.index, parts.src, "prod", True))
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
            gx = erased(gx, self._grid(index))
        return gx if self.needs[0] else None, None, gv if self.needs[2] else None

    def _grid(self, index: Any) -> tuple[Any, ...]:
        return open_grid(data_of(index), self.dim)

    def _of_mean(self, g: Any, index: Any) -> Any:
        counts = count_hits(data_of(index), self.dim, g.shape, self.include_self)
        shared = g / constant(counts.astype(data_of(g).dtype), g)
        return shared, Gather.on(shared, index, dim=self.dim)

    def _of_extreme(self, g: Any, x: Any, index: Any, v: Any, out: Any) -> Any:
        kind = data_of(g).dtype
        mine = Cast.on(x == out, target=kind)
        if not self.include_self:
            mine = erased(mine, self._grid(index))
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
    return parts.finish(reduced_into(parts.input, parts.dim, parts.index, parts.src, reduce, include_self))


def reduced_into(input: Tensor, dim: int, index: Tensor, src: Any, reduce: str, include_self: bool) -> Tensor:
    """``input`` with the elements of ``src`` combined into the places that ``index`` names along ``dim``."""
    if reduce == "sum":
        base = input if include_self else erased(input, open_grid(index._data, dim))
        return add(base, GatherBackward(dim, input._data.shape)(src, index))
    if reduce == "prod" and STATE.grad_enabled and (input.requires_grad or src.requires_grad):
        return scatter_product(input, index, src, dim, include_self)
    return ScatterReduce(dim, reduce, include_self)(input, index, src)
