"""Losses against PyTorch's where the table does not reach: behind a log_softmax, in training, warnings, messages."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import lepton

Library = Any
LIBRARIES = (lepton, torch)


def array(tensor: Any) -> Any:
    return tensor.detach().numpy()


# ---------------------------------------------------------------------- alignments


def ctc(lib: Library, scores: Any, case: dict[str, Any]) -> tuple[Any, Any]:
    """The loss of scores, and their gradient through a log_softmax."""
    x = lib.tensor(scores).requires_grad_()
    loss = lib.nn.functional.ctc_loss(
        x.log_softmax(-1), lib.tensor(case["labels"]), lib.tensor(case["steps"]), lib.tensor(case["sizes"]),
        case["blank"], "none", case["zero_infinity"],
    )  # fmt: skip
    loss.backward(lib.ones_like(loss))
    return array(loss), array(x.grad)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(8))
def test_alignments_behind_a_log_softmax(dtype: str, seed: int) -> None:
    """Values and gradients, impossible alignments among them: nan, or 0 if that is asked for."""
    rng = np.random.default_rng(seed)
    times, samples, classes, most = (int(each) for each in rng.integers((2, 1, 2, 1), (13, 5, 7, 6)))
    sizes, blank = rng.integers(0, most + 1, samples), int(rng.integers(0, classes))
    shape = int(sizes.sum()) if seed % 3 == 0 else (samples, most)
    case = {
        "labels": (blank + rng.integers(1, classes, shape)) % classes,
        "sizes": sizes,
        "steps": rng.integers(1, times + 1, samples),
        "blank": blank,
        "zero_infinity": bool(seed % 2),
    }
    scores = (rng.normal(size=(times, samples, classes)) * 3).astype(dtype)
    (ours, gradient), (theirs, expected) = (ctc(lib, scores, case) for lib in LIBRARIES)
    limit = 1e-11 if dtype == "float64" else 3e-5
    np.testing.assert_allclose(ours, theirs, rtol=limit)
    np.testing.assert_allclose(gradient, expected, rtol=limit, atol=limit)


def composed_ctc(log_p: Any, labels: list[int]) -> Any:
    """The loss of one sample out of PyTorch's own differentiable operations; blank is 0."""
    states = [0]
    for label in labels:
        states += [label, 0]
    row = [log_p[0, state] if s < 2 else None for s, state in enumerate(states)]
    for t in range(1, len(log_p)):
        made = []
        for s, state in enumerate(states):
            ways = [row[s], row[s - 1] if s else None]
            if s > 2 and state and state != states[s - 2]:
                ways.append(row[s - 2])
            open_ways = [way for way in ways if way is not None]
            made.append(torch.logsumexp(torch.stack(open_ways), 0) + log_p[t, state] if open_ways else None)
        row = made
    return -torch.logsumexp(torch.stack([each for each in row[-2:] if each is not None]), 0)


def derivatives(lib: Library, loss: Callable[[Any], Any], at: Any, along: Any) -> list[Any]:
    """A loss with its gradient, and the second and third derivatives along a direction."""
    x = lib.tensor(at).requires_grad_()
    value = loss(x)
    found = [value]
    for _ in range(3):
        (slope,) = lib.autograd.grad(value, x, create_graph=True)
        found.append(slope)
        value = (slope * lib.tensor(along)).sum()
    return [array(each) for each in found]


def test_derivatives_of_every_order_are_those_of_the_composition() -> None:
    rng = np.random.default_rng(3)
    scores, along, labels = rng.normal(size=(7, 4)), rng.normal(size=(7, 4)), [1, 1, 3]
    ours = derivatives(
        lepton, lambda x: lepton.nn.functional.ctc_loss(x, lepton.tensor(labels), (7,), (3,), reduction="sum"),
        scores, along,
    )  # fmt: skip
    theirs = derivatives(torch, lambda x: composed_ctc(x, labels), scores, along)
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_training_with_alignments_together() -> None:
    rng = np.random.default_rng(0)
    weight, frames = rng.normal(size=(5, 6)), rng.normal(size=(9, 3, 6))
    labels, steps, sizes = rng.integers(1, 5, (3, 3)), np.array([9, 8, 7]), np.array([3, 2, 3])
    runs = []
    for lib in LIBRARIES:
        layer = lib.nn.Linear(6, 5, bias=False).double()
        layer.load_state_dict({"weight": lib.tensor(weight)})
        optimizer = lib.optim.SGD(layer.parameters(), lr=0.5)
        loss_of = lib.nn.CTCLoss()
        losses = []
        for _ in range(30):
            optimizer.zero_grad()
            log_p = layer(lib.tensor(frames)).log_softmax(2)
            loss = loss_of(log_p, lib.tensor(labels), lib.tensor(steps), lib.tensor(sizes))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        runs.append(losses)
    np.testing.assert_allclose(*runs, rtol=1e-9)
    assert runs[0][-1] < runs[0][0] / 3


# ---------------------------------------------------------------------- adaptive softmax


@pytest.mark.parametrize("bias", [False, True])
def test_adaptive_softmax_over_all_classes(bias: bool) -> None:
    rng = np.random.default_rng(5)
    layers = [lib.nn.AdaptiveLogSoftmaxWithLoss(16, 30, [4, 9, 20], 2.0, bias).double() for lib in LIBRARIES]
    state = {name: rng.normal(size=each.shape) for name, each in layers[1].state_dict().items()}
    for scale in (0.0, 1.0, 10.0):  # with the head's clusters never, sometimes and always the most probable
        x = rng.normal(size=(12, 16))
        found = []
        for lib, layer in zip(LIBRARIES, layers, strict=True):
            head = state["head.weight"].copy()
            head[4:] *= scale
            layer.load_state_dict({name: lib.tensor(each) for name, each in {**state, "head.weight": head}.items()})
            input = lib.tensor(x)
            found.append((array(layer.log_prob(input)), array(layer.predict(input))))
        np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-10)
        np.testing.assert_array_equal(found[0][1], found[1][1])
        np.testing.assert_allclose(np.exp(found[0][0]).sum(1), 1)


# ---------------------------------------------------------------------- warnings and messages

X, Y, Z = (np.random.default_rng(k).normal(size=(4, 3)) for k in range(3))
SIGNS, CLASSES = np.array([[1, -1, 1]] * 4), np.array([0, 2, 1, 0])
Case = Callable[[Any, Any, Any], Any]


def words(message: Any) -> list[str]:
    """A warning's or an error's words in PyTorch's name."""
    return re.findall(r"[\w/-]+", re.sub(r"\blepton\b", "torch", str(message)))


WARNED: list[Case] = [
    lambda F, t, nn: F.mse_loss(t(X), t(Y[:1])),
    lambda F, t, nn: F.l1_loss(t(X), t(Y[:, :1])),
    lambda F, t, nn: F.smooth_l1_loss(t(X), t(Y[:1]), beta=0),
    lambda F, t, nn: F.huber_loss(t(X), t(Y[:1])),
    lambda F, t, nn: F.kl_div(t(X), t(Y)),
    lambda F, t, nn: F.hinge_embedding_loss(t(X), t(SIGNS), size_average=False),
    lambda F, t, nn: F.cosine_embedding_loss(t(X), t(Y), t(SIGNS[:, 0]), reduce=False),
    lambda F, t, nn: F.margin_ranking_loss(t(X), t(Y), t(SIGNS), reduce=True),
    lambda F, t, nn: F.soft_margin_loss(t(X), t(SIGNS), size_average=True),
    lambda F, t, nn: F.multi_margin_loss(t(X), t(CLASSES), size_average=False, reduce=False),
    lambda F, t, nn: F.multilabel_margin_loss(t(X), t(SIGNS), size_average=False),
    lambda F, t, nn: F.multilabel_soft_margin_loss(t(X), t(SIGNS), size_average=False),
    lambda F, t, nn: F.triplet_margin_loss(t(X), t(Y), t(Z), size_average=False),
    lambda F, t, nn: F.poisson_nll_loss(t(X), t(Y), size_average=False),
    lambda F, t, nn: F.hinge_embedding_loss(t(X), t(SIGNS[:1])),
    lambda F, t, nn: F.gaussian_nll_loss(t(X), t(Y[:1]), t(Z * Z)),
    lambda F, t, nn: F.embedding_bag(t(X), t(np.array([0, 3, 2])), t(np.array([0, 1]))),
]


@pytest.mark.parametrize("case", WARNED)
def test_warnings_are_pytorchs(case: Case) -> None:
    told = []
    for lib in LIBRARIES:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            case(lib.nn.functional, lib.tensor, lib.nn)
        pointed = [each.filename == __file__ for each in caught]
        assert lib is torch or all(pointed), "the warning does not point at its cause"
        told.append([words(each.message)[:10] for each in caught])
    assert told[0] == told[1]


REFUSED: list[Case] = [
    lambda F, t, nn: F.huber_loss(t(X), t(Y), delta=0.0),
    lambda F, t, nn: F.kl_div(t(CLASSES), t(CLASSES), reduction="sum"),
    lambda F, t, nn: nn.HuberLoss(delta="1"),
    lambda F, t, nn: F.cosine_embedding_loss(t(X), t(Y), t(SIGNS)),
    lambda F, t, nn: F.cosine_embedding_loss(t(X), t(Y), t(np.array(1))),
    lambda F, t, nn: F.margin_ranking_loss(t(X), t(Y), t(CLASSES)),
    lambda F, t, nn: F.multi_margin_loss(t(X), t(CLASSES), p=3),
    lambda F, t, nn: F.multi_margin_loss(t(X), t(CLASSES[:2])),
    lambda F, t, nn: F.multi_margin_loss(t(X), t(CLASSES), weight=t(np.ones(2))),
    lambda F, t, nn: F.multilabel_margin_loss(t(X), t(SIGNS[:, :2])),
    lambda F, t, nn: F.triplet_margin_loss(t(X), t(Y), t(Z), margin=0),
    lambda F, t, nn: F.triplet_margin_loss(t(X), t(Y), t(Z[0])),
    lambda F, t, nn: nn.TripletMarginWithDistanceLoss(margin=-1),
    lambda F, t, nn: nn.MultiMarginLoss(weight=t(X)),
    lambda F, t, nn: F.gaussian_nll_loss(t(X), t(Y), -1.0),
    lambda F, t, nn: F.gaussian_nll_loss(t(X), t(Y), t(np.ones((4, 2)))),
    lambda F, t, nn: F.ctc_loss(t(X), t(CLASSES), (4,), (4,), blank=3),
    lambda F, t, nn: F.ctc_loss(t(X), t(CLASSES), (4, 4), (4,)),
    lambda F, t, nn: F.ctc_loss(t(X), t(CLASSES), (5,), (4,)),
    lambda F, t, nn: F.ctc_loss(t(X), t(CLASSES), (4,), (3,)),
    lambda F, t, nn: F.linear_cross_entropy(t(X), t(Y[:, :2]), t(CLASSES)),
    lambda F, t, nn: F.linear_cross_entropy(t(X), t(Y), t(CLASSES), linear_bias=t(X)),
    lambda F, t, nn: F.pdist(t(X[0])),
    lambda F, t, nn: F.pdist(t(X), -1),
    lambda F, t, nn: F.cosine_similarity(t(CLASSES), t(CLASSES), 0),
    lambda F, t, nn: F.embedding_bag(t(CLASSES), t(X)),
    lambda F, t, nn: F.embedding_bag(t(CLASSES), t(X), t(np.array([1]))),
    lambda F, t, nn: F.embedding_bag(t(CLASSES), t(X), t(np.array([0, 5]))),
    lambda F, t, nn: F.embedding_bag(t(CLASSES), t(X), t(np.array([0])), padding_idx=4),
    lambda F, t, nn: F.embedding_bag(t(CLASSES), t(X), t(np.array([0])), mode="max", scale_grad_by_freq=True),
    lambda F, t, nn: nn.AdaptiveLogSoftmaxWithLoss(4, 9, []),
    lambda F, t, nn: nn.AdaptiveLogSoftmaxWithLoss(4, 9, [4, 2]),
]


@pytest.mark.parametrize("case", REFUSED)
def test_messages_begin_with_pytorchs_words(case: Case) -> None:
    caught = []
    for lib in LIBRARIES:
        with pytest.raises(Exception) as error:  # noqa: PT011 - which one it is, is what is compared
            case(lib.nn.functional, lib.tensor, lib.nn)
        caught.append(error.value)
    ours, theirs = caught
    assert isinstance(ours, type(theirs))
    beginning = words(theirs)[:5]
    assert words(ours)[: len(beginning)] == beginning
