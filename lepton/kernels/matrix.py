"""Hot loops of matrix products."""

from __future__ import annotations

from lepton.backend.devices import Array, xp
from lepton.kernels.reduction import is_narrow
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
