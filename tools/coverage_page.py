"""Write docs/coverage.md anew: compare every entry of the table with PyTorch, and note what was shown.

    .venv/bin/python tools/coverage_page.py

Needs PyTorch 2.13 (``make test-oracle`` puts it there).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("ATEN_CPU_CAPABILITY", "default")

from tests.oracle import _coverage as coverage  # noqa: E402
from tests.oracle._compare import differences  # noqa: E402
from tests.table import Entry, entries  # noqa: E402


def shown(entry: Entry) -> set[str]:
    """The aspects of an entry of which there was something to compare."""
    compared: set[str] = set()
    for call in (*entry.cases, *entry.values, *[call for call, _ in entry.errors]):
        for _ in differences(entry, call, compared=compared):
            pass  # whether they are deviations is for the tests to say
    return compared


def main() -> None:
    """Compare all entries, and write the page."""
    found = {each.name: shown(each) for each in entries() if each.oracle is not None}
    coverage.PAGE.write_text("\n".join(coverage.rows(found)) + "\n", encoding="utf-8")
    print(f"{coverage.PAGE.relative_to(ROOT)} written")


if __name__ == "__main__":
    main()
