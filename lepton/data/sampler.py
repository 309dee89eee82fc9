"""Samplers: in which order the samples of a dataset are visited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from lepton.autograd.tensor import Tensor
from lepton.backend import random
from lepton.errors import ArgumentError, ArgumentTypeError

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """The base: a subclass has ``__iter__`` over sample numbers (or lists of them), and usually ``__len__``."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError("Subclasses of Sampler should implement __iter__.")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, … up to the length of ``data_source``."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """A random order, the same for the same state of the generator.

    Args:
        data_source: what is sampled. replacement: draw each time from all. num_samples: how many; all if None.
        generator: where the order comes from; the default generator if None.

    Raises:
        ArgumentError: ``num_samples`` is not a positive integer, or there is nothing to sample.
            ArgumentTypeError: ``replacement`` is not a bool.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: random.Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise ArgumentTypeError(f"replacement should be a boolean value, but got replacement={replacement!r}")
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        _check_num_samples(self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many numbers one pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        length, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            yield from random.integers((wanted,), 0, length, generator=self.generator).tolist()
            return
        for start in range(0, wanted, length):
            yield from random.permutation(length, self.generator)[: wanted - start].tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """These numbers in a random order, each once.

    Args:
        indices: the numbers. generator: where the order comes from; the default generator if None.
    """

    def __init__(self, indices: Sequence[int], generator: random.Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for place in random.permutation(len(self.indices), self.generator).tolist():
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Numbers 0 … len(weights)−1, drawn in proportion to their weights.

    Args:
        weights: not negative, not all 0. num_samples: how many to draw. replacement: whether a number may come again.
        generator: where the draws come from; the default generator if None.

    Raises:
        ArgumentError: ``num_samples`` is not a positive integer, or the weights are not one row.
            ArgumentTypeError: ``replacement`` is not a bool. RandomError: while iterating, a weight is negative or not
            finite, they are all 0, or without replacement there are fewer above 0 than ``num_samples``.
    """

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: random.Generator | None = None,
    ) -> None:
        _check_num_samples(num_samples)
        if not isinstance(replacement, bool):
            raise ArgumentTypeError(f"replacement should be a boolean value, but got replacement={replacement!r}")
        self.weights = np.asarray(weights, np.float64)
        if self.weights.ndim != 1:
            raise ArgumentError(f"weights should be a 1d sequence but given weights have shape {self.weights.shape}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = random.multinomial(self.weights, self.num_samples, self.replacement, self.generator)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of ``batch_size`` numbers from another sampler; the last, shorter one is left out with ``drop_last``.

    Raises:
        ArgumentError: ``batch_size`` is not a positive integer.

    >>> from lepton import data
    >>> list(data.BatchSampler(data.SequentialSampler(range(5)), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ArgumentError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for number in self.sampler:
            batch.append(number)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        samples = len(self.sampler)  # type: ignore[arg-type]
        return samples // self.batch_size if self.drop_last else -(-samples // self.batch_size)


def _check_num_samples(num_samples: Any) -> None:
    if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
        raise ArgumentError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
