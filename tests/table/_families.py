"""Entries of whole families in one line: ``unary("exp")``, ``binary("mul")``, ``reduction("sum")``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._format import Call, Entry
from tests.table._strategies import (
    DTYPES,
    LAYOUTS,
    Array,
    Domain,
    Draw,
    arrays,
    broadcastable,
    dim_of,
    dims_of,
    lay_out,
    real,
    values_in,
    whole,
)

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e30, -1e30, 1e-30])


def fixed(domain: Domain = real, shape: tuple[int, ...] = (2, 3), layout: str = "contiguous", seed: int = 0) -> Array:
    """An array of a domain that is the same in every run."""
    return lay_out(np.asarray(domain(np.random.default_rng([seed, *shape]), shape)), layout)


def typed(dtype: str, shape: tuple[int, ...] = (2, 3), domain: Domain = real, seed: int = 1) -> Array:
    """An array of any number type: small integers, bools, or the domain's numbers rounded to a narrower type."""
    rng = np.random.default_rng([seed, *shape])
    if dtype == "bool":
        return np.asarray(rng.integers(0, 2, shape).astype(bool))
    if dtype.startswith(("int", "uint")):
        return np.asarray(rng.integers(0 if dtype[0] == "u" else -4, 5, shape).astype(dtype))
    return np.asarray(domain(rng, shape).astype(dtype))


def several_layouts(domain: Domain) -> Iterable[Array]:
    """0-d, empty, one element, and a matrix in each layout that a leaf can have."""
    yield fixed(domain, ())
    yield fixed(domain, (0, 2))
    yield fixed(domain, (1,))
    for layout in LAYOUTS:
        yield fixed(domain, (2, 3), layout)


def unary(
    name: str,
    domain: Domain = real,
    *args: Any,
    dtypes: Sequence[str] = DTYPES,
    special: bool = True,
    values: Iterable[Call] = (),
    **claims: Any,
) -> Entry:
    """An elementwise function of one tensor; ``args`` follow the tensor in each call."""
    kwargs = claims.pop("kwargs", {})
    further = [Call(typed(each, domain=domain), *args, **kwargs).tagged(each) for each in dtypes]
    if special:
        for each in ("float64", "float32"):
            further.append(Call(SPECIAL.astype(each), *args, **kwargs).tagged(f"special {each}"))
    claims.setdefault("draw", arrays(domain).map(lambda x: Call(x, *args, **kwargs)))
    return Entry(
        name=name,
        cases=tuple(Call(x, *args, **kwargs) for x in several_layouts(domain)),
        values=(*further, *values),
        **{"relative_to": "element", **claims},
    )


def binary(
    name: str,
    left: Domain = real,
    right: Domain | None = None,
    *,
    numbers: Sequence[Any] = (2, 2.5, True),
    pairs: Sequence[tuple[str, str]] | None = None,
    special: bool = True,
    values: Iterable[Call] = (),
    **claims: Any,
) -> Entry:
    """An elementwise function of two tensors: broadcasting, promotion of every pair of types, Python numbers."""
    right = left if right is None else right
    kwargs = claims.pop("kwargs", {})
    cases = [
        Call(fixed(left, a), fixed(right, b, seed=1), **kwargs)
        for a, b in (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,)), ((), ()), ((0, 3), (1, 3)))
    ]
    cases += [Call(fixed(left, (2, 3), one), fixed(right, (2, 3), "permuted", 1), **kwargs) for one in LAYOUTS]
    further = [
        Call(typed(a, (2, 3), left), typed(b, (3,), right, 2), **kwargs).tagged(f"{a}, {b}")
        for a, b in (pairs if pairs is not None else [(a, b) for a in DTYPES for b in DTYPES])
    ]
    further += [
        Call(typed(a, (2, 3), left), typed(b, (), right, 2), **kwargs).tagged(f"{a}, 0-d {b}")
        for a, b in (("float32", "float64"), ("int32", "float64"), ("uint8", "int64"), ("bool", "int32"))
    ]
    further += [
        Call(typed(each, (3,), left), number, **kwargs).tagged(f"{each}, {number!r}")
        for each in ("float64", "float32", "int32", "uint8", "bool")
        for number in numbers
    ]
    if special:
        grid = SPECIAL.repeat(len(SPECIAL)), np.tile(SPECIAL, len(SPECIAL))
        for each in ("float64", "float32"):
            further.append(Call(*[g.astype(each) for g in grid], **kwargs).tagged(f"special {each}"))
    claims.setdefault("draw", broadcastable(left, right).map(lambda pair: Call(*pair, **kwargs)))
    return Entry(name=name, cases=tuple(cases), values=(*further, *values), **{"relative_to": "element", **claims})


def reduction(
    name: str,
    domain: Domain = real,
    *args: Any,
    dim: str = "many",
    optional: bool = True,
    keepdim: bool = True,
    min_side: int = 0,
    dtypes: Sequence[str] = DTYPES,
    values: Iterable[Call] = (),
    **claims: Any,
) -> Entry:
    """A reduction or a scan.

    Args:
        name, domain: of the op.
        args: what stands between the tensor and ``dim``.
        dim: ``"many"``: an int or a tuple; ``"one"``: an int.
        optional: whether it may be called without ``dim``.
        keepdim: whether it knows ``keepdim``.
        min_side: 1 for a reduction without identity (max), which refuses an empty dimension.
        dtypes: of which values are compared.
        values, claims: see :class:`Entry`.
    """
    extra: dict[str, Any] = claims.pop("kwargs", {})
    flags: list[dict[str, Any]] = [{"keepdim": True}, {}] if keepdim else [{}]
    first = fixed(domain, (2, 3, 2))
    cases = [Call(first, *args, dim=d, **flag, **extra) for d in (0, 1, -1) for flag in flags]
    cases += [Call(fixed(domain, (2, 3), layout), *args, dim=0, **extra) for layout in LAYOUTS]
    cases += [Call(fixed(domain, ()), *args, dim=0, **extra), Call(fixed(domain, (1,)), *args, dim=-1, **extra)]
    if dim == "many":
        cases += [Call(first, *args, dim=(0, -1), **flag, **extra) for flag in flags]
    if optional:
        cases += [Call(x, *args, **extra) for x in (first, fixed(domain, ()), fixed(domain, (2, 3), "negative"))]
    further = [Call(typed(each, (3, 4), domain), *args, dim=1, **extra).tagged(each) for each in dtypes]
    for each in ("float64", "float32"):
        rows = np.array([[1.0, np.nan, 3.0], [np.inf, 1.0, -np.inf], [np.inf, np.inf, 0.0], [1.0, 1.0, 1.0]])
        further.append(Call(rows.astype(each), *args, dim=1, **extra).tagged(f"special {each}"))
    further.append(Call(np.zeros((0, 3)), *args, dim=0, **extra).tagged("empty"))
    further.append(Call(np.zeros((0, 3)), *args, dim=1, **extra).tagged("empty result"))
    further.append(Call(first, *args, dim=3, **extra).tagged("dim out of range"))
    if optional:
        further.append(Call(np.zeros((0,)), *args, **extra).tagged("empty, whole"))

    @st.composite
    def calls(draw: Draw) -> Call:
        x = draw(arrays(domain, min_side=min_side))
        named: dict[str, Any] = dict(extra)
        how = draw(st.sampled_from(["one"] + ["none"] * optional + ["many"] * (dim == "many")))
        if how != "none":
            named["dim"] = dim_of(draw, x.ndim) if how == "one" else dims_of(draw, x.ndim, 1)
            if keepdim:
                named["keepdim"] = draw(st.booleans())
        return Call(x, *args, **named)

    claims.setdefault("draw", calls())
    return Entry(name=name, cases=tuple(cases), values=(*further, *values), **claims)


__all__ = ["SPECIAL", "binary", "fixed", "reduction", "several_layouts", "typed", "unary", "values_in", "whole"]
