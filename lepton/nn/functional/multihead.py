"""Attention with several heads between learnt projections."""

from __future__ import annotations

import math
import warnings
from typing import Any

from lepton.autograd.ops.arguments import same_type
from lepton.autograd.ops.attention import MaskedSoftmax
from lepton.autograd.ops.creation import zeros, zeros_like
from lepton.autograd.ops.joining import cat
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.errors import ContractError, ShapeError
from lepton.nn.functional.attention import scaled_dot_product_attention
from lepton.nn.functional.dropout import dropout
from lepton.nn.functional.linear import linear
from lepton.nn.functional.padding import pad

__all__ = ["multi_head_attention_forward"]


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """concat(head₁, …, headₕ)·W_oᵀ + b_o with headᵢ = attention(q·W_qᵢᵀ, k·W_kᵢᵀ, v·W_vᵢᵀ) (Vaswani et al., 2017).

    Args:
        query: (L, N, E), or (L, E) without a batch. key, value: (S, N, …) or (S, …).
        embed_dim_to_check: E. num_heads: h, which divides E.
        in_proj_weight, in_proj_bias: W_q, W_k and W_v above each other, (3·E, E), and their biases, (3·E).
        bias_k, bias_v: (1, 1, E), one more key and its value; both or none.
        add_zero_attn: add one more key and value of zeros.
        dropout_p: the probability with which a weight of attention is dropped, if ``training``.
        out_proj_weight, out_proj_bias: W_o and b_o.
        key_padding_mask: (N, S) or (S), true for keys that nobody may attend to; or numbers that are added.
        need_weights: whether the weights of attention are returned too.
        attn_mask: (L, S) or (N·h, L, S), true where a query may not attend to a key; or numbers that are added.
        use_separate_proj_weight: take ``q_proj_weight`` (E, E), ``k_proj_weight`` (E, Eₖ) and ``v_proj_weight``
            (E, Eᵥ) in place of ``in_proj_weight``.
        static_k, static_v: (N·h, S, E/h), in place of the projected keys and values.
        average_attn_weights: whether the weights are the mean over the heads.
        is_causal: a hint that ``attn_mask``, which must be given, is the causal one.

    Returns:
        A tensor of the query's shape, and the weights of shape (N, L, S), or (N, h, L, S) if not averaged, or None.

    Raises:
        ContractError: shapes or arguments that do not fit. ShapeError: the mask's shape is none of the above, or
            ``is_causal`` without a mask. DTypeError: the types differ.
    """
    batched = _is_batched(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = _batch_of_one(query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query._data.shape
    _demand(width == embed_dim_to_check, f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    _demand(width % num_heads == 0, f"embed_dim {width} not divisible by num_heads {num_heads}")
    heads = (batch, num_heads, width // num_heads)
    padding = added_mask(key_padding_mask, "key_padding_mask", query.dtype, attn_mask, "attn_mask")
    if is_causal and attn_mask is None:
        raise ShapeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    is_causal = is_causal and padding is None and not need_weights
    mask = None if is_causal else added_mask(attn_mask, "attn_mask", query.dtype)

    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias, separate)
    mask = None if mask is None else _mask_of_heads(mask, batch, num_heads, (length, key._data.shape[0]))
    _demand((bias_k is None) == (bias_v is None), "of bias_k and bias_v, one is set but the other is None")
    q = _in_heads(q, heads)
    k = _extended(k, heads, "static_k", static_k, bias_k, add_zero_attn)
    v = _extended(v, heads, "static_v", static_v, bias_v, add_zero_attn)
    more = (bias_k is not None) + add_zero_attn
    if more:
        mask, padding = [None if each is None else pad(each, (0, more)) for each in (mask, padding)]
    if padding is not None:
        padding = _padding_of_heads(padding, (batch, k._data.shape[2]))
        mask = padding if mask is None else mask + padding

    out, weights = _attended(q, k, v, mask, dropout_p if training else 0.0, need_weights, is_causal)
    out = linear(out.permute(2, 0, 1, 3).reshape(length, batch, width), out_proj_weight, out_proj_bias)
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)
    if batched:
        return out, weights
    return out.squeeze(1), None if weights is None else weights.squeeze(0)


def _attended(
    q: Any, k: Any, v: Any, mask: Any, dropout_p: float, need_weights: bool, is_causal: bool
) -> tuple[Any, Any]:
    """What the heads give, (N, h, L, E/h), and the weights of attention, (N, h, L, S), if they are asked for."""
    if not need_weights:
        return scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal), None
    same_type("multi_head_attention_forward", q, k, v, mask)
    scores = (q * math.sqrt(1.0 / q._data.shape[-1])) @ k.transpose(-2, -1)
    weights: Any = MaskedSoftmax()(scores if mask is None else scores + mask)
    if dropout_p > 0.0:
        weights = dropout(weights, dropout_p)
    return weights @ v, weights


# ---------------------------------------------------------------------- projections and heads


def _projected(
    query: Any, key: Any, value: Any, weight: Any, bias: Any, separate: tuple[Any, Any, Any] | None
) -> tuple[Any, ...]:
    """Queries, keys and values by their weights: all in one product where they are the same tensor."""
    inputs = (query, key, value)
    if separate is not None:
        lead = [list(each.shape[:2]) for each in inputs[1:]]
        _demand(lead[0] == lead[1], f"key's sequence and batch dims {lead[0]} do not match value's {lead[1]}")
        weights, biases = separate, (None,) * 3 if bias is None else bias.chunk(3)
        _check_separate(inputs, weights, biases)
    else:
        _demand(
            key._data.shape == value._data.shape,
            f"key shape {list(key.shape)} does not match value shape {list(value.shape)}",
        )
        _demand(weight is not None, "use_separate_proj_weight is False but in_proj_weight is None")
        if query is key is value:
            return linear(query, weight, bias).chunk(3, -1)
        weights, biases = weight.chunk(3), (None,) * 3 if bias is None else bias.chunk(3)
    return tuple([linear(*each) for each in zip(inputs, weights, biases, strict=True)])


def _check_separate(inputs: Any, weights: Any, biases: Any) -> None:
    width = inputs[0]._data.shape[-1]
    for letter, name, each, weight, bias in zip("qkv", ("query", "key", "value"), inputs, weights, biases, strict=True):
        _demand(weight is not None, f"use_separate_proj_weight is True but {letter}_proj_weight is None")
        expected = (width, each._data.shape[-1])
        _demand(
            weight._data.shape == expected,
            f"expecting {name} weights shape of {expected}, but got {tuple(weight.shape)}",
        )
        _demand(
            bias is None or bias._data.shape == (width,),
            f"expecting {name} bias shape of {(width,)}, but got {None if bias is None else tuple(bias.shape)}",
        )


def _in_heads(tensor: Any, heads: tuple[int, int, int]) -> Any:
    """(L, N, E) as (N, h, L, E/h)."""
    return tensor.reshape(tensor._data.shape[0], *heads).permute(1, 2, 0, 3)


def _extended(tensor: Any, heads: tuple[int, int, int], name: str, static: Any, bias: Any, zero: bool) -> Any:
    """Keys or values (S, N, E), or static ones, as (N, h, S, E/h) with what is added behind them."""
    batch, count, width = heads
    if bias is not None:
        _demand(static is None, f"bias cannot be added to {name}")
        tensor = cat([tensor, bias.repeat(1, batch, 1)])
    if static is None:
        found = _in_heads(tensor, heads)
    else:
        size = static._data.shape
        _demand(size[0] == batch * count, f"expecting {name}.size(0) of {batch * count}, but got {size[0]}")
        _demand(size[2] == width, f"expecting {name}.size(2) of {width}, but got {size[2]}")
        found = static.reshape(batch, count, size[1], width)
    if not zero:
        return found
    return cat([found, zeros((batch, count, 1, width), dtype=found.dtype, device=found.device)], 2)


# ---------------------------------------------------------------------- masks


def added_mask(mask: Any, name: str, target: dtypes.dtype, other: Tensor | None = None, other_name: str = "") -> Any:
    """A mask as numbers to add to the scores: a mask of bools is −∞ where it is true; None stays None.

    Warns where ``other``, the mask that it will be added to, is of another type.

    Raises:
        ContractError: it is neither of bools nor floating.
    """
    if mask is None:
        return None
    floating = mask.dtype.is_floating_point
    _demand(floating or mask.dtype is dtypes.bool_, f"only bool and floating types of {name} are supported")
    if other is not None and mask.dtype is not other.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    return mask if floating else zeros_like(mask, dtype=target).masked_fill(mask, -math.inf)


def _mask_of_heads(mask: Any, batch: int, heads: int, scores: tuple[int, int]) -> Any:
    """A mask (L, S) or (N·h, L, S) as it broadcasts with (N, h, L, S)."""
    shape = mask._data.shape
    expected = scores if len(shape) == 2 else (batch * heads, *scores)
    if shape != expected:
        raise ShapeError(f"The shape of the {len(shape)}D attn_mask is {mask.shape}, but should be {expected}.")
    return mask if len(shape) == 2 else mask.reshape(batch, heads, *scores)


def _padding_of_heads(padding: Any, expected: tuple[int, int]) -> Any:
    """A mask (N, S) as it broadcasts with (N, h, L, S)."""
    for dim, (found, wanted) in enumerate(zip(padding._data.shape, expected, strict=True)):
        _demand(found == wanted, f"Expected key_padded_mask.shape[{dim}] to be {wanted}, but got {found}")
    return padding.reshape(expected[0], 1, 1, expected[1])


# ---------------------------------------------------------------------- checks


def _demand(condition: bool, message: str) -> None:
    if not condition:
        raise ContractError(message)


def _batch_of_one(query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
    """All three with a batch dimension; what was the same tensor stays the same."""
    q = query.unsqueeze(1)
    k = q if key is query else key.unsqueeze(1)
    return q, k, k if value is key else value.unsqueeze(1)


def _is_batched(query: Any, key: Any, value: Any, padding: Any, mask: Any, heads: int) -> bool:
    """Whether there is a batch dimension, after checking how many dimensions everything has."""
    ndim = query.ndim
    _demand(ndim in (2, 3), f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor")
    what = f"For {'batched' if ndim == 3 else 'unbatched'} ({ndim}-D) `query`, expected "
    _demand(
        key.ndim == value.ndim == ndim,
        f"{what}`key` and `value` to be {ndim}-D but found {key.ndim}-D and {value.ndim}-D tensors respectively",
    )
    if padding is not None:
        _demand(
            padding.ndim == ndim - 1,
            f"{what}`key_padding_mask` to be `None` or {ndim - 1}-D but found {padding.ndim}-D tensor instead",
        )
    if mask is not None:
        _demand(
            mask.ndim in (2, 3), f"{what}`attn_mask` to be `None`, 2-D or 3-D but found {mask.ndim}-D tensor instead"
        )
        expected = (heads, query._data.shape[0], key._data.shape[0])
        _demand(
            ndim == 3 or mask.ndim == 2 or mask._data.shape == expected,
            f"Expected `attn_mask` shape to be {expected} but got {tuple(mask.shape)}",
        )
    return bool(ndim == 3)
