"""``DataLoader``: batches from a dataset, in an order that a seed decides, prepared ahead by threads.

Workers are threads, not processes: they start at once, share memory, need no pickling, and are safe under MPI, where
a fork is not. Reading, decoding and NumPy's own work release the interpreter's lock, so they do run side by side.

Random numbers drawn while a batch is prepared come from a stream of that batch (seed of the pass, batch number), so
they do not depend on how many workers there are or which is quicker.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, NamedTuple

from lepton.backend import random
from lepton.data.collate import default_collate, default_convert
from lepton.data.dataset import Dataset, IterableDataset
from lepton.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from lepton.errors import ArgumentError, DataError

_END = object()


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


class DataLoader:
    """Iterates over a dataset in batches; each ``iter(loader)`` is one pass.

    Args:
        dataset: a :class:`Dataset` (by number) or :class:`IterableDataset` (a stream).
        batch_size: samples in a batch; None gives single samples, unbatched.
        shuffle: a new random order for every pass. sampler: another order. batch_sampler: the batches themselves.
        num_workers: threads that prepare batches ahead; 0 prepares each when it is asked for.
        collate_fn: makes a batch of a list of samples; :func:`default_collate` if None.
        pin_memory: accepted for PyTorch's sake; it matters on a GPU only.
        drop_last: leave out a last batch that is too short.
        timeout: seconds to wait for a worker's batch; 0 waits for ever.
        worker_init_fn: called with the worker's number in each worker thread when it starts.
        generator: where orders and seeds come from; the default generator if None.
        prefetch_factor: batches that each worker prepares ahead (2 if None).

    Raises:
        ArgumentError: options that exclude each other or are out of range.

    A pass can be left and gone on with later: ``loader.state_dict()`` says where the current pass is, and a pass begun
    after ``load_state_dict`` goes on with the next batch, the same bits as if never left.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        generator: random.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
    ) -> None:
        _check_options(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        _check_workers(num_workers, timeout, prefetch_factor)
        self.dataset = dataset
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.prefetch_factor = 2 if prefetch_factor is None else prefetch_factor
        self._streams = isinstance(dataset, IterableDataset)
        if sampler is None and not self._streams:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)  # type: ignore[arg-type]
        self.sampler = sampler
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        elif batch_size is not None and sampler is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        self.batch_size = batch_size
        self.drop_last = drop_last
        batched = batch_sampler is not None or batch_size is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self._resume: dict[str, Any] | None = None
        self._pass_state: bytes | None = None
        self._delivered = 0

    def __len__(self) -> int:
        if self._streams:
            samples = len(self.dataset)  # type: ignore[arg-type]
            if self.batch_size is None:
                return samples
            return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]

    # ------------------------------------------------------------------ where a pass is

    def state_dict(self) -> dict[str, Any]:
        """Where the current pass is: the generator's state at its beginning, and the batches that it has given."""
        return {"generator": None if self._pass_state is None else list(self._pass_state), "batches": self._delivered}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next ``iter(loader)`` go on where ``state_dict`` was taken, instead of beginning a pass.

        Raises:
            ArgumentError: it is not what :meth:`state_dict` gives; nothing is changed then.
        """
        state, batches = state_dict.get("generator"), state_dict.get("batches")
        if set(state_dict) != {"generator", "batches"} or not isinstance(batches, int) or batches < 0:
            raise ArgumentError(f"this is no state of a DataLoader: {state_dict!r}")
        if state is not None:
            random.Generator().set_state_bytes(bytes(state))
        self._resume = dict(state_dict)

    def _begin(self) -> tuple[random.Generator, int]:
        """Begin a pass, or go on with one: the generator to draw its order from, and how many batches to pass over."""
        source = random.current_generator() if self.generator is None else self.generator
        resumed, self._resume = self._resume, None
        if resumed is None or resumed["generator"] is None:
            self._pass_state, self._delivered = source.get_state_bytes(), 0
            return source, 0
        self._pass_state, self._delivered = bytes(resumed["generator"]), resumed["batches"]
        if self.generator is None:  # whoever restores the default generator restores it to where the pass was left
            source = random.Generator()
        source.set_state_bytes(self._pass_state)
        return source, self._delivered

    # ------------------------------------------------------------------ a pass

    def __iter__(self) -> Iterator[Any]:
        source, skipped = self._begin()
        with random.using(source):
            seed = int(random.integers((), 0, 2**62))
            if self._streams:
                return self._counted(self._stream_batches(seed), skipped)
            numbers: Iterable[Any] = self.sampler if self.batch_sampler is None else self.batch_sampler  # type: ignore[assignment]
            if hasattr(numbers, "__len__"):  # one without may be endless; its order is then drawn as it is asked for
                numbers = list(numbers)
        return self._counted(self._numbered_batches(itertools.islice(numbers, skipped, None), seed, skipped), 0)

    def _counted(self, batches: Iterator[Any], skipped: int) -> Iterator[Any]:
        try:
            for _ in range(skipped):
                next(batches, None)
            for batch in batches:
                self._delivered += 1
                yield batch
            self._pass_state, self._delivered = None, 0
        finally:
            batches.close()  # type: ignore[attr-defined]

    def _numbered_batches(self, numbers: Iterator[Any], seed: int, first: int) -> Iterator[Any]:
        tasks = ((lambda n=n, i=i: self._fetch(n, random.stream(seed, i))) for i, n in enumerate(numbers, first))
        if self.num_workers == 0:
            for task in tasks:
                yield task()
            return
        pool = self._pool(seed)
        try:
            yield from self._ahead(pool, tasks, self.num_workers * self.prefetch_factor)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _fetch(self, numbers: Any, stream: random.Generator) -> Any:
        with random.using(stream):
            if self.batch_sampler is None:
                return self.collate_fn(self.dataset[numbers])
            fetch_many = getattr(self.dataset, "__getitems__", None)
            samples = fetch_many(numbers) if fetch_many else [self.dataset[number] for number in numbers]
            return self.collate_fn(samples)

    def _pool(self, seed: int) -> ThreadPoolExecutor:
        waiting = list(range(self.num_workers))[::-1]

        def begin() -> None:
            number = waiting.pop()
            _here.worker = WorkerInfo(number, self.num_workers, seed + number, self.dataset)
            if self.worker_init_fn is not None:
                self.worker_init_fn(number)

        return ThreadPoolExecutor(self.num_workers, thread_name_prefix="DataLoader", initializer=begin)

    def _ahead(self, pool: ThreadPoolExecutor, tasks: Iterator[Callable[[], Any]], ahead: int) -> Iterator[Any]:
        """The tasks' results in order, with ``ahead`` of them under way."""
        under_way: deque[Future[Any]] = deque()
        for task in tasks:
            under_way.append(pool.submit(task))
            if len(under_way) > ahead:
                yield self._result(under_way.popleft())
        while under_way:
            yield self._result(under_way.popleft())

    def _result(self, future: Future[Any]) -> Any:
        started = time.monotonic()
        try:
            return future.result(self.timeout or None)
        except FutureTimeoutError:
            if future.done():
                raise
            raise DataError(
                f"DataLoader timed out after {time.monotonic() - started:.0f} seconds (timeout={self.timeout}); a "
                "worker is stuck in the dataset's __getitem__, or needs longer"
            ) from None

    # ------------------------------------------------------------------ streams

    def _stream_batches(self, seed: int) -> Iterator[Any]:
        if self.num_workers == 0:
            yield from self._batches_of(iter(self.dataset), seed, 0)  # type: ignore[call-overload]
            return
        lanes = [_Lane(self, number, seed) for number in range(self.num_workers)]
        try:
            yield from self._in_turn(lanes)
        finally:
            for lane in lanes:
                lane.pool.shutdown(wait=True, cancel_futures=True)

    def _in_turn(self, lanes: list[_Lane]) -> Iterator[Any]:
        open_lanes = deque(lanes)
        while open_lanes:
            lane = open_lanes.popleft()
            batch = self._result(lane.take())
            if batch is not _END:
                yield batch
                open_lanes.append(lane)

    def _batches_of(self, samples: Iterator[Any], seed: int, worker: int) -> Iterator[Any]:
        """Batches of a stream's samples; each batch draws from a random stream of its own."""
        number = 0
        while True:
            with random.using(random.stream(seed, worker, number)):
                batch = self._next_batch(samples)
            if batch is _END:
                return
            yield batch
            number += 1

    def _next_batch(self, samples: Iterator[Any]) -> Any:
        if self.batch_size is None:
            sample = next(samples, _END)
            return sample if sample is _END else self.collate_fn(sample)
        held = []
        for sample in samples:
            held.append(sample)
            if len(held) == self.batch_size:
                break
        if not held or (self.drop_last and len(held) < self.batch_size):
            return _END
        return self.collate_fn(held)


class _Lane:
    """One worker of a stream: a thread that runs its own iterator over the dataset, some batches ahead."""

    def __init__(self, loader: DataLoader, number: int, seed: int) -> None:
        self.loader = loader
        self.info = WorkerInfo(number, loader.num_workers, seed + number, loader.dataset)
        self.seed = seed
        self.pool = ThreadPoolExecutor(1, thread_name_prefix=f"DataLoader-{number}", initializer=self._begin)
        self.batches: Iterator[Any] | None = None
        self.under_way = deque(self.pool.submit(self._next) for _ in range(loader.prefetch_factor))

    def _begin(self) -> None:
        _here.worker = self.info
        if self.loader.worker_init_fn is not None:
            self.loader.worker_init_fn(self.info.id)

    def _next(self) -> Any:
        if self.batches is None:
            samples = iter(self.loader.dataset)  # type: ignore[call-overload]
            self.batches = self.loader._batches_of(samples, self.seed, self.info.id)
        return next(self.batches, _END)

    def take(self) -> Future[Any]:
        self.under_way.append(self.pool.submit(self._next))
        return self.under_way.popleft()


def _check_options(
    dataset: Any, batch_size: int | None, shuffle: bool | None, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    if isinstance(dataset, IterableDataset) and (shuffle or sampler is not None or batch_sampler is not None):
        raise ArgumentError(
            "DataLoader with IterableDataset: a stream has its own order; expected unspecified shuffle, sampler and "
            f"batch_sampler options, but got shuffle={shuffle}, sampler={sampler}, batch_sampler={batch_sampler}"
        )
    if sampler is not None and shuffle:
        raise ArgumentError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ArgumentError(
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
        )
    if batch_size is None and drop_last:
        raise ArgumentError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None) -> None:
    if num_workers < 0:
        raise ArgumentError(
            f"num_workers option should be non-negative; use num_workers=0 to disable threads, got {num_workers}"
        )
    if timeout < 0:
        raise ArgumentError(f"timeout option should be non-negative, got {timeout}")
    if prefetch_factor is not None and num_workers == 0:
        raise ArgumentError("prefetch_factor option could only be specified with num_workers > 0")
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ArgumentError(f"prefetch_factor option should be positive, got {prefetch_factor}")
