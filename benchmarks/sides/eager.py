"""Lepton and PyTorch: the same lines for both, as their names are the same."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from workloads import BATCHES, Workload, make

from sides import SIDES, Running


def load(side: str) -> Any:
    """The framework, told how many threads to use."""
    framework = importlib.import_module(SIDES[side].module)
    if SIDES[side].module == "torch":
        framework.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return framework


def workload(side: str, name: str, sizes: dict[str, Any], path: str) -> Running:
    """The workload of that name, with the weights and batches of the file at ``path``."""
    framework = load(side)
    chosen = make(name, **sizes)
    with np.load(path) as drawn:
        model = loaded_model(framework, chosen, drawn)
        batches = [
            tuple(framework.from_numpy(drawn[f"batch/{k}/{i}"]) for i in range(count_inputs(drawn)))
            for k in range(BATCHES)
        ]
    return Running(step_of(framework, chosen, model, batches, side == "torch-compile"), as_numpy)


def count_inputs(drawn: Any) -> int:
    """How many arrays a batch has."""
    return sum(each.startswith("batch/0/") for each in drawn)


def loaded_model(framework: Any, chosen: Workload, drawn: Any) -> Any:
    """The workload's model with the drawn weights, for training or evaluation as the workload wants it."""
    model = chosen.model(framework)
    with framework.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(framework.from_numpy(drawn[f"weight/{name}"]))
    return model.train(chosen.training)


def step_of(framework: Any, chosen: Workload, model: Any, batches: list[Any], compiled: bool) -> Callable[[], Any]:
    """One step: all of training, or a forward pass without gradients."""
    following = itertools.cycle(batches)

    def result(*batch: Any) -> Any:
        return chosen.loss(framework, model, *batch)

    if compiled:
        result = framework.compile(result)

    def evaluate() -> Any:
        with framework.no_grad():
            return result(*next(following))

    if not chosen.training:
        return evaluate
    optimizer = getattr(framework.optim, str(chosen.optimizer))(model.parameters(), **chosen.settings)
    update = framework.compile(optimizer.step) if compiled else optimizer.step

    def train() -> Any:
        optimizer.zero_grad()
        loss = result(*next(following))
        loss.backward()
        update()
        return loss.detach()

    return train


def as_numpy(result: Any) -> np.ndarray:
    """A tensor's numbers."""
    return np.asarray(result.numpy(), np.float64)
