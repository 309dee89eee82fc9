"""Neural networks: modules, layers, losses, and how parameters begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lepton.nn import functional as functional
from lepton.nn import init as init
from lepton.nn.layers import *  # noqa: F403
from lepton.nn.module import *  # noqa: F403
from lepton.nn.module_containers import *  # noqa: F403
from lepton.nn.parameter import *  # noqa: F403

if TYPE_CHECKING:
    from lepton.nn import modules as modules
    from lepton.nn import utils as utils

if not TYPE_CHECKING:  # which would take a computed list for an empty one, and all names for private ones
    from lepton.nn import layers, module, module_containers, parameter

    _PARTS = (layers, module, module_containers, parameter)
    __all__ = ["functional", "init", *[name for part in _PARTS for name in part.__all__]]

_ON_FIRST_USE = ("modules", "utils")


def __getattr__(name: str) -> Any:
    """Subpackages that few programs need are imported when they are first named."""
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_FIRST_USE})
