"""Samplers: which numbers, in which order, decided by which generator."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from lepton.errors import ArgumentError, ArgumentTypeError, RandomError


def seeded(seed: int) -> lepton.Generator:
    return lepton.Generator().manual_seed(seed)


def test_the_base_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(Sampler())


def test_sequential() -> None:
    sampler = SequentialSampler(range(4))
    assert list(sampler) == list(sampler) == [0, 1, 2, 3] and len(sampler) == 4


@given(st.integers(1, 60), st.integers(0, 2**63))
def test_random_is_a_permutation_that_the_seed_decides(length: int, seed: int) -> None:
    sampler = RandomSampler(range(length), generator=seeded(seed))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(length))
    assert first == list(RandomSampler(range(length), generator=seeded(seed)))
    if length > 20:
        assert first != second


def test_random_draws_from_the_default_generator_of_its_thread() -> None:
    from lepton.backend import random

    with random.using(seeded(5)):
        drawn = list(RandomSampler(range(20)))
    assert drawn == list(RandomSampler(range(20), generator=seeded(5)))


def test_random_with_a_number_of_samples() -> None:
    once = list(RandomSampler(range(5), num_samples=3, generator=seeded(0)))
    assert len(set(once)) == len(once) == 3
    several = list(RandomSampler(range(5), num_samples=12, generator=seeded(0)))
    assert Counter(several[:5]) == Counter(several[5:10]) == Counter(range(5)) and len(several) == 12
    again = list(RandomSampler(range(5), replacement=True, num_samples=200, generator=seeded(0)))
    assert set(again) == set(range(5)) and len(again) == 200


@pytest.mark.parametrize("wrong", [0, -1, 2.0, True])
def test_numbers_of_samples_that_cannot_be(wrong: Any) -> None:
    message = f"num_samples should be a positive integer value, but got num_samples={wrong}"
    with pytest.raises(ArgumentError, match=message):
        RandomSampler(range(5), num_samples=wrong)
    with pytest.raises(ArgumentError, match=message):
        WeightedRandomSampler([1.0], wrong)


def test_sampling_from_nothing() -> None:
    with pytest.raises(ArgumentError, match="num_samples=0"):
        RandomSampler([])
    assert list(SubsetRandomSampler([])) == []


def test_replacement_is_a_bool() -> None:
    with pytest.raises(ArgumentTypeError, match="replacement should be a boolean"):
        RandomSampler(range(5), replacement=1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="replacement should be a boolean"):
        WeightedRandomSampler([1.0], 1, replacement="yes")  # type: ignore[arg-type]


def test_subset_random() -> None:
    sampler = SubsetRandomSampler([7, 3, 9, 1], seeded(2))
    assert sorted(sampler) == [1, 3, 7, 9] and len(sampler) == 4


def test_weights_decide_how_often() -> None:
    drawn = Counter(WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=seeded(0)))
    assert drawn[0] == 0 and 2.6 < drawn[2] / drawn[1] < 3.4
    tensor = WeightedRandomSampler(lepton.tensor([0.0, 1.0, 3.0]), 4000, generator=seeded(0))
    assert Counter(tensor) == drawn and len(tensor) == 4000


def test_weights_without_replacement_give_each_number_once() -> None:
    assert sorted(WeightedRandomSampler([0.1, 5.0, 0.0, 2.0], 3, replacement=False)) == [0, 1, 3]
    with pytest.raises(RandomError):
        list(WeightedRandomSampler([0.1, 0.0], 2, replacement=False))


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_weights_that_cannot_be(weights: list[float]) -> None:
    with pytest.raises(RandomError):
        list(WeightedRandomSampler(weights, 2))


def test_weights_are_one_row() -> None:
    with pytest.raises(ArgumentError, match="1d sequence"):
        WeightedRandomSampler([[1.0, 2.0]], 2)  # type: ignore[list-item]


@given(st.integers(0, 30), st.integers(1, 9), st.booleans())
def test_batches_partition_the_numbers(length: int, size: int, drop_last: bool) -> None:
    sampler = BatchSampler(SequentialSampler(range(length)), size, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert all(len(batch) == size for batch in batches[: -1 if not drop_last else None])
    kept = length - length % size if drop_last else length
    assert [number for batch in batches for number in batch] == list(range(kept))


@pytest.mark.parametrize("wrong", [0, -3, 1.5, True])
def test_batch_sizes_that_cannot_be(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match=f"batch_size={wrong}"):
        BatchSampler(range(3), wrong, False)
