"""Every entry of the table against PyTorch: values, shapes, dtypes, gradients of both orders, errors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from lepton.autograd.registry import TABLE
from tests.oracle import _coverage as coverage
from tests.oracle._compare import differences
from tests.oracle._deviations import Deviation, deviations
from tests.oracle._misuse import is_refused
from tests.table import Call, Entry, entries

SHOWN = 12
COMPARED = [each for each in entries() if each.oracle is not None]


def calls_of(entry: Entry) -> Iterator[tuple[str, Call]]:
    """Every fixed call with its tag."""
    for kind, calls in (("case", entry.cases), ("value", entry.values), ("error", [call for call, _ in entry.errors])):
        for place, call in enumerate(calls):
            yield call.tag or f"{kind} {place}", call


def compare(entry: Entry, how: str) -> None:
    """Run all fixed calls in both; what differs must be a deviation, and each deviation must show.

    What of the entry was compared as a function is what docs/coverage.md says of it, no less and no more.
    """
    rows = deviations().get(entry.name, [])
    own = deviations().get(f"{entry.name}_", []) if how == "inplace" else rows if how == "function" else []
    rows = rows + own if how == "inplace" else rows
    shown: set[Deviation] = set()
    compared: set[str] = set()
    problems = []
    for tag, call in calls_of(entry):
        if how != "function" and not (call.args and isinstance(call.args[0], np.ndarray)):
            continue  # a number has no methods
        for aspect, text in differences(entry, call, how, compared):
            known = [row for row in rows if row.covers(tag, aspect)]
            shown.update(known)
            if not known:
                problems.append(f"[{tag}] {aspect}: {text}\n    call {str(call)[:600]}")
    if how == "function":
        problems += coverage.contradictions(entry, compared | ({"error"} if is_refused(entry) else set()))
    unshown = [row for row in own if row not in shown and row.tags != "misuse"]
    problems += [f"docs/deviations.md has a row that no case shows: {row}" for row in unshown]
    if problems:
        more = f"\n… {len(problems)} in all" if len(problems) > SHOWN else ""
        listed = "\n".join(problems[:SHOWN])
        pytest.fail(f"{entry.name} ({how}) differs from PyTorch:\n{listed}{more}", pytrace=False)


@pytest.mark.parametrize("entry", COMPARED, ids=lambda each: each.name)
def test_as_a_function(entry: Entry) -> None:
    compare(entry, "function")


@pytest.mark.parametrize(
    "entry", [each for each in COMPARED if each.name in TABLE and TABLE[each.name].method], ids=lambda each: each.name
)
def test_as_a_method(entry: Entry) -> None:
    compare(entry, "method")


@pytest.mark.parametrize(
    "entry", [each for each in COMPARED if each.name in TABLE and TABLE[each.name].inplace], ids=lambda each: each.name
)
def test_in_place(entry: Entry) -> None:
    compare(entry, "inplace")


@pytest.mark.parametrize("entry", [each for each in COMPARED if each.draw is not None], ids=lambda each: each.name)
def test_drawn_calls(entry: Entry) -> None:
    rows = deviations().get(entry.name, [])

    @settings(suppress_health_check=list(HealthCheck))
    @given(call=entry.draw)
    def check(call: Call) -> None:
        found = [each for each in differences(entry, call) if not any(row.covers("drawn", each[0]) for row in rows)]
        assert not found, f"{found} in the call {call}"

    check()


def test_deviations_name_entries() -> None:
    unknown = set(deviations()) - {each.name for each in entries()} - {f"{name}_" for name in TABLE}
    assert not unknown, f"docs/deviations.md names what the table does not have: {sorted(unknown)}"
