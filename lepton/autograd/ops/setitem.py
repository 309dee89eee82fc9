"""``tensor[index] = value``: a write through the view that the index shows, or to the elements that it picks."""

from __future__ import annotations

from typing import Any

import numpy as np

from lepton.autograd.inplace import assign, check_writable, copy_, on_graph
from lepton.autograd.op import Op, SumTo, constant, data_of
from lepton.autograd.ops.indexing import Index, Plan, Slice, explain_index
from lepton.autograd.scalars import as_written
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.devices import is_array, place_of, xp
from lepton.errors import ShapeError


class PutAt(Op):
    """z = x with v at index          ∂L/∂x = g with 0 at index,  ∂L/∂v = g[index] summed back to v

    Where an element is written more than once the last write stands, and only that one has a gradient.
    """

    __slots__ = ("index", "unique", "source", "extent")
    saves = ("index",)

    def __init__(self, index: tuple[Any, ...], unique: bool) -> None:
        self.index, self.unique = index, unique

    def forward(self, x: Any, v: Any) -> Any:
        self.source, self.extent = v.shape, x.shape
        out = x.copy()
        write_at(out, self.index, v)
        return out

    def backward(self, g: Any, index: Any) -> Any:
        gx = gv = None
        if self.needs[0]:
            gx = erased(g, index)
        if self.needs[1]:
            gv = Index.on(g, index=index, unique=self.unique)
            if not self.unique:
                gv = gv * constant(self._last_writes(index), g)
            gv = SumTo.on(gv, shape=self.source)
        return gx, gv

    def _last_writes(self, index: tuple[Any, ...]) -> Any:
        module = xp(next(each for each in index if is_array(each)))
        places = module.zeros(self.extent, module.int64)
        numbers = module.arange(places[index].size).reshape(places[index].shape)
        places[index] = numbers
        return places[index] == numbers


def erased(g: Any, index: tuple[Any, ...]) -> Any:
    """``g``, an array or a Tensor, with 0 at ``index``."""
    data = data_of(g)
    return PutAt.on(g, constant(xp(data).zeros((), data.dtype), g), index=index, unique=True)


def write_at(array: Any, index: tuple[Any, ...], value: Any) -> None:
    """``array[index] = value``.

    Raises:
        ShapeError: ``value`` cannot be broadcast to what the index picks. IndexRangeError: the index is out of range.
    """
    try:
        array[index] = value
    except IndexError as error:
        raise explain_index(error, array.shape) from None
    except ValueError:
        picked = list(array[index].shape)
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of "
            f"shape {picked}"
        ) from None


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """Write ``value``, broadcast and cast, to ``self[index]``; differentiable in both.

    Raises:
        ShapeError: ``value`` cannot be broadcast to what the index picks. IndexRangeError: the index is out of range.
        ArgumentTypeError: ``value`` is no number. DTypeError: the type does not have this number.
        And what :func:`lepton.autograd.inplace.check_writable` raises.
    """
    check_writable(self)
    plan = Plan(index, self)
    target = self if plan.basic is None else Slice(plan.basic)(self)
    source = value if isinstance(value, Tensor) else Tensor(_as_array_like(value, self._data))
    if plan.advanced is None:
        copy_(target, _without_leading_ones(source, target._data.ndim))
    else:
        _put(target, plan, source)


def _as_array_like(value: Any, array: Any) -> Any:
    if is_array(value) and not isinstance(value, np.ndarray):
        return value.astype(array.dtype)
    made = as_written(value, dtypes.of(array.dtype))
    here = place_of(array)
    return made if isinstance(array, np.ndarray) else here.from_numpy(made, here.device_of(array))


def _without_leading_ones(source: Tensor, ndim: int) -> Tensor:
    extra = source._data.ndim - ndim
    if extra > 0 and all(length == 1 for length in source._data.shape[:extra]):
        return Slice((0,) * extra + (Ellipsis,))(source)
    return source


def _put(target: Tensor, plan: Plan, source: Tensor) -> None:
    index = plan.advanced
    if source._data.dtype != target._data.dtype:
        source = source.to(target.dtype)
    if on_graph(target, source):
        assign(target, PutAt(index, plan.unique)(target, source))
        return
    write_at(target._data, index, source._data)
    if target._cell is not None:
        target._cell[0] += 1
