"""Interpolation: an input made larger or smaller along its spatial dimensions."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from lepton.autograd.ops.arguments import check_tensor, scalar_name
from lepton.autograd.ops.resampling import Resample, ResampleBytes
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedDTypeError, ValueRangeError
from lepton.kernels.resampling import LinearMap
from lepton.nn.functional import _filters
from lepton.nn.functional._filters import Spacing
from lepton.nn.functional.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = ["interpolate"]

_NDIM = {"linear": 3, "bilinear": 4, "bicubic": 4, "lanczos": 4, "trilinear": 5}
_ANY_NDIM = ("nearest", "nearest-exact", "area")
_AREA = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input, resized along its spatial dimensions: along each a linear map, so that the gradient is its transpose.

    Result i of a dimension lies at the place s·(i + ½) − ½ of the input, where s is 1/``scale_factor``, or the ratio
    of the lengths where ``size`` is given. It is made of the elements there:

    - ``"nearest"``: that at ⌊s·i⌋; ``"nearest-exact"``: that at ⌊s·(i + ½)⌋, as image libraries have it.
    - ``"linear"``, ``"bilinear"``, ``"trilinear"``: the two neighbours along each dimension, weighted by nearness.
    - ``"bicubic"``: four neighbours along each dimension, by cubic convolution (Keys, 1981) with a = −¾.
    - ``"area"``: the mean of the bins of :func:`adaptive_avg_pool2d` and its kin.
    - with ``antialias``, bilinear, bicubic (with a = −½) and ``"lanczos"`` (Lanczos windowed sinc, three lobes) weight
      all elements that a result covers, as image libraries do when they make images smaller.

    Args:
        input: (N, C, L) for linear, (N, C, H, W) for bilinear, bicubic and lanczos, (N, C, D, H, W) for trilinear, any
            of them otherwise; floating. uint8 too for the modes nearest, bilinear, bicubic and lanczos, the latter
            three with weights of 16 bits, rounded after each dimension.
        size: the spatial lengths of the result, or one for all.
        scale_factor: how many times as long, one number or one for each dimension; lengths are rounded down.
        align_corners: for linear to bicubic: let the corners' centres lie on each other, s = (L − 1)/(n − 1) and no
            halves.
        recompute_scale_factor: take the ratio of the lengths for s although ``scale_factor`` is given.
        antialias: see above.

    Raises:
        ArgumentError: arguments that exclude each other, or of a wrong number. ShapeError: dimensions that the mode
            does not have, or an empty result. UnsupportedDTypeError: a type that the mode does not have.
    """
    check_tensor(input, "interpolate")
    if mode in _ANY_NDIM and align_corners is not None:
        raise ArgumentError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    counts, scales = _lengths(input, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ArgumentError("recompute_scale_factor is not meaningful with an explicit size.")
    ndim = input.ndim
    if antialias and not (mode in _filters.SMOOTHING and ndim == 4):
        raise ArgumentError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    _check_mode(mode, ndim, antialias, align_corners)
    if mode == "area":
        return _AREA[ndim](input, counts)
    _check_shape(input, counts)
    if recompute_scale_factor:
        scales = (None,) * len(counts)
    every = zip(input._data.shape[2:], counts, scales, strict=True)
    spacings = [Spacing(length, count, scale, bool(align_corners)) for length, count, scale in every]
    return _resized(input, spacings, mode, antialias)


def _resized(input: Tensor, spacings: list[Spacing], mode: str, antialias: bool) -> Tensor:
    kind = input._data.dtype
    nearest = mode in _ANY_NDIM
    if kind == np.uint8 and not nearest and len(spacings) == 2:
        maps, bits = zip(*[_filters.in_integers(each, mode, antialias) for each in spacings], strict=True)
        return ResampleBytes(maps, bits)(input)
    if kind.kind not in "fV" and not (nearest and kind == np.uint8):
        raise UnsupportedDTypeError(
            f"\"interpolate\" in mode {mode!r} not implemented for '{scalar_name(kind)}'; convert the input, as with "
            ".float()"
        )
    return Resample(tuple([_map_of(each, mode, antialias, kind) for each in spacings]))(input)


def _map_of(spacing: Spacing, mode: str, antialias: bool, kind: Any) -> LinearMap | None:
    if mode in _ANY_NDIM:
        return _filters.nearest(spacing, mode == "nearest-exact")
    computed = np.float64 if kind == np.float64 else np.float32
    if antialias:
        return _filters.smoothed(spacing, mode, computed)
    return _filters.between(spacing, 4 if mode == "bicubic" else 2, computed)


# ---------------------------------------------------------------------- checks


def _lengths(input: Tensor, size: Any, scale_factor: Any) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The spatial lengths of the result, and the scale factors, None where there are none."""
    if size is not None and scale_factor is not None:
        raise ArgumentError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ArgumentError("either size or scale_factor should be defined")
    lengths = input._data.shape[2:]
    if scale_factor is None:
        return tuple([_as_length(each) for each in _one_for_each(size, lengths, "output size")]), (None,) * len(lengths)
    scales = tuple([_as_scale(each) for each in _one_for_each(scale_factor, lengths, "scale_factor")])
    return tuple([int(length * each) for length, each in zip(lengths, scales, strict=True)]), scales


def _one_for_each(value: Any, lengths: tuple[int, ...], what: str) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        return (value,) * len(lengths)
    if len(value) != len(lengths):
        raise ArgumentError(
            f"Input and {what} must have the same number of spatial dimensions, but got input with spatial dimensions "
            f"of {list(lengths)} and {what} of {tuple(value)}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
            f"format and {what} in (o1, o2, ...,oK) format."
        )
    return tuple(value)


def _as_length(value: Any) -> int:
    try:
        if not isinstance(value, (bool, Tensor)):
            return operator.index(value)
    except TypeError:
        pass
    raise ArgumentTypeError(
        "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got "
        f"{value!r} of type {type(value).__name__}"
    )


def _as_scale(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ArgumentTypeError(
            f"expected scale_factor to be a number, or one for each spatial dimension, but got {value!r}"
        )
    if not math.isfinite(value):
        raise ValueRangeError(f"scale_factor must be finite, but got {value}")
    return float(value)


def _check_mode(mode: str, ndim: int, antialias: bool, align_corners: bool | None) -> None:
    if not (mode in _ANY_NDIM and 3 <= ndim <= 5) and _NDIM.get(mode) != ndim:
        if mode in _NDIM and 3 <= ndim <= 5:
            raise ShapeError(f"Got {ndim}D input, but {mode} mode needs {_NDIM[mode]}D input")
        raise ShapeError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: nearest | linear | "
            f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
        )
    if mode == "lanczos" and not antialias:
        raise ArgumentError("Lanczos mode requires antialias=True")
    if mode == "lanczos" and align_corners:
        raise ArgumentError("Lanczos mode does not support align_corners=True")


def _check_shape(input: Tensor, counts: tuple[int, ...]) -> None:
    shape = input._data.shape
    if min(shape[2:]) < 1 or min(counts) < 1:
        raise ShapeError(
            f"Input and output sizes should be greater than 0, but got input {list(shape[2:])} and output "
            f"{list(counts)} as spatial sizes"
        )
    if shape[1] == 0:
        raise ShapeError(f"Non-empty {len(shape)}D data tensor expected but got a tensor with sizes {list(shape)}")
