"""Silence about IEEE 754's special values: 1/0 is inf and inf − inf is nan, without a warning, as in PyTorch.

``np.errstate`` does this too, but building one costs as much as a small op. NumPy keeps the state in a context
variable; setting that directly takes a tenth of the time. Where a future NumPy hides it, ``np.errstate`` serves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy._core import umath

_umath: Any = umath
_variable: Any = getattr(_umath, "_extobj_contextvar", None)
_SILENT: Any = _umath._make_extobj(all="ignore") if _variable is not None else None


def silence() -> Any:
    """Begin to compute silently; hand the result to :func:`restore`, in a ``finally``."""
    if _variable is not None:
        return _variable.set(_SILENT)
    state = np.errstate(all="ignore")
    state.__enter__()
    return state


def restore(token: Any) -> None:
    """Go back to the state before :func:`silence`."""
    if _variable is not None:
        _variable.reset(token)
    else:
        token.__exit__(None, None, None)
