"""Hot loops of indexing: reading along a dimension, and adding up values that fall on the same place."""

from __future__ import annotations

import math
from typing import Any

from lepton.backend.devices import Array, xp
from lepton.kernels.registry import fast_kernel, kernel

SMALLEST = 1 << 13  # elements for which compiled rows pay


def along(axis: int, entry: Any) -> tuple[Any, ...]:
    """The index that is ``entry`` on ``axis`` and everything elsewhere."""
    return (slice(None),) * axis + (entry, ...)


def open_grid(index: Array, axis: int) -> tuple[Any, ...]:
    """``index`` along ``axis``, and along every other axis the place itself: x[open_grid(...)] picks along ``axis``."""
    module, ndim = xp(index), index.ndim
    grid: list[Any] = []
    for dim, length in enumerate(index.shape):
        if dim == axis:
            grid.append(index)
        else:
            grid.append(module.arange(length).reshape((1,) * dim + (length,) + (1,) * (ndim - dim - 1)))
    return tuple(grid)


@fast_kernel("embedding", SMALLEST)
def take_rows(table: Array, index: Array) -> Array:
    """The rows of a matrix that the index, of any shape, names."""
    return table[index]


@kernel
def take_along(x: Array, index: Array, axis: int) -> Array:
    """z[…, i, …] = x[…, index[…, i, …], …] along ``axis``; other axes may be shorter in ``index``."""
    return x[open_grid(index, axis)]


@kernel
def put_along(values: Array, index: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """Zeros of ``shape`` with z[…, index[…, i, …], …] = values[…, i, …]; no place may be named twice."""
    out = xp(values).zeros(shape, values.dtype)
    out[open_grid(index, axis)] = values
    return out


@fast_kernel("embedding", SMALLEST)
def index_add(values: Array, index: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """Zeros of ``shape`` to which ``values`` are added at ``index``: integer arrays and full slices, as x[index] reads.

    Values that fall on one place are added in the order in which they come, float16 ones in float32.
    """
    module = xp(values)
    places = _places(module, index, shape)
    narrow = values.dtype.itemsize == 2 and values.dtype.kind in "fV"
    out = module.zeros(math.prod(shape), module.float32 if narrow else values.dtype)
    # element by element: on a flat array ``add.at`` is an order of magnitude faster than on rows
    module.add.at(out, places.reshape(-1), values.reshape(-1))
    return out.reshape(shape).astype(values.dtype, copy=False)


def _places(module: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """The number, in a flat array, of each element that x[index] reads from an x of ``shape``."""
    leading = 0
    while leading < len(index) and not isinstance(index[leading], slice):
        leading += 1
    if leading == 0 or any(not isinstance(each, slice) for each in index[leading:]):
        return module.arange(math.prod(shape)).reshape(shape)[index]
    rows: Any = 0
    for each, length in zip(index[:leading], shape[:leading], strict=True):
        rows = rows * length + module.where(each < 0, each + length, each)
    width = math.prod(shape[leading:])
    return rows if width == 1 else rows[..., None] * width + module.arange(width)
