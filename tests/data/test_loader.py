"""DataLoader: batches, orders, and the same bits however many workers there are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton.backend import random
from lepton.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)
from lepton.errors import ArgumentError, ArgumentTypeError, ShapeError
from tests.data.test_dataset import Numbers, Stream

WORKERS = (0, 1, 3)


def seeded(seed: int) -> lepton.Generator:
    return lepton.Generator().manual_seed(seed)


def batches(loader: DataLoader[Any]) -> list[Any]:
    return [batch.tolist() if isinstance(batch, lepton.Tensor) else batch for batch in loader]


class Noisy(Numbers):
    """Each sample with a random number that is drawn when it is fetched."""

    def __getitem__(self, index: int) -> tuple[int, float]:  # type: ignore[override]
        return super().__getitem__(index), float(random.uniform((), dtype=lepton.float64))


class Endless(Sampler[int]):
    """Random numbers for ever, from the generator that is current."""

    def __iter__(self) -> Iterator[int]:
        while True:
            yield int(random.integers((), 0, 100))


def noisy_pass(loader: DataLoader[Any]) -> list[Any]:
    return [(index.tolist(), noise.tolist()) for index, noise in loader]


# ---------------------------------------------------------------------- batches


@pytest.mark.parametrize("workers", WORKERS)
def test_batches_in_order(workers: int) -> None:
    loader = DataLoader(Numbers(5), 2, num_workers=workers)
    assert batches(loader) == batches(loader) == [[0, 1], [2, 3], [4]] and len(loader) == 3
    loader = DataLoader(Numbers(5), 2, drop_last=True, num_workers=workers)
    assert batches(loader) == [[0, 1], [2, 3]] and len(loader) == 2


def test_the_defaults_are_pytorchs() -> None:
    loader = DataLoader(Numbers(2))
    assert batches(loader) == [[0], [1]]
    assert (loader.batch_size, loader.num_workers, loader.drop_last, loader.prefetch_factor) == (1, 0, False, None)
    assert isinstance(loader.sampler, SequentialSampler) and isinstance(loader.batch_sampler, BatchSampler)
    assert DataLoader(Numbers(2), num_workers=1).prefetch_factor == 2


@pytest.mark.parametrize("workers", WORKERS)
def test_batch_size_none_gives_samples(workers: int) -> None:
    loader = DataLoader(Numbers(3, 5), None, num_workers=workers)
    assert batches(loader) == [5, 6, 7] and len(loader) == 3


def test_any_object_with_items_is_a_dataset() -> None:
    assert batches(DataLoader([1.0, 2.0, 3.0], 2)) == [[1.0, 2.0], [3.0]]  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", WORKERS)
def test_an_empty_dataset_has_no_batches(workers: int) -> None:
    assert batches(DataLoader(Numbers(0), 2, num_workers=workers)) == []


def test_tensors_come_as_tensors() -> None:
    data = TensorDataset(lepton.arange(6).reshape(3, 2).float(), lepton.tensor([7, 8, 9]))
    (inputs, targets), last = DataLoader(data, 2)
    assert inputs.shape == (2, 2) and inputs.dtype is lepton.float32 and targets.tolist() == [7, 8]
    assert last[1].tolist() == [9]


@pytest.mark.parametrize("workers", WORKERS)
def test_own_collation(workers: int) -> None:
    loader = DataLoader(Numbers(4), 3, collate_fn=sum, num_workers=workers)
    assert list(loader) == [3, 3]


@pytest.mark.parametrize("workers", WORKERS)
def test_batch_samplers_and_plain_lists_decide_the_batches(workers: int) -> None:
    loader = DataLoader(Numbers(9), batch_sampler=[[8, 0], [3]], num_workers=workers)
    assert batches(loader) == [[8, 0], [3]] and len(loader) == 2
    assert loader.batch_size is None
    assert batches(DataLoader(Numbers(9), 2, sampler=[5, 4, 3], num_workers=workers)) == [[5, 4], [3]]


def test_sampling_by_weight_through_the_loader() -> None:
    sampler = WeightedRandomSampler([0.0, 1.0, 1.0], 40, generator=seeded(0))
    seen = [number for batch in batches(DataLoader(Numbers(3), 8, sampler=sampler)) for number in batch]
    assert len(seen) == 40 and set(seen) == {1, 2}


# ---------------------------------------------------------------------- order


def test_shuffling_is_decided_by_the_generator() -> None:
    def passes(seed: int) -> list[Any]:
        loader = DataLoader(Numbers(40), 8, shuffle=True, generator=seeded(seed))
        return [batches(loader), batches(loader)]

    first, second = passes(1)
    assert passes(1) == [first, second] and first != second and passes(2) != [first, second]
    assert sorted(chain.from_iterable(first)) == sorted(chain.from_iterable(second)) == list(range(40))


def test_without_a_generator_the_default_one_decides() -> None:
    with random.using(seeded(1)):
        drawn = batches(DataLoader(Numbers(20), 4, shuffle=True))
    assert drawn == batches(DataLoader(Numbers(20), 4, shuffle=True, generator=seeded(1)))


def test_the_order_is_drawn_when_the_pass_begins() -> None:
    with random.using(seeded(1)) as generator:
        expected = batches(DataLoader(Numbers(20), 4, shuffle=True))
        generator.manual_seed(1)
        pass_ = iter(DataLoader(Numbers(20), 4, shuffle=True))
        random.uniform(100)
        assert [batch.tolist() for batch in pass_] == expected


@pytest.mark.parametrize("workers", WORKERS)
def test_draws_inside_a_dataset_do_not_depend_on_the_workers(workers: int) -> None:
    def loader(workers: int) -> DataLoader[Any]:
        return DataLoader(Noisy(23), 4, shuffle=True, num_workers=workers, generator=seeded(9))

    subject, reference = loader(workers), loader(0)
    first = noisy_pass(subject)
    assert first == noisy_pass(reference)
    second = noisy_pass(subject)
    assert second == noisy_pass(reference) != first
    noise = [number for _, row in first + second for number in row]
    assert len(set(noise)) == len(noise)


@given(st.integers(0, 40), st.integers(1, 9), st.integers(0, 4), st.booleans(), st.booleans(), st.integers(1, 3))
def test_workers_never_change_a_pass(
    length: int, size: int, workers: int, shuffle: bool, drop_last: bool, prefetch: int
) -> None:
    options: dict[str, Any] = {"drop_last": drop_last, "shuffle": shuffle and length > 0}
    plain = DataLoader(Noisy(length), size, generator=seeded(3), **options)
    ahead = {"num_workers": workers, "prefetch_factor": prefetch} if workers else {}
    assert noisy_pass(DataLoader(Noisy(length), size, generator=seeded(3), **options, **ahead)) == noisy_pass(plain)


def test_two_passes_side_by_side() -> None:
    loader = DataLoader(Numbers(6), 2, num_workers=2)
    assert [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)] == [
        ([0, 1], [0, 1]), ([2, 3], [2, 3]), ([4, 5], [4, 5]),
    ]  # fmt: skip


# ---------------------------------------------------------------------- streams


class Shared(IterableDataset[int]):
    """Each worker takes its share of 0 … 9."""

    def __iter__(self) -> Iterator[int]:
        info = get_worker_info()
        yield from range(10) if info is None else range(info.id, 10, info.num_workers)


def test_streams_come_in_batches() -> None:
    assert batches(DataLoader(Stream(1, 2, 3), 2)) == [[1, 2], [3]]
    assert batches(DataLoader(Stream(1, 2, 3), 2, drop_last=True)) == [[1, 2]]
    assert batches(DataLoader(Stream(1, 2, 3), None)) == [1, 2, 3]
    assert len(DataLoader(Stream(1, 2, 3), 2)) == 2
    assert len(DataLoader(Stream(1, 2, 3), 2, drop_last=True)) == 1
    assert len(DataLoader(Stream(1, 2, 3), None)) == 3


def test_each_worker_runs_the_stream() -> None:
    assert batches(DataLoader(Shared(), 3)) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert batches(DataLoader(Shared(), 3, num_workers=2)) == [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]]
    assert batches(DataLoader(Stream(1, 2), 2, num_workers=2)) == [[1, 2], [1, 2]]
    assert batches(DataLoader(Stream(), 2, num_workers=2)) == []


def test_draws_inside_a_stream_are_the_same_each_time() -> None:
    class NoisyStream(IterableDataset[float]):
        def __iter__(self) -> Iterator[float]:
            for _ in range(7):
                yield float(random.uniform(()))

    def drawn(workers: int) -> list[Any]:
        return batches(DataLoader(NoisyStream(), 2, num_workers=workers, generator=seeded(4)))

    for workers in WORKERS:
        values = [value for batch in drawn(workers) for value in batch]
        assert drawn(workers) == drawn(workers) and len(set(values)) == len(values)


@pytest.mark.parametrize("workers", WORKERS)
def test_an_endless_stream_is_left_when_one_likes(workers: int) -> None:
    class Count(IterableDataset[int]):
        def __iter__(self) -> Iterator[int]:
            number = 0
            while True:
                yield number
                number += 1

    pass_ = iter(DataLoader(Count(), 2, num_workers=workers))
    assert next(pass_).tolist() == [0, 1]
    with pytest.raises(TypeError):
        len(DataLoader(Count(), 2))


@pytest.mark.parametrize("workers", WORKERS)
def test_an_endless_sampler_is_drawn_from_as_it_is_asked(workers: int) -> None:
    def loader() -> DataLoader[Any]:
        return DataLoader(Numbers(100), 3, sampler=Endless(), num_workers=workers, generator=seeded(0))

    first = [batch.tolist() for batch, _ in zip(loader(), range(20), strict=False)]
    assert first == [batch.tolist() for batch, _ in zip(loader(), range(20), strict=False)]
    assert len({tuple(batch) for batch in first}) > 10


# ---------------------------------------------------------------------- going on


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("left_after", [0, 1, 4, 6])
def test_a_pass_goes_on_where_it_was_left(workers: int, left_after: int) -> None:
    def loader() -> DataLoader[Any]:
        return DataLoader(Noisy(24), 4, shuffle=True, num_workers=workers, generator=seeded(7))

    whole = loader()
    expected = [noisy_pass(whole), noisy_pass(whole)]

    left, seen = loader(), []
    pass_ = iter(left)
    for _ in range(left_after):
        index, noise = next(pass_)
        seen.append((index.tolist(), noise.tolist()))
    state = left.state_dict()
    del pass_

    resumed = DataLoader(Noisy(24), 4, shuffle=True, num_workers=3 - workers, generator=seeded(999))
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert [seen + noisy_pass(resumed), noisy_pass(resumed)] == expected


def test_going_on_with_the_default_generator() -> None:
    with random.using(seeded(1)) as generator:
        loader = DataLoader(Noisy(12), 4, shuffle=True)
        expected = [noisy_pass(loader), random.uniform(3).tolist(), noisy_pass(loader)]
        generator.manual_seed(1)
        pass_ = iter(loader)
        next(pass_)
        random.uniform(50)  # what a model might draw meanwhile
        state, of_generator = loader.state_dict(), generator.get_state_bytes()
    with random.using(seeded(2)) as generator:
        generator.set_state_bytes(of_generator)
        resumed = DataLoader(Noisy(12), 4, shuffle=True)
        resumed.load_state_dict(state)
        assert noisy_pass(resumed) == expected[0][1:]
        assert generator.get_state_bytes() == of_generator


def test_going_on_with_a_sampler_that_has_a_generator_of_its_own() -> None:
    def loader(seed: int) -> DataLoader[Any]:
        return DataLoader(Numbers(12), 4, sampler=RandomSampler(range(12), generator=seeded(seed)))

    whole = loader(1)
    expected = batches(whole) + batches(whole)
    left = loader(1)
    next(iter(left))
    resumed = loader(2)
    resumed.load_state_dict(left.state_dict())
    assert batches(resumed) + batches(resumed) == expected[1:]


@pytest.mark.parametrize("workers", WORKERS)
def test_going_on_with_an_endless_sampler(workers: int) -> None:
    def loader() -> DataLoader[Any]:
        return DataLoader(Numbers(100), 3, sampler=Endless(), num_workers=workers, generator=seeded(0))

    expected = [batch.tolist() for batch, _ in zip(loader(), range(9), strict=False)]
    left = loader()
    pass_ = iter(left)
    for _ in range(4):
        next(pass_)
    resumed = loader()
    resumed.load_state_dict(left.state_dict())
    assert [batch.tolist() for batch, _ in zip(resumed, range(5), strict=False)] == expected[4:]


@pytest.mark.parametrize("workers", WORKERS)
def test_going_on_with_a_stream(workers: int) -> None:
    def loader() -> DataLoader[Any]:
        return DataLoader(Shared(), 2, num_workers=workers, generator=seeded(0))

    expected, left = batches(loader()), loader()
    pass_ = iter(left)
    next(pass_), next(pass_)
    resumed = loader()
    resumed.load_state_dict(left.state_dict())
    assert batches(resumed) == expected[2:]


@pytest.mark.parametrize("own_generator", [True, False])
def test_going_on_between_two_passes(own_generator: bool) -> None:
    def loader(seed: int) -> DataLoader[Any]:
        return DataLoader(Noisy(12), 4, shuffle=True, generator=seeded(seed) if own_generator else None)

    with random.using(seeded(1)) as generator:
        whole = loader(1)
        expected = [noisy_pass(whole), noisy_pass(whole), noisy_pass(whole)]
        generator.manual_seed(1)
        left = loader(1)
        noisy_pass(left)
        state, of_generator = left.state_dict(), generator.get_state_bytes()
    with random.using(seeded(2)) as generator:
        generator.set_state_bytes(of_generator)
        resumed = loader(2)
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        assert [noisy_pass(resumed), noisy_pass(resumed)] == expected[1:]


def test_between_passes_no_batch_is_passed_over() -> None:
    loader = DataLoader(Numbers(4), 2, shuffle=True, generator=seeded(0))
    fresh = loader.state_dict()
    assert fresh == {"generators": [seeded(0).get_state_bytes()], "batches": None, "length": 2}
    first = batches(loader)
    assert loader.state_dict()["batches"] is None
    next(iter(loader))
    loader.load_state_dict(fresh)
    assert loader.state_dict() == fresh and batches(loader) == first


def test_the_last_batch_ends_the_pass_only_when_more_is_asked_for() -> None:
    loader = DataLoader(Numbers(4), 2, generator=seeded(0))
    for _ in loader:
        state = loader.state_dict()
    loader.load_state_dict(state)
    assert list(loader) == [] and len(list(loader)) == 2


def test_states_that_do_not_fit_change_nothing() -> None:
    loader = DataLoader(Numbers(12), 4, shuffle=True, generator=seeded(0))
    pass_ = iter(loader)
    next(pass_)
    good = loader.state_dict()
    wrong: list[Any] = [
        None,
        ["generators", "batches", "length"],
        {},
        {**good, "more": 1},
        {**good, "batches": -1},
        {**good, "batches": "2"},
        {**good, "batches": 4},
        {**good, "batches": True},
        {**good, "length": 5},
        {**good, "length": "3"},
        {**good, "generators": good["generators"] * 2},
        {**good, "generators": None},
        {**good, "generators": {0: good["generators"][0]}},
    ]
    for state in wrong:
        with pytest.raises(ArgumentError):
            loader.load_state_dict(state)
    with pytest.raises(lepton.errors.RandomError):
        loader.load_state_dict({**good, "generators": [b"x" * 48]})
    assert loader.state_dict() == good
    with pytest.raises(ArgumentError, match="3 batches, and this one has 6"):
        DataLoader(Numbers(12), 2).load_state_dict(good)


# ---------------------------------------------------------------------- options that cannot be


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size should be a positive"),
        ({"batch_size": -1}, "batch_size should be a positive"),
        ({"batch_size": 2.0}, "batch_size should be a positive"),
        ({"batch_size": None, "drop_last": True}, "mutually exclusive with drop_last"),
        ({"sampler": [1], "shuffle": True}, "mutually exclusive with shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[1]], "shuffle": True}, "batch_sampler option is mutually exclusive"),
        ({"num_workers": -1}, "non-negative"),
        ({"timeout": -1}, "non-negative"),
        ({"prefetch_factor": 2}, "num_workers > 0"),
        ({"prefetch_factor": 0, "num_workers": 1}, "positive"),
        ({"persistent_workers": True}, "num_workers > 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        DataLoader(Numbers(4), **options)


def test_more_options_that_cannot_be() -> None:
    with pytest.raises(ArgumentTypeError, match="num_workers"):
        DataLoader(Numbers(4), num_workers=1.5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="num_samples=0"):
        DataLoader(Numbers(0), shuffle=True)
    for options in ({"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}):
        with pytest.raises(ArgumentError, match="IterableDataset"):
            DataLoader(Stream(1), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["dataset", "batch_size", "sampler", "batch_sampler", "drop_last"])
def test_what_a_loader_is_made_of_stays(name: str) -> None:
    loader = DataLoader(Numbers(4))
    with pytest.raises(ArgumentError, match=f"{name} attribute should not be set"):
        setattr(loader, name, None)


@pytest.mark.parametrize("workers", WORKERS)
def test_samples_of_different_shapes_are_named(workers: int) -> None:
    samples = [lepton.zeros(2), lepton.zeros(3)]
    with pytest.raises(ShapeError, match="one shape"):
        list(DataLoader(samples, 2, num_workers=workers))  # type: ignore[arg-type]
