"""Samples at places chosen element by element, and the coordinates that lead to them."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Elementwise, Op
from lepton.backend.devices import xp
from lepton.kernels import sampling as kernels


class Sampling(Op):
    """The base of three ops that share ``places``, flat ones in the input, (N, K, P).

    The form Σ y[n,c,p]·w[n,k,p]·x[n,c,q[n,k,p]] is linear in y, w and x. Leaving one of them out gives one of the ops;
    so the derivatives of each are the other two.
    """

    __slots__ = ("places", "length")

    def __init__(self, places: Any, length: int) -> None:
        self.places, self.length = places, length

    def of(self, kind: type[Sampling], *inputs: Any) -> Any:
        """Another of the three at the same places."""
        return kind.on(*inputs, places=self.places, length=self.length)


class Sample(Sampling):
    """z[n,c,p] = Σₖ w[n,k,p]·x[n,c,q[n,k,p]]          ∂L/∂x = g·w added at q,  ∂L/∂w = Σ g·x[q] over c"""

    __slots__ = ()
    saves = {"x": "weights", "weights": "x"}

    def forward(self, x: Any, weights: Any) -> Any:
        return kernels.sample(x, weights, self.places)

    def backward(self, g: Any, x: Any, weights: Any) -> Any:
        return (
            self.of(SampleSpread, g, weights) if self.needs[0] else None,
            self.of(SampleProducts, g, x) if self.needs[1] else None,
        )


class SampleSpread(Sampling):
    """z[n,c,j] = Σ w[n,k,p]·y[n,c,p] over q[n,k,p] = j          ∂L/∂y = Σₖ w·g[q],  ∂L/∂w = Σ y·g[q] over c"""

    __slots__ = ()
    saves = {"y": "weights", "weights": "y"}

    def forward(self, y: Any, weights: Any) -> Any:
        return kernels.sample_spread(y, weights, self.places, self.length)

    def backward(self, g: Any, y: Any, weights: Any) -> Any:
        return (
            self.of(Sample, g, weights) if self.needs[0] else None,
            self.of(SampleProducts, y, g) if self.needs[1] else None,
        )


class SampleProducts(Sampling):
    """z[n,k,p] = Σ y[n,c,p]·x[n,c,q[n,k,p]] over c          ∂L/∂y = Σₖ g·x[q],  ∂L/∂x = y·g added at q"""

    __slots__ = ()
    saves = {"y": "x", "x": "y"}

    def forward(self, y: Any, x: Any) -> Any:
        return kernels.sample_products(y, x, self.places)

    def backward(self, g: Any, y: Any, x: Any) -> Any:
        return (
            self.of(Sample, x, g) if self.needs[0] else None,
            self.of(SampleSpread, y, g) if self.needs[1] else None,
        )


class Inside(Elementwise):
    """z = x moved into [0, last]: reflected at ``mirrors``, then cut off          ∂L/∂x = ±g, 0 where it was cut off

    ``mirrors`` are two places, or None for no reflection. nan becomes 0.
    """

    __slots__ = ("last", "mirrors", "slope")
    saves = ("slope",)

    def __init__(self, last: int, mirrors: tuple[float, float] | None) -> None:
        self.last, self.mirrors = last, mirrors

    def forward(self, x: Any) -> Any:
        module, slope = xp(x), 1
        if self.mirrors is not None:
            x, slope = _reflected(x, *self.mirrors)
        out = module.where(x == x, module.clip(x, 0, self.last), 0).astype(x.dtype, copy=False)
        self.slope = ((x > 0) & (x < self.last)).astype(x.dtype) * slope
        return out

    def backward(self, g: Any, slope: Any) -> Any:
        return g * slope


def reflected(x: Any, low: float, high: float) -> Any:
    """x reflected at ``low`` and ``high`` until it lies between them."""
    return _reflected(x, low, high)[0]


def _reflected(x: Any, low: float, high: float) -> tuple[Any, Any]:
    """The same, and the derivative, 1 or −1."""
    if low == high:
        return x * 0, 0
    module, around = xp(x), 2 * (high - low)
    rest = module.fmod(abs(x - low), around)
    back = around - rest
    slope = module.where((rest > back) == (x < low), 1, -1).astype(x.dtype)
    return module.minimum(rest, back) + low, slope
