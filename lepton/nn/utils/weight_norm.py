"""Weight normalisation by a hook, the old way; :mod:`lepton.nn.utils.parametrizations` has the new one."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from lepton.autograd.ops.statistics import norm
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, HookError
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter
from lepton.nn.utils._hooks import find_hook, take_hook

__all__ = ["WeightNorm", "norm_except_dim", "normalized", "remove_weight_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """√Σ v² over all dimensions but ``dim``, which all stay with length 1; over all of them, 0-d, for −1.

    Raises:
        IndexRangeError: there is no such dimension.
    """
    if dim == -1:
        return norm(v, 2)
    front = v.transpose(0, dim)
    lengths = norm(front.reshape(front.shape[0], -1), 2, 1)
    return lengths.reshape(front.shape[0], *[1] * (v.ndim - 1)).transpose(0, dim)


def normalized(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """w = g·v/‖v‖."""
    return v * (g / norm_except_dim(v, dim))


class WeightNorm:
    """The hook of :func:`weight_norm`: computes the weight from magnitude and direction before each ``forward``."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight of the present magnitude and direction."""
        return normalized(getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g"), self.dim)

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))

    def remove(self, module: Module) -> None:
        """Make the present weight the parameter again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[f"{self.name}_g"]
        del module._parameters[f"{self.name}_v"]
        setattr(module, self.name, Parameter(weight.detach()))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """w = g·v/‖v‖: in the place of a parameter its magnitude ``name_g`` and its direction ``name_v`` are learnt.

    (Salimans & Kingma, *Weight Normalization*, 2016.) Deprecated in favour of ``parametrizations.weight_norm``.

    Args:
        module: whose parameter. name: which. dim: each index of it has a norm of its own; all have one if None.

    Returns:
        The module.

    Raises:
        HookError: it is so normalised already. IndexRangeError: there is no such dimension.
    """
    warnings.warn(
        "`lepton.nn.utils.weight_norm` is deprecated in favor of `lepton.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    if find_hook(module, WeightNorm, name) is not None:
        raise HookError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    magnitude = norm_except_dim(weight.detach(), hook.dim)
    del module._parameters[name]
    module.register_parameter(f"{name}_g", Parameter(magnitude))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo :func:`weight_norm`: the present weight is a parameter again.

    Raises:
        ArgumentError: the parameter is not so normalised.
    """
    hook = find_hook(module, WeightNorm, name)
    if hook is None:
        raise ArgumentError(f"weight_norm of '{name}' not found in {module}")
    hook.remove(module)
    take_hook(module, hook)
    return module
