"""Scaled dot-product attention: softmax(scale·q·kᵀ + mask)·v."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import broadcast_shape
from lepton.autograd.ops.arguments import check_tensor, scalar_name
from lepton.autograd.ops.attention import Attention
from lepton.autograd.tensor import Tensor
from lepton.backend import random
from lepton.errors import DTypeError, IndexRangeError, ShapeError, ValueRangeError
from lepton.kernels.attention import Attending
from lepton.kernels.reduction import is_narrow

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """z = dropout(softmax(scale·q·kᵀ + mask))·v (Vaswani et al., *Attention Is All You Need*, 2017).

    Args:
        query: (…, L, E). key: (…, S, E). value: (…, S, V). The leading dimensions broadcast.
        attn_mask: broadcasts to (…, L, S). Bools, true where a query may attend to a key, or numbers that are added
            to the scores, of the query's type or float32. A query that may attend to no key gets zeros.
        dropout_p: the probability with which a weight becomes 0; the others are divided by 1 − dropout_p. It is at
            work in evaluation too.
        is_causal: let query i attend to the keys 0 … i alone.
        scale: by default 1/√E.
        enable_gqa: key and value may have fewer heads (the third dimension from the end) than query, each of them
            serving a run of the query's heads (Ainslie et al., *GQA*, 2023).

    Returns:
        (…, L, V), of the query's type.

    Raises:
        ShapeError: the shapes do not fit, or both a mask and ``is_causal`` are given. DTypeError: the types differ or
            are not floating, or the mask's is none of those above. IndexRangeError: the mask has fewer than two
            dimensions, or there are no heads to share. ValueRangeError: ``dropout_p`` is outside [0, 1].
    """
    tensors = [query, key, value]
    for place, (name, each) in enumerate(zip(("query", "key", "value"), tensors, strict=True)):
        check_tensor(each, "scaled_dot_product_attention", name, place + 1)
    _check_inputs(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        tensors[1:] = [_for_all_heads(each, query) for each in (key, value)]
    batch = broadcast_shape(*[each._data.shape[:-2] for each in tensors])
    queries, width = query._data.shape[-2:]
    _check_products(tensors, batch)
    scores = (*batch, queries, key._data.shape[-2])
    mask = None if attn_mask is None else _mask_in_four(attn_mask, scores)
    q, k, v = [_in_four(each, batch) for each in tensors]
    if not 0.0 <= dropout_p <= 1.0:
        raise ValueRangeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    draw = random.current_generator().piece((math.prod(scores) + 1) // 2) if dropout_p else None
    if scale is None:
        scale = 1.0 / math.sqrt(width) if width else 1.0
    found = Attention(Attending(scale, is_causal, 1.0 - dropout_p, draw))(q, k, v, mask)
    return found if len(batch) == 2 else found.reshape(*batch, queries, value._data.shape[-1])


def _check_inputs(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> None:
    q, k, v = query._data, key._data, value._data
    if not q.dtype == k.dtype == v.dtype:
        raise DTypeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {scalar_name(q.dtype)} "
            f"key.dtype: {scalar_name(k.dtype)} and value.dtype: {scalar_name(v.dtype)} instead."
        )
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise ShapeError(
            f"Expected query, key, and value to all be at least 2 dimensional, but got query.dim: {q.ndim} "
            f"key.dim: {k.ndim} and value.dim: {v.ndim} instead."
        )
    if mask is not None:
        kind = check_tensor(mask, "scaled_dot_product_attention", "attn_mask", 4)._data.dtype
        if kind.kind != "b" and kind != q.dtype and str(kind) != "float32":
            raise DTypeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
                f"{scalar_name(kind)} and query.dtype: {scalar_name(q.dtype)} instead."
            )
        if causal:
            raise ShapeError(
                "scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True; "
                "combine the two in one mask"
            )
    if q.dtype.kind != "f" and not is_narrow(q.dtype):
        raise DTypeError(
            f"scaled_dot_product_attention: expected scalar type Float but found {scalar_name(q.dtype)}; convert "
            "query, key and value first, for instance with .float()"
        )


def _check_products(tensors: list[Tensor], batch: tuple[int, ...]) -> None:
    q, k, v = [each._data.shape for each in tensors]
    if q[-1] != k[-1] or k[-2] != v[-2]:
        raise ShapeError(
            f"scaled_dot_product_attention: query {list(q)}, key {list(k)} and value {list(v)} do not fit: they are "
            "to be (…, L, E), (…, S, E) and (…, S, V)"
        )


def _for_all_heads(few: Tensor, query: Tensor) -> Any:
    """Keys or values with each head repeated for the run of the query's heads that it serves."""
    if min(few._data.ndim, query._data.ndim) < 3:
        raise IndexRangeError(
            f"enable_gqa: the third dimension from the end has the heads, but the shapes are {list(few.shape)} and "
            f"{list(query.shape)}"
        )
    mine, theirs = few._data.shape[-3], query._data.shape[-3]
    if not mine or theirs % mine:
        raise ShapeError(
            f"Number of heads in key and value must divide the number of heads in query, but {mine} does not divide "
            f"{theirs}"
        )
    *lead, heads, length, width = few._data.shape
    wide = few.unsqueeze(-3).expand(*lead, heads, theirs // mine, length, width)
    return wide.reshape(*lead, theirs, length, width)


def _in_four(tensor: Any, batch: tuple[int, ...]) -> Any:
    """(…, L, E) with these leading dimensions, as (B, H, L, E)."""
    shape = tensor._data.shape
    if shape[:-2] != batch:
        tensor = tensor.expand(*batch, *shape[-2:])
    return tensor if len(batch) == 2 else tensor.reshape(math.prod(batch[:-1]), *batch[-1:] or (1,), *shape[-2:])


def _mask_in_four(mask: Any, scores: tuple[int, ...]) -> Any:
    """A mask in four dimensions that broadcasts with the scores as (B, H, L, S); what it repeats stays unrepeated."""
    shape = mask._data.shape
    if len(shape) < 2:
        raise IndexRangeError(f"attn_mask needs at least the two dimensions (L, S), but its shape is {list(shape)}")
    if broadcast_shape(shape, scores) != scores:
        raise ShapeError(f"attn_mask of shape {list(shape)} does not broadcast to the scores' {list(scores)}")
    lead = (1,) * (len(scores) - len(shape)) + shape[:-2]
    if len(lead) < 3:
        return mask if len(shape) == 4 else mask.reshape((1,) * (2 - len(lead)) + lead + shape[-2:])
    if set(lead[:-1]) != {1}:
        mask = mask.expand(*scores[:-3], lead[-1], *shape[-2:])
    return mask.reshape(-1, lead[-1], *shape[-2:])
