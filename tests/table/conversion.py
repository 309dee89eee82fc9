"""Entries of ops that change a tensor's type or device, and of the writes that every tensor has."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.table import (
    DTYPES,
    SPECIAL,
    Attr,
    Call,
    Const,
    Draw,
    Entry,
    arrays,
    broadcastable,
    entry,
    fixed,
    real,
    several_layouts,
    typed,
)

FLOATING = ("float64", "float32", "float16")
TYPED = [typed(each) for each in DTYPES]


def converter(name: str) -> Entry:
    """A method such as ``.float()``; where the result is not floating, nothing is recorded."""
    floating = name in ("double", "float", "half", "bfloat16")
    return Entry(
        name=f"Tensor.{name}",
        cases=tuple(Call(x) for x in several_layouts(real)) if name == "double" else (),
        draw=arrays().map(Call) if name == "double" else None,
        values=tuple(Call(x).tagged(str(x.dtype)) for x in TYPED)
        + tuple(Call(x).tagged("special") for x in [SPECIAL[3:9]] * floating),
        grad=name == "double",
    )


@st.composite
def copies(draw: Draw) -> Call:
    """A tensor, and one that broadcasts to it."""
    target, source = draw(broadcastable(real, real))
    wider = target.shape if target.ndim >= source.ndim else source.shape
    shape = tuple(
        max(a, b) if 0 not in (a, b) else 0 for a, b in zip(_padded(target, wider), _padded(source, wider), strict=True)
    )
    return Call(fixed(shape=shape), source)


def _padded(array: object, like: tuple[int, ...]) -> tuple[int, ...]:
    shape: tuple[int, ...] = array.shape  # type: ignore[attr-defined]
    return (1,) * (len(like) - len(shape)) + shape


ENTRIES = [
    *[converter(n) for n in ("double", "float", "half", "bfloat16", "long", "int", "short", "char", "byte", "bool")],
    entry(
        "Tensor.to",
        *[Call(x, Attr("float64")) for x in several_layouts(real)],
        Call(fixed(), "cpu"),
        Call(fixed(), "cpu", Attr("float64")),
        Call(fixed(), Const(fixed(seed=1))),
        Call(fixed(), Attr("float64"), copy=True),
        Call(fixed(), dtype=Attr("float64"), device="cpu"),
        values=[Call(x, Attr(each)) for x in TYPED for each in DTYPES]
        + [Call(typed("int32"), Const(typed(each))) for each in DTYPES],
        errors=[(Call(fixed(), "nowhere"), RuntimeError), (Call(fixed(), [1]), TypeError)],
        draw=arrays().map(lambda x: Call(x, Attr("float64"), copy=True)),
        standin=False,  # it names the CPU
    ),
    entry(
        "Tensor.type_as",
        *[Call(x, Const(fixed(seed=1))) for x in several_layouts(real)],
        values=[Call(x, Const(typed(each))) for x in TYPED for each in DTYPES],
        draw=arrays().map(lambda x: Call(x, Const(fixed()))),
    ),
    entry(
        "Tensor.type",
        *[Call(x, Attr("float64")) for x in several_layouts(real)],
        values=[Call(x) for x in TYPED] + [Call(x, Attr(each)) for x in TYPED for each in DTYPES],
        errors=[(Call(fixed(), "lepton.NoTensor"), ValueError)],
        draw=arrays().map(lambda x: Call(x, Attr("float64"))),
        outputs=lambda out: out.partition(".")[2] if isinstance(out, str) else out,
    ),
    entry(
        "Tensor.cpu",
        *[Call(x) for x in several_layouts(real)],
        values=[Call(x) for x in TYPED],
        draw=arrays().map(Call),
        standin=False,
    ),
    entry(
        "Tensor.copy_",
        Call(fixed(shape=(2, 3)), fixed(shape=(2, 3), seed=1)),
        Call(fixed(shape=(2, 3)), fixed(shape=(3,), seed=1)),
        Call(fixed(shape=(2, 3)), fixed(shape=(), seed=1)),
        Call(fixed(shape=(2, 3), layout="negative"), fixed(shape=(2, 3), layout="permuted", seed=1)),
        values=[Call(typed(a), typed(b, (3,))) for a in DTYPES for b in DTYPES],
        errors=[(Call(fixed(shape=(2,)), fixed(shape=(3,))), RuntimeError)],
        draw=copies(),
    ),
    entry(
        "Tensor.fill_",
        Call(fixed(), 2.5),
        Call(fixed(shape=()), 2.5),
        Call(fixed(shape=(0, 2)), 2.5),
        Call(fixed(), fixed(shape=())),
        values=[Call(x, value) for x in TYPED for value in (2, 2.5, True)],
        errors=[(Call(fixed(), fixed(shape=(3,))), RuntimeError)],
        draw=arrays(layouts=("contiguous", "permuted", "strided", "negative")).map(lambda x: Call(x, fixed(shape=()))),
    ),
    entry(
        "Tensor.zero_",
        *[Call(x) for x in (fixed(), fixed(shape=()), fixed(shape=(0, 2)), fixed(layout="negative"))],
        values=[Call(x) for x in TYPED],
        draw=arrays(layouts=("contiguous", "permuted", "strided", "negative")).map(Call),
    ),
]
