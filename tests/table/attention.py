"""Attention, the layer with several heads, and the transformer's layers and stacks."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed
from tests.table._format import Call, Const, Entry, Make, entry
from tests.table._strategies import LAYOUTS, Array, Draw, arrays, real, values_in
from tests.table.nn_layers import VARIED, again, bell, layer

FINITE = np.array([[0.0, -1.0, 0.5], [0.3, 0.0, -2.0]])


def inputs(
    lead: tuple[int, ...] = (2, 2), queries: int = 2, keys: int = 3, width: int = 4, out: int = 4, **how: Any
) -> tuple[Array, Array, Array]:
    """Queries, keys and values."""
    shapes = ((*lead, queries, width), (*lead, keys, width), (*lead, keys, out))
    return tuple(fixed(shape=shape, seed=seed, **how) for seed, shape in enumerate(shapes))  # type: ignore[return-value]


def as_type(dtype: str, **sides: Any) -> tuple[Array, ...]:
    return tuple(each.astype(dtype) for each in inputs(**sides))


def bools(*shape: int, masked_row: bool = False) -> Const:
    """A mask that lets every query see a key; or all but the first."""
    made = np.random.default_rng(5).random(shape) < 0.6
    made[..., 0] = True
    if masked_row:
        made[..., 0, :] = False
    return Const(made)


def minus_infinity(mask: Const, dtype: str = "float64") -> Const:
    return Const(np.where(mask.array, 0.0, -np.inf).astype(dtype))


@st.composite
def attended(draw: Draw) -> Call:
    """Shapes that broadcast, in several layouts, with one of the kinds of mask.

    Several keys that differ, and masks that differ along them: else the gradients of scores cancel to rounding errors.
    """
    lead = draw(st.sampled_from(((), (2,), (1, 2), (2, 1, 2))))
    some = tuple(draw(st.sampled_from((1, length))) for length in lead)
    queries, width, out = (draw(st.integers(1, 3)) for _ in range(3))
    keys = draw(st.integers(2, 3))
    q = values_in(draw, real, (*lead, queries, width), layouts=VARIED)
    k = values_in(draw, real, (*some, keys, width), layouts=VARIED)
    v = values_in(draw, real, (*lead, keys, out), layouts=VARIED)
    settings: dict[str, Any] = {"scale": draw(st.sampled_from((None, 0.3, -1.0)))}
    kind = draw(st.sampled_from(("none", "causal", "bools", "numbers")))
    shape = (*some, draw(st.sampled_from((1, queries))), keys)
    if kind == "bools":
        settings["attn_mask"] = Const(np.random.default_rng(draw(st.integers(0, 99))).random(shape) < 0.6)
    elif kind == "numbers":
        settings["attn_mask"] = values_in(draw, real, shape, layouts=VARIED)
    return Call(q, k, v, is_causal=kind == "causal", **settings)


Q, K, V = inputs()
EXTREME = tuple(each * factor for each, factor in zip(inputs(out=3), (1e3, 1e3, 1.0), strict=True))
APART = inputs(out=3)  # PyTorch has one kernel for equal widths, with fewer checks, and one for different ones
ODD = tuple(each.copy() for each in APART)
ODD[0][0, 0, 0, 0], ODD[1][0, 1, 1, 1], ODD[2][1, 0, 2, 2], ODD[2][1, 1, 0, 0] = np.nan, np.inf, -np.inf, np.nan

DOT_PRODUCT = entry(
    "nn.functional.scaled_dot_product_attention",
    Call(Q, K, V),
    Call(*inputs(out=1)),
    Call(*inputs((), 3, 2)),
    Call(*inputs((2,), 4, 4), is_causal=True),
    Call(*inputs((), 2, 4), is_causal=True),
    Call(*inputs((), 4, 2, out=3), is_causal=True),
    Call(*inputs((2, 1, 2)), scale=0.3),
    Call(Q, K, V, bools(2, 3)),
    Call(Q, K, V, bools(2, 1, 2, 3, masked_row=True)),
    Call(Q, K, V, FINITE),
    Call(Q, K, V, fixed(shape=(2, 1, 1, 3))),
    Call(*inputs((2, 1, 2)), fixed(shape=(2, 1, 1, 2, 3))),
    Call(*inputs((2, 1, 2)), bools(1, 1, 2, 1, 3)),
    Call(*inputs((2, 4)), enable_gqa=True),
    Call(inputs((2, 4))[0], inputs((2, 2))[1], inputs((2, 1))[2], enable_gqa=True),
    Call(Q, K[:1], V[:, :1]),
    Call(*inputs((1, 1)), 0.0 * FINITE, 1.0),
    *[Call(*inputs(layout=layout)) for layout in LAYOUTS],
    draw=attended(),
    values=[
        *[Call(*as_type(each)).tagged(each) for each in ("float32", "float16")],
        *[Call(*as_type(each), is_causal=True).tagged(each) for each in ("float32", "float16")],
        *[Call(*as_type(each), bools(2, 3)).tagged(f"{each}, bools") for each in ("float32", "float16")],
        Call(*as_type("float16"), minus_infinity(bools(2, 3), "float32")).tagged("float16, float32 mask"),
        Call(*as_type("float16"), minus_infinity(bools(2, 3), "float16")).tagged("float16, float16 mask"),
        Call(*inputs(), minus_infinity(bools(2, 3), "float32")).tagged("float32 mask"),
        Call(Q, K, V, minus_infinity(bools(2, 3, masked_row=True))).tagged("a row of minus infinity"),
        Call(Q, K, V, Const(np.zeros((2, 3), bool))).tagged("all masked"),
        Call(*EXTREME).tagged("large scores"),
        Call(*[each.astype("float32") for each in EXTREME], bools(2, 3)).tagged("large scores, float32"),
        Call(*ODD).tagged("special"),
        Call(*ODD, bools(2, 3)).tagged("special, masked"),
        Call(np.where(Q > 0, Q, np.nan), K, V).tagged("nan everywhere"),
        Call(*inputs(keys=0)).tagged("no keys"),
        Call(*inputs(queries=0)).tagged("no queries"),
        Call(*inputs((0, 2))).tagged("empty batch"),
        Call(*inputs(width=0)).tagged("no width"),
        Call(Q, K, V, bools(2, 3), 1.0).tagged("all dropped"),
        Call(Q, K, V, scale=0.0).tagged("scale 0"),
    ],
    errors=[
        (Call(1, K, V), TypeError),
        (Call(Q, K, None), TypeError),
        (Call(Q, K, V, 3), TypeError),
        (Call(Q, K.astype("float32"), V), RuntimeError),
        (Call(Q[0, 0, 0], K, V), RuntimeError),
        (Call(Q, K[..., :3], V), RuntimeError),
        (Call(APART[0], K[:, :, :2], APART[2]), RuntimeError),
        (Call(Q[:, :1], K, np.concatenate([V, V[:, :1]], 1)), RuntimeError),
        (Call(Q, K, V, Const(np.ones((3, 3), bool))), RuntimeError),
        (Call(Q, K, V, Const(np.ones((3, 2, 2, 2, 3), bool))), RuntimeError),
        (Call(*APART, Const(np.ones(3, bool))), IndexError),
        (Call(Q, K, V, Const(np.ones((2, 3), int))), RuntimeError),
        (Call(*as_type("float32"), Const(np.ones((2, 3)))), RuntimeError),
        (Call(*APART, Const(np.ones((2, 3), bool)), is_causal=True), RuntimeError),
        (Call(Q, K, V, None, 1.5), RuntimeError),
        (Call(Q, K, V, None, -0.5), RuntimeError),
        (Call(*as_type("int64")), RuntimeError),
        (Call(*as_type("bool")), RuntimeError),
        (Call(inputs((2, 3))[0], K, V, enable_gqa=True), RuntimeError),
        (Call(*inputs(()), enable_gqa=True), IndexError),
    ],
)


def projections(width: int = 4, kdim: int = 4, vdim: int = 4, bias: bool = True) -> dict[str, Any]:
    """All weights of ``multi_head_attention_forward``; apart where the widths differ."""
    made: dict[str, Any] = {"out_proj_weight": fixed(shape=(width, width), seed=9)}
    if kdim == vdim == width:
        made["in_proj_weight"] = fixed(shape=(3 * width, width), seed=8)
    else:
        made |= {"in_proj_weight": None, "use_separate_proj_weight": True}
        for letter, size in (("q", width), ("k", kdim), ("v", vdim)):
            made[f"{letter}_proj_weight"] = fixed(shape=(width, size), seed=ord(letter))
    for name, size in (("in_proj_bias", 3 * width), ("out_proj_bias", width)):
        made[name] = fixed(shape=(size,), seed=size) if bias else None
    return made


def heads(q: Any, k: Any, v: Any, count: int = 2, **settings: Any) -> Call:
    """A call of ``multi_head_attention_forward``."""
    kdim, vdim = k.shape[-1], v.shape[-1]
    given: dict[str, Any] = {
        "embed_dim_to_check": q.shape[-1], "num_heads": count, "bias_k": None, "bias_v": None, "add_zero_attn": False,
        "dropout_p": 0.0, **projections(q.shape[-1], kdim, vdim), **settings,
    }  # fmt: skip
    return Call(q, k, v, **given)


def sequences(batch: int | None = 2, kdim: int = 4, vdim: int = 4, length: int = 3) -> tuple[Array, ...]:
    """Queries (2, N, 4), keys and values (3, N, …), or without a batch."""
    middle = () if batch is None else (batch,)
    shapes = ((2, *middle, 4), (length, *middle, kdim), (length, *middle, vdim))
    return tuple(fixed(shape=shape, seed=10 + seed) for seed, shape in enumerate(shapes))


def hidden(*shape: int) -> Const:
    """A mask of those that may not be attended to, never all of them."""
    made = np.random.default_rng(6).random(shape) < 0.5
    made[..., 0] = False
    return Const(made)


MORE = {"bias_k": fixed(shape=(1, 1, 4), seed=20), "bias_v": fixed(shape=(1, 1, 4), seed=21), "add_zero_attn": True}
STATIC = {"static_k": fixed(shape=(4, 5, 2), seed=22), "static_v": fixed(shape=(4, 5, 2), seed=23)}
SEQ, ALONE = sequences(), sequences(None)
WHOLE = Const(np.array([[False, False, False], [True, True, True]]))

FORWARD = entry(
    "nn.functional.multi_head_attention_forward",
    heads(*SEQ),
    heads(*SEQ, need_weights=False),
    heads(*SEQ, 4, average_attn_weights=False),
    heads(*ALONE),
    heads(*ALONE, attn_mask=hidden(2, 2, 3), average_attn_weights=False),
    heads(*ALONE, key_padding_mask=hidden(3), attn_mask=hidden(2, 3), need_weights=False),
    heads(*SEQ, key_padding_mask=hidden(2, 3), attn_mask=hidden(4, 2, 3)),
    heads(*SEQ, key_padding_mask=hidden(2, 3), need_weights=False),
    heads(*SEQ, attn_mask=FINITE, need_weights=False),
    heads(*SEQ, attn_mask=FINITE, key_padding_mask=fixed(shape=(2, 3), seed=3)),
    heads(*sequences(2, 3, 5)),
    heads(*sequences(2, 3, 5), **projections(4, 3, 5, bias=False), need_weights=False),
    heads(*SEQ, **MORE, key_padding_mask=hidden(2, 3), attn_mask=hidden(2, 3)),
    heads(*SEQ, **MORE, key_padding_mask=hidden(2, 3), need_weights=False),
    heads(*SEQ, **STATIC),
    heads(*SEQ, **STATIC, need_weights=False),
    heads(*sequences(2, length=2), attn_mask=Const(np.triu(np.ones((2, 2), bool), 1)), is_causal=True),
    heads(
        *sequences(2, length=2), attn_mask=Const(np.triu(np.ones((2, 2), bool), 1)), is_causal=True, need_weights=False
    ),
    heads(*SEQ, dropout_p=0.7, training=False),
    draw=st.tuples(*[arrays(real, each.shape, layouts=VARIED) for each in SEQ], st.booleans()).map(
        lambda drawn: heads(*drawn[:3], need_weights=drawn[3])
    ),
    values=[
        heads(*[each.astype("float32") for each in SEQ], **{
            name: each.astype("float32") if isinstance(each, np.ndarray) else each
            for name, each in projections().items()
        }).tagged("float32"),
        heads(*SEQ, key_padding_mask=WHOLE).tagged("wholly masked"),
        heads(*SEQ, key_padding_mask=WHOLE, need_weights=False).tagged("wholly masked, without weights"),
    ],
    errors=[
        (heads(SEQ[0][0, 0], *SEQ[1:]), AssertionError),
        (heads(SEQ[0], ALONE[1], SEQ[2]), AssertionError),
        (heads(ALONE[0], *SEQ[1:]), AssertionError),
        (heads(*SEQ, embed_dim_to_check=6), AssertionError),
        (heads(*SEQ, 3), AssertionError),
        (heads(SEQ[0], SEQ[1], SEQ[2][:2]), AssertionError),
        (heads(*SEQ, in_proj_weight=None), AssertionError),
        (heads(*SEQ, use_separate_proj_weight=True), AssertionError),
        (heads(*sequences(2, 3, 5), k_proj_weight=fixed(shape=(4, 4))), AssertionError),
        (heads(*sequences(2, 3, 5), in_proj_bias=fixed(shape=(9,))), AssertionError),
        (heads(*sequences(2, 3, 5)[:2], sequences(2, 3, 5)[2][:2]), AssertionError),
        (heads(*SEQ, bias_k=MORE["bias_k"]), AssertionError),
        (heads(*SEQ, bias_v=MORE["bias_v"]), AssertionError),
        (heads(*SEQ, **MORE, **STATIC), AssertionError),
        (heads(*SEQ, static_k=STATIC["static_k"][:3]), AssertionError),
        (heads(*SEQ, static_v=STATIC["static_v"][:, :, :1]), AssertionError),
        (heads(*SEQ, attn_mask=Const(np.ones(3, bool))), AssertionError),
        (heads(*SEQ, attn_mask=hidden(3, 3)), RuntimeError),
        (heads(*SEQ, attn_mask=hidden(2, 2, 3)), RuntimeError),
        (heads(*SEQ, attn_mask=Const(np.ones((2, 3), int))), AssertionError),
        (heads(*SEQ, attn_mask=FINITE.astype("float32")), RuntimeError),
        (heads(*ALONE, attn_mask=hidden(3, 2, 3)), AssertionError),
        (heads(*SEQ, key_padding_mask=hidden(3)), AssertionError),
        (heads(*ALONE, key_padding_mask=hidden(1, 3)), AssertionError),
        (heads(*SEQ, key_padding_mask=hidden(3, 3)), AssertionError),
        (heads(*SEQ, key_padding_mask=hidden(2, 2)), AssertionError),
        (heads(*SEQ, is_causal=True), RuntimeError),
    ],
)  # fmt: skip

SMALL = (4, 2, 6, 0.0)  # width, heads, width between the linear maps, dropout
SRC, TGT = fixed(shape=(3, 2, 4)), fixed(shape=(2, 2, 4), seed=1)
LATER = Const(np.triu(np.full((3, 3), -np.inf), 1))
LATER_TGT = Const(np.triu(np.full((2, 2), -np.inf), 1))
PADDED = Const(np.array([[False, False, True], [False, True, True]]))


def encoder_layer(**settings: Any) -> Make:
    return Make(lambda lib: lib.nn.TransformerEncoderLayer(*SMALL, **settings))


def decoder_layer(**settings: Any) -> Make:
    return Make(lambda lib: lib.nn.TransformerDecoderLayer(*SMALL, **settings))


def norm() -> Make:
    return Make(lambda lib: lib.nn.LayerNorm(4))


def passing(lib: Any) -> Any:
    """A module that takes what an encoder or a decoder takes, and gives back the first of it."""

    class Passing(lib.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, first: Any, *rest: Any, **masks: Any) -> Any:
            return first

    return Passing()


TINY = (4, 2, 1, 1, 6, 0.0)  # width, heads, layers of encoder and decoder, width between the linear maps, dropout


def stack(name: str, *cases: Call, **claims: Any) -> Entry:
    """Layers with normalisations, which equal numbers have no variance for.

    Gradient checks take their time for every parameter, so that ``cases`` have few, and the first is drawn from.
    """
    return layer(name, *cases, draw=again(cases[:1], (bell,), VARIED), loose=20, **claims)


LAYERS = [
    layer(
        "MultiheadAttention",
        Call(4, 2).on(*SEQ),
        Call(4, 4, bias=False).on(*SEQ, None, False),
        Call(4, 2, batch_first=True).on(*[each.swapaxes(0, 1) for each in SEQ], hidden(2, 3), True, None, False),
        Call(4, 2, batch_first=True).on(*ALONE, None, True, hidden(2, 3)),
        Call(4, 1, add_bias_kv=True, add_zero_attn=True).on(*SEQ, hidden(2, 3), False, hidden(2, 2, 3)),
        Call(4, 2, kdim=3, vdim=5).on(*sequences(2, 3, 5)),
        Call(4, 2, kdim=3, bias=False, add_bias_kv=True).on(*sequences(2, 3, 4), None, False),
        values=[Call(4, 2).on(*SEQ, WHOLE).tagged("wholly masked")],
        errors=[
            (Call(0, 2).on(*SEQ), ValueError),
            (Call(4, 0).on(*SEQ), ValueError),
            (Call(4, 3).on(*SEQ), AssertionError),
            (Call(6, 2).on(*SEQ), AssertionError),
            (Call(4, 2).on(*SEQ, None, True, None, True, True), RuntimeError),
            (Call(4, 2).on(SEQ[0][0, 0], *SEQ[1:]), AssertionError),
        ],
        layouts=VARIED,
        loose=4,
    ),
    stack(
        "TransformerEncoderLayer",
        Call(*SMALL, Make(lambda lib: lib.tanh), 0.1, True, bias=False).on(SRC, None, Const(np.eye(3, 2, dtype=bool))),
        Call(*SMALL, Make(lambda lib: lib.nn.GELU())).on(fixed(shape=(3, 4)), hidden(3, 3)),
        values=[Call(*SMALL).on(SRC), Call(*SMALL, "gelu", norm_first=True).on(SRC, LATER, None, True)],
        errors=[
            (Call(*SMALL, "tanh").on(SRC), RuntimeError),
            (Call(4, 3, 6, 0.0).on(SRC), AssertionError),
            (Call(4, 2, 6, 1.5).on(SRC), ValueError),
            (Call(*SMALL).on(SRC[..., :3]), AssertionError),
            (Call(*SMALL).on(SRC, None, Const(np.ones((2, 3), int))), AssertionError),
            (Call(*SMALL).on(SRC, None, None, True), RuntimeError),
        ],
    ),
    stack(
        "TransformerDecoderLayer",
        Call(*SMALL, "gelu", norm_first=True, bias=False).on(TGT, SRC, LATER_TGT, None, None, PADDED, True),
        values=[
            Call(*SMALL).on(TGT, SRC),
            Call(*SMALL).on(TGT[:, 0], SRC[:, 0]),
            Call(*SMALL, batch_first=True).on(
                TGT.swapaxes(0, 1), SRC.swapaxes(0, 1), None, hidden(2, 3), Const(np.eye(2, dtype=bool))
            ),
        ],
        errors=[
            (Call(*SMALL, "tanh").on(TGT, SRC), RuntimeError),
            (Call(*SMALL).on(TGT, SRC[..., :3]), RuntimeError),
            (Call(*SMALL).on(TGT, SRC[:, 0]), AssertionError),
        ],
    ),
    stack(
        "TransformerEncoder",
        Call(encoder_layer(norm_first=True, bias=False), 1, norm()).on(SRC, LATER),
        Call(encoder_layer(batch_first=True, bias=False), 1, None, False, False).on(SRC.swapaxes(0, 1), None, PADDED),
        values=[Call(encoder_layer(), 2).on(SRC, None, PADDED), Call(encoder_layer(), 2, norm()).on(SRC[:, 0])],
        errors=[(Call(encoder_layer(), 0).on(SRC), IndexError)],
    ),
    stack(
        "TransformerDecoder",
        Call(decoder_layer(bias=False), 1, norm()).on(TGT, SRC, LATER_TGT),
        values=[
            Call(decoder_layer(), 2).on(TGT, SRC, LATER_TGT),
            Call(decoder_layer(batch_first=True), 1).on(
                TGT.swapaxes(0, 1), SRC.swapaxes(0, 1), None, None, None, PADDED, None
            ),
            Call(decoder_layer(), 1, norm()).on(TGT[:, 0], SRC[:, 0], LATER_TGT, hidden(2, 3)),
        ],
        errors=[(Call(decoder_layer(), 0).on(TGT, SRC), IndexError)],
    ),
    stack(
        "Transformer",
        Call(4, 2, custom_encoder=Make(passing), custom_decoder=Make(passing)).on(SRC, TGT),
        Call(*TINY, "gelu", batch_first=True, norm_first=True, bias=False).on(
            SRC.swapaxes(0, 1), TGT.swapaxes(0, 1), LATER, LATER_TGT
        ),
        values=[
            Call(*TINY).on(SRC, TGT),
            Call(*TINY).on(SRC[:, 0], TGT[:, 0], None, LATER_TGT, hidden(2, 3)),
            Call(*TINY).on(SRC, TGT, LATER, LATER_TGT, None, PADDED, None, PADDED, True, True),
        ],
        errors=[
            (Call(*TINY).on(SRC, TGT[:, :1]), RuntimeError),
            (Call(*TINY, batch_first=True).on(SRC, TGT), RuntimeError),
            (Call(*TINY).on(SRC[..., :3], TGT), RuntimeError),
            (Call(*TINY).on(SRC, TGT[..., :3]), RuntimeError),
        ],
    ),
]

ENTRIES = [DOT_PRODUCT, FORWARD, *LAYERS]
