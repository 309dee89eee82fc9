"""The samplers that fill a tensor: what they do without arguments."""

from __future__ import annotations

from typing import Any

import pytest

import lepton

DEFAULTS: dict[str, tuple[Any, ...]] = {  # PyTorch's
    "uniform_": (0.0, 1.0),
    "normal_": (0.0, 1.0),
    "bernoulli_": (0.5,),
    "exponential_": (1.0,),
    "cauchy_": (0.0, 1.0),
    "log_normal_": (1.0, 2.0),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults(name: str) -> None:
    def filled(*parameters: float) -> list[float]:
        return getattr(lepton.empty(20), name)(*parameters, generator=lepton.Generator().manual_seed(1)).tolist()

    assert filled() == filled(*DEFAULTS[name])
    assert filled() != filled(*[each + 0.25 for each in DEFAULTS[name]])
