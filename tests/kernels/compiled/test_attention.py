"""Attention by blocks, forward and backward, beside the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lepton.backend import threads
from lepton.backend.random import Piece
from lepton.kernels import attention as kernels
from lepton.kernels.attention import Attending
from lepton.kernels.compiled import attention
from lepton.kernels.registry import REFERENCE

RNG = np.random.default_rng(3)
SHAPES = [  # B, H, L, S, E, V
    (2, 3, 40, 40, 8, 8), (1, 1, 130, 130, 16, 16), (1, 2, 33, 70, 5, 3), (3, 4, 1, 9, 4, 4), (1, 1, 1, 1, 1, 1),
    (1, 2, 5, 3, 1, 2), (1, 1, 40, 5000, 4, 4),
]  # fmt: skip
TOLERANCE = {"float32": 3e-5, "float64": 1e-13}


def drawn(shape: tuple[int, ...], kind: str) -> tuple[Any, Any, Any, Any]:
    b, h, length, keys, width, values = shape
    sizes = ((b, h, length, width), (b, h, keys, width), (b, h, keys, values), (b, h, length, values))
    made = [RNG.standard_normal(each).astype(kind) for each in sizes]
    return made[0], made[1], made[2], made[3]


def both(q: Any, k: Any, v: Any, g: Any, mask: Any, how: Attending) -> list[tuple[Any, Any]]:
    """Results and gradients, found and of the reference."""
    found, expected = attention.attention(q, k, v, mask, how), REFERENCE["attention"](q, k, v, mask, how)
    assert found is not NotImplemented
    back = attention.attention_backward(g, q, k, v, mask, *found, how, False)
    expected_back = REFERENCE["attention_backward"](g, q, k, v, mask, *expected, how, False)
    return [*zip(found, expected, strict=True), *zip(back[:3], expected_back[:3], strict=True)]


def agree(pairs: list[tuple[Any, Any]], kind: str) -> None:
    for found, expected in pairs:
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE[kind], atol=TOLERANCE[kind] * 10)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_references(shape: tuple[int, ...], causal: bool, kind: str) -> None:
    agree(both(*drawn(shape, kind), None, Attending(0.7, causal)), kind)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("lead", [(1, 1, 1), (2, 1, 40), (1, 3, 1), (2, 3, 40)])
@pytest.mark.parametrize("bools", [False, True])
def test_masks_broadcast_and_rows_without_keys_are_zeros(bools: bool, lead: tuple[int, ...], kind: str) -> None:
    seen = RNG.random((*lead, 40)) < 0.7
    seen[..., :1, :] = False
    mask = seen if bools else np.where(seen, RNG.standard_normal(seen.shape), -math.inf).astype(kind)
    agree(both(*drawn(SHAPES[0], kind), mask, Attending(0.4, False)), kind)


@pytest.mark.parametrize("causal", [False, True])
def test_dropout_draws_what_the_reference_draws(causal: bool) -> None:
    how = Attending(0.5, causal, 0.75, Piece((3, 5), 7, 11))
    agree(both(*drawn((2, 3, 37, 37, 8, 8), "float32"), None, how), "float32")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite(value: float) -> None:
    q, k, v, g = drawn(SHAPES[0], "float64")
    q[0, 1, 3, 2] = k[1, 2, 5, 1] = v[0, 0, 2, 0] = value
    with np.errstate(invalid="ignore"):
        agree(both(q, k, v, g, None, Attending(0.7, False)), "float64")


def test_parts_of_one_projection_are_read_in_place_and_their_gradients_are_one_array() -> None:
    whole = RNG.standard_normal((2, 40, 3, 3, 8)).astype("float32")
    q, k, v = [whole[:, :, part].swapaxes(1, 2) for part in range(3)]
    g = RNG.standard_normal((2, 40, 3, 8)).astype("float32").swapaxes(1, 2)
    pairs = both(q, k, v, g, None, Attending(0.7, True))
    agree(pairs, "float32")
    out, *_, dq, dk, dv = [found for found, _ in pairs]
    assert out.swapaxes(1, 2).flags.c_contiguous
    assert dq.base is dk.base is dv.base and dq.base.shape == whole.shape
    np.testing.assert_array_equal(dq.base[:, :, 2].swapaxes(1, 2), dv)


def test_arrays_that_blas_cannot_read_are_copied() -> None:
    q, k, v, g = drawn(SHAPES[0], "float64")
    backwards = [np.ascontiguousarray(each[..., ::-1])[..., ::-1] for each in (q, k, v)]
    agree(both(*backwards, np.broadcast_to(g[:, :, :1], g.shape), None, Attending(0.7, False)), "float64")


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    before = threads.get_num_threads()
    for shape in SHAPES:
        given = drawn(shape, "float32")
        bits = []
        for number in (1, threads.cores()):
            threads.set_num_threads(number)
            bits.append([found.tobytes() for found, _ in both(*given, None, Attending(0.7, True))])
        threads.set_num_threads(before)
        assert bits[0] == bits[1]


def test_what_is_left_to_the_reference() -> None:
    q, k, v, g = drawn(SHAPES[0], "float32")
    how = Attending(1.0, False)
    assert attention.attention(q.astype("float16"), k, v, None, how) is NotImplemented
    assert attention.attention(q[:, :, :0], k, v, None, how) is NotImplemented
    assert attention.attention(q, k, v, None, Attending(1.0, False, 0.0, Piece((1, 2), 3))) is NotImplemented
    found = kernels.attention(q, k, v, None, how)
    mask = np.zeros((1, 1, 40, 40), "float32")
    assert attention.attention_backward(g, q, k, v, mask, *found, how, True) is NotImplemented
