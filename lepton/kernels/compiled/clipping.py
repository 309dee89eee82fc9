"""Squares of many arrays, and their elements scaled or limited, in one parallel loop over blocks of all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.clipping import BLOCK
from lepton.kernels.compiled import addresses
from lepton.kernels.compiled.addresses import KIND, REFUSED, block_of, ends_of, part_of
from lepton.kernels.compiled.loops import inner, parallel

_ARGUMENTS = "void(X[::1], i8[:, ::1], f8[::1])"  # an empty array of the type, the addresses, and numbers


def squares_each(arrays: list[Any]) -> list[float | None]:
    """Σ x² of each array, None for arrays that are not taken."""
    if not addresses.readable():
        return [None] * len(arrays)
    sums = np.zeros(len(arrays))
    table = _over(_add_squares, arrays, sums, 0)
    return [
        None if kind == REFUSED else each for kind, each in zip(table[:, KIND].tolist(), sums.tolist(), strict=True)
    ]


def scale_each(arrays: list[Any], factor: float) -> list[int]:
    """x ← factor·x for all arrays; the numbers of those that are not taken."""
    return _changed(_scale, arrays, factor)


def limit_each(arrays: list[Any], limit: float) -> list[int]:
    """x ← x brought into [−limit, limit] for all arrays; the numbers of those that are not taken."""
    return _changed(_limit, arrays, limit)


def _changed(loop: Any, arrays: list[Any], number: float) -> list[int]:
    if not addresses.readable():
        return list(range(len(arrays)))
    table = _over(loop, arrays, np.array([number]), -1)
    return np.flatnonzero(table[:, KIND] == REFUSED).tolist()


def _over(loop: Any, arrays: list[Any], numbers: Any, read_only: int) -> Any:
    """Run a loop on the arrays of each type; their table."""
    table = addresses.table_of([(each,) for each in arrays])
    for like in addresses.surveyed(table, BLOCK, read_only):
        loop(like, table, numbers)
    return table


@inner(fastmath={"reassoc", "contract", "nsz"})
def _square(x: Any) -> float:
    total = 0.0
    for i in range(x.size):
        total += np.float64(x[i]) * np.float64(x[i])
    return total


@parallel(_ARGUMENTS)
def _add_squares(like: Any, table: Any, sums: Any) -> None:
    blocks = table[-1, ends_of(like)]
    found, rows = np.empty(blocks), np.empty(blocks, np.int64)
    for number in prange(blocks):
        row, here = block_of(table, number, BLOCK, like)
        rows[number] = row
        found[number] = _square(part_of(here, 0))
    for number in range(blocks):
        sums[rows[number]] += found[number]


@parallel(_ARGUMENTS)
def _scale(like: Any, table: Any, numbers: Any) -> None:
    factor = like.dtype.type(numbers[0])
    for number in prange(table[-1, ends_of(like)]):
        _, here = block_of(table, number, BLOCK, like)
        x = part_of(here, 0)
        for i in range(x.size):
            x[i] *= factor


@parallel(_ARGUMENTS)
def _limit(like: Any, table: Any, numbers: Any) -> None:
    high = like.dtype.type(numbers[0])
    low = -high
    for number in prange(table[-1, ends_of(like)]):
        _, here = block_of(table, number, BLOCK, like)
        x = part_of(here, 0)
        for i in range(x.size):
            x[i] = low if x[i] < low else high if x[i] > high else x[i]
