"""Hot loops of matrix products."""

from __future__ import annotations

from lepton.backend.devices import Array, xp
from lepton.kernels.reduction import is_narrow, total
from lepton.kernels.registry import fast_kernel


@fast_kernel("matrix", 512)
def matrix_product(a: Array, b: Array) -> Array:
    """a·b of vectors, matrices and batches of matrices; float16 and bfloat16 are multiplied in float32."""
    kind = a.dtype
    if is_narrow(kind):
        return matrix_product(a.astype("float32"), b.astype("float32")).astype(kind)
    if a.ndim <= 2 and b.ndim <= 2:
        return a.dot(b)  # for small matrices a third of the time of the @ operator
    return xp(a).matmul(a, b)


@fast_kernel("matrix", 512)
def affine(x: Array, weight: Array, bias: Array) -> Array:
    """x·Wᵀ + b of matrices, the bias added to every row."""
    out = matrix_product(x, weight.T)
    out += bias
    return out


@fast_kernel("matrix", 1 << 14)
def column_sums(x: Array) -> Array:
    """Σ over the rows of a matrix."""
    return total(x, (0,))
