"""How parameters begin. Each function fills a tensor in place, outside of the graph, and returns it.

Random numbers come from ``generator``, by default from the global one.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from lepton.autograd.inplace import copy_
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend import random
from lepton.backend.blas import lapack
from lepton.errors import ArgumentError, ArgumentTypeError

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_GAINS = {
    "linear": 1,
    "conv1d": 1,
    "conv2d": 1,
    "conv3d": 1,
    "conv_transpose1d": 1,
    "conv_transpose2d": 1,
    "conv_transpose3d": 1,
    "sigmoid": 1,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4.0,
}


def _array(tensor: Any) -> Any:
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"nn.init writes into a Tensor, not into {type(tensor).__name__}")
    return tensor._data


def _fill(tensor: Tensor, values: Any) -> Tensor:
    _array(tensor)
    with no_grad():
        return copy_(tensor, values if isinstance(values, (int, float)) else Tensor(values))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity's input must be larger for its output to keep the variance.

    1 for linear layers, convolutions and sigmoid, 5/3 for tanh, √2 for relu, √(2/(1 + s²)) for leaky_relu of slope s
    (``param``, by default 0.01), 3/4 for selu.

    Raises:
        ArgumentError: the nonlinearity is unknown, or ``param`` is no number.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ArgumentError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ArgumentError(f"Unsupported nonlinearity {nonlinearity}; supported are {known}")
    return _GAINS[nonlinearity]


# ---------------------------------------------------------------------- distributions and constants


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: random.Generator | None = None) -> Tensor:
    """Numbers from the uniform distribution over [a, b).

    Raises:
        RandomError: a > b. UnsupportedDTypeError: the tensor is not floating.
    """
    return _fill(tensor, random.uniform(_array(tensor).shape, a, b, _array(tensor).dtype, generator))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: random.Generator | None = None
) -> Tensor:
    """Numbers from the normal distribution.

    Raises:
        RandomError: ``std`` is negative. UnsupportedDTypeError: the tensor is not floating.
    """
    return _fill(tensor, random.normal(_array(tensor).shape, mean, std, _array(tensor).dtype, generator))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: random.Generator | None = None,
) -> Tensor:
    """Numbers from the normal distribution on condition that they lie in [a, b].

    Raises:
        RandomError: std ≤ 0 or a > b. UnsupportedDTypeError: the tensor is not floating.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    array = _array(tensor)
    return _fill(tensor, random.truncated_normal(array.shape, mean, std, a, b, array.dtype, generator))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """The number ``val`` everywhere."""
    return _fill(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return _fill(tensor, 1)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return _fill(tensor, 0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: a linear layer of this weight gives back its input.

    Raises:
        ArgumentError: the tensor has not two dimensions.
    """
    if _array(tensor).ndim != 2:
        raise ArgumentError(f"Only tensors with 2 dimensions are supported, but got {list(tensor.shape)}")
    return _fill(tensor, np.eye(*_array(tensor).shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The identity of a convolution: 1 at the middle of kernel (i, i) in each group, 0 elsewhere.

    Raises:
        ArgumentError: the tensor has not three to five dimensions, or its first is no multiple of ``groups``.
    """
    shape = _array(tensor).shape
    if len(shape) not in (3, 4, 5):
        raise ArgumentError(f"Only tensors with 3, 4, or 5 dimensions are supported, but got {list(shape)}")
    if shape[0] % groups:
        raise ArgumentError(f"dim 0 must be divisible by groups, but {shape[0]} is not by {groups}")
    values = np.zeros(shape)
    per_group = shape[0] // groups
    middle = tuple([length // 2 for length in shape[2:]])
    for group in range(groups):
        for channel in range(min(per_group, shape[1])):
            values[(group * per_group + channel, channel, *middle)] = 1
    return _fill(tensor, values)


# ---------------------------------------------------------------------- scaled by the number of connections


def _fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs each output of a weight has, and how many outputs each input."""
    shape = _array(tensor).shape
    if len(shape) < 2:
        raise ArgumentError(
            f"Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, but got {list(shape)}"
        )
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _fans(tensor)[mode == "fan_out"]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: random.Generator | None = None) -> Tensor:
    """Uniform over ±gain·√(6/(fan_in + fan_out)) (Glorot and Bengio, 2010).

    Raises:
        ArgumentError: the tensor has fewer than two dimensions.
    """
    bound = gain * math.sqrt(6.0 / max(sum(_fans(tensor)), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: random.Generator | None = None) -> Tensor:
    """Normal of standard deviation gain·√(2/(fan_in + fan_out)) (Glorot and Bengio, 2010).

    Raises:
        ArgumentError: the tensor has fewer than two dimensions.
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / max(sum(_fans(tensor)), 1)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: random.Generator | None = None,
) -> Tensor:
    """Uniform over ±gain·√(3/fan) (He et al., 2015).

    Args:
        a: the slope below 0 of the leaky ReLU that follows.
        mode: ``"fan_in"`` keeps the variance forward, ``"fan_out"`` backward.
        nonlinearity: whose gain is taken, see :func:`calculate_gain`.

    Raises:
        ArgumentError: fewer than two dimensions, or an unknown mode or nonlinearity.
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: random.Generator | None = None,
) -> Tensor:
    """Normal of standard deviation gain/√fan (He et al., 2015). Arguments and errors as :func:`kaiming_uniform_`."""
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


def _is_empty(tensor: Tensor) -> bool:
    if _array(tensor).size:
        return False
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return True


# ---------------------------------------------------------------------- matrices of a kind


def orthogonal_(tensor: Tensor, gain: float = 1, generator: random.Generator | None = None) -> Tensor:
    """Orthonormal rows or columns, whichever are fewer, times ``gain`` (Saxe et al., 2013).

    The Q of a normal matrix's QR decomposition, with the signs of R's diagonal, so that it is uniformly distributed.
    A tensor of more than two dimensions is taken as a matrix of shape (first, all others).

    Raises:
        ArgumentError: the tensor has fewer than two dimensions.
    """
    shape = _array(tensor).shape
    if len(shape) < 2:
        raise ArgumentError(f"Only tensors with 2 or more dimensions are supported, but got {list(shape)}")
    if not _array(tensor).size:
        return tensor
    rows, columns = shape[0], _array(tensor).size // shape[0]
    drawn = random.normal((rows, columns), dtype=np.float64, generator=generator)
    q, r = lapack(drawn).qr(drawn.T if rows < columns else drawn)
    q *= np.sign(np.diag(r))
    return _fill(tensor, ((q.T if rows < columns else q) * gain).reshape(shape))


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: random.Generator | None = None
) -> Tensor:
    """Normal numbers, of which in every column a fraction is 0 (Martens, 2010).

    Args:
        sparsity: the fraction of each column that is 0, rounded up to whole elements. std: of the others.

    Raises:
        ArgumentError: the tensor has not two dimensions.
    """
    if _array(tensor).ndim != 2:
        raise ArgumentError(f"Only tensors with 2 dimensions are supported, but got {list(tensor.shape)}")
    rows, columns = _array(tensor).shape
    values = random.normal((rows, columns), 0.0, std, _array(tensor).dtype, generator)
    zeros = math.ceil(sparsity * rows)
    for column in range(columns):
        values[random.permutation(rows, generator)[:zeros], column] = 0
    return _fill(tensor, values)


# ---------------------------------------------------------------------- names of old


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function under its name without the underscore, as PyTorch still has it, with a warning."""
    new = function.__name__
    old = new.rstrip("_")

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2
        )
        return function(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    return renamed


constant = _deprecated(constant_)
dirac = _deprecated(dirac_)
eye = _deprecated(eye_)
kaiming_normal = _deprecated(kaiming_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
normal = _deprecated(normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
uniform = _deprecated(uniform_)
xavier_normal = _deprecated(xavier_normal_)
xavier_uniform = _deprecated(xavier_uniform_)
