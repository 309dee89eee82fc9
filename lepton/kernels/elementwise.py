"""Elementwise kernels: the activations and their gradients, and the choice by a mask.

Every formula is written so that its intermediate values overflow nowhere: exponentials are taken of −|x| only. They may
underflow to 0, which is then the right result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lepton.backend.devices import xp
from lepton.kernels.registry import kernel

_BITS = {np.dtype("float32"): np.dtype("int32"), np.dtype("float64"): np.dtype("int64")}

# ---------------------------------------------------------------------- choice


@kernel
def masked(x: Any, mask: Any) -> Any:
    """x where the mask is true, and 0 (not x·0, which is nan for an infinite x) elsewhere.

    NumPy's ``where`` branches for every element, ten times slower for a mask without pattern than an "and" of bits.
    """
    bits = _BITS.get(x.dtype) if type(x) is np.ndarray and type(mask) is np.ndarray else None
    if bits is None or x.shape != mask.shape:
        return xp(x).where(mask, x, 0)
    return np.bitwise_and(x.view(bits), np.negative(mask.view(np.int8))).view(x.dtype)


# ---------------------------------------------------------------------- relu and its family


@kernel
def relu(x: Any) -> Any:
    """max(x, 0); nan stays nan."""
    return xp(x).maximum(x, 0)


@kernel
def relu_backward(g: Any, out: Any) -> Any:
    """g where out > 0, else 0; where out is nan, g, as in PyTorch."""
    return masked(g, ~(out <= 0))


@kernel
def leaky_relu(x: Any, slope: float) -> Any:
    """x where x > 0, else slope·x."""
    if 0 <= slope <= 1:
        return xp(x).maximum(x, x * slope)
    return xp(x).where(x > 0, x, x * slope)


@kernel
def leaky_relu_backward(g: Any, x: Any, slope: float) -> Any:
    """g where x > 0, else slope·g."""
    return xp(x).where(x > 0, g, g * slope)


# ---------------------------------------------------------------------- sigmoid and its family


@kernel
def sigmoid(x: Any) -> Any:
    """1 / (1 + e^−x), computed as e^min(x, 0) / (1 + e^−|x|)."""
    module = xp(x)
    small = module.exp(-module.abs(x))
    return module.where(x < 0, small, 1) / (1 + small)


@kernel
def sigmoid_backward(g: Any, out: Any) -> Any:
    """g·σ·(1 − σ) from the result σ."""
    return g * ((1 - out) * out)


@kernel
def tanh_backward(g: Any, out: Any) -> Any:
    """g·(1 − t²) from the result t."""
    return g * (1 - out * out)


@kernel
def silu(x: Any) -> Any:
    """x·σ(x)."""
    return x * sigmoid(x)


@kernel
def silu_backward(g: Any, x: Any) -> Any:
    """g·σ(x)·(1 + x·(1 − σ(x)))."""
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


@kernel
def softplus(x: Any, beta: float, threshold: float) -> Any:
    """log(1 + e^βx) / β, computed as (max(βx, 0) + log(1 + e^−|βx|)) / β; x itself where βx > threshold."""
    module = xp(x)
    scaled = x if beta == 1 else x * beta
    smooth = module.maximum(scaled, 0) + module.log1p(module.exp(-module.abs(scaled)))
    return module.where(scaled > threshold, x, smooth if beta == 1 else smooth / beta)


@kernel
def softplus_backward(g: Any, x: Any, beta: float, threshold: float) -> Any:
    """g·σ(βx); g itself where βx > threshold."""
    module = xp(x)
    scaled = x if beta == 1 else x * beta
    return module.where(scaled > threshold, g, g * sigmoid(scaled))


@kernel
def log_sigmoid(x: Any) -> Any:
    """log σ(x), computed as min(x, 0) − log(1 + e^−|x|)."""
    module = xp(x)
    return module.minimum(x, 0) - module.log1p(module.exp(-module.abs(x)))
