"""Systems of linear equations and inverses."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Op, SumTo, broadcast_shape
from lepton.autograd.ops import linalg_types as types
from lepton.autograd.ops._linalg import NO_INVERSE, check_info, check_square, check_system, mT, of_one_batch
from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.shape import movedim, reshape
from lepton.autograd.ops.triangles import PermuteRows, SolveTriangular
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend.devices import xp
from lepton.errors import DTypeError, ShapeError, ValueRangeError
from lepton.kernels import linalg as kernels

__all__ = ["inv", "inv_ex", "lu_solve", "solve", "solve_ex", "tensorinv", "tensorsolve"]

SINGULAR = "The solver failed because the input matrix is singular."


class Solve(Op):
    """a·z = b          ∂L/∂b = a⁻ᵀ·g,  ∂L/∂a = −a⁻ᵀ·g·zᵀ, summed over broadcast batches

    ``info`` says where a is singular; a singular one is refused in the name of ``what``, unless that is None.
    """

    __slots__ = ("info", "what", "a_shape", "b_shape")
    saves = {"a": ("a", "b"), "out": "a"}

    def __init__(self, what: str | None = "linalg.solve") -> None:
        self.what = what

    def forward(self, a: Any, b: Any) -> Any:
        self.a_shape, self.b_shape = a.shape, b.shape
        out, self.info = kernels.solve(a, b)
        if self.what:
            check_info(self.info, self.what, SINGULAR)
        return out

    def backward(self, g: Any, a: Any, out: Any) -> Any:
        gb, ga = Solve.on(mT(a), g, what=self.what), None
        if self.needs[0]:
            ga = SumTo.on(-(gb @ mT(out)), shape=self.a_shape)
        return ga, SumTo.on(gb, shape=self.b_shape) if self.needs[1] else None


class Inverse(Op):
    """z = x⁻¹          ∂L/∂x = −zᵀ·g·zᵀ

    ``info`` says where x is singular; a singular one is refused in the name of ``what``, unless that is None.
    """

    __slots__ = ("info", "what")
    saves = ("out",)

    def __init__(self, what: str | None = "linalg.inv") -> None:
        self.what = what

    def forward(self, x: Any) -> Any:
        out, self.info = kernels.inverse(x)
        if self.what:
            check_info(self.info, self.what, NO_INVERSE)
        return out

    def backward(self, g: Any, out: Any) -> Any:
        return -(mT(out) @ g @ mT(out))


# ---------------------------------------------------------------------- systems


def _solved(A: Tensor, B: Tensor, left: bool, op: Solve) -> Tensor:
    a, b = check_square(A, "linalg.solve"), check_tensor(B, "linalg.solve", "B", 2)._data
    vector = b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])
    if b.ndim == 0:
        raise ShapeError("linalg.solve: The input tensor B must have at least 2 dimensions.")
    right = reshape(B, *b.shape, 1) if vector else B
    check_system(A, right, left, "linalg.solve")
    broadcast_shape(a.shape[:-2], right._data.shape[:-2])
    out = op(A, right) if left else mT(op(mT(A), mT(right)))
    return reshape(out, out._data.shape[:-1]) if vector else out


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X with A·X = B: A (…, n, n) and B (…, n, k) or (…, n); batch dimensions broadcast.

    Args:
        left: False solves X·A = B, B of shape (…, k, n).

    Raises:
        LinAlgError: A is singular. ShapeError: the shapes do not fit. DTypeError: the types differ, or are not float32
            or float64.
    """
    return _solved(A, B, left, Solve())


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """:func:`solve` that says in ``info`` where A is singular instead of raising, unless ``check_errors``.

    Returns:
        (result, info): ``info`` holds for each matrix, as int32, the first k with Uₖₖ = 0 in its LU factors, else 0.
        Where it is not 0, the result is inf or nan.
    """
    op = Solve(what=None)
    result = _solved(A, B, left, op)
    if check_errors:
        check_info(op.info, "linalg.solve_ex", SINGULAR)
    return types.solve_ex(result, Tensor(op.info))


def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """The X with A·X = B for A given by its factors, as :func:`lu_factor` gives them; batch dimensions broadcast.

    Args:
        LU, pivots: (…, n, n) and int32 (…, n).
        B: (…, n, k), or (…, k, n) if not ``left``.
        left: False solves X·A = B.
        adjoint: solve with Aᵀ for A.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ, or are not float32 or float64.
            ValueRangeError: pivots are out of range.
    """
    factors = check_square(LU, "linalg.lu_solve", "LU")
    if check_tensor(B, "linalg.lu_solve", "B", 3).ndim < 2:
        raise ShapeError("linalg.lu_solve: The input tensor B must have at least 2 dimensions.")
    check_system(LU, B, left, "linalg.lu_solve")
    order = _checked_order(factors, check_tensor(pivots, "linalg.lu_solve", "pivots", 2)._data)
    matrix, right = of_one_batch(LU, B if left else mT(B))
    batch = matrix._data.shape[:-1]
    order = xp(order).broadcast_to(order, batch)
    out = _solve_transposed(matrix, order, right) if adjoint == left else _solve_factored(matrix, order, right)
    return out if left else mT(out)


def _solve_factored(packed: Tensor, order: Any, b: Tensor) -> Tensor:
    """A[p] = L·U: x = U⁻¹·L⁻¹·b[p]"""
    return SolveTriangular(True)(packed, SolveTriangular(False, True)(packed, PermuteRows(order)(b)))


def _solve_transposed(packed: Tensor, order: Any, b: Tensor) -> Tensor:
    """x[p] = L⁻ᵀ·U⁻ᵀ·b"""
    inner = SolveTriangular(True, True)(mT(packed), SolveTriangular(False)(mT(packed), b))
    return PermuteRows(order.argsort(axis=-1))(inner)


def _checked_order(factors: Any, pivots: Any) -> Any:
    """The order of rows that valid pivots stand for."""
    n = factors.shape[-1]
    if pivots.dtype != "int32":
        raise DTypeError("linalg.lu_solve: pivots should be a Tensor of scalar type int32, as lu_factor gives them")
    if pivots.shape != factors.shape[:-1]:
        raise ShapeError(
            "linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} and LU with shape {list(factors.shape)}"
        )
    if ((pivots < 1) | (pivots > n)).any():
        raise ValueRangeError(
            f"Pivots given to lu_solve must all be greater or equal to 1 and smaller or equal to LU.size(-2), {n}. "
            "Did you properly pass the result of lu_factor?"
        )
    return kernels.order_of(pivots, n)


# ---------------------------------------------------------------------- inverses


def inv(A: Tensor) -> Tensor:
    """A⁻¹ of matrices (…, n, n). A product A⁻¹·B is found faster and more exactly by :func:`solve`.

    Raises:
        LinAlgError: one is singular. ShapeError: they are not square. DTypeError: the type is not float32 or float64.
    """
    check_square(A, "linalg.inv")
    return Inverse()(A)


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """:func:`inv` that says in ``info`` where A is singular instead of raising, unless ``check_errors``.

    Returns:
        (inverse, info): ``info`` holds for each matrix, as int32, the first k with Uₖₖ = 0 in its LU factors, else 0.
        Where it is not 0, the inverse is inf or nan.
    """
    check_square(A, "linalg.inv")
    op = Inverse(what=None)
    inverse = op(A)
    if check_errors:
        check_info(op.info, "linalg.inv_ex", NO_INVERSE)
    return types.inv_ex(inverse, Tensor(op.info))


# ---------------------------------------------------------------------- tensors taken as matrices


def tensorsolve(input: Tensor, other: Tensor, dims: Any = None) -> Tensor:
    """:func:`solve` with the first other.ndim dimensions of input taken as one, and the rest, those of X, too.

    Args:
        dims: dimensions of input that are first moved to its end.

    Raises:
        ShapeError: it is not square when seen so. LinAlgError: it is singular.
    """
    a, b = check_tensor(input, "linalg.tensorsolve")._data, check_tensor(other, "linalg.tensorsolve", "other", 2)._data
    if dims is not None:
        ends = tuple([normalize_dim(each, a.ndim) for each in ((dims,) if isinstance(dims, int) else dims)])
        input = movedim(input, ends, tuple(range(a.ndim - len(ends), a.ndim)))
    shape = input._data.shape
    rows, columns = math.prod(shape[: b.ndim]), math.prod(shape[b.ndim :])
    if not rows == columns == b.size:
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]) "
            f"== other.numel(), but got {columns}, {rows} and {b.size}"
        )
    return reshape(solve(reshape(input, rows, columns), reshape(other, rows)), shape[b.ndim :])


def tensorinv(input: Tensor, ind: int = 2) -> Tensor:
    """The inverse, with the first ``ind`` dimensions taken as one and the others, which then come first, too.

    Raises:
        ShapeError: it is not square when seen so. ValueRangeError: ``ind`` is not positive. LinAlgError: it is
            singular.
    """
    shape = check_tensor(input, "linalg.tensorinv")._data.shape
    if ind <= 0:
        raise ValueRangeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = math.prod(shape[:ind]), math.prod(shape[ind:])
    if rows != columns:
        raise ShapeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{columns} != {rows}"
        )
    return reshape(inv(reshape(input, rows, columns)), (*shape[ind:], *shape[:ind]))
