"""Multi-layer perceptrons: one that is all overhead, one that is all matrix products."""

from __future__ import annotations

import itertools
from typing import Any

from workloads.workload import Workload, classification_loss, integers, normal


def perceptron(framework: Any, sizes: tuple[int, ...]) -> Any:
    """Linear layers with ReLU between them."""
    nn = framework.nn
    layers = [nn.Linear(sizes[0], sizes[1])]
    for before, after in itertools.pairwise(sizes[1:]):
        layers += [nn.ReLU(), nn.Linear(before, after)]
    return nn.Sequential(*layers)


def tiny(batch: int = 4) -> Workload:
    """So small that nearly all of its time is what the framework itself costs."""
    sizes = (8, 8, 8, 8, 4)
    return Workload(
        "mlp-tiny", f"MLP 8-8-8-8-4, batch {batch}, SGD",
        model=lambda framework: perceptron(framework, sizes),
        batch=lambda rng: (normal(rng, batch, sizes[0]), normal(rng, batch, sizes[-1])),
        loss=lambda framework, model, x, y: framework.nn.functional.mse_loss(model(x), y),
        optimizer="SGD", settings={"lr": 0.01},
    )  # fmt: skip


def mlp(batch: int = 128, width: int = 512, depth: int = 2) -> Workload:
    """A classifier of 28×28 images with so many hidden layers of that width."""
    sizes = (784, *[width] * depth, 10)
    return Workload(
        "mlp", f"MLP {'-'.join(map(str, sizes))}, batch {batch}, Adam",
        model=lambda framework: perceptron(framework, sizes),
        batch=lambda rng: (normal(rng, batch, sizes[0]), integers(rng, sizes[-1], batch)),
        loss=classification_loss,
        optimizer="Adam", settings={"lr": 0.001},
    )  # fmt: skip


MAKERS = {"mlp-tiny": tiny, "mlp": mlp}
