"""What linear algebra needs beyond the array library's own: LU with its pivots, triangular systems, e^A.

All work on batches: matrices are the last two dimensions. Where LAPACK gives up on one matrix, as on a singular one,
the others of its batch still get their result: ``info`` says for each what was wrong, 0 for nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lepton.backend.blas import lapack
from lepton.backend.devices import Array, xp
from lepton.kernels.registry import kernel

PANEL = 32  # columns that LU eliminates one by one before it updates all others with one product
LEAF = 24  # rows of a triangular system that are solved one by one
SMALL_ENOUGH = 0.78  # the norm up to which Taylor's polynomial of degree 16 is exact to rounding


# ---------------------------------------------------------------------- LU


@kernel
def lu_factor(a: Array) -> tuple[Array, Array]:
    """L·U = P·A by elimination with partial pivoting, panel by panel (Golub & Van Loan, 3.2.11).

    Returns:
        L below the diagonal (its own is 1) and U above, in one matrix, and for each column the row, counted from 1,
        that was exchanged with the diagonal's, as int32.
    """
    module, (m, n) = xp(a), a.shape[-2:]
    x = module.array(a).reshape((math.prod(a.shape[:-2]), m, n))
    pivots = module.zeros((x.shape[0], min(m, n)), np.int32)
    for start in range(0, min(m, n), PANEL):
        stop = min(start + PANEL, m, n)
        _eliminate(x, pivots, start, stop)
        if stop < n:
            right = solve_triangular(x[:, start:stop, start:stop], x[:, start:stop, stop:], False, True)
            x[:, start:stop, stop:] = right
            x[:, stop:, stop:] -= x[:, stop:, start:stop] @ right
    return x.reshape(a.shape), pivots.reshape((*a.shape[:-2], min(m, n)))


def _eliminate(x: Array, pivots: Array, start: int, stop: int) -> None:
    """Bring columns start … stop − 1 to their final state, and exchange whole rows, in place."""
    module = xp(x)
    batch = module.arange(x.shape[0])
    for j in range(start, stop):
        chosen = abs(x[:, j:, j]).argmax(axis=1) + j
        pivots[:, j] = chosen + 1
        row = x[batch, chosen]
        x[batch, chosen] = x[:, j]
        x[:, j] = row
        pivot = row[:, j, None]
        below = x[:, j + 1 :]
        below[:, :, j] /= module.where(pivot == 0, module.ones_like(pivot), pivot)
        below[:, :, j + 1 : stop] -= below[:, :, j, None] * row[:, None, j + 1 : stop]


def order_of(pivots: Array, m: int) -> Array:
    """The order p of m rows in which exchanges leave them: A[p] = L·U."""
    module, shape = xp(pivots), pivots.shape
    pivots = pivots.reshape((math.prod(shape[:-1]), shape[-1]))
    order = module.zeros((pivots.shape[0], m), np.int64) + module.arange(m)
    batch = module.arange(pivots.shape[0])
    for j in range(shape[-1]):
        other = pivots[:, j].astype(np.int64) - 1
        row = order[batch, other]
        order[batch, other] = order[:, j]
        order[:, j] = row
    return order.reshape((*shape[:-1], m))


def first_zero(diagonal: Array) -> Array:
    """The place, counted from 1, of the first 0 of the last dimension, as int32; 0 if there is none."""
    module, zero = xp(diagonal), diagonal == 0
    if not diagonal.shape[-1]:
        return module.zeros(diagonal.shape[:-1], np.int32)
    return module.where(zero.any(axis=-1), zero.argmax(axis=-1) + 1, 0).astype(np.int32)


def diagonal_of(a: Array) -> Array:
    """The diagonals of matrices."""
    return a.diagonal(0, a.ndim - 2, a.ndim - 1)


# ---------------------------------------------------------------------- systems


@kernel
def solve_triangular(a: Array, b: Array, upper: bool, unitriangular: bool) -> Array:
    """The x with a·x = b, where of ``a`` one triangle is looked at (without its diagonal if that is taken to be 1).

    By halves, so that nearly all of the work is in products of matrices.
    """
    n = a.shape[-1]
    if n <= LEAF:
        return _substitute(a, b, upper, unitriangular)
    half = n // 2
    first, rest = (slice(half, n), slice(0, half)) if upper else (slice(0, half), slice(half, n))
    known = solve_triangular(a[..., first, first], b[..., first, :], upper, unitriangular)
    left = b[..., rest, :] - a[..., rest, first] @ known
    other = solve_triangular(a[..., rest, rest], left, upper, unitriangular)
    return xp(a).concatenate((other, known) if upper else (known, other), axis=-2)


def _substitute(a: Array, b: Array, upper: bool, unitriangular: bool) -> Array:
    n, x = a.shape[-1], xp(a).array(b)
    for i in reversed(range(n)) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        row = x[..., i : i + 1, :] - a[..., i : i + 1, known] @ x[..., known, :]
        x[..., i : i + 1, :] = row if unitriangular else row / a[..., i : i + 1, i : i + 1]
    return x


def solve(a: Array, b: Array) -> tuple[Array, Array]:
    """The x with a·x = b, and ``info``: the first k for which Uₖₖ of a = P·L·U is 0, where x is inf or nan."""
    module = xp(a)
    try:
        return lapack(a).solve(a, b), module.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        return _solve_by_lu(a, b)


def inverse(a: Array) -> tuple[Array, Array]:
    """a⁻¹, and ``info`` as of :func:`solve`."""
    module = xp(a)
    try:
        return lapack(a).inv(a), module.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        return _solve_by_lu(a, module.broadcast_to(module.eye(a.shape[-1], dtype=a.dtype), a.shape))


def _solve_by_lu(a: Array, b: Array) -> tuple[Array, Array]:
    module, (packed, pivots) = xp(a), lu_factor(a)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    order = module.broadcast_to(order_of(pivots, a.shape[-1]), (*batch, a.shape[-1]))
    sorted_rows = module.take_along_axis(module.broadcast_to(b, (*batch, *b.shape[-2:])), order[..., None], axis=-2)
    x = solve_triangular(packed, solve_triangular(packed, sorted_rows, False, True), True, False)
    return x, first_zero(diagonal_of(packed))


# ---------------------------------------------------------------------- Cholesky


def cholesky(a: Array) -> tuple[Array, Array]:
    """L with a = L·Lᵀ from the lower triangle, and ``info``: the order of the first minor that is not positive.

    Where there is one, L is nan.
    """
    module = xp(a)
    factor = _factor(a)
    if factor is not None:
        return factor, module.zeros(a.shape[:-2], np.int32)
    flat = a.reshape((-1, *a.shape[-2:]))
    factors, infos = zip(*[_cholesky_of_one(each) for each in flat], strict=True)
    info = module.array(infos, dtype=np.int32)
    return module.stack(factors).reshape(a.shape), info.reshape(a.shape[:-2])


def _factor(a: Array) -> Array | None:
    try:
        factor = lapack(a).cholesky(a)
    except np.linalg.LinAlgError:
        return None
    return factor if bool((diagonal_of(factor) > 0).all()) else None  # nan passes through LAPACK


def _cholesky_of_one(a: Array) -> tuple[Array, int]:
    factor = _factor(a)
    if factor is not None:
        return factor, 0
    good, bad = 0, a.shape[-1]
    while bad - good > 1:
        middle = (good + bad) // 2
        if _factor(a[:middle, :middle]) is None:
            bad = middle
        else:
            good = middle
    return xp(a).full_like(a, math.nan), bad


# ---------------------------------------------------------------------- the exponential


@kernel
def matrix_exp(a: Array) -> Array:
    """e^A = (e^(A/2ˢ))^(2ˢ) with Taylor's polynomial of degree 16 for the inner power.

    The polynomial takes six products (Paterson & Stockmeyer, 1973); s is chosen for each matrix so that the polynomial
    is exact to rounding (Bader, Blanes & Casas, *Computing the Matrix Exponential with an Optimized Taylor Polynomial
    Approximation*, 2019, table 2).
    """
    module = xp(a)
    if not a.size:
        return module.array(a)
    sizes = abs(a).sum(axis=-2).max(axis=-1)
    known = module.isfinite(sizes)
    halvings = module.frexp(module.where(known, sizes, 0) / SMALL_ENOUGH)[1]
    halvings = module.maximum(halvings, 0)[..., None, None]
    result = _taylor(module.ldexp(a, -halvings))
    for done in range(int(halvings.max())):
        result = module.where(halvings > done, result @ result, result)
    return module.where(known[..., None, None], result, math.nan)


def _taylor(x: Array) -> Array:
    """Σ xᵏ/k! up to k = 16, as a polynomial in x⁴ whose coefficients are polynomials in x."""
    square = x @ x
    fourth = square @ square
    powers = (xp(x).eye(x.shape[-1], dtype=x.dtype), x, square, square @ x)
    result: Any = fourth / math.factorial(16)
    for block in (3, 2, 1, 0):
        for k, power in enumerate(powers):
            result = result + power / math.factorial(4 * block + k)
        result = result @ fourth if block else result
    return result
