"""Channels laid out so that each place of a window is one shift away from it: padded, in rows, split by stride."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from lepton.kernels.compiled.loops import inner
from lepton.kernels.compiled.vectors import BYTES, clear, move, move_apart
from lepton.kernels.convolution import Windows
from lepton.kernels.windows import Ints, window_count

STORED = 1 << 20  # elements laid out at a time: they stay in the last-level cache
UNITS = 16  # that the work is cut into at least, so that it can be shared out


class Layout:
    """How channels are laid out for windows that begin every ``stride`` elements, with these places.

    A place is a tuple of offsets, one for each dimension, from where the window begins; it may be outside the image.

    Attributes:
        phases: how many parts a channel has, for remainders of position / stride. rows: (phases, rows, 4): where each
            row's first element comes from, how many zeros stand before it, how many elements, how far apart they are.
            area: of a phase. steps: from a position to the next one, in each dimension. reach: the largest shift in
            one phase.
    """

    def __init__(self, lengths: Ints, counts: Ints, stride: Ints, places: Sequence[Ints]) -> None:
        dims = range(len(stride))
        split = [[divmod(offset, s) for offset, s in zip(place, stride, strict=True)] for place in places]
        self._low = [min(place[dim][0] for place in split) for dim in dims]
        high = [max(place[dim][0] for place in split) for dim in dims]
        self.grid = [counts[dim] + high[dim] - self._low[dim] for dim in dims]
        self.steps = [prod(self.grid[dim + 1 :]) for dim in dims]
        self.area = prod(self.grid)
        phases = sorted({tuple([rest for _, rest in place]) for place in split})
        self.rows = np.array([self._rows(phase, lengths, stride) for phase in phases], np.int64)
        self._shifts = [(phases.index(tuple([rest for _, rest in place])), self._within(place)) for place in split]
        self.phases, self.reach = len(phases), max(within for _, within in self._shifts)

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
        return odd_lines(self.phases * images * self.area + self.reach)

    def positions(self, images: int, counts: Ints) -> Any:
        """Where the first windows, ``counts`` along each dimension, of so many images are."""
        found = np.arange(images) * self.area
        for count, step in zip(counts, self.steps, strict=True):
            found = found[..., None] + np.arange(count) * step
        return found.reshape(-1)


def odd_lines(elements: int) -> int:
    """Room for so many elements, and for a vector that begins at the last one."""
    return (elements + 2 * BYTES) // 32 * 32 + 48


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


Part = tuple[Ints, Ints, list[int], list[int]]


class Sums(NamedTuple):
    """Sums over places: out[n, r, q] = bias[r] + Σ over c, k of weight[r, c, k] · x[n, c, place k of window p].

    Attributes:
        images, channels, groups: of x. layout: of its channels. lengths: of the output. stride: of its positions that
            the windows of one part make.
        parts: for each remainder of position / stride (counts of windows, where their output begins, their places in
            the layout, the numbers of these places in the weight).
        rows: where each row begins in the weight, by groups. terms: where a channel's first place is in a row.
        taps: places of a window in the weight.
    """

    images: int
    channels: int
    groups: int
    layout: Layout
    lengths: Ints
    stride: Ints
    parts: list[Part]
    rows: Any
    terms: Any
    taps: int

    def targets(self, part: Part) -> Any:
        """Where the output of each window of a part is in its image, in the shape of the counts."""
        found = np.zeros((), np.int64)
        for dim, (count, begin, step) in enumerate(zip(part[0], part[1], self.stride, strict=True)):
            found = found[..., None] + (np.arange(count) * step + begin) * prod(self.lengths[dim + 1 :])
        return found


def spatial(windows: Windows) -> tuple[Any, ...]:
    """Lengths, sizes, stride, places, counts, in two dimensions at least."""
    x_shape, weight_shape, stride, padding, dilation, _ = windows
    lengths, sizes = x_shape[2:], weight_shape[2:]
    if len(lengths) == 1:
        lengths, sizes, stride, dilation = (1, *lengths), (1, *sizes), (1, *stride), (1, *dilation)
        padding = ((0, 0), *padding)
    counts = tuple(map(window_count, lengths, sizes, stride, padding, dilation))
    places = [
        tuple([k * d - pad[0] for k, d, pad in zip(place, dilation, padding, strict=True)])
        for place in product(*map(range, sizes))
    ]
    return lengths, stride, places, counts


def forward_sums(windows: Windows) -> Sums:
    """A convolution."""
    lengths, stride, places, counts = spatial(windows)
    outputs, per_group, groups, taps = *windows.weight_shape[:2], windows.groups, len(places)
    part = (counts, (0,) * len(counts), list(range(taps)), list(range(taps)))
    images, channels, *_ = windows.x_shape
    return Sums(
        images, channels, groups, Layout(lengths, counts, stride, places), counts, (1,) * len(counts), [part],
        np.arange(outputs).reshape(groups, -1) * (per_group * taps), np.arange(per_group) * taps, taps,
    )  # fmt: skip


def backward_sums(windows: Windows) -> Sums | None:
    """The gradient of a convolution's input: sums over g, where a position has the places of its remainder.

    None if no element is in a window.
    """
    lengths, stride, places, counts = spatial(windows)
    outputs, per_group, groups, taps = *windows.weight_shape[:2], windows.groups, len(places)
    offsets: dict[Ints, int] = {}
    parts: list[Part] = []
    for begin in product(*[range(min(s, n)) for s, n in zip(stride, lengths, strict=True)]):
        taken, numbers = [], []
        for number, place in enumerate(places):
            moved = [divmod(b - offset, s) for b, offset, s in zip(begin, place, stride, strict=True)]
            if all(rest == 0 for _, rest in moved):
                taken.append(offsets.setdefault(tuple([whole for whole, _ in moved]), len(offsets)))
                numbers.append(number)
        if taken:
            reached = tuple([-(-(n - b) // s) for n, b, s in zip(lengths, begin, stride, strict=True)])
            parts.append((reached, begin, taken, numbers))
    if not parts:
        return None
    most = tuple([-(-n // s) for n, s in zip(lengths, stride, strict=True)])
    rows = np.arange(groups)[:, None] * (outputs // groups * per_group * taps) + np.arange(per_group) * taps
    return Sums(
        windows.x_shape[0], outputs, groups, Layout(counts, most, (1,) * len(counts), list(offsets)), lengths, stride,
        parts, rows, np.arange(outputs // groups) * (per_group * taps), taps,
    )  # fmt: skip
