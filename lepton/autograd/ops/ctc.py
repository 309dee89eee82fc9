"""Connectionist temporal classification: the probability of a label sequence, summed over all its alignments.

The states of a sample are its labels with a blank before, between and after them (Graves et al., *Connectionist
Temporal Classification*, ICML 2006); :mod:`lepton.kernels.ctc` says how paths go. The forward variables are computed in
logarithms. The gradient needs no backward variables: going back in time, the probability of being in a state is
divided among the states before it in the shares that they had in its forward variable, numbers between 0 and 1.
"""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Op, data_of
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.joining import Stack
from lepton.autograd.ops.padding import ConstantPad
from lepton.autograd.ops.softmax import Softmax
from lepton.kernels import ctc as kernels

__all__: list[str] = []  # its public face is in lepton.nn.functional


class CtcLattice(Op):
    """a_t[s] = e_t[s] + log Σ_k e^a_t−1[s−k], k = 0, 1, and 2 where ``skips`` allows it

    ∂L/∂e_t[s] = u_t[s] = g_t[s] + Σ_k w_k,t[s+k]·u_t+1[s+k] with the shares w_k,t[s] = e^a_t[s−k] / Σ_j e^a_t[s−j]
    """

    __slots__ = ("skips",)
    saves = ("out",)

    def __init__(self, skips: Any) -> None:
        self.skips = skips

    def forward(self, e: Any) -> Any:
        return kernels.ctc_lattice(e, self.skips)

    def backward(self, g: Any, a: Any) -> Any:
        return LatticeScan.on(g, self._shares(a), reverse=True)

    def _shares(self, a: Any) -> Any:
        """w, of shape (3, times − 1, samples, states); of no meaning for states that no path reaches."""
        stay, step, skip = _ways_in(a, -math.inf)
        ways = Stack.on(stay, step, Where.on(self.skips, skip, -math.inf), dim=0)
        reached = (data_of(ways) != -math.inf).any(axis=0)
        return Softmax.on(Where.on(reached, ways, 0), dim=0)


class LatticeScan(Op):
    """z_t[s] = x_t[s] + Σ_k w_k,t−1[s]·z_t−1[s−k], or in ``reverse`` z_t[s] = x_t[s] + Σ_k w_k,t[s+k]·z_t+1[s+k]

    ∂L/∂x = y, the scan of g the other way;  ∂L/∂w_k,t[s] = z_t[s−k]·y_t+1[s], in ``reverse`` y_t[s−k]·z_t+1[s]
    """

    __slots__ = ("reverse",)
    saves = ("shares", "out")

    def __init__(self, reverse: bool) -> None:
        self.reverse = reverse

    def forward(self, x: Any, shares: Any) -> Any:
        return kernels.scan_lattice(x, shares, self.reverse)

    def backward(self, g: Any, shares: Any, out: Any) -> Any:
        y = LatticeScan.on(g, shares, reverse=not self.reverse)
        early, late = (y, out) if self.reverse else (out, y)
        of_shares = Stack.on(*_ways_in(early, 0), dim=0) * late[1:] if self.needs[1] else None
        return y if self.needs[0] else None, of_shares


def _ways_in(x: Any, outside: float) -> list[Any]:
    """x_t[s − k] for k = 0, 1, 2: what a state's step comes from; ``outside`` before the first state."""
    states = x.shape[2]
    wider = ConstantPad.on(x[:-1], pads=((0, 0), (0, 0), (2, 0)), value=outside)
    return [wider[:, :, 2 - k : 2 - k + states] for k in range(3)]
