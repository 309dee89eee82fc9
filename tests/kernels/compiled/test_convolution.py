"""Convolution without columns, and Winograd's: against the reference, which lays columns out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lepton.backend import threads
from lepton.kernels.compiled import convolution
from lepton.kernels.convolution import Windows
from lepton.kernels.registry import REFERENCE
from lepton.kernels.windows import window_count

RNG = np.random.default_rng(9)


def windows(x: Any, weight: Any, stride: Any, pads: Any, dilation: Any, groups: int = 1) -> Windows:
    return Windows(x, weight, stride, tuple((pad, pad) for pad in pads), dilation, groups)


CASES = {
    "few channels": windows((8, 3, 24, 24), (32, 3, 3, 3), (1, 1), (1, 1), (1, 1)),
    "winograd": windows((4, 32, 12, 13), (48, 32, 3, 3), (1, 1), (1, 1), (1, 1)),
    "winograd, small images": windows((8, 64, 4, 4), (64, 64, 3, 3), (1, 1), (1, 1), (1, 1)),
    "stride": windows((8, 16, 17, 15), (32, 16, 3, 3), (2, 2), (1, 1), (1, 1)),
    "shortcut": windows((8, 16, 16, 16), (32, 16, 1, 1), (2, 2), (0, 0), (1, 1)),
    "pointwise": windows((8, 16, 10, 10), (24, 16, 1, 1), (1, 1), (0, 0), (1, 1)),
    "four by four": windows((8, 12, 16, 16), (20, 12, 4, 4), (2, 2), (1, 1), (1, 1)),
    "dilated": windows((4, 9, 20, 20), (10, 9, 3, 3), (1, 1), (2, 2), (2, 2)),
    "grouped": windows((4, 12, 14, 14), (18, 4, 3, 3), (1, 1), (1, 1), (1, 1), 3),
    "depthwise": windows((4, 24, 14, 14), (24, 1, 3, 3), (1, 1), (1, 1), (1, 1), 24),
    "a line": windows((8, 10, 200), (15, 10, 5), (2,), (2,), (1,)),
    "a volume": windows((2, 6, 8, 9, 10), (9, 6, 2, 3, 3), (1, 2, 1), (1, 0, 1), (1, 1, 1)),
}


def arrays(case: Windows, kind: str) -> tuple[Any, Any, Any, Any]:
    """x, weight, bias and g of one convolution."""
    every = zip(case.x_shape[2:], case.weight_shape[2:], case.stride, case.padding, case.dilation, strict=True)
    counts = [window_count(*each) for each in every]
    outputs = case.weight_shape[0]
    shapes = (case.x_shape, case.weight_shape, (outputs,), (case.x_shape[0], outputs, *counts))
    return tuple([RNG.standard_normal(shape).astype(kind) for shape in shapes])  # type: ignore[return-value]


def all_three(case: Windows, kind: str, library: Any) -> list[Any]:
    x, weight, bias, g = arrays(case, kind)
    return [
        library("convolution")(x, weight, bias, case),
        library("convolution")(x, weight, None, case),
        library("convolution_input_gradient")(g, weight, None, case),
        library("convolution_weight_gradient")(g, x, case),
    ]


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_all_directions_are_the_references(name: str, kind: str) -> None:
    state = RNG.bit_generator.state
    found = all_three(CASES[name], kind, lambda each: getattr(convolution, each))
    RNG.bit_generator.state = state
    expected = all_three(CASES[name], kind, REFERENCE.__getitem__)
    for mine, other in zip(found, expected, strict=True):
        assert mine is not NotImplemented and mine.shape == other.shape and mine.dtype == other.dtype
        limit = (2e-6 if kind == "float32" else 1e-14) * np.abs(other).max()
        np.testing.assert_allclose(mine, other, rtol=0, atol=limit)


@pytest.mark.parametrize("name", ["few channels", "winograd", "winograd, small images", "stride", "grouped"])
def test_the_bits_do_not_depend_on_the_number_of_threads(name: str) -> None:
    before, state, found = threads.get_num_threads(), RNG.bit_generator.state, []
    for number in (1, threads.cores()):
        threads.set_num_threads(number)
        RNG.bit_generator.state = state
        made = all_three(CASES[name], "float32", lambda each: getattr(convolution, each))
        found.append([each.tobytes() for each in made])
    threads.set_num_threads(before)
    assert found[0] == found[1]


def test_elements_in_no_window_are_left_to_the_reference() -> None:
    case = windows((8, 64, 1, 1), (64, 64, 1, 1), (2, 2), (1, 1), (1, 1))
    _, weight, _, g = arrays(case, "float32")
    assert convolution.convolution_input_gradient(g, weight, None, case) is NotImplemented
