"""Pooling: the largest element of each window, or a weighted sum of it, and the adjoints of both."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.kernels import pooling as kernels
from lepton.kernels.pooling import Pooling


class MaxPool(Op):
    """z[p] = max over k of x[p·s + k·d − a]          ∂L/∂x = g where the largest was

    ``tracked``: whether its place is looked for, as a gradient needs it. ``listed``: leave these places in the slot
    ``indices``, as int64 positions in the flattened spatial dimensions.
    """

    __slots__ = ("pooling", "tracked", "listed", "where", "indices")
    saves = ("where",)

    def __init__(self, pooling: Pooling, tracked: bool = True, listed: bool = False) -> None:
        self.pooling, self.tracked, self.listed = pooling, tracked or listed, listed

    def forward(self, x: Any) -> Any:
        out, self.where = kernels.max_pool(x, self.pooling, self.tracked)
        if self.listed:
            self.indices = kernels.flat_indices(self.where, self.pooling)
        return out

    def backward(self, g: Any, where: Any) -> Any:
        return MaxPoolScatter.on(g, pooling=self.pooling, where=where)


class AtChosenPlace(Op):
    """The base of the two ops that move elements between windows and the places chosen in them, ``where``."""

    __slots__ = ("pooling", "where")

    def __init__(self, pooling: Pooling, where: Any) -> None:
        self.pooling, self.where = pooling, where


class MaxPoolScatter(AtChosenPlace):
    """z = each window's x at its chosen place, 0 elsewhere          ∂L/∂x = g at the chosen places"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return kernels.max_pool_scatter(x, self.where, self.pooling)

    def backward(self, g: Any) -> Any:
        return MaxPoolGather.on(g, pooling=self.pooling, where=self.where)


class MaxPoolGather(AtChosenPlace):
    """z[p] = x at the chosen place of window p          ∂L/∂x = g at the chosen places, 0 elsewhere"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return kernels.max_pool_gather(x, self.where, self.pooling)

    def backward(self, g: Any) -> Any:
        return MaxPoolScatter.on(g, pooling=self.pooling, where=self.where)


class Averaging(Op):
    """The base of the two ops with a divisor for each window: a number, or an array with the windows' shape."""

    __slots__ = ("pooling", "divisor")

    def __init__(self, pooling: Pooling, divisor: Any) -> None:
        self.pooling, self.divisor = pooling, divisor


class AvgPool(Averaging):
    """z[p] = (1/n[p]) Σ over k of x[p·s + k·d − a]          ∂L/∂x = g/n added to each element of its window"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return kernels.sum_pool(x, self.pooling) / self.divisor

    def backward(self, g: Any) -> Any:
        return AvgPoolSpread.on(g, pooling=self.pooling, divisor=self.divisor)


class AvgPoolSpread(Averaging):
    """z[q] = Σ x[p]/n[p] over the windows p that q is in          ∂L/∂x = g pooled: (1/n) Σ g"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return kernels.sum_pool_spread(x / self.divisor, self.pooling)

    def backward(self, g: Any) -> Any:
        return AvgPool.on(g, pooling=self.pooling, divisor=self.divisor)
