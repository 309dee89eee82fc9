"""Entries of further losses: likelihoods, margins, alignments."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed
from tests.table._format import Call, Const, Entry, Make, entry
from tests.table._strategies import (
    LAYOUTS,
    Array,
    Draw,
    arrays,
    away_from,
    between,
    distinct,
    positive,
    real,
    shapes,
    truth,
    values_in,
    whole,
)
from tests.table.nn_functional import FLOATING, REDUCTIONS, WEIGHTS, alike, mixture, pointwise


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """1 or −1."""
    return np.asarray(rng.choice((-1.0, 1.0), shape))


def median(*args: Any, **kwargs: Any) -> tuple[Call, type[Exception]]:
    """A call with a reduction that there is not."""
    return Call(*args, **kwargs, reduction="median"), ValueError


def refused(kind: type[Exception], *calls: Call) -> list[tuple[Call, type[Exception]]]:
    """Calls that raise an exception of one class."""
    return [(call, kind) for call in calls]


def flags(*args: Any, **kwargs: Any) -> list[Call]:
    """Calls with the deprecated flags."""
    return [
        Call(*args, **kwargs, size_average=average, reduce=reduce)
        for average, reduce in ((False, None), (None, False), (True, True))
    ]


# ---------------------------------------------------------------------- likelihoods

MEAN, SEEN, VARIANCE = fixed(), fixed(seed=1), fixed(positive, seed=2)
COUNTS = between(0, 6, avoid=(1,))

LIKELIHOODS = [
    entry(
        "nn.functional.gaussian_nll_loss",
        *[Call(MEAN, SEEN, VARIANCE, reduction=each, full=full) for each in REDUCTIONS for full in (False, True)],
        Call(MEAN, SEEN, fixed(positive, (2, 1), seed=3)),
        Call(MEAN, SEEN, fixed(positive, (2,), seed=3)),
        Call(MEAN, SEEN, fixed(positive, (1, 3), seed=3), reduction="none"),
        Call(MEAN, SEEN, 1.5),
        Call(fixed(layout="permuted"), fixed(layout="negative"), fixed(positive, layout="strided")),
        Call(fixed(shape=()), fixed(shape=(), seed=1), fixed(positive, ())),
        draw=st.tuples(alike(real, real, positive), st.booleans(), st.sampled_from(REDUCTIONS)).map(
            lambda drawn: Call(*drawn[0], full=drawn[1], reduction=drawn[2])
        ),
        values=[
            *[
                Call(typed(each), typed(each, seed=2), typed(each, domain=positive), full=True).tagged(each)
                for each in FLOATING
            ],
            Call(typed("float32"), typed("float64"), typed("float32", domain=positive)).tagged("promoted"),
            Call(typed("int64"), typed("int64", seed=2), typed("float32", domain=positive)).tagged("integers"),
            Call(MEAN, SEEN, VARIANCE * 0, reduction="none").tagged("no variance"),
            Call(MEAN, SEEN, VARIANCE, eps=2.0, reduction="none").tagged("clamped"),
            Call(MEAN, fixed(shape=(3,)), VARIANCE).tagged("broadcast"),
            Call(MEAN[:0], SEEN[:0], VARIANCE[:0]).tagged("empty"),
            Call(np.array([np.nan, np.inf, 1.0]), np.ones(3), np.array([1.0, 1.0, np.inf]), reduction="none"),
        ],
        errors=[
            median(MEAN, SEEN, VARIANCE),
            *refused(
                ValueError,
                Call(MEAN, SEEN, -VARIANCE),
                Call(MEAN, SEEN, -1.0),
                Call(MEAN, SEEN, VARIANCE[:, :2]),
                Call(MEAN, SEEN, fixed(positive, ())),
            ),
            (Call(MEAN, SEEN, 2), TypeError),
            (Call(MEAN, SEEN, np.ones((2, 3), "int64")), RuntimeError),
        ],
    ),
    pointwise(
        "poisson_nll_loss", positive, COUNTS,
        ({}, {"full": True}, {"log_input": False}, {"log_input": False, "full": True, "eps": 0.1}),
        values=[
            Call(fixed(), fixed(shape=(3,))).tagged("broadcast"),
            Call(typed("float32"), typed("uint8"), full=True).tagged("counts"),
            Call(typed("uint8"), typed("uint8"), full=True).tagged("integers"),
            Call(np.array([0.0, 2.0]), Const(np.array([0.0, 1.0])), False, True, reduction="none").tagged("zeros"),
            Call(np.array([np.nan, np.inf, -np.inf]), Const(np.ones(3)), reduction="none").tagged("special"),
            *flags(fixed(), fixed(positive)),
        ],
    ),
]  # fmt: skip

# ---------------------------------------------------------------------- margins

PAIR_SIGNS = np.array([1, -1])
FIRST, SECOND, THIRD = fixed(), fixed(seed=1), fixed(seed=2)
TIES = np.array([0.0, 1.0, -1.0, 0.5, 2.0])
UP = np.ones(5)


@st.composite
def vectors(draw: Draw, max_ndim: int) -> tuple[Array, Array]:
    """Two arrays of vectors along the last dimension that are not parallel: parallel ones have a gradient of noise."""
    shape = (*draw(shapes(max_ndim - 1, max_ndim - 1, min_side=1)), draw(st.integers(2, 3)))
    first, second = (values_in(draw, real, shape, layouts=LAYOUTS[:4]) for _ in range(2))
    return abs(first) + np.arange(shape[-1]), abs(second)[..., ::-1] + np.arange(shape[-1])[::-1]


@st.composite
def scored_classes(draw: Draw) -> Call:
    samples, count = draw(st.integers(1, 3)), draw(st.integers(2, 4))
    target = values_in(draw, whole(0, count), (samples,))
    scores = values_in(draw, distinct, (samples, count), layouts=[each for each in LAYOUTS if each != "broadcast"])
    named = {"weight": Const(np.linspace(0.5, 1.5, count))} if draw(st.booleans()) else {}
    return Call(scores, target, draw(st.sampled_from((1, 2))), 0.3333, reduction=draw(REDUCED), **named)


REDUCED = st.sampled_from(REDUCTIONS)
SCORES, CHOSEN = fixed(distinct, (4, 3)), np.array([0, 1, 2, 1])
SEVERAL = np.array([[2, 0, -1], [1, -1, 0], [-1, 0, 1], [0, 1, 2]])

PAIRS = [
    entry(
        "nn.functional.cosine_embedding_loss",
        *[Call(FIRST, SECOND, PAIR_SIGNS, 0.1, reduction=each) for each in REDUCTIONS],
        Call(FIRST[0], SECOND[0], np.array(1)),
        Call(fixed(layout="permuted"), fixed(layout="strided", seed=1), Const(np.array([-1.0, -1.0])), -2.0),
        draw=st.tuples(vectors(2), REDUCED).map(
            lambda drawn: Call(*drawn[0], np.resize(PAIR_SIGNS, len(drawn[0][0])), -1.5, reduction=drawn[1])
        ),
        values=[
            *[Call(typed(each), typed(each, seed=2), PAIR_SIGNS, reduction="none").tagged(each) for each in FLOATING],
            Call(np.array([[3.0, 4.0]], "float32"), np.array([[5.0, 12.0]]), PAIR_SIGNS[:1]).tagged("promoted"),
            Call(typed("int64"), typed("int32", seed=2), PAIR_SIGNS).tagged("integers"),
            Call(FIRST, SECOND, np.array([0, 2]), reduction="none").tagged("neither"),
            Call(FIRST, SECOND, np.array([-1]), reduction="none").tagged("broadcast"),
            Call(FIRST * 0, SECOND, PAIR_SIGNS, reduction="none").tagged("zero"),
            Call(FIRST[:0], SECOND[:0], PAIR_SIGNS[:0]).tagged("empty"),
            Call(FIRST * 1e200, SECOND * 1e200, Const(np.array([1, -1])), -1.5, reduction="none").tagged("huge"),
            *flags(FIRST, SECOND, PAIR_SIGNS),
        ],
        errors=[
            median(FIRST, SECOND, PAIR_SIGNS),
            *refused(
                RuntimeError,
                Call(FIRST, SECOND, PAIR_SIGNS[None]),
                Call(FIRST[0], SECOND[0], np.array([1])),
                Call(FIRST, SECOND, np.array(1)),
                Call(FIRST, SECOND, np.array([1, 1, 1])),
                Call(FIRST, SECOND[:, :2], PAIR_SIGNS),
            ),
            (Call(FIRST, SECOND, 1), TypeError),
        ],
    ),
    pointwise(
        "hinge_embedding_loss", away_from(1, 0.5), signs, ({}, {"margin": 0.5}),
        values=[
            Call(fixed(), np.array([1, -1, 0]), reduction="none").tagged("broadcast"),
            Call(typed("int64"), np.array([1, -1, 0]), margin=2.7, reduction="none").tagged("integers"),
            Call(typed("float32"), typed("float64", domain=signs), reduction="none").tagged("float32, float64"),
            Call(TIES, -UP, reduction="none").tagged("kinks"),
            *flags(fixed(), fixed(signs)),
        ],
        errors=[
            (Call(fixed(), np.array([1, -1])), RuntimeError),
            (Call(typed("bool"), typed("int64")), RuntimeError),
            (Call(typed("int64"), typed("int64")), RuntimeError),
            (Call(1.0, fixed(signs)), TypeError),
        ],
        grad=(0,),
    ),
    entry(
        "nn.functional.margin_ranking_loss",
        *[
            Call(FIRST, SECOND, fixed(signs, seed=3), margin, reduction=each)
            for each in REDUCTIONS for margin in (0, 0.3)
        ],
        Call(fixed(shape=()), fixed(shape=(), seed=1), fixed(signs, ())),
        Call(FIRST, fixed(shape=(1, 3), seed=1), fixed(signs, (2, 1))),
        Call(fixed(layout="permuted"), fixed(layout="negative", seed=1), fixed(signs)),
        draw=st.tuples(alike(between(3, 5), real, signs, min_side=1), REDUCED).map(
            lambda drawn: Call(*drawn[0], 0.1, reduction=drawn[1])
        ),
        values=[
            *[
                Call(typed(each), typed(each, seed=2), typed(each, domain=signs), reduction="none").tagged(each)
                for each in (*FLOATING, "int64")
            ],
            Call(typed("int64"), typed("int64", seed=2), np.ones((1, 1), "int64"), 0.5, reduction="none"),
            Call(typed("float32"), typed("float64"), np.ones((1, 1), "int64")).tagged("promoted"),
            Call(TIES, TIES, UP, reduction="none").tagged("kinks"),
            Call(FIRST[:0], SECOND[:0], THIRD[:0]).tagged("empty"),
            *flags(FIRST, SECOND, fixed(signs)),
        ],
        errors=[
            median(FIRST, SECOND, THIRD),
            *refused(
                RuntimeError,
                Call(FIRST, SECOND, PAIR_SIGNS),
                Call(FIRST, SECOND[:, :2], THIRD),
                Call(FIRST, SECOND, typed("bool")),
            ),
        ],
    ),
    pointwise(
        "soft_margin_loss", real, signs,
        values=[
            Call(fixed(), np.array([1, -1, 1]), reduction="none").tagged("broadcast"),
            Call(typed("float32"), typed("float64", domain=signs)).tagged("float32, float64"),
            Call(np.array([40.0, 700.0, -30.0]), UP[:3], reduction="none").tagged("large"),
            Call(np.array([-1e4, 1e4, np.nan]), UP[:3], reduction="none").tagged("huge"),
            Call(np.array([-1e4, 1e4], "float32"), UP[:2].astype("float32"), reduction="none").tagged("huge"),
            *flags(fixed(), fixed(signs)),
        ],
        errors=refused(RuntimeError, Call(typed("int64"), typed("int64")), Call(fixed(), fixed(signs, (2,)))),
        grad=(0,),
    ),
]  # fmt: skip

BY_CLASS = [
    entry(
        "nn.functional.multi_margin_loss",
        *[
            Call(SCORES, CHOSEN, p, margin, weight=weight, reduction=each)
            for each in REDUCTIONS for p, margin, weight in ((1, 1.0, None), (2, 0.333, WEIGHTS), (1, -0.05, WEIGHTS))
        ],
        Call(SCORES[0], np.array(0)),
        Call(SCORES[0], np.array([0]), reduction="none"),
        Call(fixed(distinct, (4, 3), "permuted"), CHOSEN),
        draw=scored_classes(),
        values=[
            Call(typed("float32", (4, 3)), CHOSEN).tagged("float32"),
            Call(SCORES, CHOSEN, 2.0).tagged("p 2.0"),
            Call(fixed(shape=()), np.array(0), reduction="none").tagged("0-d"),
            Call(SCORES[:0], CHOSEN[:0], reduction="none").tagged("empty"),
            Call(np.array([[1.0, 0.0, 2.0]]), np.array([0]), reduction="none").tagged("kinks"),
            Call(np.array([[1.0, np.inf, 2.0], [1.0, -np.inf, 2.0]]), np.array([0, 2]), reduction="none"),
            Call(np.array([[np.nan, 1.0], [1.0, np.nan]]), np.array([0, 0]), reduction="none").tagged("nan"),
            *flags(SCORES, CHOSEN),
        ],
        errors=[
            median(SCORES, CHOSEN),
            *refused(ValueError, Call(SCORES, CHOSEN, 3), Call(SCORES, CHOSEN, weight=Const(np.ones((1, 3))))),
            *refused(
                RuntimeError,
                Call(SCORES, CHOSEN[:3]),
                Call(SCORES, CHOSEN[:, None]),
                Call(SCORES, CHOSEN + 1),
                Call(SCORES, CHOSEN - 1),
                Call(SCORES, CHOSEN.astype("int32")),
                Call(SCORES, Const(CHOSEN.astype("float64"))),
                Call(SCORES[0], CHOSEN[:2]),
                Call(SCORES[None], CHOSEN),
                Call(SCORES[:, :0], CHOSEN),
                Call(SCORES, CHOSEN, weight=Const(np.ones(2))),
                Call(SCORES, CHOSEN, weight=Const(np.ones(3, "float32"))),
                Call(typed("int64", (4, 3)), CHOSEN),
                Call(typed("float16", (4, 3)), CHOSEN),
            ),
        ],
        relative_to="element",
    ),
    entry(
        "nn.functional.multilabel_margin_loss",
        *[Call(SCORES, SEVERAL, reduction=each) for each in REDUCTIONS],
        Call(SCORES[0], SEVERAL[0]),
        Call(fixed(distinct, (4, 3), "strided"), SEVERAL),
        Call(SCORES, np.full((4, 3), -1)),
        draw=st.tuples(st.permutations(range(4)), st.sampled_from(LAYOUTS[:4]), REDUCED).map(
            lambda drawn: Call(
                fixed(distinct, (4, 3), drawn[1], drawn[0][0]), SEVERAL[list(drawn[0])], reduction=drawn[2]
            )
        ),
        values=[
            Call(typed("float32", (4, 3)), SEVERAL).tagged("float32"),
            Call(SCORES[:1], np.array([[1, 1, -1]])).tagged("twice"),
            Call(fixed(shape=()), np.array(0), reduction="none").tagged("0-d"),
            Call(fixed(shape=()), np.array(-1), reduction="none").tagged("0-d"),
            Call(SCORES[:0], SEVERAL[:0], reduction="none").tagged("empty"),
            Call(np.array([[1.0, 0.0, 2.0]]), np.array([[0, -1, 0]]), reduction="none").tagged("kinks"),
            Call(np.array([[np.nan, 1.0]]), np.array([[0, -1]])).tagged("nan"),
            *flags(SCORES, SEVERAL),
        ],
        errors=[
            median(SCORES, SEVERAL),
            *refused(
                RuntimeError,
                Call(SCORES, SEVERAL[:, :2]),
                Call(SCORES, SEVERAL[:3]),
                Call(SCORES[0], SEVERAL[:1]),
                Call(SCORES, SEVERAL + 1),
                Call(SCORES, SEVERAL - 1),
                Call(SCORES[:1], np.array([[0, -1, 7]])),
                Call(SCORES, SEVERAL.astype("int32")),
                Call(SCORES[None], SEVERAL[None]),
                Call(SCORES[:, :0], SEVERAL[:, :0]),
                Call(typed("int64", (4, 3)), SEVERAL),
                Call(typed("float16", (4, 3)), SEVERAL),
            ),
        ],
        relative_to="element",
    ),
    entry(
        "nn.functional.multilabel_soft_margin_loss",
        *[
            Call(FIRST, fixed(between(0, 1), seed=1), weight, reduction=each)
            for each in REDUCTIONS for weight in (None, fixed(positive, (3,)))
        ],
        Call(FIRST[0], fixed(between(0, 1), (3,))),
        Call(fixed(shape=(2, 3, 2), layout="permuted"), fixed(between(0, 1), (2,)), reduction="none"),
        draw=st.tuples(alike(real, between(0, 1), min_ndim=1, min_side=1), REDUCED).map(
            lambda drawn: Call(*drawn[0], reduction=drawn[1])
        ),
        values=[
            *[Call(typed(each), typed(each, domain=between(0, 1))).tagged(each) for each in FLOATING],
            Call(typed("float32"), typed("int64", domain=truth)).tagged("float32, int64"),
            Call(FIRST, SECOND, np.ones((2, 2, 3)), reduction="none").tagged("larger weight"),
            Call(np.array([[1e4, -1e4, 40.0]]), np.array([[0.0, 1.0, 1.0]]), reduction="none").tagged("huge"),
            Call(FIRST[:, :0], SECOND[:, :0]).tagged("no classes"),
            Call(FIRST[:0], SECOND[:0]).tagged("empty"),
            *flags(FIRST, SECOND),
        ],
        errors=[
            median(FIRST, SECOND),
            (Call(fixed(shape=()), fixed(shape=())), IndexError),
            *refused(
                RuntimeError,
                Call(FIRST, SECOND[:, :2]),
                Call(FIRST, SECOND, fixed(shape=(2,))),
                Call(FIRST, typed("bool")),
                Call(typed("int64"), SECOND),
            ),
        ],
    ),
]  # fmt: skip

TRIPLE = (FIRST, SECOND, THIRD)


@st.composite
def triplets(draw: Draw) -> tuple[Array, ...]:
    """Far positives and near negatives: no kink."""
    shape = draw(shapes(min_ndim=1, max_ndim=2, min_side=1))
    return tuple(values_in(draw, each, shape) for each in (between(0, 1), between(6, 8), between(2, 3)))


TRIPLETS = [
    entry(
        "nn.functional.triplet_margin_loss",
        *[
            Call(*TRIPLE, margin, reduction=each, **more)
            for each in REDUCTIONS
            for margin, more in ((1.0, {}), (5.0, {"swap": True}), (2.0, {"p": 1.0}), (2.0, {"p": 3, "eps": 0.1}))
        ],
        Call(FIRST[0], SECOND[0], THIRD[0], 5.0, float("inf")),
        Call(fixed(shape=(2, 3, 2)), fixed(shape=(2, 3, 2), layout="permuted", seed=1), fixed(shape=(1, 3, 2)), 9.0),
        draw=st.tuples(triplets(), REDUCED, st.booleans()).map(
            lambda drawn: Call(*drawn[0], reduction=drawn[1], swap=drawn[2])
        ),
        values=[
            *[Call(*[typed(each, seed=k) for k in range(3)], 9.0).tagged(each) for each in (*FLOATING, "int64")],
            *[Call(*TRIPLE, p=p).tagged(f"p {p}") for p in (0, -1, 0.5, float("-inf"))],
            Call(FIRST, SECOND, SECOND, reduction="none").tagged("kink"),
            Call(FIRST, FIRST - 1e-6, FIRST - 1e-6, reduction="none").tagged("at distance 0"),
            Call(*[fixed(shape=(), seed=k) for k in range(3)]).tagged("0-d"),
            Call(*[each[:0] for each in TRIPLE]).tagged("empty"),
            *flags(*TRIPLE),
        ],
        errors=[
            median(*TRIPLE),
            (Call(*TRIPLE, margin=0), ValueError),
            (Call(FIRST, SECOND, THIRD[0]), RuntimeError),
            (Call(FIRST, SECOND, THIRD[:, :2]), RuntimeError),
            (Call(FIRST, SECOND, 1.0), TypeError),
        ],
    ),
    entry(
        "nn.functional.triplet_margin_with_distance_loss",
        *[Call(*TRIPLE, margin=5.0, swap=swap, reduction=each) for each in REDUCTIONS for swap in (False, True)],
        Call(*TRIPLE, margin=5.0, distance_function=Make(lambda lib: lambda x, y: ((x - y) ** 2).sum(-1))),
        Call(*TRIPLE, margin=5.0, distance_function=Make(lambda lib: lib.nn.PairwiseDistance(1.0))),
        draw=triplets().map(lambda drawn: Call(*drawn)),
        errors=[
            median(*TRIPLE),
            (Call(*TRIPLE, margin=-1), ValueError),
            (Call(FIRST, SECOND, THIRD[0]), RuntimeError),
        ],
    ),
]

# ---------------------------------------------------------------------- alignments

LOG_P = np.log(mixture((2, 4, 6))).transpose(2, 0, 1)  # 6 times, 2 samples, 4 classes
LABELS = np.array([[1, 2, 2], [3, 1, 0]])
JOINED = np.array([1, 2, 2, 3, 1])
STEPS, SIZES = np.array([6, 5]), np.array([3, 2])
ALIGNED = (LOG_P, LABELS, STEPS, SIZES)
HOLED = LOG_P.copy()
HOLED[2, 0, 0] = HOLED[1, 1, 3] = -np.inf
UNREAD = LOG_P.copy()
UNREAD[5, 1] = np.nan


@st.composite
def alignments(draw: Draw) -> Call:
    times, samples, number = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(2, 4))
    sizes = np.array(draw(st.lists(st.integers(0, times // 2), min_size=samples, max_size=samples)))
    steps = np.array([draw(st.integers(max(2 * size, 1), times)) for size in sizes])
    blank = draw(st.integers(0, number - 1))
    labels = values_in(draw, whole(0, number), (samples, int(sizes.max()) + 1))
    scores = values_in(draw, between(-3, 0), (times, samples, number))
    return Call(scores, labels, steps, sizes, blank, draw(REDUCED))


ALIGNMENTS = [
    entry(
        "nn.functional.ctc_loss",
        *[Call(*ALIGNED, reduction=each) for each in REDUCTIONS],
        Call(LOG_P, JOINED, (6, 5), (3, 2), reduction="none"),
        Call(LOG_P, LABELS, STEPS, np.array([0, 2]), reduction="none"),
        Call(LOG_P, np.array([[1, 2, 2], [0, 1, 3]]), STEPS, SIZES, 3, "none"),
        Call(LOG_P[:, 0], LABELS[0], np.array(6), np.array(3), reduction="none"),
        Call(LOG_P[:, 0], LABELS[0], (6,), [3]),
        Call(LOG_P, LABELS, np.array([3, 5]), SIZES, 0, "none", True).tagged("too short, zeroed"),
        Call(LOG_P[:1], LABELS, np.array([1, 1]), np.array([1, 0]), reduction="sum"),
        draw=alignments(),
        values=[
            Call(LOG_P.astype("float32"), LABELS.astype("int32"), STEPS.astype("int32"), SIZES).tagged("float32"),
            *[Call(LOG_P, Const(LABELS.astype(each)), STEPS, SIZES).tagged(each) for each in ("int16", "float32")],
            Call(LOG_P, LABELS, STEPS[None], SIZES[None]).tagged("lengths in two dimensions"),
            Call(LOG_P, LABELS, np.array([3, 5]), SIZES, reduction="none").tagged("too short"),
            Call(LOG_P, LABELS, np.array([0, 5]), np.array([0, 2]), reduction="none").tagged("no time"),
            Call(LOG_P, LABELS, np.array([0, 5]), SIZES, reduction="none").tagged("no time"),
            Call(LOG_P, LABELS, np.array([0, 5]), SIZES, 0, "none", True).tagged("no time, zeroed"),
            Call(LOG_P, JOINED[:0], STEPS, np.array([0, 0])).tagged("no labels"),
            Call(LOG_P, LABELS[:, :0], STEPS, np.array([0, 0])).tagged("no labels"),
            Call(LOG_P, np.array([[1, 0, 2], [3, 1, 0]]), STEPS, SIZES, reduction="none").tagged("blank as label"),
            Call(LOG_P, np.array([[1, 2, 2], [3, 1, 9]]), STEPS, SIZES, reduction="none").tagged("filled up"),
            Call(LOG_P[:, 0], LABELS[:1], (6,), (3,), reduction="none").tagged("one sample in two dimensions"),
            Call(HOLED, LABELS, STEPS, SIZES, reduction="none").tagged("impossible classes"),
            Call(UNREAD, LABELS, STEPS, SIZES, reduction="none").tagged("unread nan"),
            Call(LOG_P * 1e4, LABELS, STEPS, SIZES, reduction="none").tagged("huge"),
        ],
        errors=[
            median(*ALIGNED),
            *refused(
                RuntimeError,
                Call(*ALIGNED, 4),
                Call(*ALIGNED, -1),
                Call(LOG_P, LABELS, STEPS[:1], SIZES),
                Call(LOG_P, LABELS, STEPS, SIZES[:1]),
                Call(LOG_P, LABELS, STEPS + 1, SIZES),
                Call(LOG_P, LABELS, -STEPS, SIZES),
                Call(LOG_P, LABELS, STEPS, -SIZES),
                Call(LOG_P, LABELS, STEPS, SIZES + 1),
                Call(LOG_P, LABELS[:1], STEPS, SIZES),
                Call(LOG_P, LABELS[None], STEPS, SIZES),
                Call(LOG_P, JOINED[:4], STEPS, SIZES),
                Call(LOG_P, np.append(JOINED, 1), STEPS, SIZES),
                Call(LOG_P, np.array(1), STEPS, np.array([1, 0])),
                Call(LOG_P, LABELS, Const(STEPS.astype("float64")), SIZES),
                Call(LOG_P[:0], LABELS, STEPS * 0, SIZES * 0),
                Call(LOG_P[0, 0], LABELS, STEPS, SIZES),
                Call(LOG_P[None], LABELS, STEPS, SIZES),
                Call(LOG_P.astype("float16"), LABELS, STEPS, SIZES),
                Call(typed("int64", (6, 2, 4)), LABELS, STEPS, SIZES),
            ),
            *refused(TypeError, Call(LOG_P, LABELS, 6, 3), Call(LOG_P, LABELS, [6.0, 5.0], [3, 2])),
        ],
        relative_to="element",
    ),
]

# ---------------------------------------------------------------------- linear maps and cross-entropy in one

FEATURES, ROWS, TARGET = fixed(shape=(4, 5)), fixed(shape=(3, 5), seed=1), np.array([0, 1, 2, 0])
MANY = fixed(shape=(3, 2, 5), seed=2)

LINEAR = [
    entry(
        "nn.functional.linear_cross_entropy",
        *[Call(FEATURES, ROWS, TARGET, reduction=each, linear_bias=fixed(shape=(3,))) for each in REDUCTIONS],
        Call(FEATURES, ROWS, TARGET, weight=WEIGHTS, ignore_index=2, label_smoothing=0.1),
        Call(FEATURES, ROWS, Const(mixture((4, 3)))),
        Call(FEATURES[0], ROWS, np.array(1), reduction="none"),
        Call(FEATURES, MANY, np.array([[0, 1], [2, 0], [1, 1], [2, 2]]), linear_bias=fixed(shape=(3, 2))),
        draw=arrays(real, (4, 5)).map(lambda x: Call(x, ROWS, TARGET)),
        values=[Call(typed("float32", (4, 5)), typed("float32", (3, 5)), TARGET).tagged("float32")],
        errors=[
            median(FEATURES, ROWS, TARGET),
            *refused(
                RuntimeError,
                Call(fixed(shape=()), ROWS, TARGET),
                Call(FEATURES[None], ROWS, TARGET),
                Call(FEATURES, ROWS[0], TARGET),
                Call(FEATURES, ROWS[:, :4], TARGET),
                Call(FEATURES, ROWS, TARGET, linear_bias=fixed(shape=(5,))),
                Call(FEATURES[0], MANY, np.array(1)),
                Call(FEATURES, ROWS, Const(mixture((4, 3))), ignore_index=1),
            ),
            (Call(FEATURES, ROWS, TARGET[:3]), ValueError),
            (Call(FEATURES, ROWS, TARGET + 1), IndexError),
        ],
    ),
]

ENTRIES: list[Entry] = [*LIKELIHOODS, *PAIRS, *BY_CLASS, *TRIPLETS, *ALIGNMENTS, *LINEAR]
