"""Sums and products of two arrays, and sums in place: worth more than one thread where arrays are large."""

from __future__ import annotations

from typing import Any

from lepton.kernels.registry import fast_kernel

LARGE = 1 << 16  # elements


@fast_kernel("elementwise", LARGE)
def add(x: Any, y: Any) -> Any:
    """x + y."""
    return x + y


@fast_kernel("elementwise", LARGE)
def subtract(x: Any, y: Any) -> Any:
    """x − y."""
    return x - y


@fast_kernel("elementwise", LARGE)
def multiply(x: Any, y: Any) -> Any:
    """x·y."""
    return x * y


@fast_kernel("elementwise", LARGE)
def accumulate(x: Any, y: Any) -> Any:
    """x ← x + y in place; returns x."""
    x += y
    return x
