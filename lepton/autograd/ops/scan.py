"""Scans and differences: each element combined with those before it along a dimension, or with its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lepton.autograd.op import Cast, Op
from lepton.autograd.ops.arguments import check_tensor, scalar_name
from lepton.autograd.ops.exponential import Logaddexp, Sigmoid
from lepton.autograd.ops.indexing import GatherBackward, Unslice, narrow
from lepton.autograd.ops.joining import Cat, cat
from lepton.autograd.ops.reduction import Sum, in_result_type, in_type
from lepton.autograd.ops.return_types import ValuesIndices
from lepton.autograd.ops.return_types import cummax as cummax_result
from lepton.autograd.ops.return_types import cummin as cummin_result
from lepton.autograd.ops.shape import reshape
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend import dtypes
from lepton.backend.devices import xp
from lepton.errors import DTypeError, IndexRangeError, ShapeError, UnsupportedDTypeError
from lepton.kernels.indexing import along
from lepton.kernels.reduction import widen
from lepton.kernels.scan import log_cumsum_exp, running_best

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "gradient", "logcumsumexp", "trapezoid",
    "trapz",
]  # fmt: skip


class Cumsum(Op):
    """zₖ = Σ_{i≤k} xᵢ          ∂L/∂xᵢ = Σ_{k≥i} gₖ"""

    __slots__ = ("dim",)

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        if x.dtype.kind in "iub":
            x = x.astype("int64")
        return widen(x).cumsum(axis=self.dim).astype(x.dtype, copy=False) if x.ndim else x.copy()

    def backward(self, g: Any) -> Any:
        if not g.ndim:
            return g
        turned = along(self.dim, slice(None, None, -1))
        return Cumsum.on(g[turned], dim=self.dim)[turned]


class Scan(Op):
    """What the scans share whose derivative is that of combining pairs at distances 1, 2, 4, … (Hillis and Steele)."""

    __slots__ = ("dim",)
    saves = ("x",)

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def combine(self, earlier: Any, later: Any) -> Any:
        """The combination of two elements, an array or a Tensor."""
        raise NotImplementedError

    def slopes(self, earlier: Any, later: Any) -> tuple[Any, Any]:
        """The derivatives of the combination in its two arguments."""
        raise NotImplementedError

    def backward(self, g: Any, x: Any) -> Any:
        n, dim = x.shape[self.dim] if x.ndim else 1, self.dim
        levels = [x]
        step = 1
        while 2 * step < n:
            levels.append(self._combined(levels[-1], step))
            step *= 2
        for level in reversed(levels):
            if step < n:
                g = self._pulled(g, level, step, dim)
            step //= 2
        return g

    def _combined(self, x: Any, step: int) -> Any:
        first, last = x[along(self.dim, slice(step))], x[along(self.dim, slice(-step))]
        return Cat.on(first, self.combine(last, x[along(self.dim, slice(step, None))]), dim=self.dim)

    def _pulled(self, g: Any, x: Any, step: int, dim: int) -> Any:
        before, after = along(dim, slice(-step)), along(dim, slice(step, None))
        by_earlier, by_later = self.slopes(x[before], x[after])
        inner = g[after]
        through = Cat.on(g[along(dim, slice(step))], inner * by_later, dim=dim)
        return through + Unslice.on(inner * by_earlier, index=before, shape=x.shape)


class Cumprod(Scan):
    """zₖ = Π_{i≤k} xᵢ          ∂L/∂xᵢ = Σ_{k≥i} gₖ·Π_{j≤k, j≠i} xⱼ"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        if x.dtype.kind in "iub":
            x = x.astype("int64")
        return widen(x).cumprod(axis=self.dim).astype(x.dtype, copy=False) if x.ndim else x.copy()

    def combine(self, earlier: Any, later: Any) -> Any:
        return earlier * later

    def slopes(self, earlier: Any, later: Any) -> tuple[Any, Any]:
        return later, earlier


class LogCumSumExp(Scan):
    """zₖ = log Σ_{i≤k} e^xᵢ          ∂L/∂xᵢ = Σ_{k≥i} gₖ·e^(xᵢ−zₖ)"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return log_cumsum_exp(x, self.dim) if x.ndim else x.copy()

    def combine(self, earlier: Any, later: Any) -> Any:
        return Logaddexp.on(earlier, later)

    def slopes(self, earlier: Any, later: Any) -> tuple[Any, Any]:
        away = later - earlier
        return Sigmoid.on(-away), Sigmoid.on(away)


class Cummax(Op):
    """zₖ, iₖ = max_{i≤k} xᵢ and its latest place          ∂L/∂x = zeros with gₖ added at iₖ"""

    __slots__ = ("dim", "source")
    several = True
    saves = ("out1",)
    largest = True

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        if x.ndim == 0:
            return x.copy(), xp(x).zeros((), "int64")
        return running_best(x, self.dim, self.largest)

    def backward(self, g: Any, index: Any) -> Any:
        if not self.source:
            return g[0]
        return GatherBackward.on(g[0], index, dim=self.dim, shape=self.source)


class Cummin(Cummax):
    """zₖ, iₖ = min_{i≤k} xᵢ and its latest place          ∂L/∂x = zeros with gₖ added at iₖ"""

    __slots__ = ()
    largest = False


# ---------------------------------------------------------------------- scans


@public(inplace=True)
def cumsum(input: Tensor, dim: int | None = None, *, dtype: Any = None, axis: int | None = None) -> Tensor:
    """zₖ = Σ_{i≤k} xᵢ along ``dim``; integers and bools add up in int64.

    Args:
        dim: the dimension.
        dtype: convert to this type first.

    Raises:
        IndexRangeError: there is no such dimension.
    """
    return _scanned(Cumsum, input, dim if axis is None else axis, dtype)


@public(inplace=True)
def cumprod(input: Tensor, dim: int | None = None, *, dtype: Any = None, axis: int | None = None) -> Tensor:
    """zₖ = Π_{i≤k} xᵢ along ``dim``; integers and bools multiply in int64.

    Args:
        dim: the dimension.
        dtype: convert to this type first.

    Raises:
        IndexRangeError: there is no such dimension.
    """
    return _scanned(Cumprod, input, dim if axis is None else axis, dtype)


def _scanned(op: Any, input: Tensor, dim: Any, dtype: Any) -> Tensor:
    place = normalize_dim(dim, check_tensor(input, op.__name__.lower())._data.ndim)
    if dtype is not None:
        if dtypes.as_dtype(dtype) is dtypes.bool_:
            raise UnsupportedDTypeError(f"\"{op.__name__.lower()}_out_cpu\" not implemented for 'Bool'")
        input = in_type(input, dtype)
    return in_result_type(op(place)(input), dtype)


@public()
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """zₖ = log Σ_{i≤k} e^xᵢ along ``dim``, without overflow.

    Raises:
        UnsupportedDTypeError: the type is not floating. IndexRangeError: there is no such dimension.
    """
    if not check_tensor(input, "logcumsumexp").dtype.is_floating_point:
        raise UnsupportedDTypeError(f"\"logcumsumexp_out_cpu\" not implemented for '{scalar_name(input._data.dtype)}'")
    return _scanned(LogCumSumExp, input, dim, None)


@public()
def cummax(input: Tensor, dim: int) -> ValuesIndices:
    """(values, indices): the largest element so far along ``dim`` and the latest place where it is; nan is largest.

    Raises:
        IndexRangeError: there is no such dimension.
    """
    return cummax_result(*Cummax(normalize_dim(dim, check_tensor(input, "cummax")._data.ndim))(input))


@public()
def cummin(input: Tensor, dim: int) -> ValuesIndices:
    """(values, indices): the smallest element so far along ``dim`` and the latest place where it is; nan is smallest.

    Raises:
        IndexRangeError: there is no such dimension.
    """
    return cummin_result(*Cummin(normalize_dim(dim, check_tensor(input, "cummin")._data.ndim))(input))


# ---------------------------------------------------------------------- differences


def _parts(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """All but the first, and all but the last, along ``dim``."""
    n = x._data.shape[dim] - 1
    return narrow(x, dim, 1, n), narrow(x, dim, 0, n)


@public()
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """x_{i+1} − xᵢ along ``dim``, ``n`` times over; for bools whether they differ.

    Args:
        prepend, append: what to put before and after ``input`` first.

    Raises:
        ShapeError: the tensor is 0-d, ``n`` is negative, or the shapes do not fit.
    """
    if check_tensor(input, "diff")._data.ndim == 0:
        raise ShapeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise ShapeError(f"order must be non-negative but got {n}")
    dim = normalize_dim(dim, input._data.ndim)
    for each in (prepend, append):
        if each is not None:
            _check_ends(each, input, dim)
    joined = [each for each in (prepend, input, append) if each is not None]
    out = cat(joined, dim) if len(joined) > 1 else input
    for _ in range(min(n, out._data.shape[dim])):
        later, earlier = _parts(out, dim)
        out = later ^ earlier if out.dtype is dtypes.bool_ else later - earlier
    return out.clone() if out is input else out


def _check_ends(end: Tensor, input: Tensor, dim: int) -> None:
    own, theirs = input._data.shape, end._data.shape
    if len(own) != len(theirs):
        raise ShapeError("diff expects prepend or append to be the same dimension as input")
    for place, (mine, other) in enumerate(zip(own, theirs, strict=True)):
        if place != dim and mine != other:
            raise ShapeError(
                "diff expects the shape of tensor to prepend or append to match that of input except along the "
                f"differencing dimension; input.size({place}) = {mine}, but got tensor.size({place}) = {other}"
            )


def _trapezoids(y: Tensor, x: Tensor | None, dx: float | None, dim: int, what: str) -> tuple[Any, int]:
    """The areas between neighbours along ``dim``, or None where there is just one sample."""
    if check_tensor(y, what)._data.ndim == 0:
        raise IndexRangeError(f"Dimension specified as {dim} but tensor has no dimensions")
    dim = normalize_dim(dim, y._data.ndim)
    for name, each in (("y", y), ("x", x)):
        if each is not None and each.dtype is dtypes.bool_:
            raise DTypeError(f"{what}: received a bool input for `{name}`, but bool is not supported")
    n = y._data.shape[dim]
    if x is not None and x._data.ndim == 0:
        x = reshape(x, 1)
    if x is not None and x._data.shape[dim if x._data.ndim > 1 else 0] != n:
        raise ShapeError("trapezoid: There must be one `x` value for each sample point")
    if n == 0:
        return None, dim
    later, earlier = _parts(y, dim)
    if x is None:
        return (later + earlier) * ((1.0 if dx is None else dx) / 2.0), dim
    if x._data.ndim == 1:
        x = reshape(x, (-1,) + (1,) * (y._data.ndim - dim - 1))
        after, before = _parts(x, 0)
    else:
        after, before = _parts(x, dim - y._data.ndim + x._data.ndim)
    return (after - before) * (later + earlier) / 2.0, dim


@public(method=False, aliases=("trapz",))
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """∫ y along ``dim`` by the trapezoidal rule: Σ (x_{i+1} − xᵢ)·(y_{i+1} + yᵢ)/2.

    Args:
        y: the values.
        x: the points where they are, of y's shape or 1-d; by default ``dx`` (1) apart.

    Raises:
        ShapeError: ``x`` does not have one value for each of ``y``.
    """
    areas, dim = _trapezoids(y, x, dx, dim, "trapezoid")
    return Sum((dim,), False)(y.detach() if areas is None else areas)


trapz = trapezoid


@public(method=False)
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The integrals of ``y`` from its first point to each later one; see :func:`trapezoid`.

    Raises:
        ShapeError: ``x`` does not have one value for each of ``y``.
    """
    areas, dim = _trapezoids(y, x, dx, dim, "cumulative_trapezoid")
    return y.clone() if areas is None else cumsum(areas, dim)


@public(method=False)
def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Estimates of the derivative along each dimension: second-order differences inside, one-sided ones at the edges.

    Args:
        spacing: the distance of neighbours: a number, one number for each dimension, or one tensor of coordinates for
            each.
        dim: the dimensions, by default all.
        edge_order: 1 or 2: the order of the estimates at the edges.

    Raises:
        ShapeError: a dimension has fewer than ``edge_order`` + 1 elements, or the arguments do not fit.
    """
    ndim = check_tensor(input, "gradient")._data.ndim
    dims = list(range(ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    dims = [normalize_dim(each, ndim) for each in dims]
    if edge_order not in (1, 2):
        raise ShapeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    spacings = list(spacing) if isinstance(spacing, (tuple, list)) else [spacing] * len(dims)
    if len(spacings) != len(dims):
        raise ShapeError(
            "torch.gradient expected spacing to be unspecified, a scalar or a list of length "
            f"{len(dims)}, but got a list of length {len(spacings)}"
        )
    if input.dtype in (dtypes.uint8, dtypes.bool_):
        raise DTypeError(f"torch.gradient does not support {input.dtype.name} input.")
    if not input.dtype.is_floating_point:
        input = Cast(dtypes.get_default_dtype().numpy)(input)
    return tuple([_derivative(input, each, place, edge_order) for each, place in zip(spacings, dims, strict=True)])


def _derivative(x: Tensor, spacing: Any, dim: int, edge_order: int) -> Tensor:
    n = x._data.shape[dim]
    if n < edge_order + 1:
        raise ShapeError("torch.gradient expected each dimension size to be at least edge_order+1")
    if isinstance(spacing, Tensor) and spacing._data.ndim == 1:
        if spacing._data.shape[0] != n:
            raise ShapeError(
                f"torch.gradient expected each element of 'coordinates' to have {n} elements, got {spacing.numel()}"
            )
        steps: Any = reshape(diff(spacing), (-1,) + (1,) * (x._data.ndim - dim - 1))
    else:
        steps = reshape(_constant(float(spacing), x, n - 1), (-1,) + (1,) * (x._data.ndim - dim - 1))
    later, earlier = _parts(x, dim)
    slopes = (later - earlier) / steps
    after, before = _parts(steps, 0)
    right, left = _parts(slopes, dim)
    inside = (right * before + left * after) / (after + before)
    first, last = narrow(slopes, dim, 0, 1), narrow(slopes, dim, n - 2, 1)
    if edge_order == 2:
        head, tail = narrow(steps, 0, 0, 2), narrow(steps, 0, n - 3, 2)
        first = _edge(first, narrow(slopes, dim, 1, 1), *_two(head))
        last = _edge(last, narrow(slopes, dim, n - 3, 1), *reversed(_two(tail)))
    return cat([first, inside, last], dim)


def _constant(value: float, like: Tensor, n: int) -> Tensor:
    return Tensor(xp(like._data).full((n,), value, dtype=like._data.dtype))


def _two(steps: Tensor) -> Sequence[Tensor]:
    return [narrow(steps, 0, 0, 1), narrow(steps, 0, 1, 1)]


def _edge(slope: Tensor, next_slope: Tensor, step: Tensor, next_step: Tensor) -> Tensor:
    """The second-order estimate at an edge: the first slope, extrapolated by half the change to the next."""
    return slope - (next_slope - slope) * step / (step + next_step)
