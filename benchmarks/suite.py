"""Lepton beside PyTorch and others: training steps and inference of whole networks.

A training step is zero_grad, forward, loss, backward and the optimizer's step; inference is a forward pass without
gradients. Each side runs in a process of its own with the same threads, weights, batches and number of first steps,
whose results have to agree before anything is timed; then the sides take turns. A side's time is the median of its
rounds, a ratio the median over rounds of its time over PyTorch's in the same round.

Sides: "lepton" with the kernels that it chooses itself, "lepton-reference" with NumPy's alone, "torch" as its manual
has it (eager), "torch-compile" with the loss and the optimizer's step compiled. Those that are not installed are
named and skipped.

Memory is the largest resident memory of the process (VmHWM), import and compilers included; the table also has how much
that is beyond the import of the framework alone. The first step is timed with whatever the compilers have cached.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import harness
from sides import SIDES, installed
from workloads import INFERENCE, TRAINING, make, prepare

PEER = "torch"  # what the others are divided by
BEST = ("torch", "torch-compile", "jax")  # among which the best is sought
TOLERANCE = 1e-3  # of the first steps' results, relative to the largest


def measure(name: str, sides: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """One workload on all sides: times, first steps and memory, by side."""
    import lepton  # draws the weights; nothing is timed in this process

    sides = [side for side in sides if not SIDES[side].runs or name in SIDES[side].runs]
    sides.sort(key=PEER.__eq__)  # the last is the one that the others' results are compared with
    workload = make(name)
    workers: list[harness.Worker] = []
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.npz"
        prepare(workload, lepton, path)
        try:
            for side in sides:
                worker = harness.Worker(side, options.threads)
                try:
                    worker.open(SIDES[side].builder, "workload", name, {}, str(path))
                    workers.append(worker)
                except RuntimeError as error:
                    failed[side] = str(error)
                    worker.close()
            harness.check_agreement(workers, TOLERANCE)
            times = harness.take_turns(workers, options.rounds, options.seconds)
            memory = {worker.side: worker.ask(memory=1) for worker in workers}
        finally:
            for worker in workers:
                worker.close()
    return {
        "title": workload.title,
        "training": workload.training,
        "failed": failed,
        "sides": {
            each.side: {
                "seconds": statistics.median(times[each.side]),
                "rounds": times[each.side],
                "first": each.first,
                "memory": memory[each.side],
            }
            for each in workers
        },
    }


def ratios(row: dict[str, Any]) -> dict[str, float]:
    """Every side's ratio to PyTorch; none without PyTorch."""
    sides = row["sides"]
    if PEER not in sides:
        return {}
    return {side: harness.ratio(each["rounds"], sides[PEER]["rounds"]) for side, each in sides.items()}


def to_the_best(row: dict[str, Any]) -> float | None:
    """Lepton's ratio to the fastest of PyTorch, compiled PyTorch and JAX; None where it or all of them are missing."""
    there = {side: row["sides"][side] for side in BEST if side in row["sides"]}
    if not there or "lepton" not in row["sides"]:
        return None
    best = min(there.values(), key=lambda each: each["seconds"])
    return harness.ratio(row["sides"]["lepton"]["rounds"], best["rounds"])


# ---------------------------------------------------------------------- telling


def print_row(name: str, row: dict[str, Any], sides: Sequence[str]) -> None:
    """Times and ratios of a workload on one line."""
    compared = ratios(row)
    cells = []
    for side in sides:
        each = row["sides"].get(side)
        told = "–" if each is None else f"{each['seconds'] * 1e3:.4g} ms"
        cells.append(f"{told:>11}" + (f" {compared[side]:5.2f}×" if side in compared else " " * 7))
    best = to_the_best(row)
    print(f"{name:<12}" + "".join(cells) + ("" if best is None else f"{best:10.2f}×"), flush=True)
    for side, error in row["failed"].items():
        print(f"{'':<12}{error} ({side})")


def means(rows: dict[str, Any], sides: Sequence[str]) -> dict[str, dict[str, float]]:
    """Geometric means of the ratios, of training and of inference, by side and against the best."""
    found: dict[str, dict[str, float]] = {}
    for kind, training in (("training", True), ("inference", False)):
        chosen = [row for row in rows.values() if row["training"] == training]
        compared = [ratios(row) for row in chosen]
        mean = {side: [each[side] for each in compared if side in each] for side in sides}
        mean["best"] = [each for each in map(to_the_best, chosen) if each is not None]
        found[kind] = {side: harness.geometric_mean(each) for side, each in mean.items() if each}
    return found


def print_means(rows: dict[str, Any], sides: Sequence[str]) -> None:
    for kind, mean in means(rows, sides).items():
        if mean:
            cells = "".join(f"{mean[side]:17.2f}×" if side in mean else f"{'–':>18}" for side in sides)
            print(f"{kind:<12}{cells}" + (f"{mean['best']:10.2f}×" if "best" in mean else ""))


def print_costs(rows: dict[str, Any], imports: dict[str, Any], sides: Sequence[str]) -> None:
    """Memory, first steps and imports."""
    print("\npeak memory of the process in MB, and beyond the import of the framework; seconds of the first step")
    print(f"{'':<12}" + "".join(f"{side:>23}" for side in sides))
    for name, row in rows.items():
        cells = []
        for side in sides:
            each = row["sides"].get(side)
            if each is None:
                cells.append(f"{'–':>23}")
            else:
                beyond = each["memory"] - imports[side]["memory"]
                cells.append(f"{each['memory'] / 1e6:8.0f} {beyond / 1e6:6.0f} {each['first']:6.2f}s")
        print(f"{name:<12}" + "".join(cells))
    cells = [f"{imports[side]['memory'] / 1e6:8.0f} {'':>6} {imports[side]['seconds']:6.2f}s" for side in sides]
    print(f"{'import':<12}" + "".join(cells))


def about(threads: int, rounds: int) -> dict[str, Any]:
    """What was measured on what."""
    packages = ("numpy", "numba", "scipy", *dict.fromkeys(each.module for each in SIDES.values()))
    return {
        "threads": threads,
        "rounds": rounds,
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {
            each: importlib.metadata.version(each) for each in packages if importlib.util.find_spec(each) is not None
        },
    }


def draw(rows: dict[str, Any], sides: Sequence[str], path: str) -> None:
    """Write a chart of every side's ratio to PyTorch."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    others = [side for side in sides if side != PEER]
    figure, axes = pyplot.subplots(figsize=(9, 1.5 + 0.14 * len(rows) * (len(others) + 1)))
    height = 0.8 / max(len(others), 1)
    for index, side in enumerate(others):
        places = [place + index * height for place, row in enumerate(rows.values()) if side in ratios(row)]
        axes.barh(places, [ratios(row)[side] for row in rows.values() if side in ratios(row)], height, label=side)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks([place + 0.4 - height / 2 for place in range(len(rows))], list(rows))
    axes.invert_yaxis()
    axes.set_xlabel("time of a step over PyTorch's (eager); left of 1 is faster")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def parser(
    told: str | None, only: Sequence[str] = (), sides: Sequence[str] = (), threads: int = 2
) -> argparse.ArgumentParser:
    """The options, with other defaults for the scripts that run a part of the suite."""
    names = [*TRAINING, *INFERENCE]
    made = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--only", nargs="+", metavar="NAME", choices=names, default=only or names, help=", ".join(names))
    made.add_argument(
        "--sides", nargs="+", metavar="SIDE", choices=SIDES, default=sides or list(SIDES), help=", ".join(SIDES)
    )
    made.add_argument("--rounds", type=int, default=11, help="how often each side is timed (default: 11)")
    made.add_argument("--seconds", type=float, default=harness.ROUND, help="that a round lasts (default: 0.25)")
    made.add_argument("--threads", type=int, default=threads, help=f"of each side (default: {threads})")
    made.add_argument("--json", metavar="FILE", help="write everything that was measured")
    made.add_argument("--chart", metavar="FILE", help="draw the ratios (.png, .svg, …)")
    made.add_argument("--smoke", action="store_true", help="a few steps of a small workload, to see that it works")
    return made


def run(options: argparse.Namespace) -> None:
    """Measure what the options say, and tell it."""
    if options.smoke:
        options.only, options.sides, options.rounds, options.seconds = options.only[:1], ["lepton", "torch"], 2, 0.01
    sides = installed(options.sides)
    imports = {side: harness.import_cost(side, options.threads, 1 if options.smoke else 3) for side in sides}
    print(f"{'':<12}" + "".join(f"{side:>18}" for side in sides) + "   to the best")
    rows: dict[str, Any] = {}
    for name in options.only:
        rows[name] = measure(name, sides, options)
        print_row(name, rows[name], sides)
    print(f"\ngeometric means of the ratios, {options.rounds} rounds, {options.threads} thread(s) each")
    print_means(rows, sides)
    print_costs(rows, imports, sides)
    if options.json:
        found = {**about(options.threads, options.rounds), "imports": imports, "workloads": rows}
        Path(options.json).write_text(json.dumps(found | {"means": means(rows, sides)}, indent=1) + "\n")
    if options.chart:
        draw(rows, sides, options.chart)


if __name__ == "__main__":
    run(parser(__doc__).parse_args())
