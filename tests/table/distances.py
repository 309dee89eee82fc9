"""Entries of distances, and of bags of vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed
from tests.table._format import Call, Const, Entry, entry
from tests.table._strategies import (
    LAYOUTS,
    Array,
    Draw,
    arrays,
    between,
    broadcastable,
    distinct,
    real,
    shapes,
    values_in,
    whole,
)
from tests.table.losses import FIRST, SECOND, refused, vectors
from tests.table.nn_functional import FLOATING

POINTS = fixed(distinct, (4, 3))


def far_points() -> st.SearchStrategy[Array]:
    """Rows of at least two; PyTorch crashes in the backward of fewer."""
    return arrays(distinct, shapes(2, 2, min_side=2, max_side=4), layouts=LAYOUTS[:4])


GRID = np.array([[1.0, 2.0], [3.0, 4.5], [1.0, 2.0], [0.0, 0.0]])

DISTANCES = [
    entry(
        "nn.functional.cosine_similarity",
        Call(FIRST, SECOND),
        Call(FIRST, SECOND, 0),
        Call(FIRST, SECOND[0], dim=-1),
        Call(FIRST[0], SECOND[0], dim=0),
        Call(FIRST[:, None], SECOND[None], -1),
        Call(fixed(shape=()), fixed(shape=(), seed=1), 0),
        Call(fixed(layout="permuted"), fixed(layout="negative", seed=1), eps=1e-3),
        draw=vectors(3).map(lambda pair: Call(*pair, dim=-1)),
        values=[
            *[Call(typed(each), typed(each, seed=2)).tagged(each) for each in FLOATING],
            *[Call(typed(each), typed("float32", seed=2)).tagged(f"{each}, float32") for each in ("float64", "int64")],
            Call(typed("bool"), typed("float64")).tagged("bool, float64"),
            Call(FIRST * 0, SECOND).tagged("zero"),
            Call(FIRST, SECOND, eps=3.0).tagged("clamped"),
            Call(FIRST * 1e200, SECOND).tagged("huge"),
            Call(FIRST[:, :0], SECOND[:, :0]).tagged("empty"),
            Call(np.array([[np.nan, 1.0], [np.inf, 1.0]]), np.ones((2, 2))).tagged("special"),
        ],
        errors=[
            *refused(IndexError, Call(FIRST, SECOND, 2), Call(FIRST[0], SECOND[0])),
            *refused(RuntimeError, Call(typed("int64"), typed("bool")), Call(FIRST, SECOND[:, :2])),
            *refused(TypeError, Call([1.0], SECOND), Call(FIRST, 1.0)),
        ],
    ),
    entry(
        "nn.functional.pairwise_distance",
        *[Call(FIRST, SECOND, p) for p in (2.0, 1.0, 3.0, 0.5, -2.0, math.inf, -math.inf)],
        Call(FIRST, SECOND[0], eps=0.1, keepdim=True),
        Call(fixed(shape=()), fixed(shape=(), seed=1)),
        Call(fixed(shape=(2, 3, 2)), fixed(shape=(2, 3, 2), layout="permuted", seed=1)),
        draw=broadcastable(between(4, 6), real, min_side=1).map(lambda pair: Call(*pair)),
        values=[
            *[Call(typed(each), typed(each, seed=2)).tagged(each) for each in (*FLOATING, "int64", "uint8")],
            Call(typed("float32"), typed("float64", seed=2)).tagged("promoted"),
            Call(FIRST, SECOND, 0).tagged("p 0"),
            Call(FIRST, FIRST, eps=0.0).tagged("at distance 0"),
            Call(FIRST[:, :0], SECOND[:, :0]).tagged("empty"),
            Call(np.array([[np.nan, 1.0], [np.inf, 1.0]]), np.ones((2, 2))).tagged("special"),
        ],
        errors=[
            *refused(
                RuntimeError,
                Call(FIRST, SECOND[:, :2]),
                Call(typed("bool"), typed("bool")),
                Call(FIRST[:, :0], SECOND[:, :0], math.inf),
            ),
            (Call(FIRST, 1.0), TypeError),
        ],
    ),
    entry(
        "nn.functional.pdist",
        *[Call(POINTS, p) for p in (2, 1.0, 1.5, 3.0, 0.5)],
        Call(POINTS * np.array([1.0, 2.0, 4.0]), math.inf),
        *[Call(fixed(distinct, (4, 3), each)) for each in ("permuted", "negative", "strided")],
        draw=st.tuples(far_points(), st.sampled_from((1, 2, 3))).map(
            lambda drawn: Call(*drawn)
        ),
        values=[
            Call(typed("float32", (4, 3))).tagged("float32"),
            *[Call(GRID, p).tagged(f"p {p}, repeated rows") for p in (0, 1, 1.5, 2, 3)],
            Call(np.array([[1.0, 2.0], [3.0, 4.0]]), math.inf).tagged("ties"),
            *[Call(Const(each)).tagged("empty") for each in (POINTS[:1], POINTS[:0], POINTS[:, :0])],
            Call(Const(POINTS[:, :0]), math.inf).tagged("empty"),
            Call(np.array([[np.nan, 1.0], [np.inf, 1.0], [0.0, 0.0]])).tagged("special"),
            Call(GRID * 1e200).tagged("huge"),
        ],
        errors=[
            *refused(
                RuntimeError,
                Call(POINTS[0]),
                Call(POINTS[None]),
                Call(typed("int64")),
                Call(typed("float16")),
                Call(POINTS, -1),
                Call(POINTS, math.nan),
            ),
            (Call(1.0), TypeError),
        ],
    ),
]

# ---------------------------------------------------------------------- bags of vectors

TABLE, PICKED, BEGINS = fixed(distinct, (5, 3)), np.array([0, 2, 1, 4, 2, 3]), np.array([0, 2, 2, 5])
SHARES = fixed(shape=(6,))
MODES = ("sum", "mean", "max")


@st.composite
def bags(draw: Draw) -> Call:
    rows, picked = draw(st.integers(1, 4)), draw(st.integers(0, 5))
    cuts = sorted(draw(st.lists(st.integers(0, picked), max_size=3)))
    named: dict[str, Any] = {"mode": draw(st.sampled_from(MODES))}
    if draw(st.booleans()):
        named["padding_idx"] = 0
    if named["mode"] == "sum" and draw(st.booleans()):
        named["per_sample_weights"] = values_in(draw, real, (picked,))
    table = values_in(draw, distinct, (rows, draw(st.integers(1, 3))), layouts=LAYOUTS[:4])
    return Call(values_in(draw, whole(0, rows), (picked,)), table, np.array([0, *cuts]), **named)


BAGS = [
    entry(
        "nn.functional.embedding_bag",
        *[Call(PICKED, TABLE, BEGINS, mode=mode, padding_idx=idx) for mode in MODES for idx in (None, 2, -5)],
        *[Call(PICKED.reshape(2, 3), TABLE, mode=mode) for mode in MODES],
        *[Call(PICKED, TABLE, np.array([0, 2, 6]), mode=mode, include_last_offset=True) for mode in MODES],
        Call(PICKED, TABLE, BEGINS, mode="sum", per_sample_weights=SHARES),
        Call(PICKED, TABLE, BEGINS, mode="sum", per_sample_weights=SHARES, padding_idx=2),
        Call(PICKED.reshape(2, 3), TABLE, mode="sum", per_sample_weights=SHARES.reshape(2, 3)),
        draw=bags(),
        values=[
            *[Call(PICKED, typed(kind, (5, 3)), BEGINS, mode=mode).tagged(kind) for kind in FLOATING for mode in MODES],
            *[
                Call(PICKED.astype(one), TABLE, BEGINS.astype(two)).tagged(f"{one}, {two}")
                for one, two in (("int32", "int64"), ("int64", "int32"), ("int32", "int32"))
            ],
            *[
                Call(PICKED, TABLE, BEGINS, mode=mode, scale_grad_by_freq=True, padding_idx=idx).tagged("by frequency")
                for mode in ("sum", "mean") for idx in (None, 2)
            ],
            *[
                Call(PICKED, Const(fixed(shape=(5, 3))), BEGINS, 1.0, norm, mode="sum").tagged("max norm")
                for norm in (2.0, 1.0)
            ],
            *[Call(PICKED[:0], TABLE, np.array([0, 0]), mode=mode).tagged("empty bags") for mode in MODES],
            Call(PICKED[:0].reshape(0, 3), TABLE).tagged("no bags"),
            Call(PICKED[:0], typed("float32", (5, 3)), BEGINS[:0]).tagged("no bags"),
            Call(PICKED, TABLE, np.array([0, 6])).tagged("last bag empty"),
            Call(PICKED.reshape(2, 3), TABLE, include_last_offset=True).tagged("two dimensions"),
            Call(np.array([1, 0, 2, 0]), np.ones((3, 2)), np.array([0, 2]), mode="max").tagged("ties"),
            *[
                Call(PICKED, Const(typed(kind, (5, 3))), np.array([0, 2, 5]), mode="sum", include_last_offset=True)
                .tagged(f"end before the end, {kind}") for kind in ("float64", "float32")
            ],
            Call(TABLE, PICKED, BEGINS).tagged("the other way round"),
        ],
        errors=[
            *refused(
                ValueError,
                Call(PICKED.reshape(2, 3), TABLE, BEGINS),
                Call(PICKED, TABLE),
                Call(PICKED, TABLE, BEGINS[None]),
                Call(PICKED.reshape(1, 2, 3), TABLE),
                Call(np.array(1), TABLE),
                Call(PICKED, TABLE[0], BEGINS),
                Call(PICKED, TABLE, BEGINS, mode="min"),
                Call(PICKED, TABLE, BEGINS, mode="max", scale_grad_by_freq=True),
                Call(PICKED, TABLE, BEGINS, mode="max", sparse=True),
                Call(PICKED, TABLE, BEGINS, mode="sum", per_sample_weights=SHARES[:4]),
            ),
            *refused(
                RuntimeError,
                Call(PICKED, TABLE, BEGINS[:0], include_last_offset=True, mode="sum"),
                Call(PICKED, TABLE, np.array([1, 2])),
                Call(PICKED, TABLE, np.array([0, 7])),
                Call(PICKED + 1, typed("float32", (5, 3)), BEGINS),
                Call(PICKED - 1, TABLE, BEGINS, mode="max"),
                Call(Const(PICKED.astype("float64")), TABLE, BEGINS),
                Call(PICKED.astype("int16"), TABLE, BEGINS.astype("int16")),
                Call(PICKED, TABLE, Const(BEGINS.astype("float64"))),
                Call(PICKED, typed("int32", (5, 3)), BEGINS),
                Call(PICKED, TABLE, BEGINS, padding_idx=5),
                Call(PICKED, TABLE, BEGINS, padding_idx=-6),
                Call(PICKED, TABLE, BEGINS, per_sample_weights=SHARES),
                Call(PICKED, TABLE, BEGINS, mode="sum", per_sample_weights=Const(SHARES.astype("float32"))),
            ),
        ],
    ),
]  # fmt: skip

ENTRIES: list[Entry] = [*DISTANCES, *BAGS]
