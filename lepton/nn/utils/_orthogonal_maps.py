"""Ways from matrices without any condition to orthogonal ones, and the factorizations that lead back."""

from __future__ import annotations

from lepton.autograd.ops.creation import eye
from lepton.autograd.ops.factorization import qr
from lepton.autograd.ops.solving import solve
from lepton.autograd.tensor import Tensor
from lepton.backend.blas import lapack

__all__ = ["cayley", "householder_product", "orthogonalized", "reflectors"]


def cayley(a: Tensor) -> Tensor:
    """(I − A/2)⁻¹·(I + A/2)."""
    unit = eye(a.shape[-1], dtype=a.dtype, device=a.device)
    return solve(unit - 0.5 * a, unit + 0.5 * a)


def householder_product(v: Tensor, tau: Tensor) -> Tensor:
    """The first k columns of H₁⋯H_k with Hᵢ = I − τᵢ·vᵢ·vᵢᵀ; vᵢ is column i of v, with 0 above row i and 1 there."""
    rows, columns = v.shape[-2:]
    unit = eye(rows, columns, dtype=v.dtype, device=v.device)
    v = v.tril(-1) + unit
    found = unit
    for i in reversed(range(columns)):
        column = v[..., i : i + 1]
        found = found - tau[..., i : i + 1, None] * column @ (column.transpose(-2, -1) @ found)
    return found


def reflectors(q: Tensor) -> tuple[Tensor, Tensor]:
    """LAPACK's form of Q·R: the vectors of Householder's reflections below the diagonal, R above; and their τ."""
    h, tau = lapack(q._data).qr(q._data, mode="raw")
    return Tensor(h.swapaxes(-1, -2).copy()), Tensor(tau)


def orthogonalized(a: Tensor) -> Tensor:
    """The Q of A = Q·R with positive diagonal of R."""
    q, r = qr(a)
    return q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
