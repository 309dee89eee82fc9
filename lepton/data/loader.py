"""``DataLoader``: batches from a dataset, in an order that a seed decides, prepared ahead by threads.

Workers are threads, not processes: they start at once, share memory, need no pickling, and are safe under MPI, where
a fork is not. Reading, decoding and NumPy's own work release the interpreter's lock, so they do run side by side.

Random numbers drawn while a batch is prepared come from a stream of that batch (seed of the pass, batch number), so
they do not depend on how many workers there are or which is quicker.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Generic, NamedTuple, TypeVar

from lepton.backend import random
from lepton.data.collate import default_collate, default_convert
from lepton.data.dataset import Dataset, IterableDataset
from lepton.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from lepton.data.workers import WorkerInfo, Workers
from lepton.errors import ArgumentError, ArgumentTypeError

T_co = TypeVar("T_co", covariant=True)

_END = object()
_FIXED = ("dataset", "batch_size", "sampler", "batch_sampler", "drop_last")


class _Position(NamedTuple):
    """The states of the generators at the beginning of a pass, and how many batches it has given.

    Between two passes: the states with which the next begins, and None.
    """

    generators: list[bytes]
    batches: int | None


class DataLoader(Generic[T_co]):
    """Iterates over a dataset in batches; each ``iter(loader)`` is one pass.

    Args:
        dataset: a :class:`Dataset` (by number) or :class:`IterableDataset` (a stream).
        batch_size: samples in a batch; None gives single samples, unbatched.
        shuffle: a new random order for every pass. sampler: another order. batch_sampler: the batches themselves.
        num_workers: threads that prepare batches ahead; 0 prepares each when it is asked for.
        collate_fn: makes a batch of a list of samples; :func:`default_collate` if None.
        drop_last: leave out a last batch that is too short.
        timeout: seconds to wait for a worker's batch; 0 waits for ever.
        worker_init_fn: called with the worker's number in each worker thread when it starts.
        generator: where orders and seeds come from; the default generator if None.
        prefetch_factor: batches that each worker prepares ahead (2 if None).
        pin_memory, pin_memory_device, multiprocessing_context, persistent_workers, in_order: accepted for PyTorch's
            sake; threads need none of them, and batches always come in order.

    Raises:
        ArgumentError: options that exclude each other or are out of range. ArgumentTypeError: no number of workers.
        DataError: while iterating, a worker took longer than ``timeout``. What a dataset raises, in a worker too, comes
            out of the loop that asks for batches.

    A pass can be left and gone on with later: ``loader.state_dict()`` says where the current pass is, and a pass begun
    after ``load_state_dict`` goes on with the next batch, the same bits as if never left. That takes a dataset that
    gives the same sample for the same number and random draws, and generators that nobody else draws from meanwhile;
    with the default generator, its own state has to be restored beside the loader's.

    >>> from lepton import arange, data
    >>> dataset = data.TensorDataset(arange(5), arange(5) % 2)
    >>> for numbers, labels in data.DataLoader(dataset, batch_size=2):
    ...     print(numbers, labels)
    tensor([0, 1]) tensor([0, 1])
    tensor([2, 3]) tensor([0, 1])
    tensor([4]) tensor([0])
    """

    def __init__(
        self,
        dataset: Dataset[T_co],
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
        multiprocessing_context: Any = None,
        generator: random.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_options(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.multiprocessing_context = multiprocessing_context
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self._streams = isinstance(dataset, IterableDataset)
        if sampler is None and batch_sampler is None and not self._streams:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)  # type: ignore[arg-type]
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        elif batch_size is not None and sampler is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.batch_size = batch_size
        self.drop_last = drop_last
        batched = batch_sampler is not None or batch_size is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self._resume: _Position | None = None
        self._pass: _Pass | None = None
        self._made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_made" in self.__dict__:
            raise ArgumentError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized; make another loader"
            )
        super().__setattr__(name, value)

    def __len__(self) -> int:
        if self._streams:
            samples = len(self.dataset)  # type: ignore[arg-type]
            if self.batch_size is None:
                return samples
            return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)
        return len(self._numbers)  # type: ignore[arg-type]

    @property
    def _numbers(self) -> Iterable[Any]:
        """What the batches are made of: lists of sample numbers, or single ones where nothing is batched."""
        numbers = self.sampler if self.batch_sampler is None else self.batch_sampler
        assert numbers is not None
        return numbers

    def __iter__(self) -> Iterator[Any]:
        source, position = self._begin()
        current = self._pass = _Pass(self, source, position)
        return current.batches()

    # ------------------------------------------------------------------ where a pass is

    def state_dict(self) -> dict[str, Any]:
        """Where the pass is that was begun last.

        ``generators`` are their states at its beginning and ``batches`` how many it has given; between two passes the
        states now, and None. ``length`` is the number of batches of a whole pass (None if that is unknown).
        """
        position = self._resume if self._pass is None else self._pass.position
        generators, batches = position or _Position(self._states(), None)
        return {"generators": list(generators), "batches": batches, "length": _length_of(self)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next ``iter(loader)`` go on where ``state_dict`` was taken.

        Raises:
            ArgumentError: it is not what :meth:`state_dict` gives, or is of a loader with other batches.
                RandomError: a generator's state in it is damaged. ArgumentTypeError: that state is not made of bytes.
                Nothing is changed then.
        """
        if not isinstance(state_dict, Mapping) or set(state_dict) != {"generators", "batches", "length"}:
            found = sorted(map(str, state_dict)) if isinstance(state_dict, Mapping) else type(state_dict).__name__
            raise ArgumentError(f"this is no state of a DataLoader, a dict of generators, batches and length: {found}")
        generators, batches, length = state_dict["generators"], state_dict["batches"], state_dict["length"]
        if length != _length_of(self):
            raise ArgumentError(
                f"the state is of a DataLoader with {length!r} batches, and this one has {_length_of(self)}: the "
                "dataset or the batch size is another one"
            )
        most = math.inf if length is None else length
        if batches is not None and not (type(batches) is int and 0 <= batches <= most):
            raise ArgumentError(
                f"the state of the DataLoader is damaged: it stands after batch {batches!r} of {length}"
            )
        if not isinstance(generators, (list, tuple)) or len(generators) != len(self._generators()):
            count = len(generators) if isinstance(generators, (list, tuple)) else type(generators).__name__
            raise ArgumentError(
                f"the state is of a DataLoader with {count} generators, and this one has {len(self._generators())}"
            )
        for state in generators:
            random.Generator().set_state_bytes(state)
        self._resume, self._pass = _Position(list(generators), batches), None

    def _generators(self) -> list[random.Generator]:
        """The loader's generator, then those of its samplers that are others."""
        found = [random.current_generator() if self.generator is None else self.generator]
        for sampler in (self.batch_sampler, getattr(self.batch_sampler, "sampler", None), self.sampler):
            own = getattr(sampler, "generator", None)
            if isinstance(own, random.Generator) and all(own is not each for each in found):
                found.append(own)
        return found

    def _states(self) -> list[bytes]:
        return [each.get_state_bytes() for each in self._generators()]

    def _begin(self) -> tuple[random.Generator, _Position]:
        """Begin a pass or go on with one: the generator to draw its order from, and where it is."""
        generators = self._generators()
        resumed, self._resume = self._resume, None
        if resumed is not None:
            if self.generator is None:  # whoever restores the default generator restores it to where it was
                generators[0] = random.Generator()
            for generator, state in zip(generators, resumed.generators, strict=True):
                generator.set_state_bytes(state)
            if resumed.batches is not None:
                return generators[0], resumed
        return self._generators()[0], _Position(self._states(), 0)


class _Pass:
    """One pass over a loader's dataset; its order is drawn when it is made."""

    def __init__(self, loader: DataLoader[Any], source: random.Generator, position: _Position) -> None:
        self.loader = loader
        self.position: _Position | None = position
        with random.using(source):
            self.seed = int(random.integers((), 0, 2**62))
            self.numbers: Iterable[Any] = () if loader._streams else self._order(loader._numbers)

    def _order(self, numbers: Iterable[Any]) -> Iterable[Any]:
        """The numbers as a list, or, where there may be no end of them, drawn as they are asked for."""
        if _length_of(numbers) is not None:
            return list(numbers)
        return self._endless(iter(numbers), random.stream(self.seed, "order"))

    @staticmethod
    def _endless(numbers: Iterator[Any], stream: random.Generator) -> Iterator[Any]:
        while True:
            with random.using(stream):
                number = next(numbers, _END)
            if number is _END:
                return
            yield number

    def batches(self) -> Iterator[Any]:
        """The batches that are still to come, keeping count."""
        assert self.position is not None
        generators, given = self.position.generators, self.position.batches or 0
        made = self._from_stream(given) if self.loader._streams else self._by_number(given)
        try:
            for batch in made:
                given += 1
                self.position = _Position(generators, given)
                yield batch
            self.position = None
        finally:
            made.close()  # type: ignore[attr-defined]

    # ------------------------------------------------------------------ datasets by number

    def _by_number(self, first: int) -> Iterator[Any]:
        numbers = enumerate(itertools.islice(self.numbers, first, None), first)
        tasks = (functools.partial(self._fetch, each, random.stream(self.seed, index)) for index, each in numbers)
        if self.loader.num_workers == 0:
            for task in tasks:
                yield task()
            return
        workers = self._workers(range(self.loader.num_workers))
        try:
            yield from self._ahead(workers, tasks)
        finally:
            workers.close()

    def _fetch(self, numbers: Any, stream: random.Generator) -> Any:
        dataset, collate = self.loader.dataset, self.loader.collate_fn
        with random.using(stream):
            if self.loader.batch_sampler is None:
                return collate(dataset[numbers])
            fetch_many = getattr(dataset, "__getitems__", None)
            return collate(fetch_many(numbers) if fetch_many else [dataset[number] for number in numbers])

    def _workers(self, ids: Iterable[int]) -> Workers:
        loader = self.loader
        infos = [WorkerInfo(number, loader.num_workers, self.seed + number, loader.dataset) for number in ids]
        return Workers(infos, loader.worker_init_fn, loader.timeout)

    def _ahead(self, workers: Workers, tasks: Iterator[Callable[[], Any]]) -> Iterator[Any]:
        """The tasks' results in order, with some tasks more under way."""
        ahead = self.loader.num_workers * (self.loader.prefetch_factor or 1)
        under_way: deque[Future[Any]] = deque()
        for task in tasks:
            under_way.append(workers.submit(task))
            if len(under_way) > ahead:
                yield workers.result(under_way.popleft())
        while under_way:
            yield workers.result(under_way.popleft())

    # ------------------------------------------------------------------ streams

    def _from_stream(self, skipped: int) -> Iterator[Any]:
        loader = self.loader
        if loader.num_workers == 0:
            yield from itertools.islice(self._batches_of(iter(loader.dataset), 0), skipped, None)
            return
        lanes: list[_Lane] = []
        try:
            lanes.extend(_Lane(self, number) for number in range(loader.num_workers))
            yield from itertools.islice(self._in_turn(lanes), skipped, None)
        finally:
            wait = not any(lane.workers.stuck for lane in lanes)
            for lane in lanes:
                lane.workers.close(wait)

    @staticmethod
    def _in_turn(lanes: list[_Lane]) -> Iterator[Any]:
        open_lanes = deque(lanes)
        while open_lanes:
            lane = open_lanes.popleft()
            batch = lane.take()
            if batch is not _END:
                yield batch
                open_lanes.append(lane)

    def _batches_of(self, samples: Iterator[Any], worker: int) -> Iterator[Any]:
        """Batches of a stream's samples; each batch draws from a random stream of its own."""
        for number in itertools.count():
            with random.using(random.stream(self.seed, worker, number)):
                batch = self._next_batch(samples)
            if batch is _END:
                return
            yield batch

    def _next_batch(self, samples: Iterator[Any]) -> Any:
        size, collate = self.loader.batch_size, self.loader.collate_fn
        if size is None:
            sample = next(samples, _END)
            return sample if sample is _END else collate(sample)  # type: ignore[arg-type]
        held = list(itertools.islice(samples, size))
        if not held or (self.loader.drop_last and len(held) < size):
            return _END
        return collate(held)


class _Lane:
    """One worker of a stream: a thread that runs its own iterator over the dataset, some batches ahead."""

    def __init__(self, owner: _Pass, number: int) -> None:
        self.owner = owner
        self.number = number
        self.batches: Iterator[Any] | None = None
        self.workers = owner._workers([number])
        ahead = owner.loader.prefetch_factor or 1
        self.under_way = deque(self.workers.submit(self._next) for _ in range(ahead))

    def _next(self) -> Any:
        if self.batches is None:  # begun in the worker, as the dataset may ask which one it is in
            samples = iter(self.owner.loader.dataset)
            self.batches = self.owner._batches_of(samples, self.number)
        return next(self.batches, _END)

    def take(self) -> Any:
        """The next batch, or the mark of the end."""
        self.under_way.append(self.workers.submit(self._next))
        return self.workers.result(self.under_way.popleft())


def _length_of(numbers: Any) -> int | None:
    """How many there are; None where it is not known, as of a sampler without end or one batched from such."""
    try:
        return len(numbers)
    except (TypeError, NotImplementedError):
        return None


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
        raise ArgumentError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
    if batch_size is not None and (not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0):
        raise ArgumentError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if not isinstance(num_workers, int):
        raise ArgumentTypeError(f"num_workers option should be an int, but got {num_workers!r}")
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
    if persistent_workers and num_workers == 0:
        raise ArgumentError("persistent_workers option needs num_workers > 0")
