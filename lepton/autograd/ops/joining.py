"""Ops that put tensors together: along an existing dimension (``cat``) or a new one (``stack``)."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.backend.devices import xp


class Stack(Op):
    """z = the inputs side by side along a new dimension          ∂L/∂xᵢ = slice i of g"""

    __slots__ = ("dim",)

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *inputs: Any) -> Any:
        return xp(inputs[0]).stack(inputs, axis=self.dim)

    def backward(self, g: Any) -> Any:
        before = (slice(None),) * self.dim
        return tuple([g[before + (i,)] if need else None for i, need in enumerate(self.needs)])
