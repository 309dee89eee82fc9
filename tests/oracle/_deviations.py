"""The deliberate differences from PyTorch, read from ``docs/deviations.md``."""

from __future__ import annotations

import fnmatch
import functools
import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "deviations.md"
ASPECTS = ("error", "shape", "dtype", "value", "gradient", "second order")


class Deviation(NamedTuple):
    """One row: which entry, which cases of it (a pattern of tags), in which aspect, and why."""

    name: str
    tags: str
    aspect: str
    difference: str
    reason: str

    def covers(self, tag: str, aspect: str) -> bool:
        """Whether a difference of this aspect in a case of this tag is the one meant."""
        return self.aspect == aspect and fnmatch.fnmatchcase(tag, self.tags)


@functools.cache
def deviations() -> dict[str, list[Deviation]]:
    """All rows of the page's tables, by the entry's name.

    Raises:
        ValueError: a row has a reason missing, or an aspect that does not exist.
    """
    found: dict[str, list[Deviation]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        match = re.fullmatch(r"`([\w.]+)(?:\[(.*)\])?`", cells[0])
        if not line.startswith("|") or match is None:
            continue
        if len(cells) != 4 or not all(cells) or cells[1] not in ASPECTS:
            raise ValueError(f"{PAGE.name}: a row needs name, aspect (one of {ASPECTS}), difference and reason: {line}")
        name, tags = match.groups()
        found.setdefault(name, []).append(Deviation(name, tags or "*", *cells[1:]))
    return found
