"""Sums over axes, accumulated in float64, in blocks that the shape alone fixes.

The axes of a contiguous array are merged where they lie side by side and are reduced or kept alike. What is left is
summed over the middle of (kept, reduced, kept), or over both ends of (reduced, kept, reduced); other patterns are left
to NumPy.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.loops import inner, parallel

COLUMNS = 256  # whose sums are accumulated at a time
ROWS = 512  # that one sum runs over before it is added to the others
PIECE = 1 << 14  # elements that one sum runs over where there are few sums
FEW = 8  # sums that are too few to be shared out among threads one by one


@inner(fastmath={"reassoc", "contract", "nsz"})
def sum_of(row: Any) -> float:
    """Σ row of a contiguous run."""
    total = np.float64(0)
    for i in range(row.size):
        total += np.float64(row[i])
    return total


@parallel("void(X[:, :, ::1], f8[:, :, ::1])")
def _over_middle(x: Any, out: Any) -> None:
    """out[k, block of rows, c] = Σ x[k, r, c] over the rows of the block."""
    kept, length, width = x.shape
    blocks = out.shape[1]
    across = (width + COLUMNS - 1) // COLUMNS
    for task in prange(kept * blocks * across):
        k, rest = task // (blocks * across), task % (blocks * across)
        block, first = rest // across, rest % across * COLUMNS
        last = min(first + COLUMNS, width)
        sums = out[k, block, first:last]
        sums[:] = 0.0
        for r in range(block * ROWS, min((block + 1) * ROWS, length)):
            row = x[k, r, first:last]
            for c in range(row.size):
                sums[c] += np.float64(row[c])


@parallel("void(X[:, :, ::1], X[::1])")
def _over_ends(x: Any, out: Any) -> None:
    """out[k] = Σ x[r, k, c] over r and c."""
    for k in prange(x.shape[1]):
        total = np.float64(0)
        for r in range(x.shape[0]):
            total += sum_of(x[r, k])
        out[k] = total


@parallel("void(X[:, :, ::1], f8[:, ::1])")
def _over_ends_in_pieces(x: Any, out: Any) -> None:
    """out[k, r · pieces + p] = Σ over piece p of x[r, k]."""
    ends, kept, width = x.shape
    pieces = (width + PIECE - 1) // PIECE
    for task in prange(ends * kept * pieces):
        r, rest = task // (kept * pieces), task % (kept * pieces)
        k, first = rest // pieces, rest % pieces * PIECE
        out[k, r * pieces + rest % pieces] = sum_of(x[r, k, first : first + PIECE])


def total(x: Any, axes: tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """Σ x over ``axes`` (None: all)."""
    if x.dtype.char not in "fd" or not x.flags.c_contiguous:
        return NotImplemented
    reduced = [axes is None or axis in axes or axis - x.ndim in axes for axis in range(x.ndim)]
    groups: list[tuple[bool, int]] = []
    for length, gone in zip(x.shape, reduced, strict=True):
        if groups and groups[-1][0] == gone:
            groups[-1] = (gone, groups[-1][1] * length)
        elif length != 1:
            groups.append((gone, length))
    kinds, lengths = [gone for gone, _ in groups], [length for _, length in groups]
    if kinds in ([False, True, False], [True, False]):
        found = _middle(x.reshape(([1] + lengths)[-3:]))
    elif kinds in ([True], [False, True], [True, False, True]):
        shape = {1: [1, 1], 2: [1], 3: []}[len(lengths)] + lengths
        found = _ends(x.reshape(shape))
    else:
        return NotImplemented
    if keepdims:
        return found.reshape([1 if gone else length for length, gone in zip(x.shape, reduced, strict=True)])
    return found.reshape([length for length, gone in zip(x.shape, reduced, strict=True) if not gone])


def _middle(x: Any) -> Any:
    blocks = -(-x.shape[1] // ROWS)
    sums = np.empty((x.shape[0], blocks, x.shape[2]))
    _over_middle(x, sums)
    return (sums[:, 0] if blocks == 1 else sums.sum(axis=1)).astype(x.dtype)


def _ends(x: Any) -> Any:
    ends, kept, width = x.shape
    if kept >= FEW or prod(x.shape) < 2 * PIECE:
        out = np.empty(kept, x.dtype)
        _over_ends(x, out)
        return out
    sums = np.empty((kept, ends * -(-width // PIECE)))
    _over_ends_in_pieces(x, sums)
    return sums.sum(axis=1).astype(x.dtype)
