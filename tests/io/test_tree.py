"""The tree in a checkpoint's metadata, when somebody changed it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from lepton.errors import CheckpointError
from lepton.io import parse
from tests.io.support import entry, file_with, file_with_tree

WORDS = entry("I8", [2], [0, 2])


@pytest.mark.parametrize(
    ("root", "match"),
    [
        ("", "its tree is not valid JSON"),
        ("[1,]", "its tree is not valid JSON"),
        ("[1] 2", "its tree is not valid JSON"),
        ("nul", "its tree is not valid JSON"),
        ('{"a": 1, "a": 2}', "duplicate key 'a'"),
        ("[NaN]", "NaN in its JSON"),
        ("[Infinity]", "Infinity in its JSON"),
        ("[1e400]", "out of range"),
        ("9" * 5000, "integer of 5000 characters"),
        ("[" * 257 + "]" * 257, "nested 257 levels deep"),
        ('{"a":' * 100_000, "levels deep|MiB allowed"),
        ("[" * 100_000, "levels deep"),
        ('{"$new": 1}', "tag '\\$new', which this version.*update Lepton"),
        ('{"$": 1}', "tag '\\$'"),
        ('{"a": 1, "$tuple": []}', "a tag that is not its first key"),
        ('{"$tensor": "b"}', "refers to tensor 'b', which it does not hold"),
        ('{"$tensor": 1}', "'\\$tensor' in its tree does not go with 1"),
        ('{"$tensor": "a", "more": 1}', "does not go with"),
        ('{"$tensor": "a", "requires_grad": 1}', "does not go with"),
        ('{"$tensor": "a", "requires_grad": true}', "does not go with lepton.int8"),
        ('{"$parameter": "a"}', "does not go with lepton.int8"),
        ('{"$array": null}', "does not go with None"),
        ('{"$array": "a", "requires_grad": true}', "does not go with"),
        ('{"$bytes": "a"}', "used as bytes, which it cannot be"),
        ('{"$bytes": ["a"]}', "does not go with"),
        ('{"$int": 3}', "does not go with 3"),
        ('{"$int": "12"}', "does not go with"),
        ('{"$int": "0x1_0"}', "does not go with"),
        ('{"$float": "1.0"}', "does not go with"),
        ('{"$float": [1]}', "does not go with"),
        ('{"$tuple": {}}', "does not go with"),
        ('{"$tuple": [], "$list": []}', "does not go with"),
        ('{"$size": [1.0]}', "does not go with"),
        ('{"$dict": {}}', "does not go with"),
        ('{"$dict": [[1]]}', "does not go with"),
        ('{"$dict": [[1, 2, 3]]}', "does not go with"),
        ('{"$dict": [[[], 2]]}', "does not go with"),
        ('{"$dict": [[{"$tuple": []}, 2]]}', "does not go with"),
        ('{"$dict": [{"$tuple": [1, 2]}]}', "does not go with"),
        ('{"$dict": [[1, 2], [1, 3]]}', "duplicate key 1"),
        ('{"$ordered": [["a", 2], ["a", 3]]}', "duplicate key 'a'"),
        ('{"$scalar": ["float32"]}', "does not go with"),
        ('{"$scalar": ["complex64", 1.0]}', "does not go with"),
        ('{"$scalar": ["float32", "1"]}', "does not go with"),
        ('{"$scalar": ["float32", 0.1]}', "does not go with"),
        ('{"$scalar": ["float32", 1e300]}', "does not go with"),
        ('{"$scalar": ["float32", 1]}', "does not go with"),
        ('{"$scalar": ["int8", 300]}', "does not go with"),
        ('{"$scalar": ["bool", 1]}', "does not go with"),
        ('{"$scalar": [["int8"], 1]}', "does not go with"),
        ('{"$dtype": "complex64"}', "does not go with"),
        ('{"$dtype": ["float32"]}', "does not go with"),
        ('{"$device": "cuda:x"}', "does not go with"),
        ('{"$device": ""}', "does not go with"),
        ('{"x": 1}', "holds tensor 'a', which its tree does not mention"),
    ],
    ids=itertools.count(),
)
def test_trees_that_are_wrong(root: str, match: str) -> None:
    with pytest.raises(CheckpointError, match=match) as caught:
        parse(file_with_tree(root, a=WORDS))
    assert len(str(caught.value)) < 1000


LONG = '{"$int": "0x' + "f" * 5000 + '"}'  # Python refuses to write so many digits in decimals


@pytest.mark.parametrize(
    "root",
    [
        f'{{"$size": [{LONG}, "a"]}}',
        f'{{"$tensor": {LONG}}}',
        f'{{"$scalar": ["float16", {LONG}]}}',
        f'{{"$dict": [[{LONG}, 1], [{LONG}, 2]]}}',
        f'{{"$dict": [[[{LONG}], 1]]}}',
    ],
)
def test_a_long_integer_in_what_an_error_shows(root: str) -> None:
    with pytest.raises(CheckpointError, match="int of 20000 bits"):
        parse(file_with_tree(root))


@pytest.mark.parametrize(
    ("metadata", "match"),
    [
        ({"lepton.tree": "2", "lepton.root": "1"}, "version '2', and this version of Lepton reads '1'; update"),
        ({"lepton.tree": "1"}, "version '1'"),
        ({"lepton.root": "1"}, "version None"),
    ],
)
def test_a_tree_of_another_version(metadata: dict[str, Any], match: str) -> None:
    with pytest.raises(CheckpointError, match=match):
        parse(file_with({"__metadata__": metadata}))


def test_every_tag_is_documented() -> None:
    from pathlib import Path

    from lepton.io import tree

    page = (Path(__file__).parents[2] / "docs" / "checkpoints.md").read_text()
    assert [tag for tag in tree._DECODERS if f"`{tag}`" not in page and f'{{"{tag}"' not in page] == []
