"""Convolution without columns: sums of products over places that are looked up, taken straight from padded images.

Where the channels are laid out (:mod:`layout`), the element that place k of a window meets lies at the window's own
position plus a shift that depends on k alone. So the positions of many rows and of several images can be the lanes of
one block, or its rows. Nothing is copied for each place of a window, as im2col does; compare Dukhan, *The Indirect
Convolution Algorithm* (2019). Two ways are here:

* :class:`Along`: lanes are positions, rows are outputs. The weight is read as it is; the positions at the ends of rows,
  where no window is, are computed too and left out.
* :class:`Across`: lanes are outputs, rows are positions. The weight is copied first, outputs side by side; no position
  is computed in vain, which small images gain from.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.layout import UNITS, Part, Sums, backward_sums, forward_sums, lay_out
from lepton.kernels.compiled.loops import inner, parallel
from lepton.kernels.compiled.vectors import BYTES, ROWS, WIDEST, gather, move, move_apart, outer_block, scatter
from lepton.kernels.convolution import Windows
from lepton.kernels.windows import Ints

_one, _two, _three = [outer_block(width + 1) for width in range(WIDEST)]


@inner()
def multiply(
    vectors: int, a: Any, base: int, places: Any, first: int, steps: Any, b: Any, at: int, shifts: Any, start: int,
    count: int, out: Any, to: int,
) -> None:  # fmt: skip
    """``outer_block`` with so many vectors of lanes."""
    if vectors == 3:
        _three(a, base, places, first, steps, b, at, shifts, start, count, out, to)
    elif vectors == 2:
        _two(a, base, places, first, steps, b, at, shifts, start, count, out, to)
    else:
        _one(a, base, places, first, steps, b, at, shifts, start, count, out, to)


def width_for(number: int, lanes: int, least: int = 1) -> int:
    """How many vectors a block has, so that few lanes of ``number`` are computed in vain; wide ones are faster."""
    return min(range(least, WIDEST + 1), key=lambda v: -(-number // (v * lanes)) * (v + 0.2))


class Along:
    """Lanes are positions.

    Attributes:
        steps, shifts: of the terms of the sums, in the weight and in what is laid out.
        places: where each row begins in the weight. outputs: for each block of rows (its first place, how many rows,
            the first output channel, where its group's channels are laid out).
        blocks: for each block of lanes (the first position, first term, terms, first run, last run, steps of output).
        runs: for each row of windows in a block (first lane, how many, image, where its output begins).
        packed: room for the weight, copied so that a row's terms lie side by side, or 0 where they do.
    """

    def __init__(self, sums: Sums, itemsize: int) -> None:
        images, channels, layout = sums.images, sums.channels, sums.layout
        self.sums, at_once = sums, layout.images_at_once(images, channels)
        pitch = self.pitch = layout.pitch(at_once)
        per_group, shifts = channels // sums.groups, layout.shifts(at_once)
        self.places, self.outputs = _row_blocks(sums.rows, per_group * pitch)
        steps, moves = [], []
        self._blocks: list[Any] = []
        self._runs: list[Any] = []
        terms = 0
        for part in sums.parts:
            steps.append((sums.terms[:, None] + np.array(part[3])).reshape(-1))
            moves.append((np.arange(per_group)[:, None] * pitch + shifts[part[2]]).reshape(-1))
            self._cut(part, at_once, BYTES // itemsize * WIDEST, terms, len(steps[-1]))
            terms += len(steps[-1])
        self.steps, self.shifts = np.concatenate(steps), np.concatenate(moves)
        self.blocks, self.runs = np.array(self._blocks, np.int64), np.array(self._runs, np.int64)
        self.packed = len(self.places) * terms if sums.terms[-1] > per_group * sums.taps else 0
        splits = max(1, min(len(self.outputs), -(-UNITS // len(self.blocks))))
        self.sizes = np.array([images, channels, at_once, pitch, layout.area, splits], np.int64)

    def _cut(self, part: Part, images: int, lanes: int, term: int, terms: int) -> None:
        """Cut the rows of windows at the edges of blocks, and enter both."""
        layout, step = self.sums.layout, self.sums.stride[-1]
        length = part[0][-1]
        positions = layout.positions(images, part[0])[::length].tolist()
        targets = np.tile(self.sums.targets(part).reshape(-1)[::length], images).tolist()
        per_image = len(positions) // images
        end = first = start = 0
        for number, (position, target) in enumerate(zip(positions, targets, strict=True)):
            left = length
            while left:
                if position >= end:
                    if end:
                        self._blocks.append((start, term, terms, first, len(self._runs), step))
                    start, end, first = position, position + lanes, len(self._runs)
                taken = min(left, end - position)
                self._runs.append((position - start, taken, number // per_image, target))
                position, target, left = position + taken, target + taken * step, left - taken
        self._blocks.append((start, term, terms, first, len(self._runs), step))

    def cost(self, itemsize: int) -> int:
        """How many vectors are multiplied for all images."""
        terms = sum(int(block[2]) for block in self.blocks)
        return -(-self.sums.images // int(self.sizes[2])) * terms * len(self.places) // self.sums.groups * WIDEST


def _row_blocks(weight_rows: Any, group_apart: int) -> tuple[Any, Any]:
    """Rows (groups, rows) in blocks of ``ROWS``; the last block of a group is filled up with its last row."""
    groups, rows = weight_rows.shape
    padded = np.concatenate([weight_rows, np.repeat(weight_rows[:, -1:], -rows % ROWS, axis=1)], axis=1)
    outputs = [
        (group * padded.shape[1] + first, min(ROWS, rows - first), group * rows + first, group * group_apart)
        for group in range(groups)
        for first in range(0, rows, ROWS)
    ]
    return padded.reshape(-1), np.array(outputs, np.int64)


@inner()
def lay_images(x: Any, begin: int, here: int, each: int, rows: Any, sizes: Any, store: Any) -> None:
    """Lay one channel of one image out: ``each`` counts both."""
    channels, at_once, pitch, area = sizes[1], sizes[2], sizes[3], sizes[4]
    image, channel = each % here, each // here
    source = ((begin + image) * channels + channel) * (x.size // (sizes[0] * channels))
    lay_out(x, source, rows, area // rows.shape[1], store, channel * pitch + image * area, at_once * area)


@parallel(
    "void(X[::1], X[::1], X[::1], X[::1], X[::1], X[::1], i8[:, :, ::1], i8[::1], i8[::1], i8[::1], i8[:, ::1],"
    " i8[:, ::1], i8[:, ::1], i8[::1], i8)"
)
def _correlate_along(
    x: Any, weight: Any, bias: Any, packed: Any, store: Any, out: Any, rows: Any, places: Any, steps: Any, shifts: Any,
    outputs: Any, blocks: Any, runs: Any, sizes: Any, plane: int,
) -> None:  # fmt: skip
    images, channels, at_once, area, splits = sizes[0], sizes[1], sizes[2], sizes[4], sizes[5]
    total, terms = out.size // (images * plane), len(steps)
    factors, starts, moves = weight, places, steps
    if len(packed):
        factors, starts, moves = packed, np.arange(len(places)) * terms, np.arange(terms)
        for row in prange(len(places)):
            gather(weight, places[row], steps, 0, packed, row * terms, terms)
    for begin in range(0, images, at_once):
        here = min(at_once, images - begin)
        for each in prange(here * channels):
            lay_images(x, begin, here, each, rows, sizes, store)
        for unit in prange(len(blocks) * splits):
            block, part = unit // splits, unit % splits
            if blocks[block, 0] < here * area:
                made = np.empty(ROWS * WIDEST * (BYTES // x.itemsize), x.dtype)
                lanes = len(made) // ROWS
                for which in range(len(outputs) * part // splits, len(outputs) * (part + 1) // splits):
                    _three(
                        factors, 0, starts, outputs[which, 0], moves, store, outputs[which, 3] + blocks[block, 0],
                        shifts, blocks[block, 1], blocks[block, 2], made, 0,
                    )  # fmt: skip
                    for row in range(outputs[which, 1]):
                        channel = outputs[which, 2] + row
                        more = bias[channel] if len(bias) else x.dtype.type(-0.0)
                        for run in range(blocks[block, 3], blocks[block, 4]):
                            if runs[run, 2] < here:
                                target = ((begin + runs[run, 2]) * total + channel) * plane + runs[run, 3]
                                first, count, step = row * lanes + runs[run, 0], runs[run, 1], blocks[block, 5]
                                if step == 1:
                                    move(made, first, more, out, target, count)
                                else:
                                    move_apart(made, first, 1, more, out, target, step, count)


class Across:
    """Lanes are outputs, of the only group.

    Attributes:
        places: where each window is laid out. targets: where its output is. steps: of the terms in what is laid out.
        factors: of the terms in a row of the weight. shifts: of the terms in the copied weight.
        blocks: for each block of windows (its first place, its number within its part, the part's windows in an image,
            first term, terms).
    """

    def __init__(self, sums: Sums, itemsize: int) -> None:
        images, channels, layout, outputs = sums.images, sums.channels, sums.layout, sums.rows.size
        self.sums, at_once = sums, layout.images_at_once(images, channels)
        pitch = self.pitch = layout.pitch(at_once)
        lanes = BYTES // itemsize
        self.vectors = width_for(outputs, lanes)
        self.across = -(-outputs // (self.vectors * lanes))
        shifts, plane = layout.shifts(at_once), prod(sums.lengths)
        places, targets, steps, factors, blocks = [], [], [], [], []
        terms = number = 0
        for part in sums.parts:
            position = layout.positions(at_once, part[0])
            target = np.arange(at_once)[:, None] * (outputs * plane) + sums.targets(part).reshape(-1)
            more = -len(position) % ROWS
            places += [position, np.repeat(position[-1:], more)]
            targets += [target.reshape(-1), np.zeros(more, np.int64)]
            steps.append((np.arange(channels)[:, None] * pitch + shifts[part[2]]).reshape(-1))
            factors.append((sums.terms[:, None] + np.array(part[3])).reshape(-1))
            blocks += [
                (number + first, first, prod(part[0]), terms, len(steps[-1])) for first in range(0, len(position), ROWS)
            ]
            terms, number = terms + len(steps[-1]), number + len(position) + more
        self.places, self.targets, self.steps, self.factors = map(np.concatenate, (places, targets, steps, factors))
        self.shifts, self.blocks = np.arange(terms) * (self.vectors * lanes), np.array(blocks, np.int64)
        apart = int(np.diff(sums.rows.reshape(-1)).max(initial=0))
        splits = max(1, min(len(blocks), -(-UNITS // self.across)))
        self.sizes = np.array(
            [images, channels, at_once, pitch, layout.area, splits, self.across, self.vectors, apart, outputs], np.int64
        )

    def cost(self, itemsize: int) -> int:
        """How many vectors are multiplied for all images, or could be while the weight and the outputs are moved."""
        terms, lanes = sum(int(block[4]) for block in self.blocks), BYTES // itemsize
        outputs, images = self.across * self.vectors * lanes, self.sums.images
        moved = 2 * len(self.factors) * outputs + 2 * images * outputs * prod(self.sums.lengths)
        return -(-images // int(self.sizes[2])) * terms * ROWS * self.across * self.vectors + moved


@parallel(
    "void(X[::1], X[::1], X[::1], X[::1], X[::1], X[::1], i8[:, :, ::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1],"
    " i8[:, ::1], i8[::1], i8)"
)
def _correlate_across(
    x: Any, weight: Any, bias: Any, packed: Any, store: Any, out: Any, rows: Any, places: Any, targets: Any, steps: Any,
    factors: Any, shifts: Any, blocks: Any, sizes: Any, plane: int,
) -> None:  # fmt: skip
    images, channels, at_once, splits, across = sizes[0], sizes[1], sizes[2], sizes[5], sizes[6]
    vectors, apart, outputs, terms = sizes[7], sizes[8], sizes[9], len(steps)
    lanes = vectors * (BYTES // x.itemsize)
    for unit in prange(across * splits):
        first, part = unit // splits * lanes, unit % splits
        for term in range(terms * part // splits, terms * (part + 1) // splits):
            target = (unit // splits * terms + term) * lanes
            source, count = first * apart + factors[term], min(lanes, outputs - first)
            move_apart(weight, source, apart, x.dtype.type(-0.0), packed, target, 1, count)
    for begin in range(0, images, at_once):
        here = min(at_once, images - begin)
        for each in prange(here * channels):
            lay_images(x, begin, here, each, rows, sizes, store)
        for unit in prange(across * splits):
            first, part, made = unit // splits * lanes, unit % splits, np.empty(ROWS * lanes, x.dtype)
            for block in range(len(blocks) * part // splits, len(blocks) * (part + 1) // splits):
                count = min(ROWS, here * blocks[block, 2] - blocks[block, 1])
                if count > 0:
                    multiply(
                        vectors, store, 0, places, blocks[block, 0], steps, packed, unit // splits * terms * lanes,
                        shifts, blocks[block, 3], blocks[block, 4], made, 0,
                    )  # fmt: skip
                    for lane in range(min(lanes, outputs - first)):
                        more = bias[first + lane] if len(bias) else x.dtype.type(-0.0)
                        target = (begin * outputs + first + lane) * plane
                        scatter(made, lane, lanes, more, out, target, targets, blocks[block, 0], count)


@lru_cache(maxsize=256)
def plan_of(windows: Windows, forward: bool, itemsize: int) -> Along | Across | None:
    """How a convolution or its input's gradient is computed; None where no element is in a window."""
    sums = forward_sums(windows) if forward else backward_sums(windows)
    if sums is None:
        return None
    along = Along(sums, itemsize)
    if sums.groups > 1:
        return along
    across = Across(sums, itemsize)
    return across if across.cost(itemsize) < along.cost(itemsize) else along


def correlate(plan: Along | Across | None, x: Any, weight: Any, bias: Any, shape: Ints) -> Any:
    """The sums that ``plan`` describes; all arrays are contiguous. Where it is None this is left to the reference."""
    if plan is None:
        return NotImplemented
    kind, sums, plane = x.dtype, plan.sums, prod(shape[2:])
    out, store = np.empty(shape, kind), np.empty(x.shape[1] * plan.pitch, kind)
    none = np.empty(0, kind) if bias is None else bias
    if len(sums.parts) < prod([min(s, n) for s, n in zip(sums.stride, sums.lengths, strict=True)]):
        out[...] = 0 if bias is None else bias.reshape(-1, *[1] * (len(shape) - 2))  # some elements are in no window
    if isinstance(plan, Along):
        packed = np.empty(plan.packed, kind)
        _correlate_along(
            x.reshape(-1), weight.reshape(-1), none, packed, store, out.reshape(-1), sums.layout.rows, plan.places,
            plan.steps, plan.shifts, plan.outputs, plan.blocks, plan.runs, plan.sizes, plane,
        )  # fmt: skip
    else:
        packed = np.empty(len(plan.steps) * plan.across * plan.vectors * (BYTES // x.itemsize), kind)
        _correlate_across(
            x.reshape(-1), weight.reshape(-1), none, packed, store, out.reshape(-1), sums.layout.rows, plan.places,
            plan.targets, plan.steps, plan.factors, plan.shifts, plan.blocks, plan.sizes, plane,
        )  # fmt: skip
    return out
