"""Powers and the exponential of matrices, and products under the names of linear algebra."""

from __future__ import annotations

import itertools
from typing import Any

from lepton.autograd.op import Op, constant, data_of
from lepton.autograd.ops import products, rearranging
from lepton.autograd.ops._elementwise import ZerosLike
from lepton.autograd.ops._linalg import check_floating, check_lengths, check_matrix, mT
from lepton.autograd.ops.arguments import check_tensor, normalize_dims, scalar_name, tensor_sequence
from lepton.autograd.ops.arithmetic import mul
from lepton.autograd.ops.joining import Cat
from lepton.autograd.ops.matrix import dot, matmul, multiply_in_best_order
from lepton.autograd.ops.reduction import Sum
from lepton.autograd.ops.scan import cumprod
from lepton.autograd.ops.shape import expand, reshape
from lepton.autograd.ops.solving import inv
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError, ValueRangeError
from lepton.kernels import linalg as kernels
from lepton.kernels.reduction import widen

__all__ = ["cross", "diagonal", "matrix_exp", "matrix_power", "multi_dot", "vander", "vecdot"]


# ---------------------------------------------------------------------- functions of one matrix


class MatrixExp(Op):
    """z = e^x          ∂L/∂x = the upper right block of exp [[xᵀ, g], [0, xᵀ]]

    (Al-Mohy & Higham, *Computing the Fréchet Derivative of the Matrix Exponential*, 2009)
    """

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.matrix_exp(widen(x)).astype(x.dtype, copy=False)

    def backward(self, g: Any, x: Any) -> Any:
        n, size = x.shape[-1], _size_of(g)  # at the size of 1, g makes the series of the block no longer
        last = len(x.shape) - 1
        upper = Cat.on(mT(x), g / size, dim=last)
        lower = Cat.on(ZerosLike.on(x), mT(x), dim=last)
        return MatrixExp.on(Cat.on(upper, lower, dim=last - 1))[..., :n, n:] * size


def _size_of(g: Any) -> Any:
    """The largest |g| of each matrix, as constants, 1 where that is 0 or not finite."""
    data = data_of(g)
    if not data.size:
        return 1.0
    module = xp(data)
    size = abs(data).max(axis=(-2, -1), keepdims=True)
    size = module.where((size > 0) & module.isfinite(size), size, module.ones_like(size))
    return constant(size, g)


class MatrixUnit(Op):
    """z = x⁰, the identity          ∂L/∂x = 0"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return xp(x).zeros_like(x) + xp(x).eye(x.shape[-1], dtype=x.dtype)

    def backward(self, g: Any) -> Any:
        return ZerosLike.on(g)


def matrix_exp(input: Tensor) -> Tensor:
    """e^A = Σ Aᵏ/k! of matrices A (…, n, n).

    Raises:
        ShapeError: they are not square. DTypeError: the type is not floating.
    """
    check_matrix(input, "linalg.matrix_exp", "input")
    check_floating(input, "linalg.matrix_exp")
    check_lengths(input, "linalg.matrix_exp", "input")
    return MatrixExp()(input)


def matrix_power(input: Tensor, n: int) -> Tensor:
    """Aⁿ of matrices (…, m, m) by repeated squaring: the identity for n = 0, powers of input⁻¹ for n < 0.

    Raises:
        ShapeError: they are not square. ArgumentTypeError: n is not an int. LinAlgError: n < 0 and one is singular.
    """
    check_matrix(input, "linalg.matrix_power", "input")
    check_lengths(input, "linalg.matrix_power", "input")
    if isinstance(n, bool) or not isinstance(n, int):
        raise ArgumentTypeError(
            f"linalg.matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}"
        )
    if n == 0:
        return MatrixUnit()(input)
    if n < 0:
        input, n = inv(input), -n
    result: Tensor | None = None
    while True:
        if n & 1:
            result = input if result is None else matmul(result, input)
        n >>= 1
        if not n:
            assert result is not None
            return result if result is not input else input.clone()
        input = matmul(input, input)


# ---------------------------------------------------------------------- products


def multi_dot(tensors: Any) -> Tensor:
    """The product of two or more matrices, in the order of multiplication that costs the fewest operations.

    The first and the last may be vectors: a row and a column.

    Raises:
        ShapeError: neighbours cannot be multiplied. DTypeError: the types differ.
    """
    listed = list(tensor_sequence(tensors, "multi_dot"))
    _check_chain(listed)
    row, column = listed[0]._data.ndim == 1, listed[-1]._data.ndim == 1
    if row:
        listed[0] = reshape(listed[0], 1, listed[0]._data.size)
    if column:
        listed[-1] = reshape(listed[-1], listed[-1]._data.size, 1)
    for place, (a, b) in enumerate(itertools.pairwise(listed)):
        if a._data.shape[1] != b._data.shape[0]:
            raise ShapeError(
                f"multi_dot(): tensors {place} and {place + 1} with shapes {list(a._data.shape)} and "
                f"{list(b._data.shape)} cannot be multiplied"
            )
    out = multiply_in_best_order(listed)
    shape = out._data.shape
    return reshape(out, shape[int(row) : 2 - int(column)]) if row or column else out


def _check_chain(listed: list[Tensor]) -> None:
    if len(listed) < 2:
        raise ShapeError(f"multi_dot(): expected at least 2 tensors but got {len(listed)}")
    kind = listed[0]._data.dtype
    for place, each in enumerate(listed):
        ndim, inner = each._data.ndim, 0 < place < len(listed) - 1
        if ndim != 2 and (inner or ndim != 1):
            which = f"tensor {place}" if inner else "the first tensor" if place == 0 else "the last tensor"
            raise ShapeError(f"multi_dot(): {which} must be {'2D' if inner else '1D or 2D'} but got {ndim}D")
        if each._data.dtype != kind:
            raise DTypeError(
                f"multi_dot(): all tensors must have the same dtype but tensor 0 is {scalar_name(kind)} and tensor "
                f"{place} {scalar_name(each._data.dtype)}"
            )


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Σ xᵢ·yᵢ along a dimension, the others broadcast.

    Raises:
        ShapeError: the shapes do not broadcast. DTypeError: the types differ, or are not floating.
    """
    check_floating(check_tensor(x, "linalg.vecdot", "x"), "linalg.vecdot")
    if x._data.dtype != check_tensor(y, "linalg.vecdot", "y", 2)._data.dtype:
        raise DTypeError(
            f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {scalar_name(x._data.dtype)} "
            f"and y of type {scalar_name(y._data.dtype)} instead"
        )
    if x._data.ndim == 1 == y._data.ndim:
        normalize_dims(dim, 1)
        return dot(x, y)
    product = mul(x, y)
    return Sum(normalize_dims(dim, product.ndim), False)(product)


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of 3-vectors along ``dim``, the other dimensions broadcast; see :func:`lepton.cross`."""
    return products.cross(input, other, dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The elements on a diagonal of two dimensions, by default the last; see :func:`lepton.diagonal`."""
    return rearranging.diagonal(A, offset, dim1, dim2)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Vandermonde's matrix: 1, x, x², … x^(N−1) along a new last dimension.

    Args:
        x: (…, n), of integers or floating numbers.
        N: the number of powers, by default n.

    Raises:
        ValueRangeError: N is below 2. DTypeError: the type is bool or of half precision.
    """
    data = check_tensor(x, "linalg.vander", "x")._data
    if data.dtype.kind == "b" or data.dtype.kind in "fV" and data.dtype.itemsize == 2:
        raise DTypeError(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {scalar_name(data.dtype)}"
        )
    shape = data.shape or (1,)
    count = shape[-1] if N is None else N
    if count < 2:
        raise ValueRangeError(f"N must be greater than 1, but it is {count}")
    ones = Tensor(xp(data).ones((*shape, 1), data.dtype))
    powers = expand(reshape(x, *shape, 1), (*shape, count - 1))
    return cumprod(Cat(len(shape))(ones, powers), -1)
