"""The container: one safetensors file, written in a fixed order and read with no number believed before it is checked.

The format is public: eight bytes with the length of the header, a header in JSON (for each tensor its type, shape and
range of bytes, and under ``__metadata__`` strings of the writer's), then the bytes of the tensors, without holes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from io import BytesIO, FileIO
from typing import Any, BinaryIO

import numpy as np

from lepton.backend import dtypes
from lepton.errors import CheckpointError, MissingExtraError
from lepton.io import strict
from lepton.io.strict import damaged, shorten

MAX_HEADER = 16 << 20
LONGEST_NAME = 1 << 12  # bytes, with its quotes
METADATA = "__metadata__"

_NUMPY_NAMES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
_TYPES = {numpy_name: name for name, numpy_name in _NUMPY_NAMES.items()}
_ITEMSIZE = {name: 2 if name == "BF16" else np.dtype(numpy_name).itemsize for name, numpy_name in _NUMPY_NAMES.items()}

_MOST_DIMENSIONS = 64  # NumPy's limit
_LONGEST_ENTRY = 1 << 13
_ENTRY_COST = 600  # bytes that an entry, its array and its places in dicts take; a test holds it against CPython
_KEY_COST = 4096  # a key of the metadata takes far less, but files have a handful, and thousands would only cost time

# Other formats by their first bytes, to say what the file is instead of what it is not.
_STRANGERS = (
    (b"PK\x03\x04", "a zip archive, such as torch.save and numpy.savez write"),
    (b"\x80", "a pickle, such as torch.save wrote in its old format"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1f\x8b", "a gzip archive"),
)

_SPACE = rb"[ \t\n\r]*+"
_STRING = rb'("(?:[^"\\]++|\\.)*+")'
_KEY = re.compile(_SPACE + _STRING + _SPACE + rb":" + _SPACE, re.DOTALL)
_VALUE = re.compile(_STRING, re.DOTALL)
_ENTRY = re.compile(rb"\{[^{}]*+\}")
_OPENING = re.compile(rb"\{" + _SPACE + rb"(\}?)")
_NEXT = re.compile(_SPACE + rb"([,}])")
_entry_decoder = strict.Decoder()


class Entry:
    """Where a tensor lies in the file, and as what."""

    __slots__ = ("name", "type", "shape", "start", "end")

    def __init__(self, name: str, type: str, shape: tuple[int, ...], start: int, end: int) -> None:
        self.name = name
        self.type = type
        self.shape = shape
        self.start = start
        self.end = end


class Header:
    """What the header says: the tensors in its order, the metadata that was asked for, and the memory it took."""

    __slots__ = ("entries", "metadata", "cost")

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.metadata: dict[str, str] = {}
        self.cost = 0

    def spend(self, kept: int, passing: int = 0) -> None:
        """Count memory before it is taken: ``kept`` until the end, ``passing`` only for the next step.

        Raises:
            CheckpointError: it is more than a file may take.
        """
        self.cost += kept
        if self.cost + passing > strict.BUDGET:
            raise strict.over_budget()


# ---------------------------------------------------------------------- the header


def parse_header(raw: bytes, wanted: frozenset[str]) -> Header:
    """Read a header's JSON.

    Its grammar is flat, so it is read pair by pair: memory grows with the entries alone, whatever the text nests.

    Args:
        raw: the header's bytes, padding included.
        wanted: the metadata to keep.

    Raises:
        CheckpointError: anything is not as the format has it.
    """
    header = Header()
    opening = _OPENING.match(raw)
    if opening is None:
        raise damaged("its header does not begin with '{'")
    position, mark, seen_metadata = opening.end(), opening[1], False
    while mark != b"}":
        key = _KEY.match(raw, position)
        if key is None:
            raise damaged(f"its header is not valid JSON at byte {8 + position}: a name in quotes is expected there")
        name = _decode_name(key[1])
        if name in header.entries or (name == METADATA and seen_metadata):
            raise damaged(f"duplicate key {name!r} in its header")
        if name == METADATA:
            seen_metadata = True
            position = _parse_metadata(raw, key.end(), wanted, header)
        else:
            position = _parse_entry(raw, key.end(), name, header)
        mark, position = _parse_separator(raw, position)
    if raw[position:].strip(b" "):
        raise damaged(f"its header goes on after its end, at byte {8 + position}")
    return header


def _parse_separator(raw: bytes, position: int) -> tuple[bytes, int]:
    following = _NEXT.match(raw, position)
    if following is None:
        raise damaged(f"its header is not valid JSON at byte {8 + position}: ',' or '}}' is expected there")
    return following[1], following.end()


def _decode_string(token: bytes) -> str:
    try:
        text: str = json.loads(token.decode())
        text.encode()  # a lone surrogate, written as an escape, is no character
    except ValueError as error:
        raise damaged(f"a string in its header is not valid: {error}") from None
    return text


def _decode_name(token: bytes) -> str:
    if len(token) > LONGEST_NAME:
        raise damaged(f"its header has a name of {len(token)} bytes")
    name = _decode_string(token)
    if not name.isprintable():
        raise damaged(f"its header has the name {name!r}, with characters that cannot be printed")
    return name


def _parse_metadata(raw: bytes, position: int, wanted: frozenset[str], header: Header) -> int:
    opening = _OPENING.match(raw, position)
    if opening is None:
        raise damaged(f"{METADATA!r} in its header is not an object")
    position, mark = opening.end(), opening[1]
    seen = set()
    while mark != b"}":
        key = _KEY.match(raw, position)
        value = key and _VALUE.match(raw, key.end())
        if not key or not value:
            raise damaged(f"{METADATA!r} in its header does not map strings to strings at byte {8 + position}")
        name = _decode_name(key[1])
        if name in seen:
            raise damaged(f"duplicate key {name!r} in the {METADATA!r} of its header")
        seen.add(name)
        size = strict.width(value[1]) * len(value[1])
        header.spend(_KEY_COST + 4 * len(name) + (size if name in wanted else 0), passing=2 * size)
        text = _decode_string(value[1])
        if name in wanted:
            header.metadata[name] = text
        mark, position = _parse_separator(raw, value.end())
    return position


def _parse_entry(raw: bytes, position: int, name: str, header: Header) -> int:
    described = _ENTRY.match(raw, position)
    what = f"the description of tensor {name!r}"
    if described is None or described[0].count(b"[") > 2:
        raise damaged(f"{what} in its header is not a flat object of 'dtype', 'shape' and 'data_offsets'")
    if len(described[0]) > _LONGEST_ENTRY:
        raise damaged(f"{what} in its header takes {len(described[0])} bytes")
    entry = _checked_entry(name, what, _decode_entry(described[0], what))
    header.spend(_ENTRY_COST + 4 * len(name) + 24 * len(entry.shape))
    header.entries[name] = entry
    return described.end()


def _decode_entry(described: bytes, what: str) -> dict[str, Any]:
    try:
        text = described.decode()
    except UnicodeDecodeError as error:
        raise damaged(f"{what} is not valid: {error}") from None
    fields: dict[str, Any] = _entry_decoder(text, what)
    return fields


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _checked_entry(name: str, what: str, fields: dict[str, Any]) -> Entry:
    if fields.keys() != {"dtype", "shape", "data_offsets"}:
        raise damaged(f"{what} has the fields {shorten(sorted(fields))}, not 'dtype', 'shape' and 'data_offsets'")
    type_, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if type(type_) is not str or type_ not in _NUMPY_NAMES:
        known = ", ".join(_NUMPY_NAMES)
        raise CheckpointError(f"tensor {name!r} has the dtype {shorten(type_)}; those that can be read are: {known}")
    if type(shape) is not list or len(shape) > _MOST_DIMENSIONS or not all(map(_is_size, shape)):
        raise damaged(f"tensor {name!r} has the shape {shorten(shape)}, which is not a list of lengths")
    if type(offsets) is not list or len(offsets) != 2 or not all(map(_is_size, offsets)):
        raise damaged(
            f"tensor {name!r} has the data_offsets {shorten(offsets)}, which are not two positions in the file"
        )
    start, end = offsets
    elements, stretched = 1, _ITEMSIZE[type_]
    for length in shape:
        elements *= length
        stretched *= max(length, 1)  # NumPy too multiplies so, and a length of 0 hides no overflow
    if stretched >= 1 << 63:
        raise damaged(f"tensor {name!r} has the shape {shape}, which overflows the address space")
    if end - start != elements * _ITEMSIZE[type_]:
        raise damaged(
            f"tensor {name!r} of shape {shape} and dtype {type_} takes {elements * _ITEMSIZE[type_]} bytes, "
            f"but its data_offsets {offsets} span {end - start}"
        )
    return Entry(name, type_, tuple(shape), start, end)


def _check_layout(entries: Mapping[str, Entry], data_size: int) -> None:
    """Each tensor must begin where the one before it ends, and the last must end with the file."""
    position, before = 0, None
    for entry in sorted(entries.values(), key=lambda each: (each.start, each.end)):
        if entry.start < position:
            raise damaged(f"tensors {before!r} and {entry.name!r} overlap in its data")
        if entry.start > position:
            raise damaged(f"its data has a hole of {entry.start - position} bytes before tensor {entry.name!r}")
        position, before = entry.end, entry.name
    if position > data_size:
        raise damaged(f"it ends {position - data_size} bytes too early (it was cut off, or its header lies)")
    if position < data_size:
        raise damaged(f"it has {data_size - position} bytes after its last tensor")


# ---------------------------------------------------------------------- reading


class Reader:
    """The tensors of an open file, each read once, when it is asked for.

    Args:
        file: open for reading, unbuffered, at any position.
        size: its length in bytes.
        wanted: the metadata to keep.

    Raises:
        CheckpointError: the file is no safetensors file, or damaged.
    """

    def __init__(self, file: FileIO | BytesIO, size: int, wanted: frozenset[str]) -> None:
        self._file = file
        raw = _read_header(file, size, self._read)
        self._data = 8 + len(raw)
        self.header = parse_header(raw, wanted)
        _check_layout(self.header.entries, size - self._data)
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._blobs: set[str] = set()

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The tensor called ``name``, the same array each time.

        Raises:
            CheckpointError: there is none of that name, or its bytes are not of its type.
        """
        if name not in self._arrays:
            self._arrays[name] = self._read_array(self._entry(name))
        return self._arrays[name]

    def blob(self, name: str) -> bytes:
        """The bytes of the tensor called ``name``, which can be had once: a second copy would not be in the budget.

        Raises:
            CheckpointError: there is none of that name, it is not a row of U8, or it was read before.
        """
        entry = self._entry(name)
        if entry.type != "U8" or len(entry.shape) != 1 or name in self._arrays:
            raise damaged(f"tensor {name!r} is used as bytes, which it cannot be")
        self._blobs.add(name)
        return self._read(self._data + entry.start, entry.end - entry.start)

    def unread(self) -> list[str]:
        """The names of the tensors that nobody asked for."""
        return [name for name in self.header.entries if name not in self._arrays and name not in self._blobs]

    def _entry(self, name: str) -> Entry:
        entry = self.header.entries.get(name)
        if entry is None:
            raise damaged(f"it refers to tensor {shorten(name)}, which it does not hold")
        if name in self._blobs:
            raise damaged(f"tensor {name!r} is used as bytes and once more")
        return entry

    def _read_array(self, entry: Entry) -> np.ndarray[Any, Any]:
        dtype = numpy_dtype(_NUMPY_NAMES[entry.type], f"tensor {entry.name!r}")
        try:
            array = np.empty(entry.shape, dtype.newbyteorder("<"))
        except MemoryError:
            raise CheckpointError(
                f"tensor {entry.name!r} takes {entry.end - entry.start} bytes, more memory than there is"
            ) from None
        flat = array.reshape(-1).view(np.uint8)
        self._fill(self._data + entry.start, flat.data)
        if entry.type == "BOOL" and flat.size and flat.max() > 1:
            raise damaged(f"tensor {entry.name!r} of dtype BOOL has a byte that is neither 0 nor 1")
        return array.astype(dtype, copy=False)

    def _fill(self, position: int, view: memoryview) -> None:
        self._file.seek(position)
        while len(view):
            count = self._file.readinto(view)
            if not count:
                raise damaged("it became shorter while it was read")
            view = view[count:]

    def _read(self, position: int, length: int) -> bytes:
        self._file.seek(position)
        pieces = []
        while length:
            piece = self._file.read(length)
            if not piece:
                raise damaged("it became shorter while it was read")
            pieces.append(piece)
            length -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _read_header(file: FileIO | BytesIO, size: int, read: Any) -> bytes:
    first = read(0, min(size, 9))
    length = int.from_bytes(first[:8], "little")
    if first[8:] != b"{":
        for magic, kind in _STRANGERS:
            if first.startswith(magic):
                raise CheckpointError(
                    f"it is {kind}, not a safetensors file; such files can run code when opened, so they never are "
                    "here. Convert it where it was made, for instance with "
                    "safetensors.torch.save_file(torch.load(path, weights_only=True), new_path)"
                )
    if size < 8:
        raise damaged(f"it has {size} bytes, fewer than the 8 that a safetensors file begins with")
    if length > size - 8:
        raise damaged(f"it claims a header of {length} bytes but has only {size} in all")
    if length > MAX_HEADER:
        raise CheckpointError(f"its header takes {length} bytes, more than the {MAX_HEADER} that are read; split it")
    header: bytes = read(8, length)
    return header


def numpy_dtype(name: str, what: str) -> np.dtype[Any]:
    """NumPy's dtype of that name; ``what`` is to be read with it.

    Raises:
        CheckpointError: it is bfloat16, and the package that brings it is not installed.
    """
    if name != "bfloat16":
        return np.dtype(name)
    try:
        return dtypes.bfloat16.numpy
    except MissingExtraError as error:
        raise CheckpointError(f"{what} cannot be read: {error}") from error


# ---------------------------------------------------------------------- writing


def can_hold(array: np.ndarray[Any, Any]) -> bool:
    """Whether the container has the array's type."""
    return array.dtype.name in _TYPES


def build_header(arrays: Mapping[str, np.ndarray[Any, Any]], metadata: Mapping[str, str]) -> bytes:
    """The first bytes of the file: length and header, padded so that every tensor is aligned.

    The order of ``arrays`` is kept, and the same input gives the same bytes.

    Raises:
        CheckpointError: it is too long to be read again.
    """
    described: dict[str, Any] = {METADATA: dict(metadata)}
    position = 0
    for name, array in arrays.items():
        end = position + array.nbytes
        described[name] = {
            "dtype": _TYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [position, end],
        }
        position = end
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise strict.over_budget()
    return len(text).to_bytes(8, "little") + text


def in_order(arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays as they lie in a file: wide types first, so that each is aligned to its own."""
    return dict(sorted(arrays.items(), key=lambda pair: -pair[1].dtype.itemsize))


def write_arrays(file: BinaryIO, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write the bytes of the arrays one after the other; at most one of them is copied at a time."""
    for array in arrays.values():
        plain = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        flat = plain.reshape(-1).view(np.uint8)
        if array.dtype == bool:  # memory that was never written to can have other bytes than 0 and 1
            flat = (flat != 0).view(np.uint8)
        file.write(flat.data)
