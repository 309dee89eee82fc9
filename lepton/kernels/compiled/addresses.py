"""Loops over many arrays at once, through the addresses of their elements.

A step of an optimizer concerns a hundred arrays, and handing each of them to a compiled loop costs more than the
arithmetic of most. So a loop gets one table of numbers instead: the caller enters the addresses of the array objects
themselves (``id``), and :func:`survey` reads from their headers, in nanoseconds, what they are and where their elements
lie. The header's layout is part of NumPy's binary interface (``PyArrayObject_fields`` in ``ndarraytypes.h``);
:func:`readable` compares it with what NumPy says in Python before it is relied upon.

A table has a row for each tuple of arrays that belong together, all of one shape and type. Its columns are ``SIZE``,
the ends of the row's blocks among those of float32 (``ENDS``) and of float64 (``ENDS + 1``), ``KIND``, and from
``FIRST`` on the addresses.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from itertools import chain
from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from lepton.kernels.compiled.loops import inner, serial

SIZE, ENDS, KIND, FIRST = 0, 1, 3, 4
REFUSED, SINGLE, DOUBLE = 0, 1, 2  # what KIND says of a row: not for compiled loops, float32, float64

# words of 8 bytes in an array's header
_TYPE, _DATA, _NDIM, _SHAPE, _DESCR, _FLAGS = 1, 2, 3, 4, 7, 8
_C_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400
_LOW = 0xFFFFFFFF  # two of the words hold a C int
_KNOWN = np.array([id(np.ndarray), id(np.dtype(np.float32)), id(np.dtype(np.float64)), id(None)])
_SINGLE, _DOUBLE = np.empty(0, np.float32), np.empty(0, np.float64)


@intrinsic
def _pointer(context: Any, address: Any, like: Any) -> Any:
    """The address as that of numbers of an array's type, or a number's."""
    kind = like.dtype if isinstance(like, types.Array) else like

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(kind)(address, like), generate


@inner()
def numbers_at(address: int, count: int, like: Any) -> Any:
    """The ``count`` numbers of the type of ``like``, an array or a number, that lie at an address."""
    return carray(_pointer(address, like), (count,))


@functools.cache
def readable() -> bool:
    """Whether arrays have their headers where, and as, this module reads them."""
    if sys.implementation.name != "cpython" or sys.byteorder != "little" or sys.maxsize < 2**62:
        return False
    for specimen in (np.zeros((3, 5), np.float32), np.zeros((7, 2, 4))[:, :, 1], np.broadcast_to(np.float64(1), 6)):
        words = (ctypes.c_int64 * (_FLAGS + 1)).from_address(id(specimen))
        shape = (ctypes.c_int64 * specimen.ndim).from_address(words[_SHAPE])
        flags, expected = words[_FLAGS] & _LOW, specimen.flags
        found = (words[_TYPE], words[_DATA], words[_NDIM] & _LOW, tuple(shape), words[_DESCR])
        if found != (id(np.ndarray), specimen.ctypes.data, specimen.ndim, specimen.shape, id(specimen.dtype)):
            return False
        for bit, name in ((_C_CONTIGUOUS, "c_contiguous"), (_ALIGNED, "aligned"), (_WRITEABLE, "writeable")):
            if bool(flags & bit) != getattr(expected, name):
                return False
    return True


def table_of(rows: list[Any]) -> Any:
    """A table of these tuples of arrays, None for an array that is not there; to be surveyed."""
    count, width = len(rows), len(rows[0])
    table = np.empty((count, FIRST + width), np.int64)
    table[:, FIRST:] = np.fromiter(map(id, chain.from_iterable(rows)), np.int64, count * width).reshape(count, width)
    return table


def surveyed(table: Any, block: int, read_only: int) -> list[Any]:
    """Look at all arrays of a table; for each type that a loop is to run for, an empty array of it.

    Args:
        block: how many elements a block has. read_only: the place of an array that is not written to, or −1.
    """
    found = _survey(table, _KNOWN, block, read_only)
    return [like for kind, like in ((SINGLE, _SINGLE), (DOUBLE, _DOUBLE)) if found & kind]


@inner()
def _kind_of(objects: Any, known: Any, read_only: int) -> tuple[int, int]:
    """What the arrays of one row are, and how many elements each has."""
    first = numbers_at(objects[0], _FLAGS + 1, np.int64(0))
    if first[_TYPE] != known[0]:
        return REFUSED, 0
    kind = SINGLE if first[_DESCR] == known[1] else DOUBLE if first[_DESCR] == known[2] else REFUSED
    ndim = first[_NDIM] & _LOW
    shape, size = numbers_at(first[_SHAPE], ndim, np.int64(0)), 1
    for length in shape:
        size *= length
    for place in range(objects.size):
        if objects[place] == known[3]:
            continue
        words = numbers_at(objects[place], _FLAGS + 1, np.int64(0))
        wanted = _C_CONTIGUOUS | _ALIGNED | (0 if place == read_only else _WRITEABLE)
        if words[_TYPE] != known[0] or words[_DESCR] != first[_DESCR] or words[_FLAGS] & wanted != wanted:
            return REFUSED, 0
        if words[_NDIM] & _LOW != ndim:
            return REFUSED, 0
        lengths = numbers_at(words[_SHAPE], ndim, np.int64(0))
        for dim in range(ndim):
            if lengths[dim] != shape[dim]:
                return REFUSED, 0
    return kind, size


@inner()
def _overlap(table: Any) -> bool:
    """Whether the first arrays of two rows share memory: sorted by address (Shell 1959), one ends in the next."""
    n = len(table)
    order = np.arange(n)
    gap = n // 2
    while gap > 0:
        for i in range(gap, n):
            moved, j = order[i], i
            while j >= gap and table[order[j - gap], FIRST] > table[moved, FIRST]:
                order[j] = order[j - gap]
                j -= gap
            order[j] = moved
        gap //= 2
    for i in range(1, n):
        before = order[i - 1]
        if table[before, FIRST] + 4 * table[before, KIND] * table[before, SIZE] > table[order[i], FIRST]:
            return True
    return False


@serial("i8(i8[:, ::1], i8[::1], i8, i8)")
def _survey(table: Any, known: Any, block: int, read_only: int) -> int:
    """Replace the addresses of array objects by those of their elements, 0 for None; the kinds found, as bits.

    A row with anything else than contiguous arrays of one shape and type is refused. All are, where the first arrays of
    two rows share memory: these must be written to one after the other.
    """
    for row in range(len(table)):
        objects = table[row, FIRST:]
        table[row, KIND], table[row, SIZE] = _kind_of(objects, known, read_only)
        if table[row, KIND] != REFUSED:
            for place in range(objects.size):
                absent = objects[place] == known[3]
                objects[place] = 0 if absent else numbers_at(objects[place], _FLAGS, np.int64(0))[_DATA]
    if _overlap(table):
        table[:, KIND] = REFUSED
    found = 0
    ends = np.zeros(3, np.int64)
    for row in range(len(table)):
        kind = table[row, KIND]
        found |= kind
        ends[kind] += (table[row, SIZE] + block - 1) // block
        table[row, ENDS] = ends[SINGLE]
        table[row, ENDS + 1] = ends[DOUBLE]
    return found


@inner()
def ends_of(like: Any) -> int:
    """The column with the ends of the blocks of an array's type."""
    return ENDS if like.itemsize == 4 else ENDS + 1


@inner()
def block_of(table: Any, number: int, block: int, like: Any) -> Any:
    """The row that the block of this number is of, and what :func:`part_of` needs to find it in the row's arrays."""
    ends = ends_of(like)
    low, high = 0, len(table) - 1
    while low < high:
        middle = (low + high) // 2
        if table[middle, ends] > number:
            high = middle
        else:
            low = middle + 1
    start = (number - (table[low - 1, ends] if low else 0)) * block
    return low, (table, low, start, min(block, table[low, SIZE] - start), like)


@inner()
def part_of(here: Any, place: int) -> Any:
    """A block of one of a row's arrays; an empty one where there is no array."""
    table, row, start, count, like = here
    address = table[row, FIRST + place]
    return numbers_at(address + start * like.itemsize, count if address else 0, like)
