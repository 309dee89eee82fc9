"""Pooling, window by window, over one to three spatial dimensions; the planes are shared out among the threads.

Everything before the spatial dimensions is one axis of planes, and there are always three spatial dimensions: those
that are missing have length 1. ``windows`` has the rows kernel, stride, before, dilation, lengths, counts of a
``Pooling``.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.loops import inner, parallel

KERNEL, STRIDE, BEFORE, DILATION, LENGTHS, COUNTS = range(6)
PLACES = 256  # of a window, at most: their numbers have eight bits


@inner()
def reach(windows: Any, dim: int, window: int) -> tuple[int, int, int]:
    """Along one dimension: where a window begins, and its first place inside the input and the one after the last."""
    begin = window * windows[STRIDE, dim] - windows[BEFORE, dim]
    step, length = windows[DILATION, dim], windows[LENGTHS, dim]
    first = 0 if begin >= 0 else (step - 1 - begin) // step
    last = min(windows[KERNEL, dim], (length - 1 - begin) // step + 1 if begin < length else 0)
    return begin, first, last


@inner()
def place_of(windows: Any, where: int, d: int, h: int, w: int) -> tuple[int, int, int]:
    """The element that a window has at its place number ``where``."""
    rows, columns = windows[KERNEL, 1], windows[KERNEL, 2]
    a, b, c = where // (rows * columns), where // columns % rows, where % columns
    return (
        d * windows[STRIDE, 0] - windows[BEFORE, 0] + a * windows[DILATION, 0],
        h * windows[STRIDE, 1] - windows[BEFORE, 1] + b * windows[DILATION, 1],
        w * windows[STRIDE, 2] - windows[BEFORE, 2] + c * windows[DILATION, 2],
    )


@parallel("void(X[:, :, :, ::1], X[:, :, :, ::1], u1[:, :, :, ::1], i8[:, ::1])")
def _max_pool(x: Any, out: Any, where: Any, windows: Any) -> None:
    rows, columns = windows[KERNEL, 1], windows[KERNEL, 2]
    for plane in prange(len(x)):
        for d in range(windows[COUNTS, 0]):
            d_begin, d_first, d_last = reach(windows, 0, d)
            for h in range(windows[COUNTS, 1]):
                h_begin, h_first, h_last = reach(windows, 1, h)
                for w in range(windows[COUNTS, 2]):
                    w_begin, w_first, w_last = reach(windows, 2, w)
                    best = -x.dtype.type(np.inf)
                    chosen = (d_first * rows + h_first) * columns + w_first
                    for a in range(d_first, d_last):
                        for b in range(h_first, h_last):
                            for c in range(w_first, w_last):
                                value = x[
                                    plane,
                                    d_begin + a * windows[DILATION, 0],
                                    h_begin + b * windows[DILATION, 1],
                                    w_begin + c * windows[DILATION, 2],
                                ]
                                if value > best or value != value:
                                    best, chosen = value, (a * rows + b) * columns + c
                    out[plane, d, h, w], where[plane, d, h, w] = best, chosen


@parallel("void(X[:, :, :, ::1], X[:, :, :, ::1], u1[:, :, :, ::1])")
def _max_pool_of_four(x: Any, out: Any, where: Any) -> None:
    """Windows of 2×2 that tile the plane, without branches."""
    for plane in prange(len(x)):
        for h in range(out.shape[2]):
            above, below = x[plane, 0, 2 * h], x[plane, 0, 2 * h + 1]
            for w in range(out.shape[3]):
                best, chosen = above[2 * w], 0
                for place, value in ((1, above[2 * w + 1]), (2, below[2 * w]), (3, below[2 * w + 1])):
                    larger = value > best or value != value
                    best, chosen = (value if larger else best), (place if larger else chosen)
                out[plane, 0, h, w], where[plane, 0, h, w] = best, chosen


@parallel("void(X[:, :, :, ::1], u1[:, :, :, ::1], X[:, :, :, ::1], i8[:, ::1])")
def _scatter(g: Any, where: Any, out: Any, windows: Any) -> None:
    for plane in prange(len(out)):
        out[plane] = 0
        for d in range(windows[COUNTS, 0]):
            for h in range(windows[COUNTS, 1]):
                for w in range(windows[COUNTS, 2]):
                    a, b, c = place_of(windows, where[plane, d, h, w], d, h, w)
                    out[plane, a, b, c] += g[plane, d, h, w]


@parallel("void(X[:, :, :, ::1], u1[:, :, :, ::1], X[:, :, :, ::1], i8[:, ::1])")
def _gather(x: Any, where: Any, out: Any, windows: Any) -> None:
    for plane in prange(len(out)):
        for d in range(windows[COUNTS, 0]):
            for h in range(windows[COUNTS, 1]):
                for w in range(windows[COUNTS, 2]):
                    a, b, c = place_of(windows, where[plane, d, h, w], d, h, w)
                    out[plane, d, h, w] = x[plane, a, b, c]


@parallel("void(X[:, :, :, ::1], X[:, :, :, ::1], i8[:, ::1])")
def _sum_pool(x: Any, out: Any, windows: Any) -> None:
    for plane in prange(len(x)):
        for d in range(windows[COUNTS, 0]):
            d_begin, d_first, d_last = reach(windows, 0, d)
            for h in range(windows[COUNTS, 1]):
                h_begin, h_first, h_last = reach(windows, 1, h)
                for w in range(windows[COUNTS, 2]):
                    w_begin, w_first, w_last = reach(windows, 2, w)
                    total = np.float64(0)
                    for a in range(d_first, d_last):
                        for b in range(h_first, h_last):
                            row = x[plane, d_begin + a * windows[DILATION, 0], h_begin + b * windows[DILATION, 1]]
                            for c in range(w_first, w_last):
                                total += np.float64(row[w_begin + c * windows[DILATION, 2]])
                    out[plane, d, h, w] = total


@parallel("void(X[:, :, :, ::1], X[:, :, :, ::1], i8[:, ::1])")
def _sum_pool_spread(g: Any, out: Any, windows: Any) -> None:
    for plane in prange(len(out)):
        out[plane] = 0
        for d in range(windows[COUNTS, 0]):
            d_begin, d_first, d_last = reach(windows, 0, d)
            for h in range(windows[COUNTS, 1]):
                h_begin, h_first, h_last = reach(windows, 1, h)
                for w in range(windows[COUNTS, 2]):
                    w_begin, w_first, w_last = reach(windows, 2, w)
                    value = g[plane, d, h, w]
                    for a in range(d_first, d_last):
                        for b in range(h_first, h_last):
                            row = out[plane, d_begin + a * windows[DILATION, 0], h_begin + b * windows[DILATION, 1]]
                            for c in range(w_first, w_last):
                                row[w_begin + c * windows[DILATION, 2]] += value


def _takes(pooling: Any, *arrays: Any) -> bool:
    first = arrays[0]
    return (
        first.dtype.char in "fd"
        and len(pooling.counts) <= 3
        and prod(pooling.kernel) <= PLACES
        and all(each.flags.c_contiguous for each in arrays)
    )


def _planes(x: Any, pooling: Any) -> Any:
    """The array as (planes, depth, height, width)."""
    spatial = len(pooling.counts)
    return x.reshape(-1, *[1] * (3 - spatial), *x.shape[x.ndim - spatial :])


def _windows(pooling: Any) -> Any:
    missing = 3 - len(pooling.counts)
    return np.array([(0 if row == BEFORE else 1,) * missing + each for row, each in enumerate(pooling)], np.int64)


def _lead(x: Any, pooling: Any) -> Any:
    return x.shape[: x.ndim - len(pooling.counts)]


def max_pool(x: Any, pooling: Any, tracked: bool) -> Any:
    """The largest element of each window, and its place there; nan is larger than everything, of equals the first."""
    if not _takes(pooling, x):
        return NotImplemented
    shape = _lead(x, pooling) + pooling.counts
    best, where = np.empty(shape, x.dtype), np.empty(shape, np.uint8)
    flat = [_planes(each, pooling) for each in (x, best, where)]
    if pooling.kernel == (2, 2) == pooling.stride and pooling.inside() and pooling.dilation == (1, 1):
        _max_pool_of_four(*flat)
    else:
        _max_pool(*flat, _windows(pooling))
    return best, where if tracked else None


def max_pool_scatter(g: Any, where: Any, pooling: Any) -> Any:
    """Each window's g at the place that was its largest, zeros elsewhere."""
    if where.dtype != np.uint8 or not _takes(pooling, g, where):
        return NotImplemented
    out = np.empty(_lead(g, pooling) + pooling.lengths, g.dtype)
    _scatter(*[_planes(each, pooling) for each in (g, where, out)], _windows(pooling))
    return out


def max_pool_gather(x: Any, where: Any, pooling: Any) -> Any:
    """Of each window the element at a place chosen before."""
    if where.dtype != np.uint8 or not _takes(pooling, x, where):
        return NotImplemented
    out = np.empty(where.shape, x.dtype)
    _gather(*[_planes(each, pooling) for each in (x, where, out)], _windows(pooling))
    return out


def sum_pool(x: Any, pooling: Any) -> Any:
    """The sum of each window."""
    if not _takes(pooling, x):
        return NotImplemented
    out = np.empty(_lead(x, pooling) + pooling.counts, x.dtype)
    _sum_pool(_planes(x, pooling), _planes(out, pooling), _windows(pooling))
    return out


def sum_pool_spread(g: Any, pooling: Any) -> Any:
    """To each element the sum of g over the windows that it is in."""
    if not _takes(pooling, g):
        return NotImplemented
    out = np.empty(_lead(g, pooling) + pooling.lengths, g.dtype)
    _sum_pool_spread(_planes(g, pooling), _planes(out, pooling), _windows(pooling))
    return out
