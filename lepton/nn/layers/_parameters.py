"""What the layers share: new parameters, and sizes that may be given once for all dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from lepton.autograd.ops.creation import empty
from lepton.backend import devices, dtypes
from lepton.nn import init
from lepton.nn.parameter import Parameter

DeviceLike = devices.device | str | int | None
DType = dtypes.dtype | None


def new_parameter(shape: tuple[int, ...], device: DeviceLike, dtype: DType) -> Parameter:
    """A parameter whose elements have no values yet."""
    return Parameter(empty(shape, device=device, dtype=dtype))


def reset_weight_and_bias(weight: Parameter, bias: Parameter | None) -> None:
    """Uniform numbers over ±1/√fan_in for both."""
    if weight._data.size:
        init.kaiming_uniform_(weight, a=math.sqrt(5))  # its gain is that of the bound: √3·√(2/(1 + 5)) = 1
    if bias is not None:
        fan_in = math.prod(weight._data.shape[1:])
        bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
        init.uniform_(bias, -bound, bound)


def repeated(size: Any, count: int) -> tuple[Any, ...]:
    """A size for each of ``count`` dimensions: ``size`` itself if it has several, else the same for all."""
    return tuple(size) if isinstance(size, Iterable) and not isinstance(size, str) else (size,) * count
