"""Elementwise loops over arrays of one shape and type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.loops import parallel


def flat(*arrays: Any) -> list[Any] | None:
    """The arrays in one dimension, if they are contiguous, of one shape, and all of float32 or all of float64."""
    first = arrays[0]
    if first.dtype.char not in "fd":
        return None
    for each in arrays:
        if each.dtype is not first.dtype or each.shape != first.shape or not each.flags.c_contiguous:
            return None
    return [each.reshape(-1) for each in arrays]


@parallel("void(X[::1], X[::1])")
def _relu(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = x.dtype.type(0) if x[i] < 0 else x[i]


def relu(x: Any) -> Any:
    """max(x, 0); nan stays nan."""
    rows = flat(x)
    if rows is None:
        return NotImplemented
    out = np.empty_like(x)
    _relu(rows[0], out.reshape(-1))
    return out


@parallel("void(X[::1], X[::1], X[::1])")
def _add(x: Any, y: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = x[i] + y[i]


def add(x: Any, y: Any) -> Any:
    """x + y."""
    return _made(_add, x, y)


@parallel("void(X[::1], X[::1], X[::1])")
def _subtract(x: Any, y: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = x[i] - y[i]


def subtract(x: Any, y: Any) -> Any:
    """x − y."""
    return _made(_subtract, x, y)


@parallel("void(X[::1], X[::1], X[::1])")
def _multiply(x: Any, y: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = x[i] * y[i]


def multiply(x: Any, y: Any) -> Any:
    """x·y."""
    return _made(_multiply, x, y)


def accumulate(x: Any, y: Any) -> Any:
    """x ← x + y in place; returns x."""
    rows = flat(x, y) if isinstance(y, np.ndarray) else None
    if rows is None:
        return NotImplemented
    _add(rows[0], rows[1], rows[0])
    return x


def _made(loop: Any, x: Any, y: Any) -> Any:
    """A new array, filled by a loop over two others."""
    rows = flat(x, y) if isinstance(y, np.ndarray) else None
    if rows is None:
        return NotImplemented
    out = np.empty_like(x)
    loop(*rows, out.reshape(-1))
    return out
