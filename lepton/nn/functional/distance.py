"""Distances and likeness of vectors."""

from __future__ import annotations

from typing import Any

from lepton.autograd.ops.arguments import check_floating, check_tensor
from lepton.autograd.ops.distance import Pdist, cosine_similarity
from lepton.autograd.ops.statistics import norm
from lepton.autograd.tensor import Tensor
from lepton.errors import ShapeError, ValueRangeError

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """‖x₁ − x₂ + ε‖ₚ over the last dimension.

    Args:
        x1, x2: of shapes that broadcast, (D) or (*, D).
        p: the norm's order, as for :func:`lepton.norm`; negative ones are allowed.
        eps: ε, added to each difference.
        keepdim: keep the last dimension with length 1.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    first: Any = check_tensor(x1, "pairwise_distance", "x1")
    return norm(first - check_tensor(x2, "pairwise_distance", "x2", 2) + eps, p, -1, keepdim)


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The p-norms of the differences of all pairs of rows: ‖xᵢ − xⱼ‖ₚ for i < j, pairs (0, 1), (0, 2), …, (1, 2), ….

    Args:
        input: (N, M), floating, at least float32.
        p: p ≥ 0; 0 counts the elements that differ, ``inf`` takes the largest difference.

    Returns:
        A tensor of shape (N·(N − 1)/2). A pair at distance 0 gets no gradient.

    Raises:
        ShapeError: the input is not two-dimensional. UnsupportedDTypeError: its type is none of those.
            ValueRangeError: p is negative or nan.
    """
    data = check_tensor(input, "pdist")._data
    if data.ndim != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {data.ndim}D")
    check_floating(input, "pdist", wide=True)
    if not p >= 0:
        raise ValueRangeError(f"pdist only supports non-negative p values, got {p}")
    # no elements have no largest one, but distance 0 all the same
    return Pdist(float(p) if data.shape[1] else 1.0)(input)
