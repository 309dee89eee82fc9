"""Softmax, its logarithm and their gradients along the last dimension, each row while it lies in the cache."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.loops import inner, parallel
from lepton.kernels.compiled.numeric import exp
from lepton.kernels.compiled.rows import LONGEST, SUM, dot, largest, total

SHORT = {"f": 1.25, "d": 4.0}  # sums whose logarithm is computed anew, as in the reference


def _rows(axis: int, *arrays: Any) -> list[Any] | None:
    """The arrays as matrices whose rows lie along ``axis``, if all are contiguous and of one floating type."""
    first = arrays[0]
    if first.dtype.char not in "fd" or math.prod(first.shape[axis + 1 :]) != 1 or axis < 0:
        return None
    n = first.shape[axis]
    for each in arrays:
        if each.dtype is not first.dtype or each.shape != first.shape or not each.flags.c_contiguous or not n:
            return None
    return [each.reshape(-1, n) for each in arrays]


# ---------------------------------------------------------------------- softmax


@parallel("void(X[:, ::1], X[:, ::1])")
def _softmax(x: Any, out: Any) -> None:
    for i in prange(x.shape[0]):
        row, to = x[i], out[i]
        top = largest(row)
        for j in range(row.size):
            to[j] = exp(row[j] - top)
        whole = total(to)
        for j in range(row.size):
            to[j] /= whole


def softmax(x: Any, axis: int) -> Any:
    """p = eˣ / Σ eˣ along ``axis``."""
    found = _rows(axis, x)
    if found is None or x.shape[axis] > LONGEST:
        return NotImplemented
    out = np.empty_like(x)
    _softmax(found[0], out.reshape(found[0].shape))
    return out


@parallel("void(X[:, ::1], X[:, ::1], X[:, ::1])")
def _softmax_backward(g: Any, p: Any, out: Any) -> None:
    for i in prange(g.shape[0]):
        arriving, weights, to = g[i], p[i], out[i]
        shared = dot(arriving, weights)
        for j in range(arriving.size):
            to[j] = (arriving[j] - shared) * weights[j]


def softmax_backward(g: Any, p: Any, axis: int) -> Any:
    """∂L/∂x = p·(g − Σ g·p) along ``axis``."""
    found = _rows(axis, g, p)
    if found is None or g.shape[axis] > LONGEST:
        return NotImplemented
    out = np.empty_like(g)
    _softmax_backward(*found, out.reshape(found[0].shape))
    return out


# ---------------------------------------------------------------------- its logarithm


@inner(fastmath=SUM)
def _exponentials(row: Any, top: Any) -> float:
    """Σ e^(x − top), added up in double precision."""
    found = 0.0
    for i in range(row.size):
        found += np.float64(exp(row[i] - top))
    return found


@inner(fastmath={"contract"})
def _log_little_more(row: Any, top: Any) -> float:
    """log Σ e^(x − top) where the sum is little more than the 1 of the top: see the reference's of the same name."""
    rest, peak, ones = 0.0, np.float64(top), -1
    for i in range(row.size):
        x = np.float64(row[i])
        if row[i] == top:
            ones += 1
        else:
            shifted = x - peak
            taken = shifted - x
            term = math.exp(shifted)
            if term > 0.0:
                rest += term + term * ((x - (shifted - taken)) - (peak + taken))
    return math.log1p(rest + ones)


@parallel("void(X[:, ::1], f8, X[:, ::1])")
def _log_softmax(x: Any, short: float, out: Any) -> None:
    kind = x.dtype.type
    for i in prange(x.shape[0]):
        row, to = x[i], out[i]
        top = largest(row)
        whole = _exponentials(row, top)
        found = kind(_log_little_more(row, top) if whole < short else math.log(whole))
        for j in range(row.size):
            to[j] = (row[j] - top) - found


def log_softmax(x: Any, axis: int) -> Any:
    """l = x − max x − log Σ e^(x − max x) along ``axis``."""
    found = _rows(axis, x)
    if found is None:
        return NotImplemented
    out = np.empty_like(x)
    _log_softmax(found[0], SHORT[x.dtype.char], out.reshape(found[0].shape))
    return out


@parallel("void(X[:, ::1], X[:, ::1], X[:, ::1])")
def _log_softmax_backward(g: Any, log_p: Any, out: Any) -> None:
    for i in prange(g.shape[0]):
        arriving, logs, to = g[i], log_p[i], out[i]
        shared = total(arriving)
        for j in range(arriving.size):
            to[j] = arriving[j] - exp(logs[j]) * shared


def log_softmax_backward(g: Any, log_p: Any, axis: int) -> Any:
    """∂L/∂x = g − eˡ·Σ g along ``axis``."""
    found = _rows(axis, g, log_p)
    if found is None or g.shape[axis] > LONGEST:
        return NotImplemented
    out = np.empty_like(g)
    _log_softmax_backward(*found, out.reshape(found[0].shape))
    return out


# ---------------------------------------------------------------------- cross-entropy


@parallel("void(X[:, ::1], X[:, ::1], i8[::1], X[:, ::1])")
def _cross_entropy_backward(log_p: Any, shares: Any, index: Any, out: Any) -> None:
    for i in prange(log_p.shape[0]):
        logs, to = log_p[i], out[i]
        whole = shares[0, i]
        for j in range(logs.size):
            to[j] = exp(logs[j]) * whole
        to[index[i]] -= shares[1, i]


def cross_entropy_backward(log_p: Any, whole: Any, hard: Any, soft: Any, index: Any, axis: int) -> Any:
    """∂L/∂x = p·whole, less ``hard`` at each sample's class; both may be one number for all samples."""
    found = _rows(axis, log_p)
    if found is None or soft is not None or index.dtype.char != "l" or not index.flags.c_contiguous:
        return NotImplemented
    shares = np.empty((2, index.size), log_p.dtype)
    for share, given in zip(shares, (whole, hard), strict=True):
        share[:] = np.reshape(given, -1)
    out = np.empty_like(log_p)
    _cross_entropy_backward(found[0], shares, index.reshape(-1), out.reshape(found[0].shape))
    return out
