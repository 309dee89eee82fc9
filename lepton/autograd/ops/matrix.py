"""Matrix products."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Op, SumTo, broadcast_shape
from lepton.autograd.ops.arguments import check_tensor, scalar_name
from lepton.autograd.ops.arithmetic import add, mul
from lepton.autograd.ops.reduction import Sum, in_type
from lepton.autograd.ops.shape import Permute, expand, reshape
from lepton.autograd.registry import public
from lepton.autograd.scalars import fit_number
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.errors import DTypeError, IndexRangeError, ShapeError, UnsupportedDTypeError
from lepton.kernels.matrix import affine, column_sums, matrix_product

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "chain_matmul", "dot", "ger", "inner", "matmul", "mm",
    "mv", "outer", "vdot",
]  # fmt: skip


class Mm(Op):
    """z = x·y of two matrices          ∂L/∂x = g·yᵀ,  ∂L/∂y = xᵀ·g"""

    __slots__ = ()
    saves = {"x": "y", "y": "x"}

    def forward(self, x: Any, y: Any) -> Any:
        return matrix_product(x, y)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        return (Mm.on(g, y.T) if self.needs[0] else None, Mm.on(x.T, g) if self.needs[1] else None)


class Matmul(Op):
    """z = x·y of batches of matrices          ∂L/∂x = g·yᵀ,  ∂L/∂y = xᵀ·g, summed over broadcast batches"""

    __slots__ = ("x_shape", "y_shape")
    saves = {"x": "y", "y": "x"}

    def forward(self, x: Any, y: Any) -> Any:
        self.x_shape, self.y_shape = x.shape, y.shape
        return matrix_product(x, y)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        gx = gy = None
        if self.needs[0]:
            gx = Matmul.on(g, y.swapaxes(-1, -2))
            gx = gx if gx.shape == self.x_shape else SumTo.on(gx, shape=self.x_shape)
        if self.needs[1]:
            gy = Matmul.on(x.swapaxes(-1, -2), g)
            gy = gy if gy.shape == self.y_shape else SumTo.on(gy, shape=self.y_shape)
        return gx, gy


class Mv(Op):
    """z = A·v          ∂L/∂A = g·vᵀ,  ∂L/∂v = Aᵀ·g"""

    __slots__ = ()
    saves = {"a": "v", "v": "a"}

    def forward(self, a: Any, v: Any) -> Any:
        return matrix_product(a, v)

    def backward(self, g: Any, a: Any, v: Any) -> Any:
        return (
            g.reshape((-1, 1)) * v if self.needs[0] else None,
            Mv.on(a.T, g) if self.needs[1] else None,
        )


class Dot(Op):
    """z = Σ xᵢ·yᵢ          ∂L/∂x = g·y,  ∂L/∂y = g·x"""

    __slots__ = ()
    saves = {"x": "y", "y": "x"}

    def forward(self, x: Any, y: Any) -> Any:
        return matrix_product(x, y)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        return (g * y if self.needs[0] else None, g * x if self.needs[1] else None)


def _order_in_memory(x: Any) -> tuple[int, ...] | None:
    """The dimensions of three or more in the order in which the array is contiguous; None for the usual one.

    A sequence that has been transposed keeps its order in memory through linear maps, without a copy.
    """
    if isinstance(x, Tensor) or getattr(x, "strides", None) is None or x.flags.c_contiguous:
        return None
    order = (*sorted(range(x.ndim - 1), key=lambda axis: -x.strides[axis]), x.ndim - 1)
    return order if x.transpose(order).flags.c_contiguous else None


def _as_rows(x: Any, order: tuple[int, ...] | None) -> Any:
    """The last dimension as rows, the others in this order."""
    if order is not None:
        x = x.transpose(order)
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def _from_rows(rows: Any, order: tuple[int, ...] | None, shape: tuple[int, ...]) -> Any:
    """What :func:`_as_rows` took apart, in its own shape."""
    if order is None:
        return rows.reshape(shape)
    return rows.reshape([shape[axis] for axis in order]).transpose([order.index(axis) for axis in range(len(order))])


class Linear(Op):
    """z = x·Wᵀ + b over the last dimension          ∂L/∂x = g·W,  ∂L/∂W = gᵀ·x,  ∂L/∂b = Σ g"""

    __slots__ = ("source",)
    saves = {"x": "weight", "weight": "x"}

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        shape = self.source = x.shape
        if len(shape) == 2:
            return matrix_product(x, weight.T) if bias is None else affine(x, weight, bias)
        order = _order_in_memory(x)
        rows = _as_rows(x, order)
        out = matrix_product(rows, weight.T) if bias is None else affine(rows, weight, bias)
        return _from_rows(out, order, (*shape[:-1], weight.shape[0]))

    def backward(self, g: Any, x: Any, weight: Any) -> Any:
        gx = gw = gb = None
        needs, shape = self.needs, self.source
        order = None
        if len(shape) != 2:
            order = _order_in_memory(g)
            g, x = _as_rows(g, order), None if x is None else _as_rows(x, order)
        if needs[0]:
            gx = Mm.on(g, weight)
            gx = gx if len(shape) == 2 else _from_rows(gx, order, shape)
        if needs[1]:
            gw = Mm.on(g.T, x)
        if len(needs) > 2 and needs[2]:
            gb = Sum.on(g, axes=(0,), keepdim=False) if isinstance(g, Tensor) else column_sums(g)
        return gx, gw, gb

    def explain(self, error: Exception, inputs: tuple[Any, ...]) -> Exception | None:
        if isinstance(error, (ValueError, IndexError)) and all(isinstance(each, Tensor) for each in inputs):
            return _explain_linear(inputs[0]._data, inputs[1]._data) or super().explain(error, inputs)
        return super().explain(error, inputs)


def _types_of_linear(a: Any, b: Any, bias: Tensor | None) -> DTypeError:
    """PyTorch's words, which depend on the function that it comes to call."""
    if bias is None:
        return _types_of_mm(a, b)
    return DTypeError(
        f"mat1 and mat2 must have the same dtype, but got {scalar_name(a)} and {scalar_name(b)}; "
        "convert one of them, for instance with tensor.to(other.dtype)"
    )


def _explain_linear(x: Any, weight: Any) -> Exception | None:
    if weight.ndim != 2:
        return ShapeError(f"mat2 must be a matrix, got {weight.ndim}-D tensor")
    if x.ndim == 0:
        return ShapeError("both arguments to linear need to be at least 1D, but they are 0D and 2D")
    if weight.shape[1] != x.shape[-1]:
        rows, columns = math.prod(x.shape[:-1]), x.shape[-1]
        return ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{columns} and {weight.shape[1]}x{weight.shape[0]})"
        )
    return None


# ---------------------------------------------------------------------- checks


def check_types(first: Tensor, second: Tensor) -> None:
    """Refuse factors of different types, and bools.

    Raises:
        DTypeError: the types differ, or are bool.
    """
    a, b = first._data.dtype, second._data.dtype
    if a != b:
        raise _types_of_mm(a, b)
    if a.kind == "b":
        raise UnsupportedDTypeError(
            '"addmm_impl_cpu_" not implemented for \'Bool\': convert the matrices first, for instance with .float()'
        )


def _types_of_mm(a: Any, b: Any) -> DTypeError:
    return DTypeError(
        f"expected m1 and m2 to have the same dtype, but got: {_c_name(a)} != {_c_name(b)}; "
        "convert one of them, for instance with tensor.to(other.dtype)"
    )


def _c_name(array_dtype: Any) -> str:
    name = scalar_name(array_dtype)
    return {"Long": "long int", "Byte": "unsigned char", "Half": "c10::Half", "BFloat16": "c10::BFloat16"}.get(
        name, "signed char" if name == "Char" else name.lower()
    )


def _shapes_of_mm(a: tuple[int, ...], b: tuple[int, ...]) -> ShapeError:
    return ShapeError(f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})")


def _check_mm(a: Tensor, b: Tensor) -> None:
    left, right = check_tensor(a, "mm")._data, check_tensor(b, "mm", "mat2", 2)._data
    if left.ndim != 2:
        raise ShapeError(f"self must be a matrix, got a tensor of shape {list(left.shape)}")
    if right.ndim != 2:
        raise ShapeError(f"mat2 must be a matrix, got a tensor of shape {list(right.shape)}")
    if left.shape[1] != right.shape[0]:
        raise _shapes_of_mm(left.shape, right.shape)
    check_types(a, b)


def _check_bmm(a: Tensor, b: Tensor) -> None:
    left, right = check_tensor(a, "bmm")._data, check_tensor(b, "bmm", "mat2", 2)._data
    for name, each in (("batch1", left), ("batch2", right)):
        if each.ndim != 3:
            raise ShapeError(f"{name} must be a 3D tensor, got shape {list(each.shape)}")
    if left.shape[0] != right.shape[0] or left.shape[2] != right.shape[1]:
        raise _shapes_of_bmm([left.shape[0], left.shape[2]], list(right.shape[:2]))
    check_types(a, b)


def _shapes_of_bmm(expected: list[int], found: list[int]) -> ShapeError:
    return ShapeError(
        f"Expected size for first two dimensions of batch2 tensor to be: {expected} but got: {found}."
    )


def _check_dot(a: Tensor, b: Tensor) -> None:
    left, right = check_tensor(a, "dot")._data, check_tensor(b, "dot", "tensor", 2)._data
    if left.ndim != 1 or right.ndim != 1:
        raise ShapeError(f"1D tensors expected, but got {left.ndim}D and {right.ndim}D tensors")
    if left.dtype != right.dtype:
        raise DTypeError(
            "dot : expected both vectors to have same dtype, but found "
            f"{scalar_name(left.dtype)} and {scalar_name(right.dtype)}"
        )
    if left.dtype.kind == "b":
        raise UnsupportedDTypeError("\"dot\" not implemented for 'Bool': convert the vectors first, with .int()")
    if left.size != right.size:
        raise ShapeError(
            f"inconsistent tensor size, expected tensor [{left.size}] and src [{right.size}] to have the same number "
            f"of elements, but got {left.size} and {right.size} elements respectively"
        )


# ---------------------------------------------------------------------- products


@public()
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """z = input·other, by their dimensions.

    Two vectors: their inner product. Two matrices: their product. A matrix and a vector: the matrix times the vector.
    With more dimensions: a batch of such products, the batch dimensions broadcast.

    Raises:
        ShapeError: the shapes cannot be multiplied, or one is 0-d. DTypeError: the types differ.
    """
    a, b = check_tensor(input, "matmul")._data, check_tensor(other, "matmul", "other", 2)._data
    left, right = a.ndim, b.ndim
    if left == 2 and right == 2:
        if a.shape[1] != b.shape[0]:
            raise _shapes_of_mm(a.shape, b.shape)
        if a.dtype != b.dtype or a.dtype == bool:
            check_types(input, other)
        return Mm()(input, other)
    if left == 0 or right == 0:
        raise ShapeError(f"both arguments to matmul need to be at least 1D, but they are {left}D and {right}D")
    if left == 1 and right == 1:
        return dot(input, other)
    if right == 1:
        return mv(input, other) if left == 2 else _batch_times_vector(input, other)
    if left == 1:
        return _vector_times(input, other)
    return _batches(input, other)


def _vector_times(vector: Tensor, other: Tensor) -> Tensor:
    row = reshape(vector, 1, vector._data.size)
    out = matmul(row, other)
    shape = out._data.shape
    return reshape(out, (*shape[:-2], shape[-1]))


def _batch_times_vector(batch: Tensor, vector: Tensor) -> Tensor:
    shape = batch._data.shape
    return reshape(mv(reshape(batch, math.prod(shape[:-1]), shape[-1]), vector), shape[:-1])


def _batches(input: Tensor, other: Tensor) -> Tensor:
    a, b = input._data.shape, other._data.shape
    check_types(input, other)
    if len(b) == 2:  # one large product instead of many small ones
        rows = (math.prod(a[:-1]), a[-1])
        if a[-1] != b[0]:
            raise _shapes_of_mm(rows, b)
        return reshape(Mm()(reshape(input, *rows), other), (*a[:-1], b[1]))
    batch = broadcast_shape(a[:-2], b[:-2])
    if a[-1] != b[-2]:
        size = math.prod(batch)
        raise _shapes_of_bmm([size, a[-1]], [size, b[-2]])
    return Matmul()(input, other)


@public()
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of an (n, m) and an (m, p) matrix.

    Raises:
        ShapeError: they are no matrices or cannot be multiplied. DTypeError: the types differ.
    """
    _check_mm(input, mat2)
    return Mm()(input, mat2)


@public()
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of b matrices (n, m) and b matrices (m, p), given as 3-d tensors.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ.
    """
    _check_bmm(input, mat2)
    return Matmul()(input, mat2)


@public()
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """An (n, m) matrix times a vector of m elements.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ.
    """
    a, v = check_tensor(input, "mv")._data, check_tensor(vec, "mv", "vec", 2)._data
    if a.ndim != 2 or v.ndim != 1:
        raise ShapeError(f"vector + matrix @ vector expected, got 1, {a.ndim}, {v.ndim}")
    if a.shape[1] != v.shape[0]:
        rows, columns = a.shape
        raise ShapeError(f"size mismatch, got input ({rows}), mat ({rows}x{columns}), vec ({v.shape[0]})")
    check_types(input, vec)
    return Mv()(input, vec)


@public()
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Σ inputᵢ·tensorᵢ of two vectors.

    Raises:
        ShapeError: they are no vectors, or of different lengths. DTypeError: the types differ.
    """
    _check_dot(input, tensor)
    return Dot()(input, tensor)


@public()
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Σ inputᵢ·otherᵢ of two vectors (numbers are real); see :func:`dot`."""
    return dot(input, other)


@public()
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Σ over the last dimension of both: z[…, …] = Σₖ input[…, k]·other[…, k]; a plain product if one is 0-d.

    Raises:
        ShapeError: the last dimensions differ. DTypeError: the types differ.
    """
    a, b = check_tensor(input, "inner")._data, check_tensor(other, "inner", "other", 2)._data
    if a.ndim == 0 or b.ndim == 0:
        return mul(input, other)
    if a.shape[-1] != b.shape[-1]:
        raise ShapeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    check_types(input, other)
    rows = reshape(input, math.prod(a.shape[:-1]), a.shape[-1])
    columns = reshape(other, math.prod(b.shape[:-1]), b.shape[-1])
    return reshape(Mm()(rows, Permute((1, 0))(columns)), (*a.shape[:-1], *b.shape[:-1]))


@public(aliases=("ger",))
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """zᵢⱼ = inputᵢ·vec2ⱼ of two vectors.

    Raises:
        ShapeError: one is not a vector.
    """
    for each, name in ((check_tensor(input, "outer"), "self"), (check_tensor(vec2, "outer", "vec2", 2), "vec2")):
        if each._data.ndim != 1:
            raise ShapeError(f"outer: Expected 1-D argument {name}, but got {each._data.ndim}-D")
    return mul(reshape(input, -1, 1), vec2)


ger = outer


@public(method=False)
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices, in the order of multiplication that costs the fewest operations.

    Raises:
        ShapeError: one is not a matrix, or neighbours cannot be multiplied.
    """
    listed = list(matrices[0]) if len(matrices) == 1 and not isinstance(matrices[0], Tensor) else list(matrices)
    if not listed:
        raise ShapeError("chain_matmul(): Expected one or more matrices")
    for place, each in enumerate(listed):
        if check_tensor(each, "chain_matmul", "matrices", place + 1).ndim != 2:
            raise ShapeError(f"Tensor dimension is {each.ndim}, expected 2 instead.")
    return multiply_in_best_order(listed)


def multiply_in_best_order(matrices: list[Tensor]) -> Tensor:
    """The product of matrices by dynamic programming over where the last product is (Cormen et al., 15.2)."""
    sizes = [matrices[0]._data.shape[0], *[each._data.shape[1] for each in matrices]]
    n = len(matrices)
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for span in range(1, n):
        for first in range(n - span):
            last = first + span
            cost[first][last], cut[first][last] = min(
                (cost[first][k] + cost[k + 1][last] + sizes[first] * sizes[k + 1] * sizes[last + 1], k)
                for k in range(first, last)
            )
    return _multiply_run(matrices, cut, 0, n - 1)


def _multiply_run(matrices: list[Tensor], cut: list[list[int]], first: int, last: int) -> Tensor:
    if first == last:
        return matrices[first]
    k = cut[first][last]
    return mm(_multiply_run(matrices, cut, first, k), _multiply_run(matrices, cut, k + 1, last))


# ---------------------------------------------------------------------- products with an addition


class AddProduct(Op):
    """z = β·c + α·p          ∂L/∂c = β·g summed back to c,  ∂L/∂p = α·g"""

    __slots__ = ("beta", "alpha", "shape")

    def __init__(self, beta: float, alpha: float) -> None:
        self.beta, self.alpha = beta, alpha

    def forward(self, c: Any, p: Any) -> Any:
        self.shape = c.shape
        scaled = p if self.alpha == 1 else p * self.alpha
        if self.beta == 0:  # nan and inf in c are not passed on
            return scaled + p.dtype.type(0)
        return scaled + (c if self.beta == 1 else c * self.beta)

    def backward(self, g: Any) -> Any:
        gc = gp = None
        if self.needs[0]:
            gc = SumTo.on(g if self.beta == 1 else g * self.beta, shape=self.shape)
        if self.needs[1]:
            gp = g if self.alpha == 1 else g * self.alpha
        return gc, gp


def add_product(input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """β·input + α·product, where ``input`` is broadcast.

    Raises:
        ShapeError: ``input`` does not broadcast to the product's shape. DTypeError: the types differ.
    """
    expand(input, product._data.shape)
    if input._data.dtype != product._data.dtype:
        raise DTypeError(
            f"self and mat2 must have the same dtype, but got {scalar_name(input._data.dtype)} and "
            f"{scalar_name(product._data.dtype)}"
        )
    kind = dtypes.of(product._data.dtype)
    convert = (bool, int, float)[kind.category]
    return AddProduct(*[fit_number(convert(each), kind) for each in (beta, alpha)])(input, product)


@public(inplace=True)
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β·input + α·(mat1·mat2), where ``input`` is broadcast; with β = 0 ``input`` is not looked at.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ.
    """
    check_tensor(input, "addmm")
    return add_product(input, mm(mat1, mat2), beta, alpha)


@public(inplace=True)
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β·input + α·(mat·vec), where ``input`` is broadcast."""
    check_tensor(input, "addmv")
    return add_product(input, mv(mat, vec), beta, alpha)


@public(inplace=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β·input + α·(vec1 ⊗ vec2), where ``input`` is broadcast."""
    if not check_tensor(input, "addr").dtype.is_floating_point:
        for name, each in (("beta", beta), ("alpha", alpha)):
            if isinstance(each, float):
                raise DTypeError(f"For integral input tensors, argument {name} must not be a floating point number.")
    return add_product(input, outer(vec1, vec2), beta, alpha)


def _check_batches(batch1: Tensor, batch2: Tensor, what: str) -> None:
    """Refuse operands without the dimensions that the result has of them, the rows and the columns."""
    for name, each, least in (("batch1", batch1, 2), ("batch2", batch2, 3)):
        shape = check_tensor(each, what, name)._data.shape
        if len(shape) < least:
            raise IndexRangeError(f"{what}(): {name} must be a 3D tensor, got shape {list(shape)}")


@public(inplace=True)
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β·input + α·(batch1·batch2), products of batches of matrices, where ``input`` is broadcast."""
    check_tensor(input, "baddbmm")
    _check_batches(batch1, batch2, "baddbmm")
    return add_product(input, bmm(batch1, batch2), beta, alpha)


@public(inplace=True)
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """β·input + α·Σ over the batch of batch1·batch2, where ``input`` is broadcast."""
    check_tensor(input, "addbmm")
    _check_batches(batch1, batch2, "addbmm")
    products = bmm(batch1, batch2)
    return add_product(input, in_type(Sum((0,), False)(products), products.dtype), beta, alpha)


# ---------------------------------------------------------------------- the linear layer


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """z = input·weightᵀ + bias over the last dimension: (…, in) with weights (out, in) gives (…, out).

    Args:
        weight: (out, in), or (in) for one output that has no dimension of its own.
        bias: (out), () for a 1-d weight, or None.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ. ArgumentTypeError: one is no tensor.
    """
    try:
        a, b, c = input._data.dtype, weight._data.dtype, None if bias is None else bias._data.dtype
    except AttributeError:
        check_tensor(input, "linear")
        check_tensor(weight, "linear", "weight", 2)
        check_tensor(bias, "linear", "bias", 3)
        raise
    if a is not b and a != b:
        raise _types_of_linear(a, b, bias)
    if weight._data.ndim == 1:
        out = matmul(input, weight)
        return out if bias is None else add(out, bias)
    if bias is None:
        return Linear()(input, weight)
    if c is not a:
        check_types(input, bias)
    if bias._data.shape != weight._data.shape[:-1]:
        bias = expand(bias, weight._data.shape[:-1])
    return Linear()(input, weight, bias)
