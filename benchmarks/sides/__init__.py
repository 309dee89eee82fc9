"""The sides: who takes part in a comparison, what each needs, and how each is set up.

A side runs in a process of its own (``python -m sides NAME``, see ``__main__``); this module is what both ends of the
pipe read, so it imports none of the frameworks.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Side:
    """One participant.

    Attributes:
        module: the framework's package. builder: the module of ``sides`` that builds its workloads.
        environment: variables it runs with; None takes one away. runs: the workloads that it can run; empty for all.
        programs: compilers of which it needs one.
    """

    module: str
    builder: str
    environment: dict[str, str | None] = field(default_factory=dict)
    runs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether the framework (which is not imported) and the programs that it needs can be found."""
        there = importlib.util.find_spec(self.module) is not None
        return there and (not self.programs or any(map(shutil.which, self.programs)))


DENSE = ("mlp-tiny", "mlp", "lstm", "transformer", "text")  # what NumPy's operations alone express well
SIDES = {
    "lepton": Side("lepton", "eager", {"LEPTON_KERNELS": None}),
    "lepton-reference": Side("lepton", "eager", {"LEPTON_KERNELS": "reference"}),
    "torch": Side("torch", "eager"),
    "torch-compile": Side("torch", "eager", programs=("g++", "clang++")),
    "jax": Side("jax", "jax_jit"),
    "tinygrad": Side(
        "tinygrad",
        "tinygrad_jit",
        programs=("clang",),
        runs=("mlp-tiny", "mlp", "convnet", "convnet-1", "convnet-32"),  # it compiles a GPT for minutes
    ),
    "mygrad": Side("mygrad", "mygrad_tape", runs=(*DENSE, "convnet", "convnet-1", "convnet-32")),
    "autograd": Side("autograd", "autograd_tape", runs=(*DENSE, "convnet", "convnet-1", "convnet-32", "gpt")),
}


@dataclass(frozen=True)
class Running:
    """Something to be timed.

    Attributes:
        step: does it once. numbers: the result of a step as an array, by which sides are compared.
        wait: returns when all steps have been computed, for frameworks that return before.
    """

    step: Callable[[], Any]
    numbers: Callable[[Any], np.ndarray]
    wait: Callable[[], None] = lambda: None


def thread_environment(threads: int) -> dict[str, str]:
    """The environment in which every library that has a thread pool uses this many threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return os.environ | dict.fromkeys(names, str(threads))


def environment(name: str, threads: int) -> dict[str, str]:
    """The environment of a side's process: its own variables, and so many threads for every library."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH", "")]))
    settings = {**thread_environment(threads), "PYTHONPATH": path, **SIDES[name].environment}
    return {key: value for key, value in settings.items() if value is not None}


def installed(names: Sequence[str]) -> list[str]:
    """Those of the sides that can run here; the others are named on the standard output."""
    missing = [name for name in names if not SIDES[name].installed]
    if missing:
        print(f"not installed, skipped: {', '.join(missing)}")
    return [name for name in names if name not in missing]
