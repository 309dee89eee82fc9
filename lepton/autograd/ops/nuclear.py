"""The nuclear norm: the sum of a matrix's singular values."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.backend.devices import xp
from lepton.errors import GradError
from lepton.kernels.reduction import widen


class NuclearNorm(Op):
    """z = Σ σᵢ of the matrices x = U·Σ·Vᵀ          ∂L/∂x = g·U·Vᵀ"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return xp(x).linalg.svd(widen(x), compute_uv=False).sum(axis=-1).astype(x.dtype, copy=False)

    def backward(self, g: Any, x: Any) -> Any:
        return g[..., None, None] * PolarFactor.on(x)


class PolarFactor(Op):
    """z = U·Vᵀ of x = U·Σ·Vᵀ          ∂L/∂x = U·(M − Mᵀ)/(σᵢ + σⱼ)·Vᵀ + (1 − UUᵀ)·g·VΣ⁻¹Vᵀ + UΣ⁻¹Uᵀ·g·(1 − VVᵀ)

    with M = Uᵀ·g·V. The nuclear norm is not smooth where a singular value is 0; there its share is left out.
    """

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        u, _, vh = xp(x).linalg.svd(widen(x), full_matrices=False)
        return (u @ vh).astype(x.dtype, copy=False)

    def backward(self, g: Any, x: Any) -> Any:
        return PolarSlope.on(g, x)


class PolarSlope(Op):
    """z = the derivative of U·Vᵀ in the direction h (see PolarFactor)          ∂L/∂h = the same in the direction g"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, h: Any, x: Any) -> Any:
        module = xp(x)
        u, s, vh = module.linalg.svd(widen(x), full_matrices=False)
        ut, v = u.swapaxes(-1, -2), vh.swapaxes(-1, -2)
        inner = ut @ h @ v
        turned = (inner - inner.swapaxes(-1, -2)) * _inverse(s[..., :, None] + s[..., None, :], s)
        inverse = _inverse(s, s)[..., None, :]
        left = ((h - u @ (ut @ h)) @ v) * inverse @ vh
        right = (u * inverse) @ (ut @ (h - (h @ v) @ vh))
        return (u @ turned @ vh + left + right).astype(x.dtype, copy=False)

    def backward(self, g: Any, x: Any) -> Any:
        if self.needs[1]:
            raise GradError("the third derivative of the nuclear norm is not defined")
        return PolarSlope.on(g, x), None


def _inverse(values: Any, s: Any) -> Any:
    """1/values, and 0 for what is 0 within rounding beside the largest singular value."""
    module = xp(s)
    least = s.max(initial=0.0) * module.finfo(s.dtype).eps * max(s.shape[-1], 1)
    return module.where(values > least, 1 / module.where(values > least, values, 1), 0)
