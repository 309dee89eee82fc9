"""Hot loops that reduce: sums over axes, accumulated as widely as they need."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lepton.backend.devices import Array, xp
from lepton.kernels.registry import kernel

add_up: Callable[..., Any] = np.add.reduce


def is_narrow(array_dtype: Any) -> bool:
    """Whether the type is float16 or bfloat16, whose sums and products are accumulated in float32."""
    return bool(array_dtype.itemsize == 2 and array_dtype.kind in "fV")


def widen(x: Array) -> Array:
    """The array itself, or in float32 if its type is float16 or bfloat16."""
    return x.astype("float32") if is_narrow(x.dtype) else x


@kernel
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
