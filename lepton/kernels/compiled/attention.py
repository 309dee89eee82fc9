"""Attention by blocks of queries: the scores of a block are made, weighed and multiplied while they lie in the cache.

A task of the forward loop is a block of queries of one head. A task of the backward loop is every G-th block of one
head, and what its blocks give to keys and values is added up in their order, so that no bit depends on the threads; G
is 1 where there are heads enough. Queries, keys and values are read where they lie, be they parts of one projection,
and results and gradients get the same order in memory, so that those parts become one array again without a copy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.attention import Attending, bias_of
from lepton.kernels.compiled.blas import product
from lepton.kernels.compiled.draws import keep_run, place_of, threshold_of
from lepton.kernels.compiled.loops import inner, parallel
from lepton.kernels.compiled.numeric import exp, ordered, unordered
from lepton.kernels.compiled.rows import SUM, dot

SCORES = 1 << 16  # in a block, about
ROWS = 32  # queries of a block, at most; and
FEWEST_ROWS = 16  # at least
TASKS = 8  # that a backward loop is cut into at least


@inner()
def _scaled(row: Any, scale: Any, bias: Any, biased: Any) -> Any:
    """row ← scale·row + bias; its largest number."""
    found = ordered(row.dtype.type(-np.inf))
    if biased:
        for j in range(row.size):
            row[j] = row[j] * scale + bias[j]
    else:
        for j in range(row.size):
            row[j] = row[j] * scale
    for j in range(row.size):
        key = ordered(row[j])
        found = key if key > found else found
    return unordered(found)


@inner(fastmath=SUM)
def _exponentials(row: Any, top: Any) -> Any:
    """row ← e^(row − top); its sum."""
    found = row.dtype.type(0)
    for j in range(row.size):
        e = exp(row[j] - top)
        row[j] = e
        found += e
    return found


@inner()
def _block_of(place: int, blocks: int) -> int:
    """The blocks from both ends in turn: under a causal mask early ones are short, and threads take runs of tasks."""
    return blocks - 1 - place // 2 if place % 2 else place // 2


@parallel(
    "void(X[:, :, :, :], X[:, :, :, :], X[:, :, :, :], X[:, :, :, :], b1, b1, f8, i8, u8, u8, u8, i8, u8, f8, "
    "X[:, :, :, :], X[:, :, ::1], X[:, :, ::1])"
)
def _attend(
    q: Any, k: Any, v: Any, bias: Any, biased: Any, causal: Any, scale: float, rows: int,
    key_0: Any, key_1: Any, counter: Any, start: int, threshold: Any, gain: float, out: Any, tops: Any, totals: Any,
) -> None:  # fmt: skip
    kind = q.dtype.type
    batch, heads, queries = q.shape[:3]
    keys, blocks = k.shape[2], (queries + rows - 1) // rows
    for task in prange(batch * heads * blocks):
        head = task // blocks
        b, h = head // heads, head % heads
        first = _block_of(task % blocks, blocks) * rows
        last = min(first + rows, queries)
        seen = min(keys, last) if causal else keys
        scores, kept = np.empty((last - first, seen), q.dtype), np.empty(seen if gain else 0, q.dtype)
        product(q[b, h, first:last], k[b, h, :seen].T, 0.0, scores)
        for i in range(first, last):
            row = scores[i - first]
            limit = min(seen, i + 1) if causal else seen
            top = _scaled(row[:limit], kind(scale), bias[b, h, i], biased)
            top = kind(0) if top == kind(-np.inf) else top
            whole = _exponentials(row[:limit], top)
            row[limit:] = kind(0)
            tops[b, h, i], totals[b, h, i] = top, whole + kind(whole == kind(0))
            if gain:
                run = start + (head * queries + i) * keys
                keep_run(key_0, key_1, counter, run, threshold, kept, kind(gain))
                for j in range(limit):
                    row[j] *= kept[j]
        product(scores, v[b, h, :seen], 0.0, out[b, h, first:last])
        for i in range(first, last):
            to, inverse = out[b, h, i], kind(1) / totals[b, h, i]
            for j in range(to.size):
                to[j] *= inverse


@inner()
def _turned(
    weights: Any, arriving: Any, scale: Any, bias: Any, biased: Any, top: Any, inverse: Any, share: Any
) -> None:
    """weights ← P of scores, arriving ← scale·P·(arriving − share)."""
    if biased:
        for j in range(weights.size):
            weights[j] = exp(weights[j] * scale + bias[j] - top) * inverse
    else:
        for j in range(weights.size):
            weights[j] = exp(weights[j] * scale - top) * inverse
    for j in range(weights.size):
        arriving[j] = (arriving[j] - share) * weights[j] * scale


@parallel(
    "void(X[:, :, :, :], X[:, :, :, :], X[:, :, :, :], X[:, :, :, :], X[:, :, :, :], b1, b1, f8, i8, u8, u8, u8, i8, "
    "u8, f8, X[:, :, :, :], X[:, :, ::1], X[:, :, ::1], X[:, :, :, :], X[:, :, :, :, :], X[:, :, :, :, :])"
)
def _attend_backward(
    g: Any, q: Any, k: Any, v: Any, bias: Any, biased: Any, causal: Any, scale: float, rows: int,
    key_0: Any, key_1: Any, counter: Any, start: int, threshold: Any, gain: float,
    out: Any, tops: Any, totals: Any, dq: Any, dk: Any, dv: Any,
) -> None:  # fmt: skip
    kind = q.dtype.type
    batch, heads, queries = q.shape[:3]
    keys, blocks, groups = k.shape[2], (queries + rows - 1) // rows, dk.shape[0]
    for task in prange(batch * heads * groups):
        head, group = task // groups, task % groups
        b, h = head // heads, head % heads
        to_k, to_v = dk[group, b, h], dv[group, b, h]
        beta = 0.0
        for block in range(blocks - 1 - group, -1, -groups):  # from the last one on, which sees all that others see
            first, last = block * rows, min(block * rows + rows, queries)
            seen = min(keys, last) if causal else keys
            weights, arriving = np.empty((last - first, seen), q.dtype), np.empty((last - first, seen), q.dtype)
            kept = np.empty(seen if gain else 0, q.dtype)
            product(q[b, h, first:last], k[b, h, :seen].T, 0.0, weights)
            product(g[b, h, first:last], v[b, h, :seen].T, 0.0, arriving)
            for i in range(first, last):
                p, a = weights[i - first], arriving[i - first]
                limit = min(seen, i + 1) if causal else seen
                share = dot(g[b, h, i], out[b, h, i])
                if gain:
                    keep_run(key_0, key_1, counter, start + (head * queries + i) * keys, threshold, kept, kind(gain))
                    for j in range(limit):
                        a[j] *= kept[j]
                inverse = kind(1) / totals[b, h, i]
                _turned(p[:limit], a[:limit], kind(scale), bias[b, h, i], biased, tops[b, h, i], inverse, share)
                if gain:
                    for j in range(limit):
                        p[j] *= kept[j]
                p[limit:] = kind(0)
                a[limit:] = kind(0)
            product(weights.T, g[b, h, first:last], beta, to_v[:seen])
            product(arriving.T, q[b, h, first:last], beta, to_k[:seen])
            product(arriving, k[b, h, :seen], 0.0, dq[b, h, first:last])
            if beta == 0.0:
                to_k[seen:] = kind(0)
                to_v[seen:] = kind(0)
                beta = 1.0


# ---------------------------------------------------------------------- where things lie


def _readable(x: Any) -> Any:
    """The array, or a copy where BLAS could not read its matrices where they lie."""
    length, width = x.shape[2:]
    near = x.strides[3] == x.itemsize or width == 1
    return x if near and (x.strides[2] >= width * x.itemsize or length == 1) else np.ascontiguousarray(x)


def _arranged(lengths: tuple[int, ...], strides: tuple[int, ...], width: int, kind: Any) -> Any:
    """A new array (*lengths, width), its dimensions in memory in the order of the strides."""
    order = sorted(range(len(lengths)), key=lambda axis: -abs(strides[axis]))
    made = np.empty([lengths[axis] for axis in order] + [width], kind)
    return made.transpose(*[order.index(axis) for axis in range(len(lengths))], len(lengths))


def _address(x: Any) -> int:
    return int(x.__array_interface__["data"][0])


def _gradients(q: Any, k: Any, v: Any) -> tuple[Any, Any, Any]:
    """New arrays for the gradients, side by side in one where queries, keys and values are so."""
    step = _address(k) - _address(q)
    if q.shape == k.shape == v.shape and q.strides == k.strides == v.strides and step == _address(v) - _address(k) > 0:
        whole = _arranged((*q.shape[:3], 3), (*q.strides[:3], step), q.shape[3], q.dtype)
        return whole[:, :, :, 0], whole[:, :, :, 1], whole[:, :, :, 2]
    made = [_arranged(each.shape[:3], each.strides[:3], each.shape[3], each.dtype) for each in (q, k, v)]
    return made[0], made[1], made[2]


def _rows_of(keys: int) -> int:
    """How many queries a block has, by the shape alone."""
    return max(FEWEST_ROWS, min(ROWS, SCORES // keys // 16 * 16))


def _bias(mask: Any, shape: tuple[int, ...], kind: Any) -> Any:
    """What is added to the scores, in their shape, repeated without a copy."""
    bias = np.zeros((1, 1, 1, 1), kind) if mask is None else np.ascontiguousarray(bias_of(mask, np.empty(0, kind)))
    strides = [0 if length == 1 else stride for length, stride in zip(bias.shape, bias.strides, strict=True)]
    return np.ndarray(shape, kind, bias, 0, strides)


def _draw_of(how: Attending) -> tuple[Any, ...]:
    """Where dropout's random numbers are, below which they keep a weight, and what it is multiplied by then."""
    if how.draw is None:
        return 0, 0, 0, 0, 0, 0.0
    return *place_of(how.draw), threshold_of(how.keep), how.gain


def _takes(q: Any, k: Any, v: Any, mask: Any, how: Attending) -> bool:
    kinds = q.dtype is k.dtype is v.dtype and (mask is None or mask.dtype.char in ("?", q.dtype.char))
    sizes = q.size and k.size and v.size and math.isfinite(how.scale)
    return q.dtype.char in "fd" and kinds and bool(sizes) and (how.draw is None or how.keep > 0)


def attention(q: Any, k: Any, v: Any, mask: Any, how: Attending) -> Any:
    """The result, and for each query its largest score and the sum of e^(score − largest)."""
    if not _takes(q, k, v, mask, how):
        return NotImplemented
    q, k, v = _readable(q), _readable(k), _readable(v)
    bias = _bias(mask, (*q.shape[:3], k.shape[2]), q.dtype)
    out = _arranged(q.shape[:3], q.strides[:3], v.shape[3], q.dtype)
    top, total = np.empty(q.shape[:3], q.dtype), np.empty(q.shape[:3], q.dtype)
    _attend(
        q, k, v, bias, mask is not None, how.causal, how.scale, _rows_of(k.shape[2]), *_draw_of(how), out, top, total
    )
    return out, top[..., None], total[..., None]


def attention_backward(
    g: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, top: Any, total: Any, how: Attending, mask_wanted: bool
) -> Any:
    """The gradients of q, k and v; the mask's is left to the reference."""
    if mask_wanted or g.dtype is not q.dtype or not _takes(q, k, v, mask, how):
        return NotImplemented
    g, q, k, v = [_readable(each) for each in (g, q, k, v)]
    heads, rows = q.shape[0] * q.shape[1], _rows_of(k.shape[2])
    groups = min(-(-TASKS // heads), -(-q.shape[2] // rows))
    dq, dk, dv = _gradients(q, k, v)
    many = [each[None] if groups == 1 else np.empty((groups, *each.shape), each.dtype) for each in (dk, dv)]
    bias = _bias(mask, (*q.shape[:3], k.shape[2]), q.dtype)
    _attend_backward(
        g, q, k, v, bias, mask is not None, how.causal, how.scale, rows, *_draw_of(how), out, top[..., 0],
        total[..., 0], dq, *many,
    )  # fmt: skip
    if groups > 1:
        for whole, parts in zip((dk, dv), many, strict=True):
            np.add(parts[0], parts[1], out=whole)
            for each in parts[2:]:
                whole += each
    return dq, dk, dv, None
