"""Softmax and losses: stable at any size, formulas by hand, errors that name what is wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lepton
import lepton.nn.functional as F
from lepton import nn
from lepton.autograd import gradcheck, gradgradcheck
from lepton.errors import ArgumentError, ContractError, DTypeError, IndexRangeError, ShapeError
from lepton.kernels import loss as kernels

EXTREME = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -9999.0], [1e30, 1e30, -1e30]])
FLAGS = {"over": "raise", "divide": "raise", "invalid": "raise"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_kernels_run_clean_on_extreme_scores(dtype: str) -> None:
    x, g = EXTREME.astype(dtype), np.ones((3, 3), dtype)
    with np.errstate(**FLAGS):
        p, log_p = kernels.softmax(x, 1), kernels.log_softmax(x, 1)
        found = [
            p,
            log_p,
            kernels.softmax_backward(g, p, 1),
            kernels.log_softmax_backward(g, log_p, 1),
            kernels.cross_entropy_backward(log_p, g[:, :1], g[:, :1], None, np.zeros((3, 1), int), 1),
        ]
    assert all(np.isfinite(each).all() and each.dtype == dtype for each in found)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(p[1], [1 / (2 + math.e)] * 2 + [math.e / (2 + math.e)], rtol=1e-3)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_cross_entropy_of_extreme_scores_is_finite_forward_and_backward(dtype: str) -> None:
    x = lepton.tensor(np.clip(EXTREME, -1e4, 1e4).astype(dtype)).requires_grad_()
    target = lepton.tensor([1, 2, 0])
    loss = F.cross_entropy(x, target, label_smoothing=0.1)
    (first,) = lepton.autograd.grad(loss, x, create_graph=True)
    (second,) = lepton.autograd.grad((first * first).sum(), x)
    for each in (loss, first, second):
        assert each.dtype is x.dtype and lepton.isfinite(each).all()


def test_half_precision_is_rounded_once() -> None:
    x = np.random.default_rng(0).normal(size=(5, 1000)).astype("float16")
    wide = kernels.softmax(x.astype("float64"), 1)
    np.testing.assert_allclose(kernels.softmax(x, 1), wide.astype("float16"), rtol=1.2e-3, atol=6e-8)


def by_hand(x: Any, y: Any, w: Any, smoothing: float, ignore: int) -> tuple[list[float], float]:
    """Each sample's loss and the sum of weights, written as the formula says."""
    losses, weights = [], 0.0
    for scores, label in zip(x, y, strict=True):
        log_p = scores - math.log(sum(math.exp(s) for s in scores))
        soft = -sum(w[c] * log_p[c] for c in range(len(scores))) * smoothing / len(scores)
        losses.append(0.0 if label == ignore else -(1 - smoothing) * w[label] * log_p[label] + soft)
        weights += 0.0 if label == ignore else w[label]
    return losses, weights


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_is_its_formula(smoothing: float) -> None:
    x, y, w = np.random.default_rng(1).normal(size=(6, 4)), np.array([0, 3, 2, 2, 1, 0]), np.array([0.5, 1.0, 2.0, 0.1])
    losses, weights = by_hand(x, y, w, smoothing, 2)
    for reduction, expected in (("none", losses), ("sum", sum(losses)), ("mean", sum(losses) / weights)):
        found = F.cross_entropy(
            lepton.tensor(x), lepton.tensor(y), lepton.tensor(w), ignore_index=2, reduction=reduction,
            label_smoothing=smoothing,
        )  # fmt: skip
        np.testing.assert_allclose(found.tolist(), expected, rtol=1e-12)


def test_probabilities_of_one_class_are_that_class() -> None:
    x, y = lepton.randn(5, 3, 2, dtype=lepton.float64), lepton.tensor([[0, 1], [2, 2], [1, 0], [0, 0], [1, 2]])
    sure = F.one_hot(y, 3).movedim(-1, 1).double()
    weight = lepton.tensor([0.2, 1.0, 3.0], dtype=lepton.float64)
    for smoothing in (0.0, 0.2):
        for reduction in ("none", "sum"):
            both = [
                F.cross_entropy(x, each, weight, reduction=reduction, label_smoothing=smoothing) for each in (y, sure)
            ]
            np.testing.assert_allclose(both[0].numpy(), both[1].numpy(), rtol=1e-12)
    mean = F.cross_entropy(x, sure, reduction="mean").item()
    assert math.isclose(mean, F.cross_entropy(x, sure, reduction="sum").item() / 10)


def test_the_documented_cross_entropy_divides_by_samples() -> None:
    log_p, y = lepton.tensor([[0.8, 0.2]], dtype=lepton.float64).log(), lepton.tensor([[1.0, 0.0]])
    assert math.isclose(F.cross_entropy(log_p, y.double()).item(), 0.223144, abs_tol=5e-7)
    assert math.isclose(F.mse_loss(lepton.tensor([0.8, 0.2]), lepton.tensor([1.0, 0.0])).item(), 0.04, abs_tol=1e-7)


@pytest.mark.parametrize("ignored", [-100, 1])
def test_gradients_of_ignored_samples_vanish(ignored: int) -> None:
    x = lepton.randn(3, 4, dtype=lepton.float64, requires_grad=True)
    y = lepton.tensor([0, ignored, 3])
    weight = lepton.rand(4, dtype=lepton.float64) + 0.5
    for function in (F.cross_entropy, lambda *args, **kwargs: F.nll_loss(args[0].log_softmax(1), *args[1:], **kwargs)):
        loss = function(x, y, weight, ignore_index=ignored)
        (grad,) = lepton.autograd.grad(loss, x)
        assert (grad[1] == 0).all() and (grad[0] != 0).all()


def test_every_sample_ignored() -> None:
    x = lepton.randn(2, 3, requires_grad=True)
    loss = F.cross_entropy(x, lepton.tensor([-100, -100]))
    loss.backward()
    assert math.isnan(loss.item()) and (x.grad == 0).all()


def test_a_target_written_to_after_the_loss_does_not_change_the_gradient() -> None:
    x, y = lepton.randn(4, 3, requires_grad=True), lepton.tensor([0, 1, 2, 0])
    (expected,) = lepton.autograd.grad(F.cross_entropy(x, y), x)
    loss = F.cross_entropy(x, y)
    y.fill_(2)
    loss.backward()
    assert lepton.equal(x.grad, expected)


def test_third_derivatives() -> None:
    x = lepton.randn(2, 3, dtype=lepton.float64, requires_grad=True)
    y = lepton.tensor([2, 0])

    def slope(x: Any) -> Any:
        return lepton.autograd.grad(F.cross_entropy(x, y, label_smoothing=0.1), x, create_graph=True)[0]

    assert gradcheck(slope, (x,)) and gradgradcheck(slope, (x,))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.cross_entropy(x, lepton.tensor([0, 1, 12, 2])), IndexRangeError,
         r"Target 12 is out of bounds. There are 3 classes, 0 to 2; targets outside: 1 of 4."),
        (lambda x: F.cross_entropy(x, lepton.tensor([0, -1, 12, 2]), ignore_index=12), IndexRangeError,
         r"Target -1 is out of bounds. There are 3 classes, 0 to 2, and ignore_index=12; targets outside: 1 of 4."),
        (lambda x: F.nll_loss(x, lepton.tensor([0, 1, 3, 2])), IndexRangeError, "Target 3 is out of bounds"),
        (lambda x: F.cross_entropy(x, lepton.tensor([0, 1])), ArgumentError,
         r"Expected input batch_size \(4\) to match target batch_size \(2\)"),
        (lambda x: F.cross_entropy(x, lepton.tensor([0, 1, 2, 0]).int()), DTypeError,
         r"expected target dtype to be Long or Byte, but got Int; convert it with target.long\(\)"),
        (lambda x: F.cross_entropy(x, lepton.ones(4)), DTypeError, "but got Float"),
        (lambda x: F.cross_entropy(x, lepton.ones(4, 3).long()), DTypeError, "class probabilities, got Long"),
        (lambda x: F.cross_entropy(x, lepton.ones(4, 2).long()), ShapeError, "multi-target not supported"),
        (lambda x: F.cross_entropy(x, lepton.ones(4).long(), lepton.ones(5)), ShapeError, "either for all 3 classes"),
        (lambda x: F.cross_entropy(x, 3), TypeError, r"argument 'target' \(position 2\) must be Tensor, not int"),
        (lambda x: F.mse_loss(x, 3), TypeError, "must be Tensor, not int"),
        (lambda x: F.mse_loss(x, x, reduction="median"), ArgumentError, "median is not a valid value for reduction"),
        (lambda x: F.binary_cross_entropy(x - 5, x), RuntimeError, "use binary_cross_entropy_with_logits"),
        (lambda x: nn.CrossEntropyLoss()(x, lepton.tensor([9, 0, 0, 0])), IndexRangeError,
         r"Target 9 is out of bounds.* \[in CrossEntropyLoss\(\)\]"),
    ],
)  # fmt: skip
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(lepton.ones(4, 3))


def test_warnings() -> None:
    x = lepton.ones(4, 3)
    with pytest.warns(UserWarning, match="Using a target size"):
        F.mse_loss(x, lepton.ones(3))
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        nn.Softmax()(x)
    with pytest.warns(UserWarning, match="'batchmean' divides"):
        F.kl_div(x, x)
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning, match="please use reduction='none' instead"):
        assert F.mse_loss(x, x, reduce=False).shape == (4, 3)


# ---------------------------------------------------------------------- embeddings


def test_an_index_outside_of_the_table() -> None:
    table = nn.Embedding(5, 2)
    with pytest.raises(IndexRangeError, match=r"index 7, but there are 5 embeddings, 0 to 4; 2 of 3 indices"):
        table(lepton.tensor([1, 7, -1]))
    with pytest.raises(DTypeError, match=r"scalar types: Long, Int; but got Float instead.*\[in Embedding\(5, 2\)\]"):
        table(lepton.ones(2))


def test_repeated_indices_add_up_and_padding_gets_nothing() -> None:
    weight = lepton.zeros(4, 2, requires_grad=True)
    index = lepton.tensor([[1, 2], [1, 1]])
    F.embedding(index, weight, padding_idx=2).sum().backward()
    assert weight.grad.tolist() == [[0, 0], [3, 3], [0, 0], [0, 0]]
    weight.grad = None
    F.embedding(index, weight, scale_grad_by_freq=True).sum().backward()
    assert weight.grad.tolist() == [[0, 0], [1, 1], [1, 1], [0, 0]]


def test_max_norm_rescales_the_table_itself() -> None:
    table = nn.Embedding(4, 2, max_norm=1.0)
    with lepton.no_grad():
        table.weight.fill_(3.0)
    version = table.weight._version
    out = table(lepton.tensor([1, 1, 2]))
    np.testing.assert_allclose(out.norm(dim=1).tolist(), 1.0, rtol=1e-5)
    assert table.weight[0].tolist() == [3.0, 3.0] and table.weight._version > version
    np.testing.assert_allclose(table.weight[1].tolist(), [math.sqrt(0.5)] * 2, rtol=1e-5)


def test_pretrained_embeddings_are_frozen_unless_told() -> None:
    vectors = lepton.randn(3, 2)
    frozen = nn.Embedding.from_pretrained(vectors)
    assert not frozen.weight.requires_grad and lepton.equal(frozen(lepton.tensor([1])), vectors[1:2])
    assert nn.Embedding.from_pretrained(vectors, freeze=False).weight.requires_grad
    with pytest.raises(ContractError, match="expected to be 2-dimensional"):
        nn.Embedding.from_pretrained(lepton.ones(3))
    with pytest.raises(ArgumentError, match="sparse=True is not available"):
        F.embedding(lepton.tensor([1]), vectors, sparse=True)
