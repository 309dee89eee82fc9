"""Which implementation of a kernel runs: the reference, unless there is a better one for the array's library.

A kernel is a plain function on arrays. Decorated with :func:`kernel` it becomes a dispatcher: the type of its first
array argument picks the override that was registered for that type, and without one the function itself runs. Kernels
take their arguments by position.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

REFERENCE: dict[str, Callable[..., Any]] = {}
_overrides: dict[str, dict[type, Callable[..., Any]]] = {}


def kernel(function: F) -> F:
    """Enter ``function`` as the reference of the kernel that has its name; the first argument is an array."""
    name = function.__name__
    if name in REFERENCE:
        raise ValueError(f"there are two kernels named {name!r}")
    REFERENCE[name] = function
    mine = _overrides.setdefault(name, {})

    @functools.wraps(function)
    def dispatch(*arguments: Any) -> Any:  # none by name, which would take half as long again
        return mine.get(type(arguments[0]), function)(*arguments)

    return cast(F, dispatch)


def override(array_type: type, name: str, function: Callable[..., Any] | None) -> None:
    """Let ``function`` run instead of the reference for arrays of this type; None goes back to the reference.

    Raises:
        ValueError: no kernel has that name.
    """
    if name not in REFERENCE:
        raise ValueError(f"there is no kernel named {name!r} to override; there are: {', '.join(sorted(REFERENCE))}")
    if function is None:
        _overrides[name].pop(array_type, None)
    else:
        _overrides[name][array_type] = function
