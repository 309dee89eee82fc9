"""Where the time of a step goes: Lepton's ops, one by one, beside the least that the machine allows.

For each kind of op: calls, milliseconds forward and backward, floating-point operations, bytes that it reads and writes
at least (each input and result once), and its floor, the larger of the two over the measured rates: of a product of two
2048×2048 matrices, and of copying 8 MiB. An op that runs in a cache can be faster than the second. What remains of the
step is the engine, modules and Python. The clock itself costs about a microsecond an op.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from sides import environment
from workloads import INFERENCE, TRAINING, make, prepare

SIDES = ("lepton", "lepton-reference")
WARM = 3  # steps that are not timed
SHOWN = 12  # ops; the others are summed up


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run the workload in this process; seconds, operations and bytes of a step."""
    from sides import clock, eager

    import lepton

    def seconds() -> float:
        """How long a step takes on average."""
        started = time.perf_counter()
        for _ in range(options.steps):
            running.step()
        return (time.perf_counter() - started) / options.steps

    workload = make(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.npz"
        prepare(workload, lepton, path)
        with clock.Clock() as timed:
            running = eager.workload(options.side, name, {}, str(path))
            for _ in range(WARM):
                running.step()
            timed.spent.clear()
            clocked = seconds()
            spent, timed.spent = timed.spent, defaultdict(clock.Spent)
    plain = seconds()
    rates = clock.flops_rate(), clock.bytes_rate(options.threads)
    ops = {what: vars(each) | {"floor": each.floor(*rates)} for what, each in spent.items()}
    return {
        "name": name,
        "title": workload.title,
        "step": plain,
        "clocked": clocked,
        "flops rate": rates[0],
        "bytes rate": rates[1],
        "ops": {what: {key: value / options.steps for key, value in each.items()} for what, each in ops.items()},
    }


def tell(found: dict[str, Any]) -> None:
    """Print a workload's table."""
    step, clocked = found["step"], found["clocked"]
    print(f"{found['title']}: {step * 1e3:.3f} ms a step, {clocked * 1e3:.3f} ms with this clock")
    print(f"  {'':<26}{'calls':>7}{'forward':>10}{'backward':>10} ms{'share':>7}{'GFLOP':>9}{'MB':>8}{'floor':>9} ms")
    rows = sorted(found["ops"].items(), key=lambda row: -(row[1]["forward"] + row[1]["backward"]))
    if len(rows) > SHOWN:
        others = [each for _, each in rows[SHOWN:]]
        rows[SHOWN:] = [(f"{len(others)} others", {key: sum(each[key] for each in others) for key in others[0]})]
    for what, each in rows:
        share = (each["forward"] + each["backward"]) / clocked
        print(
            f"  {what:<26}{each['calls']:7.0f}{each['forward'] * 1e3:10.3f}{each['backward'] * 1e3:10.3f}   "
            f"{share:7.0%}{each['flops'] / 1e9:9.3f}{each['bytes'] / 1e6:8.1f}{each['floor'] * 1e3:9.3f}"
        )
    total = {key: sum(each[key] for _, each in rows) for key in rows[0][1]}
    rest = clocked - total["forward"] - total["backward"]
    print(f"  {'engine, modules, Python':<26}{'':>7}{rest * 1e3:10.3f}{'':>13}{rest / clocked:7.0%}")
    for what, unit in (("flops", "GFLOP"), ("bytes", "GB")):
        rate = found[f"{what} rate"]
        least = total[what] / rate * 1e3
        print(f"  {total[what] / 1e9:.3f} {unit} at {rate / 1e9:.0f} {unit}/s: {least:.3f} ms")
    floor = total["floor"]
    print(f"  floor, the larger of the two op by op: {floor * 1e3:.3f} ms; a step takes {step / floor:.2f} × that\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*TRAINING, *INFERENCE]
    parser.add_argument("names", nargs="*", metavar="NAME", default=TRAINING, help=", ".join(names))
    parser.add_argument("--side", choices=SIDES, default=SIDES[0], help="with which kernels (default: lepton)")
    parser.add_argument("--steps", type=int, default=10, help="over which is averaged (default: 10)")
    parser.add_argument("--threads", type=int, default=2, help="(default: 2)")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    parser.add_argument("--smoke", action="store_true", help="a small workload, to see that it works")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"there is no workload {', '.join(sorted(unknown))}")
    if options.here:
        print(json.dumps(measure(options.names[0], options)))
        return
    found = []
    for name in ["mlp-tiny"] if options.smoke else options.names:
        command = [sys.executable, __file__, "--here", name, "--side", options.side, "--steps", str(options.steps)]
        command += ["--threads", str(options.threads)]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=environment(options.side, options.threads)
        )
        found.append(json.loads(done.stdout))
        tell(found[-1])
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
