"""Single ops: Lepton beside PyTorch, forward alone, forward and backward, and what the engine itself costs.

The shapes are those of the suite's workloads. Each side runs in a process of its own, with the same threads and inputs;
results and gradients have to agree before anything is timed; then the sides take turns. A ratio is the median over
rounds of a side's time over PyTorch's in the same round.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import harness
from sides import installed
from workloads.ops import CASES, CHAIN, OPTIMIZERS, PARAMETERS, SMALL

SIDES = ("lepton", "lepton-reference", "torch")
TOLERANCE = 1e-4


def measure(workers: Sequence[harness.Worker], options: argparse.Namespace, *opened: str) -> dict[str, list[float]]:
    """Every side's seconds in each round."""
    for worker in workers:
        worker.open("single", *opened)
    harness.check_agreement(workers, TOLERANCE)
    return harness.take_turns(workers, options.rounds, options.seconds)


def tell(what: str, times: dict[str, list[float]], each: int = 1) -> dict[str, dict[str, float]]:
    """Print a line: microseconds of every side, and its ratio to the last."""
    *_, peer = times
    found = {
        side: {"seconds": statistics.median(mine) / each, "ratio": harness.ratio(mine, times[peer])}
        for side, mine in times.items()
    }
    cells = "".join(f"{at['seconds'] * 1e6:11.1f} µs {at['ratio']:6.2f}×" for at in found.values())
    print(f"{what:<48}{cells}", flush=True)
    return found


def measure_all(workers: Sequence[harness.Worker], options: argparse.Namespace) -> dict[str, Any]:
    """All that is asked for, by name."""
    found: dict[str, Any] = {}

    def line(what: str, *opened: str, each: int = 1) -> None:
        if any(part in what for part in options.only):
            found[what] = tell(what, measure(workers, options, *opened), each)

    for name in CASES:
        line(f"{name}, forward", "forward", name)
        line(f"{name}, forward and backward", "backward", name)
    for name in OPTIMIZERS:
        for network in PARAMETERS:
            line(f"{name} on {network}'s parameters", "optimizer", name, network)
    for name in SMALL:
        line(f"overhead of {name}, forward and backward", "chain", name, each=CHAIN)
    return found


def print_means(found: dict[str, Any], sides: Sequence[str]) -> None:
    """Geometric means of the ratios of all ops, of optimizers and of overheads."""
    kinds: dict[str, list[Any]] = {}
    for what, row in found.items():
        kind = "overhead" if what.startswith("overhead") else "optimizers" if "parameters" in what else "ops"
        kinds.setdefault(kind, []).append(row)
    for kind, rows in kinds.items():
        means = (harness.geometric_mean(row[side]["ratio"] for row in rows) for side in sides)
        print(f"{'geometric mean: ' + kind:<48}" + "".join(f"{'':14}{mean:6.2f}×" for mean in means))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="PART", default=[""], help="of a line's name: conv2d, overhead, …")
    parser.add_argument("--sides", nargs="+", metavar="SIDE", choices=SIDES, default=SIDES, help=", ".join(SIDES))
    parser.add_argument("--rounds", type=int, default=7, help="how often each side is timed (default: 7)")
    parser.add_argument("--seconds", type=float, default=0.1, help="that a round lasts (default: 0.1)")
    parser.add_argument("--threads", type=int, default=2, help="of each side (default: 2)")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    parser.add_argument("--smoke", action="store_true", help="a few ops in short rounds, to see that it works")
    options = parser.parse_args()
    if options.smoke:  # on NumPy alone, as compiling takes longer
        options.only, options.sides = ["relu", "Adam on GPT"], ["lepton-reference", "torch"]
        options.rounds, options.seconds = 1, 0.0
    sides = installed(sorted(options.sides, key="torch".__eq__))
    workers: list[harness.Worker] = []
    try:
        for side in sides:
            workers.append(harness.Worker(side, options.threads))
        print(f"{'':<48}" + "".join(f"{side:>21}" for side in sides))
        found = measure_all(workers, options)
    finally:
        for worker in workers:
            worker.close()
    print_means(found, sides)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
