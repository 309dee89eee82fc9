"""The named tuples of linear algebra."""

from __future__ import annotations

from collections import namedtuple

from lepton.autograd.ops.return_types import _named


def _tuple(name: str, *fields: str) -> type:
    made: type = _named(name, namedtuple(name, fields))
    return made


cholesky_ex = _tuple("linalg_cholesky_ex", "L", "info")
eigh = _tuple("linalg_eigh", "eigenvalues", "eigenvectors")
inv_ex = _tuple("linalg_inv_ex", "inverse", "info")
lstsq = _tuple("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
lu = _tuple("linalg_lu", "P", "L", "U")
lu_factor = _tuple("linalg_lu_factor", "LU", "pivots")
lu_factor_ex = _tuple("linalg_lu_factor_ex", "LU", "pivots", "info")
older_qr = _tuple("qr", "Q", "R")
older_slogdet = _tuple("slogdet", "sign", "logabsdet")
older_svd = _tuple("svd", "U", "S", "V")
qr = _tuple("linalg_qr", "Q", "R")
slogdet = _tuple("linalg_slogdet", "sign", "logabsdet")
solve_ex = _tuple("linalg_solve_ex", "result", "info")
svd = _tuple("linalg_svd", "U", "S", "Vh")
triangular_solve = _tuple("triangular_solve", "solution", "cloned_coefficient")
