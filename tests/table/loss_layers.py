"""Entries of the layers of further losses, of distances, and of bags of vectors."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tests.table._families import fixed
from tests.table._format import Call, Const, Entry, Make, entry
from tests.table._strategies import arrays, between, distinct, positive, probability, real, whole
from tests.table.distances import BEGINS, PICKED, SHARES
from tests.table.losses import ALIGNED, LOG_P, PAIR_SIGNS, SEVERAL, signs, vectors
from tests.table.nn_layers import CLASSES, WEIGHT, apart, layer, on

X, Y, SIGNS = on(2, 3), fixed(seed=1), Const(fixed(signs))
NEAR, SURE = on(2, 3, domain=probability), fixed(probability, seed=1)
SCORES = on(4, 3, domain=distinct)
CUTS = (8, 9, [2, 5])
NAMES = np.array([0, 8, 3, 1, 5])

LIKELIHOODS = [
    layer(
        "GaussianNLLLoss",
        Call().on(NEAR, SURE, on(2, 3, domain=positive)),
        Call(full=True, eps=0.1, reduction="sum").on(NEAR, SURE, on(2, 1, domain=positive)),
        domain=positive,
        errors=[(Call().on(NEAR, SURE, -NEAR), ValueError)],
    ),
    layer(
        "PoissonNLLLoss",
        Call().on(NEAR, Const(SURE)),
        Call(False, True, eps=0.1, reduction="none").on(NEAR, Const(SURE + 1)),
        domain=probability,
        values=[Call(size_average=False).on(NEAR, SURE)],
    ),
    layer(
        "CTCLoss",
        Call().on(*ALIGNED),
        Call(3, "none").on(LOG_P, np.array([[1, 2, 2], [0, 1, 3]]), *ALIGNED[2:]),
        Call(zero_infinity=True, reduction="sum").on(LOG_P, *ALIGNED[1:]),
        domain=between(-3, 0),
        errors=[(Call(7).on(*ALIGNED), RuntimeError)],
    ),
]

MARGINS = [
    layer("HingeEmbeddingLoss", Call().on(NEAR, SIGNS), Call(0.5, reduction="sum").on(X + 9, SIGNS), domain=apart),
    layer(
        "CosineEmbeddingLoss", Call(-1.5).on(X, Y, PAIR_SIGNS), Call(-1.5, reduction="sum").on(X, Y, PAIR_SIGNS),
        draw=vectors(2).map(lambda pair: Call(-1.5).on(*pair, np.resize(PAIR_SIGNS, len(pair[0])))),
    ),
    layer(
        "MarginRankingLoss", Call(0.1).on(NEAR, SURE + 5, SIGNS), Call(reduction="sum").on(NEAR + 5, SURE, SIGNS),
        domain=(apart, probability),
    ),
    layer("SoftMarginLoss", Call().on(X, SIGNS), Call(reduction="none").on(X, SIGNS)),
    layer(
        "MultiMarginLoss",
        Call(margin=0.333).on(SCORES, CLASSES),
        Call(2, 0.333, WEIGHT, reduction="none").on(SCORES, CLASSES),
        domain=distinct,
        layouts=("contiguous", "permuted", "strided", "negative"),
        errors=[
            (Call(3).on(SCORES, CLASSES), ValueError),
            (Call(weight=Const(np.ones((1, 3)))).on(SCORES, CLASSES), ValueError),
        ],
    ),
    layer(
        "MultiLabelMarginLoss", Call().on(SCORES, SEVERAL), Call(reduction="sum").on(SCORES, SEVERAL),
        domain=distinct, layouts=("contiguous", "permuted", "strided", "negative"),
    ),
    layer(
        "MultiLabelSoftMarginLoss", Call().on(X, SURE), Call(WEIGHT, reduction="none").on(X, SURE),
        domain=(real, probability),
    ),
    layer(
        "TripletMarginLoss",
        Call(9.0).on(X, Y, fixed(seed=2)),
        Call(2.0, 3.0, 0.1, True, reduction="sum").on(X, X + 9, Y),
        domain=(probability, apart, between(2, 3)),
        errors=[(Call(0).on(X, Y, X), ValueError)],
    ),
    layer(
        "TripletMarginWithDistanceLoss",
        Call(margin=9.0).on(X, Y, fixed(seed=2)),
        Call(distance_function=Make(lambda lib: lambda x, y: (x - y).abs().sum(-1)), swap=True).on(X, X + 9, Y),
        domain=(probability, apart, between(2, 3)),
        errors=[(Call(margin=0).on(X, Y, X), ValueError)],
    ),
    layer(
        "CosineSimilarity", Call().on(X, Y), Call(0, 1e-3).on(X, Y),
        draw=vectors(3).map(lambda pair: Call(-1).on(*pair)),
    ),
    layer(
        "PairwiseDistance", Call().on(X, Y + 9), Call(3.0, 0.1, True).on(X, Y + 9), domain=(probability, apart)
    ),
]  # fmt: skip

OTHERS = [
    layer(
        "EmbeddingBag",
        Call(5, 3).on(PICKED, BEGINS),
        Call(5, 3, mode="max", include_last_offset=True, padding_idx=-3).on(PICKED, np.array([0, 2, 6])),
        Call(5, 3, mode="sum").on(PICKED, BEGINS, SHARES),
        draw=arrays(whole(0, 5), min_ndim=2, max_ndim=2, min_side=1).map(lambda index: Call(5, 2).on(index)),
        errors=[
            (Call(5, 3, padding_idx=5).on(PICKED, BEGINS), AssertionError),
            (Call(5, 3).on(PICKED), ValueError),
            (Call(4, 3).on(PICKED, BEGINS), RuntimeError),
        ],
    ),
    entry(
        "nn.AdaptiveLogSoftmaxWithLoss",
        Call(*CUTS).on(on(5, 8), NAMES),
        Call(*CUTS, 2.0, True).on(on(8), np.array(4)),
        Call(*CUTS).on(on(2, 8), np.array([0, 1])),
        draw=st.tuples(arrays(real, (4, 8)), arrays(whole(0, 9), (4,), "int64")).map(lambda xy: Call(*CUTS).on(*xy)),
        errors=[
            *[
                (Call(8, 9, cuts).on(on(5, 8), NAMES), ValueError)
                for cuts in ([], [0, 4], [4, 4], [5, 4], [9], [4.5])
            ],
            (Call(*CUTS).on(on(5, 8), NAMES + 1), RuntimeError),
            (Call(*CUTS).on(on(5, 8), NAMES - 1), RuntimeError),
            (Call(*CUTS).on(on(5, 8), NAMES[:4]), RuntimeError),
            (Call(*CUTS).on(on(5, 8), NAMES[:, None]), RuntimeError),
            (Call(*CUTS).on(on(8), NAMES[:1]), RuntimeError),
            (Call(*CUTS).on(on(5, 8), np.array(1)), RuntimeError),
        ],
    ),
]  # fmt: skip

ENTRIES: list[Entry] = [*LIKELIHOODS, *MARGINS, *OTHERS]
