"""Entries of the layers of ``nn`` and of ``nn.init``."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed
from tests.table._format import Call, Const, Entry, entry
from tests.table._strategies import LAYOUTS, Array, Domain, arrays, away_from, distinct, probability, real, whole


def again(
    calls: tuple[Call, ...], domains: tuple[Domain, ...], layouts: tuple[str, ...] = LAYOUTS
) -> st.SearchStrategy[Call]:
    """One of these calls with other numbers, in other layouts, for its floating inputs; one domain for each of them."""

    def drawn(call: Call) -> st.SearchStrategy[Call]:
        inputs = [
            arrays(domains[place % len(domains)], each.shape, layouts=layouts)
            if isinstance(each, np.ndarray) and each.dtype.kind == "f"
            else st.just(each)
            for place, each in enumerate(call.inputs or ())
        ]
        return st.tuples(*inputs).map(lambda made: Call(*call.args, **call.kwargs).on(*made))

    return st.sampled_from(calls).flatmap(drawn)


def layer(name: str, *calls: Call, domain: Domain | tuple[Domain, ...] = real, **claims: Any) -> Entry:
    """A layer; each call is its constructor's arguments ``.on`` its inputs."""
    domains = domain if isinstance(domain, tuple) else (domain,)
    claims.setdefault("draw", again(calls, domains, claims.pop("layouts", LAYOUTS)))
    return entry(f"nn.{name}", *calls, **claims)


def on(*shape: int, domain: Domain = real) -> Any:
    """A call's input."""
    return fixed(domain, shape)


LINEAR = [
    layer("Linear", Call(3, 2).on(on(4, 3)), Call(3, 2, bias=False).on(on(2, 2, 3)), Call(3, 2).on(on(3))),
    layer(
        "Bilinear", Call(3, 2, 4).on(on(5, 3), on(5, 2)),
        errors=[(Call(0, 2, 4).on(on(5, 0), on(5, 2)), ValueError)],
    ),
    layer("Identity", Call(5, any=3).on(on(2, 3))),
    layer("Flatten", Call().on(on(2, 3, 4)), Call(0, 1).on(on(2, 3, 4))),
    layer(
        "Unflatten", Call(1, (2, 3)).on(on(2, 6)), Call(-1, (3, -1)).on(on(2, 6)),
        errors=[(Call(1, 3).on(on(2, 6)), TypeError), (Call(1, (2, 2.0)).on(on(2, 6)), TypeError)],
    ),
    layer(
        "Embedding", Call(5, 3).on(np.array([[0, 4], [2, 2]])),
        draw=arrays(whole(0, 5)).map(lambda index: Call(5, 2).on(index)),
        values=[
            Call(5, 3, padding_idx=-1).on(np.array([0, 4])),
            Call(5, 3, scale_grad_by_freq=True).on(np.array([0, 4, 2, 4])).tagged("by frequency"),
        ],
        errors=[
            (Call(5, 3).on(np.array([5])), IndexError),
            (Call(5, 3, padding_idx=5).on(np.array([0])), AssertionError),
        ],
    ),
]  # fmt: skip


def convolution(name: str, sides: tuple[int, ...]) -> Entry:
    """A convolution with all its settings."""
    batch, one = on(2, 4, *sides), on(4, *sides)
    calls = [
        Call(4, 2, 2).on(batch),
        Call(4, 2, 2).on(one),
        Call(4, 2, 2, stride=2, padding=1, dilation=2, groups=2, bias=False).on(batch),
        Call(4, 2, 2, padding="same").on(batch),
        Call(4, 2, 2, padding="valid").on(batch),
        *[Call(4, 2, 2, padding=1, padding_mode=mode).on(batch) for mode in ("reflect", "replicate", "circular")],
        Call(4, 2, 2, padding="same", dilation=2, padding_mode="circular").on(batch),
    ]
    return layer(
        name,
        *calls,
        errors=[
            (Call(3, 4, 2, groups=2).on(batch), ValueError),
            (Call(4, 3, 2, groups=2).on(batch), ValueError),
            (Call(4, 2, 2, groups=0).on(batch), ValueError),
            (Call(4, 2, 2, padding="full").on(batch), ValueError),
            (Call(4, 2, 2, padding="same", stride=2).on(batch), ValueError),
            (Call(4, 2, 2, padding_mode="none").on(batch), ValueError),
            (Call(3, 2, 2).on(batch), RuntimeError),
            (Call(4, 2, 2, padding=(1,) * (len(sides) + 1), padding_mode="reflect").on(batch), RuntimeError),
        ],
    )


def transposed(name: str, sides: tuple[int, ...]) -> Entry:
    """A transposed convolution with all its settings."""
    batch = on(2, 4, *sides)
    return layer(
        name,
        Call(4, 2, 2).on(batch),
        Call(4, 2, 2, stride=2, padding=1, output_padding=1, groups=2, bias=False, dilation=2).on(batch),
        Call(4, 2, 2, stride=2).on(batch, tuple(2 * side + 1 for side in sides)),
        errors=[
            (Call(4, 2, 2, stride=2).on(batch, tuple(9 * side for side in sides)), ValueError),
            (Call(4, 2, 2, padding_mode="circular").on(batch), ValueError),
        ],
    )


SIDES = {1: (5,), 2: (3, 4), 3: (2, 3, 2)}
CONVOLUTIONS = [convolution(f"Conv{n}d", sides) for n, sides in SIDES.items()]
CONVOLUTIONS += [transposed(f"ConvTranspose{n}d", (2,) * n) for n in SIDES]


def poolings(n: int) -> list[Entry]:
    """All poolings over n dimensions."""
    x, high = on(2, 2, *(4,) * n), on(2, 2, *(4,) * n, domain=distinct)
    extra = {} if n == 1 else {"divisor_override": 3}
    return [
        layer(f"MaxPool{n}d", Call(2).on(high), Call(2, stride=1, padding=1, dilation=2, ceil_mode=True).on(high),
              Call(2, return_indices=True).on(high), domain=distinct),
        layer(f"AvgPool{n}d", Call(2).on(x),
              Call(3, 2, 1, ceil_mode=True, count_include_pad=False, **extra).on(x)),
        layer(f"LPPool{n}d", Call(2, 2).on(on(2, 2, *(4,) * n, domain=probability)), domain=probability),
        layer(f"AdaptiveAvgPool{n}d", Call(3).on(x), Call((2,) + (None,) * (n - 1)).on(x)),
        layer(f"AdaptiveMaxPool{n}d", Call(3).on(high), Call(2, return_indices=True).on(high), domain=distinct),
    ]  # fmt: skip


POOLINGS = [each for n in (1, 2, 3) for each in poolings(n)]

def bell(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal numbers: uniform ones of the incoming gradient's seed would be normalised away with it."""
    return np.asarray(rng.normal(size=shape))


VARIED = tuple(each for each in LAYOUTS if each != "broadcast")  # equal numbers have no variance to divide by
LONG = {1: on(5, 3), 2: on(2, 3, 2, 2), 3: on(2, 3, 2, 2, 1)}


def normalisations(n: int) -> list[Entry]:
    """Batch and instance normalisation over n dimensions."""
    x, inside = LONG[n], on(2, 3, 3, *(2,) * (n - 1))
    wrong = on(3)
    return [
        layer(
            f"BatchNorm{n}d",
            Call(3).on(x),
            Call(3, eps=0.1, momentum=None, affine=False).on(x),
            Call(3, track_running_stats=False, bias=False).on(x),
            errors=[(Call(3).on(wrong), ValueError), (Call(3).on(on(1, 3, *(1,) * n)), ValueError)],
            domain=bell,
            layouts=VARIED,
            loose=10,
        ),
        layer(
            f"InstanceNorm{n}d",
            Call(3).on(inside),
            Call(3, affine=True, track_running_stats=True).on(inside),
            Call(3, affine=True, bias=False).on(on(3, 4, *(2,) * (n - 1))),
            errors=[(Call(3).on(wrong), ValueError), (Call(4, affine=True).on(inside), ValueError)],
            domain=bell,
            layouts=VARIED,
            loose=10,
        ),
    ]


NORMALISATIONS = [each for n in (1, 2, 3) for each in normalisations(n)]
NORMALISATIONS += [
    layer(
        "LayerNorm",
        Call(4).on(on(3, 4)),
        Call((3, 4), eps=0.1, elementwise_affine=False).on(on(2, 3, 4)),
        Call([4], bias=False).on(on(3, 4)),
        errors=[(Call(3).on(on(3, 4)), RuntimeError)],
        domain=bell,
        layouts=VARIED,
        loose=10,
    ),
    layer(
        "GroupNorm",
        Call(2, 4).on(on(2, 4, 3)),
        Call(4, 4, affine=False).on(on(2, 4, 3)),
        Call(1, 4, bias=False).on(on(2, 4)),
        errors=[(Call(3, 4).on(on(2, 4)), ValueError), (Call(2, 4).on(on(2, 6)), RuntimeError)],
        domain=bell,
        layouts=VARIED,
        loose=10,
    ),
    layer("RMSNorm", Call(4).on(on(3, 4)), Call((3, 4), 0.1, False).on(on(2, 3, 4)), loose=10),
    layer("LocalResponseNorm", Call(2).on(on(2, 3, 4)), Call(3, 0.1, 0.5, 2.0).on(on(2, 3, 4)), loose=10),
]

KINKED = away_from(-3, -1, -0.5, 0, 0.5, 1, 3, 6)
X = fixed(KINKED)
ACTIVATIONS = [
    *[
        layer(name, Call().on(X), domain=KINKED)
        for name in (
            "ReLU", "ReLU6", "Hardsigmoid", "Hardswish", "Sigmoid", "Tanh", "LogSigmoid", "SiLU", "Mish", "SELU",
            "Softsign", "Tanhshrink",
        )
    ],
    layer(
        "Hardtanh", Call().on(X), Call(-0.5, 3.0).on(X), domain=KINKED,
        errors=[(Call(2.0, 1.0).on(X), AssertionError)],
    ),
    layer("LeakyReLU", Call().on(X), Call(0.3).on(X), domain=KINKED),
    layer("RReLU", Call(0.2, 0.2).on(X), domain=KINKED),
    layer("PReLU", Call().on(X), Call(3, 0.1).on(X), domain=KINKED),
    layer("Threshold", Call(0.5, 7.0).on(X), domain=KINKED),
    layer("Hardshrink", Call().on(X), Call(1.0).on(X), domain=KINKED),
    layer("Softshrink", Call().on(X), Call(1.0).on(X), domain=KINKED),
    layer("Softplus", Call().on(X), Call(2.0, 1.5).on(X)),
    layer("GELU", Call().on(X), Call("tanh").on(X), errors=[(Call("other").on(X), RuntimeError)]),
    layer("ELU", Call().on(X), Call(2.0).on(X), domain=KINKED),
    layer("CELU", Call().on(X), Call(2.0).on(X), domain=KINKED),
    layer("GLU", Call().on(on(2, 4)), Call(0).on(on(2, 3))),
    *[
        layer(name, Call(1).on(on(2, 3)), Call(-2).on(on(2, 3)), values=[Call().on(on(2, 3))])
        for name in ("Softmax", "LogSoftmax", "Softmin")
    ],
    layer("Softmax2d", Call().on(on(2, 3, 2, 2)), Call().on(on(3, 2, 2)), errors=[(Call().on(on(2, 3)), ValueError)]),
]  # fmt: skip


def idle(name: str, *shape: int) -> Entry:
    """A dropout that drops nothing, or everything; the rest is in ``tests/nn/test_dropout.py``."""
    errors = [(Call(1.5).on(on(*shape)), ValueError)]
    return layer(name, Call(0.0).on(on(*shape)), Call(1.0).on(on(*shape)), errors=errors)


DROPOUTS = [
    idle("Dropout", 2, 3),
    idle("AlphaDropout", 2, 3),
    idle("FeatureAlphaDropout", 2, 3, 2),
    idle("Dropout1d", 2, 3, 2),
    idle("Dropout2d", 2, 3, 2, 2),
    idle("Dropout3d", 2, 3, 2, 2, 1),
]


def apart(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers whose differences from 0 to 1 have no kink."""
    return np.asarray(rng.uniform(5, 8, shape))


FAR, NEAR, SURE = fixed(apart), fixed(probability), fixed(probability, seed=1)
CLASSES = np.array([0, 2, 1, 2])
WEIGHT = Const(np.array([0.5, 1.0, 2.0]))
LOSSES = [
    layer("MSELoss", Call().on(FAR, NEAR), Call(reduction="sum").on(FAR, NEAR)),
    layer("L1Loss", Call().on(FAR, NEAR), Call(reduction="none").on(FAR, NEAR), domain=(apart, probability)),
    layer("SmoothL1Loss", Call().on(FAR, NEAR), Call(beta=20.0).on(FAR, NEAR), domain=(apart, probability)),
    layer("HuberLoss", Call().on(FAR, NEAR), Call("sum", 20.0).on(FAR, NEAR), domain=(apart, probability)),
    layer(
        "CrossEntropyLoss",
        Call().on(on(4, 3), CLASSES),
        Call(ignore_index=2, label_smoothing=0.1, reduction="sum").on(on(4, 3), CLASSES),
        Call(WEIGHT).on(on(4, 3), CLASSES),
    ),
    layer("NLLLoss", Call().on(on(4, 3), CLASSES), Call(WEIGHT, ignore_index=2).on(on(4, 3), CLASSES)),
    layer("BCELoss", Call().on(NEAR, SURE), Call(WEIGHT).on(NEAR, SURE), domain=probability, loose_gradient=1e4),
    layer(
        "BCEWithLogitsLoss", Call().on(FAR, SURE), Call(WEIGHT, pos_weight=WEIGHT).on(FAR, SURE), domain=probability
    ),
    layer("KLDivLoss", Call(reduction="batchmean").on(FAR, SURE), Call(reduction="sum", log_target=True).on(FAR, SURE),
          domain=probability),
]  # fmt: skip

# ---------------------------------------------------------------------- init

MATRIX, VECTOR, KERNEL = fixed(shape=(3, 4)), fixed(shape=(3,)), fixed(shape=(4, 2, 3))


def fills(name: str, *calls: Call, errors: tuple[tuple[Call, type[Exception]], ...] = (), random: bool = True) -> Entry:
    """A function of ``nn.init``; where it draws, the numbers are looked at in ``tests/nn/test_init.py``."""
    compare = "meta" if random else "values"
    return entry(f"nn.init.{name}", values=calls, errors=errors, grad=False, compare=compare, standin=False)


INIT = [
    *[fills(each, Call(MATRIX), Call(VECTOR), random=False) for each in ("ones_", "zeros_")],
    fills("constant_", Call(MATRIX, 2.5), Call(np.arange(3), 2.7), random=False),
    fills("eye_", Call(MATRIX), Call(MATRIX.T), errors=((Call(VECTOR), ValueError),), random=False),
    fills(
        "dirac_", Call(KERNEL), Call(KERNEL, 2), Call(fixed(shape=(5, 3, 3, 4))), Call(fixed(shape=(2, 3, 3, 4, 5))),
        errors=((Call(MATRIX), ValueError), (Call(KERNEL, 3), ValueError)), random=False,
    ),
    fills("uniform_", Call(MATRIX), Call(VECTOR, -1.0, 2.0), errors=((Call(VECTOR, 1.0, 0.0), RuntimeError),)),
    fills("normal_", Call(MATRIX), Call(VECTOR, 1.0, 2.0), errors=((Call(VECTOR, 0.0, -1.0), RuntimeError),)),
    fills("trunc_normal_", Call(MATRIX), Call(VECTOR, 1.0, 2.0, 0.0, 5.0)),
    *[fills(f"xavier_{each}_", Call(MATRIX), Call(KERNEL, 2.0), errors=((Call(VECTOR), ValueError),))
      for each in ("uniform", "normal")],
    *[fills(f"kaiming_{each}_", Call(MATRIX), Call(KERNEL, 0.5, "fan_out"), Call(KERNEL, nonlinearity="relu"),
            errors=((Call(VECTOR), ValueError), (Call(MATRIX, mode="fan"), ValueError),
                    (Call(MATRIX, nonlinearity="none"), ValueError)))
      for each in ("uniform", "normal")],
    fills("orthogonal_", Call(MATRIX), Call(KERNEL, 2.0), errors=((Call(VECTOR), ValueError),)),
    fills("sparse_", Call(MATRIX, 0.5), errors=((Call(VECTOR, 0.5), ValueError),)),
    entry(
        "nn.init.calculate_gain",
        values=[*[Call(each) for each in ("linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu")],
                Call("leaky_relu"), Call("leaky_relu", 0.2), Call("leaky_relu", 0)],
        errors=[(Call("none"), ValueError), (Call("leaky_relu", True), ValueError)],
        grad=False,
    ),
]  # fmt: skip

ENTRIES = [
    *LINEAR, *CONVOLUTIONS, *POOLINGS, *NORMALISATIONS, *ACTIVATIONS, *DROPOUTS, *LOSSES, *INIT,
]  # fmt: skip
