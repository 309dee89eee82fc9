"""Normalisation: rows one by one, or channels and groups of them."""

from __future__ import annotations

from typing import Any

from lepton.kernels.compiled import channels, rows
from lepton.kernels.compiled.channels import scale_channels

__all__ = ["normalize", "normalize_backward", "scale_channels"]


def normalize(x: Any, weight: Any, bias: Any, norm: Any) -> Any:
    """y, and with kept axes μ (None if not centred), σ² and ρ."""
    return (rows if norm.axes == (1,) else channels).normalize(x, weight, bias, norm)


def normalize_backward(
    g: Any, x: Any, weight: Any, mean: Any, rstd: Any, norm: Any, wanted: tuple[bool, bool, bool]
) -> Any:
    """The gradients of x, weight and bias, each None unless ``wanted``."""
    return (rows if norm.axes == (1,) else channels).normalize_backward(g, x, weight, mean, rstd, norm, wanted)
