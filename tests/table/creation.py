"""Entries of the functions that make tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tests.table import DTYPES, Attr, Call, Const, Entry, Make, arrays, entry, fixed, real, typed
from tests.table import several_layouts as leaves

TYPED = [typed(each) for each in DTYPES]
SIZES: list[tuple[Any, ...]] = [(), (0,), (3,), (2, 3), (2, 0), ((2, 3),), ([2, 3],)]
BAD_SIZES: list[tuple[Any, ...]] = [(-1,), (2, -3), (2.5,), ("a",), ((2, 2.5),), (True, 2)]
DATA = [1, 1.5, True, [], [1, 2], [1, 2.5], [True, 2], [[1.0, 2.0], [3.0, 4.0]], [[], []], (1, (2,)[0]), 2**40, -1]
RAGGED = [[1, [2]], [[1, 2], [3]], "word", ["a"], None, [None], 2**70, {1: 2}]
RAW = [np.array(2.5), np.arange(3), np.float32(1.5), np.int8(3), np.ones((2, 0)), np.arange(6.0)[::2]]
ENDS = [(5,), (2, 7), (1, 8, 3), (5, 0, -2), (0.5, 3.0), (1, 2, 0.25), (0, 1, 0.1), (3, 3), (-2.5, 2.5), (0, 5, 2.5)]
KINDS = ("float64", "float32", "float16", "int64", "uint8", "bool")


def raw(array: Any) -> Make:
    """A NumPy array that is handed over as it is."""
    return Make(lambda _: array.copy())


def factory(name: str, calls: Iterable[Call], **claims: Any) -> Entry:
    """A function that makes a tensor from nothing: on the CPU, and without derivative."""
    return entry(name, values=calls, **{"grad": False, "standin": False, **claims})


def sized(name: str, *after: Any, **claims: Any) -> Entry:
    """A function of a size."""
    calls = [Call(*size, *after) for size in SIZES + BAD_SIZES]
    calls += [Call(2, 3, *after, dtype=Attr(each)) for each in DTYPES]
    calls += [
        Call(2, *after, requires_grad=True),
        Call(size=(2, 3)),
        Call(2, *after, device="nowhere"),
        Call(2, device="cpu"),
    ]
    return factory(name, calls, **claims)


def like(name: str, *after: Any, **claims: Any) -> Entry:
    """A function of a tensor whose shape and type it takes."""
    calls = [Call(x, *after) for x in [*TYPED, *leaves(real)]]
    calls += [Call(fixed(), *after, dtype=Attr(each)) for each in DTYPES] + [Call([1.0], *after), Call(3, *after)]
    calls += [] if after else [Call(input=fixed())]
    return entry(name, values=calls, grad=False, **claims)


def new(name: str, *after: Any, **claims: Any) -> Entry:
    """``x.new_zeros(size)`` and its family."""
    calls = [Call(x, (2, 3), *after) for x in TYPED]
    calls += [Call(fixed(), size, *after) for size in ((), (0,), [2, 0], (-1,), (2.5,))]
    calls += [Call(fixed(), (2,), *after, dtype=Attr(each)) for each in DTYPES]
    calls += [Call(fixed(), (2,), *after, requires_grad=True)]
    calls += [] if after else [Call(fixed(), 2, 3)]
    return entry(f"Tensor.{name}", values=calls, grad=False, **claims)


# what a list may hold besides Python's numbers: its type is the widest of all, and a tensor counts as its number
MIXED = [
    [raw(np.float32(1)), 2.5], [raw(np.float64(1)), 2.5], [raw(np.int8(1)), 2], [raw(np.int8(1)), True],
    [raw(np.int8(1)), raw(np.int8(2))], [Const(np.array(1.5, np.float32)), 2], [Const(np.array(1)), 2.5],
    [Const(np.array(1.5)), 2.5],
]  # fmt: skip
FROM_DATA = [Call(data) for data in DATA + RAGGED] + [Call(raw(np.asarray(x))) for x in RAW]
FROM_DATA += [Call(data, dtype=Attr(each)) for data in (1.5, 3, True, [1, 0]) for each in DTYPES]

ENTRIES = [
    factory(
        "tensor",
        [
            *FROM_DATA,
            *[Call(each) for each in MIXED],
            Call([1.0], requires_grad=True),
            Call([1], requires_grad=True),
            Call(1, device="no"),
        ],
    ),
    factory("as_tensor", FROM_DATA),
    factory("asarray", [*FROM_DATA, Call([1.0], requires_grad=True), Call(raw(np.arange(3.0)), copy=True)]),
    factory("scalar_tensor", [Call(x) for x in (1, 1.5, True, -2)] + [Call(1, dtype=Attr(each)) for each in DTYPES]),
    factory("from_numpy", [Call(raw(x)) for x in TYPED] + [Call([1.0]), Call(3), Call(raw(np.array(["a"])))]),
    factory("from_dlpack", [Call(raw(x)) for x in TYPED if x.dtype != bool] + [Call(Const(fixed()))]),
    entry(
        "Tensor.new_tensor",
        values=[Call(x, data) for x in TYPED for data in (1, 1.5, True, [1, 2])]
        + [Call(fixed(), [1, 2], dtype=Attr(each)) for each in DTYPES]
        + [Call(fixed(), [1.0], requires_grad=True), Call(fixed(), [[1], [2, 3]])],
        grad=False,
    ),
    sized("zeros"),
    sized("ones"),
    sized("empty", compare="meta"),
    factory(
        "full",
        [Call(size, value) for size in ((), (2, 3), [0], (2, -1), 3) for value in (1, 1.5, True)]
        + [Call((2,), value, dtype=Attr(each)) for value in (1, 1.5, True, 300) for each in KINDS]
        + [Call((2,), 1.5, requires_grad=True), Call((2,), 1, requires_grad=True), Call((2,), "a")],
    ),
    like("zeros_like"),
    like("ones_like"),
    like("empty_like", compare="meta"),
    like("full_like", 2),
    new("new_zeros"),
    new("new_ones"),
    new("new_empty", compare="meta"),
    new("new_full", 2),
    factory(
        "arange",
        [Call(*ends) for ends in ENDS]
        + [Call(*ends, dtype=Attr(each)) for ends in ((5,), (0, 5, 2), (0.5, 4.0)) for each in KINDS]
        + [
            Call(0, 5, 0),
            Call(5, 0),
            Call(0, 5, -1),
            Call(float("nan")),
            Call(float("inf")),
            Call(end=4),
            Call(start=1, end=3),
        ]
        + [Call(3, requires_grad=True), Call(3.0, requires_grad=True)],
    ),
    factory(
        "linspace",
        [Call(a, b, n) for a, b in ((0, 1), (-2.5, 3), (3, 3), (5, 1)) for n in (0, 1, 2, 5, 50)]
        + [Call(0, 10, 5, dtype=Attr(each)) for each in KINDS]
        + [Call(0, 1, -1), Call(0, 1, steps=4), Call(0, 1), Call(0, 1, 3, requires_grad=True)],
    ),
    factory(
        "logspace",
        [Call(a, b, n) for a, b in ((0, 1), (-2.5, 3), (1, 1)) for n in (0, 1, 2, 5)]
        + [Call(0, 3, 4, base) for base in (2, 2.0, 0.5)]
        + [Call(0, 3, 4, dtype=Attr(each)) for each in ("float64", "float32", "int64")]
        + [Call(0, 1, -1)],
        loose=10,
    ),
    factory(
        "eye",
        [Call(3), Call(2, 3), Call(3, 2), Call(0), Call(2, 0), Call(-1), Call(2, -1), Call(2, m=3), Call(2.5)]
        + [Call(2, dtype=Attr(each)) for each in DTYPES]
        + [Call(2, requires_grad=True)],
    ),
    *[
        factory(
            name,
            [Call(r, c, k) for r, c in ((3, 3), (2, 4), (4, 2), (0, 3), (3, 0)) for k in (-3, -1, 0, 1, 5)]
            + [Call(2, 3), Call(2, 3, dtype=Attr("int32")), Call(-1, 2), Call(2, -1)],
        )
        for name in ("tril_indices", "triu_indices")
    ],
    entry(
        "meshgrid",
        Call(fixed(shape=(2,)), fixed(shape=(3,), seed=1), indexing="ij"),
        Call(fixed(shape=(2,)), fixed(shape=(3,), seed=1), indexing="xy"),
        Call(fixed(shape=(2,)), fixed(shape=()), fixed(shape=(3,)), indexing="xy"),
        Call([fixed(shape=(2,)), fixed(shape=(1,))], indexing="ij"),
        Call(fixed(shape=(3,), layout="negative"), indexing="ij"),
        values=[
            *[Call(typed(each, (2,)), typed(each, (3,)), indexing="ij") for each in DTYPES],
            Call(typed("float32", (2,)), typed("float64", (2,)), indexing="ij"),
            Call(fixed(), indexing="ij"),
            Call(fixed(shape=(2,)), indexing="no"),
            Call(indexing="ij"),
            Call(fixed(shape=(0,)), fixed(shape=(2,)), indexing="ij"),
        ],
        draw=arrays(max_ndim=1).flatmap(lambda x: arrays(max_ndim=1).map(lambda y: Call(x, y, indexing="xy"))),
    ),
]
