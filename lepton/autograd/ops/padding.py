"""Padding with a constant, and its inverse, which is padding by less than nothing."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.backend.devices import xp

__all__: list[str] = []


class ConstantPad(Op):
    """z = x with v before and after along each dimension          ∂L/∂x = g without them

    ``pads`` are pairs (before, after), one for each dimension; negative ones cut elements off.
    """

    __slots__ = ("pads", "value")

    def __init__(self, pads: tuple[tuple[int, int], ...], value: float) -> None:
        self.pads, self.value = pads, value

    def forward(self, x: Any) -> Any:
        shape = tuple([n + before + after for n, (before, after) in zip(x.shape, self.pads, strict=True)])
        out = xp(x).full(shape, self.value, x.dtype)
        out[_inner(shape, self.pads)] = x[_inner(x.shape, tuple([(-before, -after) for before, after in self.pads]))]
        return out

    def backward(self, g: Any) -> Any:
        return ConstantPad.on(g, pads=tuple([(-before, -after) for before, after in self.pads]), value=0)


def _inner(shape: tuple[int, ...], pads: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    """What positive ``pads`` leave of ``shape``."""
    return tuple([slice(max(b, 0), n - max(a, 0)) for n, (b, a) in zip(shape, pads, strict=True)])
