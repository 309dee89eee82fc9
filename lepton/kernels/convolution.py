"""Convolution and its two adjoints over any number of spatial dimensions, as matrix products over patches.

The patches of an image that the windows meet are laid out as the columns of a matrix (channels × places of the window,
windows), so that

    output = weight · columns,    ∂weight = g · columnsᵀ,    ∂columns = weightᵀ · g

and adding the columns back to where they came from gives ∂input. The columns take kernel-size times the input's memory;
they are made tile by tile (some images, or some rows of one image) in a workspace that stays in the cache, and are
never kept. Which algorithm runs, and the tiles, are functions of the shapes alone.

Shapes, for all kernels here: x (N, C, *lengths), weight (O, C / groups, *sizes), output and g (N, O, *counts).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

from lepton.backend.devices import xp
from lepton.kernels.registry import fast_kernel, kernel
from lepton.kernels.windows import Ints, Pads, in_float32, span, window_count

WORKSPACE = 1 << 20  # bytes of columns made at a time: measured, with 512 KiB of second-level cache per core
FEW_WINDOWS = 64  # an image with fewer makes too thin a product: several images then share one


class Layout:
    """How the patches of a tile become columns, in two steps, so that long runs of memory are copied.

    First the last dimension's places, which resolves its padding, stride and dilation (``rows``); then those of the
    other dimensions, which shift whole rows. What lies in the padding is zero from the start and never written.

    Attributes:
        images: how many. shape: (channels, *sizes, *counts). rows: the shape of the first step's result, or None where
            the second has nothing to do.
        fills: (index of rows, index of the input). shifts: (index of columns, index of rows).
    """

    __slots__ = ("images", "shape", "rows", "fills", "shifts")

    def __init__(self, plan: Plan, images: int, lengths: Ints, counts: Ints, before: Ints) -> None:
        sizes, stride, dilation = plan.sizes, plan.stride, plan.dilation
        every = zip(counts, stride, dilation, sizes, strict=True)
        reaches = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in every][:-1]
        lead = (slice(None), slice(None))
        outer = [span(-b, 1, n, r) for b, n, r in zip(before, lengths, reaches, strict=False)]
        self.images, self.shape = images, (plan.channels, *sizes, *counts)
        self.fills = []
        for place in range(sizes[-1]):
            inner = span(place * dilation[-1] - before[-1], stride[-1], lengths[-1], counts[-1])
            target, source = zip(*outer, inner, strict=True)
            self.fills.append(((*lead, place, *target), (*lead, *source)))
        self.shifts: list[tuple[Any, Any]] = []
        self.rows = None
        if prod(sizes[:-1]) != 1 or prod(stride[:-1]) != 1:
            self.rows = (images, plan.channels, sizes[-1], *reaches, counts[-1])
            for where in product(*[range(n) for n in sizes[:-1]]):
                moved = [
                    slice(k * d, k * d + (n - 1) * s + 1, s)
                    for k, d, n, s in zip(where, dilation, counts, stride, strict=False)
                ]
                self.shifts.append(((*lead, *where), (*lead, slice(None), *moved)))


class Tile:
    """Some images, or some rows (along the first spatial dimension) of one image.

    Attributes:
        taken: index of the part of the input that its windows may meet. made: index of the output that they make.
        counts: its windows along each spatial dimension. layout: of its columns, shared by tiles of equal geometry.
    """

    __slots__ = ("taken", "made", "counts", "layout")

    def __init__(self, plan: Plan, images: slice, rows: slice, known: dict[Any, Layout]) -> None:
        begin = rows.start * plan.stride[0] - plan.pads[0][0]
        end = (rows.stop - 1) * plan.stride[0] - plan.pads[0][0] + plan.dilation[0] * (plan.sizes[0] - 1) + 1
        first = min(max(begin, 0), plan.lengths[0])
        last = max(min(end, plan.lengths[0]), first)
        self.taken = (images, slice(None), slice(first, last))
        self.made = (images, slice(None), rows)
        self.counts = (rows.stop - rows.start, *plan.counts[1:])
        lengths = (last - first, *plan.lengths[1:])
        before = (first - begin, *[pad[0] for pad in plan.pads[1:]])
        geometry = (images.stop - images.start, lengths, self.counts, before)
        if geometry not in known:
            known[geometry] = Layout(plan, *geometry)
        self.layout = known[geometry]


class Windows(NamedTuple):
    """The shapes and settings of one convolution, whichever of its three directions is computed.

    ``padding`` has a pair (before, after) for each spatial dimension; an ``after`` below zero leaves elements out.
    """

    x_shape: Ints
    weight_shape: Ints
    stride: Ints
    padding: Pads
    dilation: Ints
    groups: int


class Plan:
    """How the work of one convolution is cut; made once for the same shapes.

    Attributes:
        direct: the windows are the input's elements themselves (a 1×1 convolution), so that nothing is laid out.
        merged: several images share one product.
        tiles: their columns take about ``WORKSPACE`` bytes, of whole images where those are small enough.
    """

    __slots__ = (
        "images", "channels", "lengths", "sizes", "counts", "stride", "pads", "dilation", "groups", "direct", "merged",
        "tiles",
    )  # fmt: skip

    def __init__(self, windows: Windows, itemsize: int) -> None:
        x_shape, weight_shape, self.stride, self.pads, self.dilation, self.groups = windows
        self.images, self.channels, *lengths = x_shape
        self.lengths, self.sizes = tuple(lengths), weight_shape[2:]
        self.counts = tuple(map(window_count, lengths, self.sizes, self.stride, self.pads, self.dilation))
        self.merged = self.images > 1 and prod(self.counts) < FEW_WINDOWS
        untouched = all(n == 1 for n in (*self.sizes, *self.stride)) and not any(any(pad) for pad in self.pads)
        self.direct = untouched and not self.merged
        rows = self.counts[0]
        per_image = max(1, self.channels * prod(self.sizes) * prod(self.counts) * itemsize)
        at_once = self.images if self.direct else max(1, WORKSPACE // per_image)
        step = rows if self.direct else min(rows, max(1, WORKSPACE * rows // per_image))
        known: dict[Any, Layout] = {}
        self.tiles = [
            Tile(self, slice(first, min(first + at_once, self.images)), slice(row, min(row + step, rows)), known)
            for first in range(0, self.images, max(1, at_once))
            for row in range(0, rows, step)
        ]

    def worked(self, x: Any) -> Iterator[tuple[Tile, Columns]]:
        """Each tile with a workspace for its columns, which the next tile may use again."""
        made: dict[Layout, Columns] = {}
        for tile in self.tiles:
            columns = made.get(tile.layout)
            if columns is None:
                columns = made[tile.layout] = Columns(self, tile.layout, x)
            yield tile, columns


plan_of = lru_cache(maxsize=512)(Plan)


class Columns:
    """A workspace for a tile's columns: ``gather`` lays the patches out, ``scatter`` adds columns back to the image.

    ``matrix`` is (images, groups, channels · places, windows), or with merged images (groups, channels · places,
    images · windows).
    """

    __slots__ = ("matrix", "_plan", "_layout", "_columns", "_rows")

    def __init__(self, plan: Plan, layout: Layout, x: Any) -> None:
        self._plan, self._layout = plan, layout
        if plan.direct:
            return
        module, images, shape = xp(x), layout.images, layout.shape
        made = module.zeros if layout.rows is None else module.empty
        size = prod(shape[: len(plan.sizes) + 1]) // plan.groups
        if plan.merged:
            store = made((*shape[: len(plan.sizes) + 1], images, *shape[len(plan.sizes) + 1 :]), x.dtype)
            self.matrix = store.reshape(plan.groups, size, images * prod(shape[len(plan.sizes) + 1 :]))
            self._columns = module.moveaxis(store, len(plan.sizes) + 1, 0)
        else:
            self._columns = made((images, *shape), x.dtype)
            self.matrix = self._columns.reshape(images, plan.groups, size, prod(shape[len(plan.sizes) + 1 :]))
        if layout.rows is None:
            self._rows = self._columns[(slice(None), slice(None), *[0] * (len(plan.sizes) - 1))]
        else:
            self._rows = module.zeros(layout.rows, x.dtype)

    def gather(self, part: Any) -> Any:
        """The matrix, with the patches of these images in it."""
        if self._plan.direct:
            groups = self._plan.groups
            return part.reshape(part.shape[0], groups, part.shape[1] // groups, prod(part.shape[2:]))
        for target, source in self._layout.fills:
            self._rows[target] = part[source]
        for target, source in self._layout.shifts:
            self._columns[target] = self._rows[source]
        return self.matrix

    def scatter(self, part: Any) -> None:
        """Add what stands in the matrix to these images: the adjoint of :meth:`gather`."""
        if self._layout.rows is not None:
            self._rows[...] = 0
        for target, source in self._layout.shifts:
            self._rows[source] += self._columns[target]
        for target, source in self._layout.fills:
            part[source] += self._rows[target]


@fast_kernel("convolution", 256)
@in_float32
def convolution(x: Any, weight: Any, bias: Any, windows: Windows) -> Any:
    """y[n, o, p] = b[o] + Σ over c, k of weight[o, c, k] · x[n, c, p·stride + k·dilation − before]."""
    module, plan = xp(x), plan_of(windows, x.dtype.itemsize)
    outputs, groups = weight.shape[0], plan.groups
    matrix = weight.reshape(groups, outputs // groups, prod(weight.shape[1:]))
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
            rows = (part.shape[0], groups, outputs // groups, prod(tile.counts))
            module.matmul(matrix, patches, out=part.reshape(rows))
        else:
            part[...] = module.matmul(matrix, patches).reshape(part.shape)
        if bias is not None:
            part += bias
    return out


@fast_kernel("convolution", 256)
@in_float32
def convolution_weight_gradient(g: Any, x: Any, windows: Windows) -> Any:
    """∂weight[o, c, k] = Σ over n, p of g[n, o, p] · x[n, c, p·stride + k·dilation − before]."""
    module, plan = xp(x), plan_of(windows, x.dtype.itemsize)
    outputs, *rest = windows.weight_shape
    total = module.zeros(windows.weight_shape, x.dtype)
    matrix = total.reshape(plan.groups, outputs // plan.groups, prod(rest))
    for tile, columns in plan.worked(x):
        patches = module.swapaxes(columns.gather(x[tile.taken]), -1, -2)
        made = module.matmul(_as_matrices(g[tile.made], plan), patches)
        if plan.merged:
            matrix += made
        else:
            for each in made:
                matrix += each
    return total


@fast_kernel("convolution", 256)
@in_float32
def convolution_input_gradient(g: Any, weight: Any, bias: Any, windows: Windows) -> Any:
    """∂x[n, c, q] = b[c] + Σ g[n, o, p] · weight[o, c, k] over o and the p, k with p·stride + k·dilation − before = q.

    With ``bias`` (not None) this is the forward of a transposed convolution.
    """
    module, plan = xp(g), plan_of(windows, g.dtype.itemsize)
    outputs, groups = weight.shape[0], plan.groups
    if _turns_around(plan, outputs):
        return _turned_around(g, weight, bias, plan)
    out = module.zeros(windows.x_shape, g.dtype)
    if bias is not None:
        out += bias.reshape(-1, *[1] * len(plan.counts))
    matrix = module.swapaxes(weight.reshape(groups, outputs // groups, prod(weight.shape[1:])), -1, -2)
    # with one output per group the product sums over nothing, and BLAS is slow at that
    product_of = module.multiply if outputs == groups else module.matmul
    for tile, columns in plan.worked(out):
        made = _as_matrices(g[tile.made], plan)
        part = out[tile.taken]
        if plan.direct:
            part += module.matmul(matrix, made).reshape(part.shape)
        else:
            product_of(matrix, made, out=columns.matrix)
            columns.scatter(part)
    return out


def _as_matrices(part: Any, plan: Plan) -> Any:
    """g as (images, groups, O / groups, windows), or with merged images as (groups, O / groups, images · windows)."""
    images, channels, *counts = part.shape
    if plan.merged:
        return xp(part).moveaxis(part, 1, 0).reshape(plan.groups, channels // plan.groups, images * prod(counts))
    return part.reshape(images, plan.groups, channels // plan.groups, prod(counts))


def _turns_around(plan: Plan, outputs: int) -> bool:
    """Whether the input gradient is cheaper as a convolution of g: laying out its patches against adding columns back.

    Adding costs about twice as much as laying out (measured); a product with few rows is slow.
    """
    fits = all(d * (k - 1) >= max(pad) for d, k, pad in zip(plan.dilation, plan.sizes, plan.pads, strict=True))
    per_group = plan.channels // plan.groups
    pays = (per_group >= 16 and outputs <= 2 * plan.channels) or per_group == 1
    return fits and pays and not plan.direct and all(each == 1 for each in plan.stride)


def _turned_around(g: Any, weight: Any, bias: Any, plan: Plan) -> Any:
    """For stride 1: g convolved with the weight, its places reversed, its inputs and outputs exchanged."""
    module, groups, (outputs, channels, *sizes) = xp(g), plan.groups, weight.shape
    turned = weight[(slice(None), slice(None), *[slice(None, None, -1)] * len(sizes))]
    turned = module.swapaxes(turned.reshape(groups, outputs // groups, channels, *sizes), 1, 2)
    turned = turned.reshape(groups * channels, outputs // groups, *sizes)
    reaches = [d * (k - 1) for d, k in zip(plan.dilation, sizes, strict=True)]
    padding = tuple([(reach - pad[0], reach - pad[1]) for reach, pad in zip(reaches, plan.pads, strict=True)])
    around = Windows(g.shape, turned.shape, plan.stride, padding, plan.dilation, groups)
    return convolution(g, turned, bias, around)


# ---------------------------------------------------------------------- the columns themselves


def block_windows(x_shape: Ints, sizes: Ints, stride: Ints, padding: Pads, dilation: Ints) -> Windows:
    """The windows of a convolution whose output is the columns: one channel for each channel and place of a window."""
    return Windows(x_shape, (x_shape[1] * prod(sizes), x_shape[1], *sizes), stride, padding, dilation, 1)


@kernel
def unfold(x: Any, windows: Windows) -> Any:
    """Patches as columns: y[n, (c, k), p] = x[n, c, p·stride + k·dilation − before], (N, C·places, *counts)."""
    module, plan = xp(x), plan_of(windows, x.dtype.itemsize)
    out = module.empty((plan.images, windows.weight_shape[0], *plan.counts), x.dtype)
    for tile, columns in plan.worked(x):
        part = out[tile.made]
        made = columns.gather(x[tile.taken])
        if plan.merged:
            part[...] = module.moveaxis(made.reshape(part.shape[1], part.shape[0], *tile.counts), 0, 1)
        else:
            part[...] = made.reshape(part.shape)
    return out


@kernel
@in_float32
def fold(y: Any, windows: Windows) -> Any:
    """Columns added up where their patches lie: the adjoint of :func:`unfold`."""
    plan = plan_of(windows, y.dtype.itemsize)
    out = xp(y).zeros(windows.x_shape, y.dtype)
    for tile, columns in plan.worked(out):
        part = out[tile.taken]
        if plan.direct:
            part += y[tile.made].reshape(part.shape)
        else:
            columns.matrix[...] = _as_matrices(y[tile.made], plan).reshape(columns.matrix.shape)
            columns.scatter(part)
    return out
