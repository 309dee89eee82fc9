"""Raw random words: Philox 4×64-10 addressed by (key, counter), and keys from names.

Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".  Philox is a keyed mixing of a
counter: block b of a stream is philox(counter = b, key), four 64-bit words, and needs no block before it.  So word w
of a draw that begins at `counter` is word w mod 4 of block counter + w div 4, wherever and by whomever it is computed.
"""

from __future__ import annotations

import operator
import threading
from typing import Any

import numpy as np

from lepton.errors import ArgumentTypeError

Array = Any
Key = tuple[int, int]

WORDS_PER_BLOCK = 4
_ALL_ONES = (2**64 - 1,) * WORDS_PER_BLOCK


_local = threading.local()


def _thread_philox() -> Any:
    # One for each thread: to set its state costs a fifteenth of making one.
    try:
        return _local.philox
    except AttributeError:
        from numpy.random import Philox

        _local.philox = Philox(key=0)
        return _local.philox


def words(key: Key, counter: int, start: int, count: int) -> Array:
    """Words `start` … `start + count − 1` of the draw that begins at block `counter`: uint64, shape (count,)."""
    block, skip = divmod(start, WORDS_PER_BLOCK)
    philox = _thread_philox()
    philox.state = _state_before(key, counter + block)
    if skip == 0:
        return philox.random_raw(count)
    return philox.random_raw(skip + count)[skip:]


def half_words(key: Key, counter: int, start: int, count: int) -> Array:
    """The same stream as 32-bit halves, the low half of each word first: uint32, shape (count,)."""
    first, skip = divmod(start, 2)
    whole = words(key, counter, first, (skip + count + 1) // 2)
    # Little-endian on purpose: on other machines this swaps, so that the halves come in the same order.
    halves = whole.astype("<u8", copy=False).view("<u4").astype(np.uint32, copy=False)
    return halves[skip : skip + count]


def _state_before(key: Key, block: int) -> dict[str, Any]:
    # NumPy's Philox steps the 256-bit counter before it mixes, hence the block before.
    counter = (block - 1, 0, 0, 0) if block else _ALL_ONES
    return {
        "bit_generator": "Philox",
        "state": {"counter": counter, "key": key},
        "buffer": (0, 0, 0, 0),
        "buffer_pos": WORDS_PER_BLOCK,
        "has_uint32": 0,
        "uinteger": 0,
    }


def derive_key(parent: Key, path: tuple[int | str, ...]) -> Key:
    """The key that `path` names below the key `parent`: BLAKE2b with 16 bytes of digest, the same on every machine.

    Each item is written as a tag, its length and its bytes, so that no two paths share an encoding
    (("ab", "c") and ("a", "bc"), 1 and "1" are told apart).

    Raises:
        ArgumentTypeError: an item is neither an integer nor a string.
    """
    from hashlib import blake2b

    digest = blake2b(digest_size=16, person=b"lepton.random.1")
    digest.update(parent[0].to_bytes(8, "little") + parent[1].to_bytes(8, "little"))
    for item in path:
        tag, body = _encoded(item)
        digest.update(tag + len(body).to_bytes(8, "little") + body)
    value = digest.digest()
    return int.from_bytes(value[:8], "little"), int.from_bytes(value[8:], "little")


def _encoded(item: int | str) -> tuple[bytes, bytes]:
    if isinstance(item, str):
        return b"s", item.encode()
    if isinstance(item, (bool, np.bool_)) or not hasattr(item, "__index__"):
        raise ArgumentTypeError(
            f"a random stream is named by integers and strings, but got {item!r} of type {type(item).__name__}; "
            "convert it to one of these"
        )
    number = operator.index(item)
    return b"i", number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
