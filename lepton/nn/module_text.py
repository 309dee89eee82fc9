"""What a Module says of itself: how it prints, and in which layer an error arose."""

from __future__ import annotations

from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import LeptonError

__all__ = ["in_parentheses", "indented", "name_layer", "type_name"]


def in_parentheses(name: str, own: list[str], children: list[str]) -> str:
    """``name(...)`` on one line when there is one line about the module itself, else each line indented."""
    if not children and len(own) <= 1:
        return f"{name}({''.join(own)})"
    return "\n  ".join([f"{name}(", *own, *children]) + "\n)"


def indented(text: str) -> str:
    """The text with every line but the first two columns further in."""
    return text.replace("\n", "\n  ")


def type_name(value: Any) -> str:
    """How error messages call the type of ``value``: ``int``, ``lepton.Tensor``, ``package.Class``."""
    kind = type(value)
    if isinstance(value, Tensor) and kind.__module__.startswith("lepton."):
        return f"lepton.{kind.__name__}"
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class _Whereabouts:
    """How far an error has come: the message that it began with, the innermost layer, and the path to it so far."""

    __slots__ = ("message", "layer", "module", "path")

    def __init__(self, message: str, module: Any) -> None:
        self.message = message
        self.layer = f"{module._get_name()}({module.extra_repr()})"
        self.module = module
        self.path = ""


def name_layer(error: LeptonError, module: Any) -> None:
    """Say in an error's message in which layer of ``module`` it arose; each enclosing module completes the path."""
    where: _Whereabouts | None = error.__dict__.get("_whereabouts")
    if where is None:
        where = _Whereabouts(str(error), module)
        error.__dict__["_whereabouts"] = where
    elif where.module is not module:
        name = next((name for name, each in module.named_modules() if each is where.module), None)
        if name is None:
            return
        where.path = f"{name}.{where.path}" if where.path else name
        where.module = module
    place = f"{module._get_name()}.{where.path}: {where.layer}" if where.path else where.layer
    error.args = (f"{where.message} [in {place}]", *error.args[1:])
