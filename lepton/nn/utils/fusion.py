"""Batch normalisation, in evaluation a multiplication and an addition, taken into the layer before it."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from lepton.autograd.tensor import Tensor
from lepton.errors import ContractError
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

M = TypeVar("M", bound=Module)


def _check(layer: Module, bn: Any) -> None:
    if layer.training or bn.training:
        raise ContractError("Fusion only for eval! Call .eval() on both modules first.")
    if bn.running_mean is None or bn.running_var is None:
        raise ContractError("bn.running_mean and bn.running_var must not be None; track_running_stats=True makes them")


def fuse_conv_bn_eval(conv: M, bn: Module, transpose: bool = False) -> M:
    """A copy of a convolution that also does what the batch normalisation after it does in evaluation.

    Args:
        conv, bn: the layers, both in evaluation mode. transpose: the convolution is a transposed one.

    Raises:
        ContractError: one is in training mode, or ``bn`` has no running statistics.
    """
    _check(conv, bn)
    fused: Any = copy.deepcopy(conv)
    norm: Any = bn
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias, transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """w·s and (b − mean)·s + β with s = γ/√(var + ε), the weights of a convolution with batch normalisation after it.

    Args:
        conv_w, conv_b: those of the convolution. bn_rm, bn_rv, bn_eps, bn_w, bn_b: mean, var, ε, γ, β.
        transpose: the convolution is a transposed one, with its outputs in the weight's second dimension.
    """
    scale = (bn_rv + bn_eps).rsqrt()
    scale = scale if bn_w is None else bn_w * scale
    rest = [1] * (conv_w.ndim - 2)
    weight = conv_w * scale.reshape([1, -1, *rest] if transpose else [-1, 1, *rest])
    return _parameters(weight, conv_w, conv_b, bn_rm, scale, bn_b)


def fuse_linear_bn_eval(linear: M, bn: Module) -> M:
    """A copy of a linear layer that also does what the batch normalisation after it does in evaluation.

    Args:
        linear, bn: the layers, both in evaluation mode.

    Raises:
        ContractError: one is in training mode, ``bn`` has no running statistics, or as many features as
            ``linear`` gives (or 1).
    """
    _check(linear, bn)
    fused: Any = copy.deepcopy(linear)
    norm: Any = bn
    if norm.num_features not in (fused.out_features, 1):
        raise ContractError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={fused.out_features} and bn.num_features={norm.num_features}"
        )
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """w·s and (b − mean)·s + β with s = γ/√(var + ε), the weights of a linear layer with batch normalisation after it.

    Args:
        linear_w, linear_b: those of the layer. bn_rm, bn_rv, bn_eps, bn_w, bn_b: mean, var, ε, γ, β.
    """
    scale = bn_w * (bn_rv + bn_eps).rsqrt()
    return _parameters(linear_w * scale.unsqueeze(-1), linear_w, linear_b, bn_rm, scale, bn_b)


def _parameters(
    weight: Tensor, old_weight: Tensor, old_bias: Tensor | None, mean: Tensor, scale: Tensor, shift: Tensor | None
) -> tuple[Parameter, Parameter]:
    bias = (-mean if old_bias is None else old_bias - mean) * scale
    if shift is not None:
        bias = bias + shift
    bias_type = old_weight.dtype if old_bias is None else old_bias.dtype
    learnt = old_bias is not None and old_bias.requires_grad
    return (
        Parameter(weight.to(dtype=old_weight.dtype), old_weight.requires_grad),
        Parameter(bias.to(dtype=bias_type), learnt),
    )
