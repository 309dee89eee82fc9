"""How alike vectors are."""

from __future__ import annotations

from lepton.autograd.op import result_type
from lepton.autograd.ops.arguments import SCALAR_NAMES, check_tensor, normalize_dims
from lepton.autograd.ops.shape import broadcast_tensors
from lepton.autograd.ops.statistics import norm_of
from lepton.autograd.registry import public
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.errors import DTypeError

__all__ = ["cosine_similarity"]


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
