"""What a workload is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Workload:
    """One training step, or one forward pass.

    Attributes:
        name: as on the command line. title: for tables.
        model: makes the model from the framework, ``lepton`` or ``torch``: both have the same names.
        batch: draws one batch of NumPy arrays; the model gets those that are not for the loss.
        loss: from the framework, the model and the batch's tensors, a scalar; in inference, the model's result.
        optimizer: its name in ``framework.optim``, and its settings; None for inference.
    """

    name: str
    title: str
    model: Callable[[Any], Any]
    batch: Callable[[np.random.Generator], tuple[np.ndarray, ...]]
    loss: Callable[..., Any]
    optimizer: str | None = None
    settings: dict[str, float] = field(default_factory=dict)

    @property
    def training(self) -> bool:
        """Whether weights are trained, or results computed without gradients."""
        return self.optimizer is not None


def classification_loss(framework: Any, model: Any, *batch: Any) -> Any:
    """Cross-entropy of the model's scores; the labels come last in the batch."""
    *inputs, labels = batch
    return framework.nn.functional.cross_entropy(model(*inputs), labels)


def forward(framework: Any, model: Any, *batch: Any) -> Any:
    """The model's result."""
    return model(*batch)


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal numbers in float32."""
    return rng.standard_normal(shape, np.float32)


def integers(rng: np.random.Generator, below: int, *shape: int) -> np.ndarray:
    """Whole numbers from 0 up in int64."""
    return rng.integers(0, below, shape)
