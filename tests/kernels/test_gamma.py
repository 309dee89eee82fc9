"""The gamma and Bessel kernels: special values, recurrences, any layout. How exact they are: test_accuracy.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lepton.kernels import bessel, gamma, special
from lepton.kernels.reduction import log_total_exp

INF, NAN = math.inf, math.nan
RNG = np.random.default_rng(5)

KERNELS: list[Callable[[Any], Any]] = [
    gamma.lgamma,
    gamma.digamma,
    lambda x: gamma.polygamma(x, 2),
    lambda x: bessel.bessel_i(x, 0, False),
    lambda x: bessel.bessel_i(x, 3, True),
    special.erfcx,
    special.erfcx_slope,
    special.ndtr,
    special.log_ndtr,
    special.normal_hazard,
    special.normal_excess,
]


@pytest.mark.parametrize(
    ("kernel", "at", "expected"),
    [
        (gamma.lgamma, [0.0, -0.0, -3.0, 1.0, 2.0, INF, -INF, NAN, 1e308], [INF, INF, INF, 0, 0, INF, INF, NAN, INF]),
        (gamma.lgamma, [-1e15, -1e30, -1e308], [INF, INF, INF]),
        (gamma.lgamma, [-0.5, 171.0, 1e-300], [1.2655121234846454, 706.5730622457874, 690.7755278982137]),
        (gamma.digamma, [0.0, -0.0, -3.0, INF, -INF, NAN], [-INF, INF, NAN, INF, NAN, NAN]),
        (gamma.digamma, [1.0, -0.5, 1e10], [-0.5772156649015329, 0.03648997397857652, 23.02585092989046]),
        (lambda x: gamma.polygamma(x, 1), [0.0, -2.0, INF, NAN, 1e300], [INF, INF, 0, NAN, 1e-300]),
        (lambda x: gamma.polygamma(x, 2), [0.0, -2.5, INF], [-INF, -0.1082040516417272, -0.0]),
        (lambda x: bessel.bessel_i(x, 0, False), [0.0, INF, -INF, NAN, 720.0], [1, INF, INF, NAN, INF]),
        (lambda x: bessel.bessel_i(x, 1, False), [0.0, INF, -INF, NAN], [0, INF, -INF, NAN]),
        (lambda x: bessel.bessel_i(x, 1, True), [0.0, INF, -INF, NAN], [0, 0, -0.0, NAN]),
        (special.erfcx, [0.0, INF, -INF, NAN, -30.0], [1, 0, INF, NAN, INF]),
        (special.erfcx_slope, [INF, -INF, NAN], [0, -INF, NAN]),
        (special.ndtr, [0.0, INF, -INF, NAN, -40.0], [0.5, 1, 0, NAN, 0]),
        (special.log_ndtr, [INF, -INF, NAN, -1e10], [0, -INF, NAN, -5e19]),
        (special.normal_hazard, [INF, -INF, NAN, -1e10], [0, INF, NAN, 1e10]),
        (special.normal_excess, [INF, NAN, -1e10], [INF, NAN, 1e-10]),
        (special.ndtri, [0.0, 1.0, 0.5, 2.0, NAN], [-INF, INF, 0, NAN, NAN]),
    ],
)
def test_special_values(kernel: Callable[[Any], Any], at: list[float], expected: list[float]) -> None:
    with np.errstate(all="ignore"):
        found = kernel(np.array(at))
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("s", "q", "expected"),
    [
        (2.0, 1.0, math.pi**2 / 6),
        (4.0, 1.0, math.pi**4 / 90),
        (2.0, 0.5, math.pi**2 / 2),
        (3.0, -0.5, -8 + 7 * 1.2020569031595942),
        (1.0, NAN, INF),
        (0.5, 1.0, NAN),
        (2.5, -0.5, NAN),
        (2.0, -3.0, INF),
        (INF, 1.0, 1.0),
        (INF, 2.0, 0.0),
        (INF, -1.5, INF),
        (2.0, INF, 0.0),
        (300.0, 100.0, 100.0**-300 * (1 + (100 / 101) ** 300 + (100 / 102) ** 300 + (100 / 103) ** 300)),
    ],
)
def test_zeta(s: float, q: float, expected: float) -> None:
    with np.errstate(all="ignore"):
        found = gamma.zeta(np.array([q]), np.array([s]))[0]
    assert found == pytest.approx(expected, rel=3e-5 if s == 300 else 1e-14, nan_ok=True)


def test_recurrences() -> None:
    x = np.concatenate([RNG.uniform(0.01, 20, 300), RNG.uniform(-20, 0, 300)])
    x = x[np.abs(x - np.rint(x)) > 0.01]
    np.testing.assert_allclose(gamma.lgamma(x + 1) - gamma.lgamma(x), np.log(abs(x)), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gamma.digamma(x + 1) - gamma.digamma(x), 1 / x, rtol=1e-11, atol=1e-11)
    for n in (1, 2, 5):
        values, next_values = gamma.polygamma(x, n), gamma.polygamma(x + 1, n)
        step = (-1) ** n * math.factorial(n) / x ** (n + 1)
        np.testing.assert_array_less(np.abs(next_values - (values + step)), 1e-9 * (np.abs(values) + np.abs(step)))
        below, here, above = [bessel.bessel_i(x, k, True) for k in (n - 1, n, n + 1)]
        np.testing.assert_allclose(below - above, 2 * n / x * here, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_element_has_the_same_bits_wherever_it_lies(kernel: Callable[[Any], Any]) -> None:
    points = RNG.uniform(-20, 20, 40_000)
    whole = kernel(points)
    np.testing.assert_array_equal(whole[7::13], kernel(points[7::13]))
    np.testing.assert_array_equal(whole.reshape(200, 200).T, kernel(points.reshape(200, 200).T))
    assert kernel(points[:1].reshape(())) == whole[0]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_narrow_types_are_rounded_once(kernel: Callable[[Any], Any], dtype: Any) -> None:
    points = RNG.uniform(-2, 9, 200).astype(dtype)
    with np.errstate(over="ignore"):
        found, exact = kernel(points), kernel(points.astype(np.float64)).astype(dtype)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, exact)


# ---------------------------------------------------------------------- log Σ eˣ


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("axes", [0, 1, -1, (0, 2), (1, 2), None])
def test_the_logarithm_of_a_sum_over_any_axes(axes: Any, dtype: str) -> None:
    x = (RNG.normal(size=(5, 40, 30)) * np.linspace(0.1, 30, 40)[:, None]).astype(dtype)
    x[0, :3] = 2.0
    peak = x.max(axis=axes, keepdims=True)
    shifted, found = log_total_exp(x, peak, axes)
    wide = np.exp(x.astype(np.longdouble) - peak)
    wide[x == peak] = 0
    exact = np.log1p(wide.sum(axis=axes, keepdims=True) + ((x == peak).sum(axis=axes, keepdims=True) - 1))
    np.testing.assert_array_equal(shifted, x - peak)
    assert found.dtype == dtype
    limits = np.finfo(dtype)
    np.testing.assert_allclose(found, exact.astype(np.float64), rtol=4 * limits.eps, atol=limits.smallest_subnormal)


def test_a_row_has_the_same_bits_whatever_the_others_are() -> None:
    confident = np.array([[30.0, 1.0, 0.0, -INF]])
    rows = np.concatenate([RNG.normal(size=(9, 4)), confident])
    with np.errstate(invalid="ignore"):  # −∞ − −∞
        _, together = log_total_exp(rows, rows.max(axis=1, keepdims=True), 1)
        for k in range(10):
            one = rows[k : k + 1]
            np.testing.assert_array_equal(log_total_exp(one, one.max(axis=1, keepdims=True), 1)[1], together[k : k + 1])
