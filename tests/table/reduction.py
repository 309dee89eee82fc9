"""Entries of reductions, statistics and scans."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table import (
    DTYPES,
    LAYOUTS,
    Attr,
    Call,
    Const,
    Domain,
    Draw,
    Entry,
    arrays,
    between,
    broadcastable,
    dim_of,
    distinct,
    entry,
    fixed,
    nonzero,
    positive,
    real,
    reduction,
    several_layouts,
    typed,
)

HUGE = np.array([[1e4, -1e4, 0.0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]])
MASKED = np.array([[-np.inf, -np.inf, -np.inf], [-np.inf, 0.0, 1.0], [np.inf, 1.0, np.inf], [np.nan, 1.0, 2.0]])
TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0], [3.0, 1.0, 3.0]])
HOLES = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan], [2.0, 4.0, -1.0]])


def as_type(**kwargs: Any) -> list[Call]:
    """The result's type given."""
    return [Call(Const(typed(a)), dtype=Attr(b), **kwargs).tagged(f"{a} as {b}") for a in DTYPES for b in DTYPES]


def ties(*args: Any, **kwargs: Any) -> list[Call]:
    """Equal extremes, whose gradient is shared or goes to one."""
    return [Call(TIED, *args, **kwargs).tagged("ties"), Call(TIED, *args, **{"dim": 1, **kwargs}).tagged("ties, dim")]


def spread(name: str, **claims: Any) -> Entry:
    """A variance or deviation: of at least two elements, as a smaller sample has none."""
    flags: list[dict[str, Any]] = [{}, {"correction": 0}, {"correction": 2}, {"keepdim": True}, {"correction": 0.5}]
    x = fixed(shape=(3, 4))
    cases = [Call(x, dim, **flag) for dim in (0, 1, -1) for flag in flags]
    cases += [Call(x, (0, 1)), Call(x), Call(x, correction=0), Call(x, dim=None, keepdim=True), Call(x, unbiased=False)]
    cases += [Call(x, 1, False), Call(x, 1, True, True), Call(fixed(shape=(3,), layout="negative"))]
    cases += [Call(fixed(shape=(3, 4), layout=layout), 1) for layout in LAYOUTS if layout != "broadcast"]
    values = [Call(typed(each, (3, 4)), 1).tagged(each) for each in DTYPES]
    values += [Call(HOLES, 1).tagged("nan"), Call(fixed(), 2).tagged("dim out of range"), Call(np.full((2, 3), 1e8), 1)]
    values += [Call(np.zeros((2, 0)), 1, correction=-1)]

    @st.composite
    def calls(draw: Draw) -> Call:
        shape = draw(st.lists(st.integers(2, 4), min_size=1, max_size=3).map(tuple))
        y = draw(arrays(shape=shape, layouts=("contiguous", "permuted", "strided", "negative")))
        dim = draw(st.one_of(st.none(), st.just(dim_of(draw, y.ndim))))
        return Call(y, dim, correction=draw(st.sampled_from([0, 1])), keepdim=draw(st.booleans()))

    return entry(name, *cases, values=values, draw=calls(), **claims)


def scan(name: str, domain: Domain = real, *, typed_result: bool = True, **claims: Any) -> Entry:
    """A scan along one dimension."""
    values = [
        Call(HUGE, 1).tagged("huge"),
        Call(MASKED, 1).tagged("special"),
        Call(TIED, 1).tagged("ties"),
        *claims.pop("values", ()),
    ]
    values += as_type(dim=1) if typed_result else []
    return reduction(name, domain, dim="one", optional=False, keepdim=False, values=values, **claims)


def extreme(name: str, **claims: Any) -> Entry:
    """``max`` and ``min``: of everything, or with indices along a dimension."""
    return reduction(name, distinct, dim="one", min_side=1, values=[*ties(), *ties(keepdim=True, dim=0)], **claims)


@st.composite
def with_identity(draw: Draw, domain: Domain) -> Call:
    x = draw(arrays(domain, min_ndim=1, min_side=1))
    return Call(x, dim_of(draw, x.ndim))


NORMS: list[Any] = [2, 1, 3, 0.5, 2.5, float("inf"), float("-inf"), 0, -1, "fro"]


def norm_cases() -> list[Call]:
    x = fixed(distinct, (2, 3)) + 0.03
    cases = [Call(x, p) for p in NORMS if p != 0] + [Call(x, p, 1) for p in NORMS if p != 0]
    cases += [
        Call(x),
        Call(x, 2, (0, 1)),
        Call(x, 2, 1, True),
        Call(x, "nuc"),
        Call(fixed(nonzero, ()), 2),
        Call(x, "fro", (0, 1)),
    ]
    return cases + [Call(fixed(nonzero, (2, 3), layout), 2, 0) for layout in LAYOUTS]


@st.composite
def norms(draw: Draw) -> Call:
    x = draw(arrays(distinct, min_ndim=1, min_side=1, layouts=("contiguous", "permuted", "strided", "negative")))
    return Call(x, draw(st.sampled_from([1, 2, 3, float("inf")])), dim_of(draw, x.ndim))


ENTRIES = [
    reduction("sum", values=as_type(dim=1) + as_type()),
    reduction("mean", values=as_type(dim=1)),
    reduction(
        "prod",
        nonzero,
        dim="one",
        values=[*as_type(dim=1), Call(np.array([[0.0, 2.0], [0.0, 0.0]]), 1).tagged("zeros")],
        loose=4,
    ),
    reduction("nansum", values=[Call(HOLES).tagged("nan"), Call(HOLES, 1).tagged("nan, dim")]),
    reduction(
        "nanmean",
        dtypes=("float64", "float32", "float16"),
        values=[Call(HOLES).tagged("nan"), Call(HOLES, 1).tagged("nan, dim")],
    ),
    reduction("all", grad=False),
    reduction("any", grad=False),
    reduction("count_nonzero", keepdim=False, grad=False),
    reduction("amax", distinct, min_side=1, values=ties()),
    reduction("amin", distinct, min_side=1, values=ties()),
    extreme("max"),
    extreme("min"),
    reduction("argmax", distinct, dim="one", min_side=1, grad=False, values=ties()),
    reduction("argmin", distinct, dim="one", min_side=1, grad=False, values=ties()),
    entry(
        "aminmax",
        *[Call(x) for x in several_layouts(distinct) if x.size],
        *[Call(fixed(distinct), dim=d, keepdim=keep) for d in (0, -1) for keep in (False, True)],
        values=[Call(typed(each), dim=1) for each in DTYPES] + [Call(TIED), Call(TIED, dim=1), Call(HOLES, dim=1)],
        errors=[(Call(np.zeros(0)), RuntimeError), (Call(fixed(), dim=2), IndexError)],
        draw=with_identity(distinct).map(lambda call: Call(call.args[0], dim=call.args[1])),
    ),
    reduction("logsumexp", optional=False, values=[Call(x, 1).tagged("huge or masked") for x in (HUGE, MASKED)]),
    spread("var"),
    spread("std", loose_gradient=10),
    spread("var_mean"),
    spread("std_mean", loose_gradient=10),
    entry(
        "norm",
        *norm_cases(),
        values=[Call(typed(each), p, 1).tagged(f"{each}, {p}") for each in DTYPES for p in (2, 1, 0, float("inf"))]
        + [Call(np.zeros((2, 3)), p, 1).tagged(f"zeros, {p}") for p in NORMS]
        + [Call(MASKED, p, 1).tagged(f"special, {p}") for p in NORMS]
        + [
            Call(fixed(), 0),
            Call(fixed(), 2, 2),
            Call(fixed(), "no"),
            Call(np.zeros((0, 2)), 2, 0),
            Call(np.zeros((0, 2)), 2, 1),
        ],
        draw=norms(),
    ),
    entry(
        "dist",
        *[Call(fixed(distinct), fixed(distinct, seed=1) + 0.5, p) for p in (2, 1, 3, float("inf"))],
        Call(fixed(shape=(2, 3)), fixed(shape=(3,), seed=1)),
        values=[Call(typed(a), typed(b, seed=2)).tagged(f"{a}, {b}") for a in DTYPES for b in DTYPES]
        + [Call(TIED, TIED), Call(TIED, TIED[::-1], 0)],
        draw=broadcastable(real, between(5, 6), min_side=1).map(lambda pair: Call(*pair)),
    ),
    entry(
        "renorm",
        *[Call(fixed(nonzero), p, dim, 1.5) for p in (2, 1, 3.5) for dim in (0, 1, -1)],
        *[Call(fixed(nonzero, layout=layout), 2, 0, 0.5) for layout in LAYOUTS],
        values=[Call(typed(each), 2, 0, 1.0) for each in DTYPES]
        + [Call(np.zeros((2, 2)), 2, 0, 1.0), Call(fixed(), 2, 0, 100.0), Call(fixed(), 2, 0, 0.0)],
        errors=[
            (Call(fixed(), 2, 2, 1.0), IndexError),
            (Call(fixed(), 0, 0, 1.0), RuntimeError),
            (Call(fixed(), 2, 0, -1.0), RuntimeError),
        ],
        draw=arrays(nonzero, min_ndim=2, min_side=1).map(lambda x: Call(x, 2, 0, 0.5)),
    ),
    scan("cumsum"),
    scan(
        "cumprod",
        nonzero,
        values=[Call(np.array([[2.0, 0.0, 3.0, 0.0], [0.0, 1.0, 2.0, 3.0]]), 1).tagged("zeros")],
        loose=4,
    ),
    scan("logcumsumexp", typed_result=False),
    scan("cummax", distinct, typed_result=False),
    scan("cummin", distinct, typed_result=False),
    entry(
        "diff",
        *[Call(fixed(shape=(3, 4), layout=layout), 1, dim) for layout in LAYOUTS for dim in (0, -1)],
        Call(fixed(shape=(3, 4)), 2),
        Call(fixed(shape=(3, 4)), 5),
        Call(fixed(shape=(3, 4)), 0),
        Call(fixed(shape=(3,)), 1, -1, fixed(shape=(2,)), fixed(shape=(1,))),
        Call(fixed(shape=(3, 4)), 2, 0, prepend=fixed(shape=(1, 4))),
        values=[Call(typed(each), 1) for each in DTYPES],
        errors=[
            (Call(fixed(shape=())), RuntimeError),
            (Call(fixed(), -1), RuntimeError),
            (Call(fixed(), 1, 2), IndexError),
        ],
        draw=with_identity(real).map(lambda call: Call(call.args[0], 1, call.args[1])),
    ),
    *[
        entry(
            name,
            Call(fixed(shape=(3, 4))),
            Call(fixed(shape=(3, 4)), dx=0.5, dim=0),
            Call(fixed(shape=(3, 4)), fixed(shape=(4,), seed=1)),
            Call(fixed(shape=(3, 4)), fixed(shape=(3, 4), seed=1), dim=-1),
            Call(fixed(shape=(3, 4)), fixed(shape=(3,), seed=1), dim=0),
            Call(fixed(shape=(1,))),
            Call(fixed(shape=(2, 1)), fixed(shape=())),
            *[Call(fixed(shape=(3, 4), layout=layout)) for layout in LAYOUTS],
            values=[Call(typed(each)) for each in DTYPES]
            + [Call(np.zeros((2, 0))), Call(fixed(), dim=2), Call(fixed(), fixed(shape=(2,))), Call(y=fixed())],
            errors=[(Call(fixed(), fixed(shape=())), RuntimeError)],
            draw=with_identity(real).map(lambda call: Call(call.args[0], dim=call.args[1])),
        )
        for name in ("trapezoid", "cumulative_trapezoid")
    ],
    entry(
        "gradient",
        Call(fixed(shape=(4,))),
        Call(fixed(shape=(3, 4))),
        Call(fixed(shape=(3, 4)), dim=1),
        Call(fixed(shape=(3, 4)), spacing=0.5),
        Call(fixed(shape=(3, 4)), spacing=[0.5, 2.0]),
        Call(fixed(shape=(4,)), spacing=[Const(np.array([0.0, 1.0, 3.0, 4.5]))]),
        Call(fixed(shape=(3, 4)), edge_order=2),
        *[Call(fixed(shape=(3, 4), layout=layout)) for layout in LAYOUTS],
        values=[Call(typed(each, (3, 4))) for each in DTYPES],
        errors=[
            (Call(fixed(shape=(1,))), RuntimeError),
            (Call(fixed(shape=(3,)), dim=1), IndexError),
            (Call(fixed(), edge_order=3), RuntimeError),
        ],
        draw=arrays(min_ndim=1, min_side=2, max_side=4).map(Call),
    ),
    *[
        entry(
            name,
            *[Call(fixed(distinct, (3, 4)), 0.3, dim, keepdim=keep) for dim in (0, 1, -1) for keep in (False, True)],
            Call(fixed(distinct, (3, 4)), 0.6),
            Call(fixed(distinct, (3, 4)), Const(np.array([0.1, 0.5, 0.9])), 1),
            Call(fixed(distinct, (2, 3, 4)), Const(np.array([0.1, 0.7])), 1, keepdim=True),
            *[
                Call(fixed(distinct, (3, 4)), 0.3, 1, interpolation=how)
                for how in ("lower", "higher", "midpoint", "nearest", "linear")
            ],
            *[Call(fixed(distinct, (3, 4), layout), 0.3, 1) for layout in LAYOUTS if layout != "broadcast"],
            values=[Call(typed(each, (3, 4)), 0.5, 1).tagged(each) for each in DTYPES]
            + [
                Call(HOLES, 0.5, 1).tagged("nan"),
                Call(HOLES, 0.25).tagged("nan, whole"),
                Call(TIED, 0.5, 1).tagged("ties"),
            ]
            + [Call(np.zeros((0,)), 0.5), Call(fixed(), Const(np.array([0.5], np.float32)))],
            errors=[
                (Call(fixed(), 1.5), RuntimeError),
                (Call(fixed(), -0.1), RuntimeError),
                (Call(fixed(), Const(np.array([0.5, 1.5]))), RuntimeError),
                (Call(fixed(), 0.5, 2), IndexError),
            ],
            draw=with_identity(distinct).map(lambda call: Call(call.args[0], 0.35, call.args[1])),
        )
        for name in ("quantile", "nanquantile")
    ],
    entry(
        "histc",
        values=[Call(typed(each, (3, 4)), 5) for each in DTYPES]
        + [
            Call(fixed(shape=(3, 4)), 4, -1, 2),
            Call(fixed(), 3, 2, 2),
            Call(fixed(), 0),
            Call(fixed(), 3, 2, 1),
            Call(MASKED, 3),
        ],
        grad=False,
    ),
    entry(
        "histogram",
        values=[Call(typed(each, (3, 4)), 5) for each in DTYPES]
        + [Call(fixed(), 4, range=(-1.0, 2.0)), Call(fixed(), Const(np.array([-2.0, 0.0, 1.0, 3.0])))]
        + [
            Call(fixed(), 4, weight=Const(fixed(positive))),
            Call(fixed(), 4, density=True),
            Call(fixed(), 0),
            Call(fixed(), 4, range=(2.0, -1.0)),
        ],
        grad=False,
    ),
    entry(
        "bincount",
        values=[
            Call(Const(np.array([0, 2, 2, 5]))),
            Call(Const(np.array([0, 2], np.uint8)), minlength=6),
            Call(Const(np.zeros(0, np.int64))),
        ]
        + [Call(Const(np.array([0, 2, 2])), Const(typed(each, (3,)))) for each in DTYPES]
        + [
            Call(Const(np.array([-1, 2]))),
            Call(Const(np.array([[1, 2]]))),
            Call(fixed(shape=(3,))),
            Call(Const(np.array([1, 2])), Const(fixed(shape=(3,)))),
        ]
        + [Call(Const(np.array([1])), minlength=-1)],
        grad=False,
    ),
    entry(
        "cov",
        Call(fixed(shape=(2, 4))),
        Call(fixed(shape=(4,))),
        Call(fixed(shape=(2, 4)), correction=0),
        Call(fixed(shape=(2, 4)), fweights=Const(np.array([1, 2, 1, 3]))),
        Call(fixed(shape=(2, 4)), aweights=Const(np.array([0.5, 1.0, 2.0, 0.25]))),
        *[Call(fixed(shape=(2, 4), layout=layout)) for layout in LAYOUTS],
        values=[Call(typed(each, (2, 4))) for each in DTYPES]
        + [Call(fixed(shape=(2, 2, 2))), Call(fixed(shape=()))]
        + [Call(Const(fixed(shape=(2, 1))), correction=0, fweights=Const(np.array(2)))],
        draw=arrays(min_ndim=2, max_ndim=2, min_side=2).map(Call),
    ),
    entry(
        "corrcoef",
        Call(fixed(shape=(2, 4))),
        Call(fixed(shape=(3, 5))),
        *[Call(fixed(shape=(2, 4), layout=layout)) for layout in ("permuted", "strided", "negative")],
        values=[Call(typed(each, (2, 4))) for each in DTYPES] + [Call(fixed(shape=(2, 2, 2))), Call(fixed(shape=()))],
        draw=arrays(distinct, shape=(2, 4), layouts=("contiguous", "permuted", "negative")).map(Call),
    ),
    entry(
        "equal",
        values=[Call(typed(a), typed(b)) for a in DTYPES for b in DTYPES]
        + [Call(fixed(), fixed(shape=(3,))), Call(HOLES, HOLES)],
        grad=False,
    ),
    entry(
        "allclose",
        values=[Call(typed(a), typed(a)) for a in DTYPES]
        + [Call(fixed(), fixed() + by) for by in (1e-9, 1e-6, 1e-3)]
        + [
            Call(HOLES, HOLES),
            Call(HOLES, HOLES, equal_nan=True),
            Call(fixed(), fixed(), -1.0),
            Call(typed("float32"), typed("float64")),
        ],
        grad=False,
    ),
]
