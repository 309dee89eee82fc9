"""Datasets: what they give, how they split, and what they refuse."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from lepton.errors import ArgumentError, ArgumentTypeError, IndexRangeError


class Numbers(Dataset[int]):
    """Sample i is start + i."""

    def __init__(self, length: int, start: int = 0) -> None:
        self.length, self.start = length, start

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.length:
            raise IndexError(index)
        return self.start + index

    def __len__(self) -> int:
        return self.length


class Stream(IterableDataset[int]):
    def __init__(self, *values: int) -> None:
        self.values = values

    def __iter__(self) -> Iterator[int]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)


def test_a_dataset_without_its_methods_says_so() -> None:
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(IterableDataset())


def test_tensor_dataset_gives_rows() -> None:
    data = TensorDataset(lepton.arange(6).reshape(3, 2), lepton.tensor([7, 8, 9]))
    assert len(data) == 3
    row, label = data[1]
    assert row.tolist() == [2, 3] and label.item() == 8
    assert data[-1][1].item() == 9


def test_tensor_dataset_refuses_what_does_not_fit() -> None:
    with pytest.raises(ArgumentError, match=r"Size mismatch between tensors: their first dimensions are \[3, 2\]"):
        TensorDataset(lepton.zeros(3), lepton.zeros(2))
    with pytest.raises(ArgumentTypeError, match="got a list"):
        TensorDataset([1, 2, 3])  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="at least one"):
        TensorDataset()


def test_stack_dataset_as_tuples_and_dicts() -> None:
    assert StackDataset(Numbers(3), Numbers(3, 10))[2] == (2, 12)
    assert StackDataset(a=Numbers(3), b=Numbers(3, 10))[1] == {"a": 1, "b": 11}
    assert len(StackDataset(Numbers(3))) == 3
    with pytest.raises(ArgumentError, match=r"Size mismatch between datasets: \[3, 2\]"):
        StackDataset(Numbers(3), Numbers(2))
    for args, kwargs in (((), {}), ((Numbers(1),), {"a": Numbers(1)})):
        with pytest.raises(ArgumentError):
            StackDataset(*args, **kwargs)


def test_concat_dataset_counts_through_its_parts() -> None:
    data = Numbers(2) + Numbers(0) + Numbers(3, 10)
    assert [data[i] for i in range(len(data))] == [0, 1, 10, 11, 12]
    assert data[-5] == 0 and data[-1] == 12
    for outside in (5, -6):
        with pytest.raises(IndexRangeError, match="of 5"):
            data[outside]
    with pytest.raises(ArgumentError, match="empty"):
        ConcatDataset([])
    with pytest.raises(ArgumentTypeError, match="ChainDataset"):
        ConcatDataset([Stream(1)])


def test_chain_dataset_one_stream_after_another() -> None:
    chained = Stream(1, 2) + Stream() + Stream(3)
    assert list(chained) == [1, 2, 3] and len(chained) == 3
    with pytest.raises(ArgumentTypeError, match="ConcatDataset"):
        list(ChainDataset([Numbers(2)]))


def test_subset_and_its_batched_access() -> None:
    class Batched(Numbers):
        calls: list[list[int]] = []

        def __getitems__(self, indices: list[int]) -> list[int]:
            self.calls.append(indices)
            return [self[each] for each in indices]

    assert [Subset(Numbers(9), [4, 0])[i] for i in range(2)] == [4, 0]
    assert Subset(Subset(Numbers(9), [4, 0, 7]), [2])[0] == 7
    data = Batched(9)
    assert [batch.tolist() for batch in DataLoader(Subset(data, [8, 1, 5]), 2)] == [[8, 1], [5]]
    assert data.calls == [[8, 1], [5]]
    rows = Subset(TensorDataset(lepton.arange(4)), [3, 1])[[0, 1]]  # type: ignore[index]
    assert rows[0].tolist() == [3, 1]


@given(st.integers(0, 50), st.data())
def test_random_split_by_counts_is_a_partition(total: int, data: Any) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, total), max_size=4)))
    lengths = [after - before for before, after in zip([0, *cuts], [*cuts, total], strict=True)]
    # As in PyTorch, lengths that sum to 1 are fractions, of which an empty one is warned of.
    told = pytest.warns(UserWarning, match="is 0") if total == 1 and 0 in lengths else contextlib.nullcontext()
    with told:
        parts = random_split(Numbers(total), lengths, lepton.Generator().manual_seed(1))
    assert [len(part) for part in parts] == lengths
    assert sorted(part[i] for part in parts for i in range(len(part))) == list(range(total))


def test_random_split_by_fractions() -> None:
    parts = random_split(Numbers(10), [1 / 3, 1 / 3, 1 / 3])
    assert [len(part) for part in parts] == [4, 3, 3]
    assert [len(part) for part in random_split(Numbers(11), [0.7, 0.2, 0.1])] == [8, 2, 1]
    with pytest.warns(UserWarning, match="index 1 is 0"):
        assert [len(part) for part in random_split(Numbers(1), [0.5, 0.5])] == [1, 0]


def test_random_split_is_decided_by_its_generator() -> None:
    def orders(seed: int) -> list[Any]:
        return [part.indices for part in random_split(Numbers(30), [20, 10], lepton.Generator().manual_seed(seed))]

    assert orders(3) == orders(3) != orders(4)


@pytest.mark.parametrize(
    "lengths", [[5, 6], [9], [-1, 11], [2.5, 7.5], [0.5, 0.6], [1.5, -0.5], [float("nan"), 1.0], []]
)
def test_random_split_refuses_lengths_that_do_not_fit(lengths: list[float]) -> None:
    with pytest.raises(ArgumentError):
        random_split(Numbers(10), lengths)


def test_the_faces_are_the_same_objects() -> None:
    import lepton.utils.data as face

    assert face.DataLoader is DataLoader and set(face.__all__) == set(lepton.data.__all__)
    assert lepton.utils.data is face
