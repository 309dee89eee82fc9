"""Automatic differentiation: tensors, operations, the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lepton.autograd.engine import backward, grad
from lepton.autograd.function import Function
from lepton.autograd.state import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)
from lepton.autograd.tensor import Tensor

if TYPE_CHECKING:
    import lepton.autograd.functional as functional
    import lepton.autograd.graph as graph
    from lepton.autograd.drawing import draw
    from lepton.autograd.gradcheck import gradcheck, gradgradcheck

__all__ = [
    "Function",
    "Tensor",
    "backward",
    "detect_anomaly",
    "draw",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

_MODULES = ("functional", "graph")
_ON_FIRST_USE = {"draw": "drawing", "gradcheck": "gradcheck", "gradgradcheck": "gradcheck"}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _MODULES:
        return importlib.import_module(f"lepton.autograd.{name}")
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"lepton.autograd.{_ON_FIRST_USE[name]}")
    for known, home in _ON_FIRST_USE.items():  # the import set the submodule's own name; the function goes over it
        if home == _ON_FIRST_USE[name]:
            globals()[known] = getattr(module, known)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
