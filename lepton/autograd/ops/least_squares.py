"""Pseudo-inverses, rank, and least squares, by singular values."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op, as_array, broadcast_shape
from lepton.autograd.ops import linalg_types as types
from lepton.autograd.ops._linalg import check_lengths, check_matrix, check_numbers, converging, mT, of_one_batch
from lepton.autograd.ops.arguments import check_tensor, scalar_name
from lepton.autograd.ops.arithmetic import square
from lepton.autograd.ops.factorization import Eigvalsh, Svdvals
from lepton.autograd.ops.matrix import matmul
from lepton.autograd.ops.reduction import Sum
from lepton.autograd.ops.shape import expand, reshape
from lepton.autograd.tensor import Tensor
from lepton.backend.blas import lapack
from lepton.backend.devices import xp
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError, ValueRangeError

__all__ = ["lstsq", "matrix_rank", "pinv"]


class Tolerance:
    """Which singular values count: those above max(atol, rtol·the largest); numbers, or arrays for each matrix."""

    __slots__ = ("atol", "rtol")

    def __init__(self, atol: Any, rtol: Any, data: Any) -> None:
        """Complete what was given: without an rtol it is ε·max(m, n), or 0 where there is a positive atol."""
        self.atol = _as_array(0.0 if atol is None else atol, data)
        if rtol is None:
            module = xp(data)
            default = float(module.finfo(data.dtype).eps) * max(data.shape[-2:])
            rtol = module.where(self.atol > 0, 0.0, default)
        self.rtol = _as_array(rtol, data)

    @property
    def batch(self) -> tuple[int, ...]:
        """The batch dimensions of the limits."""
        return broadcast_shape(self.atol.shape, self.rtol.shape)

    def keeps(self, sizes: Any) -> Any:
        """Which of the singular values, or absolute eigenvalues, along the last dimension count."""
        limit = xp(sizes).maximum(self.atol[..., None], self.rtol[..., None] * sizes.max(axis=-1, keepdims=True))
        return sizes > limit


def _as_array(value: Any, data: Any) -> Any:
    return xp(data).asarray(value._data if isinstance(value, Tensor) else value, dtype=data.dtype)


class Pinv(Op):
    """z = x⁺ = V·Σ⁺·Uᵀ of x = U·Σ·Vᵀ          ∂L/∂x = −zᵀ·g·zᵀ + (1 − x·z)·gᵀ·z·zᵀ + zᵀ·z·gᵀ·(1 − z·x)

    Σ⁺ inverts what the tolerance keeps. The derivative is that among matrices of the same rank (Golub & Pereyra, *The
    Differentiation of Pseudo-Inverses and Nonlinear Least Squares Problems Whose Variables Separate*, 1973).
    """

    __slots__ = ("tolerance", "hermitian")
    saves = ("x", "out")

    def __init__(self, tolerance: Tolerance, hermitian: bool) -> None:
        self.tolerance, self.hermitian = tolerance, hermitian

    def forward(self, x: Any) -> Any:
        module = xp(x)
        if self.hermitian:
            values, v = converging("linalg.eigh", x, lambda: lapack(x).eigh(x))
            ut, sizes = mT(v), abs(values)
        else:
            u, values, vh = converging("linalg.svd", x, lambda: lapack(x).svd(x, full_matrices=False))
            ut, v, sizes = mT(u), mT(vh), values
        kept = self.tolerance.keeps(sizes) | (sizes != sizes)  # nan stays
        inverse = module.where(kept, 1 / module.where(kept, values, 1), 0)
        return (v * inverse[..., None, :]) @ ut

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        if x.shape[-2] >= x.shape[-1]:
            return _pull(mT(g), x, out)
        return mT(_pull(g, mT(x), mT(out)))


def _pull(gt: Any, x: Any, z: Any) -> Any:
    """The gradient of a tall x from the transpose of that of its pseudo-inverse z."""
    inner = z @ gt
    rows = (gt - x @ inner) @ (z @ mT(z))
    columns = mT(z) @ (inner - inner @ (z @ x))
    return rows + columns - mT(inner @ z)


def pinv(
    input: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """The pseudo-inverse A⁺ (…, n, m) of matrices A (…, m, n): A⁺·B has the least Σ (A·X − B)² of all X.

    Args:
        rcond: an older name of ``rtol``.
        hermitian: the matrices are symmetric, and the lower triangle is looked at.
        atol, rtol: singular values up to max(atol, rtol·σ₁) are taken as 0; numbers, or tensors with one for each
            matrix. By default rtol is ε·max(m, n), or 0 if there is a positive atol.

    Raises:
        ShapeError: it is no matrix. DTypeError: the type is not float32 or float64. LinAlgError: no convergence.
    """
    data = check_matrix(input, "linalg.pinv", "input")
    check_numbers(input, "linalg.pinv")
    if rcond is not None:
        atol, rtol = _only("pinv", "rcond", (atol, rtol), (0.0, rcond))
    if hermitian:
        check_lengths(input, "linalg.eigh", "input")
    if not data.size:
        return mT(input).clone()
    tolerance = Tolerance(atol, rtol, data)
    batch = broadcast_shape(data.shape[:-2], tolerance.batch)
    return Pinv(tolerance, hermitian)(expand(input, (*batch, *data.shape[-2:])))


def _only(what: str, older: str, given: tuple[Any, Any], instead: tuple[Any, Any]) -> tuple[Any, Any]:
    if any(each is not None for each in given):
        raise ArgumentTypeError(f"linalg.{what}(): {older} stands for atol and rtol; it cannot be given beside them")
    return instead


def matrix_rank(
    input: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """How many singular values of matrices (…, m, n) are above max(atol, rtol·σ₁), as int64; see :func:`pinv`.

    Args:
        tol: an older name of ``atol``, with an rtol of 0.

    Raises:
        ShapeError: it is no matrix. DTypeError: the type is not float32 or float64. LinAlgError: no convergence.
    """
    data = check_matrix(input, "linalg.matrix_rank", "input")
    check_numbers(input, "linalg.matrix_rank")
    if tol is not None:
        atol, rtol = _only("matrix_rank", "tol", (atol, rtol), (tol, 0.0))
    if hermitian:
        check_lengths(input, "linalg.eigh", "input")
    module, tolerance = xp(data), Tolerance(atol, rtol, data)
    if not data.size:
        return Tensor(module.zeros(broadcast_shape(data.shape[:-2], tolerance.batch), "int64"))
    sizes = abs(Eigvalsh.on(data, uplo="L")) if hermitian else Svdvals.on(data)
    return Tensor(as_array(tolerance.keeps(sizes).sum(axis=-1)))


# ---------------------------------------------------------------------- least squares

DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """The X with the least Σ (input·X − b)², the one with the least Σ X² if there are several.

    All drivers compute it by singular values. As in LAPACK they differ in what they tell beside it.

    Args:
        input, b: (…, m, n) and (…, m, k) or (…, m); batch dimensions broadcast.
        rcond: singular values up to rcond·σ₁ are taken as 0; by default ε·max(m, n).
        driver: ``"gels"``, ``"gelsy"`` (the default), ``"gelsd"`` or ``"gelss"``.

    Returns:
        (solution, residuals, rank, singular_values): X; the sums of squares over the rows if m > n, all matrices have
        rank n and the driver is not gelsy; the ranks as int64, for all drivers but gels; the singular values, for gelsd
        and gelss. What is not told is empty.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ, or are not float32 or float64.
            ValueRangeError: there is no such driver. LinAlgError: no convergence.
    """
    a = check_matrix(input, "linalg.lstsq", "input")
    check_numbers(input, "linalg.lstsq")
    vector = _check_sides(input, b)
    name = "gelsy" if driver is None else driver
    if name not in DRIVERS:
        raise ValueRangeError(f"linalg.lstsq: parameter `driver` should be one of ({', '.join(DRIVERS)}), not {driver}")
    input, right = of_one_batch(input, reshape(b, *b._data.shape, 1) if vector else b)
    (m, n), module = a.shape[-2:], xp(a)
    tolerance = Tolerance(0.0, rcond if rcond is None or rcond >= 0 else float(module.finfo(a.dtype).eps), a)
    solution = matmul(Pinv(tolerance, False)(input) if a.size else mT(input), right)
    values = Svdvals.on(input._data)
    ranks = as_array(tolerance.keeps(values).sum(axis=-1)) if a.size else module.zeros(input._data.shape[:-2], "int64")
    nothing = Tensor(module.zeros(0, a.dtype))
    told = name != "gelsy" and m > n and (name == "gels" or bool((ranks == n).all()))
    residuals = Sum((solution._data.ndim - 2,), False)(square(matmul(input, solution) - right)) if told else nothing
    return types.lstsq(
        reshape(solution, solution._data.shape[:-1]) if vector else solution,
        residuals,
        Tensor(module.zeros(0, "int64") if name == "gels" else ranks),
        Tensor(values) if name in ("gelsd", "gelss") else nothing,
    )


def _check_sides(left: Tensor, right: Tensor) -> bool:
    """Refuse sides that do not fit; whether the right one is a vector for each matrix."""
    a, b = left._data, check_tensor(right, "linalg.lstsq", "b", 2)._data
    if b.ndim == 0:
        raise ShapeError("linalg.lstsq: other must have at least 1 dimension.")
    if not 0 <= a.ndim - b.ndim <= 1:
        raise ShapeError(
            "linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1, "
            f"but they are {a.ndim} and {b.ndim}"
        )
    if a.dtype != b.dtype:
        raise DTypeError(
            "linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype "
            f"{scalar_name(a.dtype)} and other's dtype {scalar_name(b.dtype)}"
        )
    vector = a.ndim - 1 == b.ndim and b.shape == a.shape[:-1]
    if not vector and a.ndim - 1 == b.ndim and b.ndim == 1 or a.shape[-2] != b.shape[-1 if vector else -2]:
        raise ShapeError(
            f"linalg.lstsq: input.size(-2) should match other.size({-1 if b.ndim == 1 else -2}), but the shapes are "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    return vector
