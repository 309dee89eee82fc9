"""Threads that run a loader's tasks in the order in which they are given."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, NamedTuple

from lepton.errors import DataError


class WorkerInfo(NamedTuple):
    """What :func:`get_worker_info` tells a worker about itself."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Here(threading.local):
    worker: WorkerInfo | None = None


_here = _Here()


def get_worker_info() -> WorkerInfo | None:
    """In a worker thread: its number, how many there are, its seed, its dataset. In the main thread None."""
    return _here.worker


class Workers:
    """A thread for each of ``infos``; they take tasks from one queue.

    Args:
        infos: what the threads are. init_fn: called with a worker's number in its thread before its first task.
        timeout: seconds to wait for a result; 0 waits for ever.

    The threads are daemons, so that one that is stuck in a dataset cannot keep the program from ending.
    """

    def __init__(
        self, infos: Sequence[WorkerInfo], init_fn: Callable[[int], None] | None = None, timeout: float = 0
    ) -> None:
        self._timeout = timeout
        self.stuck = False
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(
                target=_work, args=(self._tasks, info, init_fn), name=f"DataLoader worker {info.id}", daemon=True
            )
            for info in infos
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[], Any]) -> Future[Any]:
        """Queue a task; its result is for :meth:`result`."""
        future: Future[Any] = Future()
        self._tasks.put((future, task))
        return future

    def result(self, future: Future[Any]) -> Any:
        """Wait for a task's result, and return it or raise what the task raised.

        Raises:
            DataError: it did not come within the timeout.
        """
        started = time.monotonic()
        try:
            return future.result(self._timeout or None)
        except FutureTimeoutError:
            if future.done():
                raise
            self.stuck = True
            raise DataError(
                f"DataLoader timed out after {time.monotonic() - started:.1f} seconds (timeout={self._timeout}): a "
                "worker is stuck in the dataset's __getitem__ or in collate_fn, or needs longer; raise timeout, or "
                "find what it waits for with num_workers=0"
            ) from None
        finally:
            del future  # else a raised error's traceback and the future would keep each other alive

    def close(self, wait: bool = True) -> None:
        """Drop the tasks that have not begun and end the threads; ``wait`` for that unless one is ``stuck``."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            # The garbage collector may close an abandoned pass in one of its own workers, which can't await itself.
            if wait and not self.stuck and thread is not threading.current_thread():
                thread.join()


def _work(
    tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None],
    info: WorkerInfo,
    init_fn: Callable[[int], None] | None,
) -> None:
    _here.worker = info
    waiting = init_fn is not None
    while (entry := tasks.get()) is not None:
        future, task = entry
        try:
            if waiting and init_fn is not None:
                init_fn(info.id)
                waiting = False
            future.set_result(task())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            error.add_note(f"Raised in worker {info.id} of {info.num_workers} of a DataLoader.")
            future.set_exception(error)
        del entry, future, task  # while this thread waits for work it holds no batch
