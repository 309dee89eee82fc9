"""Averages of weights against PyTorch."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch
import torch.optim.swa_utils

import lepton

LIBRARIES = (lepton, torch)


def model_of(library: Any, dtype: str = "float64") -> Any:
    rng = np.random.default_rng(0)
    nn = library.nn
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).to(getattr(library, dtype))
    with library.no_grad():
        for parameter in model.parameters():
            parameter.copy_(library.tensor(rng.standard_normal(tuple(parameter.shape))))
    return model


def state_of(model: Any) -> dict[str, Any]:
    return {name: each.detach().numpy().copy() for name, each in model.state_dict().items()}


def trained(library: Any, averaged: Any, model: Any) -> list[dict[str, Any]]:
    """The average's state after each of some updates."""
    rng = np.random.default_rng(1)
    seen = []
    for _ in range(6):
        with library.no_grad():
            for parameter in model.parameters():
                parameter += library.tensor(rng.standard_normal(tuple(parameter.shape)))
            model(library.tensor(rng.standard_normal((5, 3))))
        averaged.update_parameters(model)
        seen.append(state_of(averaged))
    return seen


FUNCTIONS: dict[str, Any] = {
    "the mean": lambda _: {},
    "swa": lambda swa: {"avg_fn": swa.get_swa_avg_fn()},
    "swa of lists": lambda swa: {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
    "ema": lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.9)},
    "ema of lists": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.3)},
    "the default decay": lambda swa: {"avg_fn": swa.get_ema_avg_fn()},
    "the last": lambda _: {"avg_fn": lambda average, current, count: current},
    "by count": lambda _: {"avg_fn": lambda average, current, count: average * (1 / count) + current},
}


# PyTorch cannot average the integer buffer of batch normalisation as one of a list.
CASES = [(name, each) for name in FUNCTIONS for each in (False, True) if (name, each) != ("swa of lists", True)]


@pytest.mark.parametrize(("functions", "use_buffers"), CASES)
def test_every_average_is_the_same(functions: str, use_buffers: bool) -> None:
    found = []
    for library in LIBRARIES:
        model = model_of(library)
        swa = library.optim.swa_utils
        averaged = swa.AveragedModel(model, use_buffers=use_buffers, **FUNCTIONS[functions](swa))
        found.append(trained(library, averaged, model))
    for mine, torchs in zip(*found, strict=True):
        assert list(mine) == list(torchs)
        for name, value in mine.items():
            assert value.dtype == torchs[name].dtype
            # In its multi-tensor form PyTorch computes 1/(n + 1) in float32.
            np.testing.assert_allclose(value, torchs[name], rtol=1e-7, atol=1e-7, err_msg=name)


def test_the_average_is_a_model() -> None:
    found = []
    for library in LIBRARIES:
        model = model_of(library)
        averaged = library.optim.swa_utils.AveragedModel(model)
        trained(library, averaged, model)
        averaged.eval()
        rng = np.random.default_rng(2)
        found.append(averaged(library.tensor(rng.standard_normal((4, 3)))).detach().numpy())
        again = library.optim.swa_utils.AveragedModel(model_of(library))
        again.load_state_dict(averaged.state_dict())
        assert int(again.n_averaged) == 6
    np.testing.assert_allclose(found[0], found[1], rtol=1e-10)


@pytest.mark.parametrize("name", lepton.optim.swa_utils.__all__)
def test_arguments_and_defaults_are_the_same(name: str) -> None:
    signatures = [inspect.signature(getattr(library.optim.swa_utils, name)).parameters for library in LIBRARIES]
    ours, theirs = ([(each.name, each.default) for each in signature.values()] for signature in signatures)
    assert ours == theirs


def test_nothing_is_missing() -> None:
    assert sorted(lepton.optim.swa_utils.__all__) == sorted(torch.optim.swa_utils.__all__)


@pytest.mark.parametrize("as_pairs", [False, True])
def test_update_bn(as_pairs: bool) -> None:
    found = []
    for library in LIBRARIES:
        model = model_of(library)
        model.eval()
        rng = np.random.default_rng(3)
        batches: list[Any] = [library.tensor(rng.standard_normal((6, 3))) for _ in range(4)]
        if as_pairs:
            batches = [[each, 1] for each in batches]
        library.optim.swa_utils.update_bn(batches, model)
        assert not model.training and model[1].momentum == 0.1
        found.append(state_of(model))
    for name, value in found[0].items():
        np.testing.assert_allclose(value, found[1][name], rtol=1e-12, err_msg=name)


SCHEDULES: list[dict[str, Any]] = [
    {"swa_lr": 0.05},
    {"swa_lr": [0.05, 0.5], "anneal_strategy": "linear"},
    {"swa_lr": 0.01, "anneal_epochs": 0},
    {"swa_lr": 0.01, "anneal_epochs": 1, "anneal_strategy": "linear"},
    {"swa_lr": 0.3, "anneal_epochs": 40},
]


@pytest.mark.parametrize("before", [0, 5])
@pytest.mark.parametrize("options", SCHEDULES, ids=str)
def test_every_rate_of_swalr(options: dict[str, Any], before: int) -> None:
    found = []
    for library in LIBRARIES:
        groups = [{"params": [library.zeros(1, requires_grad=True)], "lr": rate} for rate in (0.1, 0.02)]
        optimizer = library.optim.SGD(groups)
        first = library.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        schedule = library.optim.swa_utils.SWALR(optimizer, **options)
        seen: list[Any] = []
        for step in range(60):
            seen.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            (first if step < before else schedule).step()
        found.append([*seen, schedule.get_last_lr(), list(schedule.state_dict().items())])
    assert found[0] == found[1]


def test_swalr_goes_on_from_pytorchs_state() -> None:
    found = []
    state: Any = None
    for library in (torch, lepton):
        optimizer = library.optim.SGD([library.zeros(1, requires_grad=True)], lr=0.1)
        schedule = library.optim.swa_utils.SWALR(optimizer, 0.01)
        if state is None:
            for _ in range(4):
                optimizer.step()
                schedule.step()
            state = schedule.state_dict(), optimizer.state_dict()
        schedule.load_state_dict(dict(state[0]))
        optimizer.load_state_dict(state[1])
        seen = []
        for _ in range(9):
            optimizer.step()
            schedule.step()
            seen.append(optimizer.param_groups[0]["lr"])
        found.append(seen)
    assert found[0] == found[1]


def test_what_pytorch_refuses() -> None:
    for library in LIBRARIES:
        swa = library.optim.swa_utils
        optimizer = library.optim.SGD([library.zeros(1, requires_grad=True)], lr=0.1)
        for options in ({"swa_lr": [0.1, 0.2]}, {"swa_lr": 0.1, "anneal_strategy": "square"}):
            with pytest.raises(ValueError, match=r"swa_lr must have|anneal_strategy must be"):
                swa.SWALR(optimizer, **options)
        for epochs in (-1, 2.5):
            with pytest.raises(ValueError, match="anneal_epochs must be equal or greater than 0"):
                swa.SWALR(optimizer, 0.1, anneal_epochs=epochs)
        for decay in (-0.1, 1.1):
            for function in (swa.get_ema_avg_fn, swa.get_ema_multi_avg_fn):
                with pytest.raises(ValueError, match="Invalid decay value"):
                    function(decay)
