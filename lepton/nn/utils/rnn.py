"""Sequences of different lengths: padded to one length, packed without padding, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lepton.autograd.ops.arguments import check_tensor, tensor_sequence
from lepton.autograd.ops.creation import full, tensor
from lepton.autograd.ops.indexing import getitem, index_select
from lepton.autograd.ops.joining import stack, unbind
from lepton.autograd.ops.replacing import masked_scatter
from lepton.autograd.ops.shape import clone, transpose
from lepton.autograd.ops.sorting import sort
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.errors import ArgumentError, ArgumentTypeError, IndexRangeError, ShapeError, ValueRangeError
from lepton.nn.functional.padding import pad
from lepton.nn.packed_sequence import PackedSequence, invert_permutation, step_sizes

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences stacked, each padded to the length of the longest.

    Args:
        sequences: N tensors (L, *), equal but for L; the first one's type is the result's.
        batch_first: the result is (N, T, *) instead of (T, N, *), T the longest L.
        padding_value: what is put where a sequence has ended. padding_side: ``"right"``, or ``"left"`` for in front.

    Raises:
        ShapeError: there are no sequences, or their other dimensions differ. ArgumentTypeError: one is no tensor.
        ValueRangeError: there is no such side, or ``sequences`` cannot be iterated over.
    """
    if not isinstance(sequences, Iterable):
        raise ValueRangeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise ValueRangeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    listed = tensor_sequence(tuple(sequences), "pad_sequence")
    shapes = [each._data.shape for each in listed]
    if not shapes:
        raise ShapeError("pad_sequence: received an empty list of sequences")
    if not shapes[0] or any(shape[1:] != shapes[0][1:] or not shape for shape in shapes):
        raise ShapeError(
            f"pad_sequence: the sequences must be (L, *) and differ in L alone, but are {[list(s) for s in shapes]}"
        )
    longest, kind = max(shape[0] for shape in shapes), dtypes.of(listed[0]._data.dtype)
    padded = [_lengthened(each.to(dtype=kind), longest, padding_value, padding_side == "left") for each in listed]
    return stack(padded, 0 if batch_first else 1)


def _lengthened(sequence: Tensor, length: int, value: float, in_front: bool) -> Tensor:
    missing = length - len(sequence._data)
    if not missing:
        return sequence
    return pad(sequence, (0, 0) * (sequence.ndim - 1) + ((missing, 0) if in_front else (0, missing)), value=value)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences that :func:`pad_sequence` put together.

    Args:
        padded_sequences: (T, N, *), or (N, T, *) if ``batch_first``. lengths: of the N sequences.

    Raises:
        ArgumentError: there are not N lengths.
    """
    listed = unbind(check_tensor(padded_sequences, "unpad_sequence"), 0 if batch_first else 1)
    counts = _lengths(lengths)
    if len(counts) != len(listed):
        raise ArgumentError(f"unpad_sequence: there are {len(listed)} sequences and {len(counts)} lengths")
    return [clone(each[: max(count, 0)]) for each, count in zip(listed, counts, strict=True)]


def _lengths(lengths: Any) -> list[int]:
    """Lengths given as a tensor on any device, or as numbers."""
    found = lengths if isinstance(lengths, Tensor) else tensor(lengths, dtype=dtypes.int64)
    return [int(each) for each in found.tolist()]


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """The elements of padded sequences without the padding, step after step.

    Args:
        input: (T, N, *), or (N, T, *) if ``batch_first``. lengths: of the N sequences, on the CPU.
        enforce_sorted: refuse sequences that are not sorted by falling length; otherwise they are sorted here.

    Raises:
        IndexRangeError: ``input`` has less than two dimensions. ShapeError: it is empty, ``lengths`` are not N numbers
            on the CPU. ValueRangeError: a length is less than 1 or more than T, or they should be sorted and are not.
    """
    if check_tensor(input, "pack_padded_sequence").ndim < 2:
        raise IndexRangeError(
            "pack_padded_sequence: Dimension out of range: the input must be (T, N, *) or, with batch_first, "
            f"(N, T, *), but is {list(input.shape)}"
        )
    counts = _checked_lengths(lengths, input, batch_first)
    order = None
    if enforce_sorted:
        if sorted(counts, reverse=True) != counts:
            raise ValueRangeError(
                "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
                "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to have them sorted."
            )
    else:
        ordered, order = sort(tensor(counts, dtype=dtypes.int64), descending=True, stable=True)
        counts, order = ordered.tolist(), order.to(input.device)
        input = index_select(input, 0 if batch_first else 1, order)
    running = _running(counts, max(counts))
    steps: Any = transpose(input, 0, 1) if batch_first else input
    data = getitem(steps[: len(running)], tensor(running, device=input.device))
    return PackedSequence(data, tensor(running.sum(axis=1)), order)


def _checked_lengths(lengths: Any, input: Tensor, batch_first: bool) -> list[int]:
    batch, longest = input._data.shape[:2] if batch_first else input._data.shape[1::-1]
    given = lengths if isinstance(lengths, Tensor) else tensor(lengths, dtype=dtypes.int64)
    if given.device.type != "cpu" or given.ndim != 1:
        raise ShapeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {given.ndim}D {given.device} tensor"
        )
    if not input.numel():
        raise ShapeError("Cannot pack empty tensors.")
    counts = _lengths(given)
    if len(counts) != batch:
        raise ShapeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} (batch_size={batch})"
        )
    if min(counts) <= 0:
        raise ValueRangeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: "
            f"{min(counts)}"
        )
    if max(counts) > longest:
        raise ValueRangeError(f"a length in 'lengths' is {max(counts)}, but the input has {longest} steps only")
    return counts


def _running(counts: Sequence[int], steps: int) -> Any:
    """Which of the sequences have an element at each step, on the CPU: (steps, N)."""
    return np.arange(steps)[:, None] < np.asarray(counts, np.int64)


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """:func:`pad_sequence`, then :func:`pack_padded_sequence`: N tensors (L, *) as one :class:`PackedSequence`.

    Raises:
        As those two do.
    """
    listed = tensor_sequence(sequences, "pack_sequence")
    padded = pad_sequence(listed)
    return pack_padded_sequence(padded, [len(each._data) for each in listed], enforce_sorted=enforce_sorted)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Undo :func:`pack_padded_sequence`.

    Args:
        sequence: of N sequences. batch_first: the result is (N, T, *) instead of (T, N, *).
        padding_value: what is put where a sequence has ended.
        total_length: T, if it is to be more than the longest length.

    Returns:
        The padded sequences in the order in which they were packed, and their lengths, int64 on the CPU.

    Raises:
        ArgumentTypeError: ``sequence`` is not packed. ArgumentError: ``total_length`` is too small. ShapeError: the
            sequence's ``batch_sizes`` do not fit its data.
    """
    if not isinstance(sequence, PackedSequence):
        raise ArgumentTypeError(f"pad_packed_sequence() takes a PackedSequence, not {type(sequence).__name__}")
    data, sizes = sequence.data, step_sizes(sequence)
    steps = len(sizes) if total_length is None else total_length
    if steps < len(sizes):
        raise ArgumentError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {len(sizes)}"
        )
    present = np.arange(sizes[0]) < np.asarray(sizes + (0,) * (steps - len(sizes)))[:, None]
    kept = tensor(present, device=data.device).reshape(*present.shape, *[1] * (data.ndim - 1))
    shape = (*present.shape, *data._data.shape[1:])
    empty = full(shape, padding_value, dtype=dtypes.of(data._data.dtype), device=data.device)
    padded, lengths = masked_scatter(empty, kept, data), tensor(present.sum(axis=0))
    if batch_first:
        padded = transpose(padded, 0, 1)
    if sequence.unsorted_indices is not None:
        order = sequence.unsorted_indices
        padded, lengths = index_select(padded, 0 if batch_first else 1, order), index_select(lengths, 0, order.cpu())
    return padded, lengths


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo :func:`pack_sequence`: the N sequences, each (L, *)."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
