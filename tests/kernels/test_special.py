"""The special functions against the standard library's, and against values computed with 40 digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lepton.kernels import special
from lepton.kernels.registry import REFERENCE

RNG = np.random.default_rng(3)
POINTS = np.concatenate(
    [RNG.uniform(-1, 1, 2000), RNG.uniform(-6, 6, 2000), RNG.uniform(-26, 26, 2000), 10 ** RNG.uniform(-300, 1, 500)]
)


def ulps(found: Any, exact: Any) -> float:
    """The largest distance in units of the last place of the found type."""
    right = np.asarray(exact, np.float64)
    return float(np.max(np.abs(found - right) / np.spacing(np.abs(right.astype(found.dtype))).astype(np.float64)))


@pytest.mark.parametrize(("function", "limit"), [("erf", 3), ("erfc", 7)])
def test_double_precision(function: str, limit: float) -> None:
    exact = [getattr(math, function)(x) for x in POINTS]
    assert ulps(getattr(special, function)(POINTS), exact) <= limit


@pytest.mark.parametrize(("function", "limit"), [("erf", 3), ("erfc", 1)])
def test_single_precision(function: str, limit: float) -> None:
    points = POINTS[np.abs(POINTS) > 1e-37].astype(np.float32)
    points = points[points < 9]  # beyond, erfc leaves the normal numbers
    found = getattr(special, function)(points)
    assert found.dtype == np.float32
    assert ulps(found, [getattr(math, function)(float(x)) for x in points]) <= limit


def test_half_precision_is_rounded_once() -> None:
    points = np.linspace(-4, 4, 101).astype(np.float16)
    exact = np.array([math.erf(float(x)) for x in points])
    assert ulps(special.erf(points), exact) <= 0.51


def test_erfinv_turns_erf_round() -> None:
    y = np.linspace(-2.5, 2.5, 1001)
    np.testing.assert_allclose(special.erfinv(special.erf(y)), y, rtol=1e-11, atol=1e-16)
    assert ulps(special.erfinv(np.array([0.5])), [0.4769362762044698733814]) <= 4


@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (special.erf, [0.0, -0.0, math.inf, -math.inf, math.nan, 1e300], [0.0, -0.0, 1, -1, math.nan, 1]),
        (special.erfc, [0.0, -0.0, math.inf, -math.inf, math.nan, -1e300], [1, 1, 0, 2, math.nan, 2]),
        (special.erfinv, [0.0, 1.0, -1.0, 1.5, math.nan], [0, math.inf, -math.inf, math.nan, math.nan]),
    ],
)
def test_special_values(function: Callable[[Any], Any], at: list[float], expected: list[float]) -> None:
    found = function(np.array(at))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[0]), np.signbit(expected[0]))


@pytest.mark.parametrize("function", [REFERENCE["erf"], special.erfc])
def test_an_element_has_the_same_bits_wherever_it_lies(function: Callable[[Any], Any]) -> None:
    points = RNG.uniform(-5, 5, 40_000)
    whole = function(points)
    np.testing.assert_array_equal(whole[7::13], function(points[7::13]))
    np.testing.assert_array_equal(whole.reshape(200, 200).T, function(points.reshape(200, 200).T))
