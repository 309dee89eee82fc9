"""Entries of changes of shape in place, of what a tensor says of itself, and of in-place activations."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed, unary
from tests.table._format import Call, Const, Entry, entry
from tests.table._strategies import DTYPES, LAYOUTS, Draw, arrays, away_from, broadcastable, dim_of, truth
from tests.table.shape import E, M, S, V, X, of_shape, out_of_range, refused

ONES = fixed(shape=(1, 2, 1))


def square(pick: Draw, x: Any) -> Call:
    """A matrix and two of its dimensions."""
    return Call(x, dim_of(pick, x.ndim), dim_of(pick, x.ndim))


IN_PLACE = [
    *[
        of_shape(
            f"Tensor.{name}",
            Call(M, 0, 1),
            *[Call(X, *dims) for dims in ((0, 2), (-1, 0), (1, 1))],
            Call(S, 0, -1),
            errors=out_of_range(Call(M, 0, 2), Call(S, 1, 0)),
            draw=square,
        )
        for name in ("transpose_", "swapaxes_", "swapdims_")
    ],
    of_shape(
        "Tensor.t_", Call(M), Call(V), Call(S), Call(E), errors=refused(Call(X)), strategy=arrays(max_ndim=2)
    ),
    of_shape(
        "Tensor.unsqueeze_",
        Call(M, 0),
        *[Call(M, dim) for dim in (1, 2, -1, -3)],
        Call(S, 0),
        errors=out_of_range(Call(M, 3), Call(M, -4)),
        draw=lambda pick, x: Call(x, pick(st.integers(-x.ndim - 1, x.ndim))),
    ),
    of_shape(
        "Tensor.squeeze_",
        Call(M),
        *[Call(ONES, *dims) for dims in ((), (0,), (1,), (-1,), ((0, 2),), ((0, 1),))],
        Call(S, 0),
        errors=out_of_range(Call(M, 2)),
        strategy=arrays(max_side=2),
    ),
    entry(
        "Tensor.as_strided_",
        Call(V, (2, 2), (1, 2)),
        Call(M, (2, 2), (1, 2), 1),
        Call(V, (3, 2), (1, 1)),
        Call(V, (), ()),
        Call(V, (0,), (1,)),
        values=[Call(typed(each), (2, 2), (1, 2)).tagged(each) for each in DTYPES],
        errors=refused(Call(V, (2, 2), (1, 5)), Call(V, (2, 2), (-1, 1)), Call(V, (2,), (1, 1))),
        draw=arrays(min_ndim=1, min_side=2, layouts=("contiguous",)).map(lambda x: Call(x, (2, x.size // 2), (1, 1))),
    ),
]

SINGLE = [np.array(0.0), np.array(-0.0), np.array([2]), np.array([[True]]), np.array(np.nan), typed("float16", (1,))]

ASKING = [
    entry(
        "is_nonzero",
        values=[Call(x) for x in SINGLE],
        errors=[*refused(Call(M), Call(np.zeros(0))), (Call(3.0), TypeError)],
        grad=False,
    ),
    entry(
        "is_same_size",
        values=[Call(a, b) for a in (M, V, S) for b in (M, typed("int32"), V, S, M.T)],
        errors=[(Call(M, 3), TypeError), (Call(3, M), TypeError)],
        grad=False,
    ),
    entry("get_device", values=[Call(M)], errors=[(Call(3), TypeError)], grad=False, standin=False),  # another there
    of_shape("real", Call(M), Call(S), Call(E), errors=[(Call(3), TypeError)]),
    of_shape("Tensor.real", Call(M), Call(S)),
    entry(
        "nonzero_static",
        values=[
            *[Call(typed(each), size=size).tagged(each) for each in DTYPES for size in (0, 2, 8)],
            *[Call(x, size=4, fill_value=7) for x in (np.eye(3), np.zeros((2, 0)), np.array([0.0, 1.0]), M[:, ::-1])],
            Call(np.array(5.0), size=2),
            Call(np.array(0.0), size=2),
        ],
        errors=[
            *refused(Call(M, size=-1)),
            *[(call, TypeError) for call in (Call(M, size=2.5), Call(M), Call(3, size=1))],
        ],
        draw=st.tuples(arrays(truth), st.integers(0, 5)).map(lambda x: Call(x[0], size=x[1])),
        grad=False,
    ),
    entry(
        "fill",
        *[Call(fixed(shape=(2, 3), layout=layout), 2.5) for layout in LAYOUTS],
        *[Call(x, fixed(shape=(), seed=4)) for x in (M, S, E)],
        values=[
            *[Call(typed(a), Const(typed(b, ()))).tagged(f"{a}, {b}") for a in DTYPES for b in DTYPES],
            *[Call(typed(each), number) for each in DTYPES for number in (2, 2.5, True)],
        ],
        errors=[
            *refused(Call(M, fixed(shape=(1,))), Call(typed("uint8"), 300), Call(typed("int8"), -129)),
            (Call(3, 2.0), TypeError),
        ],
        draw=st.tuples(arrays(), arrays(shape=())).map(lambda pair: Call(*pair)),
    ),
]

BELOW = away_from(0)


def in_place(name: str, domain: Any, *args: Any) -> Entry:
    """An activation that writes into its input, which must not be a leaf that requires a gradient."""
    return unary(f"nn.functional.{name}", domain, *args, special=False)


ACTIVATIONS = [
    unary("hardshrink", away_from(-0.5, 0.5), values=[Call(np.array([-0.5, 0.5, 0.6]))], special=False),
    entry(
        "prelu",
        Call(fixed(BELOW, (2, 3)), fixed(shape=(1,))),
        Call(fixed(BELOW, (2, 3, 2)), fixed(shape=(3,))),
        values=[Call(typed(each, (2, 3)), typed(each, (3,))).tagged(each) for each in DTYPES],
        errors=[
            *refused(Call(M, fixed(shape=(2,))), Call(M, fixed(shape=(3, 1))), Call(S, fixed(shape=(2,)))),
            *refused(*[Call(M, typed(each, (3,))) for each in ("float32", "int64")]),
            (Call(3.0, fixed(shape=(1,))), TypeError),
        ],
        draw=broadcastable(BELOW, max_ndim=2).map(lambda drawn: Call(drawn[0], fixed(shape=(1,)))),
    ),
    in_place("relu_", BELOW),
    in_place("celu_", BELOW, 0.5),
    in_place("elu_", BELOW, 2.0),
    in_place("selu_", BELOW),
    in_place("leaky_relu_", BELOW, 0.3),
    in_place("rrelu_", BELOW),
    in_place("threshold_", away_from(0.5), 0.5, 7.0),
    in_place("hardtanh_", away_from(-1, 1)),
]

ENTRIES = [*IN_PLACE, *ASKING, *ACTIVATIONS]
