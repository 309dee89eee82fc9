"""What ``lepton`` itself has beside the ops: tensors, number types, switches of recording, random generators."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import result_type as _result_type
from lepton.autograd.printing import set_printoptions
from lepton.autograd.state import (
    enable_grad,
    inference_mode,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from lepton.autograd.tensor import Size, Tensor
from lepton.backend.devices import device
from lepton.backend.dtypes import (
    bfloat16,
    can_cast,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
)
from lepton.backend.dtypes import bool_ as bool  # noqa: A004
from lepton.backend.dtypes import float16 as half
from lepton.backend.dtypes import float32 as float  # noqa: A004
from lepton.backend.dtypes import float64 as double
from lepton.backend.dtypes import int16 as short
from lepton.backend.dtypes import int32 as int  # noqa: A004
from lepton.backend.dtypes import int64 as long
from lepton.backend.random import Generator, default_generator
from lepton.backend.threads import get_num_threads, set_num_threads

__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "bfloat16",
    "bool",
    "can_cast",
    "default_generator",
    "device",
    "double",
    "dtype",
    "enable_grad",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "get_num_threads",
    "half",
    "iinfo",
    "inference_mode",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_tensor",
    "long",
    "no_grad",
    "promote_types",
    "result_type",
    "set_default_dtype",
    "set_grad_enabled",
    "set_num_threads",
    "set_printoptions",
    "short",
    "uint8",
    "e",
    "inf",
    "nan",
    "newaxis",
    "pi",
]

inf = 1e999
nan = inf - inf
pi = 3.141592653589793
e = 2.718281828459045
newaxis = None


def is_tensor(obj: Any) -> Any:
    """Whether ``obj`` is a :class:`Tensor`."""
    return isinstance(obj, Tensor)


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The type of an arithmetic operation on two tensors or numbers, by PyTorch's rules of promotion."""
    return _result_type(tensor1, tensor2)
