"""How exact the functions are, against mpmath, and that docs/accuracy.md tells it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

MEASURING = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "accuracy.py"))
SUBJECTS, DTYPES = MEASURING["SUBJECTS"], MEASURING["DTYPES"]
FEW, WIDE = 120, 100
ROOM = 0.5  # ULP by which other processors may differ from those of the page


def stated() -> dict[str, list[tuple[float, float]]]:
    """What the page says: by function, the largest error and the limit for each type."""
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \|", MEASURING["PAGE"].read_text(encoding="utf-8"), re.MULTILINE)
    return {
        name: [(float(found), float(limit)) for found, limit in re.findall(r"(\S+) \((\S+)\)", f"{single} {double}")]
        for name, single, double in rows
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda each: each.name)
def test_errors_are_below_the_limit_and_as_the_page_says(subject: Any, dtype: str) -> None:
    error, where = MEASURING["measure"](subject, dtype, FEW, WIDE)
    told, limit = stated()[subject.name][DTYPES.index(dtype)]
    assert error <= limit, f"{subject.name} is {error:.2f} ULP off at {where}"
    assert error <= told + ROOM, f"{error:.2f} ULP at {where}: run benchmarks/accuracy.py anew"


def test_the_page_is_of_these_functions_and_limits() -> None:
    told = stated()
    assert list(told) == [each.name for each in SUBJECTS]
    for each in SUBJECTS:
        assert tuple(limit for _, limit in told[each.name]) == each.limits
        assert all(found <= limit for found, limit in told[each.name])
