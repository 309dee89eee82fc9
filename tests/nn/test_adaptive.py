"""Adaptive softmax: a distribution over all classes, its layers, its training."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lepton
from lepton import nn
from lepton.errors import PlaceError


def test_layers_and_sizes() -> None:
    layer = nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 40], head_bias=True)
    shapes = {name: tuple(each.shape) for name, each in layer.state_dict().items()}
    assert shapes == {
        "head.weight": (12, 16), "head.bias": (12,), "tail.0.0.weight": (4, 16), "tail.0.1.weight": (30, 4),
        "tail.1.0.weight": (1, 16), "tail.1.1.weight": (60, 1),
    }  # fmt: skip
    assert (layer.cutoffs, layer.shortlist_size, layer.n_clusters, layer.head_size) == ([10, 40, 100], 10, 2, 12)


def test_weights_are_drawn_in_the_order_of_the_layers_and_anew_on_request() -> None:
    lepton.manual_seed(1)
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5], 2.0)
    lepton.manual_seed(1)
    plain = [nn.Linear(*sizes, bias=False) for sizes in ((8, 4), (8, 4), (4, 3), (8, 2), (2, 4))]
    assert all(lepton.equal(a, b.weight) for a, b in zip(layer.parameters(), plain, strict=True))
    before = [each.clone() for each in layer.parameters()]
    layer.reset_parameters()
    assert not any(lepton.equal(a, b) for a, b in zip(layer.parameters(), before, strict=True))


def test_the_classes_probabilities_sum_to_one_and_are_those_of_the_loss() -> None:
    lepton.manual_seed(0)
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5], 2.0).double()
    x, y = lepton.randn(9, 8, dtype=lepton.float64), lepton.arange(9)
    log_p = layer.log_prob(x)
    np.testing.assert_allclose(log_p.exp().sum(1).detach().numpy(), 1, rtol=1e-12)
    output, loss = layer(x, y)
    np.testing.assert_allclose(output.detach().numpy(), log_p.detach().numpy()[range(9), range(9)], rtol=1e-12)
    assert math.isclose(loss.item(), -output.mean().item())
    assert lepton.equal(layer.predict(x), log_p.argmax(1))
    one = layer(x[4], y[4])
    assert one.output.shape == () and math.isclose(one.loss.item(), -output[4].item())


def test_only_clusters_that_occur_get_a_gradient() -> None:
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5])
    layer(lepton.randn(3, 8), lepton.tensor([0, 3, 1])).loss.backward()
    reached = {name for name, each in layer.named_parameters() if each.grad is not None}
    assert reached == {"head.weight", "tail.0.0.weight", "tail.0.1.weight"}


def test_a_training() -> None:
    lepton.manual_seed(0)
    layer = nn.AdaptiveLogSoftmaxWithLoss(6, 12, [3, 6], 1.0)
    x, y = lepton.randn(12, 6) * 3, lepton.arange(12)
    optimizer = lepton.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        layer(x, y).loss.backward()
        optimizer.step()
    assert lepton.equal(layer.predict(x), y)


def test_a_class_out_of_range_is_named() -> None:
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 9, [2, 5])
    with pytest.raises(PlaceError, match=r"should be in \[0, 8\], but values in range \[-1, 9\]"):
        layer(lepton.ones(2, 8), lepton.tensor([9, -1]))
