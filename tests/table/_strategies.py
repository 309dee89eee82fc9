"""How arguments are drawn: shapes, memory layouts, and values from a domain on which an op is smooth.

Hypothesis chooses shapes, layouts and a seed; the values themselves come from the seed, so that a case costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

Array = np.ndarray[Any, Any]
Domain = Callable[[np.random.Generator, tuple[int, ...]], Array]
Draw = Callable[[st.SearchStrategy[Any]], Any]

LAYOUTS = ("contiguous", "permuted", "strided", "negative", "broadcast")
FLOATS = ("float64", "float32", "float16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
DTYPES = (*FLOATS, *INTEGERS, "bool")

# ---------------------------------------------------------------------- domains


def between(low: float, high: float, avoid: Sequence[float] = (), margin: float = 0.05) -> Domain:
    """Numbers of [low, high] that keep ``margin`` away from the points to avoid (kinks, poles, integers)."""

    def values(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        drawn = np.asarray(rng.uniform(low, high, shape))
        for point in avoid:
            near = np.abs(drawn - point) < margin
            drawn = np.where(near, point + np.where(drawn < point, -margin, margin) * 2, drawn)
        return np.asarray(drawn)

    return values


def away_from(*points: float) -> Domain:
    """Numbers of [−3, 3] away from these points."""
    return between(-3, 3, avoid=points)


def distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """No two numbers nearer than 0.05: for max, sort and median, which are not smooth where two are equal."""
    size = int(np.prod(shape))
    spaced = (np.arange(size) - size / 2) * 0.1 + rng.uniform(-0.02, 0.02, size)
    return np.asarray(rng.permutation(spaced).reshape(shape))


def off_integers(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of [−3, 3] away from the integers: for floor, round, remainder."""
    return np.asarray(rng.integers(-3, 3, shape) + rng.uniform(0.1, 0.4, shape) + rng.integers(0, 2, shape) * 0.5)


def whole(low: int, high: int) -> Domain:
    """Integers of [low, high) as int64."""
    return lambda rng, shape: np.asarray(rng.integers(low, high, shape))


def truth(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Bools."""
    return np.asarray(rng.integers(0, 2, shape).astype(bool))


real = between(-3, 3)
small = between(-1.5, 1.5)
positive = between(0.2, 4)
above_one = between(1.1, 4)
unit = between(-0.9, 0.9)
probability = between(0.05, 0.95)
nonzero = away_from(0)

# ---------------------------------------------------------------------- layouts


def lay_out(array: Array, layout: str, axis: int = 0) -> Array:
    """The same values in another memory layout; ``broadcast`` repeats the first slice of ``axis`` without memory."""
    if array.ndim == 0 or layout == "contiguous":
        return array
    axis %= array.ndim
    if layout == "permuted":
        return np.asarray(array.T.copy().T)
    if layout == "negative":
        turned = (slice(None),) * axis + (slice(None, None, -1),)
        return np.asarray(array[turned].copy()[turned])
    if layout == "broadcast":
        if array.shape[axis] == 0:
            return array
        return np.broadcast_to(array.take([0], axis), array.shape)
    room = np.zeros([2 * length for length in array.shape], array.dtype)
    gaps = room[tuple(slice(None, None, 2) for _ in array.shape)]
    gaps[...] = array
    return np.asarray(gaps)


# ---------------------------------------------------------------------- strategies

seeds = st.integers(0, 2**32 - 1)


def shapes(min_ndim: int = 0, max_ndim: int = 3, min_side: int = 0, max_side: int = 3) -> st.SearchStrategy[Any]:
    """Shapes, among them 0-d, empty ones and lengths of one."""
    side = st.integers(min_side, max_side)
    return st.lists(side, min_size=min_ndim, max_size=max_ndim).map(tuple)


@st.composite
def arrays(
    draw: Draw,
    domain: Domain = real,
    shape: st.SearchStrategy[Any] | tuple[int, ...] | None = None,
    dtype: str = "float64",
    layouts: Sequence[str] = LAYOUTS,
    **sides: int,
) -> Array:
    """An array of a domain in any memory layout; ``sides`` go to :func:`shapes` unless a shape is given."""
    if shape is None:
        shape = shapes(**sides)
    chosen = shape if isinstance(shape, tuple) else draw(shape)
    return values_in(draw, domain, chosen, dtype, layouts)


def values_in(
    draw: Draw, domain: Domain, shape: tuple[int, ...], dtype: str = "float64", layouts: Sequence[str] = LAYOUTS
) -> Array:
    """Inside a composite strategy: an array of this shape."""
    rng = np.random.default_rng(draw(seeds))
    layout = draw(st.sampled_from(layouts))
    made = domain(rng, shape)
    made = made.astype(dtype) if dtype != "float64" or made.dtype.kind == "f" else made
    return lay_out(made, layout, int(rng.integers(0, max(len(shape), 1))))


@st.composite
def broadcast_shapes(draw: Draw, count: int, max_ndim: int = 3, min_side: int = 0, max_side: int = 3) -> Any:
    """``count`` shapes that broadcast together."""
    result = draw(shapes(0, max_ndim, min_side, max_side))
    found = []
    for _ in range(count):
        kept = draw(st.integers(0, len(result)))
        ones = draw(st.lists(st.booleans(), min_size=kept, max_size=kept))
        tail = result[len(result) - kept :]
        found.append(tuple(1 if one else length for one, length in zip(ones, tail, strict=True)))
    return tuple(found)


@st.composite
def broadcastable(draw: Draw, *domains: Domain, layouts: Sequence[str] = LAYOUTS, **sides: int) -> tuple[Array, ...]:
    """One array of each domain, with shapes that broadcast together."""
    chosen = draw(broadcast_shapes(len(domains), **sides))
    return tuple(values_in(draw, d, shape, layouts=layouts) for d, shape in zip(domains, chosen, strict=True))


def dim_of(draw: Draw, ndim: int) -> int:
    """Inside a composite strategy: a dimension, counted from either end (0 or −1 for a 0-d array)."""
    span = max(ndim, 1)
    return int(draw(st.integers(-span, span - 1)))


def dims_of(draw: Draw, ndim: int, min_size: int = 0) -> tuple[int, ...]:
    """Inside a composite strategy: some different dimensions."""
    span = max(ndim, 1)
    chosen = draw(st.lists(st.integers(0, span - 1), unique=True, min_size=min_size, max_size=span))
    return tuple(each - span if draw(st.booleans()) else each for each in chosen)
