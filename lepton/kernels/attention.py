"""Scaled dot-product attention by blocks of queries, and its gradient, without an array of all the scores.

    out = P·v,    P = softmax(scale·q·kᵀ + mask)

A block of queries has its scores against all keys, which fit into the cache, and of the probabilities only two numbers
for each query stay: the largest score and the sum of the exponentials. The gradient computes each block anew from them
(Dao, Fu, Ermon, Rudra and Ré, *FlashAttention*, 2022). The two are kept apart, and not as the logarithm of the sum that
the paper keeps: for large scores that would be rounded to a unit as large as a score's own.

All arrays are (B, H, L, E), (B, H, S, E) and (B, H, S, V); 16-bit types are computed in float32. A query whose keys are
all masked gets zeros, and gives none of them a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from lepton.backend.devices import xp
from lepton.backend.random import Piece
from lepton.kernels.dropout import keep_mask
from lepton.kernels.reduction import widen
from lepton.kernels.registry import fast_kernel, kernel

BLOCK = 1 << 18  # scores computed at a time
SMALLEST = 1 << 11  # elements of the queries for which compiled blocks pay


class Attending(NamedTuple):
    """The settings of attention.

    Attributes:
        scale: of the scores. causal: query i sees the keys 0 … i only.
        keep: the probability with which dropout leaves a weight as it is (and not 0). draw: where dropout's random
            numbers are, one for each score; None: there is no dropout.
    """

    scale: float
    causal: bool
    keep: float = 1.0
    draw: Piece | None = None

    @property
    def gain(self) -> float:
        """The factor of the weights that dropout leaves."""
        return 1.0 / self.keep if self.keep else 0.0


class Part(NamedTuple):
    """A run of queries, and the keys that they see.

    ``at`` selects the queries in the first three dimensions, ``first`` is the place of the first one when all are
    counted in a row, and ``keys`` selects the keys.
    """

    at: tuple[slice, slice, slice]
    first: int
    keys: slice

    def of(self, mask: Any) -> Any:
        """The part of something that broadcasts with the scores."""
        selection = zip(mask.shape, (*self.at, self.keys), strict=True)
        return mask[tuple([slice(None) if length == 1 else part for length, part in selection])]


def parts(shape: tuple[int, ...], keys: int, causal: bool) -> Iterator[Part]:
    """Cut (B, H, L, …) into runs of at most ``BLOCK`` scores (at least one query), by the shape alone."""
    batch, heads, queries = shape[:3]
    if not keys * queries * heads:
        return
    rows = min(queries, max(1, BLOCK // keys))
    some = min(heads, max(1, BLOCK // (keys * queries))) if rows == queries else 1
    many = max(1, BLOCK // (keys * queries * heads)) if some == heads else 1
    for b in range(0, batch, many):
        for h in range(0, heads, some):
            for row in range(0, queries, rows):
                at = (slice(b, min(b + many, batch)), slice(h, min(h + some, heads)), slice(row, row + rows))
                seen = min(keys, row + rows) if causal else keys
                yield Part(at, (b * heads + h) * queries + row, slice(0, seen))


def bias_of(mask: Any, like: Any) -> Any:
    """What a mask adds to the scores: itself, or for a mask of bools 0 where it is true and −∞ elsewhere."""
    if mask.dtype.kind != "b":
        return widen(mask)
    module = xp(like)
    return module.where(mask, module.zeros((), like.dtype), module.full((), -math.inf, like.dtype))


def causal_mask(first: int, queries: int, keys: int, like: Any) -> Any:
    """(queries, keys), true where the key is not after the query; the first query stands at place ``first``."""
    module = xp(like)
    return module.arange(first, first + queries).reshape(-1, 1) >= module.arange(keys)


def drawn_mask(first: int, shape: tuple[int, ...], how: Attending, like: Any) -> Any:
    """Which weights dropout leaves, for rows of the scores from ``first`` on; always the same for the same draw."""
    assert how.draw is not None
    rows = Piece(how.draw.key, how.draw.counter, how.draw.start + first * shape[-1])
    return keep_mask(like, shape, how.keep, rows)


def _scores(q: Any, k: Any, mask: Any, part: Part, how: Attending) -> Any:
    """The scores of one part from scaled queries."""
    scores = xp(q).matmul(q[part.at], k[(*part.at[:2], part.keys)].swapaxes(-1, -2))
    if how.causal:
        queries, keys = scores.shape[2:]
        scores += bias_of(causal_mask(part.at[2].start, queries, keys, scores), scores)
    if mask is not None:
        scores += bias_of(part.of(mask), scores)
    return scores


def _dropped(part: Part, keys: int, how: Attending, scores: Any) -> Any:
    """Dropout's mask for the scores of one part."""
    return drawn_mask(part.first, (*scores.shape[:3], keys), how, scores)[..., part.keys]


def _exponentials(scores: Any) -> tuple[Any, Any]:
    """e^(score − largest) in place of the scores; the largest and the sum of each row, 0 and 1 if all are −∞."""
    module = xp(scores)
    largest = scores.max(axis=-1, keepdims=True)
    largest = module.where(largest == -math.inf, module.zeros_like(largest), largest)
    scores -= largest
    module.exp(scores, out=scores)
    total = scores.sum(axis=-1, keepdims=True)
    total += total == 0
    return largest, total


@kernel
def masked_softmax(x: Any) -> Any:
    """p = eˣ / Σ eˣ along the last axis, 0 where all along it are −∞."""
    p = x.astype(widen(x[:0]).dtype)
    if p.size:
        p /= _exponentials(p)[1]
    return p.astype(x.dtype, copy=False)


@fast_kernel("attention", SMALLEST)
def attention(q: Any, k: Any, v: Any, mask: Any, how: Attending) -> tuple[Any, Any, Any]:
    """The result, and for each query its largest score and the sum of e^(score − largest), both (B, H, L, 1).

    ``mask`` is None, or broadcasts with the scores (B, H, L, S): bools, or numbers that are added.
    """
    module, kind, keys = xp(q), q.dtype, k.shape[2]
    q, k, v = widen(q) * how.scale, widen(k), widen(v)
    out = module.zeros((*q.shape[:3], v.shape[3]), q.dtype)
    top, total = module.zeros((*q.shape[:3], 1), q.dtype), module.ones((*q.shape[:3], 1), q.dtype)
    for part in parts(q.shape, keys, how.causal):
        weights = _scores(q, k, mask, part, how)
        top[part.at], total[part.at] = _exponentials(weights)
        if how.draw is not None:
            weights *= _dropped(part, keys, how, weights)
        out[part.at] = module.matmul(weights, v[(*part.at[:2], part.keys)])
    out /= total
    if how.draw is not None:
        out *= how.gain
    return out.astype(kind, copy=False), top, total


@fast_kernel("attention", SMALLEST)
def attention_backward(
    g: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, top: Any, total: Any, how: Attending, mask_wanted: bool
) -> tuple[Any, Any, Any, Any]:
    """The gradients of q, k, v and, if it is wanted, of the mask (else None).

    With the weights P, and Z what dropout makes of 1:  dv = (P∘Z)ᵀ·g,  dS = P∘(Z∘(g·vᵀ) − Σ g·out),
    dq = scale·dS·k,  dk = scale·dSᵀ·q,  dmask = dS summed over what was broadcast.

    P is e^(score − top)/total; dividing g and Σ g·out by ``total`` instead spares a pass over all the scores.
    """
    module, keys = xp(q), k.shape[2]
    kinds = [each.dtype for each in (q, k, v)]
    q, k, v = widen(q) * how.scale, widen(k), widen(v)
    g = widen(g) / total
    shares = (g * widen(out)).sum(axis=-1, keepdims=True)
    g *= how.gain
    dq, dk, dv = module.zeros_like(q), module.zeros_like(k), module.zeros_like(v)
    dmask = module.zeros(mask.shape, q.dtype) if mask_wanted else None
    for part in parts(q.shape, keys, how.causal):
        at = (*part.at[:2], part.keys)
        weights = _scores(q, k, mask, part, how)
        weights -= top[part.at]
        module.exp(weights, out=weights)
        arriving = module.matmul(g[part.at], v[at].swapaxes(-1, -2))
        if how.draw is None:
            dv[at] += module.matmul(weights.swapaxes(-1, -2), g[part.at])
        else:
            kept = _dropped(part, keys, how, weights)
            arriving *= kept
            dv[at] += module.matmul((weights * kept).swapaxes(-1, -2), g[part.at])
        arriving -= shares[part.at]
        arriving *= weights
        dq[part.at] = module.matmul(arriving, k[at])
        dk[at] += module.matmul(arriving.swapaxes(-1, -2), q[part.at])
        if dmask is not None:
            held = part.of(dmask)
            repeated = tuple([axis for axis, length in enumerate(dmask.shape) if length == 1])
            held += arriving.sum(axis=repeated, keepdims=True) if repeated else arriving
    dq *= how.scale
    dq, dk, dv = [each.astype(kind, copy=False) for each, kind in zip((dq, dk, dv), kinds, strict=True)]
    return dq, dk, dv, None if dmask is None else dmask.astype(mask.dtype, copy=False)
