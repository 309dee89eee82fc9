"""Elementwise kernels: the activations and their gradients, and the choice by a mask.

Every formula is written so that its intermediate values overflow nowhere: exponentials are taken of −|x| only. They may
underflow to 0, which is then the right result.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from lepton.backend.devices import xp
from lepton.kernels import special
from lepton.kernels.registry import kernel

F = TypeVar("F", bound=Callable[..., Any])

GELU_SCALE = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715
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


# ---------------------------------------------------------------------- half precision


def widened(function: F) -> F:
    """Let a kernel compute in float32 for the 16-bit types, and round its result alone."""

    @functools.wraps(function)
    def wide(first: Any, *rest: Any) -> Any:
        if first.dtype.itemsize != 2:
            return function(first, *rest)
        wider = [each.astype(np.float32) if hasattr(each, "dtype") else each for each in (first, *rest)]
        return function(*wider).astype(first.dtype)

    return cast(F, wide)


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
    """x where x > 0, else slope·x, for 0 ≤ slope ≤ 1."""
    return xp(x).maximum(x, x * slope)


@kernel
def leaky_relu_backward(g: Any, out: Any, slope: float) -> Any:
    """g where out > 0, else slope·g."""
    return xp(g).where(out > 0, g, g * slope)


# ---------------------------------------------------------------------- sigmoid and its family


@kernel
@widened
def sigmoid(x: Any) -> Any:
    """1 / (1 + e^−x), computed as (1 or e^−|x|) / (1 + e^−|x|)."""
    module = xp(x)
    small = module.exp(-module.abs(x))
    return module.where(x < 0, small, 1) / (1 + small)


@kernel
@widened
def sigmoid_backward(g: Any, out: Any) -> Any:
    """g·σ·(1 − σ) from the result σ."""
    return g * ((1 - out) * out)


@kernel
@widened
def tanh_backward(g: Any, out: Any) -> Any:
    """g·(1 − t²) from the result t."""
    return g * (1 - out * out)


@kernel
@widened
def silu(x: Any) -> Any:
    """x·σ(x)."""
    return x * sigmoid(x)


@kernel
@widened
def silu_backward(g: Any, x: Any) -> Any:
    """g·σ(x)·(1 + x·(1 − σ(x)))."""
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


@kernel
@widened
def softplus(x: Any, beta: float, threshold: float) -> Any:
    """log(1 + e^βx) / β, computed as (max(βx, 0) + log(1 + e^−|βx|)) / β; x itself where βx > threshold."""
    module = xp(x)
    scaled = x * beta
    smooth = module.maximum(scaled, 0) + module.log1p(module.exp(-module.abs(scaled)))
    return module.where(scaled > threshold, x, smooth / beta)


@kernel
@widened
def softplus_backward(g: Any, x: Any, beta: float, threshold: float) -> Any:
    """g·σ(βx); g itself where βx > threshold."""
    scaled = x * beta
    return xp(x).where(scaled > threshold, g, g * sigmoid(scaled))


@kernel
@widened
def log_sigmoid(x: Any) -> Any:
    """log σ(x), computed as min(x, 0) − log(1 + e^−|x|)."""
    module = xp(x)
    return module.minimum(x, 0) - module.log1p(module.exp(-module.abs(x)))


# ---------------------------------------------------------------------- sinc


@kernel
@widened
def sinc(x: Any) -> Any:
    """sin(πx) / (πx), 1 at 0."""
    return xp(x).sinc(x)


# ---------------------------------------------------------------------- gelu


@kernel
@widened
def gelu(x: Any) -> Any:
    """x·Φ(x) with the normal distribution function Φ(x) = (1 + erf(x/√2)) / 2."""
    return x * (0.5 + 0.5 * special.erf(x * math.sqrt(0.5)))


@kernel
@widened
def gelu_backward(g: Any, x: Any) -> Any:
    """g·(Φ(x) + x·φ(x)) with φ(x) = e^−x²/2 / √(2π)."""
    below = 0.5 + 0.5 * special.erf(x * math.sqrt(0.5))
    return g * (below + x * (xp(x).exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))))


@kernel
@widened
def gelu_tanh(x: Any) -> Any:
    """x·(1 + tanh u) / 2 with u = √(2/π)·(x + 0.044715·x³)."""
    return x * (0.5 + 0.5 * xp(x).tanh(x * (GELU_SCALE + GELU_SCALE * GELU_CUBIC * (x * x))))


@kernel
@widened
def gelu_tanh_backward(g: Any, x: Any) -> Any:
    """g·(½·(1 + t) + ½·x·(1 − t²)·u′) with t = tanh u, u′ = √(2/π)·(1 + 3·0.044715·x²)."""
    square = x * x
    t = xp(x).tanh(x * (GELU_SCALE + GELU_SCALE * GELU_CUBIC * square))
    slope = GELU_SCALE + 3 * GELU_SCALE * GELU_CUBIC * square
    return g * (0.5 + 0.5 * t + 0.5 * x * (1 - t * t) * slope)
