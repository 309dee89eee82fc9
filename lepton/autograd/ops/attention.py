"""Scaled dot-product attention as one op, and softmax for scores that may all be masked."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Op, SumTo
from lepton.autograd.ops.matrix import Matmul
from lepton.autograd.ops.normalization import in_kind
from lepton.autograd.ops.softmax import Softmax, SoftmaxBackward
from lepton.autograd.tensor import Tensor
from lepton.kernels import attention as kernels
from lepton.kernels.attention import Attending
from lepton.kernels.reduction import widen

__all__: list[str] = []


class MaskedSoftmax(Softmax):
    """z = eˣ / Σ eˣ along the last dimension, 0 where all along it are −∞          ∂L/∂x = z·(g − Σ g·z)"""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(-1)

    def forward(self, x: Any) -> Any:
        return kernels.masked_softmax(x)


class Attention(Op):
    """z = (P∘Z)·v, P = softmax(c·q·kᵀ + mask)          ∂L/∂v = (P∘Z)ᵀ·g,  ∂L/∂q = c·S·k,  ∂L/∂k = c·Sᵀ·q,  ∂L/∂mask = S

    c is the scale, Z what dropout makes of 1, and S = P∘(Z∘(g·vᵀ) − Σ g·z) the gradient of the scores. Forward and
    backward never hold all the scores at once; a backward that is itself recorded does.
    """

    __slots__ = ("how", "top", "total")
    saves = ("q", "k", "v", "mask", "out", "top", "total")

    def __init__(self, how: Attending) -> None:
        self.how = how

    def forward(self, q: Any, k: Any, v: Any, mask: Any) -> Any:
        out, self.top, self.total = kernels.attention(q, k, v, mask, self.how)
        return out

    def backward(self, g: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, top: Any, total: Any) -> Any:
        if isinstance(g, Tensor):
            return self._recorded(g, q, k, v, mask)
        return kernels.attention_backward(g, q, k, v, mask, out, top, total, self.how, self.needs[3])

    def _recorded(self, g: Any, *inputs: Any) -> tuple[Any, ...]:
        """The same gradients from ops that record themselves."""
        wide = widen(g._data[:0]).dtype
        scale, draw = self.how.scale, self.how.draw
        g, q, k, v = [in_kind(each, wide) for each in (g, *inputs[:3])]
        p = MaskedSoftmax()(self._masked(Matmul()(q, k.swapaxes(-1, -2)) * scale, inputs[3]))
        kept, arriving = p, Matmul()(g, v.swapaxes(-1, -2))
        if draw is not None:
            z = kernels.drawn_mask(0, p._data.shape, self.how, p._data) * self.how.gain
            kept, arriving = p * z, arriving * z
        s = SoftmaxBackward(-1)(arriving, p)
        found = (
            Matmul()(s, k) * scale if self.needs[0] else None,
            Matmul()(s.swapaxes(-1, -2), q) * scale if self.needs[1] else None,
            Matmul()(kept.swapaxes(-1, -2), g) if self.needs[2] else None,
            SumTo(inputs[3]._data.shape)(s) if self.needs[3] else None,
        )
        every = zip(found, inputs, strict=True)
        return tuple([None if made is None else in_kind(made, own._data.dtype) for made, own in every])

    def _masked(self, scores: Any, mask: Any) -> Any:
        """The scores plus all that masks them."""
        like = scores._data
        if self.how.causal:
            queries, keys = like.shape[2:]
            scores = scores + kernels.bias_of(kernels.causal_mask(0, queries, keys, like), like)
        if mask is not None:
            bools = mask._data.dtype.kind == "b"
            scores = scores + (kernels.bias_of(mask._data, like) if bools else in_kind(mask, like.dtype))
        return scores
