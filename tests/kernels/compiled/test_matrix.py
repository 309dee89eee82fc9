"""Products of matrices from tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lepton.backend import threads
from lepton.kernels.compiled import matrix
from lepton.kernels.compiled.blas import product
from lepton.kernels.compiled.loops import serial

RNG = np.random.default_rng(5)
SHAPES = [(256, 300, 128), (1, 4096, 128), (600, 1, 700), (513, 257, 65), (2, 200_000, 3), (2000, 70, 33)]


def laid_out(x: Any, layout: str) -> Any:
    """The same matrix, stored in another way."""
    if layout == "transposed":
        return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    if layout == "wider":
        wide = np.zeros((*x.shape[:-1], x.shape[-1] + 7), x.dtype)
        wide[..., : x.shape[-1]] = x
        return wide[..., : x.shape[-1]]
    return x


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layouts", [("plain", "plain"), ("plain", "transposed"), ("transposed", "wider")])
def test_a_product_is_numpys(shape: tuple[int, int, int], layouts: tuple[str, str], kind: str) -> None:
    m, k, n = shape
    a, b = RNG.standard_normal((m, k)).astype(kind), RNG.standard_normal((k, n)).astype(kind)
    found = matrix.matrix_product(laid_out(a, layouts[0]), laid_out(b, layouts[1]))
    assert found is not NotImplemented
    exact = a.astype("longdouble") @ b.astype("longdouble") if m * n * k < 10**7 else a.astype("f8") @ b.astype("f8")
    np.testing.assert_allclose(found, exact, rtol=0, atol=4 * np.finfo(kind).eps * np.sqrt(k) * np.abs(exact).max())


@pytest.mark.parametrize("layout", ["plain", "transposed", "wider"])
@pytest.mark.parametrize("batch", [(3,), (2, 5), (24,)])
def test_a_batch_of_products_is_numpys(batch: tuple[int, ...], layout: str) -> None:
    a, b = RNG.standard_normal((*batch, 65, 64)), RNG.standard_normal((*batch, 64, 80))
    found = matrix.matrix_product(laid_out(a, layout), b)
    np.testing.assert_allclose(found, a @ b, rtol=1e-12, atol=1e-12)


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    before = threads.get_num_threads()
    for m, k, n in SHAPES:
        a, b = RNG.standard_normal((m, k)).astype("float32"), RNG.standard_normal((k, n)).astype("float32")
        found = []
        for number in (1, threads.cores()):
            threads.set_num_threads(number)
            found.append(matrix.matrix_product(a, b).tobytes())
        threads.set_num_threads(before)
        assert found[0] == found[1]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones((64, 64)), np.ones((64, 63)).T),
        (np.ones((8, 8)), np.ones((8, 8))),
        (np.ones(1 << 19), np.ones((1 << 19, 1))),
        (np.ones((600, 600), "int64"), np.ones((600, 600), "int64")),
        (np.ones((600, 600), "float32"), np.ones((600, 600))),
        (np.ones((1200, 600))[::2, ::-1], np.ones((600, 600))),
        (np.ones((3, 60, 60)), np.ones((60, 60))),
    ],
)
def test_what_is_left_to_the_reference(a: Any, b: Any) -> None:
    assert matrix.matrix_product(a, b) is NotImplemented


def test_products_of_nothing() -> None:
    assert matrix.matrix_product(np.ones((0, 5)), np.ones((5, 1 << 20))) is NotImplemented


def test_nan_and_infinities_arrive() -> None:
    a, b = np.ones((300, 300)), np.ones((300, 300))
    a[7, 3], b[5, 9] = np.nan, np.inf
    found = matrix.matrix_product(a, b)
    assert np.isnan(found[7]).all() and np.isinf(found[:7, 9]).all() and np.isfinite(np.delete(found[:7], 9, 1)).all()


@serial("void(f8[:, :], f8[:, :], f8[:, ::1])")
def one_product(a: Any, b: Any, out: Any) -> None:
    product(a, b, 0.0, out)


def test_a_step_along_a_single_element_says_nothing() -> None:
    wide = RNG.standard_normal((5, 40))
    for a, b in (
        (np.ones((1, 5)), wide[:, ::40]),
        (wide[:, ::40], np.ones((1, 3))),
        (wide[:1, :7], wide.T[:7, :4]),
        (wide[:, ::40].T, wide[:, ::40]),
        (wide[:, :1], wide[:1, :3]),
    ):
        out = np.empty((a.shape[0], b.shape[1]))
        one_product(a, b, out)
        np.testing.assert_allclose(out, a @ b, rtol=1e-13)
