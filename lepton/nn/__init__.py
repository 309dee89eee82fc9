"""Neural networks: modules, layers, losses, and how parameters begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lepton.nn import functional, init, layers
from lepton.nn.layers import *  # noqa: F403
from lepton.nn.module import Module
from lepton.nn.module_containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from lepton.nn.parameter import Buffer, Parameter

if TYPE_CHECKING:
    from lepton.nn import modules as modules
    from lepton.nn import utils as utils

__all__ = [
    "Buffer",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "functional",
    "init",
    *layers.__all__,
]

_ON_FIRST_USE = ("modules", "utils")


def __getattr__(name: str) -> Any:
    """Subpackages that few programs need are imported when they are first named."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ON_FIRST_USE})
