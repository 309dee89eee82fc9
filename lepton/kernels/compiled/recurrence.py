"""The loops over time of recurrent networks: for each step one launch of the pool, on tiles of rows and hidden units.

A tile has all gates of its units, so that the state's product with the weights and what the gates make of it are
computed while they lie in the cache. On the way back a tile first takes its part of the product of the step that came
before, and so a step is one launch there too. Tiles are so small that OpenBLAS multiplies them where they lie, without
copying the weights into panels first, which for a few rows would take as long as the product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled import numeric
from lepton.kernels.compiled.blas import product
from lepton.kernels.compiled.loops import inner, parallel
from lepton.kernels.recurrence import Steps

UNITS = 64  # of a tile, and so columns of its products
LARGEST = 1_000_000  # multiplications of a product up to which OpenBLAS does without panels
FEWEST = 4  # tiles that a step is cut into at least, unless there are fewer rows

_STEPS = "i8[::1], i8[::1], i8"  # where each step's rows begin, their number, the rows of a tile


def _walk_of(steps: Steps) -> tuple[Any, Any]:
    starts = np.array([rows.start for rows, _ in steps], np.int64)
    return starts, np.array([size for _, size in steps], np.int64)


def _rows_of_tile(rows: int, hidden: int) -> int:
    """How many rows tiles have at most."""
    across = -(-hidden // UNITS)
    most = max(1, LARGEST // (hidden * UNITS))
    parts = max(-(-rows // most), -(-FEWEST // across))
    return -(-rows // parts)


def _takes(*arrays: Any) -> bool:
    """Whether they are all of float32 or all of float64, C-contiguous and not empty."""
    kind = arrays[0].dtype
    return kind.char in "fd" and all(each.dtype is kind and each.flags.c_contiguous and each.size for each in arrays)


# ---------------------------------------------------------------------- what the loops share


@inner()
def _cut(tile: int, size: int, rows: int, hidden: int) -> tuple[int, int, int, int]:
    """The rows and the units of a tile: from, to; from, to."""
    across = (hidden + UNITS - 1) // UNITS
    row, unit = tile // across * rows, tile % across * UNITS
    return row, min(row + rows, size), unit, min(unit + UNITS, hidden)


@inner()
def _tiles(size: int, rows: int, hidden: int) -> int:
    return (size + rows - 1) // rows * ((hidden + UNITS - 1) // UNITS)


@inner()
def _enter_first(before: Any, h: Any, starts: Any, sizes: Any) -> None:
    """Write the first states to where the sequences begin."""
    running = 0
    for step in range(len(starts)):
        for row in range(running, sizes[step]):
            before[starts[step] + row] = h[row]
        running = sizes[step]


@inner()
def _hand_on(new: Any, row: int, first: int, step: int, before: Any, h: Any, starts: Any, sizes: Any) -> None:
    """Write a part of a row's new state to where the next step reads it; after the row's last step to ``h``."""
    if step + 1 < len(starts) and row < sizes[step + 1]:
        before[starts[step + 1] + row, first : first + new.size] = new
    else:
        h[row, first : first + new.size] = new


@inner()
def _logistic(z: Any, bias: Any) -> None:
    for i in range(z.size):
        z[i] = numeric.tanh(z[i] + bias[i]) * z.dtype.type(0.5) + z.dtype.type(0.5)


@inner()
def _hyperbolic(z: Any, bias: Any) -> None:
    for i in range(z.size):
        z[i] = numeric.tanh(z[i] + bias[i])


@inner()
def _back_through(dz: Any, w: Any, beta: float, dh: Any, gates: int, first: int, last: int) -> None:
    """dh ← dz·w + beta·dh in the columns from ``first`` to ``last``, gate after gate."""
    hidden = len(w) // gates
    for gate in range(gates):
        here = slice(gate * hidden, (gate + 1) * hidden)
        product(dz[:, here], w[here, first:last], 1.0 if gate else beta, dh[:, first:last])


@inner()
def _sum_into(state: Any, g: Any, row: int, first: int) -> None:
    """state ← state + g, from ``first`` on, unless there is no g."""
    if g.size:
        for i in range(state.size):
            state[i] += g[row, first + i]


# ---------------------------------------------------------------------- Elman's network


@parallel(f"void(X[:, ::1], X[:, ::1], X[::1], X[:, ::1], X[:, ::1], b1, {_STEPS})")
def _elman(z: Any, w: Any, bias: Any, h: Any, before: Any, rectified: bool, starts: Any, sizes: Any, rows: int) -> None:
    hidden = len(w)
    _enter_first(before, h, starts, sizes)
    for step in range(len(starts)):
        start, size = starts[step], sizes[step]
        for tile in prange(_tiles(size, rows, hidden)):
            top, bottom, first, last = _cut(tile, size, rows, hidden)
            here = slice(start + top, start + bottom)
            product(before[here], w[:, first:last], 1.0, z[here, first:last])
            for row in range(top, bottom):
                new = z[start + row, first:last]
                if rectified:
                    for i in range(new.size):
                        value = new[i] + bias[first + i]
                        new[i] = z.dtype.type(0) if value < 0 else value
                else:
                    _hyperbolic(new, bias[first:last])
                _hand_on(new, row, first, step, before, h, starts, sizes)


def elman_scan(z: Any, w: Any, bias: Any, h: Any, steps: Steps, rectified: bool) -> Any:
    """h ← φ(z + bias + h·w) step by step."""
    if not _takes(z, w, bias, h):
        return NotImplemented
    before = np.empty_like(z)
    _elman(z, w, bias, h, before, rectified, *_walk_of(steps), _rows_of_tile(len(h), len(w)))
    return before


@parallel(f"void(X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], b1, {_STEPS})")
def _elman_back(
    dh: Any, g: Any, out: Any, w: Any, dz: Any, rectified: bool, starts: Any, sizes: Any, rows: int
) -> None:
    hidden, count, one = len(w), len(starts), out.dtype.type(1)
    for back in range(count + 1):
        step, after = count - 1 - back, count - back
        size = max(sizes[max(step, 0)], sizes[min(after, count - 1)])
        for tile in prange(_tiles(size, rows, hidden)):
            top, bottom, first, last = _cut(tile, size, rows, hidden)
            if after < count:
                end = max(top, min(bottom, sizes[after]))
                _back_through(dz[starts[after] + top : starts[after] + end], w, 0.0, dh[top:end], 1, first, last)
            if step >= 0:
                for row in range(top, min(bottom, sizes[step])):
                    here = starts[step] + row
                    state, seen, found = dh[row, first:last], out[here, first:last], dz[here, first:last]
                    _sum_into(state, g, here, first)
                    for i in range(state.size):
                        slope = (one if not seen[i] <= 0 else one - one) if rectified else one - seen[i] * seen[i]
                        found[i] = state[i] * slope if not rectified or slope != 0 else slope


def elman_scan_back(dh: Any, g: Any, out: Any, w: Any, steps: Steps, rectified: bool) -> Any:
    """∂z from the gradient g of all states and ``dh`` of the last ones, which becomes that of the first."""
    if not _takes(dh, out, w):
        return NotImplemented
    dz = np.empty_like(out)
    _elman_back(dh, _given(g, out), out, w, dz, rectified, *_walk_of(steps), _rows_of_tile(len(dh), len(w)))
    return dz


def _given(g: Any, like: Any) -> Any:
    """The gradient of all states, an empty array where there is none."""
    return np.empty((0, 0), like.dtype) if g is None else np.ascontiguousarray(g)


# ---------------------------------------------------------------------- long short-term memory


@parallel(
    f"void(X[:, ::1], X[:, ::1], X[::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], {_STEPS})"
)
def _lstm(
    z: Any, w: Any, bias: Any, h: Any, c: Any, out: Any, before: Any, cell_before: Any, tanh_c: Any,
    starts: Any, sizes: Any, rows: int,
) -> None:  # fmt: skip
    hidden = c.shape[1]
    _enter_first(before, h, starts, sizes)
    for step in range(len(starts)):
        start, size = starts[step], sizes[step]
        for tile in prange(_tiles(size, rows, hidden)):
            top, bottom, first, last = _cut(tile, size, rows, hidden)
            here = slice(start + top, start + bottom)
            for gate in range(4):
                columns = slice(gate * hidden + first, gate * hidden + last)
                product(before[here], w[:, columns], 1.0, z[here, columns])
            for row in range(top, bottom):
                new = out[start + row, first:last]
                _lstm_cell(
                    z[start + row], bias, c[row], cell_before[start + row], tanh_c[start + row], new, first, last
                )
                _hand_on(new, row, first, step, before, h, starts, sizes)


@inner()
def _lstm_cell(z: Any, bias: Any, c: Any, cell_before: Any, tanh_c: Any, new: Any, first: int, last: int) -> None:
    """One row of a tile; loops over few arrays, which the compiler can tell to be apart."""
    hidden, n = c.size, last - first
    for gate in range(4):
        columns = slice(gate * hidden + first, gate * hidden + last)
        if gate == 2:
            _hyperbolic(z[columns], bias[columns])
        else:
            _logistic(z[columns], bias[columns])
    i, f, g, o = first, hidden + first, 2 * hidden + first, 3 * hidden + first
    cell_before[first:last] = c[first:last]
    cell, seen = c[first:last], tanh_c[first:last]
    for k in range(n):
        cell[k] = cell[k] * z[f + k] + z[i + k] * z[g + k]
    for k in range(n):
        seen[k] = numeric.tanh(cell[k])
    for k in range(n):
        new[k] = z[o + k] * seen[k]


def lstm_scan(z: Any, w: Any, bias: Any, projection: Any, h: Any, c: Any, steps: Steps) -> Any:
    """c ← f∘c + i∘n and h ← o∘tanh c step by step."""
    if projection is not None or not _takes(z, w, bias, h, c):
        return NotImplemented
    out, before, cell_before, tanh_c = (np.empty((len(z), c.shape[1]), z.dtype) for _ in range(4))
    _lstm(z, w, bias, h, c, out, before, cell_before, tanh_c, *_walk_of(steps), _rows_of_tile(*c.shape))
    return out, before, cell_before, tanh_c


@parallel(f"void(X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], {_STEPS})")
def _lstm_back(
    dh: Any, dc: Any, g: Any, gates: Any, cell_before: Any, tanh_c: Any, w: Any, dz: Any,
    starts: Any, sizes: Any, rows: int,
) -> None:  # fmt: skip
    hidden, count = dc.shape[1], len(starts)
    for back in range(count + 1):
        step, after = count - 1 - back, count - back
        size = max(sizes[max(step, 0)], sizes[min(after, count - 1)])
        for tile in prange(_tiles(size, rows, hidden)):
            top, bottom, first, last = _cut(tile, size, rows, hidden)
            if after < count:
                end = max(top, min(bottom, sizes[after]))
                _back_through(dz[starts[after] + top : starts[after] + end], w, 0.0, dh[top:end], 4, first, last)
            if step >= 0:
                for row in range(top, min(bottom, sizes[step])):
                    here = starts[step] + row
                    state = dh[row, first:last]
                    _sum_into(state, g, here, first)
                    _lstm_cell_back(
                        state, dc[row, first:last], gates[here], cell_before[here, first:last],
                        tanh_c[here, first:last], dz[here], hidden, first,
                    )  # fmt: skip


@inner()
def _lstm_cell_back(
    dh: Any, dc: Any, gates: Any, cell_before: Any, tanh_c: Any, dz: Any, hidden: int, first: int
) -> None:
    """One row of a tile; loops over few arrays, which the compiler can tell to be apart."""
    n, one = dh.size, dh.dtype.type(1)
    i, f, new, o = gates[first:], gates[hidden + first :], gates[2 * hidden + first :], gates[3 * hidden + first :]
    for_i, for_f, for_new, for_o = dz[first:], dz[hidden + first :], dz[2 * hidden + first :], dz[3 * hidden + first :]
    for k in range(n):
        dc[k] += dh[k] * (o[k] * (one - tanh_c[k] * tanh_c[k]))
    for k in range(n):
        for_o[k] = dh[k] * ((one - o[k]) * o[k] * tanh_c[k])
    for k in range(n):
        for_i[k] = dc[k] * ((one - i[k]) * i[k] * new[k])
    for k in range(n):
        for_new[k] = dc[k] * ((one - new[k] * new[k]) * i[k])
    for k in range(n):
        for_f[k] = dc[k] * ((one - f[k]) * f[k] * cell_before[k])
    for k in range(n):
        dc[k] *= f[k]


def lstm_scan_back(
    dh: Any, dc: Any, g: Any, gates: Any, cell_before: Any, tanh_c: Any, w: Any, projection: Any, steps: Steps
) -> Any:
    """∂z of the four gates; ``dh`` and ``dc`` of the last states become those of the first."""
    if projection is not None or not _takes(dh, dc, gates, cell_before, tanh_c, w):
        return NotImplemented
    dz = np.empty_like(gates)
    tile = _rows_of_tile(*dc.shape)
    _lstm_back(dh, dc, _given(g, gates), gates, cell_before, tanh_c, w, dz, *_walk_of(steps), tile)
    return dz, None


# ---------------------------------------------------------------------- gated recurrent unit


@parallel(f"void(X[:, ::1], X[:, ::1], X[::1], X[::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], {_STEPS})")
def _gru(
    z: Any, w: Any, bias: Any, inner_bias: Any, h: Any, out: Any, before: Any, q: Any,
    starts: Any, sizes: Any, rows: int,
) -> None:  # fmt: skip
    hidden = len(w)
    _enter_first(before, h, starts, sizes)
    for step in range(len(starts)):
        start, size = starts[step], sizes[step]
        for tile in prange(_tiles(size, rows, hidden)):
            top, bottom, first, last = _cut(tile, size, rows, hidden)
            here = slice(start + top, start + bottom)
            for gate in range(2):
                columns = slice(gate * hidden + first, gate * hidden + last)
                product(before[here], w[:, columns], 1.0, z[here, columns])
            product(before[here], w[:, 2 * hidden + first : 2 * hidden + last], 0.0, q[here, first:last])
            for row in range(top, bottom):
                place = start + row
                new = out[place, first:last]
                _gru_cell(
                    z[place], bias, inner_bias[first:last], before[place, first:last], q[place, first:last], new, first
                )
                _hand_on(new, row, first, step, before, h, starts, sizes)


@inner()
def _gru_cell(z: Any, bias: Any, inner_bias: Any, h: Any, q: Any, new: Any, first: int) -> None:
    """One row of a tile; loops over few arrays, which the compiler can tell to be apart."""
    hidden, n = z.size // 3, q.size
    for gate in range(2):
        columns = slice(gate * hidden + first, gate * hidden + first + n)
        _logistic(z[columns], bias[columns])
    r, u, proposed = z[first:], z[hidden + first :], z[2 * hidden + first : 2 * hidden + first + n]
    for k in range(n):
        q[k] += inner_bias[k]
    for k in range(n):
        proposed[k] += r[k] * q[k]
    _hyperbolic(proposed, bias[2 * hidden + first :])
    for k in range(n):
        new[k] = proposed[k] + u[k] * (h[k] - proposed[k])


def gru_scan(z: Any, w: Any, bias: Any, inner_bias: Any, h: Any, steps: Steps) -> Any:
    """h ← n + u∘(h − n) step by step."""
    if not _takes(z, w, bias, inner_bias, h):
        return NotImplemented
    out, before, q = (np.empty((len(z), h.shape[1]), z.dtype) for _ in range(3))
    _gru(z, w, bias, inner_bias, h, out, before, q, *_walk_of(steps), _rows_of_tile(*h.shape))
    return out, before, q


@parallel(f"void(X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], X[:, ::1], {_STEPS})")
def _gru_back(
    dh: Any, g: Any, gates: Any, before: Any, q: Any, w: Any, dz: Any, dn: Any, starts: Any, sizes: Any, rows: int
) -> None:
    hidden, count = dh.shape[1], len(starts)
    for back in range(count + 1):
        step, after = count - 1 - back, count - back
        size = max(sizes[max(step, 0)], sizes[min(after, count - 1)])
        for tile in prange(_tiles(size, rows, hidden)):
            top, bottom, first, last = _cut(tile, size, rows, hidden)
            if after < count:
                end = max(top, min(bottom, sizes[after]))
                _back_through(dz[starts[after] + top : starts[after] + end], w, 1.0, dh[top:end], 3, first, last)
            if step >= 0:
                for row in range(top, min(bottom, sizes[step])):
                    here = starts[step] + row
                    state = dh[row, first:last]
                    _sum_into(state, g, here, first)
                    _gru_cell_back(
                        state, gates[here], before[here, first:last], q[here, first:last],
                        dz[here], dn[here, first:last], hidden, first,
                    )  # fmt: skip


@inner()
def _gru_cell_back(dh: Any, gates: Any, before: Any, q: Any, dz: Any, dn: Any, hidden: int, first: int) -> None:
    """One row of a tile; loops over few arrays, which the compiler can tell to be apart."""
    n, one = dh.size, dh.dtype.type(1)
    r, u, new = gates[first:], gates[hidden + first :], gates[2 * hidden + first :]
    for_r, for_u, for_q = dz[first:], dz[hidden + first :], dz[2 * hidden + first :]
    for k in range(n):
        dn[k] = dh[k] * ((one - u[k]) * (one - new[k] * new[k]))
    for k in range(n):
        for_q[k] = dn[k] * r[k]
    for k in range(n):
        for_r[k] = dn[k] * ((one - r[k]) * r[k] * q[k])
    for k in range(n):
        for_u[k] = dh[k] * ((one - u[k]) * u[k] * (before[k] - new[k]))
    for k in range(n):
        dh[k] *= u[k]


def gru_scan_back(dh: Any, g: Any, gates: Any, before: Any, inner: Any, w: Any, steps: Steps) -> Any:
    """The gradients of h·w (r, u and q) and of n's argument; ``dh`` of the last states becomes that of the first."""
    if not _takes(dh, gates, before, inner, w):
        return NotImplemented
    dz, dn = np.empty_like(gates), np.empty_like(inner)
    _gru_back(dh, _given(g, gates), gates, before, inner, w, dz, dn, *_walk_of(steps), _rows_of_tile(*dh.shape))
    return dz, dn
