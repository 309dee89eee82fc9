"""Jacobians, Hessians and their products with vectors, against what is known of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lepton
from lepton.autograd import functional as D
from lepton.errors import ArgumentTypeError, ContractError, GradError, ShapeError, UnsupportedError

MATRIX = np.array([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]])


def point(*shape: int, seed: int = 0, **options: Any) -> Any:
    return lepton.tensor(np.random.default_rng(seed).uniform(0.5, 1.5, shape), **options)


def linear(x: Any) -> Any:
    return lepton.tensor(MATRIX) @ x


def cubes(x: Any, y: Any) -> Any:
    return (x**3).sum() + (x * y * y).sum()


def test_a_linear_function_has_its_matrix() -> None:
    x, v, u = point(3), point(3, seed=1), point(2, seed=2)
    for vectorize in (False, True):
        np.testing.assert_array_equal(D.jacobian(linear, x, vectorize=vectorize).numpy(), MATRIX)
    np.testing.assert_allclose(D.jvp(linear, x, v)[1].numpy(), MATRIX @ v.numpy())
    np.testing.assert_allclose(D.vjp(linear, x, u)[1].numpy(), u.numpy() @ MATRIX)
    np.testing.assert_allclose(D.vjp(linear, x, u)[0].numpy(), MATRIX @ x.numpy())
    assert not D.hessian(lambda x: linear(x).sum(), x).any()


def test_several_inputs_and_outputs() -> None:
    x, y = point(2), point(2, seed=1)
    found = D.jacobian(lambda x, y: (x * y, x.sum()), (x, y))
    assert [[tuple(each.shape) for each in row] for row in found] == [[(2, 2), (2, 2)], [(2,), (2,)]]
    np.testing.assert_array_equal(found[0][1].numpy(), np.diag(x.numpy()))
    assert not found[1][1].any()


def test_hessian_and_its_products() -> None:
    x, y = point(2), point(2, seed=1)
    expected = np.block(
        [[np.diag(6 * x.numpy()), np.diag(2 * y.numpy())], [np.diag(2 * y.numpy()), np.diag(2 * x.numpy())]]
    )
    for strategy in ({}, {"vectorize": True}, {"vectorize": True, "outer_jacobian_strategy": "forward-mode"}):
        found = D.hessian(cubes, (x, y), **strategy)
        np.testing.assert_allclose(np.block([[each.numpy() for each in row] for row in found]), expected)
    v = (point(2, seed=2), point(2, seed=3))
    whole = expected @ np.concatenate([each.numpy() for each in v])
    for product in (D.hvp, D.vhp):
        value, found = product(cubes, (x, y), v)
        np.testing.assert_allclose(np.concatenate([each.numpy() for each in found]), whole)
        assert value.item() == cubes(x, y).item()


def test_results_can_be_differentiated_when_asked() -> None:
    x = point(2, requires_grad=True)
    plain = D.jacobian(lambda x: x**3, x)
    assert not plain.requires_grad
    recorded = D.jacobian(lambda x: x**3, x, create_graph=True)
    (second,) = lepton.autograd.grad(recorded.sum(), x)
    np.testing.assert_allclose(second.numpy(), 6 * x.detach().numpy())
    for function in (D.vjp, D.jvp):
        _, found = function(lambda x: x**3, x, lepton.ones(2, dtype=lepton.float64), create_graph=True)
        np.testing.assert_allclose(lepton.autograd.grad(found.sum(), x)[0].numpy(), 6 * x.detach().numpy())
    for function in (D.vhp, D.hvp):
        _, found = function(lambda x: (x**3).sum(), x, lepton.ones(2, dtype=lepton.float64), create_graph=True)
        np.testing.assert_allclose(lepton.autograd.grad(found.sum(), x)[0].numpy(), [6.0, 6.0])


def test_one_element_needs_no_vector() -> None:
    x = point(1)
    assert D.jvp(lambda x: x**2, x)[1].item() == 2 * x.item()
    assert D.vjp(lambda x: (x**2).sum(), point(3))[1].shape == (3,)
    assert D.hvp(lambda x: (x**3).sum(), x)[1].item() == D.vhp(lambda x: (x**3).sum(), x)[1].item()


def test_under_no_grad_and_what_is_empty() -> None:
    with lepton.no_grad():
        np.testing.assert_array_equal(D.jacobian(linear, point(3)).numpy(), MATRIX)
    assert D.jacobian(lambda x: x.reshape(0, 2), point(0)).shape == (0, 2, 0)
    assert D.jacobian(lambda x: x.sum(), point(0, 2)).shape == (0, 2)


def test_types() -> None:
    x = point(2).float()
    assert D.jacobian(lambda x: x.double(), x).dtype is lepton.float32
    assert D.jacobian(lambda x: x.double(), x, vectorize=True, strategy="forward-mode").dtype is lepton.float64


def constant(*inputs: Any) -> Any:
    return lepton.ones(2, dtype=lepton.float64)


def half(x: Any, y: Any) -> Any:
    return x * 2


STRICT = [
    (D.jacobian, constant, 1, "does not require gradients"),
    (D.jacobian, half, 2, "Output 0 of the user-provided function is independent of input 1"),
    (D.vjp, half, 2, "independent of input 1"),
    (D.jvp, half, 2, "independent of input 1"),
    (D.vhp, lambda x, y: (x * x).sum(), 2, "independent of input 1"),
    (D.hvp, lambda x: x.sum(), 1, "jacobian of the user-provided function with respect to input 0"),
    (D.hessian, lambda x: x.sum(), 1, "jacobian of the user-provided function with respect to input 0"),
]


@pytest.mark.parametrize(("derive", "function", "count", "words"), STRICT)
def test_strictly_nothing_is_independent(derive: Any, function: Any, count: int, words: str) -> None:
    points = tuple(point(2, seed=seed) for seed in range(count))
    ones = lepton.ones(2, dtype=lepton.float64)
    of_outputs = (ones,) if derive is D.vjp else (ones,) * count
    vector = () if derive in (D.jacobian, D.hessian) else (of_outputs[0] if len(of_outputs) == 1 else of_outputs,)
    given = points[0] if count == 1 else points
    with pytest.raises(GradError, match=words):
        derive(function, given, *vector, strict=True)
    derive(function, given, *vector)


def test_strictly_results_have_a_graph() -> None:
    x = point(2, requires_grad=True)
    with pytest.raises(GradError, match="when create_graph=True"):
        D.jacobian(lambda x: x * 2, x, create_graph=True, strict=True)
    with pytest.raises(GradError, match=r"The jacobian of .* when create_graph=True"):
        D.vjp(lambda x: x * 2, x, lepton.ones(2, dtype=lepton.float64), create_graph=True, strict=True)


def test_what_is_refused() -> None:
    x = point(2)
    with pytest.raises(ArgumentTypeError, match="given inputs has type"):
        D.jacobian(linear, [x])
    with pytest.raises(ArgumentTypeError, match="value at index 1 has type"):
        D.vjp(half, (x, 3))
    with pytest.raises(ArgumentTypeError, match="outputs of the user-provided function"):
        D.jvp(lambda x: [x], x, x)
    with pytest.raises(ShapeError, match="can only be None"):
        D.jvp(lambda x: x, x)
    with pytest.raises(ShapeError, match="should be 2 but got 1"):
        D.jvp(half, (x, x), (x,))
    with pytest.raises(ShapeError, match="single Tensor"):
        D.jvp(lambda x: x, x, (x, x))
    with pytest.raises(ShapeError, match="v has invalid size"):
        D.vjp(lambda x: x, x, point(3))
    with pytest.raises(ShapeError, match="Entry 1 in v"):
        D.jvp(half, (x, x), (x, point(3)))
    for derive in (D.hessian, D.vhp, D.hvp):
        arguments = (x,) if derive is D.hessian else (x, x)
        with pytest.raises(GradError, match="single element"):
            derive(lambda x: x * x, *arguments)
        with pytest.raises(GradError, match="a single Tensor"):
            derive(lambda x: (x.sum(),), *arguments)
    with pytest.raises(ContractError, match="strategy"):
        D.jacobian(linear, x, strategy="sideways")
    with pytest.raises(ContractError, match="strategy"):
        D.hessian(linear, x, outer_jacobian_strategy="sideways")
    with pytest.raises(GradError, match="not supported together"):
        D.jacobian(lambda x: x, x, strict=True, vectorize=True)
    with pytest.raises(GradError, match="not supported together"):
        D.jacobian(lambda x: x, x, strict=True, vectorize=True, strategy="forward-mode")
    with pytest.raises(UnsupportedError, match="not supported together"):
        D.jacobian(lambda x: x, x, create_graph=True, strategy="forward-mode")
    with pytest.raises(UnsupportedError, match="only implemented"):
        D.hessian(lambda x: x.sum(), x, outer_jacobian_strategy="forward-mode")
