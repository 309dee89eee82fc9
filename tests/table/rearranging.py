"""Images as columns of blocks, channels and pixels in another order, the way back from pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed
from tests.table._format import Call, Entry, entry
from tests.table._images import FLOATING, LAID_OUT, WHOLE, with_odd_ones
from tests.table._strategies import LAYOUTS, Draw, arrays, real
from tests.table.nn_layers import bell, layer, on

# ---------------------------------------------------------------------- blocks as columns

IMAGE = fixed(shape=(2, 2, 4, 5))


@st.composite
def blocks(draw: Draw) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The shape of a batch of images, and windows that fit."""
    pairs = {
        "kernel_size": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "dilation": draw(st.tuples(st.integers(1, 2), st.integers(1, 2))),
        "padding": draw(st.tuples(st.integers(0, 2), st.integers(0, 2))),
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
    }
    reach = [d * (k - 1) + 1 for d, k in zip(pairs["dilation"], pairs["kernel_size"], strict=True)]
    lengths = [max(1, r - 2 * p) + draw(st.integers(0, 2)) for r, p in zip(reach, pairs["padding"], strict=True)]
    return (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *lengths), pairs


def columns_of(shape: tuple[int, ...], pairs: dict[str, Any]) -> tuple[int, ...]:
    """The shape of the columns that such images have."""
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(shape[2:], *pairs.values(), strict=True)
    ]
    return shape[0], shape[1] * int(np.prod(pairs["kernel_size"])), int(np.prod(counts))


SETTINGS = ("kernel_size", "dilation", "padding", "stride")
SPREAD: dict[str, Any] = {"kernel_size": (2, 3), "dilation": (1, 2), "padding": (1, 2), "stride": (2, 1)}
WRONG = [{"kernel_size": 0}, {"dilation": 0}, {"padding": -1}, {"stride": 0}, {"kernel_size": (2, 2, 2)}]
COLUMNS = columns_of(IMAGE.shape, SPREAD)

BLOCKS = [
    entry(
        "nn.functional.unfold",
        Call(IMAGE, 2),
        Call(IMAGE, **SPREAD),
        Call(IMAGE[0], [3, 2], stride=2),
        Call(IMAGE, 1),
        Call(fixed(shape=(1, 2, 9, 9)), 1),
        Call(fixed(shape=(1, 1, 12, 12)), 3, 2, 1),
        *[Call(fixed(shape=(1, 2, 3, 3), layout=each), 2) for each in LAID_OUT],
        draw=blocks().flatmap(lambda b: arrays(real, b[0]).map(lambda x: Call(x, **b[1]))),
        values=[
            *[Call(typed(each, (2, 2, 3, 3)), 2).tagged(each) for each in (*FLOATING, "bool", "int64", "uint8")],
            Call(with_odd_ones(1, 1, 3, 3), 2, 1, 1),
            Call(fixed(shape=(0, 2, 3, 3)), 2).tagged("empty batch"),
        ],
        errors=[
            *[(Call(IMAGE, **{"kernel_size": 2, **each}), RuntimeError) for each in WRONG],
            (Call(IMAGE, 9), RuntimeError),
            (Call(IMAGE[None], 2), RuntimeError),
            (Call(fixed(shape=(2, 0, 3, 3)), 2), RuntimeError),
            (Call(IMAGE, 2.0), TypeError),
            (Call([1.0], 2), TypeError),
        ],
    ),
    entry(
        "nn.functional.fold",
        Call(fixed(shape=(2, 8, 12)), (4, 5), 2),
        Call(fixed(shape=COLUMNS), (4, 5), **SPREAD),
        Call(fixed(shape=(18, 2)), [4, 5], (3, 3), stride=2),
        Call(fixed(shape=(2, 3, 9)), 3, 1),
        Call(fixed(shape=(1, 2, 100)), 10, 1),
        Call(fixed(shape=(1, 4, 4)), 5, 2, stride=2),
        *[Call(fixed(shape=(1, 4, 4), layout=each), 3, 2) for each in LAID_OUT],
        draw=blocks().flatmap(
            lambda b: arrays(real, columns_of(*b)).map(lambda x: Call(x, b[0][2:], **b[1]))
        ),
        values=[
            *[Call(typed(each, (1, 4, 4)), 3, 2).tagged(each) for each in (*FLOATING, "bool", "int64", "uint8")],
            Call(fixed(shape=(0, 4, 4)), 3, 2).tagged("empty batch"),
        ],
        errors=[
            *[(Call(fixed(shape=(1, 4, 4)), 3, **{"kernel_size": 2, **each}), RuntimeError) for each in WRONG],
            (Call(fixed(shape=(1, 4, 5)), 3, 2), RuntimeError),
            (Call(fixed(shape=(1, 5, 4)), 3, 2), RuntimeError),
            (Call(fixed(shape=(4,)), 3, 2), RuntimeError),
            (Call(fixed(shape=(1, 4, 0)), 3, 2), RuntimeError),
            (Call(fixed(shape=(1, 4, 4)), 0, 2), RuntimeError),
            (Call(fixed(shape=(1, 4, 4)), (3, 3, 3), 2), RuntimeError),
            (Call(fixed(shape=(1, 4, 4)), 3.0, 2), TypeError),
            (Call([1.0], 3, 2), TypeError),
        ],
    ),
    layer("Unfold", Call(2).on(IMAGE), Call((2, 3), stride=(1, 2), padding=1, dilation=2).on(IMAGE[0]),
          errors=[(Call(9).on(IMAGE), RuntimeError)]),
    layer("Fold", Call((4, 5), 2).on(on(2, 8, 12)), Call(5, 2, stride=2).on(on(8, 4)),
          errors=[(Call(3, 2).on(on(1, 8, 5)), RuntimeError)]),
    entry(
        "nn.functional.conv_tbc",
        Call(fixed(shape=(4, 2, 3)), fixed(shape=(2, 3, 4), seed=1), fixed(shape=(4,), seed=2)),
        Call(fixed(shape=(3, 1, 2)), fixed(shape=(3, 2, 1), seed=1), fixed(shape=(1,)), 2),
        *[Call(*[fixed(shape=shape, layout=each) for shape in ((3, 2, 2), (2, 2, 1), (1,))]).tagged("laid out")
          for each in LAID_OUT],
        draw=st.tuples(
            *[arrays(real, shape, layouts=("contiguous",)) for shape in ((4, 2, 2), (2, 2, 3), (3,))], st.integers(0, 2)
        ).map(lambda drawn: Call(*drawn)),
        values=[
            Call(typed(each, (4, 2, 3)), typed(each, (2, 3, 4), seed=2), typed(each, (4,))).tagged(each)
            for each in (*FLOATING, "int64")
        ],
        errors=[
            (Call(fixed(shape=(4, 3)), fixed(shape=(2, 3, 4)), fixed(shape=(4,))), RuntimeError),
            (Call(fixed(shape=(4, 2, 3)), fixed(shape=(3, 4)), fixed(shape=(4,))), RuntimeError),
            (Call(fixed(shape=(4, 2, 3)), fixed(shape=(2, 5, 4)), fixed(shape=(4,))), RuntimeError),
            (Call(fixed(shape=(4, 2, 3)), fixed(shape=(2, 3, 4)), fixed(shape=(3,))), RuntimeError),
            (Call(fixed(shape=(4, 2, 3)), fixed(shape=(6, 3, 4)), fixed(shape=(4,))), RuntimeError),
            (Call(fixed(shape=(4, 2, 3)), fixed(shape=(2, 3, 4)).astype("float32"), fixed(shape=(4,))), RuntimeError),
            (Call(fixed(shape=(4, 2, 3)), fixed(shape=(2, 3, 4)), fixed(shape=(4,)), 1.0), TypeError),
            (Call(fixed(shape=(4, 2, 3)), fixed(shape=(2, 3, 4)), None), TypeError),
        ],
    ),
]  # fmt: skip

# ---------------------------------------------------------------------- channels and pixels

SHUFFLED = fixed(shape=(2, 8, 2, 3))
KINDS = (*FLOATING, *WHOLE, "bool")


def shuffling(name: str, argument: int, *shapes: tuple[int, ...], errors: list[Any]) -> Entry:
    """A rearrangement."""
    x = fixed(shape=shapes[0])
    return entry(
        f"nn.functional.{name}",
        *[Call(fixed(shape=shape), argument) for shape in shapes],
        *[Call(fixed(shape=shapes[0], layout=each), argument) for each in LAID_OUT],
        Call(x, 1),
        draw=arrays(real, st.sampled_from(shapes)).map(lambda x: Call(x, argument)),
        values=[Call(typed(kind, shapes[0]), argument).tagged(kind) for kind in KINDS],
        errors=[
            *errors,
            (Call(x, 0), RuntimeError),
            (Call(x, -2), RuntimeError),
            (Call(x, 2.0), TypeError),
            (Call([1.0], 2), TypeError),
            (Call(fixed(shape=(4, 4)), 2), RuntimeError),
        ],
    )


GROUPS = [(Call(SHUFFLED, 3), RuntimeError)]
SHUFFLES = [
    shuffling("pixel_shuffle", 2, (2, 8, 2, 3), (4, 1, 2), (2, 1, 4, 2, 1), errors=GROUPS),
    shuffling("pixel_unshuffle", 2, (2, 1, 4, 6), (2, 2, 4), (2, 1, 1, 2, 2),
              errors=[(Call(fixed(shape=shape), 2), RuntimeError) for shape in ((1, 3, 4), (1, 4, 3))]),
    shuffling("channel_shuffle", 2, (2, 8, 2, 3), (1, 6, 2), (2, 4, 1, 2, 1), errors=GROUPS),
    shuffling("native_channel_shuffle", 4, (2, 8, 2, 3), (1, 4, 2), (2, 4, 1, 2, 1), errors=GROUPS),
    layer("PixelShuffle", Call(2).on(SHUFFLED), errors=[(Call(3).on(SHUFFLED), RuntimeError)]),
    layer("PixelUnshuffle", Call(2).on(on(1, 2, 4, 6)), errors=[(Call(4).on(on(1, 2, 4, 6)), RuntimeError)]),
    layer("ChannelShuffle", Call(4).on(SHUFFLED), errors=[(Call(3).on(SHUFFLED), RuntimeError)]),
]  # fmt: skip

# ---------------------------------------------------------------------- the way back from pooling; over a mesh


def unpooling(n: int) -> Entry:
    """The way back from maximum pooling over n dimensions."""
    shape = (2, 2, *(2,) * n)
    places = np.stack([np.random.default_rng(i).permutation(4**n)[: 2**n] for i in range(4)]).reshape(shape)
    wide, whole = (5,) * n, (2, 2, *(5,) * n)
    return layer(
        f"MaxUnpool{n}d",
        Call(2).on(on(*shape), places),
        Call((2,) * n, stride=(2,) * n).on(on(*shape)[0], places[0]),
        Call(2).on(on(*shape), places, wide),
        Call(2).on(on(*shape), places, whole),
        Call(3, 2, 0).on(on(*shape), places),
        errors=[
            (Call(2).on(on(*shape), places, (9,) * n), ValueError),
            (Call(2).on(on(*shape), places[:1]), RuntimeError),
        ],
    )


OTHERS = [
    *[unpooling(n) for n in (1, 2, 3)],
    layer(
        "SyncBatchNorm",
        Call(3).on(on(5, 3)),
        Call(3, eps=0.1, momentum=None, affine=False).on(on(2, 3, 4)),
        Call(3, track_running_stats=False, bias=False).on(on(2, 3, 2, 2)),
        errors=[(Call(3).on(on(*shape)), ValueError) for shape in ((3,), (1, 3), (2, 0, 4))],
        domain=bell,
        layouts=tuple(each for each in LAYOUTS if each != "broadcast"),
        loose=10,
    ),
]  # fmt: skip


ENTRIES = [*BLOCKS, *SHUFFLES, *OTHERS]
