"""What a tensor says of itself, and functions on number types."""

from __future__ import annotations

import numpy as np

from tests.table import DTYPES, Attr, Call, Entry, entry, fixed, typed

SHAPES = [fixed(shape=shape) for shape in ((), (0,), (1,), (2, 3), (2, 0, 3))]
TYPED = [typed(each) for each in DTYPES]
STRIDED = [fixed(layout=layout) for layout in ("contiguous", "permuted", "strided", "broadcast")]
TYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
SINGLE = [typed(each, shape) for each in DTYPES for shape in ((), (1,), (1, 1))]


def says(name: str, *arrays: np.ndarray, **claims: object) -> Entry:
    """An attribute, or a method without arguments, compared for each array."""
    return entry(f"Tensor.{name}", values=[Call(each) for each in arrays], grad=False, **claims)


ENTRIES = [
    *[says(name, *SHAPES, *TYPED) for name in ("shape", "dtype", "ndim", "itemsize", "nbytes")],
    *[says(name, *SHAPES, *TYPED) for name in ("dim", "ndimension", "numel", "nelement", "element_size")],
    *[says(name, *TYPED) for name in ("is_cuda", "is_floating_point", "is_complex", "is_signed", "output_nr")],
    says("is_cpu", *TYPED, standin=False),
    says("device", *SHAPES, standin=False),  # there it is another
    entry(
        "Tensor.size",
        values=[Call(x) for x in SHAPES] + [Call(fixed(), 1), Call(fixed(), -2), Call(fixed(), dim=0)],
        errors=[(Call(fixed(), 2), IndexError), (Call(fixed(shape=()), 1), IndexError)],
        grad=False,
    ),
    entry("Tensor.stride", values=[*[Call(x) for x in STRIDED], Call(fixed(), 0), Call(fixed(), -1)], grad=False),
    says("is_contiguous", *STRIDED, *SHAPES),
    entry(
        "Tensor.item",
        values=[Call(x) for x in SINGLE],
        errors=[(Call(fixed(shape=(2,))), RuntimeError), (Call(fixed(shape=(0,))), RuntimeError)],
        grad=False,
    ),
    says("tolist", *SHAPES, *TYPED, *STRIDED),
    entry("promote_types", values=[Call(Attr(a), Attr(b)) for a in TYPES for b in TYPES], grad=False),
    entry("can_cast", values=[Call(Attr(a), Attr(b)) for a in TYPES for b in TYPES], grad=False),
    entry(
        "result_type",
        values=[
            *[Call(typed(a, (2,)), typed(b, shape)) for a in TYPES for b in TYPES for shape in ((2,), ())],
            *[Call(typed(a, (2,)), number) for a in TYPES for number in (1, 1.5, True)],
            *[Call(number, typed(a, ())) for a in TYPES for number in (1, 1.5, True)],
            Call(1, 1.5),
            Call(True, 2),
        ],
        grad=False,
    ),
    entry("is_tensor", values=[Call(fixed()), Call(3), Call([1.0])], grad=False),
    entry("is_floating_point", values=[Call(x) for x in TYPED], grad=False),
    entry("numel", values=[Call(x) for x in SHAPES], grad=False),
    entry("get_default_dtype", values=[Call()], grad=False),
    entry("finfo", values=[Call(Attr(x)) for x in TYPES[:3]], grad=False, outputs=lambda limits: fields(limits)),
    entry("iinfo", values=[Call(Attr(x)) for x in TYPES[3:8]], grad=False, outputs=lambda limits: fields(limits)),
]


def fields(limits: object) -> list[object]:
    """The limits of a number type that both frameworks name."""
    known = ("bits", "eps", "max", "min", "tiny", "smallest_normal", "dtype")
    return [getattr(limits, name) for name in known if hasattr(limits, name)]
