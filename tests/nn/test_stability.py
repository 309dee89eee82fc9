"""Scores of ±10,000: forward, backward and second derivatives without a floating error on the way, and finite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy._core import umath

import lepton
from lepton import special
from lepton.backend import floats
from lepton.nn import functional as F

SCORES = np.array(
    [[1e4, -1e4, 0.0, 3.0], [-1e4, -1e4, -88.0, 88.0], [1e4, 1e4, 710.0, -710.0], [1e-3, -20.0, 20.0, -6.0]]
)
CLASSES = [1, 3, 0, 2]

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "softmax": lambda x: F.softmax(x, -1),
    "softmax over rows": lambda x: F.softmax(x, 0),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "softmin": lambda x: F.softmin(x, -1),
    "logsumexp": lambda x: lepton.logsumexp(x, -1),
    "logsumexp of all": lambda x: lepton.logsumexp(x, (0, 1)),
    "logcumsumexp": lambda x: lepton.logcumsumexp(x, 1),
    "logaddexp": lambda x: lepton.logaddexp(x, x.flip(1)),
    "cross_entropy": lambda x: F.cross_entropy(x, lepton.tensor(CLASSES)),
    "cross_entropy, smoothed": lambda x: F.cross_entropy(x, lepton.tensor(CLASSES), label_smoothing=0.1),
    "cross_entropy of probabilities": lambda x: F.cross_entropy(x, lepton.full(x.shape, 0.25, dtype=x.dtype)),
    "binary_cross_entropy_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, lepton.ones_like(x) * 0.3),
    "sigmoid": lepton.sigmoid,
    "logsigmoid": F.logsigmoid,
    "softplus": F.softplus,
    "tanh": lepton.tanh,
    "gelu": F.gelu,
    "gelu, by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "elu": F.elu,
    "selu": F.selu,
    "celu": F.celu,
    "erf": lepton.erf,
    "erfc": lepton.erfc,
    "ndtr": special.ndtr,
    "log_ndtr": special.log_ndtr,
    "i0e": special.i0e,
    "i1e": special.i1e,
    "sinc": lepton.sinc,
}


@pytest.fixture(autouse=True)
def _nothing_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ops silence NumPy's warnings; here they raise instead."""
    strict = umath._make_extobj(over="raise", divide="raise", invalid="raise", under="ignore")
    monkeypatch.setattr(floats, "_SILENT", strict)
    with pytest.raises(FloatingPointError):
        lepton.log(lepton.zeros(1))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_floating_error_and_all_finite(name: str, dtype: str) -> None:
    x = lepton.tensor(SCORES.astype(dtype), requires_grad=True)
    out = FUNCTIONS[name](x)
    (first,) = lepton.autograd.grad(out.sum(), x, create_graph=True)
    (second,) = lepton.autograd.grad((first * first).sum(), x, allow_unused=True)
    for each in (out, first, second):
        assert each is None or np.isfinite(each.numpy(force=True)).all()


def test_the_shares_of_cross_entropy_are_those_of_the_largest() -> None:
    x = lepton.tensor(SCORES, requires_grad=True)
    loss = F.cross_entropy(x, lepton.tensor(CLASSES), reduction="none")
    np.testing.assert_allclose(loss.detach().numpy(), [2e4, 0.0, np.log(2), 0.0], atol=1e-8)
    loss.sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[:2], [[1, -1, 0, 0], [0, 0, 0, 0]], atol=1e-12)
