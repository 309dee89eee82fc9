"""Pooling: the largest element, the mean or a norm of each window, adaptive bins, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed
from tests.table._format import Call, Entry, entry
from tests.table._strategies import LAYOUTS, Domain, Draw, arrays, distinct, positive, real, values_in

FLOATING = ("float64", "float32", "float16")


def cube(ndim: int, length: int, lead: tuple[int, ...] = (2, 2), domain: Domain = distinct, **how: Any) -> Any:
    """A fixed array with ``ndim`` spatial dimensions of this length."""
    return fixed(domain, (*lead, *(length,) * ndim), **how)


def length_of(ndim: int) -> int:
    return {1: 7, 2: 5, 3: 3}[ndim]


@st.composite
def pooled(draw: Draw, ndim: int, domain: Domain, dilated: bool = False, padded: bool = True) -> tuple[Any, Any]:
    """An input and the settings of windows that fit into it."""
    sizes = tuple(draw(st.integers(1, 3)) for _ in range(ndim))
    settings: dict[str, Any] = {"kernel_size": sizes, "ceil_mode": draw(st.booleans())}
    if draw(st.booleans()):
        settings["stride"] = tuple(draw(st.integers(1, 3)) for _ in range(ndim))
    if padded:
        settings["padding"] = tuple(draw(st.integers(0, each // 2)) for each in sizes)
    if dilated:
        settings["dilation"] = draw(st.integers(1, 2))
    reach = [settings.get("dilation", 1) * (each - 1) + 1 for each in sizes]
    lengths = [each + draw(st.integers(0, 2)) for each in reach]
    lead = draw(st.sampled_from(((1,), (2, 1), (1, 2))))
    return values_in(draw, domain, (*lead, *lengths)), settings


def max_pool(ndim: int) -> Entry:
    x, name = cube(ndim, length_of(ndim)), f"nn.functional.max_pool{ndim}d"
    ties = np.zeros((1, 2, *(4,) * ndim))
    odd = fixed(real, (1, 1, *(6,) * ndim))
    odd[..., 1], odd[..., 2:4], odd[..., 5] = np.nan, -np.inf, np.inf
    several = {"return_indices": True}
    return entry(
        name,
        Call(x, 2),
        Call(x, 3, 2, 1),
        Call(x, 2, 1, ceil_mode=True, return_indices=True),
        Call(x[0], 2, stride=2, dilation=2),
        Call(cube(ndim, 6, (1, 1)), 6),
        *[Call(cube(ndim, 4, (1, 1), layout=each), 2) for each in LAYOUTS if each != "broadcast"],
        draw=pooled(ndim, distinct, dilated=True).map(lambda drawn: Call(drawn[0], **drawn[1])),
        values=[
            *[Call(typed(each, (2, 2, *(4,) * ndim)), 2).tagged(each) for each in FLOATING],
            *[Call(typed(each, (2, 2, *(4,) * ndim)), 2).tagged(each) for each in ("int64", "int32", "bool")],
            Call(ties, 2, **several).tagged("ties"),
            Call(odd, 2, **several).tagged("special"),
            Call(odd, 3, 2, 1, **several).tagged("special, padded"),
            Call(odd, 6, **several).tagged("special, one window"),
            Call(-np.inf * np.ones((1, 1, *(3,) * ndim)), 2, 2, 1, **several).tagged("all lowest"),
            Call(cube(ndim, 5), 2, ceil_mode=True, **several).tagged("reaches over the end"),
            Call(cube(ndim, 4), (2,)).tagged("one size for all"),
            Call(cube(ndim, 4, (0, 2)), 2).tagged("empty batch"),
            Call(cube(ndim, 4, (2, 0)), 2).tagged("no channels"),
        ],
        errors=[
            (Call(x, 9), RuntimeError),
            (Call(x, 2, padding=2), RuntimeError),
            (Call(x, 2, padding=-1), RuntimeError),
            (Call(x, 0), RuntimeError),
            (Call(x, 2, 0), RuntimeError),
            (Call(x, 2, dilation=0), RuntimeError),
            (Call(x, (2,) * (ndim + 1)), RuntimeError),
            (Call(fixed(shape=(3,)), 2), RuntimeError),
            (Call([1.0], 2), TypeError),
        ],
        covers=(f"{name}_with_indices",),
    )


def avg_pool(ndim: int) -> Entry:
    x, drawn = cube(ndim, length_of(ndim), domain=real), pooled(ndim, real)
    values = [*[Call(typed(each, (2, 2, *(4,) * ndim)), 2).tagged(each) for each in FLOATING[: 3 - (ndim == 3)]]]
    errors = [
        (Call(x, 9), RuntimeError),
        (Call(x, 2, padding=2), RuntimeError),
        (Call(x, 2, 0), RuntimeError),
        (Call([1.0], 2), TypeError),
    ]
    if ndim == 2:
        values.append(Call(typed("int64", (2, 2, 4, 4)), 2).tagged("int64"))
    if ndim > 1:
        values.append(Call(x, 2, divisor_override=3))
        errors.append((Call(x, 2, divisor_override=0), RuntimeError))
    return entry(
        f"nn.functional.avg_pool{ndim}d",
        Call(x, 2),
        Call(x, 3, 2, 1),
        Call(x, 3, 2, 1, count_include_pad=False),
        Call(x, 2, ceil_mode=True, padding=1),
        Call(x[0], 2, 1),
        Call(cube(ndim, 6, (1, 1), real), 6),
        *[Call(cube(ndim, 4, (1, 1), real, layout=each), 2) for each in LAYOUTS],
        draw=drawn.flatmap(lambda d: st.booleans().map(lambda b: Call(d[0], **d[1], count_include_pad=b))),
        values=values,
        errors=errors,
        relative_to="result",
    )


def lp_pool(ndim: int) -> Entry:
    x = cube(ndim, 4, domain=positive)
    drawn = pooled(ndim, positive, padded=False)
    return entry(
        f"nn.functional.lp_pool{ndim}d",
        Call(x, 2.0, (2,) * ndim if ndim > 1 else 2),
        Call(x, 3.0, 3, 1) if ndim < 3 else Call(x, 3.0, (3, 3, 3), 1),
        draw=drawn.map(lambda d: Call(d[0], 2.0, **(in_one(d[1]) if ndim == 1 else d[1]))),
        values=[Call(x.astype(each), 2.0, (2,) * ndim if ndim > 1 else 2).tagged(each) for each in FLOATING[:2]],
        relative_to="result",
    )


def in_one(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of one dimension as plain numbers, where PyTorch multiplies with them."""
    return {name: value[0] if isinstance(value, tuple) else value for name, value in settings.items()}


@st.composite
def binned(draw: Draw, ndim: int, domain: Domain) -> Call:
    counts = tuple(draw(st.integers(1, 3)) for _ in range(ndim))
    lengths = [draw(st.integers(1, 4)) for _ in range(ndim)]
    lead = draw(st.sampled_from(((1,), (2, 1), (1, 2))))
    return Call(values_in(draw, domain, (*lead, *lengths)), counts)


def adaptive(kind: str, ndim: int) -> Entry:
    domain = real if kind == "avg" else distinct
    x, name = cube(ndim, 5 if ndim < 3 else 3, domain=domain), f"nn.functional.adaptive_{kind}_pool{ndim}d"
    values = [Call(typed(each, (2, 2, *(4,) * ndim)), 2).tagged(each) for each in FLOATING]
    if ndim > 1:
        values += [Call(x, (None, *(2,) * (ndim - 1))).tagged("one length kept")]
    values += [Call(x, 0).tagged("nothing"), Call(cube(ndim, 4, (0, 2)), 2).tagged("empty batch")]
    if kind == "max":
        values += [Call(x, each, return_indices=True).tagged(f"indices of {each}") for each in (1, 2, 3, 5, 7)]
        values += [Call(typed("int64", (2, 2, *(4,) * ndim)), 2).tagged("int64")]
    return entry(
        name,
        Call(x, 1),
        Call(x, 2),
        Call(x[0], 5),
        Call(cube(ndim, 4, (1, 1), domain), 2),
        Call(cube(ndim, 2, (1, 1), domain), 3),
        draw=binned(ndim, domain),
        values=values,
        errors=[
            (Call(x, -1), RuntimeError),
            (Call(x, (2,) * (ndim + 1)), RuntimeError),
            (Call(fixed(shape=(3,)), 2), RuntimeError),
            (Call(cube(ndim, 0), 2), RuntimeError),
            (Call(x, None), TypeError),
            (Call(typed("bool", (2, 2, *(4,) * ndim)), 2), RuntimeError),
            *[(Call(cube(ndim, 4, (2, 0)), 2), RuntimeError)] * (kind == "max" or ndim == 3),
        ],
        covers=(f"{name}_with_indices",) if kind == "max" else (),
        relative_to="result",
    )


def max_unpool(ndim: int) -> Entry:
    shape = (2, 2, *(2,) * ndim)
    x = fixed(shape=shape)
    flat = np.stack([np.random.default_rng(i).permutation(4**ndim)[: 2**ndim] for i in range(4)])
    indices = flat.reshape(shape)
    wide = (5,) * ndim
    return entry(
        f"nn.functional.max_unpool{ndim}d",
        Call(x, indices, 2),
        Call(x[0], indices[0], 2),
        Call(x, indices, 2, output_size=wide),
        draw=st.tuples(arrays(real, shape), st.permutations(range(4))).map(
            lambda drawn: Call(drawn[0], flat[list(drawn[1])].reshape(shape), 2)
        ),
        values=[Call(x.astype("float32"), indices, 2), Call(x, indices, 3, 2, 1).tagged("padded")],
        errors=[
            (Call(x, indices + 99, 2), RuntimeError),
            (Call(x, indices[:1], 2), RuntimeError),
            (Call(x, indices.astype("int32"), 2), RuntimeError),
            (Call(x, indices, 2, output_size=(9,) * ndim), ValueError),
        ],
    )


ENTRIES = [make(ndim) for make in (max_pool, avg_pool, lp_pool, max_unpool) for ndim in (1, 2, 3)]
ENTRIES += [adaptive(kind, ndim) for kind in ("avg", "max") for ndim in (1, 2, 3)]
