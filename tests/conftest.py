"""What holds for all tests: how many cases Hypothesis draws, and that a test leaves the process as it found it."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from lepton.autograd import state
from lepton.backend import dtypes, threads

ORACLE = Path(__file__).parent / "oracle"
DRAWN = 20
PATIENCE = 2.0  # seconds that threads which were told to end may take to do so

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background of a shell: tests of Ctrl-C need it
    signal.signal(signal.SIGINT, signal.default_int_handler)

common: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", max_examples=DRAWN, derandomize=True, database=None, print_blob=True, **common)
settings.register_profile("full", max_examples=10 * DRAWN, derandomize=True, database=None, print_blob=True, **common)
settings.register_profile("dev", max_examples=5 * DRAWN, **common)
settings.load_profile("ci")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the comparison with PyTorch alone, which needs PyTorch, unless it is asked for by its path."""
    if collection_path != ORACLE:
        return None
    asked = (Path(str(each).partition("::")[0]).resolve() for each in config.args)
    return None if any(ORACLE in (path, *path.parents) for path in asked) else True


def global_state() -> dict[str, Any]:
    """The switches that tests share, by name."""
    return {
        "grad mode": state.is_grad_enabled(),
        "inference mode": state.is_inference_mode_enabled(),
        "anomaly mode": (state.is_anomaly_enabled(), state.is_anomaly_check_nan_enabled()),
        "autocast": state.STATE.autocast,
        "hooks on saved tensors": state.STATE.saved_hooks,
        "default dtype": dtypes.get_default_dtype(),
        "NumPy's error state": np.geterr(),
        "threads": threads.get_num_threads(),
    }


def reset_global_state() -> None:
    """Back to what a new process has, so that one leak fails one test."""
    for name in vars(state.STATE).copy():
        delattr(state.STATE, name)
    dtypes.set_default_dtype(dtypes.float32)
    threads.set_num_threads(threads.default_num_threads())
    np.seterr(divide="warn", over="warn", under="ignore", invalid="warn")


_first_states: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _same_numbers_in_any_order_of_tests(request: pytest.FixtureRequest) -> None:
    """A module's ``RNG`` begins anew with each test, whichever ran before it in this process."""
    generator = getattr(request.module, "RNG", None)
    if isinstance(generator, np.random.Generator):
        first = _first_states.setdefault(request.module.__name__, generator.bit_generator.state)
        generator.bit_generator.state = first


def children() -> set[int]:
    """The processes that this one has started and not yet reaped; Linux alone tells."""
    found: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        found.update(int(pid) for pid in read_if_there(listing).split())
    # The tracker of shared memory is Python's own, and stays until the end.
    return {pid for pid in found if b"resource_tracker" not in read_if_there(Path(f"/proc/{pid}/cmdline"))}


def read_if_there(path: Path) -> bytes:
    """A file's bytes; none where the thread or process that it describes has ended meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def leftover(threads: set[threading.Thread], processes: set[int]) -> list[str]:
    """What runs now and did not before, after the time it has to end."""
    late = [thread for thread in threading.enumerate() if thread not in threads]
    if late or children() - processes:
        gc.collect()  # an abandoned iterator ends its workers when it is collected
    for thread in late:
        thread.join(PATIENCE / len(late))
    names = [f"thread {thread.name!r}" for thread in late if thread.is_alive()]
    return names + [f"process {pid}" for pid in sorted(children() - processes)]


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    """Fail a test that leaves a switch turned, a thread running or a child process unreaped."""
    before, threads, processes = global_state(), set(threading.enumerate()), children()
    yield
    after = global_state()
    changed = [f"{name} was {before[name]}, is {after[name]}" for name in before if after[name] != before[name]]
    if changed:
        reset_global_state()
    running = leftover(threads, processes)
    if changed or running:
        pytest.fail("the test leaves behind: " + "; ".join(changed + running), pytrace=False)


@pytest.fixture(scope="session")
def clean_environment() -> dict[str, str]:
    """The environment for programs that a test starts: what an outer make or pytest has set is taken out."""
    ours = ("MAKE", "MFLAGS", "MALLOC_", "PYTEST_", "COV_", "PYTHONPATH", "PYTHONWARNINGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
