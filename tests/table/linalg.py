"""Entries of linear algebra: factorizations, systems of equations, inverses, determinants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table import DTYPES, Array, Call, Const, Draw, Entry, entry, fixed, seeds, typed
from tests.table._matrices import (
    FULL,
    conditioned,
    dominant,
    matrices,
    of_matrices,
    pivots_of,
    refused,
    sides_of_systems,
    singular,
    systems,
    turned,
    with_zero_row,
)

Errors = list[tuple[Call, type[BaseException]]]


def squared(a: Any) -> Any:
    """A symmetric positive-definite matrix of a regular one; what is no square matrix stays as it is."""
    return a @ a.mT if a.ndim > 1 and a.shape[-1] == a.shape[-2] else a


def lower_triangle(a: Any) -> Any:
    return a.tril()


def no_signs_of_eigenvectors(out: Any) -> Any:
    return out[0], out[1] ** 2


def no_signs_of_singular_vectors(out: Any) -> Any:
    """Of (U, S, Vᵀ) what does not depend on the choice of the vectors."""
    k = out[1].shape[-1]
    u, vh = out[0][..., :, :k], out[2][..., :k, :]
    return u**2, out[1], vh**2, u @ vh


def no_signs_of_older_svd(out: Any) -> Any:
    return no_signs_of_singular_vectors((out[0], out[1], out[2].mT))


def where_all_went_well(out: Any) -> Any:
    """Results with their info, or, where one is not 0, the info alone."""
    return out if not out[-1].any() else out[-1]


def system(
    name: str, *args: Any, domain: Any = conditioned, errors: Errors | None = None, **claims: Any
) -> Entry:
    """A solution of AX = B, and of XA = B; ``args`` follow."""
    options = list(claims.pop("options", ({}, {"left": False})))

    def call(a: Array, b: Array, option: dict[str, Any]) -> Call:
        return Call(a, b if option.get("left", True) else turned(b), *args, **option)

    sides = sides_of_systems(domain)
    cases = [call(a, b, options[0]) for a, b in sides]
    cases += [call(a, b, option) for a, b in (sides[0], sides[3]) for option in options[1:]]
    cases += claims.pop("cases", [])
    values = [call(typed(each, (3, 3), domain), typed(each, (3, 2)), options[0]).tagged(each) for each in DTYPES]
    values += claims.pop("values", [])
    a, b = fixed(domain, (3, 3)), fixed(shape=(3, 2))
    bad: Errors = [
        (call(a, fixed(shape=(2, 3)), options[0]), RuntimeError),
        (call(a, fixed(shape=()), options[0]), RuntimeError),
        (call(fixed(domain, (2, 3, 3)), fixed(shape=(3, 3, 2)), options[0]), RuntimeError),
        (call(fixed(shape=(2, 3)), b, options[0]), RuntimeError),
        (call(fixed(shape=(3,)), b, options[0]), RuntimeError),
        (Call(a, [[1.0]], *args, **options[0]), TypeError),
        (Call([[1.0]], b, *args, **options[0]), TypeError),
        *(errors or []),
    ]
    draw = st.tuples(systems(domain), st.sampled_from(options)).map(lambda each: call(*each[0], each[1]))
    return entry(name, *cases, values=values, errors=bad, draw=draw, **claims)


def older_system(name: str, options: Iterable[dict[str, Any]], errors: Errors | None = None, **claims: Any) -> Entry:
    """One of the older functions, which take the right side first."""
    options = list(options)
    sides = sides_of_systems(dominant)
    cases = [Call(b, a) for a, b in sides]
    cases += [Call(b, a, **each) for a, b in (sides[0], sides[3]) for each in options]
    values = [Call(typed(each, (3, 2)), typed(each, (3, 3), dominant)).tagged(each) for each in DTYPES]
    a, b = fixed(dominant, (3, 3)), fixed(shape=(3, 2))
    bad: Errors = [
        (Call(fixed(shape=(2, 2)), a), RuntimeError),
        (Call(fixed(shape=(3,)), a), RuntimeError),
        (Call(b, fixed(shape=(3, 2))), RuntimeError),
        (Call(b, a.astype("float32")), RuntimeError),
        (Call(fixed(shape=(3, 3, 2)), fixed(shape=(2, 3, 3))), RuntimeError),
        (Call(b, [[1.0]]), TypeError),
        *(errors or []),
    ]
    draw = st.tuples(systems(dominant), st.sampled_from(options)).map(lambda each: Call(*each[0][::-1], **each[1]))
    return entry(name, *cases, values=values, errors=bad, draw=draw, **claims)


# ---------------------------------------------------------------------- entries by themselves

NOT_POSITIVE = np.array([[4.0, 2.0, 0.0], [2.0, 1.0, 1.0], [0.0, 1.0, 3.0]]) - np.eye(3) * 0.5
UPPER = ({}, {"upper": True})


def lu_solves() -> list[Call]:
    sides = sides_of_systems(dominant)
    found = [Call(a, pivots_of(a), b) for a, b in sides]
    for left, adjoint in ((True, True), (False, False), (False, True)):
        for a, b in (sides[0], sides[3]):
            found.append(Call(a, pivots_of(a), b if left else turned(b), left=left, adjoint=adjoint))
    return found


def bad_lu_solves(call: Any) -> Errors:
    a, b, pivots = fixed(dominant, (3, 3)), fixed(shape=(3, 2)), pivots_of(np.eye(3))
    return [
        (call(a, Const(np.array([1, 2, 4], np.int32)), b), RuntimeError),
        (call(a, Const(np.array([0, 2, 3], np.int32)), b), RuntimeError),
        (call(a, Const(np.array([1, 2], np.int32)), b), RuntimeError),
        (call(a, Const(np.array([1, 2, 3])), b), RuntimeError),
        (call(a, pivots, fixed(shape=(2, 2))), RuntimeError),
        (call(a, pivots, fixed(shape=(3,))), RuntimeError),
        (call(a, pivots, b.astype("float32")), RuntimeError),
        (call(fixed(shape=(3, 2)), pivots, b), RuntimeError),
    ]


@st.composite
def lu_systems(draw: Draw) -> tuple[Array, Const, Array]:
    a, b = draw(systems(dominant))
    rng, n = np.random.default_rng(draw(seeds)), a.shape[-1]
    return a, Const((np.arange(n) + rng.integers(0, n - np.arange(n), a.shape[:-1]) + 1).astype(np.int32)), b


def least_squares() -> list[Call]:
    drivers = ("gels", "gelsy", "gelsd", "gelss", None)
    found = [
        Call(fixed(conditioned, (*batch, m, n)), fixed(shape=(*batch, m, 2), seed=1), driver=driver)
        for batch, m, n in (((), 3, 2), ((), 2, 3), ((2,), 2, 1))
        for driver in drivers
    ]
    found += [Call(fixed(conditioned, (3, 2), each), fixed(shape=(3, 2), layout=each, seed=1)) for each in FULL]
    return found + [
        Call(fixed(conditioned, (3, 2)), fixed(shape=(3,), seed=1), driver="gelsd"),
        Call(fixed(conditioned, (2, 3, 2)), fixed(shape=(2, 3), seed=1)),
        Call(fixed(conditioned, (2, 3, 2)), fixed(shape=(1, 3, 1), seed=1)),
        Call(fixed(conditioned, (3, 2)), fixed(shape=(3, 1), seed=1), rcond=-1.0),
    ]


def empty_least_squares() -> list[Call]:
    shapes = (((0, 0), (0, 2)), ((3, 0), (3, 2)), ((0, 3), (0, 2)), ((0, 3, 2), (0, 3, 2)), ((3, 2), (3, 0)))
    return [Call(np.zeros(a), np.zeros(b), driver="gelsy").tagged(f"empty {a}, {b}") for a, b in shapes]


def bad_least_squares() -> Errors:
    a, b = fixed(conditioned, (3, 2)), fixed(shape=(3, 2))
    return [
        *refused(b, square=False),
        (Call(a, fixed(shape=(2, 2))), RuntimeError),
        (Call(a, fixed(shape=(2,))), RuntimeError),
        (Call(a, fixed(shape=())), RuntimeError),
        (Call(a, fixed(shape=(2, 3, 2))), RuntimeError),
        (Call(fixed(conditioned, (2, 3, 2)), fixed(shape=(3,))), RuntimeError),
        (Call(a, b.astype("float32")), RuntimeError),
        (Call(a, b, driver="best"), RuntimeError),
    ]


@st.composite
def sides_of_least_squares(draw: Draw) -> Call:
    a = draw(matrices(square=False, least=1))
    b = np.random.default_rng(draw(seeds)).uniform(-2, 2, (*a.shape[:-1], 2))
    return Call(a, b, driver=draw(st.sampled_from(["gels", "gelsy", "gelsd"])))


SINGULAR = [(Call(with_zero_row()), RuntimeError), (Call(np.zeros((2, 2))), RuntimeError)]
NULLITIES = [Call(singular(rank, n)).tagged(f"rank {rank} of {n}") for rank, n in ((2, 3), (3, 4), (0, 1), (1, 2))]
NEGATIVE = np.diag([-1.0, 2.0, 3.0])
PIVOTS = ({}, {"pivot": True})
NO_PIVOTS: Errors = [(Call(fixed(conditioned, (3, 3)), pivot=False), RuntimeError)]
LARGE = fixed(conditioned, (2, 70, 60))

ENTRIES = [
    # ------------------------------------------------------------------ factorizations
    of_matrices(
        "linalg.cholesky",
        prepare=squared,
        options=UPPER,
        values=[Call(np.zeros((2, 3, 3))).tagged("zeros"), Call(fixed(conditioned, (40, 40))).tagged("large")],
    ),
    of_matrices("cholesky", prepare=squared, options=UPPER, values=[Call(np.zeros((3, 3))).tagged("zeros")]),
    of_matrices(
        "linalg.cholesky_ex",
        prepare=squared,
        outputs=where_all_went_well,
        options=(*UPPER, {"check_errors": True}),
        values=[Call(np.stack([np.eye(3), np.diag([1.0, 0.0, 1.0])])).tagged("one singular")],
        errors=[(Call(np.zeros((2, 2)), check_errors=True), RuntimeError)],
    ),
    of_matrices(
        "linalg.qr",
        square=False,
        options=({}, {"mode": "reduced"}),
        values=[
            Call(LARGE).tagged("large"),
            *[Call(Const(fixed(conditioned, shape)), "r") for shape in ((3, 2), (2, 3), (2, 2, 2))],
            *[Call(Const(fixed(conditioned, shape)), "complete") for shape in ((3, 2), (2, 4, 2))],
            *[Call(fixed(conditioned, shape), mode="complete") for shape in ((2, 3), (3, 3), (2, 1, 2))],
            *[Call(Const(np.zeros(shape)), "complete") for shape in ((0, 2), (2, 0), (0, 3, 2))],
        ],
        errors=[(Call(fixed(), "full"), RuntimeError)],
    ),
    of_matrices("qr", square=False, values=[Call(fixed(conditioned, (2, 3)), some=False)]),
    of_matrices(
        "linalg.lu",
        square=False,
        domain=conditioned,
        options=PIVOTS,
        errors=NO_PIVOTS,
        values=[Call(LARGE).tagged("large"), Call(turned(LARGE)).tagged("large, wide"), Call(np.zeros((2, 2)))],
    ),
    of_matrices(
        "linalg.lu_factor",
        square=False,
        options=PIVOTS,
        errors=[*NO_PIVOTS, *SINGULAR],
        values=[Call(LARGE).tagged("large")],
    ),
    of_matrices(
        "linalg.lu_factor_ex",
        square=False,
        options=({}, {"check_errors": True}),
        errors=[*NO_PIVOTS, (Call(with_zero_row(), check_errors=True), RuntimeError)],
        values=[Call(Const(with_zero_row())), Call(Const(np.zeros((2, 3, 2))))],
    ),
    of_matrices(
        "linalg.eigh",
        prepare=squared,
        outputs=no_signs_of_eigenvectors,
        options=({}, {"UPLO": "U"}, {"UPLO": "l"}),
        errors=[(Call(fixed(conditioned, (3, 3)), "X"), RuntimeError)],
        loose=4,
    ),
    of_matrices(
        "linalg.eigvalsh",
        prepare=squared,
        options=({}, {"UPLO": "U"}),
        errors=[(Call(fixed(conditioned, (3, 3)), "X"), RuntimeError)],
        loose=4,
    ),
    of_matrices(
        "linalg.svd",
        square=False,
        outputs=no_signs_of_singular_vectors,
        options=({"full_matrices": False}, {}),
        errors=[(Call(fixed(), driver="gesvd"), RuntimeError)],
        loose=4,
    ),
    of_matrices("linalg.svdvals", square=False, errors=[(Call(fixed(), driver="gesvd"), RuntimeError)], loose=4),
    of_matrices(
        "svd",
        square=False,
        outputs=no_signs_of_older_svd,
        options=({}, {"some": False}),
        values=[Call(fixed(), compute_uv=False), Call(fixed(), some=False, compute_uv=False)],
        loose=4,
    ),
    # ------------------------------------------------------------------ systems of equations
    system(
        "linalg.solve",
        cases=[
            Call(fixed(conditioned, (2, 2)), fixed(shape=(2,))),
            Call(fixed(conditioned, (3, 2, 2)), fixed(shape=(3, 2))),
            Call(fixed(conditioned, (3, 2, 2)), fixed(shape=(2,))),
        ],
        errors=[
            (Call(with_zero_row(), fixed(shape=(3, 2))), RuntimeError),
            (Call(fixed(conditioned, (3, 3)), fixed(shape=(4,))), RuntimeError),
            (Call(fixed(conditioned, (3, 3)), fixed(shape=(3,)), left=False), RuntimeError),
        ],
    ),
    system(
        "linalg.solve_ex",
        outputs=where_all_went_well,
        values=[Call(with_zero_row(), fixed(shape=(3, 2)))],
        errors=[(Call(with_zero_row(), fixed(shape=(3, 2)), check_errors=True), RuntimeError)],
    ),
    system(
        "linalg.solve_triangular",
        domain=dominant,
        options=[
            {"upper": upper, "left": left, "unitriangular": unit}
            for upper in (True, False)
            for left in (True, False)
            for unit in (True, False)
        ],
        values=[
            Call(np.zeros((2, 2)), fixed(shape=(2, 2)), upper=True).tagged("singular"),
            Call(fixed(dominant, (60, 60)), fixed(shape=(60, 2)), upper=True).tagged("large"),
            Call(fixed(dominant, (60, 60)), fixed(shape=(60, 2)), upper=False).tagged("large"),
        ],
    ),
    older_system(
        "triangular_solve",
        [
            {"upper": upper, "transpose": transpose, "unitriangular": unit}
            for upper in (True, False)
            for transpose in (True, False)
            for unit in (True, False)
        ],
    ),
    older_system("cholesky_solve", UPPER, grad=[0]),
    of_matrices(
        "cholesky_inverse",
        domain=dominant,
        prepare=lower_triangle,
        errors=[(Call(np.zeros((2, 2, 2))), RuntimeError)],
        values=[Call(fixed(dominant, (3, 3)).T.copy().T, upper=False)],
    ),
    entry(
        "linalg.lu_solve",
        *lu_solves(),
        values=[
            Call(typed(each, (3, 3), dominant), pivots_of(np.eye(3)), typed(each, (3, 2))).tagged(each)
            for each in DTYPES
        ],
        errors=bad_lu_solves(Call),
        draw=st.tuples(lu_systems(), st.booleans(), st.booleans()).map(
            lambda each: Call(
                *each[0][:2], each[0][2] if each[1] else turned(each[0][2]), left=each[1], adjoint=each[2]
            )
        ),
    ),
    entry(
        "lu_solve",
        *[Call(b, a, pivots_of(a)) for a, b in sides_of_systems(dominant)],
        errors=bad_lu_solves(lambda a, pivots, b: Call(b, a, pivots)),
        draw=lu_systems().map(lambda each: Call(each[2], each[0], each[1])),
    ),
    entry(
        "linalg.lstsq",
        *least_squares(),
        values=[
            *[Call(typed(each, (3, 2), conditioned), typed(each, (3, 1))).tagged(each) for each in DTYPES],
            *empty_least_squares(),
            Call(Const(fixed(conditioned, (3, 2))), Const(fixed(shape=(3, 1), seed=1)), rcond=0.9, driver="gelsd"),
            Call(singular(2, 3)[:, :2], fixed(shape=(3, 2)), driver="gelsd"),
            Call(np.zeros((3, 2)), fixed(shape=(3, 2)), driver="gelsd"),
        ],
        errors=bad_least_squares(),
        draw=sides_of_least_squares(),
        outputs=lambda out: [out[k] for k in range(4) if k != 1 or out[1].numel()],
        loose=10,
    ),
    entry(
        "linalg.tensorsolve",
        Call(fixed(conditioned, (6, 6)).reshape(2, 3, 6), fixed(shape=(2, 3))),
        Call(fixed(conditioned, (4, 4)).reshape(2, 2, 2, 2), fixed(shape=(2, 2))),
        Call(np.moveaxis(fixed(conditioned, (4, 4)).reshape(2, 2, 4), 2, 1), fixed(shape=(2, 2)), dims=(1,)),
        errors=[
            (Call(fixed(shape=(2, 3, 5)), fixed(shape=(2, 3))), RuntimeError),
            (Call(fixed(shape=(2, 3, 6)), fixed(shape=(3, 3))), RuntimeError),
            (Call(fixed(shape=(2, 3, 6)), fixed(shape=(2, 3)), dims=(5,)), IndexError),
            (Call(np.zeros((2, 2)), fixed(shape=(2,))), RuntimeError),
        ],
        draw=matrices(least=1).filter(lambda a: a.ndim == 2).map(lambda a: Call(a, np.ones(a.shape[0]))),
    ),
    # ------------------------------------------------------------------ inverses and determinants
    of_matrices("linalg.inv", errors=SINGULAR),
    of_matrices("inverse", errors=SINGULAR),
    of_matrices(
        "linalg.inv_ex",
        outputs=where_all_went_well,
        options=({}, {"check_errors": True}),
        values=[Call(with_zero_row()), Call(np.zeros((2, 2)))],
        errors=[(Call(np.zeros((2, 2)), check_errors=True), RuntimeError)],
    ),
    entry(
        "linalg.tensorinv",
        Call(fixed(conditioned, (4, 4)).reshape(2, 2, 4)),
        Call(fixed(conditioned, (4, 4)).reshape(4, 2, 2), ind=1),
        Call(fixed(conditioned, (3, 3)), 1),
        errors=[
            (Call(fixed(shape=(2, 3)), 1), RuntimeError),
            (Call(fixed(shape=(2, 2)), 0), RuntimeError),
            (Call(np.zeros((2, 2)), 1), RuntimeError),
        ],
        draw=matrices(least=1).filter(lambda a: a.ndim == 2).map(lambda a: Call(a, ind=1)),
    ),
    of_matrices("linalg.det", values=[*NULLITIES, Call(NEGATIVE)]),
    of_matrices("det", values=NULLITIES),
    of_matrices("linalg.slogdet", values=[Call(NEGATIVE), Call(Const(np.zeros((2, 2))))]),
    of_matrices("slogdet", values=[Call(NEGATIVE)]),
    of_matrices("logdet", prepare=squared, values=[Call(Const(np.zeros((2, 2))))]),
]
