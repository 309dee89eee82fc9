"""Spectral normalisation by a hook, the old way; :mod:`lepton.nn.utils.parametrizations` has the new one."""

from __future__ import annotations

from typing import Any, TypeVar

from lepton.autograd.ops.matrix import dot, mv
from lepton.autograd.ops.random import randn
from lepton.autograd.state import STATE, no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend.blas import lapack
from lepton.errors import ArgumentError, HookError
from lepton.nn.functional.normalization import normalize
from lepton.nn.layers.convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter
from lepton.nn.utils._hooks import find_hook, take_hook

__all__ = ["SpectralNorm", "as_matrix", "outputs_dim", "random_direction", "remove_spectral_norm", "spectral_norm"]

M = TypeVar("M", bound=Module)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with ``dim`` as rows and all else as columns."""
    if dim != 0:
        weight = weight.permute(dim, *[each for each in range(weight.ndim) if each != dim])
    return weight.reshape(weight.shape[0], -1)


def outputs_dim(module: Module) -> int:
    """Which dimension of a layer's weight are its outputs."""
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0


def random_direction(length: int, like: Tensor, eps: float) -> Tensor:
    """A vector of length 1 in a random direction."""
    return normalize(randn(length, dtype=like.dtype, device=like.device), dim=0, eps=eps)


class SpectralNorm:
    """The hook of :func:`spectral_norm`: divides the weight by its largest singular value before each ``forward``."""

    _version = 1

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """W/σ with σ = uᵀWv; first v ← Wᵀu/‖Wᵀu‖, u ← Wv/‖Wv‖ if asked, in place in the module's buffers."""
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalize(mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(normalize(mv(matrix, v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()  # a second forward may change the buffers before backward
        return weight / dot(u, mv(matrix, v))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training and not STATE.recomputing))

    def attach(self, module: Module) -> None:
        """Take the parameter's place."""
        weight = module._parameters[self.name]
        if weight is None:
            raise ArgumentError(f"`SpectralNorm` cannot be applied as parameter `{self.name}` is None")
        with no_grad():
            rows, columns = as_matrix(weight, self.dim).shape
            u, v = (random_direction(length, weight, self.eps) for length in (rows, columns))
        delattr(module, self.name)
        module.register_parameter(f"{self.name}_orig", weight)
        setattr(module, self.name, weight.data)
        module.register_buffer(f"{self.name}_u", u)
        module.register_buffer(f"{self.name}_v", v)
        module.register_forward_pre_hook(self)
        module.register_state_dict_post_hook(self.note_version)
        module.register_load_state_dict_pre_hook(self.complete)

    def remove(self, module: Module) -> None:
        """Make the present weight the parameter again."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))
        for hook in (self, self.note_version, self.complete):
            take_hook(module, hook)

    def note_version(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        """Say in the metadata of a state_dict in which form it is."""
        local_metadata.setdefault("spectral_norm", {})[f"{self.name}.version"] = self._version

    def complete(
        self,
        module: Module,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        *rest: Any,
    ) -> None:
        """Compute the ``v`` that a state_dict of PyTorch before 1.1 lacks: W·v ∝ u and uᵀWv = σ, with σ = W/weight."""
        known = local_metadata.get("spectral_norm", {}).get(f"{self.name}.version")
        key = prefix + self.name
        if known is not None or (f"{key}_v" in state_dict and key not in state_dict):
            return
        lacking = [key + suffix for suffix in ("_orig", "", "_u") if key + suffix not in state_dict]
        if lacking:
            missing_keys.extend(lacking if strict else ())
            return
        with no_grad():
            weight, u = state_dict[f"{key}_orig"], state_dict[f"{key}_u"]
            sigma = (weight / state_dict.pop(key)).mean()
            matrix = as_matrix(weight, self.dim)
            v = Tensor(lapack(matrix._data).pinv(matrix._data) @ u._data)
            state_dict[f"{key}_v"] = v * (sigma / dot(u, mv(matrix, v)))


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """W/σ(W): a parameter divided by its largest singular value (Miyato et al., *Spectral Normalization*, 2018).

    σ is followed by power iterations, a few at each ``forward`` in training; ``name_orig`` is learnt. There is a newer
    ``parametrizations.spectral_norm``.

    Args:
        module: whose parameter. name: which. n_power_iterations: how many at each ``forward``. eps: the least length
            of a vector that is normalised. dim: the outputs' dimension: 1 for transposed convolutions, else 0.

    Returns:
        The module.

    Raises:
        HookError: it is so normalised already. ArgumentError: the parameter is None, or there are no iterations.
    """
    if find_hook(module, SpectralNorm, name) is not None:
        raise HookError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    SpectralNorm(name, n_power_iterations, outputs_dim(module) if dim is None else dim, eps).attach(module)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undo :func:`spectral_norm`: the present weight is a parameter again.

    Raises:
        ArgumentError: the parameter is not so normalised.
    """
    hook = find_hook(module, SpectralNorm, name)
    if hook is None:
        raise ArgumentError(f"spectral_norm of '{name}' not found in {module}")
    hook.remove(module)
    return module
