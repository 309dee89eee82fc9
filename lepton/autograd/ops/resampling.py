"""Linear maps along the last dimensions: what padding with elements of the input and interpolation are."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.kernels import resampling as kernels
from lepton.kernels.resampling import Maps


class Resample(Op):
    """z = x mapped by A, B, … along its last dimensions          ∂L/∂x = g mapped by Aᵀ, Bᵀ, …"""

    __slots__ = ("maps",)

    def __init__(self, maps: Maps) -> None:
        self.maps = maps

    def forward(self, x: Any) -> Any:
        return kernels.resample(x, self.maps)

    def backward(self, g: Any) -> Any:
        return Resample.on(g, maps=tuple([None if each is None else each.adjoint for each in self.maps]))


class ResampleBytes(Op):
    """z = a map of uint8 in integer arithmetic; not differentiable"""

    __slots__ = ("maps", "bits")
    differentiable = False

    def __init__(self, maps: Maps, bits: tuple[int, ...]) -> None:
        self.maps, self.bits = maps, bits

    def forward(self, x: Any) -> Any:
        return kernels.resample_bytes(x, self.maps, self.bits)
