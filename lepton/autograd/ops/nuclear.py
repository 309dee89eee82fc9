"""The nuclear norm: the sum of a matrix's singular values."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.autograd.ops._linalg import mT, where_not_zero
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.factorization import Svd, Svdvals, check_svd
from lepton.autograd.ops.reduction import kept_shape
from lepton.autograd.ops.shape import movedim, reshape
from lepton.autograd.tensor import Tensor

EPS = {8: 2.0**-52, 4: 2.0**-23}  # of float64 and float32, by the bytes of an element



class NuclearNorm(Op):
    """z = Σ σᵢ of the matrices x = U·Σ·Vᵀ          ∂L/∂x = g·U·Vᵀ"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return Svdvals.on(x).sum(axis=-1)

    def backward(self, g: Any, x: Any) -> Any:
        return g[..., None, None] * PolarFactor.on(x)


class PolarFactor(Op):
    """z = U·Vᵀ of x = U·Σ·Vᵀ          ∂L/∂x = U·(M − Mᵀ)/(σᵢ + σⱼ)·Vᵀ + (1 − UUᵀ)·g·VΣ⁻¹Vᵀ + UΣ⁻¹Uᵀ·g·(1 − VVᵀ)

    with M = Uᵀ·g·V. The nuclear norm is not smooth where a singular value is 0; there its share is left out.
    """

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        u, _, vh = Svd.on(x, full_matrices=False)
        return u @ vh

    def backward(self, g: Any, x: Any) -> Any:
        u, s, vh = Svd.on(x, full_matrices=False)
        ut, v = mT(u), mT(vh)
        inner = ut @ g @ v
        s = Where.on(s > s[..., :1] * (EPS[s.itemsize] * s.shape[-1]), s, 0)  # rounding is not rank
        turned = (inner - mT(inner)) * where_not_zero(s[..., :, None] + s[..., None, :])
        inverse = where_not_zero(s)[..., None, :]
        left = ((g - u @ (ut @ g)) @ v) * inverse @ vh
        right = (u * inverse) @ (ut @ (g - (g @ v) @ vh))
        return u @ turned @ vh + left + right


def nuclear_norm(input: Tensor, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    """Σ σᵢ of the matrices in two dimensions.

    Raises:
        DTypeError: the type is not float32 or float64. LinAlgError: no convergence.
    """
    matrices = movedim(input, dims, (-2, -1))
    check_svd(matrices, None)
    found = NuclearNorm()(matrices)
    return reshape(found, kept_shape(input._data.shape, dims)) if keepdim else found
