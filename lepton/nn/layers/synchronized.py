"""Batch normalisation with the statistics of the whole mesh."""

from __future__ import annotations

from typing import Any

from lepton.autograd.ops.joining import cat
from lepton.autograd.ops.mesh import MeshSum
from lepton.autograd.tensor import Tensor
from lepton.backend.injection import MESH_SUM, injected
from lepton.errors import ArgumentError
from lepton.kernels.reduction import is_narrow
from lepton.nn.functional.normalization import update_running
from lepton.nn.layers._parameters import DeviceLike, DType
from lepton.nn.layers.normalization import _BatchNorm
from lepton.nn.module import Module

__all__ = ["SyncBatchNorm"]


class SyncBatchNorm(_BatchNorm):
    """z = (x − mean)/√(var + ε)·weight + bias: batch normalisation over the batches of all ranks together.

    In training, mean and variance are those of all ranks' batches, as if one rank had them all; the ranks may have
    batches of different sizes. On a single process, and in evaluation, it is batch normalisation (Ioffe and Szegedy,
    2015).

    Args:
        num_features: C, the number of channels. eps: ε, keeps the root away from 0.
        momentum: how far the running statistics move; None averages over all batches so far.
        affine: whether there is a weight. bias: whether, with that, there is a bias.
        track_running_stats: keep running statistics; without, evaluation takes the batch's too.
        process_group: the ranks that normalise together; by default all.

    Input: (N, C, …). Output: of the same shape.

    Parameters: ``weight`` and ``bias``, (C), begin with 1 and 0. Buffers: ``running_mean`` and ``running_var``, (C),
    begin with 0 and 1; ``num_batches_tracked``.

    Raises:
        ArgumentError (when called): an input without channels, or one value per channel in training. ShapeError (when
            called): other channels.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: DeviceLike = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_dims(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ArgumentError(f"expected at least 2D input (got {input.ndim}D input)")
        if input._data.shape[1] == 0:
            raise ArgumentError("SyncBatchNorm number of input channels should be non-zero")

    def _normalize(self, input: Tensor, mean: Tensor | None, var: Tensor | None, training: bool, factor: float) -> Any:
        if self.training and injected(MESH_SUM) is not None:
            return self._with_mesh(input, mean, var, factor)
        return super()._normalize(input, mean, var, training, factor)

    def _with_mesh(self, input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, factor: float) -> Any:
        """Two sums over the mesh: of the elements and how many there are, then of the squares of their distances."""
        x: Any = input.float() if is_narrow(input._data.dtype) else input
        channels = x._data.shape[1]
        others = (0, *range(2, x.ndim))
        shape = (channels, *[1] * (x.ndim - 2))
        size = x.new_full((1,), x.numel() // channels)
        sums = MeshSum(self.process_group)(cat([x.sum(others), size]))
        count = float(sums._data[-1])
        if count < 2:
            raise ArgumentError(
                f"Expected more than 1 value per channel when training, got input size {input.shape} on this rank and "
                "none on the others: one value has no variance; use a larger batch, or evaluation mode"
            )
        mean = sums[:-1] / count
        away = x - mean.reshape(shape)
        var = MeshSum(self.process_group)((away * away).sum(others)) / count
        update_running(running_mean, running_var, (mean._data, var._data), count, factor)
        out = away * (var.reshape(shape) + self.eps) ** -0.5
        if self.weight is not None:
            out = out * self.weight.reshape(shape)
        if self.bias is not None:
            out = out + self.bias.reshape(shape)
        return out.to(input.dtype)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with every batch normalisation in it, itself included, replaced by a synchronised one.

        Parameters and running statistics are the same tensors.
        """
        made = module
        if isinstance(module, _BatchNorm):
            made = cls(
                module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats,
                process_group, bias=module.bias is not None,
            )  # fmt: skip
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(made, name, getattr(module, name))
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made
