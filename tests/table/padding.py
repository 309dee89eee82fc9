"""Padding, as a function and as layers."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.table._families import fixed, typed
from tests.table._format import Call, Entry, entry
from tests.table._images import FLOATING, LAID_OUT, WHOLE, with_odd_ones
from tests.table._strategies import Draw, real, values_in
from tests.table.nn_layers import layer, on

MODES = ("reflect", "replicate", "circular")
PADDED = (((2, 4), (1, 2)), ((2, 3, 4), (2, 1)), ((1, 2, 3, 4), (1, 2, 2, 1)), ((2, 3, 3, 3), (1,) * 6))
ROW = fixed(shape=(2, 3, 5))


@st.composite
def padded(draw: Draw) -> Call:
    """A batch of rows or images with pads, some of them negative, that its mode allows."""
    mode = draw(st.sampled_from(("constant", *MODES)))
    lengths = draw(st.lists(st.integers(3, 4), min_size=1, max_size=2))
    pads = []
    for length in reversed(lengths):
        before = draw(st.integers(-1, 2))
        pads += [before, draw(st.integers(-1, min(2, length + min(before, 0) - (mode == "reflect"))))]
    return Call(values_in(draw, real, (*draw(st.sampled_from(((2,), (1, 2)))), *lengths)), tuple(pads), mode=mode)


PAD = entry(
    "nn.functional.pad",
    Call(fixed(), (1, 2)),
    Call(fixed(), (1, 0, 2, 1), value=2.5),
    Call(fixed(), (-1, 1)),
    Call(fixed(shape=(2, 4)), (-1, -2)),
    *[Call(fixed(shape=shape), pads, mode=mode) for mode in MODES for shape, pads in PADDED],
    *[Call(ROW, pads, mode=mode) for mode in MODES for pads in ((-1, 2), (2, -1), (-2, -2), (-4, 1), (0, 0))],
    *[Call(fixed(shape=(2, 2, 4), layout=how), [2, 1], mode=mode) for mode in ("constant", *MODES) for how in LAID_OUT],
    draw=padded(),
    values=[
        *[Call(typed(kind, (2, 4)), (1, 1), value=3).tagged(kind) for kind in (*FLOATING, *WHOLE, "bool")],
        *[Call(typed(kind, (2, 4)), (1, 2), mode=mode).tagged(kind) for mode in MODES for kind in (*FLOATING, *WHOLE)],
        *[Call(typed("bool", (2, 4)), (1, 2), mode=mode).tagged("bool") for mode in MODES],
        *[Call(with_odd_ones(1, 2, 4), (2, 1), mode=mode) for mode in ("constant", *MODES)],
        *[Call(fixed(shape=(0, 2, 4)), (1, 2), mode=mode).tagged("empty batch") for mode in MODES],
        *[Call(fixed(shape=(2, 0, 4)), (1, 2), mode=mode).tagged("no channels") for mode in MODES],
        *[Call(fixed(shape=(2, 2, 0)), (0, 0), mode=mode).tagged("no elements") for mode in MODES],
        Call(fixed(), ()),
        Call(fixed(shape=()), ()),
        Call(fixed(), (-2, -1)).tagged("nothing is left"),
        Call(ROW, (-3, -2), mode="circular").tagged("nothing is left"),
        Call(ROW, (6, 7), mode="replicate").tagged("more than there is"),
        Call(typed("int64"), (1, 1), value=2.7).tagged("a fraction"),
        Call(fixed(), (1, 1), value=float("inf")),
        Call(ROW, (1, 1), mode="reflect", value=0),
    ],
    errors=[
        (Call(fixed(), (1,)), RuntimeError),
        (Call(fixed(), (1, 1) * 3), RuntimeError),
        (Call(fixed(), (-2, -2)), RuntimeError),
        (Call(fixed(), (-4, 3)), RuntimeError),
        (Call(fixed(), (1, 1), mode="mirror"), RuntimeError),
        (Call(fixed(), (1, 1), value=1.0, mode="reflect"), RuntimeError),
        (Call(typed("uint8"), (1, 1), value=-1), RuntimeError),
        (Call(typed("int64"), (1, 1), value=float("nan")), RuntimeError),
        (Call(typed("bool", (2, 4)), (1, 1), mode="reflect"), RuntimeError),
        (Call(ROW, (5, 0), mode="reflect"), RuntimeError),
        (Call(ROW, (-3, -2), mode="reflect"), RuntimeError),
        (Call(ROW, (-3, -2), mode="replicate"), RuntimeError),
        (Call(ROW, (6, 0), mode="circular"), RuntimeError),
        (Call(ROW, (-2, 4), mode="circular").tagged("more than is kept"), RuntimeError),
        (Call(ROW, (-3, -3), mode="circular"), RuntimeError),
        *[(Call(fixed(shape=(4,)), (1, 1), mode=mode), RuntimeError) for mode in MODES],
        *[(Call(fixed(shape=(2, 2, 3, 4)), (1, 1), mode=mode), RuntimeError) for mode in MODES],
        *[(Call(fixed(), (), mode=mode), RuntimeError) for mode in MODES],
        (Call(fixed(), 1), TypeError),
        (Call(fixed(), (1.0, 1)), TypeError),
        (Call([1.0], (1, 1)), TypeError),
    ],
)


def paddings(n: int) -> list[Entry]:
    """All layers of padding over n dimensions."""
    x = on(2, 2, *(4,) * n)
    pads = tuple(range(2 * n))[::-1] if n == 1 else (1, 2, 0, 1, 2, 0)[: 2 * n]
    wrong = on(*(3,) * (n - 1)) if n > 1 else on(1, 2, 3, 4)
    mirrored = [
        layer(f"{kind}Pad{n}d", Call(1).on(x), Call(pads).on(x[0]), errors=[(Call(9).on(wrong), RuntimeError)])
        for kind in ("Reflection", "Replication")
    ]
    return [
        layer(f"ConstantPad{n}d", Call(1, 2.5).on(x), Call(pads, 1.0).on(x[0]), Call(-1, 0.0).on(x),
              errors=[(Call((1,), 0.0).on(x), RuntimeError)]),
        layer(f"ZeroPad{n}d", Call(1).on(x), Call(pads).on(x[0]), errors=[(Call(-3).on(x), RuntimeError)]),
        *mirrored,
        layer(f"CircularPad{n}d", Call(1).on(x), Call(pads).on(x[0]),
              errors=[(Call(1).on(on(3)), ValueError), (Call(5).on(x), RuntimeError)]),
    ]  # fmt: skip


ENTRIES = [PAD, *[each for n in (1, 2, 3) for each in paddings(n)]]
