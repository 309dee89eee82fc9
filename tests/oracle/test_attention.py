"""Attention layers against PyTorch's where the table cannot go: shared inputs, fast paths of evaluation, training."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import lepton

Library = Any


def both(build: Any) -> tuple[Any, Any]:
    """The same module in both frameworks, in float64 with the same values, none of them 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = build(lepton.nn).double(), build(torch.nn).double()
    rng = np.random.default_rng(0)
    state = {name: rng.normal(size=tuple(each.shape)) / 2 for name, each in theirs.state_dict().items()}
    for lib, module in ((lepton, ours), (torch, theirs)):
        module.load_state_dict({name: lib.tensor(each) for name, each in state.items()})
    return ours, theirs


def values(found: Any) -> list[Any]:
    listed = found if isinstance(found, tuple) else (found,)
    return [each.detach().numpy() for each in listed if each is not None]


def assert_same(ours: Any, theirs: Any) -> None:
    for one, other in zip(values(ours), values(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


X = np.random.default_rng(1).normal(size=(2, 4, 8))
Y = np.random.default_rng(2).normal(size=(2, 5, 8))
PADDING = np.array([[False] * 4, [False] * 2 + [True] * 2])
SCATTERED = np.array([[False, True, False, True], [False] * 4])


@pytest.mark.parametrize("settings", [{}, {"bias": False}, {"add_bias_kv": True, "add_zero_attn": True}])
@pytest.mark.parametrize("evaluated", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
def test_attention_to_itself_and_to_a_memory(settings: dict[str, Any], evaluated: bool, need_weights: bool) -> None:
    """Keys that are values, and queries that are both: one product for all projections, and PyTorch's fast path."""
    modules = both(lambda nn: nn.MultiheadAttention(8, 2, batch_first=True, **settings))
    results: list[list[Any]] = []
    for lib, module in zip((lepton, torch), modules, strict=True):
        x, y = lib.tensor(X), lib.tensor(Y)
        padding = lib.tensor(PADDING)
        found = []
        with lib.set_grad_enabled(not evaluated):
            module.train(not evaluated)
            for inputs, mask in (
                ((x, x, x), None),
                ((x, x, x), padding),
                ((x, y, y), None),
                ((x[0], x[0], x[0]), None),
            ):
                out, weights = module(*inputs, key_padding_mask=mask, need_weights=need_weights)
                found += [out] if weights is None else [out, weights]
        if not evaluated:
            sum((each * each).sum() for each in found).backward()
            found += [each.grad for each in module.parameters()]
        results.append(found)
    for one, other in zip(*results, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("padding", [None, PADDING, SCATTERED])
@pytest.mark.parametrize(
    "settings",
    [
        {"batch_first": True},
        {"batch_first": True, "activation": "gelu"},
        {"batch_first": True, "norm_first": True},
        {"batch_first": True, "bias": False},
        {},
    ],
)
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_encoders_in_evaluation(padding: Any, settings: dict[str, Any], nested: bool, masked: bool) -> None:
    """PyTorch packs padded sequences there, and gives 0 for padding."""

    def build(nn: Any) -> Any:
        layer = nn.TransformerEncoderLayer(8, 2, 12, 0.1, **settings)
        return nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=nested)

    x = X if settings.get("batch_first") else X.swapaxes(0, 1).copy()
    for grad in (False, True):
        results = []
        for lib, module in zip((lepton, torch), both(build), strict=True):
            mask = lib.tensor(np.triu(np.ones((4, 4), bool), 1)) if masked else None
            with lib.set_grad_enabled(grad), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results.append(module.eval()(lib.tensor(x), mask, None if padding is None else lib.tensor(padding)))
        assert_same(*results)


def test_decoders_in_evaluation() -> None:
    modules = both(lambda nn: nn.Transformer(8, 2, 2, 2, 12, 0.1, batch_first=True))
    results = []
    for lib, module in zip((lepton, torch), modules, strict=True):
        mask = module.generate_square_subsequent_mask(5, dtype=lib.float64)
        with lib.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            padding = lib.tensor(PADDING)
            results.append(
                module.eval()(
                    lib.tensor(X), lib.tensor(Y), tgt_mask=mask, src_key_padding_mask=padding,
                    memory_key_padding_mask=padding,
                )
            )  # fmt: skip
    assert_same(*results)


def test_training_together() -> None:
    modules = both(lambda nn: nn.Transformer(8, 2, 1, 1, 12, 0.0, "gelu"))
    rng = np.random.default_rng(3)
    for _ in range(5):
        src, tgt, aim = (rng.normal(size=(length, 3, 8)) for length in (4, 5, 5))
        losses = []
        for lib, module in zip((lepton, torch), modules, strict=True):
            module.zero_grad()
            mask = module.generate_square_subsequent_mask(5, dtype=lib.float64)
            loss = ((module(lib.tensor(src), lib.tensor(tgt), tgt_mask=mask) - lib.tensor(aim)) ** 2).mean()
            loss.backward()
            with lib.no_grad():
                for parameter in module.parameters():
                    parameter -= 0.1 * parameter.grad
            losses.append(loss.item())
        assert abs(losses[0] - losses[1]) <= 1e-10 * abs(losses[1])
    for name, value in modules[0].state_dict().items():
        np.testing.assert_allclose(value.numpy(), modules[1].state_dict()[name].numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("causal", [True, False])
def test_long_sequences(dtype: str, causal: bool) -> None:
    """Longer than a block of scores."""
    arrays = [np.random.default_rng(seed).normal(size=(1, 2, 600, 16)).astype(dtype) for seed in range(3)]
    results = []
    for lib in (lepton, torch):
        tensors = [lib.tensor(each, requires_grad=True) for each in arrays]
        out = lib.nn.functional.scaled_dot_product_attention(*tensors, is_causal=causal)
        out.backward(lib.tensor(arrays[0]))
        results.append([out, *[each.grad for each in tensors]])
    limit = {"float32": 3e-6, "float16": 4e-3}[dtype]
    for one, other in zip(*results, strict=True):
        right = other.detach().numpy().astype("float64")
        assert np.abs(one.detach().numpy() - right).max() <= limit * np.abs(right).max()
