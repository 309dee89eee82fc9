"""Attention: the same whatever the blocks, lean in memory, right at the edges; how the layers begin and are copied."""

from __future__ import annotations

import math
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import nn
from lepton.kernels import attention as kernels
from lepton.nn import functional as F


def leaf(*shape: int, seed: int = 0, dtype: str = "float64", scale: float = 1.0) -> Any:
    values = scale * np.random.default_rng(seed).normal(size=shape)
    return lepton.tensor(values.astype(dtype), requires_grad=True)


def inputs(*lead: int, queries: int = 6, keys: int = 5, **how: Any) -> list[Any]:
    return [leaf(*lead, length, 4, seed=seed, **how) for seed, length in enumerate((queries, keys, keys))]


def derived(tensors: list[Any], seed: int = 1, **settings: Any) -> list[Any]:
    """Result and gradients, from the same random state."""
    lepton.manual_seed(seed)
    out = F.scaled_dot_product_attention(*tensors[:3], *tensors[3:], **settings)
    g = lepton.tensor(np.random.default_rng(9).normal(size=out.shape), dtype=out.dtype)
    wanted = [each for each in tensors if each.requires_grad]
    return [each.detach().numpy() for each in (out, *lepton.autograd.grad(out, wanted, g))]


def mask_of(kind: str) -> dict[str, Any]:
    if kind == "causal":
        return {"is_causal": True}
    if kind == "bools":
        return {"attn_mask": lepton.tensor(np.random.default_rng(4).random((3, 1, 6, 5)) < 0.5)}
    return {"attn_mask": leaf(2, 1, 5, seed=5)} if kind == "numbers" else {}


@pytest.mark.parametrize("kind", ["none", "causal", "bools", "numbers"])
@pytest.mark.parametrize("dropout_p", [0.0, 0.4])
@pytest.mark.parametrize("block", [1, 7, 29, 70, 130])
def test_blocks_of_any_size_give_the_same(
    kind: str, dropout_p: float, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors, settings = inputs(3, 2), mask_of(kind)
    if kind == "numbers":
        tensors.append(settings.pop("attn_mask"))
    whole = derived(tensors, dropout_p=dropout_p, **settings)
    monkeypatch.setattr(kernels, "BLOCK", block)
    for one, other in zip(derived(tensors, dropout_p=dropout_p, **settings), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_parts_are_runs_of_queries_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "BLOCK", 11)
    for shape in ((2, 3, 4), (3, 2, 1), (1, 5, 2)):
        place = 0
        for part in kernels.parts(shape, 3, False):
            count = math.prod([each.stop - each.start for each in part.at[:2]])
            count *= min(part.at[2].stop, shape[2]) - part.at[2].start
            assert part.first == place
            assert count * 3 <= 11 or count == 1
            place += count
        assert place == math.prod(shape)


def test_dropout_is_that_of_the_weights() -> None:
    """The same draws as :func:`dropout` makes of the weights, with derivatives of both orders."""
    q, k, v = inputs(2, 2)
    results = []
    for fused in (True, False):
        lepton.manual_seed(7)
        if fused:
            out = F.scaled_dot_product_attention(q, k, v, dropout_p=0.3)
        else:
            out = F.dropout(F.softmax(q @ k.transpose(-2, -1) * 0.5, -1), 0.3) @ v
        first = lepton.autograd.grad((out * out).sum(), (q, k, v), create_graph=True)
        second = lepton.autograd.grad(sum((each * each).sum() for each in first), (q, k, v))
        results.append([each.detach().numpy() for each in (out, *first, *second)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_dropout_drops_with_its_probability() -> None:
    lepton.manual_seed(0)
    ones = lepton.ones(1, 1, 100, 100)
    out = F.scaled_dot_product_attention(ones, ones, lepton.eye(100).reshape(1, 1, 100, 100), dropout_p=0.3)
    assert abs((out == 0).float().mean().item() - 0.3) < 0.02
    np.testing.assert_allclose(out[out != 0].numpy(), 0.01 / 0.7, rtol=1e-5)
    assert not F.scaled_dot_product_attention(ones, ones, ones, dropout_p=1.0).any()


def test_no_array_of_all_scores() -> None:
    tensors = [leaf(1, 1, 2048, 16, seed=seed, dtype="float32") for seed in range(3)]
    scores = 4 * 2048**2
    for settings in ({}, {"dropout_p": 0.1}):
        tracemalloc.start()
        out = F.scaled_dot_product_attention(*tensors, **settings)
        kept = tracemalloc.get_traced_memory()[0]
        out.sum().backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert kept < scores / 20
        assert peak < scores / 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_scores_are_clean(dtype: str) -> None:
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for scale in (1e-6, 1.0, 1e4):
            q, k, v = [each.detach().numpy() for each in inputs(1, 2, dtype=dtype, scale=scale)]
            for mask in (None, np.zeros((1, 1, 6, 5), bool), np.tri(6, 5, dtype=bool)[None, None]):
                how = kernels.Attending(0.5, False)
                out, top, total = kernels.attention(q, k, v, mask, how)
                found = kernels.attention_backward(np.ones_like(out), q, k, v, mask, out, top, total, how, False)
                assert all(np.isfinite(each).all() for each in (out, *found[:3]))


def test_large_scores_keep_their_precision() -> None:
    """Scores near 65,536, exact in float32; the logarithm of the sum of their exponentials is rounded to 1/128."""
    rng = np.random.default_rng(0)
    q, k = rng.integers(-1, 2, (1, 1, 6, 4)), rng.integers(-1, 2, (1, 1, 5, 4))
    q[..., 0] = k[..., 0] = 256
    results = []
    for dtype in ("float32", "float64"):
        tensors = [lepton.tensor(each.astype(dtype), requires_grad=True) for each in (q, k)]
        results.append(derived([*tensors, leaf(1, 1, 5, 4, dtype=dtype)], scale=1.0))
    for one, other in zip(*results, strict=True):
        assert np.abs(one - other)[..., 1:].max() <= 1e-5  # the first factor is 256 times what is left of a difference


def test_queries_that_may_attend_to_nothing() -> None:
    q, k, v = inputs(2, 2)
    allowed = np.ones((6, 5), bool)
    allowed[2] = False
    numbers = np.where(allowed, 0.0, -np.inf)
    for mask in (lepton.tensor(allowed), lepton.tensor(numbers, requires_grad=True)):
        out = F.scaled_dot_product_attention(q, k, v, mask)
        assert not out[..., 2, :].any()
        wanted = [q, k, v] + [mask] * mask.requires_grad
        first = lepton.autograd.grad((out * out).sum(), wanted, create_graph=True)
        second = lepton.autograd.grad(sum((each * each).sum() for each in first), wanted)
        assert all(bool(each.isfinite().all()) for each in (*first, *second))
        assert not first[0][..., 2, :].any()


def test_all_layouts_of_memory() -> None:
    q, k, v = [each.detach() for each in inputs(2, 2)]
    expected = F.scaled_dot_product_attention(q, k, v).numpy()
    turned = [lepton.tensor(each.numpy().transpose(0, 2, 1, 3).copy()).transpose(1, 2) for each in (q, k, v)]
    np.testing.assert_allclose(F.scaled_dot_product_attention(*turned).numpy(), expected, rtol=1e-12)


# ---------------------------------------------------------------------- several heads


def test_weights_are_asked_for_or_not() -> None:
    attention = nn.MultiheadAttention(8, 2, dropout=0.4, batch_first=True).double()
    x = leaf(2, 5, 8)
    padding = lepton.tensor([[False] * 5, [False] * 3 + [True] * 2])
    results = []
    for need_weights in (True, False):
        lepton.manual_seed(2)
        out, weights = attention(x, x, x, padding, need_weights)
        results.append(out.detach().numpy())
        assert (weights is not None) == need_weights
    np.testing.assert_allclose(*results, rtol=1e-12)
    assert weights is None
    weights = attention.eval()(x, x, x, padding, average_attn_weights=False)[1]
    assert weights.shape == (2, 2, 5, 5)
    np.testing.assert_allclose(weights.sum(-1).detach().numpy(), 1.0)
    assert not weights[1, :, :, 3:].any()


def test_masks_of_two_types_are_deprecated() -> None:
    attention = nn.MultiheadAttention(4, 2)
    x = lepton.rand(3, 2, 4)
    masks = (lepton.zeros(2, 3) > 0, True, lepton.zeros(3, 3))
    with pytest.warns(UserWarning, match="mismatched key_padding_mask and attn_mask"):
        attention(x, x, x, *masks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attention(x, x, x, masks[0], True, masks[2] > 0)


def test_how_attention_begins() -> None:
    lepton.manual_seed(5)
    attention = nn.MultiheadAttention(64, 4, add_bias_kv=True)
    lepton.manual_seed(5)
    expected = nn.Linear(64, 64)  # drawn first
    np.testing.assert_array_equal(attention.out_proj.weight.detach().numpy(), expected.weight.detach().numpy())
    weight = nn.init.xavier_uniform_(lepton.empty(192, 64))
    np.testing.assert_array_equal(attention.in_proj_weight.detach().numpy(), weight.numpy())
    for name in ("bias_k", "bias_v"):
        drawn = nn.init.xavier_normal_(lepton.empty(1, 1, 64))
        np.testing.assert_array_equal(getattr(attention, name).detach().numpy(), drawn.numpy())
    assert not attention.in_proj_bias.any()
    assert not attention.out_proj.bias.any()
    apart = nn.MultiheadAttention(64, 4, kdim=32)
    for weight, width in ((apart.q_proj_weight, 64), (apart.k_proj_weight, 32), (apart.v_proj_weight, 64)):
        bound = math.sqrt(6 / (64 + width))
        assert 0.98 * bound < abs(weight).max().item() <= bound


# ---------------------------------------------------------------------- transformers


def test_layers_are_copies_with_parameters_of_their_own() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    stack = nn.TransformerEncoder(layer, 3)
    one, other = stack.layers[0], stack.layers[1]
    for mine, theirs, original in zip(one.parameters(), other.parameters(), layer.parameters(), strict=True):
        assert mine is not theirs
        assert mine is not original
        assert isinstance(mine, nn.Parameter)
        np.testing.assert_array_equal(mine.detach().numpy(), theirs.detach().numpy())
        assert not np.shares_memory(mine.detach().numpy(), theirs.detach().numpy())


def test_all_matrices_of_a_transformer_begin_as_xaviers() -> None:
    model = nn.Transformer(16, 2, 1, 1, 32)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            bound = math.sqrt(6 / sum(parameter.shape))
            assert 0.9 * bound < abs(parameter).max().item() <= bound, name


def test_the_causal_mask_is_recognised() -> None:
    model = nn.Transformer(4, 2, 1, 1, 8, dropout=0.0).double().eval()
    src, tgt = leaf(3, 2, 4), leaf(3, 2, 4, seed=1)
    causal = model.generate_square_subsequent_mask(3, dtype=lepton.float64)
    assert causal.tolist() == [[0.0, -math.inf, -math.inf], [0.0, 0.0, -math.inf], [0.0, 0.0, 0.0]]
    expected = model(src, tgt, causal, causal, src_is_causal=False, tgt_is_causal=False).detach().numpy()
    for settings in ({}, {"src_is_causal": True, "tgt_is_causal": True}):
        np.testing.assert_allclose(model(src, tgt, causal, causal, **settings).detach().numpy(), expected, rtol=1e-10)
    later = leaf(3, 2, 4, seed=1)
    later.data[2] += 1.0
    np.testing.assert_allclose(model(src, later, causal, causal).detach().numpy()[:2], expected[:2], rtol=1e-10)


def test_padding_is_not_attended_to() -> None:
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), 2).double()
    x = leaf(2, 5, 4)
    padding = lepton.tensor([[False] * 5, [False] * 3 + [True] * 2])
    out = stack(x, src_key_padding_mask=padding)
    np.testing.assert_allclose(out[1:, :3].detach().numpy(), stack(x[1:, :3]).detach().numpy(), rtol=1e-10)


def test_a_transformer_learns_to_copy() -> None:
    """A small encoder and decoder of a few tokens: the loss of predicting the source from itself falls far."""
    lepton.manual_seed(0)
    embed = nn.Embedding(5, 16)
    model = nn.Transformer(16, 2, 1, 1, 32, dropout=0.0, batch_first=True)
    head = nn.Linear(16, 5)
    optimizer = lepton.optim.Adam([*embed.parameters(), *model.parameters(), *head.parameters()], lr=3e-3)
    rng = np.random.default_rng(0)
    mask = model.generate_square_subsequent_mask(4)
    losses = []
    for _ in range(60):
        tokens = lepton.tensor(rng.integers(1, 5, (16, 4)))
        before = lepton.cat([lepton.zeros(16, 1, dtype=lepton.int64), tokens[:, :-1]], 1)
        positions = lepton.eye(4, 16)
        out = head(model(embed(tokens) + positions, embed(before) + positions, tgt_mask=mask))
        loss = F.cross_entropy(out.reshape(-1, 5), tokens.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
