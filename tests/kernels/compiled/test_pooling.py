"""Pooling window by window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lepton.kernels import pooling as reference
from lepton.kernels.compiled import pooling
from lepton.kernels.pooling import Pooling
from lepton.kernels.registry import REFERENCE
from lepton.kernels.windows import window_count

RNG = np.random.default_rng(2)


def windows(lengths: Any, kernel: Any, stride: Any, before: Any, dilation: Any) -> Pooling:
    every = zip(lengths, kernel, stride, before, dilation, strict=True)
    counts = tuple(window_count(n, k, s, (b, b), d) for n, k, s, b, d in every)
    return Pooling(kernel, stride, before, dilation, lengths, counts)


CASES = [
    windows((12,), (3,), (2,), (1,), (1,)),
    windows((24, 24), (2, 2), (2, 2), (0, 0), (1, 1)),
    windows((25, 13), (2, 2), (2, 2), (0, 0), (1, 1)),
    windows((9, 11), (3, 2), (1, 2), (1, 1), (2, 3)),
    windows((7, 6), (7, 6), (1, 1), (0, 0), (1, 1)),
    windows((5, 6, 7), (2, 3, 2), (2, 1, 3), (1, 1, 0), (1, 2, 1)),
]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_largest_are_the_references(case: Pooling, kind: str) -> None:
    x = RNG.integers(-3, 3, (2, 3, *case.lengths)).astype(kind)  # with many ties
    x[RNG.random(x.shape) < 0.05] = np.nan
    x[RNG.random(x.shape) < 0.2] = -np.inf
    best, where = pooling.max_pool(x, case, True)
    expected, places = REFERENCE["max_pool"](x, case, True)
    np.testing.assert_array_equal(best, expected)
    np.testing.assert_array_equal(where, places)
    g = RNG.standard_normal(best.shape).astype(kind)
    g.flat[0] = np.inf
    spread = pooling.max_pool_scatter(g, where, case)
    np.testing.assert_allclose(spread, REFERENCE["max_pool_scatter"](g, where, case), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(pooling.max_pool_gather(x, where, case), REFERENCE["max_pool_gather"](x, where, case))


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_sums_are_the_references(case: Pooling, kind: str) -> None:
    x = RNG.standard_normal((2, 3, *case.lengths)).astype(kind)
    made = pooling.sum_pool(x, case)
    np.testing.assert_allclose(made, REFERENCE["sum_pool"](x, case), rtol=1e-5, atol=1e-5)
    spread = pooling.sum_pool_spread(made, case)
    np.testing.assert_allclose(spread, REFERENCE["sum_pool_spread"](made, case), rtol=1e-5, atol=1e-5)


def test_what_is_left_to_the_reference() -> None:
    case = windows((40, 40), (20, 20), (20, 20), (0, 0), (1, 1))
    assert pooling.max_pool(np.ones((1, 40, 40)), case, True) is NotImplemented, "the places need more than eight bits"
    small = CASES[1]
    assert pooling.max_pool(np.ones((1, 24, 24), "int64"), small, True) is NotImplemented
    assert pooling.sum_pool(np.ones((1, 24, 48))[..., ::2], small) is NotImplemented


def test_no_planes() -> None:
    best, where = pooling.max_pool(np.ones((0, 3, 24, 24)), CASES[1], True)
    assert best.shape == where.shape == (0, 3, 12, 12)
    assert reference.max_pool(np.ones((0, 3, 24, 24)), CASES[1], True)[0].shape == best.shape
