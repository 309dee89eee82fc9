"""Interpolation and sampling: maps against dense matrices and Pillow, grids against the definition."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import lepton
from lepton.errors import ShapeError
from lepton.kernels.resampling import LinearMap, resample
from lepton.nn import functional as F

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_a_map_and_its_adjoint_are_a_matrix_and_its_transpose(rows: int, columns: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    entries = rng.integers(0, rows, size), rng.integers(0, columns, size), rng.normal(size=size)
    dense = np.zeros((rows, columns))
    np.add.at(dense, entries[:2], entries[2])
    linear = LinearMap(rows, columns, *entries)
    x, y = rng.normal(size=(2, columns, 3)), rng.normal(size=(2, 3, rows))
    np.testing.assert_allclose(resample(x, (linear, None)), dense @ x, atol=1e-12)
    np.testing.assert_allclose(resample(y, (linear.adjoint,)), y @ dense, atol=1e-12)
    np.testing.assert_allclose(resample(x, (linear.adjoint.adjoint, None)), dense @ x, atol=1e-12)


@pytest.mark.parametrize("size", [(5, 30), (40, 7), (13, 64), (33, 21)])
@pytest.mark.parametrize("mode", FILTERS)
def test_antialiased_images_are_pillows(mode: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(33, 21)).astype("float32")
    whole = rng.integers(80, 176, (33, 21)).astype("uint8")  # so that nothing is cut off
    for image, limit in ((real, 1e-5), (whole, 1)):
        expected = np.asarray(Image.fromarray(image).resize(size[::-1], FILTERS[mode]))
        found = F.interpolate(lepton.tensor(image)[None, None], size, mode=mode, antialias=True)[0, 0].numpy()
        assert found.dtype == image.dtype
        np.testing.assert_allclose(found.astype(float), expected.astype(float), atol=limit)


def test_aligned_corners_keep_a_ramp() -> None:
    ramp = lepton.arange(5, dtype=lepton.float64)[None, None]
    found = F.interpolate(ramp, 9, mode="linear", align_corners=True)
    np.testing.assert_allclose(found[0, 0].numpy(), np.arange(9) / 2, rtol=1e-15)


def test_the_nearest_elements_are_the_same_for_all_types() -> None:
    for kind in ("float64", "float32", "float16", "uint8"):
        x = lepton.tensor(np.arange(105).astype(kind))[None, None]
        assert F.interpolate(x, 250)[0, 0].tolist() == F.interpolate(x.float(), 250)[0, 0].tolist()


def test_the_scale_factor_that_was_given_counts() -> None:
    row = lepton.arange(3.0)[None, None]
    assert F.interpolate(row, scale_factor=1.2)[0, 0].tolist() == [0, 0, 1]
    assert F.interpolate(row, scale_factor=1.2, recompute_scale_factor=True)[0, 0].tolist() == [0, 1, 2]


def test_images_one_column_wide_keep_their_rows() -> None:
    column = lepton.tensor(np.arange(0, 160, 40).astype("uint8")).reshape(1, 1, 4, 1)
    narrow = F.interpolate(column, (8, 1), mode="bilinear").flatten()
    wide = F.interpolate(column.expand(1, 1, 4, 2), (8, 2), mode="bilinear")[..., 0].flatten()
    assert narrow.tolist() == wide.tolist()


def test_messages_name_the_sizes() -> None:
    with pytest.raises(ShapeError, match=r"\[3, 4\].*\[0, 0\]"):
        F.interpolate(lepton.ones(1, 1, 3, 4), scale_factor=0.1)


# ---------------------------------------------------------------------- grids


def tent(image: Any, at: Any) -> float:
    """The bilinear (trilinear) sample at a place counted in elements, with zeros around: the definition."""
    total = 0.0
    for where in itertools.product(*map(range, image.shape)):
        total += image[where] * np.prod([max(0.0, 1 - abs(a - i)) for a, i in zip(at, where, strict=True)])
    return total


@pytest.mark.parametrize("lengths", [(3, 5), (2, 3, 4)])
@pytest.mark.parametrize("align_corners", [False, True])
def test_samples_against_the_definition(lengths: tuple[int, ...], align_corners: bool) -> None:
    rng = np.random.default_rng(0)
    image, grid = rng.normal(size=lengths), rng.uniform(-1.4, 1.4, (1, *(2,) * len(lengths), len(lengths)))
    found = F.grid_sample(lepton.tensor(image)[None, None], lepton.tensor(grid), align_corners=align_corners)
    for k, point in enumerate(grid.reshape(-1, len(lengths))):
        sides = np.array(lengths)
        at = (point[::-1] + 1) / 2 * (sides - 1) if align_corners else ((point[::-1] + 1) * sides - 1) / 2
        np.testing.assert_allclose(found.flatten()[k].item(), tent(image, at), atol=1e-12)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_affine_grids_leave_turn_and_mirror_images(mode: str, align_corners: bool) -> None:
    x = lepton.tensor(np.random.default_rng(0).normal(size=(1, 2, 4, 4)))
    for matrix, expected in (
        ([[1, 0, 0], [0, 1, 0]], x),
        ([[-1, 0, 0], [0, 1, 0]], x.flip(-1)),
        ([[0, 1, 0], [1, 0, 0]], x.swapaxes(-1, -2)),
    ):
        theta = lepton.tensor([matrix], dtype=lepton.float64)
        grid = F.affine_grid(theta, (1, 2, 4, 4), align_corners)
        found = F.grid_sample(x, grid, mode, "border", align_corners)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)


@pytest.mark.parametrize("padding", ["border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_places_that_are_no_numbers_are_taken_to_the_border(mode: str, padding: str) -> None:
    x = lepton.arange(1.0, 13.0).reshape(1, 1, 3, 4)
    grid = lepton.tensor([[[[np.nan, np.nan]]]]).float().requires_grad_()
    out = F.grid_sample(x, grid, mode, padding, False)
    out.sum().backward()
    assert out.item() == 1.0
    assert grid.grad.flatten().tolist() == [0.0, 0.0]


def test_what_lies_outside_is_not_read() -> None:
    x = lepton.full((1, 1, 2, 2), np.inf)
    grid = lepton.tensor([[[[9.0, 9.0], [-5.0, 0.0]]]])
    assert F.grid_sample(x, grid, align_corners=False).flatten().tolist() == [0.0, 0.0]


def test_the_default_of_align_corners_is_told() -> None:
    with pytest.warns(UserWarning, match="align_corners=False"):
        F.grid_sample(lepton.ones(1, 1, 2, 2), lepton.zeros(1, 1, 1, 2))
    with pytest.warns(UserWarning, match="align_corners=False"):
        F.affine_grid(lepton.ones(1, 2, 3), (1, 1, 2, 2))
    with pytest.warns(UserWarning, match="length 1"):
        F.affine_grid(lepton.ones(1, 2, 3), (1, 1, 1, 2), True)
