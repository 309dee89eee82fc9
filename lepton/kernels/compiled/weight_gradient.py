"""The gradient of a convolution's weight: sums of products over positions, for each output, channel and place.

* :class:`Rows`: rows of g, laid out like x with zeros where no window is, times rows of x. Lanes are positions.
* :class:`FewWindows`: rows of x times g with its channels side by side. Lanes are channels of g; sums are chains over
  positions, so that there must not be many at a time.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled.direct import lay_images, multiply, width_for
from lepton.kernels.compiled.layout import UNITS, Layout, lay_out, odd_lines, spatial
from lepton.kernels.compiled.loops import parallel
from lepton.kernels.compiled.vectors import (
    BYTES,
    LEFT,
    RIGHT,
    ROWS,
    add_apart,
    clear,
    inner_block,
    move_apart,
)  # fmt: skip
from lepton.kernels.convolution import Windows
from lepton.kernels.windows import Ints

CHUNKS = 1 << 17, 256, 2048  # elements of all rows that are multiplied by others at a time, and of one: least and most
TERMS = 512  # windows that are summed up at a time where they are the terms


class Rows:
    """How the weight's gradient is computed, rows of g times rows of x: Σ over positions, g zero where no window is.

    Attributes:
        lefts, rights: where the rows of g begin, and for each channel and place those of x. given: as ``Layout.rows``,
        for g. blocks: for each block of rows of g (its first, how many, the first output, its group).
    """

    def __init__(self, windows: Windows, itemsize: int) -> None:
        lengths, stride, places, counts = spatial(windows)
        images, channels = windows.x_shape[:2]
        outputs, groups = windows.weight_shape[0], windows.groups
        self.layout = layout = Layout(lengths, counts, stride, places)
        at_once = min(layout.images_at_once(images, each) for each in (channels, outputs))
        self.pitch = layout.pitch(at_once)
        self.given_pitch = odd_lines(at_once * layout.area)
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
                        given, lefts, block * LEFT, start * lanes, store, rights, right, at + start * lanes,
                        end - start, few,
                    )  # fmt: skip
                    for i in range(count):
                        for j in range(min(RIGHT, terms - right)):
                            total[(first + i) * terms + right + j] += few[i * RIGHT + j]


rows_of = lru_cache(maxsize=256)(Rows)


def differentiate(plan: Rows, g: Any, x: Any, shape: Ints) -> Any:
    """The weight's gradient, or NotImplemented where it is not all finite; both arrays are contiguous."""
    total, kind = np.zeros(shape, x.dtype), x.dtype
    given, store = np.empty(g.shape[1] * plan.given_pitch, kind), np.empty(x.shape[1] * plan.pitch, kind)
    _differentiate(
        g.reshape(-1), x.reshape(-1), given, store, total.reshape(-1), plan.given, plan.layout.rows, plan.lefts,
        plan.rights, plan.blocks, plan.sizes,
    )  # fmt: skip
    return total if np.isfinite(total).all() else NotImplemented


class FewWindows:
    """How the weight's gradient is computed with g's channels side by side as lanes: no position is computed in vain.

    Attributes:
        places: for each channel and place of a window where its row begins. steps: of the windows' positions. shifts:
            of them in g. across: blocks of g's channels. vectors: in each.
    """

    def __init__(self, windows: Windows, itemsize: int) -> None:
        lengths, stride, offsets, counts = spatial(windows)
        images, channels = windows.x_shape[:2]
        outputs, lanes = windows.weight_shape[0], BYTES // itemsize
        self.layout = layout = Layout(lengths, counts, stride, offsets)
        at_once = layout.images_at_once(images, channels)
        self.pitch, self.vectors = layout.pitch(at_once), width_for(outputs, lanes)
        self.across = -(-outputs // (self.vectors * lanes))
        self.steps = layout.positions(at_once, counts)
        self.shifts = np.arange(len(self.steps)) * (self.across * self.vectors * lanes)
        places = (np.arange(channels)[:, None] * self.pitch + layout.shifts(at_once)).reshape(-1)
        self.places = np.concatenate([places, np.repeat(places[-1:], -len(places) % ROWS)])
        self.sizes = np.array(
            [images, channels, at_once, self.pitch, layout.area, outputs, self.across, self.vectors, len(places)],
            np.int64,
        )


few_windows_of = lru_cache(maxsize=256)(FewWindows)


@parallel("void(X[::1], X[::1], X[::1], X[::1], X[::1], i8[:, :, ::1], i8[::1], i8[::1], i8[::1], i8[::1])")
def _differentiate_few(
    g: Any, x: Any, given: Any, store: Any, total: Any, rows: Any, places: Any, steps: Any, shifts: Any, sizes: Any
) -> None:
    images, channels, at_once, outputs, across, vectors = sizes[0], sizes[1], sizes[2], sizes[5], sizes[6], sizes[7]
    terms, lanes, zero = sizes[8], vectors * (BYTES // x.itemsize), x.dtype.type(-0.0)
    counts, wide, groups = g.size // (images * outputs), across * lanes, len(places) // ROWS
    for begin in range(0, images, at_once):
        here = min(at_once, images - begin)
        for each in prange(here * (channels + outputs)):
            if each < here * channels:
                lay_images(x, begin, here, each, rows, sizes, store)
            else:
                image, output = (each - here * channels) // outputs, (each - here * channels) % outputs
                source = ((begin + image) * outputs + output) * counts
                move_apart(g, source, 1, zero, given, image * counts * wide + output, wide, counts)
        for start in range(0, here * counts, TERMS):
            taken = min(TERMS, here * counts - start)
            for unit in prange(across * UNITS):
                first, part, made = unit // UNITS * lanes, unit % UNITS, np.empty(ROWS * lanes, x.dtype)
                for group in range(groups * part // UNITS, groups * (part + 1) // UNITS):
                    multiply(
                        vectors, store, 0, places, group * ROWS, steps, given, first, shifts, start, taken, made, 0
                    )
                    count = min(ROWS, terms - group * ROWS)
                    for lane in range(min(lanes, outputs - first)):
                        target = (first + lane) * terms + group * ROWS
                        if begin + start == 0:
                            move_apart(made, lane, lanes, zero, total, target, 1, count)
                        else:
                            add_apart(made, lane, lanes, total, target, count)


def differentiate_few(plan: FewWindows, g: Any, x: Any, shape: Ints) -> Any:
    """The weight's gradient; both arrays are contiguous."""
    total, store = np.empty(shape, x.dtype), np.empty(x.shape[1] * plan.pitch, x.dtype)
    given = np.empty(len(plan.steps) * plan.across * plan.vectors * (BYTES // x.itemsize), x.dtype)
    _differentiate_few(
        g.reshape(-1), x.reshape(-1), given, store, total.reshape(-1), plan.layout.rows, plan.places, plan.steps,
        plan.shifts, plan.sizes,
    )  # fmt: skip
    return total
