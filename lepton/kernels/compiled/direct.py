"""Convolution without columns: sums of products over places that are looked up, taken straight from padded images.

An image's channels are laid out once, padded, in rows of one width, and split by the remainders of position / stride.
Then the element that place k of a window meets lies at the window's own position plus a shift that depends on k alone,
for all windows: those of many rows and of several images can be computed side by side, as the lanes of
``outer_block``. (The positions at the ends of rows, where no window is, are computed too and left out.) Nothing is
copied for each place of a window, as im2col does; compare Dukhan, *The Indirect Convolution Algorithm* (2019).

The input gradient is the same thing with g laid out: for each remainder of position / stride, some of the weights.
For the weight gradient g is laid out like the input, zeros where no window is, and rows are multiplied by rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.loops import inner, parallel
from lepton.kernels.compiled.vectors import BYTES, LEFT, RIGHT, ROWS, WIDEST, clear, inner_block, move, move_apart, outer_block
from lepton.kernels.convolution import Windows
from lepton.kernels.windows import Ints, window_count

STORED = 1 << 20  # elements laid out at a time: they stay in the last-level cache
UNITS = 16  # that the work is cut into at least, so that it can be shared out
CHUNK = 2048  # elements of a row that are multiplied by another row's at a time

_block = outer_block(WIDEST)


class Layout:
    """How channels are laid out for windows that begin every ``stride`` elements, with these places.

    A place is a tuple of offsets, one for each dimension, from where the window begins; it may be outside the image.

    Attributes:
        rows: (phases, rows, 4): where each row's first element comes from, how many zeros stand before it, how many
            elements, how far apart they are. width: of a row. area: rows · width. reach: the largest shift in one phase.
    """

    def __init__(self, lengths: Ints, counts: Ints, stride: Ints, places: Sequence[Ints]) -> None:
        split = [[divmod(offset, s) for offset, s in zip(place, stride, strict=True)] for place in places]
        self._low = [min(place[dim][0] for place in split) for dim in range(len(stride))]
        high = [max(place[dim][0] for place in split) for dim in range(len(stride))]
        self.grid = [n + h - low for n, h, low in zip(counts, high, self._low, strict=True)]
        self.phases = sorted({tuple([rest for _, rest in place]) for place in split})
        self.steps = [prod(self.grid[dim + 1 :]) for dim in range(len(stride))]
        self.width, self.area = self.grid[-1], prod(self.grid)
        self._split = split
        self.reach = max(self._within(place) for place in split)
        self.rows = np.array([self._rows(phase, lengths, stride) for phase in self.phases], np.int64)

    def _within(self, place: Any) -> int:
        return sum((whole - low) * step for (whole, _), low, step in zip(place, self._low, self.steps, strict=True))

    def _rows(self, phase: Ints, lengths: Ints, stride: Ints) -> list[list[int]]:
        *outer, last = range(len(stride))
        found = []
        begin = [low * s + rest for low, s, rest in zip(self._low, stride, phase, strict=True)]
        first = min(max(0, -(begin[last] // stride[last])), self.width)
        count = max(0, min(self.width, (lengths[last] - 1 - begin[last]) // stride[last] + 1) - first)
        for at in product(*[range(self.grid[dim]) for dim in outer]):
            position = [begin[dim] + at[dim] * stride[dim] for dim in outer]
            if count and all(0 <= p < n for p, n in zip(position, lengths, strict=False)):
                source = sum(p * prod(lengths[dim + 1 :]) for dim, p in enumerate(position))
                found.append([source + begin[last] + first * stride[last], first, count, stride[last]])
            else:
                found.append([0, self.width, 0, 1])
        return found

    def shifts(self, images: int) -> list[int]:
        """Each place's shift, where so many images are laid out side by side."""
        known = {phase: number for number, phase in enumerate(self.phases)}
        return [
            known[tuple([rest for _, rest in place])] * images * self.area + self._within(place)
            for place in self._split
        ]

    def images_at_once(self, images: int, channels: int) -> int:
        """How many images are laid out at a time."""
        return max(1, min(images, STORED // (channels * len(self.phases) * self.area)))

    def pitch(self, images: int) -> int:
        """The elements between two channels: an odd number of cache lines, so that they do not contend for one set."""
        return (len(self.phases) * images * self.area + self.reach + 2 * BYTES) // 32 * 32 + 48



@inner()
def lay_out(
    x: Any, source: int, rows: Any, first_row: int, last_row: int, width: int, store: Any, to: int, apart: int
) -> None:
    """Lay these rows of one channel of one image out, its phases ``apart`` from each other."""
    phases = len(rows)
    zero = x.dtype.type(-0.0)  # what leaves every number as it is
    for phase in range(phases):
        target = to + phase * apart + first_row * width
        for row in range(first_row, last_row):
            begin, first, step = source + rows[phase, row, 0], rows[phase, row, 1], rows[phase, row, 3]
            last = first + rows[phase, row, 2]
            clear(store, target, first)
            if step == 1:
                move(x, begin, zero, store, target + first, last - first)
            else:
                move_apart(x, begin, step, zero, store, target + first, 1, last - first)
            clear(store, target + last, width - last)
            target += width


class Correlation:
    """How sums over places are computed for windows: out[n, r, p] = bias[r] + Σ over c, k of weight · x[n, c, p + k].

    ``parts`` says it for each remainder of the output's positions: (counts of windows, where their output begins,
    their places, the numbers of these places in a row of the weight).

    Attributes:
        steps, shifts: of the terms of the sums, in the weight and in what is laid out.
        places: where each row begins in the weight. outputs: for each block of rows (its first place, how many rows,
            the first output channel, where its group's channels are laid out).
        blocks: for each block of lanes (the first position, first term, terms, first run, last run, steps of output).
        runs: for each row of windows in a block (first lane, how many, image, where its output begins).
    """

    def __init__(
        self, images: int, channels: int, groups: int, layout: Layout, out_lengths: Ints, out_stride: Ints,
        parts: Sequence[tuple[Ints, Ints, Sequence[int], Sequence[int]]], weight_rows: Any, weight_steps: Any,
        lanes: int,
    ) -> None:  # fmt: skip
        self.layout = layout
        self.at_once = at_once = layout.images_at_once(images, channels)
        self.pitch, self.area = layout.pitch(at_once), layout.area
        self.rows = layout.rows
        shifts, inputs = np.array(layout.shifts(at_once)), np.arange(channels // groups)
        self.places, self.outputs = _row_blocks(weight_rows, channels // groups * self.pitch)
        steps, moves, blocks, runs = [], [], [], []
        terms = 0
        for counts, begin, taken, numbers in parts:
            steps.append((weight_steps[:, None] + np.array(numbers)).reshape(-1))
            moves.append((inputs[:, None] * self.pitch + shifts[list(taken)]).reshape(-1))
            found = _runs(at_once, counts, layout, out_lengths, out_stride, begin)
            _cut(found, lanes, terms, len(steps[-1]), out_stride[-1], blocks, runs)
            terms += len(steps[-1])
        self.steps, self.shifts = np.concatenate(steps), np.concatenate(moves)
        self.blocks, self.runs = np.array(blocks, np.int64), np.array(runs, np.int64)
        splits = max(1, min(len(self.outputs), -(-UNITS // len(blocks))))
        self.sizes = np.array([images, channels, at_once, self.pitch, self.area, splits, len(out_lengths)], np.int64)


def _row_blocks(weight_rows: Any, group_apart: int) -> tuple[Any, Any]:
    """Rows (groups, rows) in blocks of ``ROWS``; the last block of a group is filled up with its last row."""
    groups, rows = weight_rows.shape
    padded = np.concatenate([weight_rows, np.repeat(weight_rows[:, -1:], -rows % ROWS, axis=1)], axis=1)
    starts = range(0, padded.shape[1], ROWS)
    outputs = [
        (group * padded.shape[1] + first, min(ROWS, rows - first), group * rows + first, group * group_apart)
        for group in range(groups)
        for first in starts
    ]
    return padded.reshape(-1), np.array(outputs, np.int64)


def _runs(images: int, counts: Ints, layout: Layout, lengths: Ints, stride: Ints, begin: Ints) -> list[list[int]]:
    """For each row of windows (first position, how many, image, where its output begins)."""
    found = []
    apart = [prod(lengths[dim + 1 :]) for dim in range(len(lengths))]
    first = sum(b * each for b, each in zip(begin, apart, strict=True))
    for image in range(images):
        for at in product(*[range(n) for n in counts[:-1]]):
            position = sum(p * step for p, step in zip(at, layout.steps, strict=False))
            target = sum(p * s * each for p, s, each in zip(at, stride, apart, strict=False))
            found.append([image * layout.area + position, counts[-1], image, first + target])
    return found


def _cut(
    found: list[list[int]], lanes: int, term: int, terms: int, step: int, blocks: list[Any], runs: list[Any]
) -> None:
    """Cut runs at the edges of blocks, and enter both."""
    place = 0
    while place < len(found):
        start = found[place][0]
        first = len(runs)
        while place < len(found) and found[place][0] < start + lanes:
            position, count, image, target = found[place]
            taken = min(count, start + lanes - position)
            runs.append((position - start, taken, image, target))
            if taken < count:
                found[place] = [position + taken, count - taken, image, target + taken * step]
                break
            place += 1
        blocks.append((start, term, terms, first, len(runs), step))


SIGNATURE = (
    "void(X[::1], X[::1], X[::1], X[::1], X[::1], i8[:, :, ::1], i8[::1], i8[::1], i8[::1], i8[:, ::1], i8[:, ::1],"
    " i8[:, ::1], i8[::1], i8)"
)


@parallel(SIGNATURE)
def _correlate(
    x: Any, weight: Any, bias: Any, store: Any, out: Any, rows: Any, places: Any, steps: Any, shifts: Any, outputs: Any,
    blocks: Any, runs: Any, sizes: Any, plane: int,
) -> None:  # fmt: skip
    images, channels, at_once, pitch, area, splits = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]
    width, length = area // rows.shape[1], x.size // (images * channels)
    total = out.size // (images * plane)
    for begin in range(0, images, at_once):
        here = min(at_once, images - begin)
        for each in prange(here * channels):
            image, channel = each % here, each // here
            source = ((begin + image) * channels + channel) * length
            lay_out(x, source, rows, 0, rows.shape[1], width, store, channel * pitch + image * area, at_once * area)
        for unit in prange(len(blocks) * splits):
            block, part = unit // splits, unit % splits
            if blocks[block, 0] < here * area:
                made = np.empty(ROWS * WIDEST * (BYTES // x.itemsize), x.dtype)
                lanes = len(made) // ROWS
                for which in range(len(outputs) * part // splits, len(outputs) * (part + 1) // splits):
                    _block(
                        weight, 0, places, outputs[which, 0], steps, store, outputs[which, 3] + blocks[block, 0],
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


def _spatial(windows: Windows) -> tuple[Any, ...]:
    """Lengths, sizes, stride, padding, dilation, counts, in two dimensions at least."""
    x_shape, weight_shape, stride, padding, dilation, _ = windows
    lengths, sizes = x_shape[2:], weight_shape[2:]
    if len(lengths) == 1:
        lengths, sizes, stride, padding, dilation = (1, *lengths), (1, *sizes), (1, *stride), ((0, 0), *padding), (1, *dilation)
    counts = tuple(map(window_count, lengths, sizes, stride, padding, dilation))
    return lengths, sizes, stride, padding, dilation, counts


@lru_cache(maxsize=256)
def forward_plan(windows: Windows, itemsize: int) -> Correlation:
    """How the windows' sums are computed."""
    lengths, sizes, stride, padding, dilation, counts = _spatial(windows)
    images, channels = windows.x_shape[:2]
    outputs, groups, taps = windows.weight_shape[0], windows.groups, prod(sizes)
    places = [
        tuple([k * d - pad[0] for k, d, pad in zip(place, dilation, padding, strict=True)])
        for place in product(*map(range, sizes))
    ]
    layout = Layout(lengths, counts, stride, places)
    every = range(taps)
    per_group = channels // groups
    return Correlation(
        images, channels, groups, layout, counts, (1,) * len(counts), [(counts, (0,) * len(counts), every, every)],
        np.arange(outputs).reshape(groups, -1) * (per_group * taps), np.arange(per_group) * taps,
        BYTES // itemsize * WIDEST,
    )  # fmt: skip


@lru_cache(maxsize=256)
def backward_plan(windows: Windows, itemsize: int) -> Correlation | None:
    """How the input's gradient is computed from g; None where some elements are in no window at all."""
    lengths, sizes, stride, padding, dilation, counts = _spatial(windows)
    images, channels = windows.x_shape[:2]
    outputs, groups, taps = windows.weight_shape[0], windows.groups, prod(sizes)
    offsets: dict[Ints, int] = {}
    parts = []
    for begin in product(*[range(min(s, n)) for s, n in zip(stride, lengths, strict=True)]):
        taken, numbers = [], []
        for number, place in enumerate(product(*map(range, sizes))):
            moved = [
                divmod(b + pad[0] - k * d, s)
                for b, pad, k, d, s in zip(begin, padding, place, dilation, stride, strict=True)
            ]
            if all(rest == 0 for _, rest in moved):
                taken.append(offsets.setdefault(tuple([whole for whole, _ in moved]), len(offsets)))
                numbers.append(number)
        if not taken:
            return None
        parts.append((tuple([-(-(n - b) // s) for n, b, s in zip(lengths, begin, stride, strict=True)]), begin, taken, numbers))
    most = tuple([-(-n // s) for n, s in zip(lengths, stride, strict=True)])
    per_group = channels // groups
    layout = Layout(counts, most, (1,) * len(counts), list(offsets))
    first = np.arange(groups)[:, None] * (outputs // groups * per_group * taps)
    return Correlation(
        images, outputs, groups, layout, lengths, stride, parts, first + np.arange(per_group) * taps,
        np.arange(outputs // groups) * (per_group * taps), BYTES // itemsize * WIDEST,
    )  # fmt: skip


def correlate(plan: Correlation, x: Any, weight: Any, bias: Any, shape: Ints) -> Any:
    """The sums that ``plan`` describes; all arrays are contiguous."""
    out, store = np.empty(shape, x.dtype), np.empty(plan.sizes[1] * plan.pitch, x.dtype)
    none = np.empty(0, x.dtype) if bias is None else bias
    _correlate(
        x.reshape(-1), weight.reshape(-1), none, store, out.reshape(-1), plan.rows, plan.places, plan.steps,
        plan.shifts, plan.outputs, plan.blocks, plan.runs, plan.sizes, prod(shape[2:]),
    )  # fmt: skip
    return out
