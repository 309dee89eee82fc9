"""Convolution and its two adjoints over any number of spatial dimensions, as matrix products over patches.

The patches of an image that the windows meet are laid out as the columns of a matrix (channels × places of the window,
windows), so that

    output = weight · columns,    ∂weight = g · columnsᵀ,    ∂columns = weightᵀ · g

and adding the columns back to where they came from gives ∂input. The columns take kernel-size times the input's memory;
they are made tile by tile (some images, or some rows of one image) in a workspace that stays in the cache, and are
never kept. Which algorithm runs, and the tiles, are functions of the shapes alone.

Shapes, for all kernels here: x (N, C, *lengths), weight (O, C / groups, *sizes), output and g (N, O, *counts).
``padding`` has a pair (before, after) for each spatial dimension, the other settings one int.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from lepton.backend.devices import xp
from lepton.kernels.registry import kernel
from lepton.kernels.windows import Ints, Pads, in_float32, span, window_count

WORKSPACE = 1 << 20  # bytes of columns made at a time: measured, with 512 KiB of second-level cache per core
FEW_WINDOWS = 64  # an image with fewer makes too thin a product: several images then share one


class Tile:
    """Some images, or some rows (along the first spatial dimension) of one image.

    Attributes:
        taken: index of the part of the input that its windows may meet. made: index of the output that they make.
        counts: its windows along each spatial dimension. pads: the padding of the part taken.
        geometry: all that its columns depend on; tiles that agree share a workspace.
    """

    __slots__ = ("taken", "made", "counts", "pads", "geometry")

    def __init__(self, plan: Plan, images: slice, rows: slice) -> None:
        shift = -plan.pads[0][0]
        begin = rows.start * plan.stride[0] + shift
        end = (rows.stop - 1) * plan.stride[0] + shift + plan.dilation[0] * (plan.sizes[0] - 1) + 1
        first = min(max(begin, 0), plan.lengths[0])
        last = max(min(end, plan.lengths[0]), first)
        self.taken = (images, slice(None), slice(first, last))
        self.made = (images, slice(None), rows)
        self.counts = (rows.stop - rows.start, *plan.counts[1:])
        self.pads = ((first - begin, max(0, end - last)), *plan.pads[1:])
        self.geometry = (images.stop - images.start, last - first, self.pads, self.counts)


class Plan:
    """The shapes of one convolution, and how its work is cut.

    Attributes:
        direct: the windows are the input's elements themselves (a 1×1 convolution), so that nothing is laid out.
        merged: several images share one product.
    """

    __slots__ = (
        "images", "channels", "lengths", "sizes", "counts", "stride", "pads", "dilation", "groups", "direct", "merged",
        "column_bytes",
    )  # fmt: skip

    def __init__(
        self, x_shape: Ints, weight_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int, itemsize: int
    ) -> None:
        self.images, self.channels, *lengths = x_shape
        self.lengths, self.sizes = tuple(lengths), weight_shape[2:]
        self.stride, self.pads, self.dilation, self.groups = stride, padding, dilation, groups
        self.counts = counts_of(self.lengths, self.sizes, stride, padding, dilation)
        self.column_bytes = self.channels * prod(self.sizes) * itemsize
        self.merged = self.images > 1 and prod(self.counts) < FEW_WINDOWS
        untouched = all(n == 1 for n in (*self.sizes, *stride)) and not any(any(pad) for pad in padding)
        self.direct = untouched and not self.merged

    def tiles(self) -> Iterator[Tile]:
        """Tiles whose columns take about ``WORKSPACE`` bytes, whole images where those are small enough."""
        rows = self.counts[0]
        per_image = max(1, self.column_bytes * prod(self.counts))
        if self.direct:
            at_once, step = self.images, rows
        else:
            at_once = max(1, WORKSPACE // per_image)
            step = min(rows, max(1, WORKSPACE * rows // per_image))
        for first in range(0, self.images, at_once):
            images = slice(first, min(first + at_once, self.images))
            for row in range(0, rows, step):
                yield Tile(self, images, slice(row, min(row + step, rows)))

    def worked(self, x: Any) -> Iterator[tuple[Tile, Columns]]:
        """Each tile with a workspace for its columns; the next tile may use it again."""
        made: dict[Any, Columns] = {}
        for tile in self.tiles():
            columns = made.get(tile.geometry)
            if columns is None:
                columns = made[tile.geometry] = Columns(self, tile, x)
            yield tile, columns


class Columns:
    """A tile's columns: ``gather`` lays the patches out, ``scatter`` adds columns back to the image.

    Both go in two steps, so that long runs of memory are copied: the last dimension's places first, which resolves its
    padding, stride and dilation (``rows``), then those of the other dimensions, which shift whole rows. What lies in
    the padding is zero from the start and never written.

    ``matrix`` is (images, groups, channels · places, windows), or with merged images (groups, channels · places,
    images · windows).
    """

    __slots__ = ("matrix", "_direct", "_groups", "_columns", "_rows", "_fills", "_shifts")

    def __init__(self, plan: Plan, tile: Tile, x: Any) -> None:
        part = x[tile.taken]
        images, channels, *lengths = part.shape
        self._direct, self._groups = plan.direct, plan.groups
        if plan.direct:
            return
        module, sizes, counts = xp(x), plan.sizes, tile.counts
        reaches = tuple(
            [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(counts, plan.stride, plan.dilation, sizes, strict=True)]
        )[:-1]
        lead = (slice(None), slice(None))
        outer = [span(-pad[0], 1, n, r) for pad, n, r in zip(tile.pads, lengths, reaches, strict=False)]
        self._fills = []
        for place in range(sizes[-1]):
            shift = place * plan.dilation[-1] - tile.pads[-1][0]
            inner = span(shift, plan.stride[-1], lengths[-1], counts[-1])
            target, source = zip(*outer, inner, strict=True)
            self._fills.append(((*lead, place, *target), (*lead, *source)))
        shape = (channels, *sizes)
        if plan.merged:
            store = module.zeros((*shape, images, *counts), x.dtype)
            self.matrix = store.reshape(plan.groups, -1, images * prod(counts))
            self._columns = module.moveaxis(store, len(shape), 0)
        else:
            self._columns = module.zeros((images, *shape, *counts), x.dtype)
            self.matrix = self._columns.reshape(images, plan.groups, -1, prod(counts))
        self._shifts = []
        if prod(sizes[:-1]) == 1 and prod(plan.stride[:-1]) == 1:
            self._rows = self._columns[(*lead, *[0] * len(reaches))]
            return
        self._rows = module.zeros((images, channels, sizes[-1], *reaches, counts[-1]), x.dtype)
        for where in product(*[range(n) for n in sizes[:-1]]):
            moved = [
                slice(k * d, k * d + (n - 1) * s + 1, s)
                for k, d, n, s in zip(where, plan.dilation, counts, plan.stride, strict=False)
            ]
            self._shifts.append(((*lead, *where), (*lead, slice(None), *moved)))

    def gather(self, part: Any) -> Any:
        """The matrix, with the patches of these images in it."""
        if self._direct:
            return part.reshape(part.shape[0], self._groups, part.shape[1] // self._groups, -1)
        for target, source in self._fills:
            self._rows[target] = part[source]
        for target, source in self._shifts:
            self._columns[target] = self._rows[source]
        return self.matrix

    def scatter(self, part: Any) -> None:
        """Add what stands in the matrix to these images: the adjoint of :meth:`gather`."""
        if self._shifts:
            self._rows[...] = 0
        for target, source in self._shifts:
            self._rows[source] += self._columns[target]
        for target, source in self._fills:
            part[source] += self._rows[target]


@kernel
@in_float32
def convolution(
    x: Any, weight: Any, bias: Any, stride: Ints, padding: Pads, dilation: Ints, groups: int
) -> Any:
    """y[n, o, p] = b[o] + Σ over c, k of weight[o, c, k] · x[n, c, p·stride + k·dilation − before]."""
    module = xp(x)
    plan = Plan(x.shape, weight.shape, stride, padding, dilation, groups, x.dtype.itemsize)
    outputs = weight.shape[0]
    matrix = weight.reshape(groups, outputs // groups, -1)
    out = module.empty((plan.images, outputs, *plan.counts), x.dtype)
    if bias is not None:
        bias = bias.reshape(outputs, *[1] * len(plan.counts))
    for tile, columns in plan.worked(x):
        patches = columns.gather(x[tile.taken])
        part = out[tile.made]
        if plan.merged:
            made = module.matmul(matrix, patches).reshape(outputs, part.shape[0], *tile.counts)
            part[...] = module.moveaxis(made, 0, 1)
        elif part.flags.c_contiguous:
            module.matmul(matrix, patches, out=part.reshape(part.shape[0], groups, outputs // groups, -1))
        else:
            part[...] = module.matmul(matrix, patches).reshape(part.shape)
        if bias is not None:
            part += bias
    return out


@kernel
@in_float32
def convolution_weight_gradient(
    g: Any, x: Any, weight_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int
) -> Any:
    """∂weight[o, c, k] = Σ over n, p of g[n, o, p] · x[n, c, p·stride + k·dilation − before]."""
    module = xp(x)
    plan = Plan(x.shape, weight_shape, stride, padding, dilation, groups, x.dtype.itemsize)
    total = module.zeros(weight_shape, x.dtype)
    matrix = total.reshape(groups, weight_shape[0] // groups, prod(weight_shape[1:]))
    for tile, columns in plan.worked(x):
        patches = module.swapaxes(columns.gather(x[tile.taken]), -1, -2)
        part = _products_first(g[tile.made], plan)
        made = module.matmul(part, patches)
        if plan.merged:
            matrix += made
        else:
            for each in made:
                matrix += each
    return total


@kernel
@in_float32
def convolution_input_gradient(
    g: Any, weight: Any, bias: Any, x_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int
) -> Any:
    """∂x[n, c, q] = Σ over o and the p, k with p·stride + k·dilation − before = q of g[n, o, p] · weight[o, c, k].

    ``bias`` (or None) is added to it: this is the forward of a transposed convolution as well.
    """
    module = xp(g)
    plan = Plan(x_shape, weight.shape, stride, padding, dilation, groups, g.dtype.itemsize)
    if _turns_around(plan, weight.shape[0]):
        return _turned_around(g, weight, bias, plan)
    out = module.zeros(x_shape, g.dtype)
    if bias is not None:
        out += bias.reshape(-1, *[1] * len(plan.counts))
    matrix = module.swapaxes(weight.reshape(groups, weight.shape[0] // groups, prod(weight.shape[1:])), -1, -2)
    for tile, columns in plan.worked(out):
        part = _products_first(g[tile.made], plan)
        if plan.direct:
            out[tile.taken] += module.matmul(matrix, part).reshape(out[tile.taken].shape)
        else:
            module.matmul(matrix, part, out=columns.matrix)
            columns.scatter(out[tile.taken])
    return out


def _products_first(part: Any, plan: Plan) -> Any:
    """A gradient as the matrices (images, groups, O / groups, windows), or merged (groups, O / groups, images · windows)."""
    if plan.merged:
        return xp(part).moveaxis(part, 1, 0).reshape(plan.groups, part.shape[1] // plan.groups, -1)
    return part.reshape(part.shape[0], plan.groups, part.shape[1] // plan.groups, -1)


def _turns_around(plan: Plan, outputs: int) -> bool:
    """Whether the input gradient is cheaper as a convolution of g: laying out its patches against adding columns back.

    Adding costs about twice as much as laying out (measured); a product with few rows is slow.
    """
    fits = all(d * (k - 1) >= max(pad) for d, k, pad in zip(plan.dilation, plan.sizes, plan.pads, strict=True))
    wide = plan.channels >= 16 * plan.groups and outputs <= 2 * plan.channels
    return fits and wide and not plan.direct and all(each == 1 for each in plan.stride)


def _turned_around(g: Any, weight: Any, bias: Any, plan: Plan) -> Any:
    """The input gradient for stride 1: g convolved with the weight, its places reversed, inputs and outputs exchanged."""
    module, groups, (outputs, channels, *sizes) = xp(g), plan.groups, weight.shape
    turned = weight[(slice(None), slice(None), *[slice(None, None, -1)] * len(sizes))]
    turned = module.swapaxes(turned.reshape(groups, outputs // groups, channels, *sizes), 1, 2)
    turned = turned.reshape(groups * channels, outputs // groups, *sizes)
    padding = tuple(
        [(d * (k - 1) - pad[0], d * (k - 1) - pad[1]) for d, k, pad in zip(plan.dilation, sizes, plan.pads, strict=True)]
    )
    return convolution(g, turned, bias, plan.stride, padding, plan.dilation, groups)


def counts_of(lengths: Ints, sizes: Ints, stride: Ints, padding: Pads, dilation: Ints) -> Ints:
    """The output's spatial dimensions."""
    return tuple(map(window_count, lengths, sizes, stride, padding, dilation))
