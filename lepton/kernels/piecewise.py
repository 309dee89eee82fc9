"""How elementwise kernels of many steps run: by stretches of the array, in a wider type, by pieces of the domain."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from lepton.backend.devices import xp

F = TypeVar("F", bound=Callable[..., Any])

BLOCK = 1 << 14  # elements at a time, so that the intermediate results of all steps stay in the cache


def blocked(function: F) -> F:
    """Let an elementwise kernel run on one stretch of a large array after the other; the results are the same.

    The array arguments must have one shape and the result the first one's type; the others are numbers.
    """

    @functools.wraps(function)
    def whole(first: Any, *rest: Any) -> Any:
        if type(first) is not np.ndarray or first.size <= BLOCK:
            return function(first, *rest)
        flat = [np.ascontiguousarray(each).reshape(-1) if _is_array(each) else each for each in (first, *rest)]
        if any(_is_array(each) and each.size != first.size for each in flat):
            return function(first, *rest)
        out = np.empty(first.size, first.dtype)
        for start in range(0, first.size, BLOCK):
            here = slice(start, start + BLOCK)
            out[here] = function(*[each[here] if _is_array(each) else each for each in flat])
        return out.reshape(first.shape)

    return cast(F, whole)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def widened(function: F) -> F:
    """Let a kernel compute in float32 for the 16-bit types, and round its result alone."""

    @functools.wraps(function)
    def wide(first: Any, *rest: Any) -> Any:
        if first.dtype.itemsize != 2:
            return function(first, *rest)
        wider = [each.astype(np.float32) if hasattr(each, "dtype") else each for each in (first, *rest)]
        return function(*wider).astype(first.dtype)

    return cast(F, wide)


def doubled(function: F) -> F:
    """Let a kernel compute in float64 for every type, and round its result alone."""

    @functools.wraps(function)
    def wide(first: Any, *rest: Any) -> Any:
        if first.dtype.itemsize == 8:
            return function(first, *rest)
        wider = [each.astype(np.float64) if hasattr(each, "dtype") else each for each in (first, *rest)]
        return function(*wider).astype(first.dtype)

    return cast(F, wide)


def pieces(x: Any, *branches: tuple[Any, Callable[[Any], Any]]) -> Any:
    """A function that has another formula on each part of its domain, each computed for the elements there alone.

    Args:
        x: an array.
        branches: pairs of a mask and a formula. The first mask that is true decides; the last one may be None, which
            stands for all other elements (nan among them).
    """
    module, flat = xp(x), x.reshape(-1)
    out = module.empty_like(flat)
    left = module.ones(flat.shape, bool)
    for mask, formula in branches:
        here = left if mask is None else left & mask.reshape(-1)
        places = module.flatnonzero(here)
        if places.size:
            out[places] = formula(flat[places])
        left = left & ~here
    return out.reshape(x.shape)


def horner(coefficients: tuple[float, ...], x: Any) -> Any:
    """The polynomial with these coefficients, highest power first."""
    value = x * coefficients[0]
    value += coefficients[1]
    for each in coefficients[2:]:
        value *= x
        value += each
    return value
