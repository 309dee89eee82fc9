"""Interpolation along one dimension as a linear map: which elements each result takes, and with which weights.

Result i of ``results`` lies at the place s·(i + ½) − ½ of the input's ``length`` elements, with the step s =
length/results, or the inverse of a given scale factor; with aligned corners at i·(length − 1)/(results − 1). Places and
weights are computed in the type of the numbers, as in PyTorch: those of 32 bits and of 64 differ by much more than the
last digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from lepton.kernels.resampling import LinearMap, picking

Filter = Callable[[Any], Any]


class Spacing(NamedTuple):
    """How many results lie over ``length`` elements; ``scale`` is a scale factor that was given, or None."""

    length: int
    results: int
    scale: float | None
    align_corners: bool

    def step(self, kind: Any) -> Any:
        """The distance from one result to the next, in elements of the input."""
        if self.align_corners:
            return kind(self.length - 1) / kind(self.results - 1) if self.results > 1 else kind(0)
        if self.scale is not None and self.scale > 0:
            return kind(1 / self.scale)
        return kind(self.length) / kind(self.results)

    def places(self, kind: Any) -> Any:
        """Where the results lie."""
        numbers = np.arange(self.results, dtype=kind)
        half = kind(0 if self.align_corners else 0.5)
        return self.step(kind) * (numbers + half) - half


# ---------------------------------------------------------------------- the nearest element


@lru_cache(maxsize=512)
def nearest(spacing: Spacing, exact: bool) -> LinearMap:
    """The element at ⌊s·i⌋, or with ``exact`` at ⌊s·(i + ½)⌋, in 32 bits whatever the type of the numbers."""
    step, numbers, last = spacing.step(np.float32), np.arange(spacing.results), spacing.length - 1
    at = (numbers + 0.5) * np.float64(step) if exact else numbers * np.float64(step)
    places = np.minimum(np.floor(at.astype(np.float32)).astype(np.int64), last)
    return picking(places, spacing.length)


# ---------------------------------------------------------------------- between elements


def cubic(x: Any, a: float) -> Any:
    """The cubic convolution kernel (Keys, 1981): (a + 2)·x³ − (a + 3)·x² + 1 up to 1, a·(x³ − 5x² + 8x − 4) up to 2."""
    x = abs(x)
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, inner, np.where(x < 2, outer, 0)).astype(x.dtype)


def triangle(x: Any) -> Any:
    """1 − abs x up to 1."""
    return np.maximum(1 - abs(x), 0)


def lanczos(x: Any) -> Any:
    """sinc x · sinc(x/3) up to 3, with sinc x = sin(πx)/(πx)."""
    return np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0).astype(x.dtype)


@lru_cache(maxsize=512)
def between(spacing: Spacing, taps: int, kind: Any) -> LinearMap | None:
    """Weights of the 2 (linear) or 4 (cubic, a = −¾) nearest elements; beyond the ends stands the end's element."""
    if taps == 2 and spacing.length == spacing.results:
        return None
    places, weights = _neighbours(spacing, taps, kind)
    rows = np.broadcast_to(np.arange(spacing.results), places.shape)
    return LinearMap(spacing.results, spacing.length, rows.ravel(), places.ravel(), weights.ravel())


def _neighbours(spacing: Spacing, taps: int, kind: Any) -> tuple[Any, Any]:
    """The places and weights of :func:`between`, each (taps, results)."""
    at, last = spacing.places(kind), spacing.length - 1
    if taps == 2:
        at = np.maximum(at, kind(0))
    first = np.minimum(np.floor(at).astype(np.int64), last)
    t = np.clip(at - first.astype(kind), kind(0), kind(1))
    weights = [1 - t, t] if taps == 2 else [cubic(away, -0.75) for away in (t + 1, t, 1 - t, 2 - t)]
    offsets = np.arange(1 - taps // 2, taps // 2 + 1)
    return np.clip(first + offsets[:, None], 0, last), np.stack(weights)


# ---------------------------------------------------------------------- over all elements that a result covers


class Smoothing(NamedTuple):
    """A filter, and over how many elements it reaches where results lie as dense as elements."""

    filter: Filter
    width: int


SMOOTHING = {
    "bilinear": Smoothing(triangle, 2),
    "bicubic": Smoothing(lambda x: cubic(x, -0.5), 4),
    "lanczos": Smoothing(lanczos, 6),
}


@lru_cache(maxsize=512)
def smoothed(spacing: Spacing, mode: str, kind: Any) -> LinearMap | None:
    """The filter, as wide as a result where that covers several elements; its weights add up to 1."""
    if spacing.length == spacing.results:
        return None
    return LinearMap(spacing.results, spacing.length, *_smoothing_entries(spacing, mode, kind))


def _smoothing_entries(spacing: Spacing, mode: str, kind: Any) -> tuple[Any, Any, Any]:
    smoothing, step = SMOOTHING[mode], spacing.step(kind)
    half, widened = np.float64(0.5), max(step, kind(1))  # a half of 64 bits, as in PyTorch
    support = kind(smoothing.width * half * widened)
    centers = ((np.arange(spacing.results) + half) * step).astype(kind)
    first = np.maximum((centers - support + half).astype(np.int64), 0)
    last = np.minimum((centers + support + half).astype(np.int64), spacing.length)
    places = first[:, None] + np.arange(math.ceil(support) * 2 + 1)
    inside = places < last[:, None]
    away = (places.astype(kind) - centers[:, None] + half) * (kind(1) / widened)
    weights = smoothing.filter(away.astype(kind)) * inside
    totals = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, totals, out=weights, where=totals != 0)
    rows = np.broadcast_to(np.arange(spacing.results)[:, None], places.shape)
    return rows[inside], places[inside], weights[inside]


# ---------------------------------------------------------------------- integer weights, for uint8


@lru_cache(maxsize=512)
def in_integers(spacing: Spacing, mode: str, antialias: bool) -> tuple[LinearMap | None, int]:
    """The map with weights as integers of 16 bits, and how many bits of theirs are behind the point."""
    if spacing.length == spacing.results:
        return None, 0
    if antialias:
        rows, places, weights = _smoothing_entries(spacing, mode, np.float64)
        largest = weights.max(initial=0.0)
    else:
        rows, places, weights, largest = _merged(*_neighbours(spacing, 2 if mode == "bilinear" else 4, np.float64))
    bits = 0
    while bits < 22 and int(0.5 + largest * (1 << (bits + 1))) < 1 << 15:
        bits += 1
    scaled = weights * (1 << bits)
    rounded = np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int32)
    return LinearMap(spacing.results, spacing.length, rows, places, rounded), bits


def _merged(places: Any, weights: Any) -> tuple[Any, Any, Any, Any]:
    """Entries with the weights of one place added up, and the largest sum on the way, for which there must be room."""
    order = np.arange(len(places))
    same = places[:, None] == places
    sums = (same & (order <= order[:, None])[..., None]).astype(weights.dtype)
    sums = (sums * weights).sum(axis=1)
    whole = ~(same & (order > order[:, None])[..., None]).any(axis=1)
    rows = np.broadcast_to(np.arange(places.shape[1]), places.shape)
    return rows[whole], places[whole], sums[whole], sums.max(initial=0.0)
