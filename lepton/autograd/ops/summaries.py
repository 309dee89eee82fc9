"""What describes many elements at once: histograms, counts, quantiles, covariances, comparisons of whole tensors."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Cast, as_array
from lepton.autograd.ops.arguments import check_tensor, normalize_dims, scalar_name
from lepton.autograd.ops.arithmetic import sub
from lepton.autograd.ops.comparison import Where, isclose
from lepton.autograd.ops.extrema import clamp
from lepton.autograd.ops.extremes import Amax, Amin
from lepton.autograd.ops.indexing import Gather
from lepton.autograd.ops.matrix import Mm
from lepton.autograd.ops.rearranging import Diagonal
from lepton.autograd.ops.reduction import Mean, Sum, in_type
from lepton.autograd.ops.return_types import MinMax
from lepton.autograd.ops.return_types import aminmax as aminmax_result
from lepton.autograd.ops.return_types import histogram as histogram_result
from lepton.autograd.ops.shape import Permute, Unsqueeze, expand, movedim, reshape
from lepton.autograd.ops.sorting import Sort
from lepton.autograd.ops.statistics import Renorm, Std, Var, check_norm_type, norm, variance_arguments
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend import dtypes
from lepton.backend.devices import xp
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError, UnsupportedDTypeError

__all__ = [
    "allclose", "aminmax", "bincount", "corrcoef", "count_nonzero", "cov", "dist", "equal", "histc", "histogram",
    "nanmean", "nanquantile", "nansum", "quantile", "renorm", "std_mean", "var_mean",
]  # fmt: skip


# ---------------------------------------------------------------------- several at once


@public(method=False)
def var_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(variance, mean) over ``dim``; see :func:`var`."""
    axes, c = variance_arguments(input, dim, unbiased, correction, "var_mean")
    return Var(axes, keepdim, c)(input), Mean(axes, keepdim)(input)


@public(method=False)
def std_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """(standard deviation, mean) over ``dim``; see :func:`std`."""
    axes, c = variance_arguments(input, dim, unbiased, correction, "std_mean")
    return Std(axes, keepdim, c)(input), Mean(axes, keepdim)(input)


@public()
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """(min, max) of all elements or along ``dim``; ties share the gradient evenly.

    Raises:
        ShapeError: there are no elements to choose from. IndexRangeError: there is no such dimension.
    """
    data = check_tensor(input, "aminmax")._data
    if isinstance(dim, (tuple, list)):
        raise ArgumentTypeError(f"aminmax(): argument 'dim' must be int, not {type(dim).__name__}")
    axes = normalize_dims(dim, data.ndim)
    if data.size == 0 and (axes is None or data.shape[axes[0]] == 0):
        raise ShapeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    return aminmax_result(Amin(axes, keepdim)(input), Amax(axes, keepdim)(input))


# ---------------------------------------------------------------------- without nan


@public()
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Σ of the elements over ``dim`` that are not nan; see :func:`sum`."""
    data = check_tensor(input, "nansum")._data
    if dtype is not None:
        input = in_type(input, dtype)
    return Sum(normalize_dims(dim, data.ndim), keepdim)(_without_nan(input))


def _without_nan(input: Tensor) -> Tensor:
    """The tensor with 0 for nan."""
    if not input.dtype.is_floating_point:
        return input
    return Where()(Tensor(as_array(input._data == input._data)), input, 0)


@public()
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of the elements over ``dim`` that are not nan; nan where there are none.

    Raises:
        DTypeError: the type is not floating.
    """
    data = check_tensor(input, "nanmean")._data
    if not input.dtype.is_floating_point:
        raise DTypeError(f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype}")
    if dtype is not None:
        input = in_type(input, dtype)
    axes = normalize_dims(dim, data.ndim)
    numbers = Tensor(as_array(data == data).astype(input._data.dtype))
    return Sum(axes, keepdim)(_without_nan(input)) / Sum(axes, keepdim)(numbers)


@public()
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements over ``dim`` are not 0, int64."""
    data = check_tensor(input, "count_nonzero")._data
    return Sum(normalize_dims(dim, data.ndim), False)(Tensor(as_array(data != 0)))


# ---------------------------------------------------------------------- quantiles

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@public()
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The value below which a share ``q`` of the elements along ``dim`` (or of all) lies; nan if one is nan.

    The n sorted elements stand at the shares 0, 1/(n−1), …, 1; between two of them it is interpolated.

    Args:
        q: a number, or a tensor of ``input``'s type, 0-d or 1-d: then the result has its dimension in front.
        interpolation: ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"`` or ``"nearest"``.

    Raises:
        DTypeError: the type is not float32 or float64, or that of ``q`` another. ShapeError: ``q`` outside of [0, 1],
            no elements.
    """
    return _quantile(input, q, dim, keepdim, interpolation, False)


@public()
def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """:func:`quantile` of the elements that are not nan; nan where there are none."""
    return _quantile(input, q, dim, keepdim, interpolation, True)


def _check_quantile(input: Tensor, q: Tensor, interpolation: str) -> None:
    if input._data.size == 0:
        raise ShapeError("quantile() input tensor must be non-empty")
    if q._data.ndim > 1:
        raise ShapeError(f"quantile() q must be a scalar or 1D tensor, got {q._data.ndim} dimensions")
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise DTypeError(f"quantile() input tensor must be either float or double dtype, got {input.dtype}")
    if q.dtype is not input.dtype:
        raise DTypeError(f"quantile() q tensor must be same dtype as the input tensor: {q.dtype} is not {input.dtype}")
    if interpolation not in INTERPOLATIONS:
        raise ShapeError(
            f"quantile() interpolation must be one of {', '.join(INTERPOLATIONS[:-1])} or {INTERPOLATIONS[-1]}, "
            f"but got {interpolation}"
        )
    if q._data.size and not bool(((q._data >= 0) & (q._data <= 1)).all()):
        raise ShapeError(f"quantile() q must be in the range [0, 1] but got {q.tolist()}")


def _quantile(input: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool) -> Tensor:
    data = check_tensor(input, "quantile")._data
    if not isinstance(q, Tensor):
        if data.size and not 0 <= q <= 1:
            raise ShapeError(f"quantile() q must be in the range [0, 1] but got {q}")
        q = Tensor(xp(data).full((), q, dtype=data.dtype if data.dtype.kind == "f" else "float64"))
        if not input.dtype.is_floating_point:
            q = Cast(data.dtype)(q)
    _check_quantile(input, q, interpolation)
    shape = data.shape
    place = None if dim is None else normalize_dim(dim, data.ndim)
    rows = reshape(input, data.size) if place is None or not shape else movedim(input, place, -1)
    found = _at_shares(rows, q if q._data.ndim else reshape(q, 1), interpolation, skip_nan)
    if keepdim:
        kept = (1,) * len(shape) if place is None else (*shape[:place], 1, *shape[place + 1 :])
        found = reshape(movedim(found, -1, 0), (q._data.size, *kept)) if shape else movedim(found, -1, 0)
    else:
        found = movedim(found, -1, 0)
    return found if q._data.ndim else reshape(found, found._data.shape[1:])


def _at_shares(rows: Tensor, q: Tensor, interpolation: str, skip_nan: bool) -> Tensor:
    """The quantiles of each row, along the last dimension."""
    module, last = xp(rows._data), rows._data.ndim - 1
    ordered = Sort(last, False)(rows)[0]
    wrong = rows._data != rows._data
    n = rows._data.shape[-1]
    if skip_nan:
        numbers = (n - wrong.sum(axis=-1, keepdims=True)).astype(rows._data.dtype)
        ranks = clamp(q * Tensor(module.maximum(numbers - 1, 0)), min=0.0)
    else:
        ranks = expand(q * float(n - 1), (*rows._data.shape[:-1], q._data.size))
        broken = Tensor(wrong.any(axis=-1, keepdims=True))  # there the last element is nan, and is taken
        ranks = Where()(broken, float(n - 1), ranks)
    if interpolation in ("lower", "higher", "nearest"):
        rounded = {"lower": module.floor, "higher": module.ceil, "nearest": module.rint}[interpolation](ranks._data)
        return Gather(last)(ordered, Tensor(rounded.astype("int64")))
    below, above = module.floor(ranks._data), module.ceil(ranks._data)
    low = Gather(last)(ordered, Tensor(below.astype("int64")))
    high = Gather(last)(ordered, Tensor(above.astype("int64")))
    weight: Any = 0.5 if interpolation == "midpoint" else sub(ranks, Tensor(below))
    return low + (high - low) * weight


# ---------------------------------------------------------------------- histograms


@public()
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements lie in each of ``bins`` equal intervals of [min, max], in ``input``'s type.

    With min = max the smallest and the largest element are taken. Elements outside, and nan, are not counted.

    Raises:
        ShapeError: ``bins`` is not positive, or the range is empty or not finite. UnsupportedDTypeError: the type is
            not floating.
    """
    data = check_tensor(input, "histc")._data
    if not input.dtype.is_floating_point:
        raise UnsupportedDTypeError(f"\"histogram_cpu\" not implemented for '{scalar_name(data.dtype)}'")
    if bins <= 0:
        raise ShapeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    low, high = _range_of(data, float(min), float(max), "torch.histc")
    edges = xp(data).linspace(low, high, bins + 1)
    return Tensor(_counts(data, edges, None).astype(data.dtype))


def _range_of(data: Any, low: float, high: float, what: str) -> tuple[float, float]:
    if low == high and data.size:
        low, high = float(data.min()), float(data.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ShapeError(f"{what}: range of [{low}, {high}] is not finite")
    if low > high:
        raise ShapeError(f"{what}: max must be larger than min, got [{low}, {high}]")
    return low, high


def _counts(data: Any, edges: Any, weights: Any) -> Any:
    """How many elements (or which weight) lie between neighbouring edges, the last one included."""
    module, line = xp(data), data.reshape(-1)
    inside = (line >= edges[0]) & (line <= edges[-1])
    line = line[inside]
    bins = edges.size - 1
    places = module.minimum(module.searchsorted(edges, line, side="right") - 1, bins - 1)
    weights = None if weights is None else weights.reshape(-1)[inside]
    return module.bincount(places, weights=weights, minlength=bins)


@public()
def histogram(
    input: Tensor, bins: Any, *, range: tuple[float, float] | None = None, weight: Tensor | None = None,
    density: bool = False,
) -> Any:  # fmt: skip
    """(hist, bin_edges): how many elements lie between neighbouring edges.

    Args:
        bins: how many equal intervals, or a 1-d tensor of ascending edges.
        range: (low, high) of equal intervals, by default the smallest and the largest element.
        weight: what each element counts for instead of 1.
        density: divide by the total and by the widths, so that the integral is 1.

    Raises:
        ShapeError: the arguments do not fit. UnsupportedDTypeError: the type is not floating.
    """
    data = check_tensor(input, "histogram")._data
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise UnsupportedDTypeError(f"\"histogramdd\" not implemented for '{scalar_name(data.dtype)}'")
    module = xp(data)
    if isinstance(bins, Tensor):
        edges = bins._data
    else:
        if bins <= 0:
            raise ShapeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
        edges = module.linspace(*_range_of(data, *(range or (0.0, 0.0)), "torch.histogram()"), bins + 1)
    if weight is not None and weight._data.shape != data.shape:
        raise ShapeError(
            f"torch.histogram(): if weight tensor is provided it should have the same shape as the input tensor: "
            f"{list(weight.shape)} is not {list(data.shape)}"
        )
    found = _counts(data, edges, None if weight is None else weight._data).astype("float64")
    if density:
        found = found / found.sum() / (edges[1:] - edges[:-1])
    return histogram_result(Tensor(found.astype(data.dtype)), Tensor(edges.astype(data.dtype)))


@public()
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number 0, 1, … comes among the elements, int64; or the sums of their ``weights``.

    Args:
        input: 1-d, of integers that are not negative.
        weights: of the same length; the result is float32 for float32, else float64.
        minlength: the least length of the result.

    Raises:
        ShapeError: another shape, a negative number. UnsupportedDTypeError: the numbers are not integers.
    """
    data = check_tensor(input, "bincount")._data
    if data.dtype.kind not in "iu":
        raise UnsupportedDTypeError(f"\"bincount_cpu\" not implemented for '{scalar_name(data.dtype)}'")
    if minlength < 0:
        raise ShapeError(f"minlength should be >= 0, got {minlength}")
    if data.ndim != 1 or (data.size and data.min() < 0):
        raise ShapeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return Tensor(xp(data).bincount(data, minlength=minlength).astype("int64", copy=False))
    if weights._data.shape != data.shape:
        raise ShapeError(
            f"weights should be 1-d and have the same length as input: {list(weights.shape)} is not {list(data.shape)}"
        )
    kind = "float32" if weights.dtype is dtypes.float32 else "float64"
    sums = xp(data).bincount(data, weights=weights._data.astype("float64"), minlength=minlength)
    return Tensor(sums.astype(kind if data.size else "int64"))


# ---------------------------------------------------------------------- covariances and distances


@public()
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariances of variables (rows) from observations (columns): Σ w (x − x̄)(y − ȳ) / (Σw − c).

    Args:
        correction: c.
        fweights: how often each observation comes, integers.
        aweights: how much each observation counts, floating; c is then c·Σw·a/Σw.

    Raises:
        ShapeError: more than two dimensions, or weights of another length. DTypeError: weights of another kind.
    """
    data = check_tensor(input, "cov")._data
    if data.ndim > 2:
        raise ShapeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {data.ndim} dimensions"
        )
    if input.dtype is dtypes.bool_:
        raise DTypeError("cov(): bool dtype is not supported for input")
    rows = input if data.ndim == 2 else reshape(input, 1, data.size)
    if not input.dtype.is_floating_point:
        rows = in_type(rows, dtypes.get_default_dtype())
    n = rows._data.shape[1]
    weights = _weights(fweights, aweights, n, rows)
    total = float(n) if weights is None else float(weights._data.sum())
    if weights is None:
        centred = rows - Mean((1,), True)(rows)
        weighted = centred
    else:
        centred = rows - Sum((1,), True)(rows * weights) / Sum(None, False)(weights)
        weighted = centred * weights
    freedom = total - correction
    if aweights is not None and weights is not None and correction:
        freedom = total - correction * float((weights._data * aweights._data).sum()) / total
    _warn_without_freedom(freedom)
    product = Mm()(weighted, Permute((1, 0))(centred)) / max(freedom, 0.0)
    return product if data.ndim == 2 else reshape(product, ())


def _weights(fweights: Tensor | None, aweights: Tensor | None, n: int, like: Tensor) -> Tensor | None:
    product = None
    for name, each, floating in (("fweights", fweights, False), ("aweights", aweights, True)):
        if each is None:
            continue
        if each._data.ndim > 1 or each._data.size != n:
            raise ShapeError(
                f"cov(): expected {name} to have the same numel as there are observations in the input but got "
                f"{each._data.size} != {n}"
            )
        if each.dtype.is_floating_point is not floating:
            kind = "floating point" if floating else "integral"
            found = scalar_name(each._data.dtype)
            raise DTypeError(f"cov(): expected {name} to have {kind} dtype but got {name} with {found} dtype")
        if n and bool((each._data < 0).any()):
            raise ShapeError(f"cov(): {name} cannot be negative")
        cast = in_type(each, like.dtype)
        product = cast if product is None else product * cast
    return product


def _warn_without_freedom(freedom: float) -> None:
    if freedom <= 0:
        import warnings

        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.",
            UserWarning,
            stacklevel=3,
        )


@public()
def corrcoef(input: Tensor) -> Tensor:
    """Pearson's correlation coefficients of variables (rows): cov / (σ_x·σ_y), clipped to [−1, 1].

    Raises:
        ShapeError: more than two dimensions.
    """
    if check_tensor(input, "corrcoef")._data.ndim > 2:
        raise ShapeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input._data.ndim} dimensions"
        )
    c = cov(input)
    if c._data.ndim == 0:
        return c / c
    spread = Diagonal(0, 0, 1)(c) ** 0.5
    return clamp(c / Unsqueeze(1)(spread) / spread, -1.0, 1.0)


@public()
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of ``input`` − ``other``, which are broadcast; see :func:`norm`."""
    return norm(sub(check_tensor(input, "dist"), check_tensor(other, "dist", "other", 2)), p)


@public(inplace=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The tensor with each slice along ``dim`` whose p-norm is larger than ``maxnorm`` scaled down to that.

    Raises:
        ShapeError: fewer than two dimensions, ``p`` ≤ 0 or ``maxnorm`` negative.
    """
    data = check_tensor(input, "renorm")._data
    if p <= 0:
        raise ShapeError(f"renorm: non-positive-norm not supported, got p={p}")
    if maxnorm < 0:
        raise ShapeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if data.ndim < 2:
        raise ShapeError(f"renorm: input needs at least 2 dimensions, got {data.ndim} dimensions")
    check_norm_type(input)
    place = normalize_dim(dim, data.ndim)
    return Renorm(tuple([each for each in range(data.ndim) if each != place]), float(p), float(maxnorm))(input)


# ---------------------------------------------------------------------- whole tensors


@public()
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements (nan equals nothing)."""
    a, b = check_tensor(input, "equal")._data, check_tensor(other, "equal", "other", 2)._data
    return a.shape == b.shape and bool((a == b).all())


@public()
def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether |input − other| ≤ atol + rtol·|other| everywhere.

    Raises:
        DTypeError: the types differ.
    """
    return bool(isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)._data.all())
