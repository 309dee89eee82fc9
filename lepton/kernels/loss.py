"""Softmax and the losses built on it, with their gradients fused.

Every exponential is of a number ≤ 0, so that nothing overflows for scores of any size. float16 and bfloat16 are
computed in float32 and rounded once.
"""

from __future__ import annotations

from lepton.backend.devices import Array, xp
from lepton.kernels.indexing import open_grid
from lepton.kernels.reduction import log_total_exp, widen
from lepton.kernels.registry import fast_kernel

SMALLEST = 1 << 11  # elements for which compiled rows pay


def _shifted(x: Array, axis: int) -> Array:
    """x − max x along ``axis``, in a new array; an empty axis has no maximum and stays empty."""
    wide = widen(x)
    return wide - wide.max(axis=axis, keepdims=True) if x.size else wide.copy()


@fast_kernel("loss", SMALLEST)
def softmax(x: Array, axis: int) -> Array:
    """p = eˣ / Σ eˣ along ``axis``."""
    p = _shifted(x, axis)
    xp(x).exp(p, out=p)
    p /= p.sum(axis=axis, keepdims=True)
    return p.astype(x.dtype, copy=False)


@fast_kernel("loss", SMALLEST)
def softmax_backward(g: Array, p: Array, axis: int) -> Array:
    """∂L/∂x = p·(g − Σ g·p) along ``axis``."""
    wide, weights = widen(g), widen(p)
    dx = wide - (wide * weights).sum(axis=axis, keepdims=True)
    dx *= weights
    return dx.astype(g.dtype, copy=False)


@fast_kernel("loss", SMALLEST)
def log_softmax(x: Array, axis: int) -> Array:
    """l = x − max x − log Σ e^(x − max x) along ``axis``."""
    if not x.size:
        return x.copy()
    wide = widen(x)
    out, total = log_total_exp(wide, wide.max(axis=axis, keepdims=True), axis)
    out -= total
    return out.astype(x.dtype, copy=False)


@fast_kernel("loss", SMALLEST)
def log_softmax_backward(g: Array, log_p: Array, axis: int) -> Array:
    """∂L/∂x = g − eˡ·Σ g along ``axis``."""
    wide = widen(g)
    dx = xp(g).exp(widen(log_p))
    dx *= wide.sum(axis=axis, keepdims=True)
    return (wide - dx).astype(g.dtype, copy=False)


@fast_kernel("loss", SMALLEST)
def cross_entropy_backward(
    log_p: Array, whole: Array, hard: Array, soft: Array | None, index: Array, axis: int
) -> Array:
    """∂L/∂x = p·whole − soft, less ``hard`` at each sample's class.

    Args:
        log_p: log p, classes along ``axis``.
        whole: each sample's weight, the sum over classes of ``hard`` and ``soft``; one class long along ``axis``.
        hard: the part of it that belongs to the sample's class; same shape.
        soft: the part that belongs to every class, or None.
        index: the samples' classes; same shape.
    """
    dx = xp(log_p).exp(widen(log_p))
    dx *= whole
    if soft is not None:
        dx -= soft
    dx[open_grid(index, axis)] -= hard
    return dx.astype(log_p.dtype, copy=False)
