"""Convolutions and transposed convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed, typed
from tests.table._format import Call, Entry, entry
from tests.table._strategies import LAYOUTS, Draw, real, values_in

FLOATING = ("float64", "float32", "float16")
LENGTH = {1: 5, 2: 3, 3: 2}
LAID_OUT = [each for each in LAYOUTS if each != "contiguous"]


def numbers(draw: Draw, ndim: int, low: int, high: int) -> Any:
    """One int, or one for each dimension."""
    listed = tuple(draw(st.lists(st.integers(low, high), min_size=ndim, max_size=ndim)))
    return draw(st.sampled_from((listed, listed[0])))


def each(value: Any, ndim: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * ndim


@st.composite
def convolution(draw: Draw, ndim: int) -> Call:
    """Groups, strides, dilations, paddings and an input that the windows fit into."""
    groups = draw(st.integers(1, 2))
    channels, outputs = (groups * draw(st.integers(1, 2)) for _ in range(2))
    sizes = each(numbers(draw, ndim, 1, 3 if ndim < 3 else 2), ndim)
    dilation = numbers(draw, ndim, 1, 2)
    stride, padding = numbers(draw, ndim, 1, 3), numbers(draw, ndim, 0, 2)
    if draw(st.integers(0, 4)) == 0:
        stride, padding = 1, draw(st.sampled_from(("same", "valid")))
    pads = (0,) * ndim if isinstance(padding, str) else each(padding, ndim)
    reach = [d * (k - 1) + 1 for d, k in zip(each(dilation, ndim), sizes, strict=True)]
    lengths = [max(1, r - 2 * p) + draw(st.integers(0, 2)) for r, p in zip(reach, pads, strict=True)]
    batch = draw(st.sampled_from(((), (0,), (1,), (2,))))
    x = values_in(draw, real, (*batch, channels, *lengths))
    weight = values_in(draw, real, (outputs, channels // groups, *sizes))
    bias = draw(st.sampled_from((None, values_in(draw, real, (outputs,)))))
    return Call(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


@st.composite
def transposed(draw: Draw, ndim: int) -> Call:
    """The same for a transposed convolution, whose output is not empty."""
    groups = draw(st.integers(1, 2))
    channels = groups * draw(st.integers(1, 2))
    sizes = each(numbers(draw, ndim, 1, 3 if ndim < 3 else 2), ndim)
    stride, dilation, padding = numbers(draw, ndim, 1, 3), numbers(draw, ndim, 1, 2), numbers(draw, ndim, 0, 1)
    room = [max(s, d) for s, d in zip(each(stride, ndim), each(dilation, ndim), strict=True)]
    extra = tuple(draw(st.integers(0, each - 1)) for each in room)
    lengths = []
    for s, d, p, k, e in zip(each(stride, ndim), each(dilation, ndim), each(padding, ndim), sizes, extra, strict=True):
        least = 1
        while (least - 1) * s - 2 * p + d * (k - 1) + e + 1 < 1:
            least += 1
        lengths.append(least + draw(st.integers(0, 1)))
    batch = draw(st.sampled_from(((), (1,), (2,))))
    x = values_in(draw, real, (*batch, channels, *lengths))
    weight = values_in(draw, real, (channels, draw(st.integers(1, 2)), *sizes))
    bias = draw(st.sampled_from((None, values_in(draw, real, (weight.shape[1] * groups,)))))
    return Call(x, weight, bias, stride=stride, padding=padding, output_padding=extra, groups=groups, dilation=dilation)


def shaped(ndim: int, *shape: int, seed: int = 0, layout: str = "contiguous") -> np.ndarray[Any, Any]:
    """A fixed array whose last length is repeated for each spatial dimension."""
    return fixed(shape=(*shape[:-1], *shape[-1:] * ndim), seed=seed, layout=layout)


def mixed(dtype: str, ndim: int) -> Call:
    """An input of one type with a weight of float64."""
    return Call(typed(dtype, (1, 1, *(3,) * ndim)), shaped(ndim, 1, 1, 2)).tagged(f"{dtype}, float64 weight")


def convolutions(ndim: int) -> Entry:
    x, weight, bias = shaped(ndim, 2, 2, LENGTH[ndim]), shaped(ndim, 4, 1, 2, seed=1), fixed(shape=(4,), seed=2)
    thin = shaped(ndim, 2, 2, 2, seed=1)
    values = [
        Call(typed(kind, (2, 2, *(4,) * ndim)), typed(kind, (3, 2, *(2,) * ndim), seed=2)).tagged(kind)
        for kind in (*FLOATING, "int64", "int32", "uint8")
    ]
    values += [
        mixed("float32", ndim),
        Call(x, thin, stride=0).tagged("stride 0"),
        Call(x, thin, padding=-1).tagged("negative padding"),
        Call(x, thin, dilation=0).tagged("dilation 0"),
        Call(x, thin, groups=0).tagged("no groups"),
        Call(x, thin, padding="same", stride=2).tagged("same with stride"),
        Call(x, thin, padding="full").tagged("unknown padding"),
        Call(x, thin, stride=(1,) * (ndim + 1)).tagged("too many strides"),
        Call(x, thin, fixed(shape=(4,))).tagged("long bias"),
        Call(x, thin, padding=(1,)).tagged("one padding for all"),
        Call(shaped(ndim, 0, 2, 3), thin).tagged("empty batch"),
        Call(shaped(ndim, 2, 0, 3), shaped(ndim, 2, 0, 2)).tagged("no input channels"),
        Call(shaped(ndim, 2, 2, 3), shaped(ndim, 0, 2, 2)).tagged("no output channels"),
        Call(shaped(ndim, 2, 2, 0), thin, padding=2).tagged("empty image"),
    ]
    name = f"nn.functional.conv{ndim}d"
    return entry(
        name,
        Call(x, thin),
        Call(x, thin, fixed(shape=(2,)), padding=1),
        Call(x, weight, bias, stride=2, padding=1, dilation=1, groups=2),
        Call(x[0], thin, dilation=1, padding="same"),
        Call(x, shaped(ndim, 3, 2, 1)),
        Call(x, shaped(ndim, 2, 1, 2), groups=2, padding=1),
        *[Call(shaped(ndim, 1, 2, 3, layout=each), shaped(ndim, 2, 2, 2, layout=each)) for each in LAID_OUT],
        draw=convolution(ndim),
        values=values,
        errors=[
            (Call(shaped(ndim, 2, 3, 5), thin), RuntimeError),
            (Call(shaped(ndim, 2, 2, 1), thin), RuntimeError),
            (Call(fixed(shape=(5,)), thin), RuntimeError),
            (Call(x, thin, groups=3), RuntimeError),
            (Call(x, thin.astype("float32")), RuntimeError),
            (Call(x, thin, fixed(shape=(2,)).astype("float32")), RuntimeError),
            (Call(typed("bool", x.shape), typed("bool", thin.shape)), RuntimeError),
            (Call([1.0], thin), TypeError),
            (Call(x, None), TypeError),
        ],
        relative_to="result",
    )


def transposed_convolutions(ndim: int) -> Entry:
    x, weight = shaped(ndim, 1, 2, LENGTH[ndim] - (ndim == 1)), shaped(ndim, 2, 2, 2, seed=1)
    values = [
        Call(typed(kind, (2, 2, *(3,) * ndim)), typed(kind, (2, 3, *(2,) * ndim), seed=2)).tagged(kind)
        for kind in FLOATING
    ]
    values += [
        Call(x, weight, padding=-1).tagged("negative padding"),
        Call(x, weight, output_padding=1).tagged("large output padding"),
        Call(x, weight, output_padding=-1).tagged("negative output padding"),
        Call(x, weight, groups=3).tagged("groups that do not divide"),
        Call(x, weight, fixed(shape=(4,))).tagged("long bias"),
        Call(shaped(ndim, 0, 2, 3), weight).tagged("empty batch"),
        Call(shaped(ndim, 2, 0, 3), shaped(ndim, 0, 2, 2)).tagged("no input channels"),
        Call(shaped(ndim, 2, 2, 3), shaped(ndim, 2, 0, 2)).tagged("no output channels"),
    ]
    return entry(
        f"nn.functional.conv_transpose{ndim}d",
        Call(x, weight),
        Call(x, weight, fixed(shape=(2,)), stride=2, padding=1, output_padding=1),
        Call(x, weight[:, :1], fixed(shape=(2,)), groups=2, dilation=2, output_padding=1),
        Call(x[0], weight, padding=1),
        *[Call(shaped(ndim, 1, 2, 2, layout=each), shaped(ndim, 2, 2, 2, layout=each)) for each in LAID_OUT],
        draw=transposed(ndim),
        values=values,
        errors=[
            (Call(shaped(ndim, 2, 3, 5), weight), RuntimeError),
            (Call(fixed(shape=(5,)), weight), RuntimeError),
            (Call(shaped(ndim, 2, 2, 1), weight, padding=2), RuntimeError),
            (Call([1.0], weight), TypeError),
        ],
        relative_to="result",
    )


ENTRIES = [make(ndim) for make in (convolutions, transposed_convolutions) for ndim in (1, 2, 3)]
