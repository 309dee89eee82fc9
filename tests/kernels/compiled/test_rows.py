"""Loops over rows: normalisation, the softmax family, dropout, embedding and linear maps, beside their references."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lepton.backend import random, threads
from lepton.backend.random import Piece
from lepton.kernels.compiled import activation, draws, embedding, loss, matrix, rows
from lepton.kernels.normalization import Norm
from lepton.kernels.registry import REFERENCE

RNG = np.random.default_rng(4)
KINDS = ("float32", "float64")
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e30, -1e30, 1e-40)


def drawn(shape: tuple[int, ...], kind: str) -> Any:
    return RNG.standard_normal(shape).astype(kind)


def agree(found: Any, expected: Any, kind: str, scale: float = 1.0) -> None:
    assert found is not NotImplemented
    for one, other in zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]:
        if other is None:
            assert one is None
            continue
        assert one.shape == other.shape and one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=TOLERANCE[kind] * scale, atol=TOLERANCE[kind] * scale)


# ---------------------------------------------------------------------- normalisation


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (300, 192), (9, 1000)])
@pytest.mark.parametrize("with_weights", [True, False])
def test_normalisation_of_rows(shape: tuple[int, int], centered: bool, with_weights: bool, kind: str) -> None:
    norm = Norm(shape, (1,), shape[1:], shape[1:], 1e-5, centered)
    x, g = drawn(shape, kind) + 3, drawn(shape, kind)
    weight, bias = (drawn(shape[1:], kind), drawn(shape[1:], kind)) if with_weights else (None, None)
    expected = REFERENCE["normalize"](x, weight, bias, norm)
    found = rows.normalize(x, weight, bias, norm)
    agree(found, expected, kind, 300)
    for wanted in [(True, with_weights, with_weights), (False, with_weights, False)]:
        given = (g, x, weight, expected[1], expected[3], norm, wanted)
        agree(rows.normalize_backward(*given), REFERENCE["normalize_backward"](*given), kind, 300 * shape[0] ** 0.5)


def test_what_normalisation_leaves_to_the_reference() -> None:
    x = drawn((4, 6), "float32")
    over_columns = Norm((4, 6), (0,), (6,), (6,), 1e-5, True)
    assert rows.normalize(x, None, None, over_columns) is NotImplemented
    plain = Norm((4, 6), (1,), (6,), (6,), 1e-5, True)
    assert rows.normalize(x.astype("float16"), None, None, plain) is NotImplemented
    assert rows.normalize(x, np.ones(6), None, plain) is NotImplemented
    assert rows.normalize_backward(x, None, None, None, None, plain, (False, False, True)) is NotImplemented


# ---------------------------------------------------------------------- softmax


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (40, 512), (3, 7, 33)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_rows(name: str, shape: tuple[int, ...], kind: str) -> None:
    x, g, axis = drawn(shape, kind) * 9, drawn(shape, kind), len(shape) - 1
    out = REFERENCE[name](x, axis)
    agree(getattr(loss, name)(x, axis), out, kind, 4)
    agree(getattr(loss, f"{name}_backward")(g, out, axis), REFERENCE[f"{name}_backward"](g, out, axis), kind, 20)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_values_that_are_not_finite(name: str, kind: str) -> None:
    x = np.tile(np.arange(6.0), (8, 1)).astype(kind)
    x[0, 2], x[1, 3], x[2, 1], x[3] = math.nan, math.inf, -math.inf, -math.inf
    x[4] = [700.0, -700.0, 0.0, 1.0, -90.0, 88.0]
    with np.errstate(all="ignore"):
        expected = REFERENCE[name](x, 1)
        agree(getattr(loss, name)(x, 1), expected, kind, 4)


def test_softmax_along_another_dimension_is_the_references() -> None:
    x = drawn((4, 5), "float32")
    assert loss.softmax(x, 0) is NotImplemented and loss.softmax(x.T, 1) is NotImplemented
    agree(loss.softmax(x.reshape(4, 5, 1), 1), REFERENCE["softmax"](x.reshape(4, 5, 1), 1), "float32")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("one_for_all", [True, False])
def test_the_gradient_of_cross_entropy(one_for_all: bool, kind: str) -> None:
    log_p = REFERENCE["log_softmax"](drawn((50, 11), kind), 1)
    whole = np.asarray(0.3, kind) if one_for_all else drawn((50, 1), kind)
    given = (log_p, whole, whole, None, RNG.integers(0, 11, (50, 1)), 1)
    agree(loss.cross_entropy_backward(*given), REFERENCE["cross_entropy_backward"](*given), kind, 4)


# ---------------------------------------------------------------------- activations

OF_ONE = ("sigmoid", "tanh", "silu", "gelu", "gelu_tanh", "erf")
OF_TWO = (
    "relu_backward", "sigmoid_backward", "tanh_backward", "silu_backward", "gelu_backward", "gelu_tanh_backward",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OF_ONE + OF_TWO)
def test_activations_are_the_references(name: str, kind: str) -> None:
    x = np.concatenate([drawn((500,), kind) * 4, np.array(SPECIAL, kind)])
    given = (x,) if name in OF_ONE else (drawn(x.shape, kind), x)
    with np.errstate(all="ignore"):
        agree(getattr(activation, name)(*given), REFERENCE[name](*given), kind, 4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", OF_ONE + OF_TWO)
def test_an_elements_bits_do_not_depend_on_its_place_or_on_strides(name: str, kind: str) -> None:
    x = drawn((67,), kind) * 4
    given = (x,) if name in OF_ONE else (drawn(x.shape, kind), x)
    function: Callable[..., Any] = getattr(activation, name)
    whole = function(*given)
    for start in range(0, 67, 5):
        np.testing.assert_array_equal(function(*[each[start:].copy() for each in given]), whole[start:])
    np.testing.assert_array_equal(function(*[each[::-3] for each in given]), whole[::-3])
    assert function(*[each.reshape(67)[0:1].reshape(()) for each in given]).shape == ()


# ---------------------------------------------------------------------- dropout


@pytest.mark.parametrize("start", [0, 1, 7, 8, 1000])
@pytest.mark.parametrize("count", [1, 9, 5000])
@pytest.mark.parametrize("keep", [0.0, 0.3, 1.0])
def test_masks_are_those_of_the_backend(keep: float, count: int, start: int) -> None:
    piece = Piece((2**63 + 12345, 2**64 - 1), 2**63 + 99, start)
    found = draws.keep_mask(np.empty(1), (count,), keep, piece)
    np.testing.assert_array_equal(found, random.dropout_mask((count,), keep, piece))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_dropped_is_zero_be_it_nan(kind: str) -> None:
    x, mask = np.array([math.nan, math.inf, 1.0, -2.0], kind), np.array([False, False, True, False])
    np.testing.assert_array_equal(draws.dropout(x, mask, 2.0), np.array([0, 0, 2, 0], kind))
    assert draws.dropout(x, mask[:1], 2.0) is NotImplemented


# ---------------------------------------------------------------------- embedding, linear maps


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(50, 64), (7, 3, 40)])
def test_rows_are_taken_and_added_in_their_order(shape: tuple[int, ...], kind: str) -> None:
    index = RNG.integers(-shape[0], shape[0], (13, 9))
    values = drawn((13, 9, *shape[1:]), kind)
    found = embedding.index_add(values, (index,), shape)
    np.testing.assert_array_equal(found, REFERENCE["index_add"](values, (index,), shape))
    assert found.base is None
    if len(shape) == 2:
        table = drawn(shape, kind)
        np.testing.assert_array_equal(embedding.take_rows(table, index), table[index])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(300, 96, 130), (1, 4096, 70), (64, 2000, 3)])
def test_a_linear_map_has_its_bias(shape: tuple[int, int, int], kind: str) -> None:
    m, k, n = shape
    x, weight, bias = drawn((m, k), kind), drawn((n, k), kind), drawn((n,), kind)
    agree(matrix.affine(x, weight, bias), x @ weight.T + bias, kind, 4 * k**0.5)
    agree(matrix.column_sums(x), x.sum(axis=0), kind, 4 * m**0.5)
    assert matrix.affine(x, weight, np.ones(n, "float16")) is NotImplemented


# ---------------------------------------------------------------------- threads


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    x, g, w = drawn((1000, 96), "float32"), drawn((1000, 96), "float32"), drawn((96,), "float32")
    norm = Norm((1000, 96), (1,), (96,), (96,), 1e-5, True)
    _, mean, _, rstd = rows.normalize(x, w, w, norm)
    index = RNG.integers(0, 50, 1000)
    cases: list[Callable[[], Any]] = [
        lambda: rows.normalize(x, w, w, norm)[0],
        lambda: np.concatenate([each.reshape(-1) for each in rows.normalize_backward(
            g, x, w, mean, rstd, norm, (True, True, True))]),
        lambda: loss.softmax(x, 1),
        lambda: loss.log_softmax(x, 1),
        lambda: activation.gelu_backward(g, x),
        lambda: draws.keep_mask(x, x.shape, 0.4, Piece((1, 2), 3)),
        lambda: embedding.index_add(x, (index,), (50, 96)),
        lambda: matrix.column_sums(x),
        lambda: matrix.affine(x, np.ascontiguousarray(x[:200]), np.ascontiguousarray(x[:200, 0])),
    ]  # fmt: skip
    before = threads.get_num_threads()
    for case in cases:
        bits = []
        for number in (1, threads.cores()):
            threads.set_num_threads(number)
            bits.append(case().tobytes())
        threads.set_num_threads(before)
        assert bits[0] == bits[1]
