"""Triangular systems and reordered rows: what factorizations are made of and solved with."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.autograd.ops import linalg_types as types
from lepton.autograd.ops._linalg import (
    NO_INVERSE,
    check_info,
    check_matrix,
    check_square,
    check_system,
    mT,
    of_one_batch,
)
from lepton.autograd.ops.rearranging import Tril, Triu
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.kernels import linalg as kernels

__all__ = ["cholesky_inverse", "cholesky_solve", "solve_triangular", "triangular_solve"]


class SolveTriangular(Op):
    """a·z = b, a triangular          ∂L/∂b = a⁻ᵀ·g,  ∂L/∂a = −a⁻ᵀ·g·zᵀ in a's triangle"""

    __slots__ = ("upper", "unitriangular")
    saves = {"a": ("a", "b"), "out": "a"}

    def __init__(self, upper: bool, unitriangular: bool = False) -> None:
        self.upper, self.unitriangular = upper, unitriangular

    def forward(self, a: Any, b: Any) -> Any:
        return kernels.solve_triangular(a, b, self.upper, self.unitriangular)

    def backward(self, g: Any, a: Any, out: Any) -> Any:
        gb = SolveTriangular.on(mT(a), g, upper=not self.upper, unitriangular=self.unitriangular)
        ga = None
        if self.needs[0]:
            triangle, strict = (Triu, 1) if self.upper else (Tril, -1)
            ga = triangle.on(-(gb @ mT(out)), diagonal=strict if self.unitriangular else 0)
        return ga, gb if self.needs[1] else None


class PermuteRows(Op):
    """z[…, i, :] = x[…, pᵢ, :]          ∂L/∂x[…, pᵢ, :] = g[…, i, :]"""

    __slots__ = ("order",)
    saves = ("order",)

    def __init__(self, order: Any) -> None:
        self.order = order

    def forward(self, x: Any) -> Any:
        return xp(x).take_along_axis(x, self.order[..., None], axis=-2)

    def backward(self, g: Any, order: Any) -> Any:
        return PermuteRows.on(g, order=order.argsort(axis=-1))


def solve_triangular(
    input: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The X with input·X = B, input triangular: (…, n, n) and (…, n, k) give (…, n, k), batch dimensions broadcast.

    A singular matrix gives inf or nan.

    Args:
        upper: which triangle is looked at.
        left: False solves X·input = B, B of shape (…, k, n).
        unitriangular: take the diagonal to be 1, without looking at it.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ, or are not float32 or float64.
    """
    check_square(input, "linalg.solve_triangular", "input")
    check_matrix(B, "linalg.solve_triangular", "B", 2)
    check_system(input, B, left, "linalg.solve_triangular")
    if left:
        return SolveTriangular(upper, unitriangular)(*of_one_batch(input, B))
    return mT(SolveTriangular(not upper, unitriangular)(*of_one_batch(mT(input), mT(B))))


def triangular_solve(b: Tensor, A: Tensor, upper: bool, transpose: bool, unitriangular: bool) -> Any:
    """The X with A·X = b or Aᵀ·X = b, and a copy of A, both in the shape that the batches broadcast to."""
    check_operands(b, A, "triangular_solve")
    matrix, right = of_one_batch(A, b)
    if transpose:
        return types.triangular_solve(SolveTriangular(not upper, unitriangular)(mT(matrix), right), matrix.clone())
    return types.triangular_solve(SolveTriangular(upper, unitriangular)(matrix, right), matrix.clone())


def cholesky_solve(b: Tensor, factor: Tensor, upper: bool) -> Tensor:
    """The X with A·X = b for A = L·Lᵀ, or Uᵀ·U if ``upper``, given by that factor."""
    check_operands(b, factor, "cholesky_solve")
    matrix, right = of_one_batch(mT(factor) if upper else factor, b)
    return SolveTriangular(True)(mT(matrix), SolveTriangular(False)(matrix, right))


def check_operands(b: Tensor, a: Tensor, what: str) -> None:
    """Refuse the operands of the older functions, which come right side first, where they do not fit.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ, or are not float32 or float64.
    """
    check_matrix(b, what, "b")
    check_square(a, what, "A", 2)
    check_system(a, b, True, what)


def cholesky_inverse(factor: Tensor, upper: bool) -> Tensor:
    """The inverse of A = L·Lᵀ, or Uᵀ·U if ``upper``, given by that factor."""
    data = check_square(factor, "cholesky_inverse")
    check_info(kernels.first_zero(kernels.diagonal_of(data)), "cholesky_inverse", NO_INVERSE)
    module = xp(data)
    eye = Tensor(module.zeros_like(data) + module.eye(data.shape[-1], dtype=data.dtype))
    inverse = SolveTriangular(False)(mT(factor) if upper else factor, eye)
    return mT(inverse) @ inverse
