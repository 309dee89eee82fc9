"""Lepton: a deep-learning framework on NumPy, with PyTorch's names, that can be read in an afternoon.

>>> import lepton
>>> x = lepton.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lepton._version import __version__
from lepton.autograd import methods as _methods  # binds the methods of Tensor
from lepton.autograd.engine import backward as _backward  # noqa: F401 - the engine comes with the package
from lepton.autograd.op import result_type as _result_type
from lepton.autograd.ops.families import *  # noqa: F403
from lepton.autograd.ops.families import __all__ as _op_names
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

if TYPE_CHECKING:
    from lepton import autograd as autograd
    from lepton import data as data
    from lepton import io as io
    from lepton import linalg as linalg
    from lepton import nn as nn
    from lepton import optim as optim
    from lepton import special as special
    from lepton import utils as utils
    from lepton import vision as vision
    from lepton.io import load as load
    from lepton.io import save as save

_SUBPACKAGES = ("autograd", "data", "io", "linalg", "nn", "optim", "special", "utils", "vision")
_FUNCTIONS = {"load": "lepton.io", "save": "lepton.io"}
_FUNCTIONS |= dict.fromkeys(("celu_", "rrelu_", "selu_", "threshold_"), "lepton.nn.functional")

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


__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "__version__",
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
    "set_printoptions",
    "short",
    "uint8",
    *_FUNCTIONS,
    *_methods.AS_FUNCTIONS,
    *_op_names,
]


def __getattr__(name: str) -> Any:
    """Subpackages are imported, and rarely used functions made, when they are first named."""
    import importlib

    if name in _SUBPACKAGES:
        return importlib.import_module(f"lepton.{name}")
    if name in _FUNCTIONS:
        value = globals()[name] = getattr(importlib.import_module(_FUNCTIONS[name]), name)
        return value
    if name in _methods.AS_FUNCTIONS:
        value = globals()[name] = _methods.as_function(name)
        return value
    raise AttributeError(f"module 'lepton' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBPACKAGES})
