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

    def load(self, array: Any, index: Any) -> Any:
        """The vector that begins at this element."""
        made = self.builder.load(self.builder.bitcast(self.at(array, index), self.kind.as_pointer()))
        made.align = self.bits // 8
        return made

    def store(self, value: Any, array: Any, index: Any) -> None:
        made = self.builder.store(value, self.builder.bitcast(self.at(array, index), self.kind.as_pointer()))
        made.align = self.bits // 8

    def spread(self, number: Any) -> Any:
        """One number in all lanes."""
        alone = self.builder.insert_element(ir.Constant(self.kind, ir.Undefined), number, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(alone, alone, ir.Constant(ir.VectorType(I32, self.lanes), None))

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        name = f"llvm.fma.v{self.lanes}f{self.bits}"
        function = cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(self.kind, [self.kind] * 3), name)
        return self.builder.call(function, [x, y, z])

    def total(self, vector: Any) -> Any:
        """The sum over the lanes: the two halves are added until one number is left."""
        lanes = self.lanes
        while lanes > 1:
            lanes //= 2
            order = ir.Constant(ir.VectorType(I32, self.lanes), [(i + lanes) % self.lanes for i in range(self.lanes)])
            vector = self.builder.fadd(vector, self.builder.shuffle_vector(vector, vector, order))
        return self.builder.extract_element(vector, ir.Constant(I32, 0))

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

    i counts ``LEFT`` rows and j ``RIGHT`` rows. Each lane has a chain of fused multiply-adds; their sums are added in
    pairs.
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
        for place, each in enumerate(sums):
            builder.store(write.total(each), write.at(out, ir.Constant(I64, place)))
        return context.get_dummy_value()

    return types.void(a, lefts, first, start, b, rights, second, at, count, out), generate


def sandwich(matrix: Sequence[Sequence[float]]) -> Any:
    """D ← M·S·Mᵀ in each lane of ``count`` vectors, for a constant matrix M.

    Element (i, j) of the n×n matrices S is at s[at + places[i·n + j] + lane], of the m×m matrices D at
    d[to + (i·m + j)·apart + lane].
    """
    size = len(matrix[0])

    @intrinsic
    def apply(_: Any, s: Any, at: Any, places: Any, d: Any, to: Any, apart: Any, count: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            write = _Writer(context, builder, signature.args, values)
            s, at, places, d, to, apart, count = write.values
            s, d = write.at(s, at), write.at(d, to)
            sources = [write.at(s, each) for each in write.entries(places, ir.Constant(I64, 0), size * size)]
            targets = [write.at(d, builder.mul(apart, ir.Constant(I64, i))) for i in range(len(matrix) ** 2)]
            with write.rounds(count, []) as (index, _):
                lane = builder.mul(index, ir.Constant(I64, write.lanes))
                held = [write.load(each, lane) for each in sources]
                columns = [held[j::size] for j in range(size)]
                halfway = [[write.combined(row, column) for column in columns] for row in matrix]
                made = [write.combined(row, each) for each in halfway for row in matrix]
                for each, target in zip(made, targets, strict=True):
                    write.store(each, target, lane)
            return context.get_dummy_value()

        return types.void(s, at, places, d, to, apart, count), generate

    return apply
