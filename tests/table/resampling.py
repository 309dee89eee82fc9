"""Interpolation, sampling on grids, and the grids of affine transformations."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed
from tests.table._format import Call, Const, entry
from tests.table._images import FLOATING, LAID_OUT, pixels, with_odd_ones
from tests.table._strategies import Array, Draw, arrays, real, values_in
from tests.table.nn_layers import layer

LINE, PLANE, BODY = fixed(shape=(2, 2, 5)), fixed(shape=(1, 2, 3, 4)), fixed(shape=(1, 2, 2, 3, 2))
BY_NDIM = (
    (LINE, ("nearest", "nearest-exact", "linear", "area")),
    (PLANE, ("nearest", "nearest-exact", "bilinear", "bicubic", "area")),
    (BODY, ("nearest", "nearest-exact", "trilinear", "area")),
)
CORNERED = ("linear", "bilinear", "bicubic", "trilinear")
SMOOTH = ("bilinear", "bicubic", "lanczos")


@st.composite
def resized(draw: Draw) -> Call:
    """A small input, and a size or scale factors at which PyTorch does the same in all its ways of computing it."""
    ndim = draw(st.integers(1, 3))
    mode = draw(st.sampled_from(BY_NDIM[ndim - 1][1]))
    lengths = draw(st.lists(st.integers(1, 4), min_size=ndim, max_size=ndim))
    how: dict[str, Any] = {"mode": mode}
    if draw(st.booleans()):
        how["size"] = tuple(draw(st.lists(st.integers(1, 5), min_size=ndim, max_size=ndim)))
    else:
        how["scale_factor"] = draw(st.sampled_from((1.0, 2.0, 3, (2.5,) * ndim)))
    if mode in CORNERED:
        how["align_corners"] = draw(st.sampled_from((None, False, True)))
        narrow = how.get("size", (2,))[-1] == 1
        if mode in SMOOTH and not narrow and draw(st.booleans()) and how.get("scale_factor") != (2.5, 2.5):
            how["antialias"] = True
    return Call(values_in(draw, real, (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *lengths)), **how)


def bytes_resized() -> list[Call]:
    """Images of bytes, in all modes that have them."""
    x = pixels(2, 3, 7, 6)
    calls = [Call(x, size, mode=mode) for mode in ("nearest", "nearest-exact") for size in ((3, 9), (7, 2))]
    for mode in ("bilinear", "bicubic"):
        calls += [
            Call(x, size, mode=mode, align_corners=flag)
            for size in ((3, 9), (15, 6), (7, 2))
            for flag in (False, True)
        ]
        calls += [Call(x, scale_factor=(0.7, 1.9), mode=mode), Call(pixels(1, 1, 1, 2), (4, 5), mode=mode)]
    for mode in SMOOTH:
        calls += [Call(x, size, mode=mode, antialias=True) for size in ((3, 9), (15, 6), (2, 2))]
        calls += [Call(x, scale_factor=(0.4, 0.5), mode=mode, antialias=True)]
    return [each.tagged("bytes") for each in calls]


INTERPOLATION = [
    entry(
        "nn.functional.interpolate",
        *[Call(x, scale_factor=2.0, mode=mode) for x, modes in BY_NDIM for mode in modes],
        *[Call(x, 3, mode=mode) for x, modes in BY_NDIM for mode in modes],
        *[Call(x, 4, mode=mode, align_corners=True) for x, modes in BY_NDIM for mode in modes if mode in CORNERED],
        *[Call(PLANE, (2, 7), mode=mode, antialias=True) for mode in SMOOTH],
        *[Call(fixed(shape=(1, 1, 5, 6)), (2, 2), mode=mode, antialias=True) for mode in SMOOTH],
        Call(PLANE, scale_factor=(1.7, 0.6), mode="bilinear"),
        Call(PLANE, scale_factor=(1.7, 0.6), mode="bilinear", recompute_scale_factor=True),
        Call(PLANE, scale_factor=(0.6, 1.3), mode="bicubic", antialias=True, align_corners=False),
        *[Call(fixed(shape=(1, 2, 3, 3), layout=each), (4, 2), mode="bicubic") for each in LAID_OUT],
        draw=resized(),
        values=[
            *[Call(typed(kind, PLANE.shape), (4, 3), mode=mode).tagged(kind)
              for kind in (*FLOATING, "int64", "int8", "bool") for mode in BY_NDIM[1][1]],
            *[Call(typed(kind, x.shape), 3, mode=mode).tagged(kind) for kind in ("float32", "float16", "uint8")
              for x, mode in ((LINE, "linear"), (BODY, "trilinear"))],
            *[Call(typed(kind, (1, 2, 7, 9)), (3, 4), mode=mode, antialias=True).tagged(f"smooth {kind}")
              for kind in ("float32", "float16", "int64") for mode in SMOOTH],
            *bytes_resized(),
            *[Call(fixed(shape=(1, 1, 90, 70)).astype("float32"), (31, 150), mode=mode).tagged("large")
              for mode in BY_NDIM[1][1]],
            *[Call(fixed(shape=(1, 1, 90, 70)).astype("float32"), (31, 150), mode=mode, antialias=True).tagged("large")
              for mode in SMOOTH],
            Call(with_odd_ones(1, 1, 3, 4), (5, 6), mode="bilinear"),
            Call(with_odd_ones(1, 1, 3, 4), (5, 6), mode="nearest"),
            Call(PLANE, scale_factor=(2.3, 1.2)).tagged("odd factor"),
            *[Call(PLANE, (5, 1), mode=mode, antialias=True).tagged("one column") for mode in SMOOTH],
            *[Call(fixed(shape=(0, 2, 3, 4)), 2, mode=mode).tagged("empty batch") for mode in BY_NDIM[1][1]],
            Call(PLANE, np.int64(2)),
            Call(PLANE, (np.int64(2), 3), mode="bilinear"),
        ],
        errors=[
            (Call(PLANE, 2, 2.0), ValueError),
            (Call(PLANE), ValueError),
            (Call(PLANE, (2,)), ValueError),
            (Call(PLANE, scale_factor=(2.0,)), ValueError),
            (Call(PLANE, 2, align_corners=False), ValueError),
            (Call(PLANE, 2, mode="area", align_corners=True), ValueError),
            (Call(PLANE, 2, recompute_scale_factor=True), ValueError),
            (Call(PLANE, 2, antialias=True), ValueError),
            (Call(LINE, 2, mode="linear", antialias=True), ValueError),
            (Call(PLANE, 2, mode="lanczos"), ValueError),
            (Call(PLANE, 2, mode="lanczos", antialias=True, align_corners=True), ValueError),
            *[(Call(x, 2, mode=mode), RuntimeError) for x in (LINE, PLANE, BODY) for mode in CORNERED
              if x.ndim != {"linear": 3, "trilinear": 5}.get(mode, 4)],
            (Call(PLANE, 2, mode="cubic"), RuntimeError),
            (Call(fixed(), 2), RuntimeError),
            (Call(fixed(shape=(1,) * 6), 2), RuntimeError),
            (Call(PLANE, 0), RuntimeError),
            (Call(PLANE, scale_factor=0.1, mode="bilinear"), RuntimeError),
            (Call(PLANE, scale_factor=-1.0), RuntimeError),
            (Call(PLANE, scale_factor=float("nan")), RuntimeError),
            (Call(fixed(shape=(2, 0, 3)), 2), RuntimeError),
            (Call(fixed(shape=(2, 2, 0)), 2, mode="linear"), RuntimeError),
            (Call(PLANE, 2.5), TypeError),
            (Call(PLANE, (2.5, 2)), TypeError),
            (Call(PLANE, True), TypeError),
            (Call(PLANE, scale_factor="2"), TypeError),
        ],
        loose=2,
    ),
    layer("Upsample", Call(4).on(PLANE), Call(scale_factor=(2, 1.5), mode="bilinear", align_corners=True).on(PLANE),
          Call(scale_factor=1.7, mode="linear", recompute_scale_factor=True).on(LINE),
          Call((3, 3, 2), mode="trilinear").on(BODY), errors=[(Call().on(PLANE), ValueError)]),
    layer("UpsamplingNearest2d", Call(scale_factor=2).on(PLANE), Call((2, 3)).on(PLANE),
          errors=[(Call(4, 2).on(PLANE), ValueError)]),
    layer("UpsamplingBilinear2d", Call(scale_factor=2).on(PLANE), Call((2, 3)).on(PLANE),
          errors=[(Call(2).on(LINE), RuntimeError)]),
]  # fmt: skip

# ---------------------------------------------------------------------- sampling on grids


def smooth_points(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Points in and around images of four elements, away from where the samples have kinks: the multiples of ¼."""
    return np.asarray((rng.integers(-6, 6, shape) + rng.uniform(0.1, 0.9, shape)) / 4)


@st.composite
def gridded(draw: Draw) -> Call:
    """Images of four elements in each direction, with smooth points."""
    ndim = draw(st.integers(2, 3))
    mode = draw(st.sampled_from(("bilinear", "nearest", "bicubic")[: 5 - ndim]))
    n, points = draw(st.integers(1, 2)), draw(st.lists(st.integers(1, 2), min_size=ndim, max_size=ndim))
    x = values_in(draw, real, (n, draw(st.integers(1, 2)), *(4,) * ndim))
    grid = values_in(draw, smooth_points, (n, *points, ndim))
    return Call(x, grid, mode, draw(st.sampled_from(("zeros", "border", "reflection"))), False)


SQUARE, CUBE = fixed(shape=(2, 2, 4, 4)), fixed(shape=(1, 2, 4, 4, 4))
POINTS, POINTS_3D = fixed(smooth_points, (2, 2, 3, 2)), fixed(smooth_points, (1, 2, 1, 2, 3))
SAMPLED, PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
ON_EDGES = np.array([[[[-1.0, -1], [1, 1], [0, 0], [-0.5, 0.5], [1, -1], [0.75, -0.25]]]])
FAR = np.array([[[[5.0, -3], [-1e4, 0.3], [1e3, 1e5], [-1.2, 1.2]]]])
GRIDS = [
    entry(
        "nn.functional.grid_sample",
        *[Call(SQUARE, POINTS, mode, padding, False) for mode in SAMPLED for padding in PADDINGS],
        *[Call(CUBE, POINTS_3D, mode, padding, False) for mode in ("bilinear", "nearest") for padding in PADDINGS],
        *[Call(fixed(shape=(2, 1, 5, 5)), POINTS, mode, padding, True)
          for mode in ("bilinear", "bicubic") for padding in PADDINGS],
        *[Call(fixed(shape=(2, 1, 4, 4), layout=each), fixed(smooth_points, (2, 1, 2, 2), each), align_corners=False)
          for each in LAID_OUT],
        draw=gridded(),
        values=[
            *[Call(typed(kind, (1, 2, 4, 4)), ON_EDGES.astype(kind), mode, "border", flag).tagged(kind)
              for kind in FLOATING for mode in SAMPLED for flag in (False, True)],
            *[Call(Const(SQUARE[:1]), Const(ON_EDGES), mode, padding, flag).tagged("on the edges")
              for mode in SAMPLED for padding in PADDINGS for flag in (False, True)],
            *[Call(SQUARE[:1], FAR, mode, padding, False).tagged("far away")
              for mode in SAMPLED for padding in PADDINGS],
            *[Call(Const(with_odd_ones(1, 1, 4, 4)), Const(ON_EDGES * 1.3), mode, padding, False).tagged("inf and nan")
              for mode in ("bilinear", "nearest") for padding in PADDINGS],
            *[Call(fixed(shape=(1, 1, 1, 1)), FAR, "bilinear", padding, True).tagged("one element")
              for padding in PADDINGS],
            Call(SQUARE, POINTS).tagged("without align_corners"),
            Call(fixed(shape=(2, 0, 4, 4)), POINTS, align_corners=False).tagged("no channels"),
            Call(SQUARE[:0], POINTS[:0], align_corners=False).tagged("empty batch"),
            Call(SQUARE, POINTS[:, :0], align_corners=False).tagged("no points"),
        ],
        errors=[
            (Call(SQUARE, POINTS, "linear"), ValueError),
            (Call(SQUARE, POINTS, "nearest", "reflect"), ValueError),
            (Call(SQUARE, POINTS[:1], align_corners=True), RuntimeError),
            (Call(SQUARE, POINTS[..., :1], align_corners=True), RuntimeError),
            (Call(SQUARE, POINTS_3D, align_corners=True), RuntimeError),
            (Call(SQUARE[0], POINTS[0], align_corners=True), RuntimeError),
            (Call(CUBE, POINTS_3D, "bicubic", align_corners=True), RuntimeError),
            (Call(SQUARE[:, :, :0], POINTS, align_corners=True), RuntimeError),
            (Call(SQUARE, POINTS.astype("float32"), align_corners=True), RuntimeError),
            (Call(SQUARE.astype("int64"), POINTS.astype("int64"), align_corners=True), RuntimeError),
            (Call([1.0], POINTS, align_corners=True), TypeError),
            (Call(SQUARE, [1.0], align_corners=True), TypeError),
        ],
        loose=10,
    ),
    entry(
        "nn.functional.affine_grid",
        Call(fixed(shape=(2, 2, 3)), (2, 1, 3, 4), False),
        Call(fixed(shape=(2, 2, 3)), [2, 1, 3, 4], True),
        Call(fixed(shape=(1, 3, 4)), (1, 2, 2, 3, 2), False),
        Call(fixed(shape=(1, 3, 4)), (1, 2, 2, 3, 2), True),
        *[Call(fixed(shape=(2, 2, 3), layout=each), (2, 1, 2, 2), False) for each in LAID_OUT],
        draw=st.tuples(arrays(real, (2, 2, 3)), st.integers(1, 3), st.integers(1, 3)).map(
            lambda drawn: Call(drawn[0], (2, 1, *drawn[1:]), False)
        ),
        values=[
            *[Call(typed(kind, (2, 2, 3)), (2, 1, 3, 4), flag).tagged(kind)
              for kind in FLOATING for flag in (False, True)],
            Call(fixed(shape=(2, 2, 3)), (2, 1, 1, 4), True).tagged("one row"),
            Call(fixed(shape=(2, 2, 3)), (2, 1, 3, 4)).tagged("without align_corners"),
        ],
        errors=[
            (Call(fixed(shape=(2, 3, 3)), (2, 1, 3, 4), False), ValueError),
            (Call(fixed(shape=(2, 2, 3)), (2, 1, 2, 3, 4), False), ValueError),
            (Call(fixed(shape=(2, 2, 3)), (2, 1, 0, 4), False), ValueError),
            (Call(typed("int64", (2, 2, 3)), (2, 1, 3, 4), False), ValueError),
            (Call(fixed(shape=(2, 2, 3)), (2, 3, 4), False), RuntimeError),
            (Call(fixed(shape=(2, 2, 3)), (3, 1, 3, 4), False), RuntimeError),
            (Call(fixed(shape=(2, 2, 3)), 3, False), TypeError),
            (Call(fixed(shape=(2, 2, 3)), (2, 1, 3.0, 4), False), TypeError),
        ],
    ),
]  # fmt: skip

ENTRIES = [*INTERPOLATION, *GRIDS]
