"""3×3 convolution with fewer multiplications: 16 for a tile of 2×2 outputs instead of 36 (float32, stride 1).

Winograd's F(2×2, 3×3) (Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks*, 2015): with D a tile of 4×4
inputs, W the 3×3 weights, Y the 2×2 outputs,

    Y = Aᵀ·[Σ over c of (G·W·Gᵀ) ⊙ (Bᵀ·D·B)]·A,    ∂W = Gᵀ·[Σ over tiles of (A·∂Y·Aᵀ) ⊙ (Bᵀ·D·B)]·G

and each of the 16 elements of the bracket is a product of matrices, over channels or over tiles. The input's gradient
is the convolution of g with the weights turned around.

Where the sum of a bracket is not finite its neighbours in the tile are not either, unlike in the reference; then the
caller computes in another way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.direct import UNITS
from lepton.kernels.compiled.loops import inner, parallel
from lepton.kernels.compiled.numeric import bits32, f4, i4
from lepton.kernels.compiled.vectors import (
    BYTES, LEFT, RIGHT, ROWS, WIDEST, clear, inner_block, move_apart, outer_block, sandwich, sandwich_tiles, weave,
)  # fmt: skip
from lepton.kernels.windows import Ints

STORED = 1 << 20  # elements of tiles at a time for the weight's gradient: they stay in the last-level cache
LANES = BYTES // 4
BLOCK = LANES * WIDEST  # tiles that are multiplied at once
ROOM = BLOCK + LANES  # what they take: their last vector may reach beyond them
CHUNK = 512  # tiles whose products are added up at once for the weight's gradient

INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))  # Bᵀ
WEIGHT = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))  # G
OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))  # Aᵀ

_block = outer_block(WIDEST)
_input, _weight, _output = sandwich_tiles(INPUT), sandwich(WEIGHT), sandwich(OUTPUT)
_output_back = sandwich_tiles(tuple(zip(*OUTPUT, strict=True)))
_weight_back = sandwich(tuple(zip(*WEIGHT, strict=True)))


class Plan:
    """How one direction, forward or (``turned``) back to the input, is computed.

    Attributes:
        taps: the order in which a weight's places are taken. places, steps: of rows and of terms in the transformed
            weight. shifts: of terms in the tiles. runs: for each row of tiles in a block (first lane, tiles, image,
            row, column, where its output begins, how long its rows are, how many there are). firsts: each block's first
            run.
    """

    def __init__(self, x_shape: Ints, weight_shape: Ints, before: Ints, turned: bool) -> None:
        images, channels, *lengths = x_shape
        counts = [n + 2 * b - 2 for n, b in zip(lengths, before, strict=True)]
        outputs = weight_shape[1 if turned else 0]
        self.shape = (images, outputs, *counts)
        self.width = -(-weight_shape[1] // LANES) * LANES  # of a row of the transformed weight
        self.taps = np.arange(9)[:: -1 if turned else 1].copy()
        rows, terms = np.arange(-(-outputs // ROWS) * ROWS).clip(max=outputs - 1), np.arange(channels)
        self.places, self.steps = (rows, terms * self.width) if turned else (rows * self.width, terms)
        self.shifts = terms * ROOM
        self.runs, self.firsts = self._runs(images, counts)
        blocks = self.blocks = len(self.firsts) - 1
        self.splits = 1 if blocks >= UNITS else min(len(rows) // ROWS, -(-UNITS // blocks))
        self.sizes = np.array(
            [channels, *lengths, *before, outputs, *weight_shape[:2], self.width, self.splits, *counts], np.int64
        )

    def _runs(self, images: int, counts: list[int]) -> tuple[Any, Any]:
        runs, firsts = [], []
        down, across = [-(-n // 2) for n in counts]
        for first in range(0, images * down * across, BLOCK):
            firsts.append(len(runs))
            place, last = first, min(first + BLOCK, images * down * across)
            while place < last:
                row, column = divmod(place, across)
                count = min(across - column, last - place)
                image, row = divmod(row, down)
                target = 2 * row * counts[1] + 2 * column
                length, height = min(2 * count, counts[1] - 2 * column), min(2, counts[0] - 2 * row)
                runs.append((place - first, count, image, row, column, target, length, height))
                place += count
        return np.array(runs), np.array([*firsts, len(runs)])


plan_of = lru_cache(maxsize=256)(Plan)


@inner()
def _cut_out(x: Any, first: int, last: int, channel: int, runs: Any, sizes: Any, tiles: Any, at: int) -> None:
    """Bᵀ·D·B for one channel of the tiles D of one block's runs."""
    channels, height, width, above, beside = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]
    at += channel * ROOM
    for run in range(first, last):  # what reaches beyond a row's tiles is written again by the next one
        source, vectors = (runs[run, 2] * channels + channel) * height * width, (runs[run, 1] + LANES - 1) // LANES
        _input(
            x, source, 2 * runs[run, 3] - above, 2 * runs[run, 4] - beside, height, width, tiles, at + runs[run, 0],
            channels * ROOM, vectors,
        )  # fmt: skip
    end = runs[last - 1, 0] + runs[last - 1, 1]
    for each in range(16):
        clear(tiles, at + each * channels * ROOM + end, ROOM - end)


@inner()
def _multiply(
    turned: Any, tiles: Any, at: int, bias: Any, out: Any, begin: int, end: int, places: Any, steps: Any, shifts: Any,
    runs: Any, first: int, last: int, sizes: Any,
) -> bool:  # fmt: skip
    """The outputs ``begin`` … ``end`` of one block's tiles; whether all are finite."""
    channels, outputs, length = sizes[0], sizes[5], sizes[11]
    plane, filters = sizes[10] * length, sizes[6] * sizes[8]
    sums, made = np.empty(16 * ROWS * BLOCK, tiles.dtype), np.empty(4 * BLOCK + 2 * LANES, tiles.dtype)
    fine = True
    for output in range(begin, end, ROWS):
        for each in range(16):
            _block(
                turned, each * filters, places, output, steps, tiles, at + each * channels * ROOM, shifts,
                0, channels, sums, each * ROWS * BLOCK,
            )  # fmt: skip
        for row in range(min(ROWS, outputs - output)):
            _output(sums, row * BLOCK, ROWS * BLOCK, made, 0, BLOCK, WIDEST)
            fine = fine and _all_finite(made)
            more = bias[output + row] if len(bias) else f4(-0.0)
            for run in range(first, last):
                target = (runs[run, 2] * outputs + output + row) * plane + runs[run, 5]
                for line in range(runs[run, 7]):
                    place = 2 * line * BLOCK + runs[run, 0]
                    weave(made, place, BLOCK, more, out, target + line * length, runs[run, 6])
    return fine


@parallel(
    "void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[:, ::1],"
    " i8[::1], i8[::1], b1[::1])"
)
def _convolve(
    x: Any, weight: Any, bias: Any, turned: Any, tiles: Any, out: Any, taps: Any, places: Any, steps: Any,
    shifts: Any, runs: Any, firsts: Any, sizes: Any, odd: Any,
) -> None:  # fmt: skip
    channels, filters, inputs, width, splits = sizes[0], sizes[6], sizes[7], sizes[8], sizes[9]
    blocks, size = len(firsts) - 1, 16 * channels * ROOM
    for each in prange(filters):
        laid = np.empty(9 * width, x.dtype)
        for tap in range(9):
            move_apart(weight, each * inputs * 9 + taps[tap], 9, f4(-0.0), laid, tap * width, 1, inputs)
        _weight(laid, 0, width, turned, each * width, filters * width, width // LANES)
    if splits == 1:  # tiles are multiplied where they have been cut out: they stay in the core's own cache
        for block in prange(blocks):
            mine, first, last = np.empty(size, x.dtype), firsts[block], firsts[block + 1]
            for channel in range(channels):
                _cut_out(x, first, last, channel, runs, sizes, mine, 0)
            if not _multiply(
                turned, mine, 0, bias, out, 0, len(places), places, steps, shifts, runs, first, last, sizes
            ):
                odd[0] = True
        return
    for unit in prange(blocks * channels):
        block = unit // channels
        _cut_out(x, firsts[block], firsts[block + 1], unit % channels, runs, sizes, tiles, block * size)
    for unit in prange(blocks * splits):
        block, part, groups = unit // splits, unit % splits, len(places) // ROWS
        begin, end = groups * part // splits * ROWS, groups * (part + 1) // splits * ROWS
        if not _multiply(
            turned, tiles, block * size, bias, out, begin, end, places, steps, shifts, runs, firsts[block],
            firsts[block + 1], sizes,
        ):  # fmt: skip
            odd[0] = True


@inner()
def _all_finite(made: Any) -> bool:
    found = i4(0)
    for i in range(4 * BLOCK):
        found |= i4((bits32(made[i]) & i4(0x7F800000)) == i4(0x7F800000))
    return found == 0


def convolve(plan: Plan, x: Any, weight: Any, bias: Any) -> Any:
    """The windows' sums, or NotImplemented where they are not all finite; all arrays are contiguous."""
    out, odd = np.empty(plan.shape, x.dtype), np.zeros(1, np.bool_)
    turned = np.empty(16 * weight.shape[0] * plan.width, x.dtype)
    tiles = np.empty(0 if plan.splits == 1 else 16 * x.shape[1] * plan.blocks * ROOM, x.dtype)
    _convolve(
        x.reshape(-1), weight.reshape(-1), np.empty(0, x.dtype) if bias is None else bias, turned, tiles,
        out.reshape(-1), plan.taps, plan.places, plan.steps, plan.shifts, plan.runs, plan.firsts, plan.sizes, odd,
    )  # fmt: skip
    return NotImplemented if odd[0] else out


class WeightPlan:
    """How the weight's gradient is computed.

    Attributes:
        lefts, rights: rows of g's and of x's transformed tiles. pitch: from one channel's tiles to the next one's.
        width: of a row of the products.
    """

    def __init__(self, x_shape: Ints, g_shape: Ints, before: Ints) -> None:
        images, channels, *lengths = x_shape
        outputs, counts = g_shape[1], g_shape[2:]
        down, across = [-(-n // 2) for n in counts]
        at_once = max(1, min(images, STORED // (16 * max(channels, outputs) * down * across)))
        pitch = self.pitch = (at_once * down * across // LANES + 2) * LANES
        width = self.width = -(-channels // LANES) * LANES + LANES
        self.lefts = np.arange(-(-outputs // LEFT) * LEFT).clip(max=outputs - 1) * pitch
        self.rights = np.arange(-(-channels // RIGHT) * RIGHT).clip(max=channels - 1) * pitch
        self.sizes = np.array(
            [images, at_once, width, pitch, down, across, channels, *lengths, *before, outputs, *counts], np.int64
        )


weight_plan_of = lru_cache(maxsize=256)(WeightPlan)


@inner()
def _cut_row(x: Any, begin: int, here: int, channel: int, sizes: Any, given: bool, tiles: Any) -> None:
    """Bᵀ·D·B for one channel of some images, or for g A·∂Y·Aᵀ; zeros up to the pitch."""
    pitch, down, across = sizes[3], sizes[4], sizes[5]
    channels, height, width = (sizes[11], sizes[12], sizes[13]) if given else (sizes[6], sizes[7], sizes[8])
    vectors, place = (across + LANES - 1) // LANES, channel * pitch
    for image in range(begin, begin + here):
        source = (image * channels + channel) * height * width
        for row in range(down):  # what reaches beyond a row's tiles is written again by the next one
            if given:
                _output_back(x, source, 2 * row, 0, height, width, tiles, place, channels * pitch, vectors)
            else:
                _input(
                    x, source, 2 * row - sizes[9], -sizes[10], height, width, tiles, place, channels * pitch, vectors
                )
            place += across
    for each in range(16):
        clear(tiles, each * channels * pitch + place, (channel + 1) * pitch - place)


@inner()
def _accumulate(
    given: Any, lefts: Any, tiles: Any, rights: Any, at: int, to: int, first: int, last: int, sums: Any, place: int,
    width: int,
) -> None:  # fmt: skip
    """Add the products of all rows, over some vectors of tiles, for one of the 16 elements."""
    few = np.empty(LEFT * RIGHT + LANES, given.dtype)
    for left in range(0, len(lefts), LEFT):
        for right in range(0, len(rights), RIGHT):
            inner_block(
                given, lefts, left, at + first * LANES, tiles, rights, right, to + first * LANES, last - first, few
            )
            for i in range(LEFT):
                begin = place + (left + i) * width + right
                for j in range(RIGHT):
                    sums[begin + j] += few[i * RIGHT + j]


@parallel("void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8[::1], i8[::1], i8[::1])")
def _differentiate(
    g: Any, x: Any, given: Any, tiles: Any, sums: Any, total: Any, lefts: Any, rights: Any, sizes: Any
) -> None:
    images, at_once, width, pitch, per_image = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4] * sizes[5]
    channels, outputs = sizes[6], sizes[11]
    size = len(lefts) * width
    for begin in range(0, images, at_once):
        here = min(at_once, images - begin)
        for each in prange(channels + outputs):
            if each < channels:
                _cut_row(x, begin, here, each, sizes, False, tiles)
            else:
                _cut_row(g, begin, here, each - channels, sizes, True, given)
        vectors = (here * per_image + LANES - 1) // LANES
        chunks = (vectors * LANES + CHUNK - 1) // CHUNK
        for each in prange(16):
            if begin == 0:
                clear(sums, each * size, size)
            for chunk in range(chunks):
                _accumulate(
                    given, lefts, tiles, rights, each * outputs * pitch, each * channels * pitch,
                    vectors * chunk // chunks, vectors * (chunk + 1) // chunks, sums, each * size, width,
                )  # fmt: skip
    for output in prange(outputs):
        made = np.empty(9 * width, x.dtype)
        _weight_back(sums, output * width, size, made, 0, width, (channels + LANES - 1) // LANES)
        for tap in range(9):
            move_apart(made, tap * width, 1, f4(-0.0), total, output * channels * 9 + tap, 9, channels)


def differentiate(plan: WeightPlan, g: Any, x: Any) -> Any:
    """The weight's gradient, or NotImplemented where it is not all finite; both arrays are contiguous."""
    total = np.empty((g.shape[1], x.shape[1], 3, 3), x.dtype)
    tiles, given = [np.empty(16 * each.shape[1] * plan.pitch + LANES, x.dtype) for each in (x, g)]
    sums = np.empty(16 * len(plan.lefts) * plan.width + LANES, x.dtype)
    _differentiate(
        g.reshape(-1), x.reshape(-1), given, tiles, sums, total.reshape(-1), plan.lefts, plan.rights, plan.sizes
    )
    return total if np.isfinite(total).all() else NotImplemented
