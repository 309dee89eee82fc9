"""Linear and bilinear maps."""

from __future__ import annotations

from typing import Any

from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.matrix import linear
from lepton.autograd.tensor import Tensor
from lepton.errors import ShapeError

__all__ = ["bilinear", "linear"]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """z_k = Σᵢⱼ xᵢ·W_kij·yⱼ + b_k.

    Args:
        input1: x, of shape (*, I). input2: y, of shape (*, J). weight: of shape (K, I, J). bias: of shape (K).

    Returns:
        A tensor of shape (*, K).

    Raises:
        ShapeError: the shapes do not fit together.
    """
    x: Any = check_tensor(input1, "bilinear", "input1")
    y: Any = check_tensor(input2, "bilinear", "input2", 2)
    w: Any = check_tensor(weight, "bilinear", "weight", 3)
    if w.ndim != 3 or not x.ndim or x.shape[:-1] != y.shape[:-1] or (x.shape[-1], y.shape[-1]) != w.shape[1:]:
        raise ShapeError(
            f"bilinear(): the inputs are {list(x.shape)} and {list(y.shape)} and the weight is {list(w.shape)}, but it "
            "takes inputs (*, I) and (*, J) with a weight (K, I, J)"
        )
    k, i, j = w.shape
    rows = (x @ w.permute(1, 0, 2).reshape(i, k * j)).reshape(*x.shape[:-1], k, j)
    found = (rows @ y.unsqueeze(-1)).squeeze(-1)
    return found if bias is None else found + bias
