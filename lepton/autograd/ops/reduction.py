"""Sums, means, products and truth: many elements to one, over all dimensions or some of them."""

from __future__ import annotations

import builtins
import math
from typing import Any

from lepton.autograd.op import BroadcastTo, Cast, Op
from lepton.autograd.ops.arguments import check_tensor, normalize_dims, scalar_name, sizes_of
from lepton.autograd.ops.joining import Cat, Stack
from lepton.autograd.ops.shape import reshape
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError
from lepton.kernels.reduction import is_narrow, total, widen

__all__ = ["all", "any", "mean", "prod", "sum"]

Axes = tuple[int, ...] | None


def kept_shape(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """``shape`` with the reduced axes as 1."""
    if axes is None:
        return (1,) * len(shape)
    return tuple([1 if axis in axes else length for axis, length in enumerate(shape)])


def count(shape: tuple[int, ...], axes: Axes) -> int:
    """How many elements are reduced to one."""
    return math.prod(shape if axes is None else [shape[axis] for axis in axes])


def spread(g: Any, shape: tuple[int, ...], axes: Axes, keepdim: bool) -> Any:
    """The gradient of a reduction's result brought back to the input's shape."""
    if axes is not None and not keepdim:
        g = g.reshape(kept_shape(shape, axes))
    return BroadcastTo.on(g, shape=shape)


class Reduction(Op):
    """What the ops share that reduce over ``axes``."""

    __slots__ = ("axes", "keepdim", "source")

    def __init__(self, axes: Axes, keepdim: bool) -> None:
        self.axes, self.keepdim = axes, keepdim


class Sum(Reduction):
    """z = Σ x          ∂L/∂x = g repeated"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return total(x, self.axes, self.keepdim)

    def backward(self, g: Any) -> Any:
        return spread(g, self.source, self.axes, self.keepdim)


class Mean(Reduction):
    """z = (1/n) Σ x          ∂L/∂x = g/n repeated"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        n = count(x.shape, self.axes)
        if is_narrow(x.dtype):
            return (total(widen(x), self.axes, self.keepdim) / n).astype(x.dtype)
        found = total(x, self.axes, self.keepdim)
        return found / n if n else found * math.nan

    def backward(self, g: Any) -> Any:
        n = max(count(self.source, self.axes), 1)
        return spread(g / n if n < 65504 else g * (1.0 / n), self.source, self.axes, self.keepdim)


class Prod(Reduction):
    """z = Π x          ∂L/∂xᵢ = g·Π_{j≠i} xⱼ"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        if is_narrow(x.dtype):
            return widen(x).prod(axis=self.axes, keepdims=self.keepdim).astype(x.dtype)
        kind = None if x.dtype.kind == "f" else "int64"
        return x.prod(axis=self.axes, dtype=kind, keepdims=self.keepdim)

    def backward(self, g: Any, x: Any) -> Any:
        shape = self.source
        axis = 0 if self.axes is None else self.axes[0]
        line = x.reshape((-1,)) if self.axes is None else x.swapaxes(axis, -1)
        if line.shape[-1] < 2:
            others = None
        else:
            others = products_of_others(line)
            others = others.reshape(shape) if self.axes is None else others.swapaxes(axis, -1)
        g = spread(g, shape, self.axes, self.keepdim)
        return g if others is None else g * others


def products_of_others(x: Any) -> Any:
    """For each of n ≥ 2 elements of the last dimension the product of the others, pair by pair, without division."""
    n = x.shape[-1]
    if n == 2:
        return x[..., ::-1]
    last = x.ndim - 1
    if n % 2:
        others = products_of_others(x[..., :-1])
        return Cat.on(others * x[..., -1:], others[..., :1] * x[..., :1], dim=last)
    even, odd = x[..., 0::2], x[..., 1::2]
    others = products_of_others(even * odd)
    return Stack.on(others * odd, others * even, dim=last + 1).reshape(x.shape)


class All(Reduction):
    """z = whether all x are not 0          (not differentiable)"""

    __slots__ = ()
    differentiable = False

    def forward(self, x: Any) -> Any:
        found = x.all(axis=self.axes, keepdims=self.keepdim)
        return found.astype("uint8") if x.dtype == "uint8" else found


class Any_(Reduction):  # noqa: N801 - Any is typing's
    """z = whether some x is not 0          (not differentiable)"""

    __slots__ = ()
    differentiable = False

    def forward(self, x: Any) -> Any:
        found = x.any(axis=self.axes, keepdims=self.keepdim)
        return found.astype("uint8") if x.dtype == "uint8" else found


# ---------------------------------------------------------------------- sums


def in_type(input: Tensor, dtype: Any) -> Tensor:
    """The tensor converted to ``dtype`` before it is reduced, so that nothing is lost on the way."""
    target = dtypes.as_dtype(dtype).numpy
    return input if input._data.dtype == target else Cast(target)(input)


def in_result_type(out: Tensor, dtype: Any) -> Tensor:
    """What was added up or multiplied in int64 as the integer type that was asked for; it wraps as PyTorch's does."""
    return out if dtype is None or out.dtype.is_floating_point else in_type(out, dtype)


@public()
def sum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, axis: Any = None,
    keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """Σ input over ``dim``; 0 for no elements. Integers and bools add up in int64, float16 in float32.

    Args:
        dim: one dimension, several, or None for all (``axis`` is NumPy's word for it).
        keepdim: keep the reduced dimensions with length 1 (``keepdims`` likewise).
        dtype: convert to this type first.

    Raises:
        IndexRangeError: there is no such dimension. ShapeError: one is named twice.
    """
    data = check_tensor(input, "sum")._data
    if dtype is not None:
        input = in_type(input, dtype)
    wanted = dim if axis is None else axis
    out = Sum(None if wanted is None else normalize_dims(wanted, data.ndim), keepdim or keepdims)(input)
    return out if dtype is None else in_result_type(out, dtype)


@public()
def mean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, axis: Any = None,
    keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """(1/n) Σ input over ``dim``; nan for no elements. Arguments as for :func:`sum`.

    Raises:
        DTypeError: the type is not floating.
    """
    data = check_tensor(input, "mean")._data
    if dtype is not None:
        _check_mean(dtypes.as_dtype(dtype), "Optional")
        input = in_type(input, dtype)
    elif data.dtype.kind != "f":
        _check_mean(input.dtype, "Input")
    wanted = dim if axis is None else axis
    return Mean(None if wanted is None else normalize_dims(wanted, data.ndim), keepdim or keepdims)(input)


def _check_mean(dtype: dtypes.dtype, which: str) -> None:
    if not dtype.is_floating_point:
        raise DTypeError(
            f"mean(): could not infer output dtype. {which} dtype must be either a floating point or complex dtype. "
            f"Got: {scalar_name(dtype.numpy)}"
        )


@public()
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None, axis: int | None = None,
    keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """Π input over one dimension or all; 1 for no elements. Integers and bools multiply in int64.

    Args:
        dim: one dimension, or None for all.
        keepdim: keep it with length 1.
        dtype: convert to this type first.
    """
    data = check_tensor(input, "prod")._data
    if dtype is not None:
        input = in_type(input, dtype)
    out = Prod(_one_dim(dim if axis is None else axis, data.ndim, "prod"), keepdim or keepdims)(input)
    return out if dtype is None else in_result_type(out, dtype)


def _one_dim(dim: Any, ndim: int, what: str) -> Axes:
    if isinstance(dim, (tuple, list)):
        raise ArgumentTypeError(f"{what}() reduces one dimension or all, but got dim={dim}; reduce one after another")
    return normalize_dims(dim, ndim)


# ---------------------------------------------------------------------- truth


@public()
def all(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool = False
) -> Tensor:
    """Whether all elements over ``dim`` (one, several, or all) are not 0; True for no elements. uint8 stays uint8."""
    ndim = check_tensor(input, "all")._data.ndim
    return All(normalize_dims(dim if axis is None else axis, ndim, empty_is_all=False), keepdim or keepdims)(input)


@public()
def any(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool = False
) -> Tensor:
    """Whether some element over ``dim`` (one, several, or all) is not 0; False for no elements. uint8 stays uint8."""
    ndim = check_tensor(input, "any")._data.ndim
    return Any_(normalize_dims(dim if axis is None else axis, ndim, empty_is_all=False), keepdim or keepdims)(input)


@public()
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The tensor summed over the dimensions that broadcasting ``size`` to its shape would add or lengthen.

    Raises:
        ShapeError: ``size`` does not broadcast to its shape. ArgumentTypeError: it is missing.
    """
    if not size:
        raise ArgumentTypeError('sum_to_size() missing 1 required positional arguments: "size"')
    own, wanted = check_tensor(input, "sum_to_size")._data.shape, sizes_of(size)
    extra = len(own) - len(wanted)
    if extra < 0 or builtins.any(a not in (1, b) for a, b in zip(wanted, own[extra:], strict=True)):
        raise ShapeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(own)}}}.")
    axes = [axis for axis, length in enumerate(own) if axis < extra or (wanted[axis - extra] == 1 and length != 1)]
    return reshape(Sum(tuple(axes), True)(input), wanted) if axes else input
