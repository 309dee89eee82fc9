"""Arguments that are no tensors, and sizes that no memory has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lepton
from lepton.errors import ArgumentTypeError, ShapeError
from lepton.nn import functional as F

X, CLASSES, ROW = lepton.full((2, 3), 0.5), lepton.tensor([0, 1]), lepton.ones(3)


@pytest.mark.parametrize("wrong", [np.ones(3, np.float32), [1.0, 1.0, 1.0], 1.0, "weight"])
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda wrong: F.linear(X, lepton.ones(3, 3), wrong), "'bias' (position 3)"),
        (lambda wrong: F.linear(X, wrong), "'weight' (position 2)"),
        (lambda wrong: F.conv1d(X[None], lepton.ones(3, 2, 1), wrong), "'bias' (position 3)"),
        (lambda wrong: F.batch_norm(X, wrong, ROW), "'running_mean' (position 2)"),
        (lambda wrong: F.batch_norm(X, ROW, ROW, ROW, wrong), "'bias' (position 5)"),
        (lambda wrong: F.instance_norm(X[None], None, None, wrong), "'weight' (position 4)"),
        (lambda wrong: F.group_norm(X, 1, wrong), "'weight' (position 3)"),
        (lambda wrong: F.layer_norm(X, (3,), ROW, wrong), "'bias' (position 4)"),
        (lambda wrong: F.rms_norm(X, (3,), wrong), "'weight' (position 3)"),
        (lambda wrong: F.cross_entropy(X, CLASSES, wrong), "'weight' (position 3)"),
        (lambda wrong: F.nll_loss(X, CLASSES, wrong), "'weight' (position 3)"),
        (lambda wrong: F.binary_cross_entropy(X, X, wrong), "'weight' (position 3)"),
        (lambda wrong: F.binary_cross_entropy_with_logits(X, X, pos_weight=wrong), "'pos_weight' (position 4)"),
    ],
)
def test_what_is_no_tensor_is_named(call: Callable[[Any], Any], name: str, wrong: Any) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        call(wrong)
    assert f"argument {name} must be Tensor, not {type(wrong).__name__}" in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: lepton.zeros(2**70),
        lambda: lepton.empty(2**31, 2**31),
        lambda: lepton.ones(0, 2**62),
        lambda: lepton.randn(2**40, 2**40),
        lambda: lepton.full((2**62,), 1.0),
        lambda: F.conv2d(lepton.ones(1, 1, 4, 4), lepton.ones(1, 1, 2, 2), padding=2**70),
    ],
)
def test_sizes_that_no_memory_has(call: Callable[[], Any]) -> None:
    with pytest.raises(ShapeError, match="Storage size calculation overflowed with sizes="):
        call()
