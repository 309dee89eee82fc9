"""Every public function and class called as nobody should: PyTorch's class of error, never an accident further in."""

from __future__ import annotations

import pytest

from tests.oracle._compare import LEPTON
from tests.oracle._deviations import deviations
from tests.oracle._misuse import error_of, expected, misuses, oracle_of
from tests.table import Entry, entries


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
