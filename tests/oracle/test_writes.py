"""Python's values written into tensors: what PyTorch takes, what it refuses, and the numbers that come of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

import lepton
from lepton.errors import LeptonError

VALUES = (0, 3, True, -1, 127, 128, 1000, -300, 2**31, 2.5, -1.5, 7e4, 1e39, 1e300, float("nan"), float("inf"))
VALUES += (None, "a", "1", 1j, object())
DTYPES = ("bool", "uint8", "int8", "int64", "float16", "bfloat16", "float32", "float64")


def set_item(index: Callable[[Any], Any]) -> Callable[..., Any]:
    def write(lib: Any, dtype: Any, value: Any) -> Any:
        made = lib.ones(3, dtype=dtype)
        made[index(lib)] = value
        return made

    return write


WRITES: dict[str, Callable[..., Any]] = {
    "one": set_item(lambda lib: 0),
    "all": set_item(lambda lib: slice(None)),
    "picked": set_item(lambda lib: lib.tensor([2, 0])),
    "masked": set_item(lambda lib: lib.tensor([True, False, True])),
    "fill_": lambda lib, dtype, value: lib.ones(3, dtype=dtype).fill_(value),
    "full": lambda lib, dtype, value: lib.full((3,), value, dtype=dtype),
    "full_like": lambda lib, dtype, value: lib.full_like(lib.ones(3), value, dtype=dtype),
    "new_full": lambda lib, dtype, value: lib.ones(3).new_full((3,), value, dtype=dtype),
    "masked_fill": lambda lib, dtype, value: lib.ones(2, dtype=dtype).masked_fill(lib.tensor([True, False]), value),
    "index_fill": lambda lib, dtype, value: lib.ones(2, dtype=dtype).index_fill(0, lib.tensor([1]), value),
    "scatter": lambda lib, dtype, value: lib.ones(2, dtype=dtype).scatter(0, lib.tensor([1]), value),
}


def outcome(write: Callable[..., Any], lib: Any, dtype: str, value: Any) -> str:
    """The numbers, or that it was refused."""
    errors = (LeptonError,) if lib is lepton else (TypeError, RuntimeError, ValueError)
    try:
        return repr(write(lib, getattr(lib, dtype), value).tolist())
    except errors:
        return "refused"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", WRITES)
def test_the_same_values_are_written_and_refused(name: str, dtype: str) -> None:
    for value in VALUES:
        if value == 1j and dtype == "bool":  # PyTorch takes every complex number for true; tensors have none here
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            mine = outcome(WRITES[name], lepton, dtype, value)
        assert mine == outcome(WRITES[name], torch, dtype, value), value
