"""The normal quantile, erfinv and the portable logarithm, against values of 40 digits."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepton.backend import _normal_quantile as quantile

# Right-hand sides were computed with 40 digits.

NDTRI = {
    "0x1p-1": "0x0p+0",
    "0x1.0000000000001p-1": "0x1.40d931ff62706p-52",
    "0x1.3333333333333p-4": "-0x1.7085226d3e524p+0",
    "0x1.999999999999ap-4": "-0x1.4813c36e26d32p+0",
    "0x1p-2": "-0x1.5956b87528a49p-1",
    "0x1.8p-1": "0x1.5956b87528a49p-1",
    "0x1p-10": "-0x1.8c73502ae34efp+1",
    "0x1p-36": "-0x1.a9aa904c4b7b9p+2",
    "0x1p-37": "-0x1.b025b0b56a3a8p+2",
    "0x1p-53": "-0x1.06b48528cea52p+3",
    "0x1.fffffffffffffp-1": "0x1.06b48528cea52p+3",
    "0x1p-300": "-0x1.43329ce0f9f67p+4",
    "0x1p-1022": "-0x1.2c27b05bf1a0bp+5",
    "0x1p-1074": "-0x1.33bd3f27fcd03p+5",
}
ERFINV = {
    "0x1p-1": "0x1.e861fbb24c00ap-2",
    "-0x1p-2": "-0x1.cd70681d5ff70p-3",
    "0x1.56e1fc2f8f359p-997": "0x1.2fdf36bf69b9fp-997",
    "0x1.5798ee2308c3ap-27": "0x1.308158419499ap-27",
    "0x1.b333333333333p-1": "0x1.04954184f8aa5p+0",
    "0x1.b333333333332p-1": "0x1.04954184f8aa4p+0",
    "0x1.ff7ced916872bp-1": "0x1.29d311405cdb4p+1",
    "0x1.fffffffffffffp-1": "0x1.7744f8f74e94ap+2",
    "-0x1.fffffca501acbp-1": "-0x1.e21eb9013cbe7p+1",
}


@pytest.mark.parametrize(("function", "table"), [(quantile.ndtri, NDTRI), (quantile.erfinv, ERFINV)])
def test_quantiles_against_40_digits(function, table):
    x = np.array([float.fromhex(key) for key in table])
    exact = np.array([float.fromhex(value) for value in table.values()])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        np.testing.assert_allclose(function(np, x), exact, rtol=1e-15, atol=0)


def test_quantiles_at_and_beyond_the_ends():
    np.testing.assert_array_equal(
        quantile.ndtri(np, np.array([[0.0, 1.0], [-0.1, math.nan]])), [[-math.inf, math.inf], [math.nan, math.nan]]
    )
    np.testing.assert_array_equal(
        quantile.erfinv(np, np.array([-1.0, 1.0, 0.0, 1.5])), [-math.inf, math.inf, 0.0, math.nan]
    )
    assert quantile.ndtri(np, np.array(0.5)).shape == ()


@given(st.floats(1e-300, 1 - 1e-9))
def test_quantile_inverts_the_distribution_function(p):
    z = float(quantile.ndtri(np, np.array([p]))[0])
    back = 0.5 * math.erfc(-z / math.sqrt(2))
    assert back == pytest.approx(p, rel=1e-14 * max(1, z * z))


@given(st.floats(5e-324, sys.float_info.max))
def test_log_is_within_an_ulp_and_a_half_of_the_libraries(x):
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        got = float(quantile.log(np, np.array([x]))[0])
    exact = math.log(x)
    assert abs(got - exact) <= 1.5 * math.ulp(exact)
