"""What clipping does to many arrays at once: their squares, their elements scaled or limited.

Squares are summed in float64, each block of 4,096 elements of an array by itself, then the blocks in order, then the
arrays in order: so the sum can be cut at the edges of blocks, computed in parts, and put together to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lepton.backend.devices import Array, xp
from lepton.kernels.registry import compiled_beside, pays

BLOCK = 1 << 12
SMALLEST = 1 << 13  # elements of all arrays together from which one compiled loop pays

_squares, _scale, _limit = [compiled_beside("clipping", f"{name}_each") for name in ("squares", "scale", "limit")]


def _together(arrays: list[Array], find: Callable[[], Any]) -> Any:
    """The compiled kernel for these arrays, or None."""
    return find() if pays(sum([each.size for each in arrays]), SMALLEST) else None


def total_square(arrays: list[Array]) -> float:
    """Σ x² over the elements of all arrays."""
    compiled = _together(arrays, _squares)
    sums = [None] * len(arrays) if compiled is None else compiled(arrays)
    total = 0.0
    for each, found in zip(arrays, sums, strict=True):
        total += _square(each) if found is None else found
    return total


def _square(x: Array) -> float:
    flat = x.reshape(-1).astype(np.float64)
    flat *= flat
    whole = len(flat) // BLOCK * BLOCK
    total = 0.0
    for each in flat[:whole].reshape(-1, BLOCK).sum(axis=1).tolist():
        total += each
    return total + float(flat[whole:].sum())


def scale_each(arrays: list[Array], factor: float) -> None:
    """x ← factor·x for all arrays."""
    for each in _left(arrays, _together(arrays, _scale), factor):
        xp(each).multiply(each, factor, out=each)


def limit_each(arrays: list[Array], limit: float) -> None:
    """x ← x brought into [−limit, limit] for all arrays; nan stays nan."""
    for each in _left(arrays, _together(arrays, _limit), limit):
        xp(each).clip(each, -limit, limit, out=each)


def _left(arrays: list[Array], compiled: Any, number: float) -> Iterable[Array]:
    """The arrays that the compiled kernel, if there is one, has not taken."""
    return arrays if compiled is None else [arrays[k] for k in compiled(arrays, number)]
