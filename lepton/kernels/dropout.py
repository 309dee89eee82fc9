"""Dropout: which elements stay, and what becomes of them."""

from __future__ import annotations

from typing import Any

from lepton.backend import random
from lepton.backend.devices import device_of, move
from lepton.backend.random import Piece
from lepton.kernels.registry import fast_kernel
from lepton.kernels.selection import masked

SMALLEST = 1 << 12  # elements for which compiled loops pay


@fast_kernel("draws", SMALLEST)
def keep_mask(like: Any, shape: tuple[int, ...], keep: float, draw: Piece) -> Any:
    """Bools of this shape where ``like`` is, true with probability ``keep``: the draw's half words below a limit."""
    return move(random.dropout_mask(shape, keep, draw), device_of(like))


@fast_kernel("draws", SMALLEST)
def dropout(x: Any, mask: Any, scale: float) -> Any:
    """s·x where the mask is true, else 0."""
    return masked(x * scale, mask)
