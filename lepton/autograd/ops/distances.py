"""Distances between all pairs of points."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from lepton.autograd.op import Op, broadcast_shape
from lepton.autograd.ops._elementwise import ZerosLike
from lepton.autograd.ops._linalg import mT, where_not_zero
from lepton.autograd.ops.arguments import check_tensor, scalar_name
from lepton.autograd.ops.arithmetic import Abs, Sign
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.joining import Cat
from lepton.autograd.ops.reduction import Sum
from lepton.autograd.ops.shape import expand
from lepton.autograd.ops.statistics import norm_of
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import ArgumentError, DTypeError, ShapeError, UnsupportedDTypeError, ValueRangeError
from lepton.kernels.reduction import is_narrow

__all__ = ["cdist"]

AT_ONCE = 1 << 22  # differences that are held in memory at a time
MANY_POINTS = 25  # beyond so many, PyTorch and we find Euclidean distances by a product of matrices
MODES = {
    "use_mm_for_euclid_dist_if_necessary": None,
    "use_mm_for_euclid_dist": True,
    "donot_use_mm_for_euclid_dist": False,
}


class Cdist(Op):
    """z = ‖xᵢ − yⱼ‖ₚ          ∂L/∂xᵢ = Σⱼ gᵢⱼ·s,  ∂L/∂yⱼ = −Σᵢ gᵢⱼ·s,  s = sign(d)·(|d|/z)^(p−1), d = xᵢ − yⱼ

    s is 0 where d is; for p = ∞ it is sign(d) where |d| = z, for p = 0 it is 0. Some rows of x are taken at a time.
    """

    __slots__ = ("p",)
    saves = ("x", "y", "out")

    def __init__(self, p: float) -> None:
        self.p = p

    def forward(self, x: Any, y: Any) -> Any:
        if not x.shape[-1]:
            return xp(x).zeros((*x.shape[:-1], y.shape[-2]), x.dtype)
        found = [norm_of(d, self.p, (d.ndim - 1,), False) for _, d in _differences(x, y)]
        return xp(x).concatenate(found, axis=-2)

    def backward(self, g: Any, x: Any, y: Any, out: Any) -> Any:
        if self.p == 0:
            return ZerosLike.on(x), ZerosLike.on(y)
        gx, gy = [], 0
        for rows, d in _differences(x, y):
            last = len(d.shape) - 1
            pull = g[..., rows, :, None] * self._slope(d, out[..., rows, :, None])
            if self.needs[0]:
                gx.append(Sum.on(pull, axes=(last - 1,), keepdim=False))
            if self.needs[1]:
                gy = gy - Sum.on(pull, axes=(last - 2,), keepdim=False)
        return Cat.on(*gx, dim=len(x.shape) - 2) if gx else None, gy if self.needs[1] else None

    def _slope(self, d: Any, out: Any) -> Any:
        if self.p == 1:
            return Sign.on(d)
        if math.isinf(self.p):
            return Where.on(Abs.on(d) == out, Sign.on(d), 0)
        if self.p == 2:
            return d * where_not_zero(out)
        inside = Where.on(d == 0, 1, d)
        size = Where.on(out == 0, 1, out)
        return Where.on(d == 0, 0, Sign.on(inside) * (Abs.on(inside) / size) ** (self.p - 1))


def _differences(x: Any, y: Any) -> Iterator[tuple[slice, Any]]:
    """All xᵢ − yⱼ for some rows of x at a time, and which rows."""
    count = x.shape[-2]
    step = max(1, AT_ONCE // max(1, math.prod(y.shape)))
    for start in range(0, max(count, 1), step):
        rows = slice(start, start + step)
        yield rows, x[..., rows, None, :] - y[..., None, :, :]


class EuclideanDistance(Op):
    """z = √(|xᵢ|² + |yⱼ|² − 2·xᵢ·yⱼ)          ∂L/∂x = x·Σⱼ r − r·y,  ∂L/∂y = y·Σᵢ r − rᵀ·x,  r = g/z, 0 where z = 0

    One product of matrices; where two points are close beside their sizes, digits are lost.
    """

    __slots__ = ()
    saves = ("x", "y", "out")

    def forward(self, x: Any, y: Any) -> Any:
        module = xp(x)
        squares = (x * x).sum(axis=-1)[..., :, None] + (y * y).sum(axis=-1)[..., None, :] - 2 * (x @ mT(y))
        return module.sqrt(module.maximum(squares, 0))

    def backward(self, g: Any, x: Any, y: Any, out: Any) -> Any:
        ratio, last = g * where_not_zero(out), len(g.shape) - 1
        gx = gy = None
        if self.needs[0]:
            gx = x * Sum.on(ratio, axes=(last,), keepdim=True) - ratio @ y
        if self.needs[1]:
            gy = y * mT(Sum.on(ratio, axes=(last - 1,), keepdim=True)) - mT(ratio) @ x
        return gx, gy


def cdist(x1: Tensor, x2: Tensor, p: float, compute_mode: str) -> Tensor:
    """The distances between rows; see :func:`lepton.cdist`."""
    if compute_mode not in MODES:
        raise ArgumentError(f"{compute_mode} is not a valid value for compute_mode; these are: {', '.join(MODES)}")
    a, b = _checked_points(x1, x2)
    if p < 0:
        raise ValueRangeError(f"cdist only supports non-negative p values, but got {p}")
    batch = broadcast_shape(a.shape[:-2], b.shape[:-2])
    points = [expand(each, (*batch, *each._data.shape[-2:])) for each in (x1, x2)]
    quick = MODES[compute_mode]
    if p == 2 and (max(a.shape[-2], b.shape[-2]) > MANY_POINTS if quick is None else quick):
        return EuclideanDistance()(*points)
    return Cdist(float(p))(*points)


def _checked_points(x1: Tensor, x2: Tensor) -> tuple[Any, Any]:
    arrays = [check_tensor(x1, "cdist", "x1")._data, check_tensor(x2, "cdist", "x2", 2)._data]
    for name, each in zip(("X1", "X2"), arrays, strict=True):
        if each.dtype.kind not in "fV":
            raise DTypeError(f"cdist only supports floating-point dtypes, {name} got: {scalar_name(each.dtype)}")
        if each.ndim < 2:
            raise ShapeError(f"cdist only supports at least 2D tensors, {name} got: {each.ndim}D")
        if is_narrow(each.dtype):
            raise UnsupportedDTypeError(f"\"cdist\" not implemented for '{scalar_name(each.dtype)}'; use .float()")
    a, b = arrays
    if a.shape[-1] != b.shape[-1]:
        raise ShapeError(
            f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}"
        )
    if a.dtype != b.dtype:
        raise DTypeError(f"cdist: expected scalar type {scalar_name(a.dtype)} but found {scalar_name(b.dtype)}")
    return a, b
