"""Softmax and its logarithm along a dimension, each one op with one fused gradient."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_tensor
from lepton.autograd.ops.exponential import Exp
from lepton.autograd.ops.reduction import in_type
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.errors import UnsupportedDTypeError
from lepton.kernels import loss as kernels

__all__ = ["log_softmax", "softmax"]


class Along(Op):
    """The base of ops that normalise along the dimension ``dim``."""

    __slots__ = ("dim",)

    def __init__(self, dim: int) -> None:
        self.dim = dim


class Softmax(Along):
    """z = eˣ / Σ eˣ          ∂L/∂x = z·(g − Σ g·z)"""

    __slots__ = ()
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return kernels.softmax(x, self.dim)

    def backward(self, g: Any, out: Any) -> Any:
        return SoftmaxBackward.on(g, out, dim=self.dim)


class SoftmaxBackward(Along):
    """z = p·(g − Σ g·p)          ∂L/∂g = p·(h − Σ h·p),  ∂L/∂p = h·(g − Σ g·p) − g·Σ h·p"""

    __slots__ = ()
    saves = {"g": "p", "p": ("g", "p")}

    def forward(self, g: Any, p: Any) -> Any:
        return kernels.softmax_backward(g, p, self.dim)

    def backward(self, h: Any, g: Any, p: Any) -> Any:
        dg = SoftmaxBackward.on(h, p, dim=self.dim) if self.needs[0] else None
        if not self.needs[1]:
            return dg, None
        mean_g = (g * p).sum(axis=self.dim, keepdims=True)
        mean_h = (h * p).sum(axis=self.dim, keepdims=True)
        return dg, h * (g - mean_g) - g * mean_h


class LogSoftmax(Along):
    """z = x − log Σ eˣ          ∂L/∂x = g − e^z·Σ g"""

    __slots__ = ()
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return kernels.log_softmax(x, self.dim)

    def backward(self, g: Any, out: Any) -> Any:
        return LogSoftmaxBackward.on(g, out, dim=self.dim)


class LogSoftmaxBackward(Along):
    """z = g − eˡ·Σ g          ∂L/∂g = h − Σ h·eˡ,  ∂L/∂l = −h·eˡ·Σ g"""

    __slots__ = ()
    saves = {"g": "log_p", "log_p": ("g", "log_p")}

    def forward(self, g: Any, log_p: Any) -> Any:
        return kernels.log_softmax_backward(g, log_p, self.dim)

    def backward(self, h: Any, g: Any, log_p: Any) -> Any:
        weighted = h * Exp.on(log_p)
        return (
            h - weighted.sum(axis=self.dim, keepdims=True) if self.needs[0] else None,
            -weighted * g.sum(axis=self.dim, keepdims=True) if self.needs[1] else None,
        )


def _normalise(op: type[Along], input: Tensor, dim: int, dtype: Any, name: str) -> Tensor:
    x = check_tensor(input, name) if dtype is None else in_type(input, dtype)
    place = normalize_dim(dim, x._data.ndim)
    if not x.dtype.is_floating_point:
        raise UnsupportedDTypeError(
            f"\"{name}_lastdim_kernel_impl\" not implemented for '{SCALAR_NAMES[x.dtype]}': {name}() takes floating "
            f"types; pass dtype=lepton.float32, or convert the input with .float()"
        )
    if x._data.ndim:
        return op(place)(x)
    return op(0)(x.reshape(1)).reshape(())


@public()
def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """pᵢ = e^(xᵢ) / Σⱼ e^(xⱼ) along ``dim``: positive numbers that sum to 1. Stable for scores of any size.

    Args:
        input: floating, of any shape, which is the result's.
        dim: the dimension whose elements sum to 1.
        dtype: convert the input to this type first.

    Raises:
        IndexRangeError: there is no such dimension. UnsupportedDTypeError: the type is not floating.
    """
    return _normalise(Softmax, input, dim, dtype, "softmax")


@public()
def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """lᵢ = xᵢ − log Σⱼ e^(xⱼ) along ``dim``: the logarithm of softmax, accurate where softmax would round to 0 or 1.

    Args:
        input: floating, of any shape, which is the result's.
        dim: the dimension over which is summed.
        dtype: convert the input to this type first.

    Raises:
        IndexRangeError: there is no such dimension. UnsupportedDTypeError: the type is not floating.
    """
    return _normalise(LogSoftmax, input, dim, dtype, "log_softmax")
