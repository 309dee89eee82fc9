"""Normalisation layers."""

from __future__ import annotations

from typing import Any, ClassVar

from lepton.autograd.ops.creation import scalar_tensor
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.errors import ArgumentError
from lepton.nn import functional as F
from lepton.nn import init
from lepton.nn.layers._parameters import DeviceLike, DType, new_parameter
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]


class _Affine(Module):
    """The base of layers with a weight that begins at 1 and a bias that begins at 0, either of which may be absent."""

    weight: Parameter | None
    bias: Parameter | None

    def _register(
        self, shape: tuple[int, ...], weight: bool, bias: bool, device: DeviceLike, dtype: DType
    ) -> None:
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, new_parameter(shape, device, dtype) if wanted else None)

    def reset_parameters(self) -> None:
        """Set weight and bias to 1 and 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _Running(_Affine):
    """What batch and instance normalisation share: running statistics of each channel."""

    _version = 2
    ndims: ClassVar[tuple[int, ...]]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: DeviceLike,
        dtype: DType,
        bias: bool,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._register((num_features,), affine, affine and bias, device, dtype)
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, None)
        if track_running_stats:
            self.running_mean = new_parameter((num_features,), device, dtype).detach()
            self.running_var = new_parameter((num_features,), device, dtype).detach()
            self.num_batches_tracked = scalar_tensor(0, dtype=dtypes.int64, device=device)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Begin the statistics anew: mean 0, variance 1, no batches."""
        if self.track_running_stats:
            assert self.running_mean is not None and self.running_var is not None
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            if self.num_batches_tracked is not None:
                init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Begin weight, bias and statistics anew."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_dims(self, input: Tensor) -> None:
        if input.ndim not in self.ndims:
            expected = " or ".join(f"{ndim}D" for ndim in self.ndims)
            raise ArgumentError(f"expected {expected} input (got {input.ndim}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        if (local_metadata.get("version") or 0) < 2 and self.num_batches_tracked is not None:
            state_dict.setdefault(f"{prefix}num_batches_tracked", scalar_tensor(0, dtype=dtypes.int64))
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _BatchNorm(_Running):
    """What the three batch normalisations share."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """(x − mean)/√(var + eps)·weight + bias; in training the running statistics move towards the batch's."""
        self._check_dims(input)
        factor = 0.0 if self.momentum is None else self.momentum
        counted = self.training and self.track_running_stats and not STATE.recomputing
        if counted and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        tracked = not self.training or self.track_running_stats
        return self._normalize(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.training or (self.running_mean is None and self.running_var is None),
            factor,
        )

    def _normalize(
        self, input: Tensor, mean: Tensor | None, var: Tensor | None, training: bool, factor: float
    ) -> Tensor:
        return F.batch_norm(input, mean, var, self.weight, self.bias, training, factor, self.eps)


class BatchNorm1d(_BatchNorm):
    """z = (x − mean)/√(var + ε)·weight + bias, with mean and variance of each channel over the batch.

    In training, mean and (biased) variance are the batch's, and the running ones move towards them, running ←
    (1 − momentum)·running + momentum·(the batch's mean or unbiased variance); in evaluation they are the running ones
    (Ioffe and Szegedy, 2015).

    Args:
        num_features: C, the number of channels. eps: ε, keeps the root away from 0.
        momentum: how far the running statistics move; None averages over all batches so far.
        affine: whether there is a weight. bias: whether, with that, there is a bias.
        track_running_stats: keep running statistics; without, evaluation takes the batch's too.

    Input: (N, C) or (N, C, L). Output: of the same shape.

    Parameters: ``weight`` and ``bias``, (C), begin with 1 and 0. Buffers: ``running_mean`` and ``running_var``, (C),
    begin with 0 and 1; ``num_batches_tracked``.

    Raises:
        ArgumentError (when called): an input of other dimensions, or one value per channel in training. ShapeError
            (when called): other channels. DTypeError (when called): another type than the weight's.

    >>> from lepton import nn, tensor
    >>> layer = nn.BatchNorm1d(2)
    >>> layer(tensor([[1.0, 10.0], [3.0, 30.0]])).round(decimals=3)
    tensor([[-1., -1.],
            [ 1.,  1.]], grad_fn=<RoundBackward0>)
    >>> layer.running_mean
    tensor([0.2000, 2.0000])
    """

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """z = (x − mean)/√(var + ε)·weight + bias, with mean and variance of each channel over all pixels of the batch.

    In training, mean and (biased) variance are the batch's, and the running ones move towards them, running ←
    (1 − momentum)·running + momentum·(the batch's mean or unbiased variance); in evaluation they are the running ones
    (Ioffe and Szegedy, 2015).

    Args:
        num_features: C, the number of channels. eps: ε, keeps the root away from 0.
        momentum: how far the running statistics move; None averages over all batches so far.
        affine: whether there is a weight. bias: whether, with that, there is a bias.
        track_running_stats: keep running statistics; without, evaluation takes the batch's too.

    Input: (N, C, H, W). Output: of the same shape.

    Parameters: ``weight`` and ``bias``, (C), begin with 1 and 0. Buffers: ``running_mean`` and ``running_var``, (C),
    begin with 0 and 1; ``num_batches_tracked``.

    Raises:
        ArgumentError (when called): an input of other dimensions, or one value per channel in training. ShapeError
            (when called): other channels. DTypeError (when called): another type than the weight's.

    >>> from lepton import nn, ones
    >>> layer = nn.BatchNorm2d(3)
    >>> layer(ones(8, 3, 4, 4)).shape
    lepton.Size([8, 3, 4, 4])
    >>> [name for name in layer.state_dict()]
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
    """

    ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """z = (x − mean)/√(var + ε)·weight + bias, with mean and variance of each channel over all volumes of the batch.

    In training, mean and (biased) variance are the batch's, and the running ones move towards them, running ←
    (1 − momentum)·running + momentum·(the batch's mean or unbiased variance); in evaluation they are the running ones
    (Ioffe and Szegedy, 2015).

    Args:
        num_features: C, the number of channels. eps: ε, keeps the root away from 0.
        momentum: how far the running statistics move; None averages over all batches so far.
        affine: whether there is a weight. bias: whether, with that, there is a bias.
        track_running_stats: keep running statistics; without, evaluation takes the batch's too.

    Input: (N, C, D, H, W). Output: of the same shape.

    Parameters: ``weight`` and ``bias``, (C), begin with 1 and 0. Buffers: ``running_mean`` and ``running_var``, (C),
    begin with 0 and 1; ``num_batches_tracked``.

    Raises:
        ArgumentError (when called): an input of other dimensions, or one value per channel in training. ShapeError
            (when called): other channels. DTypeError (when called): another type than the weight's.
    """

    ndims = (5,)


class _InstanceNorm(_Running):
    """What the three instance normalisations share."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: DeviceLike = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """(x − mean)/√(var + eps)·weight + bias with the statistics of each sample's channel."""
        self._check_dims(input)
        unbatched = input.ndim == self.ndims[0]
        channels = input._data.shape[0 if unbatched else 1]
        if channels != self.num_features and self.affine:
            raise ArgumentError(
                f"expected input's size at dim={0 if unbatched else 1} to match num_features "
                f"({self.num_features}), but got: {channels}."
            )
        found = F.instance_norm(
            input.unsqueeze(0) if unbatched else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return found.squeeze(0) if unbatched else found


class InstanceNorm1d(_InstanceNorm):
    """z = (x − mean)/√(var + ε)·weight + bias, with mean and variance of each channel of each sample.

    It does the same for a sample whatever else is in the batch (Ulyanov et al., 2016).

    Args:
        num_features: C, the number of channels. eps: ε, keeps the root away from 0.
        momentum: how far the running statistics, if there are any, move.
        affine: whether there is a weight. bias: whether, with that, there is a bias.
        track_running_stats: keep running statistics, and use them in evaluation.

    Input: (N, C, L) or (C, L). Output: of the same shape.

    Parameters, if ``affine``: ``weight`` and ``bias``, (C), begin with 1 and 0. Buffers, if ``track_running_stats``:
    ``running_mean`` and ``running_var``, (C), begin with 0 and 1; ``num_batches_tracked``.

    Raises:
        ArgumentError (when called): an input of other dimensions or, if ``affine``, channels, or one value per channel.
    """

    ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """z = (x − mean)/√(var + ε)·weight + bias, with mean and variance of each channel of each image.

    It does the same for a sample whatever else is in the batch (Ulyanov et al., 2016).

    Args:
        num_features: C, the number of channels. eps: ε, keeps the root away from 0.
        momentum: how far the running statistics, if there are any, move.
        affine: whether there is a weight. bias: whether, with that, there is a bias.
        track_running_stats: keep running statistics, and use them in evaluation.

    Input: (N, C, H, W) or (C, H, W). Output: of the same shape.

    Parameters, if ``affine``: ``weight`` and ``bias``, (C), begin with 1 and 0. Buffers, if ``track_running_stats``:
    ``running_mean`` and ``running_var``, (C), begin with 0 and 1; ``num_batches_tracked``.

    Raises:
        ArgumentError (when called): an input of other dimensions or, if ``affine``, channels, or one value per channel.
    """

    ndims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """z = (x − mean)/√(var + ε)·weight + bias, with mean and variance of each channel of each volume.

    It does the same for a sample whatever else is in the batch (Ulyanov et al., 2016).

    Args:
        num_features: C, the number of channels. eps: ε, keeps the root away from 0.
        momentum: how far the running statistics, if there are any, move.
        affine: whether there is a weight. bias: whether, with that, there is a bias.
        track_running_stats: keep running statistics, and use them in evaluation.

    Input: (N, C, D, H, W) or (C, D, H, W). Output: of the same shape.

    Parameters, if ``affine``: ``weight`` and ``bias``, (C), begin with 1 and 0. Buffers, if ``track_running_stats``:
    ``running_mean`` and ``running_var``, (C), begin with 0 and 1; ``num_batches_tracked``.

    Raises:
        ArgumentError (when called): an input of other dimensions or, if ``affine``, channels, or one value per channel.
    """

    ndims = (4, 5)


def _shape_of(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(_Affine):
    """z = (x − mean)/√(var + ε)·weight + bias, with mean and variance over the last dimensions of each sample.

    It does the same in training and evaluation, whatever else is in the batch (Ba et al., 2016).

    Args:
        normalized_shape: the lengths of those dimensions, or of the last one. eps: ε, keeps the root away from 0.
        elementwise_affine: whether there is a weight. bias: whether, with that, there is a bias.

    Input: (*, *normalized_shape). Output: of the same shape.

    Parameters: ``weight`` and ``bias``, (*normalized_shape), begin with 1 and 0.

    Raises:
        ShapeError (when called): the input does not end in ``normalized_shape``. DTypeError (when called): the input
            has another type than the weight.

    >>> from lepton import nn, tensor
    >>> layer = nn.LayerNorm(3, elementwise_affine=False)
    >>> layer(tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]))
    tensor([[-1.2247,  0.0000,  1.2247],
            [-1.2247,  0.0000,  1.2247]])
    """

    def __init__(
        self,
        normalized_shape: int | list[int] | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape_of(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._register(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """The input, normalised over its last dimensions."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(_Affine):
    """z = (x − mean)/√(var + ε)·weight + bias, with mean and variance over each group of channels of each sample.

    It does the same in training and evaluation, whatever else is in the batch (Wu and He, 2018).

    Args:
        num_groups: into how many groups the channels are cut; 1 takes all together, C each by itself.
        num_channels: C. eps: ε, keeps the root away from 0.
        affine: whether there is a weight for each channel. bias: whether, with that, there is a bias.

    Input: (N, C, …). Output: of the same shape.

    Parameters: ``weight`` and ``bias``, (C), begin with 1 and 0.

    Raises:
        ArgumentError: the channels are no multiple of the groups. ShapeError (when called): other channels. DTypeError
            (when called): the input has another type than the weight.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: DeviceLike = None,
        dtype: DType = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ArgumentError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._register((num_channels,), affine, affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """The input, normalised over each group of channels."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(_Affine):
    """z = x/√(mean x² + ε)·weight over the last dimensions of each sample (Zhang and Sennrich, 2019).

    :class:`LayerNorm` without the mean.

    Args:
        normalized_shape: the lengths of those dimensions, or of the last one.
        eps: ε, keeps the root away from 0; by default the machine epsilon of the input's type.
        elementwise_affine: whether there is a weight.

    Input: (*, *normalized_shape). Output: of the same shape.

    Parameters: ``weight``, (*normalized_shape), begins with 1.

    Raises:
        ShapeError (when called): the input does not end in ``normalized_shape``. DTypeError (when called): it is not
            floating.
    """

    def __init__(
        self,
        normalized_shape: int | list[int] | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape_of(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        weight = new_parameter(self.normalized_shape, device, dtype) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """The input, divided by its root mean square over its last dimensions."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """z = x/(k + (α/size) Σ x²)^β, the sum over ``size`` neighbouring channels (Krizhevsky et al., 2012).

    Args:
        size: how many channels, ⌊size/2⌋ of them before. alpha, beta, k: as in the formula.

    Input: (N, C, L, …), floating. Output: of the same shape.

    Raises:
        When called: ArgumentError: fewer than three dimensions. ShapeError: ``size`` is less than 1. DTypeError: the
            input is not floating.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """The input, divided by a power of its neighbours' squares."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
