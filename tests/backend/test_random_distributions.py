"""Random numbers: do they follow the distribution that they claim?  Seeds are fixed, so the answers are too."""

import math

import numpy as np
import pytest

from lepton.backend import random
from tests.backend._random_support import seeded


def normal_cdf(x):
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])


KOLMOGOROV = {
    "uniform": (lambda g: random.uniform(20_000, -1, 3, "float64", g), lambda x: (x + 1) / 4),
    "uniform float32": (lambda g: random.uniform(20_000, generator=g), lambda x: x),
    "normal": (lambda g: random.normal(20_000, 2, 3, "float64", g), lambda x: normal_cdf((x - 2) / 3)),
    "normal float32": (lambda g: random.normal(20_000, generator=g), normal_cdf),
    "truncated normal": (
        lambda g: random.truncated_normal(20_000, low=0.5, high=2, dtype="float64", generator=g),
        lambda x: (normal_cdf(x) - normal_cdf([0.5])) / (normal_cdf([2]) - normal_cdf([0.5])),
    ),
    "log-normal": (
        lambda g: random.log_normal(20_000, 1, 2, "float64", g),
        lambda x: normal_cdf((np.log(x) - 1) / 2),
    ),
    "exponential": (lambda g: random.exponential(20_000, 3, "float64", g), lambda x: -np.expm1(-3 * x)),
    "cauchy": (
        lambda g: random.cauchy(20_000, 1, 2, "float64", g),
        lambda x: 0.5 + np.arctan((x - 1) / 2) / np.pi,
    ),
}


@pytest.mark.parametrize("name", KOLMOGOROV)
def test_kolmogorov_smirnov(name):
    draw, cdf = KOLMOGOROV[name]
    below = cdf(np.sort(draw(seeded())))
    size = below.size
    distance = max((np.arange(1, size + 1) / size - below).max(), (below - np.arange(size) / size).max())
    assert distance * math.sqrt(size) < 1.95  # passed by 999 of 1000 true samples; the seed is fixed


def chi_square_is_small(observed, expected):
    statistic = ((observed - expected) ** 2 / expected).sum()
    freedom = observed.size - 1
    return statistic < freedom + 3.1 * math.sqrt(2 * freedom) + 4


def test_chi_square_of_integers_bernoulli_geometric_and_permutations():
    n = 60_000
    drawn = random.integers(n, -3, 10, generator=seeded())
    assert chi_square_is_small(np.bincount(drawn + 3, minlength=13), np.full(13, n / 13))
    for mask in (random.bernoulli(0.3, n, seeded()), random.dropout_mask(n, 0.3, seeded())):
        assert chi_square_is_small(np.bincount(mask, minlength=2), n * np.array([0.7, 0.3]))
    trials = random.geometric(n, 0.4, "int64", seeded())
    probability = 0.4 * 0.6 ** np.arange(12)
    observed = np.bincount(np.minimum(trials, 13) - 1, minlength=13)
    assert chi_square_is_small(observed, n * np.append(probability, 1 - probability.sum()))
    generator = seeded()
    orders = [tuple(random.permutation(3, generator).tolist()) for _ in range(6000)]
    assert chi_square_is_small(np.array([orders.count(o) for o in sorted(set(orders))]), np.full(6, 1000))


def test_multinomial_with_replacement_follows_the_weights():
    weights = np.array([[0.0, 1, 2, 0, 3, 0], [5, 0, 0, 5, 0, 0]], np.float32)
    drawn = random.multinomial(weights, 30_000, True, seeded())
    assert drawn.shape == (2, 30_000) and drawn.dtype == np.int64
    for row, w in zip(drawn, weights, strict=True):
        counts = np.bincount(row, minlength=6)
        assert (counts[w == 0] == 0).all()
        assert chi_square_is_small(counts[w > 0], 30_000 * w[w > 0] / w.sum())


def test_multinomial_without_replacement_is_drawing_one_after_the_other():
    n, w = 60_000, np.array([1.0, 2.0, 3.0, 0.0])
    drawn = random.multinomial(np.tile(w, (n, 1)), 2, generator=seeded())
    pairs = np.bincount(drawn[:, 0] * 4 + drawn[:, 1], minlength=16).reshape(4, 4)
    expected = np.array([[w[i] / 6 * w[j] / (6 - w[i]) if i != j else 0 for j in range(4)] for i in range(4)])
    assert (pairs[expected == 0] == 0).all()
    assert chi_square_is_small(pairs[expected > 0], n * expected[expected > 0])


def test_multinomial_shapes_and_huge_weights():
    assert random.multinomial(np.ones(3), 5, True).shape == (5,)
    assert random.multinomial(np.ones((0, 3)), 2).shape == (0, 2)
    assert random.multinomial(np.ones((0, 3)), 2, True).shape == (0, 2)
    assert set(random.multinomial(np.array([1e308, 1e308, 0]), 50, True).tolist()) == {0, 1}
    assert sorted(random.multinomial(np.array([5e-324, 1e308, 0]), 2).tolist()) == [0, 1]
    assert sorted(random.multinomial(np.ones(7, np.float16), 7).tolist()) == list(range(7))
