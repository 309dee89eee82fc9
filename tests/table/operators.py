"""Entries of Tensor's operators: forward, swapped, in place, comparisons."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.table import (
    Call,
    Domain,
    Draw,
    Entry,
    arrays,
    between,
    binary,
    entry,
    fixed,
    nonzero,
    off_integers,
    positive,
    real,
    shapes,
    typed,
    unary,
    values_in,
    whole,
)

PAIRS = [("float32", "float64"), ("int64", "float32"), ("uint8", "int8"), ("bool", "int32"), ("float16", "float32"),
         ("int32", "int32"), ("bool", "bool"), ("float64", "int64")]  # fmt: skip
NUMBERS = (2, 2.5, True)
STEADY = ("contiguous", "permuted", "strided", "negative")  # layouts that can be written to


def operator(name: str, left: Domain = real, right: Domain | None = None, **claims: Any) -> Entry:
    return binary(f"Tensor.__{name}__", left, right, pairs=PAIRS, special=False, **claims)


def in_place(name: str, left: Domain = real, right: Domain | None = None, **claims: Any) -> Entry:
    """``x op= y``: y may broadcast to x, not x to y."""
    right = left if right is None else right

    @st.composite
    def calls(draw: Draw) -> Call:
        shape = draw(shapes())
        kept = draw(st.integers(0, len(shape)))
        target = values_in(draw, left, shape, layouts=STEADY)
        return Call(target, values_in(draw, right, shape[len(shape) - kept :]))

    cases = [
        Call(fixed(left, (2, 3), layout), fixed(right, shape, seed=1))
        for layout in STEADY
        for shape in ((2, 3), (3,), ())
    ]
    values = [Call(typed(a, domain=left), typed(b, (3,), right)).tagged(f"{a}, {b}") for a, b in PAIRS]
    values += [
        Call(typed(a, domain=left), n).tagged(f"{a}, {n!r}") for a in ("float32", "int32", "bool") for n in NUMBERS
    ]
    errors = [(Call(fixed(left, (3,)), fixed(right, (2, 3))), RuntimeError)]
    return entry(f"Tensor.__i{name}__", *cases, values=values, errors=errors, draw=calls(), **claims)


INTEGERS = whole(0, 5)
BITS = ("and", "or", "xor", "lshift", "rshift")
MATRICES = [
    ((2, 3), (3, 4)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((3,), (3,)),
    ((2, 2, 3), (3, 2)),
    ((2, 1, 2, 3), (3, 3, 2)),
]
SCALARS = [Call(typed(each, shape)) for each in ("float64", "int32", "bool") for shape in ((), (1, 1))]
SCALARS += [Call(fixed()), Call(fixed(shape=(0,)))]


@st.composite
def products(draw: Draw) -> Call:
    """Two matrices that can be multiplied."""
    rows, inner, columns = (draw(st.integers(0, 3)) for _ in range(3))
    batch = draw(shapes(0, 1))
    return Call(values_in(draw, real, (*batch, rows, inner)), values_in(draw, real, (inner, columns)))


ENTRIES = [
    *[operator(name) for name in ("add", "sub", "mul", "radd", "rsub", "rmul")],
    operator("truediv", real, nonzero),
    operator("rtruediv", nonzero, real, oracle=lambda torch, x, other: other / x),  # PyTorch's own takes a detour
    operator("pow", positive, real),
    operator("rpow", real, positive),
    operator("mod", off_integers, between(4, 5)),
    operator("rmod", between(4, 5), off_integers),
    operator("floordiv", off_integers, between(4, 5)),
    operator("rfloordiv", between(4, 5), off_integers),
    *[operator(name, grad=False) for name in ("eq", "ne", "lt", "le", "gt", "ge")],
    *[operator(f"{r}{name}", INTEGERS, grad=False) for name in BITS for r in ("", "r")],
    *[in_place(name) for name in ("add", "sub", "mul")],
    in_place("truediv", real, nonzero),
    in_place("pow", positive, real),
    in_place("mod", off_integers, between(4, 5)),
    in_place("floordiv", off_integers, between(4, 5)),
    *[in_place(name, INTEGERS, grad=False) for name in BITS],
    unary("Tensor.__neg__"),
    unary("Tensor.__pos__"),
    unary("Tensor.__abs__", nonzero),
    unary("Tensor.__invert__", INTEGERS, special=False, grad=False),
    entry(
        "Tensor.__matmul__",
        *[Call(fixed(shape=a), fixed(shape=b, seed=1)) for a, b in MATRICES],
        Call(fixed(shape=(2, 3), layout="negative"), fixed(shape=(3, 2), layout="broadcast", seed=1)),
        values=[Call(typed(a), typed(b, (3, 2))).tagged(f"{a}, {b}") for a, b in [*PAIRS, ("float32", "float32")]],
        errors=[
            (Call(fixed(shape=(2, 5)), fixed(shape=(3, 4))), RuntimeError),
            (Call(fixed(shape=()), fixed(shape=(3,))), RuntimeError),
        ],
        draw=products(),
    ),
    entry(
        "Tensor.__rmatmul__",
        *[Call(fixed(shape=b, seed=1), fixed(shape=a)) for a, b in MATRICES],
        draw=products().map(lambda call: Call(*call.args[::-1])),
    ),
    *[entry(f"Tensor.__{n}__", values=SCALARS, grad=False) for n in ("bool", "int", "float", "index")],
    entry("Tensor.__len__", values=[Call(fixed(shape=shape)) for shape in ((), (0,), (3,), (2, 3))], grad=False),
    entry("Tensor.__iter__", *[Call(fixed(shape=shape)) for shape in ((3,), (2, 3))],
          values=[Call(fixed(shape=shape)) for shape in ((), (0,), (0, 2))], outputs=list,
          draw=arrays(min_ndim=1, min_side=1).map(Call)),
    entry("Tensor.__contains__", values=[Call(fixed(), 1.0), Call(typed("int64"), 2), Call(fixed(), -100.0)],
          grad=False),
]  # fmt: skip
