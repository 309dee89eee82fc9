"""Parametrisations: the class that they give a module, cache, copies, states; orthogonal weights."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import nn
from lepton.autograd import gradcheck, gradgradcheck
from lepton.errors import ArgumentError, MissingInverseError, ModuleNameError, ParametrizationError
from lepton.nn.utils import parametrize as P
from lepton.nn.utils.parametrizations import orthogonal, spectral_norm, weight_norm
from tests import standin


class Counted(nn.Module):
    """Doubles, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: lepton.Tensor) -> lepton.Tensor:
        self.calls += 1
        return 2 * x


class Square(nn.Module):
    """x², whose inverse is √x."""

    def forward(self, x: lepton.Tensor) -> lepton.Tensor:
        return x * x

    def right_inverse(self, x: lepton.Tensor) -> lepton.Tensor:
        return x.sqrt()


def linear(*parametrizations: nn.Module) -> Any:
    layer = nn.Linear(2, 2)
    with lepton.no_grad():
        layer.weight.copy_(lepton.tensor([[1.0, 4.0], [9.0, 16.0]]))
    for each in parametrizations:
        P.register_parametrization(layer, "weight", each)
    return layer


def test_a_parametrized_layer() -> None:
    layer = linear(Square())
    assert type(layer).__name__ == "ParametrizedLinear" and isinstance(layer, nn.Linear)
    assert layer.weight.tolist() == [[1.0, 4.0], [9.0, 16.0]]
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert layer.parametrizations.weight.original.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert "(weight): ParametrizationList(\n      (0): Square()" in repr(layer)
    assert P.type_before_parametrizations(layer) is nn.Linear


def test_the_original_is_the_parameter_that_the_optimizer_knows() -> None:
    layer = linear()
    parameter = layer.weight
    optimizer = lepton.optim.SGD(layer.parameters(), lr=0.1)
    P.register_parametrization(layer, "weight", Square())
    layer(lepton.ones(1, 2)).sum().backward()
    optimizer.step()
    assert layer.parametrizations.weight.original is parameter
    np.testing.assert_allclose(layer.weight.detach().numpy(), [[0.64, 2.56], [5.76, 10.24]], rtol=1e-6)
    P.remove_parametrizations(layer, "weight")
    assert layer.weight is parameter and type(layer) is nn.Linear


def test_assignment_goes_through_the_inverse() -> None:
    layer = linear(Square())
    layer.weight = lepton.full((2, 2), 25.0)
    assert layer.parametrizations.weight.original.tolist() == [[5.0, 5.0], [5.0, 5.0]]
    with pytest.raises(ParametrizationError, match="Counted does not implement right_inverse"):
        linear(Counted()).weight = lepton.zeros(2, 2)
    with pytest.raises(ModuleNameError, match="attribute 'weight' already exists"):
        layer.weight = nn.Parameter(lepton.zeros(2, 2))


def test_each_access_computes_unless_cached() -> None:
    counted = Counted()
    layer = linear(counted)
    before = counted.calls
    layer.weight, layer.weight
    assert counted.calls == before + 2
    with P.cached():
        first = layer.weight
        with P.cached():
            assert layer.weight is first
        assert layer.weight is first and counted.calls == before + 3
        layer(lepton.ones(1, 2)).sum().backward()
    assert layer.weight is not first and layer.parametrizations.weight.original.grad is not None


def test_the_cache_ends_with_an_exception() -> None:
    layer = linear(Counted())
    held = []

    def fail() -> None:
        with P.cached():
            held.append(layer.weight)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert layer.weight is not held[0]


def test_a_copy_is_independent() -> None:
    layer = linear(Square())
    other = copy.deepcopy(layer)
    assert type(other) is not type(layer) and type(other).__name__ == "ParametrizedLinear"
    with P.cached():
        layer.weight = lepton.zeros(2, 2)
        assert other.weight.tolist() == [[1.0, 4.0], [9.0, 16.0]] and layer.weight.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    P.remove_parametrizations(other, "weight")
    assert P.is_parametrized(layer) and layer.weight.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(ParametrizationError, match=r"only supported through state_dict\(\)"):
        layer.__reduce_ex__(4)


def test_a_state_goes_into_a_layer_of_the_same_form(tmp_path: Any) -> None:
    layer, other = linear(Square()), linear(Square())
    layer.weight = lepton.full((2, 2), 4.0)
    lepton.save(layer.state_dict(), tmp_path / "layer.safetensors")
    other.load_state_dict(lepton.load(tmp_path / "layer.safetensors"))
    assert other.weight.tolist() == [[4.0, 4.0], [4.0, 4.0]]
    layer.to(lepton.float64)
    assert layer.weight.dtype is lepton.float64


def test_training_mode_reaches_the_parametrization() -> None:
    layer = nn.Linear(2, 2).eval()
    square = Square()
    P.register_parametrization(layer, "weight", square)
    assert not square.training
    layer.train()
    assert square.training


def test_two_tensors_of_one_layer() -> None:
    layer = linear(Square())
    P.register_parametrization(layer, "bias", Counted())
    P.remove_parametrizations(layer, "weight")
    assert P.is_parametrized(layer, "bias") and type(layer).__name__ == "ParametrizedLinear"
    P.remove_parametrizations(layer, "bias", leave_parametrized=False)
    assert type(layer) is nn.Linear and isinstance(layer.bias, nn.Parameter)


def test_what_may_not_change() -> None:
    class Half(nn.Module):
        def forward(self, x: lepton.Tensor) -> lepton.Tensor:
            return x[:1]

    layer = linear()
    with pytest.raises(ArgumentError, match=r"may not change the shape .* has lepton.Size\(\[2, 2\]\)"):
        P.register_parametrization(layer, "weight", Half())
    assert type(layer) is nn.Linear and layer.weight.shape == (2, 2)
    P.register_parametrization(layer, "weight", Half(), unsafe=True)
    assert layer.weight.shape == (1, 2)
    with pytest.raises(ArgumentError, match="does not have a parameter, a buffer, or a parametrized element with name"):
        P.register_parametrization(layer, "weigth", Half())


# ---------------------------------------------------------------------- orthogonal


@pytest.mark.parametrize("how", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 3, 3)])
def test_a_weight_stays_orthogonal_through_training(how: str, shape: tuple[int, ...]) -> None:
    lepton.manual_seed(0)
    module: Any = nn.Module()
    module.weight = nn.Parameter(lepton.randn(shape, dtype=lepton.float64))
    orthogonal(module, orthogonal_map=how)
    target = lepton.randn(shape, dtype=lepton.float64)
    optimizer = lepton.optim.SGD(module.parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = ((module.weight - target) ** 2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    weight = module.weight.detach().numpy()
    tall = weight if shape[-2] >= shape[-1] else weight.swapaxes(-1, -2)
    gram = tall.swapaxes(-1, -2) @ tall
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(gram.shape[-1]), gram.shape), atol=1e-12)
    assert losses[-1] < losses[0]


def test_an_orthogonal_weight_begins_as_it_is() -> None:
    layer = nn.Linear(3, 3).to(lepton.float64)
    turn = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    with lepton.no_grad():
        layer.weight.copy_(lepton.tensor(turn))
    orthogonal(layer)
    np.testing.assert_allclose(layer.weight.detach().numpy(), turn, atol=1e-15)
    layer.weight = lepton.tensor(turn.T)
    np.testing.assert_allclose(layer.weight.detach().numpy(), turn.T, atol=1e-15)


@pytest.mark.parametrize("how", ["matrix_exp", "cayley"])
def test_there_is_no_inverse_without_a_trivialization(how: str) -> None:
    layer = orthogonal(nn.Linear(3, 3), orthogonal_map=how, use_trivialization=False)
    with pytest.raises(MissingInverseError, match="use_trivialization=False"):
        layer.weight = lepton.eye(3)


@pytest.mark.parametrize("how", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 2, 3)])
def test_the_maps_have_derivatives_of_both_orders(how: str, shape: tuple[int, ...]) -> None:
    lepton.manual_seed(1)
    module: Any = nn.Module()
    module.weight = nn.Parameter(lepton.randn(shape, dtype=lepton.float64))
    orthogonal(module, orthogonal_map=how)
    form = module.parametrizations.weight[0]
    x = lepton.randn(shape, dtype=lepton.float64) * 0.7
    if how == "householder":
        x.diagonal(dim1=-2, dim2=-1).fill_(-1.0)  # signs, which have no derivative
    rest = x.triu() if how == "householder" else lepton.zeros(shape, dtype=lepton.float64)
    below = -1 if how == "householder" else x.shape[-1]

    def apply(each: lepton.Tensor) -> Any:
        return form(each.tril(below) + rest)

    assert gradcheck(apply, (x.requires_grad_(),)) and gradgradcheck(apply, (x,))


@pytest.mark.parametrize("make", [orthogonal, weight_norm, spectral_norm])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2)])
def test_on_another_device(make: Any, shape: tuple[int, int]) -> None:
    with standin.installed():
        layer = nn.Linear(shape[1], shape[0]).to(standin.DEVICE)
        make(layer)
        layer(lepton.ones(1, shape[1]).to(standin.DEVICE)).sum().backward()
        assert all(each.grad.device.type == standin.DEVICE for each in layer.parameters())
