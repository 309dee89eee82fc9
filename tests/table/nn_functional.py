"""Entries of ``nn.functional``: activations, softmax, losses, dropout, embeddings, linear maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed, unary
from tests.table._format import Attr, Call, Const, Entry, entry
from tests.table._strategies import (
    Array,
    Draw,
    arrays,
    away_from,
    dim_of,
    probability,
    real,
    shapes,
    values_in,
    whole,
)

HUGE = np.array([1e4, -1e4, 80.0, -80.0, 20.0, -20.0, 1e-8, -1e-8, 700.0, -700.0])
FLOATING = ("float64", "float32", "float16")


def huge(*args: Any, **kwargs: Any) -> list[Call]:
    """Arguments at which a formula that is not stable overflows."""
    return [Call(HUGE.astype(each), *args, **kwargs).tagged(f"huge {each}") for each in ("float64", "float32")]


@st.composite
def alike(draw: Draw, *domains: Any, **sides: int) -> tuple[Array, ...]:
    """One array of each domain, all of one shape."""
    shape = draw(shapes(**sides))
    return tuple(values_in(draw, each, shape) for each in domains)


def activation(name: str, domain: Any, *args: Any, **claims: Any) -> Entry:
    """An activation of ``nn.functional``, at large and special values too."""
    kwargs = claims.get("kwargs", {})
    errors = []
    if claims.pop("inplace", False):  # leaves that require a gradient cannot be written to
        errors = [(Call(fixed(domain), *args, **kwargs, inplace=True).tagged("in place"), RuntimeError)]
    values = [*huge(*args, **kwargs), *claims.pop("values", ())]
    return unary(f"nn.functional.{name}", domain, *args, values=values, errors=errors, **claims)


ACTIVATIONS = [
    activation("relu", away_from(0), inplace=True),
    activation("relu6", away_from(0, 6), inplace=True, values=[Call(np.array([0.0, 6.0, 3.0, 7.0]))]),
    activation("hardtanh", away_from(-1, 1), inplace=True, values=[Call(np.array([-1.0, 1.0])), Call(fixed(), 2, 1)]),
    activation("leaky_relu", away_from(0), inplace=True, values=[Call(fixed(), each) for each in (0.3, 2.0, -0.5)]),
    activation("threshold", away_from(0.5), 0.5, 7.0, inplace=True),
    activation("hardshrink", away_from(-0.5, 0.5), values=[Call(np.array([-0.5, 0.5, 0.6]))]),
    activation("softshrink", away_from(-0.5, 0.5),
               values=[Call(np.array([-0.5, 0.5, 0.6])), Call(fixed(), 0.9), Call(fixed(), -1)]),
    activation("hardsigmoid", away_from(-3, 3), inplace=True, values=[Call(np.array([-3.0, 3.0, 0.6, 5.0, -5.0]))]),
    activation("hardswish", away_from(-3, 3), inplace=True, values=[Call(np.array([-3.0, 0.6, 5.0, -5.0]))]),
    activation("silu", real, inplace=True),
    activation("mish", real, inplace=True),
    activation("elu", away_from(0), inplace=True, values=[Call(fixed(), 2.0)]),
    activation("celu", away_from(0), inplace=True, values=[Call(fixed(), 2.0), Call(fixed(), 0.5), Call(fixed(), 0.0)]),
    activation("selu", away_from(0), inplace=True),
    activation("gelu", real, loose=2, values=huge(approximate="tanh") + [Call(fixed(), approximate="other")]),
    activation("softplus", real, values=[Call(fixed(), 2.0, 1.0)]),
    activation("logsigmoid", real),
    activation("sigmoid", real),
    activation("tanh", real),
    activation("softsign", away_from(0)),
    activation("tanhshrink", real, relative_to="result"),
    entry(
        "nn.functional.prelu",
        Call(fixed(away_from(0), (2, 3)), fixed(shape=(1,))),
        Call(fixed(away_from(0), (2, 3)), fixed(shape=())),
        Call(fixed(away_from(0), (2, 3)), fixed(shape=(3,))),
        Call(fixed(away_from(0), (2, 3, 2)), fixed(shape=(3,))),
        draw=alike(away_from(0), min_side=1).flatmap(
            lambda drawn: arrays(real, (1,)).map(lambda weight: Call(*drawn, weight))
        ),
        values=[Call(fixed(shape=(4,)), fixed(shape=(1,)))],
        errors=[
            (Call(fixed(), fixed(shape=(1,)).astype("float32")), RuntimeError),
            (Call(typed("int64"), typed("int64", (1,))), RuntimeError),
            (Call(fixed(shape=(2, 3)), fixed(shape=(2,))), RuntimeError),
            (Call(fixed(shape=(2, 3)), fixed(shape=(3, 1))), RuntimeError),
        ],
    ),
    entry(
        "nn.functional.rrelu",
        Call(fixed(away_from(0))),
        Call(fixed(away_from(0)), 0.1, 0.2),
        draw=arrays(away_from(0)).map(Call),
    ),
    entry(
        "nn.functional.glu",
        Call(fixed(shape=(2, 4))),
        Call(fixed(shape=(4, 3)), 0),
        Call(fixed(shape=(2, 4), layout="permuted")),
        draw=shapes(min_ndim=0, max_ndim=2).flatmap(lambda s: arrays(real, (*s, 4))).map(Call),
        errors=[
            (Call(fixed(shape=(2, 3))), RuntimeError),
            (Call(fixed(shape=())), RuntimeError),
            (Call(typed("int64", (2, 4))), RuntimeError),
        ],
    ),
    entry(
        "nn.functional.gumbel_softmax",
        values=[Call(fixed()), Call(fixed(), 0.5, True), Call(fixed(), dim=0)],
        grad=False,
        compare="meta",
    ),
]


@st.composite
def along_a_dim(draw: Draw) -> Call:
    shape = draw(shapes(min_side=1))
    return Call(values_in(draw, real, shape), dim_of(draw, len(shape)))


EXTREME = np.array([[1e4, -1e4, 0.0], [3.0, 3.0, 3.0], [-1e4, -1e4, -9999.0], [1e-30, 88.0, 709.0]])
INFINITE = np.array([[np.inf, 1.0, 2.0], [-np.inf, 1.0, 2.0], [-np.inf, -np.inf, -np.inf], [np.nan, 1.0, 2.0]])


def softmaxes(name: str) -> Entry:
    """A function that normalises along a dimension."""
    return entry(
        name,
        Call(fixed(), 0),
        Call(fixed(), -1),
        Call(fixed(shape=(2, 3, 2), layout="permuted"), 1),
        Call(fixed(shape=()), 0),
        Call(fixed(shape=(0, 3)), 1),
        Call(fixed(shape=(3, 0)), 1),
        draw=along_a_dim(),
        values=[
            *[Call(EXTREME.astype(each), dim).tagged(f"extreme {each}") for each in FLOATING[:2] for dim in (0, 1)],
            *[Call(INFINITE.astype(each), 1).tagged(f"infinite {each}") for each in FLOATING[:2]],
            *[Call(typed(each), 1).tagged(each) for each in FLOATING],
            Call(typed("int64"), 1, dtype=Attr("float32")),
            Call(typed("float32"), 1, dtype=Attr("float64")),
        ],
        errors=[
            (Call(typed("int64"), 1), RuntimeError),
            (Call(typed("bool"), 1), RuntimeError),
            (Call(fixed(), 2), IndexError),
        ],
    )


SOFTMAXES = [
    *[softmaxes(each) for each in ("softmax", "log_softmax")],
    *[softmaxes(f"nn.functional.{each}") for each in ("softmin",)],
    *[
        entry(
            f"nn.functional.{each}",
            Call(fixed(), dim=1),
            draw=along_a_dim(),
            values=[Call(fixed()), Call(fixed(shape=(2, 2, 2)))],
        )
        for each in ("softmax", "log_softmax")
    ],
]

# ---------------------------------------------------------------------- losses

REDUCTIONS = ("mean", "sum", "none")


def pointwise(name: str, left: Any, right: Any, settings: tuple[dict[str, Any], ...] = ({},), **claims: Any) -> Entry:
    """A loss of two tensors of one shape."""
    reductions = claims.pop("reductions", REDUCTIONS)
    cases = [
        Call(fixed(left), fixed(right, seed=1), reduction=each, **more) for each in reductions for more in settings
    ]
    cases += [
        Call(fixed(left, shape), fixed(right, shape, "permuted", 1), reduction="sum", **settings[0])
        for shape in ((), (2, 3, 2))
    ]
    values = [
        *[Call(typed(each, domain=left), typed(each, domain=right, seed=2)).tagged(each) for each in FLOATING],
        Call(Const(fixed(left, (0, 3))), Const(fixed(right, (0, 3)))).tagged("empty mean"),
        Call(fixed(left, (0, 3)), fixed(right, (0, 3)), reduction="sum").tagged("empty sum"),
        *claims.pop("values", ()),
    ]
    errors = [(Call(fixed(left), fixed(right), reduction="median"), ValueError), *claims.pop("errors", ())]
    draw = st.tuples(alike(left, right, min_side=1), st.sampled_from(reductions), st.sampled_from(settings)).map(
        lambda drawn: Call(*drawn[0], reduction=drawn[1], **drawn[2])
    )
    return entry(f"nn.functional.{name}", *cases, draw=draw, values=values, errors=errors, **claims)


def apart(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of [5, 8] or so: differences from [−3, 3] have no kink."""
    return np.asarray(rng.uniform(5, 8, shape))


DIFFERING = [
    Call(fixed(), fixed(shape=(3,))).tagged("broadcast"),
    Call(typed("float32"), typed("float64", seed=2)).tagged("float32, float64"),
    Call(typed("float32"), typed("int64", seed=2)).tagged("float32, int64"),
]
ONE_END, OTHER_END = np.array([1e4, -1e4, 1e30, np.inf, np.nan]), np.array([-1e4, 1e4, -1e30, 1.0, 0.0])
FAR = [
    Call(ONE_END.astype(each), OTHER_END.astype(each), reduction="none").tagged(f"far {each}")
    for each in ("float64", "float32")
]
KINKS = [Call(np.array([0.0, 1.0, -1.0, 0.5, 2.0]), np.zeros(5), reduction="none").tagged("kinks")]
MISMATCH = [Call(fixed(shape=(4, 3)), fixed(shape=(4, 2))).tagged("other shapes")]

EDGES = np.array([0.0, 1.0, 1.0, 1.0, 0.0])
SCORES = np.array([1e4, -1e4, 80.0, -80.0, 0.0, 30.0, -30.0])
ANSWERS = np.array([1.0, 0.0, 0.0, 1.0, 0.5, 1.0, 0.0])

POINTWISE = [
    pointwise(
        "mse_loss", real, real,
        values=[
            *DIFFERING, *MISMATCH, *FAR,
            *[Call(fixed(), fixed(seed=1), reduction=each, weight=fixed(probability, seed=3)) for each in REDUCTIONS],
        ],
        errors=[
            (Call(typed("int64"), typed("int64")), RuntimeError),
            (Call(fixed(), fixed(), weight=fixed(shape=(3,))), ValueError),
        ],
    ),
    pointwise(
        "l1_loss", real, apart,
        values=[
            *DIFFERING, *MISMATCH, *FAR, *KINKS,
            *[Call(fixed(), fixed(seed=1), reduction=each, weight=fixed(probability, seed=3)) for each in REDUCTIONS],
            Call(typed("int64"), typed("int64", seed=2), reduction="sum"),
        ],
    ),
    pointwise(
        "smooth_l1_loss", real, apart, ({}, {"beta": 0.5}, {"beta": 20.0}, {"beta": 0.0}),
        values=[*DIFFERING[1:], *MISMATCH, *FAR, *KINKS],
        errors=[(Call(fixed(), fixed(), beta=-1.0), RuntimeError)],
    ),
    pointwise(
        "huber_loss", real, apart, ({}, {"delta": 0.5}, {"delta": 20.0}),
        values=[
            *DIFFERING[1:], *MISMATCH, *FAR, *KINKS,
            *[Call(fixed(), fixed(seed=1), reduction=each, weight=fixed(probability, seed=3)) for each in REDUCTIONS],
        ],
        errors=[(Call(fixed(), fixed(), delta=0.0), RuntimeError)],
    ),
    pointwise(
        "binary_cross_entropy", probability, probability, ({}, {"weight": fixed(probability, (), seed=3)}),
        values=[
            Call(EDGES, Const(EDGES[::-1].copy()), reduction="none").tagged("edges"),
            Call(fixed(probability), fixed(probability), fixed(probability, (3,), seed=3)).tagged("weight"),
        ],
        errors=[
            (Call(fixed(), fixed(probability)), RuntimeError),
            (Call(fixed(probability), fixed()), RuntimeError),
            (Call(fixed(probability), fixed(probability, (3,))), ValueError),
            (Call(fixed(probability), typed("float32", domain=probability)), RuntimeError),
        ],
        grad=(0, 1),
        loose_gradient=1e4,  # PyTorch's second derivative has 1e-12 added to its denominators
    ),
    pointwise(
        "binary_cross_entropy_with_logits", real, probability,
        ({}, {"weight": fixed(probability, (), seed=3)}, {"pos_weight": fixed(probability, (), seed=4)}),
        values=[
            *[
                Call(SCORES.astype(each), ANSWERS.astype(each), reduction="none", **more).tagged(f"huge {each}")
                for each in ("float64", "float32")
                for more in ({}, {"pos_weight": np.asarray(2.0, each)})
            ],
        ],
        errors=[
            (Call(fixed(), fixed(probability, (3,))), ValueError),
            (Call(fixed(), typed("int64")), RuntimeError),
            (Call(fixed(), fixed(probability), pos_weight=fixed(shape=(2,))), RuntimeError),
        ],
        grad=(0, 1),
    ),
    pointwise(
        "kl_div", real, probability, ({}, {"log_target": True}),
        reductions=("sum", "none", "batchmean"),  # "mean" warns
        values=[
            Call(fixed(), fixed(probability)).tagged("mean"),
            Call(fixed(), np.array([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]), reduction="batchmean").tagged("zeros"),
        ],
    ),
]  # fmt: skip


def classes(shape: tuple[int, ...], count: int, seed: int = 1, ignored: int | None = None) -> Array:
    """Class indices, one of them the ignored one."""
    found = np.random.default_rng([seed, *shape]).integers(0, count, shape)
    if ignored is not None:
        found.reshape(-1)[:1] = ignored
    return np.asarray(found)


LOGITS = ((4, 3), (2, 3, 2), (2, 3, 2, 2), (3,))
WEIGHTS = Const(np.array([0.5, 1.0, 2.0]))


def without_classes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], *shape[2:]) if len(shape) > 1 else ()


def of_indices(**more: Any) -> list[Call]:
    """Losses of class indices in all shapes, reductions and weights."""
    calls = []
    for shape in LOGITS:
        for reduction in REDUCTIONS:
            calls.append(Call(fixed(shape=shape), classes(without_classes(shape), 3), reduction=reduction, **more))
        calls.append(Call(fixed(shape=shape), classes(without_classes(shape), 3), weight=WEIGHTS, **more))
    target = classes((4,), 3, ignored=-100)
    calls.append(Call(fixed(shape=(4, 3)), target, **more))
    calls.append(Call(fixed(shape=(4, 3)), classes((4,), 3, ignored=2), weight=WEIGHTS, ignore_index=2, **more))
    calls.append(Call(fixed(shape=(4, 3), layout="permuted"), target, weight=WEIGHTS, reduction="none", **more))
    return calls


@st.composite
def drawn_indices(draw: Draw, smoothing: bool) -> Call:
    rest = draw(shapes(max_ndim=2, min_side=1))
    count = draw(st.integers(2, 4))
    shape = (draw(st.integers(1, 3)), count, *rest)
    named: dict[str, Any] = {"reduction": draw(st.sampled_from(REDUCTIONS))}
    if draw(st.booleans()):
        named["weight"] = Const(np.linspace(0.5, 1.5, count))
    if smoothing and draw(st.booleans()):
        named["label_smoothing"] = draw(st.sampled_from((0.1, 1.0)))
    if draw(st.booleans()):
        named["ignore_index"] = 0
    target = values_in(draw, whole(1 if "ignore_index" in named else 0, count), without_classes(shape))
    return Call(values_in(draw, real, shape), target, **named)


CLASS_ERRORS = [
    (Call(fixed(shape=(4, 3)), np.array([0, 1, 2])), ValueError),
    (Call(fixed(shape=(4, 3)), np.array([0, 1, 2, 3])), IndexError),
    (Call(fixed(shape=(4, 3)), np.array([0, 1, 2, -3])), IndexError),
    (Call(fixed(shape=(4, 3)), np.array([0, 1, 2, 1], "int32")), RuntimeError),
    (Call(fixed(shape=(4, 3)), np.array([[0, 1], [2, 1], [0, 0], [1, 1]])), RuntimeError),
    (Call(fixed(shape=(4, 3)), Const(np.array([0.0, 1.0, 2.0, 1.0]))), RuntimeError),
    (Call(fixed(shape=(3,)), np.array([1, 2])), ValueError),
    (Call(fixed(shape=(4, 3)), np.array([0, 1, 2, 1]), weight=Const(np.ones(2))), RuntimeError),
    (Call(fixed(shape=(4, 3)), np.array([0, 1, 2, 1]), weight=Const(np.ones(3, "float32"))), RuntimeError),
    (Call(fixed(shape=(4, 3)), np.array([0, 1, 2, 1]), reduction="median"), ValueError),
    (Call(fixed(shape=(2, 3, 4)), classes((2, 5), 3)), RuntimeError),
    (Call(fixed(shape=(2, 3, 4, 5)), classes((2, 4, 4), 3)), RuntimeError),
    (Call(fixed(shape=(2, 3, 4, 5)), np.full((2, 4, 5), 7)), IndexError),
]
CLASS_VALUES = [
    Call(fixed(shape=(0, 3)), classes((0,), 3)).tagged("empty"),
    Call(fixed(shape=(0, 3)), classes((0,), 3), reduction="sum").tagged("empty sum"),
    Call(fixed(shape=(4, 3)), np.full(4, -100)).tagged("all ignored"),
    Call(fixed(shape=(4, 3)), np.full(4, -100), reduction="none").tagged("all ignored, none"),
    Call(fixed(shape=(4, 3)), np.zeros(4, "int64"), weight=Const(np.array([0.0, 1.0, 1.0]))).tagged("no weight"),
    Call(fixed(shape=(4, 3)), classes((4,), 3).astype("uint8")).tagged("uint8"),
    Call(fixed(shape=(3,)), np.array([1])).tagged("one sample"),
    *[Call(typed(each, (4, 3)), classes((4,), 3)).tagged(each) for each in FLOATING],
]


def mixture(shape: tuple[int, ...], seed: int = 5) -> Array:
    """Probabilities of the classes, along dimension 1 (0 if it is the only one)."""
    drawn = np.random.default_rng([seed, *shape]).uniform(0.1, 1, shape)
    return np.asarray(drawn / drawn.sum(axis=min(1, len(shape) - 1), keepdims=True))


BY_CLASS = [
    entry(
        "nn.functional.nll_loss",
        *of_indices(),
        draw=drawn_indices(smoothing=False),
        values=CLASS_VALUES,
        errors=[*CLASS_ERRORS, (Call(fixed(shape=()), np.array(0)), ValueError)],
    ),
    entry(
        "nn.functional.cross_entropy",
        *of_indices(),
        *of_indices(label_smoothing=0.1),
        *[
            Call(fixed(shape=shape), mixture(shape), reduction=each, weight=weight, label_smoothing=smoothing)
            for shape in LOGITS
            for each in REDUCTIONS
            for weight, smoothing in ((None, 0.0), (WEIGHTS, 0.0), (WEIGHTS, 0.2))
        ],
        draw=drawn_indices(smoothing=True),
        values=[
            *CLASS_VALUES,
            *[
                Call(EXTREME.astype(each), np.array([0, 1, 2, 2]), reduction="none", label_smoothing=smoothing)
                .tagged(f"extreme {each}")
                for each in ("float64", "float32") for smoothing in (0.0, 0.1)
            ],
            *[Call(EXTREME, Const(mixture((4, 3)))).tagged("extreme mixture")],
            Call(Const(fixed(shape=(0, 3))), Const(fixed(shape=(0, 3)))).tagged("empty mixture"),
        ],
        errors=[
            *CLASS_ERRORS,
            (Call(fixed(shape=()), np.array(0)), RuntimeError),
            (Call(fixed(shape=(4, 3)), np.ones((4, 3), "int64")), RuntimeError),
            (Call(fixed(shape=(4, 3)), np.array([0, 1, 2, 1]), label_smoothing=2.0), RuntimeError),
            (Call(fixed(shape=(4, 3)), mixture((4, 3)), weight=Const(np.ones(2))), RuntimeError),
            (Call(fixed(shape=(4, 3)), mixture((4, 3)), ignore_index=1), RuntimeError),
        ],
    ),
]  # fmt: skip

# ---------------------------------------------------------------------- dropout, embeddings, linear maps


def dropping(name: str, shape: tuple[int, ...], *further: Any) -> Entry:
    """A dropout where it is not random; what is random is in ``tests/nn/test_dropout.py``."""
    return entry(
        f"nn.functional.{name}",
        Call(fixed(shape=shape), 0.5, False),
        Call(fixed(shape=shape), 0.0, True),
        Call(fixed(shape=shape), 1.0, True),
        draw=arrays(real, shape).map(lambda x: Call(x, 1.0, True)),
        errors=[(Call(fixed(shape=shape), 1.5), ValueError), (Call(fixed(shape=shape), -0.5), ValueError), *further],
    )


INDEX = np.array([[0, 2, 1], [2, 4, 2]])

OTHERS = [
    dropping("dropout", (2, 3)),
    dropping("alpha_dropout", (2, 3)),
    dropping("feature_alpha_dropout", (2, 3, 2)),
    dropping("dropout1d", (2, 3, 2), (Call(fixed(shape=(3,))), RuntimeError)),
    dropping("dropout2d", (2, 3, 2, 2)),
    dropping("dropout3d", (2, 3, 2, 2, 1)),
    entry(
        "nn.functional.embedding",
        Call(Const(INDEX), fixed(shape=(5, 3))),
        Call(Const(np.array(3)), fixed(shape=(5, 3))),
        draw=arrays(whole(0, 4)).flatmap(lambda i: arrays(real, (4, 2)).map(lambda w: Call(Const(i), w))),
        values=[
            Call(Const(INDEX.astype("int32")), typed("float32", (5, 3))),
            Call(Const(INDEX[:0]), fixed(shape=(5, 3))),
            Call(Const(INDEX), fixed(shape=(5, 3)), padding_idx=2),
            Call(Const(INDEX), fixed(shape=(5, 3)), padding_idx=-3),
            Call(Const(INDEX), fixed(shape=(5, 3)), scale_grad_by_freq=True).tagged("by frequency"),
            Call(Const(INDEX), Const(fixed(shape=(5, 3))), max_norm=1.0).tagged("max norm"),
            Call(Const(INDEX), Const(fixed(shape=(5, 3))), max_norm=1.0, norm_type=1.0).tagged("max norm 1"),
        ],
        errors=[
            (Call(Const(np.array([5])), fixed(shape=(5, 3))), IndexError),
            (Call(Const(np.array([-1])), fixed(shape=(5, 3))), IndexError),
            (Call(Const(np.array([0.5])), fixed(shape=(5, 3))), RuntimeError),
            (Call(Const(INDEX), fixed(shape=(5,))), RuntimeError),
        ],
    ),
    entry(
        "nn.functional.one_hot",
        values=[Call(INDEX), Call(INDEX, 7), Call(np.array(2)), Call(INDEX[:0], 3)],
        errors=[
            (Call(INDEX, 3), RuntimeError),
            (Call(-INDEX), RuntimeError),
            (Call(INDEX.astype("int32")), RuntimeError),
            (Call(INDEX[:0]), RuntimeError),
        ],
        grad=False,
    ),
    entry(
        "nn.functional.linear",
        Call(fixed(shape=(4, 3)), fixed(shape=(2, 3)), fixed(shape=(2,))),
        Call(fixed(shape=(3,)), fixed(shape=(2, 3))),
        Call(fixed(shape=(2, 4, 3), layout="permuted"), fixed(shape=(2, 3)), fixed(shape=(2,))),
        draw=shapes(max_ndim=2).flatmap(lambda s: arrays(real, (*s, 3))).flatmap(
            lambda x: arrays(real, (2, 3)).map(lambda w: Call(x, w, fixed(shape=(2,))))
        ),
        errors=[
            (Call(fixed(shape=(2, 5)), fixed(shape=(4, 3))), RuntimeError),
            (Call(typed("float32", (2, 3)), typed("float64", (4, 3))), RuntimeError),
        ],
    ),
    entry(
        "nn.functional.bilinear",
        Call(fixed(shape=(4, 3)), fixed(shape=(4, 2)), fixed(shape=(5, 3, 2)), fixed(shape=(5,))),
        Call(fixed(shape=(2, 2, 3)), fixed(shape=(2, 2, 2)), fixed(shape=(5, 3, 2))),
        draw=shapes(max_ndim=2).flatmap(
            lambda s: st.tuples(arrays(real, (*s, 3)), arrays(real, (*s, 2)), arrays(real, (4, 3, 2)))
        ).map(lambda drawn: Call(*drawn)),
        errors=[(Call(fixed(shape=(4, 3)), fixed(shape=(4, 2)), fixed(shape=(5, 3, 3))), RuntimeError)],
    ),
]  # fmt: skip

ENTRIES = [*ACTIVATIONS, *SOFTMAXES, *POINTWISE, *BY_CLASS, *OTHERS]
