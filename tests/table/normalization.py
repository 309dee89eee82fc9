"""Normalisation over batches, layers, groups, instances and channels, and to unit length."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed
from tests.table._format import Call, Const, Entry, entry
from tests.table._strategies import LAYOUTS, Draw, dim_of, nonzero, real, values_in

FLOATING = ("float64", "float32")
UNEQUAL = [each for each in LAYOUTS if each != "broadcast"]  # equal numbers have no variance
LAID_OUT = UNEQUAL[1:]


# Gradients here are small differences of large numbers: they are imprecise relative to themselves.
CANCELS: dict[str, Any] = {"loose": 1e3, "loose_gradient": 30.0}


def channels(count: int, seed: int = 3) -> Any:
    return fixed(shape=(count,), seed=seed)


def running(count: int, dtype: str = "float64") -> tuple[Const, Const]:
    """A mean and a variance that are not differentiated."""
    rng = np.random.default_rng(count)
    return Const(rng.standard_normal(count).astype(dtype)), Const(rng.uniform(0.5, 2, count).astype(dtype))


@st.composite
def affine(draw: Draw, shape: tuple[int, ...]) -> list[Any]:
    """A weight and a bias, or neither, or one of them."""
    return [draw(st.sampled_from((None, values_in(draw, real, shape)))) for _ in range(2)]


@st.composite
def batches(draw: Draw, spatial: bool = False, even: bool = False) -> Any:
    """(N, C, …) with more than one value for each channel, or for each channel of each sample."""
    count = 2 * draw(st.integers(1, 2)) if even else draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(2, 3), min_size=int(spatial), max_size=2))
    return values_in(draw, real, (draw(st.integers(1 if spatial else 2, 3)), count, *lengths), layouts=UNEQUAL)


@st.composite
def batch_norm(draw: Draw) -> Call:
    x = draw(batches())
    weight, bias = draw(affine((x.shape[1],)))
    mean, var = running(x.shape[1])
    return Call(x, mean, var, weight, bias, draw(st.booleans()))


@st.composite
def instance_norm(draw: Draw) -> Call:
    x = draw(batches(spatial=True))
    weight, bias = draw(affine((x.shape[1],)))
    return Call(x, None, None, weight, bias)


@st.composite
def group_norm(draw: Draw) -> Call:
    x = draw(batches(spatial=True, even=True))
    weight, bias = draw(affine((x.shape[1],)))
    # PyTorch's own gradient fails where there is one of them alone
    return Call(x, draw(st.sampled_from((1, 2))), *((weight, bias) if weight is not None and bias is not None else ()))


@st.composite
def last_dims(draw: Draw, biased: bool) -> Call:
    shape = draw(st.lists(st.integers(1, 3), min_size=0, max_size=2))
    normal = draw(st.lists(st.integers(2, 3), min_size=1, max_size=2))
    weight, bias = draw(affine(tuple(normal)))
    return Call(
        values_in(draw, real, (*shape, *normal), layouts=UNEQUAL), tuple(normal), weight, *((bias,) if biased else ())
    )


@st.composite
def unit(draw: Draw) -> Call:
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    return Call(values_in(draw, nonzero, shape), 2.0, dim_of(draw, len(shape)))


def wide(shape: tuple[int, ...]) -> Any:
    """Numbers far from zero beside their spread: E[x²] − E[x]² would lose them."""
    return 1e5 + np.random.default_rng(5).standard_normal(shape)


X4 = fixed(shape=(2, 4, 2, 2))
BATCH = entry(
    "nn.functional.batch_norm",
    Call(fixed(shape=(4, 3)), None, None, training=True),
    Call(X4, *running(4), channels(4), channels(4, 4), True),
    Call(X4, *running(4), channels(4), channels(4, 4), False),
    Call(X4, *running(4)),
    Call(fixed(shape=(3, 2, 4)), None, None, channels(2), None, True, 0.3, 1e-3),
    *[Call(fixed(shape=(3, 2, 2), layout=each), None, None, channels(2), training=True) for each in LAID_OUT],
    draw=batch_norm(),
    values=[
        *[Call(typed(each, (4, 3, 2)), *running(3, each), training=True).tagged(each) for each in FLOATING],
        *[Call(typed("float16", (4, 3, 2)), *running(3), training=t).tagged("float16") for t in (False,)],
        Call(wide((8, 2, 5)), None, None, training=True).tagged("far from zero"),
        Call(fixed(shape=(0, 3)), None, None, training=True).tagged("empty"),
        Call(typed("int64", (4, 3)), None, None, training=True).tagged("int64"),
        Call(fixed(shape=(4, 3)), *running(3, "float32"), training=True).tagged("mixed"),
    ],
    errors=[
        (Call(fixed(shape=(1, 3)), None, None, training=True), ValueError),
        (Call(fixed(shape=(4, 3)), None, None), RuntimeError),
        (Call(fixed(shape=(4, 3)), *running(2)), RuntimeError),
        (Call(fixed(shape=(4, 3)), *running(3), channels(2)), RuntimeError),
        (Call(fixed(shape=(4, 3)), *running(3), eps=-1.0), ValueError),
        (Call(fixed(shape=(4,)), *running(3)), RuntimeError),
    ],
    **CANCELS,
)

INSTANCE = entry(
    "nn.functional.instance_norm",
    Call(X4),
    Call(X4, *running(4), channels(4), channels(4, 4)),
    Call(X4, *running(4), channels(4), channels(4, 4), use_input_stats=False),
    draw=instance_norm(),
    values=[Call(typed(each, (4, 3, 5)), *running(3, each)).tagged(each) for each in FLOATING],
    errors=[
        (Call(fixed(shape=(2, 3))), ValueError),
        (Call(fixed(shape=(2, 3, 1))), ValueError),
        (Call(X4, use_input_stats=False), RuntimeError),
        (Call(X4, weight=channels(2)), RuntimeError),
    ],
    **CANCELS,
)

GROUP = entry(
    "nn.functional.group_norm",
    Call(X4, 2),
    Call(X4, 1, channels(4), channels(4, 4)),
    Call(X4, 4, channels(4), channels(4, 4)),
    Call(fixed(shape=(3, 4)), 2),
    draw=group_norm(),
    values=[Call(typed(each, (4, 6, 3)), 3, typed(each, (6,)), typed(each, (6,))).tagged(each) for each in FLOATING],
    errors=[
        (Call(X4, 3), RuntimeError),
        (Call(X4, 2, channels(3)), RuntimeError),
        (Call(X4, 2, channels(4), channels(3)), RuntimeError),
        (Call(fixed(shape=(4,)), 2), RuntimeError),
    ],
    **CANCELS,
)


def over_last_dims(name: str, biased: bool) -> Entry:
    weight = fixed(shape=(2, 2), seed=1)
    bias = {"bias": fixed(shape=(2, 2), seed=2)} if biased else {}
    errors = [
        (Call(X4, (3,)), RuntimeError),
        (Call(X4, (2,), channels(3)), RuntimeError),
        (Call(X4, ()), RuntimeError),
        (Call(X4, 2), TypeError),
        (Call(fixed(shape=(2, 3)), (2, 2, 3)), RuntimeError) if biased else (Call(X4, (3, 2)), RuntimeError),
    ]
    return entry(
        f"nn.functional.{name}",
        Call(X4, (2,)),
        Call(X4, (2, 2), weight, **bias),
        Call(X4, (2, 4, 2, 2), eps=1e-2),
        *[Call(fixed(shape=(3, 4), layout=each), (4,), channels(4)) for each in LAID_OUT],
        draw=last_dims(biased),
        values=[
            *[Call(typed(each, (4, 5)), (5,), typed(each, (5,))).tagged(each) for each in FLOATING],
            Call(wide((4, 50)), (50,)).tagged("far from zero"),
            Call(fixed(shape=(0, 3)), (3,)).tagged("empty"),
            *[Call(typed(one, (4, 5)), (5,), typed(other, (5,))).tagged("two types")
              for one in FLOATING for other in FLOATING if one != other and (not biased or one == "float16" != other)],
            Call(typed("int64", (4, 5)), (5,)).tagged("int64"),
        ],
        errors=errors,
        **CANCELS,
    )


ENTRIES = [
    BATCH,
    INSTANCE,
    GROUP,
    over_last_dims("layer_norm", True),
    over_last_dims("rms_norm", False),
    entry(
        "nn.functional.local_response_norm",
        Call(X4, 2),
        Call(fixed(shape=(2, 3, 2)), 3, 0.5, 0.6, 2.0),
        draw=batches(spatial=True).map(lambda x: Call(x, 2, 0.3)),
        values=[Call(typed(each, (2, 5, 3)), 3).tagged(each) for each in (*FLOATING, "int64")],
        errors=[(Call(fixed(shape=(3,)), 2), ValueError), (Call(X4, 0), RuntimeError)],
    ),
    entry(
        "nn.functional.normalize",
        Call(fixed(nonzero)),
        Call(X4, 3.0, 2),
        Call(X4, 2.0, (1, 2)),
        draw=unit(),
        values=[
            *[Call(typed(each, (3, 4))).tagged(each) for each in FLOATING],
            Call(np.zeros((2, 3))).tagged("zeros"),
        ],
        errors=[(Call(fixed(), 2.0, 3), IndexError)],
    ),
]
