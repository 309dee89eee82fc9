"""The workloads: what is trained or run, on what, with which optimizer. Each is written once for Lepton and PyTorch.

``WORKLOADS`` names a maker for each; ``make(name, **sizes)`` gives the workload, with other sizes than its own where
``scaling.py`` asks for them. Weights and batches are drawn once, by NumPy, and written to a file that every side reads
(:func:`prepare`). There is no dropout in any of them, since two frameworks cannot be made to drop the same numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from workloads import dense, images, sequences
from workloads.workload import Workload

__all__ = ["WORKLOADS", "Workload", "make", "prepare"]

BATCHES = 4  # drawn for each workload, and used in turn
WORKLOADS = {**dense.MAKERS, **images.MAKERS, **sequences.MAKERS}
TRAINING = [
    "mlp-tiny", "mlp", "convnet", "resnet", "resnet18", "vae", "gpt", "gpt-1024", "lstm", "transformer", "text",
]  # fmt: skip
INFERENCE = ["convnet-1", "convnet-32", "resnet18-1", "resnet18-32", "gpt-1", "gpt-32"]


def make(name: str, **sizes: Any) -> Workload:
    """The workload of that name, with its usual sizes but for those given."""
    return WORKLOADS[name](**sizes)


def prepare(workload: Workload, framework: Any, path: Path) -> None:
    """Draw weights and batches and write them to ``path`` (.npz).

    Their names are ``weight/NAME``, ``buffer/NAME`` (running statistics as they are at first) and ``batch/K/I``.

    Args:
        workload: what they are for. framework: whose model tells the weights' names and shapes.
    """
    rng = np.random.default_rng(0)
    model = workload.model(framework)
    drawn = {f"weight/{name}": draw_weight(rng, name, tuple(each.shape)) for name, each in model.named_parameters()}
    drawn |= {f"buffer/{name}": each.numpy() for name, each in model.named_buffers() if each.ndim}
    for k in range(BATCHES):
        drawn |= {f"batch/{k}/{i}": each for i, each in enumerate(workload.batch(rng))}
    np.savez(path, **drawn)


def draw_weight(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Matrices and filters uniform in ±1/√fan-in, normalisation's factors near 1, biases near 0; float32."""
    bound = float(np.prod(shape[1:])) ** -0.5 if len(shape) > 1 else 0.1
    drawn = rng.uniform(-bound, bound, shape).astype(np.float32)
    return drawn + np.float32(1) if len(shape) == 1 and name.endswith("weight") else drawn
