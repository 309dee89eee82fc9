"""How many threads the compiled kernels work with.

What has been asked for counts first (:func:`set_num_threads`, then ``LEPTON_NUM_THREADS``, then ``OMP_NUM_THREADS``),
then what there is: the cores that this process may run on, shared among the MPI ranks that are on the same host.
"""

from __future__ import annotations

import functools
import os

from lepton.errors import ArgumentError, ArgumentTypeError

ASKED = ("LEPTON_NUM_THREADS", "OMP_NUM_THREADS")
RANKS_HERE = ("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_LOCAL_SIZE", "SLURM_NTASKS_PER_NODE")

_chosen: int | None = None


def cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _from_environment(names: tuple[str, ...]) -> int | None:
    for name in names:
        text = os.environ.get(name, "").split(",")[0].strip()
        if text.isdecimal() and int(text) > 0:
            return int(text)
    return None


@functools.cache
def default_num_threads() -> int:
    """What the environment asks for, else this process's share of the cores, at least 1 and at most the cores."""
    there = cores()
    return min(there, _from_environment(ASKED) or max(1, there // (_from_environment(RANKS_HERE) or 1)))


def get_num_threads() -> int:
    """How many threads the compiled kernels use; results do not depend on it."""
    return default_num_threads() if _chosen is None else _chosen


def set_num_threads(threads: int) -> None:
    """Use this many threads, at most one for each core that this process may run on, from now on.

    Raises:
        ArgumentTypeError: it is no int.
        ArgumentError: it is not positive.
    """
    global _chosen
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise ArgumentTypeError(f"set_num_threads() expects an int, but got {type(threads).__name__}")
    if threads < 1:
        raise ArgumentError(f"set_num_threads() expects a positive integer, but got {threads}")
    _chosen = min(threads, cores())
