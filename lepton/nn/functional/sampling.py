"""Sampling of images at the points of a grid, and grids that move, turn and stretch: spatial transformers."""

from __future__ import annotations

import math
import warnings
from typing import Any

from lepton.autograd.ops.arguments import check_floating, check_tensor, scalar_name
from lepton.autograd.ops.sampling import Inside, Sample, reflected
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import ArgumentError, DTypeError, ShapeError
from lepton.kernels.reduction import is_narrow
from lepton.nn.functional._sizes import only_ints

__all__ = ["affine_grid", "grid_sample"]

PADDINGS = ("zeros", "border", "reflection")

A = -0.75  # of the cubic convolution kernel

# For each mode, the first neighbour's offset, and the neighbours' weights as polynomials in t, the distance from the
# element before (nearest: from the element itself): rows are the powers of t, columns the neighbours.
WEIGHTS = {
    "nearest": (0, ((1.0,), (0.0,))),
    "bilinear": (0, ((1.0, 0.0), (-1.0, 1.0))),
    "bicubic": (
        -1, ((0.0, 1.0, 0.0, 0.0), (A, 0.0, -A, 0.0), (-2 * A, -(A + 3), 2 * A + 3, A), (A, A + 2, -(A + 2), -A)),
    ),
}  # fmt: skip


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at the points of a grid: y[n, c, p] is input[n, c] at the point grid[n, p] (Jaderberg et al., 2015).

    A point is (x, y) or (x, y, z); −1 and 1 are the ends of the image along width, height and depth. Between elements
    the input is interpolated, and each result is differentiable with respect to the input and to the point.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W), floating.
        grid: (N, height, width, 2) or (N, depth, height, width, 3), of the same type.
        mode: ``"bilinear"`` (in three dimensions trilinear), ``"nearest"``, or in two dimensions ``"bicubic"`` (cubic
            convolution with a = −¾).
        padding_mode: what lies outside of the image: ``"zeros"``, the ``"border"``'s elements, or its ``"reflection"``.
            nan as a coordinate is taken to the border; with zeros the result is nan.
        align_corners: −1 and 1 are the centres of the outermost elements, not their outer edges.

    Returns:
        (N, C, height, width) or (N, C, depth, height, width).

    Raises:
        ArgumentError: an unknown mode. ShapeError: shapes that do not fit, or an image without elements. DTypeError:
            two number types. UnsupportedDTypeError: a type that is not floating.
    """
    _check_modes(mode, padding_mode)
    align_corners = _aligned(align_corners)
    _check_shapes(input, grid, mode)
    if is_narrow(input._data.dtype):
        return grid_sample(input.float(), grid.float(), mode, padding_mode, align_corners).to(input.dtype)
    lengths = input._data.shape[2:]
    weights: Any = None
    places: Any = None
    for dim, length in enumerate(lengths):
        at = grid.select(-1, len(lengths) - 1 - dim).flatten(1)
        at = (at + 1) * ((length - 1) / 2) if align_corners else (at + 1) * (length / 2) - 0.5
        here, there = _neighbours(at, length, mode, padding_mode, align_corners)
        if weights is None:
            weights, places = here, there
            continue
        weights = (weights.unsqueeze(2) * here.unsqueeze(1)).flatten(1, 2)
        before, after = places[:, :, None], there[:, None]
        outside = (before < 0) | (after < 0)
        places = xp(places).where(outside, -1, before * length + after).reshape(weights._data.shape)
    volume = math.prod(lengths)
    samples = Sample(places, volume)(input.reshape(*input._data.shape[:2], volume), weights)
    return samples.reshape(*input._data.shape[:2], *grid._data.shape[1:-1])


def _neighbours(at: Tensor, length: int, mode: str, padding_mode: str, align_corners: bool) -> tuple[Tensor, Any]:
    """The weights (N, K, P) and places (−1 for none) of the elements around coordinates (N, P) along one dimension."""
    offset, rows = WEIGHTS[mode]
    mirrors: Any = None
    if padding_mode == "reflection":
        mirrors = (0, length - 1) if align_corners else (-0.5, length - 0.5)
    if padding_mode != "zeros" and mode != "bicubic":
        at = Inside(length - 1, mirrors)(at)
    x: Any = at._data
    module = xp(x)
    base = module.rint(x) if mode == "nearest" else module.floor(x)
    t: Any = (at - Tensor(base)).unsqueeze(1)
    weights: Any = 0.0
    for row in reversed(rows):
        weights = weights * t + Tensor(module.asarray(row, dtype=x.dtype).reshape(-1, 1))
    found = base[:, None] + module.arange(offset, offset + len(rows[0]), dtype=x.dtype)[:, None]
    if mode == "bicubic" and padding_mode != "zeros":
        found = module.clip(found if mirrors is None else reflected(found, *mirrors), 0, length - 1)
    inside = (found >= 0) & (found < length)
    return weights, module.where(inside, found, -1).astype("int64")


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid for :func:`grid_sample` that maps an output's points by an affine transformation: y = θ·(x, y, 1).

    Args:
        theta: (N, 2, 3) or (N, 3, 4), floating.
        size: the output's shape, (N, C, H, W) or (N, C, D, H, W).
        align_corners: −1 and 1 are the centres of the outermost elements, not their outer edges.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3).

    Raises:
        ArgumentError: a type that is not floating, matrices of another shape, or a size that is not positive.
        ShapeError: a size of another number of dimensions, or another number of matrices.
    """
    align_corners = _aligned(align_corners)
    check_tensor(theta, "affine_grid")
    sizes = only_ints("affine_grid", "size", size)
    if not theta.is_floating_point():
        raise ArgumentError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(sizes) not in (4, 5):
        raise ShapeError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {sizes}."
        )
    ndim, lengths = len(sizes) - 2, sizes[2:]
    if theta._data.shape[1:] != (ndim, ndim + 1):
        raise ArgumentError(
            f"Expected a batch of {ndim}D affine matrices of shape Nx{ndim}x{ndim + 1} for size {sizes}. "
            f"Got {theta.shape}."
        )
    if align_corners and min(lengths) == 1:
        warnings.warn(
            "with align_corners=True the grid's points along a dimension of length 1 are at 0, the middle; "
            "align_corners=False has a meaning there",
            stacklevel=2,
        )
    elif min(sizes) <= 0:
        raise ArgumentError(f"Expected non-zero, positive output size. Got {sizes}")
    if theta._data.shape[0] != sizes[0]:
        raise ShapeError(f"Expected theta to have {sizes[0]} matrices, as size {sizes} says, but got {theta.shape}")
    points = Tensor(_points(theta._data, lengths, align_corners))
    return (points @ theta.swapaxes(1, 2)).reshape(sizes[0], *lengths, ndim)


def _points(like: Any, lengths: tuple[int, ...], align_corners: bool) -> Any:
    """Every point of an image as a row (x, y, …, 1)."""
    module, rows = xp(like), []
    for dim, length in enumerate(lengths):
        along = [(2 * i - length + 1) / max(length - 1 if align_corners else length, 1) for i in range(length)]
        shape = [-1 if each == dim else 1 for each in range(len(lengths))]
        rows.append(module.broadcast_to(module.asarray(along, dtype=like.dtype).reshape(shape), lengths))
    rows = [*rows[::-1], module.ones(lengths, like.dtype)]
    return module.stack([each.reshape(-1) for each in rows], axis=1)


# ---------------------------------------------------------------------- checks


def _aligned(align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please "
            "specify align_corners=True if the old behavior is desired. See the documentation of grid_sample for "
            "details.",
            stacklevel=3,
        )
        return False
    return align_corners


def _check_modes(mode: str, padding_mode: str) -> None:
    if mode not in WEIGHTS:
        raise ArgumentError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in PADDINGS:
        raise ArgumentError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )


def _check_shapes(input: Tensor, grid: Tensor, mode: str) -> None:
    check_tensor(input, "grid_sample")
    check_tensor(grid, "grid_sample", "grid", 2)
    shape, points = input._data.shape, grid._data.shape
    both = f"input with sizes {list(shape)} and grid with sizes {list(points)}"
    ndim = len(shape) - 2
    if ndim not in (2, 3) or len(points) != len(shape):
        raise ShapeError(
            f"grid_sample(): expected 4D or 5D input and grid with same number of dimensions, but got {both}"
        )
    if shape[0] != points[0]:
        raise ShapeError(f"grid_sample(): expected grid and input to have same batch size, but got {both}")
    if points[-1] != ndim:
        raise ShapeError(f"grid_sample(): expected grid to have size {ndim} in last dimension, but got {both}")
    if 0 in shape[2:]:
        raise ShapeError(f"grid_sample(): expected input to have non-empty spatial dimensions, but got {both}")
    if mode == "bicubic" and ndim != 2:
        raise ShapeError("grid_sample(): bicubic interpolation only supports 4D input")
    kind = check_floating(input, "grid_sample")._data.dtype
    if grid._data.dtype != kind:
        raise DTypeError(
            f"grid_sample(): expected input and grid of one type, but got {scalar_name(kind)} and "
            f"{scalar_name(grid._data.dtype)}"
        )
