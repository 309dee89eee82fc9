"""A training step of the documented convolutional network, Lepton on NumPy alone against PyTorch.

conv 3→32 (3×3, padding 1) → ReLU → max-pool 2×2 → conv 32→64 → ReLU → max-pool 2×2 → flatten → linear 2304→128 → ReLU →
linear 128→10; cross-entropy; SGD with learning rate 0.001 and momentum 0.9; 24×24 images in batches of 32. Each step is
zero_grad, forward, loss, backward, step; both sides see the same weights and the same batches.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import compare, serve

BATCHES, BATCH = 8, 32


def build(framework: Any) -> Callable[[], Any]:
    """The training step, written once for both: the names are the same."""
    nn = framework.nn
    random = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 6 * 6, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    with framework.no_grad():
        for parameter in model.parameters():
            bound = (np.prod(parameter.shape[1:]) or 1) ** -0.5
            values = random.uniform(-bound, bound, tuple(parameter.shape)).astype(np.float32)
            parameter.copy_(framework.from_numpy(values))
    images = random.standard_normal((BATCHES, BATCH, 3, 24, 24)).astype(np.float32)
    labels = random.integers(0, 10, (BATCHES, BATCH))
    batches = itertools.cycle(
        [(framework.from_numpy(x), framework.from_numpy(y)) for x, y in zip(images, labels, strict=True)]
    )
    optimizer = framework.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    criterion = nn.CrossEntropyLoss()

    def step() -> Any:
        x, y = next(batches)
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=("lepton", "torch"), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=15, help="how often each side is timed (default: 15)")
    parser.add_argument("--threads", type=int, default=2, help="of each side (default: 2)")
    parser.add_argument("--smoke", action="store_true", help="a few steps, to see that it works")
    options = parser.parse_args()
    if options.side:
        framework = __import__(options.side)
        if options.side == "torch":
            framework.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        serve(build(framework), 2 if options.smoke else 40)
        return
    arguments = ["--smoke"] if options.smoke else []
    rounds = 2 if options.smoke else options.rounds
    compare(__file__, ("lepton", "torch"), arguments, threads=options.threads, rounds=rounds)


if __name__ == "__main__":
    main()
