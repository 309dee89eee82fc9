"""What upper rooms provide and lower rooms call."""

from __future__ import annotations

import pytest

from lepton.backend.injection import MESH_SUM, inject, injected
from lepton.errors import ArgumentError


def test_a_function_is_provided_replaced_and_taken_away() -> None:
    assert injected(MESH_SUM) is None
    try:
        inject(MESH_SUM, max)
        assert injected(MESH_SUM) is max
        inject(MESH_SUM, min)
        assert injected(MESH_SUM) is min
    finally:
        inject(MESH_SUM, None)
    assert injected(MESH_SUM) is None
    inject(MESH_SUM, None)


def test_a_name_that_nobody_calls_is_refused() -> None:
    with pytest.raises(ArgumentError, match="mesh_sum"):
        inject("mesh_sums", max)
