"""Collation: from a list of samples to one batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from lepton.autograd.ops.joining import Stack
from lepton.autograd.tensor import Tensor
from lepton.backend import devices, dtypes
from lepton.errors import ArgumentError, ArgumentTypeError, ShapeError


def default_convert(data: Any) -> Any:
    """NumPy arrays and scalars inside nested dicts, lists and tuples as tensors; the rest unchanged.

    As in PyTorch, a plain tuple comes back as a list. An array and its tensor share memory.
    """
    if isinstance(data, Tensor):
        return data
    if _is_numeric(data):
        return _as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, default_convert, data.items())
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(each) for each in data])
    return data


def default_collate(batch: Sequence[Any]) -> Any:
    """Samples as one batch: tensors and arrays are stacked, numbers become a tensor, containers keep their form.

    float → float64, int → int64, str and bytes stay as they are; dicts, lists and tuples are collated element by
    element (a plain tuple becomes a list).

    Raises:
        ShapeError: tensors of different shapes, or sequences of different lengths. ArgumentError: an empty batch, or a
            dict that lacks a key of the first. ArgumentTypeError: a sample of another type.

    >>> from lepton import data
    >>> data.default_collate([{"x": 0.5, "name": "a"}, {"x": 1.5, "name": "b"}])
    {'x': tensor([0.5000, 1.5000], dtype=lepton.float64), 'name': ['a', 'b']}
    """
    if not len(batch):
        raise ArgumentError("default_collate: the batch is empty; give it at least one sample")
    first = batch[0]
    if isinstance(first, Tensor):
        return _stacked(batch)
    if _is_numeric(first):
        return _stacked([_as_tensor(each) for each in batch])
    if isinstance(first, (bool, int, float)):
        return _numbers(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _like_mapping(first, default_collate, ((key, _values(batch, key)) for key in first))
    if isinstance(first, Sequence):
        _check_lengths(batch)
        return _like_sequence(first, [default_collate(column) for column in zip(*batch, strict=True)])
    what = f"NumPy arrays of {first.dtype}" if isinstance(first, np.ndarray) else type(first).__name__
    raise ArgumentTypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {what}; convert "
        "the samples in the dataset, or pass a collate_fn"
    )


def _is_numeric(data: Any) -> bool:
    """Whether it is an array or a scalar of an array library, and of numbers (not of strings or objects)."""
    if isinstance(data, (np.ndarray, np.generic)):
        return data.dtype.kind in "biuf" or data.dtype.name == "bfloat16"
    return devices.is_array(data)


def _as_tensor(data: Any) -> Tensor:
    dtypes.of(data.dtype)  # refuses the number types that tensors do not have
    return Tensor(np.asarray(data) if isinstance(data, np.generic) else data)


def _numbers(batch: Sequence[Any]) -> Tensor:
    """float → float64, bool and int as NumPy takes them, and a mixture of int and float → the default type."""
    if isinstance(batch[0], float):
        return Tensor(np.array(batch, np.float64))
    made = np.array(batch)
    if made.dtype.kind == "f":
        made = made.astype(dtypes.get_default_dtype().numpy)
    if made.dtype.kind not in "bif":
        raise ArgumentTypeError(f"default_collate: cannot make a tensor of {batch[:4]!r}{'…' if batch[4:] else ''}")
    return Tensor(made)


def _values(batch: Sequence[Any], key: Any) -> list[Any]:
    for number, sample in enumerate(batch):
        if key not in sample:
            raise ArgumentError(
                f"default_collate: sample {number} of the batch has no key {key!r}, which the first one has; its keys "
                f"are {list(sample)!r}"
            )
    return [sample[key] for sample in batch]


def _like_mapping(form: Any, function: Callable[[Any], Any], items: Iterable[tuple[Any, Any]]) -> Any:
    """A mapping of the same type and other properties, with ``function`` of these items."""
    made = {key: function(value) for key, value in items}
    if type(form) is dict:
        return made
    try:
        if not isinstance(form, MutableMapping):
            return type(form)(made)
        clone = copy.copy(form)
        clone.update(made)
    except TypeError:  # its type can be neither copied nor made of a dict
        return made
    return clone


def _like_sequence(form: Any, items: list[Any]) -> Any:
    return type(form)(*items) if hasattr(form, "_fields") else items


def _check_lengths(batch: Sequence[Any]) -> None:
    lengths = {len(sample) for sample in batch}
    if len(lengths) > 1:
        raise ShapeError(f"each element in list of batch should be of equal size; found sizes {sorted(lengths)}")


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    shapes = list(dict.fromkeys(tuple(each._data.shape) for each in tensors))
    if len(shapes) > 1:
        raise ShapeError(
            f"stack expects each tensor to be equal size, but got {list(shapes[0])} and {list(shapes[1])} in one "
            "batch; bring the samples to one shape (images with Resize), or pass a collate_fn"
        )
    result: Tensor = Stack(0)(*tensors)
    return result
