"""Connectionist temporal classification against all alignments written out, and where it must stay finite."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import lepton
import lepton.nn.functional as F
from lepton.errors import IndexRangeError, ValueRangeError
from lepton.kernels import ctc as kernels

FLAGS = {"over": "raise", "divide": "raise", "invalid": "raise"}


def collapsed(path: tuple[int, ...], blank: int) -> list[int]:
    """What an alignment says: repetitions joined, then blanks left out."""
    return [label for label, _ in itertools.groupby(path) if label != blank]


def by_hand(log_p: Any, labels: list[int], blank: int) -> tuple[float, Any]:
    """The loss, and the probability of each class at each time, from all alignments one by one."""
    times, classes = log_p.shape
    whole, seen = 0.0, np.zeros((times, classes))
    for path in itertools.product(range(classes), repeat=times):
        if collapsed(path, blank) == labels:
            p = math.exp(sum(log_p[t, c] for t, c in enumerate(path)))
            whole += p
            seen[range(times), path] += p
    return -math.log(whole), seen / whole


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("labels", [[], [1], [1, 1], [1, 3, 1]])
def test_the_sum_over_all_alignments(labels: list[int], blank: int) -> None:
    log_p = np.random.default_rng(len(labels)).normal(size=(5, 4))
    loss, seen = by_hand(log_p, labels, blank)
    x = lepton.tensor(log_p, requires_grad=True)
    found = F.ctc_loss(x, lepton.tensor(labels, dtype=lepton.int64), (5,), (len(labels),), blank, "sum")
    found.backward()
    assert math.isclose(found.item(), loss, rel_tol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), -seen, rtol=1e-11, atol=1e-15)


def test_a_long_input_stays_finite_and_its_probabilities_sum_to_one() -> None:
    rng = np.random.default_rng(0)
    x = lepton.tensor(rng.normal(size=(2000, 2, 6)).astype("float32") * 4).log_softmax(2).requires_grad_()
    loss = F.ctc_loss(x, lepton.tensor(rng.integers(1, 6, (2, 300))), (2000, 1500), (300, 120), reduction="sum")
    loss.backward()
    assert math.isfinite(loss.item())
    np.testing.assert_allclose(-x.grad.sum(2).numpy()[:1500], 1, rtol=2e-4)
    assert (x.grad[1500:, 1] == 0).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_kernels_run_clean_on_extreme_scores(dtype: str) -> None:
    e = np.array([1e4, -1e4, 0.0, -80.0, 30.0] * 6).reshape(3, 2, 5).astype(dtype)
    skips = np.array([[False, False, False, True, False]] * 2)
    with np.errstate(**FLAGS):
        a = kernels.ctc_lattice(e, skips)
        z = kernels.scan_lattice(np.exp(np.minimum(e, 0)), np.ones((3, 2, 2, 5), dtype), True)
    assert a.dtype == z.dtype == dtype and np.isfinite(z).all() and not np.isnan(a).any()


@pytest.mark.parametrize("dtype", [lepton.float64, lepton.float32])
def test_extreme_scores_have_finite_losses_and_derivatives(dtype: Any) -> None:
    x = (lepton.tensor([[3.0, -5.0, 1.0], [0.0, 9.0, -9.0], [2.0, 2.0, 2.0]]) * 1e3).to(dtype).requires_grad_()
    loss = F.ctc_loss(x.log_softmax(1), lepton.tensor([1, 2]), (3,), (2,))
    (first,) = lepton.autograd.grad(loss, x, create_graph=True)
    (second,) = lepton.autograd.grad((first * first).sum(), x)
    for each in (loss, first, second):
        assert each.dtype is dtype and lepton.isfinite(each).all()


def test_infinite_losses_can_be_left_out() -> None:
    x = lepton.randn(3, 2, 4, dtype=lepton.float64).log_softmax(2)
    labels = lepton.tensor([[1, 1, 2], [3, 0, 0]])
    grads = []
    for zero_infinity in (False, True):
        leaf = x.detach().requires_grad_()
        losses = F.ctc_loss(leaf, labels, (3, 3), (3, 1), 0, "none", zero_infinity)
        losses.sum().backward()
        grads.append(leaf.grad)
        assert losses[0].item() == (0.0 if zero_infinity else math.inf) and math.isfinite(losses[1].item())
    assert lepton.isnan(grads[0][:, 0]).any() and (grads[1][:, 0] == 0).all()
    assert lepton.equal(grads[0][:, 1], grads[1][:, 1])


def test_targets_written_to_after_the_loss_do_not_change_the_gradient() -> None:
    x, labels = lepton.randn(4, 1, 3, requires_grad=True), lepton.tensor([[1, 2]])
    (expected,) = lepton.autograd.grad(F.ctc_loss(x, labels, (4,), (2,)), x)
    loss = F.ctc_loss(x, labels, (4,), (2,))
    labels[0, 0] = 2
    (found,) = lepton.autograd.grad(loss, x)
    assert lepton.equal(found, expected)


def test_what_is_out_of_range_is_named() -> None:
    x = lepton.zeros(3, 1, 4)
    with pytest.raises(IndexRangeError, match="label 4 is out of bounds: there are 4 classes, 0 to 3"):
        F.ctc_loss(x, lepton.tensor([[4]]), (3,), (1,))
    with pytest.raises(IndexRangeError, match="label -1"):
        F.ctc_loss(x, lepton.tensor([-1]), (3,), (1,))
    with pytest.raises(ValueRangeError, match="input_lengths to have value at most 3, but got value 4"):
        F.ctc_loss(x, lepton.tensor([1]), (4,), (1,))
