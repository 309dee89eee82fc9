"""The table of ops: one entry for every public op, from which the generic tests are made.

Each family has a module here with a list ``ENTRIES``; adding an op means adding its entry::

    ENTRIES = [
        unary("exp"),
        unary("log", positive),
        unary("clamp", real, kwargs={"min": -1.0}),
        binary("mul"),
        binary("div", real, nonzero),
        reduction("sum"),
        reduction("amax", distinct, min_side=1),
        entry("tril", Call(fixed(shape=(3, 3))), Call(fixed(shape=(2, 3, 4)), -1), draw=...),
        entry("nn.Linear", Call(3, 2).on(fixed(shape=(4, 3)))),
        entry("Tensor.fill_diagonal_", Call(fixed(shape=(3, 3)), 1.5)),
    ]

What is made of it: gradient checks of both orders on ``cases`` and on drawn calls, comparison with PyTorch of values,
dtypes, gradients and errors, the same results on the strict stand-in for a GPU, methods and in-place twins (the ones
that the registry of public ops knows), and the check that no public name is without an entry.
See :class:`Entry` for all claims, :class:`Call` for arguments.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from tests.table._families import SPECIAL, binary, fixed, reduction, several_layouts, typed, unary
from tests.table._format import Attr, Call, Const, Entry, Make, entry
from tests.table._strategies import (
    DTYPES,
    FLOATS,
    INTEGERS,
    LAYOUTS,
    Array,
    Domain,
    Draw,
    above_one,
    arrays,
    away_from,
    between,
    broadcast_shapes,
    broadcastable,
    dim_of,
    dims_of,
    distinct,
    lay_out,
    nonzero,
    off_integers,
    positive,
    probability,
    real,
    seeds,
    shapes,
    small,
    truth,
    unit,
    values_in,
    whole,
)


@functools.cache
def entries() -> tuple[Entry, ...]:
    """All entries of all families, in the order of their names.

    Raises:
        ValueError: an op has two entries.
    """
    found: dict[str, Entry] = {}
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        if module.name.rpartition(".")[2].startswith("_"):
            continue
        for each in importlib.import_module(module.name).ENTRIES:
            if each.name in found:
                raise ValueError(f"{each.name!r} has two entries, the second in {module.name}")
            found[each.name] = each
    return tuple(found[name] for name in sorted(found))


__all__ = [
    "DTYPES", "FLOATS", "INTEGERS", "LAYOUTS", "SPECIAL", "Array", "Attr", "Call", "Const", "Domain", "Draw", "Entry",
    "Make", "above_one", "arrays", "away_from", "between", "binary", "broadcast_shapes", "broadcastable", "dim_of",
    "dims_of", "distinct", "entries", "entry", "fixed", "lay_out", "nonzero", "off_integers", "positive",
    "probability", "real", "reduction", "seeds", "several_layouts", "shapes", "small", "truth", "typed", "unary",
    "unit", "values_in", "whole",
]  # fmt: skip
