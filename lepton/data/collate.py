"""Collation: from a list of samples to one batch."""

from __future__ import annotations

import collections.abc
from typing import Any

import numpy as np

from lepton.autograd.ops.joining import Stack
from lepton.autograd.tensor import Tensor
from lepton.backend import devices
from lepton.errors import ArgumentError, ArgumentTypeError


def default_convert(data: Any) -> Any:
    """NumPy arrays inside nested dicts, lists and tuples as tensors; the rest unchanged."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind in "biuf":
        return Tensor(np.asarray(data))
    return _map_children(data, default_convert)


def _map_children(data: Any, function: Any) -> Any:
    if isinstance(data, collections.abc.Mapping):
        return {key: function(value) for key, value in data.items()}
    if isinstance(data, tuple):
        children = [function(each) for each in data]
        return type(data)(*children) if hasattr(data, "_fields") else tuple(children)
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return [function(each) for each in data]
    return data


def default_collate(batch: list[Any]) -> Any:
    """Samples as one batch: tensors and arrays are stacked, numbers become a tensor, containers keep their form.

    float → float64, int → int64, str and bytes stay a list; dicts, tuples (named ones too) and lists are collated
    element by element.

    Raises:
        ArgumentError: tensors of different shapes, or sequences of different lengths. ArgumentTypeError: a sample of
            another type.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stacked(batch)
    if isinstance(first, (np.ndarray, np.generic)) or devices.is_array(first):
        if isinstance(first, (np.ndarray, np.generic)) and first.dtype.kind not in "biuf":
            raise ArgumentTypeError(f"default_collate: NumPy arrays of {first.dtype} cannot become tensors")
        return _stacked([Tensor(np.asarray(each) if isinstance(each, np.generic) else each) for each in batch])
    if isinstance(first, bool):
        return Tensor(np.array(batch))
    if isinstance(first, float):
        return Tensor(np.array(batch, np.float64))
    if isinstance(first, int):
        return Tensor(np.array(batch, np.int64))
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, collections.abc.Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, collections.abc.Sequence):
        return _collated_sequences(batch)
    raise ArgumentTypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first).__name__}"
    )


def _collated_sequences(batch: list[Any]) -> Any:
    first = batch[0]
    lengths = {len(sample) for sample in batch}
    if len(lengths) > 1:
        raise ArgumentError(f"each element in list of batch should be of equal size; found sizes {sorted(lengths)}")
    columns = [default_collate(list(column)) for column in zip(*batch, strict=True)]
    if isinstance(first, tuple):
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    return columns


def _stacked(tensors: list[Tensor]) -> Tensor:
    shapes = {tuple(each._data.shape) for each in tensors}
    if len(shapes) > 1:
        different = " and ".join(str(list(shape)) for shape in sorted(shapes)[:2])
        raise ArgumentError(
            f"default_collate: the samples of a batch have different shapes ({different}), so they cannot be stacked; "
            "bring them to one shape (for images with Resize), or pass a collate_fn"
        )
    result: Tensor = Stack(0)(*tensors)
    return result
