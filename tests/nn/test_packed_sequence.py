"""PackedSequence: what it holds, its types and places, how it is refused, and its way through recurrent layers."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import lepton
from lepton import nn
from lepton.errors import ArgumentError, ArgumentTypeError, ShapeError
from lepton.nn.utils import rnn
from tests import standin


@pytest.fixture
def packed() -> Any:
    return rnn.pack_sequence([lepton.arange(3.0), lepton.arange(2.0) + 10], enforce_sorted=False)


def test_what_it_holds(packed: Any) -> None:
    data, batch_sizes, order, back = packed
    assert data.tolist() == [0, 10, 1, 11, 2] and batch_sizes.tolist() == [2, 2, 1]
    assert order.tolist() == back.tolist() == [0, 1]
    assert packed._fields == ("data", "batch_sizes", "sorted_indices", "unsorted_indices")
    assert repr(rnn.pack_sequence([lepton.arange(2)])) == (
        "PackedSequence(data=tensor([0, 1]), batch_sizes=tensor([1, 1]), sorted_indices=None, unsorted_indices=None)"
    )


def test_unsorted_indices_follow_from_sorted_ones() -> None:
    found = rnn.PackedSequence(lepton.ones(3), lepton.tensor([3]), lepton.tensor([2, 0, 1]))
    assert found.unsorted_indices is not None and found.unsorted_indices.tolist() == [1, 2, 0]
    assert rnn.PackedSequence((found.data, found.batch_sizes)).batch_sizes is found.batch_sizes


def test_other_types(packed: Any) -> None:
    assert packed.to(lepton.float32) is packed and packed.cpu() is packed and not packed.is_cuda
    kinds = {
        "double": lepton.float64, "float": lepton.float32, "half": lepton.float16, "long": lepton.int64,
        "int": lepton.int32, "short": lepton.int16, "char": lepton.int8, "byte": lepton.uint8,
    }  # fmt: skip
    for name, kind in kinds.items():
        found = getattr(packed, name)()
        assert type(found) is rnn.PackedSequence and found.data.dtype is kind
        assert found.batch_sizes is packed.batch_sizes and found.sorted_indices.dtype is lepton.int64
    assert copy.deepcopy(packed).data.tolist() == packed.data.tolist()


def test_batch_sizes_stay_on_the_cpu(packed: Any) -> None:
    with standin.installed():
        there = packed.to("standin")
        assert there.data.device.type == there.sorted_indices.device.type == "standin"
        assert there.batch_sizes.device.type == "cpu"
        assert there.cpu().data.tolist() == packed.data.tolist()
        with pytest.raises(ArgumentError, match="should always be on CPU, not on standin"):
            rnn.PackedSequence(packed.data, packed.batch_sizes.to("standin"))
    with pytest.raises(RuntimeError, match="cuda"):
        packed.cuda()


@pytest.mark.parametrize("sizes", [[1, 2], [2, 2], [4, -1], []])
def test_batch_sizes_that_do_not_fit_are_refused(sizes: list[int]) -> None:
    wrong = rnn.PackedSequence(lepton.ones(3, 2), lepton.tensor(sizes, dtype=lepton.int64))
    for use in (nn.LSTM(2, 2), rnn.pad_packed_sequence):
        with pytest.raises(ShapeError, match="batch_sizes must"):
            use(wrong)


def test_what_is_not_packed_is_refused() -> None:
    with pytest.raises(ArgumentError, match="batch_sizes is missing"):
        rnn.PackedSequence(lepton.ones(3))
    with pytest.raises(ArgumentTypeError, match="takes a PackedSequence, not Tensor"):
        rnn.pad_packed_sequence(lepton.ones(3))


def test_unpadded_sequences_share_no_memory() -> None:
    whole = lepton.zeros(3, 2)
    rnn.unpad_sequence(whole, lepton.tensor([3, 1]))[0].fill_(1)
    assert (whole == 0).all() and whole.shape == (3, 2)


def test_gradients_go_all_the_way() -> None:
    """Packed, through a layer, padded: the same as each sequence by itself, and nothing reaches the padding."""
    lepton.manual_seed(0)
    layer = nn.GRU(3, 2, bidirectional=True).double()
    padded = lepton.randn(4, 3, 3, dtype=lepton.float64, requires_grad=True)
    lengths = [2, 4, 1]
    out, last = layer(rnn.pack_padded_sequence(padded, lengths, enforce_sorted=False))
    whole, found = rnn.pad_packed_sequence(out, padding_value=7.0)
    assert found.tolist() == lengths and (whole[2:, 0] == 7).all()
    (whole.square().sum() + last.sum()).backward()
    for place, length in enumerate(lengths):
        alone = padded.detach()[:length, place].requires_grad_()
        one, end = layer(alone)
        assert lepton.allclose(one, whole[:length, place]) and lepton.allclose(end, last[:, place])
        (one.square().sum() + end.sum()).backward()
        assert lepton.allclose(padded.grad[:length, place], alone.grad) and (padded.grad[length:, place] == 0).all()
