"""Linear maps along single dimensions: padding with elements of the input, and interpolation.

Along one dimension, each result is a weighted sum of a few elements: z[i] = Σₖ weight[i, k]·x[place[i, k]]. Such a map
is a sparse matrix. Its transpose is one too, so the gradient of a map is a map, which runs through the same kernel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lepton.backend.devices import device_of, move, xp
from lepton.kernels.registry import kernel
from lepton.kernels.windows import in_float32


class Term(NamedTuple):
    """One summand of a map: results ``rows``, an index, receive ``weights`` (None: 1) times what is at ``places``."""

    rows: Any
    places: Any
    weights: Any


class LinearMap:
    """A sparse matrix of ``count`` rows and ``length`` columns, by its entries (row, place, weight).

    Entries of one row are summed in the order in which they come. ``weights`` are None where all are 1. ``terms`` are
    what the kernel works with: the first entries of all rows, the second ones, and so on; ``complete`` says that every
    row has an entry.
    """

    __slots__ = ("count", "length", "terms", "complete", "_entries", "_adjoint")

    def __init__(self, count: int, length: int, rows: Any, places: Any, weights: Any = None) -> None:
        self.count, self.length = count, length
        self._entries = (rows, places, weights)
        self._adjoint: LinearMap | None = None
        order = np.argsort(rows, kind="stable")
        rows, places = rows[order], places[order]
        weights = None if weights is None else weights[order]
        rank = np.arange(rows.size) - np.searchsorted(rows, rows)  # how many of its row come before an entry
        self.complete = int((rank == 0).sum()) == count > 0
        self.terms = [
            Term(_as_slice(rows[chosen]), places[chosen], None if weights is None else weights[chosen])
            for chosen in (rank == k for k in range(int(rank.max(initial=-1)) + 1))
        ]

    @property
    def adjoint(self) -> LinearMap:
        """The transposed matrix."""
        if self._adjoint is None:
            rows, places, weights = self._entries
            self._adjoint = LinearMap(self.length, self.count, places, rows, weights)
        return self._adjoint


def _as_slice(rows: Any) -> Any:
    """Ascending numbers as a slice where there are no gaps."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == rows.size else rows


def picking(places: Any, length: int) -> LinearMap:
    """z[i] = x[places[i]]."""
    return LinearMap(places.size, length, np.arange(places.size), places)


Maps = tuple[LinearMap | None, ...]  # one for each of the last dimensions; None leaves it as it is


@kernel
@in_float32
def resample(x: Any, maps: Maps) -> Any:
    """x with each of its last dimensions mapped, the last one first."""
    out = x
    for dim, each in _in_order(x, maps):
        out = _mapped(out, dim, each)
    return x.copy() if out is x else out


@kernel
def resample_bytes(x: Any, maps: Maps, bits: tuple[int, ...]) -> Any:
    """The same for uint8 with int32 weights, of which 2^bits stands for 1; rounded and cut off after each dimension."""
    out = x
    for dim, each in _in_order(x, maps):
        shift = bits[dim - x.ndim]
        sums = _mapped(out.astype("int32"), dim, each) + (1 << (shift - 1))
        out = xp(x).clip(sums >> shift, 0, 255).astype("uint8")
    return x.copy() if out is x else out


def _in_order(x: Any, maps: Maps) -> list[tuple[int, LinearMap]]:
    numbered = reversed(list(enumerate(maps, x.ndim - len(maps))))
    return [(dim, each) for dim, each in numbered if each is not None]


def _mapped(x: Any, dim: int, linear: LinearMap) -> Any:
    """x mapped along one dimension."""
    module, there, before = xp(x), device_of(x), (slice(None),) * dim
    out = None
    if not linear.complete:
        out = module.zeros((*x.shape[:dim], linear.count, *x.shape[dim + 1 :]), x.dtype)
    for rows, places, weights in linear.terms:
        part = x.take(move(places, there), axis=dim)
        if weights is not None:
            part *= move(weights, there).reshape(-1, *[1] * (x.ndim - dim - 1)).astype(x.dtype, copy=False)
        if out is None:
            out = part
        else:
            out[(*before, rows if isinstance(rows, slice) else move(rows, there))] += part
    return out
