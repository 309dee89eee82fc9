"""The activations: nonlinear functions between the layers of a network."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Elementwise
from lepton.autograd.ops.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import DTypeError
from lepton.kernels import elementwise as kernels

__all__ = ["relu", "sigmoid", "tanh"]


class Relu(Elementwise):
    """z = max(x, 0)          ∂L/∂x = g where x > 0, else 0"""

    __slots__ = ()
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return kernels.relu(x)

    def backward(self, g: Any, out: Any) -> Any:
        return ReluBackward.on(g, out)


class ReluBackward(Elementwise):
    """z = g where o > 0, else 0          ∂L/∂g = h where o > 0, else 0;  ∂L/∂o = 0"""

    __slots__ = ()
    saves = ("out",)

    def forward(self, g: Any, out: Any) -> Any:
        return kernels.relu_backward(g, out)

    def backward(self, h: Any, out: Any) -> Any:
        return (ReluBackward.on(h, out) if self.needs[0] else None, None)


class Sigmoid(Elementwise):
    """z = σ(x) = 1 / (1 + e⁻ˣ)          ∂L/∂x = g·z·(1 − z)"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return kernels.sigmoid(x)

    def backward(self, g: Any, out: Any) -> Any:
        return SigmoidBackward.on(g, out)


class SigmoidBackward(Elementwise):
    """z = g·o·(1 − o)          ∂L/∂g = h·o·(1 − o),  ∂L/∂o = h·g·(1 − 2·o)"""

    __slots__ = ()
    saves = {"g": "out", "out": ("g", "out")}

    def forward(self, g: Any, out: Any) -> Any:
        return kernels.sigmoid_backward(g, out)

    def backward(self, h: Any, g: Any, out: Any) -> Any:
        return (
            SigmoidBackward.on(h, out) if self.needs[0] else None,
            h * g * (1 - out * 2) if self.needs[1] else None,
        )


class Tanh(Elementwise):
    """z = tanh x          ∂L/∂x = g·(1 − z²)"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return xp(x).tanh(x)

    def backward(self, g: Any, out: Any) -> Any:
        return TanhBackward.on(g, out)


class TanhBackward(Elementwise):
    """z = g·(1 − o²)          ∂L/∂g = h·(1 − o²),  ∂L/∂o = −2·h·g·o"""

    __slots__ = ()
    saves = {"g": "out", "out": ("g", "out")}

    def forward(self, g: Any, out: Any) -> Any:
        return kernels.tanh_backward(g, out)

    def backward(self, h: Any, g: Any, out: Any) -> Any:
        return (
            TanhBackward.on(h, out) if self.needs[0] else None,
            h * g * (out * -2) if self.needs[1] else None,
        )


@public(inplace=True)
def relu(input: Tensor) -> Tensor:
    """max(x, 0), element by element, of the same type; nan stays nan, and the derivative at 0 is 0.

    Raises:
        DTypeError: ``input`` is bool.
    """
    if input._data.dtype.kind == "b":
        raise DTypeError("Boolean inputs not supported for relu")
    return Relu()(input)


@public(inplace=True)
def sigmoid(input: Tensor) -> Tensor:
    """σ(x) = 1 / (1 + e⁻ˣ), element by element, without overflow; integers give the default floating type."""
    return Sigmoid()(input)


@public(inplace=True)
def tanh(input: Tensor) -> Tensor:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), element by element; integers give the default floating type."""
    return Tanh()(input)
