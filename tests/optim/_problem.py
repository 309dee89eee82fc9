"""What the tests of optimizers share: which there are, and parameters to step."""

from __future__ import annotations

import lepton
from lepton.optim import (
    ASGD,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
)

ALL = [SGD, Adam, AdamW, Adamax, NAdam, RAdam, Adagrad, Adadelta, RMSprop, Rprop, ASGD, Adafactor]
DECAYING = [kind for kind in ALL if kind is not Rprop]


def parameter(*values: float, grad: list[float] | None = None) -> lepton.Tensor:
    made = lepton.tensor(values, dtype=lepton.float64, requires_grad=True)
    if grad is not None:
        made.grad = lepton.tensor(grad, dtype=lepton.float64)
    return made


def steps(optimizer: Optimizer, theta: lepton.Tensor, gradients: list[float]) -> list[float]:
    seen = []
    for gradient in gradients:
        theta.grad = lepton.tensor([gradient], dtype=lepton.float64)
        optimizer.step()
        seen.append(theta.item())
    return seen
