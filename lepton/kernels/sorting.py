"""Hot loops that put elements in order."""

from __future__ import annotations

import math

from lepton.backend.devices import Array, xp
from lepton.kernels.indexing import along, take_along
from lepton.kernels.registry import kernel


@kernel
def sorting_order(x: Array, axis: int, descending: bool) -> Array:
    """The stable order of x along ``axis``: where the smallest (largest) element is, and so on; nan is largest."""
    if not descending:
        return x.argsort(axis=axis, kind="stable")
    turned = along(axis, slice(None, None, -1))  # turned round twice, so that equal elements keep their order
    return x.shape[axis] - 1 - x[turned].argsort(axis=axis, kind="stable")[turned]


@kernel
def best_few(x: Array, axis: int, k: int, largest: bool) -> Array:
    """Where the ``k`` largest (smallest) elements along ``axis`` are, in order."""
    n = x.shape[axis]
    if n < 64 or 4 * k > n or k == 0:
        return sorting_order(x, axis, largest)[along(axis, slice(k))]
    part = slice(n - k, None) if largest else slice(k)
    chosen = xp(x).argpartition(x, n - k if largest else k - 1, axis=axis)[along(axis, part)]
    chosen.sort(axis=axis)
    order = sorting_order(take_along(x, chosen, axis), axis, largest)
    return take_along(chosen, order, axis)


@kernel
def lower_median(x: Array, skip_nan: bool) -> Array:
    """The element in the middle of all, the lower of two; nan if there is one (unless skipped), or for no elements."""
    module, line = xp(x), x.reshape(-1)
    if x.size == 0:
        return module.full((), float("nan") if x.dtype.kind in "fV" else module.iinfo(x.dtype).min, dtype=x.dtype)
    numbers = int((line == line).sum())
    if numbers < x.size and not (skip_nan and numbers):
        return module.full((), float("nan"), dtype=x.dtype)
    middle = (numbers - 1) // 2
    return module.partition(line, middle)[middle]


@kernel
def most_frequent(x: Array, axis: int) -> Array:
    """The last place, with ``axis`` kept, of the element that comes most often, the smallest of several."""
    module, n = xp(x), x.shape[axis]
    order = sorting_order(x, axis, False)
    values = take_along(x, order, axis)
    places = module.arange(n).reshape((-1,) + (1,) * (x.ndim - axis - 1))
    new = module.ones(x.shape, bool)
    new[along(axis, slice(1, None))] = values[along(axis, slice(1, None))] != values[along(axis, slice(-1))]
    starts = module.maximum.accumulate(module.where(new, places, 0), axis=axis)
    longest = (places - starts).argmax(axis=axis, keepdims=True)  # the end of the first longest run
    return take_along(order, longest, axis)


@kernel
def insertion_places(sequence: Array, values: Array, side: str) -> Array:
    """Where ``values`` would be inserted into the sorted last axis of ``sequence``, row by row if it has rows."""
    module = xp(sequence)
    if sequence.ndim == 1:
        return module.searchsorted(sequence, values, side=side)
    count = math.prod(sequence.shape[:-1])  # worked out here, as −1 is ambiguous where there are no elements
    rows, sought = sequence.reshape((count, sequence.shape[-1])), values.reshape((count, values.shape[-1]))
    found = [module.searchsorted(row, each, side=side) for row, each in zip(rows, sought, strict=True)]
    return module.stack(found).reshape(values.shape) if found else module.zeros(values.shape, "int64")


@kernel
def order_of_rows(rows: Array) -> Array:
    """The stable order of the rows of a matrix, compared element by element from the left."""
    module = xp(rows)
    return module.lexsort(rows.T[::-1]) if rows.shape[1] else module.arange(rows.shape[0])


@kernel
def runs(x: Array, axis: int) -> tuple[Array, Array, Array]:
    """Of each run of equal slices along ``axis`` the first; each slice's run; how long the runs are."""
    module, n = xp(x), x.shape[axis]
    new = module.ones(n, bool)
    differs = x[along(axis, slice(1, None))] != x[along(axis, slice(-1))]
    others = tuple([each for each in range(x.ndim) if each != axis])
    if n:
        new[1:] = differs.any(axis=others) if others else differs
    starts = module.flatnonzero(new)
    ends = module.concatenate([starts[1:], module.full(int(n > 0), n, dtype=starts.dtype)])
    return module.take(x, starts, axis=axis), module.cumsum(new) - 1, ends - starts
