"""Hot loops of connectionist temporal classification: sums over all alignments, one step of time after the other.

A lattice has a row of states for each time and sample; its arrays are (times, samples, states). With each step a path
stays in its state s, goes on to s + 1, or skips to s + 2.
"""

from __future__ import annotations

import math

from lepton.backend.devices import Array, xp
from lepton.kernels.registry import kernel


@kernel
def ctc_lattice(emissions: Array, skips: Array) -> Array:
    """log Σ over the beginnings of paths up to each time and state, of the product of what they meet.

    Args:
        emissions: the logarithm of what a path meets in each state at each time.
        skips: (samples, states), bool: whether a path may skip to the state.
    """
    module = xp(emissions)
    a = module.empty_like(emissions)
    barrier = module.where(skips[:, 2:], 0, -math.inf).astype(emissions.dtype)
    a[0, :, :2] = emissions[0, :, :2]
    a[0, :, 2:] = -math.inf
    for before, here, emission in zip(a[:-1], a[1:], emissions[1:], strict=True):
        here[...] = before
        here[:, 1:] = module.logaddexp(here[:, 1:], before[:, :-1])
        here[:, 2:] = module.logaddexp(here[:, 2:], before[:, :-2] + barrier)
        here += emission
    return a


@kernel
def scan_lattice(x: Array, shares: Array, reverse: bool) -> Array:
    """z_t[s] = x_t[s] + Σ_k w_k,t−1[s]·z_t−1[s−k], or in ``reverse`` z_t[s] = x_t[s] + Σ_k w_k,t[s+k]·z_t+1[s+k].

    Args:
        x: what comes in at each time and state.
        shares: w, of shape (3, times − 1, samples, states): the weight of the step by k to each state.
    """
    z = x.copy()
    states, last = x.shape[2], x.shape[0] - 1
    for t in range(last - 1, -1, -1) if reverse else range(last):
        here, after = z[t], z[t + 1]
        for k in range(3):
            weight = shares[k, t, :, k:]
            if reverse:
                here[:, : states - k] += weight * after[:, k:]
            else:
                after[:, k:] += weight * here[:, : states - k]
    return z
