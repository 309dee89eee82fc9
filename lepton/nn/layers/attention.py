"""Attention with several heads as a layer."""

from __future__ import annotations

from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ContractError
from lepton.nn import functional as F
from lepton.nn import init
from lepton.nn.layers._parameters import DeviceLike, DType, new_parameter
from lepton.nn.layers.linear import Linear
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """:class:`Linear` under the name that PyTorch prints for the last projection of attention."""


class MultiheadAttention(Module):
    """concat(head₁, …, headₕ)·W_oᵀ + b_o with headᵢ = attention(q·W_qᵢᵀ, k·W_kᵢᵀ, v·W_vᵢᵀ).

    attention(q, k, v) = softmax(q·kᵀ/√(E/h))·v: each query gets a mean of the values, weighted by how well their keys
    fit (Vaswani et al., *Attention Is All You Need*, 2017).

    Args:
        embed_dim: E, the width of queries and of the result.
        num_heads: h, which divides E.
        dropout: the probability with which a weight of attention is dropped in training.
        bias: whether the projections have biases.
        add_bias_kv: learn one more key and its value.
        add_zero_attn: add one more key and value of zeros.
        kdim, vdim: the widths of keys and values, by default E.
        batch_first: (N, L, E) in place of (L, N, E).

    Input: queries (L, N, E), keys (S, N, kdim) and values (S, N, vdim), without N for one sample; masks as ``forward``
    tells. Output: (L, N, E), and the weights, (N, L, S), or None.

    Parameters: ``in_proj_weight`` (3·E, E), W_q, W_k and W_v one above the other, or apart (E, E), (E, kdim), (E, vdim)
    if ``kdim`` or ``vdim`` differ from E; they begin uniform (Xavier). ``in_proj_bias`` (3·E) and ``out_proj.bias`` (E)
    begin with 0, ``out_proj.weight`` (E, E) as a :class:`~lepton.nn.Linear`'s, ``bias_k`` and ``bias_v`` (1, 1, E),
    with ``add_bias_kv``, normal (Xavier).

    Raises:
        ArgumentError: ``embed_dim`` or ``num_heads`` is not positive. ContractError: h does not divide E; when called:
            shapes that do not fit. ShapeError (when called): a mask that does not fit.

    >>> from lepton import nn, ones
    >>> layer = nn.MultiheadAttention(embed_dim=8, num_heads=2, batch_first=True)
    >>> x = ones(4, 5, 8)
    >>> out, weights = layer(x, x, x)
    >>> out.shape, weights.shape
    (lepton.Size([4, 5, 8]), lepton.Size([4, 5, 5]))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ArgumentError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        super().__init__()
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        if self.head_dim * num_heads != embed_dim:
            raise ContractError(
                f"embed_dim must be divisible by num_heads, but got embed_dim={embed_dim} and num_heads={num_heads}"
            )
        apart = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        if self._qkv_same_embed_dim:
            self.in_proj_weight = new_parameter((3 * embed_dim, embed_dim), device, dtype)
            for letter in apart:
                self.register_parameter(f"{letter}_proj_weight", None)
        else:
            for letter, width in apart.items():
                self.register_parameter(f"{letter}_proj_weight", new_parameter((embed_dim, width), device, dtype))
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", new_parameter((3 * embed_dim,), device, dtype) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        self.bias_k = new_parameter((1, 1, embed_dim), device, dtype) if add_bias_kv else None
        self.bias_v = new_parameter((1, 1, embed_dim), device, dtype) if add_bias_kv else None
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the weights anew, but for the last projection's, and set the biases to 0."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """What the queries attend to, and with which weights.

        Args:
            query: (L, N, E), or (N, L, E) if ``batch_first``, or (L, E) without a batch. key: (S, N, kdim), and so on.
                value: (S, N, vdim), and so on.
            key_padding_mask: (N, S) or (S), true for keys that nobody may attend to; or numbers that are added.
            need_weights: whether the weights are returned too, which costs time and memory.
            attn_mask: (L, S) or (N·h, L, S), true where a query may not attend to a key; or numbers that are added.
            average_attn_weights: whether the weights are the mean over the heads.
            is_causal: a hint that ``attn_mask``, which must be given, is the causal one.

        Returns:
            A tensor of the query's shape, and the weights of shape (N, L, S), or (N, h, L, S) if not averaged, or None.
        """
        turned = self.batch_first and query.ndim == 3
        if turned:
            query, key, value = _turned(query, key, value)
        out, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            not self._qkv_same_embed_dim,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return _swapped(out) if turned else out, weights


def _swapped(tensor: Any) -> Any:
    return tensor.transpose(0, 1)


def _turned(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All three with the batch in second place; what was the same tensor stays the same."""
    q = _swapped(query)
    k = q if key is query else _swapped(key)
    return q, k, k if value is key else _swapped(value)
