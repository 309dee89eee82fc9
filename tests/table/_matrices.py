"""Matrices for the entries of linear algebra: how they are drawn, in which shapes and layouts, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table import DTYPES, LAYOUTS, Array, Call, Const, Domain, Draw, Entry, entry, fixed, lay_out, seeds, typed

Shapes = Iterable[tuple[int, ...]]

SQUARE = ((3, 3), (2, 2, 2), (1, 1), (2, 1, 2, 2), (0, 0), (0, 2, 2), (2, 0, 0))
ANY = ((3, 2), (2, 3), (3, 3), (2, 3, 2), (1, 2), (2, 0), (0, 2), (0, 2, 3), (2, 0, 2))
FULL = ("contiguous", "permuted", "strided", "negative")  # those that leave every row its own


def conditioned(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Matrices whose singular values are 1, 1.5, 2, …: far from singular, and from equal singular values."""
    u, s, vh = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    return np.asarray((u * (1 + np.arange(s.shape[-1])[::-1] / 2)) @ vh)


def dominant(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Matrices with large diagonals, so that their triangles are far from singular."""
    return np.asarray(rng.uniform(-1, 1, shape) + 2 * np.eye(*shape[-2:]))


def singular(rank: int, n: int, seed: int = 0) -> Array:
    """An n × n matrix of a rank, exactly: the last rows are 0."""
    found = fixed(conditioned, (n, n), seed=seed)
    found[rank:] = 0
    return found


def with_zero_row(shape: tuple[int, ...] = (2, 3, 3)) -> Array:
    """Matrices of which the last is exactly singular: its second row is 0."""
    found = fixed(conditioned, shape)
    found[(*[-1] * (len(shape) - 2), 1)] = 0
    return found


@st.composite
def matrices(draw: Draw, domain: Domain = conditioned, square: bool = True, least: int = 0, sides: int = 3) -> Array:
    """Matrices of a domain, or batches of them."""
    m = draw(st.integers(least, sides))
    shape = (*draw(st.sampled_from([(), (2,), (1, 2)])), m, m if square else draw(st.integers(least, sides)))
    return lay_out(domain(np.random.default_rng(draw(seeds)), shape), draw(st.sampled_from(FULL)))


def refused(*args: Any, square: bool = True, **kwargs: Any) -> list[tuple[Call, type[BaseException]]]:
    """What every function of matrices refuses: vectors, numbers, things that are no tensors, and other than squares."""
    found: list[tuple[Call, type[BaseException]]] = [
        (Call(fixed(shape=(3,)), *args, **kwargs), RuntimeError),
        (Call(fixed(shape=()), *args, **kwargs), RuntimeError),
        (Call([[1.0]], *args, **kwargs), TypeError),
    ]
    return found + [(Call(fixed(shape=(2, 3)), *args, **kwargs), RuntimeError)] * square


def of_matrices(
    name: str,
    *args: Any,
    domain: Domain = conditioned,
    square: bool = True,
    options: Iterable[dict[str, Any]] = ({},),
    values: Iterable[Call] = (),
    errors: Iterable[tuple[Call, type[BaseException]]] = (),
    **claims: Any,
) -> Entry:
    """A function of one matrix: shapes, layouts, options, number types, nan, and what it refuses."""
    shapes, first = (SQUARE, (3, 3)) if square else (ANY, (3, 2))
    options = list(options)
    cases = [Call(fixed(domain, shape), *args, **options[0]) for shape in shapes]
    cases += [Call(fixed(domain, shape), *args, **each) for shape in shapes[:2] for each in options[1:]]
    cases += [Call(fixed(domain, first, layout), *args, **options[0]) for layout in FULL]
    cases.append(Call(fixed(domain, (2, *first), "broadcast"), *args, **options[0]))
    further = [Call(typed(each, first, domain), *args, **options[0]).tagged(each) for each in DTYPES]
    further.append(Call(np.full((2, 2), np.nan), *args, **options[0]).tagged("nan"))
    refuses = [*refused(*args, square=square, **options[0]), *errors]
    claims.setdefault(
        "draw",
        st.tuples(matrices(domain, square), st.sampled_from(options)).map(lambda each: Call(each[0], *args, **each[1])),
    )
    return entry(name, *cases, values=(*further, *values), errors=refuses, **claims)


def sides_of_systems(domain: Domain = conditioned) -> list[tuple[Array, Array]]:
    """Left and right sides A (…, n, n) and B (…, n, k), batches broadcast, in several layouts."""
    shapes = [
        ((3, 3), (3, 2)),
        ((2, 2, 2), (2, 2, 1)),
        ((2, 2, 2), (2, 3)),
        ((2, 2), (3, 2, 1)),
        ((2, 1, 2, 2), (1, 3, 2, 2)),
        ((1, 1), (1, 1)),
        ((0, 0), (0, 2)),
        ((2, 2), (2, 0)),
        ((0, 2, 2), (2, 1)),
    ]
    found = [(fixed(domain, a), fixed(shape=b, seed=1)) for a, b in shapes]
    return found + [(fixed(domain, (3, 3), each), fixed(shape=(3, 2), layout=each, seed=1)) for each in LAYOUTS[1:4]]


@st.composite
def systems(draw: Draw, domain: Domain = conditioned) -> tuple[Array, Array]:
    """Left and right sides that fit, batches broadcast."""
    n, k = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    batches = draw(st.sampled_from([((), ()), ((2,), (2,)), ((), (2,)), ((2, 1), (1, 2)), ((3,), ())]))
    rng, layout = np.random.default_rng(draw(seeds)), draw(st.sampled_from(FULL))
    left = lay_out(domain(rng, (*batches[0], n, n)), layout)
    return left, lay_out(rng.uniform(-2, 2, (*batches[1], n, k)), layout)


def turned(x: Array) -> Array:
    """The transposes of matrices."""
    return np.asarray(x.swapaxes(-1, -2))


def pivots_of(a: Array) -> Const:
    """Rows to exchange with the first, second, …: the last, …, as int32."""
    n = a.shape[-1]
    rows = np.maximum(np.arange(1, n + 1), n - np.arange(n))
    return Const(np.broadcast_to(rows, a.shape[:-1]).astype(np.int32))
