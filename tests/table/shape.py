"""Entries of ops that change shapes, put tensors together, take them apart, turn and repeat them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed
from tests.table._format import Call, Const, Entry, Make, entry
from tests.table._strategies import DTYPES, LAYOUTS, Draw, arrays, broadcastable, dim_of, nonzero, real, values_in

X, M, V, S, E = (fixed(shape=shape) for shape in ((2, 3, 4), (2, 3), (6,), (), (0, 3)))
SQUARE = fixed(shape=(3, 3))
LAID_OUT = [fixed(shape=(2, 3), layout=layout) for layout in LAYOUTS]
Wrong = Iterable[tuple[Call, type[BaseException]]]


def kinds(*args: Any, shape: tuple[int, ...] = (2, 3), **kwargs: Any) -> list[Call]:
    """The call for every number type."""
    return [Call(typed(each, shape), *args, **kwargs).tagged(each) for each in DTYPES]


def of_shape(
    name: str, *calls: Call, errors: Wrong = (), draw: Callable[[Draw, Any], Call] | None = None, **claims: Any
) -> Entry:
    """An op of one tensor: the calls, the first one's arguments on every layout and type, and drawn tensors.

    Args:
        name, calls, errors: of the entry; the first call is of a (2, 3) tensor.
        draw: makes a call of a drawn tensor; by default one without further arguments.
        claims: see :class:`Entry`.
    """
    first = calls[0]
    made = [Call(x, *first.args[1:], **first.kwargs) for x in LAID_OUT]
    strategy = claims.pop("strategy", arrays())

    @st.composite
    def drawn(pick: Draw) -> Call:
        x = pick(strategy)
        return Call(x) if draw is None else draw(pick, x)

    values = [*kinds(*first.args[1:], **first.kwargs), *claims.pop("values", ())]
    return entry(name, *made, *calls, values=values, errors=errors, draw=drawn(), **claims)


def out_of_range(*calls: Call) -> list[tuple[Call, type[BaseException]]]:
    return [(call, IndexError) for call in calls]


def refused(*calls: Call) -> list[tuple[Call, type[BaseException]]]:
    return [(call, RuntimeError) for call in calls]


def any_dim(pick: Draw, x: Any) -> Call:
    return Call(x, dim_of(pick, x.ndim))


def two_dims(pick: Draw, x: Any) -> Call:
    return Call(x, dim_of(pick, x.ndim), dim_of(pick, x.ndim))


def permuted(pick: Draw, x: Any) -> Call:
    return Call(x, tuple(pick(st.permutations(range(x.ndim)))))


# ---------------------------------------------------------------------- one tensor in another shape

RESHAPES = ((3, 2), (-1,), (6, -1), (1, 2, 3, 1))
NOT_SIX = ((4, 2), (-1, 4), (-1, -1), (-2, 3))

RESHAPING = [
    of_shape(
        "reshape",
        *[Call(M, shape) for shape in RESHAPES],
        Call(E, (3, -1)),
        Call(S, (1, 1)),
        errors=[*refused(*[Call(M, each) for each in NOT_SIX], Call(E, (0, -1))), (Call(M, "a"), TypeError)],
        draw=lambda _, x: Call(x, (x.size,)),
    ),
    entry(
        "Tensor.view",
        *[Call(M, *shape) for shape in RESHAPES],
        *[Call(x, (2, 3, 1)) for x in LAID_OUT],
        draw=arrays(layouts=("contiguous",)).map(lambda x: Call(x, x.size)),
        errors=refused(*[Call(M, each) for each in NOT_SIX], Call(fixed(shape=(2, 3), layout="permuted"), 6)),
    ),
    entry(
        "Tensor.view_as",
        Call(M, Const(V)),
        draw=arrays(layouts=("contiguous",)).map(lambda x: Call(x, Const(x.ravel()))),
    ),
    entry("Tensor.reshape_as", Call(M, Const(V)), draw=arrays().map(lambda x: Call(x, Const(x.ravel())))),
    of_shape(
        "flatten",
        Call(M),
        *[Call(X, *dims) for dims in ((0,), (1,), (0, 1), (-1,), (2, 2))],
        Call(S),
        errors=[*refused(Call(X, 1, 0)), *out_of_range(Call(X, 3), Call(X, 0, 5))],
    ),
    of_shape("ravel", Call(M), Call(X), Call(S), Call(E)),
    of_shape(
        "unflatten",
        Call(M, 1, (3, 1)),
        Call(V, 0, (2, 3)),
        Call(V, -1, (-1, 2)),
        Call(X, 2, (2, -1)),
        errors=[*refused(Call(X, 1, (2, 2)), Call(X, 1, ())), *out_of_range(Call(X, 3, (1,)))],
        draw=lambda _, x: Call(x, 0, (1, x.shape[0])),
        strategy=arrays(min_ndim=1),
    ),
    of_shape(
        "squeeze",
        Call(M),
        *[Call(fixed(shape=(2, 1, 3, 1)), *dim) for dim in ((), (1,), (0,), (-1,), ((1, 3),), ((0, 1),))],
        Call(S, 0),
        errors=[*out_of_range(Call(M, 2)), *refused(Call(M, (1, 1)))],
        draw=any_dim,
    ),
    of_shape(
        "unsqueeze",
        Call(M, 1),
        *[Call(M, dim) for dim in (0, 2, -1, -3)],
        Call(S, 0),
        errors=out_of_range(Call(M, 3), Call(M, -4)),
        draw=lambda pick, x: Call(x, pick(st.integers(-x.ndim - 1, x.ndim))),
    ),
    of_shape(
        "transpose",
        Call(M, 0, 1),
        *[Call(X, *dims) for dims in ((0, 2), (-1, 0), (1, 1))],
        Call(S, 0, -1),
        errors=out_of_range(Call(M, 0, 2), Call(S, 0, 1)),
        draw=two_dims,
        covers=("swapdims",),
    ),
    of_shape("swapaxes", Call(M, 0, 1), Call(X, 0, -1), errors=out_of_range(Call(M, 0, 2)), draw=two_dims),
    of_shape("t", Call(M), Call(V), Call(S), errors=refused(Call(X)), strategy=arrays(max_ndim=2)),
    of_shape(
        "permute",
        Call(M, (1, 0)),
        Call(X, (2, 0, 1)),
        Call(X, (-1, 0, 1)),
        Call(S, ()),
        errors=[*refused(Call(X, (0,)), Call(X, (0, 0, 1))), *out_of_range(Call(X, (0, 1, 5)))],
        draw=permuted,
    ),
    of_shape(
        "movedim",
        Call(M, 0, 1),
        Call(X, 0, -1),
        Call(X, (0, 1), (2, 0)),
        errors=[
            *refused(Call(X, (0, 0), (1, 2)), Call(X, (0, 1), (2,))),
            *out_of_range(Call(X, 5, 0)),
            (Call(X, 0, (0, 1)), TypeError),
        ],
        draw=two_dims,
        covers=("moveaxis",),
    ),
    of_shape("adjoint", Call(M), Call(X), errors=refused(Call(V)), strategy=arrays(min_ndim=2)),
    of_shape("Tensor.T", Call(M), Call(V), strategy=arrays(max_ndim=2)),
    of_shape("Tensor.mT", Call(M), Call(X), errors=refused(Call(V)), strategy=arrays(min_ndim=2)),
    of_shape("Tensor.mH", Call(M), Call(X), errors=refused(Call(V)), strategy=arrays(min_ndim=2)),
    of_shape("Tensor.H", Call(M), errors=refused(Call(X)), strategy=arrays(min_ndim=2, max_ndim=2)),
    of_shape("clone", Call(M), Call(S), Call(E)),
    of_shape("Tensor.contiguous", Call(M), Call(S), Call(E)),
]


def expanded(pick: Draw, x: Any) -> Call:
    return Call(x[None], (pick(st.integers(1, 3)), *x.shape))


@st.composite
def pairs(pick: Draw) -> Call:
    return Call(*pick(broadcastable(real, real)))


BROADCASTING = [
    of_shape(
        "broadcast_to",
        Call(M, (2, 2, 3)),
        Call(fixed(shape=(1, 3)), (4, 2, 3)),
        Call(S, (2, 2)),
        errors=refused(Call(M, (2, 4)), Call(M, (3,))),
        draw=expanded,
    ),
    of_shape(
        "Tensor.expand",
        Call(M, 4, -1, 3),
        Call(fixed(shape=(1, 3)), (2, 3)),
        Call(S, 2, 2),
        errors=refused(Call(M, 2, 4), Call(M, 3), Call(V, -1, 6)),
        draw=expanded,
    ),
    of_shape(
        "Tensor.expand_as",
        Call(M, Const(X[:, :, 0][None])),
        errors=refused(Call(M, Const(X))),
        draw=lambda _, x: Call(x, Const(np.zeros((2, *x.shape)))),
    ),
    entry(
        "broadcast_tensors",
        Call(fixed(shape=(3,)), fixed(shape=(2, 1))),
        Call(M, S),
        errors=refused(Call(fixed(shape=(3,)), fixed(shape=(2, 2)))),
        draw=pairs(),
    ),
    entry(
        "broadcast_shapes",
        values=[Call((2, 1), (3,)), Call(2, (3, 1)), Call(), Call((0, 1), (1, 4))],
        errors=[*refused(Call((2,), (3,))), (Call((-1,)), ValueError)],
        grad=False,
    ),
    of_shape(
        "Tensor.sum_to_size",
        Call(M, 1, 3),
        Call(X, 3, 4),
        Call(X, 2, 1, 4),
        Call(M, (2, 3)),
        Call(X, 1),
        errors=[*refused(Call(X, 2, 4), Call(V, 2, 6)), (Call(M), TypeError)],
        draw=lambda _, x: Call(x, (1,) * x.ndim),
    ),
    *[
        entry(
            name,
            *[Call(x) for x in (S, V, M, X)],
            Call(S, V),
            Call([S, M]),
            draw=arrays().map(Call),
            values=kinds(),
        )
        for name in ("atleast_1d", "atleast_2d", "atleast_3d")
    ],
]

# ---------------------------------------------------------------------- together and apart


@st.composite
def several(pick: Draw, along: int | None = 0) -> Call:
    """A list of tensors that differ in the length of dimension ``along`` alone."""
    shape = list(pick(st.lists(st.integers(0, 3), min_size=2, max_size=3)))
    made = []
    for _ in range(pick(st.integers(1, 3))):
        if along is not None:
            shape[along] = pick(st.integers(0, 3))
        made.append(values_in(pick, real, tuple(shape)))
    return Call(made)


def joining(name: str, *calls: Call, along: int | None = 0, **claims: Any) -> Entry:
    promoted = [Call([typed(a, (2, 3)), typed(b, (2, 3))]).tagged(f"{a}, {b}") for a in DTYPES for b in DTYPES[:6]]
    claims.setdefault("errors", refused(Call([M, fixed(shape=(4, 4))])))
    return entry(
        name,
        Call([M, M + 1]),
        *[Call([x, M]) for x in LAID_OUT],
        *calls,
        values=[*promoted, *claims.pop("values", ())],
        draw=several(along),
        **claims,
    )


def parted(name: str, *calls: Call, draw: Callable[[Draw, Any], Call], **claims: Any) -> Entry:
    return of_shape(name, *calls, draw=draw, strategy=arrays(min_ndim=1), **claims)


NOTHING = np.zeros(0)
WIDE = fixed(shape=(4, 4, 4))

JOINING = [
    joining(
        "cat",
        Call([M, fixed(shape=(2, 1))], 1),
        Call([M, fixed(shape=(2, 1))], dim=-1),
        Call([V, V, V]),
        errors=[
            *refused(Call([M, fixed(shape=(2, 2))]), Call([M, V]), Call([S, S])),
            *out_of_range(Call([M, M], 2)),
            (Call([]), ValueError),
            (Call(M), TypeError),
            (Call(Make(lambda _, *parts: iter(parts), (M, M))), TypeError),
        ],
        values=[Call([M, NOTHING]).tagged("nothing")],
        covers=("concat", "concatenate"),
    ),
    joining(
        "stack",
        *[Call([M, M], dim) for dim in (1, 2, -1)],
        Call([S, S]),
        along=None,
        errors=[*refused(Call([M, V]), Call([])), *out_of_range(Call([M, M], 3)), (Call(M), TypeError)],
    ),
    joining("hstack", Call([V, V]), Call([S, V]), along=1),
    joining("vstack", Call([V, V]), Call([M, V[:3]]), covers=("row_stack",)),
    joining("dstack", Call([V, V]), Call([X, X[..., :1]]), along=None),
    joining("column_stack", Call([V, V]), Call([V[:2], M]), along=1),
    entry(
        "block_diag",
        Call(M, V, S),
        Call(M),
        Call(fixed(shape=(2, 0)), M),
        values=[Call(M, typed("int64"))],
        errors=refused(Call(X)),
        draw=st.tuples(*[arrays(max_ndim=2, min_side=1)] * 2).map(lambda pair: Call(*pair)),
    ),
    entry(
        "cartesian_prod",
        Call(V[:2], V[:3]),
        Call(V),
        Call(V[:2], V[:1], V[:2]),
        values=[Call(typed("int64", (2,)), typed("int64", (3,)))],
        errors=refused(Call(M, V)),
        draw=st.tuples(*[arrays(min_ndim=1, max_ndim=1, min_side=1)] * 2).map(lambda pair: Call(*pair)),
    ),
    entry(
        "combinations",
        *[Call(V[:4], *args) for args in ((), (3,), (1,), (2, True), (5,))],
        values=[Call(typed("int64", (4,))), Call(Const(V[:4]), 0)],
        errors=refused(Call(M), Call(V, -1)),
        draw=arrays(min_ndim=1, max_ndim=1).map(Call),
    ),
    parted(
        "split",
        Call(M, 1),
        *[Call(X, *args) for args in ((2,), (3,), (2, 1), (3, 2), ([1, 1],), ([1, 2], 1), ([0, 2],), (1, -1))],
        Call(E, 0),
        errors=[
            *refused(Call(X, 0), Call(X, -1), Call(X, [1, 2]), Call(X, [-1, 3]), Call(S, 1)),
            *out_of_range(Call(X, 1, 3)),
        ],
        draw=lambda pick, x: Call(x, pick(st.integers(1, 3)), dim_of(pick, x.ndim)),
        covers=("unsafe_split",),
    ),
    parted(
        "split_with_sizes",
        Call(M, [1, 1]),
        Call(X, [1, 2], 1),
        errors=refused(Call(X, [1, 2])),
        draw=lambda pick, x: Call(x, [x.shape[0] // 2, x.shape[0] - x.shape[0] // 2]),
    ),
    parted(
        "chunk",
        Call(M, 2),
        *[Call(X, *args) for args in ((1,), (5,), (2, 1), (3, 2), (2, -1))],
        Call(E, 3),
        errors=[*refused(Call(X, 0), Call(S, 1)), *out_of_range(Call(X, 1, 3))],
        draw=lambda pick, x: Call(x, pick(st.integers(1, 4)), dim_of(pick, x.ndim)),
        covers=("unsafe_chunk",),
    ),
    parted(
        "tensor_split",
        Call(M, 2),
        *[Call(V, where) for where in ((1, 4), [2, 1], (1, 10), (-2,), 4, 7)],
        Call(X, 3, 2),
        values=[Call(V, np.array([1, 3]))],
        errors=refused(Call(X, 0), Call(S, 2)),
        draw=lambda pick, x: Call(x, pick(st.integers(1, 4)), dim_of(pick, x.ndim)),
    ),
    parted(
        "hsplit",
        Call(M, 3),
        Call(V, 2),
        Call(WIDE, [1, 2]),
        errors=refused(Call(S, 1), Call(M, 2)),
        draw=lambda _, x: Call(x, [1]),
    ),
    entry(
        "vsplit",
        Call(M, 2),
        Call(WIDE, [1, 2]),
        errors=refused(Call(V, 1), Call(M, 3)),
        draw=arrays(min_ndim=2).map(lambda x: Call(x, [1])),
    ),
    entry(
        "dsplit",
        Call(WIDE, 2),
        Call(WIDE, [1, 2]),
        errors=refused(Call(M, 1), Call(X, 3)),
        draw=arrays(min_ndim=3).map(lambda x: Call(x, [1])),
    ),
    parted(
        "unbind",
        Call(M),
        *[Call(X, dim) for dim in (0, 1, -1)],
        Call(E),
        errors=out_of_range(Call(X, 3), Call(S)),
        draw=any_dim,
    ),
]

# ---------------------------------------------------------------------- turned, repeated, cut

MATRICES = arrays(nonzero, min_ndim=2)


def offset(pick: Draw, x: Any) -> Call:
    return Call(x, pick(st.integers(-3, 3)))


TURNING = [
    of_shape(
        "flip",
        Call(M, (0,)),
        *[Call(X, dims) for dims in ((0, 1), (-1,), ())],
        Call(S, (0,)),
        errors=[*out_of_range(Call(M, (2,))), *refused(Call(M, (0, 0)))],
        draw=lambda pick, x: Call(x, (dim_of(pick, x.ndim),)),
    ),
    of_shape("fliplr", Call(M), Call(X), errors=refused(Call(V)), strategy=MATRICES),
    of_shape("flipud", Call(M), Call(V), errors=refused(Call(S)), strategy=arrays(min_ndim=1)),
    of_shape(
        "roll",
        Call(M, 1),
        *[Call(X, *args) for args in ((-2,), (1, 0), ((1, 2), (0, 1)), (5, -1))],
        Call(S, 1),
        errors=[*refused(Call(X, (1, 2)), Call(X, (1, 2), (0,))), *out_of_range(Call(X, 1, 3), Call(S, 1, 0))],
        draw=offset,
    ),
    of_shape(
        "rot90",
        Call(M),
        *[Call(M, k) for k in (0, 2, 3, -1, 5)],
        Call(X, 1, (2, 0)),
        errors=[*refused(Call(M, 1, (0, 0)), Call(V), Call(M, 1, (0,))), *out_of_range(Call(M, 1, (0, 2)))],
        draw=offset,
        strategy=MATRICES,
    ),
    of_shape(
        "Tensor.repeat",
        Call(M, 2, 3),
        Call(M, (2, 1, 2)),
        Call(S, 3),
        Call(M, 0, 1),
        errors=refused(Call(M, 2), Call(M, 2, -1)),
        draw=lambda pick, x: Call(x, (2, *[pick(st.integers(0, 2)) for _ in x.shape])),
    ),
    of_shape(
        "tile",
        Call(M, (2,)),
        Call(M, (2, 1, 2)),
        Call(S, (2,)),
        draw=lambda pick, x: Call(x, (pick(st.integers(0, 2)), 2)),
    ),
    of_shape(
        "repeat_interleave",
        Call(M, 2),
        *[Call(M, 2, dim) for dim in (0, 1, -1)],
        Call(M, np.array([1, 2]), 0),
        Call(M, np.array([0, 2]), 0, output_size=2),
        Call(S, 3),
        values=[Call(Const(np.array([1, 0, 2])))],
        errors=[
            *refused(Call(M, np.array([1, 2, 3]), 0), Call(M, -1), Call(M, np.array([1, 2]), 0, output_size=5)),
            *refused(Call(Const(np.array([1, -2]))), Call(Const(np.array([[1]])))),
            *out_of_range(Call(M, 2, 2)),
        ],
        draw=lambda pick, x: Call(x, pick(st.integers(0, 3))),
    ),
    *[
        of_shape(
            name,
            Call(M),
            *[Call(SQUARE, k) for k in (1, -1, 5)],
            Call(X, 1),
            errors=refused(Call(V)),
            draw=offset,
            strategy=MATRICES,
        )
        for name in ("tril", "triu")
    ],
    of_shape(
        "diagonal",
        Call(M),
        *[Call(X, *args) for args in ((1,), (-1,), (0, 1, 2), (0, -1, 0), (5,))],
        errors=[*refused(Call(X, 0, 0, 0)), *out_of_range(Call(V), Call(X, 0, 0, 5))],
        draw=offset,
        strategy=MATRICES,
    ),
    of_shape(
        "diag_embed",
        Call(M),
        *[Call(M, *args) for args in ((1,), (-2,), (0, 0, 1), (1, 0, 2))],
        errors=[*refused(Call(M, 0, 0, 0)), *out_of_range(Call(S))],
        draw=offset,
        strategy=arrays(min_ndim=1),
    ),
    of_shape(
        "diag",
        Call(M),
        *[Call(x, k) for x in (V, M) for k in (1, -2)],
        errors=refused(Call(X), Call(S)),
        draw=offset,
        strategy=arrays(min_ndim=1, max_ndim=2),
    ),
    of_shape("diagflat", Call(M), Call(V, 1), Call(S), Call(M, -1), draw=offset),
    entry(
        "as_strided",
        Call(V, (2, 2), (1, 2)),
        Call(M, (2, 2), (1, 2), 1),
        Call(V, (3, 2), (1, 1)),
        Call(V, (2, 2), (0, 0)),
        Call(V, (), ()),
        Call(V, (0,), (1,)),
        values=[
            *kinds((2, 2), (1, 2)),
            Call(fixed(shape=(2, 3), layout="permuted"), (2, 2), (1, 2)).tagged("not contiguous"),
        ],
        errors=refused(
            Call(V, (2, 2), (1, 5)),
            Call(V, (2, 2), (-1, 1)),
            Call(V, (2,), (1, 1)),
            Call(V, (1,), (1,), 6),
        ),
        draw=arrays(min_ndim=1, min_side=2, layouts=("contiguous",)).map(lambda x: Call(x, (2, x.size // 2), (1, 1))),
    ),
    of_shape(
        "Tensor.unfold",
        Call(M, 1, 2, 1),
        *[Call(X, *args) for args in ((2, 2, 2), (-1, 3, 1), (1, 3, 1), (1, 1, 2))],
        Call(V, 0, 3, 2),
        Call(S, 0, 1, 1),
        errors=[*refused(Call(X, 0, 3, 1), Call(X, 0, 1, 0), Call(X, 0, -1, 1)), *out_of_range(Call(X, 3, 1, 1))],
        draw=lambda pick, x: Call(x, 0, pick(st.integers(1, x.shape[0])), pick(st.integers(1, 2))),
        strategy=arrays(min_ndim=1, min_side=1),
    ),
    entry(
        "unravel_index",
        values=[Call(np.array([4, 2]), (2, 3)), Call(np.array(4), 6), Call(np.array([[0, 5]]), (3, 2))],
        errors=[(Call(np.array([1.0]), (2, 3)), TypeError), (Call(np.array([4]), (-2, 3)), ValueError)],
        grad=False,
    ),
]

ENTRIES = [*RESHAPING, *BROADCASTING, *JOINING, *TURNING]
