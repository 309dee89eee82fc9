"""Parametrisations ready to use: orthogonal weights, weight normalisation, spectral normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lepton.autograd.ops.creation import eye, zeros_like
from lepton.autograd.ops.joining import cat
from lepton.autograd.ops.matrix import dot, mv
from lepton.autograd.ops.matrix_functions import matrix_exp
from lepton.autograd.ops.random import randn
from lepton.autograd.ops.summaries import allclose
from lepton.autograd.state import STATE, no_grad
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend import dtypes
from lepton.errors import ArgumentError, MissingInverseError
from lepton.nn.functional.normalization import normalize
from lepton.nn.module import Module
from lepton.nn.utils._orthogonal_maps import cayley, householder_product, orthogonalized, reflectors
from lepton.nn.utils.parametrize import register_parametrization
from lepton.nn.utils.spectral_norm import as_matrix, outputs_dim, random_direction
from lepton.nn.utils.weight_norm import norm_except_dim, normalized

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)

SKEW_MAPS: dict[str, Callable[[Tensor], Tensor]] = {"matrix_exp": matrix_exp, "cayley": cayley}


def _weight_of(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


# ---------------------------------------------------------------------- orthogonal


class _Orthogonal(Module):
    """An orthogonal matrix by one of three maps, times a fixed ``base`` (Lezcano-Casado, *Trivializations*, 2019)."""

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        """Q of X's shape, with orthonormal columns, or rows if there are more columns than rows."""
        wide = X.shape[-2] < X.shape[-1]
        if wide:
            X = X.transpose(-2, -1)
        Q = self._by_reflections(X) if self.orthogonal_map == "householder" else self._by_skew_matrix(X)
        if hasattr(self, "base"):
            assert self.base is not None
            Q = self.base @ Q
        return Q.transpose(-2, -1) if wide else Q

    def _by_skew_matrix(self, X: Tensor) -> Tensor:
        """The map of A = L − Lᵀ with the lower triangle L of X, completed by columns of zeros."""
        n, k = X.shape[-2:]
        lower = X.tril()
        if n != k:
            lower = cat([lower, lower.new_zeros(*lower.shape[:-1], n - k)], dim=-1)
        Q = SKEW_MAPS[self.orthogonal_map](lower - lower.transpose(-2, -1))
        return Q[..., :k] if n != k else Q

    def _by_reflections(self, X: Tensor) -> Tensor:
        """The product of reflections by the columns below X's diagonal, whose signs are on the diagonal."""
        below = X.tril(-1)
        tau = 2.0 / (1.0 + (below * below).sum(dim=-2))
        signs = X.detach().diagonal(dim1=-2, dim2=-1).to(dtype=dtypes.int32)
        return householder_product(below, tau) * signs.unsqueeze(-2)

    def right_inverse(self, Q: Tensor) -> Tensor:
        """An X for Q; with a trivialisation Q, made orthogonal, becomes the base.

        Raises:
            ArgumentError: another shape. MissingInverseError: there is no inverse without a trivialisation.
        """
        if Q.shape != self.shape:
            raise ArgumentError(
                f"Expected a matrix or batch of matrices of shape {list(self.shape)}. Got a tensor of shape "
                f"{list(Q.shape)}."
            )
        with no_grad():
            wide = Q.shape[-2] < Q.shape[-1]
            tall = Q.transpose(-2, -1) if wide else Q
            if hasattr(self, "base"):
                self.base = _completed(tall)
                negative = zeros_like(Q)
                negative.diagonal(dim1=-2, dim2=-1).fill_(-1.0)  # the reflections by nothing at all: X ↦ identity
                return negative
            if self.orthogonal_map in SKEW_MAPS:
                raise MissingInverseError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            A, tau = reflectors(tall)
            diagonal = A.diagonal(dim1=-2, dim2=-1)
            signs = diagonal.sign()
            diagonal.copy_(signs.where(tau != 0.0, -signs))  # τ = 0 says that LAPACK did not reflect
            return A.transpose(-2, -1) if wide else A


def _completed(tall: Tensor) -> Tensor:
    """A square orthogonal matrix that begins with this one's columns, made orthogonal."""
    n, k = tall.shape[-2:]
    if n != k:
        rest = randn(*tall.shape[:-2], n, n - k, dtype=tall.dtype, device=tall.device)
        return orthogonalized(cat([tall, rest], dim=-1))
    unit = eye(k, dtype=tall.dtype, device=tall.device)
    exact = allclose(tall.transpose(-2, -1) @ tall, unit, atol=10.0 * n * dtypes.finfo(tall.dtype).eps)
    return tall.clone() if exact else orthogonalized(tall)


def orthogonal(
    module: M, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> M:
    """Let a weight be an orthogonal matrix, or a batch of them: QᵀQ = I, or QQᵀ = I if it has more columns than rows.

    With A skew-symmetric, from the lower triangle of ``original``: ``"matrix_exp"`` Q = e^A, ``"cayley"``
    Q = (I − A/2)⁻¹(I + A/2); ``"householder"`` multiplies the reflections by the columns of ``original``.

    Args:
        module: whose weight. name: which. orthogonal_map: by default ``"matrix_exp"`` for square matrices, else
            ``"householder"``.
        use_trivialization: keep the present weight, made orthogonal, as a factor ``base``, and begin at the identity.

    Returns:
        The module.

    Raises:
        ArgumentError: there is no such weight, it is no matrix, or an unknown map.
    """
    weight = _weight_of(module, name)
    if weight.ndim < 2:
        raise ArgumentError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in (*SKEW_MAPS, "householder"):
        raise ArgumentError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    parametrization = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, parametrization, unsafe=True)


# ---------------------------------------------------------------------- weight norm


class _WeightNorm(Module):
    """w = g·v/‖v‖."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """The weight of a magnitude and a direction."""
        return normalized(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and direction of a weight."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """w = g·v/‖v‖: learn a weight's magnitude ``original0`` and direction ``original1`` (Salimans & Kingma 2016).

    A state_dict of the older :func:`lepton.nn.utils.weight_norm` can be loaded.

    Args:
        module: whose weight. name: which. dim: each index of it has a norm of its own; all have one if None.

    Returns:
        The module.

    Raises:
        ArgumentError: there is no such weight. IndexRangeError: there is no such dimension.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(module: Module, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{name}_{part}" for part in ("g", "v")]
        if all(key in state_dict for key in old):
            for index, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{index}"] = state_dict.pop(key)

    module.register_load_state_dict_pre_hook(rename)
    return module


# ---------------------------------------------------------------------- spectral norm


class _SpectralNorm(Module):
    """W/σ(W), σ followed by power iterations at each access in training."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        self.dim = normalize_dim(dim, weight.ndim)
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            for buffer, length in zip(("_u", "_v"), matrix.shape, strict=True):
                self.register_buffer(buffer, random_direction(length, weight, eps))
            self._power_method(matrix, 15)

    def _power_method(self, matrix: Tensor, iterations: int) -> None:
        """u ← Wv/‖Wv‖, v ← Wᵀu/‖Wᵀu‖, in place."""
        with no_grad():
            for _ in range(iterations):
                self._u.copy_(normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(mv(matrix.t(), self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight divided by its largest singular value; a vector by its length."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training and not STATE.recomputing:
            self._power_method(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # a second access may change the buffers before backward
        return weight / dot(u, mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself, which is taken to have norm 1 already."""
        return value


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """W/σ(W): a weight divided by its largest singular value (Miyato et al., *Spectral Normalization*, 2018).

    σ is followed by power iterations, a few at each access in training mode.

    Args:
        module: whose weight. name: which. n_power_iterations: how many at each access. eps: the least length of a
            vector that is normalised. dim: the outputs' dimension: 1 for transposed convolutions, else 0.

    Returns:
        The module.

    Raises:
        ArgumentError: there is no such weight, or no iterations. IndexRangeError: there is no such dimension.
    """
    weight = _weight_of(module, name)
    chosen = outputs_dim(module) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, chosen, eps))
