"""Dropout: how often, how much, the same mask backward, whole channels, reproducible."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lepton
import lepton.nn.functional as F
from lepton import nn

ONES = lepton.ones(400, 500)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_elements_are_dropped_with_probability_p_and_scaled(p: float) -> None:
    lepton.manual_seed(0)
    out = F.dropout(ONES, p).numpy()
    kept = out != 0
    np.testing.assert_allclose(out[kept], 1 / (1 - p), rtol=1e-6)
    assert abs(kept.mean() - (1 - p)) < 5 * math.sqrt(p * (1 - p) / out.size)
    neighbours = (kept[:, 1:] & kept[:, :-1]).mean()
    assert abs(neighbours - (1 - p) ** 2) < 0.01


def test_the_gradient_passes_the_same_mask() -> None:
    x = lepton.ones(50, 40, requires_grad=True)
    out = F.dropout(x, 0.3)
    out.sum().backward()
    assert lepton.equal(x.grad, out)


def test_second_derivatives_pass_the_same_mask() -> None:
    x = lepton.ones(50, requires_grad=True)
    out = F.dropout(x * x, 0.3)
    (first,) = lepton.autograd.grad(out.sum(), x, create_graph=True)
    (second,) = lepton.autograd.grad(first.sum(), x)
    np.testing.assert_allclose(second.numpy(), 2 * out.detach().numpy(), rtol=1e-6)


def test_every_call_draws_anew_and_the_seed_repeats() -> None:
    lepton.manual_seed(1)
    first, second = F.dropout(ONES), F.dropout(ONES)
    assert not lepton.equal(first, second)
    lepton.manual_seed(1)
    assert lepton.equal(F.dropout(ONES), first)


def test_infinite_elements_can_be_dropped() -> None:
    out = F.dropout(lepton.full((1000,), math.inf), 0.5).numpy()
    assert set(out) == {0.0, math.inf}


def test_in_place() -> None:
    x = lepton.ones(100)
    assert F.dropout(x, 0.5, inplace=True) is x and set(x.tolist()) == {0.0, 2.0}
    leaf = lepton.ones(100, requires_grad=True)
    hidden = leaf * 1
    F.dropout(hidden, 0.5, inplace=True).sum().backward()
    assert lepton.equal(leaf.grad, hidden)


@pytest.mark.parametrize("layer", [nn.Dropout, nn.AlphaDropout, nn.Dropout1d, nn.FeatureAlphaDropout])
def test_evaluation_is_the_identity(layer: Any) -> None:
    x = lepton.randn(2, 3, 4)
    module = layer(0.5)
    assert not lepton.equal(module(x), x)
    assert module.eval()(x) is x


@pytest.mark.parametrize(
    ("function", "shape", "leading"),
    [
        (F.dropout1d, (20, 30, 5), 2),
        (F.dropout1d, (300, 5), 1),
        (F.dropout2d, (20, 30, 2, 3), 2),
        (F.dropout3d, (20, 30, 2, 1, 3), 2),
        (F.dropout3d, (300, 2, 1, 3), 1),
    ],
)
def test_whole_channels(function: Any, shape: tuple[int, ...], leading: int) -> None:
    out = function(lepton.ones(shape), 0.4).numpy().reshape(*shape[:leading], -1)
    assert (out == out[..., :1]).all()
    assert 0.45 < (out[..., 0] != 0).mean() < 0.75


def test_warnings_of_odd_dimensions() -> None:
    with pytest.warns(UserWarning, match="dropout2d: Received a 3D input"):
        F.dropout2d(lepton.ones(2, 3, 4))
    with pytest.warns(UserWarning, match="dropout2d: Received a 2-D input"):
        F.dropout2d(lepton.ones(2, 3))
    with pytest.warns(UserWarning, match="dropout3d: Received a 3-D input"):
        F.dropout3d(lepton.ones(2, 3, 4))


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    lepton.manual_seed(2)
    x = lepton.randn(400, 500)
    for out in (F.alpha_dropout(x, 0.3, True), F.feature_alpha_dropout(lepton.randn(600, 500, 1), 0.3, True)):
        assert abs(out.mean().item()) < 0.02 and abs(out.std().item() - 1) < 0.02
    scale = ((1.7580993408473766**2 * 0.3 + 1) * 0.7) ** -0.5
    lowest = -1.7580993408473766 * scale * 0.7
    at_the_limit = np.isclose(F.alpha_dropout(x, 0.3, True).numpy(), lowest, atol=1e-5)
    assert 0.28 < at_the_limit.mean() < 0.32


def test_rrelu_draws_slopes_in_training() -> None:
    x = -lepton.ones(100, 100, requires_grad=True)
    module = nn.RReLU(0.2, 0.4)
    out = module(x)
    assert out.min().item() > -0.4 and out.max().item() <= -0.2 and len(set(out.detach().numpy().ravel())) > 1000
    (slopes,) = lepton.autograd.grad(out.sum(), x)
    assert lepton.equal(slopes, -out)
    np.testing.assert_allclose(module.eval()(x).detach().numpy(), -0.3, rtol=1e-6)


def test_gumbel_softmax() -> None:
    lepton.manual_seed(4)
    logits = lepton.tensor([0.1, 0.2, 0.7]).log().expand(20000, 3).clone().requires_grad_()
    hard = F.gumbel_softmax(logits, hard=True)
    assert set(np.unique(hard.detach().numpy().round(6))) == {0.0, 1.0}
    np.testing.assert_allclose(hard.mean(0).tolist(), [0.1, 0.2, 0.7], atol=0.015)
    hard[:, 0].sum().backward()
    assert (logits.grad != 0).any()
    np.testing.assert_allclose(F.gumbel_softmax(logits, 0.5).sum(1).tolist(), 1, rtol=1e-5)
