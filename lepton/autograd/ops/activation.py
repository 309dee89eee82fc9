"""The activations: nonlinear functions between the layers of a network."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Elementwise
from lepton.autograd.ops._elementwise import FLOATING_ONLY, Choosy, type_of
from lepton.autograd.ops.arguments import check_floating, check_tensor
from lepton.autograd.ops.comparison import Where, where
from lepton.autograd.ops.exponential import Exp, Sigmoid
from lepton.autograd.ops.extrema import Clamp, ClampMax
from lepton.autograd.registry import public
from lepton.autograd.scalars import fit_number
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import ArgumentError, DTypeError, ShapeError, UnsupportedDTypeError
from lepton.kernels import elementwise as kernels

__all__ = ["hardshrink", "prelu", "relu", "tanh"]


class Relu(Elementwise):
    """z = max(x, 0)          ∂L/∂x = g where x > 0, else 0"""

    __slots__ = ()
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        if x.dtype.kind == "b":
            raise DTypeError("Boolean inputs not supported for relu")
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


class Tanh(Elementwise):
    """z = tanh x          ∂L/∂x = g·(1 − z²)"""

    __slots__ = ()
    integers = "float"
    saves = ("out",)

    def forward(self, x: Any) -> Any:
        return kernels.tanh(x)

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
    return Relu()(input)


@public(inplace=True)
def tanh(input: Tensor) -> Tensor:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), element by element; integers give the default floating type."""
    return Tanh()(input)


# ---------------------------------------------------------------------- piecewise linear


class LeakyRelu(Choosy):
    """z = max(x, a·x), 0 ≤ a ≤ 1          ∂L/∂x = g where x > 0, else a·g"""

    __slots__ = ("slope",)
    refuses = FLOATING_ONLY
    kernel_name = "leaky_relu_cpu"
    saves = ("out",)

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def forward(self, x: Any) -> Any:
        return kernels.leaky_relu(x, self.slope)

    def backward(self, g: Any, out: Any) -> Any:
        return LeakyReluBackward.on(g, out, slope=self.slope)


class LeakyReluBackward(Elementwise):
    """z = g where o > 0, else a·g          ∂L/∂g = h where o > 0, else a·h;  ∂L/∂o = 0"""

    __slots__ = ("slope",)
    saves = ("out",)

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def forward(self, g: Any, out: Any) -> Any:
        return kernels.leaky_relu_backward(g, out, self.slope)

    def backward(self, h: Any, out: Any) -> Any:
        return (LeakyReluBackward.on(h, out, slope=self.slope) if self.needs[0] else None, None)


class SteepRelu(Choosy):
    """z = x where x > 0, else a·x, for any a          ∂L/∂x = g where x > 0, else a·g"""

    __slots__ = ("slope",)
    refuses = FLOATING_ONLY
    kernel_name = "leaky_relu_cpu"
    saves = ("x",)

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def forward(self, x: Any) -> Any:
        return xp(x).where(x > 0, x, x * self.slope)

    def backward(self, g: Any, x: Any) -> Any:
        return Where.on(x > 0, g, g * self.slope)


class Threshold(Elementwise):
    """z = x where x > t, else v          ∂L/∂x = g where x > t, else 0"""

    __slots__ = ("threshold", "value")
    saves = ("x",)

    def __init__(self, threshold: float, value: float) -> None:
        self.threshold, self.value = threshold, value

    def forward(self, x: Any) -> Any:
        return xp(x).where(x <= self.threshold, fit_number(self.value, type_of(x)), x)

    def backward(self, g: Any, x: Any) -> Any:
        return Where.on(~(x <= self.threshold), g, 0)


class Hardtanh(Elementwise):
    """z = min(max(x, l), h)          ∂L/∂x = g where l < x < h, else 0"""

    __slots__ = ("low", "high")
    saves = ("x",)

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def forward(self, x: Any) -> Any:
        common = type_of(x)
        return xp(x).minimum(xp(x).maximum(x, fit_number(self.low, common)), fit_number(self.high, common))

    def backward(self, g: Any, x: Any) -> Any:
        return Where.on(~((x <= self.low) | (x >= self.high)), g, 0)


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, else negative_slope·x, element by element; the derivative at 0 is ``negative_slope``.

    Raises:
        UnsupportedDTypeError: ``input`` is not floating.
    """
    kind = LeakyRelu if 0 <= negative_slope <= 1 else SteepRelu
    return kind(negative_slope)(input)


def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """x where x > threshold, else ``value``, element by element, of the same type; nan stays nan.

    Raises:
        UnsupportedDTypeError: ``input`` is bool.
    """
    if check_tensor(input, "threshold")._data.dtype.kind == "b":
        raise UnsupportedDTypeError("\"threshold_cpu\" not implemented for 'Bool'; convert the input with .float()")
    return Threshold(_limit(threshold, input), _limit(value, input))(input)


def _limit(value: float, input: Tensor) -> float:
    """A limit as the input's type can hold it: whole for integers."""
    return int(value) if input._data.dtype.kind in "iu" else value


def hardtanh(input: Tensor, min_val: float, max_val: float) -> Tensor:
    """x limited to [min_val, max_val], element by element, of the same type; the derivative at the limits is 0.

    Raises:
        ArgumentError: ``min_val`` is greater than ``max_val``. DTypeError: ``input`` is bool, or unsigned and a limit
            is negative.
    """
    kind = check_tensor(input, "hardtanh")._data.dtype.kind
    if kind == "b":
        raise DTypeError("Bool inputs not supported for hardtanh")
    if min_val > max_val:
        raise ArgumentError(f"min_val cannot be greater than max_val, but they are {min_val} and {max_val}")
    if kind == "u" and min_val < 0:
        raise DTypeError("cannot do hardtanh on an unsigned type with negative limits")
    return Hardtanh(_limit(min_val, input), _limit(max_val, input))(input)


# ---------------------------------------------------------------------- smooth


class Silu(Choosy):
    """z = x·σ(x)          ∂L/∂x = g·σ(x)·(1 + x·(1 − σ(x)))"""

    __slots__ = ()
    refuses = FLOATING_ONLY
    kernel_name = "silu_cpu"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.silu(x)

    def backward(self, g: Any, x: Any) -> Any:
        return SiluBackward.on(g, x)


class SiluBackward(Elementwise):
    """z = g·s·(1 + x·(1 − s)), s = σ(x)          ∂L/∂g = h·z / g,  ∂L/∂x = h·g·s·(1 − s)·(2 + x·(1 − 2s))"""

    __slots__ = ()
    saves = {"g": "x", "x": ("g", "x")}

    def forward(self, g: Any, x: Any) -> Any:
        return kernels.silu_backward(g, x)

    def backward(self, h: Any, g: Any, x: Any) -> Any:
        to_x = None
        if self.needs[1]:
            s = Sigmoid.on(x)
            to_x = h * g * (s * (1 - s) * (2 + x * (1 - 2 * s)))
        return (SiluBackward.on(h, x) if self.needs[0] else None, to_x)


class Softplus(Choosy):
    """z = ln(1 + e^βx) / β, x where βx > t          ∂L/∂x = g·σ(βx), g where βx > t"""

    __slots__ = ("beta", "threshold")
    refuses = FLOATING_ONLY
    kernel_name = "softplus_cpu"
    saves = ("x",)

    def __init__(self, beta: float, threshold: float) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Any) -> Any:
        return kernels.softplus(x, self.beta, self.threshold)

    def backward(self, g: Any, x: Any) -> Any:
        return SoftplusBackward.on(g, x, beta=self.beta, threshold=self.threshold)


class SoftplusBackward(Elementwise):
    """z = g·s, s = σ(βx), g where βx > t          ∂L/∂g = h·s,  ∂L/∂x = h·g·β·s·(1 − s), 0 where βx > t"""

    __slots__ = ("beta", "threshold")
    saves = {"g": "x", "x": ("g", "x")}

    def __init__(self, beta: float, threshold: float) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, g: Any, x: Any) -> Any:
        return kernels.softplus_backward(g, x, self.beta, self.threshold)

    def backward(self, h: Any, g: Any, x: Any) -> Any:
        to_x = None
        if self.needs[1]:
            s = Sigmoid.on(x * self.beta)
            to_x = Where.on(~(x * self.beta > self.threshold), h * g * (s * (1 - s) * self.beta), 0)
        to_g = SoftplusBackward.on(h, x, beta=self.beta, threshold=self.threshold) if self.needs[0] else None
        return to_g, to_x


class LogSigmoid(Choosy):
    """z = ln σ(x)          ∂L/∂x = g·σ(−x)"""

    __slots__ = ()
    refuses = FLOATING_ONLY
    kernel_name = "log_sigmoid_cpu"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.log_sigmoid(x)

    def backward(self, g: Any, x: Any) -> Any:
        return g * Sigmoid.on(-x)


class Elu(Choosy):
    """z = s·x where x > 0, else s·α·(e^βx − 1)          ∂L/∂x = g·s where x > 0, else g·s·α·β·e^βx"""

    __slots__ = ("alpha", "scale", "inner")
    refuses = FLOATING_ONLY
    kernel_name = "elu_cpu"
    saves = ("x",)

    def __init__(self, alpha: float, scale: float, inner: float) -> None:
        self.alpha, self.scale, self.inner = alpha, scale, inner

    def forward(self, x: Any) -> Any:
        module = xp(x)
        below = module.expm1(module.minimum(x, 0) * self.inner) * (self.alpha * self.scale)
        return module.where(x > 0, x * self.scale, below)

    def backward(self, g: Any, x: Any) -> Any:
        below = Exp.on(ClampMax.on(x, 0.0) * self.inner) * (self.alpha * self.scale * self.inner)
        return g * Where.on(x > 0, self.scale, below)


class Gelu(Choosy):
    """z = x·Φ(x), Φ the normal distribution function          ∂L/∂x = g·(Φ(x) + x·φ(x)), φ = Φ′"""

    __slots__ = ()
    refuses = FLOATING_ONLY
    kernel_name = "GeluKernelImpl"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.gelu(x)

    def backward(self, g: Any, x: Any) -> Any:
        return GeluBackward.on(g, x)


class GeluBackward(Elementwise):
    """z = g·(Φ(x) + x·φ(x))          ∂L/∂g = h·(Φ(x) + x·φ(x)),  ∂L/∂x = h·g·φ(x)·(2 − x²)"""

    __slots__ = ()
    saves = {"g": "x", "x": ("g", "x")}

    def forward(self, g: Any, x: Any) -> Any:
        return kernels.gelu_backward(g, x)

    def backward(self, h: Any, g: Any, x: Any) -> Any:
        to_x = None
        if self.needs[1]:
            near = Clamp.on(x, -kernels.GELU_FAR, kernels.GELU_FAR)
            square = near * near
            to_x = h * g * (Exp.on(square * -0.5) * (2 - square) * (1 / math.sqrt(2 * math.pi)))
        return (GeluBackward.on(h, x) if self.needs[0] else None, to_x)


class GeluTanh(Choosy):
    """z = x·(1 + t) / 2, t = tanh u, u = √(2/π)·(x + 0.044715·x³)          ∂L/∂x = g·(1 + t + x·(1 − t²)·u′) / 2"""

    __slots__ = ()
    refuses = FLOATING_ONLY
    kernel_name = "GeluKernelImpl"
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return kernels.gelu_tanh(x)

    def backward(self, g: Any, x: Any) -> Any:
        return GeluTanhBackward.on(g, x)


class GeluTanhBackward(Elementwise):
    """z = g·(1 + t + x·(1 − t²)·u′) / 2          ∂L/∂g = h·z / g,  ∂L/∂x = h·g·(1 − t²)·(u′ + x·(u″ / 2 − t·u′²))"""

    __slots__ = ()
    saves = {"g": "x", "x": ("g", "x")}

    def forward(self, g: Any, x: Any) -> Any:
        return kernels.gelu_tanh_backward(g, x)

    def backward(self, h: Any, g: Any, x: Any) -> Any:
        to_x = None
        if self.needs[1]:
            scale, cubic = kernels.GELU_SCALE, kernels.GELU_CUBIC
            near = Clamp.on(x, -kernels.GELU_TANH_FAR, kernels.GELU_TANH_FAR)
            square = near * near
            t = Tanh.on(near * (square * (scale * cubic) + scale))
            slope = square * (3 * scale * cubic) + scale
            bend = near * (3 * scale * cubic) - t * slope * slope
            to_x = h * g * ((1 - t * t) * (slope + near * bend))
        return (GeluTanhBackward.on(h, x) if self.needs[0] else None, to_x)


def silu(input: Tensor) -> Tensor:
    """x·σ(x), element by element.

    Raises:
        UnsupportedDTypeError: ``input`` is not floating.
    """
    return Silu()(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + e^(beta·x)) / beta, element by element, without overflow; x itself where beta·x > threshold.

    Raises:
        UnsupportedDTypeError: ``input`` is not floating.
    """
    return Softplus(beta, threshold)(input)


def logsigmoid(input: Tensor) -> Tensor:
    """ln σ(x), element by element, without overflow.

    Raises:
        UnsupportedDTypeError: ``input`` is not floating.
    """
    return LogSigmoid()(input)


def elu(input: Tensor, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Tensor:
    """scale·x where x > 0, else scale·alpha·(e^(input_scale·x) − 1), element by element.

    SELU is this with its own ``alpha`` and ``scale``, CELU with ``input_scale`` = 1 / alpha.

    Raises:
        UnsupportedDTypeError: ``input`` is not floating.
    """
    return Elu(alpha, scale, input_scale)(input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x·Φ(x), element by element, Φ the distribution function of the standard normal.

    Args:
        input: a floating tensor.
        approximate: ``"none"``, or ``"tanh"`` for x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2.

    Raises:
        UnsupportedDTypeError: ``input`` is not floating. DTypeError: an unknown ``approximate``.
    """
    if approximate == "none":
        return Gelu()(input)
    if approximate == "tanh":
        return GeluTanh()(input)
    raise DTypeError(f"approximate argument must be either none or tanh, not {approximate!r}.")


@public()
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > λ, else 0, element by element."""
    check_floating(input, "hardshrink")
    return where((input >= -lambd) & (input <= lambd), 0.0, input)


@public()
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else w·x, with a learnt w: one number, or one for each channel (dimension 1).

    Raises:
        ShapeError: ``weight`` has neither one element nor as many as there are channels. DTypeError: the types differ,
            or are not floating.
    """
    check_tensor(weight, "prelu", "weight", 2)
    if check_floating(input, "prelu").dtype is not weight.dtype:
        raise DTypeError(f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}")
    count, ndim = weight._data.size, input._data.ndim
    slope: Any = weight
    if weight._data.ndim > 1:
        raise ShapeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight._data.ndim}"
        )
    if count != 1:
        channels = input._data.shape[1] if ndim > 1 else 1
        if ndim == 0:
            raise ShapeError("Not allow zero-dim input tensor.")
        if channels != count:
            raise ShapeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {count} and channel "
                f"size = {channels}."
            )
        slope = slope.reshape((count,) + (1,) * (ndim - 2))
    elif weight._data.ndim:
        slope = slope.reshape(())
    return where(input > 0, input, input * slope)
