"""Patches of an image as columns, and columns added back to an image."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.kernels import convolution as kernels
from lepton.kernels.convolution import Windows


class Unfold(Op):
    """z[n,(c,k),p] = x[n,c,p·s+k·d−a]          ∂L/∂x = g folded"""

    __slots__ = ("windows",)

    def __init__(self, windows: Windows) -> None:
        self.windows = windows

    def forward(self, x: Any) -> Any:
        return kernels.unfold(x, self.windows)

    def backward(self, g: Any) -> Any:
        return Fold.on(g, windows=self.windows)


class Fold(Op):
    """z[n,c,q] = Σ x[n,(c,k),p] over p·s+k·d−a = q          ∂L/∂x = g unfolded"""

    __slots__ = ("windows",)

    def __init__(self, windows: Windows) -> None:
        self.windows = windows

    def forward(self, x: Any) -> Any:
        return kernels.fold(x, self.windows)

    def backward(self, g: Any) -> Any:
        return Unfold.on(g, windows=self.windows)
