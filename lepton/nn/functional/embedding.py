"""Tables of vectors looked up by index."""

from __future__ import annotations

import warnings
from typing import Any

from lepton.autograd.inplace import check_writable
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_tensor
from lepton.autograd.ops.embedding import Embedding, FirstLargest, factor_of
from lepton.autograd.ops.indexing import Gather, Index, IndexAdd
from lepton.autograd.ops.joining import cat
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import (
    ArgumentError,
    ContractError,
    DTypeError,
    IndexRangeError,
    PlaceError,
    ShapeError,
    UnsupportedError,
    ValueRangeError,
)

__all__ = ["embedding", "embedding_bag", "one_hot"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of a table: z[…] = weight[input[…]].

    Args:
        input: indices (int64 or int32) of any shape.
        weight: the table, of shape (V, D).
        padding_idx: a row that gets no gradient; a negative one counts from the end.
        max_norm: rows that are looked up and have a larger norm are first scaled down to it, in the table itself.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide a row's gradient by the number of times that it was looked up.
        sparse: must be False: every gradient is dense.

    Returns:
        A tensor of the input's shape followed by D.

    Raises:
        IndexRangeError: an index is outside [0, V). DTypeError: the indices are no integers. ShapeError: the table is
            not two-dimensional. ContractError: ``padding_idx`` is no row. ArgumentError: ``sparse`` is asked for.
    """
    check_tensor(input, "embedding")
    check_tensor(weight, "embedding", "weight", 2)
    index = _checked_index(input, weight, "embedding", IndexRangeError)
    _refuse_sparse(sparse, "embedding")
    padding_idx = padding_row(padding_idx, weight._data.shape[0], ContractError)
    if max_norm is not None:
        _limit_norms(weight, index, max_norm, norm_type)
    return Embedding(index, factor_of(index, padding_idx, scale_grad_by_freq, weight._data.dtype))(weight)


def _refuse_sparse(sparse: bool, what: str) -> None:
    if sparse:
        raise ArgumentError(f"{what}: sparse=True is not available; gradients here are dense, use sparse=False")


def _check_integers(input: Tensor, what: str) -> None:
    if input.dtype.name not in ("int64", "int32"):
        raise DTypeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{SCALAR_NAMES[input.dtype]} instead (while checking arguments for {what}); convert it with .long()"
        )


def _checked_index(input: Tensor, weight: Tensor, what: str, kind: type[Exception]) -> Any:
    """A copy of the indices as int64, so that writing to them afterwards does not change the gradient."""
    _check_integers(input, what)
    if weight._data.ndim != 2:
        raise ShapeError(f"'weight' must be 2-D: (number of rows, their length), but it is {list(weight.shape)}")
    index, rows = input._data.astype("int64"), weight._data.shape[0]
    if index.size and not 0 <= index.min() <= index.max() < rows:
        outside = index[(index < 0) | (index >= rows)]
        raise kind(
            f"index out of range in self: index {int(outside[0])}, but there are {rows} embeddings, 0 to {rows - 1}; "
            f"{outside.size} of {index.size} indices are outside"
        )
    return index


def padding_row(padding_idx: int | None, rows: int, kind: type[Exception]) -> int | None:
    """The padding row counted from the start; an error of this kind if there is no such row."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise kind(
            f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, but got {padding_idx}"
        )
    return padding_idx % rows


def _limit_norms(weight: Tensor, index: Any, max_norm: float, norm_type: float) -> None:
    with no_grad():
        check_writable(weight)
    table = weight._data
    module = xp(table)
    rows = module.unique(index)
    norms = module.linalg.norm(table[rows], ord=norm_type, axis=1, keepdims=True)
    table[rows] *= module.where(norms > max_norm, max_norm / (norms + 1e-7), 1).astype(table.dtype)
    if weight._cell is not None:
        weight._cell[0] += 1


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of bags of rows of a table: z_b = Σ w_i·weight[input_i] over the indices i of bag b.

    Args:
        input: indices (int64 or int32): (B, n) for B bags of n, or (L) for bags that follow each other.
        weight: the table, floating, of shape (V, D).
        offsets: where in (L) each bag begins, from 0 on and never decreasing; None for a two-dimensional input.
        max_norm, norm_type, scale_grad_by_freq: as for :func:`embedding`; no scaling for maxima.
        mode: ``"sum"``, ``"mean"`` or ``"max"`` (of each column; the gradient goes to the first of equals).
        sparse: must be False: every gradient is dense.
        per_sample_weights: w, of the input's shape and the table's type, for sums only.
        include_last_offset: the last offset says where the last bag ends, instead of where another begins.
        padding_idx: a row that is left out of all bags; a negative one counts from the end.

    Returns:
        A tensor of shape (B, D); 0 for empty bags.

    Raises:
        ArgumentError: shapes, ``mode``, or what is asked for do not fit together. ValueRangeError: ``offsets`` or
            ``padding_idx`` are out of range. PlaceError: an index is no row. DTypeError: a type is none of those.
            UnsupportedError: ``per_sample_weights`` for another mode than sum.
    """
    check_tensor(input, "embedding_bag")
    check_tensor(weight, "embedding_bag", "weight", 2)
    if weight.dtype.name == "int64" and input.dtype.is_floating_point:
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    _check_bag_arguments(input, weight, mode, scale_grad_by_freq, sparse, per_sample_weights)
    index, bags, count = _bags(input, weight, offsets, include_last_offset)
    if max_norm is not None:
        _limit_norms(weight, index, max_norm, norm_type)
    factors: Any = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    if padding_idx is not None:
        kept = (index != padding_row(padding_idx, weight._data.shape[0], ValueRangeError)).nonzero()[0]
        index, bags = index[kept], bags[kept]
        factors = None if factors is None else Index((kept,), True)(factors)
    rows: Any = Embedding(index, factor_of(index, None, scale_grad_by_freq, weight._data.dtype))(weight)
    if factors is not None:
        rows = rows * factors.unsqueeze(1)
    shape = (count, weight._data.shape[1])
    if mode == "max":
        nothing = rows.new_zeros(1, shape[1])
        return Gather(0)(cat((rows, nothing)), FirstLargest(bags, count)(rows))
    total: Tensor = IndexAdd((bags,), shape, False)(rows)
    if mode == "sum":
        return total
    module = xp(bags)
    sizes = module.maximum(module.bincount(bags, minlength=count), 1).astype(weight._data.dtype)
    return total / Tensor(sizes[:, None])


def _check_bag_arguments(
    input: Tensor, weight: Tensor, mode: str, by_frequency: bool, sparse: bool, factors: Tensor | None
) -> None:
    if factors is not None and factors._data.shape != input._data.shape:
        raise ArgumentError(
            f"embedding_bag: If per_sample_weights ({list(factors.shape)}) is not None, then it must have the same "
            f"shape as the input ({list(input.shape)})"
        )
    if weight._data.ndim != 2:
        raise ArgumentError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight._data.ndim}")
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f"mode has to be one of sum, mean or max, not {mode!r}")
    if mode == "max" and by_frequency:
        raise ArgumentError("max mode does not support scaling the gradient by the frequency")
    _refuse_sparse(sparse, "embedding_bag")
    if not weight.dtype.is_floating_point:
        raise DTypeError(f"embedding_bag: 'weight' must be floating, not {SCALAR_NAMES[weight.dtype]}")
    if factors is None:
        return
    if mode != "sum":
        raise UnsupportedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}')."
        )
    if factors.dtype != weight.dtype:
        raise DTypeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
            f"'per_sample_weights'; but type {SCALAR_NAMES[weight.dtype]} does not equal {SCALAR_NAMES[factors.dtype]}"
        )


def _bags(input: Tensor, weight: Tensor, offsets: Tensor | None, with_end: bool) -> tuple[Any, Any, int]:
    """The checked indices in one dimension, the bag of each, and the number of bags."""
    if input._data.ndim == 2:
        if offsets is not None:
            raise ArgumentError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        index = _checked_index(input, weight, "embedding_bag", PlaceError)
        module = xp(index)
        bags = module.broadcast_to(module.arange(len(index))[:, None], index.shape).reshape(-1)
        return index.reshape(-1), bags, len(index)
    if input._data.ndim != 1:
        raise ArgumentError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input._data.ndim}")
    if offsets is None:
        raise ArgumentError("offsets has to be a 1D Tensor but got None")
    if offsets._data.ndim != 1:
        raise ArgumentError(f"offsets has to be a 1D Tensor, but it is {list(offsets.shape)}")
    index = _checked_index(input, weight, "embedding_bag", PlaceError)
    _check_integers(offsets, "embedding_bag")
    starts = _checked_offsets(offsets._data, index.size, with_end)
    end = index.size
    if with_end:
        starts, end = starts[:-1], int(starts[-1])
    module = xp(index)
    bags = module.cumsum(module.bincount(starts, minlength=end + 1))[:end] - 1
    return index[:end], bags, starts.size


def _checked_offsets(offsets: Any, length: int, with_end: bool) -> Any:
    if not offsets.size:
        if with_end:
            raise ValueRangeError("include_last_offset: number of offset should be at least 1")
        if length:
            raise ValueRangeError(f"embedding_bag: there are {length} indices, and offsets for no bag at all")
        return offsets
    if offsets[0] != 0:
        raise ValueRangeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
            f"However, got {int(offsets[0])}"
        )
    if offsets[-1] > length:
        raise ValueRangeError(
            f"offsets[-1] can not be greater than input's length {length} but got offsets[-1] of {int(offsets[-1])}"
        )
    if (offsets[1:] < offsets[:-1]).any():
        raise ValueRangeError("embedding_bag: offsets must not decrease, a bag cannot end before it begins")
    return offsets


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at each index, 0 elsewhere: int64, of the input's shape followed by the number of classes.

    Args:
        tensor: indices (int64) of any shape.
        num_classes: their number; −1 stands for the largest index and one more.

    Raises:
        DTypeError: the input is not int64. ValueRangeError: an index is negative or not below ``num_classes``.
    """
    data = check_tensor(tensor, "one_hot")._data
    if tensor.dtype.name != "int64":
        raise DTypeError(f"one_hot is only applicable to index tensor of type LongTensor, not {tensor.dtype}")
    if data.size == 0 and num_classes <= 0:
        raise ValueRangeError("Can not infer total number of classes from empty tensor.")
    if data.size and data.min() < 0:
        raise ValueRangeError(f"Class values must be non-negative; the smallest is {data.min()}.")
    classes = int(data.max()) + 1 if num_classes == -1 else num_classes
    if classes <= 0:
        raise ValueRangeError(f"num_classes should be positive, but got {num_classes}")
    if data.size and data.max() >= classes:
        raise ValueRangeError(
            f"Class values must be smaller than num_classes; the largest is {data.max()}, num_classes {classes}."
        )
    return Tensor((data[..., None] == xp(data).arange(classes)).astype("int64"))
