"""Normalisation: exact statistics, running statistics, accuracy far from zero, 16 bits, what is kept and refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lepton
from lepton.autograd.gradcheck import gradcheck
from lepton.errors import ArgumentError, DTypeError, ShapeError
from lepton.nn import functional as F


def leaf(*shape: int, seed: int = 0) -> Any:
    return lepton.from_numpy(np.random.default_rng([seed, *shape]).standard_normal(shape)).requires_grad_()


def plain(x: Any, axes: Any, eps: float = 1e-5) -> Any:
    """The definition in float64."""
    x = np.asarray(x, "float64")
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


X = np.random.default_rng(0).standard_normal((4, 6, 5, 3))
CASES = {
    "batch": (lambda x: F.batch_norm(x, None, None, training=True), plain(X, (0, 2, 3))),
    "instance": (F.instance_norm, plain(X, (2, 3))),
    "layer": (lambda x: F.layer_norm(x, (5, 3)), plain(X, (2, 3))),
    "layer, one dimension": (lambda x: F.layer_norm(x, (3,)), plain(X, 3)),
    "group": (lambda x: F.group_norm(x, 2), plain(X.reshape(4, 2, 3, 5, 3), (2, 3, 4)).reshape(X.shape)),
    "rms": (lambda x: F.rms_norm(x, (3,), eps=1e-5), X / np.sqrt((X**2).mean(3, keepdims=True) + 1e-5)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_definition(case: str) -> None:
    function, expected = CASES[case]
    for array in (X, np.ascontiguousarray(X.T).T, X[::-1].copy()[::-1]):
        np.testing.assert_allclose(function(lepton.from_numpy(array)).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("case", [each for each in CASES if each != "rms"])
def test_the_variance_does_not_cancel(case: str) -> None:
    """With a mean 10,000 times the spread, E[x²] − E[x]² is noise in float32."""
    function, _ = CASES[case]
    far = (X * 0.1 + 1000).astype("float32")
    found = function(lepton.from_numpy(far)).numpy()
    exact = function(lepton.from_numpy(far.astype("float64"))).numpy()
    assert np.abs(found - exact).max() < 1e-2


def test_sixteen_bits_are_computed_in_float32() -> None:
    """Squares of 300 overflow float16; the mean of 2,000 numbers would stall in it."""
    x = np.random.default_rng(1).normal(300, 100, (2, 2000)).astype("float16")
    out = F.layer_norm(lepton.from_numpy(x), (2000,))
    assert out.dtype is lepton.float16
    np.testing.assert_allclose(out.numpy(), plain(x, 1), atol=3e-3)
    weight = lepton.ones(2000, requires_grad=True)  # float32 beside float16
    F.layer_norm(lepton.from_numpy(x).requires_grad_(), (2000,), weight).sum().backward()
    assert weight.grad.dtype is lepton.float32


def test_running_statistics() -> None:
    mean, var = lepton.zeros(6, dtype=lepton.float64), lepton.ones(6, dtype=lepton.float64)
    x = lepton.from_numpy(X)
    F.batch_norm(x, mean, var, training=True, momentum=0.3)
    by_channel = X.transpose(1, 0, 2, 3).reshape(6, -1)
    np.testing.assert_allclose(mean.numpy(), 0.3 * by_channel.mean(1))
    np.testing.assert_allclose(var.numpy(), 0.7 + 0.3 * by_channel.var(1, ddof=1))
    assert mean._version == var._version == 1
    before = mean.numpy().copy()
    out = F.batch_norm(x, mean, var)
    np.testing.assert_array_equal(mean.numpy(), before)
    by_hand = (X - before[:, None, None]) / np.sqrt(var.numpy()[:, None, None] + 1e-5)
    np.testing.assert_allclose(out.numpy(), by_hand)


def test_running_statistics_of_instances() -> None:
    mean, var = lepton.zeros(6, dtype=lepton.float64), lepton.ones(6, dtype=lepton.float64)
    F.instance_norm(lepton.from_numpy(X), mean, var, momentum=0.5)
    np.testing.assert_allclose(mean.numpy(), 0.5 * X.mean((2, 3)).mean(0))
    np.testing.assert_allclose(var.numpy(), 0.5 + 0.5 * X.reshape(4, 6, -1).var(2, ddof=1).mean(0))


def test_an_empty_batch_leaves_running_statistics_alone() -> None:
    mean, var = lepton.zeros(3), lepton.ones(3)
    assert F.batch_norm(lepton.zeros(0, 3), mean, var, training=True).shape == (0, 3)
    assert (mean == 0).all()
    assert (var == 1).all()


def test_each_wanted_gradient_alone() -> None:
    """What is not wanted is not computed; what is wanted does not depend on the rest."""
    x, weight, bias = leaf(4, 3, 2), leaf(3), leaf(3, seed=1)
    functions = (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        lambda x, w, b: F.batch_norm(x, lepton.zeros(3).double(), lepton.ones(3).double(), w, b),
        lambda x, w, b: F.group_norm(x, 3, w, b),
        F.instance_norm,
    )
    for function in functions[:3]:
        (function(x, weight, bias) ** 2).sum().backward()
        together = [each.grad.numpy().copy() for each in (x, weight, bias)]
        for place in range(3):
            for each in (x, weight, bias):
                each.grad = None
            inputs = [each if k == place else each.detach() for k, each in enumerate((x, weight, bias))]
            (function(*inputs) ** 2).sum().backward()
            np.testing.assert_allclose((x, weight, bias)[place].grad.numpy(), together[place], atol=1e-12)
        for each in (x, weight, bias):
            each.grad = None


def test_third_order() -> None:
    x, weight = leaf(3, 2), leaf(2)

    def second(x: Any, weight: Any) -> Any:
        y = F.batch_norm(x, None, None, weight, training=True, eps=0.1)
        (first,) = lepton.autograd.grad((y**3).sum(), x, create_graph=True)
        return lepton.autograd.grad((first * first).sum(), (x, weight), create_graph=True)

    assert gradcheck(second, (x, weight))


def test_a_constant_input_has_finite_gradients() -> None:
    x = lepton.ones(4, 3, requires_grad=True)
    F.layer_norm(x, (3,)).sum().backward()
    assert (x.grad == 0).all()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: F.batch_norm(lepton.ones(1, 3), None, None, training=True), ArgumentError,
            "Expected more than 1 value per channel when training, got input size lepton.Size([1, 3])",
        ),
        (lambda: F.batch_norm(lepton.ones(4, 3), None, None), ShapeError, "running_mean must be defined in evaluation"),
        (
            lambda: F.batch_norm(lepton.ones(4, 3), lepton.ones(2), lepton.ones(3)), ShapeError,
            "running_mean should contain 3 elements not 2",
        ),
        (
            lambda: F.batch_norm(lepton.ones(4, 3).double(), lepton.ones(3), lepton.ones(3), training=True), DTypeError,
            "expect running_mean to have scalar type of Double, as the input, but got Float",
        ),
        (lambda: F.instance_norm(lepton.ones(2, 3, 1)), ArgumentError, "Expected more than 1 spatial element when"),
        (lambda: F.group_norm(lepton.ones(2, 6), 4), ShapeError, "channels in input to be divisible by num_groups"),
        (
            lambda: F.layer_norm(lepton.ones(2, 3), (4,)), ShapeError,
            "Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[2, 3]",
        ),
        (lambda: F.layer_norm(lepton.ones(2, 3), 3), TypeError, "must be tuple of ints, not int"),
        (lambda: F.rms_norm(lepton.ones(2, 3), ()), ShapeError, "Expected normalized_shape to be at least 1-dim"),
        (lambda: F.local_response_norm(lepton.ones(2), 3), ValueError, "Expected 3D or higher dimensionality"),
    ],
)  # fmt: skip
def test_refusals(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)
