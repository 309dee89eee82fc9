"""Determinants, whose derivatives exist for singular matrices too."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Op
from lepton.autograd.ops import linalg_types as types
from lepton.autograd.ops._elementwise import ZerosLike
from lepton.autograd.ops._linalg import all_of, check_square, mT
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.indexing import Index
from lepton.autograd.ops.joining import Cat
from lepton.autograd.ops.solving import Inverse
from lepton.autograd.tensor import Tensor
from lepton.backend.blas import lapack
from lepton.backend.devices import to_numpy, xp

__all__ = ["det", "logdet", "slogdet"]


class Det(Op):
    """z = det x          ∂L/∂x = g·cof x, the matrix of cofactors, which is z·x⁻ᵀ where x has an inverse"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return lapack(x).det(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g[..., None, None] * cofactors(x)


def cofactors(x: Any) -> Any:
    """The cofactors of square matrices: an array from an array, a Tensor with all its derivatives from a Tensor.

    With x = U·Σ·Vᵀ they are det U·det V·U·diag(Πⱼ≠ᵢ σⱼ)·Vᵀ, for singular matrices too.
    """
    if isinstance(x, Tensor):
        return _cofactors_on_graph(x)
    module, known = xp(x), _finite(x)
    u, s, vh = lapack(x).svd(module.where(known, x, 0))
    sign = lapack(u).det(u) * lapack(u).det(vh)
    return module.where(known, (u * (sign[..., None] * _products_of_others(s))[..., None, :]) @ vh, math.nan)


def _finite(x: Any) -> Any:
    """Which matrices have finite elements alone; on others the algorithm for singular values would fail."""
    return xp(x).isfinite(x).all(axis=(-2, -1))[..., None, None]


def _products_of_others(s: Any) -> Any:
    """Πⱼ≠ᵢ sⱼ along the last dimension, from products of those before and those after."""
    module = xp(s)
    ones = module.ones_like(s[..., :1])
    before = module.concatenate((ones, s[..., :-1]), axis=-1).cumprod(axis=-1)
    after = module.concatenate((ones, s[..., :0:-1]), axis=-1).cumprod(axis=-1)[..., ::-1]
    return before * after


def _cofactors_on_graph(x: Tensor) -> Tensor:
    """The same of tensors, matrices of equal nullity together."""
    data, n = x._data, x._data.shape[-1]
    module = xp(data)
    if not data.size:
        return x * 1
    u, s, vh = lapack(data).svd(module.where(_finite(data), data, 0).reshape(-1, n, n))
    limit = module.finfo(s.dtype).eps ** 0.5
    nullity = (s <= s[:, :1] * limit).sum(axis=1)
    flat, places, parts = x.reshape(-1, n, n), [], []
    for lost in sorted(set(to_numpy(nullity).tolist())):
        chosen = (nullity == lost).nonzero()[0]
        places.append(chosen)
        parts.append(_cofactors_of_rank(Index((chosen,), unique=True)(flat), u[chosen], vh[chosen], n - lost))
    back = module.concatenate(places).argsort()
    return Index((back,), unique=True)(Cat(0)(*parts)).reshape(x.shape)


def _cofactors_of_rank(x: Tensor, u: Any, vh: Any, rank: int) -> Tensor:
    """Cofactors near matrices of a rank, by the orthogonal U and V that bring their vanishing part to the lower right.

    In B = Uᵀ·x·V = [[P, Q], [R, S]] the block P has an inverse, and Z = S − R·P⁻¹·Q nearly vanishes. Then
    adj B = det P·[[det Z·P⁻¹ + P⁻¹·Q·adj Z·R·P⁻¹, −P⁻¹·Q·adj Z], [−adj Z·R·P⁻¹, adj Z]]: polynomials in Z.
    """
    if rank == x._data.shape[-1]:
        return Det()(x)[:, None, None] * mT(Inverse()(x))
    sign = Tensor((lapack(u).det(u) * lapack(u).det(vh))[:, None, None])
    left, right = Tensor(u), Tensor(vh)
    turned = mT(left) @ x @ mT(right)
    p, q = turned[:, :rank, :rank], turned[:, :rank, rank:]
    r, s = turned[:, rank:, :rank], turned[:, rank:, rank:]
    inverse = Inverse()(p)
    pq, rp = inverse @ q, r @ inverse
    determinant, adjugate = _by_leverrier(s - r @ pq)
    upper = Cat(2)(determinant * inverse + pq @ adjugate @ rp, -(pq @ adjugate))
    lower = Cat(2)(-(adjugate @ rp), adjugate)
    adjugates = Det()(p)[:, None, None] * Cat(1)(upper, lower)
    return sign * (left @ mT(adjugates) @ right)


def _by_leverrier(z: Tensor) -> tuple[Tensor, Tensor]:
    """det z and adj z as polynomials in z (Faddeev & Leverrier), for z near 0, where they do not lose digits."""
    n, module = z._data.shape[-1], xp(z._data)
    eye = Tensor(module.zeros_like(z._data) + module.eye(n, dtype=z._data.dtype))
    adjugate, coefficient = eye, Tensor(module.ones((len(z._data), 1, 1), z._data.dtype))
    for k in range(1, n + 1):
        product = z @ adjugate
        coefficient = product.diagonal(0, -2, -1).sum(-1)[:, None, None] * (1 / k)
        if k < n:
            adjugate = coefficient * eye - product
    return coefficient, adjugate


class Slogdet(Op):
    """z = (sign det x, ln |det x|)          ∂L/∂x = g·x⁻ᵀ for the second, 0 for the first"""

    __slots__ = ()
    several = True
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        sign, logarithm = lapack(x).slogdet(x)
        return xp(x).where(logarithm == logarithm, sign, 0), logarithm

    def backward(self, g: Any, x: Any) -> Any:
        _, g_logarithm = all_of(g, 2)
        if g_logarithm is None:
            return ZerosLike.on(x)
        return g_logarithm[..., None, None] * mT(Inverse.on(x, what="linalg.slogdet"))


# ---------------------------------------------------------------------- functions


def det(A: Tensor) -> Tensor:
    """The determinants of matrices (…, n, n); 1 for n = 0. Singular ones have all derivatives too.

    Raises:
        ShapeError: they are not square. DTypeError: the type is not float32 or float64.
    """
    check_square(A, "linalg.det")
    return Det()(A)


def slogdet(A: Tensor) -> Any:
    """Sign and logarithm of the absolute value of determinants: what does not overflow where they do.

    Returns:
        (sign, logabsdet): 0 and −∞ for a singular matrix, whose derivative is refused.

    Raises:
        ShapeError: they are not square. DTypeError: the type is not float32 or float64.
    """
    check_square(A, "linalg.slogdet")
    return types.slogdet(*Slogdet()(A))


def logdet(A: Tensor) -> Tensor:
    """The logarithms of determinants: −∞ where one is 0, nan where it is negative. See :func:`slogdet`."""
    check_square(A, "logdet")
    sign, logarithm = Slogdet()(A)
    return Where()(sign < 0, float("nan"), logarithm)
