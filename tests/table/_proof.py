"""Who speaks for a public name: an entry of the table, or a test file of its own."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

import lepton
from lepton.autograd.registry import TABLE
from tests.table import Entry, entries
from tests.table._elsewhere import ELSEWHERE

SURFACE = Path(__file__).parents[1] / "surface.toml"


def find(path: str, root: Any = lepton) -> Any:
    """The object at a dotted path; a bare name may be a function of the package or a method of Tensor.

    Raises:
        AttributeError: there is none.
    """
    if "." not in path and not hasattr(root, path):
        return getattr(root.Tensor, path)
    found = root
    for name in path.split("."):
        found = getattr(found, name)
    return found


def surface() -> dict[str, list[str]]:
    """The names that PyTorch has and Lepton is to have, by family."""
    families = tomllib.loads(SURFACE.read_text(encoding="utf-8"))
    return {family: table["names"].split() for family, table in families.items()}


@functools.cache
def _by_name() -> dict[str, Entry]:
    return {name: each for each in entries() for name in (each.name, *each.covers)}


@functools.cache
def _by_identity() -> dict[int, Entry]:
    return {id(find(name)): entry for name, entry in _by_name().items() if not name.startswith("Tensor.")}


@functools.cache
def _files() -> dict[str, str]:
    return {name: file for file, names in ELSEWHERE.items() for name in names}


def entry_of(name: str) -> Entry | None:
    """The entry that speaks for a name: its own, that of the same function, or that of the op it is a method of."""
    own = _by_name().get(name) or _by_identity().get(id(find(name)))
    if own is not None or "." in name.removeprefix("Tensor."):
        return own
    method = name.removeprefix("Tensor.")
    if method == name:
        return entry_of(f"Tensor.{name}") if hasattr(lepton.Tensor, name) else None
    base = TABLE.get(method.removesuffix("_")) if method.endswith("_") else None
    return _by_identity().get(id(base.function)) if base is not None and base.inplace else None


def file_of(name: str) -> str | None:
    """The test file that tells of a name without an entry."""
    return _files().get(name) or _files().get(f"Tensor.{name}")
