"""Entries of the elementwise ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.table._families import SPECIAL, binary, fixed, typed, unary
from tests.table._format import Call, Const, Entry, entry
from tests.table._strategies import (
    above_one,
    away_from,
    between,
    broadcastable,
    distinct,
    nonzero,
    off_integers,
    positive,
    probability,
    real,
    small,
    truth,
    unit,
    whole,
)

KINDS = ("int64", "uint8", "float32")
TIES = np.array([1.0, 2.0, 3.0, np.nan, 1.0, np.nan, 2.0, np.inf, -np.inf, 0.0, -0.0])
OTHERS = np.array([2.0, 2.0, 2.0, 1.0, np.nan, np.nan, 2.0, np.inf, np.inf, -0.0, 0.0])
HUGE = np.array([1e4, -1e4, 80.0, -80.0, 20.0, -20.0, 1e-8, -1e-8, 700.0, -700.0])


def huge(*args: Any, **kwargs: Any) -> list[Call]:
    """Arguments at which a formula that is not stable overflows."""
    return [Call(HUGE.astype(each), *args, **kwargs).tagged(f"huge {each}") for each in ("float64", "float32")]


def ties(**kwargs: Any) -> list[Call]:
    """Equal, nan and infinite pairs."""
    return [Call(TIES.copy(), OTHERS.copy(), **kwargs).tagged("ties")]


def integers(name: str, low: int = -8, high: int = 9, **claims: Any) -> Entry:
    """An op of two tensors of whole numbers, without derivative."""
    numbers = claims.pop("numbers", (2, 2.5, True))
    return binary(name, whole(low, high), special=False, grad=False, numbers=numbers, **claims)


def three(name: str, *domains: Any, **claims: Any) -> Entry:
    """An op of three tensors that broadcast."""
    kwargs = claims.pop("kwargs", {})
    shapes = (
        ((2, 3), (2, 3), (2, 3)),
        ((2, 3), (3,), (2, 1)),
        ((3,), (2, 3), ()),
        ((), (), ()),
        ((0, 2), (2,), (1, 2)),
    )
    cases = [
        Call(
            *[fixed(domain, shape, seed=place) for place, (domain, shape) in enumerate(zip(domains, each, strict=True))]
        )
        for each in shapes
    ]
    for each in cases:
        each.kwargs = dict(kwargs)
    claims.setdefault("draw", broadcastable(*domains).map(lambda drawn: Call(*drawn, **kwargs)))
    return Entry(name=name, cases=tuple(cases), **{"relative_to": "element", **claims})


def addcs() -> list[Call]:
    """x + v·a·b and x + v·a / b of several types."""
    kinds = (("float32", "float64", "float32"), ("float32", "float32", "int64"), ("int64",) * 3, ("bool",) * 3)
    return [
        Call(
            typed(a, seed=1), typed(b, seed=2, domain=positive), typed(c, seed=3, domain=positive), value=value
        ).tagged(f"{a} {b} {c} {value}")
        for a, b, c in kinds
        for value in (1, -2, 2.5)
        if not (c == "int64" and b == "float32")
    ]


def nothing_added() -> list[Call]:
    """x + 0·a·b, whose gradients are 0."""
    return [Call(fixed(), fixed(positive, seed=1), fixed(positive, seed=2), value=0)]


def scaled() -> list[Call]:
    """Sums with ``alpha``, of several types."""
    pairs = (("float32", "float64", -1.5), ("int64", "int64", 3), ("uint8", "uint8", 3), ("int64", "float32", 2.5))
    return [
        Call(fixed(), fixed(seed=1), alpha=2.5),
        Call(fixed(), 2.0, alpha=-1),
        Call(fixed(), fixed(seed=1), alpha=2),
        *[Call(typed(a), typed(b, seed=2), alpha=alpha).tagged(f"{a} {b} {alpha}") for a, b, alpha in pairs],
        Call(typed("int64"), typed("int64"), alpha=2.5).tagged("floating alpha"),
        Call(typed("bool"), typed("bool", seed=2)).tagged("bool of one shape"),
        Call(typed("bool"), typed("bool", seed=2), alpha=True).tagged("bool alpha"),
        Call(typed("float32"), typed("float32"), alpha=True).tagged("bool alpha of numbers"),
    ]


ARITHMETIC = [
    binary("add", values=scaled()),
    binary("sub", values=scaled()),
    binary("rsub", values=scaled()),
    binary("mul"),
    binary(
        "div",
        real,
        nonzero,
        values=[
            Call(typed(a), typed(b, seed=3, domain=nonzero), rounding_mode=mode).tagged(f"{a} {b} {mode}")
            for a, b in (("float32", "float32"), ("float64", "float64"), ("int64", "float32"), ("bool", "bool"))
            for mode in ("floor", "trunc", "up", None)
        ]
        + [
            Call(np.arange(-7, 8), np.array(n), rounding_mode=mode).tagged(f"{n} {mode}")
            for n in (3, -3, 0)
            for mode in ("floor", "trunc")
        ]
        + [
            Call(SPECIAL, SPECIAL[::-1].copy(), rounding_mode=mode).tagged(f"special {mode}")
            for mode in ("floor", "trunc")
        ],
    ),
    binary("true_divide", real, nonzero),
    binary("floor_divide", off_integers, between(1.2, 1.3), pairs=(), grad=True),
    binary("remainder", between(0.2, 0.8), between(0.9, 1.3)),
    binary("fmod", between(0.2, 0.8), between(0.9, 1.3)),
    integers("gcd", pairs=[(a, a) for a in KINDS], numbers=()),
    integers("lcm", pairs=[(a, a) for a in KINDS], numbers=()),
    unary("neg"),
    unary("positive"),
    unary("abs", nonzero),
    unary("square"),
    unary("reciprocal", nonzero),
    unary("sign", nonzero),
    unary("sgn", nonzero),
    three("addcmul", real, real, real, values=addcs() + nothing_added()),
    three("addcdiv", real, real, nonzero, values=addcs() + nothing_added()),
    three(
        "lerp",
        real,
        real,
        real,
        values=[
            *[Call(typed(each), typed(each, seed=2), 0.3).tagged(each) for each in ("float32", "float64", "int64")],
            *[
                Call(fixed(), fixed(seed=2), weight).tagged(f"weight {weight}")
                for weight in (0.0, 0.5, 0.7, 1.0, 2, -3.0)
            ],
            Call(typed("float32"), typed("float64"), 0.5).tagged("types differ"),
            Call(typed("float32"), typed("float32"), np.array(0.5)).tagged("0-d weight of another type"),
        ],
    ),
]

# ---------------------------------------------------------------------- exponentials, powers

EXPONENTIAL = [
    unary("exp", values=huge()),
    unary("exp2", values=huge()),
    unary("expm1", values=huge()),
    unary("log", positive),
    unary("log2", positive),
    unary("log10", positive),
    unary("log1p", positive),
    binary("logaddexp", values=huge(np.float64(0) * HUGE[::-1]), numbers=()),
    binary("logaddexp2", values=huge(np.float64(0) * HUGE[::-1]), numbers=()),
    binary("xlogy", real, positive, values=[Call(2.0, fixed(positive)).tagged("number first")]),
    binary(
        "pow",
        positive,
        real,
        numbers=(0, 1, 2, 3, 0.5, -0.5, -1, -2, 2.5, 0.0),
        values=[
            Call(2, typed("int64")).tagged("number base"),
            Call(2.5, typed("int64")).tagged("floating base"),
            Call(0.0, SPECIAL.copy()).tagged("base 0"),
            Call(-1.5, SPECIAL.copy()).tagged("negative base"),
            Call(1.0, SPECIAL.copy()).tagged("base 1"),
            Call(np.array([1, -1, 2, 0, -3]), np.array([-1, -3, -1, 0, 3])).tagged("negative whole exponents"),
            *[Call(SPECIAL.copy(), e).tagged(f"special ** {e}") for e in (0, 1, 2, 3, 0.5, -1, -0.5, -2, 0.3, 4)],
        ],
        errors=[(Call(typed("int64"), -1), RuntimeError)],
    ),
    binary(
        "float_power",
        positive,
        real,
        values=[Call(2, typed("int64")).tagged("number base")],
        covers=("Tensor.float_power_",),  # tests/autograd/ops/test_elementwise.py
    ),
    unary("sqrt", positive),
    unary("rsqrt", positive),
    binary(
        "ldexp",
        real,
        small,
        numbers=(),
        pairs=[("float32", "int64"), ("float64", "int64"), ("int64", "int64")],
        special=False,
    ),
    unary("frexp", nonzero, grad=True),
]

# ---------------------------------------------------------------------- trigonometry

TRIGONOMETRIC = [
    unary("sin"),
    unary("cos"),
    unary("tan", unit),
    unary("asin", unit),
    unary("acos", unit),
    unary("atan"),
    unary("sinh"),
    unary("cosh"),
    unary("tanh", values=huge()),
    unary("asinh"),
    unary("acosh", above_one),
    unary("atanh", unit),
    unary("sinc"),
    unary("deg2rad"),
    unary("rad2deg"),
    binary("atan2", positive, positive, numbers=()),
    binary("hypot", positive, positive, numbers=()),
]

# ---------------------------------------------------------------------- rounding

ROUNDING = [
    unary("floor", off_integers),
    unary("ceil", off_integers),
    unary("trunc", off_integers),
    unary("frac", off_integers),
    unary(
        "round",
        off_integers,
        values=[
            Call(np.array([0.5, 1.5, 2.5, -0.5, -1.5])).tagged("halves"),
            *[
                Call(np.array([2.5, 1234.5678, -155.0, 0.12345]), decimals=d).tagged(f"decimals {d}")
                for d in (-2, -1, 1, 3)
            ],
            Call(typed("int64"), decimals=1).tagged("decimals of integers"),
        ],
    ),
    binary("copysign", nonzero, nonzero, special=False, numbers=(2.0, -2.0)),
    binary("heaviside", grad=False, numbers=(), pairs=[(a, b) for a in KINDS for b in KINDS]),
    unary("nan_to_num", values=[Call(SPECIAL.copy(), 1.0, 2.0, -3.0).tagged("given")]),
    binary("nextafter", real, above_one, numbers=(), pairs=[(a, b) for a in KINDS for b in KINDS]),
]

# ---------------------------------------------------------------------- comparison, logic

COMPARISON = [
    *[binary(each, grad=False, values=ties()) for each in ("eq", "ne", "lt", "le", "gt", "ge")],
    *[unary(each, grad=False) for each in ("isnan", "isinf", "isposinf", "isneginf", "isfinite", "isreal", "signbit")],
    binary(
        "isclose",
        grad=False,
        numbers=(),
        pairs=[(a, b) for a in (*KINDS, "bool") for b in KINDS],
        values=[
            Call(TIES.copy(), OTHERS.copy(), equal_nan=True).tagged("equal nan"),
            Call(fixed(), fixed() + 1e-3, rtol=1e-2).tagged("rtol"),
            Call(fixed(), fixed() + 1e-3, atol=1e-2).tagged("atol"),
            Call(fixed(), fixed(), rtol=-1.0).tagged("negative"),
        ],
    ),
    *[binary(each, grad=False, numbers=()) for each in ("logical_and", "logical_or", "logical_xor")],
    unary("logical_not", grad=False),
    *[integers(each) for each in ("bitwise_and", "bitwise_or", "bitwise_xor")],
    unary("bitwise_not", whole(-8, 9), special=False, grad=False, draw=None),
    *[
        integers(
            each,
            0,
            7,
            values=[
                Call(np.array([1, -1, 5], kind), np.array([9, 70, 3], kind)).tagged(f"far {kind}")
                for kind in ("int8", "int64")
            ],
        )
        for each in ("bitwise_left_shift", "bitwise_right_shift")
    ],
]

# ---------------------------------------------------------------------- choice, extrema


def wheres(first: bool) -> list[Call]:
    """A mask and two tensors, the mask first (as the function takes them) or second (as the method does)."""
    made = []
    for shapes in (((2, 3), (2, 3), (2, 3)), ((3,), (2, 1), (2, 3)), ((2, 3), (), (3,)), ((), (2,), (1,))):
        mask, x, y = Const(fixed(truth, shapes[0])), fixed(real, shapes[1], seed=1), fixed(real, shapes[2], seed=2)
        made.append(Call(mask, x, y) if first else Call(x, mask, y))
    return made


EXTREMA = [
    entry(
        "where",
        *wheres(True),
        draw=broadcastable(truth, real, real).map(lambda drawn: Call(Const(drawn[0]), *drawn[1:])),
        values=[
            *[
                Call(fixed(truth), typed(a), typed(b, (3,), seed=2)).tagged(f"{a} {b}")
                for a in (*KINDS, "bool", "float64")
                for b in KINDS
            ],
            Call(fixed(truth), 1, 2).tagged("numbers"),
            Call(fixed(truth), 1.0, 2).tagged("floating numbers"),
            Call(fixed(truth), typed("int64"), 2.5).tagged("number last"),
            Call(fixed(truth), 2.5, typed("float64")).tagged("number first"),
            Call(fixed(truth), np.array([np.nan, np.inf, 1.0]), 0).tagged("zero last"),
            Call(typed("uint8"), 1, 2).tagged("uint8 mask"),
            Call(typed("int64"), typed("int64"), 2.5).tagged("integer mask"),
            Call(fixed(truth)).tagged("places"),
            Call(np.array(True)).tagged("places of 0-d"),
            Call(fixed(truth), 1).tagged("one missing"),
        ],
        outputs=lambda out: out,
        relative_to="element",
    ),
    entry(
        "Tensor.where",
        *wheres(False),
        draw=broadcastable(truth, real, real).map(lambda drawn: Call(drawn[1], Const(drawn[0]), drawn[2])),
    ),
    *[
        binary(each, distinct, between(5, 6), numbers=(), values=ties())
        for each in ("maximum", "minimum", "fmax", "fmin")
    ],
    entry(
        "clamp",
        *[Call(fixed(nonzero, shape), -0.02, 1.0) for shape in ((2, 3), (), (0, 2))],
        Call(fixed(nonzero), min=-0.01),
        Call(fixed(nonzero), max=0.01),
        Call(fixed(), fixed(between(-9, -5), (3,)), fixed(between(5, 9), (2, 1))),
        Call(fixed(between(10, 11)), fixed(between(-9, -5), (3,)), fixed(between(5, 9), (2, 1))),
        Call(fixed(between(-11, -10)), fixed(between(-9, -5), (3,)), None),
        draw=broadcastable(nonzero, between(-9, -5), between(5, 9)).map(lambda drawn: Call(*drawn)),
        values=[
            *[
                Call(typed(each), low, high).tagged(f"{each} {low} {high}")
                for each in KINDS
                for low, high in ((0, 2), (0.5, None), (None, 1), (3, 1), (0.5, 2))
            ],
            Call(typed("bool"), 0, 1).tagged("bool"),
            Call(SPECIAL.copy(), -1.0, 2.0).tagged("special"),
            Call(SPECIAL.copy(), float("nan"), 2.0).tagged("nan bound"),
            Call(TIES.copy(), 2.0, 3.0).tagged("at the bounds"),
            Call(TIES.copy(), OTHERS.copy()).tagged("tensor bound"),
            Call(TIES.copy(), OTHERS.copy(), OTHERS[::-1].copy()).tagged("tensor bounds"),
            Call(fixed()).tagged("no bound"),
        ],
        relative_to="element",
    ),
    binary("clamp_min", nonzero, between(-9, -5), values=ties(), numbers=(2, 2.5)),
    binary("clamp_max", nonzero, between(-9, -5), values=ties(), numbers=(2, 2.5)),
]

# ---------------------------------------------------------------------- activations, special functions

SPECIAL_FUNCTIONS = [
    unary("relu", away_from(0)),
    unary("sigmoid", values=huge()),
    unary("erf", values=huge()),
    unary("erfc", values=huge(), loose=10),  # the tail is compared relative to itself
    unary("erfinv", unit),
    unary(
        "logit",
        probability,
        values=[Call(SPECIAL.copy(), 0.1).tagged("eps"), Call(fixed(probability), 0.3).tagged("eps 0.3")],
    ),
    unary("lgamma", positive, values=huge(), loose=1e5),
    unary("digamma", positive, values=[Call(np.array([1e4, 700.0, 1e-8, -1e-8, -0.6, -9.75]))], loose=1e5),
    entry(
        "polygamma",
        *[Call(n, fixed(positive)) for n in (0, 1, 2)],
        values=[
            Call(n, np.array([0.0, -0.0, 1e-30, -2.5, -7.3, 30.0, np.nan])).tagged(f"order {n}") for n in (0, 1, 2, 3)
        ],
        draw=broadcastable(positive).map(lambda drawn: Call(1, drawn[0])),
        errors=[(Call(-1, fixed(positive)), RuntimeError)],
        grad=(1,),
        relative_to="element",
        loose=1e5,  # PyTorch's trigamma is good for nine digits only
    ),
    entry(
        "Tensor.polygamma",
        Call(fixed(positive), 1),
        draw=broadcastable(positive).map(lambda drawn: Call(drawn[0], 2)),
        covers=("Tensor.polygamma_",),
        loose=1e5,
    ),
    unary("mvlgamma", above_one, 2, special=False, loose=1e5, errors=[(Call(fixed(), 0), RuntimeError)]),
    *[
        binary(
            each,
            positive,
            positive,
            numbers=(),
            special=False,
            pairs=[(a, a) for a in KINDS],
            grad=(1,),
            standin=False,
            loose=1e5,
        )
        for each in ("igamma", "igammac")
    ],
]

ENTRIES = [*ARITHMETIC, *EXPONENTIAL, *TRIGONOMETRIC, *ROUNDING, *COMPARISON, *EXTREMA, *SPECIAL_FUNCTIONS]
