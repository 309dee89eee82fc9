"""Linear layers."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.nn import functional as F
from lepton.nn import init
from lepton.nn.layers._parameters import DeviceLike, DType, new_parameter, reset_weight_and_bias
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter

__all__ = ["Bilinear", "Identity", "Linear"]


class Identity(Module):
    """z = x: the input itself, for the place of a layer that is not wanted.

    Takes any arguments and ignores them.

    Input: anything. Output: the same object.

    >>> from lepton import nn, tensor
    >>> nn.Identity(54, unused=True)(tensor([1.0]))
    tensor([1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input itself."""
        return input


class Linear(Module):
    """z = x·Wᵀ + b: a linear map of the last dimension.

    Args:
        in_features: the length of that dimension. out_features: its length in the result.
        bias: whether b is added.

    Input: x, (*, in_features). Output: (*, out_features).

    Parameters: ``weight`` W, (out_features, in_features), and ``bias`` b, (out_features); both begin uniform over
    ±1/√in_features.

    Raises:
        ShapeError: a length is negative; when called: the input's last dimension is not ``in_features``. DTypeError
            (when called): the input has another type than the weight.

    >>> from lepton import nn, ones
    >>> layer = nn.Linear(4, 3)
    >>> layer(ones(2, 4)).shape
    lepton.Size([2, 3])
    >>> [(name, list(each.shape)) for name, each in layer.named_parameters()]
    [('weight', [3, 4]), ('bias', [3])]
    >>> layer(ones(4, 2))
    Traceback (most recent call last):
    lepton.errors.ShapeError: mat1 and mat2 shapes cannot be multiplied (4x2 and 4x3) [in Linear(in_features=4, ...)]
    """

    in_features: int
    out_features: int
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: DeviceLike = None, dtype: DType = None
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = new_parameter((out_features, in_features), device, dtype)
        self.register_parameter("bias", new_parameter((out_features,), device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        reset_weight_and_bias(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """x·Wᵀ + b."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """z_k = Σᵢⱼ xᵢ·W_kij·yⱼ + b_k: for each k a bilinear form of two inputs.

    Args:
        in1_features, in2_features: the lengths of x and y. out_features: how many forms there are.
        bias: whether b is added.

    Input: x, (*, in1_features), and y, (*, in2_features). Output: (*, out_features).

    Parameters: ``weight`` W, (out_features, in1_features, in2_features), and ``bias`` b, (out_features); both begin
    uniform over ±1/√in1_features.

    Raises:
        ArgumentError: ``in1_features`` is not positive. ShapeError (when called): the shapes do not fit together.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ArgumentError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = new_parameter((out_features, in1_features, in2_features), device, dtype)
        self.register_parameter("bias", new_parameter((out_features,), device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """xᵀ·W·y + b."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
