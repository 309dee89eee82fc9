"""What the entries of padding, resampling and rearranging share."""

from __future__ import annotations

import numpy as np

from tests.table._families import fixed
from tests.table._strategies import LAYOUTS, Array

FLOATING = ("float64", "float32", "float16")
WHOLE = ("int64", "int32", "int8", "uint8")
LAID_OUT = [each for each in LAYOUTS if each != "contiguous"]


def pixels(*shape: int, seed: int = 3) -> Array:
    """An image of bytes."""
    return np.asarray(np.random.default_rng(seed).integers(0, 256, shape).astype("uint8"))


def with_odd_ones(*shape: int) -> Array:
    """Numbers, one of them inf and one nan."""
    made = fixed(shape=shape).copy()
    made.reshape(-1)[0], made.reshape(-1)[-1] = np.inf, np.nan
    return made
