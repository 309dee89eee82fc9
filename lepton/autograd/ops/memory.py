"""Views of a tensor's memory, whatever the shape of the tensor."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import ViewOp, link_view
from lepton.autograd.ops.arguments import check_tensor, sizes_of
from lepton.autograd.ops.indexing import Index, IndexAdd
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.backend.layout import Layout, layout, layout_within, strides, walk
from lepton.errors import ShapeError

__all__ = ["as_strided"]


class AsStrided(ViewOp):
    """z = elements of the memory in which x lies          ∂L/∂x = g added up where z shows an element of x

    Where elements of x share a place in memory, they share its gradient evenly.
    """

    __slots__ = ("shown", "source")

    def __init__(self, shown: Layout, source: Layout) -> None:
        self.shown, self.source = shown, source

    def forward(self, x: Any) -> Any:
        if strides(x) == self.source.stride:
            return walk(x, self.shown.offset - self.source.offset, self.shown.shape, self.shown.stride)
        module = xp(x)  # a copy of x that lies otherwise: its elements by their numbers, and 0 for what lies between
        memory = module.zeros(self._length(), "int64")
        self._places(memory, self.source)[...] = module.arange(1, x.size + 1).reshape(x.shape)
        return module.concatenate([module.zeros(1, x.dtype), x.reshape(-1)])[self._places(memory, self.shown)]

    def backward(self, g: Any) -> Any:
        module = xp(g._data if isinstance(g, Tensor) else g)
        memory = module.arange(self._length())
        shown, mine = self._places(memory, self.shown), self._places(memory, self.source)
        g = IndexAdd.on(g, index=(shown,), shape=memory.shape, unique=False)
        sharing = module.bincount(mine.reshape(-1), minlength=memory.size)
        shared = bool((sharing > 1).any())
        if shared:
            sharing = module.maximum(sharing, 1).astype(g.dtype if not isinstance(g, Tensor) else g._data.dtype)
            g = g / (Tensor(sharing) if isinstance(g, Tensor) else sharing)
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
    shown = Layout(sizes_of((size,)), sizes_of((stride,), "stride"), offset)
    whole = layout(owner._data)
    _check(shown, whole.bounds()[1])
    made = AsStrided(shown, source)(input)
    if owner is not input:
        link_view(owner, made, (AsStrided(shown, whole),), made._view.frozen if made._view is not None else None)
    return made


def _check(shown: Layout, length: int) -> None:
    size, stride = list(shown.shape), list(shown.stride)
    if len(size) != len(stride):
        raise ShapeError(f"mismatch in length of strides and shape: {stride} for {size}")
    if any(each < 0 for each in stride):
        raise ShapeError(f"as_strided: Negative strides are not supported at the moment, got strides: {stride}")
    last = shown.bounds()[1]
    if shown.offset < 0 or last > length:
        raise ShapeError(
            f"setStorage: sizes {size}, strides {stride}, storage offset {shown.offset} require elements up to number "
            f"{last - 1}, which are out of bounds for a storage of {length} elements"
        )
