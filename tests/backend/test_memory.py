"""Freed memory stays with the process, within bounds, unless the user has said otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lepton.backend import memory

FAULTS = """
import resource, sys
import numpy as np
import lepton

def step():
    arrays = [np.ones(1_000_000, np.float32) for _ in range(4)]
    del arrays

for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


@pytest.fixture
def gnu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips where the C library is not GNU's; what the environment tells it is forgotten."""
    for name in [each for each in os.environ if each.startswith("MALLOC_") or each == "GLIBC_TUNABLES"]:
        monkeypatch.delenv(name)
    if not memory.keep_freed():
        pytest.skip("the C library is not GNU's")


@pytest.mark.usefixtures("gnu")
def test_freed_memory_is_used_again(clean_environment: dict[str, str]) -> None:

    def faults(environment: dict[str, str]) -> float:
        found = subprocess.run(
            [sys.executable, "-c", FAULTS], env=environment, check=True, capture_output=True, text=True
        )
        return float(found.stdout)

    pages = 4 * 4_000_000 / 4096
    assert faults(clean_environment) < pages / 50
    assert faults(clean_environment | {"MALLOC_TRIM_THRESHOLD_": "131072"}) > pages / 2


@pytest.mark.parametrize("name", ["GLIBC_TUNABLES", "MALLOC_ARENA_MAX"])
def test_the_environment_takes_precedence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    assert not memory.keep_freed()


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not memory.keep_freed()


RELEASED = """
import numpy as np
from lepton.backend import memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

assert memory.keep_freed()
arrays = [np.ones(1 << 20) for _ in range(8)]
del arrays
before = resident()
assert memory.release_freed()
print(before - resident())
"""


@pytest.mark.usefixtures("gnu")
def test_freed_memory_is_given_back_when_that_is_asked_for(clean_environment: dict[str, str]) -> None:
    made = subprocess.run(
        [sys.executable, "-c", RELEASED], env=clean_environment, check=True, capture_output=True, text=True
    )
    assert int(made.stdout) > 7 << 23
