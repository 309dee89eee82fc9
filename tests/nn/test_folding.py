"""Blocks as columns against their definition, for every way in which the work is cut, and against convolution."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import lepton
from lepton.kernels import convolution as kernels
from lepton.kernels.convolution import block_windows, plan_of
from lepton.nn import functional as F

CASES = {
    "few windows": ((3, 2, 4, 5), (2, 3), (1, 2), (1, 2), (2, 1)),
    "one image": ((1, 2, 9, 9), (3, 3), (1, 1), (1, 1), (1, 1)),
    "places are elements": ((2, 3, 9, 9), (1, 1), (1, 1), (0, 0), (1, 1)),
    "several images": ((3, 1, 9, 8), (2, 2), (2, 1), (2, 0), (1, 2)),
    "beyond the image": ((2, 1, 2, 2), (3, 3), (2, 2), (4, 4), (3, 3)),
}


def columns_of(x: Any, sizes: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """The definition, element by element."""
    around = np.pad(x, [(0, 0), (0, 0), *[(p, p) for p in padding]])
    every = zip(around.shape[2:], dilation, sizes, stride, strict=True)
    counts = [(n - d * (k - 1) - 1) // s + 1 for n, d, k, s in every]
    out = np.zeros((*x.shape[:2], *sizes, *counts))
    for i, j, p, q in itertools.product(*map(range, (*sizes, *counts))):
        out[:, :, i, j, p, q] = around[:, :, p * stride[0] + i * dilation[0], q * stride[1] + j * dilation[1]]
    return out.reshape(x.shape[0], -1, counts[0] * counts[1])


@pytest.mark.parametrize("tiles", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_the_definition_and_the_adjoint(monkeypatch: pytest.MonkeyPatch, case: str, tiles: bool) -> None:
    if tiles:
        monkeypatch.setattr(kernels, "WORKSPACE", 200)
    plan_of.cache_clear()
    shape, *settings = CASES[case]
    x = np.random.default_rng(0).normal(size=shape)
    expected = columns_of(x, *settings)
    found = F.unfold(lepton.tensor(x), *settings)
    np.testing.assert_array_equal(found.numpy(), expected)
    y = np.random.default_rng(1).normal(size=expected.shape)
    back = F.fold(lepton.tensor(y), shape[2:], *settings).numpy()
    np.testing.assert_allclose((back * x).sum(), (y * expected).sum(), rtol=1e-12)
    plan_of.cache_clear()


def test_tiles_are_several_where_the_workspace_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "WORKSPACE", 200)
    windows = block_windows((1, 2, 9, 9), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    assert len(kernels.Plan(windows, 8).tiles) > 1


def test_convolution_is_a_product_with_the_columns() -> None:
    x, weight = lepton.randn(2, 3, 7, 6, dtype=lepton.float64), lepton.randn(4, 3, 3, 2, dtype=lepton.float64)
    product = weight.flatten(1) @ F.unfold(x, (3, 2), padding=1, stride=2)
    expected = F.conv2d(x, weight, padding=1, stride=2)
    np.testing.assert_allclose(product.reshape(expected.shape).numpy(), expected.numpy(), rtol=1e-12, atol=1e-12)


def test_folding_counts_how_often_an_element_was_taken() -> None:
    ones = lepton.ones(1, 1, 4, 4)
    counts = F.fold(F.unfold(ones, 3), 4, 3)[0, 0]
    assert counts.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]


def test_sixteen_bits_are_added_up_in_float32() -> None:
    columns = lepton.ones(1, 3, 4, dtype=lepton.float16)
    columns[0, 2, 0] = 2048.0  # in float16 2048 + 1 is 2048, whichever order the ones come in
    assert F.fold(columns, (1, 6), (1, 3))[0, 0, 0, 2].item() == 2050
