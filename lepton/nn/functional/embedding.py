"""Tables of vectors looked up by index."""

from __future__ import annotations

from typing import Any

from lepton.autograd.inplace import check_writable
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_tensor
from lepton.autograd.ops.embedding import Embedding, factor_of
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import ArgumentError, DTypeError, IndexRangeError, ShapeError, ValueRangeError

__all__ = ["embedding", "one_hot"]


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
            not two-dimensional. ArgumentError: ``padding_idx`` is no row, or ``sparse`` is asked for.
    """
    check_tensor(input, "embedding")
    check_tensor(weight, "embedding", "weight", 2)
    index = _checked_index(input, weight)
    if sparse:
        raise ArgumentError("embedding: sparse=True is not available; gradients here are dense, use sparse=False")
    padding_idx = _padding_row(padding_idx, weight._data.shape[0])
    if max_norm is not None:
        _limit_norms(weight, index, max_norm, norm_type)
    return Embedding(index, factor_of(index, padding_idx, scale_grad_by_freq, weight._data.dtype))(weight)


def _checked_index(input: Tensor, weight: Tensor) -> Any:
    """A copy of the indices as int64, so that writing to them afterwards does not change the gradient."""
    if input.dtype.name not in ("int64", "int32"):
        raise DTypeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{SCALAR_NAMES[input.dtype]} instead (while checking arguments for embedding); convert it with .long()"
        )
    if weight._data.ndim != 2:
        raise ShapeError(f"'weight' must be 2-D: (number of rows, their length), but it is {list(weight.shape)}")
    index, rows = input._data.astype("int64"), weight._data.shape[0]
    if index.size and not 0 <= index.min() <= index.max() < rows:
        outside = index[(index < 0) | (index >= rows)]
        raise IndexRangeError(
            f"index out of range in self: index {int(outside[0])}, but there are {rows} embeddings, 0 to {rows - 1}; "
            f"{outside.size} of {index.size} indices are outside"
        )
    return index


def _padding_row(padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ArgumentError(f"Padding_idx must be within num_embeddings: it is {padding_idx}, and there are {rows}")
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
