"""The functions that compiled loops are made of."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from lepton.kernels.compiled import numeric
from lepton.kernels.compiled.loops import serial

RNG = np.random.default_rng(8)


@serial("void(X[::1], X[::1])")
def all_exp(x: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = numeric.exp(x[i])


def applied(loop: Any, x: Any) -> Any:
    out = np.empty_like(x)
    loop(x, out)
    return out


def ulps(found: Any, function: Any, x: Any) -> float:
    """The largest distance from the true value in units of the last place."""
    exact = [function(mpmath.mpf(float(each))) for each in x]
    return max(
        float(abs(mpmath.mpf(float(value)) - true) / mpmath.mpf(float(np.spacing(abs(value)))))
        for value, true in zip(found, exact, strict=True)
    )


@pytest.mark.parametrize(("kind", "reach", "limit"), [("float32", 87, 1.0), ("float64", 708, 1.0)])
def test_exp_is_right_to_the_last_digit(kind: str, reach: float, limit: float) -> None:
    x = np.concatenate([RNG.uniform(-reach, reach, 2000), RNG.uniform(-1, 1, 1000)]).astype(kind)
    assert ulps(applied(all_exp, x), mpmath.exp, x) <= limit


@pytest.mark.parametrize(("kind", "least", "most"), [("float32", -103.9, 88.7), ("float64", -745.1, 709.7)])
def test_exp_at_the_ends(kind: str, least: float, most: float) -> None:
    x = np.array([-np.inf, np.inf, np.nan, -2 * most, 2 * most, least, most, 0.0, -0.0], kind)
    found = applied(all_exp, x)
    np.testing.assert_array_equal(found[:5], np.array([0, np.inf, np.nan, 0, np.inf], kind))
    assert found[5] == np.finfo(kind).smallest_subnormal and np.isfinite(found[6]) and (found[7:] == 1).all()


def test_subnormal_results_are_rounded_once() -> None:
    x = RNG.uniform(-103, -87.4, 2000).astype("float32")
    found = applied(all_exp, x)
    assert np.abs(found - np.exp(x.astype("float64"))).max() <= 0.51 * np.finfo("float32").smallest_subnormal * 2


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_an_elements_bits_do_not_depend_on_its_place(kind: str) -> None:
    x = RNG.uniform(-80, 80, 67).astype(kind)
    whole = applied(all_exp, x)
    for start in range(67):
        np.testing.assert_array_equal(applied(all_exp, x[start:].copy()), whole[start:])
