"""Hot loops that reduce: sums over axes, accumulated as widely as they need."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lepton.backend.devices import Array, xp
from lepton.kernels.piecewise import BLOCK
from lepton.kernels.registry import fast_kernel, kernel
from lepton.kernels.selection import masked

add_up: Callable[..., Any] = np.add.reduce


def is_narrow(array_dtype: Any) -> bool:
    """Whether the type is float16 or bfloat16, whose sums and products are accumulated in float32."""
    return array_dtype.itemsize == 2 and array_dtype.kind in "fV"


def widen(x: Array) -> Array:
    """The array itself, or in float32 if its type is float16 or bfloat16."""
    return x.astype("float32") if is_narrow(x.dtype) else x


@fast_kernel("reduction", 1 << 15)
def total(x: Array, axes: tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """Σ x over ``axes`` (None: all). Integers and bools add up in int64, float16 and bfloat16 in float32."""
    kind = x.dtype
    if kind.kind == "f" and kind.itemsize > 2:
        if type(x) is np.ndarray:  # the ufunc itself: ``x.sum`` spends as long again on the way to it
            return add_up(x, axes, None, None, keepdims)
        return x.sum(axis=axes, keepdims=keepdims)
    if is_narrow(kind):
        return x.sum(axis=axes, dtype="float32", keepdims=keepdims).astype(kind)
    return x.sum(axis=axes, dtype="int64", keepdims=keepdims)


@kernel
def two_norm(x: Array, axes: tuple[int, ...] | None, keepdims: bool) -> Array:
    """√Σ x² over ``axes``, scaled by the largest |x| where the squares would overflow or vanish."""
    squares = total(x * x, axes, keepdims)
    limits = np.finfo(x.dtype)
    # a sum of squares this small may have lost its smallest terms; 0 can only be told from that by looking
    if x.size == 0 or (squares.min() > limits.tiny / limits.eps and squares.max() < limits.max):
        return squares**0.5
    peak = abs(x).max(axis=axes, keepdims=True)
    scale = xp(x).where((peak > 0) & (peak < math.inf), peak, xp(x).ones_like(peak))
    ratio = x / scale
    return total(ratio * ratio, axes, keepdims) ** 0.5 * scale.reshape(squares.shape)


@kernel
def log_total_exp(x: Array, peak: Array, axes: int | tuple[int, ...] | None) -> tuple[Array, Array]:
    """x − peak, and log Σ e^(x − peak) over ``axes``, where ``peak`` and the logarithm have length one.

    ``x`` is float32 or float64, ``peak`` its maxima, which may be replaced where they are infinite.
    """
    module = xp(x)
    shifted = x - peak
    sums = module.exp(shifted).sum(axis=axes, keepdims=True, dtype="float64")
    found = module.log(sums)
    short = module.flatnonzero(sums < (1.25 if x.dtype.itemsize == 4 else 4.0))
    if short.size:
        _correct(found.reshape(-1), short, x, peak, axes)
    return shifted, found.astype(x.dtype, copy=False)


def _correct(found: Array, short: Array, x: Array, peak: Array, axes: int | tuple[int, ...] | None) -> None:
    """Compute anew those sums' logarithms that stand at the places ``short``, a stretch at a time."""
    module, all_axes = xp(x), tuple(range(x.ndim))
    reduced = all_axes if axes is None else (axes % x.ndim,) if isinstance(axes, int) else tuple(sorted(axes))
    side = 0 if reduced == all_axes[x.ndim - len(reduced) :] else 1  # of a matrix, the one along which the sums lie
    if side == 0:
        terms, peaks = x.reshape(found.size, -1), peak.reshape(-1, 1)
    else:
        terms = module.moveaxis(x, reduced, all_axes[: len(reduced)]).reshape(-1, found.size)
        peaks = peak.reshape(1, -1)
    step = max(1, BLOCK * found.size // x.size) if type(x) is np.ndarray else short.size
    for start in range(0, short.size, step):
        here = short[start : start + step]
        rows, its_peaks = [module.take(each, here, axis=side) for each in (terms, peaks)]
        if side == 1:  # rows that lie in one piece are added up in pairs, which loses fewer digits
            rows, its_peaks = module.ascontiguousarray(rows.T), its_peaks.reshape(-1, 1)
        found[here] = _log_little_more(rows, its_peaks)


def _log_little_more(x: Array, peak: Array) -> Array:
    """log Σ e^(x − peak) of each row where the sum is little more than the 1 of the peak.

    The logarithm has the digits of that little. So the ones are left out of the sum, and each other term gets back what
    x − peak lost by rounding (D. E. Knuth's way), which the exponential makes larger than a last digit.
    """
    module = xp(x)
    shifted = x - peak
    terms = module.exp(shifted)
    taken = shifted - x
    lost = (x - (shifted - taken)) - (peak + taken)
    rest = masked(terms + terms * lost, (shifted < 0) & (terms > 0)).sum(axis=1, dtype="float64")
    return module.log1p(rest + ((shifted == 0).sum(axis=1) - 1))
