"""Views of a tensor's memory, whatever the shape of the tensor, and other shapes for a tensor in place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lepton.autograd.inplace import check_changeable, release_retained
from lepton.autograd.op import ViewOp, constant, data_of, link_view
from lepton.autograd.ops.arguments import check_tensor, sizes_of
from lepton.autograd.ops.creation import empty
from lepton.autograd.ops.indexing import Index, IndexAdd
from lepton.autograd.ops.shape import squeeze, swapaxes, t, transpose, unsqueeze
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor, View
from lepton.backend.devices import xp
from lepton.backend.layout import Layout, address, layout, layout_within, strides, walk
from lepton.errors import ShapeError

__all__ = ["as_strided"]


class AsStrided(ViewOp):
    """z = elements of the memory in which x lies          ∂L/∂x = g added up where z shows an element of x

    Where elements of x share a place in memory, they share its gradient evenly. ``source`` is the layout of x, whose
    first element is at the address ``start``; only there may memory be shown in which x itself has no elements.
    """

    __slots__ = ("shown", "source", "start")

    def __init__(self, shown: Layout, source: Layout, start: int) -> None:
        self.shown, self.source, self.start = shown, source, start

    def forward(self, x: Any) -> Any:
        if address(x) == self.start and strides(x) == self.source.stride:
            return walk(x, self.shown.offset - self.source.offset, self.shown.shape, self.shown.stride)
        module = xp(x)  # a copy of x that lies otherwise: its elements by their numbers, and 0 for what lies between
        memory = module.zeros(self._length(), "int64")
        self._places(memory, self.source)[...] = module.arange(1, x.size + 1).reshape(x.shape)
        return module.concatenate([module.zeros(1, x.dtype), x.reshape(-1)])[self._places(memory, self.shown)]

    def backward(self, g: Any) -> Any:
        data = data_of(g)
        module = xp(data)
        memory = module.arange(self._length())
        shown, mine = self._places(memory, self.shown), self._places(memory, self.source)
        g = IndexAdd.on(g, index=(shown,), shape=memory.shape, unique=False)
        sharing = module.bincount(mine.reshape(-1), minlength=memory.size)
        shared = bool((sharing > 1).any())
        if shared:
            g = g / constant(module.maximum(sharing, 1).astype(data.dtype), g)
        return Index.on(g, index=(mine,), unique=not shared)

    def _length(self) -> int:
        return max(self.shown.bounds()[1], self.source.bounds()[1])

    def _places(self, memory: Any, where: Layout) -> Any:
        return walk(memory, where.offset, where.shape, where.stride)


def _storage(input: Tensor) -> tuple[Tensor, Layout]:
    """The tensor that owns the memory (the tensor itself if that cannot be told), and the layout in it."""
    if input._view is not None:
        found = layout_within(input._data, input._view.base._data)
        if found is not None:
            return input._view.base, found
    return input, layout(input._data)


@public()
def storage_offset(self: Tensor) -> int:
    """The place of the first element in the memory that the tensor shares with others, counted in elements."""
    return _storage(check_tensor(self, "storage_offset", "self"))[1].offset


@public()
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view that walks through the tensor's memory: element [i, j, …] is number offset + i·stride₀ + j·stride₁ + ….

    Args:
        size: the shape of the view.
        stride: for each of its dimensions the distance of neighbours, counted in elements.
        storage_offset: where it begins, counted from the beginning of the memory, which for a view is that of the
            tensor which it views; None: with the tensor's first element.

    Raises:
        ShapeError: the view would leave the memory, or a stride is negative.
    """
    owner, source = _storage(check_tensor(input, "as_strided"))
    offset = source.offset if storage_offset is None else storage_offset
    shown = _strided(size, stride, offset)
    whole = layout(owner._data)
    _check(shown, whole.bounds()[1])
    if input._view is None or not input._view.frozen:
        return AsStrided(shown, whole, address(owner._data))(owner)  # it may show more of the memory than the input
    made = AsStrided(shown, source, address(input._data))(input)
    link_view(owner, made, (AsStrided(shown, whole, address(owner._data)),), input._view.frozen)
    return made


def _strided(size: Any, stride: Any, offset: int = 0) -> Layout:
    """A layout as a user gives it."""
    shown = Layout(sizes_of((size,)), sizes_of((stride,), "stride"), offset)
    size, stride = list(shown.shape), list(shown.stride)
    if len(size) != len(stride):
        raise ShapeError(f"mismatch in length of strides and shape: {stride} for {size}")
    if any(each < 0 for each in size):
        raise ShapeError(f"Trying to create tensor with negative dimension: {size}")
    if any(each < 0 for each in stride):
        raise ShapeError(f"as_strided: Negative strides are not supported at the moment, got strides: {stride}")
    return shown


def _check(shown: Layout, length: int) -> None:
    size, stride = list(shown.shape), list(shown.stride)
    last = shown.bounds()[1]
    if shown.offset < 0 or last > length:
        raise ShapeError(
            f"setStorage: sizes {size}, strides {stride}, storage offset {shown.offset} require elements up to number "
            f"{last - 1}, which are out of bounds for a storage of {length} elements"
        )


@public()
def new_empty_strided(
    self: Tensor, size: Any, stride: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of this layout, of ``self``'s type and device unless others are named, whose memory is whatever it was.

    Raises:
        ShapeError: as many strides as dimensions are needed, none of either negative.
    """
    check_tensor(self, "new_empty_strided", "self")
    shown = _strided(size, stride)
    line = empty(shown.bounds()[1], dtype=dtype or self.dtype, device=self.device if device is None else device)
    return Tensor(walk(line._data, 0, shown.shape, shown.stride)).requires_grad_(requires_grad)


# ---------------------------------------------------------------------- another shape in place


def way_back(now: Any, former: Any) -> tuple[ViewOp, ...]:
    """From a base's array to the one that it had before: no step where that was other memory."""
    found = layout_within(now, former)
    return () if found is None else (AsStrided(layout(former), found, address(now)),)


def _become(target: Tensor, made: Tensor) -> Tensor:
    """Let ``target`` show its memory as ``made`` does, a view of it, from now on: shape, version and graph."""
    if target._cell is not None:
        target._cell[0] += 1
    old, new = target._view, made._view
    if old is not None and new is not None:
        version = new.version if target._cell is None else target._cell[0]
        target._view = View(new.base, new.chain, version, old.frozen, new.origin)
    target._data = made._data
    if made._needs:
        retained = release_retained(target)
        target._edge, target._needs = made._edge, True
        if retained:
            target.retain_grad()
    return target


def _in_place(function: Callable[..., Tensor], *aliases: str) -> None:
    """Enter the twin of a view function that gives the tensor itself the shape of the view."""

    @functools.wraps(function)
    def twin(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_changeable(check_tensor(self, twin.__name__, "self"))
        return _become(self, function(self, *args, **kwargs))

    twin.__name__, twin.__qualname__ = f"{function.__name__}_", f"Tensor.{function.__name__}_"
    twin.__doc__ = f"In-place version of :meth:`Tensor.{function.__name__}`; returns the tensor itself."
    public(aliases=aliases)(twin)


for _function in (as_strided, squeeze, swapaxes, t, unsqueeze):
    _in_place(_function)
_in_place(transpose, "swapdims_")
