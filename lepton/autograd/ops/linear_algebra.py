"""The older names of linear algebra, which are methods too. The modules with the mathematics load at the call."""

from __future__ import annotations

from typing import Any

from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor

__all__ = [
    "cdist", "cholesky", "cholesky_inverse", "cholesky_solve", "det", "inverse", "logdet", "lu_solve", "matrix_power",
    "pinverse", "qr", "slogdet", "svd", "triangular_solve",
]  # fmt: skip


@public(method=False)
def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    """The distances ‖x1ᵢ − x2ⱼ‖ₚ between rows: (…, P, M) and (…, R, M) give (…, P, R), batch dimensions broadcast.

    Args:
        p: of the norm, ≥ 0: 0 counts the coordinates that differ, ``inf`` takes the largest difference.
        compute_mode: for p = 2: ``"use_mm_for_euclid_dist"`` is quick and loses digits for points that are close beside
            their sizes, ``"donot_use_mm_for_euclid_dist"`` is exact; by default the former for more than 25 points.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ, or are not float32 or float64.
            ValueRangeError: p is negative. ArgumentError: there is no such mode.
    """
    from lepton.autograd.ops import distances

    return distances.cdist(x1, x2, p, compute_mode)


# ---------------------------------------------------------------------- determinants, inverses, powers


@public()
def det(input: Tensor) -> Tensor:
    """The determinants of matrices (…, n, n); 1 for n = 0. Singular ones have all derivatives too.

    Raises:
        ShapeError: they are not square. DTypeError: the type is not float32 or float64.
    """
    from lepton.autograd.ops import determinants

    return determinants.det(input)


@public()
def slogdet(input: Tensor) -> Any:
    """Sign and logarithm of the absolute value of determinants, as (sign, logabsdet); see ``linalg.slogdet``."""
    from lepton.autograd.ops import determinants, linalg_types

    return linalg_types.older_slogdet(*determinants.slogdet(input))


@public()
def logdet(input: Tensor) -> Tensor:
    """The logarithms of determinants: −∞ where one is 0, nan where it is negative.

    Raises:
        ShapeError: the matrices are not square. DTypeError: the type is not float32 or float64.
    """
    from lepton.autograd.ops import determinants

    return determinants.logdet(input)


@public()
def inverse(input: Tensor) -> Tensor:
    """The inverses of matrices (…, n, n).

    Raises:
        LinAlgError: one is singular. ShapeError: they are not square. DTypeError: the type is not float32 or float64.
    """
    from lepton.autograd.ops import solving

    return solving.inv(input)


@public()
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudo-inverses of matrices, singular values up to ``rcond`` times the largest taken as 0."""
    from lepton.autograd.ops import least_squares

    return least_squares.pinv(input, rcond)


@public()
def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th powers of matrices: the identity for n = 0, powers of the inverse for n < 0.

    Raises:
        ShapeError: they are not square. ArgumentTypeError: n is not an int. LinAlgError: n < 0 and one is singular.
    """
    from lepton.autograd.ops import matrix_functions

    return matrix_functions.matrix_power(input, n)


# ---------------------------------------------------------------------- factorizations


@public()
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """The L with L·Lᵀ = input, or with ``upper`` the U with Uᵀ·U = input, of symmetric positive-definite matrices.

    Raises:
        LinAlgError: one is not positive-definite. ShapeError: they are not square. DTypeError: the type is not float32
            or float64.
    """
    from lepton.autograd.ops import factorization

    return factorization.checked_cholesky(input, upper, "cholesky")


@public()
def qr(input: Tensor, some: bool = True) -> Any:
    """input = Q·R with orthogonal columns in Q and an upper triangular R; see ``linalg.qr``.

    Args:
        some: the reduced form, else the complete one.
    """
    from lepton.autograd.ops import factorization, linalg_types

    return linalg_types.older_qr(*factorization.qr(input, "reduced" if some else "complete"))


@public()
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """input = U·diag(S)·Vᵀ; see ``linalg.svd``, which gives Vᵀ.

    Args:
        some: only the first min(m, n) columns of U and V.
        compute_uv: if False, U and V are zeros.

    Returns:
        (U, S, V).
    """
    from lepton.autograd.ops import factorization, linalg_types

    if compute_uv:
        u, s, vh = factorization.svd(input, not some)
        return linalg_types.older_svd(u, s, vh.swapaxes(-1, -2))
    s = factorization.svdvals(input)
    batch, (m, n) = input.shape[:-2], input.shape[-2:]
    return linalg_types.older_svd(input.new_zeros((*batch, m, m)), s, input.new_zeros((*batch, n, n)))


# ---------------------------------------------------------------------- systems


@public()
def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """The X with A·X = input for A = L·Lᵀ, or Uᵀ·U, given by that factor, ``input2``; batch dimensions broadcast.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ, or are not float32 or float64.
    """
    from lepton.autograd.ops import triangles

    return triangles.cholesky_solve(input, input2, upper)


@public()
def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverses of A = L·Lᵀ, or Uᵀ·U, given by that factor.

    Raises:
        LinAlgError: one is singular. ShapeError: they are not square. DTypeError: the type is not float32 or float64.
    """
    from lepton.autograd.ops import triangles

    return triangles.cholesky_inverse(input, upper)


@public()
def lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """The X with A·X = input for A given by its factors, as ``linalg.lu_factor`` gives them."""
    from lepton.autograd.ops import solving

    return solving.lu_solve(LU_data, LU_pivots, input)


@public()
def triangular_solve(
    input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """The X with A·X = input, A triangular; see ``linalg.solve_triangular``.

    Args:
        upper, unitriangular: which triangle is looked at, and whether its diagonal is taken to be 1.
        transpose: solve Aᵀ·X = input instead.

    Returns:
        (solution, cloned_coefficient), the latter a copy of A.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ, or are not float32 or float64.
    """
    from lepton.autograd.ops import triangles

    return triangles.triangular_solve(input, A, upper, transpose, unitriangular)
