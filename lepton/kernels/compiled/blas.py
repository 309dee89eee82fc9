"""Matrix products inside compiled loops: OpenBLAS at one thread, called on tiles by whichever thread has one to do.

The library is a copy of Lepton's own (the package scipy-openblas32), so that holding it at one thread changes nothing
for NumPy, for SciPy and for the user. Its functions are called by name, which lets Numba keep what it compiled on disk.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

import llvmlite.binding
import scipy_openblas32
from numba import types
from numba.extending import overload

ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112  # cblas.h


def _declared(name: str, real: Any) -> Any:
    i4, pointer = types.int32, types.uintp
    return types.ExternalFunction(
        name, types.void(i4, i4, i4, i4, i4, i4, real, pointer, i4, pointer, i4, real, pointer, i4)
    )


_sgemm = _declared("lepton_sgemm", types.float32)
_dgemm = _declared("lepton_dgemm", types.float64)


@functools.cache
def load() -> None:
    """Load the library, hold it at one thread, make its products known by name."""
    library = ctypes.CDLL(os.path.join(scipy_openblas32.get_lib_dir(), scipy_openblas32.get_library(fullname=True)))
    library.scipy_openblas_set_num_threads(1)
    for kind in "sd":
        function = getattr(library, f"scipy_cblas_{kind}gemm")
        llvmlite.binding.add_symbol(f"lepton_{kind}gemm", ctypes.cast(function, ctypes.c_void_p).value)


def product(a: Any, b: Any, beta: float, out: Any) -> None:
    """out ← a·b + beta·out inside compiled loops, for matrices of one type; with beta 0 what ``out`` held is not read.

    Each of them has one dimension in which its elements lie side by side; ``out``, its last one.
    """
    raise NotImplementedError("product is for compiled loops")


@overload(product, inline="never")
def _product(a: Any, b: Any, beta: Any, out: Any) -> Any:
    real, size = out.dtype, out.dtype.bitwidth // 8
    gemm = _sgemm if real == types.float32 else _dgemm

    def compute(a: Any, b: Any, beta: Any, out: Any) -> None:
        m, n = out.shape
        k = a.shape[1]
        # the step along a dimension of length 1 says nothing
        a_plain = (a.strides[1] == size or k == 1) and (a.strides[0] >= k * size or m == 1)
        b_plain = (b.strides[1] == size or n == 1) and (b.strides[0] >= n * size or k == 1)
        lda = max(a.strides[0] // size, k) if a_plain else max(a.strides[1] // size, m)
        ldb = max(b.strides[0] // size, n) if b_plain else max(b.strides[1] // size, k)
        gemm(
            types.int32(ROW_MAJOR),
            types.int32(PLAIN if a_plain else TRANSPOSED),
            types.int32(PLAIN if b_plain else TRANSPOSED),
            types.int32(m),
            types.int32(n),
            types.int32(k),
            real(1),
            types.uintp(a.ctypes.data),
            types.int32(lda),
            types.uintp(b.ctypes.data),
            types.int32(ldb),
            real(beta),
            types.uintp(out.ctypes.data),
            types.int32(max(out.strides[0] // size, n)),
        )

    return compute
