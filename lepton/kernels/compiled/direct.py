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
from lepton.kernels.compiled.vectors import (
    BYTES, LEFT, RIGHT, ROWS, WIDEST, clear, gather, inner_block, move, move_apart, outer_block,
)  # fmt: skip
from lepton.kernels.convolution import Windows
from lepton.kernels.windows import Ints, window_count

STORED = 1 << 20  # elements laid out at a time: they stay in the last-level cache
UNITS = 16  # that the work is cut into at least, so that it can be shared out
CHUNKS = 1 << 17, 256, 2048  # elements of all rows that are multiplied by others at a time, and of one: least and most

_block = outer_block(WIDEST)


class Layout:
    """How channels are laid out for windows that begin every ``stride`` elements, with these places.

    A place is a tuple of offsets, one for each dimension, from where the window begins; it may be outside the image.
    With ``dense`` it is im2col after all: the elements of all windows at one place stand side by side, which spares
    small images the ends of rows.

    Attributes:
        phases: how many parts a channel has. rows: (phases, rows, 4): where each row's first element comes from, how
            many zeros stand before it, how many elements, how far apart they are. table: if dense, for each phase and
            window where its element comes from, or -1. area: of a phase. steps: from a position to the next one, in
            each dimension. reach: the largest shift in one phase.
    """

    def __init__(self, lengths: Ints, counts: Ints, stride: Ints, places: Sequence[Ints], dense: bool) -> None:
        dims = range(len(stride))
        split = [[divmod(offset, s) for offset, s in zip(place, stride, strict=True)] for place in places]
        self._low = [min(place[dim][0] for place in split) for dim in dims]
        high = [max(place[dim][0] for place in split) for dim in dims]
        self.grid = counts if dense else tuple([counts[dim] + high[dim] - self._low[dim] for dim in dims])
        self.steps = [prod(self.grid[dim + 1 :]) for dim in dims]
        self.area = prod(self.grid)
        if dense:
            found = [_elements(place, lengths, counts, stride) for place in places]
            self.table, self.rows = np.concatenate(found), np.empty((len(places), 0, 4), np.int64)
            self._shifts = [(number, 0) for number in range(len(places))]
        else:
            phases = sorted({tuple([rest for _, rest in place]) for place in split})
            self.table = np.empty(0, np.int64)
            self.rows = np.array([self._rows(phase, lengths, stride) for phase in phases], np.int64)
            self._shifts = [(phases.index(tuple([rest for _, rest in place])), self._within(place)) for place in split]
        self.phases, self.reach = len(self.rows), max(within for _, within in self._shifts)

    def _within(self, place: Any) -> int:
        return sum((whole - low) * step for (whole, _), low, step in zip(place, self._low, self.steps, strict=True))

    def _rows(self, phase: Ints, lengths: Ints, stride: Ints) -> list[list[int]]:
        *outer, last = range(len(stride))
        found = []
        width = self.grid[last]
        begin = [low * s + rest for low, s, rest in zip(self._low, stride, phase, strict=True)]
        first = min(max(0, -(begin[last] // stride[last])), width)
        count = max(0, min(width, (lengths[last] - 1 - begin[last]) // stride[last] + 1) - first)
        for at in product(*[range(self.grid[dim]) for dim in outer]):
            position = [begin[dim] + at[dim] * stride[dim] for dim in outer]
            if count and all(0 <= p < n for p, n in zip(position, lengths, strict=False)):
                source = sum(p * prod(lengths[dim + 1 :]) for dim, p in enumerate(position))
                found.append([source + begin[last] + first * stride[last], first, count, stride[last]])
            else:
                found.append([0, width, 0, 1])
        return found

    def shifts(self, images: int) -> Any:
        """Each place's shift, where so many images are laid out side by side."""
        return np.array([phase * images * self.area + within for phase, within in self._shifts], np.int64)

    def images_at_once(self, images: int, channels: int) -> int:
        """How many images are laid out at a time."""
        return max(1, min(images, STORED // (channels * self.phases * self.area)))

    def pitch(self, images: int) -> int:
        """The elements between two channels: an odd number of cache lines, so that they do not contend for one set."""
        return (self.phases * images * self.area + self.reach + 2 * BYTES) // 32 * 32 + 48


def _elements(place: Ints, lengths: Ints, counts: Ints, stride: Ints) -> Any:
    """Where each window's element at this place comes from, -1 for those outside of the image."""
    where, inside = np.zeros(counts, np.int64), np.ones(counts, bool)
    for dim, (offset, length, count, s) in enumerate(zip(place, lengths, counts, stride, strict=True)):
        position = (np.arange(count) * s + offset).reshape([-1 if each == dim else 1 for each in range(len(counts))])
        inside &= (position >= 0) & (position < length)
        where += position * prod(lengths[dim + 1 :])
    return np.where(inside, where, -1).reshape(-1)


def _pays_dense(images: int, rows: int, layout: Layout, dense: Layout, terms: int, lanes: int) -> bool:
    """Whether the products that are spared make up for copying every place of a window."""

    def blocks(each: Layout) -> int:
        return -(-images * each.area // lanes) * (lanes // 16)

    return blocks(layout) * terms * rows > blocks(dense) * terms * rows + 2 * images * dense.area * terms


@inner()
def lay_out(x: Any, source: int, rows: Any, width: int, store: Any, to: int, apart: int) -> None:
    """Lay one channel of one image out in rows, its phases ``apart`` from each other."""
    phases, height, _ = rows.shape
    zero = x.dtype.type(-0.0)  # what leaves every number as it is
    for phase in range(phases):
        target = to + phase * apart
        for row in range(height):
            begin, first, step = source + rows[phase, row, 0], rows[phase, row, 1], rows[phase, row, 3]
            last = first + rows[phase, row, 2]
            clear(store, target, first)
            if step == 1:
                move(x, begin, zero, store, target + first, last - first)
            else:
                move_apart(x, begin, step, zero, store, target + first, 1, last - first)
            clear(store, target + last, width - last)
            target += width


@inner()
def _lay_channel(x: Any, source: int, rows: Any, table: Any, area: int, store: Any, to: int, apart: int) -> None:
    """Lay one channel of one image out, in rows or densely."""
    if len(table) == 0:
        lay_out(x, source, rows, area // rows.shape[1], store, to, apart)
    else:
        for phase in range(len(rows)):
            gather(x, source, table, phase * area, store, to + phase * apart, area)


class Correlation:
    """How sums over places are computed for windows: out[n, r, p] = bias[r] + Σ over c, k of weight · x[n, c, p + k].

    ``parts`` says it for each remainder of the output's positions: (counts of windows, where their output begins,
    their places, the numbers of these places in a row of the weight).

    Attributes:
        steps, shifts: of the terms of the sums, in the weight and in what is laid out.
        places: where each row begins in the weight. outputs: for each block of rows (its first place, how many rows,
            the first output channel, where its group's channels are laid out). packed: whether a row's terms lie apart
            from each other in the weight, so that it is copied first.
        blocks: for each block of lanes (the first position, first term, terms, first run, last run, steps of output).
        runs: for each row of windows in a block (first lane, how many, image, where its output begins).
        whole: whether there are parts for all of the output.
    """

    def __init__(
        self, images: int, channels: int, groups: int, layout: Layout, out_lengths: Ints, out_stride: Ints,
        parts: Sequence[Part], weight_rows: Any, weight_steps: Any, packed: bool, lanes: int,
    ) -> None:  # fmt: skip
        self.layout = layout
        at_once = layout.images_at_once(images, channels)
        self.pitch = layout.pitch(at_once)
        shifts, inputs = layout.shifts(at_once), np.arange(channels // groups)
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
        self.packed = len(self.places) * terms if packed else 0
        self.whole = len(parts) == prod(out_stride)
        splits = max(1, min(len(self.outputs), -(-UNITS // len(blocks))))
        self.sizes = np.array([images, channels, at_once, self.pitch, layout.area, splits], np.int64)


Part = tuple[Ints, Ints, Sequence[int], Sequence[int]]


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


@parallel(
    "void(X[::1], X[::1], X[::1], X[::1], X[::1], X[::1], i8[:, :, ::1], i8[::1], i8[::1], i8[::1], i8[::1],"
    " i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[::1], i8)"
)
def _correlate(
    x: Any, weight: Any, bias: Any, packed: Any, store: Any, out: Any, rows: Any, table: Any, places: Any, steps: Any,
    shifts: Any, outputs: Any, blocks: Any, runs: Any, sizes: Any, plane: int,
) -> None:  # fmt: skip
    images, channels, at_once, pitch, area, splits = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]
    length, total, terms = x.size // (images * channels), out.size // (images * plane), len(steps)
    factors, starts, moves = weight, places, steps
    if len(packed):
        factors, starts, moves = packed, np.arange(len(places)) * terms, np.arange(terms)
        for row in prange(len(places)):
            gather(weight, places[row], steps, 0, packed, row * terms, terms)
    for begin in range(0, images, at_once):
        here = min(at_once, images - begin)
        for each in prange(here * channels):
            image, channel = each % here, each // here
            source, to = ((begin + image) * channels + channel) * length, channel * pitch + image * area
            _lay_channel(x, source, rows, table, area, store, to, at_once * area)
        for unit in prange(len(blocks) * splits):
            block, part = unit // splits, unit % splits
            if blocks[block, 0] < here * area:
                made = np.empty(ROWS * WIDEST * (BYTES // x.itemsize), x.dtype)
                lanes = len(made) // ROWS
                for which in range(len(outputs) * part // splits, len(outputs) * (part + 1) // splits):
                    _block(
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


def _spatial(windows: Windows) -> tuple[Any, ...]:
    """Lengths, sizes, stride, padding, dilation, counts, in two dimensions at least."""
    x_shape, weight_shape, stride, padding, dilation, _ = windows
    lengths, sizes = x_shape[2:], weight_shape[2:]
    if len(lengths) == 1:
        lengths, sizes, stride, dilation = (1, *lengths), (1, *sizes), (1, *stride), (1, *dilation)
        padding = ((0, 0), *padding)
    counts = tuple(map(window_count, lengths, sizes, stride, padding, dilation))
    return lengths, sizes, stride, padding, dilation, counts


def _places(sizes: Ints, padding: Any, dilation: Ints) -> list[Ints]:
    """Each place of a window, as offsets from where it begins."""
    return [
        tuple([k * d - pad[0] for k, d, pad in zip(place, dilation, padding, strict=True)])
        for place in product(*map(range, sizes))
    ]


@lru_cache(maxsize=256)
def forward_plan(windows: Windows, itemsize: int) -> Correlation:
    """How the windows' sums are computed."""
    lengths, sizes, stride, padding, dilation, counts = _spatial(windows)
    images, channels = windows.x_shape[:2]
    outputs, groups, taps, lanes = windows.weight_shape[0], windows.groups, prod(sizes), BYTES // itemsize * WIDEST
    places = _places(sizes, padding, dilation)
    layout, dense = [Layout(lengths, counts, stride, places, each) for each in (False, True)]
    per_group = channels // groups
    if _pays_dense(images, outputs // groups, layout, dense, taps, lanes):
        layout = dense
    parts = [(counts, (0,) * len(counts), range(taps), range(taps))]
    return Correlation(
        images, channels, groups, layout, counts, (1,) * len(counts), parts,
        np.arange(outputs).reshape(groups, -1) * (per_group * taps), np.arange(per_group) * taps, False, lanes,
    )  # fmt: skip


@lru_cache(maxsize=256)
def backward_plan(windows: Windows, itemsize: int) -> Correlation:
    """How the input's gradient is computed from g."""
    lengths, sizes, stride, padding, dilation, counts = _spatial(windows)
    images, channels = windows.x_shape[:2]
    outputs, groups, taps, lanes = windows.weight_shape[0], windows.groups, prod(sizes), BYTES // itemsize * WIDEST
    offsets: dict[Ints, int] = {}
    parts = []
    for begin in product(*[range(min(s, n)) for s, n in zip(stride, lengths, strict=True)]):
        taken, numbers = [], []
        for number, place in enumerate(_places(sizes, padding, dilation)):
            moved = [divmod(b - offset, s) for b, offset, s in zip(begin, place, stride, strict=True)]
            if all(rest == 0 for _, rest in moved):
                taken.append(offsets.setdefault(tuple([whole for whole, _ in moved]), len(offsets)))
                numbers.append(number)
        if not taken:
            continue
        reached = tuple([-(-(n - b) // s) for n, b, s in zip(lengths, begin, stride, strict=True)])
        parts.append((reached, begin, taken, numbers))
    most = tuple([-(-n // s) for n, s in zip(lengths, stride, strict=True)])
    per_group = channels // groups
    layout, dense = [Layout(counts, most, (1,) * len(counts), list(offsets), each) for each in (False, True)]
    if _pays_dense(images, per_group, layout, dense, len(offsets), lanes):
        layout = dense
    first = np.arange(groups)[:, None] * (outputs // groups * per_group * taps)
    return Correlation(
        images, outputs, groups, layout, lengths, stride, parts, first + np.arange(per_group) * taps,
        np.arange(outputs // groups) * (per_group * taps), True, lanes,
    )  # fmt: skip


def correlate(plan: Correlation, x: Any, weight: Any, bias: Any, shape: Ints) -> Any:
    """The sums that ``plan`` describes; all arrays are contiguous."""
    kind = x.dtype
    out, store, packed = [np.empty(n, kind) for n in (shape, plan.sizes[1] * plan.pitch, plan.packed)]
    none = np.empty(0, kind) if bias is None else bias
    if not plan.whole:
        out[...] = 0 if bias is None else bias.reshape(-1, *[1] * (len(shape) - 2))
    _correlate(
        x.reshape(-1), weight.reshape(-1), none, packed, store, out.reshape(-1), plan.layout.rows, plan.layout.table,
        plan.places, plan.steps, plan.shifts, plan.outputs, plan.blocks, plan.runs, plan.sizes, prod(shape[2:]),
    )  # fmt: skip
    return out


class Differentiation:
    """How the weight's gradient is computed, rows of g times rows of x: Σ over positions, g zero where no window is.

    Attributes:
        lefts, rights: where the rows of g begin, and for each channel and place those of x. given: as ``Layout.rows``,
        for g. blocks: for each block of rows of g (its first, how many, the first output, its group).
    """

    def __init__(self, windows: Windows, itemsize: int) -> None:
        lengths, sizes, stride, padding, dilation, counts = _spatial(windows)
        images, channels = windows.x_shape[:2]
        outputs, groups = windows.weight_shape[0], windows.groups
        self.layout = layout = Layout(lengths, counts, stride, _places(sizes, padding, dilation), False)
        at_once = min(layout.images_at_once(images, each) for each in (channels, outputs))
        self.pitch = layout.pitch(at_once)
        self.given_pitch = (at_once * layout.area + 2 * BYTES) // 32 * 32 + 48
        self.given = np.array([_given_rows(layout, counts)], np.int64)
        per_group, rows = channels // groups, outputs // groups
        rights = (np.arange(per_group)[:, None] * self.pitch + layout.shifts(at_once)).reshape(-1)
        self.rights = np.concatenate([rights, np.repeat(rights[-1:], -len(rights) % RIGHT)])
        self.blocks = np.array(
            [
                (group * rows + first, min(LEFT, rows - first), group)
                for group in range(groups)
                for first in range(0, rows, LEFT)
            ],
            np.int64,
        )
        lefts = [first + np.arange(LEFT).clip(max=count - 1) for first, count, _ in self.blocks]
        self.lefts = np.concatenate(lefts) * self.given_pitch
        self.sizes = np.array(
            [images, channels, outputs, at_once, self.pitch, self.given_pitch, layout.area, layout.reach, len(rights),
             groups, min(max(CHUNKS[0] // (channels * layout.phases), CHUNKS[1]), CHUNKS[2])], np.int64,
        )  # fmt: skip


def _given_rows(layout: Layout, counts: Ints) -> list[list[int]]:
    """Rows of g where the windows' positions are, zeros between them."""
    found = []
    for at in product(*map(range, layout.grid[:-1])):
        source = sum(p * prod(counts[dim + 1 :]) for dim, p in enumerate(at))
        inside = all(p < n for p, n in zip(at, counts, strict=False))
        found.append([source, 0, counts[-1], 1] if inside else [0, layout.grid[-1], 0, 1])
    return found


@parallel(
    "void(X[::1], X[::1], X[::1], X[::1], X[::1], i8[:, :, ::1], i8[:, :, ::1], i8[::1], i8[::1], i8[:, ::1], i8[::1])"
)
def _differentiate(
    g: Any, x: Any, given: Any, store: Any, total: Any, g_rows: Any, rows: Any, lefts: Any, rights: Any, blocks: Any,
    sizes: Any,
) -> None:  # fmt: skip
    images, channels, outputs, at_once, pitch, g_pitch = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]
    area, reach, terms, per_group = sizes[6], sizes[7], sizes[8], channels // sizes[9]
    width, phases, lanes = area // rows.shape[1], len(rows), BYTES // x.itemsize
    length, g_length = x.size // (images * channels), g.size // (images * outputs)
    for begin in range(0, images, at_once):
        here = min(at_once, images - begin)
        for each in prange(channels + outputs):
            for image in range(here):
                if each < channels:
                    source, to = ((begin + image) * channels + each) * length, each * pitch + image * area
                    lay_out(x, source, rows, width, store, to, at_once * area)
                else:
                    source = ((begin + image) * outputs + each - channels) * g_length
                    lay_out(g, source, g_rows, width, given, (each - channels) * g_pitch + image * area, 0)
            if each < channels:  # what is multiplied by zeros must be numbers
                for phase in range(phases):
                    if here < at_once or phase == phases - 1:
                        end = each * pitch + (phase * at_once + here) * area
                        clear(store, end, min(reach + lanes, (each + 1) * pitch - end))
            else:
                clear(given, (each - channels) * g_pitch + here * area, lanes)
        vectors = (here * area + lanes - 1) // lanes
        chunks = (vectors * lanes + sizes[10] - 1) // sizes[10]
        for chunk in range(chunks):
            start, end = vectors * chunk // chunks, vectors * (chunk + 1) // chunks
            for block in prange(len(blocks)):
                few = np.empty(LEFT * RIGHT + lanes, x.dtype)
                first, count, at = blocks[block, 0], blocks[block, 1], blocks[block, 2] * per_group * pitch
                for right in range(0, terms, RIGHT):
                    inner_block(
                        given, lefts, block * LEFT, start * lanes, store, rights, right, at + start * lanes, end - start,
                        few,
                    )  # fmt: skip
                    for i in range(count):
                        for j in range(min(RIGHT, terms - right)):
                            total[(first + i) * terms + right + j] += few[i * RIGHT + j]


differentiation_of = lru_cache(maxsize=256)(Differentiation)


def differentiate(plan: Differentiation, g: Any, x: Any, shape: Ints) -> Any:
    """The weight's gradient, or NotImplemented where it is not all finite; both arrays are contiguous."""
    total, kind = np.zeros(shape, x.dtype), x.dtype
    given, store = np.empty(g.shape[1] * plan.given_pitch, kind), np.empty(x.shape[1] * plan.pitch, kind)
    _differentiate(
        g.reshape(-1), x.reshape(-1), given, store, total.reshape(-1), plan.given, plan.layout.rows, plan.lefts,
        plan.rights, plan.blocks, plan.sizes,
    )  # fmt: skip
    return total if np.isfinite(total).all() else NotImplemented


class FewWindows:
    """How the weight's gradient is computed where there are few windows: rows of x times g with its channels side by side.

    Attributes:
        places: for each channel and place where its rows begin. steps: of the windows' positions. shifts: of them in g.
    """

    def __init__(self, windows: Windows, itemsize: int) -> None:
        lengths, sizes, stride, padding, dilation, counts = _spatial(windows)
        images, channels = windows.x_shape[:2]
        outputs = windows.weight_shape[0]
        self.layout = layout = Layout(lengths, counts, stride, _places(sizes, padding, dilation), False)
        self.pitch, lanes = layout.pitch(images), BYTES // itemsize * WIDEST
        self.across = -(-outputs // lanes)
        position = np.zeros(counts, np.int64)
        for dim, (count, step) in enumerate(zip(counts, layout.steps, strict=True)):
            position += (np.arange(count) * step).reshape([-1 if each == dim else 1 for each in range(len(counts))])
        self.steps = (np.arange(images)[:, None] * layout.area + position.reshape(-1)).reshape(-1)
        self.shifts = np.arange(len(self.steps)) * (self.across * lanes)
        places = (np.arange(channels)[:, None] * self.pitch + layout.shifts(images)).reshape(-1)
        self.places = np.concatenate([places, np.repeat(places[-1:], -len(places) % ROWS)])
        self.sizes = np.array([images, channels, outputs, self.pitch, layout.area, self.across, len(places)], np.int64)


few_windows_of = lru_cache(maxsize=256)(FewWindows)


@parallel("void(X[::1], X[::1], X[::1], X[::1], X[::1], i8[:, :, ::1], i8[::1], i8[::1], i8[::1], i8[::1])")
def _differentiate_few(
    g: Any, x: Any, given: Any, store: Any, total: Any, rows: Any, places: Any, steps: Any, shifts: Any, sizes: Any
) -> None:
    images, channels, outputs, pitch, area, across, terms = (
        sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6]
    )  # fmt: skip
    lanes, zero = BYTES // x.itemsize * WIDEST, x.dtype.type(-0.0)
    length, g_length, wide = x.size // (images * channels), g.size // (images * outputs), across * lanes
    for each in prange(channels + outputs):
        for image in range(images):
            if each < channels:
                source, to = (image * channels + each) * length, each * pitch + image * area
                lay_out(x, source, rows, area // rows.shape[1], store, to, images * area)
            else:
                source, to = (image * outputs + each - channels) * g_length, image * g_length * wide + each - channels
                move_apart(g, source, 1, zero, given, to, wide, g_length)
    groups = len(places) // ROWS
    for unit in prange(across * UNITS):
        first, part, made = unit // UNITS * lanes, unit % UNITS, np.empty(ROWS * lanes, x.dtype)
        for group in range(groups * part // UNITS, groups * (part + 1) // UNITS):
            _block(store, 0, places, group * ROWS, steps, given, first, shifts, 0, len(steps), made, 0)
            count = min(ROWS, terms - group * ROWS)
            for lane in range(min(lanes, outputs - first)):
                move_apart(made, lane, lanes, zero, total, (first + lane) * terms + group * ROWS, 1, count)


def differentiate_few(plan: FewWindows, g: Any, x: Any, shape: Ints) -> Any:
    """The weight's gradient; both arrays are contiguous."""
    total, store = np.empty(shape, x.dtype), np.empty(x.shape[1] * plan.pitch, x.dtype)
    given = np.empty(len(plan.steps) * plan.across * (BYTES // x.itemsize * WIDEST), x.dtype)
    _differentiate_few(
        g.reshape(-1), x.reshape(-1), given, store, total.reshape(-1), plan.layout.rows, plan.places, plan.steps,
        plan.shifts, plan.sizes,
    )  # fmt: skip
    return total
