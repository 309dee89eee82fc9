"""Losses that want a score or a distance to be better than another by a margin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lepton.autograd.op import broadcast_shape, result_type
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_floating, check_tensor
from lepton.autograd.ops.comparison import where
from lepton.autograd.ops.extrema import clamp_min, minimum
from lepton.autograd.ops.indexing import Gather
from lepton.autograd.ops.statistics import norm_of
from lepton.autograd.ops.trigonometric import hypot
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.devices import xp
from lepton.errors import ArgumentError, DTypeError, IndexRangeError, PlaceError, ShapeError
from lepton.nn.functional._reduction import check_reduction, chosen_reduction, reduced
from lepton.nn.functional.activation import logsigmoid, relu
from lepton.nn.functional.distance import pairwise_distance
from lepton.nn.functional.loss import check_weight_type

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

# ---------------------------------------------------------------------- pairs


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Of the cosine c of two vectors: 1 − c where the target is 1, max(0, c − margin) where it is −1, else 0.

    c = Σ x₁·x₂ / √((Σ x₁² + 10⁻¹²)·(Σ x₂² + 10⁻¹²)).

    Args:
        input1, input2: x₁ and x₂, of shape (N, D) or (D).
        target: 1 or −1 for each pair, of shape (N) or ().
        margin: cosines below it cost nothing where the target is −1.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the pairs, ``"sum"``, or ``"none"``.

    Raises:
        ShapeError: the shapes do not fit together. ArgumentError: there is no such reduction.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    dim = check_tensor(target, "cosine_embedding_loss", "target", 3)._data.ndim
    if dim > 1:
        raise ShapeError(
            f"0D or 1D target tensor expected, multi-target not supported: the target is {list(target.shape)}"
        )
    check_tensor(input1, "cosine_embedding_loss", "input1")
    check_tensor(input2, "cosine_embedding_loss", "input2", 2)
    if not input1._data.ndim == input2._data.ndim == dim + 1:
        raise ShapeError(
            f"{dim}D target tensor expects {dim + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    broadcast_shape(input1._data.shape, input2._data.shape)
    common = result_type(input1, input2)
    common = common if common.is_floating_point else dtypes.get_default_dtype()
    cosine = (_unit(input1.to(common), dim) * _unit(input2.to(common), dim)).sum(dim)
    loss = where(target == 1, 1 - cosine, 0) + where(target == -1, clamp_min(cosine - margin, 0), 0)
    return reduced(loss, reduction)


_SHORTEST = 9.999999980020986e-07  # √10⁻¹², where 10⁻¹² is PyTorch's, rounded to float32


def _unit(x: Any, dim: int) -> Any:
    """x / √(Σ x² + 10⁻¹²) along ``dim``, without squares that overflow."""
    return x / hypot(norm_of(x, 2, (dim,), True), x.new_full((), _SHORTEST))


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Of a distance x: x where the target is 1, max(0, margin − x) where it is −1, and their sum elsewhere.

    Args:
        input: x, of any shape. target: 1 or −1, of a shape that broadcasts with it.
        margin: distances beyond it cost nothing where the target is −1; for integers it is cut to one.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Raises:
        ArgumentError: there is no such reduction.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    x: Any = check_tensor(input, "hinge_embedding_loss")
    check_tensor(target, "hinge_embedding_loss", "target", 2)
    near = clamp_min((margin if x.dtype.is_floating_point else int(margin)) - x, 0)
    return reduced(where(target != 1, near, 0) + where(target != -1, x, 0), reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, −y·(x₁ − x₂) + margin): x₁ is to rank higher where y is 1, x₂ where it is −1.

    Args:
        input1, input2, target: x₁, x₂ and y, of as many dimensions and of shapes that broadcast.
        margin: by how much the one is to be larger.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Raises:
        ShapeError: the shapes do not fit together. ArgumentError: there is no such reduction.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    x: Any = check_tensor(input1, "margin_ranking_loss", "input1")
    check_tensor(input2, "margin_ranking_loss", "input2", 2)
    y: Any = check_tensor(target, "margin_ranking_loss", "target", 3)
    if not x.ndim == input2.ndim == y.ndim:
        raise ShapeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {list(x.shape)}, input2: {list(input2.shape)}, target: {list(y.shape)}"
        )
    return reduced(clamp_min(-y * (x - input2) + float(margin), 0), reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + e^(−y·x)) of a score x and its target y, 1 or −1, stable for any x.

    Args:
        input: x, floating, of any shape.
        target: y, of a shape that broadcasts with it; converted to its type.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over all elements, ``"sum"``, or ``"none"``.

    Raises:
        DTypeError: the input is not floating. ArgumentError: there is no such reduction.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    x: Any = check_tensor(input, "soft_margin_loss")
    check_tensor(target, "soft_margin_loss", "target", 2)
    if not x.dtype.is_floating_point:
        raise DTypeError(
            f"result type Float can't be cast to the desired output type {SCALAR_NAMES[x.dtype]}: convert the input "
            "with .float()"
        )
    return reduced(-logsigmoid(x * target.to(x.dtype)), reduction)


# ---------------------------------------------------------------------- classes


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(1/C) Σ_{c≠y} w_y·max(0, margin − x_y + x_c)ᵖ: the class y is to score higher than every other by a margin.

    Args:
        input: the scores x, float32 or float64, of shape (N, C) or (C).
        target: the classes y (int64), of shape (N), or () or (1) for one sample.
        p: 1 or 2. margin: the margin.
        weight: (C), of the scores' type: a factor for each class.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the samples (not their weights), ``"sum"``, or ``"none"``.

    Raises:
        ArgumentError: p is another number, or there is no such reduction. ShapeError: the shapes do not fit together.
        DTypeError: a type is none of those. PlaceError: a class is outside [0, C).
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ArgumentError(f"only p == 1 and p == 2 supported, got {p}")
    if weight is not None and weight.ndim != 1:
        raise ArgumentError(f"weight must be one-dimensional, but it is {list(weight.shape)}")
    x: Any = _score_rows(input, target, "multi_margin_loss")
    samples, classes = x.shape
    if target.ndim > 1 or target._data.size != samples:
        raise ShapeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch "
            f"size). Expected target size [{samples}], but got {list(target.shape)}. Input has shape "
            f"{list(input.shape)}."
        )
    index = target._data.reshape(-1, 1).copy()  # out of reach of later writes to the target
    if index.size and not 0 <= index.min() <= index.max() < classes:
        raise PlaceError(
            f"multi_margin_loss: target out of range: the targets reach from {index.min()} to {index.max()}, and there "
            f"are {classes} classes, 0 to {classes - 1}"
        )
    margins = relu(margin - Gather(1)(x, Tensor(index)) + x)
    others = xp(index).arange(classes) != index
    loss = where(Tensor(others), margins if p == 1 else margins * margins, 0).sum(1) / classes
    if weight is not None:
        if weight._data.shape != (classes,):
            raise ShapeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
        check_weight_type(weight, x)
        given: Any = weight
        loss = loss * given[Tensor(index[:, 0])]
    return _reduced_samples(loss, target._data.shape, reduction)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(1/C) Σ_y Σ_{c not among the y} max(0, 1 − x_y + x_c): each class y of a sample is to score 1 higher than others.

    Args:
        input: the scores x, float32 or float64, of shape (N, C) or (C).
        target: of the same shape (int64): a sample's classes, and −1 after the last one; what follows does not count.
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the samples, ``"sum"``, or ``"none"``.

    Raises:
        ShapeError: the shapes are none of those. DTypeError: a type is none of those. PlaceError: a target is outside
            [−1, C). ArgumentError: there is no such reduction.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    x: Any = _score_rows(input, target, "multilabel_margin_loss")
    if target._data.shape != input._data.shape:
        raise ShapeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    samples, classes = x.shape
    labels = target._data.reshape(x.shape)
    if labels.size and not -1 <= labels.min() <= labels.max() < classes:
        raise PlaceError(
            f"multilabel_margin_loss: argument #2 'target' is out of range: it reaches from {labels.min()} to "
            f"{labels.max()}, and classes are 0 to {classes - 1}, with -1 after the last one"
        )
    module = xp(labels)
    given = module.cumsum(labels < 0, axis=1) == 0
    most = int(given.sum(axis=1).max()) if samples else 0
    given, labels = given[:, :most], labels[:, :most]
    columns = module.where(given, labels, classes)  # classes that are not given fall on a column beyond the last
    mine = module.zeros((samples, classes + 1), dtype=bool)
    mine[module.arange(samples)[:, None], columns] = True
    counted = given[:, :, None] & ~mine[:, None, :classes]
    picked = Gather(1)(x, Tensor(module.where(given, labels, 0)))
    margins = relu(1 - picked.unsqueeze(2) + x.unsqueeze(1))
    loss = where(Tensor(counted), margins, 0).sum((1, 2)) / classes
    return _reduced_samples(loss, target._data.shape[:-1], reduction)


def _score_rows(input: Tensor, target: Tensor, what: str) -> Tensor:
    """The checked scores as a matrix, a sample in each row."""
    data = check_tensor(input, what)._data
    check_tensor(target, what, "target", 2)
    if data.ndim > 2 or 0 in data.shape[1:] or data.shape == (0,):
        raise ShapeError(
            f"{what}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(data.shape)}"
        )
    check_floating(input, what, wide=True)
    if target.dtype != dtypes.int64:
        raise DTypeError(
            f"{what}: expected scalar type Long but found {SCALAR_NAMES[target.dtype]}; convert it with target.long()"
        )
    return input if data.ndim == 2 else input.reshape(1, -1)


def _reduced_samples(loss: Tensor, shape: tuple[int, ...], reduction: str) -> Tensor:
    """The samples' losses in their shape, or as one number; no samples have the mean 0."""
    if reduction == "none":
        return loss.reshape(shape)
    return loss.mean() if reduction == "mean" and loss._data.size else loss.sum()


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """−(1/C) Σ_c w_c·(y_c·log σ(x_c) + (1 − y_c)·log σ(−x_c)): binary cross-entropy, averaged over C classes.

    Args:
        input: the scores x, floating, of shape (*, C).
        target: y, 1 for a class that applies and 0 for others, of a shape that broadcasts with it.
        weight: w, of a shape that broadcasts with it, usually (C).
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the samples, ``"sum"``, or ``"none"``, which has the input's shape without C.

    Raises:
        ShapeError: the shapes do not fit together. IndexRangeError: the input has no dimensions. ArgumentError: there
            is no such reduction.
    """
    reduction = chosen_reduction(size_average, reduce, reduction)
    x: Any = check_tensor(input, "multilabel_soft_margin_loss")
    y: Any = check_tensor(target, "multilabel_soft_margin_loss", "target", 2)
    if x.ndim == 0:
        raise IndexRangeError("multilabel_soft_margin_loss: the input has no dimension of classes; it is 0-d")
    loss = -(y * logsigmoid(x) + (1 - y) * logsigmoid(-x))
    loss = loss if weight is None else loss * weight
    return reduced(loss.sum(x.ndim - 1) / x.shape[-1], reduction)


# ---------------------------------------------------------------------- triplets


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(a, p) − d(a, n) + margin) with d(x, y) = ‖x − y + ε‖ₚ: what belongs together is to be nearer.

    Args:
        anchor, positive, negative: a, p and n, of as many dimensions: (N, D) or (D).
        margin: by how much, above 0.
        p, eps: of the distance, see :func:`pairwise_distance`.
        swap: take d(p, n) for d(a, n) where it is smaller (Balntas et al., 2016).
        size_average, reduce: deprecated; use ``reduction``.
        reduction: ``"mean"`` over the triplets, ``"sum"``, or ``"none"``.

    Raises:
        ArgumentError: ``margin`` is not positive, or there is no such reduction. ShapeError: the numbers of dimensions
            differ.
    """

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    reduction = chosen_reduction(size_average, reduce, reduction)
    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """:func:`triplet_margin_loss` with any distance; by default it is :func:`pairwise_distance`."""
    check_reduction(reduction)
    if margin <= 0:
        raise ArgumentError(f"margin must be greater than 0, got {margin}")
    triplet = (("anchor", anchor), ("positive", positive), ("negative", negative))
    ndims = [check_tensor(each, "triplet_margin_loss", name).ndim for name, each in triplet]
    if len(set(ndims)) > 1:
        raise ShapeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {ndims[0]}D, positive {ndims[1]}D, and negative {ndims[2]}D inputs"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near: Any = distance(anchor, positive)
    far: Any = distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(clamp_min(margin + near - far, 0), reduction)
