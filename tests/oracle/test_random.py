"""Random numbers beside PyTorch's: the same default seed, and errors that code written for PyTorch catches."""

import math

import numpy as np
import pytest

from lepton.backend import random

torch = pytest.importorskip("torch")

x = torch.zeros(3)
REFUSED = {
    "uniform, bounds swapped": (lambda: random.uniform(3, 2, 1), lambda: x.uniform_(2, 1)),
    "uniform, too wide": (lambda: random.uniform(3, -3e38, 3e38), lambda: x.uniform_(-3e38, 3e38)),
    "uniform, not finite": (lambda: random.uniform(3, 0, math.inf), lambda: x.uniform_(0, math.inf)),
    "uniform, integers": (lambda: random.uniform(3, dtype="int64"), lambda: torch.rand(3, dtype=torch.int64)),
    "normal, integers": (lambda: random.normal(3, dtype="int64"), lambda: torch.randn(3, dtype=torch.int64)),
    "negative size": (lambda: random.uniform(-1), lambda: torch.rand(-1)),
    "size not whole": (lambda: random.uniform(2.5), lambda: torch.rand(2.5)),
    "normal, negative std": (lambda: random.normal(3, std=-1), lambda: x.normal_(0, -1)),
    "normal, one negative std": (
        lambda: random.normal(3, 0, np.array([1, -1, 1.0])),
        lambda: torch.normal(x, torch.tensor([1, -1, 1.0])),
    ),
    "integers, empty": (lambda: random.integers(3, 5, 5), lambda: torch.randint(5, 5, (3,))),
    "integers, too large": (
        lambda: random.integers(3, 0, 300, "uint8"),
        lambda: torch.randint(0, 300, (3,), dtype=torch.uint8),
    ),
    "bernoulli": (lambda: random.bernoulli(np.array([1.5])), lambda: torch.bernoulli(torch.tensor([1.5]))),
    "permutation": (lambda: random.permutation(-1), lambda: torch.randperm(-1)),
    "exponential": (lambda: random.exponential(3, 0), lambda: x.exponential_(0)),
    "cauchy": (lambda: random.cauchy(3, 0, 0), lambda: x.cauchy_(0, 0)),
    "log-normal": (lambda: random.log_normal(3, 0, 0), lambda: x.log_normal_(0, 0)),
    "geometric": (lambda: random.geometric(3, 1.0), lambda: x.geometric_(1)),
    "multinomial, integers": (
        lambda: random.multinomial(np.ones(2, int), 1),
        lambda: torch.multinomial(torch.ones(2, dtype=torch.int64), 1),
    ),
    "multinomial, no samples": (
        lambda: random.multinomial(np.ones(2), 0),
        lambda: torch.multinomial(torch.ones(2), 0),
    ),
    "multinomial, too many samples": (
        lambda: random.multinomial(np.ones(2), 3),
        lambda: torch.multinomial(torch.ones(2), 3),
    ),
    "multinomial, all zero": (
        lambda: random.multinomial(np.zeros(2), 1),
        lambda: torch.multinomial(torch.zeros(2), 1),
    ),
    "multinomial, negative": (
        lambda: random.multinomial(-np.ones(2), 1),
        lambda: torch.multinomial(-torch.ones(2), 1),
    ),
    "multinomial, three dimensions": (
        lambda: random.multinomial(np.ones((1, 1, 1)), 1),
        lambda: torch.multinomial(torch.ones(1, 1, 1), 1),
    ),
    "seed of another type": (lambda: random.Generator().manual_seed(1.5), lambda: torch.Generator().manual_seed(1.5)),
    "seed out of range": (lambda: random.Generator().manual_seed(2**64), lambda: torch.Generator().manual_seed(2**64)),
    "state of wrong size": (
        lambda: random.Generator().set_state_bytes(b"123"),
        lambda: torch.Generator().set_state(torch.zeros(3, dtype=torch.uint8)),
    ),
    "state of another type": (
        lambda: random.Generator().set_state_bytes(np.zeros(48)),
        lambda: torch.Generator().set_state(torch.zeros(48)),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses_is_refused_with_its_class(name):
    ours, theirs = REFUSED[name]
    with pytest.raises((RuntimeError, TypeError, ValueError)) as expected:
        theirs()
    with pytest.raises(expected.type):
        ours()


@pytest.mark.parametrize("seed", [None, 0, 5, -1, -(2**63), 2**63, 2**64 - 1])
def test_seeds(seed):
    ours, theirs = random.Generator(), torch.Generator()
    if seed is not None:
        ours.manual_seed(seed)
        theirs.manual_seed(seed)
    assert ours.initial_seed() == theirs.initial_seed()


def test_what_pytorch_allows_at_the_edges():
    assert random.uniform(3, 1, 1).tolist() == x.clone().uniform_(1, 1).tolist()
    assert random.exponential(3, math.inf).tolist() == x.clone().exponential_(math.inf).tolist()
    assert random.multinomial(np.ones((0, 3)), 1).shape == tuple(torch.multinomial(torch.ones(0, 3), 1).shape)
