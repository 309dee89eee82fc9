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
from math import prod
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.direct import multiply, width_for
from lepton.kernels.compiled.layout import UNITS
from lepton.kernels.compiled.loops import inner, parallel
from lepton.kernels.compiled.numeric import bits32, f4, i4
from lepton.kernels.compiled.vectors import (
    BYTES,
    LEFT,
    RIGHT,
    ROWS,
    WIDEST,
    clear,
    inner_block,
    move_apart,
    prefetch,
    sandwich,
    sandwich_tiles,
    weave,
)  # fmt: skip
from lepton.kernels.windows import Ints

STORED = 1 << 19  # elements of tiles at a time for the weight's gradient: they stay in the last-level cache
LANES = BYTES // 4
BLOCK = LANES * WIDEST  # tiles that are multiplied at once
ROOM = BLOCK + LANES  # what they take: their last vector may reach beyond them
AHEAD = 6  # terms
CHUNK = 512  # tiles whose products are added up at once for the weight's gradient

INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))  # Bᵀ
WEIGHT = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))  # G
OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))  # Aᵀ

_input, _weight, _output = sandwich_tiles(INPUT), sandwich(WEIGHT), sandwich(OUTPUT)
_output_back = sandwich_tiles(tuple(zip(*OUTPUT, strict=True)))
_weight_back = sandwich(tuple(zip(*WEIGHT, strict=True)))


class Plan:
    """How one direction, forward or (``turned``) back to the input, is computed.

    Attributes:
        taps: the order in which a weight's places are taken. places, steps: of rows and of terms in a group of rows of
            the transformed weight. shifts: of terms in the tiles. runs: for each row of tiles in a block (first lane,
            tiles, image, row, column, where its output begins, how long its rows are, how many there are). firsts: each
            block's first run. groups: of rows.
    """

    def __init__(self, x_shape: Ints, weight_shape: Ints, before: Ints, turned: bool) -> None:
        images, channels, *lengths = x_shape
        counts = [n + 2 * b - 2 for n, b in zip(lengths, before, strict=True)]
        outputs = weight_shape[1 if turned else 0]
        self.shape = (images, outputs, *counts)
        self.width = -(-channels // LANES) * LANES  # of a row of the transformed weight
        self.taps = np.arange(9)[:: -1 if turned else 1].copy()
        self.places, self.steps, self.shifts = (
            np.arange(ROWS) * self.width,
            np.arange(channels),
            np.arange(channels) * ROOM,
        )
        number = images * prod([-(-n // 2) for n in counts])
        vectors = width_for(number, LANES, 2)
        self.runs, self.firsts = self._runs(images, counts, vectors * LANES)
        self.blocks = len(self.firsts) - 1
        self.groups = -(-outputs // ROWS)
        self.sizes = np.array(
            [channels, *lengths, *before, outputs, *weight_shape[:2], self.width, turned, *counts, vectors], np.int64
        )

    def _runs(self, images: int, counts: list[int], block: int) -> tuple[Any, Any]:
        runs: list[Any] = []
        firsts: list[int] = []
        down, across = [-(-n // 2) for n in counts]
        for first in range(0, images * down * across, block):
            firsts.append(len(runs))
            place, last = first, min(first + block, images * down * across)
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
def _turn(weight: Any, first: int, taps: Any, sizes: Any, turned: Any, at: int, apart: int) -> None:
    """G·W·Gᵀ for a group of rows of the weights W, ``apart`` from one element of it to the next."""
    outputs, filters, inputs, width = sizes[5], sizes[6], sizes[7], sizes[8]
    laid, rows = np.empty(9 * ROWS * width, weight.dtype), min(ROWS, outputs - first)
    for tap in range(9):
        if sizes[9] == 0:
            for row in range(rows):
                source = (first + row) * inputs * 9 + taps[tap]
                move_apart(weight, source, 9, f4(-0.0), laid, (tap * ROWS + row) * width, 1, inputs)
    if sizes[9] == 1:
        for term in range(filters):
            for line in range(
                0, 9 * rows, LANES
            ):  # a few terms ahead: they lie too far apart for the processor to guess
                prefetch(weight, ((term + AHEAD) * inputs + first) * 9 + line)
            for tap in range(9):
                source = (term * inputs + first) * 9 + taps[tap]
                move_apart(weight, source, 9, f4(-0.0), laid, tap * ROWS * width + term, width, rows)
    for row in range(rows):
        _weight(laid, row * width, ROWS * width, turned, at + row * width, apart, width // LANES)


@inner()
def _multiply(
    turned: Any, base: int, apart: int, tiles: Any, at: int, bias: Any, out: Any, output: int, places: Any, steps: Any,
    shifts: Any, runs: Any, first: int, last: int, sizes: Any, sums: Any,
) -> bool:  # fmt: skip
    """A group of outputs of one block's tiles; whether all are finite."""
    channels, outputs, length, vectors = sizes[0], sizes[5], sizes[11], sizes[12]
    plane, block, made = sizes[10] * length, vectors * LANES, 16 * ROWS * BLOCK
    for each in range(16):
        multiply(
            vectors, turned, base + each * apart, places, 0, steps, tiles, at + each * channels * ROOM, shifts, 0,
            channels, sums, each * ROWS * block,
        )  # fmt: skip
    fine = True
    for row in range(min(ROWS, outputs - output)):
        _output(sums, row * block, ROWS * block, sums, made, BLOCK, vectors)
        fine = fine and _all_finite(sums, made, 4 * BLOCK)
        more = bias[output + row] if len(bias) else f4(-0.0)
        for run in range(first, last):
            target = (runs[run, 2] * outputs + output + row) * plane + runs[run, 5]
            for line in range(runs[run, 7]):
                place = made + 2 * line * BLOCK + runs[run, 0]
                weave(sums, place, BLOCK, more, out, target + line * length, runs[run, 6])
    return fine


@parallel(
    "void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[:, ::1],"
    " i8[::1], i8[::1], b1[::1])"
)
def _convolve(
    x: Any, weight: Any, bias: Any, turned: Any, tiles: Any, out: Any, taps: Any, places: Any, steps: Any,
    shifts: Any, runs: Any, firsts: Any, sizes: Any, odd: Any,
) -> None:  # fmt: skip
    """What is given room is made ahead: the transformed weight, the tiles of all blocks, or both."""
    channels, outputs, width = sizes[0], sizes[5], sizes[8]
    blocks, size, groups = len(firsts) - 1, 16 * channels * ROOM, (outputs + ROWS - 1) // ROWS
    ahead, apart = len(turned) > 0, (groups if len(turned) else 1) * ROWS * width
    splits = 1 if len(tiles) == 0 else groups if not ahead else min(groups, (UNITS + blocks - 1) // blocks)
    if ahead:
        for group in prange(groups):
            _turn(weight, group * ROWS, taps, sizes, turned, group * ROWS * width, apart)
    if len(tiles):
        for unit in prange(blocks * channels):
            block = unit // channels
            _cut_out(x, firsts[block], firsts[block + 1], unit % channels, runs, sizes, tiles, block * size)
    for unit in prange(blocks * splits):
        block, part = unit // splits, unit % splits
        first, last, at = firsts[block], firsts[block + 1], block * size
        own, mine = tiles, turned
        if len(tiles) == 0:
            own, at = np.empty(size, x.dtype), 0
            for channel in range(channels):
                _cut_out(x, first, last, channel, runs, sizes, own, 0)
        if not ahead:
            mine = np.empty(16 * ROWS * width, x.dtype)
        sums = np.zeros((16 * ROWS + 4) * BLOCK + LANES, x.dtype)
        for group in range(groups * part // splits, groups * (part + 1) // splits):
            if not ahead:
                _turn(weight, group * ROWS, taps, sizes, mine, 0, apart)
            if not _multiply(
                mine, group * ROWS * width if ahead else 0, apart, own, at, bias, out, group * ROWS, places, steps,
                shifts, runs, first, last, sizes, sums,
            ):  # fmt: skip
                odd[0] = True


@inner()
def _all_finite(made: Any, first: int, count: int) -> bool:
    found = i4(0)
    for each in made[first : first + count]:
        found |= i4((bits32(each) & i4(0x7F800000)) == i4(0x7F800000))
    return found == 0


def convolve(plan: Plan, x: Any, weight: Any, bias: Any) -> Any:
    """The windows' sums, or NotImplemented where they are not all finite; all arrays are contiguous."""
    out, odd = np.empty(plan.shape, x.dtype), np.zeros(1, np.bool_)
    turned = np.empty(0 if plan.blocks == 1 else 16 * plan.groups * ROWS * plan.width, x.dtype)
    tiles = np.empty(16 * x.shape[1] * plan.blocks * ROOM if plan.blocks < UNITS else 0, x.dtype)
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


plan_of = lru_cache(maxsize=256)(Plan)
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
