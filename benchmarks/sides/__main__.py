"""A side's process: reads commands as lines of JSON, answers each with a line of JSON.

``{"open": [module of sides, function, arguments]}`` builds what is timed, runs its first steps, and answers with their
numbers, the seconds of the very first step and of a warm one. ``{"steps": n}`` times n steps and answers with the
seconds of one. ``{"memory": 1}`` answers with the largest resident memory that the process has had, in bytes.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from typing import Any

from sides import Running

FIRST = 5  # steps whose numbers are compared
TOLD = 64  # numbers of each step's result that are compared, at most


def seconds(running: Running, steps: int) -> float:
    """How long a step takes, on average over so many after one that is not timed."""
    running.step()
    running.wait()
    started = time.perf_counter()
    for _ in range(steps):
        running.step()
    running.wait()
    return (time.perf_counter() - started) / steps


def first_steps(running: Running) -> dict[str, Any]:
    """Run the first steps, then warm up."""
    told = []
    started, first = time.perf_counter(), 0.0
    for _ in range(FIRST):
        result = running.step()
        running.wait()
        first = first or time.perf_counter() - started
        numbers = running.numbers(result).reshape(-1)
        told.append(numbers[:: -(-numbers.size // TOLD)].tolist())
    return {"numbers": told, "first": first, "step": min(seconds(running, 1) for _ in range(3))}


def peak_memory() -> int:
    """The largest resident memory that this process has had, in bytes; 0 where the system does not tell.

    (``ru_maxrss`` is no substitute: it begins with what the parent had.)
    """
    if not os.path.exists("/proc/self/status"):
        return 0
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def main(name: str) -> None:
    """Answer commands until the input ends."""
    threads = int(os.environ["OMP_NUM_THREADS"])
    if hasattr(os, "sched_setaffinity"):  # the only limit that some libraries know
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    running: Any = None
    answer: Any
    for line in sys.stdin:
        command = json.loads(line)
        if "open" in command:
            running = None
            gc.collect()
            module, function, arguments = command["open"]
            running = getattr(importlib.import_module(f"sides.{module}"), function)(name, *arguments)
            answer = first_steps(running)
        elif "steps" in command:
            answer = seconds(running, command["steps"])
        else:
            answer = peak_memory()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
