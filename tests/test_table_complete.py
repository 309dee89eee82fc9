"""Every public op has an entry in the table, and every entry has an op: a name without proof fails here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lepton
from lepton.autograd.registry import TABLE
from tests.table import entries
from tests.table._elsewhere import ELSEWHERE

ROOMS = ("", "linalg", "special", "nn.functional", "nn", "nn.init", "nn.utils.rnn")


def find(path: str) -> Any:
    found: Any = lepton
    for name in path.split("."):
        found = getattr(found, name)
    return found


def public_names() -> Iterator[tuple[str, Any]]:
    """Each public function and class with its dotted name, and each attribute of Tensor."""
    for room in ROOMS:
        try:
            module = importlib.import_module(f"lepton.{room}".rstrip("."))
        except ModuleNotFoundError:
            continue  # a room that does not stand yet
        for name in getattr(module, "__all__", ()):
            found = getattr(module, name)
            if callable(found) and not (room == "" and isinstance(found, type) and name != "Generator"):
                yield f"{room}.{name}".lstrip("."), found
    for name in dir(lepton.Tensor):
        if not name.startswith("_"):
            yield f"Tensor.{name}", getattr(lepton.Tensor, name)


SPOKEN_FOR = {name for each in entries() for name in (each.name, *each.covers)}
PROVED = {id(find(each)) for each in SPOKEN_FOR if not each.startswith("Tensor.")}
TOLD_ELSEWHERE = {name: file for file, names in ELSEWHERE.items() for name in names}


def has_proof(name: str, found: Any) -> bool:
    """Whether an entry speaks for it: its own, that of the same function, or that of the op it is a method of."""
    if name in SPOKEN_FOR or name in TOLD_ELSEWHERE:
        return True
    if id(found) in PROVED:
        return True
    method = name.removeprefix("Tensor.")
    if method == name:
        return False
    base = TABLE.get(method.removesuffix("_")) if method.endswith("_") else None
    return base is not None and base.inplace and id(base.function) in PROVED


def test_every_public_name_has_an_entry() -> None:
    missing = sorted(name for name, found in public_names() if not has_proof(name, found))
    assert not missing, f"{len(missing)} public names have no entry in tests/table/: {', '.join(missing)}"


@pytest.mark.parametrize("entry", entries(), ids=lambda each: each.name)
def test_every_entry_is_public(entry: Any) -> None:
    for name in (entry.name, *entry.covers):
        find(name)
    assert entry.cases or entry.values or entry.errors, "an entry without a call proves nothing"


def test_a_differentiable_op_has_cases_and_draws() -> None:
    lacking = [each.name for each in entries() if each.grad is not False and (not each.cases or each.draw is None)]
    assert not lacking, f"differentiable ops without fixed cases or without drawn ones: {lacking}"


@pytest.mark.parametrize("file", ELSEWHERE)
def test_what_is_told_elsewhere_is_told_there(file: str) -> None:
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    silent = [name for name in ELSEWHERE[file] if name.rpartition(".")[2] not in text]
    assert not silent, f"tests/{file} says nothing of {silent}"
