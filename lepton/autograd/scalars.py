"""Python's numbers, and what holds them, on their way into arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from lepton.backend import dtypes
from lepton.errors import ArgumentTypeError


def fit_number(value: Any, common: dtypes.dtype) -> Any:
    """A Python number as an operand of type ``common``: integers wrap as PyTorch's do, where NumPy would refuse."""
    if common.category == 1 and type(value) is int:
        bits = common.itemsize * 8
        value &= (1 << bits) - 1
        return value - (1 << bits) if common.is_signed and value >> (bits - 1) else value
    if common is dtypes.bfloat16:
        return np.asarray(value, common.numpy)
    return float(value) if common.is_floating_point else value


def written_number(value: float, target: dtypes.dtype) -> Any:
    """A Python number as it fills an array of type ``target``.

    Raises:
        DTypeError: the type does not have this number.
    """
    dtypes.check_fits(value, target)
    return fit_number(int(value) if target.category == 1 else value, target)


def as_written(value: Any, target: dtypes.dtype) -> np.ndarray[Any, Any]:
    """A number, an array or nested lists of numbers, as the array of type ``target`` that is written to an index.

    There half precision takes what is too large for infinity, as in PyTorch.

    Raises:
        ArgumentTypeError: it is something else. DTypeError: the type does not have this number.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, float)):
        half = target.is_floating_point and target.itemsize == 2
        made = np.asarray(written_number(value, dtypes.float64 if half else target))
    else:
        made = _array_of(value)
    if made.dtype.kind not in "biuf" and made.dtype.name != "bfloat16":
        raise ArgumentTypeError(f"can't assign a {type(value).__name__} to a {target} tensor: it is no number")
    with np.errstate(over="ignore", invalid="ignore"):
        return made.astype(target.numpy)


def _array_of(value: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(value)
    except ValueError:  # lists of different lengths
        return np.asarray(None)
