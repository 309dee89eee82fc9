"""Activations written over their input: gradients are those of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lepton
from lepton import nn

OVER_THEIR_INPUT = [
    nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.LeakyReLU, nn.Hardsigmoid, nn.Hardswish, nn.SiLU, nn.Mish, nn.ELU, nn.CELU,
    nn.SELU,
]  # fmt: skip


@pytest.mark.parametrize("kind", OVER_THEIR_INPUT)
def test_in_place_gradients(kind: Any) -> None:
    found = []
    for inplace in (False, True):
        x = lepton.tensor([-4.0, -2.0, -0.5, 0.25, 2.0, 4.0], requires_grad=True)
        y = x * 1
        out = kind(inplace=inplace)(y)
        assert (out is y) == inplace
        out.sum().backward()
        found.append([out.detach().numpy(), x.grad.numpy()])
    np.testing.assert_array_equal(found[0], found[1])


def test_randomized_leaky_relu_in_place() -> None:
    found = []
    for inplace in (False, True):
        lepton.manual_seed(0)
        x = lepton.tensor([-4.0, -2.0, 4.0], requires_grad=True)
        nn.RReLU(inplace=inplace)(x * 1).sum().backward()
        found.append(x.grad.tolist())
    assert found[0] == found[1]
