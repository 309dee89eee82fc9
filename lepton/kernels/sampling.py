"""Samples at places chosen element by element: the form Σ y[n,c,p]·w[n,k,p]·x[n,c,q[n,k,p]] and its three derivatives.

Result p of sample n is made of some elements of each channel, those at the flat places q[n, k, p] with the weights
w[n, k, p]; the place −1 stands for nothing. Shapes: x (N, C, L), y (N, C, P), weights and places (N, K, P).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lepton.backend.devices import xp
from lepton.kernels.registry import kernel


def _taken(x: Any, places: Any) -> Iterator[tuple[int, int, Any]]:
    """For each sample n and each k the elements of all channels at the places, zeros where there is none."""
    module, inside = xp(x), places >= 0
    whole = bool(inside.all())
    for n in range(places.shape[0]):
        for k in range(places.shape[1]):
            part = x[n].take(places[n, k], axis=1)
            yield n, k, part if whole else module.where(inside[n, k], part, 0)


@kernel
def sample(x: Any, weights: Any, places: Any) -> Any:
    """y[n, c, p] = Σₖ weights[n, k, p]·x[n, c, places[n, k, p]]."""
    out = xp(x).zeros((*x.shape[:2], places.shape[2]), x.dtype)
    for n, k, part in _taken(x, places):
        out[n] += part * weights[n, k]
    return out


@kernel
def sample_spread(y: Any, weights: Any, places: Any, length: int) -> Any:
    """x[n, c, q] = Σ weights[n, k, p]·y[n, c, p] over the k, p with places[n, k, p] = q: the gradient of x."""
    module, channels = xp(y), y.shape[1]
    out = module.zeros((y.shape[0], channels, length), y.dtype)
    first = module.arange(channels)[:, None] * length
    for n in range(y.shape[0]):
        inside = places[n] >= 0
        values = (y[n][:, None, :] * weights[n])[:, inside]
        module.add.at(out[n].reshape(-1), (first + places[n][inside]).reshape(-1), values.reshape(-1))
    return out


@kernel
def sample_products(y: Any, x: Any, places: Any) -> Any:
    """w[n, k, p] = Σ over c of y[n, c, p]·x[n, c, places[n, k, p]]: the gradient of the weights."""
    out = xp(x).zeros(places.shape, x.dtype)
    for n, k, part in _taken(x, places):
        out[n, k] = (y[n] * part).sum(axis=0)
    return out
