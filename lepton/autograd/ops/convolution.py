"""Convolution, its two adjoints, and the derivatives that connect them."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.autograd.ops.reduction import Sum
from lepton.kernels import convolution as kernels
from lepton.kernels.convolution import Windows


class Windowed(Op):
    """The base of the three ops, which share the windows of one convolution.

    The form Σ y[n,o,p] · w[o,c,k] · x[n,c,p·stride + k·dilation − before] is linear in y, w and x. Leaving one of them
    out gives one of the ops; so the derivatives of each are the other two.
    """

    __slots__ = ("windows",)

    def __init__(self, windows: Windows) -> None:
        self.windows = windows


def over_channels(g: Any) -> Any:
    """g summed over all dimensions but the channels: the gradient of a bias."""
    return Sum.on(g, axes=(0, *range(2, g.ndim)), keepdim=False)


class Convolution(Windowed):
    """z[n,o,p] = b[o] + Σ w[o,c,k]·x[n,c,p·s+k·d−a]          ∂L/∂x, ∂L/∂w = the two adjoints at g,  ∂L/∂b = Σ g"""

    __slots__ = ()
    saves = {"x": "weight", "weight": "x"}

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        return kernels.convolution(x, weight, bias, self.windows)

    def backward(self, g: Any, x: Any, weight: Any) -> Any:
        return (
            ConvolutionInputGradient.on(g, weight, None, windows=self.windows) if self.needs[0] else None,
            ConvolutionWeightGradient.on(g, x, windows=self.windows) if self.needs[1] else None,
            over_channels(g) if self.needs[2] else None,
        )


class ConvolutionInputGradient(Windowed):
    """z[n,c,q] = b[c] + Σ y[n,o,p]·w[o,c,k] over p·s+k·d−a = q          ∂L/∂y = g ⋆ w,  ∂L/∂w = Σ y·g,  ∂L/∂b = Σ g"""

    __slots__ = ()
    saves = {"y": "weight", "weight": "y"}

    def forward(self, y: Any, weight: Any, bias: Any) -> Any:
        return kernels.convolution_input_gradient(y, weight, bias, self.windows)

    def backward(self, g: Any, y: Any, weight: Any) -> Any:
        return (
            Convolution.on(g, weight, None, windows=self.windows) if self.needs[0] else None,
            ConvolutionWeightGradient.on(y, g, windows=self.windows) if self.needs[1] else None,
            over_channels(g) if self.needs[2] else None,
        )


class ConvolutionWeightGradient(Windowed):
    """z[o,c,k] = Σ y[n,o,p]·x[n,c,p·s+k·d−a]          ∂L/∂y = x ⋆ g,  ∂L/∂x = the adjoint of ⋆ g at y"""

    __slots__ = ()
    saves = {"y": "x", "x": "y"}

    def forward(self, y: Any, x: Any) -> Any:
        return kernels.convolution_weight_gradient(y, x, self.windows)

    def backward(self, g: Any, y: Any, x: Any) -> Any:
        return (
            Convolution.on(x, g, None, windows=self.windows) if self.needs[0] else None,
            ConvolutionInputGradient.on(y, g, None, windows=self.windows) if self.needs[1] else None,
        )
