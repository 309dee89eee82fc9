"""Recurrent networks: the loops over time of one layer in one direction, and the loops back.

The rows of all steps lie one after another in two-dimensional arrays. ``steps`` says how they are walked through: for
each step its rows and their number, the sequences that are still running. The states of N sequences lie in a buffer,
of which a step reads and writes the first rows; so sequences of different lengths, either direction, and the way back
are all the same loop. What does not wait for the step before is computed in large products outside of it.

The logistic function is taken as σ(x) = ½ + ½·tanh(x/2), so that one tanh serves all gates and nothing overflows; it is
exact to a rounding of 1. Weights and biases come with the rows of logistic gates halved already (``HALVES``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lepton.backend.devices import xp
from lepton.kernels.registry import fast_kernel

Steps = tuple[tuple[slice, int], ...]

HALVES = {"elman": (1.0,), "lstm": (0.5, 0.5, 1.0, 0.5), "gru": (0.5, 0.5, 1.0)}  # logistic gates have ½
SMALLEST, SMALLEST_STATE = 1 << 13, 1 << 8  # elements of all rows, and of one state, from which compiled loops pay
BLOCK = 1 << 14  # elements of a state for which a derivative's factors are computed at a time, in the cache


def walk(sizes: tuple[int, ...], reverse: bool) -> Steps:
    """The steps through sequences of which ``sizes[t]`` have an element at time t, a number that never grows."""
    found, start = [], 0
    for size in sizes:
        found.append((slice(start, start + size), size))
        start += size
    return tuple(reversed(found)) if reverse else tuple(found)


def _blocks(steps: Steps, width: int) -> Iterator[tuple[slice, Steps]]:
    """The steps in stretches that fit into the cache, each with all its rows."""
    first, count = 0, 0
    for last, (_, size) in enumerate(steps, 1):
        count += size
        if count * width >= BLOCK or last == len(steps):
            block = steps[first:last]
            ends = block[0][0], block[-1][0]
            yield slice(min(end.start for end in ends), max(end.stop for end in ends)), block
            first, count = last, 0


def _gates(rows: Any, count: int) -> list[Any]:
    """The gates of some rows, which lie side by side, each for itself."""
    hidden = rows.shape[1] // count
    return [rows[:, k * hidden : (k + 1) * hidden] for k in range(count)]


def _room(like: Any, *shape: int) -> Any:
    return xp(like).empty(shape, like.dtype)


# ---------------------------------------------------------------------- Elman's network


@fast_kernel("recurrence", SMALLEST)
def elman_scan(z: Any, w: Any, bias: Any, h: Any, steps: Steps, rectified: bool) -> Any:
    """h ← φ(z + bias + h·w) step by step, φ = tanh or max(·, 0).

    Args:
        z: (rows, H), the part that comes from the input; overwritten with the states.
        w: (H, H), transposed. bias: (H,). h: (N, H), the first states; overwritten with the last.

    Returns:
        The state before each row's step.
    """
    module, before, product = xp(z), _room(z, *z.shape), _room(h, *h.shape)
    z += bias
    for here, active in steps:
        row, state, part = z[here], h[:active], product[:active]
        before[here] = state
        state.dot(w, out=part)
        row += part
        if rectified:
            module.maximum(row, 0, out=row)
        else:
            module.tanh(row, out=row)
        state[...] = row
    return before


@fast_kernel("recurrence", SMALLEST_STATE)
def elman_scan_back(dh: Any, g: Any, out: Any, w: Any, steps: Steps, rectified: bool) -> Any:
    """∂z from the gradient g of all states (or None) and ``dh`` of the last ones, which becomes that of the first.

    ∂z = (g + ∂h)∘φ′ and ∂h ← ∂z·w, from the last step to the first; ``w`` is not transposed.
    """
    module = xp(out)
    slope = ~(out <= 0) if rectified else 1 - out * out
    dz = module.zeros(out.shape, out.dtype)
    for here, active in reversed(steps):
        row, state = dz[here], dh[:active]
        if g is not None:
            state += g[here]
        if rectified:
            module.copyto(row, state, where=slope[here])
        else:
            module.multiply(state, slope[here], out=row)
        row.dot(w, out=state)
    return dz


# ---------------------------------------------------------------------- long short-term memory


@fast_kernel("recurrence", SMALLEST)
def lstm_scan(
    z: Any, w: Any, bias: Any, projection: Any, h: Any, c: Any, steps: Steps
) -> tuple[Any, Any, Any, Any]:
    """c ← f∘c + i∘n and h ← o∘tanh c step by step; the gates are i, f, o = σ(·) and n = tanh(·) of z + bias + h·w.

    Args:
        z: (rows, 4·H), the part of i, f, n, o that comes from the input; overwritten with these gates.
        w: (P, 4·H), transposed. bias: (4·H,). projection: (H, P), what h is multiplied by, or None.
        h, c: (N, P) and (N, H), the first states; overwritten with the last.

    Returns:
        All h; and before each row's step h and c; and tanh c after it.
    """
    module, rows, hidden = xp(z), len(z), c.shape[1]
    out, before, cell_before = _room(z, rows, h.shape[1]), _room(z, rows, h.shape[1]), _room(z, rows, hidden)
    tanh_c, product, scratch = _room(z, rows, hidden), _room(z, len(h), z.shape[1]), _room(c, *c.shape)
    half = module.asarray(HALVES["lstm"], z.dtype).repeat(hidden)
    rest = 1 - half
    z += bias
    for here, active in steps:
        row, state, cell, part, term = z[here], h[:active], c[:active], product[:active], scratch[:active]
        before[here], cell_before[here] = state, cell
        state.dot(w, out=part)
        row += part
        module.tanh(row, out=row)
        row *= half
        row += rest
        i, f, n, o = _gates(row, 4)
        cell *= f
        module.multiply(i, n, out=term)
        cell += term
        seen = tanh_c[here]
        module.tanh(cell, out=seen)
        if projection is None:
            module.multiply(o, seen, out=state)
        else:
            module.multiply(o, seen, out=term)
            term.dot(projection, out=state)
        out[here] = state
    return out, before, cell_before, tanh_c


@fast_kernel("recurrence", SMALLEST_STATE)
def lstm_scan_back(
    dh: Any, dc: Any, g: Any, gates: Any, cell_before: Any, tanh_c: Any, w: Any, projection: Any, steps: Steps
) -> tuple[Any, Any]:
    """∂z of the four gates, and with a projection ∂h of each row (else None).

    g is the gradient of all h (or None), ``dh`` and ``dc`` those of the last states, which become those of the first;
    ``w`` (4·H, P) and ``projection`` (P, H) are not transposed. With ∂h ← ∂h + g, from the last step to the first::

        ∂c ← ∂c + ∂h∘o∘(1 − tanh²c);   ∂z_o = ∂h∘tanh c∘o(1 − o);   ∂z_i = ∂c∘n∘i(1 − i);
        ∂z_f = ∂c∘c₋₁∘f(1 − f);   ∂z_n = ∂c∘i∘(1 − n²);   ∂c ← ∂c∘f;   ∂h ← ∂z·w
    """
    module, hidden = xp(gates), dc.shape[1]
    dz, through, scratch = _room(gates, *gates.shape), _room(tanh_c, *tanh_c.shape), _room(dc, *dc.shape)
    dh_rows = None if projection is None else _room(gates, len(gates), dh.shape[1])
    apart = dz.reshape(len(dz), 4, hidden)
    for rows, block in _blocks(steps[::-1], hidden):
        _lstm_factors(gates[rows], cell_before[rows], tanh_c[rows], dz[rows], through[rows])
        for here, active in block:
            row, state, cell, term = dz[here], dh[:active], dc[:active], scratch[:active]
            if g is not None:
                state += g[here]
            top = state
            if dh_rows is not None:
                dh_rows[here] = state
                top = state.dot(projection)
            module.multiply(top, through[here], out=term)
            cell += term
            first_three, last = apart[here, :3], apart[here, 3]
            first_three *= cell[:, None]
            last *= top
            cell *= gates[here, hidden : 2 * hidden]
            row.dot(w, out=state)
    return dz, dh_rows


def _lstm_factors(gates: Any, cell_before: Any, tanh_c: Any, dz: Any, through: Any) -> None:
    """What ∂c and ∂h are multiplied by in :func:`lstm_scan_back`, for some rows at once."""
    module = xp(gates)
    i, _, n, o = _gates(gates, 4)
    for_i, for_f, for_n, for_o = _gates(dz, 4)
    module.subtract(1, gates, out=dz)
    dz *= gates
    for_n[...] = (1 - n * n) * i
    for_i *= n
    for_f *= cell_before
    for_o *= tanh_c
    module.multiply(tanh_c, tanh_c, out=through)
    module.subtract(1, through, out=through)
    through *= o


# ---------------------------------------------------------------------- gated recurrent unit


@fast_kernel("recurrence", SMALLEST)
def gru_scan(z: Any, w: Any, bias: Any, inner_bias: Any, h: Any, steps: Steps) -> tuple[Any, Any, Any]:
    """h ← n + u∘(h − n) step by step, with r, u = σ(z' + h·w), q = h·w + inner_bias, n = tanh(z' + r∘q), z' = z + bias.

    Args:
        z: (rows, 3·H), the part of r, u, n that comes from the input; overwritten with these gates.
        w: (H, 3·H), transposed. bias: (3·H,). inner_bias: (H,). h: (N, H), the first states; overwritten with the last.

    Returns:
        All h, h before each row's step, and q.
    """
    module, rows, hidden = xp(z), len(z), h.shape[1]
    out, before, inner = _room(z, rows, hidden), _room(z, rows, hidden), _room(z, rows, hidden)
    product, scratch = _room(z, len(h), z.shape[1]), _room(h, *h.shape)
    z += bias
    for here, active in steps:
        row, state, part, term, q = z[here], h[:active], product[:active], scratch[:active], inner[here]
        before[here] = state
        state.dot(w, out=part)
        logistic, n = row[:, : 2 * hidden], row[:, 2 * hidden :]
        logistic += part[:, : 2 * hidden]
        module.tanh(logistic, out=logistic)
        logistic *= 0.5
        logistic += 0.5
        module.add(part[:, 2 * hidden :], inner_bias, out=q)
        module.multiply(row[:, :hidden], q, out=term)
        n += term
        module.tanh(n, out=n)
        state -= n
        state *= row[:, hidden : 2 * hidden]
        state += n
        out[here] = state
    return out, before, inner


@fast_kernel("recurrence", SMALLEST_STATE)
def gru_scan_back(dh: Any, g: Any, gates: Any, before: Any, inner: Any, w: Any, steps: Steps) -> tuple[Any, Any]:
    """The gradients of h·w (r, u and q) and of n's argument.

    g is the gradient of all h (or None), ``dh`` that of the last ones, which becomes that of the first; ``w`` is not
    transposed. With ∂h ← ∂h + g, from the last step to the first::

        ∂n = ∂h∘(1 − u)∘(1 − n²);   ∂q = ∂n∘r;   ∂r = ∂n∘q∘r(1 − r);   ∂u = ∂h∘(h₋₁ − n)∘u(1 − u);
        ∂h ← ∂h∘u + (∂r, ∂u, ∂q)·w
    """
    module, hidden = xp(gates), dh.shape[1]
    dz, dn, scratch = _room(gates, *gates.shape), _room(inner, *inner.shape), _room(dh, *dh.shape)
    apart = dz.reshape(len(dz), 3, hidden)
    for rows, block in _blocks(steps[::-1], hidden):
        _gru_factors(gates[rows], before[rows], inner[rows], dz[rows], dn[rows])
        for here, active in block:
            three, new, state, term = apart[here], dn[here], dh[:active], scratch[:active]
            if g is not None:
                state += g[here]
            three *= state[:, None]
            new *= state
            module.multiply(state, gates[here, hidden : 2 * hidden], out=term)
            dz[here].dot(w, out=state)
            state += term
    return dz, dn


def _gru_factors(gates: Any, before: Any, inner: Any, dz: Any, dn: Any) -> None:
    """What ∂h is multiplied by in :func:`gru_scan_back`, for some rows at once."""
    module = xp(gates)
    r, _, n = _gates(gates, 3)
    for_r, for_u, for_q = _gates(dz, 3)
    module.subtract(1, gates, out=dz)
    module.multiply(for_u, 1 - n * n, out=dn)
    dz *= gates
    for_r *= inner
    for_r *= dn
    for_u *= before - n
    module.multiply(dn, r, out=for_q)
