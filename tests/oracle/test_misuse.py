"""Every public function and class called as nobody should: PyTorch's class of error, never an accident further in."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

import pytest

from tests.oracle._compare import LEPTON, TORCH
from tests.oracle._deviations import deviations
from tests.table import Entry, entries

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def oracle_of(entry: Entry) -> Any:
    """PyTorch's function or class of the same name, or None where there is nothing to call."""
    if not isinstance(entry.oracle, str):
        return None
    found = TORCH.find(entry.oracle or entry.name)
    return found if callable(found) else None


def misuses(entry: Entry) -> Iterator[Arguments]:
    """No arguments at all, an unknown one, and something in the tensor's place that is none."""
    yield (), {}
    yield (), {"no_such_argument": 1}
    if not entry.is_module and not entry.name.startswith("Tensor."):
        yield ("text",), {}
        yield (object(),), {}


def error_of(function: Any, arguments: Arguments) -> Exception | None:
    try:
        function(*arguments[0], **arguments[1])
    except Exception as error:  # noqa: BLE001 - which exception it is, is what is compared
        return error
    return None


def expected(error: Exception) -> type[BaseException]:
    """The class of Python's own that the error is; an attribute that PyTorch asked of something else is a TypeError."""
    kind = next(each for each in type(error).__mro__ if getattr(builtins, each.__name__, None) is each)
    return {AttributeError: TypeError, NotImplementedError: RuntimeError}.get(kind, kind)


@pytest.mark.parametrize("entry", [each for each in entries() if oracle_of(each) is not None], ids=lambda e: e.name)
def test_misuse(entry: Entry) -> None:
    known = [row for row in deviations().get(entry.name, []) if row.covers("misuse", "error") and row.tags == "misuse"]
    differing = []
    for arguments in misuses(entry):
        theirs = error_of(oracle_of(entry), arguments)
        if theirs is None:
            continue
        ours = error_of(LEPTON.find(entry.name), arguments)
        if not isinstance(ours, expected(theirs)):
            differing.append(f"{arguments}: {ours!r}, PyTorch raises {theirs!r}")
    assert bool(differing) == bool(known), differing or f"docs/deviations.md has a row that does not show: {known}"
