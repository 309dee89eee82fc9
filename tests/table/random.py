"""Entries of random tensors: shapes, types and errors are compared; the numbers have tests of their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tests.table import DTYPES, Attr, Call, Const, Entry, Make, entry, fixed, probability, several_layouts, typed

TYPED = [typed(each) for each in DTYPES]
SIZES: list[tuple[Any, ...]] = [(), (0,), (3,), (2, 3), ((2, 3),), ([2, 0],), (-1,), (2.5,), ("a",)]
LEAVES = list(several_layouts(probability))
SEEDED = Make(lambda lib: lib.Generator().manual_seed(3))


def drawn(name: str, calls: Iterable[Call], **claims: Any) -> Entry:
    return entry(name, values=calls, **{"grad": False, "compare": "meta", "standin": False, **claims})


def sized(name: str) -> Entry:
    calls = [Call(*size) for size in SIZES] + [Call(2, dtype=Attr(each)) for each in DTYPES]
    calls += [Call(2, requires_grad=True), Call(size=(2,)), Call(2, generator=SEEDED), Call(2, generator=3)]
    return drawn(name, calls)


def like(name: str, *after: Any) -> Entry:
    calls = [Call(x, *after) for x in [*TYPED, *LEAVES]] + [Call(fixed(), *after, dtype=Attr(each)) for each in DTYPES]
    return drawn(name, [*calls, Call(3, *after)])


def filled(name: str, *parameters: Any, wrong: Iterable[Any] = ()) -> Entry:
    """An in-place sampler, for parameters inside and outside of its domain."""
    calls = [Call(x, *args) for x in TYPED for args in ((), parameters)]
    calls += [Call(x, *parameters) for x in (fixed(shape=()), fixed(shape=(0, 2)), fixed(layout="negative"))]
    return drawn(f"Tensor.{name}", [*calls, *[Call(fixed(), *each) for each in wrong]])


RATES = [np.array([0.0, 1.0]), np.array([0.5, 1.5]), np.array([np.nan]), np.array([-0.5])]
WEIGHTS = [np.array([0.0, 1.0, 2.0]), np.array([[1.0, 1.0], [0.0, 3.0]])]

ENTRIES = [
    drawn("manual_seed", [Call(0), Call(-1), Call(2**63), Call(2**64), Call("a"), Call(1.5)]),
    drawn("seed", [Call(), Call(1)]),
    drawn("initial_seed", [Call()]),
    entry("get_rng_state", values=[Call()], grad=False, oracle=None, standin=False),  # other bytes than PyTorch's
    drawn("set_rng_state", [Call(Const(np.zeros(3, np.uint8))), Call(3), Call(Const(np.zeros(3)))]),
    sized("rand"),
    sized("randn"),
    drawn(
        "randint",
        [
            Call(5, (2, 3)),
            Call(2, 5, (2,)),
            Call(5, ()),
            Call(5, (0,)),
            Call(0, (2,)),
            Call(5, 5, (2,)),
            Call(5, 2, (2,)),
        ]
        + [Call(5, (2,), dtype=Attr(each)) for each in DTYPES]
        + [
            Call(high=3, size=(2,)),
            Call(low=1, high=3, size=(2,)),
            Call(300, (2,), dtype=Attr("uint8")),
            Call(5, (-1,)),
        ],
    ),
    drawn(
        "randperm",
        [Call(n) for n in (0, 1, 5, -1)]
        + [Call(4, dtype=Attr(each)) for each in DTYPES]
        + [Call(2.5), Call(4, generator=SEEDED)],
    ),
    drawn(
        "normal",
        [Call(fixed(), 1.0), Call(0.0, fixed(probability)), Call(fixed(), fixed(probability)), Call(0.0, 1.0, (2, 3))]
        + [
            Call(fixed()),
            Call(fixed(shape=(2, 1)), fixed(probability, (3,))),
            Call(fixed(), -1.0),
            Call(0.0, -1.0, (2,)),
        ]
        + [Call(0.0, 1.0), Call(typed("int64"), 1.0), Call(typed("float32"), fixed(probability))],
    ),
    like("rand_like"),
    like("randn_like"),
    like("randint_like", 5),
    drawn(
        "bernoulli",
        [Call(x) for x in [*LEAVES, *RATES, typed("float32", domain=probability), typed("int64"), typed("bool")]]
        + [Call(fixed(), 0.5), Call(fixed(), 1.5), Call(typed("int64"), 0.5)],
    ),
    drawn(
        "multinomial",
        [Call(w, n, repeat) for w in WEIGHTS for n in (1, 2, 3, 0, -1) for repeat in (False, True) if n < 2 or repeat]
        + [Call(WEIGHTS[0], 2), Call(WEIGHTS[0], 3).tagged("too few"), Call(WEIGHTS[1], 2).tagged("too few")]
        + [Call(np.zeros(3), 1), Call(np.array([-1.0, 1.0]), 1), Call(np.array([np.nan, 1.0]), 1)]
        + [
            Call(np.ones((2, 2, 2)), 1),
            Call(np.array(1.0), 1),
            Call(np.ones(3, np.int64), 1),
            Call(np.ones(3, np.float32), 2),
        ],
    ),
    filled("uniform_", 2.0, 3.0, wrong=[(3.0, 2.0), (float("nan"), 1.0), (float("-inf"), 1.0)]),
    filled("normal_", 2.0, 0.5, wrong=[(0.0, -1.0)]),
    filled("random_", 2, 9, wrong=[(5, 5), (9, 2), (0,)]),
    filled("bernoulli_", 0.25, wrong=[(1.5,), (-0.5,), (np.array([0.0, 1.0, 0.5]),), (np.array([0.5, 1.0]),)]),
    filled("exponential_", 2.0, wrong=[(0.0,), (-1.0,)]),
    filled("geometric_", 0.25, wrong=[(0.0,), (1.0,), (1.5,)]),
    filled("cauchy_", 1.0, 2.0, wrong=[(0.0, 0.0), (0.0, -1.0)]),
    filled("log_normal_", 0.0, 0.5, wrong=[(0.0, 0.0), (0.0, -1.0)]),
]
