"""Normalisation over channels and groups of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lepton.backend import threads
from lepton.kernels.compiled import channels
from lepton.kernels.normalization import Norm
from lepton.kernels.registry import REFERENCE

RNG = np.random.default_rng(6)
NORMS = {
    "batch": Norm((4, 5, 36), (0, 2), (5, 1), (5,), 1e-5, True),
    "instance": Norm((4, 5, 36), (2,), (5, 1), (5,), 1e-5, True),
    "group": Norm((4, 3, 2, 36), (2, 3), (3, 2, 1), (6,), 1e-5, True),
    "not centred": Norm((4, 5, 36), (0, 2), (5, 1), (5,), 1e-5, False),
}


def close(found: Any, expected: Any, kind: str) -> None:
    assert (found is None) == (expected is None)
    if found is not None:
        assert found.shape == expected.shape and found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 if kind == "float32" else 1e-12)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("with_weight", [True, False])
@pytest.mark.parametrize("name", NORMS)
def test_norm_and_gradients_are_the_references(name: str, with_weight: bool, kind: str) -> None:
    norm = NORMS[name]
    x, g = [RNG.standard_normal((4, np.prod(norm.view) // 144, 6, 6)).astype(kind) for _ in range(2)]
    weight, bias = [RNG.standard_normal(norm.own).astype(kind) if with_weight else None for _ in range(2)]
    found = channels.normalize(x, weight, bias, norm)
    expected = REFERENCE["normalize"](x, weight, bias, norm)
    for mine, other in zip(found, expected, strict=True):
        close(mine, other, kind)
    for wanted in ((True, True, True), (False, True, False), (True, False, False)):
        made = channels.normalize_backward(g, x, weight, found[1], found[3], norm, wanted)
        right = REFERENCE["normalize_backward"](g, x, weight, expected[1], expected[3], norm, wanted)
        for mine, other in zip(made, right, strict=True):
            close(mine, other, kind)


def test_large_means_do_not_cancel() -> None:
    norm = Norm((8, 2, 100), (0, 2), (2, 1), (2,), 0.0, True)
    x = (RNG.standard_normal((8, 2, 100)) + 1000).astype("float32")
    found = channels.normalize(x, None, None, norm)
    np.testing.assert_allclose(found[2].reshape(-1), x.astype("f8").var(axis=(0, 2)), rtol=1e-4)


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    before, found = threads.get_num_threads(), []
    x = RNG.standard_normal((4, 5, 6, 6)).astype("float32")
    for number in (1, threads.cores()):
        threads.set_num_threads(number)
        found.append(channels.normalize(x, None, None, NORMS["batch"])[0].tobytes())
    threads.set_num_threads(before)
    assert found[0] == found[1]


@pytest.mark.parametrize("bias", [True, False])
def test_given_statistics(bias: bool) -> None:
    x, numbers = RNG.standard_normal((3, 4, 5, 2)), RNG.standard_normal((3, 4))
    arguments = (numbers[0], numbers[1], numbers[2] if bias else None)
    close(channels.scale_channels(x, *arguments), REFERENCE["scale_channels"](x, *arguments), "float64")
    assert channels.scale_channels(x[:0], *arguments).shape == (0, 4, 5, 2)


def test_what_is_left_to_the_reference() -> None:
    layer = Norm((8, 90), (1,), (90,), (90,), 1e-5, True)
    assert channels.normalize(np.ones((8, 90)), None, None, layer) is NotImplemented
    assert channels.normalize(np.ones((4, 5, 36), "float16"), None, None, NORMS["batch"]) is NotImplemented
    assert (
        channels.normalize_backward(np.ones((4, 5, 36)), None, None, None, None, NORMS["batch"], (False, False, True))
        is NotImplemented
    )
