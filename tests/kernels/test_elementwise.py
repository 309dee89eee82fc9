"""The elementwise kernels: no floating error on the way, any layout, half precision, and the choice by bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lepton.kernels import elementwise, selection, special
from lepton.kernels.piecewise import BLOCK, blocked

FAR = np.array([-1e30, -1e4, -1e3, -50.0, -1.0, -1e-4, 0.0, 1e-4, 1.0, 50.0, 1e3, 1e4, 1e30])
G = np.arange(-6, 7) / 4  # like the next, exact in every type
SHARES = np.arange(13) / 16

KERNELS: list[tuple[str, Callable[[Any], Any]]] = [
    ("relu", elementwise.relu),
    ("relu_backward", lambda x: elementwise.relu_backward(G.astype(x.dtype), elementwise.relu(x))),
    ("leaky_relu", lambda x: elementwise.leaky_relu(x, 0.1)),
    ("leaky_relu_backward", lambda x: elementwise.leaky_relu_backward(G.astype(x.dtype), x, 0.1)),
    ("sigmoid", elementwise.sigmoid),
    ("sigmoid_backward", lambda x: elementwise.sigmoid_backward(G.astype(x.dtype), SHARES.astype(x.dtype))),
    ("tanh_backward", lambda x: elementwise.tanh_backward(G.astype(x.dtype), SHARES.astype(x.dtype))),
    ("silu", elementwise.silu),
    ("silu_backward", lambda x: elementwise.silu_backward(G.astype(x.dtype), x)),
    ("softplus", lambda x: elementwise.softplus(x, 2.0, 20.0)),
    ("softplus_backward", lambda x: elementwise.softplus_backward(G.astype(x.dtype), x, 2.0, 20.0)),
    ("log_sigmoid", elementwise.log_sigmoid),
    ("gelu", elementwise.gelu),
    ("gelu_backward", lambda x: elementwise.gelu_backward(G.astype(x.dtype), x)),
    ("gelu_tanh", elementwise.gelu_tanh),
    ("gelu_tanh_backward", lambda x: elementwise.gelu_tanh_backward(G.astype(x.dtype), x)),
    ("erf", special.erf),
    ("erfc", special.erfc),
    ("sinc", elementwise.sinc),
]
each_kernel = pytest.mark.parametrize("kernel", [each for _, each in KERNELS], ids=[name for name, _ in KERNELS])


@each_kernel
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nothing_overflows(kernel: Callable[[Any], Any], dtype: Any) -> None:
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        found = kernel(FAR.astype(dtype))
    assert found.dtype == dtype
    assert np.isfinite(found).all()


@each_kernel
def test_half_precision_is_that_of_single_rounded(kernel: Callable[[Any], Any]) -> None:
    x = np.array([-20.0, -8.0, -2.0, -0.5, -0.1, 0.0, 0.2, 0.7, 1.0, 3.0, 6.0, 9.0, 30.0], np.float16)
    found, wide = kernel(x), kernel(x.astype(np.float32))
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, wide.astype(np.float16))


@pytest.mark.parametrize(
    ("kernel", "x", "expected"),
    [
        (elementwise.sigmoid, 2.0, 0.8807970779778823),
        (elementwise.sigmoid, -745.0, math.exp(-745)),
        (elementwise.log_sigmoid, 40.0, -math.exp(-40)),
        (elementwise.silu, 1.0, 0.7310585786300049),
        (elementwise.gelu, 1.0, 0.8413447460685429),
        (elementwise.gelu_tanh, 1.0, 0.8411919906082768),
        (lambda x: elementwise.softplus(x, 1.0, 50.0), -40.0, math.log1p(math.exp(-40))),
        (lambda x: elementwise.softplus(x, 1.0, 50.0), 1.0, 1.3132616875182228),
    ],
)
def test_values(kernel: Callable[[Any], Any], x: float, expected: float) -> None:
    assert float(kernel(np.array(x))) == pytest.approx(expected, rel=1e-14)


def test_softplus_is_its_argument_beyond_the_threshold() -> None:
    x = np.array([2.0, 2.5])
    assert elementwise.softplus(x, 2.0, 4.5).tolist()[1] == 2.5
    assert elementwise.softplus_backward(np.ones(2), x, 2.0, 4.5).tolist()[1] == 1.0


# ---------------------------------------------------------------------- selection


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
@pytest.mark.parametrize("size", [5, 3 * selection.MANY])
@pytest.mark.parametrize("step", [1, -1, 2])
def test_selection_by_bits_is_where(dtype: Any, size: int, step: int) -> None:
    rng = np.random.default_rng(size)
    x, y = (rng.standard_normal(2 * size) * 8).astype(dtype), (rng.standard_normal(2 * size) * 8).astype(dtype)
    if np.dtype(dtype).kind == "f":
        x[:3], y[:3] = [np.nan, np.inf, -0.0], [-np.inf, -0.0, np.nan]
    mask = rng.integers(0, 2, 2 * size).astype(bool)
    x, y, mask = x[::step], y[::step], mask[::step]
    np.testing.assert_array_equal(selection.masked(x, mask), np.where(mask, x, 0))
    np.testing.assert_array_equal(selection.choose(x, y, mask), np.where(mask, x, y))


def test_selection_broadcasts() -> None:
    x = np.arange(4096.0).reshape(64, 64)
    mask = np.arange(64) % 2 == 0
    np.testing.assert_array_equal(selection.masked(x, mask), np.where(mask, x, 0))
    np.testing.assert_array_equal(selection.choose(x, -x[0], mask), np.where(mask, x, -x[0]))


# ---------------------------------------------------------------------- stretches


def test_stretches_cover_every_element_once() -> None:
    seen = []

    @blocked
    def twice(x: Any, y: Any, factor: float) -> Any:
        seen.append(x.size)
        return (x + y) * factor

    x = np.arange(2 * BLOCK + 5.0)
    np.testing.assert_array_equal(twice(x, x, 0.5), x)
    assert seen == [BLOCK, BLOCK, 5]
    square = np.arange(40_000.0).reshape(200, 200)
    np.testing.assert_array_equal(twice(square.T, square, 1.0), square.T + square)
    np.testing.assert_array_equal(twice(square, square[0], 1.0), square + square[0])
