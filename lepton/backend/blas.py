"""The other thread pool: that of the BLAS behind NumPy and SciPy, held at one thread while Lepton computes.

Two pools on the same cores ruin each other: each one's threads go on spinning for milliseconds after a job, and the
other's wait for whole slices of the scheduler (a large product of NumPy's and a ReLU of ours in turn were measured at
8.5 ms, where one alone takes 1.4 ms and the other 0.007). So once Lepton's own pool runs, it calls NumPy's BLAS with
one thread, and gives it back its threads at once: the user's own NumPy code runs as before.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lepton.backend.devices import Array, xp

_lock = threading.RLock()
_pool_runs = False


def one_pool() -> None:
    """Say that Lepton's own pool of threads runs: from now on the others are held."""
    global _pool_runs
    _pool_runs = True


@functools.cache
def _libraries() -> tuple[Any, ...]:
    from threadpoolctl import ThreadpoolController

    return tuple([each for each in ThreadpoolController().lib_controllers if each.user_api == "blas"])


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold every BLAS in the process at one thread in a ``with`` block, if Lepton's own pool runs."""
    if not _pool_runs:
        yield
        return
    with _lock:
        before = [(each, each.get_num_threads()) for each in _libraries()]
        try:
            for each, _ in before:
                each.set_num_threads(1)
            yield
        finally:
            for each, number in before:
                each.set_num_threads(number)


class _Held:
    """``numpy.linalg``, each function of it with the BLAS held."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(np.linalg, name)

        @functools.wraps(function)
        def held(*arguments: Any, **settings: Any) -> Any:
            with one_thread():
                return function(*arguments, **settings)

        setattr(self, name, held)
        return held


_HELD = _Held()


def lapack(array: Array) -> Any:
    """The ``linalg`` of an array's module."""
    return _HELD if type(array) is np.ndarray else xp(array).linalg
