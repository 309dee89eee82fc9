"""The largest and the smallest element, and where it is."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Cast, Op
from lepton.autograd.ops.arguments import check_tensor, normalize_dims
from lepton.autograd.ops.extrema import maximum, minimum
from lepton.autograd.ops.indexing import Gather
from lepton.autograd.ops.reduction import Axes, Reduction, Sum, kept_shape, spread
from lepton.autograd.ops.return_types import ValuesIndices
from lepton.autograd.ops.return_types import max as max_result
from lepton.autograd.ops.return_types import min as min_result
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend.devices import xp
from lepton.errors import ArgumentTypeError, DTypeError, IndexRangeError, ShapeError
from lepton.kernels.indexing import put_along, take_along

__all__ = ["amax", "amin", "argmax", "argmin", "max", "min"]


class Amax(Reduction):
    """z = max x          ∂L/∂x = g shared evenly among the elements that are equal to z"""

    __slots__ = ("kind",)
    saves = ("x", "out")

    def forward(self, x: Any) -> Any:
        self.source, self.kind = x.shape, x.dtype
        return x.max(axis=self.axes, keepdims=self.keepdim)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        best = out if self.keepdim or self.axes is None else out.reshape(kept_shape(self.source, self.axes))
        chosen = Cast.on(self.where_best(x, best), target=self.kind)
        shares = chosen / Sum.on(chosen, axes=self.axes, keepdim=True)
        return spread(g, self.source, self.axes, self.keepdim) * shares

    def where_best(self, x: Any, best: Any) -> Any:
        """Which elements share the gradient."""
        return x == best


class Amin(Amax):
    """z = min x          ∂L/∂x = g shared evenly among the elements that are equal to z"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        self.source, self.kind = x.shape, x.dtype
        return x.min(axis=self.axes, keepdims=self.keepdim)


class Max(Amax):
    """z = max x over all elements          ∂L/∂x = g shared evenly among the elements that are z (nan too)"""

    __slots__ = ()

    def where_best(self, x: Any, best: Any) -> Any:
        return x == best if bool((best == best).all()) else x != x


class Min(Amin):
    """z = min x over all elements          ∂L/∂x = g shared evenly among the elements that are z (nan too)"""

    __slots__ = ()

    def where_best(self, x: Any, best: Any) -> Any:
        return x == best if bool((best == best).all()) else x != x


class Pick(Op):
    """What the ops share that pick one element along ``dim`` and also say which: values and indices."""

    __slots__ = ("dim", "keepdim", "source")
    several = True
    saves = ("out1",)

    def __init__(self, dim: int, keepdim: bool = False) -> None:
        self.dim, self.keepdim = dim, keepdim

    def find(self, x: Any) -> Any:
        """The index of the element to pick along ``dim``, which is kept with length 1."""
        raise NotImplementedError

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        if not x.shape:
            return x.copy(), xp(x).zeros((), "int64")
        index = self.find(x)
        values = take_along(x, index, self.dim)
        return (values, index) if self.keepdim else (values.squeeze(self.dim), index.squeeze(self.dim))

    def backward(self, g: Any, index: Any) -> Any:
        if not self.source:
            return g[0]
        picked = kept_shape(self.source, (self.dim,))
        return PickBackward.on(g[0].reshape(picked), index.reshape(picked), dim=self.dim, shape=self.source)


class PickBackward(Op):
    """z = zeros with x at z[…, index[…], …]          ∂L/∂x = those elements of g"""

    __slots__ = ("dim", "shape")
    saves = ("index",)

    def __init__(self, dim: int, shape: tuple[int, ...]) -> None:
        self.dim, self.shape = dim, shape

    def forward(self, x: Any, index: Any) -> Any:
        return put_along(x, index, self.dim, self.shape)

    def backward(self, g: Any, index: Any) -> Any:
        return Gather.on(g, index, dim=self.dim), None


class MaxAlong(Pick):
    """z, i = max x along a dimension and its first place          ∂L/∂x = g at i"""

    __slots__ = ()

    def find(self, x: Any) -> Any:
        return x.argmax(axis=self.dim, keepdims=True)


class MinAlong(Pick):
    """z, i = min x along a dimension and its first place          ∂L/∂x = g at i"""

    __slots__ = ()

    def find(self, x: Any) -> Any:
        return x.argmin(axis=self.dim, keepdims=True)


class Argmax(Op):
    """z = the first place of max x          (not differentiable)"""

    __slots__ = ("dim", "keepdim", "method")
    differentiable = False

    def __init__(self, dim: int | None, keepdim: bool, method: str = "argmax") -> None:
        self.dim, self.keepdim, self.method = dim, keepdim, method

    def forward(self, x: Any) -> Any:
        return getattr(x, self.method)(axis=self.dim if x.ndim else None, keepdims=self.keepdim)


class Argmin(Argmax):
    """z = the first place of min x          (not differentiable)"""

    __slots__ = ()

    def __init__(self, dim: int | None, keepdim: bool) -> None:
        super().__init__(dim, keepdim, "argmin")


# ---------------------------------------------------------------------- functions


def check_not_empty(data: Any, axes: Axes, what: str) -> None:
    """Refuse to reduce no elements to one where there is no neutral element."""
    if data.size:
        return
    if axes is None:
        message = f"{what}(): Expected reduction dim to be specified for input.numel() == 0."
        if what.startswith("arg"):
            raise IndexRangeError(message)
        raise ShapeError(f"{message} Specify the reduction dim with the 'dim' argument.")
    for axis in axes:
        if data.shape[axis] == 0:
            raise IndexRangeError(f"{what}(): Expected reduction dim {axis} to have non-zero size.")


@public()
def amax(input: Tensor, dim: Any = (), keepdim: bool = False, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest element over ``dim`` (one, several, or all); nan if one is nan. Ties share the gradient evenly.

    Raises:
        IndexRangeError: a reduced dimension has length 0, or there is no such dimension.
    """
    data = check_tensor(input, "amax")._data
    axes = normalize_dims(dim if axis is None else axis, data.ndim)
    check_not_empty(data, axes, "amax")
    return Amax(axes, keepdim or keepdims)(input)


@public()
def amin(input: Tensor, dim: Any = (), keepdim: bool = False, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest element over ``dim`` (one, several, or all); nan if one is nan. Ties share the gradient evenly.

    Raises:
        IndexRangeError: a reduced dimension has length 0, or there is no such dimension.
    """
    data = check_tensor(input, "amin")._data
    axes = normalize_dims(dim if axis is None else axis, data.ndim)
    check_not_empty(data, axes, "amin")
    return Amin(axes, keepdim or keepdims)(input)


@public()
def max(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None, axis: int | None = None,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """The largest element; with ``dim`` (values, indices) along it; with ``other`` the larger of two.

    The index is that of the first largest; nan counts as largest. Over all elements ties share the gradient evenly,
    along a dimension it goes to the index.

    Args:
        dim: a dimension, or in its place another tensor to compare with, element by element.
        keepdim: keep the dimension with length 1.

    Raises:
        ShapeError, IndexRangeError: there are no elements to choose from.
    """
    if isinstance(dim, Tensor) or other is not None:
        return maximum(input, dim if other is None else other)
    return _extreme(input, dim if axis is None else axis, keepdim or keepdims, "max", Max, MaxAlong, max_result)


@public()
def min(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None, axis: int | None = None,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """The smallest element; with ``dim`` (values, indices) along it; with ``other`` the smaller of two.

    The index is that of the first smallest; nan counts as smallest. Over all elements ties share the gradient evenly,
    along a dimension it goes to the index.

    Args:
        dim: a dimension, or in its place another tensor to compare with, element by element.
        keepdim: keep the dimension with length 1.

    Raises:
        ShapeError, IndexRangeError: there are no elements to choose from.
    """
    if isinstance(dim, Tensor) or other is not None:
        return minimum(input, dim if other is None else other)
    return _extreme(input, dim if axis is None else axis, keepdim or keepdims, "min", Min, MinAlong, min_result)


def _extreme(
    input: Tensor, dim: Any, keepdim: bool, what: str, whole: type[Reduction], along: type[Pick],
    result: type[ValuesIndices],
) -> Any:  # fmt: skip
    data = check_tensor(input, what)._data
    if dim is None:
        check_not_empty(data, None, what)
        return whole(None, False)(input)
    place = pick_dim(dim, data, what)
    return result(*along(place, keepdim)(input))


def pick_dim(dim: Any, data: Any, what: str) -> int:
    """The one dimension along which something is picked, which must not be empty."""
    if not hasattr(dim, "__index__") or isinstance(dim, bool):
        raise ArgumentTypeError(f"{what}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}")
    place = normalize_dim(dim, data.ndim)
    if data.ndim and data.shape[place] == 0:
        raise IndexRangeError(f"{what}(): Expected reduction dim {place} to have non-zero size.")
    return place


@public()
def argmax(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None, keepdims: bool = False
) -> Tensor:
    """The place (int64) of the first largest element along ``dim``, or in the flattened tensor; nan is largest.

    Raises:
        DTypeError: the type is bool. IndexRangeError: there are no elements.
    """
    return Argmax(*_arguments_of_arg(input, dim if axis is None else axis, keepdim or keepdims, "argmax"))(input)


@public()
def argmin(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: int | None = None, keepdims: bool = False
) -> Tensor:
    """The place (int64) of the first smallest element along ``dim``, or in the flattened tensor; nan is smallest.

    Raises:
        DTypeError: the type is bool. IndexRangeError: there are no elements.
    """
    return Argmin(*_arguments_of_arg(input, dim if axis is None else axis, keepdim or keepdims, "argmin"))(input)


def _arguments_of_arg(input: Tensor, dim: Any, keepdim: bool, what: str) -> tuple[int | None, bool]:
    data = check_tensor(input, what)._data
    if data.dtype == bool:
        raise DTypeError(f"{what}(): does not support bool input")
    place = None if dim is None else normalize_dim(dim, data.ndim)
    check_not_empty(data, None if place is None else (place,), what)
    return place, keepdim
