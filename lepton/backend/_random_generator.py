"""Generators: a key and a counter that only moves forward, and streams named by what they are for."""

from __future__ import annotations

import operator
import os
import threading
from typing import Any

import numpy as np

from lepton.backend import _random_words
from lepton.backend._random_words import WORDS_PER_BLOCK, Array, Key
from lepton.errors import ArgumentError, ArgumentTypeError, DeviceError, RandomError

DEFAULT_SEED = 67280421310721
_STATE_TAG = b"lepton\x00\x01"
_STATE_LAYOUT = "<8s4Q"
_STATE_SIZE = 8 + 4 * 8 + 8


class Piece:
    """The elements of one draw from `start` on: the draw's words begin at block `counter` of the stream `key`.

    Every drawing function takes a Piece in place of a Generator, and then gives that part of the draw:
    `uniform(n, generator=Piece(key, counter, start))` equals elements start … start + n − 1 of the whole.
    """

    __slots__ = ("counter", "key", "start")

    def __init__(self, key: Key, counter: int, start: int = 0) -> None:
        self.key = key
        self.counter = counter
        self.start = start

    def words(self, offset: int, count: int) -> Array:
        """64-bit words for elements start + offset on; uint64, shape (count,)."""
        return _random_words.words(self.key, self.counter, self.start + offset, count)

    def half_words(self, offset: int, count: int) -> Array:
        """32-bit half-words for elements start + offset on; uint32, shape (count,)."""
        return _random_words.half_words(self.key, self.counter, self.start + offset, count)

    def __repr__(self) -> str:
        return f"Piece(key={self.key}, counter={self.counter}, start={self.start})"


class Generator:
    """A stream of random numbers with PyTorch's surface: seed it, draw from it, save its state, put it back.

    Its state is a key (two 64-bit words, from the seed) and a counter of blocks of four 64-bit words.  A draw
    reserves its blocks under a lock and is a function of (key, counter) from then on, so threads that share a
    generator never draw the same numbers.  It starts with the seed 67280421310721, as PyTorch's does.

    Raises:
        DeviceError: `device` is not the CPU.
    """

    __slots__ = ("_counter", "_device", "_key", "_lock", "_seed")

    def __init__(self, device: Any = "cpu") -> None:
        if str(device) != "cpu":
            raise DeviceError(
                f"Generator: random words are made on the device 'cpu', but got device {str(device)!r}; "
                "make the generator on 'cpu' and move what is drawn"
            )
        self._lock = threading.Lock()
        self._device = device
        self._restart(DEFAULT_SEED)

    def _restart(self, seed: int) -> None:
        self._set(seed, seed_key(seed), 0)

    def _set(self, seed: int, key: Key, counter: int) -> None:
        with self._lock:
            self._seed, self._key, self._counter = seed, key, counter

    @property
    def device(self) -> Any:
        """The device that was asked for."""
        return self._device

    def manual_seed(self, seed: int) -> Generator:
        """Begin the stream of `seed`, an integer in [−2⁶³, 2⁶⁴); a negative one counts as seed + 2⁶⁴. Returns self.

        Raises:
            RandomError: `seed` is not an integer.
            ArgumentError: `seed` is out of range.
        """
        self._restart(checked_seed(seed))
        return self

    def seed(self) -> int:
        """Begin a stream that nobody can foresee, from the operating system's entropy; returns its 64-bit seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self._restart(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed that the stream began with, in [0, 2⁶⁴)."""
        return self._seed

    def reserve(self, blocks: int) -> int:
        """Take `blocks` blocks of four words for the caller alone; returns the counter of the first.

        Raises:
            ArgumentError: `blocks` is negative.
            RandomError: fewer than that are left of the 2⁶⁴ blocks.
        """
        return self._advance(blocks)[1]

    def piece(self, words: int) -> Piece:
        """Reserve `words` 64-bit words as one draw; returns the whole of it as a Piece."""
        return Piece(*self._advance(-(-words // WORDS_PER_BLOCK)))

    def _advance(self, blocks: int) -> tuple[Key, int]:
        if blocks < 0:
            raise ArgumentError(f"Generator.reserve: the number of blocks must be 0 or more, but got {blocks}")
        with self._lock:
            key, counter = self._key, self._counter
            if counter + blocks < 2**64:
                self._counter = counter + blocks
                return key, counter
        raise RandomError(
            f"Generator: {blocks} blocks asked for, but the stream stands at block {counter} of 2**64; "
            "seed it anew with manual_seed()"
        )

    def fork(self, *path: int | str) -> Generator:
        """A new generator whose key is a hash of this one's key and `path`, whatever has been drawn so far.

        The same key and path give the same stream on every machine; this generator is left as it is.

        Raises:
            ArgumentTypeError: an item of `path` is neither an integer nor a string.
        """
        with self._lock:
            key, seed = self._key, self._seed
        return _derived(seed, key, path, self._device)

    def get_state_bytes(self) -> bytes:
        """The state in 48 bytes: tag, version, seed, key, counter (little-endian 64-bit words), digest of these."""
        import struct

        with self._lock:
            seed, key, counter = self._seed, self._key, self._counter
        body = struct.pack(_STATE_LAYOUT, _STATE_TAG, seed, *key, counter)
        return body + _digest(body)

    def set_state_bytes(self, state: bytes | bytearray | memoryview | np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        """Go back to a state that `get_state_bytes` gave.  Where it raises, nothing has changed.

        Raises:
            ArgumentTypeError: `state` is not made of bytes.
            RandomError: wrong length, tag, version or digest.
        """
        self._set(*_parsed(state))

    def clone_state(self) -> Generator:
        """A new generator that will draw what this one would."""
        clone = Generator(self._device)
        clone.set_state_bytes(self.get_state_bytes())
        return clone

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self._device, self.get_state_bytes())

    def __repr__(self) -> str:
        return f"Generator(device={str(self._device)!r}, initial_seed={self._seed}, counter={self._counter})"


def _derived(seed: int, key: Key, path: tuple[int | str, ...], device: Any) -> Generator:
    child = Generator(device)
    child._set(seed, _random_words.derive_key(key, path), 0)
    return child


def _restored(kind: type[Generator], device: Any, state: bytes) -> Generator:
    generator = kind(device)
    generator.set_state_bytes(state)
    return generator


def _digest(body: bytes) -> bytes:
    from hashlib import blake2b

    return blake2b(body, digest_size=8).digest()


def _parsed(state: Any) -> tuple[int, Key, int]:
    try:
        view = memoryview(state)
    except TypeError:
        view = None
    if view is None or view.format != "B" or view.ndim != 1:
        raise ArgumentTypeError(
            f"RNG state must be bytes or a 1-d array of uint8, but got {type(state).__name__}"
            + ("" if view is None else f" with format {view.format!r} and {view.ndim} dimensions")
        )
    data = view.tobytes()
    if len(data) != _STATE_SIZE:
        raise RandomError(f"expected an RNG state of {_STATE_SIZE} bytes, but got {len(data)}")
    body, digest = data[:-8], data[-8:]
    if not body.startswith(_STATE_TAG[:-1]):
        raise RandomError("this is not an RNG state that Generator.get_state_bytes() gave: its tag is missing")
    if body[7] != _STATE_TAG[7]:
        raise RandomError(f"the RNG state has version {body[7]}, but this build reads version {_STATE_TAG[7]}")
    if digest != _digest(body):
        raise RandomError("the RNG state is damaged: its digest does not match its content")
    import struct

    _, seed, key_low, key_high, counter = struct.unpack(_STATE_LAYOUT, body)
    return seed, (key_low, key_high), counter


def seed_key(seed: int) -> Key:
    """The Philox key of a seed in [0, 2⁶⁴): the seed itself, then 0."""
    return seed, 0


def checked_seed(seed: int) -> int:
    """`seed` as an unsigned 64-bit integer.

    Raises:
        RandomError: not an integer.
        ArgumentError: outside [−2⁶³, 2⁶⁴).
    """
    if isinstance(seed, (bool, np.bool_)) or not hasattr(seed, "__index__"):
        raise RandomError(f"manual_seed expected a long, but got {type(seed).__name__}")
    number = operator.index(seed)
    if not -(2**63) <= number < 2**64:
        raise ArgumentError(
            f"Overflow when unpacking long long: the seed must lie in [-2**63, 2**64), but got {number}"
        )
    return number % 2**64


def stream(seed: int, *path: int | str) -> Generator:
    """The generator that (seed, path) names: `Generator().manual_seed(seed).fork(*path)`.

    For instance stream(seed, step, shard, "encoder.dropout", draw): whichever rank asks, and however often, the
    numbers are the same.
    """
    seed = checked_seed(seed)
    return _derived(seed, seed_key(seed), path, "cpu")


default_generator = Generator()


class _Current(threading.local):
    generator: Generator | None = None


_current = _Current()


def current_generator() -> Generator:
    """The generator of draws that are told of none: this thread's :func:`using`, else the default generator."""
    return default_generator if _current.generator is None else _current.generator


class using:  # noqa: N801 - reads as a word: with using(stream(seed, step)):
    """Within the block, draws of this thread that are told of no generator come from ``generator``."""

    __slots__ = ("_generator", "_previous")

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._previous: Generator | None = None

    def __enter__(self) -> Generator:
        self._previous, _current.generator = _current.generator, self._generator
        return self._generator

    def __exit__(self, *exception: object) -> None:
        _current.generator = self._previous
