"""Distances and likeness of vectors as modules."""

from __future__ import annotations

from lepton.autograd.tensor import Tensor
from lepton.nn import functional as F
from lepton.nn.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """x₁·x₂/(max(‖x₁‖, ε)·max(‖x₂‖, ε)): the cosine of the angle between two vectors along ``dim``.

    Args:
        dim: the dimension along which the vectors lie. eps: ε, the least norm.

    Input: x₁ and x₂, floating, of shapes that broadcast, (*, D, *). Output: that shape without ``dim``.

    Raises:
        ShapeError (when called): the shapes do not broadcast. IndexRangeError (when called): there is no such
            dimension. DTypeError (when called): both inputs are integers.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The cosines of the vectors of ``x1`` and ``x2``."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """‖x₁ − x₂ + ε‖ₚ over the last dimension.

    Args:
        p: the norm's order, also inf or negative. eps: ε, added to each difference, so that none is 0.
        keepdim: keep the last dimension with length 1.

    Input: x₁ and x₂, of shapes that broadcast, (N, D) or (D). Output: (N) or (), with ``keepdim`` (N, 1) or (1).

    Raises:
        ShapeError (when called): the shapes do not broadcast.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distances of the vectors of ``x1`` and ``x2``."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
