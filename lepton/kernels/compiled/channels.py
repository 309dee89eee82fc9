"""Normalisation of batches over channels (batch and instance norm) and of groups of channels.

A channel's elements, or a group's, fit into the cache of the core that works on them: mean, variance and result are
three passes, of which only the first one reads main memory. Sums are accumulated in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.loops import inner, parallel
from lepton.kernels.compiled.reduction import sum_of


@inner(fastmath={"reassoc", "contract", "nsz"})
def squares_of(row: Any, mean: float) -> float:
    """Σ (row − mean)²."""
    total = np.float64(0)
    for i in range(row.size):
        away = np.float64(row[i] - mean)
        total += away * away
    return total


@inner(fastmath={"reassoc", "contract", "nsz"})
def products_of(g: Any, row: Any, mean: float) -> float:
    """Σ g·(row − mean)."""
    total = np.float64(0)
    for i in range(row.size):
        total += np.float64(g[i]) * np.float64(row[i] - mean)
    return total


@parallel("void(X[:, :, ::1], X[::1], X[::1], f8, b1, X[:, :, ::1], X[::1], X[::1], X[::1])")
def _normalize(
    x: Any, weight: Any, bias: Any, eps: float, centered: bool, out: Any, means: Any, var: Any, rstd: Any
) -> None:
    """Each channel c of x[n, c, i] over n and i; weight and bias are empty, or have one number for each."""
    samples, channels, length = x.shape
    for c in prange(channels):
        total = np.float64(0)
        if centered:
            for n in range(samples):
                total += sum_of(x[n, c])
        mean = x.dtype.type(total / (samples * length))
        total = np.float64(0)
        for n in range(samples):
            total += squares_of(x[n, c], mean)
        means[c], var[c] = mean, total / (samples * length)
        rstd[c] = 1 / np.sqrt(total / (samples * length) + eps)
        scale = rstd[c] * weight[c] if weight.size else rstd[c]
        shift = bias[c] if bias.size else x.dtype.type(0)
        for n in range(samples):
            row, made = x[n, c], out[n, c]
            for i in range(length):
                made[i] = (row[i] - mean) * scale + shift


@parallel("void(X[:, :, ::1], X[:, :, ::1], X[::1], X[::1], X[::1], b1, b1, X[:, :, ::1], X[::1], X[::1])")
def _normalize_backward(
    g: Any,
    x: Any,
    weight: Any,
    means: Any,
    rstd: Any,
    centered: bool,
    wanted: bool,
    out: Any,
    for_weight: Any,
    for_bias: Any,
) -> None:
    """∂x = w·ρ·(g − mean g − x̂·mean g·x̂), ∂w = Σ g·x̂, ∂b = Σ g for each channel; ∂x only if ``wanted``."""
    samples, channels, length = x.shape
    for c in prange(channels):
        mean = means[c] if centered else x.dtype.type(0)
        total, products = np.float64(0), np.float64(0)
        for n in range(samples):
            total += sum_of(g[n, c])
            products += products_of(g[n, c], x[n, c], mean)
        for_bias[c], for_weight[c] = total, products * rstd[c]
        if wanted:
            scale = rstd[c] * weight[c] if weight.size else rstd[c]
            shift = x.dtype.type(total / (samples * length)) if centered else x.dtype.type(0)
            slope = x.dtype.type(products * rstd[c] * rstd[c] / (samples * length))
            for n in range(samples):
                row, arriving, made = x[n, c], g[n, c], out[n, c]
                for i in range(length):
                    made[i] = (arriving[i] - shift - (row[i] - mean) * slope) * scale


@parallel("void(X[:, :, ::1], X[:, ::1], X[:, ::1], f8, b1, X[:, :, ::1], X[::1], X[::1], X[::1])")
def _normalize_groups(
    x: Any, weight: Any, bias: Any, eps: float, centered: bool, out: Any, means: Any, var: Any, rstd: Any
) -> None:
    """Each x[k] as one; row j of it has the weight [k mod groups, j] (empty: none)."""
    for k in prange(len(x)):
        total, count = np.float64(0), x[k].size
        if centered:
            for j in range(x.shape[1]):
                total += sum_of(x[k, j])
        mean = x.dtype.type(total / count)
        total = np.float64(0)
        for j in range(x.shape[1]):
            total += squares_of(x[k, j], mean)
        means[k], var[k], rstd[k] = mean, total / count, 1 / np.sqrt(total / count + eps)
        for j in range(x.shape[1]):
            scale = rstd[k] * weight[k % len(weight), j] if weight.size else rstd[k]
            shift = bias[k % len(bias), j] if bias.size else x.dtype.type(0)
            row, made = x[k, j], out[k, j]
            for i in range(row.size):
                made[i] = (row[i] - mean) * scale + shift


@parallel("void(X[:, :, ::1], X[:, :, ::1], X[:, ::1], X[::1], X[::1], b1, X[:, :, ::1], f8[:, ::1], f8[:, ::1])")
def _normalize_groups_backward(
    g: Any, x: Any, weight: Any, means: Any, rstd: Any, centered: bool, out: Any, for_weight: Any, for_bias: Any
) -> None:
    """∂x of each x[k]; what each of its rows adds to ∂w and ∂b."""
    for k in prange(len(x)):
        mean = means[k] if centered else x.dtype.type(0)
        total, products, count = np.float64(0), np.float64(0), x[k].size
        for j in range(x.shape[1]):
            for_bias[k, j] = sum_of(g[k, j])
            for_weight[k, j] = products_of(g[k, j], x[k, j], mean) * rstd[k]
            factor = np.float64(weight[k % len(weight), j]) if weight.size else 1.0
            total += factor * for_bias[k, j]
            products += factor * for_weight[k, j]
        shift = x.dtype.type(total / count) if centered else x.dtype.type(0)
        slope = x.dtype.type(products * rstd[k] / count)
        for j in range(x.shape[1]):
            factor = weight[k % len(weight), j] if weight.size else x.dtype.type(1)
            row, arriving, made = x[k, j], g[k, j], out[k, j]
            for i in range(row.size):
                made[i] = (factor * arriving[i] - shift - (row[i] - mean) * slope) * rstd[k]


def _takes(*arrays: Any) -> bool:
    """Whether the arrays (None for what is not there) are of one type and lie as they are read."""
    kind = arrays[0].dtype
    there = [each for each in arrays if each is not None]
    return kind.char in "fd" and all(each.dtype is kind and each.flags.c_contiguous for each in there)


def _seen(norm: Any, x: Any) -> tuple[Any, bool] | None:
    """The array as the loops read it, and whether channels are normalised; None for other norms."""
    if len(norm.view) == 3 and norm.axes == (0, 2) and norm.weight == (norm.view[1], 1):
        return x.reshape(norm.view), True
    if len(norm.view) == 3 and norm.axes == (2,) and norm.weight == (norm.view[1], 1):
        return x.reshape(-1, 1, norm.view[2]), False
    if len(norm.view) == 4 and norm.axes == (2, 3) and norm.weight == (*norm.view[1:3], 1):
        return x.reshape(-1, *norm.view[2:]), False
    return None


@parallel("void(X[:, :, ::1], X[::1], X[::1], X[::1], X[:, :, ::1])")
def _shift_and_scale(x: Any, mean: Any, scale: Any, bias: Any, out: Any) -> None:
    samples, channels, length = x.shape
    for task in prange(samples * channels):
        n, c = task // channels, task % channels
        shift = bias[c] if bias.size else x.dtype.type(0)
        for i in range(length):
            out[n, c, i] = (x[n, c, i] - mean[c]) * scale[c] + shift


def scale_channels(x: Any, mean: Any, scale: Any, bias: Any) -> Any:
    """(x − mean)·scale + bias, one number of each for a channel."""
    if x.ndim < 2 or not _takes(x, mean, scale, bias):
        return NotImplemented
    out = np.empty_like(x)
    view = (*x.shape[:2], -1) if x.size else (*x.shape[:2], 0)
    _shift_and_scale(x.reshape(view), mean, scale, mean[:0] if bias is None else bias, out.reshape(view))
    return out


def _kept(norm: Any) -> Any:
    return [1 if axis in norm.axes else length for axis, length in enumerate(norm.view)]


def _parameter(values: Any, norm: Any, by_channel: bool, kind: Any) -> Any:
    """Weight or bias as the loops read it; empty for None."""
    shape = (-1,) if by_channel else (norm.view[1], -1)
    return np.empty((0,) if by_channel else (0, 0), kind) if values is None else values.reshape(shape)


def normalize(x: Any, weight: Any, bias: Any, norm: Any) -> Any:
    """y, and with kept axes μ (None if not centred), σ² and ρ."""
    seen = _seen(norm, x) if _takes(x, weight, bias) else None
    if seen is None:
        return NotImplemented
    view, by_channel = seen
    out, count = np.empty_like(view), view.shape[1] if by_channel else len(view)
    mean, var, rstd = np.empty(count, x.dtype), np.empty(count, x.dtype), np.empty(count, x.dtype)
    loop = _normalize if by_channel else _normalize_groups
    parameters = [_parameter(each, norm, by_channel, x.dtype) for each in (weight, bias)]
    loop(view, *parameters, norm.eps, norm.centered, out, mean, var, rstd)
    kept = _kept(norm)
    return (
        out.reshape(x.shape), mean.reshape(kept) if norm.centered else None, var.reshape(kept), rstd.reshape(kept),
    )  # fmt: skip


def normalize_backward(
    g: Any, x: Any, weight: Any, mean: Any, rstd: Any, norm: Any, wanted: tuple[bool, bool, bool]
) -> Any:
    """The gradients of x, weight and bias, each None unless ``wanted``."""
    seen = _seen(norm, x) if x is not None and _takes(g, x, weight, mean, rstd) else None
    if seen is None:
        return NotImplemented
    view, by_channel = seen
    means = rstd if mean is None else mean
    loose = (
        g.reshape(view.shape),
        view,
        _parameter(weight, norm, by_channel, x.dtype),
        means.reshape(-1),
        rstd.reshape(-1),
    )
    if by_channel:
        out = np.empty_like(view) if wanted[0] else view
        for_weight, for_bias = np.empty(view.shape[1], x.dtype), np.empty(view.shape[1], x.dtype)
        _normalize_backward(*loose, norm.centered, wanted[0], out, for_weight, for_bias)
    else:
        out = np.empty_like(view)
        by_row = np.empty(view.shape[:2]), np.empty(view.shape[:2])
        _normalize_groups_backward(*loose, norm.centered, out, *by_row)
        samples = norm.view[0]
        for_weight, for_bias = [each.reshape(samples, -1).sum(axis=0).astype(x.dtype) for each in by_row]
    return (
        out.reshape(x.shape) if wanted[0] else None,
        for_weight.reshape(norm.own) if wanted[1] else None,
        for_bias.reshape(norm.own) if wanted[2] else None,
    )
