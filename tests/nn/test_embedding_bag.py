"""Bags of vectors against sums written out, what the layer begins with, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lepton
import lepton.nn.functional as F
from lepton import nn
from lepton.errors import ArgumentError, ContractError, ValueRangeError

INDEX, OFFSETS = [3, 0, 3, 1, 2, 2, 4], [0, 3, 3, 5]
BAGS = [[3, 0, 3], [], [1, 2], [2, 4]]
REDUCTIONS = {"sum": lambda rows: rows.sum(0), "mean": lambda rows: rows.mean(0), "max": lambda rows: rows.max(0)}


@pytest.mark.parametrize("mode", REDUCTIONS)
@pytest.mark.parametrize("padding_idx", [None, 2, -2])
def test_bags_are_reductions_of_rows(mode: str, padding_idx: int | None) -> None:
    table = np.random.default_rng(0).normal(size=(5, 3))
    left_out = None if padding_idx is None else padding_idx % 5
    expected = []
    for bag in BAGS:
        rows = table[[each for each in bag if each != left_out]]
        expected.append(REDUCTIONS[mode](rows) if len(rows) else np.zeros(3))
    found = F.embedding_bag(
        lepton.tensor(INDEX), lepton.tensor(table), lepton.tensor(OFFSETS), mode=mode, padding_idx=padding_idx
    )
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-14)


def test_the_last_offset_can_be_an_end() -> None:
    table = lepton.randn(5, 2)
    index = lepton.tensor(INDEX)
    for end in (5, 7):
        found = F.embedding_bag(index, table, lepton.tensor([0, 3, end]), mode="sum", include_last_offset=True)
        same = F.embedding_bag(index[:end], table, lepton.tensor([0, 3]), mode="sum")
        assert lepton.equal(found, same) and found.shape == (2, 2)


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_gradients_can_be_divided_by_frequency(mode: str) -> None:
    """Every row by how often it was looked up, whichever bags it is in."""
    grads = []
    for by_frequency in (False, True):
        table = lepton.zeros(5, 1, dtype=lepton.float64, requires_grad=True)
        bags = F.embedding_bag(
            lepton.tensor(INDEX), table, lepton.tensor(OFFSETS), scale_grad_by_freq=by_frequency, mode=mode
        )
        bags.sum().backward()
        grads.append(table.grad.numpy()[:, 0])
    np.testing.assert_allclose(grads[1], grads[0] / np.bincount(INDEX), rtol=1e-15)


def test_the_first_of_equals_takes_the_gradient() -> None:
    table = lepton.tensor([[1.0, 0.0], [1.0, 2.0], [0.0, 2.0]], requires_grad=True)
    F.embedding_bag(lepton.tensor([[2, 1, 0]]), table, mode="max").sum().backward()
    assert table.grad.tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]


def test_nan_is_not_lost_in_a_maximum() -> None:
    table = lepton.tensor([[1.0], [float("nan")], [2.0]])
    found = F.embedding_bag(lepton.tensor([[0, 1, 2], [0, 2, 0]]), table, mode="max")
    assert lepton.isnan(found[0]).all() and found[1].item() == 2.0


def test_the_layer_begins_as_an_embedding_does() -> None:
    for padding_idx in (None, -1):
        lepton.manual_seed(3)
        bag = nn.EmbeddingBag(6, 4, padding_idx=padding_idx)
        lepton.manual_seed(3)
        assert lepton.equal(bag.weight, nn.Embedding(6, 4, padding_idx=padding_idx).weight)
    assert bag.padding_idx == 5 and (bag.weight[5] == 0).all()


def test_a_given_table() -> None:
    table = lepton.randn(4, 2)
    frozen = nn.EmbeddingBag.from_pretrained(table, mode="sum", padding_idx=0, include_last_offset=True)
    assert not frozen.weight.requires_grad and lepton.equal(frozen.weight, table)
    assert (frozen.num_embeddings, frozen.embedding_dim, frozen.mode, frozen.padding_idx) == (4, 2, "sum", 0)
    assert frozen.include_last_offset
    assert nn.EmbeddingBag.from_pretrained(table, freeze=False).weight.requires_grad
    with pytest.raises(ContractError, match="expected to be 2-dimensional"):
        nn.EmbeddingBag.from_pretrained(lepton.ones(3))
    with pytest.raises(ContractError, match="does not match"):
        nn.EmbeddingBag(2, 2, _weight=table)


def test_long_vectors_are_scaled_down_in_the_table_itself() -> None:
    layer = nn.EmbeddingBag(3, 2, max_norm=1.0, mode="sum")
    with lepton.no_grad():
        layer.weight.fill_(3.0)
    found = layer(lepton.tensor([[0, 1]]))
    np.testing.assert_allclose(found.detach().numpy(), [[2**0.5] * 2], rtol=1e-6)
    assert layer.weight[2].tolist() == [3.0, 3.0] and layer.weight[0].norm().item() < 1.0001


def test_a_training_with_bags() -> None:
    """Bags of words that say which of two classes they are of."""
    lepton.manual_seed(0)
    net = nn.Sequential(nn.EmbeddingBag(20, 4), nn.Linear(4, 2))
    words = np.random.default_rng(0).integers(0, 10, (64, 5))
    classes = np.arange(64) % 2
    index, target = lepton.tensor(words + 10 * classes[:, None]), lepton.tensor(classes)
    optimizer = lepton.optim.SGD(net.parameters(), lr=1.0)
    for _ in range(40):
        optimizer.zero_grad()
        F.cross_entropy(net(index), target).backward()
        optimizer.step()
    assert (net(index).argmax(1) == target).all()


@pytest.mark.parametrize(
    ("offsets", "words"),
    [([0, 3, 2], "must not decrease"), ([], "offsets for no bag"), ([2, 3], "has to be 0"), ([0, 9], "length 7")],
)
def test_offsets_that_make_no_bags(offsets: list[int], words: str) -> None:
    given: Any = lepton.tensor(offsets, dtype=lepton.int64)
    with pytest.raises(ValueRangeError, match=words):
        F.embedding_bag(lepton.tensor(INDEX), lepton.ones(5, 2), given)


def test_sparse_gradients_are_refused() -> None:
    with pytest.raises(ArgumentError, match="sparse=True is not available"):
        nn.EmbeddingBag(5, 2, sparse=True)(lepton.tensor([[1]]))
