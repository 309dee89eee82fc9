"""What the tests of random numbers share."""

import numpy as np

from lepton.backend import random

SEED = 2026
FLOATING = ("float16", "float32", "float64")


def seeded(seed=SEED):
    return random.Generator().manual_seed(seed)


EXTREME_WORDS = (0, 1, 2**11 - 1, 2**12 - 1, 2**63 - 1, 2**63, 2**64 - 2**12, 2**64 - 1)


def extreme():
    return np.array(EXTREME_WORDS, np.uint64)


class ExtremeWords(random.Piece):
    """A draw of nothing but extreme words."""

    def __init__(self):
        super().__init__((0, 0), 0)

    def words(self, offset, count):
        return np.resize(extreme(), offset + count)[offset:]

    def half_words(self, offset, count):
        return np.resize(np.array([0, 2**32 - 1, 2**31], np.uint32), offset + count)[offset:]


# Every draw whose element i is made of word i: name → (size, generator) → array.
ELEMENTWISE = {
    **{
        f"{draw.__name__} {dtype}": (lambda n, g, draw=draw, dtype=dtype: draw(n, dtype=dtype, generator=g))
        for draw in (
            random.uniform,
            random.normal,
            random.truncated_normal,
            random.log_normal,
            random.exponential,
            random.cauchy,
        )
        for dtype in FLOATING
    },
    "uniform in [-3, 5)": lambda n, g: random.uniform(n, -3.0, 5.0, generator=g),
    "geometric": lambda n, g: random.geometric(n, 0.1, generator=g),
    "integers": lambda n, g: random.integers(n, -7, 1000, generator=g),
    "integers of 64 bits": lambda n, g: random.integers(n, -(2**63), 2**63 - 3, generator=g),
    "bernoulli": lambda n, g: random.bernoulli(0.3, n, g),
    "dropout mask": lambda n, g: random.dropout_mask(n, 0.3, g),
}
