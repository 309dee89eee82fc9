"""Recurrent layers and the hooks of all modules against PyTorch: what the table of ops does not tell."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch

import lepton

Library = Any


def twins(kind: str, *args: Any, dtype: str = "float64", **settings: Any) -> list[Any]:
    """The layer of both frameworks, with PyTorch's weights."""
    ours, theirs = [getattr(lib.nn, kind)(*args, **settings).to(getattr(lib, dtype)) for lib in (lepton, torch)]
    for name, value in theirs.state_dict().items():
        with lepton.no_grad():
            ours.get_parameter(name).copy_(lepton.tensor(value.float().numpy()))
    if dtype == "float64":
        ours.load_state_dict({name: lepton.tensor(each.numpy()) for name, each in theirs.state_dict().items()})
    return [ours, theirs]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_training_together(kind: str) -> None:
    """Two layers in both directions on packed sequences, ten steps of Adam: every loss, and the weights at the end."""
    models = twins(kind, 3, 5, 2, bidirectional=True, batch_first=True)
    optimizers = [lib.optim.Adam(each.parameters(), lr=0.01) for lib, each in zip((lepton, torch), models, strict=True)]
    rng = np.random.default_rng(0)
    for _ in range(10):
        x, lengths, losses = rng.normal(size=(4, 7, 3)), rng.integers(1, 8, 4).tolist(), []
        for lib, model, optimizer in zip((lepton, torch), models, optimizers, strict=True):
            rnn = lib.nn.utils.rnn
            packed = rnn.pack_padded_sequence(lib.tensor(x), lengths, batch_first=True, enforce_sorted=False)
            out, last = model(packed)
            padded, found = rnn.pad_packed_sequence(out, batch_first=True)
            assert found.tolist() == lengths
            loss = (padded - 0.3).square().sum() + (last[1] if kind == "LSTM" else last).cos().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert abs(losses[0] - losses[1]) <= 1e-9 * abs(losses[1])
    for name, value in models[0].state_dict().items():
        np.testing.assert_allclose(value.numpy(), models[1].state_dict()[name].numpy(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 2e-6), ("bfloat16", 3e-2), ("float16", 4e-3)])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_narrow_types(kind: str, dtype: str, limit: float) -> None:
    models = twins(kind, 6, 8, 2, dtype=dtype)
    x = np.random.default_rng(1).normal(size=(9, 3, 6))
    found = []
    for lib, model in zip((lepton, torch), models, strict=True):
        out, _ = model(lib.tensor(x).to(getattr(lib, dtype)))
        assert out.dtype is getattr(lib, dtype)
        out.float().square().sum().backward()
        found.append([out.detach().float().numpy(), *[each.grad.float().numpy() for each in model.parameters()]])
    for place, (one, other) in enumerate(zip(*found, strict=True)):
        room = limit * (10 if place else 1)
        np.testing.assert_allclose(one, other, rtol=0, atol=room * max(1.0, float(np.abs(other).max())))


def test_the_formulas_far_from_zero() -> None:
    """Gates that are shut or wide open: in float64 the same to the last digits of the result."""
    for kind in ("RNN", "LSTM", "GRU"):
        models = twins(kind, 2, 3)
        x = np.random.default_rng(2).normal(size=(6, 4, 2)) * np.array([1.0, 30.0, 1e3, 1e300])[:, None]
        ours, theirs = models[0](lepton.tensor(x))[0], models[1](torch.tensor(x))[0]
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=0, atol=1e-14)


def test_special_values() -> None:
    """nan and inf in one sequence of a batch stay in it, and give what they give in PyTorch."""
    for kind, settings in (("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("GRU", {})):
        models = twins(kind, 2, 3, **settings)
        x = np.random.default_rng(3).normal(size=(3, 4, 2))
        x[0, 1, 0], x[1, 2, 0], x[1, 3, 1] = np.nan, np.inf, -np.inf
        found = []
        for lib, model in zip((lepton, torch), models, strict=True):
            leaf = lib.tensor(x, requires_grad=True)
            out = model(leaf)[0]
            out[:, :2].sum().backward()
            found.append((out.detach().numpy(), leaf.grad[:, :2].numpy()))
        np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
        np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-10)


def test_weights_are_drawn_in_the_same_order_from_the_same_range() -> None:
    for kind in ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"):
        calls = []
        for lib in (lepton, torch):
            layer, drawn = getattr(lib.nn, kind)(2, 16), []
            with pytest.MonkeyPatch.context() as patch:
                note = drawn.append
                patch.setattr(lib.nn.init, "uniform_", lambda w, a, b, note=note: note((tuple(w.shape), a, b)))
                layer.reset_parameters()
            calls.append(drawn)
        assert calls[0] == calls[1]


def test_methods_have_pytorchs_names_and_arguments() -> None:
    for name in ("RNNBase", "RNN", "LSTM", "GRU", "RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"):
        ours, theirs = getattr(lepton.nn, name), getattr(torch.nn, name)
        public = {each for each in vars(theirs) if not each.startswith("_")} - {"T_destination"}
        assert public <= set(dir(ours)), public - set(dir(ours))
        for each in public:
            if callable(getattr(theirs, each)):
                found = [list(inspect.signature(getattr(cls, each)).parameters) for cls in (ours, theirs)]
                assert found[0] == found[1], (name, each)
    for name in torch.nn.utils.rnn.__all__:
        mine, other = getattr(lepton.nn.utils.rnn, name), getattr(torch.nn.utils.rnn, name)
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(other).parameters)
    assert set(lepton.nn.utils.rnn.__all__) == set(torch.nn.utils.rnn.__all__)


def hooks_in(lib: Library) -> list[Any]:
    """What happens around a call and a backward when hooks of all modules and a module's own are there."""
    log: list[Any] = []
    common = lib.nn.modules.module
    model = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.Tanh())
    handles = [
        common.register_module_forward_hook(lambda m, a, out: log.append(("after", type(m).__name__))),
        common.register_module_forward_pre_hook(lambda m, a: log.append(("before", type(m).__name__))),
        common.register_module_full_backward_pre_hook(lambda m, g: log.append(("back", type(m).__name__, len(g)))),
        common.register_module_full_backward_hook(lambda m, i, o: log.append(("done", type(m).__name__, i[0] is None))),
        model[0].register_forward_hook(lambda m, a, out: log.append("own after")),
        model[0].register_full_backward_hook(lambda m, i, o: log.append("own done")),
    ]
    loss = model(lib.ones(1, 2)).sum()
    for each in handles:
        each.remove()
    loss.backward()
    model(lib.ones(1, 2))
    with (
        common.register_module_parameter_registration_hook(lambda m, name, value: log.append(name)),
        common.register_module_buffer_registration_hook(lambda m, name, value: log.append((name, value is None))),
        common.register_module_module_registration_hook(lambda m, name, value: log.append((name, type(m).__name__))),
    ):
        made = lib.nn.Sequential(lib.nn.Linear(2, 2, bias=False), lib.nn.LSTM(1, 1, bidirectional=True))
        made.register_buffer("mean", lib.ones(1))
        made.mean = None
        made.scale = lib.nn.Buffer(lib.ones(1))
        made[0].weight = None
        made.append(lib.nn.Identity())
        made[0] = lib.nn.Identity()
    return log


def test_hooks_of_all_modules() -> None:
    with pytest.warns(UserWarning, match="since no inputs require gradients"):
        ours = hooks_in(lepton)
    with pytest.warns(UserWarning, match="since no inputs require gradients"):
        assert ours == hooks_in(torch)
