"""Functions that users attach to tensors, and the handles that detach them again."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

_identities = itertools.count()


class RemovableHandle:
    """Detaches one hook: ``handle.remove()``, or at the end of a ``with`` block."""

    __slots__ = ("_hooks", "id")

    def __init__(self, hooks: dict[int, Any], hook: Any, prepend: bool = False) -> None:
        self.id = next(_identities)
        self._hooks: dict[int, Any] | None = hooks
        if prepend:
            later = dict(hooks)
            hooks.clear()
            hooks[self.id] = hook
            hooks.update(later)
        else:
            hooks[self.id] = hook

    def remove(self) -> None:
        """Detach the hook; a second call does nothing."""
        if self._hooks is not None:
            self._hooks.pop(self.id, None)
            self._hooks = None

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


class LeafHooks:
    """What is attached to a leaf: hooks that may change its gradient, and hooks told when ``.grad`` is final."""

    __slots__ = ("gradient", "accumulated")

    def __init__(self) -> None:
        self.gradient: dict[int, Callable[[Any], Any]] = {}
        self.accumulated: dict[int, Callable[[Any], None]] = {}


class Watch:
    """What is attached to the outputs of a recorded op, by output index: hooks, and tensors that retain gradients."""

    __slots__ = ("gradient", "retained")

    def __init__(self) -> None:
        self.gradient: dict[int, dict[int, Callable[[Any], Any]]] = {}
        self.retained: dict[int, weakref.ref[Any]] = {}
