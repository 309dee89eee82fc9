"""LU, triangular systems and the exponential of matrices: sizes across the blocks' edges, batches, exact cases."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lepton.kernels import linalg as kernels

RNG = np.random.default_rng(5)


def unpacked(packed: Any, pivots: Any) -> Any:
    """P·L·U."""
    m, n = packed.shape[-2:]
    k = min(m, n)
    lower = np.tril(packed[..., :k], -1) + np.eye(m, k)
    product = lower @ np.triu(packed[..., :k, :])
    order = kernels.order_of(pivots, m)
    return np.take_along_axis(product, order.argsort(-1)[..., None], -2)


@pytest.mark.parametrize("shape", [(1, 1), (31, 31), (33, 33), (64, 64), (2, 65, 40), (40, 65), (3, 2, 5, 5)])
def test_lu_gives_back_the_matrix_with_multipliers_up_to_one(shape: tuple[int, ...]) -> None:
    a = RNG.standard_normal(shape)
    packed, pivots = kernels.lu_factor(a)
    np.testing.assert_allclose(unpacked(packed, pivots), a, rtol=0, atol=1e-13 * max(shape))
    assert np.abs(np.tril(packed, -1)).max(initial=0) <= 1
    assert pivots.dtype == np.int32
    assert pivots.min() >= 1


def test_lu_does_not_write_to_its_argument() -> None:
    a = np.asfortranarray(RNG.standard_normal((40, 40)))
    held = a.copy()
    kernels.lu_factor(a)
    np.testing.assert_array_equal(a, held)


def test_a_column_of_zeros_is_passed_over() -> None:
    a = RNG.standard_normal((3, 3))
    a[:, 1] = 0
    packed, pivots = kernels.lu_factor(a)
    np.testing.assert_allclose(unpacked(packed, pivots), a, atol=1e-15)
    assert kernels.first_zero(kernels.diagonal_of(packed)) == 2


@pytest.mark.parametrize("n", [1, 23, 24, 25, 49, 120])
@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("unit", [True, False])
def test_triangular_systems(n: int, upper: bool, unit: bool) -> None:
    triangle = np.triu if upper else np.tril
    whole = RNG.uniform(-1, 1, (2, n, n)) / n + 2 * np.eye(n)
    a = triangle(whole)
    if unit:
        a = a - a * np.eye(n) + np.eye(n)
    b = RNG.standard_normal((2, n, 3))
    np.testing.assert_allclose(a @ kernels.solve_triangular(whole, b, upper, unit), b, rtol=0, atol=1e-13)


def test_one_singular_matrix_does_not_spoil_its_batch() -> None:
    a = RNG.standard_normal((3, 4, 4))
    a[1, 2] = 0
    with np.errstate(all="ignore"):
        found, info = kernels.inverse(a)
    assert info.tolist() == [0, 4, 0]
    np.testing.assert_allclose(found[[0, 2]], np.linalg.inv(a[[0, 2]]), rtol=1e-11)
    assert not np.isfinite(found[1]).any()
    right = RNG.standard_normal((4, 2))
    with np.errstate(all="ignore"):
        solved, info = kernels.solve(a, right)
    assert info.tolist() == [0, 4, 0]
    np.testing.assert_allclose(a[[0, 2]] @ solved[[0, 2]], np.stack([right] * 2), atol=1e-12)


@pytest.mark.parametrize("minor", [1, 2, 5, 16, 20])
def test_cholesky_names_the_first_minor_that_is_not_positive(minor: int) -> None:
    root = np.tril(RNG.uniform(0.1, 0.2, (20, 20))) + np.eye(20)
    good, bad = root @ root.T, root @ root.T
    bad[minor - 1, minor - 1] = -1.0
    bad[-1, -1] = min(bad[-1, -1], 0.5)  # a later one is not positive either
    factors, info = kernels.cholesky(np.stack([good, bad]))
    assert info.tolist() == [0, minor]
    np.testing.assert_allclose(factors[0], root, atol=1e-13)
    assert np.isnan(factors[1]).all()


def test_cholesky_takes_nan_for_what_is_not_positive() -> None:
    bad = np.eye(3)
    bad[1, 1] = math.nan
    assert kernels.cholesky(bad)[1] == 2


@pytest.mark.parametrize("size", [0.0, 1e-12, 0.3, 0.78, 1.0, 5.0, 40.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_exponential_of_symmetric_matrices(size: float, dtype: Any) -> None:
    q, _ = np.linalg.qr(RNG.standard_normal((6, 6)))
    values = np.linspace(-1, 1, 6) * size
    exact = (q * np.exp(values)) @ q.T
    found = kernels.matrix_exp(((q * values) @ q.T).astype(dtype))
    assert found.dtype == dtype
    limit = 64 * (1 + size) * np.finfo(dtype).eps
    np.testing.assert_allclose(found, exact, rtol=0, atol=limit * np.exp(size))


def test_each_matrix_of_a_batch_has_its_own_scale() -> None:
    small, large = RNG.standard_normal((4, 4)) * 1e-3, RNG.standard_normal((4, 4)) * 30
    with np.errstate(invalid="ignore"):
        both = kernels.matrix_exp(np.stack([small, large, np.full((4, 4), np.inf)]))
    np.testing.assert_array_equal(both[0], kernels.matrix_exp(small))
    np.testing.assert_array_equal(both[1], kernels.matrix_exp(large))
    assert np.isnan(both[2]).all()


def test_a_nilpotent_matrix_has_an_exponential_of_three_terms() -> None:
    a = np.diag([1e3, 2e3], 1)
    np.testing.assert_allclose(kernels.matrix_exp(a), np.eye(3) + a + a @ a / 2, rtol=1e-13)


def test_the_exponential_of_a_number_is_exact_to_rounding_up_to_the_last_term() -> None:
    """The largest that is not halved, where the term of degree 16 is 9e-16."""
    a = np.full((1, 1), np.nextafter(kernels.SMALL_ENOUGH, 0))
    np.testing.assert_allclose(kernels.matrix_exp(a), np.exp(a), rtol=4e-16)
