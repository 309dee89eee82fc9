"""Collation: what becomes of a list of samples."""

from __future__ import annotations

from collections import OrderedDict, UserDict, namedtuple
from typing import Any

import numpy as np
import pytest

import lepton
from lepton.data import default_collate, default_convert
from lepton.errors import ArgumentError, ArgumentTypeError, ShapeError

Point = namedtuple("Point", ["x", "y"])


class Frozen(dict[str, Any]):
    """A mapping that can be neither copied nor updated."""

    def __copy__(self) -> Any:
        raise TypeError("no copies")


def same(tensor: Any, values: Any, dtype: lepton.dtype) -> None:
    assert isinstance(tensor, lepton.Tensor) and tensor.dtype is dtype and tensor.tolist() == values


def test_tensors_and_arrays_are_stacked() -> None:
    same(default_collate([lepton.tensor([1, 2]), lepton.tensor([3, 4])]), [[1, 2], [3, 4]], lepton.int64)
    same(default_collate([np.zeros(2, np.float32)] * 3), [[0.0, 0.0]] * 3, lepton.float32)
    same(default_collate([np.float64(1.5), np.float64(2.5)]), [1.5, 2.5], lepton.float64)
    same(default_collate([np.array(1, np.int16)]), [1], lepton.int16)


def test_a_batch_does_not_share_memory_with_its_samples() -> None:
    sample = np.zeros(2)
    batch = default_collate([sample])
    sample[0] = 1.0
    assert batch.tolist() == [[0.0, 0.0]]


def test_numbers_become_a_tensor_of_their_type() -> None:
    same(default_collate([1, 2]), [1, 2], lepton.int64)
    same(default_collate([1.0, 2.0]), [1.0, 2.0], lepton.float64)
    same(default_collate([1.0, 2]), [1.0, 2.0], lepton.float64)
    same(default_collate([1, 2.5]), [1.0, 2.5], lepton.float32)  # never cut down to integers
    same(default_collate([True, False]), [True, False], lepton.bool)


def test_strings_stay_a_list() -> None:
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([b"a", b"b"]) == [b"a", b"b"]
    assert default_collate([np.str_("a")]) == ["a"]


def test_containers_keep_their_form() -> None:
    batch = default_collate([{"a": 1, "b": ("x", 2.0)}, {"a": 3, "b": ("y", 4.0)}])
    same(batch["a"], [1, 3], lepton.int64)
    names, numbers = batch["b"]
    assert names == ("x", "y")  # a tuple, as in PyTorch
    same(numbers, [2.0, 4.0], lepton.float64)
    assert isinstance(default_collate([(1, 2)]), list)  # as PyTorch does
    point = default_collate([Point(1, 2), Point(3, 4)])
    assert isinstance(point, Point)
    same(point.y, [2, 4], lepton.int64)


@pytest.mark.parametrize("kind", [OrderedDict, UserDict])
def test_mappings_of_other_types_stay_what_they_are(kind: Any) -> None:
    batch = default_collate([kind(a=1), kind(a=2)])
    assert type(batch) is kind
    same(batch["a"], [1, 2], lepton.int64)


def test_a_mapping_that_cannot_be_copied_becomes_a_dict() -> None:
    assert type(default_collate([Frozen(a="x")])) is dict


def test_different_shapes_are_named_with_the_remedy() -> None:
    with pytest.raises(ShapeError, match=r"equal size, but got \[2\] and \[3\] in one batch; .*Resize"):
        default_collate([lepton.zeros(2), lepton.zeros(3)])
    with pytest.raises(ShapeError, match=r"equal size; found sizes \[1, 2\]"):
        default_collate([(1,), (1, 2)])


def test_samples_without_a_key() -> None:
    with pytest.raises(ArgumentError, match=r"sample 1 of the batch has no key 'b'.*\['a'\]"):
        default_collate([{"a": 1, "b": 2}, {"a": 1}])


@pytest.mark.parametrize("sample", [None, object(), {1, 2}, np.array(["text"]), np.array([None])])
def test_samples_that_cannot_be_collated(sample: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="default_collate"):
        default_collate([sample, sample])


@pytest.mark.parametrize("batch", [[1, "a"], [2**70], [1, None]])
def test_numbers_beside_what_is_none(batch: list[Any]) -> None:
    with pytest.raises(ArgumentTypeError, match="cannot make a tensor"):
        default_collate(batch)


def test_number_types_that_tensors_do_not_have() -> None:
    with pytest.raises(ArgumentTypeError, match="uint32"):
        default_collate([np.zeros(2, np.uint32)])


def test_an_empty_batch() -> None:
    with pytest.raises(ArgumentError, match="empty"):
        default_collate([])


def test_convert_leaves_everything_but_arrays() -> None:
    array = np.arange(2)
    made = default_convert({"a": array, "b": ["text", b"bytes", 1, None], "c": Point(array, 2), "d": (1, array)})
    same(made["a"], [0, 1], lepton.int64)
    assert made["b"] == ["text", b"bytes", 1, None]
    same(made["c"].x, [0, 1], lepton.int64)
    assert isinstance(made["d"], list)
    array[0] = 5
    assert made["a"].tolist() == [5, 1]
    tensor = lepton.zeros(1)
    assert default_convert(tensor) is tensor
