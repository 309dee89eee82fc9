"""What the engine itself costs: a training step of an MLP so small that the arithmetic hardly counts.

4 linear layers of width 8 with ReLU between, batch 4, mean squared error, SGD, all through ``nn.Module``: zero_grad,
forward, loss, backward, step. PyTorch runs at its defaults, on the same one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import compare, serve


def build(framework: Any) -> Callable[[], float]:
    """The training step, written once for both: the names are the same."""
    nn = framework.nn
    random = np.random.default_rng(0)
    layers: list[Any] = []
    for index in range(4):
        layers.append(nn.Linear(8, 8))
        if index < 3:
            layers.append(nn.ReLU())
    model = nn.Sequential(*layers)
    with framework.no_grad():
        for parameter in model.parameters():
            values = random.uniform(-0.35, 0.35, tuple(parameter.shape)).astype(np.float32)
            parameter.copy_(framework.from_numpy(values))
    x = framework.from_numpy(random.standard_normal((4, 8)).astype(np.float32))
    y = framework.from_numpy(random.standard_normal((4, 8)).astype(np.float32))
    optimizer = framework.optim.SGD(model.parameters(), lr=0.01)
    criterion = nn.MSELoss()

    def step() -> float:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss  # type: ignore[no-any-return]

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=("lepton", "torch"), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=15, help="how often each side is timed (default: 15)")
    parser.add_argument("--smoke", action="store_true", help="a few steps, to see that it works")
    options = parser.parse_args()
    if options.side:
        framework = __import__(options.side)
        serve(build(framework), 20 if options.smoke else 2000)
        return
    arguments = ["--smoke"] if options.smoke else []
    compare(__file__, ("lepton", "torch"), arguments, threads=1, rounds=2 if options.smoke else options.rounds)


if __name__ == "__main__":
    main()
