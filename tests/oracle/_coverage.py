"""docs/coverage.md: what the comparison with PyTorch has shown of every name of the surface.

The page is written by ``tools/coverage_page.py``, and read by the comparison itself: it fails where it shows less than
the page says, and where it shows more.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

from tests.oracle._deviations import deviations
from tests.table import Entry
from tests.table._proof import entry_of, file_of, surface

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
COLUMNS = ("value", "gradient", "second order", "error")
COMMAND = ".venv/bin/python tools/coverage_page.py"
YES, BUT, SHAPES, NONE, OWN = "yes", "yes, but", "shapes", "–", ""

HEADER = """\
# What holds of every name

Generated from a comparison with PyTorch 2.13 by `.venv/bin/python tools/coverage_page.py`; do not edit.
`make test-oracle` makes the same comparison, and fails where it shows less than this page says, or more.

- **yes**: the same as PyTorch's in every case of the table of ops (`tests/table/`).
- **yes, but**: the same except in the cases that [deviations.md](deviations.md) lists, each with its reason.
- **shapes**: shapes and number types are the same; the numbers are random or not defined.
- **–**: PyTorch has none: no derivative, or nothing that it refuses.

What is no op, or has state that a table of calls cannot show, has tests of its own in the file that the last column
names, those in `tests/oracle/` against PyTorch; its row has no marks. Nothing of the surface (`tests/surface.toml`) is
missing.
"""


def cells(entry: Entry, compared: set[str]) -> tuple[str, ...]:
    """The row of an entry, given the aspects of which there was something to compare."""
    differing = {row.aspect for row in deviations().get(entry.name, [])}
    found = []
    for column in COLUMNS:
        if column not in compared:
            found.append(SHAPES if column == "value" and "shape" in compared else NONE)
        else:
            found.append(BUT if column in differing else YES)
    return tuple(found)


def rows(shown: dict[str, set[str]]) -> Iterator[str]:
    """The page's lines, from the aspects that were compared for each entry."""
    yield HEADER.rstrip()
    for family, names in surface().items():
        yield f"\n## {family}\n"
        yield "| name | value | gradient | second order | errors | shown by |"
        yield "|---|---|---|---|---|---|"
        for name in sorted(names, key=str.lower):
            entry = entry_of(name)
            if entry is not None and entry.name in shown:
                yield f"| `{name}` | {' | '.join(cells(entry, shown[entry.name]))} | `{entry.name}` |"
            else:
                yield f"| `{name}` | {' | '.join([OWN] * len(COLUMNS))} | `tests/{file_of(name) or 'table'}` |"


@functools.cache
def _written() -> dict[str, set[tuple[str, ...]]]:
    """What the page says of each entry: the cells of all rows that it is shown by."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        parts = [each.strip() for each in line.strip("|").split("|")]
        if line.startswith("| `") and len(parts) == len(COLUMNS) + 2:
            found.setdefault(parts[-1].strip("`"), set()).add(tuple(parts[1:-1]))
    return found


def contradictions(entry: Entry, compared: set[str]) -> list[str]:
    """Where the page says something else of an entry than was shown."""
    right = cells(entry, compared)
    return [
        f"docs/coverage.md says {said} of {COLUMNS}, shown is {right}: if that is as it should be, run {COMMAND}"
        for said in _written().get(entry.name, ())
        if said != right
    ]
