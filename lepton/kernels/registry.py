"""Which implementation of a kernel runs: the reference, unless there is a better one for the array's library.

A kernel is a plain function on arrays. Decorated with :func:`kernel` it becomes a dispatcher: the type of its first
array argument picks the override that was registered for that type, and without one the function itself runs. Kernels
take their arguments by position.

For NumPy's arrays the better ones are in ``lepton.kernels.compiled``. A kernel that has one there says from how many
elements of its first argument it may pay. The module is imported when the first such array comes, if Numba is
installed; a compiled kernel answers ``NotImplemented`` for what it does not take (other types, small shapes), and the
reference runs. So the choice is a function of shapes and types alone. In the environment ``LEPTON_KERNELS=reference``
turns all of them off, and ``LEPTON_KERNELS=compiled`` on, whatever the size.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from lepton.errors import ArgumentError, MissingExtraError

F = TypeVar("F", bound=Callable[..., Any])

COMPILED = "lepton.kernels.compiled"
NEEDED = ("numba", "scipy_openblas32", "threadpoolctl")  # what the extra ``fast`` brings
ENGINES = ("auto", "reference", "compiled")
REFERENCE: dict[str, Callable[..., Any]] = {}
_better: dict[str, list[Callable[..., Any] | None]] = {}  # compiled kernels: none yet, the kernel, or [None] for no
_overrides: dict[str, dict[type, Callable[..., Any]]] = {}


def engine() -> str:
    """What ``LEPTON_KERNELS`` asks for, ``"auto"`` unless it says otherwise.

    Raises:
        ArgumentError: it asks for something else.
    """
    asked = os.environ.get("LEPTON_KERNELS", "auto")
    if asked not in ENGINES:
        raise ArgumentError(f"LEPTON_KERNELS={asked!r} in the environment: it must be one of {', '.join(ENGINES)}")
    return asked


@functools.cache
def can_compile() -> bool:
    """Whether compiled kernels are wanted and what they need (the extra ``fast``) is installed.

    Raises:
        MissingExtraError: they are asked for and it is not.
    """
    wanted = engine()
    if wanted == "reference":
        return False
    missing = [each for each in NEEDED if importlib.util.find_spec(each) is None]
    if missing and wanted == "compiled":
        raise MissingExtraError(
            f"LEPTON_KERNELS=compiled in the environment, but {' and '.join(missing)} is not installed: "
            "pip install 'lepton[fast]'"
        )
    return not missing


def pays(size: int, smallest: int) -> bool:
    """Whether a compiled kernel is worth it: from ``smallest`` on, or always where they are asked for."""
    return size >= smallest or (size > 0 and engine() == "compiled")


def compiled_kernel(module: str, name: str) -> Callable[..., Any] | None:
    """The compiled kernel of that name, or None where there is none to be had."""
    return getattr(importlib.import_module(f"{COMPILED}.{module}"), name) if can_compile() else None


def use_reference() -> None:
    """Let all kernels run their reference from now on."""
    for each in _better.values():
        each[:] = [None]


def kernel(function: F) -> F:
    """Enter ``function`` as the reference of the kernel that has its name; the first argument is an array."""
    mine = _enter(function)

    @functools.wraps(function)
    def dispatch(*arguments: Any) -> Any:  # none by name, which would take half as long again
        return mine.get(type(arguments[0]), function)(*arguments)

    return cast(F, dispatch)


def fast_kernel(module: str, smallest: int) -> Callable[[F], F]:
    """:func:`kernel`, for one that ``lepton.kernels.compiled.<module>`` has too.

    Args:
        module: where the compiled one is, under the same name.
        smallest: how many elements the first argument must have for that one to be asked.
    """
    if engine() == "compiled":
        smallest = 1

    def enter(function: F) -> F:
        mine = _enter(function)
        better = _better.setdefault(function.__name__, [])

        @functools.wraps(function)
        def dispatch(*arguments: Any) -> Any:
            first = arguments[0]
            if type(first) is not np.ndarray or np.ndarray in mine:
                return mine.get(type(first), function)(*arguments)
            if first.size < smallest:
                return function(*arguments)
            if not better:
                better.append(compiled_kernel(module, function.__name__))
            if better[0] is None:
                return function(*arguments)
            found = better[0](*arguments)
            return function(*arguments) if found is NotImplemented else found

        return cast(F, dispatch)

    return enter


def compiled_beside(module: str, name: str) -> Callable[[], Callable[..., Any] | None]:
    """For a kernel on many arrays at once: a function that gives the compiled one, None while the reference is to run.

    Args:
        module, name: where in ``lepton.kernels.compiled`` it is.
    """
    better = _better.setdefault(name, [])

    def find() -> Callable[..., Any] | None:
        if not better:
            better.append(compiled_kernel(module, name))
        return better[0]

    return find


def is_overridden(array_type: type, name: str) -> bool:
    """Whether arrays of this type have a kernel of that name of their own."""
    return array_type in _overrides[name]


def _enter(function: Callable[..., Any]) -> dict[type, Callable[..., Any]]:
    name = function.__name__
    if name in REFERENCE:
        raise ValueError(f"there are two kernels named {name!r}")
    REFERENCE[name] = function
    return _overrides.setdefault(name, {})


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
