"""What the benchmarks share: each side in its own process, in turn, the same threads, medians.

A benchmark script is its own worker. The parent starts ``script --side NAME …`` for every side; a worker builds its
model, prints the losses of its first steps, and then runs one timed round whenever it reads a line. So the sides take
turns at the same machine, and nothing is timed before their losses have been compared.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def thread_environment(threads: int) -> dict[str, str]:
    """The environment in which every library that has a thread pool uses this many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return os.environ | dict.fromkeys(names, str(threads))


def serve(step: Callable[[], float], steps_per_round: int, first_steps: int = 5) -> None:
    """The worker's side: print the losses of the first steps, then a round's seconds per step for every line read."""
    print(json.dumps([float(step()) for _ in range(first_steps)]), flush=True)
    for _ in range(2 * steps_per_round):
        step()
    for _ in sys.stdin:
        started = time.perf_counter()
        for _ in range(steps_per_round):
            step()
        print((time.perf_counter() - started) / steps_per_round, flush=True)


class Side:
    """One worker process."""

    def __init__(self, script: str, name: str, options: Sequence[str], environment: dict[str, str]) -> None:
        self.name = name
        command = [sys.executable, script, "--side", name, *options]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.losses = json.loads(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {self.name} side ended with status {self._process.wait()}")
        return line

    def round(self) -> float:
        """Run one round; seconds per step."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._read())

    def close(self) -> None:
        """End the worker."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def compare(
    script: str,
    sides: Sequence[str],
    options: Sequence[str] = (),
    *,
    threads: int,
    rounds: int,
    tolerance: float = 1e-4,
) -> dict[str, Any]:
    """Run the sides in turn and print their medians and each one's ratio to the last.

    Args:
        script: the benchmark itself. sides: names; the last is the peer that the others are divided by.
        options: further arguments for the workers. threads: for every library. rounds: how often each is timed.
        tolerance: how far the losses of the first steps may differ, relatively.

    Raises:
        RuntimeError: a worker failed, or the losses disagree.
    """
    workers: list[Side] = []
    try:
        for name in sides:
            workers.append(Side(script, name, options, thread_environment(threads)))
        peer = workers[-1]
        for worker in workers[:-1]:
            if not np.allclose(worker.losses, peer.losses, rtol=tolerance, atol=0):
                raise RuntimeError(f"losses disagree: {worker.name} {worker.losses}, {peer.name} {peer.losses}")
        times: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(rounds):
            for worker in workers:
                times[worker.name].append(worker.round())
    finally:
        for worker in workers:
            worker.close()
    return _report(times, threads)


def _report(times: dict[str, list[float]], threads: int) -> dict[str, Any]:
    medians = {name: statistics.median(each) for name, each in times.items()}
    peer = list(times)[-1]
    ratios = {
        name: statistics.median(a / b for a, b in zip(times[name], times[peer], strict=True)) for name in times
    }
    for name, seconds in medians.items():
        low, high = min(times[name]), max(times[name])
        print(
            f"{name:>10}  {seconds * 1e6:10.1f} µs a step  (from {low * 1e6:.1f} to {high * 1e6:.1f}), "
            f"{ratios[name]:.2f} × {peer}"
        )
    print(f"medians of {len(times[peer])} rounds in turn, {threads} thread(s) each")
    return {"seconds": medians, "ratios": ratios}
