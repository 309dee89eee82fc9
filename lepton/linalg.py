"""Linear algebra under PyTorch's names: factorizations, systems of equations, inverses, determinants, norms.

Matrices are the last two dimensions of a tensor, all dimensions before them a batch. The types are float32 and float64.
"""

from lepton.autograd.ops.determinants import det, slogdet
from lepton.autograd.ops.factorization import (
    cholesky,
    cholesky_ex,
    eigh,
    eigvalsh,
    lu,
    lu_factor,
    lu_factor_ex,
    qr,
    svd,
    svdvals,
)
from lepton.autograd.ops.least_squares import lstsq, matrix_rank, pinv
from lepton.autograd.ops.matrix import matmul
from lepton.autograd.ops.matrix_functions import (
    cross,
    diagonal,
    matrix_exp,
    matrix_power,
    multi_dot,
    vander,
    vecdot,
)
from lepton.autograd.ops.norms import cond, matrix_norm, norm, vector_norm
from lepton.autograd.ops.solving import inv, inv_ex, lu_solve, solve, solve_ex, tensorinv, tensorsolve
from lepton.autograd.ops.triangles import solve_triangular
from lepton.errors import LinAlgError

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "inv_ex",
    "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power",
    "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd",
    "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip
