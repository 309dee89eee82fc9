"""Reparametrisations that recompute a weight before each ``forward``: how they are found on a module and taken off."""

from __future__ import annotations

from typing import Any, TypeVar

from lepton.nn.module import Module

__all__ = ["find_hook", "hooks_of", "take_hook"]

H = TypeVar("H")


def find_hook(module: Module, kind: type[H], name: str, known_as: str = "name") -> H | None:
    """The forward pre-hook of this kind whose attribute ``known_as``, the parameter that it is about, is ``name``."""
    return next((hook for hook in hooks_of(module, kind) if getattr(hook, known_as) == name), None)


def hooks_of(module: Module, kind: type[H]) -> list[H]:
    """All forward pre-hooks of a kind."""
    table = module._hooks
    return [] if table is None else [hook for hook, _ in table.forward_pre.values() if isinstance(hook, kind)]


def take_hook(module: Module, hook: Any) -> None:
    """Detach a hook, of whichever sort it is on this module."""
    table = module._hook_table()
    for held in (table.forward_pre, table.state_dict_post, table.load_pre):
        for key, entry in list(held.items()):
            if (entry[0] if isinstance(entry, tuple) else entry) == hook:
                del held[key]
