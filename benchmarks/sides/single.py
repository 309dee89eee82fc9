"""Single ops and optimizers on Lepton and PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
from workloads.ops import CASES, CHAIN, OPTIMIZERS, PARAMETERS, SMALL, Case

from sides import Running
from sides.eager import as_numpy, load


def tensors(framework: Any, case: Case, gradients: bool) -> list[Any]:
    """The case's inputs, those of floating type as leaves that want gradients if so told."""
    made = [framework.from_numpy(each) for each in case.inputs(np.random.default_rng(0))]
    return [each.requires_grad_(gradients and each.is_floating_point()) for each in made]


def forward(side: str, name: str) -> Running:
    """The op without gradients."""
    framework, case = load(side), CASES[name]
    inputs = tensors(framework, case, False)

    def step() -> Any:
        with framework.no_grad():
            return case.function(framework, *inputs)

    return Running(step, as_numpy)


def backward(side: str, name: str) -> Running:
    """The op and its gradients with respect to all its inputs."""
    framework, case = load(side), CASES[name]
    inputs = tensors(framework, case, True)
    leaves = [each for each in inputs if each.requires_grad]
    shape = tuple(case.function(framework, *inputs).shape)
    g = framework.from_numpy(np.random.default_rng(1).standard_normal(shape, np.float32))

    def step() -> Any:
        for each in leaves:
            each.grad = None
        case.function(framework, *inputs).backward(g)
        return leaves

    return Running(step, gradients_of)


def gradients_of(leaves: list[Any]) -> np.ndarray:
    """All gradients in one row."""
    return np.concatenate([as_numpy(each.grad).reshape(-1) for each in leaves])


def chain(side: str, name: str) -> Running:
    """Many times the same op on 4×4 numbers, forward and backward: nothing but overhead."""
    framework, case = load(side), SMALL[name]
    x, *others = tensors(framework, case, True)
    g = framework.ones(4, 4)

    def step() -> Any:
        x.grad = None
        y = x
        for _ in range(CHAIN):
            y = case.function(framework, y, *others)
        y.backward(g)
        return x.grad

    return Running(step, as_numpy)


def optimizer(side: str, name: str, network: str) -> Running:
    """An optimizer's step on parameters of a network's shapes."""
    framework = load(side)
    rng = np.random.default_rng(0)
    parameters = []
    for shape in PARAMETERS[network]:
        made = framework.from_numpy(rng.standard_normal(shape, np.float32)).requires_grad_()
        made.grad = framework.from_numpy(rng.standard_normal(shape, np.float32))
        parameters.append(made)
    kind, settings = OPTIMIZERS[name]
    chosen = getattr(framework.optim, kind)(parameters, **settings)

    def step() -> Any:
        chosen.step()
        return parameters[0].detach()

    return Running(step, as_numpy)
