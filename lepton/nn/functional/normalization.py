"""Normalisation: over a batch, a layer, groups of channels, single instances; by root mean square; to unit length."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.ops.arguments import check_floating, check_optional, check_tensor, scalar_name
from lepton.autograd.ops.normalization import FixedNormalization, Normalization
from lepton.autograd.ops.pooling import AvgPool
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.devices import Array, xp
from lepton.errors import ArgumentError, DTypeError, ShapeError
from lepton.kernels.normalization import Norm
from lepton.kernels.pooling import Pooling
from lepton.kernels.reduction import is_narrow, widen
from lepton.nn.functional._sizes import only_ints

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm",
]  # fmt: skip


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """y = (x − μ)/√(σ² + ε) · weight + bias, each channel with its own μ and σ² (Ioffe and Szegedy, 2015).

    Args:
        input: (N, C, …).
        running_mean, running_var: (C). In training they are updated, in place: r ← (1 − momentum)·r + momentum·s with
            the mean and the unbiased variance of this batch. Otherwise they are μ and σ².
        weight, bias: (C).
        training: take μ and σ² (biased) from the batch itself.
        momentum: how much of the running statistics is replaced. eps: ε.

    Raises:
        ArgumentError: one value per channel in training. ShapeError: sizes other than (C), or no running statistics
            outside of training. DTypeError: number types that do not fit.
    """
    x = check_floating(input, "batch_norm")._data
    if eps < 0:
        raise ArgumentError(f"batch_norm eps must be non-negative, but got {eps}")
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    check_optional("batch_norm", 2, **named)
    channels = _check_channels("batch_norm", x, named)
    if not training:
        return _with_running(input, running_mean, running_var, weight, bias, eps)
    if x.size and x.size == channels:
        raise ArgumentError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}: one value has no "
            "variance; use a larger batch, or evaluation mode"
        )
    return _with_own(input, (0, 2), named, momentum, eps)


def _with_own(
    input: Tensor, axes: tuple[int, ...], named: dict[str, Tensor | None], momentum: float, eps: float
) -> Tensor:
    """By the statistics of the input, seen as (N, C, elements), over these axes; the running ones follow them."""
    x = input._data
    channels = x.shape[1]
    view = (x.shape[0], channels, math.prod(x.shape[2:]))
    op = Normalization(Norm(view, axes, (channels, 1), (channels,), eps, True))
    out: Tensor = op(input, named["weight"], named["bias"])
    if x.size:
        count = math.prod([view[axis] for axis in axes])
        update_running(named["running_mean"], named["running_var"], op.statistics, count, momentum)
    return out


def _with_running(
    input: Tensor, mean: Tensor | None, var: Tensor | None, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    if mean is None or var is None:
        raise ShapeError(f"running_{'mean' if mean is None else 'var'} must be defined in evaluation mode")
    wide = widen(var._data)
    return FixedNormalization(widen(mean._data), 1 / xp(wide).sqrt(wide + eps))(input, weight, bias)


def update_running(mean: Tensor | None, var: Tensor | None, found: Any, count: float, momentum: float) -> None:
    """Let the running statistics follow those of a batch of ``count`` values per channel, in place.

    Where a checkpoint runs a function again, they have done so already.
    """
    if STATE.recomputing:
        return
    for running, batch, factor in ((mean, found[0], 1.0), (var, found[1], count / max(count - 1, 1))):
        if running is None:
            continue
        held = widen(running._data)
        batch = batch.reshape(-1, held.shape[0]).mean(axis=0)
        running._data[...] = held * (1 - momentum) + batch * (momentum * factor)
        if running._cell is not None:
            running._cell[0] += 1


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """As :func:`batch_norm`, but μ and σ² are those of each channel of each sample (Ulyanov et al., 2016).

    Args:
        input: (N, C, L, …).
        running_mean, running_var: (C); with ``use_input_stats`` they are updated with the samples' averages.
        weight, bias: (C).
        use_input_stats: take μ and σ² from the input; else from the running statistics.
        momentum, eps: as there.

    Raises:
        ArgumentError: one value per channel. ShapeError, DTypeError: as :func:`batch_norm`.
    """
    x = check_tensor(input, "instance_norm")._data
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if x.ndim < 2 or math.prod(x.shape[2:]) == 1:
        raise ArgumentError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    check_floating(input, "instance_norm")
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    check_optional("instance_norm", 2, **named)
    _check_channels("instance_norm", x, named)
    return _with_own(input, (2,), named, momentum, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-05
) -> Tensor:
    """As :func:`batch_norm`, but μ and σ² are those of each group of channels of each sample (Wu and He, 2018).

    Args:
        input: (N, C, …).
        num_groups: how many groups the C channels make.
        weight, bias: (C). eps: ε.

    Raises:
        ShapeError: C is not divisible by ``num_groups``, or a size other than (C). ArgumentError: one value per group.
        DTypeError: number types that do not fit.
    """
    x = check_tensor(input, "group_norm")._data
    if x.ndim < 2:
        raise ShapeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    samples, channels, *lengths = x.shape
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(x.shape)} and num_groups={num_groups}"
        )
    check_floating(input, "group_norm")
    named = {"weight": weight, "bias": bias}
    check_optional("group_norm", 3, **named)
    _check_channels("group_norm", x, named)
    per_group = channels // num_groups
    view = (samples, num_groups, per_group, math.prod(lengths))
    if samples * per_group * view[3] == 1:
        raise ArgumentError(f"Expected more than 1 value per channel when training, got input size {list(x.shape)}")
    norm = Norm(view, (2, 3), (num_groups, per_group, 1), (channels,), eps, True)
    return Normalization(norm)(input, weight, bias)


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-05
) -> Tensor:
    """y = (x − μ)/√(σ² + ε) · weight + bias over the last dimensions (Ba, Kiros and Hinton, 2016).

    Args:
        input: (…, *normalized_shape).
        normalized_shape: the lengths of the dimensions that are normalised together.
        weight, bias: of that shape. eps: ε.

    Raises:
        ShapeError: shapes that do not end in, or are not, ``normalized_shape``. DTypeError: number types that do not
            fit.
    """
    norm = _last_dims("layer_norm", input, normalized_shape, {"weight": weight, "bias": bias}, eps, True)
    return Normalization(norm)(input, weight, bias)


def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """y = x/√(mean x² + ε) · weight over the last dimensions (Zhang and Sennrich, 2019).

    Args:
        input: (…, *normalized_shape).
        normalized_shape: the lengths of the dimensions that are normalised together.
        weight: of that shape; of another floating type, it is converted. eps: ε, by default the distance from 1 to the
            next number of the computation's type.

    Raises:
        ShapeError, UnsupportedDTypeError: as :func:`layer_norm`.
    """
    check_tensor(input, "rms_norm")
    check_optional("rms_norm", 3, weight=weight)
    kind = input._data.dtype
    if weight is not None and weight._data.dtype != kind:
        weight = weight.to(dtypes.float32 if is_narrow(kind) else input.dtype)
    if eps is None:
        eps = dtypes.finfo(dtypes.float32 if is_narrow(kind) or kind.kind != "f" else dtypes.of(kind)).eps
    norm = _last_dims("rms_norm", input, normalized_shape, {"weight": weight}, eps, False)
    return Normalization(norm)(input, weight, None)


def _last_dims(
    name: str, input: Tensor, normalized_shape: Any, named: dict[str, Tensor | None], eps: float, centered: bool
) -> Norm:
    x = check_tensor(input, name)._data
    shape = only_ints(name, "normalized_shape", normalized_shape)
    if not shape:
        raise ShapeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    check_optional(name, 3, **named)
    for what, each in named.items():
        if each is not None and each._data.shape != shape:
            raise ShapeError(
                f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape {list(each.shape)} "
                f"and normalized_shape = {list(shape)}"
            )
    if x.shape[max(x.ndim - len(shape), 0) :] != shape:
        raise ShapeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but "
            f"got input of size{list(x.shape)}"
        )
    check_floating(input, name)
    _check_types(name, x, named)
    size = math.prod(shape)
    rows = math.prod(x.shape[: x.ndim - len(shape)])
    return Norm((rows, size), (1,), (size,), shape, eps, centered)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """y = x / (k + (α/size) Σ x²)^β, the sum over ``size`` neighbouring channels (Krizhevsky et al., 2012).

    Args:
        input: (N, C, L, …).
        size: how many channels, ⌊size/2⌋ of them before.
        alpha, beta, k: as in the formula.

    Raises:
        ArgumentError: fewer than three dimensions. ShapeError: ``size`` is less than 1. UnsupportedDTypeError: the
            input's type is not floating.
    """
    shape = check_tensor(input, "local_response_norm")._data.shape
    if len(shape) < 3:
        raise ArgumentError(f"Expected 3D or higher dimensionality input (got {len(shape)} dimensions)")
    check_floating(input, "local_response_norm")
    if size < 1:
        raise ShapeError(f"the number of channels, size, should be greater than zero, but got {size}")
    if not input._data.size:
        return input
    x: Any = input
    seen = (shape[1], math.prod(shape[2:]))
    pooling = Pooling((size, 1), (1, 1), (size // 2, 0), (1, 1), seen, seen)
    squares = (x * x).reshape(shape[0], *seen)
    means = AvgPool(pooling, size)(squares).reshape(*shape)
    return x / (means * alpha + k) ** beta


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """y = x / max(‖x‖ₚ, ε), the norm taken along ``dim``.

    Args:
        input: of any shape.
        p: of the norm. dim: one dimension or several. eps: ε.
        out: where the result is stored.

    Raises:
        IndexRangeError: there is no such dimension.
    """
    x: Any = check_tensor(input, "normalize")
    unit: Tensor = x / x.norm(p, dim, keepdim=True).clamp_min(eps)
    return unit if out is None else out.copy_(unit)


# ---------------------------------------------------------------------- checks


def _check_channels(name: str, x: Array, named: dict[str, Tensor | None]) -> int:
    """How many channels there are, after checking that all have one element for each, of the input's type.

    Raises:
        ShapeError: another size. DTypeError: another type.
    """
    channels = x.shape[1] if x.ndim > 1 else 0
    for what, each in named.items():
        if each is not None and each._data.shape != (channels,):
            raise ShapeError(
                f"{what} should contain {channels} elements not {each._data.size}: {name}() takes one for each channel "
                f"of the input {list(x.shape)}, and {what} is {list(each.shape)}"
            )
    _check_types(name, x, named)
    return channels


def _check_types(name: str, x: Array, named: dict[str, Tensor | None]) -> None:
    """All of the input's type, or of float32 beside an input of 16 bits.

    Raises:
        DTypeError: another type.
    """
    for what, each in named.items():
        if (
            each is not None
            and each._data.dtype != x.dtype
            and not (is_narrow(x.dtype) and each.dtype is dtypes.float32)
        ):
            raise DTypeError(
                f"mixed dtype in {name}: expect {what} to have scalar type of {scalar_name(x.dtype)}, as the input, "
                f"but got {scalar_name(each._data.dtype)}"
            )
