"""Fuzz the checkpoint reader by hand: damaged and hostile files must give CheckpointError, and nothing else.

    python benchmarks/fuzz_checkpoint.py --inputs 1000000 --seed 0

Each input is a valid file to which a few changes were made that know the format: bits, lengths, tokens of the header,
tokens of the tree within, offsets, shapes, whole pieces repeated or nested. An input that gets through is also read by
the ``safetensors`` package, where it is installed, and must be valid there as well. An input that breaks a promise is
written to a file, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import re
import resource
import sys
import time
import tracemalloc
from collections import Counter, OrderedDict
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from lepton.autograd.tensor import Tensor
from lepton.errors import CheckpointError
from lepton.io import container, parse, tree
from lepton.nn.module_state import StateDict
from lepton.nn.parameter import Parameter

ACCEPTED = "read"
WORTH_TRACING = 1 << 16

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[a-zA-Z]+|[\[\]{},:]')
SIZES = (0, 1, 2, 7, 8, 9, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
NUMBERS = (b"-1", b"-0", b"0", b"1", b"2", b"3", b"1.5", b"1e3", b"1e999", b"9" * 30, b"9" * 5000)
NUMBERS += tuple(str(each).encode() for each in SIZES)
WORDS = (b"NaN", b"Infinity", b"-Infinity", b"true", b"false", b"null", b"nul", b"[]", b"{}", b'""', b"\xff", b'"\xff"')
STRINGS = (b'"\\ud800"', b'"\\u0000"', b'"__metadata__"', b'"dtype"', b'"shape"', b'"data_offsets"', b'"lepton.root"')
DTYPES = tuple(f'"{each}"'.encode() for each in ("F64", "F32", "F16", "BF16", "I8", "U64", "BOOL", "F8_E4M3", "C64"))
LONG = (b'"0x' + b"f" * 5000 + b'"', b'{"$int":"0x' + b"f" * 5000 + b'"}', b'"' + b"\x7f" * 100_000 + b'"')
TAGS = tuple(f'"{each}"'.encode() for each in (*tree._DECODERS, "$new", "$", "requires_grad", "0x10", "inf", "float32"))
PUNCTUATION = (b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b" ", b"\x00")
PIECES = NUMBERS + WORDS + STRINGS + LONG + DTYPES + TAGS + PUNCTUATION


def file_of(obj: Any) -> bytes:
    """The bytes that ``lepton.save`` writes for ``obj``."""
    text, arrays = tree.encode(obj)
    arrays = container.in_order(arrays)
    metadata = {"format": "pt", tree.VERSION_KEY: tree.VERSION, tree.ROOT_KEY: text}
    return container.build_header(arrays, metadata) + b"".join(each.tobytes() for each in arrays.values())


def valid_files() -> list[bytes]:
    """Small files that between them use everything the format has."""
    weight = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3))
    foreign = {"a": np.ones((2, 2), np.float16), "b": np.zeros((0, 3), np.uint8), "c": np.array(True)}
    state = StateDict(weight=weight)
    state._metadata = OrderedDict({"": {"version": 1}})
    head = container.build_header(foreign, {"made by": "hand"})
    return [
        file_of(OrderedDict([("conv.weight", weight), ("tied", weight.detach()), ("conv.bias", Parameter(Tensor()))])),
        file_of({"state": {0: {"step": 3, "avg": weight}}, "groups": [{"lr": 1e-3, "betas": (0.9, 0.99), "x": None}]}),
        file_of([float("nan"), float("-inf"), -0.0, 2**80, True, "é\ud800", b"\x00\xff", np.float16(0.1), np.int8(-3)]),
        file_of(
            {"$": np.arange(3), None: weight.dtype, 1.5: weight.device, "s": weight.shape, "bool": np.ones(3, bool)}
        ),
        file_of(weight),
        file_of({"model": state}),
        file_of({}),
        head + b"".join(each.tobytes() for each in foreign.values()),
        container.build_header({}, {}),
    ]


class Mutator:
    """Makes files that are nearly valid; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.files = valid_files()
        self.changes: list[Callable[[bytes], bytes]] = [
            self.of_bytes,
            self.of_bytes_in_header,
            self.of_length,
            self.of_end,
            self.of_header,
            self.of_header,
            self.of_header,
            self.of_tree,
            self.of_tree,
            self.of_tree,
            self.of_entry,
            self.of_entry,
        ]

    def mutant(self) -> bytes:
        """A file with one to three changes."""
        data = self.random.choice(self.files)
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            data = self.random.choice(self.changes)(data)
        return data

    def of_bytes(self, data: bytes) -> bytes:
        """Some byte is another."""
        if not data:
            return data
        position = self.random.randrange(len(data))
        return data[:position] + bytes([self.random.randrange(256)]) + data[position + 1 :]

    def of_bytes_in_header(self, data: bytes) -> bytes:
        """Some bytes of the header are others, or gone, or there twice; its length still fits."""
        header, rest = split(data)
        start = self.random.randrange(len(header) + 1)
        end = min(len(header), start + self.random.randrange(1, 8))
        new = (b"", header[start:end] * 2, self.random.randbytes(2), self.random.choice(PIECES))
        return join(header[:start] + self.random.choice(new) + header[end:], rest)

    def of_length(self, data: bytes) -> bytes:
        """The header's length is another."""
        near = len(split(data)[0]) + self.random.randrange(-9, 10)
        length = self.random.choice((*SIZES, max(near, 0), len(data), len(data) - 8))
        return max(length, 0).to_bytes(8, "little") + data[8:]

    def of_end(self, data: bytes) -> bytes:
        """The file is cut off, or goes on."""
        if self.random.random() < 0.5:
            return data[: self.random.randrange(len(data) + 1)]
        return data + self.random.randbytes(self.random.choice((1, 8, 100)))

    def of_header(self, data: bytes) -> bytes:
        """A token of the header is another."""
        header, rest = split(data)
        return join(self._tokens(header), rest)

    def of_tree(self, data: bytes) -> bytes:
        """A token of the tree, which is JSON in a string of the header's JSON, is another."""
        header, rest = split(data)
        try:
            described = json.loads(header)
            text = described["__metadata__"]["lepton.root"]
            described["__metadata__"]["lepton.root"] = self._tokens(text.encode()).decode("utf-8", "replace")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # no tree is left in it
            return self.of_header(data)
        return join(json.dumps(described, ensure_ascii=self.random.random() < 0.5).encode("utf-8", "replace"), rest)

    def of_entry(self, data: bytes) -> bytes:
        """A number in the description of a tensor is near, or far, from what it was."""
        header, rest = split(data)
        numbers = list(re.finditer(rb"(?<=[\[,])[0-9]+(?=[\],])", header))
        if not numbers:
            return self.of_header(data)
        chosen = self.random.choice(numbers)
        value = int(chosen[0][:30])
        new = self.random.choice((value + 1, value - 1, value * 2, value + 8, self.random.choice(SIZES)))
        return join(header[: chosen.start()] + str(new).encode() + header[chosen.end() :], rest)

    def _tokens(self, text: bytes) -> bytes:
        tokens = list(TOKEN.finditer(text))
        if not tokens:
            return self.random.choice(PIECES)
        first, other = self.random.choice(tokens), self.random.choice(tokens)
        start, end = first.span()
        what = self.random.randrange(100)
        if what < 50:
            new = self.random.choice(PIECES)
        elif what < 65:
            new = other[0]
        elif what < 75:
            new = first[0] * 2
        elif what < 85:
            new = b""
        elif what < 95:  # a stretch of tokens once more, which makes duplicate keys and overlapping tensors
            start, end = min(start, other.start()), max(end, other.end())
            new = text[start:end] + b"," + text[start:end]
        elif what < 99:
            new = self.random.choice((b"[", b'{"a":', b'{"$tuple":[')) * self.random.choice((3, 70, 300, 2000))
        else:
            piece = self.random.choice((b"[],", b"{},", b'{"":0},', b"0,", b'"a",', b'{"$tuple":[]},', b"[0,0],", b'"'))
            new = piece * self.random.choice((100, 3000, 100_000))
        return text[:start] + new + text[end:]


def split(data: bytes) -> tuple[bytes, bytes]:
    """The header and what follows it, as far as the length makes sense."""
    length = min(int.from_bytes(data[:8], "little"), len(data))
    return data[8 : 8 + length], data[8 + length :]


def join(header: bytes, rest: bytes) -> bytes:
    """A file with that header, its length put right."""
    return len(header).to_bytes(8, "little") + header + rest


def outcome(data: bytes, second_opinion: Callable[[bytes], Any] | None) -> str:
    """What reading the input came to; any exception but CheckpointError passes through."""
    try:
        parse(data)
    except CheckpointError as error:
        reason = str(error).removeprefix("can't load the checkpoint '<bytes>': ").split(". ")[0]
        return " ".join(word for word in reason.split() if word.strip(",:").isalpha())[:60]
    if second_opinion is not None:
        second_opinion(data)
    return ACCEPTED


def outcome_and_memory(data: bytes, second_opinion: Callable[[bytes], Any] | None) -> tuple[str, int]:
    """The same, and the memory that reading took; a small input is not worth the tracing, which is slow."""
    if len(data) < WORTH_TRACING:
        return outcome(data, second_opinion), 0
    tracemalloc.start()
    try:
        return outcome(data, None), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def keep(data: bytes, name: str, error: Exception) -> None:
    """Write an input that broke the promise to a file, and end."""
    with open(name, "wb") as file:
        file.write(data)
    sys.exit(f"an input gave {type(error).__name__}: {error}; it is in {name}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--inputs", type=int, default=20_000, help="how many (default: 20,000)")
    options.add_argument("--seed", type=int, default=0, help="other seeds make other inputs (default: 0)")
    options.add_argument("--smoke", action="store_true", help="200 inputs, to see that it works")
    arguments = options.parse_args()
    inputs = 200 if arguments.smoke else arguments.inputs
    second_opinion = importlib.import_module("safetensors").deserialize if find_spec("safetensors") else None
    mutator, counts, largest, traced, beyond = Mutator(arguments.seed), Counter[str](), 0, 0, 0
    started = time.perf_counter()
    for number in range(inputs):
        data = mutator.mutant()
        try:
            came_to, memory = outcome_and_memory(data, second_opinion)
        except Exception as error:  # noqa: BLE001 - any is a find
            keep(data, f"fuzz_{arguments.seed}_{number}.safetensors", error)
        counts[came_to] += 1
        largest, traced, beyond = max(largest, len(data)), traced + (memory > 0), max(beyond, memory - len(data))
    accepted = counts.pop(ACCEPTED, 0)
    print(f"{inputs:,} inputs in {time.perf_counter() - started:.0f} s, the largest of {largest / 2**20:.2f} MiB")
    print(f"read: {accepted:,}    CheckpointError: {counts.total():,}    any other exception: 0")
    print(f"memory beyond the input's own size ({traced:,} inputs of 64 KiB or more): {beyond / 2**20:.1f} MiB at most")
    print(f"memory of this process, its making of inputs included: {peak_memory() / 2**20:.0f} MiB at most")
    print(f"{len(counts)} different reasons; the most frequent:")
    for reason, count in counts.most_common(25):
        print(f"{count:10,}  {reason}")


def peak_memory() -> int:
    """The most memory that the process has held so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
