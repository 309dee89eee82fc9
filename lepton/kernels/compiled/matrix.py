"""Products of matrices and of batches of them, cut into tiles by the shapes alone."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.blas import product
from lepton.kernels.compiled.loops import parallel
from lepton.kernels.registry import pays

SMALLEST = 1 << 18  # multiplications; NumPy's BLAS, too, runs smaller products in one thread
FEWEST, MOST = 4, 64  # tiles of a large product, so that they can be shared out
BLOCKS, FEWEST_ROWS = 64, 8  # blocks of rows that are added up first, and the rows of one at least
WORK = 1 << 26  # multiplications in each of them, where there is enough for more than the fewest


def tile_of(m: int, n: int, k: int) -> tuple[int, int]:
    """The rows and columns of the tiles that a product of (m, k) and (k, n) is cut into.

    As few as the threads of a small machine need: BLAS sorts both factors of a product anew for each of them.
    """
    rows, columns, wanted = m, n, min(MOST, max(FEWEST, m * n * k // WORK))
    while -(-m // rows) * -(-n // columns) < wanted and rows * columns * k > SMALLEST:
        if columns >= 2 * rows and columns > 64:
            columns = -(-columns // 32) * 16
        elif rows > 32:
            rows = -(-rows // 32) * 16
        elif columns > 64:
            columns = -(-columns // 32) * 16
        else:
            break
    return rows, columns


@parallel("void(X[:, :], X[:, :], X[:, ::1], i8, i8)")
def _multiply(a: Any, b: Any, out: Any, rows: int, columns: int) -> None:
    m, n = out.shape
    down, across = (m + rows - 1) // rows, (n + columns - 1) // columns
    for tile in prange(down * across):
        i, j = tile // across * rows, tile % across * columns
        product(a[i : i + rows], b[:, j : j + columns], 0.0, out[i : i + rows, j : j + columns])


@parallel("void(X[:, :], X[:, :], X[::1], X[:, ::1], i8, i8)")
def _affine(a: Any, b: Any, bias: Any, out: Any, rows: int, columns: int) -> None:
    m, n = out.shape
    down, across = (m + rows - 1) // rows, (n + columns - 1) // columns
    for tile in prange(down * across):
        i, j = tile // across * rows, tile % across * columns
        for row in range(i, min(i + rows, m)):
            out[row, j : j + columns] = bias[j : j + columns]
        product(a[i : i + rows], b[:, j : j + columns], 1.0, out[i : i + rows, j : j + columns])


@parallel("void(X[:, :, :], X[:, :, :], X[:, :, ::1], i8, i8)")
def _multiply_batch(a: Any, b: Any, out: Any, rows: int, columns: int) -> None:
    batch, m, n = out.shape
    down, across = (m + rows - 1) // rows, (n + columns - 1) // columns
    for tile in prange(batch * down * across):
        which, place = tile // (down * across), tile % (down * across)
        i, j = place // across * rows, place % across * columns
        product(a[which, i : i + rows], b[which, :, j : j + columns], 0.0, out[which, i : i + rows, j : j + columns])


def _suits(x: Any) -> bool:
    """Whether BLAS can read the matrices in the last two dimensions where they lie."""
    first, last, size = x.strides[-2], x.strides[-1], x.itemsize
    rows, columns = x.shape[-2:]
    return (last == size and (first >= columns * size or rows == 1)) or (
        first == size and (last >= rows * size or columns == 1)
    )


def matrix_product(a: Any, b: Any) -> Any:
    """a·b of matrices and of batches of matrices; vectors and small products are left to NumPy."""
    if a.dtype.char not in "fd" or a.dtype is not b.dtype or a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        return NotImplemented
    m, k = a.shape[-2:]
    n = b.shape[-1]
    if a.ndim == 2 and b.ndim == 2:
        if not pays(m * n * k, SMALLEST) or not _suits(a) or not _suits(b):
            return NotImplemented
        out = np.empty((m, n), a.dtype)
        _multiply(a, b, out, *tile_of(m, n, k))
        return out
    if a.shape[:-2] != b.shape[:-2] or not pays(prod(a.shape) * n, SMALLEST):
        return NotImplemented
    shape = (*a.shape[:-1], n)
    a, b = [x.reshape(-1, *x.shape[-2:]) for x in (a, b)]
    if not _suits(a) or not _suits(b):
        return NotImplemented
    out = np.empty((len(a), m, n), a.dtype)
    rows, columns = tile_of(m, n, k) if len(a) < 2 * FEWEST else (m, n)
    _multiply_batch(a, b, out, rows, columns)
    return out.reshape(shape)


def affine(x: Any, weight: Any, bias: Any) -> Any:
    """x·Wᵀ + b of matrices: each tile begins as the bias, to which its product is added."""
    (m, k), n = x.shape, len(weight)
    if x.dtype.char not in "fd" or not x.dtype is weight.dtype is bias.dtype or weight.shape != (n, k):
        return NotImplemented
    if bias.shape != (n,) or not pays(m * n * k, SMALLEST) or not _suits(x) or not _suits(weight):
        return NotImplemented
    out = np.empty((m, n), x.dtype)
    _affine(x, weight.T, np.ascontiguousarray(bias), out, *tile_of(m, n, k))
    return out


@parallel("void(X[:, ::1], i8, X[:, ::1])")
def _column_sums(x: Any, block: int, out: Any) -> None:
    for part in prange(len(out)):
        found = out[part]
        found[:] = 0
        for i in range(part * block, min(len(x), (part + 1) * block)):
            for j in range(len(found)):
                found[j] += x[i, j]


def column_sums(x: Any) -> Any:
    """Σ over the rows of a matrix: those of blocks of rows first."""
    if x.dtype.char not in "fd" or not x.flags.c_contiguous:
        return NotImplemented
    block = max(FEWEST_ROWS, -(-len(x) // BLOCKS))
    parts = np.empty((-(-len(x) // block), x.shape[1]), x.dtype)
    _column_sums(x, block, parts)
    return parts.sum(axis=0)
