"""JSON read strictly, and measured before it is read, so that a small hostile text cannot become huge objects."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lepton.errors import CheckpointError

# What hostile text may cost in memory beyond the bytes of the file itself. The promise is 64 MiB; the rest of it is
# left to the interpreter's own bookkeeping.
BUDGET = 56 << 20

MAX_DEPTH = 256
_LONGEST_INTEGER = 20  # digits of 2**64, with a sign: more would only serve to make int() slow

# Upper bounds, in bytes, of what a character outside of strings makes CPython allocate; a test holds them against it.
_COST = {",": 64, "[": 64, "{": 64, ":": 192}
_CHUNK = 1 << 18


def damaged(what: str) -> CheckpointError:
    """The error for a file that does not hold together."""
    return CheckpointError(f"{what}. The file is damaged or was altered; take another copy of it")


def over_budget() -> CheckpointError:
    """The error for a description that would take more memory than it may."""
    return CheckpointError(
        "the description of its contents (names, shapes, lists, dicts) would take more memory than the "
        f"{BUDGET >> 20} MiB allowed beyond the size of the file. Keep long lists of numbers as tensors or NumPy "
        "arrays, and split what has tens of thousands of tensors over several files"
    )


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object as a dict; an error when a key comes twice, since readers would disagree on which one counts."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise duplicate_key(key for key, _ in pairs)
    return made


def duplicate_key(keys: Iterable[Any]) -> CheckpointError:
    """The error that names the first of ``keys`` to come twice."""
    seen, twice = set(), None
    for key in keys:
        if key in seen:
            twice = key
            break
        seen.add(key)
    return damaged(f"duplicate key {shorten(twice)} in its JSON")


class _Brief(reprlib.Repr):
    """Writes a few items of what is long, so that no text in between is ever as large as the value."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxtuple, self.maxdict, self.maxstring = 3, 16, 16, 16, 100

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if x.bit_length() <= 128 else f"<int of {x.bit_length()} bits>"  # Python refuses long ones

    def repr_instance(self, x: Any, level: int) -> str:
        return f"<{type(x).__name__}>" if hasattr(type(x), "__len__") else repr(x)


def shorten(value: Any) -> str:
    """``value`` as errors show it: a hostile file gets to fill neither the screen nor the memory."""
    text = _Brief().repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _integer(token: str) -> int | float:
    if len(token) > _LONGEST_INTEGER:
        raise damaged(f"an integer of {len(token)} characters in its JSON")
    return -0.0 if token == "-0" else int(token)


def _number(token: str) -> float:
    number = float(token)
    if math.isinf(number):
        raise damaged(f"the number {token[:40]} in its JSON is out of range")
    return number


def _constant(token: str) -> Any:
    raise damaged(f"{token} in its JSON, which JSON does not have")


class Decoder:
    """A strict JSON decoder whose objects are handed to ``pairs_hook`` as lists of (key, value), innermost first."""

    __slots__ = ("_decode",)

    def __init__(self, pairs_hook: Callable[[list[tuple[str, Any]]], Any] = without_duplicates) -> None:
        self._decode = json.JSONDecoder(
            object_pairs_hook=pairs_hook, parse_int=_integer, parse_float=_number, parse_constant=_constant
        ).decode

    def __call__(self, text: str, what: str) -> Any:
        """The value of ``text``; ``what`` says in errors which text that is."""
        try:
            return self._decode(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise damaged(f"{what} is not valid JSON: {error}") from None


def width(raw: bytes) -> int:
    """An upper bound of the bytes a character takes once ``raw`` is decoded, escapes included."""
    return 1 if raw.isascii() and b"\\u" not in raw else 4


def measure(raw: bytes) -> tuple[int, int]:
    """How deep a JSON text is nested, and an upper bound of the memory that its objects will take, without reading it.

    Brackets in strings do not count. Text that is not JSON gives some numbers too; the decoder refuses it later.
    """
    bare = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    counts = np.zeros(256, np.int64)
    inside, depth, deepest = 0, 0, 0
    for start in range(0, len(bare), _CHUNK):
        chunk = np.frombuffer(bare, np.uint8, min(_CHUNK, len(bare) - start), start)
        quoted = np.cumsum(chunk == ord('"'), dtype=np.uint8) + np.uint8(inside) & 1
        inside = int(quoted[-1])
        outside = chunk[quoted == 0]
        counts += np.bincount(outside, minlength=256)
        levels = depth + np.cumsum(_STEPS[outside], dtype=np.int32)
        if levels.size:
            depth, deepest = int(levels[-1]), max(deepest, int(levels.max()))
    return deepest, width(raw) * len(raw) + sum(each * int(counts[ord(mark)]) for mark, each in _COST.items())


_STEPS = np.zeros(256, np.int8)
_STEPS[[ord("["), ord("{")]] = 1
_STEPS[[ord("]"), ord("}")]] = -1
