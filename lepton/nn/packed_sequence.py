"""``PackedSequence``: sequences of different lengths, the elements of one step after those of the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

from lepton.autograd.ops.creation import arange, empty_like
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.errors import ArgumentError, ContractError, ShapeError

__all__ = ["PackedSequence", "invert_permutation", "step_sizes"]


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """What :func:`~lepton.nn.utils.rnn.pack_sequence` and its kin make, and every recurrent layer takes.

    Attributes:
        data: (Σ lengths, *), the elements of all sequences at step 0, then those at step 1, …; longest sequence first.
        batch_sizes: int64 on the CPU, how many sequences have each step.
        sorted_indices: how the sequences were sorted by length, or None. unsorted_indices: how to sort them back.

    Raises:
        ArgumentError: ``batch_sizes`` is not on the CPU. ContractError: there are none.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:  # PackedSequence((data, batch_sizes)) is a form of old
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise ContractError(f"PackedSequence: batch_sizes is missing, and data is no pair but {type(data)}")
            data, batch_sizes = data
        if batch_sizes.device.type != "cpu":
            raise ArgumentError(
                f"batch_sizes should always be on CPU, not on {batch_sizes.device}. Instances of PackedSequence should "
                "be made by pack_sequence and pack_padded_sequence in nn.utils.rnn."
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """With ``change`` of the data, and the indices where the data are; ``batch_sizes`` stays on the CPU."""
        data = change(self.data)
        if data is self.data:
            return self
        indices = [
            None if each is None else each.to(data.device) for each in (self.sorted_indices, self.unsorted_indices)
        ]
        return type(self)(data, self.batch_sizes, *indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """``self`` with ``data.to(*args, **kwargs)``; itself where that changes nothing."""
        return self._changed(lambda data: data.to(*args, **kwargs))

    def cpu(self) -> Self:
        """On the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """On a CUDA device."""
        return self.to("cuda" if device is None else device)

    def double(self) -> Self:
        """As float64."""
        return self.to(dtype=dtypes.float64)

    def float(self) -> Self:
        """As float32."""
        return self.to(dtype=dtypes.float32)

    def half(self) -> Self:
        """As float16."""
        return self.to(dtype=dtypes.float16)

    def long(self) -> Self:
        """As int64."""
        return self.to(dtype=dtypes.int64)

    def int(self) -> Self:
        """As int32."""
        return self.to(dtype=dtypes.int32)

    def short(self) -> Self:
        """As int16."""
        return self.to(dtype=dtypes.int16)

    def char(self) -> Self:
        """As int8."""
        return self.to(dtype=dtypes.int8)

    def byte(self) -> Self:
        """As uint8."""
        return self.to(dtype=dtypes.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data are on a CUDA device."""
        return self.data.device.type == "cuda"


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes ``permutation``, of shape (N); None of None."""
    if permutation is None:
        return None
    inverse = empty_like(permutation)
    inverse[permutation] = arange(permutation.numel(), dtype=permutation.dtype, device=permutation.device)
    return inverse


def step_sizes(packed: PackedSequence) -> tuple[int, ...]:
    """``batch_sizes`` as numbers, checked against the data.

    Raises:
        ShapeError: there are none, they grow from one step to the next, or do not sum to the data's length.
    """
    sizes = tuple(packed.batch_sizes.tolist())
    falling = sorted(sizes, reverse=True) == list(sizes)
    if not sizes or not falling or sizes[-1] < 0 or sum(sizes) != len(packed.data._data):
        raise ShapeError(
            f"a PackedSequence's batch_sizes must never grow and sum to the length of its data, but they are "
            f"{list(sizes)} and the data {list(packed.data.shape)}; make it with pack_sequence or "
            "pack_padded_sequence of nn.utils.rnn"
        )
    return sizes
