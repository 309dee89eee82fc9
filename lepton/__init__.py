"""Lepton: a deep-learning framework on NumPy, with PyTorch's names, that can be read in an afternoon.

>>> import lepton
>>> x = lepton.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lepton._version import __version__ as __version__
from lepton.autograd import methods as _methods  # binds the methods of Tensor
from lepton.autograd.engine import backward as _backward  # noqa: F401 - the engine comes with the package
from lepton.autograd.ops.families import *  # noqa: F403
from lepton.autograd.toplevel import *  # noqa: F403

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

if not TYPE_CHECKING:  # which would take a computed list for an empty one, and all names for private ones
    from lepton.autograd.ops.families import __all__ as _op_names
    from lepton.autograd.toplevel import __all__ as _other_names

    __all__ = ["__version__", *_other_names, *_FUNCTIONS, *_methods.AS_FUNCTIONS, *_op_names]


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
    return sorted({*globals(), *_SUBPACKAGES, *_FUNCTIONS, *_methods.AS_FUNCTIONS})
