"""Ways from matrices without any condition to orthogonal ones, and the factorizations that lead back."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Op
from lepton.autograd.ops.creation import eye
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp

__all__ = ["cayley", "householder_product", "matrix_exp", "orthogonalized", "reflectors"]

TERMS = 14  # of the exponential's series, for matrices of norm 1/2: the next term is below 1e-16


class Solve(Op):
    """Z = A⁻¹·B          ∂L/∂B = A⁻ᵀ·g,  ∂L/∂A = −A⁻ᵀ·g·Zᵀ"""

    __slots__ = ()
    saves = ("a", "out")

    def forward(self, a: Any, b: Any) -> Any:
        return xp(a).linalg.solve(a, b)

    def backward(self, g: Any, a: Any, out: Any) -> Any:
        of_b = Solve.on(a.swapaxes(-1, -2), g)
        return -(of_b @ out.swapaxes(-1, -2)) if self.needs[0] else None, of_b


def matrix_exp(a: Tensor) -> Tensor:
    """e^A = (e^(A/2ˢ))^(2ˢ), by its series for a matrix of norm up to 1/2 and s squarings (Higham 2005)."""
    unit = eye(a.shape[-1], dtype=a.dtype, device=a.device)
    largest = float(a.detach().abs().sum(dim=-1).amax()) if a.numel() else 0.0
    squarings = max(0, math.ceil(math.log2(largest / 0.5))) if 0.0 < largest < math.inf else 0
    small = a / 2.0**squarings
    found = unit + small / TERMS
    for term in range(TERMS - 1, 0, -1):
        found = unit + small @ found / term
    for _ in range(squarings):
        found = found @ found
    return found


def cayley(a: Tensor) -> Tensor:
    """(I − A/2)⁻¹·(I + A/2)."""
    unit = eye(a.shape[-1], dtype=a.dtype, device=a.device)
    found: Tensor = Solve()(unit - 0.5 * a, unit + 0.5 * a)
    return found


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
    h, tau = xp(q._data).linalg.qr(q._data, mode="raw")
    return Tensor(h.swapaxes(-1, -2).copy()), Tensor(tau)


def orthogonalized(a: Tensor) -> Tensor:
    """The Q of A = Q·R with positive diagonal of R."""
    module = xp(a._data)
    q, r = module.linalg.qr(a._data)
    signs = module.sign(module.diagonal(r, axis1=-2, axis2=-1))
    return Tensor(q * signs[..., None, :])
