"""Entries of ops that pick and write elements by their places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed
from tests.table._format import Call, Const, Entry, entry
from tests.table._strategies import DTYPES, LAYOUTS, Draw, arrays, dim_of, positive, real, seeds, values_in
from tests.table.shape import E, M, S, V, X, out_of_range, refused

I64 = np.int64
LAID_OUT = [fixed(shape=(2, 3), layout=layout) for layout in LAYOUTS]
MASK = np.array([[True, False, True], [False, False, True]])
ROW_MASK = np.array([True, False, True])
OTHER = fixed(shape=(2, 3), seed=7)


def numbers(*values: Any) -> Any:
    """Indices."""
    return np.array(values, I64)


def indices_below(pick: Draw, shape: tuple[int, ...], limit: int) -> Any:
    return np.random.default_rng(pick(seeds)).integers(0, max(limit, 1), shape)


def kinds(*args: Any, like: tuple[int, ...] = (), **kwargs: Any) -> list[Call]:
    """The call for every number type; with ``like`` the last argument is a tensor of that type and shape."""
    calls = []
    for each in DTYPES:
        more = (typed(each, like, seed=3),) if like else ()
        calls.append(Call(typed(each), *args, *more, **kwargs).tagged(each))
    return calls


def op(name: str, first: Call, *calls: Call, draw: Callable[[Draw], Call], **claims: Any) -> Entry:
    """An op: the first call's arguments on every layout of its tensor, further calls, drawn ones."""
    laid_out = [Call(x, *first.args[1:], **first.kwargs) for x in LAID_OUT]
    return entry(name, *laid_out, *calls, draw=st.composite(draw)(), **claims)


# ---------------------------------------------------------------------- reading


def index(key: Any, tag: str = "") -> list[Call]:
    """``x[key]`` of three tensors: its errors too."""
    return [Call(x, key).tagged(tag) for x in (M, X)]


KEYS = [
    0,
    -1,
    slice(None),
    slice(0, 1),
    slice(5, 9),
    slice(None, None, 2),
    None,
    Ellipsis,
    (0, 1),
    (0, None),
    (Ellipsis, 0),
    (Ellipsis, 0, Ellipsis),
    (0, Ellipsis, 1),
    (slice(1), slice(1, 3)),
    (),
    True,
    False,
    numbers(1, 1, 0),
    numbers([0, 1], [1, 0]),
    (numbers(0, 1), numbers(1, 2)),
    (numbers(0, 1), numbers(1)),
    (slice(None), numbers(2, 0)),
    (numbers(1), slice(1, 3)),
    (0, numbers(1, 1)),
    (None, numbers(0)),
    (Ellipsis, numbers(0, 2)),
    (slice(None), ROW_MASK),
    np.array([True, False]),
    numbers(-1, -2),
    np.array(1),
    numbers(),
    np.array(True),
    (numbers([0], [1]), numbers(0, 2)),
]
WRONG_KEYS = [5, (0, 5), (0, 0, 0, 0), numbers(5), ROW_MASK, np.array([1.0]), np.array([1], np.int16), 1.5]
DEEP_KEYS = [
    (numbers(0, 1), slice(None), numbers(1, 0)),
    (0, slice(None), numbers(1, 0)),
    (numbers(0, 1), None, numbers(1, 0)),
    (slice(None), 0, numbers(0, 1)),
    (slice(None), numbers([0, 2], [1, 1])),
    (slice(0, 2), numbers(0, 1), slice(None, None, 3)),
    X > 0,
    (slice(None), X[0] > 0),
    (None, X[..., 0] > 0, 0),
]


@st.composite
def picks(pick: Draw) -> Call:
    """A tensor and an index of integers, slices, None and tensors."""
    x = pick(arrays(min_ndim=1, min_side=1))
    key: list[Any] = []
    for length in x.shape[: pick(st.integers(1, x.ndim))]:
        kind = pick(st.sampled_from(["int", "slice", "tensor", "mask", "none"]))
        if kind == "none":
            key.append(None)
        if kind in ("int", "none"):
            key.append(pick(st.integers(-length, length - 1)))
        elif kind == "slice":
            key.append(slice(pick(st.integers(-length, length)), None, pick(st.integers(1, 2))))
        elif kind == "tensor":
            key.append(indices_below(pick, (2,), length))
        else:
            key.append(np.arange(length) == length - 1)
    return Call(x, tuple(key))


READING = entry(
    "Tensor.__getitem__",
    *[call for key in KEYS for call in index(key)],
    *[Call(X, key) for key in DEEP_KEYS],
    *[Call(S, key) for key in (Ellipsis, (), None, True)],
    *[Call(x, (slice(None), numbers(2, 0))) for x in LAID_OUT],
    values=[Call(typed(each), (0, numbers(1, 2))).tagged(each) for each in DTYPES]
    + [Call(x, key) for key in WRONG_KEYS for x in (M, V)],
    errors=[(Call(M, key), IndexError) for key in WRONG_KEYS]
    + [(Call(M, "a"), TypeError), (Call(S, 0), IndexError), (Call(M, slice(None, None, 0)), ValueError)],
    draw=picks(),
)


def picking(pick: Draw) -> Call:
    x = pick(arrays(min_ndim=1, min_side=1))
    dim = dim_of(pick, x.ndim)
    return Call(x, dim, indices_below(pick, (pick(st.integers(0, 4)),), x.shape[dim]))


def gathering(pick: Draw) -> Call:
    x = pick(arrays(min_ndim=1, min_side=1))
    dim = dim_of(pick, x.ndim)
    shape = list(x.shape)
    shape[dim] = pick(st.integers(0, 4))
    return Call(x, dim, indices_below(pick, tuple(shape), x.shape[dim]))


def masking(pick: Draw) -> Call:
    x = pick(arrays())
    return Call(x, np.asarray(indices_below(pick, x.shape, 2) == 1))


def narrowing(pick: Draw) -> Call:
    x = pick(arrays(min_ndim=1))
    dim = dim_of(pick, x.ndim)
    start = pick(st.integers(0, x.shape[dim]))
    return Call(x, dim, start, pick(st.integers(0, x.shape[dim] - start)))


def selecting(pick: Draw) -> Call:
    x = pick(arrays(min_ndim=1, min_side=1))
    dim = dim_of(pick, x.ndim)
    return Call(x, dim, pick(st.integers(-x.shape[dim], x.shape[dim] - 1)))


def taking(pick: Draw) -> Call:
    x = pick(arrays(min_side=1))
    return Call(x, indices_below(pick, (2, 2), x.size) - x.size // 2)


def places(name: str) -> Entry:
    tensors = (M > 0, typed("int64"), M, S, np.array(0.0), V, np.zeros((0, 2)))
    calls = [Call(x) for x in tensors]
    if name == "nonzero":
        calls += [Call(x, as_tuple=True) for x in tensors]
    return entry(name, values=calls, grad=False)


PICKING = [
    READING,
    op(
        "select",
        Call(M, 0, 1),
        Call(M, 1, -1),
        Call(X, -1, 0),
        values=kinds(0, 1),
        errors=out_of_range(Call(M, 0, 2), Call(M, 2, 0), Call(S, 0, 0)),
        draw=selecting,
    ),
    op(
        "narrow",
        Call(M, 0, 0, 1),
        *[Call(M, *args) for args in ((1, 1, 2), (1, -1, 1), (1, 3, 0))],
        values=kinds(1, 1, 2),
        errors=[*refused(Call(M, 0, 1, 5), Call(M, 0, 0, -1)), *out_of_range(Call(M, 0, -5, 1), Call(M, 2, 0, 1))],
        draw=narrowing,
        covers=("narrow_copy",),
    ),
    op(
        "index_select",
        Call(M, 0, numbers(1, 0, 1)),
        Call(M, 1, numbers(2)),
        Call(X, -1, np.array(3)),
        Call(M, 0, np.array([1], np.int32)),
        Call(S, 0, numbers(0)),
        values=kinds(1, numbers(2, 0)),
        errors=[
            *out_of_range(
                Call(M, 0, numbers(5)), Call(M, 0, numbers(-1)), Call(M, 0, numbers([1])), Call(M, 2, numbers(0))
            ),
            *refused(Call(M, 0, Const(np.array([1.0])))),
        ],
        draw=picking,
    ),
    op(
        "gather",
        Call(M, 0, numbers([1, 0, 1])),
        Call(M, 1, numbers([0, 0, 2, 2], [1, 1, 1, 1])),
        Call(X, -1, np.arange(30).reshape(2, 3, 5) % 4),
        Call(S, 0, np.array(0)),
        Call(S, 0, numbers(0, 0)),
        Call(V, 0, numbers()),
        values=kinds(1, numbers([0], [2])),
        errors=[
            *refused(Call(M, 0, numbers(1, 0)), Call(M, 0, numbers([5])), Call(M, 0, Const(np.array([[1.0]])))),
            *refused(Call(M, 1, np.zeros((3, 1), I64)), Call(M, 0, numbers([-1]))),
            *out_of_range(Call(M, 5, numbers([0]))),
        ],
        draw=gathering,
    ),
    op(
        "take",
        Call(M, numbers(0, 5, -1)),
        Call(M, numbers([0, 1], [2, 2])),
        Call(M, np.array(3)),
        Call(S, numbers(0, 0)),
        values=kinds(numbers(1, 2)),
        errors=out_of_range(Call(M, numbers(10)), Call(M, numbers(-7))),
        draw=taking,
    ),
    op(
        "take_along_dim",
        Call(M, numbers([2, 0], [1, 1]), 1),
        Call(M, numbers([0]), 0),
        Call(M, numbers(1, 2)),
        values=kinds(numbers([0], [2]), 1),
        errors=refused(Call(M, numbers(1), 1), Call(M, np.array([[0]], np.int32), 1)),
        draw=lambda pick: Call(*(call := gathering(pick)).args[::2], call.args[1]),
    ),
    op(
        "masked_select",
        Call(M, MASK),
        Call(M, ROW_MASK),
        Call(M[:1], MASK),
        Call(S, np.array(True)),
        Call(M, np.array(False)),
        values=kinds(MASK),
        errors=refused(Call(M, MASK.astype(I64)), Call(M, np.array([True, False]))),
        draw=masking,
    ),
    places("nonzero"),
    places("argwhere"),
]

# ---------------------------------------------------------------------- writing


def adding(pick: Draw) -> Call:
    x = pick(arrays(min_ndim=1, min_side=1))
    dim = dim_of(pick, x.ndim) % x.ndim
    count = pick(st.integers(0, 3))
    shape = (*x.shape[:dim], count, *x.shape[dim + 1 :])
    return Call(x, dim, indices_below(pick, (count,), x.shape[dim]), values_in(pick, real, shape))


def copying(pick: Draw) -> Call:
    x = pick(arrays(min_ndim=1, min_side=1))
    dim = dim_of(pick, x.ndim) % x.ndim
    rng = np.random.default_rng(pick(seeds))
    chosen = rng.permutation(x.shape[dim])[: pick(st.integers(0, x.shape[dim]))]
    shape = (*x.shape[:dim], chosen.size, *x.shape[dim + 1 :])
    return Call(x, dim, chosen, values_in(pick, real, shape))


def scattering(pick: Draw, *more: Any, unique: bool = False) -> Call:
    """Indices that do not repeat along the dimension where two writes to one place would be ambiguous."""
    x = pick(arrays(positive, min_ndim=1, min_side=1))
    dim = dim_of(pick, x.ndim) % x.ndim
    rng = np.random.default_rng(pick(seeds))
    shape = list(x.shape)
    if unique:
        lanes = np.arange(shape[dim]).reshape((-1,) + (1,) * (x.ndim - dim - 1))
        chosen = rng.permuted(np.broadcast_to(lanes, shape), axis=dim)
    else:
        shape[dim] = pick(st.integers(0, 3))
        chosen = rng.integers(0, x.shape[dim], shape)
    return Call(x, dim, chosen.astype(I64), values_in(pick, positive, tuple(shape)), *more)


def reducing(pick: Draw) -> Call:
    call = scattering(pick, pick(st.sampled_from(["sum", "mean", "prod"])))
    call.kwargs["include_self"] = pick(st.booleans())
    return call


def index_reducing(pick: Draw) -> Call:
    call = adding(pick)
    x, dim, chosen, source = call.args
    return Call(np.abs(x) + 0.5, dim, chosen, np.abs(source) + 0.5, pick(st.sampled_from(["mean", "prod"])))


BASE, SOURCE = fixed(positive, (2, 3)), fixed(positive, (2, 3), seed=7)
TIED = np.ones((2, 3))
REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")
OVER = numbers([1, 1, 1], [2, 1, 2])

ALONG = [
    op(
        "index_add",
        Call(M, 0, numbers(0, 0), OTHER),
        Call(M, 1, numbers(2, 0), OTHER[:, :2]),
        Call(M, 0, numbers(0, 1), OTHER, alpha=2.5),
        values=kinds(0, numbers(1, 1), like=(2, 3)),
        errors=[
            *refused(
                Call(M, 0, numbers(0, 5), OTHER), Call(M, 0, numbers(0), OTHER), Call(M, 0, numbers(0, -1), OTHER)
            ),
            *refused(Call(M, 0, numbers(0, 1), typed("int64")), Call(M, 0, numbers(0, 1), OTHER[:, :2])),
            *out_of_range(Call(M, 0, numbers([0, 1]), OTHER)),
        ],
        draw=adding,
    ),
    op(
        "index_copy",
        Call(M, 0, numbers(1, 0), OTHER),
        Call(M, 0, numbers(1), OTHER[:1]),
        Call(M, -1, numbers(2, 0), OTHER[:, :2]),
        values=kinds(0, numbers(1, 0), like=(2, 3)),
        errors=[
            *out_of_range(Call(M, 0, numbers(0, 5), OTHER), Call(M, 0, numbers(0), OTHER)),
            *refused(Call(M, 0, numbers(0, 1), typed("int64")), Call(M, 0, np.array([0, 1], np.int32), OTHER)),
        ],
        draw=copying,
    ),
    op(
        "index_fill",
        Call(M, 0, numbers(0), 1.5),
        Call(M, 1, numbers(2, 0), fixed(shape=(), seed=3)),
        values=[*kinds(1, numbers(0), 1), Call(typed("int64"), 0, numbers(0), 1.5)],
        errors=[
            *out_of_range(Call(M, 0, numbers(5), 1), Call(M, 0, np.array([0], np.int32), 1)),
            *refused(Call(M, 0, numbers(0), V)),
        ],
        draw=lambda pick: Call(*copying(pick).args[:3], 2.5),
    ),
    entry(
        "index_put",
        Call(M, (numbers(0, 1), numbers(1, 2)), np.array([5.0, 6.0])),
        Call(M, (numbers(0, 0), numbers(1, 1)), np.array(2.0), accumulate=True),
        Call(M, (numbers(1),), OTHER[0]),
        Call(M, (MASK,), np.array(2.0)),
        Call(X, (numbers(0, 1), numbers(1, 1)), fixed(shape=(4,)), accumulate=True),
        Call(M, (np.array(0),), OTHER[0]),
        Call(M, (np.array(0), np.array(1)), S),
        *[Call(x, (numbers(1, 0),), OTHER) for x in LAID_OUT],
        Call(X, (numbers(1, 0),), fixed(shape=X.shape, seed=7)),
        values=[Call(typed(each), (numbers(1),), typed(each, (3,), seed=3)) for each in DTYPES],
        errors=[
            (Call(M, (numbers(0), 1), S), TypeError),
            *refused(Call(M, (numbers(0),), typed("int64", (3,))), Call(M, (numbers(0),), OTHER)),
            *out_of_range(Call(M, (numbers(5),), OTHER[0])),
        ],
        draw=st.composite(adding)().map(
            lambda call: Call(call.args[0], (call.args[2] % call.args[0].shape[0],), np.array(2.0), accumulate=True)
        ),
    ),
    op(
        "index_reduce",
        Call(BASE, 1, numbers(0, 0, 2), SOURCE, "mean"),
        *[Call(BASE, 1, numbers(0, 0, 2), SOURCE, each) for each in REDUCTIONS[1:]],
        *[Call(BASE, 0, numbers(1, 1), SOURCE, each, include_self=False) for each in REDUCTIONS[1:]],
        values=[Call(typed("int64"), 1, numbers(0, 0, 2), typed("int64", seed=3), each) for each in REDUCTIONS[1:]],
        errors=refused(Call(BASE, 0, numbers(0, 0), SOURCE, "sum"), Call(BASE, 0, numbers(0), SOURCE, "mean")),
        draw=index_reducing,
    ),
]

SCATTERING = [
    op(
        "scatter",
        Call(M, 0, numbers([1, 0, 1], [0, 1, 0]), OTHER),
        Call(M, 1, numbers([1, 0, 2], [2, 1, 0]), OTHER),
        Call(M, 1, numbers([1, 0], [2, 1]), 2.5),
        Call(M, 1, numbers([1, 0]), value=2.5),
        Call(X, -1, np.arange(24).reshape(2, 3, 4)[..., ::-1] % 4, fixed(shape=(2, 3, 4), seed=2)),
        values=[
            *kinds(1, numbers([1, 0, 2], [2, 1, 0]), like=(2, 3)),
            Call(Const(M), 1, numbers([0, 0]), Const(OTHER), reduce="add"),
            Call(Const(M), 1, numbers([0, 0]), 2.0, reduce="multiply"),
            Call(typed("int64"), 0, numbers([0]), 1.5),
        ],
        errors=refused(
            Call(M, 0, numbers([-1]), 1.0),
            Call(M, 0, numbers([5]), 1.0),
            Call(M, 0, numbers([0, 1]), OTHER[:1, :1]),
            Call(M, 0, numbers(0), 1.0),
            Call(M, 0, numbers([0]), typed("int64")),
            Call(M, 1, numbers([0]), OTHER, reduce="mean"),
        ),
        draw=lambda pick: scattering(pick, unique=True),
    ),
    op(
        "scatter_add",
        Call(M, 0, numbers([1, 0, 1], [0, 0, 0]), OTHER),
        Call(M, 1, OVER, OTHER),
        Call(M, 1, numbers([1], [2]), OTHER[:, :1]),
        values=kinds(1, OVER, like=(2, 3)),
        errors=refused(Call(M, 0, numbers([0, 1]), typed("int64")), Call(M, 0, numbers([5]), OTHER)),
        draw=scattering,
    ),
    op(
        "scatter_reduce",
        Call(BASE, 1, OVER, SOURCE, "sum"),
        *[Call(BASE, 1, OVER, SOURCE, each) for each in REDUCTIONS],
        *[Call(BASE, 1, OVER, SOURCE, each, include_self=False) for each in REDUCTIONS],
        values=[
            *[Call(typed("int64"), 1, OVER, typed("int64", seed=3), each) for each in REDUCTIONS],
            *[Call(TIED, 1, OVER, TIED, each).tagged("ties") for each in REDUCTIONS[3:]],
            Call(BASE, 1, OVER, np.array([[0.0, 2.0, 0.0], [3.0, 0.0, 0.0]]), "prod").tagged("zeros"),
        ],
        errors=refused(Call(BASE, 0, numbers([0]), SOURCE, "foo"), Call(BASE, 0, numbers([5]), SOURCE, "sum")),
        draw=reducing,
    ),
]

MASKED = [
    op(
        "masked_fill",
        Call(M, MASK, 2.5),
        Call(M, ROW_MASK, fixed(shape=(), seed=3)),
        Call(M[:1], MASK, 0),
        Call(M, np.array([[True], [False]]), 0.0),
        values=[*kinds(MASK, 1), Call(typed("int64"), MASK, 1.5), Call(typed("float32"), MASK, float("-inf"))],
        errors=refused(Call(M, MASK.astype(I64), 0), Call(M, MASK, V), Call(M, np.array([True, False]), 0)),
        draw=lambda pick: Call(*masking(pick).args, 2.5),
    ),
    op(
        "masked_scatter",
        Call(M, MASK, fixed(shape=(7,), seed=2)),
        Call(M, ROW_MASK, fixed(shape=(2, 2), seed=2)),
        values=kinds(MASK, like=(3,)),
        errors=refused(
            Call(M, MASK, V[:2]), Call(M, MASK, typed("int64")), Call(typed("int64"), typed("int64"), typed("int64"))
        ),
        draw=lambda pick: Call(*(call := masking(pick)).args, values_in(pick, real, (call.args[0].size,))),
    ),
    op(
        "Tensor.put",
        Call(M, numbers(0, -1), np.array([9.0, 8.0])),
        Call(M, numbers(0, 0), np.array([9.0, 8.0]), True),
        Call(M, numbers([0, 1], [2, 3]), fixed(shape=(4,))),
        values=kinds(numbers(0, 5), like=(2,)),
        errors=[
            *out_of_range(Call(M, numbers(0, 9), np.array([9.0, 8.0])), Call(M, numbers(0, 1), np.array([9.0]))),
            *refused(Call(M, numbers(0, 1), typed("int64", (2,)))),
        ],
        draw=lambda pick: Call(*taking(pick).args, values_in(pick, real, (4,)), True),
    ),
    op(
        "select_scatter",
        Call(M, OTHER[0], 0, 1),
        Call(M, OTHER[:, 0], 1, -1),
        values=[Call(typed(each), typed(each, (3,), seed=3), 0, 0) for each in DTYPES],
        errors=[*refused(Call(M, OTHER[0, :2], 0, 0)), *out_of_range(Call(M, OTHER[0], 0, 5))],
        draw=lambda pick: Call((x := pick(arrays(min_ndim=1, min_side=1))), values_in(pick, real, x.shape[1:]), 0, 0),
    ),
    op(
        "slice_scatter",
        Call(M, OTHER[:1], 0, 0, 1),
        Call(M, OTHER[:, :2], 1, 0, 3, 2),
        Call(M, OTHER),
        values=[Call(typed(each), typed(each, (1, 3), seed=3), 0, 0, 1) for each in DTYPES],
        errors=refused(Call(M, OTHER, 0, 0, 1)),
        draw=lambda pick: Call((x := pick(arrays(min_ndim=1, min_side=1))), values_in(pick, real, x[1:].shape), 0, 1),
    ),
    op(
        "diagonal_scatter",
        Call(M, OTHER[0, :2]),
        Call(X, fixed(shape=(3, 2), seed=2), 0, 0, 2),
        Call(M, OTHER[0, :2], 1),
        values=[Call(typed(each), typed(each, (2,), seed=3)) for each in DTYPES],
        errors=refused(Call(M, OTHER[0])),
        draw=lambda pick: Call((x := pick(arrays(min_ndim=2, max_ndim=2))), values_in(pick, real, (min(x.shape),))),
    ),
    op(
        "Tensor.fill_diagonal_",
        Call(M, 1.5),
        Call(fixed(shape=(3, 3)), 1.5),
        Call(fixed(shape=(7, 2)), 9.0, True),
        Call(fixed(shape=(2, 2, 2)), 9.0),
        Call(E, 1.0),
        values=kinds(2),
        errors=refused(Call(V, 1.0), Call(X, 1.0)),
        draw=lambda pick: Call(pick(arrays(min_ndim=2, max_ndim=2)), 2.5),
    ),
]

ENTRIES = [*PICKING, *ALONG, *SCATTERING, *MASKED]
