"""One layer of a recurrent network in one direction, over whole sequences, as one op.

Forward takes the input's part of all steps in one large product, then walks through time; backward walks back, then
takes the weights' gradients in large products. Where the gradient is itself recorded, the cell's formula is written
out step by step in ordinary ops and differentiated, so that derivatives of any order follow. That takes the engine,
which is built on the ops, and so this stands beside them.
"""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

from lepton.autograd.engine import grad
from lepton.autograd.op import BroadcastTo, Op
from lepton.autograd.ops.activation import relu, tanh
from lepton.autograd.ops.exponential import sigmoid
from lepton.autograd.ops.joining import cat, chunk
from lepton.autograd.ops.matrix import linear
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.kernels import recurrence as kernels
from lepton.kernels.matrix import matrix_product
from lepton.kernels.recurrence import HALVES, Steps
from lepton.kernels.reduction import total, widen

__all__ = ["ElmanScan", "GRUScan", "LSTMScan", "RecurrentScan"]


class RecurrentScan(Op):
    """h_t = cell(z_t, v_t), z_t = x_t·W_ihᵀ + b_ih, v_t = h_{t−1}·W_hhᵀ + b_hh

    ∂L/∂x = ∂z·W_ih,  ∂L/∂W_ih = ∂zᵀ·x,  ∂L/∂b_ih = Σ ∂z,  ∂L/∂W_hh = ∂vᵀ·h₋₁,  ∂L/∂b_hh = Σ ∂v,  over all rows.

    Inputs: x, (rows, I), the rows of one step after the other as ``steps`` has them; the states h0, (N, P), and c0,
    (N, H), or None; the weights, each None where the cell has none. Outputs: h of all rows, (rows, P), and the last
    states. A subclass has its formula in ops as ``cell``, and its loops as ``run`` and ``run_back``.
    """

    __slots__ = ("steps", "kept")
    several = True
    saves = ("x", "h0", "c0", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr", "kept")
    halves: ClassVar[tuple[float, ...]]

    def __init__(self, steps: Steps) -> None:
        self.steps = steps

    def forward(self, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any) -> Any:
        kind = x.dtype
        x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr = _widened(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr)
        half = xp(x).asarray(self.halves, x.dtype).repeat(len(w_ih) // len(self.halves))
        z = matrix_product(x, (w_ih * half[:, None]).T)
        bias = xp(x).zeros(len(w_ih), x.dtype) if b_ih is None else (b_ih + self.outside(b_hh)) * half
        states = [each.copy() for each in (h0, c0) if each is not None]
        out, self.kept = self.run(z, xp(x).ascontiguousarray((w_hh * half[:, None]).T), bias, b_hh, w_hr, states)
        return tuple([each.astype(kind, copy=False) for each in (out, *states)])

    def outside(self, b_hh: Any) -> Any:
        """The part of b_hh that is simply added to z, and so can be added before the walk."""
        return b_hh

    def run(self, z: Any, w: Any, bias: Any, b_hh: Any, w_hr: Any, states: list[Any]) -> tuple[Any, tuple[Any, ...]]:
        """All h, and what ``run_back`` needs, first h before each row's step; ``states`` become the last ones.

        ``z`` may be overwritten; ``w`` is W_hhᵀ, ``bias`` is to be added to z, and in all of them the logistic gates'
        numbers are halved.
        """
        raise NotImplementedError

    def run_back(self, g: Any, w_hh: Any, w_hr: Any, kept: tuple[Any, ...], states: list[Any]) -> tuple[Any, Any, Any]:
        """∂z, ∂v and ∂W_hr from g, the gradient of all h or None; ``states``, of the last ones, become the first's."""
        raise NotImplementedError

    def cell(self, z: Tensor, v: Tensor, w_hr: Tensor | None, states: list[Tensor]) -> tuple[Tensor, ...]:
        """The next states, h first, from z, v and the states."""
        raise NotImplementedError

    def backward(
        self, g: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, kept: Any
    ) -> Any:
        inputs = (x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr)
        if isinstance(x, Tensor):
            return self._recorded(g, inputs)
        g_out, g_h, g_c = itertools.islice(itertools.chain(g, (None, None)), 3)  # g ends with its last gradient
        states = [_arriving(one, each) for one, each in ((g_h, h0), (g_c, c0)) if each is not None]
        x, w_ih, w_hh, w_hr, g_out = _widened(x, w_ih, w_hh, w_hr, g_out)
        dz, dv, d_hr = self.run_back(g_out, w_hh, w_hr, kept, states)
        needs = self.needs
        d_ih = total(dz, (0,)) if needs[5] else None
        d_hh = (d_ih.copy() if dv is dz and d_ih is not None else total(dv, (0,))) if needs[6] else None
        found = (
            matrix_product(dz, w_ih) if needs[0] else None,
            states[0],
            states[-1],  # c0's, which nobody asks for where there is none
            matrix_product(dz.T, x) if needs[3] else None,
            matrix_product(dv.T, kept[0]) if needs[4] else None,
            d_ih,
            d_hh,
            d_hr,
        )
        every = zip(found, inputs, needs, strict=True)
        return tuple([each.astype(source.dtype, copy=False) if need else None for each, source, need in every])

    # ------------------------------------------------------------------ step by step, in ops

    def _recorded(self, g: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The gradients as results of ordinary ops, on the graph."""
        # two inputs may be one tensor: each goes in on an edge of its own
        inputs = tuple([each if each is None else BroadcastTo.on(each, shape=each._data.shape) for each in inputs])
        wanted = [each for each, need in zip(inputs, self.needs, strict=True) if need]
        pairs = [(out, each) for out, each in zip(self._composed(*inputs), g, strict=False) if each is not None]
        outputs, arriving = zip(*pairs, strict=True)
        found = iter(grad(outputs, wanted, arriving, create_graph=True, allow_unused=True))
        return tuple([next(found) if need else None for need in self.needs])

    def _composed(
        self, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any
    ) -> tuple[Tensor, ...]:
        """What ``forward`` computes, in ops."""
        z = linear(x, w_ih, b_ih)
        states = [each for each in (h0, c0) if each is not None]
        found = {}
        for here, active in self.steps:
            held = [each[:active] for each in states]
            new = self.cell(z[here], linear(held[0], w_hh, b_hh), w_hr, held)
            found[here.start] = new[0]
            states = [cat([one, each[active:]]) for one, each in zip(new, states, strict=True)]
        return (cat([found[start] for start in sorted(found)]), *states)


def _widened(*arrays: Any) -> list[Any]:
    return [each if each is None else widen(each) for each in arrays]


def _arriving(g: Any, like: Any) -> Any:
    """A last state's gradient to write to, in the type that is computed in; zeros if there is none."""
    wide = widen(like)
    return xp(wide).zeros(wide.shape, wide.dtype) if g is None else widen(g).copy()


class ElmanScan(RecurrentScan):
    """h = φ(z + v) with φ = tanh, or max(·, 0) if ``rectified``          ∂z = ∂v = ∂h∘φ′"""

    __slots__ = ("rectified",)
    halves = HALVES["elman"]

    def __init__(self, steps: Steps, rectified: bool) -> None:
        self.steps, self.rectified = steps, rectified

    def run(self, z: Any, w: Any, bias: Any, b_hh: Any, w_hr: Any, states: list[Any]) -> tuple[Any, tuple[Any, ...]]:
        before = kernels.elman_scan(z, w, bias, states[0], self.steps, self.rectified)
        return z.copy(), (before, z)  # a copy, since the user may write to the result

    def run_back(self, g: Any, w_hh: Any, w_hr: Any, kept: tuple[Any, ...], states: list[Any]) -> tuple[Any, Any, Any]:
        dz = kernels.elman_scan_back(states[0], g, kept[1], w_hh, self.steps, self.rectified)
        return dz, dz, None

    def cell(self, z: Tensor, v: Tensor, w_hr: Tensor | None, states: list[Tensor]) -> tuple[Tensor, ...]:
        return (relu(z + v) if self.rectified else tanh(z + v),)


class LSTMScan(RecurrentScan):
    """(i, f, n, o) = z + v;  c = σ(f)∘c₋₁ + σ(i)∘tanh n;  h = (σ(o)∘tanh c)·W_hrᵀ          ∂: see ``lstm_scan_back``

    Without W_hr, h = σ(o)∘tanh c. ∂z = ∂v, and ∂L/∂W_hr = Σ ∂hᵀ·(σ(o)∘tanh c).
    """

    __slots__ = ()
    halves = HALVES["lstm"]

    def run(self, z: Any, w: Any, bias: Any, b_hh: Any, w_hr: Any, states: list[Any]) -> tuple[Any, tuple[Any, ...]]:
        h, c = states
        out, before, cell_before, tanh_c = kernels.lstm_scan(
            z, w, bias, None if w_hr is None else w_hr.T, h, c, self.steps
        )
        return out, (before, z, cell_before, tanh_c)

    def run_back(self, g: Any, w_hh: Any, w_hr: Any, kept: tuple[Any, ...], states: list[Any]) -> tuple[Any, Any, Any]:
        _, gates, cell_before, tanh_c = kept
        dh, dc = states
        dz, dh_rows = kernels.lstm_scan_back(dh, dc, g, gates, cell_before, tanh_c, w_hh, w_hr, self.steps)
        d_hr = dh_rows.T.dot(gates[:, -tanh_c.shape[1] :] * tanh_c) if self.needs[7] else None
        return dz, dz, d_hr

    def cell(self, z: Tensor, v: Tensor, w_hr: Tensor | None, states: list[Tensor]) -> tuple[Tensor, ...]:
        i, f, n, o = chunk(z + v, 4, 1)
        c = sigmoid(f) * states[1] + sigmoid(i) * tanh(n)
        h = sigmoid(o) * tanh(c)
        return h if w_hr is None else linear(h, w_hr), c


class GRUScan(RecurrentScan):
    """r, u = σ(z + v);  n = tanh(z_n + r∘v_n);  h = (1 − u)∘n + u∘h₋₁          ∂: see ``gru_scan_back``"""

    __slots__ = ()
    halves = HALVES["gru"]

    def outside(self, b_hh: Any) -> Any:
        known = b_hh.copy()
        known[-(len(b_hh) // 3) :] = 0
        return known

    def run(self, z: Any, w: Any, bias: Any, b_hh: Any, w_hr: Any, states: list[Any]) -> tuple[Any, tuple[Any, ...]]:
        hidden = len(w)
        inner_bias = xp(z).zeros(hidden, z.dtype) if b_hh is None else b_hh[-hidden:]
        out, before, inner = kernels.gru_scan(z, w, bias, inner_bias, states[0], self.steps)
        return out, (before, z, inner)

    def run_back(self, g: Any, w_hh: Any, w_hr: Any, kept: tuple[Any, ...], states: list[Any]) -> tuple[Any, Any, Any]:
        before, gates, inner = kept
        dv, dn = kernels.gru_scan_back(states[0], g, gates, before, inner, w_hh, self.steps)
        dz = xp(dv).concatenate([dv[:, : -dn.shape[1]], dn], axis=1)
        return dz, dv, None

    def cell(self, z: Tensor, v: Tensor, w_hr: Tensor | None, states: list[Tensor]) -> tuple[Tensor, ...]:
        (z_r, z_u, z_n), (v_r, v_u, v_n) = chunk(z, 3, 1), chunk(v, 3, 1)
        u = sigmoid(z_u + v_u)
        n = tanh(z_n + sigmoid(z_r + v_r) * v_n)
        return ((1 - u) * n + u * states[0],)
