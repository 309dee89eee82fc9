"""The activations with PyTorch's arguments, and what is composed of them."""

from __future__ import annotations

import warnings
from typing import Any

from lepton.autograd.inplace import assign
from lepton.autograd.ops import activation as ops
from lepton.autograd.ops import softmax as softmaxes
from lepton.autograd.ops.activation import gelu, logsigmoid, softplus, tanh
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_tensor
from lepton.autograd.ops.comparison import where
from lepton.autograd.ops.exponential import sigmoid
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend import random
from lepton.backend.devices import device_of, move, xp
from lepton.errors import ArgumentError, ShapeError, UnsupportedDTypeError

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def _floating(input: Tensor, name: str) -> Tensor:
    """The input, which must be of a floating type."""
    if not check_tensor(input, name).dtype.is_floating_point:
        raise UnsupportedDTypeError(
            f"\"{name}_cpu\" not implemented for '{SCALAR_NAMES[input.dtype]}': convert the input with .float()"
        )
    return input


def _source(input: Tensor, inplace: bool) -> Any:
    """What to compute from: where the result will be written over the input, a copy of what backward needs of it."""
    return input.clone() if inplace and STATE.grad_enabled and input.requires_grad else input


def _finished(input: Tensor, found: Tensor, inplace: bool) -> Tensor:
    """The result, written into the input where that is asked for."""
    return assign(input, found) if inplace else found


# ---------------------------------------------------------------------- piecewise linear


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), element by element. See :func:`lepton.relu`."""
    return input.relu_() if inplace else ops.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6), element by element."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """min(max(x, min_val), max_val), element by element; the derivative is 0 at both ends.

    Raises:
        ArgumentError: ``min_val`` is greater than ``max_val``.
    """
    return _finished(input, ops.hardtanh(_source(input, inplace), min_val, max_val), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope·x, element by element."""
    return _finished(input, ops.leaky_relu(input, negative_slope), inplace)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Leaky ReLU whose slope below 0 is, in training, drawn for each element from [lower, upper), else their mean."""
    check_tensor(input, "rrelu")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    data = input._data
    slopes = move(random.uniform(data.shape, lower, upper, data.dtype), device_of(data))
    x = _source(input, inplace)
    return _finished(input, where(x > 0, x, x * Tensor(slopes)), inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else w·x, with a learnt w: one number, or one for each channel (dimension 1).

    Raises:
        ShapeError: ``weight`` has neither one element nor as many as there are channels.
    """
    check_tensor(input, "prelu")
    check_tensor(weight, "prelu", "weight", 2)
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


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value, element by element."""
    return _finished(input, ops.threshold(_source(input, inplace), threshold, value), inplace)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > λ, else 0, element by element."""
    _floating(input, "hardshrink")
    return where((input >= -lambd) & (input <= lambd), 0.0, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by λ, and 0 where |x| ≤ λ, element by element.

    Raises:
        ArgumentError: ``lambd`` is negative.
    """
    if lambd < 0:
        raise ArgumentError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    _floating(input, "softshrink")
    return input - input.clamp(-lambd, lambd)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x/6 + ½, 0), 1), element by element."""
    _floating(input, "hardsigmoid")
    return _finished(input, ops.hardtanh(_source(input, inplace), -3.0, 3.0) / 6.0 + 0.5, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x·min(max(x/6 + ½, 0), 1), element by element."""
    _floating(input, "hardswish")
    x = _source(input, inplace)
    return _finished(input, x * hardsigmoid(x), inplace)


# ---------------------------------------------------------------------- smooth


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x·σ(x), element by element."""
    return _finished(input, ops.silu(_source(input, inplace)), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x·tanh(log(1 + eˣ)), element by element."""
    x = _source(input, inplace)
    return _finished(input, x * tanh(softplus(x)), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else α·(eˣ − 1), element by element."""
    return _finished(input, ops.elu(input, alpha), inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else α·(e^(x/α) − 1), element by element.

    Raises:
        ArgumentError: ``alpha`` is 0.
    """
    if alpha == 0:
        raise ArgumentError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _finished(input, ops.elu(input, alpha, 1.0, 1.0 / alpha), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """s·x where x > 0, else s·α·(eˣ − 1), with the s and α that keep mean 0 and variance 1."""
    return _finished(input, ops.elu(input, _SELU_ALPHA, _SELU_SCALE), inplace)


def softsign(input: Tensor) -> Tensor:
    """x/(1 + |x|), element by element."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x − tanh x, element by element."""
    return input - tanh(input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a·σ(b), where a and b are the halves of the input along ``dim``.

    Raises:
        ShapeError: the length along ``dim`` is odd, or the input has no dimension.
    """
    data = check_tensor(input, "glu")._data
    if data.ndim == 0:
        raise ShapeError("glu does not support 0-dimensional tensors")
    place = normalize_dim(dim, data.ndim)
    if data.shape[place] % 2:
        raise ShapeError(f"Halving dimension must be even, but dimension {place} is size {data.shape[place]}")
    a, b = input.chunk(2, place)
    return a * sigmoid(b)


# ---------------------------------------------------------------------- distributions over classes


def _class_dim(dim: int | None, ndim: int, name: str) -> int:
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """e^(xᵢ) / Σⱼ e^(xⱼ) along ``dim``. See :func:`lepton.softmax`."""
    return softmaxes.softmax(input, _class_dim(dim, check_tensor(input, "softmax").ndim, "softmax"), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """xᵢ − log Σⱼ e^(xⱼ) along ``dim``. See :func:`lepton.log_softmax`."""
    return softmaxes.log_softmax(input, _class_dim(dim, check_tensor(input, "log_softmax").ndim, "log_softmax"), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax(−x) along ``dim``."""
    return softmaxes.softmax(-input, _class_dim(dim, check_tensor(input, "softmin").ndim, "softmin"), dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of softmax((logits + G)/τ), G from the Gumbel distribution: a differentiable draw from the classes.

    Args:
        logits: floating, log-probabilities up to a constant.
        tau: the temperature; towards 0 the sample becomes one-hot.
        hard: give the one-hot vector of the sample's largest class; the gradient is still the soft sample's.
        eps: accepted for PyTorch's sake, without effect. dim: the dimension of the classes.
    """
    data = check_tensor(logits, "gumbel_softmax")._data
    noise = Tensor(move(random.exponential(data.shape, 1.0, data.dtype), device_of(data)))
    soft = softmaxes.softmax((logits - noise.log()) / tau, dim)
    if not hard:
        return soft
    best = soft.detach().argmax(dim, keepdim=True)
    one_hot = Tensor(xp(data).zeros_like(soft._data)).scatter(dim, best, 1.0)
    return one_hot - soft.detach() + soft
