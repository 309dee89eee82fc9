"""Entries of linear algebra: norms, distances, powers and products, pseudo-inverses."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table import (
    DTYPES,
    FLOATS,
    LAYOUTS,
    SPECIAL,
    Array,
    Attr,
    Call,
    Const,
    Draw,
    arrays,
    broadcastable,
    dim_of,
    distinct,
    entry,
    fixed,
    nonzero,
    real,
    seeds,
    typed,
)
from tests.table._matrices import FULL, conditioned, matrices, of_matrices, refused, singular

INF = float("inf")
ORDERS: list[Any] = [2, 1, 3, 0.5, 2.5, INF, -INF, -1, -2]
MATRIX_ORDERS: list[Any] = ["fro", "nuc", 1, -1, 2, -2, INF, -INF]
TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [3.0, 1.0, 3.0]])


def off_zero(shape: tuple[int, ...] = (2, 3), layout: str = "contiguous") -> Array:
    """Distinct numbers, none of them 0."""
    return fixed(distinct, shape, layout) + 0.03


# ---------------------------------------------------------------------- norms


def vector_norms() -> list[Call]:
    cases = [Call(off_zero(), order, dim) for order in ORDERS for dim in (None, 1)]
    cases += [
        Call(off_zero()),
        Call(off_zero(), 2, (0, 1), True),
        Call(off_zero((2, 3, 2)), 3, (0, -1)),
        Call(fixed(nonzero, ()), 1),
        Call(off_zero(), dim=()),
    ]
    return cases + [Call(fixed(nonzero, (2, 3), layout), 2, 0) for layout in LAYOUTS]


def norm_values(*orders: Any) -> list[Call]:
    """Types, zeros, ties, infinities."""
    found = [Call(typed(each, (2, 3)), order).tagged(each) for each in DTYPES for order in orders]
    found += [Call(np.zeros((2, 3)), order).tagged("zeros") for order in orders]
    found += [Call(TIED, order).tagged("ties") for order in orders]
    found += [Call(Const(np.array([[np.inf, 1.0], [np.nan, 2.0]])), order).tagged("special") for order in orders]
    found += [
        Call(Const(typed(a)), dtype=Attr(b)).tagged(f"{a} as {b}")
        for a, b in itertools.product(FLOATS, (*FLOATS, "int32"))
    ]
    return [*found, Call(Const(typed("int32")), dtype=Attr("float32"))]


@st.composite
def drawn_vector_norms(draw: Draw) -> Call:
    x = draw(arrays(distinct, min_ndim=1, min_side=1, layouts=FULL))
    return Call(x, draw(st.sampled_from([1, 2, 3, INF])), dim_of(draw, x.ndim), draw(st.booleans()))


def matrix_norms() -> list[Call]:
    cases = [Call(fixed(conditioned, shape), order) for order in MATRIX_ORDERS for shape in ((3, 2), (2, 2, 3))]
    cases += [
        Call(fixed(conditioned, (2, 3, 2)), order, dim, keep)
        for order in ("fro", "nuc", 1, 2, -INF)
        for dim, keep in (((0, 1), False), ((-1, 0), True), ((2, 1), True))
    ]
    return cases + [Call(fixed(conditioned, (3, 3), layout), 1) for layout in FULL]


def empty_matrices(*orders: Any) -> list[Call]:
    return [
        Call(Const(np.zeros(shape)), order).tagged(f"empty {shape}, {order}")
        for shape in ((0, 0), (0, 3), (3, 0), (0, 3, 2), (2, 0, 3))
        for order in orders
    ]


def bad_norms(*orders: Any) -> list[tuple[Call, type[BaseException]]]:
    return [(Call(fixed(shape=(3, 3)), order), RuntimeError) for order in orders]


# ---------------------------------------------------------------------- distances

POWERS = (2.0, 1.0, 0.5, 1.5, 3.0, INF)
QUICK, EXACT = "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"
POINTS = np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [1.0, 2.0, 3.0]])


def distances() -> list[Call]:
    pairs = [((2, 3), (4, 3)), ((2, 2, 3), (1, 3, 3)), ((3, 2, 2), (2, 2)), ((1, 1), (1, 1)), ((2, 1, 2, 2), (3, 2, 2))]
    cases = [Call(fixed(shape=a), fixed(shape=b, seed=1), p) for a, b in pairs[:2] for p in POWERS]
    cases += [Call(fixed(shape=a), fixed(shape=b, seed=1), compute_mode=QUICK) for a, b in pairs]
    cases += [Call(fixed(shape=(2, 3)), fixed(shape=(2, 3), seed=1), 2, EXACT), Call(POINTS[:1], POINTS[1:2] + 0.5, 3)]
    cases += [Call(fixed(shape=(2, 3), layout=each), fixed(shape=(2, 3), layout=each, seed=1), 1.0) for each in FULL]
    empty = (((0, 3), (2, 3)), ((2, 0), (3, 0)), ((2, 3), (0, 3)), ((0, 2, 3), (1, 2, 3)))
    return cases + [Call(np.zeros(a), np.zeros(b), p) for a, b in empty for p in (2.0, 1.0, INF)]


def odd_distances() -> list[Call]:
    found = [Call(POINTS, POINTS, p).tagged(f"equal points, {p}") for p in (*POWERS, 0.0)]
    found += [Call(typed(a, (2, 3)), typed(b, (2, 3), seed=2)).tagged(f"{a}, {b}") for a in DTYPES for b in DTYPES]
    special = SPECIAL.reshape(4, 3)
    found += [Call(Const(special), Const(special[:2]), p, EXACT).tagged(f"special {p}") for p in (2.0, 1.0, 3.0, INF)]
    return found + [Call(fixed(shape=(30, 4)), fixed(shape=(28, 4), seed=1)).tagged("many points")]


@st.composite
def drawn_distances(draw: Draw) -> Call:
    m, rng = draw(st.integers(1, 3)), np.random.default_rng(draw(seeds))
    points = [rng.uniform(-3, 3, (*batch, draw(st.integers(0, 3)), m)) for batch in ((2,), ())]
    return Call(*points, draw(st.sampled_from([1.0, 2.0, 3.0])))


# ---------------------------------------------------------------------- products


def chain(*shapes: tuple[int, ...], dtype: str = "float64") -> Call:
    return Call([typed(dtype, shape, real, seed) for seed, shape in enumerate(shapes)])


@st.composite
def chains(draw: Draw) -> Call:
    lengths = draw(st.lists(st.integers(1, 3), min_size=3, max_size=5))
    rng = np.random.default_rng(draw(seeds))
    return Call([rng.uniform(-2, 2, pair) for pair in itertools.pairwise(lengths)])


POWERS_OF_MATRICES = (0, 1, 2, 3, 5, 6, -1, -2, -3)

ENTRIES = [
    entry(
        "linalg.vector_norm",
        *vector_norms(),
        values=[
            *norm_values(*ORDERS),
            *[Call(Const(off_zero()), 0), Call(Const(TIED), 0, 1)],
            *[Call(np.zeros(shape), order) for shape in ((0,), (0, 3)) for order in (2, 1, 3)],
            Call(np.zeros((0, 3)), INF, 1),
        ],
        errors=[
            *[(Call(np.zeros((0, 3)), order), RuntimeError) for order in (INF, -INF, -1)],
            (Call(np.zeros((0, 3)), INF, 0), RuntimeError),
            (Call(fixed(), "fro"), TypeError),
            (Call(fixed(), 2, 2), IndexError),
            (Call(fixed(), 2, (0, 0)), RuntimeError),
            (Call([1.0]), TypeError),
        ],
        draw=drawn_vector_norms(),
    ),
    entry(
        "linalg.matrix_norm",
        *matrix_norms(),
        values=[*norm_values("fro", 1, -1, INF, 2), *empty_matrices(*MATRIX_ORDERS)],
        errors=[
            *refused(square=False),
            *bad_norms(3, "no", 0),
            (Call(fixed(), "fro", (0, 0)), RuntimeError),
            (Call(fixed(), "fro", (0,)), RuntimeError),
            (Call(fixed(), "fro", (0, 2)), IndexError),
        ],
        draw=st.tuples(matrices(square=False, least=1), st.sampled_from(MATRIX_ORDERS)).map(lambda each: Call(*each)),
        loose=4,
    ),
    entry(
        "linalg.norm",
        *[Call(off_zero((3,)), order) for order in ORDERS],
        *[Call(fixed(conditioned, (3, 2)), order) for order in MATRIX_ORDERS],
        *[Call(fixed(conditioned, (2, 3, 2)), order, dim) for order in (2, 1) for dim in (0, (1,), (0, 2), (-1, -2))],
        Call(off_zero((2, 3, 2))),
        Call(off_zero((2, 3, 2)), None, (0, 1), True),
        Call(off_zero((2, 3)), "fro", keepdim=True),
        values=[Call(typed(each)).tagged(each) for each in DTYPES]
        + [Call(Const(typed(a)), dtype=Attr(b)).tagged(f"{a} as {b}") for a, b in itertools.product(FLOATS, FLOATS)],
        errors=[
            *[(Call(fixed(shape=(2, 3, 2)), order), RuntimeError) for order in (1, "fro")],
            *bad_norms(3, "no"),
            (Call(fixed(shape=(3,)), "fro"), RuntimeError),
            (Call(fixed(shape=(2, 3, 2)), None, (0, 1, 2)), RuntimeError),
            (Call(fixed(), 2, 2), IndexError),
        ],
        draw=drawn_vector_norms(),
        loose=4,
    ),
    entry(
        "linalg.cond",
        *[
            Call(fixed(conditioned, shape), order)
            for order in (None, *MATRIX_ORDERS)
            for shape in ((3, 3), (2, 1, 1))
        ],
        *[Call(fixed(conditioned, shape), order) for order in (None, -2) for shape in ((3, 2), (2, 1, 2))],
        *[Call(fixed(conditioned, (3, 3), layout)) for layout in FULL],
        values=[
            *[Call(typed(each, (3, 3), conditioned), order).tagged(each) for each in DTYPES for order in (None, 1)],
            *[Call(Const(np.stack([np.eye(3), np.zeros((3, 3))])), order) for order in (None, *MATRIX_ORDERS)],
            *[Call(Const(np.full((2, 2), np.nan)), order) for order in (None, 1, "fro", INF)],
            *[Call(Const(np.zeros(shape)), order) for shape in ((0, 3), (0, 0), (2, 0, 0)) for order in (None, 2, -2)],
            *[Call(Const(np.zeros(shape)), order) for shape in ((0, 0), (0, 2, 2)) for order in MATRIX_ORDERS],
        ],
        errors=[
            *refused(square=False),
            *[(Call(fixed(shape=(3, 2)), order), RuntimeError) for order in (1, "fro", "nuc")],
            *bad_norms(3, "no"),
        ],
        draw=st.tuples(matrices(least=1), st.sampled_from([None, 1, -2, "fro"])).map(lambda each: Call(*each)),
        loose=10,
    ),
    entry(
        "cdist",
        *distances(),
        values=odd_distances(),
        errors=[
            (Call(fixed(shape=(3,)), fixed(shape=(2, 3))), RuntimeError),
            (Call(fixed(shape=(2, 3)), fixed(shape=())), RuntimeError),
            (Call(fixed(shape=(2, 3)), fixed(shape=(2, 2))), RuntimeError),
            (Call(fixed(shape=(2, 2, 3)), fixed(shape=(3, 2, 3))), RuntimeError),
            (Call(fixed(shape=(2, 3)), fixed(shape=(2, 3)), -1.0), RuntimeError),
            (Call(fixed(shape=(2, 3)), fixed(shape=(2, 3)), 2.0, "quick"), ValueError),
            (Call(fixed(shape=(2, 3)), [[1.0]]), TypeError),
        ],
        draw=drawn_distances(),
        loose=10,
    ),
    of_matrices(
        "linalg.matrix_exp",
        values=[
            *[Call(np.diag([size, -size, 0.0])).tagged(f"size {size}") for size in (1e-3, 10.0, 300.0)],
            Call(fixed(conditioned, (3, 3)) * 20).tagged("large"),
            Call(np.array([[0.0, 1e3], [0.0, 0.0]])).tagged("nilpotent"),
            Call(Const(np.array([[1.0, INF], [0.0, 1.0]]))).tagged("inf"),
        ],
        loose=10,
    ),
    *[
        entry(
            name,
            *[
                Call(fixed(conditioned, shape), n)
                for n in POWERS_OF_MATRICES
                for shape in ((2, 2), (0, 0))
            ],
            *[Call(fixed(conditioned, shape), n) for n in (3, -2) for shape in ((2, 2, 2), (1, 1), (0, 2, 2))],
            *[Call(fixed(conditioned, (2, 2), layout), 3) for layout in FULL],
            values=[Call(typed(each, (3, 3)), n).tagged(f"{each}, {n}") for each in DTYPES for n in (0, 1, 2, 5, -1)],
            errors=[
                *refused(2),
                (Call(fixed(conditioned, (3, 3)), 2.5), TypeError),
                (Call(np.zeros((2, 2)), -1), RuntimeError),
            ],
            draw=st.tuples(matrices(), st.sampled_from([2, 3, -1, -2])).map(lambda each: Call(*each)),
            loose=4,
        )
        for name in ("linalg.matrix_power", "matrix_power")
    ],
    of_matrices(
        "linalg.pinv",
        square=False,
        options=({}, {"rtol": 1e-3}, {"atol": 1e-3}, {"rcond": 1e-3}),
        values=[
            *[Call(singular(rank, 3)).tagged(f"rank {rank}") for rank in (0, 1, 2)],
            Call(Const(fixed(conditioned, (3, 3))), rtol=0.7),
            Call(Const(fixed(conditioned, (3, 3))), atol=1.2, rtol=0.5),
            Call(Const(fixed(conditioned, (2, 3, 3))), atol=Const(np.array([0.0, 1.2]))),
            Call(Const(fixed(conditioned, (3, 3))), atol=Const(np.array([[0.0], [1.2]])), rtol=Const(np.array(0.1))),
            Call(Const(np.diag([1.0, -2.0, 1e-9])), hermitian=True, rtol=1e-3),
            Call(fixed(conditioned, (3, 3)) + fixed(conditioned, (3, 3)).T, hermitian=True),
        ],
        errors=[
            (Call(fixed(), hermitian=True), RuntimeError),
            (Call(fixed(), rcond=1e-3, atol=1e-3), TypeError),
        ],
        loose=4,
    ),
    of_matrices("pinverse", square=False, loose=4),
    entry(
        "linalg.matrix_rank",
        *[Call(singular(rank, n)) for rank, n in ((0, 2), (1, 3), (3, 3), (0, 0))],
        *[Call(fixed(conditioned, shape)) for shape in ((3, 2), (2, 2, 3), (2, 0), (0, 3, 2))],
        Call(np.diag([1.0, 1e-3, 1e-8]), atol=1e-2, rtol=1e-9),
        Call(np.diag([1.0, 1e-3, 1e-8]), rtol=1e-4),
        Call(np.diag([100.0, 0.1, 1e-8]), 0.2),
        Call(np.diag([100.0, -0.1, 1e-8]), hermitian=True, tol=0.2),
        Call(np.diag([1.0, -1e-3, 1e-8]), hermitian=True),
        Call(fixed(conditioned, (2, 3, 3)), atol=Const(np.array([0.0, 1.2]))),
        Call(fixed(conditioned, (3, 3)), atol=Const(np.array([0.0, 1.2])), rtol=Const(np.array([0.0, 0.0]))),
        Call(fixed(conditioned, (3, 3)), Const(np.array(1.2))),
        values=[
            *[Call(typed(each, (3, 2), conditioned)).tagged(each) for each in DTYPES],
            Call(np.full((2, 2), np.nan)).tagged("nan"),
        ],
        errors=[
            *refused(square=False),
            (Call(fixed(), hermitian=True), RuntimeError),
            (Call(fixed(), tol=1e-3, atol=1e-3), TypeError),
        ],
        grad=False,
    ),
    entry(
        "linalg.multi_dot",
        chain((2, 3), (3, 2)),
        chain((3,), (3, 2)),
        chain((2, 3), (3,)),
        chain((3,), (3,)),
        chain((3,), (3, 2), (2,)),
        chain((1, 3), (3, 2), (2, 3)),
        chain((2, 3), (3, 1), (1, 3), (3, 2)),
        chain((0, 3), (3, 2)),
        values=[chain((2, 3), (3, 2), dtype=each) for each in DTYPES],
        errors=[
            (chain((2, 3)), RuntimeError),
            (chain((2, 3), (2, 3)), RuntimeError),
            (chain((2, 3), (3,), (3, 2)), RuntimeError),
            (chain((2, 3), (2, 3, 2)), RuntimeError),
            (chain((), (3, 2)), RuntimeError),
            (Call([fixed(shape=(2, 3)), typed("float32", (3, 2))]), RuntimeError),
            (Call([fixed(shape=(2, 3)), [1.0]]), TypeError),
        ],
        draw=chains(),
    ),
    entry(
        "linalg.vecdot",
        *[Call(fixed(shape=a), fixed(shape=b, seed=1)) for a, b in (((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (2, 3)))],
        *[Call(fixed(shape=(2, 3), layout=each), fixed(shape=(2, 3), seed=1), dim=0) for each in LAYOUTS],
        Call(fixed(shape=()), fixed(shape=(), seed=1)),
        Call(fixed(shape=(2, 0)), fixed(shape=(2, 0))),
        values=[Call(typed(a), typed(b)).tagged(f"{a}, {b}") for a in DTYPES for b in (a, "float32")],
        errors=[
            (Call(fixed(shape=(3,)), fixed(shape=(4,))), RuntimeError),
            (Call(fixed(), fixed(), dim=2), IndexError),
            (Call(fixed(), [1.0]), TypeError),
        ],
        draw=broadcastable(real, real, min_side=1).map(lambda pair: Call(*pair)),
    ),
    entry(
        "linalg.cross",
        *[Call(fixed(shape=a), fixed(shape=b, seed=1)) for a, b in (((3,), (3,)), ((2, 3), (1, 3)), ((3, 3), (3, 3)))],
        Call(fixed(shape=(3, 2)), fixed(shape=(3, 2), seed=1), dim=0),
        values=[Call(typed(each, (2, 3)), typed(each, (2, 3), seed=3)).tagged(each) for each in DTYPES],
        errors=[
            (Call(fixed(shape=(3, 2)), fixed(shape=(3, 2))), RuntimeError),
            (Call(fixed(shape=(2, 3)), fixed(shape=(3,))), RuntimeError),
            (Call(fixed(shape=(2, 3)), typed("float32", (2, 3))), RuntimeError),
        ],
        draw=st.tuples(arrays(shape=(2, 3)), arrays(shape=(1, 3))).map(lambda pair: Call(*pair)),
    ),
    entry(
        "linalg.diagonal",
        *[Call(fixed(shape=shape)) for shape in ((3, 3), (2, 3), (2, 3, 2), (0, 2))],
        Call(fixed(shape=(2, 3, 3)), offset=1, dim1=0, dim2=2),
        Call(fixed(shape=(3, 3)), offset=-1),
        errors=[
            (Call(fixed(shape=(3,))), IndexError),
            (Call(fixed(), dim1=0, dim2=0), RuntimeError),
            (Call(fixed(), dim1=5), IndexError),
        ],
        draw=arrays(min_ndim=2).map(Call),
    ),
    entry(
        "linalg.vander",
        *[Call(fixed(nonzero, shape)) for shape in ((3,), (2, 3), (2, 1, 2))],
        *[Call(fixed(nonzero, (3,), layout), N=4) for layout in FULL],
        Call(fixed(nonzero, ()), N=3),
        Call(fixed(nonzero, (0,)), N=2),
        values=[Call(typed(each, (3,)), N=3).tagged(each) for each in DTYPES] + [Call(np.zeros(2), N=3)],
        errors=[(Call(fixed(shape=(3,)), N=n), RuntimeError) for n in (0, 1, -1)]
        + [(Call(fixed(shape=(1,))), RuntimeError), (Call([1.0]), TypeError)],
        draw=arrays(nonzero, min_ndim=1, min_side=2).map(Call),
    ),
]
