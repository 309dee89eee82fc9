"""Recurrent layers: their formulas written out, initial values, weights under their names, dropout, memory, types."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import nn
from lepton.errors import ArgumentTypeError, DTypeError, VersionError
from lepton.kernels import recurrence
from lepton.nn.utils import rnn

KINDS = {"RNN": 1, "LSTM": 4, "GRU": 3}


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def step(kind: str, z: Any, v: Any, h: Any, c: Any) -> Any:
    """A cell's formula in NumPy, as it stands in the papers."""
    if kind == "RNN":
        return np.tanh(z + v), c
    if kind == "LSTM":
        i, f, g, o = np.split(z + v, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    (z_r, z_u, z_n), (v_r, v_u, v_n) = np.split(z, 3), np.split(v, 3)
    u = sigmoid(z_u + v_u)
    return (1 - u) * np.tanh(z_n + sigmoid(z_r + v_r) * v_n) + u * h, c


@pytest.mark.parametrize("kind", KINDS)
def test_two_layers_are_the_formula_twice(kind: str) -> None:
    lepton.manual_seed(1)
    layer = getattr(nn, kind)(3, 2, 2).double()
    x = lepton.randn(5, 3, dtype=lepton.float64)
    weights = {name: each.detach().numpy() for name, each in layer.named_parameters()}
    expected = x.numpy()
    for k in range(2):
        h, c, rows = np.zeros(2), np.zeros(2), []
        for row in expected:
            z = weights[f"weight_ih_l{k}"] @ row + weights[f"bias_ih_l{k}"]
            h, c = step(kind, z, weights[f"weight_hh_l{k}"] @ h + weights[f"bias_hh_l{k}"], h, c)
            rows.append(h)
        expected = np.array(rows)
    found, last = layer(x)
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose((last[0] if kind == "LSTM" else last)[1].detach().numpy(), expected[-1], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_in_a_loop_is_the_layer(kind: str) -> None:
    lepton.manual_seed(2)
    cell = getattr(nn, f"{kind}Cell")(3, 2).double()
    layer = getattr(nn, kind)(3, 2).double()
    layer.load_state_dict({f"{name}_l0": each for name, each in cell.state_dict().items()})
    x, state, rows = lepton.randn(4, 2, 3, dtype=lepton.float64), None, []
    for each in x:
        state = cell(each, state)
        rows.append(state[0] if kind == "LSTM" else state)
    found = lepton.stack(rows)
    assert lepton.allclose(found, layer(x)[0], rtol=1e-12)
    found.square().sum().backward()
    layer(x)[0].square().sum().backward()
    for name, parameter in cell.named_parameters():
        assert lepton.allclose(parameter.grad, layer.get_parameter(f"{name}_l0").grad, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_begin_uniform_in_the_order_of_their_names(kind: str) -> None:
    lepton.manual_seed(3)
    layer = getattr(nn, kind)(20, 100, 2, bidirectional=True)
    lepton.manual_seed(3)
    for each in layer.parameters():
        assert lepton.equal(each, lepton.empty(each.shape).uniform_(-0.1, 0.1))
    weight = layer.weight_hh_l1_reverse
    assert weight.shape == (KINDS[kind] * 100, 100)
    assert abs(weight.mean().item()) < 0.002 and abs(weight.std().item() - 0.1 / math.sqrt(3)) < 0.002


def test_names_and_shapes() -> None:
    layer = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2)
    names = [f"{name}_l{k}{way}" for k in (0, 1) for way in ("", "_reverse")
             for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")]  # fmt: skip
    assert list(layer.state_dict()) == names == layer._flat_weights_names
    assert layer.weight_ih_l1.shape == (16, 4) and layer.weight_hr_l1.shape == (2, 4)
    assert [len(each) for each in layer.all_weights] == [5] * 4
    assert layer.all_weights[1][0] is layer.weight_ih_l0_reverse
    assert layer.flatten_parameters() is None


def test_weights_that_are_replaced_are_used() -> None:
    layer = nn.GRU(2, 2)
    layer.weight_ih_l0 = nn.Parameter(lepton.zeros(6, 2))
    layer.bias_ih_l0 = nn.Parameter(lepton.zeros(6))
    assert layer._flat_weights[0] is layer.all_weights[0][0] is layer.weight_ih_l0
    assert lepton.equal(layer(lepton.ones(1, 2))[0], layer(lepton.zeros(1, 2))[0])
    twin = copy.deepcopy(layer)
    with lepton.no_grad():
        twin.bias_ih_l0 += 1
    assert not lepton.equal(layer(lepton.ones(1, 2))[0], twin(lepton.ones(1, 2))[0])


def test_one_tensor_in_two_roles_has_both_gradients() -> None:
    """Tied weights, and a state that is the input: of first order, and of second."""
    layer = nn.RNN(2, 2).double()
    layer.weight_hh_l0, layer.bias_hh_l0 = layer.weight_ih_l0, layer.bias_ih_l0
    x = lepton.ones(1, 1, 2, dtype=lepton.float64, requires_grad=True)
    leaves = (x, layer.weight_ih_l0, layer.bias_ih_l0)
    assert lepton.autograd.gradcheck(lambda *_: layer(x, x), leaves)
    assert lepton.autograd.gradgradcheck(lambda *_: layer(x, x), leaves)


def test_dropout_between_layers() -> None:
    lepton.manual_seed(4)
    layer = nn.RNN(3, 50, 2, dropout=0.4)
    x = lepton.randn(8, 3)
    assert not lepton.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    plain = layer(x)
    assert lepton.equal(plain[0], layer(x)[0])
    one = nn.RNN(3, 50)
    one.load_state_dict({name: each for name, each in layer.state_dict().items() if name.endswith("l0")})
    lepton.manual_seed(5)
    dropped = nn.functional.dropout(one(x)[0], 0.4)
    two = nn.RNN(50, 50)
    second = {name[:-1] + "0": each for name, each in layer.state_dict().items() if name.endswith("l1")}
    two.load_state_dict(second)
    lepton.manual_seed(5)
    assert lepton.allclose(layer.train()(x)[0], two(dropped)[0])


def test_dropout_of_a_single_layer_warns() -> None:
    with pytest.warns(UserWarning, match="non-zero dropout expects num_layers greater than 1") as told:
        nn.GRU(3, 4, dropout=0.5)
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.GRU(3, 4, 2, dropout=0.5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_rounded_once(kind: str, dtype: str) -> None:
    lepton.manual_seed(6)
    narrow = getattr(nn, kind)(3, 4, bidirectional=True).to(getattr(lepton, dtype))
    wide = copy.deepcopy(narrow).float()
    x = lepton.randn(6, 2, 3).to(getattr(lepton, dtype))
    found, right = narrow(x)[0], wide(x.float())[0]
    assert found.dtype is x.dtype and lepton.equal(found, right.to(x.dtype))
    found.sum().backward()
    right.sum().backward()
    for name, each in narrow.named_parameters():
        assert each.grad.dtype is x.dtype
        assert lepton.allclose(each.grad.float(), wide.get_parameter(name).grad, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_huge_numbers_overflow_nowhere(kind: str) -> None:
    layer = getattr(nn, kind)(2, 3)
    x = lepton.tensor([[[1e30, -1e30]], [[-3e38, 1e-38]], [[0.0, 3e38]]], requires_grad=True)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        z = (x.detach().reshape(3, 2) @ layer.weight_ih_l0.T).detach().numpy() * np.float32(0.5)
        steps = recurrence.walk((1, 1, 1), False)
        h, c, w = np.zeros((1, 3), "f"), np.zeros((1, 3), "f"), layer.weight_hh_l0.detach().numpy()
        flat = np.ascontiguousarray(w.T)
        if kind == "RNN":
            recurrence.elman_scan(z, flat, np.zeros(3, "f"), h, steps, False)
        elif kind == "LSTM":
            recurrence.lstm_scan(z, flat, np.zeros(12, "f"), None, h, c, steps)
        else:
            recurrence.gru_scan(z, flat, np.zeros(9, "f"), np.zeros(3, "f"), h, steps)
        assert np.isfinite(h).all() and np.isfinite(c).all()
    out, _ = layer(x)
    assert out.isfinite().all() and out.abs().max().item() <= 1
    out.sum().backward()
    assert x.grad.isfinite().all()


def test_a_result_may_be_written_to_and_an_input_may_not() -> None:
    for kind in KINDS:
        layer, x = getattr(nn, kind)(3, 2), lepton.ones(4, 3) * lepton.ones(1, requires_grad=True)
        layer(x)[0].relu_().sum().backward(retain_graph=True)
        out = layer(x)[0]
        x.mul_(2)
        with pytest.raises(VersionError, match="modified by an inplace operation"):
            out.sum().backward()


def test_frozen_weights_get_no_gradients() -> None:
    layer = nn.LSTM(3, 2).requires_grad_(False)
    x = lepton.ones(4, 3, requires_grad=True)
    layer(x)[0].sum().backward()
    assert x.grad is not None and all(each.grad is None for each in layer.parameters())
    layer.weight_hh_l0.requires_grad_()
    layer(x.detach())[1][1].sum().backward()
    assert layer.weight_hh_l0.grad.abs().sum().item() > 0 and layer.bias_hh_l0.grad is None


def test_states_of_another_kind_are_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="must be a pair of tensors"):
        nn.LSTM(3, 2)(lepton.ones(4, 3), lepton.ones(1, 2))
    with pytest.raises(ArgumentTypeError, match="must be a pair of tensors"):
        nn.LSTMCell(3, 2)(lepton.ones(4, 3), lepton.ones(4, 2))
    with pytest.raises(ArgumentTypeError, match="must be Tensor, not list"):
        nn.GRU(3, 2)(lepton.ones(4, 3), [1])
    with pytest.raises(DTypeError, match=r"the input is lepton\.float32 and a state is lepton\.float64"):
        nn.RNN(3, 2)(lepton.ones(4, 3), lepton.ones(1, 2).double())


def test_the_longest_and_the_shortest_sequences_reach_every_block() -> None:
    """Derivatives are prepared for stretches of steps that fit into the cache; several of them give the same as one."""
    lepton.manual_seed(7)
    lengths = [40, 40, 23, 1]
    for kind in KINDS:
        layer = getattr(nn, kind)(2, 3, bidirectional=True).double()
        parts = [lepton.randn(length, 2, dtype=lepton.float64) for length in lengths]
        found = []
        for block in (1, recurrence.BLOCK):
            layer.zero_grad()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(recurrence, "BLOCK", block)
                layer(rnn.pack_sequence(parts))[0].data.square().sum().backward()
            found.append([each.grad.numpy().copy() for each in layer.parameters()])
        for one, other in zip(*found, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_network_learns_to_remember() -> None:
    """The sign of the first number, after nineteen others."""
    lepton.manual_seed(0)
    layer, read = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 1)
    optimizer = lepton.optim.Adam([*layer.parameters(), *read.parameters()], lr=0.05)
    for _ in range(160):
        x = lepton.randn(64, 20, 1)
        loss = nn.functional.binary_cross_entropy_with_logits(read(layer(x)[1][0]), (x[:, 0] > 0).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3
