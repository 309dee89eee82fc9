"""Convolution and its two adjoints: which algorithm computes them, by shapes and type alone.

3×3 windows of stride 1 over 16 channels and more have Winograd's (float32 only: it is as accurate there, and fast where
products are what takes the time), everything else sums over places that are looked up.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from lepton.kernels.compiled import direct, weight_gradient, winograd
from lepton.kernels.convolution import Windows
from lepton.kernels.registry import pays
from lepton.kernels.windows import window_count

SMALLEST = 1 << 16  # multiplications
FEWEST_CHANNELS = 16  # for Winograd's
FEWEST_TILES = 64  # for Winograd's weight gradient
FEW_WINDOWS = 1024  # the weight's gradient has as many terms
MANY_OUTPUTS = 32


def _counts(windows: Windows) -> tuple[int, ...]:
    lengths, sizes = windows.x_shape[2:], windows.weight_shape[2:]
    return tuple(map(window_count, lengths, sizes, windows.stride, windows.padding, windows.dilation))


def _takes(windows: Windows, first: Any, second: Any) -> bool:
    """Whether arrays of this kind and size are computed here."""
    if first.dtype.char not in "fd" or first.dtype is not second.dtype or len(windows.stride) == 0:
        return False
    multiplications = windows.x_shape[0] * prod(windows.weight_shape) * prod(_counts(windows))
    return pays(multiplications, SMALLEST)


def _small(windows: Windows, x: Any) -> bool:
    """Whether Winograd's algorithm takes these windows."""
    outputs, channels, *sizes = windows.weight_shape
    plain = sizes == [3, 3] and windows.stride == windows.dilation == (1, 1) and windows.groups == 1
    even = all(before == after and 0 <= before <= 2 for before, after in windows.padding)
    return plain and even and min(outputs, channels) >= FEWEST_CHANNELS and x.dtype.char == "f"


def convolution(x: Any, weight: Any, bias: Any, windows: Windows) -> Any:
    """y[n, o, p] = b[o] + Σ over c, k of weight[o, c, k] · x[n, c, p·stride + k·dilation − before]."""
    if not _takes(windows, x, weight) or not (bias is None or bias.dtype is x.dtype):
        return NotImplemented
    x, weight, bias = [None if each is None else np.ascontiguousarray(each) for each in (x, weight, bias)]
    if _small(windows, x):
        before = tuple([pad[0] for pad in windows.padding])
        found = winograd.convolve(winograd.plan_of(x.shape, weight.shape, before, False), x, weight, bias)
        if found is not NotImplemented:
            return found
    shape = (x.shape[0], weight.shape[0], *_counts(windows))
    return direct.correlate(direct.plan_of(windows, True, x.itemsize), x, weight, bias, shape)


def convolution_input_gradient(g: Any, weight: Any, bias: Any, windows: Windows) -> Any:
    """∂x[n, c, q] = b[c] + Σ g[n, o, p]·weight[o, c, k] over o and the p, k with p·stride + k·dilation − before = q."""
    if not _takes(windows, g, weight) or not (bias is None or bias.dtype is g.dtype):
        return NotImplemented
    g, weight, bias = [None if each is None else np.ascontiguousarray(each) for each in (g, weight, bias)]
    if _small(windows, g):
        before = tuple([2 - pad[0] for pad in windows.padding])
        found = winograd.convolve(winograd.plan_of(g.shape, weight.shape, before, True), g, weight, bias)
        if found is not NotImplemented:
            return found
    return direct.correlate(direct.plan_of(windows, False, g.itemsize), g, weight, bias, windows.x_shape)


def convolution_weight_gradient(g: Any, x: Any, windows: Windows) -> Any:
    """∂weight[o, c, k] = Σ over n, p of g[n, o, p] · x[n, c, p·stride + k·dilation − before]."""
    if not _takes(windows, g, x):
        return NotImplemented
    g, x, shape, counts = np.ascontiguousarray(g), np.ascontiguousarray(x), windows.weight_shape, _counts(windows)
    if _small(windows, g) and g.shape[0] * prod([-(-n // 2) for n in counts]) >= FEWEST_TILES:
        before = tuple([pad[0] for pad in windows.padding])
        found = winograd.differentiate(winograd.weight_plan_of(x.shape, g.shape, before), g, x)
        if found is not NotImplemented:
            return found
    if g.shape[0] * prod(counts) <= FEW_WINDOWS and shape[0] >= MANY_OUTPUTS and windows.groups == 1:
        return weight_gradient.differentiate_few(weight_gradient.few_windows_of(windows, g.itemsize), g, x, shape)
    return weight_gradient.differentiate(weight_gradient.rows_of(windows, g.itemsize), g, x, shape)
