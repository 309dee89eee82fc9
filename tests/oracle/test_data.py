"""Collation, samplers and loaders against PyTorch: the same structures, lengths, types and classes of errors."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.utils.data

import lepton
import lepton.utils.data

Point = namedtuple("Point", ["x", "y"])
LIBRARIES = (lepton, torch)
Make = Callable[[Any], Any]


def described(value: Any) -> Any:
    """What both libraries have to agree on."""
    if isinstance(value, (lepton.Tensor, torch.Tensor)):
        return ("tensor", str(value.dtype).rpartition(".")[2], tuple(value.shape), value.tolist())
    if isinstance(value, dict):
        return (type(value).__name__, {key: described(each) for key, each in value.items()})
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, [described(each) for each in value])
    return value


def outcome(call: Callable[[], Any]) -> Any:
    """The description of what the call gives, or the classes of Python's own that its error belongs to."""
    try:
        return described(call())
    except Exception as error:  # noqa: BLE001 - what is compared
        return next(each.__name__ for each in type(error).__mro__ if each.__module__ == "builtins")


BATCHES: dict[str, Make] = {
    "ints": lambda _: [1, 2, 3],
    "floats": lambda _: [1.0, 2.5],
    "float then int": lambda _: [1.5, 2],
    "int then float": lambda _: [1, 2.5],
    "bools": lambda _: [True, False],
    "bool then int": lambda _: [True, 2],
    "strings": lambda _: ["a", "b"],
    "bytes": lambda _: [b"a", b"b"],
    "tensors": lambda library: [library.tensor([1, 2]), library.tensor([3, 4])],
    "0-d tensors": lambda library: [library.tensor(1.5), library.tensor(2.5)],
    "arrays": lambda _: [np.arange(3, dtype=np.int16), np.zeros(3, np.int16)],
    "0-d arrays": lambda _: [np.array(1.0), np.array(2.0)],
    "scalars": lambda _: [np.float32(1), np.float32(2)],
    "int scalars": lambda _: [np.int64(1), np.int64(2)],
    "tuples": lambda _: [(1, "a"), (2, "b")],
    "lists": lambda _: [[1, 2.0], [3, 4.0]],
    "named tuples": lambda _: [Point(1, 2), Point(3, 4)],
    "dicts": lambda library: [{"a": 1, "b": [library.ones(2)]}, {"a": 2, "b": [library.zeros(2)]}],
    "ordered dicts": lambda _: [OrderedDict(a=1), OrderedDict(a=2)],
    "nested": lambda _: [{"a": (1, {"b": [2.0]})}, {"a": (3, {"b": [4.0]})}],
    "unequal tensors": lambda library: [library.ones(2), library.ones(3)],
    "unequal lists": lambda _: [[1], [1, 2]],
    "none": lambda _: [None, None],
    "sets": lambda _: [{1}, {2}],
    "array of strings": lambda _: [np.array(["a"]), np.array(["b"])],
    "array of objects": lambda _: [np.array([None]), np.array([None])],
}


@pytest.mark.parametrize("name", BATCHES)
def test_collation(name: str) -> None:
    mine, theirs = (outcome(lambda lib=lib: lib.utils.data.default_collate(BATCHES[name](lib))) for lib in LIBRARIES)
    assert mine == theirs


@pytest.mark.parametrize("name", [name for name in BATCHES if not name.startswith("array of")])
def test_conversion(name: str) -> None:
    mine, theirs = (outcome(lambda lib=lib: lib.utils.data.default_convert(BATCHES[name](lib))) for lib in LIBRARIES)
    assert mine == theirs


class Numbers:
    def __len__(self) -> int:
        return 11

    def __getitem__(self, index: int) -> int:
        return 10 * index


def stream(library: Any) -> Any:
    class Stream(library.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            return iter(range(5))

        def __len__(self) -> int:
            return 5

    return Stream()


OPTIONS: list[dict[str, Any]] = [
    {},
    {"batch_size": 3},
    {"batch_size": 3, "drop_last": True},
    {"batch_size": None},
    {"batch_size": None, "drop_last": True},
    {"batch_size": 0},
    {"batch_size": -2},
    {"sampler": [3, 1, 2], "batch_size": 2},
    {"sampler": [3, 1], "shuffle": True},
    {"batch_sampler": [[3, 1], [2]]},
    {"batch_sampler": [[3, 1]], "batch_size": 2},
    {"batch_sampler": [[3, 1]], "drop_last": True},
    {"num_workers": -1},
    {"timeout": -1},
    {"prefetch_factor": 2},
    {"persistent_workers": True},
    {"sampler": [99]},
    {"collate_fn": sum, "batch_size": 4},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", ["numbers", "stream"])
def test_loaders(kind: str, options: dict[str, Any]) -> None:
    def batches(library: Any) -> Any:
        data = Numbers() if kind == "numbers" else stream(library)
        loader = library.utils.data.DataLoader(data, **options)
        return [len(loader), loader.batch_size, loader.drop_last, loader.prefetch_factor, *loader]

    mine, theirs = (outcome(lambda lib=lib: batches(lib)) for lib in LIBRARIES)
    assert mine == theirs


@pytest.mark.parametrize("lengths", [[4, 7], [0.5, 0.5], [0.3, 0.3, 0.4], [1.0], [5, 5], [0.7, 0.7], [1.5, -0.5]])
def test_random_split(lengths: list[float]) -> None:
    def sizes(library: Any) -> list[int]:
        return [len(part) for part in library.utils.data.random_split(Numbers(), lengths)]

    mine, theirs = (outcome(lambda lib=lib: sizes(lib)) for lib in LIBRARIES)
    assert mine == theirs


SAMPLERS: dict[str, Make] = {
    "random": lambda data: data.RandomSampler(range(7)),
    "random, some": lambda data: data.RandomSampler(range(7), num_samples=3),
    "random, more": lambda data: data.RandomSampler(range(7), num_samples=17),
    "random, again": lambda data: data.RandomSampler(range(7), True, 40),
    "random, none": lambda data: data.RandomSampler([]),
    "random, 0": lambda data: data.RandomSampler(range(7), num_samples=0),
    "random, not a bool": lambda data: data.RandomSampler(range(7), 1),
    "sequential": lambda data: data.SequentialSampler(range(7)),
    "subset": lambda data: data.SubsetRandomSampler([5, 9]),
    "weighted": lambda data: data.WeightedRandomSampler([0.0, 1.0, 0.0], 5),
    "weighted, once": lambda data: data.WeightedRandomSampler([0.0, 1.0, 2.0], 2, replacement=False),
    "weighted, too many": lambda data: data.WeightedRandomSampler([0.0, 1.0, 2.0], 4, replacement=False),
    "weighted, negative": lambda data: data.WeightedRandomSampler([-1.0, 1.0], 4),
    "weighted, 0": lambda data: data.WeightedRandomSampler([1.0], 0),
    "weighted, a matrix": lambda data: data.WeightedRandomSampler([[1.0]], 2),
    "batches": lambda data: data.BatchSampler(range(7), 3, False),
    "batches, whole": lambda data: data.BatchSampler(range(7), 3, True),
    "batches of 0": lambda data: data.BatchSampler(range(7), 0, True),
    "batches, float": lambda data: data.BatchSampler(range(7), 1.5, True),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name: str) -> None:
    def drawn(library: Any) -> Any:
        sampler = SAMPLERS[name](library.utils.data)
        numbers = list(sampler)
        return [len(sampler), len(numbers), sorted(set(map(str, numbers)))[:7] if "some" not in name else None]

    mine, theirs = (outcome(lambda lib=lib: drawn(lib)) for lib in LIBRARIES)
    assert mine == theirs
