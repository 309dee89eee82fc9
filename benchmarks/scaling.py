"""How the time of a training step grows as batch, width or depth doubles, Lepton beside PyTorch.

Of the suite's MLP, ConvNet and GPT one size at a time is changed, the others stay as they are there. For each doubling
the growth is the time over that of the size before; the table has both sides' growth and, at the end of a line, the
average over all doublings, (last/first)^(1/doublings). Each side runs in a process of its own, with the same threads,
weights and batches; the losses have to agree before anything is timed; then the sides take turns.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import harness
from sides import installed
from workloads import make, prepare

SIDES = ("lepton", "lepton-reference", "torch")
TOLERANCE = 1e-3
SIZES = {
    "mlp": {"batch": (32, 64, 128, 256, 512), "width": (128, 256, 512, 1024), "depth": (1, 2, 4, 8)},
    "convnet": {"batch": (8, 16, 32, 64), "width": (16, 32, 64, 128), "depth": (1, 2, 4)},
    "gpt": {"batch": (1, 2, 4, 8, 16), "width": (96, 192, 384), "depth": (2, 4, 8)},
}

Times = dict[str, list[float]]  # seconds of a step at each size, by side


def measure(
    name: str, what: str, sizes: Sequence[int], workers: Sequence[harness.Worker], options: argparse.Namespace
) -> Times:
    """The medians of all sides at all sizes."""
    import lepton  # draws the weights; nothing is timed in this process

    found: Times = {worker.side: [] for worker in workers}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "drawn.npz"
            prepare(make(name, **{what: size}), lepton, path)
            for worker in workers:
                worker.open("eager", "workload", name, {what: size}, str(path))
        harness.check_agreement(workers, TOLERANCE)
        for side, times in harness.take_turns(workers, options.rounds, options.seconds).items():
            found[side].append(statistics.median(times))
    return found


def tell(name: str, what: str, sizes: Sequence[int], found: Times) -> None:
    """Print a line for each side: its times, and its growth on average."""
    print(f"{name}, {what} {' → '.join(map(str, sizes))}")
    for side, times in found.items():
        growth = (times[-1] / times[0]) ** (1 / (len(times) - 1))
        steps = "".join(f"{b / a:7.2f}×" for a, b in itertools.pairwise(times))
        cells = "".join(f"{each * 1e3:10.3f}" for each in times)
        print(f"  {side:<18}{cells} ms   doubling:{steps}   on average {growth:.2f}×", flush=True)


def draw(found: dict[str, dict[str, Times]], path: str) -> None:
    """A plot for each workload and size: time over size, both on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    columns = max(map(len, found.values()))
    figure, axes = pyplot.subplots(len(found), columns, figsize=(4 * columns, 3 * len(found)), squeeze=False)
    for row, (name, lines) in zip(axes, found.items(), strict=True):
        for place, (what, times) in zip(row, lines.items(), strict=False):
            for side, seconds in times.items():
                place.plot(SIZES[name][what][: len(seconds)], [each * 1e3 for each in seconds], marker="o", label=side)
            place.set_xscale("log", base=2)
            place.set_yscale("log", base=2)
            place.set_xlabel(what)
            place.set_title(name)
        row[0].set_ylabel("ms per training step")
    axes[0][0].legend()
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=SIZES, default=list(SIZES), help=", ".join(SIZES))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=["lepton", "torch"], help=", ".join(SIDES))
    parser.add_argument("--rounds", type=int, default=7, help="how often each side is timed (default: 7)")
    parser.add_argument("--seconds", type=float, default=0.1, help="that a round lasts (default: 0.1)")
    parser.add_argument("--threads", type=int, default=2, help="of each side (default: 2)")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    parser.add_argument("--chart", metavar="FILE", help="draw it (.png, .svg, …)")
    parser.add_argument("--smoke", action="store_true", help="two small sizes, to see that it works")
    options = parser.parse_args()
    if options.smoke:  # on NumPy alone, as compiling takes longer
        options.only, options.sides, options.rounds, options.seconds = ["mlp"], ["lepton-reference", "torch"], 1, 0.0
    sides = installed(sorted(options.sides, key="torch".__eq__))
    found: dict[str, dict[str, Times]] = {}
    workers: list[harness.Worker] = []
    try:
        for side in sides:
            workers.append(harness.Worker(side, options.threads))
        for name in options.only:
            found[name] = {}
            for what, sizes in list(SIZES[name].items())[: 1 if options.smoke else None]:
                chosen = sizes[: 2 if options.smoke else None]
                found[name][what] = measure(name, what, chosen, workers, options)
                tell(name, what, chosen, found[name][what])
    finally:
        for worker in workers:
            worker.close()
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")
    if options.chart:
        draw(found, options.chart)


if __name__ == "__main__":
    main()
