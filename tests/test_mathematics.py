"""The documented mathematics: each formula and each checked value of the project's commission.

Where the commission's worked example was arithmetically wrong, the right value stands here beside the wrong one, so
that nobody corrects the code towards it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lepton
from lepton.autograd import gradcheck, gradgradcheck
from lepton.nn import functional as F

POINTS = [-20.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 20.0]


def vector(values: Any) -> lepton.Tensor:
    return lepton.tensor(values, dtype=lepton.float64)


# ---------------------------------------------------------------------- activations


def test_sigmoid_of_two() -> None:
    value = lepton.sigmoid(vector(2.0)).item()
    assert value == pytest.approx(0.880797, abs=5e-7)
    assert abs(value - 0.869) > 0.01  # the commission's figure, which is wrong


def test_relu_of_two() -> None:
    assert lepton.relu(vector(2.0)).item() == 2.0


def test_tanh_of_two() -> None:
    value = lepton.tanh(vector(2.0)).item()
    assert value == pytest.approx(0.964028, abs=5e-7)
    assert abs(value - 0.969) > 0.004  # the commission's figure, which is wrong


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def tanh(x: float) -> float:
    return (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x))


@pytest.mark.parametrize(
    ("function", "formula", "derivative"),
    [
        (lepton.sigmoid, sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
        (lepton.tanh, tanh, lambda x: 1 - tanh(x) ** 2),
        (lepton.relu, lambda x: max(0.0, x), lambda x: float(x > 0)),
    ],
    ids=["sigmoid", "tanh", "relu"],
)
def test_activations_and_their_derivatives(
    function: Callable[[Any], Any], formula: Callable[[float], float], derivative: Callable[[float], float]
) -> None:
    x = vector(POINTS).requires_grad_()
    y = function(x)
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), [formula(each) for each in POINTS], rtol=1e-14)
    np.testing.assert_allclose(x.grad.numpy(), [derivative(each) for each in POINTS], rtol=1e-7, atol=1e-16)


# ---------------------------------------------------------------------- losses


def test_mean_squared_error_of_the_example() -> None:
    value = F.mse_loss(vector([0.8, 0.2]), vector([1.0, 0.0])).item()
    assert value == pytest.approx(0.04, rel=1e-12)
    assert value != pytest.approx(0.06, rel=0.1)  # the commission's figure, which is wrong


def test_mean_squared_error_formula() -> None:
    rng = np.random.default_rng(0)
    target, guess = rng.normal(size=(2, 4, 3))
    prediction = vector(guess).requires_grad_()
    loss = F.mse_loss(prediction, vector(target))
    loss.backward()
    assert loss.item() == pytest.approx(((target - guess) ** 2).sum() / target.size, rel=1e-14)
    np.testing.assert_allclose(prediction.grad.numpy(), 2 * (guess - target) / target.size, rtol=1e-13)


def test_cross_entropy_of_the_example() -> None:
    """One sample with two classes; cross_entropy takes logits, and softmax(log ŷ) = ŷ."""
    value = F.cross_entropy(vector([[0.8, 0.2]]).log(), vector([[1.0, 0.0]])).item()
    assert value == pytest.approx(0.223144, abs=5e-7)


def test_cross_entropy_divides_by_the_number_of_samples() -> None:
    rng = np.random.default_rng(1)
    guess, target = (each / each.sum(1, keepdims=True) for each in rng.uniform(0.1, 1, (2, 5, 3)))
    logits = vector(np.log(guess)).requires_grad_()
    loss = F.cross_entropy(logits, vector(target))
    loss.backward()
    samples = len(target)
    assert loss.item() == pytest.approx(-(target * np.log(guess)).sum() / samples, rel=1e-13)
    np.testing.assert_allclose(logits.grad.numpy(), (guess - target) / samples, rtol=1e-12, atol=1e-16)


# ---------------------------------------------------------------------- forward and backward of a layered network

WEIGHTS = [np.random.default_rng(2).normal(size=(4, 3)), np.random.default_rng(3).normal(size=(2, 4))]
BIASES = [np.random.default_rng(4).normal(size=4), np.random.default_rng(5).normal(size=2)]
INPUT, TARGET = np.random.default_rng(6).normal(size=3), np.array([1.0, 0.0])


def loss_of(a: Any, *parameters: Any) -> Any:
    """z⁽ˡ⁾ = W⁽ˡ⁾·a⁽ˡ⁻¹⁾ + b⁽ˡ⁾ and a⁽ˡ⁾ = σ(z⁽ˡ⁾): the activation makes a from z, and is no part of z."""
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        a = lepton.sigmoid(weight @ a + bias)
    return F.mse_loss(a, vector(TARGET))


def network() -> tuple[Any, list[Any]]:
    parameters = [each for pair in zip(WEIGHTS, BIASES, strict=True) for each in pair]
    return vector(INPUT).requires_grad_(), [vector(each).requires_grad_() for each in parameters]


def test_forward_formula() -> None:
    a0, parameters = network()
    a = INPUT
    for weight, bias in zip(WEIGHTS, BIASES, strict=True):
        a = 1 / (1 + np.exp(-(weight @ a + bias)))
    assert loss_of(a0, *parameters).item() == pytest.approx(np.mean((TARGET - a) ** 2), rel=1e-13)


def test_backward_formulas() -> None:
    """δ = ∂L/∂a ⊙ σ′(z); ∂L/∂W = δ·aᵀ; ∂L/∂b = δ; ∂L/∂a of the layer below = Wᵀ·δ."""
    a0, parameters = network()
    loss_of(a0, *parameters).backward()
    a1 = 1 / (1 + np.exp(-(WEIGHTS[0] @ INPUT + BIASES[0])))
    a2 = 1 / (1 + np.exp(-(WEIGHTS[1] @ a1 + BIASES[1])))
    delta2 = 2 * (a2 - TARGET) / 2 * a2 * (1 - a2)
    delta1 = WEIGHTS[1].T @ delta2 * a1 * (1 - a1)
    expected = [np.outer(delta1, INPUT), delta1, np.outer(delta2, a1), delta2]
    for parameter, gradient in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), gradient, rtol=1e-12)
    np.testing.assert_allclose(a0.grad.numpy(), WEIGHTS[0].T @ delta1, rtol=1e-12)


def test_backward_by_gradient_check() -> None:
    a0, parameters = network()
    assert gradcheck(loss_of, (a0, *parameters))
    assert gradgradcheck(loss_of, (a0, *parameters))


# ---------------------------------------------------------------------- algorithms


def test_reduced_gradients_are_those_of_the_whole_batch() -> None:
    """Data parallelism: the gradients of equal shares, averaged, are the gradient of the whole batch."""
    rng = np.random.default_rng(7)
    inputs, targets, weight = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=(2, 3))

    def gradient(rows: slice) -> Any:
        w = vector(weight).requires_grad_()
        F.mse_loss(vector(inputs[rows]) @ w.t(), vector(targets[rows])).backward()
        return w.grad.numpy()

    shares = [gradient(slice(start, start + 2)) for start in range(0, 8, 2)]
    np.testing.assert_allclose(sum(shares) / len(shares), gradient(slice(None)), rtol=1e-12)


def test_the_worked_network_has_6_by_6_features_for_24_by_24_images() -> None:
    """Convolutions with padding 1 keep the size; two 2×2 poolings make 24 into 6, which 64·6·6 inputs need."""
    images = lepton.zeros(2, 3, 24, 24)
    a = F.max_pool2d(F.relu(F.conv2d(images, lepton.zeros(32, 3, 3, 3), padding=1)), 2)
    a = F.max_pool2d(F.relu(F.conv2d(a, lepton.zeros(64, 32, 3, 3), padding=1)), 2)
    assert tuple(a.flatten(1).shape) == (2, 64 * 6 * 6)
