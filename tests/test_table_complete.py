"""Every public op has an entry in the table, and every entry has an op: a name without proof fails here."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lepton
from tests.table import entries
from tests.table._elsewhere import ELSEWHERE
from tests.table._proof import entry_of, file_of, find, surface

ROOMS = (
    "", "autograd", "autograd.functional", "autograd.graph", "data", "linalg", "nn", "nn.functional", "nn.init",
    "nn.utils", "nn.utils.parametrizations", "nn.utils.parametrize", "nn.utils.prune", "nn.utils.rnn", "optim",
    "optim.lr_scheduler", "optim.swa_utils", "special", "utils.checkpoint",
)  # fmt: skip


def public_names() -> Iterator[str]:
    """Each public function and class with its dotted name, and each attribute of Tensor."""
    for room in ROOMS:
        module = importlib.import_module(f"lepton.{room}".rstrip("."))
        for name in module.__all__:
            found = getattr(module, name)
            if callable(found) and not (room == "" and isinstance(found, type) and name != "Generator"):
                yield f"{room}.{name}".lstrip(".")
    for name in dir(lepton.Tensor):
        if not name.startswith("_"):
            yield f"Tensor.{name}"


def test_every_public_name_has_a_proof() -> None:
    missing = sorted({name for name in public_names() if entry_of(name) is None and file_of(name) is None})
    assert not missing, f"{len(missing)} public names have no entry in tests/table/: {', '.join(missing)}"


def test_every_name_of_the_surface_is_there_with_a_proof() -> None:
    missing, silent = [], []
    for name in [name for names in surface().values() for name in names]:
        try:
            find(name)
        except AttributeError:
            missing.append(name)
            continue
        if entry_of(name) is None and file_of(name) is None:
            silent.append(name)
    assert not missing, f"{len(missing)} names of the surface are not there: {', '.join(missing)}"
    assert not silent, f"{len(silent)} names of the surface have no proof: {', '.join(silent)}"


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
