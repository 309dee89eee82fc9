"""Automatic differentiation: tensors, operations, the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lepton.autograd.engine import backward, grad
from lepton.autograd.function import Function
from lepton.autograd.gradcheck import gradcheck, gradgradcheck
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


def __getattr__(name: str) -> Any:
    import importlib

    if name in _MODULES:
        return importlib.import_module(f"lepton.autograd.{name}")
    if name == "draw":
        return importlib.import_module("lepton.autograd.drawing").draw
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
