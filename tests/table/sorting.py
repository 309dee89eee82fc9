"""Entries of sorting, order statistics, looking up in sorted sequences, unique elements, and put."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import SPECIAL, fixed, typed
from tests.table._format import Call, Const, Entry, entry
from tests.table._strategies import DTYPES, LAYOUTS, Draw, arrays, dim_of, distinct, real, seeds, whole

NAN, INF = np.nan, np.inf
TIED = np.array([[2.0, 1.0, 2.0, 1.0], [3.0, 3.0, 3.0, 3.0], [0.0, -0.0, 1.0, 0.0]])
HOLES = np.array([[1.0, NAN, 3.0, -INF], [NAN, NAN, NAN, NAN], [INF, 2.0, NAN, INF], [4.0, -1.0, 0.5, 2.0]])
ONE_HOLE = np.array([[1.0, NAN, 3.0, -INF], [4.0, -1.0, 0.5, 2.0], [INF, NAN, 1.0, -1.0]])
LONG = fixed(distinct, (3, 100))
SCALAR, EMPTY = fixed(shape=()), np.zeros((2, 0))
NUMBERS = tuple(each for each in DTYPES if each != "bool")
LAID_OUT = [fixed(distinct, (3, 4), layout) for layout in LAYOUTS if layout != "broadcast"]


def values_alone(out: Any) -> Any:
    """The values of (values, indices): where elements are equal, PyTorch does not say which of them it takes."""
    return out[0]


def refused(*calls: Call) -> list[tuple[Call, type[BaseException]]]:
    return [(call, RuntimeError) for call in calls]


def out_of_range(*calls: Call) -> list[tuple[Call, type[BaseException]]]:
    return [(call, IndexError) for call in calls]


def every_type(*args: Any, dtypes: tuple[str, ...] = DTYPES, shape: tuple[int, ...] = (3, 4), **kw: Any) -> list[Call]:
    """The call for each number type, with elements that are all different as far as the type has as many."""
    ladder = (np.random.default_rng(3).permutation(int(np.prod(shape))) - 5).reshape(shape)
    return [Call(ladder.astype(each), *args, **kw).tagged(each) for each in dtypes]


def along(*settings: dict[str, Any], before: tuple[Any, ...] = ()) -> list[Call]:
    """Calls on every memory layout, along every dimension, and of tensors with fewer dimensions.

    ``before`` is the k of the k-th largest, if anything.
    """
    one = (1,) if before else ()
    calls = [Call(x, *before, dim=1, **settings[0]) for x in LAID_OUT]
    calls += [Call(LAID_OUT[0], *before, dim=dim, **each) for dim in (0, 1, -1, -2) for each in settings]
    calls += [Call(fixed(distinct, (2, 3, 2)), *before, dim=1, **settings[-1])]
    calls += [Call(x, *one, dim=-1, **settings[-1]) for x in (SCALAR, fixed(shape=(1,)))]
    return calls


@st.composite
def drawn(draw: Draw, *before: Any, flags: tuple[str, ...] = (), whole_too: bool = False) -> Call:
    """A tensor of different elements, a dimension of it, and flags."""
    x = draw(arrays(distinct, layouts=LAYOUTS[:4], min_side=1))
    named = {flag: draw(st.booleans()) for flag in flags}
    if whole_too and draw(st.booleans()):
        return Call(x, *before)
    return Call(x, *before, dim=dim_of(draw, x.ndim), **named)


@st.composite
def with_k(draw: Draw, least: int, *flags: str) -> Call:
    """A tensor of different elements, a number of them along a dimension, and flags."""
    x = draw(arrays(distinct, layouts=LAYOUTS[:4], min_side=1))
    dim = dim_of(draw, x.ndim)
    k = draw(st.integers(least, x.shape[dim] if x.ndim else 1))
    return Call(x, k, dim, **{flag: draw(st.booleans()) for flag in flags})


# ---------------------------------------------------------------------- sorting

SORTS = ({}, {"descending": True})


def sorts(name: str, draw: Any, **claims: Any) -> Entry:
    """Sort or argsort: stable, so that the places of equal elements are told too."""
    return entry(
        name,
        *along(*SORTS),
        Call(fixed(distinct, (2, 3)), 0, True),
        Call(EMPTY),
        Call(EMPTY, dim=0),
        Call(fixed(distinct, (3,)), stable=True),
        values=[
            *every_type(),
            *every_type(dim=0, descending=True),
            *[Call(typed(each, (3, 5)), stable=True).tagged(f"{each}, ties") for each in DTYPES],
            *[Call(typed(each, (3, 5)), descending=True, stable=True).tagged(f"{each}, ties") for each in DTYPES],
            *[Call(x.astype(each), stable=True, descending=down) for x in (HOLES, SPECIAL, TIED)
              for each in ("float64", "float32") for down in (False, True)],
            *[Call(x.astype("float16"), stable=True) for x in (HOLES, TIED)],
            Call(typed("float32", (0,))),
            Call(fixed(distinct, (2, 3))),
            Call(SCALAR),
        ],
        errors=out_of_range(Call(LAID_OUT[0], 2), Call(LAID_OUT[0], dim=-3), Call(SCALAR, 1)),
        draw=draw,
        **claims,
    )  # fmt: skip


def order_statistic(
    name: str, *before: Any, whole_too: bool, dtypes: tuple[str, ...] = NUMBERS, **claims: Any
) -> Entry:
    """(values, indices) along a dimension; median also of all elements."""
    plain = [Call(x) for x in (*LAID_OUT, SCALAR, fixed(distinct, (2, 3, 2)))] if whole_too else []
    plain_values = [
        *[Call(np.array(each)) for each in ([], [NAN, 1.0, 2.0], [NAN, NAN], [3.0, 1.0, 2.0, 2.0])],
        *every_type(dtypes=dtypes),
        *[Call(x.astype(each)) for x in (TIED, HOLES) for each in ("float64", "float32", "float16")],
    ]
    return entry(
        name,
        *along({"keepdim": False}, {"keepdim": True}, before=before),
        *plain,
        values=[
            *every_type(*before, 1, dtypes=dtypes),
            *every_type(*before, 0, True, dtypes=dtypes),
            *(plain_values if whole_too else []),
            Call(ONE_HOLE, *before, 1).tagged("nan"),
            Call(ONE_HOLE.astype("float32"), *before, 1, True).tagged("nan"),
            *([] if whole_too else [Call(LAID_OUT[0], *before)]),
            Call(np.zeros((0, 3)), *before, 1).tagged("empty result"),
        ],
        errors=[
            *out_of_range(Call(LAID_OUT[0], *before, 2), Call(np.zeros((0, 3)), *before, 0), Call(SCALAR, *before, 1)),
            *claims.pop("errors", []),
        ],
        **claims,
    )


SORTING = [
    sorts("sort", drawn(flags=("descending",))),
    sorts("argsort", drawn(flags=("descending",)), grad=False),
    entry(
        "msort",
        *[Call(x) for x in (*LAID_OUT, SCALAR, fixed(distinct, (2, 3, 2)), EMPTY)],
        values=[*every_type(), Call(HOLES), Call(TIED)],
        draw=arrays(distinct, layouts=LAYOUTS[:4]).map(Call),
    ),
    entry(
        "topk",
        *[Call(x, 2) for x in LAID_OUT],
        *[Call(LAID_OUT[0], 2, dim, largest) for dim in (0, 1, -1) for largest in (True, False)],
        *[Call(LONG, k, largest=largest) for k in (1, 5, 40) for largest in (True, False)],
        Call(fixed(distinct, (2, 3, 2)), 2, 1),
        Call(LAID_OUT[0], 0),
        Call(SCALAR, 1),
        Call(SCALAR, 0),
        Call(EMPTY, 1, 0),
        values=[
            *every_type(2, dtypes=NUMBERS),
            *every_type(2, 0, False, dtypes=NUMBERS),
            *[Call(typed("float32", (2, 100), domain=distinct), k) for k in (3, 30)],
            Call(HOLES[2:, ::2], 1),
            Call(HOLES[3], 2),
        ],
        errors=[
            *refused(Call(LAID_OUT[0], 5), Call(LAID_OUT[0], -1), Call(SCALAR, 2), Call(LAID_OUT[0], 4, 0)),
            *out_of_range(Call(LAID_OUT[0], 1, 2), Call(SCALAR, 1, 1)),
        ],
        draw=with_k(0, "largest"),
    ),
    entry(
        "Tensor.topk",
        values=[
            *[Call(x, k).tagged("ties") for x in (TIED, HOLES) for k in (1, 2, 4)],
            *[Call(typed(each, (3, 5)), 3, 1, largest).tagged(f"{each}, ties") for each in NUMBERS
              for largest in (True, False)],
        ],
        errors=refused(Call(typed("bool", (3,)), 1), Call(typed("bool", (3,)), 4)),
        outputs=values_alone,
        grad=False,
    ),
    order_statistic(
        "kthvalue",
        2,
        whole_too=False,
        draw=with_k(1, "keepdim"),
        errors=refused(Call(LAID_OUT[0], 0), Call(LAID_OUT[0], 5), Call(SCALAR, 2), Call(typed("bool", (3,)), 1)),
    ),
    order_statistic(
        "median",
        whole_too=True,
        draw=drawn(flags=("keepdim",), whole_too=True),
        errors=refused(Call(typed("bool", (3,))), Call(typed("bool", (3,)), 0)),
    ),
    order_statistic(
        "nanmedian",
        whole_too=True,
        draw=drawn(flags=("keepdim",), whole_too=True),
        errors=refused(Call(typed("bool", (3,))), Call(typed("bool", (3,)), 0)),
    ),
    order_statistic("mode", whole_too=False, dtypes=DTYPES, draw=drawn(flags=("keepdim",))),
    *[
        entry(
            f"Tensor.{name}",
            values=[Call(x, *before, dim) for x in (TIED, HOLES) for dim in (0, 1)],
            outputs=values_alone,
            grad=False,
        )
        for name, before in (("kthvalue", (2,)), ("median", ()), ("nanmedian", ()))
    ],
    entry(
        "Tensor.mode",
        values=[
            Call(HOLES, 1).tagged("nan"),
            *[Call(TIED, dim) for dim in (0, 1)],
            *[Call(typed(each, (4, 6)), dim).tagged(f"{each}, ties") for each in DTYPES for dim in (0, 1)],
        ],
        outputs=values_alone,
        grad=False,
    ),
]  # fmt: skip

# ---------------------------------------------------------------------- looking up

EDGES = np.array([-1.0, 0.0, 0.0, 1.5, 3.0])
ROWS = np.sort(fixed(distinct, (2, 4)), axis=-1)
SOUGHT = np.array([[-2.0, 0.0, 1.5], [0.5, 3.0, 9.0]])
LOOKED_UP = [{}, {"right": True}, {"out_int32": True}]
SEARCHED = [*LOOKED_UP, {"side": "left"}, {"side": "right"}, {"side": "right", "right": True}]
PAIRS = [(a, b) for a in ("float64", "float32", "float16", "int64", "int32", "uint8") for b in (a, "float32")]
UNSORTED = np.array([3.0, -1.0, 1.5])


@st.composite
def lookups(draw: Draw, rows: bool) -> Call:
    """A sequence in order and values, some of them in it."""
    rng = np.random.default_rng(draw(seeds))
    front = tuple(draw(st.lists(st.integers(0, 2), max_size=2))) if rows else ()
    sequence = np.sort(rng.integers(-3, 4, (*front, draw(st.integers(0, 5)))).astype(float), axis=-1)
    sought = rng.integers(-4, 5, (*front, draw(st.integers(0, 4)))).astype(float)
    return Call(sequence, sought, right=draw(st.booleans()))


LOOKING_UP = [
    entry(
        "searchsorted",
        values=[
            *[Call(EDGES, SOUGHT, **each) for each in SEARCHED],
            *[Call(ROWS, SOUGHT, **each) for each in SEARCHED],
            *[Call(EDGES, number, **each) for number in (0.0, 2, -5) for each in LOOKED_UP],
            *[Call(np.arange(5).astype(a), typed(b, (2, 3)) if a == b else np.arange(5).astype(a)) for a, b in PAIRS],
            Call(EDGES, np.array(0.0)),
            Call(EDGES, np.array([NAN, INF, -INF])),
            Call(np.array([1.0, NAN]), np.array([NAN, 0.0, 2.0])).tagged("nan in order"),
            Call(EDGES, SOUGHT.astype("float32")),
            Call(np.zeros(0), SOUGHT),
            Call(EDGES, np.zeros((0, 2))),
            Call(UNSORTED, SOUGHT, sorter=np.array([1, 2, 0])),
            Call(EDGES[::-1].copy()[::-1], SOUGHT[:, ::-1]),
        ],
        errors=refused(
            Call(ROWS, SOUGHT[:1]),
            Call(ROWS, 1.0),
            Call(np.array(1.0), SOUGHT),
            Call(EDGES, SOUGHT, side="middle"),
            Call(EDGES, SOUGHT, side="left", right=True),
            Call(UNSORTED, SOUGHT, sorter=np.array([1, 2])),
            Call(UNSORTED, SOUGHT, sorter=np.array([1, 2, 3])),
            Call(UNSORTED, SOUGHT, sorter=np.array([1, 2, -1])),
            Call(UNSORTED, SOUGHT, sorter=np.array([1.0, 2.0, 0.0])),
            Call(UNSORTED, SOUGHT, sorter=np.array([1, 2, 0], np.int32)),
        ),
        draw=lookups(rows=True),
        grad=False,
    ),
    entry(
        "bucketize",
        values=[
            *[Call(SOUGHT, EDGES, **each) for each in LOOKED_UP],
            *[Call(number, EDGES, **each) for number in (0.0, 2, -5) for each in LOOKED_UP],
            *[Call(typed(a, (2, 3)), np.arange(5).astype(a)) for a, _ in PAIRS],
            Call(np.array([NAN, INF, -INF]), EDGES),
            Call(np.array(1.0), EDGES),
            Call(SOUGHT.astype("float32"), EDGES),
            Call(SOUGHT, np.zeros(0)),
            Call(np.zeros((2, 0)), EDGES),
        ],
        errors=refused(Call(SOUGHT, ROWS), Call(SOUGHT, np.array(1.0))),
        draw=lookups(rows=False).map(lambda call: Call(*call.args[::-1], **call.kwargs)),
        grad=False,
    ),
    entry(
        "isin",
        values=[
            *[Call(typed(each, (3, 4)), typed(each, (3,), seed=2)).tagged(each) for each in NUMBERS],
            Call(TIED, np.array([[1.0, 3.0]])),
            Call(TIED, np.array([1.0]), invert=True),
            Call(TIED, np.zeros(0)),
            Call(np.zeros((0, 2)), TIED),
            Call(TIED, 2.0),
            Call(TIED, 2, invert=True),
            Call(2.0, TIED),
            Call(np.array(2.0), np.array(2.0)),
            Call(np.array([0.0, 1.0, 2.0]), np.array([2.0, 5.0]), assume_unique=True),
            Call(np.arange(20.0), np.arange(0.0, 40.0, 2.0)),
            Call(np.array([NAN, 1.0, INF]), np.array([NAN, INF])),
            Call(typed("int64"), typed("int32")),
            Call(typed("float32"), typed("float64")),
        ],
        errors=[(Call(1, 2), TypeError), (Call(TIED, [1.0]), TypeError)],
        # PyTorch flattens the second by a view, which its strides may not allow
        draw=st.tuples(arrays(whole(-3, 4)), arrays(whole(-3, 4), layouts=["contiguous"])).map(lambda x: Call(*x)),
        grad=False,
    ),
]

# ---------------------------------------------------------------------- unique elements

BOTH = {"return_inverse": True, "return_counts": True}
REPEATED = np.array([[1.0, 1.0, 2.0, 1.0], [1.0, 1.0, 2.0, 1.0], [0.0, 3.0, 3.0, 0.0], [1.0, 1.0, 2.0, 1.0]])


@st.composite
def repeated(draw: Draw) -> Call:
    """A tensor in which elements and slices come more than once."""
    x = draw(arrays(whole(0, 2), min_side=1))
    named: dict[str, Any] = {flag: draw(st.booleans()) for flag in BOTH}
    return Call(x, **named, dim=dim_of(draw, x.ndim)) if x.ndim and draw(st.booleans()) else Call(x, **named)


def uniques(name: str) -> Entry:
    flags: list[dict[str, Any]] = [{}, {"return_inverse": True}, {"return_counts": True}, BOTH]
    return entry(
        name,
        values=[
            *[Call(REPEATED, **each) for each in flags],
            *[Call(REPEATED, dim=dim, **each) for dim in (0, 1, -1) for each in flags],
            *[Call(typed(each, (3, 5)), **BOTH).tagged(each) for each in DTYPES],
            *[Call(typed(each, (4, 2)), dim=0, **BOTH).tagged(f"{each}, dim") for each in DTYPES],
            *[Call(REPEATED[:, ::-1], dim=dim, **BOTH) for dim in (None, 0, 1)],
            Call(np.array([NAN, 1.0, NAN, INF, -INF, 1.0]), **BOTH),
            Call(np.array([0.0, -0.0]), return_counts=True),
            Call(SCALAR, **BOTH),
            Call(np.zeros(0), **BOTH),
            Call(np.zeros((0, 2)), dim=0, **BOTH),
            Call(REPEATED.reshape(2, 2, 4), dim=1, **BOTH),
        ],
        errors=[*refused(Call(np.zeros((2, 0)), dim=0)), *out_of_range(Call(REPEATED, dim=2))],
        draw=repeated(),
        grad=False,
    )


UNIQUE = [uniques("unique"), uniques("unique_consecutive")]

# ---------------------------------------------------------------------- put

M, PLACES, NEW = fixed(shape=(2, 3)), np.array([4, 0, -1]), fixed(shape=(3,), seed=5)


@st.composite
def puts(draw: Draw) -> Call:
    """A tensor, places in it without repetition (or with it, where elements are added), and their new elements."""
    x = draw(arrays(real, min_side=1, layouts=LAYOUTS[:4]))
    rng = np.random.default_rng(draw(seeds))
    accumulate = draw(st.booleans())
    count = draw(st.integers(0, x.size))
    places = rng.integers(-x.size, x.size, count) if accumulate else rng.permutation(x.size)[:count]
    return Call(x, places, np.asarray(rng.uniform(-3, 3, count)), accumulate)


PUT = [
    entry(
        "put",
        *[Call(fixed(shape=(2, 3), layout=layout), PLACES, NEW) for layout in LAYOUTS],
        Call(M, PLACES, NEW, True),
        Call(M, np.array([1, 1, -5]), NEW, accumulate=True),
        Call(M, np.array([[1, 2], [3, 0]]), fixed(shape=(4,))),
        Call(M, np.array(2), SCALAR),
        Call(SCALAR, np.array([0]), fixed(shape=(1,))),
        Call(M, np.zeros(0, np.int64), np.zeros(0)),
        values=[
            *[Call(typed(each), PLACES, typed(each, (3,), seed=9), add).tagged(each) for each in DTYPES
              for add in (False, True) if not (add and each == "bool")],
        ],
        errors=[
            *out_of_range(*[Call(M, np.array([place, 0, 1]), NEW) for place in (6, -7)], Call(M, PLACES, NEW[:2])),
            *refused(*[Call(M, PLACES.astype(each), NEW) for each in ("int32", "float64")]),
            *refused(Call(M, PLACES, NEW.astype("float32"))),
            (Call(M, PLACES, Const(typed("int64", (3,)))), RuntimeError),
        ],
        draw=puts(),
    ),
]  # fmt: skip

ENTRIES: list[Entry] = [*SORTING, *LOOKING_UP, *UNIQUE, *PUT]
