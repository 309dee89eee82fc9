"""Entries of matrix products and their relatives."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table import DTYPES, LAYOUTS, Array, Call, Draw, Entry, arrays, entry, fixed, real, shapes, typed, values_in

Shapes = tuple[tuple[int, ...], ...]
VECTORS: list[Shapes] = [((3,), (3,)), ((0,), (0,)), ((1,), (1,))]


def filled(all_shapes: Shapes, layout: str = "contiguous") -> list[Array]:
    """An array for each shape."""
    return [fixed(real, shape, layout, seed) for seed, shape in enumerate(all_shapes)]


def product(
    name: str, good: list[Shapes], bad: list[Shapes], draw: Any, *, listed: bool = False, **claims: Any
) -> Entry:
    """A product of tensors: these shapes fit, those do not."""

    def call(operands: list[Array], *after: Any) -> Call:
        return Call(operands, *after) if listed else Call(*operands)

    cases = [call(filled(each)) for each in good] + [call(filled(good[0], layout)) for layout in LAYOUTS]
    values = [
        call([typed(each, shape, seed=seed) for seed, shape in enumerate(good[0])]).tagged(each) for each in DTYPES
    ]
    for a, b in (("float32", "float64"), ("int64", "float32")):
        values.append(call([typed(a, good[0][0]), *[typed(b, shape) for shape in good[0][1:]]]).tagged(f"{a}, {b}"))
    errors = [(call(filled(each)), RuntimeError) for each in bad]
    return entry(name, *cases, values=values, errors=errors, draw=draw.map(lambda each: call(list(each))), **claims)


def kron_of_contiguous(torch: Any, input: Any, other: Any) -> Any:
    """PyTorch's kron, which fails on some strides of matrices with one column: it views a product that has them too."""
    return torch.kron(*[each.clone(memory_format=torch.contiguous_format) for each in (input, other)])


@st.composite
def pairs(draw: Draw, *kinds: str, batch: bool = False) -> list[Array]:
    """Operands whose dimensions, named by letters, have equal lengths where the letters are equal."""
    lengths: dict[str, int] = {}
    found = []
    before = draw(st.integers(0, 2))
    for kind in kinds:
        for letter in kind:
            if letter not in lengths:
                lengths[letter] = draw(st.integers(0, 3))
        lead = (2,) * before if batch and draw(st.booleans()) else ()
        found.append(values_in(draw, real, (*lead, *[lengths[letter] for letter in kind])))
    return found


MATMUL: list[Shapes] = [
    ((2, 3), (3, 4)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((3,), (3,)),
    ((2, 2, 3), (3, 2)),
    ((2, 3), (2, 3, 2)),
    ((3,), (2, 3, 2)),
    ((2, 2, 3), (3,)),
    ((2, 1, 2, 3), (3, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((1, 1), (1, 1)),
]
NO_MATMUL: list[Shapes] = [
    ((2, 5), (3, 4)),
    ((3,), (4,)),
    ((2, 3), (4,)),
    ((), (3,)),
    ((2, 2, 3), (3, 3, 2)),
    ((2, 4, 3), (4, 2)),
    ((3,), (2, 4, 2)),
]


def added(
    name: str,
    product_shapes: Shapes,
    result: tuple[int, ...],
    kinds: tuple[str, str, str],
    bad: list[Shapes],
    lacking: tuple[Shapes, ...] = (),
) -> Entry:
    """β·input + α·product, in which the input is broadcast; ``lacking`` operands have too few dimensions."""
    starts = [result, result[-1:], (), (1,) * len(result)]
    cases = [Call(*filled((start, *product_shapes))) for start in starts]
    cases += [Call(*filled((result, *product_shapes), layout), beta=0.5, alpha=-2.0) for layout in LAYOUTS]
    cases += [
        Call(*filled((result, *product_shapes)), beta=0, alpha=1.5),
        Call(*filled((result, *product_shapes)), alpha=0),
    ]
    values = [Call(*[typed(each, shape) for shape in (result, *product_shapes)]).tagged(each) for each in DTYPES]
    values += [
        Call(*[typed(each, shape) for shape in (result, *product_shapes)], beta=2, alpha=3).tagged(
            f"{each}, beta, alpha"
        )
        for each in DTYPES
    ]
    values += [
        Call(typed("int64", result), *[typed("int64", s) for s in product_shapes], beta=0.5).tagged("int64, 0.5")
    ]
    values += [Call(np.full(result, np.nan), *filled(product_shapes), beta=0).tagged("nan ignored")]
    errors: list[tuple[Call, type[Exception]]] = [(Call(*filled(each)), RuntimeError) for each in bad]
    errors += [(Call(*filled(each)), IndexError) for each in lacking]
    draw = pairs(*kinds).flatmap(
        lambda each: st.tuples(st.sampled_from([1, 0.5, -2.0]), st.sampled_from([1, 0.5, -2.0])).map(
            lambda by: Call(*each, beta=by[0], alpha=by[1])
        )
    )
    return entry(name, *cases, values=values, errors=errors, draw=draw)


@st.composite
def chains(draw: Draw) -> list[Array]:
    """Some matrices of which each fits the next."""
    lengths = draw(st.lists(st.integers(1, 3), min_size=2, max_size=5))
    return [values_in(draw, real, (a, b)) for a, b in itertools.pairwise(lengths)]


EQUATIONS: list[tuple[str, Shapes]] = [
    ("ij,jk->ik", ((2, 3), (3, 2))),
    ("ij,jk", ((2, 3), (3, 2))),
    ("ij->ji", ((2, 3),)),
    ("ij->", ((2, 3),)),
    ("ii->i", ((3, 3),)),
    ("ii", ((3, 3),)),
    ("i,j->ij", ((2,), (3,))),
    ("bij,bjk->bik", ((2, 2, 3), (2, 3, 2))),
    ("...ij,...jk->...ik", ((2, 2, 3), (3, 2))),
    ("i,i", ((3,), (3,))),
    ("ij,j,k->ik", ((2, 3), (3,), (2,))),
    ("bhid,bhjd->bhij", ((1, 2, 2, 3), (1, 2, 3, 3))),
    ("i...->...", ((2, 3),)),
    ("ij,ij->ij", ((1, 3), (2, 3))),
    ("ba,bac->c", ((2, 2), (2, 2, 3))),
    (" i j , j k -> i k ", ((2, 3), (3, 2))),
    ("Ab,bA->A", ((2, 3), (3, 2))),
]
BAD_EQUATIONS: list[tuple[str, Shapes]] = [
    ("ij,jk->ik", ((2, 3), (4, 2))),
    ("ij->ik", ((2, 3),)),
    ("ij", ((2, 3), (3, 2))),
    ("i", ((2, 3),)),
    ("ij->iij", ((2, 3),)),
    ("i%->i", ((2, 3),)),
    ("ii->i", ((2, 3),)),
    ("...i...->i", ((2, 3),)),
]


@st.composite
def equations(draw: Draw) -> Call:
    """An equation of the list with other lengths, which are the same for the same letter."""
    equation, all_shapes = draw(st.sampled_from([each for each in EQUATIONS if "." not in each[0]]))
    lengths = {letter: draw(st.integers(1, 3)) for letter in sorted(set(equation)) if letter.isalpha()}
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    assert len(terms) == len(all_shapes)
    return Call(equation, *[values_in(draw, real, tuple(lengths[letter] for letter in term)) for term in terms])


ENTRIES = [
    product("matmul", MATMUL, NO_MATMUL, pairs("ij", "jk", batch=True)),
    product(
        "mm",
        [((2, 3), (3, 4)), ((0, 3), (3, 2)), ((2, 0), (0, 2))],
        [((2, 5), (3, 4)), ((3,), (3, 2)), ((2, 3), (3,))],
        pairs("ij", "jk"),
    ),
    product(
        "bmm",
        [((2, 2, 3), (2, 3, 2)), ((0, 2, 3), (0, 3, 2)), ((1, 2, 0), (1, 0, 2))],
        [((2, 2, 3), (3, 3, 2)), ((3, 2, 3), (1, 3, 2)), ((2, 3), (3, 2)), ((2, 2, 3), (2, 2, 3))],
        pairs("bij", "bjk"),
    ),
    product("mv", [((2, 3), (3,)), ((0, 3), (3,)), ((2, 0), (0,))], [((2, 3), (2,)), ((3,), (3,))], pairs("ij", "j")),
    product("dot", VECTORS, [((3,), (4,)), ((2, 3), (3,)), ((), (3,))], pairs("i", "i")),
    product("vdot", VECTORS, [((3,), (4,)), ((2, 3), (3,))], pairs("i", "i")),
    product(
        "inner",
        [((2, 3), (4, 3)), ((3,), (3,)), ((3,), (2, 3)), ((), (2, 3)), ((), ()), ((2, 2, 3), (2, 3))],
        [((2, 3), (2, 2))],
        pairs("ij", "kj", batch=True),
    ),
    product(
        "outer",
        [((2,), (3,)), ((0,), (3,)), ((1,), (1,))],
        [((2, 2), (3,)), ((), (3,))],
        pairs("i", "j"),
        covers=("ger", "Tensor.ger"),
    ),
    product(
        "chain_matmul",
        [((2, 3), (3, 2)), ((2, 3),), ((1, 3), (3, 2), (2, 3)), ((2, 3), (3, 1), (1, 3), (3, 2))],
        [((2, 3), (2, 3))],
        chains(),
    ),
    product(
        "kron",
        [((2, 3), (2, 2)), ((2,), (2, 2)), ((), (3,)), ((0, 2), (2, 2))],
        [],
        pairs("ij", "kl", batch=True),
        oracle=kron_of_contiguous,
    ),
    product(
        "cross",
        [((2, 3), (2, 3)), ((3,), (3,)), ((3, 2), (3, 2)), ((3, 3), (3, 3))],
        [((2,), (2,)), ((2, 3), (3, 3))],
        shapes(0, 2).flatmap(lambda s: st.tuples(arrays(shape=(3, *s)), arrays(shape=(3, *s)))),
    ),
    added(
        "addmm",
        ((2, 3), (3, 4)),
        (2, 4),
        ("ik", "ij", "jk"),
        [((2, 2), (2, 3), (2, 3)), ((3, 4), (2, 3), (3, 4)), ((2, 4), (3,), (3, 4))],
    ),
    added("addmv", ((2, 3), (3,)), (2,), ("i", "ij", "j"), [((2,), (2, 3), (2,)), ((3,), (2, 3), (3,))]),
    added("addr", ((2,), (3,)), (2, 3), ("ij", "i", "j"), [((2, 2), (2,), (3,)), ((2, 3), (2, 1), (3,))]),
    added(
        "baddbmm",
        ((2, 2, 3), (2, 3, 2)),
        (2, 2, 2),
        ("bik", "bij", "bjk"),
        [((2, 2, 2), (2, 2, 3), (3, 3, 2)), ((2, 2), (2, 3), (2, 3, 2)), ((2, 2, 2, 2), (1, 2, 2, 3), (2, 3, 2))],
        (((2, 2), (2, 3), (3, 2)), ((2, 2), (3,), (2, 3, 2)), ((2, 2), (2, 2, 3), ())),
    ),
    added(
        "addbmm",
        ((2, 2, 3), (2, 3, 2)),
        (2, 2),
        ("ik", "bij", "bjk"),
        [((2, 2), (2, 2, 3), (3, 3, 2)), ((2, 2), (2, 3), (2, 3, 2)), ((2, 2), (1, 2, 2, 3), (2, 3, 2))],
        (((2, 2), (2, 3), (3, 2)), ((2, 2), (3,), (2, 3, 2)), ((2, 2), (2, 2, 3), ())),
    ),
    entry(
        "einsum",
        *[Call(equation, *filled(each)) for equation, each in EQUATIONS],
        *[Call("ij,jk->ik", *filled(((2, 3), (3, 2)), layout)) for layout in LAYOUTS],
        Call("ij,jk->ik", filled(((2, 3), (3, 2)))),
        values=[Call("ij,jk->ik", typed(each, (2, 3)), typed(each, (3, 2))).tagged(each) for each in DTYPES],
        errors=[(Call(equation, *filled(each)), RuntimeError) for equation, each in BAD_EQUATIONS],
        draw=equations(),
    ),
    entry(
        "tensordot",
        Call(*filled(((2, 3), (3, 2))), dims=1),
        Call(*filled(((2, 3), (2, 3))), 2),
        Call(*filled(((2, 3), (2, 3)))),
        Call(*filled(((2, 3), (2,))), dims=0),
        Call(*filled(((2, 3, 2), (3, 2, 2))), dims=([1, 0], [0, 1])),
        Call(*filled(((2, 3, 2), (3, 2, 2))), dims=([-2], [0])),
        *[Call(*filled(((2, 3), (3, 2)), layout), dims=1) for layout in LAYOUTS],
        values=[Call(typed(each, (2, 3)), typed(each, (3, 2)), dims=1).tagged(each) for each in DTYPES],
        errors=[
            (Call(*filled(((2, 3), (2, 3))), dims=1), RuntimeError),
            (Call(*filled(((2, 3), (2, 3))), dims=-1), RuntimeError),
            (Call(*filled(((2, 3), (2, 3))), dims=([0], [0, 1])), RuntimeError),
        ],
        draw=pairs("ij", "jk").map(lambda each: Call(*each, dims=([1], [0]))),
    ),
    entry(
        "trace",
        *[Call(fixed(shape=shape)) for shape in ((3, 3), (2, 3), (3, 2), (0, 3))],
        *[Call(fixed(layout=layout)) for layout in LAYOUTS],
        values=[Call(typed(each)) for each in DTYPES],
        errors=[(Call(fixed(shape=(3,))), RuntimeError), (Call(fixed(shape=(2, 2, 2))), RuntimeError)],
        draw=arrays(min_ndim=2, max_ndim=2).map(Call),
    ),
]
