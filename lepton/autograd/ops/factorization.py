"""Factorizations of matrices: Cholesky, QR, LU, eigenvalues of symmetric matrices, singular values."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op, data_of
from lepton.autograd.ops import linalg_types as types
from lepton.autograd.ops._elementwise import ZerosLike
from lepton.autograd.ops._linalg import (
    all_of,
    check_floating,
    check_info,
    check_matrix,
    check_numbers,
    check_square,
    converging,
    mT,
)
from lepton.autograd.ops.joining import Cat
from lepton.autograd.ops.rearranging import EmbedDiagonal, Tril, Triu
from lepton.autograd.ops.triangles import PermuteRows, SolveTriangular
from lepton.autograd.tensor import Tensor
from lepton.backend.blas import lapack
from lepton.backend.devices import xp
from lepton.errors import GradError, ValueRangeError
from lepton.kernels import linalg as kernels

__all__ = [
    "cholesky", "cholesky_ex", "eigh", "eigvalsh", "lu", "lu_factor", "lu_factor_ex", "qr", "svd", "svdvals",
]  # fmt: skip

NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
    "{} is not positive-definite)."
)

# ---------------------------------------------------------------------- Cholesky


class Cholesky(Op):
    """x = z·zᵀ, z lower triangular          ∂L/∂x = z⁻ᵀ·sym(tril(zᵀ·g))·z⁻¹

    sym mirrors the strict lower triangle and halves all (Murray, *Differentiation of the Cholesky decomposition*,
    2016). Of x only the lower triangle is looked at; its gradient is that of a symmetric matrix.
    """

    __slots__ = ("info",)
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        factor, self.info = kernels.cholesky(x)
        return factor

    def backward(self, g: Any, out: Any) -> Any:
        product = mT(out) @ g
        inner = (Tril.on(product, diagonal=0) + mT(Tril.on(product, diagonal=-1))) * 0.5
        half = SolveTriangular.on(mT(out), inner, upper=True)
        return SolveTriangular.on(mT(out), mT(half), upper=True)


def cholesky_ex(input: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """:func:`cholesky` that says in ``info`` where it failed instead of raising, unless ``check_errors``.

    Returns:
        (L, info): ``info`` holds for each matrix, as int32, the order of the first leading minor that is not
        positive-definite, 0 if there is none. Where there is one, L is nan.
    """
    factor, info = factors_of(input, upper, "linalg.cholesky")
    if check_errors:
        check_info(info, "linalg.cholesky_ex", NOT_POSITIVE)
    return types.cholesky_ex(factor, Tensor(info))


def cholesky(input: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with L·Lᵀ = input, of symmetric positive-definite matrices (…, n, n).

    Args:
        upper: give U with Uᵀ·U = input instead, from its upper triangle.

    Raises:
        LinAlgError: one is not positive-definite. ShapeError: they are not square. DTypeError: the type is not float32
            or float64.
    """
    return checked_cholesky(input, upper, "linalg.cholesky")


def checked_cholesky(input: Tensor, upper: bool, what: str) -> Tensor:
    """:func:`cholesky` under the name that its messages give."""
    factor, info = factors_of(input, upper, what)
    check_info(info, what, NOT_POSITIVE)
    return factor


def factors_of(input: Tensor, upper: bool, what: str) -> tuple[Tensor, Any]:
    """Cholesky factors, and the array of what went wrong."""
    check_square(input, what, "input")
    op = Cholesky()
    factor = op(mT(input) if upper else input)
    return mT(factor) if upper else factor, op.info


# ---------------------------------------------------------------------- QR


class Qr(Op):
    """x = Q·R, Q orthogonal, R upper triangular          ∂L/∂x = (gQ + Q·sym(triu(M)))·R⁻ᵀ,  M = gR·Rᵀ − Qᵀ·gQ

    sym mirrors the strict upper triangle. Of a wide x = Q·[R₁ R₂] this is the first, square part's gradient, with
    M − R₂·gR₂ᵀ for M and Q·R₂·gR₂ᵀ added to the bracket; the other part's is Q·gR₂ (Walter & Lehmann, *Algorithmic
    Differentiation of Linear Algebra Functions*, 2010; Roberts & Roberts, *QR and LQ Decomposition Matrix
    Backpropagation*, 2020).
    """

    __slots__ = ("mode",)
    several = True
    saves = ("out0", "out1")

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def forward(self, x: Any) -> Any:
        module = xp(x)
        if self.mode == "r":
            return module.zeros((0,), x.dtype), lapack(x).qr(x, mode="r")
        q, r = lapack(x).qr(x, mode=self.mode)
        return q, r

    def backward(self, g: Any, q: Any, r: Any) -> Any:
        self._check_mode(q.shape, r.shape)
        (gq, gr), k, wide = all_of(g, 2), r.shape[-2], r.shape[-1] > r.shape[-2]
        gq = ZerosLike.on(q) if gq is None else gq
        gr = ZerosLike.on(r) if gr is None else gr
        square, bracket = r[..., :, :k], gq
        inner = gr[..., :, :k] @ mT(square) - mT(q) @ gq
        if wide:
            outer = r[..., :, k:] @ mT(gr[..., :, k:])
            inner, bracket = inner - outer, bracket + q @ outer
        bracket = bracket + q @ (Triu.on(inner, diagonal=0) + mT(Triu.on(inner, diagonal=1)))
        first = mT(SolveTriangular.on(square, mT(bracket), upper=True))
        return Cat.on(first, q @ gr[..., :, k:], dim=len(r.shape) - 1) if wide else first

    def _check_mode(self, q: Any, r: Any) -> None:
        if self.mode == "r":
            raise GradError(
                "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
                "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
            )
        if q[-1] > r[-1]:
            raise GradError(
                "The QR decomposition is not differentiable when mode='complete' and nrows > ncols; use mode='reduced'."
            )


def qr(A: Tensor, mode: str = "reduced") -> Any:
    """A = Q·R with orthogonal columns in Q and an upper triangular R, of matrices (…, m, n).

    Args:
        mode: ``"reduced"``: Q (…, m, k) and R (…, k, n) with k = min(m, n); ``"complete"``: Q (…, m, m), R (…, m, n);
            ``"r"``: R alone, without a derivative, and Q empty.

    Returns:
        (Q, R). The derivative needs the first k columns of A to be independent.

    Raises:
        ShapeError: A is no matrix. DTypeError: the type is not float32 or float64. ValueRangeError: there is no such
            mode.
    """
    check_matrix(A, "linalg.qr")
    check_numbers(A, "linalg.qr")
    if mode not in ("reduced", "complete", "r"):
        raise ValueRangeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return types.qr(*Qr(mode)(A))


# ---------------------------------------------------------------------- LU


class LuFactor(Op):
    """x = P·L·U, packed as z = L − 1 + U          ∂L/∂x = P·L⁻ᵀ·(tril₋₁(Lᵀ·g) + triu(g·Uᵀ))·U⁻ᵀ

    With more columns than rows, x = P·L·[U₁ U₂]: that with U₁, g₁ for U, g, and Lᵀ·g₁ − g₂·U₂ᵀ for Lᵀ·g; the other
    columns have P·L⁻ᵀ·g₂. With more rows, L = [L₁ L₂]ᵀ: that with L₁, g₁, and g₁·Uᵀ − L₂ᵀ·g₂ for g·Uᵀ; the other rows
    have g₂·U⁻ᵀ (de Hoog, Anderssen & Lukas, *Differentiation of matrix functionals using triangular factorization*,
    2011).
    """

    __slots__ = ("order",)
    several = True
    saves = ("out0", "order")

    def forward(self, x: Any) -> Any:
        packed, pivots = kernels.lu_factor(x)
        self.order = kernels.order_of(pivots, x.shape[-2])
        return packed, pivots

    def backward(self, g: Any, packed: Any, order: Any) -> Any:
        g, (m, n) = g[0], packed.shape[-2:]
        k, last = min(m, n), len(packed.shape) - 1
        square, own = packed[..., :k, :k], g[..., :k, :k]
        below = own + mT(Tril.on(square, diagonal=-1)) @ own
        above = own @ mT(Triu.on(square, diagonal=0))
        if n > m:
            below = below - g[..., :, k:] @ mT(packed[..., :, k:])
        elif m > n:
            above = above - mT(packed[..., k:, :]) @ g[..., k:, :]
        inner = Tril.on(below, diagonal=-1) + Triu.on(above, diagonal=0)
        out = _times_inverse_of_upper(_from_left(square, inner), square)
        if n > m:
            out = Cat.on(out, _from_left(square, g[..., :, k:]), dim=last)
        elif m > n:
            out = Cat.on(out, _times_inverse_of_upper(g[..., k:, :], square), dim=last - 1)
        return PermuteRows.on(out, order=order.argsort(axis=-1))


def _from_left(packed: Any, x: Any) -> Any:
    """L⁻ᵀ·x"""
    return SolveTriangular.on(mT(packed), x, upper=True, unitriangular=True)


def _times_inverse_of_upper(x: Any, packed: Any) -> Any:
    """x·U⁻ᵀ"""
    return mT(SolveTriangular.on(packed, mT(x), upper=True))


def _packed_factors(A: Tensor, pivot: bool, what: str) -> tuple[Tensor, Tensor]:
    check_matrix(A, what)
    check_numbers(A, what)
    if not pivot:
        raise ValueRangeError("linalg.lu_factor: LU without pivoting is not implemented; leave pivot=True")
    packed, pivots = LuFactor()(A)
    return packed, pivots


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """:func:`lu_factor` that says in ``info`` where U is singular instead of raising, unless ``check_errors``.

    Returns:
        (LU, pivots, info): ``info`` holds for each matrix, as int32, the first k with Uₖₖ = 0, else 0.
    """
    packed, pivots = _packed_factors(A, pivot, "linalg.lu_factor")
    info = kernels.first_zero(kernels.diagonal_of(packed._data))
    if check_errors:
        _check_upper(info)
    return types.lu_factor_ex(packed, pivots, Tensor(info))


def _check_upper(info: Any) -> None:
    check_info(
        info,
        "linalg.lu_factor",
        "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform "
        "the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)",
    )


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """A = P·L·U by elimination with partial pivoting, in the packed form that :func:`lu_solve` takes.

    Returns:
        (LU, pivots): L below the diagonal (its own is 1) and U above, in one tensor (…, m, n); and as int32 the row,
        counted from 1, that was exchanged with row i in step i, (…, min(m, n)).

    Raises:
        LinAlgError: Uₖₖ is 0 for some k. ShapeError: A is no matrix. DTypeError: the type is not float32 or float64.
    """
    packed, pivots = _packed_factors(A, pivot, "linalg.lu_factor")
    _check_upper(kernels.first_zero(kernels.diagonal_of(packed._data)))
    return types.lu_factor(packed, pivots)


def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """A = P·L·U: a permutation, L lower triangular with a diagonal of 1, U upper triangular.

    Returns:
        (P, L, U) of shapes (…, m, m), (…, m, k), (…, k, n) for A (…, m, n), k = min(m, n).

    Raises:
        ShapeError: A is no matrix. DTypeError: the type is not float32 or float64.
    """
    packed, pivots = _packed_factors(A, pivot, "linalg.lu")
    (m, n), module = packed._data.shape[-2:], xp(packed._data)
    k, kind = min(m, n), packed._data.dtype
    order = kernels.order_of(pivots._data, m)
    permutation = (module.arange(m)[:, None] == order[..., None, :]).astype(kind)
    lower = Tril(-1)(packed[..., :, :k]) + Tensor(module.eye(m, k, dtype=kind))
    return types.lu(Tensor(permutation), lower, Triu(0)(packed[..., :k, :]))


# ---------------------------------------------------------------------- eigenvalues


class Eigh(Op):
    """x = V·diag(λ)·Vᵀ of symmetric x          ∂L/∂x = V·(diag(gλ) + (Vᵀ·gV)/E)·Vᵀ,  Eᵢⱼ = λⱼ − λᵢ

    Where eigenvalues are equal, V is not determined, and what comes through it is inf or nan (Giles, *An extended
    collection of matrix derivative results for forward and reverse mode algorithmic differentiation*, 2008).
    """

    __slots__ = ("uplo",)
    several = True
    saves = ("out0", "out1")

    def __init__(self, uplo: str) -> None:
        self.uplo = uplo

    def forward(self, x: Any) -> Any:
        values, vectors = converging("linalg.eigh", x, lambda: lapack(x).eigh(x, UPLO=self.uplo))
        return values, vectors

    def backward(self, g: Any, values: Any, vectors: Any) -> Any:
        g_values, g_vectors = all_of(g, 2)
        inner = None
        if g_vectors is not None:
            eye = eye_like(values)
            gaps = values[..., None, :] - values[..., :, None] + eye
            inner = (mT(vectors) @ g_vectors) / gaps * (1 - eye)
        if g_values is not None:
            diagonal = diagonal_matrix(g_values)
            inner = diagonal if inner is None else inner + diagonal
        return vectors @ inner @ mT(vectors)


class Eigvalsh(Op):
    """z = the eigenvalues of symmetric x = V·diag(z)·Vᵀ          ∂L/∂x = V·diag(g)·Vᵀ"""

    __slots__ = ("uplo",)
    saves = ("x",)

    def __init__(self, uplo: str) -> None:
        self.uplo = uplo

    def forward(self, x: Any) -> Any:
        return converging("linalg.eigh", x, lambda: lapack(x).eigvalsh(x, UPLO=self.uplo))

    def backward(self, g: Any, x: Any) -> Any:
        _, vectors = Eigh.on(x, uplo=self.uplo)
        return (vectors * g[..., None, :]) @ mT(vectors)


def eye_like(x: Any) -> Any:
    """The identity of the size of x's last dimension, as an array."""
    data = data_of(x)
    return xp(data).eye(data.shape[-1], dtype=data.dtype)


def diagonal_matrix(x: Any) -> Any:
    """Square matrices with x on their diagonals."""
    ndim, n = len(x.shape), x.shape[-1]
    return EmbedDiagonal.on(x, offset=0, dim1=ndim - 1, dim2=ndim, shape=(*x.shape, n))


def _check_symmetric(input: Tensor, UPLO: str, what: str) -> str:
    check_square(input, what, "input")
    if UPLO not in ("L", "U", "l", "u"):
        raise ValueRangeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper()


def eigh(input: Tensor, UPLO: str = "L") -> Any:
    """A = V·diag(λ)·Vᵀ of symmetric matrices (…, n, n): ascending eigenvalues, orthonormal eigenvectors in columns.

    Signs of eigenvectors, and bases where eigenvalues are equal, are arbitrary: a loss should not depend on them.

    Args:
        UPLO: which triangle is looked at, ``"L"`` or ``"U"``.

    Returns:
        (eigenvalues (…, n), eigenvectors (…, n, n)).

    Raises:
        ShapeError: they are not square. DTypeError: the type is not float32 or float64. LinAlgError: no convergence.
    """
    return types.eigh(*Eigh(_check_symmetric(input, UPLO, "linalg.eigh"))(input))


def eigvalsh(input: Tensor, UPLO: str = "L") -> Tensor:
    """The ascending eigenvalues (…, n) of symmetric matrices (…, n, n).

    Where they are equal, the gradient is that of one choice of their order.

    Args:
        UPLO: which triangle is looked at, ``"L"`` or ``"U"``.

    Raises:
        ShapeError: they are not square. DTypeError: the type is not float32 or float64. LinAlgError: no convergence.
    """
    return Eigvalsh(_check_symmetric(input, UPLO, "linalg.eigvalsh"))(input)


# ---------------------------------------------------------------------- singular values


class Svd(Op):
    """x = U·Σ·Vᵀ          ∂L/∂x = U·(F∘skew(Uᵀ·gU)·Σ + Σ·F∘skew(Vᵀ·gV) + diag(gΣ))·Vᵀ + P·gU·Σ⁻¹·Vᵀ + U·Σ⁻¹·gVᵀ·Q

    Fᵢⱼ = 1/(σⱼ² − σᵢ²), skew(X) = X − Xᵀ, P = 1 − U·Uᵀ, Q = 1 − V·Vᵀ (Townsend, *Differentiating the Singular Value
    Decomposition*, 2016). Where singular values are equal or 0, U and V are not determined, and what comes through them
    is inf or nan. Vectors beyond the first min(m, n) have no derivative.
    """

    __slots__ = ("full_matrices",)
    several = True
    saves = ("out0", "out1", "out2")

    def __init__(self, full_matrices: bool) -> None:
        self.full_matrices = full_matrices

    def forward(self, x: Any) -> Any:
        full = self.full_matrices
        u, s, vh = converging("linalg.svd", x, lambda: lapack(x).svd(x, full_matrices=full))
        return u, s, vh

    def backward(self, g: Any, u: Any, s: Any, vh: Any) -> Any:
        (gu, gs, gvh), (m, k, n) = all_of(g, 3), (u.shape[-2], s.shape[-1], vh.shape[-1])
        u, vh = u[..., :, :k], vh[..., :k, :]
        row, column = s[..., None, :], s[..., :, None]
        eye = eye_like(s)
        difference, sums = row - column + eye, row + column + eye
        inner, outer = [], []
        if gs is not None:
            inner.append(diagonal_matrix(gs))
        if gu is not None:
            gu = gu[..., :, :k]
            turned = mT(u) @ gu
            inner.append((turned - mT(turned)) / difference / sums * row)
            if m > k:
                outer.append(((gu - u @ turned) / row) @ vh)
        if gvh is not None:
            gvh = gvh[..., :k, :]
            turned = gvh @ mT(vh)
            inner.append(column * ((mT(turned) - turned) / difference / sums))
            if n > k:
                outer.append((u / row) @ (gvh - turned @ vh))
        return total([u @ total(inner) @ vh, *outer])


def total(parts: list[Any]) -> Any:
    """The sum of arrays or Tensors."""
    out = parts[0]
    for each in parts[1:]:
        out = out + each
    return out


class Svdvals(Op):
    """z = the singular values of x = U·diag(z)·Vᵀ          ∂L/∂x = U·diag(g)·Vᵀ"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return converging("linalg.svd", x, lambda: lapack(x).svd(x, compute_uv=False))

    def backward(self, g: Any, x: Any) -> Any:
        u, _, vh = Svd.on(x, full_matrices=False)
        return (u * g[..., None, :]) @ vh


def check_svd(A: Tensor, driver: str | None) -> None:
    """Refuse what has no singular values.

    Raises:
        ShapeError: it is no matrix. DTypeError: its type is not float32 or float64. ValueRangeError: a driver was
            chosen.
    """
    check_matrix(A, "linalg.svd")
    check_floating(A, "linalg.svd")
    check_numbers(A, "linalg.svd")
    if driver is not None:
        raise ValueRangeError(
            f"linalg.svd: keyword argument `driver=` is only supported on CUDA inputs in PyTorch; got {driver!r}: "
            "leave it out"
        )


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """A = U·diag(S)·Vh of matrices (…, m, n): orthonormal columns in U and rows in Vh, descending S ≥ 0.

    Signs of singular vectors, bases where singular values are equal, and what ``full_matrices`` adds are arbitrary: a
    loss should not depend on them.

    Args:
        full_matrices: U (…, m, m) and Vh (…, n, n), else (…, m, k) and (…, k, n) with k = min(m, n).
        driver: None; PyTorch knows others on GPUs.

    Returns:
        (U, S, Vh).

    Raises:
        ShapeError: A is no matrix. DTypeError: the type is not float32 or float64. LinAlgError: no convergence.
    """
    check_svd(A, driver)
    return types.svd(*Svd(full_matrices)(A))


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The descending singular values (…, min(m, n)) of matrices (…, m, n).

    Where they are equal, the gradient is that of one choice of their order.

    Raises:
        ShapeError: A is no matrix. DTypeError: the type is not float32 or float64. LinAlgError: no convergence.
    """
    check_svd(A, driver)
    return Svdvals()(A)
