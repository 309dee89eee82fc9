"""Pooling over any number of spatial dimensions: the largest element of each window, or the sum of each window.

All kernels here work on the last dimensions; those before them are kept. A window is walked through place by place:
the elements that all windows have at one place are one strided slice of the input, so that whole arrays are compared
or added at a time.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from lepton.backend.devices import xp
from lepton.kernels.registry import fast_kernel, kernel
from lepton.kernels.windows import Ints, in_float32, places, span

MANY_PLACES = 16  # above this, windows that tile the input are laid out one after another and searched at once


class Pooling(NamedTuple):
    """The windows of one pooling: for each spatial dimension one number of each.

    ``before``: how far the first window begins in front of the input; ``lengths``: of the input; ``counts``: of
    windows.
    """

    kernel: Ints
    stride: Ints
    before: Ints
    dilation: Ints
    lengths: Ints
    counts: Ints

    def tiles(self) -> bool:
        """Whether the windows stand side by side inside the input."""
        fits = all(n * k <= length for n, k, length in zip(self.counts, self.kernel, self.lengths, strict=True))
        plain = not any(self.before) and all(each == 1 for each in self.dilation)
        alone = all(n == 1 or s == k for n, s, k in zip(self.counts, self.stride, self.kernel, strict=True))
        return fits and plain and alone

    def covers(self) -> bool:
        """Whether each element of the input is in exactly one window."""
        whole = all(n * k == length for n, k, length in zip(self.counts, self.kernel, self.lengths, strict=True))
        return whole and self.tiles()

    def inside(self) -> bool:
        """Whether no window reaches over the border."""
        every = zip(*self, strict=True)
        return all(b == 0 and (n - 1) * s + d * (k - 1) < length for k, s, b, d, length, n in every)


@lru_cache(maxsize=512)
def places_of(pooling: Pooling) -> list[Any]:
    """For each place: which windows have it inside the input, and its elements."""
    return places(*pooling)


@fast_kernel("pooling", 1 << 12)
def max_pool(x: Any, pooling: Pooling, tracked: bool) -> tuple[Any, Any]:
    """The largest element of each window, and (or None unless ``tracked``) its place there, in row-major order.

    nan is larger than everything, the last one if there are several; among equals the first is taken, as in PyTorch.
    """
    if pooling.tiles() and prod(pooling.kernel) > MANY_PLACES:
        best, where = _search_side_by_side(x, pooling)
    else:
        best, where = _search_place_by_place(x, pooling, tracked)
    if tracked:
        _settle_odd_windows(x, pooling, best, where)
    return best, where if tracked else None


def _lowest(x: Any) -> Any:
    if x.dtype.kind in "iu":
        return xp(x).iinfo(x.dtype).min
    return -float("inf")


def _small_integer(pooling: Pooling) -> str:
    count = prod(pooling.kernel)
    return "uint8" if count <= 256 else "uint16" if count <= 65536 else "int32"


def _candidates(x: Any, pooling: Pooling) -> Any:
    """For each place, the element of every window there; what lies outside the input is lower than all others."""
    module, inside = xp(x), pooling.inside()
    shape = x.shape[: x.ndim - len(pooling.counts)] + pooling.counts
    room = module.empty(shape, x.dtype)
    for windows, elements in places_of(pooling):
        if not inside:
            room[...] = _lowest(x)
        room[windows] = x[elements]
        yield room


def _search_place_by_place(x: Any, pooling: Pooling, tracked: bool) -> tuple[Any, Any]:
    module, kind = xp(x), _small_integer(pooling)
    best = where = None
    for place, candidate in enumerate(_candidates(x, pooling)):
        if place == 0:
            best = candidate.copy()
            where = module.zeros(best.shape, kind) if tracked else None
            continue
        if tracked:
            where = module.maximum(where, (candidate > best).astype(kind) * place)
        module.maximum(best, candidate, out=best)
    return best, where


def _search_side_by_side(x: Any, pooling: Pooling) -> tuple[Any, Any]:
    module, ndim = xp(x), len(pooling.counts)
    lead = x.shape[: x.ndim - ndim]
    used = x[(..., *[slice(0, n * k) for n, k in zip(pooling.counts, pooling.kernel, strict=True)])]
    pairs = [each for pair in zip(pooling.counts, pooling.kernel, strict=True) for each in pair]
    first = len(lead)
    order = (*range(first), *range(first, first + 2 * ndim, 2), *range(first + 1, first + 2 * ndim, 2))
    rows = used.reshape(*lead, *pairs).transpose(order)
    rows = rows.reshape(*lead, *pooling.counts, prod(pooling.kernel))
    where = rows.argmax(axis=-1)
    best = module.take_along_axis(rows, where[..., None], axis=-1)[..., 0]
    return best, where.astype(_small_integer(pooling))


def _settle_odd_windows(x: Any, pooling: Pooling, best: Any, where: Any) -> None:
    """Put right the places in windows that hold nan, or nothing above the border: comparing has left them at 0."""
    module = xp(x)
    odd = best != best
    if not pooling.inside():
        odd |= best == _lowest(x)
    if not odd.any():
        return
    settled = module.full(odd.shape, -1, "int32")
    candidates = _candidates(x, pooling)
    for place, ((windows, _), candidate) in enumerate(zip(places_of(pooling), candidates, strict=True)):
        present = module.zeros(odd.shape, bool)
        present[windows] = True
        settled[present & ((settled < 0) | (candidate != candidate))] = place
    where[odd] = settled[odd].astype(where.dtype)


@kernel
def flat_indices(where: Any, pooling: Pooling) -> Any:
    """The places that :func:`max_pool` found, as int64 positions in the flattened spatial dimensions of the input."""
    module, ndim = xp(where), len(pooling.counts)
    rest, found, step = where.astype("int64"), 0, 1
    for dim in reversed(range(ndim)):
        place, rest = rest % pooling.kernel[dim], rest // pooling.kernel[dim]
        begin = module.arange(pooling.counts[dim]) * pooling.stride[dim] - pooling.before[dim]
        begin = begin.reshape([-1 if each == dim else 1 for each in range(ndim)])
        found = found + (begin + place * pooling.dilation[dim]) * step
        step *= pooling.lengths[dim]
    return found


@fast_kernel("pooling", 1 << 12)
def max_pool_scatter(g: Any, where: Any, pooling: Pooling) -> Any:
    """Each window's g at the place that was its largest, zeros elsewhere: the derivative of :func:`max_pool`."""
    module = xp(g)
    shape = g.shape[: g.ndim - len(pooling.counts)] + pooling.lengths
    alone = pooling.covers()
    out = module.empty(shape, g.dtype) if alone else module.zeros(shape, g.dtype)
    finite = bool(module.isfinite(g).all())
    for place, (windows, elements) in enumerate(places_of(pooling)):
        chosen = where[windows] == place
        if alone and finite:
            module.multiply(g[windows], chosen, out=out[elements])
            continue
        # 0 · inf would be nan
        part = g[windows] * chosen if finite else module.where(chosen, g[windows], module.zeros((), g.dtype))
        if alone:
            out[elements] = part
        else:
            out[elements] += part
    return out


@fast_kernel("pooling", 1 << 12)
def max_pool_gather(x: Any, where: Any, pooling: Pooling) -> Any:
    """Of each window the element at a place chosen before: the adjoint of :func:`max_pool_scatter`."""
    module = xp(x)
    out = module.zeros(where.shape, x.dtype)
    for place, (windows, elements) in enumerate(places_of(pooling)):
        out[windows] = module.where(where[windows] == place, x[elements], out[windows])
    return out


@fast_kernel("pooling", 1 << 12)
@in_float32
def sum_pool(x: Any, pooling: Pooling) -> Any:
    """The sum of each window, dimension by dimension."""
    module = xp(x)
    first = x.ndim - len(pooling.counts)
    for dim, (k, s, b, d, length, n) in enumerate(zip(*pooling, strict=True), first):
        before = (slice(None),) * dim
        if _tiles_along(k, s, b, d, length, n):
            used = x[(*before, slice(0, n * k))]
            x = used.reshape(*x.shape[:dim], n, k, *x.shape[dim + 1 :]).sum(axis=dim + 1)
            continue
        out = module.zeros((*x.shape[:dim], n, *x.shape[dim + 1 :]), x.dtype)
        for place in range(k):
            windows, elements = span(place * d - b, s, length, n)
            out[(*before, windows)] += x[(*before, elements)]
        x = out
    return x


@fast_kernel("pooling", 1 << 12)
@in_float32
def sum_pool_spread(g: Any, pooling: Pooling) -> Any:
    """To each element the sum of g over the windows that it is in: the adjoint of :func:`sum_pool`."""
    module = xp(g)
    first = g.ndim - len(pooling.counts)
    for dim, (k, s, b, d, length, n) in enumerate(zip(*pooling, strict=True), first):
        before = (slice(None),) * dim
        out = module.zeros((*g.shape[:dim], length, *g.shape[dim + 1 :]), g.dtype)
        if _tiles_along(k, s, b, d, length, n):
            out[(*before, slice(0, n * k))] = module.repeat(g, k, axis=dim)
        else:
            for place in range(k):
                windows, elements = span(place * d - b, s, length, n)
                out[(*before, elements)] += g[(*before, windows)]
        g = out
    return g


def _tiles_along(k: int, s: int, b: int, d: int, length: int, n: int) -> bool:
    """Whether windows stand side by side, and are so long that one reduction beats a sum place by place."""
    return k > 4 and b == 0 and d == 1 and n * k <= length and (n == 1 or s == k)
