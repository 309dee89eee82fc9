"""Losses with a margin, likelihoods and distances: formulas by hand, extremes, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lepton
import lepton.nn.functional as F
from lepton import nn
from lepton.errors import ArgumentError, IndexRangeError, PlaceError

RNG = np.random.default_rng(7)
X = RNG.normal(size=(4, 5))


def test_multi_margin_loss_is_its_formula() -> None:
    target, weight = np.array([0, 4, 2, 2]), RNG.uniform(0.5, 2, 5)
    for p in (1, 2):
        expected = [
            weight[y] * sum(max(0.0, 0.7 - x[y] + x[c]) ** p for c in range(5) if c != y) / 5
            for x, y in zip(X, target, strict=True)
        ]
        found = F.multi_margin_loss(
            lepton.tensor(X), lepton.tensor(target), p, 0.7, lepton.tensor(weight), reduction="none"
        )
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_multilabel_margin_loss_is_its_formula() -> None:
    target = np.array([[3, 0, -1, 1, 1], [-1, 2, 2, 2, 2], [0, 1, 2, 3, 4], [4, 4, -1, 0, 0]])
    expected = []
    for x, row in zip(X, target, strict=True):
        given = list(row[: list(row).index(-1)] if -1 in row else row)
        others = [c for c in range(5) if c not in given]
        expected.append(sum(max(0.0, 1 - x[y] + x[c]) for y in given for c in others) / 5)
    found = F.multilabel_margin_loss(lepton.tensor(X), lepton.tensor(target), reduction="none")
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_an_empty_batch_costs_nothing(reduction: str) -> None:
    for function, target in (
        (F.multi_margin_loss, np.zeros(0, "int64")),
        (F.multilabel_margin_loss, np.zeros((0, 3), "int64")),
    ):
        x = lepton.zeros(0, 3, requires_grad=True)
        cost = function(x, lepton.tensor(target), reduction=reduction)
        cost.backward()
        assert cost.item() == 0 and x.grad is not None and x.grad.shape == (0, 3)


def test_likelihoods_are_those_of_the_distributions() -> None:
    y, v = RNG.normal(size=(4, 5)), RNG.uniform(0.5, 2, (4, 5))
    density = np.exp(-((y - X) ** 2) / (2 * v)) / np.sqrt(2 * math.pi * v)
    found = F.gaussian_nll_loss(*[lepton.tensor(each) for each in (X, y, v)], full=True, reduction="none")
    np.testing.assert_allclose(found.numpy(), -np.log(density), rtol=1e-12)
    counts = np.array([0.0, 1.0, 2.0, 30.0])
    rates = np.array([0.3, 1.0, 2.5, 28.0])
    true = rates - counts * np.log(rates) + np.array([math.lgamma(n + 1) for n in counts])
    found = F.poisson_nll_loss(
        lepton.tensor(rates), lepton.tensor(counts), log_input=False, full=True, eps=0, reduction="none"
    )
    np.testing.assert_allclose(found.numpy(), true, rtol=0.05)  # Stirling's approximation of log 2! is off by 0.04


HUGE = np.array([[1e30, -2e30], [1e-30, 3e-30], [1e4, -1e4]], "float32")
SIGNS = np.array([1.0, -1.0, 1.0], "float32")
EXTREME: list[Callable[[Any], Any]] = [
    lambda x: F.soft_margin_loss(x.clamp(-1e6, 1e6), lepton.tensor([[1.0, -1.0]])),
    lambda x: F.multilabel_soft_margin_loss(x, lepton.tensor([[1.0, 0.0]])),
    lambda x: F.cosine_embedding_loss(x, x.flip(1), lepton.tensor(SIGNS)),
    lambda x: F.cosine_similarity(x, x.flip(1)),
    lambda x: F.pairwise_distance(x, x.flip(1)),
    lambda x: F.pdist(x),
    lambda x: F.triplet_margin_loss(x, x.flip(1), -x),
    lambda x: F.margin_ranking_loss(x[:, 0], x[:, 1], lepton.tensor(SIGNS)),
    lambda x: F.gaussian_nll_loss(x, x.flip(1), x.abs() * 1e8),
]


@pytest.mark.parametrize("loss", EXTREME)
def test_extreme_inputs_have_finite_losses_and_gradients(loss: Callable[[Any], Any]) -> None:
    x = lepton.tensor(HUGE, requires_grad=True)
    found = loss(x)
    found.sum().backward()
    assert lepton.isfinite(found).all() and lepton.isfinite(x.grad).all()


def test_vectors_without_length_have_finite_gradients() -> None:
    x, y = lepton.zeros(2, 3, requires_grad=True), lepton.ones(2, 3)
    for loss in (F.cosine_embedding_loss(x, y, lepton.tensor([1, -1])), F.cosine_similarity(x, y).sum(), F.pdist(x)):
        (grad,) = lepton.autograd.grad(loss.sum(), x)
        assert lepton.isfinite(grad).all()


def test_a_variance_below_the_least_still_learns() -> None:
    v = lepton.tensor([0.0, 1e-9, 2.0], requires_grad=True)
    F.gaussian_nll_loss(lepton.zeros(3), lepton.ones(3), v, eps=0.5, reduction="sum").backward()
    assert (v.grad[:2] == 0.5 * (1 / 0.5 - 1 / 0.25)).all()  # of the clamped value, as if it had not been clamped
    assert v.tolist() == [0.0, lepton.tensor(1e-9).item(), 2.0]


def test_any_distance_makes_a_triplet_loss() -> None:
    a, p, n = (lepton.randn(3, 4) for _ in range(3))

    def squared(x: Any, y: Any) -> Any:
        return ((x - y) ** 2).sum(-1)

    loss = nn.TripletMarginWithDistanceLoss(distance_function=squared, margin=2.0, swap=True, reduction="none")
    far = lepton.minimum(squared(a, n), squared(p, n))
    np.testing.assert_allclose(loss(a, p, n).numpy(), (2 + squared(a, p) - far).clamp(min=0).numpy(), rtol=1e-6)
    assert nn.TripletMarginWithDistanceLoss().distance_function.norm == 2.0


def test_weights_are_part_of_the_state() -> None:
    weight = lepton.tensor([1.0, 2.0])
    for each in (nn.MultiMarginLoss(weight=weight), nn.MultiLabelSoftMarginLoss(weight)):
        assert list(each.state_dict()) == ["weight"]
        assert each.double().weight.dtype is lepton.float64


def test_targets_written_to_after_the_loss_do_not_change_the_gradient() -> None:
    x = lepton.tensor(X, requires_grad=True)
    for loss_of, target in (
        (F.multi_margin_loss, lepton.tensor([0, 1, 2, 3])),
        (F.multilabel_margin_loss, lepton.tensor([[0, 1, -1, 0, 0]] * 4)),
    ):
        (expected,) = lepton.autograd.grad(loss_of(x, target), x)
        loss = loss_of(x, target)
        target.fill_(4)
        (found,) = lepton.autograd.grad(loss, x)
        assert lepton.equal(found, expected)


def test_what_is_out_of_range_is_named() -> None:
    x = lepton.zeros(2, 3)
    with pytest.raises(PlaceError, match="targets reach from 0 to 3, and there are 3 classes, 0 to 2"):
        F.multi_margin_loss(x, lepton.tensor([0, 3]))
    with pytest.raises(ArgumentError, match="the smallest is -2"):
        F.gaussian_nll_loss(x, x, x - 2)
    with pytest.raises(ArgumentError, match="options are not available"):
        F.linear_cross_entropy(x, x, lepton.tensor([0, 1]), options=3)


def test_scores_without_a_dimension_of_classes_are_named() -> None:
    with pytest.raises(IndexRangeError, match="no dimension of classes"):
        F.multilabel_soft_margin_loss(lepton.tensor(1.0), lepton.tensor(1.0))
