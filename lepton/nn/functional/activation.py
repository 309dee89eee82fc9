"""The activations with PyTorch's arguments, and what is composed of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from lepton.autograd.inplace import assign, on_graph
from lepton.autograd.ops import activation as ops
from lepton.autograd.ops import softmax as softmaxes
from lepton.autograd.ops.activation import gelu, hardshrink, logsigmoid, prelu, softplus, tanh
from lepton.autograd.ops.arguments import check_floating, check_tensor
from lepton.autograd.ops.comparison import where
from lepton.autograd.ops.exponential import sigmoid
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend import random
from lepton.backend.devices import device_of, move, xp
from lepton.errors import ShapeError, ValueRangeError

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
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
    "threshold_",
]

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def _source(input: Tensor, inplace: bool) -> Any:
    """What to compute from: where the result will be written over the input, a copy of what backward needs of it."""
    return input.clone() if inplace and isinstance(input, Tensor) and on_graph(input) else input


def _finished(input: Tensor, found: Tensor, inplace: bool) -> Tensor:
    """The result, written into the input where that is asked for."""
    return assign(input, found) if inplace else found


# ---------------------------------------------------------------------- piecewise linear


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), element by element. See :func:`lepton.relu`."""
    return check_tensor(input, "relu").relu_() if inplace else ops.relu(input)


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


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value, element by element."""
    return _finished(input, ops.threshold(_source(input, inplace), threshold, value), inplace)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by λ, and 0 where |x| ≤ λ, element by element.

    Raises:
        ValueRangeError: ``lambd`` is negative.
    """
    if lambd < 0:
        raise ValueRangeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    check_floating(input, "softshrink")
    return input - input.clamp(-lambd, lambd)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x/6 + ½, 0), 1), element by element."""
    check_floating(input, "hardsigmoid")
    return _finished(input, ops.hardtanh(_source(input, inplace), -3.0, 3.0) / 6.0 + 0.5, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x·min(max(x/6 + ½, 0), 1), element by element."""
    check_floating(input, "hardswish")
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
        ValueRangeError: ``alpha`` is 0.
    """
    if alpha == 0:
        raise ValueRangeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _finished(input, ops.elu(input, alpha, 1.0, 1.0 / alpha), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """s·x where x > 0, else s·α·(eˣ − 1), with the s and α that keep mean 0 and variance 1."""
    return _finished(input, ops.elu(input, _SELU_ALPHA, _SELU_SCALE), inplace)


def softsign(input: Tensor) -> Tensor:
    """x/(1 + |x|), element by element."""
    return check_tensor(input, "softsign") / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x − tanh x, element by element."""
    return input - tanh(input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a·σ(b), where a and b are the halves of the input along ``dim``.

    Raises:
        ShapeError: the length along ``dim`` is odd, or the input has no dimension. UnsupportedDTypeError: its type is
            not floating.
    """
    data = check_floating(input, "glu")._data
    if data.ndim == 0:
        raise ShapeError("glu does not support 0-dimensional tensors")
    place = normalize_dim(dim, data.ndim)
    if data.shape[place] % 2:
        raise ShapeError(f"Halving dimension must be even, but dimension {place} is size {data.shape[place]}")
    a, b = input.chunk(2, place)
    return a * sigmoid(b)


# ---------------------------------------------------------------------- in place


def _in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The twin of an activation that writes its result into the input, under the name with an underscore."""

    def twin(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, inplace=True, **kwargs)

    twin.__name__ = twin.__qualname__ = f"{function.__name__}_"
    twin.__doc__ = f"In-place version of :func:`{function.__name__}`; returns the input itself."
    return twin


celu_, elu_, hardtanh_, leaky_relu_ = [_in_place(each) for each in (celu, elu, hardtanh, leaky_relu)]
relu_, rrelu_, selu_, threshold_ = [_in_place(each) for each in (relu, rrelu, selu, threshold)]


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
    place = _class_dim(dim, check_tensor(input, "softmin").ndim, "softmin")
    return softmaxes.softmax(-input, place, dtype)


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
