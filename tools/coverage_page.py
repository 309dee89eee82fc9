"""Write docs/coverage.md anew: compare every entry of the table with PyTorch, and note what was shown.

    .venv/bin/python tools/coverage_page.py

Needs PyTorch 2.13 (``make test-oracle`` puts it there).
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("ATEN_CPU_CAPABILITY", "default")

from tests.table import Entry, entries  # noqa: E402


def shown(entry: Entry) -> set[str]:
    """The aspects of an entry of which there was something to compare."""
    from tests.oracle._compare import differences
    from tests.oracle._misuse import is_refused

    compared: set[str] = {"error"} if is_refused(entry) else set()
    for call in (*entry.cases, *entry.values, *[call for call, _ in entry.errors]):
        for _ in differences(entry, call, compared=compared):
            pass  # whether they are deviations is for the tests to say
    return compared


def main() -> None:
    """Compare all entries, and write the page."""
    parser = argparse.ArgumentParser(description="Write docs/coverage.md anew.")
    parser.add_argument("--smoke", action="store_true", help="compare a few entries and write nothing")
    options = parser.parse_args()
    if find_spec("torch") is None:
        sys.exit("the comparison needs PyTorch: make test-oracle puts it into .venv")
    from tests.oracle import _coverage as coverage

    compared = [each for each in entries() if each.oracle is not None]
    found = {each.name: shown(each) for each in (compared[:3] if options.smoke else compared)}
    if options.smoke:
        return
    coverage.PAGE.write_text("\n".join(coverage.rows(found)) + "\n", encoding="utf-8")
    print(f"{coverage.PAGE.relative_to(ROOT)} written")


if __name__ == "__main__":
    main()
