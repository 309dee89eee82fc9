"""What the benchmarks share: each side in its own process, in turn, with the same threads; medians.

A side's process (see ``sides.__main__``) builds what is timed, tells the results of its first steps, and then runs a
timed round whenever it is asked. So the sides take turns at the same machine, and nothing is timed before their results
have been compared.

Before each round there is a pause: the threads of OpenBLAS, NumPy's library of matrix products, spin for 106 ms after
their last product (measured), PyTorch's for 8 ms, and would take a core from the next side.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sides import SIDES, environment

ROUND = 0.25  # seconds that a round lasts at least
PAUSE = 0.12  # seconds before anything is timed: see above

IMPORT = """
import time
started = time.perf_counter()
import {module}
seconds = time.perf_counter() - started
with open("/proc/self/statm") as file:
    print(seconds, int(file.read().split()[1]))
"""


class DisagreementError(RuntimeError):
    """Two sides do not compute the same."""


class Worker:
    """One side's process."""

    def __init__(self, side: str, threads: int) -> None:
        self.side = side
        command = [sys.executable, "-m", "sides", side]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(side, threads)
        )

    def ask(self, **command: Any) -> Any:
        """The answer to a command.

        Raises:
            RuntimeError: the process has ended.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, as the reading below tells
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {self.side} side ended with status {self._process.wait()}")
        return json.loads(line)

    def open(self, module: str, function: str, *arguments: Any) -> None:
        """Build what is timed; ``numbers``, ``first`` and ``step`` hold what the first steps gave and took."""
        time.sleep(PAUSE)
        answer = self.ask(open=[module, function, arguments])
        self.numbers, self.first, self.step = answer["numbers"], answer["first"], answer["step"]

    def round(self, at_least: float = ROUND) -> float:
        """Time as many steps as last so long; seconds of one."""
        time.sleep(PAUSE)
        return self.ask(steps=max(1, math.ceil(at_least / self.step)))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def check_agreement(workers: Sequence[Worker], tolerance: float) -> None:
    """Compare the results of every side's first steps with the last side's.

    Raises:
        DisagreementError: some differ by more than ``tolerance`` times the step's largest number.
    """
    peer = workers[-1]
    for worker in workers[:-1]:
        for step, (mine, others) in enumerate(zip(worker.numbers, peer.numbers, strict=True)):
            off, largest = np.abs(np.subtract(mine, others)).max(), np.abs(others).max()
            if not off <= tolerance * largest:
                raise DisagreementError(
                    f"step {step} of {worker.side} and {peer.side} differ by {off:.1e}: {mine}, {others}"
                )


def take_turns(workers: Sequence[Worker], rounds: int, at_least: float = ROUND) -> dict[str, list[float]]:
    """Seconds of a step in every round of every side; each round begins with another side."""
    times: dict[str, list[float]] = {worker.side: [] for worker in workers}
    for index in range(rounds):
        first = index % len(workers)
        for worker in [*workers[first:], *workers[:first]]:
            times[worker.side].append(worker.round(at_least))
    return times


def ratio(mine: Sequence[float], others: Sequence[float]) -> float:
    """The median over rounds of one side's time over another's in the same round, which a drifting machine spares."""
    return statistics.median(a / b for a, b in zip(mine, others, strict=True))


def geometric_mean(ratios: Iterable[float]) -> float:
    """exp(mean of the logarithms)."""
    return statistics.geometric_mean(ratios)


def import_cost(side: str, threads: int, runs: int = 3) -> dict[str, float]:
    """Seconds (the least of so many interpreters) and resident bytes of importing a side's framework alone."""
    command = [sys.executable, "-c", IMPORT.format(module=SIDES[side].module)]
    found = []
    for _ in range(runs):
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment(side, threads))
        seconds, pages = done.stdout.split()
        found.append((float(seconds), int(pages) * 4096))
    seconds, memory = min(found)
    return {"seconds": seconds, "memory": memory}
