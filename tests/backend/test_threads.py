"""How many threads there are: what was asked for, within what there is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import lepton
from lepton.backend import threads
from lepton.errors import ArgumentError, ArgumentTypeError

SAY = "import lepton; print(lepton.get_num_threads())"
CORES = threads.cores()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, CORES),
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "1,2"}, 1),
        ({"OMP_NUM_THREADS": "1", "LEPTON_NUM_THREADS": "64"}, CORES),
        ({"OMP_NUM_THREADS": "many"}, CORES),
        ({"OMP_NUM_THREADS": "0"}, CORES),
        ({"MPI_LOCALNRANKS": "2"}, max(1, CORES // 2)),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "1000"}, 1),
    ],
)
def test_the_environment_says_how_many(
    settings: dict[str, str], expected: int, clean_environment: dict[str, str]
) -> None:
    clean = {name: value for name, value in clean_environment.items() if name not in threads.ASKED + threads.RANKS_HERE}
    made = subprocess.run([sys.executable, "-c", SAY], env=clean | settings, capture_output=True, text=True, check=True)
    assert int(made.stdout) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not bind processes to cores")
def test_a_process_bound_to_one_core_has_one(clean_environment: dict[str, str]) -> None:
    bind = f"import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); {SAY}"
    clean = {name: value for name, value in clean_environment.items() if name not in threads.ASKED}
    made = subprocess.run([sys.executable, "-c", bind], env=clean, capture_output=True, text=True, check=True)
    assert int(made.stdout) == 1


def test_a_number_can_be_set_and_is_bounded_by_the_cores() -> None:
    before = lepton.get_num_threads()
    try:
        lepton.set_num_threads(1)
        assert lepton.get_num_threads() == 1
        lepton.set_num_threads(10_000)
        assert lepton.get_num_threads() == CORES
    finally:
        lepton.set_num_threads(before)


@pytest.mark.parametrize(("number", "error"), [(0, ArgumentError), (-1, ArgumentError), (1.0, ArgumentTypeError)])
def test_other_numbers_are_refused(number: float, error: type[Exception]) -> None:
    with pytest.raises(error, match="set_num_threads"):
        lepton.set_num_threads(number)
