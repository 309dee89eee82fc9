"""Dropout as one op: its gradient passes through the same mask."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.kernels import dropout as kernels

__all__: list[str] = []


class Dropout(Op):
    """z = s·x where m, else 0          ∂L/∂x = s·g where m, else 0"""

    __slots__ = ("mask", "scale")
    saves = ("mask",)

    def __init__(self, mask: Any, scale: float) -> None:
        self.mask, self.scale = mask, scale

    def forward(self, x: Any) -> Any:
        return kernels.dropout(x, self.mask, self.scale)

    def backward(self, g: Any, mask: Any) -> Any:
        return Dropout.on(g, mask=mask, scale=self.scale)
