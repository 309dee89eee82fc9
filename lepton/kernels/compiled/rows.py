"""Loops over rows: what sums and maxima of a row are made of, and normalisation over the last dimensions.

A row is read several times while it lies in the cache, and memory once. Rows are shared out among the threads; what is
summed over rows is summed over blocks of them first, which the shape alone decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.loops import inner, parallel
from lepton.kernels.compiled.numeric import ordered, unordered

SUM = {"reassoc", "contract", "nsz"}  # what a sum over a row of fixed length may do to the order of its terms
LONGEST = 1 << 14  # of a row that is summed in its own type
BLOCKS, FEWEST = 64, 8  # of rows that gradients of weights are summed over first: how many, of how many rows at least


@inner()
def largest(row: Any) -> Any:
    """The largest number of a row that is not empty; nan if there is one with a sign bit of 0."""
    found = ordered(row[0])
    for i in range(row.size):
        key = ordered(row[i])
        found = key if key > found else found
    return unordered(found)


@inner(fastmath=SUM)
def total(row: Any) -> Any:
    """Σ x."""
    found = row.dtype.type(0)
    for i in range(row.size):
        found += row[i]
    return found


@inner(fastmath=SUM)
def spread(row: Any, mean: Any) -> Any:
    """Σ (x − mean)²."""
    found = row.dtype.type(0)
    for i in range(row.size):
        away = row[i] - mean
        found += away * away
    return found


@inner(fastmath=SUM)
def dot(x: Any, y: Any) -> Any:
    """Σ x·y."""
    found = x.dtype.type(0)
    for i in range(x.size):
        found += x[i] * y[i]
    return found


# ---------------------------------------------------------------------- normalisation


@parallel("void(X[:, ::1], X[::1], X[::1], f8, b1, X[:, ::1], X[::1], X[::1], X[::1])")
def _normalize(
    x: Any, weight: Any, bias: Any, eps: Any, centered: Any, out: Any, means: Any, variances: Any, scales: Any
) -> None:
    kind = x.dtype.type
    n = x.shape[1]
    for i in prange(x.shape[0]):
        row, to = x[i], out[i]
        mean = total(row) / kind(n) if centered else kind(0)
        variance = spread(row, mean) / kind(n)
        scale = kind(1) / np.sqrt(variance + kind(eps))
        for j in range(n):
            to[j] = (row[j] - mean) * scale * weight[j] + bias[j]
        means[i], variances[i], scales[i] = mean, variance, scale


def _takes(x: Any, weight: Any, bias: Any, norm: Any) -> bool:
    """Whether each row of the view is normalised by itself, with a weight for each of its elements."""
    rows_alone = len(norm.view) == 2 and norm.axes == (1,) and norm.weight == norm.view[1:] and x.flags.c_contiguous
    return (
        rows_alone
        and x.dtype.char in "fd"
        and 0 < norm.view[1] <= LONGEST
        and all(each is None or (each.dtype is x.dtype and each.flags.c_contiguous) for each in (weight, bias))
    )


def normalize(x: Any, weight: Any, bias: Any, norm: Any) -> Any:
    """y, μ (None if not centred), σ² and ρ of rows."""
    if not _takes(x, weight, bias, norm):
        return NotImplemented
    rows, n = norm.view
    weight = np.ones(n, x.dtype) if weight is None else weight.reshape(-1)
    bias = np.zeros(n, x.dtype) if bias is None else bias.reshape(-1)
    out = np.empty_like(x)
    mean, var, rstd = np.empty(rows, x.dtype), np.empty(rows, x.dtype), np.empty(rows, x.dtype)
    _normalize(x.reshape(rows, n), weight, bias, norm.eps, norm.centered, out.reshape(rows, n), mean, var, rstd)
    return out, mean.reshape(rows, 1) if norm.centered else None, var.reshape(rows, 1), rstd.reshape(rows, 1)


@inner(fastmath=SUM)
def _products(g: Any, weight: Any, row: Any, mean: Any, scale: Any) -> Any:
    """Σ g·w and Σ g·w·x̂."""
    plain = turned = g.dtype.type(0)
    for j in range(g.size):
        h = g[j] * weight[j]
        plain += h
        turned += h * ((row[j] - mean) * scale)
    return plain, turned


@parallel("void(X[:, ::1], X[:, ::1], X[::1], X[::1], X[::1], b1, i8, X[:, ::1], X[:, :, ::1])")
def _normalize_backward(
    g: Any, x: Any, weight: Any, means: Any, scales: Any, centered: Any, block: int, out: Any, sums: Any
) -> None:
    kind = x.dtype.type
    rows, n = x.shape
    for part in prange(sums.shape[0]):
        for_weight, for_bias = sums[part, 0], sums[part, 1]
        for_weight[:] = 0
        for_bias[:] = 0
        for i in range(part * block, min(rows, (part + 1) * block)):
            row, arriving, to = x[i], g[i], out[i]
            mean, scale = means[i], scales[i]
            plain, turned = _products(arriving, weight, row, mean, scale)
            shift = plain / kind(n) if centered else kind(0)
            turn = turned / kind(n)
            for j in range(n):
                normal = (row[j] - mean) * scale
                to[j] = scale * (arriving[j] * weight[j] - shift - normal * turn)
                for_weight[j] += arriving[j] * normal
                for_bias[j] += arriving[j]


def normalize_backward(
    g: Any, x: Any, weight: Any, mean: Any, rstd: Any, norm: Any, wanted: tuple[bool, bool, bool]
) -> Any:
    """The gradients of x, weight and bias, each None unless ``wanted``, of rows."""
    if x is None or not g.flags.c_contiguous or g.dtype is not x.dtype or not _takes(x, weight, None, norm):
        return NotImplemented
    rows, n = norm.view
    weight = np.ones(n, x.dtype) if weight is None else weight.reshape(-1)
    block = max(FEWEST, -(-rows // BLOCKS))
    out, sums = np.empty_like(x), np.empty((-(-rows // block), 2, n), x.dtype)
    means = np.zeros(rows, x.dtype) if mean is None else mean.reshape(-1)
    _normalize_backward(
        g.reshape(rows, n), x.reshape(rows, n), weight, means, rstd.reshape(-1), norm.centered, block,
        out.reshape(rows, n), sums,
    )  # fmt: skip
    for_weight, for_bias = sums.sum(axis=0)
    return (
        out if wanted[0] else None,
        for_weight.reshape(norm.own) if wanted[1] else None,
        for_bias.reshape(norm.own) if wanted[2] else None,
    )
