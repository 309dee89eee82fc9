"""The reader under random damage: CheckpointError and nothing else; what gets through is valid for others too."""

from __future__ import annotations

import contextlib
import runpy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lepton.errors import CheckpointError
from lepton.io import parse
from tests.io.support import file_with

FUZZER = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "fuzz_checkpoint.py"))


@pytest.mark.parametrize("seed", [1, 2])
def test_files_with_a_few_changes(seed: int) -> None:
    deserialize = pytest.importorskip("safetensors").deserialize
    mutator = FUZZER["Mutator"](seed)
    seen = {FUZZER["outcome"](mutator.mutant(), deserialize) for _ in range(1000)}
    assert FUZZER["ACCEPTED"] in seen and len(seen) > 30


@settings(max_examples=300)
@given(data=st.binary(max_size=64))
def test_any_bytes(data: bytes) -> None:
    with contextlib.suppress(CheckpointError):
        parse(data)


words = st.sampled_from(
    ["dtype", "shape", "data_offsets", "__metadata__", "lepton.tree", "lepton.root", "F32", "1", "a"]
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words, st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(words, st.text(max_size=3)), inner, max_size=4)
    ),
    max_leaves=10,
)
sizes = st.one_of(st.integers(0, 12), st.sampled_from([2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64]))
descriptions = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "I8", "BOOL", "U64", "F16"]),
        "shape": st.lists(sizes, max_size=4),
        "data_offsets": st.lists(sizes, min_size=2, max_size=2),
    }
)
headers = st.dictionaries(st.text(max_size=3), descriptions, max_size=4)


@settings(max_examples=300)
@given(header=st.one_of(headers, json_values.filter(lambda each: isinstance(each, dict))), data=st.binary(max_size=24))
def test_any_json_as_header(header: dict[str, Any], data: bytes) -> None:
    deserialize = pytest.importorskip("safetensors").deserialize
    whole = file_with(header, data)
    with contextlib.suppress(CheckpointError):
        parse(whole)
        deserialize(whole)


tags = st.sampled_from(list(FUZZER["tree"]._DECODERS))
tagged = st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(), st.sampled_from(["a", "b", "inf", "float32", "0x1", "cpu"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.builds(lambda tag, value: {tag: value}, tags, st.one_of(inner, st.lists(inner, min_size=2, max_size=2))),
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(root=tagged)
def test_any_tree_of_tags(root: Any) -> None:
    import json

    header = {
        "__metadata__": {"lepton.tree": "1", "lepton.root": json.dumps(root)},
        "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        "b": {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]},
    }
    with contextlib.suppress(CheckpointError):
        parse(file_with(header, bytes(8)))
