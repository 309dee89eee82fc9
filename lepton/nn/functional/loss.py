"""Losses: one number that says how far predictions are from targets."""

from __future__ import annotations

import warnings
from typing import Any

from lepton.autograd.op import broadcast_shape, result_type
from lepton.autograd.ops import loss as ops
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_floating, check_optional, check_tensor
from lepton.autograd.ops.exponential import xlogy
from lepton.autograd.ops.matrix import linear
from lepton.autograd.ops.shape import broadcast_tensors
from lepton.autograd.ops.softmax import log_softmax
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import ArgumentError, DTypeError, ShapeError, ValueRangeError
from lepton.nn.functional._reduction import check_reduction, chosen_reduction, legacy_reduction, reduced
from lepton.nn.functional.activation import logsigmoid

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linear_cross_entropy",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
]


def _aligned(input: Tensor, target: Tensor, what: str) -> tuple[Tensor, Tensor]:
    """Both in one shape and one type."""
    check_tensor(input, what)
    check_tensor(target, what, "target", 2)
    if input._data.shape != target._data.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
        input, target = broadcast_tensors(input, target)
    if input._data.dtype != target._data.dtype:
        common = result_type(input, target)
        input, target = input.to(common), target.to(common)
    return input, target


def _check_broadcast(name: str, weight: Tensor | None, input: Tensor) -> None:
    """Refuse a weight that has not, broadcast, the input's shape."""
    if weight is not None and broadcast_shape(weight._data.shape, input._data.shape) != input._data.shape:
        raise ShapeError(
            f"{name} of shape {list(weight.shape)} cannot be broadcast to the input's shape {list(input.shape)}"
        )


def _weighted(loss: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Losses times weights; their mean is over the sum of the weights."""
    if weight.shape != loss.shape:
        raise ArgumentError(
            f"Weights and input must have the same size. The weights are {list(weight.shape)}, "
            f"the input {list(loss.shape)}."
        )
    weighted = loss * weight
    if reduction == "mean":
        return weighted.sum() / weight.sum()
    return reduced(weighted, reduction)


# ---------------------------------------------------------------------- regression


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Mean squared error: (1/n) Σ (xᵢ − yᵢ)².

    Args:
        input, target: floating, of one shape (others are broadcast, with a warning).
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"`` for each element's own loss.
        weight: of the input's shape: a factor for each element; the mean is over the sum of the weights.

    Raises:
        UnsupportedDTypeError: the type is not floating. ArgumentError: there is no such reduction.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    input, target = _aligned(input, target, "mse_loss")
    if weight is not None:
        return _weighted(ops.MseLoss("none")(input, target), weight, reduction)
    return ops.MseLoss(reduction)(input, target)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Mean absolute error: (1/n) Σ |xᵢ − yᵢ|. Arguments as for :func:`mse_loss`; integers are allowed, without mean.

    Raises:
        ArgumentError: there is no such reduction.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    input, target = _aligned(input, target, "l1_loss")
    if weight is not None:
        return _weighted(ops.L1Loss("none")(input, target), weight, reduction)
    if not input.dtype.is_floating_point:
        return reduced((input - target).abs(), reduction)
    return ops.L1Loss(reduction)(input, target)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """With d = x − y: d²/(2β) where |d| < β, |d| − β/2 elsewhere; other arguments as for :func:`mse_loss`.

    Args:
        beta: where the parabola becomes a line; with 0 it is :func:`l1_loss`.

    Raises:
        ValueRangeError: ``beta`` is negative. ArgumentError: there is no such reduction.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    if beta < 0:
        raise ValueRangeError(f"smooth_l1_loss does not support negative values for beta. Got {beta}.")
    input, target = _aligned(input, target, "smooth_l1_loss")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    return ops.SmoothL1Loss(reduction, beta)(input, target)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """With d = x − y: d²/2 where |d| ≤ δ, δ·(|d| − δ/2) elsewhere; other arguments as for :func:`mse_loss`.

    The target is converted to the input's type, and the mean is over n with a ``weight`` too.

    Raises:
        ValueRangeError: ``delta`` is not positive. ArgumentError: there is no such reduction.
    """
    check_reduction(reduction)
    if delta <= 0:
        raise ValueRangeError(f"huber_loss does not support non-positive values for delta. Got {delta}.")
    check_tensor(input, "huber_loss")
    target = check_tensor(target, "huber_loss", "target", 2).to(input.dtype)
    input, target = _aligned(input, target, "huber_loss")
    if weight is not None:
        return reduced(_weighted(ops.HuberLoss("none", delta)(input, target), weight, "none"), reduction)
    return ops.HuberLoss(reduction, delta)(input, target)


# ---------------------------------------------------------------------- classes


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of scores (logits) with target classes, or with target probabilities.

    With l = log_softmax(input) over the classes and smoothing ε over C classes:

    - class indices y: lossₙ = −w_y·(1 − ε)·l_y − (ε/C)·Σ_c w_c·l_c; the mean divides by Σₙ w_yₙ over the samples that
      count (their number, without ``weight``);
    - probabilities q: lossₙ = −Σ_c w_c·((1 − ε)·q_c + ε/C)·l_c; the mean divides by the number of samples.

    The mean over no samples is nan.

    Args:
        input: floating, (C), (N, C) or (N, C, d₁, …).
        target: class indices (int64 or uint8) of the input's shape without C, or probabilities (floating) of its shape.
        weight: (C), a factor for each class.
        size_average, reduce: deprecated; use ``reduction``.
        ignore_index: samples of this class do not count (class indices only).
        reduction: ``"mean"``, ``"sum"``, or ``"none"``, which has the input's shape without C.
        label_smoothing: ε in [0, 1].

    Raises:
        IndexRangeError: a class is outside [0, C). ArgumentError: the batch sizes differ. ShapeError: other shapes do
            not fit. DTypeError: a type is none of those above.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    check_tensor(input, "cross_entropy_loss")
    check_tensor(target, "cross_entropy_loss", "target", 2)
    check_optional("cross_entropy_loss", 3, weight=weight)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueRangeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if input._data.shape == target._data.shape:
        return _with_probabilities(input, target, weight, reduction, label_smoothing, ignore_index)
    classes = _classes(input, target, weight, ignore_index, "cross_entropy_loss")
    check_floating(input, "cross_entropy")
    dtype = input._data.dtype
    scale = classes.weigh(None if weight is None else weight._data, dtype)
    count = classes.total(scale, dtype) if reduction == "mean" else None
    soft = None
    if label_smoothing:
        number = input._data.shape[classes.axis]
        soft = _smooth(classes, weight, label_smoothing / number, input)
        scale = scale * (1.0 - label_smoothing)
    loss: Tensor = ops.CrossEntropy(classes, scale, soft, reduction, count)(input)[0]
    return loss


def _smooth(classes: ops.Classes, weight: Tensor | None, share: float, input: Tensor) -> Any:
    """What label smoothing gives to every class: ``share`` of its weight, 0 for samples that do not count."""
    shape, dtype = input._data.shape, input._data.dtype
    counted = classes.counted
    per_class = xp(input._data).ones(classes.index.shape, dtype) if counted is None else counted.astype(dtype)
    per_class *= dtype.type(share)
    if weight is None:
        return per_class.repeat(shape[classes.axis], axis=classes.axis)
    return per_class * weight._data.reshape((-1,) + (1,) * (len(shape) - classes.axis - 1))


def _with_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float, ignore_index: int
) -> Tensor:
    if not target.dtype.is_floating_point:
        raise DTypeError(
            f"Expected floating point type for target with class probabilities, got {SCALAR_NAMES[target.dtype]}. For "
            f"class indices the target has the input's shape without the classes, and here it has all of "
            f"{list(input.shape)}."
        )
    if ignore_index >= 0:
        raise ValueRangeError("ignore_index is not supported for floating point target")
    shape = input._data.shape
    if not shape:
        raise ArgumentError("Expected 1 or more dimensions (got 0)")
    axis = 0 if len(shape) == 1 else 1
    _check_weight(weight, shape[axis], "cross_entropy: ")
    probabilities: Any = target
    if smoothing:
        probabilities = probabilities * (1.0 - smoothing) + smoothing / shape[axis]
    if weight is not None:
        probabilities = probabilities * weight.reshape((-1,) + (1,) * (len(shape) - axis - 1))
    loss = -(log_softmax(input, axis) * probabilities).sum(axis)
    if reduction == "mean" and not input._data.size:
        return loss.sum() * float("nan")
    return reduced(loss, reduction)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: None = None,
) -> Tensor:
    """:func:`cross_entropy` of the scores x·Wᵀ + b, the last layer and the loss of a classifier in one.

    Args:
        input: x, of shape (features) or (N, features).
        linear_weight: W, of shape (C, features); (C, d₁, …, features) gives scores (N, C, d₁, …).
        target, weight, reduction, label_smoothing: as for :func:`cross_entropy`.
        linear_bias: b, of the weight's shape without the features.
        ignore_index: samples of this class do not count; None stands for −100.
        options: must be None: the scores are computed in one piece.

    Raises:
        ShapeError: the shapes do not fit together. ValueRangeError: ``ignore_index`` is given for probabilities.
        ArgumentError: ``options`` is not None. Others as for :func:`cross_entropy`.
    """
    if options is not None:
        raise ArgumentError("linear_cross_entropy: options are not available, the scores are computed in one piece")
    shape = check_tensor(input, "linear_cross_entropy")._data.shape
    rows = check_tensor(linear_weight, "linear_cross_entropy", "linear_weight", 2)._data.shape
    check_tensor(target, "linear_cross_entropy", "target", 3)
    if not 1 <= len(shape) <= 2:
        raise ShapeError(f"expected input with dimensionality 1 or 2, got {len(shape)}")
    if len(rows) < 2:
        raise ShapeError(f"expected linear_weight with dimensionality at least 2, got {len(rows)}")
    if shape[-1] != rows[-1]:
        raise ShapeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {shape[-1]} and {rows[-1]}, respectively"
        )
    if linear_bias is not None and linear_bias._data.shape != rows[:-1]:
        raise ShapeError(f"expected linear_bias shape {rows[:-1]}, got {linear_bias._data.shape}")
    if len(rows) > 2 and len(shape) == 1:
        raise ShapeError(
            f"K-dimensional loss defined by linear_weight shape {rows} requires batched input, (N, {shape[-1]}), got "
            f"unbatched input with shape {shape}"
        )
    scores_shape = (*shape[:-1], *rows[:-1])
    if ignore_index is not None and target._data.shape == scores_shape:
        raise ValueRangeError("ignore_index cannot be specified when target contains probabilities")
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    scores = linear(input, linear_weight.reshape(-1, shape[-1]), bias).reshape(scores_shape)
    return cross_entropy(
        scores,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of log-probabilities l at the target classes y: lossₙ = −w_y·l_y.

    The mean divides by Σₙ w_yₙ over the samples that count. Arguments and errors as for :func:`cross_entropy`, with
    log-probabilities as the input.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    check_tensor(input, "nll_loss")
    check_tensor(target, "nll_loss", "target", 2)
    check_optional("nll_loss", 3, weight=weight)
    classes = _classes(input, target, weight, ignore_index, "nll_loss")
    check_floating(input, "nll_loss")
    shape, axis = input._data.shape, classes.axis
    scale = classes.weigh(None if weight is None else weight._data, input._data.dtype)
    loss = ops.NegativeLikelihood(classes, scale)(input)
    if reduction == "none":
        return loss.reshape(shape[:axis] + shape[axis + 1 :])
    summed = loss.sum()
    return summed / Tensor(classes.total(scale, input._data.dtype)) if reduction == "mean" else summed


def _check_weight(weight: Tensor | None, classes: int, what: str = "") -> None:
    if weight is not None and weight._data.shape != (classes,):
        raise ShapeError(
            f"{what}weight tensor should be defined either for all {classes} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        )


def check_weight_type(weight: Tensor | None, scores: Tensor) -> None:
    """Refuse weights of another type than the scores'.

    Raises:
        DTypeError: they are.
    """
    if weight is not None and weight._data.dtype != scores._data.dtype:
        raise DTypeError(
            f"expected scalar type {SCALAR_NAMES[scores.dtype]} but found {SCALAR_NAMES[weight.dtype]}: weight and "
            "input must have one type"
        )


def _classes(input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, what: str) -> ops.Classes:
    """The checked classes of a target of indices."""
    shape, found = input._data.shape, target._data.shape
    if not shape:
        raise ArgumentError("Expected 1 or more dimensions (got 0)")
    if target.dtype.name not in ("int64", "uint8"):
        hint = "" if target.dtype.is_floating_point else "; convert it with target.long()"
        raise DTypeError(
            f"expected target dtype to be Long or Byte, but got {SCALAR_NAMES[target.dtype]}{hint}. "
            f"({what}: the input is {list(shape)}, the target {list(found)}.)"
        )
    if len(shape) == 1:
        if found not in ((), (1,)):
            raise ArgumentError(
                f"For 1D input, 1D target must have size 1, but got target size: {target._data.size}"
                if len(found) == 1
                else f"For 1D input, the target must be 0D or 1D of size 1, but got shape {list(found)}"
            )
    elif not found or found[0] != shape[0]:
        raise ArgumentError(
            f"Expected input batch_size ({shape[0]}) to match target batch_size ({found[0] if found else 'none'})."
        )
    elif found[1:] != shape[2:]:
        if len(shape) == 2:
            raise ShapeError(
                f"0D or 1D target tensor expected, multi-target not supported: the input is {list(shape)}, "
                f"the target {list(found)}"
            )
        raise ShapeError(f"Expected target size {[shape[0], *shape[2:]]}, got {list(found)}")
    _check_weight(weight, shape[0] if len(shape) == 1 else shape[1])
    check_weight_type(weight, input)
    return ops.Classes(target._data, shape, ignore_index)


# ---------------------------------------------------------------------- probabilities


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """−(1/n) Σ w·(y·log x + (1 − y)·log(1 − x)), each logarithm at least −100.

    Args:
        input: probabilities x in [0, 1], floating, of any shape.
        target: y in [0, 1], of the same shape and type.
        weight: a factor for each element, broadcast to that shape.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Raises:
        ArgumentError: the shapes differ. ShapeError: ``weight`` does not broadcast to them. DTypeError: the types
            differ. ValueRangeError: a number is outside [0, 1].
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    check_tensor(input, "binary_cross_entropy")
    check_tensor(target, "binary_cross_entropy", "target", 2)
    check_optional("binary_cross_entropy", 3, weight=weight)
    if input._data.shape != target._data.shape:
        raise ArgumentError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    if input._data.dtype != target._data.dtype:
        raise DTypeError(
            f"Found dtype {SCALAR_NAMES[target.dtype]} but expected {SCALAR_NAMES[input.dtype]}: convert the target "
            "with target.to(input.dtype)"
        )
    for name, each in (("input", input._data), ("target", target._data)):
        if not ((each >= 0) & (each <= 1)).all():
            hint = "; for scores use binary_cross_entropy_with_logits" if name == "input" else ""
            raise ValueRangeError(
                f"all elements of {name} should be between 0 and 1, but they reach from {each.min()} to "
                f"{each.max()}{hint}"
            )
    _check_broadcast("weight", weight, input)
    if weight is None:
        return ops.BinaryCrossEntropy(reduction)(input, target)
    return reduced(ops.BinaryCrossEntropy("none")(input, target) * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of scores x, p = σ(x): −(1/n) Σ w·(P·y·log p + (1 − y)·log(1 − p)), stable for any x.

    Args:
        input: scores x, floating, of any shape.
        target: y in [0, 1], of the same shape.
        weight: a factor w for each element, broadcast to that shape.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.
        pos_weight: a factor P for positive examples, broadcast to that shape.

    Raises:
        ArgumentError: the shapes of ``input`` and ``target`` differ. ShapeError: a weight does not broadcast to them.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    check_tensor(input, "binary_cross_entropy_with_logits")
    check_tensor(target, "binary_cross_entropy_with_logits", "target", 2)
    check_optional("binary_cross_entropy_with_logits", 3, weight=weight, pos_weight=pos_weight)
    if input._data.shape != target._data.shape:
        raise ArgumentError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if not target.dtype.is_floating_point:
        raise DTypeError(
            f"result type Float can't be cast to the desired output type {SCALAR_NAMES[target.dtype]}: "
            "convert the target with target.to(input.dtype)"
        )
    input, target = _aligned(input, target, "binary_cross_entropy_with_logits")
    _check_broadcast("weight", weight, input)
    _check_broadcast("pos_weight", pos_weight, input)
    if weight is None and pos_weight is None:
        return ops.BinaryCrossEntropyWithLogits(reduction)(input, target)
    if pos_weight is None:
        loss = ops.BinaryCrossEntropyWithLogits("none")(input, target)
    else:
        x: Any = input
        y: Any = target
        loss = x * (1 - y) - logsigmoid(x) * (1 + (pos_weight - 1) * y)
    return reduced(loss if weight is None else loss * weight, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback–Leibler divergence of q, given as log q: p·(log p − log q), which is 0 where p is 0.

    Args:
        input: log-probabilities log q, floating, of any shape.
        target: probabilities p (their logarithms with ``log_target``), broadcast with the input.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"batchmean"`` (the sum over the first dimension's length, as the mathematics has it), ``"mean"``
            over all elements, ``"sum"``, or ``"none"``.
        log_target: the target is log p.

    Raises:
        ArgumentError: there is no such reduction. DTypeError: the input or the target is not floating.
    """
    reduction = legacy_reduction(size_average, reduce, reduction)
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides "
            "only by the batch size, and aligns with the KL div math definition.",
            stacklevel=2,
        )
    log_q: Any = check_tensor(input, "kl_div")
    p: Any = check_tensor(target, "kl_div", "target", 2)
    for each in (input, target):
        if not each.dtype.is_floating_point:
            raise DTypeError(
                f"kl_div: Integral inputs not supported; a tensor of {SCALAR_NAMES[each.dtype]} is no (log-)probability"
            )
    if reduction != "batchmean":
        check_reduction(reduction)
    loss = p.exp() * (p - log_q) if log_target else xlogy(p, p) - p * log_q
    if reduction != "batchmean":
        return reduced(loss, reduction)
    return loss.sum() / input._data.shape[0] if input._data.ndim else loss.sum()
