"""3×3 convolution with fewer multiplications: 16 for a tile of 2×2 outputs instead of 36 (float32, stride 1).

Winograd's F(2×2, 3×3) (Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks*, 2015): with D a tile of 4×4
inputs, W the 3×3 weights, Y the 2×2 outputs,

    Y = Aᵀ·[Σ over c of (G·W·Gᵀ) ⊙ (Bᵀ·D·B)]·A,    ∂W = Gᵀ·[Σ over tiles of (A·∂Y·Aᵀ) ⊙ (Bᵀ·D·B)]·G

and each of the 16 elements of the bracket is a product of matrices, over channels or over tiles. Overlapping tiles
begin every second element; images laid out by the remainders of position / 2 have the 16 elements of a tile at 16
shifts. The input's gradient is the convolution of g with the weights turned around.

Where the sum of a bracket is not finite its neighbours in the tile are not either, unlike in the reference; then the
caller computes in another way.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.direct import CHUNK, UNITS, Layout, lay_out
from lepton.kernels.compiled.loops import inner, parallel
from lepton.kernels.compiled.numeric import bits32, f4, i4
from lepton.kernels.compiled.vectors import (
    BYTES, LEFT, RIGHT, ROWS, WIDEST, clear, inner_block, move_apart, outer_block, sandwich, weave,
)  # fmt: skip
from lepton.kernels.windows import Ints

STORED = 1 << 21  # elements of tiles at a time: they stay in the last-level cache
LANES = BYTES // 4
BLOCK = LANES * WIDEST  # tiles that are multiplied at once

INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))  # Bᵀ
WEIGHT = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))  # G
OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))  # Aᵀ

_block = outer_block(WIDEST)
_input, _weight, _output = sandwich(INPUT), sandwich(WEIGHT), sandwich(OUTPUT)
_output_back = sandwich(tuple(zip(*OUTPUT, strict=True)))
_weight_back = sandwich(tuple(zip(*WEIGHT, strict=True)))


class Tiles:
    """How the places that windows of 2×2 outputs meet are cut out of images.

    Attributes:
        layout: of the images. sources: where a tile's elements are in it.
        across, down: tiles of an image. at_once: images at a time. pitch: from one channel's tiles to the next one's.
        room: what one channel of one image takes laid out.
    """

    def __init__(self, lengths: Ints, counts: Ints, before: Ints, size: int) -> None:
        self.down, self.across = [-(-n // 2) for n in counts]
        places = [(i - before[0], j - before[1]) for i, j in product(range(size), repeat=2)]
        self.layout = Layout(lengths, (self.down, self.across), (2, 2), places)
        self.sources = np.array(self.layout.shifts(1), np.int64)
        self.room = len(self.layout.phases) * self.layout.area + self.layout.reach + 2 * LANES

    def pitch(self, images: int) -> int:
        """From one channel's tiles to the next one's: whole blocks, and what the last row's last vector needs."""
        return -(-images * self.down * self.across // BLOCK) * BLOCK + LANES

    def sizes(self, channels: int, length: int, pitch: int) -> list[int]:
        """What ``_cut_out`` needs to know."""
        return [channels, length, self.layout.width, self.layout.area, self.across, self.down, self.room, pitch]


@inner()
def _cut_out(x: Any, begin: int, here: int, channel: int, rows: Any, sources: Any, sizes: Any, tiles: Any) -> None:
    """Bᵀ·D·B for the tiles D of one channel of some images, or A·∂Y·Aᵀ for tiles of 2×2; zeros up to the pitch."""
    channels, length, width, area, across, down = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]
    laid, pitch = np.empty(sizes[6], x.dtype), sizes[7]
    vectors, place = (across + LANES - 1) // LANES, channel * pitch
    for image in range(here):
        lay_out(x, ((begin + image) * channels + channel) * length, rows, width, laid, 0, area)
        for row in range(down):  # each row's last vector may reach into the next row, which is written after it
            if len(sources) == 16:
                _input(laid, row * width, sources, tiles, place, channels * pitch, vectors)
            else:
                _output_back(laid, row * width, sources, tiles, place, channels * pitch, vectors)
            place += across
    for each in range(16):
        clear(tiles, each * channels * pitch + place, (channel + 1) * pitch - place)


class Plan:
    """How one direction, forward or (``turned``) back to the input, is computed.

    Attributes:
        taps: the order in which a weight's places are taken. places, steps: of rows and of terms in the transformed
            weight. shifts: of terms in the tiles. runs: for each row of tiles in a block (first lane, tiles, image,
            where its output begins, how long its rows are, how many there are). firsts: each block's first run.
    """

    def __init__(self, x_shape: Ints, weight_shape: Ints, before: Ints, turned: bool) -> None:
        images, channels, *lengths = x_shape
        counts = [n + 2 * b - 2 for n, b in zip(lengths, before, strict=True)]
        outputs = weight_shape[1 if turned else 0]
        self.shape = (images, outputs, *counts)
        self.tiles = tiles = Tiles(tuple(lengths), tuple(counts), before, 4)
        at_once = max(1, min(images, STORED // (16 * channels * tiles.down * tiles.across)))
        pitch = self.pitch = tiles.pitch(at_once)
        self.width = -(-weight_shape[1] // LANES) * LANES  # of a row of the transformed weight
        self.taps = np.arange(9)[:: -1 if turned else 1].copy()
        rows, terms = np.arange(-(-outputs // ROWS) * ROWS).clip(max=outputs - 1), np.arange(channels)
        self.places, self.steps = (rows, terms * self.width) if turned else (rows * self.width, terms)
        self.shifts = terms * pitch
        self.runs, self.firsts = self._runs(at_once, counts)
        splits = max(1, min(len(rows) // ROWS, -(-UNITS // (len(self.firsts) - 1))))
        self.sizes = np.array(
            [images, at_once, outputs, weight_shape[0], weight_shape[1], self.width, splits, counts[0] * counts[1],
             counts[1], *tiles.sizes(channels, lengths[0] * lengths[1], pitch)]
        )  # fmt: skip

    def _runs(self, images: int, counts: list[int]) -> tuple[Any, Any]:
        runs, firsts = [], []
        down, across = self.tiles.down, self.tiles.across
        for first in range(0, images * down * across, BLOCK):
            firsts.append(len(runs))
            place, last = first, min(first + BLOCK, images * down * across)
            while place < last:
                row, column = divmod(place, across)
                count = min(across - column, last - place)
                image, row = divmod(row, down)
                target = 2 * row * counts[1] + 2 * column
                length, height = min(2 * count, counts[1] - 2 * column), min(2, counts[0] - 2 * row)
                runs.append((place - first, count, image, target, length, height))
                place += count
        return np.array(runs), np.array([*firsts, len(runs)])


plan_of = lru_cache(maxsize=256)(Plan)


@parallel(
    "void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8[:, :, ::1], i8[::1], i8[::1], i8[::1], i8[::1],"
    " i8[::1], i8[:, ::1], i8[::1], i8[::1], b1[::1])"
)
def _convolve(
    x: Any, weight: Any, bias: Any, turned: Any, tiles: Any, out: Any, rows: Any, sources: Any, taps: Any, places: Any,
    steps: Any, shifts: Any, runs: Any, firsts: Any, sizes: Any, odd: Any,
) -> None:  # fmt: skip
    images, at_once, outputs, filters, inputs = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]
    width, splits, plane, length = sizes[5], sizes[6], sizes[7], sizes[8]
    channels, pitch, per_image = sizes[9], sizes[16], sizes[13] * sizes[14]
    for each in prange(filters):
        laid, nine = np.empty(9 * width, x.dtype), np.arange(9) * width
        for tap in range(9):
            move_apart(weight, each * inputs * 9 + taps[tap], 9, f4(-0.0), laid, tap * width, 1, inputs)
        _weight(laid, 0, nine, turned, each * width, filters * width, width // LANES)
    for begin in range(0, images, at_once):
        here = min(at_once, images - begin)
        for channel in prange(channels):
            _cut_out(x, begin, here, channel, rows, sources, sizes[9:], tiles)
        blocks = (here * per_image + BLOCK - 1) // BLOCK
        for unit in prange(blocks * splits):
            block, part = unit // splits, unit % splits
            sums, made = np.empty(16 * ROWS * BLOCK, x.dtype), np.empty(4 * BLOCK + 2 * LANES, x.dtype)
            apart = np.arange(16) * (ROWS * BLOCK)
            groups = len(places) // ROWS
            for first in range(groups * part // splits * ROWS, groups * (part + 1) // splits * ROWS, ROWS):
                for each in range(16):
                    _block(
                        turned, each * filters * width, places, first, steps, tiles,
                        each * channels * pitch + block * BLOCK, shifts, 0, channels, sums, each * ROWS * BLOCK,
                    )  # fmt: skip
                for row in range(min(ROWS, outputs - first)):
                    _output(sums, row * BLOCK, apart, made, 0, BLOCK, WIDEST)
                    if not _all_finite(made):
                        odd[0] = True
                    more = bias[first + row] if len(bias) else f4(-0.0)
                    for run in range(firsts[block], firsts[block + 1]):
                        if runs[run, 2] < here:
                            target = ((begin + runs[run, 2]) * outputs + first + row) * plane + runs[run, 3]
                            for line in range(runs[run, 5]):
                                weave(
                                    made, 2 * line * BLOCK + runs[run, 0], BLOCK, more, out, target + line * length,
                                    runs[run, 4],
                                )  # fmt: skip


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
    tiles = np.empty(16 * x.shape[1] * plan.pitch + LANES, x.dtype)
    _convolve(
        x.reshape(-1), weight.reshape(-1), np.empty(0, x.dtype) if bias is None else bias, turned, tiles,
        out.reshape(-1), plan.tiles.layout.rows, plan.tiles.sources, plan.taps, plan.places, plan.steps, plan.shifts,
        plan.runs, plan.firsts, plan.sizes, odd,
    )  # fmt: skip
    return NotImplemented if odd[0] else out


class WeightPlan:
    """How the weight's gradient is computed.

    Attributes:
        inputs, outputs: tiles of 4×4 of x, and of 2×2 of g. lefts, rights: rows of either in their transformed tiles.
    """

    def __init__(self, x_shape: Ints, g_shape: Ints, before: Ints) -> None:
        images, channels, *lengths = x_shape
        outputs, counts = g_shape[1], g_shape[2:]
        self.inputs = Tiles(tuple(lengths), counts, before, 4)
        self.outputs = Tiles(counts, counts, (0, 0), 2)
        per_image = self.inputs.down * self.inputs.across
        at_once = max(1, min(images, STORED // (16 * max(channels, outputs) * per_image)))
        pitch = self.pitch = self.inputs.pitch(at_once)
        self.lefts = np.arange(-(-outputs // LEFT) * LEFT).clip(max=outputs - 1) * pitch
        self.rights = np.arange(-(-channels // RIGHT) * RIGHT).clip(max=channels - 1) * pitch
        self.sizes = np.array(
            [images, at_once, -(-channels // LANES) * LANES + RIGHT,
             *self.inputs.sizes(channels, lengths[0] * lengths[1], pitch),
             *self.outputs.sizes(outputs, counts[0] * counts[1], pitch)]
        )  # fmt: skip


weight_plan_of = lru_cache(maxsize=256)(WeightPlan)


@parallel(
    "void(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8[:, :, ::1], i8[::1], i8[:, :, ::1], i8[::1], i8[::1],"
    " i8[::1], i8[::1])"
)
def _differentiate(
    g: Any, x: Any, given: Any, tiles: Any, total: Any, rows: Any, sources: Any, g_rows: Any, g_sources: Any,
    lefts: Any, rights: Any, sizes: Any,
) -> None:  # fmt: skip
    images, at_once, width, channels, pitch, outputs = sizes[0], sizes[1], sizes[2], sizes[3], sizes[10], sizes[11]
    per_image = sizes[7] * sizes[8]
    for begin in range(0, images, at_once):
        here = min(at_once, images - begin)
        for each in prange(channels + outputs):
            if each < channels:
                _cut_out(x, begin, here, each, rows, sources, sizes[3:], tiles)
            else:
                _cut_out(g, begin, here, each - channels, g_rows, g_sources, sizes[11:], given)
        vectors = (here * per_image + LANES - 1) // LANES
        chunks = (vectors * LANES + CHUNK - 1) // CHUNK
        for block in prange(len(lefts) // LEFT):
            sums = np.zeros(16 * LEFT * width, x.dtype)
            made, few = np.empty(9 * width, x.dtype), np.empty(2 * LEFT * RIGHT + LANES, x.dtype)
            apart = np.arange(16) * (LEFT * width)
            for each in range(16):
                for chunk in range(chunks):
                    first, last = vectors * chunk // chunks, vectors * (chunk + 1) // chunks
                    for right in range(0, len(rights), RIGHT):
                        inner_block(
                            given, lefts, block * LEFT, each * outputs * pitch + first * LANES, tiles, rights, right,
                            each * channels * pitch + first * LANES, last - first, few,
                        )  # fmt: skip
                        for i in range(LEFT):
                            place = (each * LEFT + i) * width + right
                            for j in range(RIGHT):
                                sums[place + j] += few[i * RIGHT + j]
            for i in range(min(LEFT, outputs - block * LEFT)):
                _weight_back(sums, i * width, apart, made, 0, width, (channels + LANES - 1) // LANES)
                place = (block * LEFT + i) * channels * 9
                for channel in range(channels):
                    for tap in range(9):
                        total[place + channel * 9 + tap] += made[tap * width + channel]


def differentiate(plan: WeightPlan, g: Any, x: Any) -> Any:
    """The weight's gradient, or NotImplemented where it is not all finite; both arrays are contiguous."""
    total = np.zeros((g.shape[1], x.shape[1], 3, 3), x.dtype)
    tiles, given = [np.empty(16 * each.shape[1] * plan.pitch + LANES, x.dtype) for each in (x, g)]
    _differentiate(
        g.reshape(-1), x.reshape(-1), given, tiles, total.reshape(-1), plan.inputs.layout.rows, plan.inputs.sources,
        plan.outputs.layout.rows, plan.outputs.sources, plan.lefts, plan.rights, plan.sizes,
    )  # fmt: skip
    return total if np.isfinite(total).all() else NotImplemented
