"""Damaged and hostile files: each gives CheckpointError, which says what is wrong, and takes no memory on its word."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import pickle
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lepton.autograd.tensor import Tensor
from lepton.errors import CheckpointError
from lepton.io import container, load, parse, save, strict
from tests.io.support import entry, file_with, file_with_tree

GOOD = entry()
EIGHT = bytes(8)


def refused(data: bytes, match: str) -> None:
    with pytest.raises(CheckpointError, match=match) as caught:
        parse(data)
    assert len(str(caught.value)) < 2000


# ---------------------------------------------------------------------- length and end


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**63 - 1, 2**31, 100, 3])
def test_a_header_longer_than_the_file(length: int) -> None:
    refused(length.to_bytes(8, "little") + b"{}", f"claims a header of {length} bytes but has only 10")


def test_a_header_longer_than_any() -> None:
    refused(file_with(b"{" + b" " * container.MAX_HEADER + b"}"), "more than the 16777216 that are read")


@pytest.mark.parametrize("length", [0, 1])
def test_a_header_that_is_none(length: int) -> None:
    refused(length.to_bytes(8, "little") + b"{}", "does not begin with|not valid JSON")


def test_truncated_at_every_byte() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/whole"
        save({"model": {"w": Tensor(np.ones((2, 3)))}, "epoch": 3, "flag": np.array([True])}, path)
        with open(path, "rb") as file:
            whole = file.read()
        for end in range(len(whole)):
            refused(whole[:end], "fewer than the 8|claims a header|ends . bytes too early|ends .. bytes too early")
            with open(path, "wb") as file:
                file.write(whole[:end])
            with pytest.raises(CheckpointError):
                load(path)


@pytest.mark.parametrize("extra", [b"\x00", b"x" * 100])
def test_a_file_that_goes_on(extra: bytes) -> None:
    refused(file_with({"a": GOOD}, EIGHT + extra), f"has {len(extra)} bytes after its last tensor")


def test_a_file_that_shrinks_while_it_is_read() -> None:
    whole = file_with({"a": GOOD}, EIGHT)
    reader = container.Reader(io.BytesIO(whole[:-1]), len(whole), frozenset())
    with pytest.raises(CheckpointError, match="became shorter"):
        reader.array("a")


def test_a_tensor_larger_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(np, "empty", no_memory)
    refused(file_with({"a": GOOD}, EIGHT), "tensor 'a' takes 8 bytes, more memory than there is")


# ---------------------------------------------------------------------- other formats


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_renamed_pickle_is_never_unpickled(protocol: int) -> None:
    refused(pickle.dumps(Bomb(), protocol), "a pickle" if protocol >= 2 else "claims a header")


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return pytest.fail, ("it was unpickled",)


def test_other_formats_are_named() -> None:
    archive = io.BytesIO()
    np.savez(archive, a=np.ones(3))
    refused(archive.getvalue(), "a zip archive, such as torch.save.*safetensors.torch.save_file")
    refused(gzip.compress(b"text"), "gzip")
    refused(b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5")
    refused(b"", "0 bytes")


# ---------------------------------------------------------------------- the header's JSON

ENTRY = json.dumps(GOOD)


@pytest.mark.parametrize(
    ("header", "match"),
    [
        (f'{{"a": {ENTRY}, "a": {ENTRY}}}', "duplicate key 'a' in its header"),
        (f'{{"a": {ENTRY}, "\\u0061": {ENTRY}}}', "duplicate key 'a' in its header"),
        ('{"__metadata__": {}, "__metadata__": {}}', "duplicate key '__metadata__'"),
        ('{"__metadata__": {"k": "1", "k": "2"}}', "duplicate key 'k' in the '__metadata__'"),
        ('{"a": {"dtype": "F32", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', "duplicate key 'dtype'"),
        ('{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 8]}}', "NaN in its JSON"),
        ('{"a": {"dtype": "F32", "shape": [-Infinity], "data_offsets": [0, 8]}}', "-Infinity in its JSON"),
        ('{"a": {"dtype": "F32", "shape": [1e999], "data_offsets": [0, 8]}}', "1e999 in its JSON is out of range"),
        (f'{{"a": {{"dtype": "F32", "shape": [{"9" * 5000}], "data_offsets": [0, 8]}}}}', "integer of 5000 characters"),
        ('{"a": ' * 100_000, "not a flat object"),
        ("[" * 100_000, "does not begin with '{'"),
        ('{"a": ' + "[" * 100_000, "not a flat object"),
        ('{"a": {"shape": ' + "[" * 100_000 + "}", "not a flat object"),
        ('{"a": {"shape": ' + "[1, 2]," * 100_000 + "}", "not a flat object"),
        ('{"a": {"x": "' + "y" * 100_000 + '"}', "takes 100009 bytes"),
        ('{"a": 3}', "not a flat object"),
        ('{"a": null}', "not a flat object"),
        ("{'a': 3}", "a name in quotes is expected"),
        ("{a: 3}", "a name in quotes is expected"),
        ("{,}", "a name in quotes is expected"),
        (f'{{"a": {ENTRY},}}', "a name in quotes is expected"),
        (f'{{"a": {ENTRY}', "',' or '}' is expected"),
        (f'{{"a": {ENTRY}]', "',' or '}' is expected"),
        (f'{{"a": {ENTRY}}} x', "goes on after its end"),
        (f'{{"a": {ENTRY}}}\n', "goes on after its end"),
        (f' {{"a": {ENTRY}}}', "does not begin with '{'"),
        (f'\ufeff{{"a": {ENTRY}}}', "does not begin with '{'"),
        (f'{{"a\n": {ENTRY}}}', "Invalid control character"),
        (f'{{"\\ud800": {ENTRY}}}', "surrogates not allowed"),
        (f'{{"\\x": {ENTRY}}}', "Invalid .escape"),
        (f'{{"\\u0000": {ENTRY}}}', "cannot be printed"),
        (f'{{"\\u001b[2J": {ENTRY}}}', "cannot be printed"),
        (f'{{"{"n" * 5000}": {ENTRY}}}', "a name of 5002 bytes"),
        (f'{{"a": {ENTRY[:-1]}, "more": 1}}}}', "has the fields"),
        ('{"a": {}}', "has the fields"),
        ('{"__metadata__": []}', "is not an object"),
        ('{"__metadata__": {"k": 1}}', "does not map strings to strings"),
        ('{"__metadata__": {"k": {"a": "b"}}}', "does not map strings to strings"),
        ('{"__metadata__": {"k": "\\ud800"}}', "surrogates not allowed"),
    ],
    ids=itertools.count(),
)
def test_headers_that_are_wrong(header: str, match: str) -> None:
    refused(file_with(header, EIGHT), match)


@pytest.mark.parametrize("header", [b'{"\xff": ' + ENTRY.encode() + b"}", b'{"__metadata__": {"k": "\xed\xa0\x80"}}'])
def test_headers_that_are_not_utf8(header: bytes) -> None:
    refused(file_with(header, EIGHT), "codec can't decode")


def test_an_entry_that_is_not_utf8() -> None:
    refused(file_with(b'{"a": {"dtype": "\xff"}}', EIGHT), "codec can't decode")


def test_white_space_and_order_are_free() -> None:
    header = ' {\t"data_offsets" : [ 0 ,8 ],\r\n"shape":[2 ], "dtype":"F32"}'
    assert parse(file_with(f'{{ "a" :{header} }}  ', EIGHT))["a"].shape == (2,)
    assert parse(file_with("{ }")) == parse(file_with('{"__metadata__": { } }')) == {}


# ---------------------------------------------------------------------- types, shapes, offsets


@pytest.mark.parametrize(
    ("described", "match"),
    [
        (entry(dtype="F8_E4M3"), "dtype 'F8_E4M3'; those that can be read are: F64"),
        (entry(dtype=None), "dtype None"),
        (entry(dtype=["F32"]), "not a flat object"),
        (entry(shape=2), "not a list of lengths"),
        (entry(shape=[-1, -2]), "not a list of lengths"),
        (entry(shape=[2.0]), "not a list of lengths"),
        (entry(shape=[True, 2]), "not a list of lengths"),
        (entry(shape=["2"]), "not a list of lengths"),
        (entry(shape=[2**63]), "not a list of lengths"),
        (entry(shape=[2**62, 2**62]), "overflows"),
        (entry(shape=[2**32, 2**32]), "overflows"),
        (entry(shape=[0, 2**40, 2**40], offsets=[0, 0]), "overflows"),
        (entry(shape=[2**61]), "overflows"),
        (entry(shape=[1] * 64 + [2]), "not a list of lengths"),
        (entry(shape=[3]), "takes 12 bytes, but its data_offsets \\[0, 8\\] span 8"),
        (entry(offsets=[8, 0]), "span -8"),
        (entry(offsets=[0]), "not two positions"),
        (entry(offsets=[0, 8, 8]), "not two positions"),
        (entry(offsets=[-8, 0]), "not two positions"),
        (entry(offsets=[0, 2**64 + 8]), "not two positions|integer of"),
        (entry(offsets=[0.0, 8.0]), "not two positions"),
        (entry(offsets={"0": 8}), "not a flat object"),
        (entry(offsets=[2**62, 2**62 + 8]), "hole of"),
        (entry(offsets=[8, 16]), "hole of 8 bytes before tensor 'a'"),
    ],
)
def test_descriptions_that_are_wrong(described: dict[str, Any], match: str) -> None:
    refused(file_with({"a": described}, EIGHT), match)


def test_minus_zero_is_no_length() -> None:
    refused(file_with('{"a": {"dtype": "F32", "shape": [-0], "data_offsets": [0, 0]}}'), "not a list of lengths")


def test_tensors_that_overlap() -> None:
    refused(file_with({"a": GOOD, "b": GOOD}, EIGHT), "tensors 'a' and 'b' overlap")
    refused(file_with({"a": entry(offsets=[0, 8]), "b": entry(offsets=[4, 12])}, bytes(12)), "'a' and 'b' overlap")


def test_a_hole_between_tensors() -> None:
    refused(file_with({"a": GOOD, "b": entry(offsets=[9, 17])}, bytes(17)), "hole of 1 bytes before tensor 'b'")


def test_bools_that_are_neither() -> None:
    refused(file_with({"a": entry("BOOL", [3], [0, 3])}, b"\x00\x01\x02"), "neither 0 nor 1")


def test_offsets_in_any_order_and_unaligned() -> None:
    header = {"b": entry("F64", [1], [1, 9]), "a": entry("U8", [1], [0, 1]), "z": entry("I64", [0], [9, 9])}
    loaded = parse(file_with(header, b"\x05" + np.float64(2.5).tobytes()))
    assert list(loaded) == ["b", "a", "z"]
    assert loaded["b"].item() == 2.5 and loaded["b"].numpy().flags.aligned and loaded["a"].item() == 5


# ---------------------------------------------------------------------- memory


def repeated(piece: str, count: int) -> str:
    return "[" + ",".join([piece] * count) + "]"


def numbered(piece: str, count: int) -> str:
    return ",".join(piece.replace("@", str(each)) for each in range(count))


# How to make such a file, and how many pieces the largest has that is still read.
HUNGRY: dict[str, tuple[Callable[[int], bytes], int]] = {
    "lists": (lambda count: file_with_tree(repeated("[]", count)), 430_000),
    "dicts": (lambda count: file_with_tree(repeated("{}", count)), 430_000),
    "small dicts": (lambda count: file_with_tree(repeated('{"":0}', count)), 174_000),
    "one dict": (lambda count: file_with_tree("{" + numbered('"@":"a@"', count) + "}"), 198_000),
    "numbers": (lambda count: file_with_tree(repeated("1.5", count)), 810_000),
    "strings": (lambda count: file_with_tree(repeated('"ab"', count)), 770_000),
    "wide string": (lambda count: file_with_tree('"\U0001f600' + "a" * 8 * count + '"'), 610_000),
    "long string": (lambda count: file_with_tree('"' + "a" * 8 * count + '"'), 1_830_000),
    "escapes": (lambda count: file_with_tree('"' + "\\n" * 8 * count + '"'), 698_000),
    "tuples": (lambda count: file_with_tree(repeated('{"$tuple":[]}', count)), 141_000),
    "ordered": (lambda count: file_with_tree('{"$ordered":[' + numbered("[@,0]", count) + "]}"), 274_000),
    "tensors": (lambda count: file_with_tree(repeated('{"$tensor":"a"}', count), a=GOOD), 164_000),
    "metadata": (lambda count: file_with('{"__metadata__":{' + numbered('"@":""', count) + "}}"), 13_500),
    "metadata string": (lambda count: file_with('{"__metadata__":{"a":"\U0001f600' + "a" * 8 * count + '"}}'), 910_000),
    "entries": (
        lambda count: file_with(
            "{" + numbered('"@":{"dtype":"U8","shape":[0,1,1,1,1,1,1],"data_offsets":[0,0]}', count) + "}"
        ),
        74_000,
    ),
}


def reading_takes(data: bytes) -> tuple[str | None, int]:
    """Why it was refused, if it was, and the memory that took."""
    tracemalloc.start()
    try:
        parse(data)
        return None, tracemalloc.get_traced_memory()[1]
    except CheckpointError as error:
        return str(error), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


QUICK = ("ordered", "wide string", "long string", "metadata")


@pytest.mark.parametrize(
    "kind", [each if each in QUICK else pytest.param(each, marks=pytest.mark.slow) for each in HUNGRY]
)
@pytest.mark.timeout(300)
def test_memory_stays_within_the_files_size_and_64_mib(kind: str) -> None:
    """The largest that are read, and larger ones: neither the reading nor the refusal takes more."""
    make, most = HUNGRY[kind]
    for count in (most, most * 5 // 4):
        data = make(count)
        refusal, memory = reading_takes(data)
        assert memory < len(data) + (64 << 20)
        if count == most:
            assert refusal is None
        else:
            assert refusal is not None and ("MiB allowed" in refusal or "that are read" in refusal)


def tree_as_it_is(root: str, version: str = "1") -> bytes:
    """A file with that tree, whose characters are not escaped once more."""
    metadata = {"lepton.tree": version, "lepton.root": root}
    return file_with(json.dumps({"__metadata__": metadata}, ensure_ascii=False))


def long() -> str:
    """Each of these characters takes one byte in a file, and four where an error shows it."""
    return "\x7f" * (13 << 20)


LARGE = entry("U8", [40 << 20], [0, 40 << 20])


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: tree_as_it_is(f'{{"$size":["{long()}"]}}'), id="string"),
        pytest.param(lambda: tree_as_it_is(f'{{"${long()}":0}}'), id="tag"),
        pytest.param(lambda: tree_as_it_is(f'{{"a":0,"${long()}":0}}'), id="late tag"),
        pytest.param(lambda: tree_as_it_is(f'{{"$tensor":"{long()}"}}'), id="name"),
        pytest.param(lambda: tree_as_it_is("0", version=long()), id="version"),
        pytest.param(lambda: file_with_tree('{"$tuple":{"$bytes":"a"}}', a=LARGE), id="bytes"),
    ],
)
def test_what_an_error_shows_takes_no_memory(make: Callable[[], bytes]) -> None:
    data = make()
    refusal, memory = reading_takes(data)
    assert refusal is not None and len(refusal) < 1000
    assert memory < len(data) + (64 << 20)


def test_a_blob_can_be_had_once() -> None:
    refused(
        file_with_tree('[{"$bytes":"a"},{"$bytes":"a"}]', a=entry("U8", [2], [0, 2])), "used as bytes and once more"
    )
    refused(
        file_with_tree('[{"$bytes":"a"},{"$array":"a"}]', a=entry("U8", [2], [0, 2])), "used as bytes and once more"
    )
    refused(file_with_tree('[{"$array":"a"},{"$bytes":"a"}]', a=entry("U8", [2], [0, 2])), "used as bytes, which")


def test_measure_counts_what_is_outside_of_strings() -> None:
    depth, _ = strict.measure(rb'{"[[[[\"[[": [{"\\": "]]]"}, "\\\"[["]}')
    assert depth == 3
    text = b'["' + b"[" * 400_000 + b'",' + b"[" * 5 + b"]" * 5 + b"]"
    assert strict.measure(text)[0] == 6
