"""Pooling against the definition; ties, nan and borders; what is kept; what is refused."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton.autograd.gradcheck import gradcheck, gradgradcheck
from lepton.errors import ArgumentError, ShapeError, UnsupportedDTypeError, ValueRangeError
from lepton.kernels import pooling as kernels
from lepton.kernels.pooling import Pooling
from lepton.nn import functional as F


def leaf(*shape: int, seed: int = 0) -> Any:
    return lepton.from_numpy(np.random.default_rng([seed, *shape]).standard_normal(shape)).requires_grad_()


def windows(pooling: Pooling) -> Any:
    """Every window with the positions that it has inside the input, in row-major order of its places."""
    for p in itertools.product(*map(range, pooling.counts)):
        inside = []
        for place, k in enumerate(itertools.product(*map(range, pooling.kernel))):
            each = zip(p, k, pooling.stride, pooling.before, pooling.dilation, strict=True)
            q = tuple(i * s - b + j * d for i, j, s, b, d in each)
            if all(0 <= i < length for i, length in zip(q, pooling.lengths, strict=True)):
                inside.append((place, q))
        yield p, inside


@st.composite
def poolings(draw: Any) -> Pooling:
    """One or two dimensions, every window with at least one element inside."""
    every = []
    for _ in range(draw(st.integers(1, 2))):
        k, s, d = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 2))
        b = draw(st.integers(0, k // 2)) if d == 1 else 0
        length = d * (k - 1) + 1 + draw(st.integers(0, 4))
        every.append((k, s, b, d, length, (length + 2 * b - d * (k - 1) - 1) // s + 1))
    return Pooling(*zip(*every, strict=True))


@given(pooling=poolings(), seed=st.integers(0, 1000), some=st.sampled_from((None, np.nan, -np.inf)))
def test_max_pool_against_the_definition(pooling: Pooling, seed: int, some: Any) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (2, *pooling.lengths)).astype("float64")
    if some is not None:
        x[rng.random(x.shape) < 0.4] = some
    out, where = kernels.max_pool(x, pooling, True)
    flat = kernels.flat_indices(where, pooling)
    for n, (p, inside) in itertools.product(range(2), windows(pooling)):
        values = [x[(n, *q)] for _, q in inside]
        spoiled = [i for i, value in enumerate(values) if np.isnan(value)]
        chosen = spoiled[-1] if spoiled else int(np.argmax(values))
        place, q = inside[chosen]
        np.testing.assert_equal(out[(n, *p)], values[chosen])
        assert where[(n, *p)] == place
        assert flat[(n, *p)] == np.ravel_multi_index(q, pooling.lengths)


@given(pooling=poolings(), seed=st.integers(0, 1000))
def test_scatter_and_gather_are_adjoint(pooling: Pooling, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, *pooling.lengths))
    out, where = kernels.max_pool(x, pooling, True)
    g = rng.standard_normal(out.shape)
    scattered = kernels.max_pool_scatter(g, where, pooling)
    np.testing.assert_allclose((scattered * x).sum(), (g * kernels.max_pool_gather(x, where, pooling)).sum())
    np.testing.assert_array_equal(kernels.max_pool_gather(x, where, pooling), out)


@given(pooling=poolings(), seed=st.integers(0, 1000))
def test_sums_against_the_definition(pooling: Pooling, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, *pooling.lengths))
    out = kernels.sum_pool(x, pooling)
    g = rng.standard_normal(out.shape)
    spread = np.zeros_like(x)
    for p, inside in windows(pooling):
        np.testing.assert_allclose(out[(slice(None), *p)], sum(x[(slice(None), *q)] for _, q in inside), atol=1e-12)
        for _, q in inside:
            spread[(slice(None), *q)] += g[(slice(None), *p)]
    np.testing.assert_allclose(kernels.sum_pool_spread(g, pooling), spread, atol=1e-12)


@pytest.mark.parametrize("size", [2, 6])  # place by place, and searched at once
def test_infinite_gradients_stay_where_they_belong(size: int) -> None:
    x = leaf(1, 1, 6, 6)
    out = F.max_pool2d(x, size)
    g = np.ones(out.shape)
    g[0, 0, 0, 0] = np.inf
    out.backward(lepton.from_numpy(g))
    assert not x.grad.isnan().any()
    assert x.grad.isinf().sum() == 1
    assert (x.grad != 0).sum() == out.numel()


def test_many_places_fit_their_integer() -> None:
    for length in (256, 257, 65537):
        x = np.zeros((1, length))
        x[0, -1] = 1.0
        pooling = Pooling((length,), (length,), (0,), (1,), (length,), (1,))
        _, where = kernels.max_pool(x, pooling, True)
        assert where[0, 0] == length - 1


def test_second_order() -> None:
    x = lepton.from_numpy(np.random.default_rng(0).permutation(50).reshape(1, 2, 5, 5) * 0.1).requires_grad_()
    for pool in (
        lambda x: F.max_pool2d(x, 3, 2, 1),
        lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        lambda x: F.adaptive_avg_pool2d(x, 2),
        lambda x: F.adaptive_max_pool2d(x, (2, 3)),
    ):
        assert gradcheck(lambda x, pool=pool: pool(x) ** 2, (x,))
        assert gradgradcheck(lambda x, pool=pool: pool(x) ** 2, (x,))


def test_max_pool_keeps_places_alone() -> None:
    op = F.max_pool2d(leaf(2, 3, 8, 8), 2).grad_fn
    ((where, *_),) = op.saved
    assert (where.dtype, where.shape) == (np.uint8, (2, 3, 4, 4))


def test_places_are_not_looked_for_without_need(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    original = kernels.max_pool
    monkeypatch.setattr(kernels, "max_pool", lambda *args: asked.append(args[-1]) or original(*args))
    x = leaf(1, 1, 4, 4)
    F.max_pool2d(x, 2)
    F.max_pool2d(x.detach(), 2)
    with lepton.no_grad():
        F.max_pool2d(x, 2)
        F.max_pool2d(x, 2, return_indices=True)
    assert asked == [True, False, False, True]


def test_unpooling_undoes_pooling() -> None:
    x = leaf(2, 3, 7, 6)
    pooled, indices = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(pooled, indices, 2, output_size=x.shape)
    assert back.shape == x.shape
    assert ((back == x) | (back == 0)).all()
    again, _ = F.max_pool2d(back.abs(), 2, return_indices=True)
    assert (again == pooled.abs()).all()


@pytest.mark.parametrize(("length", "count"), [(5, 3), (7, 7), (3, 5), (10, 4), (6, 2), (1, 1)])
def test_adaptive_bins(length: int, count: int) -> None:
    x = leaf(1, 1, length)
    bins = [(i * length // count, -((-(i + 1) * length) // count)) for i in range(count)]
    row = x.detach().numpy()[0, 0]
    np.testing.assert_allclose(
        F.adaptive_avg_pool1d(x, count).detach().numpy()[0, 0], [row[a:b].mean() for a, b in bins]
    )
    largest, indices = F.adaptive_max_pool1d(x, count, return_indices=True)
    np.testing.assert_array_equal(largest.detach().numpy()[0, 0], [row[a:b].max() for a, b in bins])
    np.testing.assert_array_equal(indices.numpy()[0, 0], [a + row[a:b].argmax() for a, b in bins])


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: F.max_pool2d(x, 5), ShapeError, "Calculated output size: (1x0x0). Output size is too small"),
        (lambda x: F.max_pool2d(x, 2, padding=2), ShapeError, "padding should be at most half of kernel size, but got"),
        (lambda x: F.max_pool2d(x, 2, stride=0), ShapeError, "stride must be greater than zero, but got 0"),
        (lambda x: F.max_pool2d(x, (2, 2, 2)), ShapeError, "kernel_size must be a single int, or a tuple of 2"),
        (lambda x: F.max_pool2d(x[0, 0], 2), ShapeError, "Expected 3D or 4D tensor, but got [4, 4]"),
        (lambda x: F.max_pool2d(x > 0, 2), UnsupportedDTypeError, "not implemented for 'Bool'"),
        (lambda x: F.avg_pool2d(x.long(), 2), UnsupportedDTypeError, "not implemented for"),
        (lambda x: F.avg_pool2d(x, 2, divisor_override=0), ValueRangeError, "divisor must be not zero"),
        (lambda x: F.adaptive_avg_pool2d(x, -1), ShapeError, "must be greater than or equal to 0"),
        (lambda x: F.adaptive_avg_pool2d(x[..., :0], 2), ShapeError, "with dimension 3 being empty"),
        (
            lambda x: F.max_unpool2d(x, lepton.full((1, 1, 4, 4), 99), 2),
            ValueRangeError, "Found an invalid max index: 99 (output volumes are of size (8x8))",
        ),
        (
            lambda x: F.max_unpool2d(x, lepton.zeros(1, 1, 4, 4, dtype=lepton.int64), 2, output_size=(12, 8)),
            ArgumentError, "(dim 0 must be between 6 and 10)",
        ),
    ],
)  # fmt: skip
def test_refusals(call: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind) as caught:
        call(leaf(1, 1, 4, 4))
    assert message in str(caught.value)
