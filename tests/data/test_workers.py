"""Worker threads: what they raise comes out, and none of them stays, however a pass ends.

That no thread stays is checked after each test by the fixture of ``tests/conftest.py``; here it is checked as soon as
the pass has ended.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lepton.data import DataLoader, Dataset, IterableDataset, get_worker_info
from lepton.errors import DataError
from tests.data.test_dataset import Numbers, Stream


def worker_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("DataLoader")]


class Calls(Dataset[int]):
    """Sample i is what ``function(i)`` gives."""

    def __init__(self, length: int, function: Callable[[int], int]) -> None:
        self.length, self.function = length, function

    def __getitem__(self, index: int) -> int:
        return self.function(index)

    def __len__(self) -> int:
        return self.length


def fails_at(number: int) -> Calls:
    def sample(index: int) -> int:
        if index == number:
            raise KeyError(f"sample {index} is lost")
        return index

    return Calls(20, sample)


# ---------------------------------------------------------------------- what they are


def test_workers_know_who_they_are() -> None:
    seen: list[Any] = []

    def sample(index: int) -> int:
        seen.append(get_worker_info())
        return index

    data = Calls(8, sample)
    list(DataLoader(data, 2, num_workers=2))
    assert {info.id for info in seen} <= {0, 1} and {info.num_workers for info in seen} == {2}
    assert all(info.dataset is data for info in seen)
    assert len({info.seed - info.id for info in seen}) == 1
    assert get_worker_info() is None
    seen.clear()
    list(DataLoader(data, 2))
    assert seen == [None] * 8


@pytest.mark.parametrize("data", [Numbers(6), Stream(1, 2, 3)], ids=["numbers", "stream"])
def test_each_worker_is_initialised_in_its_thread(data: Any) -> None:
    seen: list[Any] = []
    barrier = threading.Barrier(2, timeout=10)

    def begin(number: int) -> None:
        barrier.wait()
        seen.append((number, get_worker_info().id, threading.current_thread().name))  # type: ignore[union-attr]

    list(DataLoader(data, 1, num_workers=2, worker_init_fn=begin))
    assert sorted(seen) == [(0, 0, "DataLoader worker 0"), (1, 1, "DataLoader worker 1")]


def test_workers_run_side_by_side() -> None:
    together = threading.Barrier(3, timeout=10)

    def sample(index: int) -> int:
        together.wait()
        return index

    assert [batch.item() for batch in DataLoader(Calls(6, sample), 1, num_workers=3)] == list(range(6))


def test_batches_come_in_order_though_a_later_one_is_ready_first() -> None:
    second_is_ready = threading.Event()

    def sample(index: int) -> int:
        if index == 0:
            assert second_is_ready.wait(10)
        elif index == 1:
            second_is_ready.set()
        return index

    assert [batch.item() for batch in DataLoader(Calls(4, sample), 1, num_workers=2)] == [0, 1, 2, 3]


@pytest.mark.parametrize(("workers", "prefetch"), [(1, 1), (2, 1), (2, 3)])
def test_no_more_is_prepared_ahead_than_asked_for(workers: int, prefetch: int) -> None:
    begun: list[int] = []

    def sample(index: int) -> int:
        begun.append(index)
        return index

    pass_ = iter(DataLoader(Calls(50, sample), 1, num_workers=workers, prefetch_factor=prefetch))
    assert begun == []
    for taken in range(1, 4):
        next(pass_)
        expected = taken + workers * prefetch
        deadline = time.monotonic() + 10
        while len(begun) < expected and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02)
        assert sorted(begun) == list(range(expected))


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_errors_come_out_where_the_batch_is_asked_for(workers: int) -> None:
    pass_ = iter(DataLoader(fails_at(5), 2, num_workers=workers))
    assert [next(pass_).tolist(), next(pass_).tolist()] == [[0, 1], [2, 3]]
    with pytest.raises(KeyError, match="sample 5 is lost") as caught:
        next(pass_)
    told = "".join(traceback.format_exception(caught.value))
    assert 'raise KeyError(f"sample {index} is lost")' in told  # the traceback leads into the dataset
    if workers:
        assert f"of {workers} of a DataLoader" in told
    assert worker_threads() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_in_a_stream(workers: int) -> None:
    class Breaks(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            yield 1
            raise OSError("the line is dead")

    with pytest.raises(OSError, match="the line is dead"):
        list(DataLoader(Breaks(), 1, num_workers=workers))
    assert worker_threads() == []


@pytest.mark.parametrize("data", [Numbers(6), Stream(1, 2, 3)], ids=["numbers", "stream"])
def test_errors_in_worker_init_fn(data: Any) -> None:
    def begin(number: int) -> None:
        raise PermissionError(f"worker {number} may not")

    with pytest.raises(PermissionError, match="may not"):
        list(DataLoader(data, 1, num_workers=2, worker_init_fn=begin))
    assert worker_threads() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_in_collation_and_in_the_sampler(workers: int) -> None:
    def collate(batch: list[int]) -> int:
        return 1 // batch[0]

    def numbers() -> Iterator[int]:
        yield 1
        raise ValueError("no more numbers")

    with pytest.raises(ZeroDivisionError):
        list(DataLoader(Numbers(4), 2, collate_fn=collate, num_workers=workers))
    with pytest.raises(ValueError, match="no more numbers"):
        list(DataLoader(Numbers(4), 1, sampler=numbers(), num_workers=workers))
    assert worker_threads() == []


@pytest.mark.parametrize("workers", [0, 1])
def test_an_index_out_of_range_is_an_error_and_not_the_end(workers: int) -> None:
    with pytest.raises(IndexError):
        list(DataLoader(Numbers(3), 1, sampler=[0, 7], num_workers=workers))


@pytest.mark.parametrize("workers", [0, 1])
def test_stop_iteration_in_a_dataset_is_an_error_and_not_the_end(workers: int) -> None:
    def sample(index: int) -> int:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        list(DataLoader(Calls(3, sample), 1, num_workers=workers))


@pytest.mark.parametrize("streaming", [False, True])
def test_a_worker_that_takes_too_long(streaming: bool) -> None:
    release = threading.Event()

    def sample(index: int) -> int:
        release.wait(30)
        return index

    class Slow(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            yield sample(0)

    try:
        data: Any = Slow() if streaming else Calls(4, sample)
        with pytest.raises(DataError, match=r"timed out after 0\.\d seconds \(timeout=0.05\)"):
            list(DataLoader(data, 1, num_workers=2, timeout=0.05))
    finally:
        release.set()


def test_the_datasets_own_timeout_error_is_not_ours() -> None:
    def sample(index: int) -> int:
        raise TimeoutError("the server does not answer")

    with pytest.raises(TimeoutError, match="the server"):
        list(DataLoader(Calls(3, sample), 1, num_workers=1, timeout=20))


# ---------------------------------------------------------------------- ends


@pytest.mark.parametrize("data", [Numbers(50), Stream(*range(50))], ids=["numbers", "stream"])
def test_leaving_the_loop_ends_the_workers(data: Any) -> None:
    for _ in DataLoader(data, 1, num_workers=3):
        assert len(worker_threads()) == 3
        break
    assert worker_threads() == []


@pytest.mark.parametrize("data", [Numbers(50), Stream(*range(50))], ids=["numbers", "stream"])
def test_an_error_in_the_loop_ends_the_workers(data: Any) -> None:
    def train() -> None:
        for _ in DataLoader(data, 1, num_workers=3):
            raise ArithmeticError("the loss is nan")

    with pytest.raises(ArithmeticError):
        train()
    assert worker_threads() == []


def test_a_pass_that_is_never_begun_starts_no_thread() -> None:
    pass_ = iter(DataLoader(Numbers(5), 1, num_workers=2))
    assert worker_threads() == []
    del pass_


def test_an_abandoned_pass_is_collected_with_its_workers() -> None:
    pass_ = iter(DataLoader(Numbers(50), 1, num_workers=2))
    next(pass_)
    assert len(worker_threads()) == 2
    del pass_
    assert worker_threads() == []


def test_batches_that_nobody_takes_are_not_prepared_to_the_end() -> None:
    begun: list[int] = []

    def sample(index: int) -> int:
        begun.append(index)
        time.sleep(0.005)
        return index

    for _ in DataLoader(Calls(1000, sample), 1, num_workers=1, prefetch_factor=100):
        break
    assert len(begun) < 50


def test_a_finished_pass_keeps_no_batch_alive() -> None:
    import gc
    import weakref

    class Sample:
        pass

    held: list[weakref.ref[Any]] = []

    def sample(index: int) -> Any:
        made = Sample()
        held.append(weakref.ref(made))
        return made

    gc.disable()
    try:
        for batch in DataLoader(Calls(5, sample), 1, num_workers=2, collate_fn=list):
            del batch
        assert [each() for each in held] == [None] * 5
    finally:
        gc.enable()


INTERRUPTED = """
import sys, threading, time
from lepton.data import DataLoader

class Data:
    def __len__(self):
        return 10**6
    def __getitem__(self, index):
        time.sleep(0.01)
        return index

try:
    for number, batch in enumerate(DataLoader(Data(), 2, num_workers=3)):
        if number == 2:
            print("running", flush=True)
except KeyboardInterrupt:
    print("left:", [each.name for each in threading.enumerate() if each is not threading.main_thread()], flush=True)
    sys.exit(7)
"""


def test_ctrl_c_leaves_no_thread(clean_environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        env=clean_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        assert program.stdout is not None
        assert program.stdout.readline() == "running\n"
        program.send_signal(signal.SIGINT)
        told, complaints = program.communicate(timeout=60)
    assert (told, complaints, program.returncode) == ("left: []\n", "", 7)


STUCK = """
import threading
from lepton.data import DataLoader

class Data:
    def __len__(self):
        return 10
    def __getitem__(self, index):
        threading.Event().wait()

list(DataLoader(Data(), 2, num_workers=3, timeout=0.1))
"""


def test_a_stuck_worker_does_not_keep_the_program_from_ending(clean_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK],
        env=clean_environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr.strip().splitlines()[-1].startswith("lepton.errors.DataError: DataLoad")
