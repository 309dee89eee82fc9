"""Innermost loops as vector instructions, for what the compiler does not turn into them by itself.

Each is a pattern that a few lines of Python write out as LLVM code: sums of products of a block of rows and a block of
lanes that stay in registers from the first term to the last (``outer_block``, ``inner_block``), and a small constant
matrix applied to both sides of small matrices, one in each lane (``sandwich``). They take one-dimensional contiguous
arrays and places in them, and check neither.

How many lanes a register has, and how many registers there are, is the processor's. No bit of ``outer_block`` and
``sandwich`` depends on it; ``inner_block`` adds up one partial sum for each lane.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

I32, I64 = ir.IntType(32), ir.IntType(64)


def _registers() -> tuple[int, int]:
    """The bytes of a vector register and how many of them there are."""
    has = llvmlite.binding.get_host_cpu_features()
    if has.get("avx512f"):
        return 64, 32
    return (32, 16) if has.get("avx") else (16, 32 if has.get("neon") else 16)


BYTES, REGISTERS = _registers()
WIDEST = 3  # vectors in a row of outer_block
ROWS = 8 if REGISTERS == 32 else 4  # of outer_block: its sums, one row of lanes and a factor fill the registers
LEFT, RIGHT = (4, 6) if REGISTERS == 32 else (2, 4)  # rows of the two factors of inner_block


class _Writer:
    """Writes vector code into a function that Numba compiles."""

    def __init__(self, context: Any, builder: Any, kinds: Sequence[Any], values: Sequence[Any]) -> None:
        """``kinds`` and ``values`` are those of the function's arguments; the first is an array of real numbers."""
        self.builder = builder
        self.values = [
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(kinds, values, strict=True)
        ]
        real = context.get_data_type(kinds[0].dtype)
        self.bits = kinds[0].dtype.bitwidth
        self.lanes = BYTES * 8 // self.bits
        self.kind = ir.VectorType(real, self.lanes)
        self.zero = ir.Constant(self.kind, None)

    def plus(self, index: Any, more: int) -> Any:
        return self.builder.add(index, ir.Constant(I64, more)) if more else index

    def at(self, array: Any, index: Any) -> Any:
        return self.builder.gep(array, [index])

    def entries(self, table: Any, first: Any, count: int) -> list[Any]:
        """Entries of a table of integers."""
        return [self.builder.load(self.at(table, self.plus(first, i))) for i in range(count)]

    def rows(self, array: Any, apart: Any, count: int) -> list[Any]:
        """Where so many rows begin, ``apart`` from each other."""
        return [self.at(array, self.builder.mul(apart, ir.Constant(I64, i))) for i in range(count)]

    def load(self, array: Any, index: Any) -> Any:
        """The vector that begins at this element."""
        made = self.builder.load(self.builder.bitcast(self.at(array, index), self.kind.as_pointer()))
        made.align = self.bits // 8
        return made

    def store(self, value: Any, array: Any, index: Any) -> None:
        made = self.builder.store(value, self.builder.bitcast(self.at(array, index), self.kind.as_pointer()))
        made.align = self.bits // 8

    def mask(self, done: Any, count: Any) -> Any:
        """Which lanes of the vector at ``done`` come before ``count``."""
        left = self.builder.trunc(self.builder.sub(count, done), I32)
        kind = ir.VectorType(I32, self.lanes)
        alone = self.builder.insert_element(ir.Constant(kind, ir.Undefined), left, ir.Constant(I32, 0))
        every = self.builder.shuffle_vector(alone, alone, ir.Constant(kind, None))
        return self.builder.icmp_signed("<", ir.Constant(kind, list(range(self.lanes))), every)

    def masked(self, what: str, arguments: Sequence[Any], result: Any) -> Any:
        """Call LLVM's masked load or store."""
        name = f"llvm.masked.{what}.v{self.lanes}f{self.bits}.p0"
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(result, [each.type for each in arguments]), name
        )
        return self.builder.call(function, arguments)

    def load_some(self, array: Any, index: Any, mask: Any) -> Any:
        """The vector that begins at this element, zero where the mask is off."""
        pointer = self.builder.bitcast(self.at(array, index), self.kind.as_pointer())
        return self.masked("load", [pointer, ir.Constant(I32, self.bits // 8), mask, self.zero], self.kind)

    def store_some(self, value: Any, array: Any, index: Any, mask: Any) -> None:
        pointer = self.builder.bitcast(self.at(array, index), self.kind.as_pointer())
        self.masked("store", [value, pointer, ir.Constant(I32, self.bits // 8), mask], ir.VoidType())

    def spread(self, number: Any) -> Any:
        """One number in all lanes."""
        alone = self.builder.insert_element(ir.Constant(self.kind, ir.Undefined), number, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(alone, alone, ir.Constant(ir.VectorType(I32, self.lanes), None))

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        name = f"llvm.fma.v{self.lanes}f{self.bits}"
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(self.kind, [self.kind] * 3), name
        )
        return self.builder.call(function, [x, y, z])

    def totals(self, vectors: Sequence[Any]) -> list[Any]:
        """The sums over each vector's lanes, side by side in as few vectors as hold them.

        The two halves of a vector are added until one number is left; two vectors at a time, whose halves' sums make
        one vector together, so that no lane idles.
        """
        found = []
        for first in range(0, len(vectors), self.lanes):
            group = list(vectors[first : first + self.lanes])
            group += [self.zero] * (self.lanes - len(group))
            apart = self.lanes
            while apart > 1:
                apart //= 2
                group = [self._halved(x, y, apart) for x, y in zip(group[::2], group[1::2], strict=True)]
            order = [int(f"{lane:0{self.lanes.bit_length() - 1}b}"[::-1], 2) for lane in range(self.lanes)]
            found.append(self.shuffled(group[0], group[0], order))
        return found

    def _halved(self, x: Any, y: Any, apart: int) -> Any:
        """In lanes without the bit ``apart`` the sums of x's lanes that differ in it, in the others those of y's."""
        mine = [lane + self.lanes * bool(lane & apart) for lane in range(self.lanes)]
        theirs = [(lane ^ apart) + self.lanes * bool(lane & apart) for lane in range(self.lanes)]
        return self.builder.fadd(self.shuffled(x, y, mine), self.shuffled(x, y, theirs))

    def shuffled(self, x: Any, y: Any, order: Sequence[int]) -> Any:
        """Lanes of x, and counted on from there of y, in this order."""
        return self.builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(I32, len(order)), list(order)))

    def combined(self, coefficients: Sequence[float], vectors: Sequence[Any]) -> Any:
        """Σ coefficient · vector, from left to right, without the terms that are zero."""
        found: Any = None
        for coefficient, each in zip(coefficients, vectors, strict=True):
            if coefficient == 0:
                continue
            if abs(coefficient) != 1:
                factor = ir.Constant(self.kind, [abs(coefficient)] * self.lanes)
                each = self.builder.fmul(each, factor)
            if found is None:
                found = each if coefficient > 0 else self.builder.fneg(each)
            else:
                found = (self.builder.fadd if coefficient > 0 else self.builder.fsub)(found, each)
        return found

    @contextlib.contextmanager
    def rounds(self, count: Any, start: Sequence[Any]) -> Iterator[tuple[Any, list[Any]]]:
        """A loop of ``count`` > 0 rounds: its index, and a list of vectors that each round replaces.

        After it the list holds the last ones. It is not to be unrolled: two rounds' vectors do not fit the registers.
        """
        builder = self.builder
        before, body = builder.block, builder.append_basic_block("round")
        after = builder.append_basic_block("done")
        builder.branch(body)
        builder.position_at_end(body)
        index = builder.phi(I64)
        index.add_incoming(ir.Constant(I64, 0), before)
        held = [builder.phi(each.type) for each in start]
        for phi, each in zip(held, start, strict=True):
            phi.add_incoming(each, before)
        vectors = list(held)
        yield index, vectors
        following = self.plus(index, 1)
        index.add_incoming(following, builder.block)
        for phi, each in zip(held, vectors, strict=True):
            phi.add_incoming(each, builder.block)
        back = builder.cbranch(builder.icmp_signed("<", following, count), body, after)
        plain = builder.module.add_metadata(["llvm.loop.unroll.disable"])
        mine = ir.MDValue(builder.module, [plain], str(len(builder.module.metadata)))
        mine.operands = (mine, plain)  # by naming itself it says that it is this loop's alone
        back.set_metadata("llvm.loop", mine)
        builder.position_at_end(after)


@intrinsic
def move(_: Any, s: Any, at: Any, more: Any, d: Any, to: Any, count: Any) -> Any:
    """d[to + i] ← s[at + i] + more for i < count, a vector at a time, of the last one the lanes that are left."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write = _Writer(context, builder, signature.args, values)
        s, at, more, d, to, count = write.values
        with builder.if_then(builder.icmp_signed(">", count, ir.Constant(I64, 0))):
            every = write.spread(more)
            rounds = builder.sdiv(write.plus(count, write.lanes - 1), ir.Constant(I64, write.lanes))
            with write.rounds(rounds, []) as (index, _):
                done = builder.mul(index, ir.Constant(I64, write.lanes))
                mask = write.mask(done, count)
                found = write.load_some(s, builder.add(at, done), mask)
                write.store_some(builder.fadd(found, every), d, builder.add(to, done), mask)
        return context.get_dummy_value()

    return types.void(s, at, s.dtype, d, to, count), generate


@intrinsic
def clear(_: Any, d: Any, to: Any, count: Any) -> Any:
    """d[to + i] ← 0 for i < count."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write = _Writer(context, builder, signature.args, values)
        d, to, count = write.values
        with builder.if_then(builder.icmp_signed(">", count, ir.Constant(I64, 0))):
            rounds = builder.sdiv(write.plus(count, write.lanes - 1), ir.Constant(I64, write.lanes))
            with write.rounds(rounds, []) as (index, _):
                done = builder.mul(index, ir.Constant(I64, write.lanes))
                write.store_some(write.zero, d, builder.add(to, done), write.mask(done, count))
        return context.get_dummy_value()

    return types.void(d, to, count), generate


@intrinsic
def move_apart(_: Any, s: Any, at: Any, apart: Any, more: Any, d: Any, to: Any, wide: Any, count: Any) -> Any:
    """d[to + i·wide] ← s[at + i·apart] + more for i < count."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write = _Writer(context, builder, signature.args, values)
        s, at, apart, more, d, to, wide, count = write.values
        s, d = write.at(s, at), write.at(d, to)
        with cgutils.for_range(builder, count) as loop:
            found = builder.load(write.at(s, builder.mul(loop.index, apart)))
            builder.store(builder.fadd(found, more), write.at(d, builder.mul(loop.index, wide)))
        return context.get_dummy_value()

    return types.void(s, at, apart, s.dtype, d, to, wide, count), generate


@intrinsic
def add_apart(_: Any, s: Any, at: Any, apart: Any, d: Any, to: Any, count: Any) -> Any:
    """d[to + i] ← d[to + i] + s[at + i·apart] for i < count."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write = _Writer(context, builder, signature.args, values)
        s, at, apart, d, to, count = write.values
        s, d = write.at(s, at), write.at(d, to)
        with cgutils.for_range(builder, count) as loop:
            found = builder.load(write.at(s, builder.mul(loop.index, apart)))
            target = write.at(d, loop.index)
            builder.store(builder.fadd(builder.load(target), found), target)
        return context.get_dummy_value()

    return types.void(s, at, apart, d, to, count), generate


@intrinsic
def gather(_: Any, s: Any, at: Any, table: Any, first: Any, d: Any, to: Any, count: Any) -> Any:
    """d[to + i] ← s[at + table[first + i]] for i < count, 0 where the table's entry is negative."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write = _Writer(context, builder, signature.args, values)
        s, at, table, first, d, to, count = write.values
        s, table, d = write.at(s, at), write.at(table, first), write.at(d, to)
        zero = ir.Constant(I64, 0)
        with cgutils.for_range(builder, count) as loop:
            place = builder.load(write.at(table, loop.index))
            there = builder.icmp_signed(">=", place, zero)
            found = builder.load(write.at(s, builder.select(there, place, zero)))
            made = builder.select(there, found, ir.Constant(found.type, 0.0))
            builder.store(made, write.at(d, loop.index))
        return context.get_dummy_value()

    return types.void(s, at, table, first, d, to, count), generate


@intrinsic
def scatter(_: Any, s: Any, at: Any, apart: Any, more: Any, d: Any, to: Any, table: Any, first: Any, count: Any) -> Any:
    """d[to + table[first + i]] ← s[at + i·apart] + more for i < count."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write = _Writer(context, builder, signature.args, values)
        s, at, apart, more, d, to, table, first, count = write.values
        s, table, d = write.at(s, at), write.at(table, first), write.at(d, to)
        with cgutils.for_range(builder, count) as loop:
            found = builder.load(write.at(s, builder.mul(loop.index, apart)))
            builder.store(builder.fadd(found, more), write.at(d, builder.load(write.at(table, loop.index))))
        return context.get_dummy_value()

    return types.void(s, at, apart, s.dtype, d, to, table, first, count), generate


@intrinsic
def prefetch(_: Any, s: Any, at: Any) -> Any:
    """Have the cache line of s[at] fetched, if there is such an element."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write = _Writer(context, builder, signature.args, values)
        pointer = builder.bitcast(write.at(*write.values), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, I32, I32, I32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, *[ir.Constant(I32, each) for each in (0, 3, 1)]])  # to read, to keep, data
        return context.get_dummy_value()

    return types.void(s, at), generate


@intrinsic
def weave(_: Any, s: Any, at: Any, apart: Any, more: Any, d: Any, to: Any, count: Any) -> Any:
    """d[to + 2·i] ← s[at + i] + more, d[to + 2·i + 1] ← s[at + apart + i] + more: ``count`` > 0 elements in all."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write = _Writer(context, builder, signature.args, values)
        s, at, apart, more, d, to, count = write.values
        every, lanes = write.spread(more), write.lanes
        rounds = builder.sdiv(write.plus(count, 2 * lanes - 1), ir.Constant(I64, 2 * lanes))
        with write.rounds(rounds, []) as (index, _):
            place = builder.add(at, builder.mul(index, ir.Constant(I64, lanes)))
            even, odd = write.load(s, place), write.load(s, builder.add(place, apart))
            for half in range(2):
                order = [lane // 2 + half * (lanes // 2) + lanes * (lane % 2) for lane in range(lanes)]
                done = write.plus(builder.mul(index, ir.Constant(I64, 2 * lanes)), half * lanes)
                made = builder.fadd(write.shuffled(even, odd, order), every)
                write.store_some(made, d, builder.add(to, done), write.mask(done, count))
        return context.get_dummy_value()

    return types.void(s, at, apart, s.dtype, d, to, count), generate


def outer_block(width: int) -> Any:
    """out[to + i·w + l] = Σ over k of a[base + places[first + i] + steps[k]] · b[at + shifts[k] + l].

    i counts ``ROWS`` rows, l the lanes of w = ``width`` vectors, and k from ``start``, ``count`` times. Each sum is a
    chain of fused multiply-adds from 0, in the order of k.
    """

    @intrinsic
    def block(
        _: Any, a: Any, base: Any, places: Any, first: Any, steps: Any, b: Any, at: Any, shifts: Any, start: Any,
        count: Any, out: Any, to: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            write = _Writer(context, builder, signature.args, values)
            a, base, places, first, steps, b, at, shifts, start, count, out, to = write.values
            a, b = write.at(a, base), write.at(b, at)
            steps, shifts = write.at(steps, start), write.at(shifts, start)
            rows = [write.at(a, each) for each in write.entries(places, first, ROWS)]
            with write.rounds(count, [write.zero] * (ROWS * width)) as (k, sums):
                step, shift = write.entries(steps, k, 1)[0], write.entries(shifts, k, 1)[0]
                right = [write.load(b, write.plus(shift, v * write.lanes)) for v in range(width)]
                for i, row in enumerate(rows):
                    left = write.spread(builder.load(write.at(row, step)))
                    for place, each in enumerate(right, i * width):
                        sums[place] = write.fma(left, each, sums[place])
            for place, each in enumerate(sums):
                write.store(each, out, write.plus(to, place * write.lanes))
            return context.get_dummy_value()

        kinds = (a, base, places, first, steps, b, at, shifts, start, count, out, to)
        return types.void(*kinds), generate

    return block


@intrinsic
def inner_block(
    _: Any, a: Any, lefts: Any, first: Any, start: Any, b: Any, rights: Any, second: Any, at: Any, count: Any, out: Any
) -> Any:
    """out[i·RIGHT + j] = Σ over p < count vectors of a[lefts[first + i] + start + p] · b[rights[second + j] + at + p].

    i counts ``LEFT`` rows and j ``RIGHT`` rows. Each lane has a chain of fused multiply-adds; then lanes are added in
    pairs. ``out`` has room for whole vectors.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        write = _Writer(context, builder, signature.args, values)
        a, lefts, first, start, b, rights, second, at, count, out = write.values
        a, b = write.at(a, start), write.at(b, at)
        left_rows = [write.at(a, each) for each in write.entries(lefts, first, LEFT)]
        right_rows = [write.at(b, each) for each in write.entries(rights, second, RIGHT)]
        with write.rounds(count, [write.zero] * (LEFT * RIGHT)) as (p, sums):
            place = builder.mul(p, ir.Constant(I64, write.lanes))
            left = [write.load(each, place) for each in left_rows]
            for j, row in enumerate(right_rows):
                right = write.load(row, place)
                for i, each in enumerate(left):
                    sums[i * RIGHT + j] = write.fma(each, right, sums[i * RIGHT + j])
        for place, each in enumerate(write.totals(sums)):
            write.store(each, out, ir.Constant(I64, place * write.lanes))
        return context.get_dummy_value()

    return types.void(a, lefts, first, start, b, rights, second, at, count, out), generate


def _between(write: _Writer, matrix: Sequence[Sequence[float]], held: Sequence[Any], targets: Any, lane: Any) -> None:
    """Store M·S·Mᵀ for the matrices S in the lanes of these vectors."""
    size = len(matrix[0])
    halfway = [[write.combined(row, held[j::size]) for j in range(size)] for row in matrix]
    made = [write.combined(row, each) for each in halfway for row in matrix]
    for each, target in zip(made, targets, strict=True):
        write.store(each, target, lane)


def sandwich(matrix: Sequence[Sequence[float]]) -> Any:
    """D ← M·S·Mᵀ in each lane of ``count`` vectors, for a constant matrix M.

    Element (i, j) of the n×n matrices S is at s[at + (i·n + j)·wide + lane], of the m×m matrices D at
    d[to + (i·m + j)·apart + lane].
    """

    @intrinsic
    def apply(_: Any, s: Any, at: Any, wide: Any, d: Any, to: Any, apart: Any, count: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            write = _Writer(context, builder, signature.args, values)
            s, at, wide, d, to, apart, count = write.values
            sources = write.rows(write.at(s, at), wide, len(matrix[0]) ** 2)
            targets = write.rows(write.at(d, to), apart, len(matrix) ** 2)
            with write.rounds(count, []) as (index, _):
                lane = builder.mul(index, ir.Constant(I64, write.lanes))
                _between(write, matrix, [write.load(each, lane) for each in sources], targets, lane)
            return context.get_dummy_value()

        return types.void(s, at, wide, d, to, apart, count), generate

    return apply


def sandwich_tiles(matrix: Sequence[Sequence[float]]) -> Any:
    """:func:`sandwich` for tiles of n×n elements, n even, that begin every second element of a row of an image.

    The first one's corner is at (top, left) of the image, which is at s[at + row·width + column], zero outside of its
    ``height`` and ``width``.
    """
    size = len(matrix[0])

    @intrinsic
    def apply(
        _: Any, s: Any, at: Any, top: Any, left: Any, height: Any, width: Any, d: Any, to: Any, apart: Any, count: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            write = _Writer(context, builder, signature.args, values)
            s, at, top, left, height, width, d, to, apart, count = write.values
            lanes, none = write.lanes, ir.Constant(ir.VectorType(ir.IntType(1), write.lanes), None)
            targets = write.rows(write.at(d, to), apart, len(matrix) ** 2)
            with write.rounds(count, []) as (index, _):
                column = builder.add(left, builder.mul(index, ir.Constant(I64, 2 * lanes)))
                columns = [write.plus(column, 2 * pair + half * lanes) for pair in range(size // 2) for half in (0, 1)]
                inside = [
                    builder.and_(write.mask(each, width), builder.not_(write.mask(each, ir.Constant(I64, 0))))
                    for each in columns
                ]
                held = []
                for i in range(size):
                    row = write.plus(top, i)
                    there = builder.icmp_unsigned("<", row, height)
                    start = builder.add(at, builder.mul(row, width))
                    found = [
                        write.load_some(s, builder.add(start, each), builder.select(there, mask, none))
                        for each, mask in zip(columns, inside, strict=True)
                    ]
                    for first, second in zip(found[::2], found[1::2], strict=True):
                        held += [write.shuffled(first, second, range(odd, 2 * lanes, 2)) for odd in (0, 1)]
                _between(write, matrix, held, targets, builder.mul(index, ir.Constant(I64, lanes)))
            return context.get_dummy_value()

        return types.void(s, at, top, left, height, width, d, to, apart, count), generate

    return apply
