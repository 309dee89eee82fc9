"""Sums over axes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from lepton.backend import threads
from lepton.kernels.compiled import reduction

RNG = np.random.default_rng(4)
SHAPES = [(5,), (3, 4), (70_000,), (1025, 300), (2, 3, 40_000), (4, 600, 7), (6, 5, 4, 3), (1, 9, 1), (700, 1), (1, 1)]


def axes_of(shape: tuple[int, ...]) -> list[Any]:
    every = [each for n in range(len(shape) + 1) for each in itertools.combinations(range(len(shape)), n)]
    return [None, *every]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_sums_are_right_to_the_last_digit(shape: tuple[int, ...], kind: str) -> None:
    x = RNG.standard_normal(shape).astype(kind)
    for axes, keep in itertools.product(axes_of(shape), (False, True)):
        found = reduction.total(x, axes, keep)
        if found is NotImplemented:
            continue
        exact = x.astype("longdouble").sum(axis=axes, keepdims=keep)
        assert found.shape == exact.shape and found.dtype == x.dtype
        scale = np.abs(x.astype("longdouble")).sum(axis=axes, keepdims=keep)
        limit = np.finfo(kind).eps * (1 if kind == "float32" else 64)
        assert (np.abs(found - exact) <= limit * scale).all(), (axes, keep)


def test_which_patterns_are_taken() -> None:
    x = np.ones((2, 3, 4, 5))
    taken = [axes for axes in axes_of(x.shape) if reduction.total(x, axes) is not NotImplemented]
    assert {None, (0,), (1,), (2,), (3,), (0, 1), (1, 2), (2, 3), (0, 3), (0, 2, 3), (0, 1, 3)} <= set(taken)
    assert (0, 2) not in taken
    assert reduction.total(x[::2], None) is not NotImplemented  # one element along it: contiguous
    assert reduction.total(x[:, ::2], None) is NotImplemented
    assert reduction.total(x.astype("int64"), None) is NotImplemented


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    before = threads.get_num_threads()
    for shape in SHAPES[:6]:
        x = RNG.standard_normal(shape).astype("float32")
        for axes in (None, (0,), (len(shape) - 1,)):
            found = []
            for number in (1, threads.cores()):
                threads.set_num_threads(number)
                found.append(reduction.total(x, axes).tobytes())
            threads.set_num_threads(before)
            assert found[0] == found[1]


def test_nan_and_infinities_arrive() -> None:
    x = np.ones((2000, 40), "float32")
    x[3, 5], x[1999, 7], x[0, 9] = np.nan, np.inf, -np.inf
    found = reduction.total(x, (0,))
    assert np.isnan(found[5]) and found[7] == np.inf and found[9] == -np.inf and np.isnan(reduction.total(x))
