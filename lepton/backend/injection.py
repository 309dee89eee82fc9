"""What upper rooms provide and lower rooms call, without an import upwards.

A lower room asks :func:`injected` for a function by its name and does without where there is none; an upper room
provides it with :func:`inject` for as long as it holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lepton.errors import ArgumentError

MESH_SUM = "mesh_sum"
"""``(array, group) → array``: the sum of each element over the ranks of a group of the mesh, a new array, the same on
all of them. ``group`` is whatever the caller was given, None for all ranks. A collective call: every rank makes it."""

NAMES = (MESH_SUM,)

_injected: dict[str, Callable[..., Any]] = {}


def inject(name: str, function: Callable[..., Any] | None) -> None:
    """Provide a function under one of ``NAMES``, in place of what stood there; None takes it away.

    Raises:
        ArgumentError: nobody calls that name.
    """
    if name not in NAMES:
        raise ArgumentError(f"nothing is called by the name {name!r}; what can be injected: {', '.join(NAMES)}")
    if function is None:
        _injected.pop(name, None)
    else:
        _injected[name] = function


def injected(name: str) -> Callable[..., Any] | None:
    """The function that is provided under a name; None where there is none."""
    return _injected.get(name)
