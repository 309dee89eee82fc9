"""Hot loops that write elements to places named by indices, combining those that meet."""

from __future__ import annotations

import math
from typing import Any

from lepton.backend.devices import Array, xp
from lepton.kernels.indexing import open_grid
from lepton.kernels.reduction import is_narrow, widen
from lepton.kernels.registry import kernel

_UFUNCS = {"sum": "add", "mean": "add", "prod": "multiply", "amax": "maximum", "amin": "minimum"}


def neutral(reduce: str, kind: Any) -> Any:
    """What a reduction of no elements begins with, for a number type."""
    import numpy as np

    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if kind.kind == "b":
        return reduce == "amin"
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return limits.min if reduce == "amax" else limits.max
    return -np.inf if reduce == "amax" else np.inf


@kernel
def scatter_reduce(x: Array, index: Array, values: Array, axis: int, reduce: str, include_self: bool) -> Array:
    """x, with ``values`` combined into the places that ``index`` names along ``axis``.

    Args:
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether what x holds there takes part; where no value falls, x is kept either way.
    """
    module = xp(x)
    grid = open_grid(index, axis)
    wide = module.float32 if is_narrow(x.dtype) else x.dtype
    out = x.astype(wide)
    if not include_self:
        out[grid] = neutral(reduce, out.dtype)
    getattr(module, _UFUNCS[reduce]).at(out, grid, values.astype(wide, copy=False))
    if reduce == "mean":
        counts = count_hits(index, axis, x.shape, include_self)
        out = out // counts if out.dtype.kind in "iu" else out / counts.astype(out.dtype)
    return out.astype(x.dtype, copy=False)


def count_hits(index: Array, axis: int, shape: tuple[int, ...], include_self: bool) -> Array:
    """How many values each place of ``shape`` is the mean of; 1 where there are none."""
    module = xp(index)
    counts = module.full(shape, int(include_self), dtype=module.int64)
    module.add.at(counts, open_grid(index, axis), 1)
    return module.maximum(counts, 1)


@kernel
def first_largest(rows: Array, bags: Array, count: int) -> Array:
    """For each bag and column the number of the first row that has the bag's largest element, nan being the largest.

    Args:
        rows: (L, D). bags: (L), the bag of each row. count: how many bags there are.

    Returns:
        (count, D), L for bags without rows.
    """
    module = xp(rows)
    length, columns = rows.shape
    # element by element: on flat arrays ``at`` is an order of magnitude faster than on rows
    cells = (bags[:, None] * columns + module.arange(columns)).reshape(-1)
    values = widen(rows).reshape(-1)
    largest = module.full(count * columns, -math.inf, values.dtype)
    module.maximum.at(largest, cells, values)
    hits = (values == largest[cells]) | (values != values)
    numbers = module.broadcast_to(module.arange(length)[:, None], rows.shape).reshape(-1)
    first = module.full(count * columns, length)
    module.minimum.at(first, cells, module.where(hits, numbers, length))
    return first.reshape(count, columns)
