"""Rows of a table: read by index, and sums of what falls on the same row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.loops import parallel

COLUMNS = 32  # that a thread adds up: values that fall on one row meet in their order, whoever adds them
ROWS = 64  # that a thread clears or copies at a time


@parallel("void(X[:, ::1], i8[::1], X[:, ::1])")
def _take_rows(table: Any, index: Any, out: Any) -> None:
    for part in prange((index.size + ROWS - 1) // ROWS):
        for i in range(part * ROWS, min(index.size, (part + 1) * ROWS)):
            row = index[i] if index[i] >= 0 else index[i] + len(table)
            for j in range(out.shape[1]):
                out[i, j] = table[row, j]


def take_rows(table: Any, index: Any) -> Any:
    """The rows of a matrix that the index names."""
    if table.dtype.char not in "fd" or table.ndim != 2 or index.dtype.char != "l" or not table.flags.c_contiguous:
        return NotImplemented
    out = np.empty((*index.shape, table.shape[1]), table.dtype)
    _take_rows(table, np.ascontiguousarray(index).reshape(-1), out.reshape(-1, table.shape[1]))
    return out


@parallel("void(X[:, ::1], i8[::1], X[:, ::1])")
def _add_rows(values: Any, index: Any, out: Any) -> None:
    height, width = out.shape
    for part in prange((height + ROWS - 1) // ROWS):
        out[part * ROWS : (part + 1) * ROWS] = 0
    for part in prange((width + COLUMNS - 1) // COLUMNS):
        first, last = part * COLUMNS, min(width, (part + 1) * COLUMNS)
        for i in range(index.size):
            row = index[i] if index[i] >= 0 else index[i] + height
            for j in range(first, last):
                out[row, j] += values[i, j]


def index_add(values: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape`` to whose rows, named by the one index, the values are added in their order."""
    rows = index[0]
    if values.dtype.char not in "fd" or not isinstance(rows, np.ndarray) or rows.dtype.char != "l":
        return NotImplemented
    width = math.prod(shape[1:])
    if width < COLUMNS or values.shape != rows.shape + shape[1:] or any(each != slice(None) for each in index[1:]):
        return NotImplemented
    out = np.empty(shape, values.dtype)
    values = np.ascontiguousarray(values).reshape(-1, width)
    _add_rows(values, np.ascontiguousarray(rows).reshape(-1), out.reshape(len(out), width))
    return out
