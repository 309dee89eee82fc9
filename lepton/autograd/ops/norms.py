"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.ops._linalg import check_floating, check_lengths, check_matrix, check_numbers
from lepton.autograd.ops.arguments import check_tensor, normalize_dims, scalar_name
from lepton.autograd.ops.arithmetic import Abs
from lepton.autograd.ops.comparison import Where, isnan
from lepton.autograd.ops.extremes import amax, amin
from lepton.autograd.ops.factorization import svdvals
from lepton.autograd.ops.nuclear import nuclear_norm
from lepton.autograd.ops.reduction import Sum, count, in_type, kept_shape
from lepton.autograd.ops.shape import movedim, reshape
from lepton.autograd.ops.solving import Inverse
from lepton.autograd.ops.statistics import norm_of
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend import dtypes
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError, ValueRangeError

__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]



def vector_norm(
    input: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over ``dim`` (one, several, or all), elements of matrices taken as those of a vector.

    Its gradient is 0 where the norm is.

    Args:
        ord: p; ``inf`` the largest |x|, ``-inf`` the smallest, 0 the number of x ≠ 0.
        keepdim: keep the reduced dimensions with length 1.
        dtype: convert to this floating type, which is not narrower, first.

    Raises:
        DTypeError: the type is not floating, or ``dtype`` narrower. ShapeError: there is nothing to take an infinite or
            negative norm of. ArgumentTypeError: ``ord`` is not a number.
    """
    if isinstance(ord, bool) or not isinstance(ord, (int, float)):
        raise ArgumentTypeError(
            f"linalg.vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}"
        )
    input = _converted(check_tensor(input, "linalg.vector_norm"), dtype, "linalg.vector_norm")
    shape = input._data.shape
    axes = normalize_dims(dim, len(shape))
    if (ord < 0 or math.isinf(ord)) and not count(shape, axes):
        raise ShapeError(
            f"linalg.vector_norm cannot compute the {float(ord)} norm on an empty tensor, or over an empty dimension, "
            f"because the operation does not have an identity; the shape is {list(shape)} and dim {dim}"
        )
    return norm_of(input, float(ord), axes, keepdim)


def _converted(tensor: Tensor, dtype: Any, what: str) -> Tensor:
    """The tensor in ``dtype``, which has to be floating and as wide."""
    check_floating(tensor, what)
    if dtype is None:
        return tensor
    target, own = dtypes.as_dtype(dtype), tensor.dtype
    if not target.is_floating_point:
        raise DTypeError(f"{what}: dtype should be floating point or complex, but got {scalar_name(target.numpy)}")
    if dtypes.promote_types(own, target) is not target:
        raise DTypeError(
            f"{what}: the dtype of the input ({scalar_name(own.numpy)}) should be convertible without narrowing to the "
            f"specified dtype ({scalar_name(target.numpy)})"
        )
    return in_type(tensor, target)


def matrix_norm(
    input: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """A norm of the matrices in two dimensions.

    Args:
        ord: ``"fro"``: √Σ a²; ``"nuc"``: Σ σ of the singular values; 2 and −2: the largest and the smallest of them;
            1 and −1: the largest and the smallest Σ |a| of a column; ``inf`` and ``-inf``: of a row.
        dim: which two.
        keepdim: keep them with length 1.
        dtype: convert to this floating type, which is not narrower, first.

    Ties share the gradient evenly.

    Raises:
        DTypeError: the type is not floating, or ``dtype`` narrower. ShapeError: ``dim`` is no pair. ValueRangeError:
            there is no such norm. IndexRangeError: a least of nothing is wanted.
    """
    check_matrix(input, "linalg.matrix_norm", "input")
    input = _converted(input, dtype, "linalg.matrix_norm")
    dims = _pair(dim, input._data.ndim)
    if ord == "fro":
        return norm_of(input, 2.0, dims, keepdim)
    if ord == "nuc":
        return nuclear_norm(input, dims, keepdim)
    if isinstance(ord, (str, bool)) or abs(ord) not in (1, 2, math.inf):
        raise ValueRangeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if abs(ord) == 2:
        out = _extreme(svdvals(movedim(input, dims, (-2, -1))), -1, ord)
    else:
        added, chosen = dims if abs(ord) == 1 else dims[::-1]
        out = _extreme(Sum((added,), True)(Abs()(input)), chosen, ord, keepdim=True)
    shape = kept_shape(input._data.shape, dims)
    return reshape(out, shape if keepdim else [n for axis, n in enumerate(shape) if axis not in dims])


def _pair(dim: Any, ndim: int) -> tuple[int, int]:
    listed = tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    if len(listed) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(str(each) for each in listed)}")
    first, second = [normalize_dim(each, ndim) for each in listed]
    if first == second:
        raise ShapeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    return first, second


def _extreme(values: Tensor, dim: int, order: float, keepdim: bool = False) -> Tensor:
    """The largest along a dimension, 0 if there is none, or for a negative order the smallest."""
    if order < 0:
        return amin(values, dim, keepdim)
    if values._data.shape[dim]:
        return amax(values, dim, keepdim)
    return Sum((normalize_dim(dim, values._data.ndim),), keepdim)(values)


def norm(
    input: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """:func:`matrix_norm` of two dimensions if ``ord`` is given, else :func:`vector_norm` of one or of all elements.

    Args:
        ord: None: √Σ x²; else as for those.
        dim: one dimension, two, or all.

    Raises:
        ShapeError: ``ord`` is given for more than two dimensions. And what those raise.
    """
    ndim = check_tensor(input, "linalg.norm").ndim
    dims = (dim,) if isinstance(dim, int) else None if dim is None else tuple(dim)
    if dims is not None and len(dims) not in (1, 2):
        raise ShapeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if dims is None and ord is not None and ndim not in (1, 2):
        raise ShapeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {ndim}D."
        )
    if ord is not None and (isinstance(ord, str) or (ndim if dims is None else len(dims)) == 2):
        return matrix_norm(input, ord, (0, 1) if dims is None else dims, keepdim, dtype=dtype)
    return vector_norm(input, 2 if ord is None else ord, dims, keepdim, dtype=dtype)


def cond(input: Tensor, p: Any = None) -> Tensor:
    """The condition numbers ‖A‖·‖A⁻¹‖ of matrices A (…, n, n), (…, m, n) for p = ±2; ∞ for a singular one.

    Args:
        p: the norm, as for :func:`matrix_norm`; None is 2, σ₁/σₙ, and −2 its reciprocal.

    Raises:
        ShapeError: the matrices are not square where they have to be. DTypeError: the type is not float32 or float64.
            ValueRangeError: there is no such norm.
    """
    data = check_tensor(input, "linalg.cond")._data
    if data.ndim < 2:
        raise ShapeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p not in (None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf) or isinstance(p, bool):
        raise ValueRangeError(f"linalg.cond got an invalid norm type: {p}")
    if p in (None, 2, -2):
        values = svdvals(input)
        if not values._data.shape[-1]:
            return Sum((values._data.ndim - 1,), False)(values)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    check_numbers(input, "linalg.cond")
    check_lengths(input, f"linalg.cond(ord={p})", "input")
    if p == "nuc":
        values = svdvals(input)
        return values.sum(-1) * (1 / values).sum(-1)
    if not data.size:
        return matrix_norm(input)
    op = Inverse(what=None)
    inverse = op(input)
    inverse = Where()(Tensor(op.info[..., None, None] > 0), math.inf, inverse)
    out = matrix_norm(input, p) * matrix_norm(inverse, p)
    return Where()(isnan(out), math.inf, out)
