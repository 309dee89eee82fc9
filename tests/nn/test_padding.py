"""Padding against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton.errors import ShapeError
from lepton.nn import functional as F

NAMES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "constant": "constant"}


@given(
    mode=st.sampled_from(list(NAMES)),
    lengths=st.lists(st.integers(4, 6), min_size=1, max_size=3),
    pads=st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_against_numpy(mode: str, lengths: list[int], pads: list[int]) -> None:
    x = np.arange(2 * np.prod(lengths)).reshape(2, *lengths)
    pairs = list(zip(pads[::2], pads[1::2], strict=True))[: len(lengths)]
    found = F.pad(lepton.tensor(x), [each for pair in pairs for each in pair], mode)
    np.testing.assert_array_equal(found.numpy(), np.pad(x, [(0, 0), *pairs[::-1]], NAMES[mode]))


@pytest.mark.parametrize("mode", list(NAMES))
def test_no_pads_make_a_copy(mode: str) -> None:
    x = lepton.ones(1, 2, 3)
    F.pad(x, (0, 0), mode).fill_(5)
    assert x.sum().item() == 6


def test_a_pad_that_wraps_over_itself_is_refused() -> None:
    with pytest.raises(ShapeError, match="wrapping around"):
        F.pad(lepton.ones(2, 3, 5), (-2, 4), "circular")
