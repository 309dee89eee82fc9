"""Sorting, the largest few, order statistics, and looking up in sorted sequences."""

from __future__ import annotations

from numbers import Number
from typing import Any

from lepton.autograd.op import Op, as_array
from lepton.autograd.ops.arguments import check_tensor, scalar_name
from lepton.autograd.ops.extremes import Amax, Pick, PickBackward, pick_dim
from lepton.autograd.ops.return_types import ValuesIndices
from lepton.autograd.ops.return_types import kthvalue as kthvalue_result
from lepton.autograd.ops.return_types import median as median_result
from lepton.autograd.ops.return_types import mode as mode_result
from lepton.autograd.ops.return_types import nanmedian as nanmedian_result
from lepton.autograd.ops.return_types import sort as sort_result
from lepton.autograd.ops.return_types import topk as topk_result
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend.devices import xp
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError, UnsupportedDTypeError
from lepton.kernels import sorting as kernels
from lepton.kernels.indexing import along, take_along

__all__ = [
    "argsort", "bucketize", "isin", "kthvalue", "median", "mode", "msort", "nanmedian", "searchsorted", "sort", "topk",
    "unique", "unique_consecutive",
]  # fmt: skip


class Sort(Op):
    """z, i = x sorted along a dimension, and where each element was          ∂L/∂x = g at i"""

    __slots__ = ("descending", "dim", "source")
    several = True
    saves = ("out1",)

    def __init__(self, dim: int, descending: bool) -> None:
        self.dim, self.descending = dim, descending

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        if x.ndim == 0:
            return x.copy(), xp(x).zeros((), "int64")
        index = kernels.sorting_order(x, self.dim, self.descending)
        return take_along(x, index, self.dim), index

    def backward(self, g: Any, index: Any) -> Any:
        return PickBackward.on(g[0], index, dim=self.dim, shape=self.source) if self.source else g[0]


class Topk(Sort):
    """z, i = the k largest (or smallest) x along a dimension, and where they were          ∂L/∂x = g at i"""

    __slots__ = ("k",)

    def __init__(self, dim: int, descending: bool, k: int) -> None:
        super().__init__(dim, descending)
        self.k = k

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        if x.ndim == 0:
            return x.copy(), xp(x).zeros((), "int64")
        index = kernels.best_few(x, self.dim, self.k, self.descending)
        return take_along(x, index, self.dim), index


class Kthvalue(Pick):
    """z, i = the k-th smallest x along a dimension, and its place          ∂L/∂x = g at i"""

    __slots__ = ("k",)

    def __init__(self, dim: int, keepdim: bool, k: int) -> None:
        super().__init__(dim, keepdim)
        self.k = k

    def find(self, x: Any) -> Any:
        return kernels.sorting_order(x, self.dim, False)[along(self.dim, slice(self.k - 1, self.k))]


class MedianAlong(Pick):
    """z, i = the lower median of x along a dimension, nan if there is one, and its place          ∂L/∂x = g at i"""

    __slots__ = ()

    def find(self, x: Any) -> Any:
        order = kernels.sorting_order(x, self.dim, False)
        middle = order[along(self.dim, slice((x.shape[self.dim] - 1) // 2, (x.shape[self.dim] + 1) // 2))]
        wrong = x != x
        has_nan = wrong.any(axis=self.dim, keepdims=True)
        return xp(x).where(has_nan, wrong.argmax(axis=self.dim, keepdims=True), middle)


class NanMedianAlong(Pick):
    """z, i = the lower median of the x along a dimension that are not nan, and its place          ∂L/∂x = g at i"""

    __slots__ = ()

    def find(self, x: Any) -> Any:
        order = kernels.sorting_order(x, self.dim, False)
        numbers = (x == x).sum(axis=self.dim, keepdims=True)
        return take_along(order, xp(x).maximum(numbers - 1, 0) // 2, self.dim)


class ModeAlong(Pick):
    """z, i = the most frequent x along a dimension, the smallest of them, and its last place          ∂L/∂x = g at i"""

    __slots__ = ()

    def find(self, x: Any) -> Any:
        return kernels.most_frequent(x, self.dim)


class Median(Amax):
    """z = the lower median of all x, nan if one is          ∂L/∂x = g shared evenly among the elements that are z"""

    __slots__ = ("skip_nan",)

    def __init__(self, skip_nan: bool) -> None:
        super().__init__(None, False)
        self.skip_nan = skip_nan

    def forward(self, x: Any) -> Any:
        self.source, self.kind = x.shape, x.dtype
        return kernels.lower_median(x, self.skip_nan)

    def where_best(self, x: Any, best: Any) -> Any:
        return x == best if bool((best == best).all()) else x != x


# ---------------------------------------------------------------------- sorting


@public()
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, *, axis: int | None = None
) -> ValuesIndices:
    """(values, indices): the elements in order along ``dim``, and where each was (int64); nan is largest.

    Args:
        descending: largest first.
        stable: accepted for PyTorch's sake; the sorting is always stable.

    Raises:
        IndexRangeError: there is no such dimension.
    """
    place = normalize_dim(dim if axis is None else axis, check_tensor(input, "sort")._data.ndim)
    return sort_result(*Sort(place, descending)(input))


@public()
def argsort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, *, axis: int | None = None
) -> Tensor:
    """Where each element of the sorted tensor is (int64); see :func:`sort`."""
    return sort(input, dim, descending, axis=axis).indices


@public()
def msort(input: Tensor) -> Tensor:
    """The elements in order along the first dimension."""
    return sort(input, 0).values


def _no_bools(input: Tensor, what: str) -> None:
    if input._data.dtype.kind == "b":
        raise UnsupportedDTypeError(f"\"{what}_cpu\" not implemented for 'Bool'; convert it first, with .int()")


@public()
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesIndices:
    """(values, indices): the ``k`` largest (or smallest) elements along ``dim``, in order; nan is largest.

    Args:
        sorted: accepted for PyTorch's sake; the result is always in order.

    Raises:
        ShapeError: there are fewer than ``k``. IndexRangeError: there is no such dimension. UnsupportedDTypeError: the
            type is bool.
    """
    data = check_tensor(input, "topk")._data
    place = normalize_dim(dim, data.ndim)
    if not 0 <= k <= (data.shape[place] if data.ndim else 1):
        raise ShapeError(f"selected index k out of range: k={k} for a tensor of shape {list(data.shape)}, dim {place}")
    _no_bools(input, "topk")
    return topk_result(*Topk(place, largest, k)(input))


# ---------------------------------------------------------------------- order statistics


@public()
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """(values, indices): the ``k``-th smallest element along ``dim``, counted from 1, and its place; nan is largest.

    Raises:
        ShapeError: ``k`` is not in [1, n]. IndexRangeError: there is no such dimension, or it is empty.
    """
    data = check_tensor(input, "kthvalue")._data
    place = pick_dim(dim, data, "kthvalue")
    _no_bools(input, "kthvalue")
    if not 1 <= k <= (data.shape[place] if data.ndim else 1):
        raise ShapeError(f"kthvalue(): selected number k out of range for dimension {place}: k={k}")
    return kthvalue_result(*Kthvalue(place, keepdim, k)(input))


@public()
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median, of an even number of elements the lower; with ``dim`` (values, indices) along it. nan if one is nan.

    Raises:
        IndexRangeError: there is no such dimension, or it is empty.
    """
    place = None if dim is None else pick_dim(dim, check_tensor(input, "median")._data, "median")
    _no_bools(check_tensor(input, "median"), "median")
    if place is None:
        return Median(False)(input)
    return median_result(*MedianAlong(place, keepdim)(input))


@public()
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of the elements that are not nan; see :func:`median`."""
    place = None if dim is None else pick_dim(dim, check_tensor(input, "nanmedian")._data, "nanmedian")
    _no_bools(check_tensor(input, "nanmedian"), "median")
    if place is None:
        return Median(True)(input)
    return nanmedian_result(*NanMedianAlong(place, keepdim)(input))


@public()
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """(values, indices): the most frequent element along ``dim``, of several the smallest, and its last place.

    Raises:
        IndexRangeError: there is no such dimension, or it is empty.
    """
    place = pick_dim(dim, check_tensor(input, "mode")._data, "mode")
    return mode_result(*ModeAlong(place, keepdim)(input))


# ---------------------------------------------------------------------- looking up


@public(method=False)
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """The places where values would have to be inserted to keep a sequence in order, along the last dimension.

    Args:
        sorted_sequence: 1-d, or of ``input``'s shape apart from the last dimension; in ascending order.
        input: the values, a tensor or a number.
        out_int32: give int32 instead of int64.
        right: of several places the last (a[i−1] ≤ v < a[i]) instead of the first (a[i−1] < v ≤ a[i]).
        side: ``"left"`` or ``"right"``: the same.
        sorter: the order (as of argsort) in which the sequence is ascending, if it is not so itself.

    Raises:
        ShapeError: the shapes or ``side`` and ``right`` do not fit, or ``sorter`` is no order. DTypeError: it is not
            int64.
    """
    sequence = check_tensor(sorted_sequence, "searchsorted", "sorted_sequence")._data
    module = xp(sequence)
    values = input._data if isinstance(input, Tensor) else module.asarray(input)
    if side not in (None, "left", "right"):
        raise ShapeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise ShapeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    if sequence.ndim == 0:
        raise ShapeError("torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1")
    if sequence.ndim > 1 and sequence.shape[:-1] != values.shape[:-1]:
        raise ShapeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(sequence.shape)} and input "
            f"value tensor {list(values.shape)}"
        )
    if sorter is not None:
        sequence = _in_order(sequence, check_tensor(sorter, "searchsorted", "sorter")._data)
    found = kernels.insertion_places(sequence, values, "right" if right or side == "right" else "left")
    return Tensor(as_array(found).astype("int32" if out_int32 else "int64"))


def _in_order(sequence: Any, order: Any) -> Any:
    if order.shape != sequence.shape:
        raise ShapeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(sequence.shape)} and got sorter tensor {list(order.shape)}"
        )
    if order.dtype != "int64":
        raise DTypeError(
            f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {scalar_name(order.dtype)}"
        )
    if order.size and not 0 <= int(order.min()) <= int(order.max()) < sequence.shape[-1]:
        raise ShapeError(f"torch.searchsorted(): sorter index out of range: it must be in [0, {sequence.shape[-1]})")
    return take_along(sequence, order, sequence.ndim - 1)


@public(method=False)
def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The number of the bucket between 1-d ascending ``boundaries`` in which each value lies; see :func:`searchsorted`.

    Raises:
        ShapeError: ``boundaries`` is not 1-d.
    """
    edges = check_tensor(boundaries, "bucketize", "boundaries", 2)
    if edges._data.ndim != 1:
        raise ShapeError(
            f"torch.searchsorted(): boundaries tensor must be 1 dimension, but got dim({edges._data.ndim})"
        )
    return searchsorted(edges, input, out_int32=out_int32, right=right)


@public(method=False)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each of ``elements`` is among ``test_elements``, or with ``invert`` whether not; either may be a number.

    Raises:
        ArgumentTypeError: neither is a tensor, or one is neither tensor nor number.
    """
    given = (elements, test_elements)
    tensors = [each._data for each in given if isinstance(each, Tensor)]
    if not tensors or not all(isinstance(each, (Tensor, Number)) for each in given):
        raise ArgumentTypeError(
            "isin(): elements and test_elements must be Tensors, or one of them a number, not "
            f"{type(elements).__name__} and {type(test_elements).__name__}"
        )
    module = xp(tensors[0])
    tested, among = [each._data if isinstance(each, Tensor) else module.asarray(each) for each in given]
    return Tensor(module.isin(tested, among.reshape(-1), assume_unique=assume_unique, invert=invert))


# ---------------------------------------------------------------------- unique elements


@public()
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in ascending order, or the different slices along ``dim``; each nan counts for itself.

    Args:
        sorted: accepted for PyTorch's sake; the result is always in order.
        return_inverse: also give, for each element (slice), its place in the result.
        return_counts: also give how often each comes.

    Raises:
        ShapeError: ``dim`` is empty.
    """
    data = check_tensor(input, "unique")._data
    if dim is None:
        line = data.reshape(-1)
        order = kernels.sorting_order(line, 0, False)
        found, inverse, counts = kernels.runs(line[order], 0)
        if return_inverse:
            spread = xp(data).empty_like(inverse)
            spread[order] = inverse
            inverse = spread.reshape(data.shape)
        return _unique_results(found, inverse, counts, return_inverse, return_counts)
    dim = normalize_dim(dim, data.ndim)
    _check_slices(data, dim)
    rows = data.swapaxes(0, dim).reshape((data.shape[dim], data.size // max(data.shape[dim], 1)))
    order = kernels.order_of_rows(rows)
    found, inverse, counts = kernels.runs(xp(data).take(data, order, axis=dim), dim)
    spread = xp(data).empty_like(inverse)
    spread[order] = inverse
    return _unique_results(found, spread, counts, return_inverse, return_counts)


def _check_slices(data: Any, dim: int) -> None:
    if data.size == 0 and data.shape[dim]:
        raise ShapeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")


def _unique_results(found: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    results = [found] + [inverse] * return_inverse + [counts] * return_counts
    made = tuple([Tensor(each) for each in results])
    return made[0] if len(made) == 1 else made


@public()
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along ``dim``) of which each differs from the one before.

    Args:
        return_inverse: also give, for each element (slice), its place in the result.
        return_counts: also give how many equal ones each stands for.
    """
    data = check_tensor(input, "unique_consecutive")._data
    if dim is None:
        found, inverse, counts = kernels.runs(data.reshape(-1), 0)
        return _unique_results(found, inverse.reshape(data.shape), counts, return_inverse, return_counts)
    dim = normalize_dim(dim, data.ndim)
    _check_slices(data, dim)
    return _unique_results(*kernels.runs(data, dim), return_inverse, return_counts)
