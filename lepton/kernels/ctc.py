"""Hot loops of connectionist temporal classification: sums over all alignments, one step of time after the other.

A lattice has a row of states for each time and sample; its arrays are (times, samples, states). Each step a path
stays in its state s, goes on to s + 1, or skips to s + 2.
"""

from __future__ import annotations

import math

from lepton.backend.devices import Array, xp
from lepton.kernels.registry import kernel


def leaving(x: Array, step: int) -> Array:
    """Of a lattice's values those of the states, at all times but the last, from which a path goes ``step`` on."""
    return x[:-1, :, : x.shape[2] - step]


def reached(x: Array, step: int) -> Array:
    """Of a lattice's values those of the states, at all times but the first, that a path reaches by ``step``."""
    return x[1:, :, step:]


@kernel
def ctc_lattice(emissions: Array, skips: Array) -> tuple[Array, Array]:
    """log Σ over the beginnings of paths that end in each state, with its own emission (a) and without it (m).

    Args:
        emissions: the logarithm of what each state is worth at each time.
        skips: (samples, states), bool: whether a path may skip to the state.
    """
    module = xp(emissions)
    without = module.full_like(emissions, -math.inf)
    within = module.empty_like(emissions)
    barrier = module.where(skips[:, 2:], 0, -math.inf).astype(emissions.dtype)
    without[0, :, :2] = 0
    within[0] = without[0] + emissions[0]
    for before, inflow, here, emission in zip(within[:-1], without[1:], within[1:], emissions[1:], strict=True):
        inflow[...] = before
        inflow[:, 1:] = module.logaddexp(inflow[:, 1:], before[:, :-1])
        inflow[:, 2:] = module.logaddexp(inflow[:, 2:], before[:, :-2] + barrier)
        here[...] = inflow + emission
    return within, without


@kernel
def scan_lattice(x: Array, stay: Array, step: Array, skip: Array, reverse: bool) -> Array:
    """z_t[s] = x_t[s] + Σ_k w_k,t−1[s−k]·z_t−1[s−k], or in ``reverse`` z_t[s] = x_t[s] + Σ_k w_k,t[s]·z_t+1[s+k].

    Args:
        x: what comes in at each time and state.
        stay, step, skip: the weights w₀, w₁, w₂ of the ways on, shaped as :func:`leaving` gives them.
    """
    z = x.copy()
    last = x.shape[0] - 1
    for t in range(last - 1, -1, -1) if reverse else range(last):
        here, after = z[t], z[t + 1]
        for k, weight in enumerate((stay[t], step[t], skip[t])):
            if reverse:
                here[:, : x.shape[2] - k] += weight * after[:, k:]
            else:
                after[:, k:] += weight * here[:, : x.shape[2] - k]
    return z
