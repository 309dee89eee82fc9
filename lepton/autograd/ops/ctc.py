"""Connectionist temporal classification: the probability of a label sequence, summed over all its alignments.

The states of a sample are its labels with a blank before, between and after them (Graves et al., *Connectionist
Temporal Classification*, ICML 2006); :mod:`lepton.kernels.ctc` says how paths go. The forward variables are computed in
logarithms. The gradient needs no backward variables: going back in time, the probability of being in a state is
divided among the states before it in the shares that they had in its forward variable, numbers between 0 and 1.
"""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Op
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.exponential import Exp
from lepton.backend.devices import is_array
from lepton.kernels import ctc as kernels

__all__: list[str] = []  # its public face is in lepton.nn.functional


class CtcLattice(Op):
    """a_t[s] = e_t[s] + m_t[s], m_t[s] = log Σ_k e^a_t−1[s−k]; k = 2 only where ``skips`` allows it

    ∂L/∂e = u with u_t[s] = g_t[s] + Σ_k w_k,t[s]·u_t+1[s+k] and the shares w_k,t[s] = e^(a_t[s] − m_t+1[s+k]). Where m,
    the second output, has a gradient h, as in second derivatives: u of g + h in place of g, and ∂L/∂e = u − h.
    """

    __slots__ = ("skips",)
    several = True
    saves = ("out0", "out1")

    def __init__(self, skips: Any) -> None:
        self.skips = skips

    def forward(self, e: Any) -> Any:
        return kernels.ctc_lattice(e, self.skips)

    def backward(self, g: Any, a: Any, m: Any) -> Any:
        within, without = (*g, None)[:2]
        incoming = within if without is None else without if within is None else within + without
        total = LatticeScan.on(incoming, *[self._shares(a, m, step) for step in range(3)], reverse=True)
        return total if without is None else total - without

    def _shares(self, a: Any, m: Any, step: int) -> Any:
        """w for a step; 0 where it is not allowed, or where nothing reaches the state."""
        into = kernels.reached(m, step)
        possible = (into if is_array(into) else into._data) > -math.inf
        if step == 2:
            possible = possible & self.skips[:, 2:]
        return Exp.on(Where.on(possible, kernels.leaving(a, step) - into, -math.inf))


class LatticeScan(Op):
    """z_t[s] = x_t[s] + Σ_k w_k,t[s]·z_t+1[s+k], or the other way round in time

    ∂L/∂x = y, the scan of g the other way;  ∂L/∂w_k,t[s] = y_t[s]·z_t+1[s+k] (z_t[s]·y_t+1[s+k] the other way)
    """

    __slots__ = ("reverse",)
    saves = ("stay", "step", "skip", "out")

    def __init__(self, reverse: bool) -> None:
        self.reverse = reverse

    def forward(self, x: Any, stay: Any, step: Any, skip: Any) -> Any:
        return kernels.scan_lattice(x, stay, step, skip, self.reverse)

    def backward(self, g: Any, stay: Any, step: Any, skip: Any, out: Any) -> Any:
        y = LatticeScan.on(g, stay, step, skip, reverse=not self.reverse)
        early, late = (y, out) if self.reverse else (out, y)
        of_weights = [
            kernels.leaving(early, k) * kernels.reached(late, k) if self.needs[1 + k] else None for k in range(3)
        ]
        return (y if self.needs[0] else None, *of_weights)
