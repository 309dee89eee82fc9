"""Datasets: things with samples, by number or as a stream."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from lepton.autograd.tensor import Tensor
from lepton.backend import random
from lepton.errors import ArgumentError, ArgumentTypeError, IndexRangeError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples by number: a subclass has ``__getitem__`` and usually ``__len__``; ``__getitems__`` fetches many."""

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Samples as a stream: a subclass has ``__iter__``. With workers each runs it; see :func:`get_worker_info`."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")

    def __add__(self, other: Dataset[Any]) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Sample i is the i-th row of each tensor.

    Raises:
        ArgumentError: no tensors, or of different first lengths. ArgumentTypeError: something else than tensors.

    >>> from lepton import arange, data
    >>> dataset = data.TensorDataset(arange(6).reshape(3, 2), arange(3))
    >>> dataset[1]
    (tensor([2, 3]), tensor(1))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ArgumentError("TensorDataset needs at least one tensor")
        for each in tensors:
            if not isinstance(each, Tensor):
                raise ArgumentTypeError(
                    f"TensorDataset takes tensors, but got a {type(each).__name__}; convert it with lepton.as_tensor"
                )
        lengths = [len(each) for each in tensors]
        if len(set(lengths)) > 1:
            raise ArgumentError(f"Size mismatch between tensors: their first dimensions are {lengths}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(each[index] for each in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class StackDataset(Dataset[Any]):
    """Sample i is the tuple (or dict) of the datasets' samples i.

    Raises:
        ArgumentError: no datasets, or of different lengths.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ArgumentError("StackDataset takes datasets either as arguments or as keywords, and at least one")
        self.datasets: Any = args or kwargs
        lengths = [len(each) for each in (args or kwargs.values())]
        if len(set(lengths)) > 1:
            raise ArgumentError(f"Size mismatch between datasets: {lengths}")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: each[index] for name, each in self.datasets.items()}
        return tuple(each[index] for each in self.datasets)

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[Any]):
    """The datasets one after another.

    Raises:
        ArgumentError: none given. ArgumentTypeError: one is an IterableDataset, which has no numbers.
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("datasets should not be an empty iterable")
        for each in self.datasets:
            if isinstance(each, IterableDataset):
                raise ArgumentTypeError("ConcatDataset does not support IterableDataset; use ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(each) for each in self.datasets))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexRangeError(f"sample {index} is out of range for a dataset of {len(self)}")
        which = bisect.bisect_right(self.cumulative_sizes, number)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][number - before]


class ChainDataset(IterableDataset[Any]):
    """The streams one after another.

    Raises:
        ArgumentTypeError (while iterating): one of them is no IterableDataset.
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[Any]:
        for each in self.datasets:
            if not isinstance(each, IterableDataset):
                raise ArgumentTypeError("ChainDataset only supports IterableDataset; use ConcatDataset")
            yield from each

    def __len__(self) -> int:
        return sum(len(each) for each in self.datasets)  # type: ignore[arg-type, misc]


class Subset(Dataset[T_co]):
    """The samples of ``dataset`` with these numbers, in this order: sample i is ``dataset[indices[i]]``."""

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[each] for each in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> Sequence[T_co]:
        numbers = [self.indices[each] for each in indices]
        fetch_many = getattr(self.dataset, "__getitems__", None)
        return fetch_many(numbers) if fetch_many else [self.dataset[number] for number in numbers]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Dataset[T], lengths: Sequence[int | float], generator: random.Generator | None = None
) -> list[Subset[T]]:
    """Split into disjoint random parts.

    Args:
        dataset: with a length. lengths: how many samples each part has, or fractions that sum to 1 (what rounding
            leaves over goes to the first parts, one each).
        generator: where the random order comes from; the default generator if None.

    Raises:
        ArgumentError: the lengths do not sum to the dataset's, one is negative or no whole number, or a fraction is
            outside [0, 1].

    >>> from lepton import Generator, data
    >>> parts = data.random_split(range(10), [0.8, 0.2], Generator().manual_seed(0))
    >>> [len(part) for part in parts]
    [8, 2]
    """
    total = len(dataset)  # type: ignore[arg-type]
    counts = _counts_of_fractions(lengths, total) if math.isclose(sum(lengths), 1) else list(lengths)
    if sum(counts) != total:
        raise ArgumentError(
            f"Sum of input lengths does not equal the length of the input dataset: {list(lengths)} for {total} samples"
        )
    if any(each < 0 or int(each) != each for each in counts):
        raise ArgumentError(f"random_split: lengths must be whole numbers from 0 on, but got {list(lengths)}")
    order = random.permutation(total, generator).tolist()
    ends = list(itertools.accumulate(int(each) for each in counts))
    return [Subset(dataset, order[end - int(count) : end]) for end, count in zip(ends, counts, strict=True)]


def _counts_of_fractions(fractions: Sequence[float], total: int) -> list[int | float]:
    for index, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ArgumentError(f"Fraction at index {index} is not between 0 and 1: {fraction}")
    counts = [math.floor(total * fraction) for fraction in fractions]
    for index in range(total - sum(counts)):
        counts[index % len(counts)] += 1
    for index, count in enumerate(counts):
        if count == 0:
            warnings.warn(
                f"Length of split at index {index} is 0. This might result in an empty dataset.", stacklevel=3
            )
    return list(counts)
