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
ROWS = 256  # of a tile: the first factor's part and the second one's panels stay in the cache
FEWEST = 8  # tiles that a large product is cut into at least, so that they can be shared out


def tile_of(m: int, n: int, k: int) -> tuple[int, int]:
    """The rows and columns of the tiles that a product of (m, k) and (k, n) is cut into."""
    rows, columns = min(m, ROWS), n
    while -(-m // rows) * -(-n // columns) < FEWEST and rows * columns * k > SMALLEST:
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
    rows, columns = tile_of(m, n, k) if len(a) < FEWEST else (m, n)
    _multiply_batch(a, b, out, rows, columns)
    return out.reshape(shape)
