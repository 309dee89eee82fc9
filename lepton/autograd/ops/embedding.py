"""Rows of a table, chosen by index."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op
from lepton.backend.devices import xp
from lepton.kernels.indexing import index_add, take_rows
from lepton.kernels.scattering import first_largest

__all__: list[str] = []


class Embedding(Op):
    """z = the rows W[i]          ∂L/∂W[i] = Σ f·g over the places that chose row i

    ``factor`` f has the index's shape and one more dimension of length 1; None stands for 1. See :func:`factor_of`.
    """

    __slots__ = ("index", "factor", "source")

    def __init__(self, index: Any, factor: Any) -> None:
        self.index, self.factor = index, factor

    def forward(self, weight: Any) -> Any:
        self.source = weight.shape
        return take_rows(weight, self.index)

    def backward(self, g: Any) -> Any:
        return EmbeddingBackward.on(g, index=self.index, factor=self.factor, shape=self.source)


class EmbeddingBackward(Op):
    """z[i] = Σ f·g over the places that chose row i          ∂L/∂g = f·h[i]"""

    __slots__ = ("index", "factor", "shape")

    def __init__(self, index: Any, factor: Any, shape: tuple[int, ...]) -> None:
        self.index, self.factor, self.shape = index, factor, shape

    def forward(self, g: Any) -> Any:
        return index_add(g if self.factor is None else g * self.factor, (self.index,), self.shape)

    def backward(self, h: Any) -> Any:
        rows = Embedding.on(h, index=self.index, factor=None)
        return rows if self.factor is None else rows * self.factor


class FirstLargest(Op):
    """z = the number of the row with the largest element of each bag and column          (not differentiable)"""

    __slots__ = ("bags", "count")
    differentiable = False

    def __init__(self, bags: Any, count: int) -> None:
        self.bags, self.count = bags, count

    def forward(self, rows: Any) -> Any:
        return first_largest(rows, self.bags, self.count)


def factor_of(index: Any, padding_idx: int | None, by_frequency: bool, dtype: Any) -> Any:
    """What gradients of an embedding's rows are multiplied by: 0 for the padding row, 1/count for repeated ones."""
    if padding_idx is None and not by_frequency:
        return None
    module = xp(index)
    factor = module.ones(index.shape, dtype)
    if padding_idx is not None:
        factor = (index != padding_idx).astype(dtype)
    if by_frequency and index.size:
        factor = factor / module.bincount(index.reshape(-1))[index].astype(dtype)
    return factor[..., None]
