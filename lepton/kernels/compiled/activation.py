"""The activations and their gradients, each in one pass over memory; the formulas are those of the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled import numeric
from lepton.kernels.compiled.loops import parallel
from lepton.kernels.elementwise import GELU_CUBIC, GELU_FAR, GELU_SCALE, GELU_TANH_FAR

ROOT_2_PI = 1 / math.sqrt(2 * math.pi)
CUBE = GELU_SCALE * GELU_CUBIC


def _of_one(loop: Any, x: Any) -> Any:
    if x.dtype.char not in "fd":
        return NotImplemented
    out = np.empty(x.shape, x.dtype)
    loop(np.ascontiguousarray(x).reshape(-1), out.reshape(-1))
    return out


def _of_two(loop: Any, g: Any, x: Any) -> Any:
    if g.dtype.char not in "fd" or g.dtype is not x.dtype or g.shape != x.shape:
        return NotImplemented
    out = np.empty(g.shape, g.dtype)
    loop(np.ascontiguousarray(g).reshape(-1), np.ascontiguousarray(x).reshape(-1), out.reshape(-1))
    return out


# ---------------------------------------------------------------------- relu


@parallel("void(X[::1], X[::1], X[::1])")
def _relu_backward(g: Any, out: Any, to: Any) -> None:
    zero = g.dtype.type(0)
    for i in prange(g.size):
        to[i] = zero if out[i] <= zero else g[i]


def relu_backward(g: Any, out: Any) -> Any:
    """g where out > 0, else 0; where out is nan, g."""
    return _of_two(_relu_backward, g, out)


# ---------------------------------------------------------------------- sigmoid and its family


@parallel("void(X[::1], X[::1])")
def _sigmoid(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.sigmoid(x[i])


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^−x)."""
    return _of_one(_sigmoid, x)


@parallel("void(X[::1], X[::1], X[::1])")
def _sigmoid_backward(g: Any, s: Any, out: Any) -> None:
    one = g.dtype.type(1)
    for i in prange(g.size):
        out[i] = g[i] * ((one - s[i]) * s[i])


def sigmoid_backward(g: Any, out: Any) -> Any:
    """g·σ·(1 − σ) from the result σ."""
    return _of_two(_sigmoid_backward, g, out)


@parallel("void(X[::1], X[::1])")
def _tanh(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.tanh(x[i])


def tanh(x: Any) -> Any:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return _of_one(_tanh, x)


@parallel("void(X[::1], X[::1], X[::1])")
def _tanh_backward(g: Any, t: Any, out: Any) -> None:
    one = g.dtype.type(1)
    for i in prange(g.size):
        out[i] = g[i] * (one - t[i] * t[i])


def tanh_backward(g: Any, out: Any) -> Any:
    """g·(1 − t²) from the result t."""
    return _of_two(_tanh_backward, g, out)


@parallel("void(X[::1], X[::1])")
def _silu(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = x[i] * numeric.sigmoid(x[i])


def silu(x: Any) -> Any:
    """x·σ(x)."""
    return _of_one(_silu, x)


@parallel("void(X[::1], X[::1], X[::1])")
def _silu_backward(g: Any, x: Any, out: Any) -> None:
    one = g.dtype.type(1)
    for i in prange(g.size):
        s = numeric.sigmoid(x[i])
        out[i] = g[i] * (s * (one + x[i] * (one - s)))


def silu_backward(g: Any, x: Any) -> Any:
    """g·σ(x)·(1 + x·(1 − σ(x)))."""
    return _of_two(_silu_backward, g, x)


# ---------------------------------------------------------------------- gelu


@parallel("void(X[::1], X[::1])")
def _gelu(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.gelu(x[i])


def gelu(x: Any) -> Any:
    """x·Φ(x)."""
    return _of_one(_gelu, x)


@parallel("void(X[::1], X[::1], X[::1])")
def _gelu_backward(g: Any, x: Any, out: Any) -> None:
    kind = g.dtype.type
    far, scale, half = kind(GELU_FAR), kind(ROOT_2_PI), kind(-0.5)
    for i in prange(g.size):
        near = far if x[i] > far else x[i]
        near = -far if near < -far else near
        out[i] = g[i] * (numeric.normal_below(near) + near * (numeric.exp(near * near * half) * scale))


def gelu_backward(g: Any, x: Any) -> Any:
    """g·(Φ(x) + x·φ(x)) with φ = Φ′."""
    return _of_two(_gelu_backward, g, x)


@parallel("void(X[::1], X[::1])")
def _gelu_tanh(x: Any, out: Any) -> None:
    kind = x.dtype.type
    far, scale, cube, half = kind(GELU_TANH_FAR), kind(GELU_SCALE), kind(CUBE), kind(0.5)
    for i in prange(x.size):
        near = far if x[i] > far else x[i]
        near = -far if near < -far else near
        out[i] = x[i] * (half + half * numeric.tanh(near * (scale + cube * (near * near))))


def gelu_tanh(x: Any) -> Any:
    """x·(1 + tanh u) / 2 with u = √(2/π)·(x + 0.044715·x³)."""
    return _of_one(_gelu_tanh, x)


@parallel("void(X[::1], X[::1], X[::1])")
def _gelu_tanh_backward(g: Any, x: Any, out: Any) -> None:
    kind = g.dtype.type
    far, scale, cube, half = kind(GELU_TANH_FAR), kind(GELU_SCALE), kind(CUBE), kind(0.5)
    one, three = kind(1), kind(3)
    for i in prange(g.size):
        near = far if x[i] > far else x[i]
        near = -far if near < -far else near
        square = near * near
        t = numeric.tanh(near * (scale + cube * square))
        out[i] = g[i] * (half + half * t + half * near * (one - t * t) * (scale + three * cube * square))


def gelu_tanh_backward(g: Any, x: Any) -> Any:
    """g·(½·(1 + t) + ½·x·(1 − t²)·u′) with t = tanh u, u′ = √(2/π)·(1 + 3·0.044715·x²)."""
    return _of_two(_gelu_tanh_backward, g, x)


# ---------------------------------------------------------------------- erf


@parallel("void(X[::1], X[::1])")
def _erf(x: Any, out: Any) -> None:
    for i in prange(x.size):
        out[i] = numeric.erf(x[i])


def erf(x: Any) -> Any:
    """(2/√π) ∫₀ˣ e^−t² dt; ±1 at ±∞."""
    return _of_one(_erf, x)
