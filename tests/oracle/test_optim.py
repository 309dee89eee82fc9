"""Optimizers and schedules against PyTorch: 100 steps in float64, every rate of a schedule."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import lepton

STEPS = 100
TOLERANCE = 1e-9

SGD_OPTIONS = [
    {"momentum": momentum, "dampening": dampening, "weight_decay": decay, "nesterov": nesterov, "maximize": maximize}
    for momentum, dampening, decay, nesterov, maximize in itertools.product(
        (0.0, 0.9), (0.0, 0.3), (0.0, 0.1), (False, True), (False, True)
    )
    if not nesterov or (momentum and not dampening)
]
ADAM_OPTIONS = [
    {"betas": betas, "weight_decay": decay, "amsgrad": amsgrad, "maximize": maximize}
    for betas, decay, amsgrad, maximize in itertools.product(
        ((0.9, 0.999), (0.5, 0.9)), (0.0, 0.1), (False, True), (False, True)
    )
] + [{"eps": 1e-3}]
CASES = [
    *(("SGD", options) for options in SGD_OPTIONS),
    *(("Adam", options) for options in ADAM_OPTIONS),
    *(("AdamW", options) for options in ADAM_OPTIONS),
    *(("Adam", {**options, "decoupled_weight_decay": True}) for options in ADAM_OPTIONS[:4]),
]
SHAPES = ((4, 3), (5,), ())


def label(value: Any) -> str:
    if isinstance(value, str):
        return value
    return ",".join(f"{name}={each}" for name, each in value.items() if each)


def trajectories(name: str, options: dict[str, Any], dtype: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The parameters after all steps, ours and PyTorch's, of a problem whose gradient depends on them."""
    rng = np.random.default_rng(0)
    begin = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
    noise = [[rng.standard_normal(shape).astype(dtype) for shape in SHAPES] for _ in range(STEPS)]
    ours = [lepton.tensor(each, requires_grad=True) for each in begin]
    theirs = [torch.tensor(each, requires_grad=True) for each in begin]
    pairs = ((ours, getattr(lepton.optim, name), lepton), (theirs, getattr(torch.optim, name), torch))
    for parameters, kind, library in pairs:
        groups = [{"params": parameters[:2]}, {"params": parameters[2:], "lr": 0.003}]
        optimizer = kind(groups, lr=0.01, **options)
        for step in range(STEPS):
            for index, (parameter, drawn) in enumerate(zip(parameters, noise[step], strict=True)):
                missing = step % 7 == 3 and index == 1  # a parameter that this step did not use
                parameter.grad = None if missing else parameter.detach() * 0.3 + library.tensor(drawn)
            optimizer.step()
    return [each.detach().numpy() for each in ours], [each.detach().numpy() for each in theirs]


@pytest.mark.parametrize(("name", "options"), CASES, ids=label)
def test_a_hundred_steps_in_float64(name: str, options: dict[str, Any]) -> None:
    for mine, torchs in zip(*trajectories(name, options, "float64"), strict=True):
        np.testing.assert_allclose(mine, torchs, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_a_hundred_steps_in_float32(name: str) -> None:
    options = {"momentum": 0.9} if name == "SGD" else {}
    for mine, torchs in zip(*trajectories(name, options, "float32"), strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, torchs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_the_defaults_are_the_same(name: str) -> None:
    ours = getattr(lepton.optim, name)([lepton.zeros(1, requires_grad=True)]).defaults
    theirs = getattr(torch.optim, name)([torch.zeros(1, requires_grad=True)]).defaults
    assert ours.items() <= theirs.items()


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_the_state_has_the_same_keys(name: str) -> None:
    states = []
    for library in (lepton, torch):
        parameter = library.zeros(2, requires_grad=True)
        options = {"momentum": 0.9} if name == "SGD" else {"amsgrad": True}
        optimizer = getattr(library.optim, name)([parameter], **options)
        parameter.grad = library.ones(2)
        optimizer.step()
        states.append(optimizer.state_dict())
    ours, theirs = states
    assert ours["state"][0].keys() == theirs["state"][0].keys()
    assert ours["param_groups"][0].keys() <= theirs["param_groups"][0].keys()
    assert ours["param_groups"][0]["params"] == theirs["param_groups"][0]["params"] == [0]


SCHEDULES = [
    ("StepLR", {"step_size": 1}),
    ("StepLR", {"step_size": 7, "gamma": 0.5}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 40}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 10}),
    ("CosineAnnealingLR", {"T_max": 10}),
    ("CosineAnnealingLR", {"T_max": 37, "eta_min": 0.001}),
    ("CosineAnnealingLR", {"T_max": 1}),
]


def rates(library: Any, chosen: list[tuple[str, dict[str, Any]]], **more: Any) -> list[list[float]]:
    groups = [{"params": [library.zeros(1, requires_grad=True)], "lr": rate} for rate in (0.1, 0.02)]
    for group in groups if more else ():
        group["initial_lr"] = group["lr"]
    optimizer = library.optim.SGD(groups)
    schedules = [getattr(library.optim.lr_scheduler, name)(optimizer, **options, **more) for name, options in chosen]
    seen = []
    for _ in range(STEPS):
        seen.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        for each in schedules:
            each.step()
    return seen


@pytest.mark.parametrize("last_epoch", [None, 5])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda each: f"{each[0]}({label(each[1])})")
def test_every_rate_is_the_same(schedule: tuple[str, dict[str, Any]], last_epoch: int | None) -> None:
    more = {} if last_epoch is None else {"last_epoch": last_epoch}
    assert rates(lepton, [schedule], **more) == rates(torch, [schedule], **more)


def test_every_rate_of_schedules_together_is_the_same() -> None:
    chosen = [SCHEDULES[1], SCHEDULES[3], SCHEDULES[6]]
    assert rates(lepton, chosen) == rates(torch, chosen)
