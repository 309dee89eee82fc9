"""How far apart vectors are, and how alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from lepton.autograd.op import Op, data_of, result_type
from lepton.autograd.ops._elementwise import ZerosLike
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_tensor, normalize_dims
from lepton.autograd.ops.indexing import Index, IndexAdd
from lepton.autograd.ops.shape import broadcast_tensors
from lepton.autograd.ops.statistics import LargestNorm, Norm, PNorm, norm_of
from lepton.autograd.registry import public
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import is_array, xp
from lepton.errors import DTypeError

__all__ = ["cosine_similarity"]


class Pdist(Op):
    """z = ‖xⱼ − xᵢ‖ₚ for all pairs i < j          ∂L/∂x: each pair's, by the norm's rule, added to xⱼ, taken from xᵢ

    Arrays are gone through row by row, so that what is worked on stays in the cache; Tensors all pairs at once.
    """

    __slots__ = ("p",)
    saves = ("x", "out")

    def __init__(self, p: float) -> None:
        self.p = p

    def forward(self, x: Any) -> Any:
        out = xp(x).empty(len(x) * (len(x) - 1) // 2, x.dtype)
        for row, pairs in _pairs_of_rows(len(x)):
            out[pairs] = norm_of(x[row + 1 :] - x[row], self.p, (1,), False)
        return out

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        if is_array(x):
            dx = xp(x).zeros_like(x)
            for row, pairs in _pairs_of_rows(len(x)):
                pulls = self._pulls(g[pairs], x[row + 1 :] - x[row], out[pairs])
                dx[row + 1 :] += pulls
                dx[row] -= pulls.sum(axis=0)
            return dx
        first, second = [{"index": (each,)} for each in xp(x._data).triu_indices(len(x), 1)]
        pulls = self._pulls(g, Index.on(x, **second) - Index.on(x, **first), out)
        whole = {"shape": x.shape, "unique": False}
        return IndexAdd.on(pulls, **second, **whole) - IndexAdd.on(pulls, **first, **whole)

    def _pulls(self, g: Any, differences: Any, lengths: Any) -> Any:
        """The gradients of the differences whose norms are ``lengths``."""
        rule: Any
        if self.p == 0:
            return ZerosLike.on(differences)
        if self.p == 2:
            rule = Norm((1,), False)
        elif math.isinf(self.p):
            rule = LargestNorm((1,), False)
            rule.kind = data_of(differences).dtype
        else:
            rule = PNorm((1,), False, self.p)
        rule.source = differences.shape
        return rule.backward(g, differences, lengths)


def _pairs_of_rows(rows: int) -> Iterator[tuple[int, slice]]:
    """Each row with the places of its pairs with later ones."""
    end = 0
    for row in range(rows - 1):
        start, end = end, end + rows - 1 - row
        yield row, slice(start, end)


@public(method=False)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """cos = Σ (x₁ / max(‖x₁‖₂, ε))·(x₂ / max(‖x₂‖₂, ε)) along ``dim``: each vector is brought to length 1 first.

    Args:
        x1, x2: of shapes that broadcast; one of them floating.
        dim: the vectors' dimension in the common shape, which the result lacks.
        eps: ε. As in PyTorch, the gradient passes the maximum as if it were not there.

    Raises:
        DTypeError: neither is floating. ShapeError: the shapes do not broadcast. IndexRangeError: there is no such
            dimension.
    """
    check_tensor(x1, "cosine_similarity", "x1")
    check_tensor(x2, "cosine_similarity", "x2", 2)
    common = result_type(x1, x2)
    if not common.is_floating_point:
        raise DTypeError(
            f"expected common dtype to be floating point, yet common dtype is {SCALAR_NAMES[common]}; "
            "convert one with .float()"
        )
    x1, x2 = broadcast_tensors(*[each if each.dtype.is_floating_point else each.to(common) for each in (x1, x2)])
    axes = normalize_dims(dim, x1._data.ndim)
    lengths = []
    for each in (x1, x2):
        length = norm_of(each, 2, axes, True).clone()
        with no_grad():
            length.clamp_(min=eps)
        lengths.append(length)
    return ((x1 / lengths[0]) * (x2 / lengths[1])).sum(dim)
