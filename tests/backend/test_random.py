"""Random numbers: known answers, and draws that can be cut anywhere; the page that explains them."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepton.backend import random
from tests.backend._random_support import ELEMENTWISE, SEED, seeded

U64 = st.integers(0, 2**64 - 1)


def philox(counter, key):
    """Philox 4×64-10 in plain Python, after Salmon et al. (2011)."""
    mask = 2**64 - 1
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        left, right = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (right >> 64) ^ c1 ^ k0, right & mask, (left >> 64) ^ c3 ^ k1, left & mask
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & mask, (k1 + 0xBB67AE8584CAA73B) & mask
    return c0, c1, c2, c3


def reference_word(key, counter, index):
    return philox((counter + index // 4, 0, 0, 0), key)[index % 4]


# ---- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        (
            (0, 0, 0, 0),
            (0, 0),
            (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B),
        ),
        (
            (2**64 - 1,) * 4,
            (2**64 - 1,) * 2,
            (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0),
        ),
        (
            (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89),
            (0x452821E638D01377, 0xBE5466CF34E90C6C),
            (0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6),
        ),
    ],
)
def test_the_reference_gives_the_known_answers_of_random123(counter, key, answer):
    assert philox(counter, key) == answer


def test_words_give_the_known_answer_of_the_zero_block():
    expected = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    assert random.words((0, 0), 0, 0, 4).tolist() == expected


def test_golden_words():
    expected = [
        0x599E175C6D3F06A3,
        0x3580DD9BC8E7EF33,
        0x834A9089B7208553,
        0x58A34846864DF77D,
        0x6C0A6E9A616BB037,
        0x57ADEAB265C7CC70,
    ]
    assert random.words((SEED, 0), 0, 0, 6).tolist() == expected
    assert [reference_word((SEED, 0), 0, i) for i in range(6)] == expected


@given(st.tuples(U64, U64), st.integers(0, 2**64 - 100), st.integers(0, 40), st.integers(0, 20))
def test_words_at_any_place_are_those_of_the_reference(key, counter, start, count):
    got = random.words(key, counter, start, count)
    assert got.dtype == np.uint64
    assert got.tolist() == [reference_word(key, counter, start + i) for i in range(count)]


@given(st.tuples(U64, U64), st.integers(0, 2**64 - 100), st.integers(0, 40), st.integers(0, 20))
def test_half_words_are_the_low_half_and_then_the_high_half(key, counter, start, count):
    got = random.half_words(key, counter, start, count)
    assert got.dtype == np.uint32
    index = [start + i for i in range(count)]
    assert got.tolist() == [reference_word(key, counter, i // 2) >> 32 * (i % 2) & 0xFFFFFFFF for i in index]


def test_uniform_agrees_with_numpy_where_numpy_does_not_reject():
    bits = np.random.Philox(key=SEED, counter=2**256 - 1)
    np.testing.assert_array_equal(
        random.uniform(1001, dtype="float64", generator=seeded()), np.random.Generator(bits).random(1001)
    )
    bits = np.random.Philox(key=SEED, counter=2**256 - 1)
    np.testing.assert_array_equal(
        random.uniform(1001, generator=seeded()), np.random.Generator(bits).random(1001, dtype=np.float32)
    )


def test_numpy_random_is_imported_by_the_first_draw_only():
    code = "import sys, lepton.backend.random as r; r.Generator().reserve(3); assert 'numpy.random' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- golden values --------------------------------------------------------------------------------------------------

EXACT = {
    "uniform float32": (
        lambda g: random.uniform(4, generator=g),
        ["0x1.b4fc18p-2", "0x1.66785cp-2", "0x1.91cfdep-1", "0x1.ac06e8p-3"],
    ),
    "uniform float32 in [-2, 3)": (
        lambda g: random.uniform(4, -2.0, 3.0, generator=g),
        ["0x1.11d9p-3", "-0x1.ff4c6p-3", "0x1.ec87acp+0", "-0x1.e8f76p-1"],
    ),
    "uniform float64": (
        lambda g: random.uniform(4, dtype="float64", generator=g),
        ["0x1.66785d71b4fcp-2", "0x1.ac06ecde473f4p-3", "0x1.069521136e41p-1", "0x1.628d211a1937cp-2"],
    ),
    "uniform float16": (
        lambda g: random.uniform(4, dtype="float16", generator=g),
        ["0x1.b48p-2", "0x1.66p-2", "0x1.91cp-1", "0x1.acp-3"],
    ),
    "normal float32": (
        lambda g: random.normal(4, generator=g),
        ["-0x1.8a60f2p-2", "-0x1.9eabc8p-1", "0x1.080b96p-5", "-0x1.94fabcp-2"],
    ),
    "normal float64": (
        lambda g: random.normal(4, dtype="float64", generator=g),
        ["-0x1.8a60f2c27f2bbp-2", "-0x1.9eabc77d60b48p-1", "0x1.080b9520ada62p-5", "-0x1.94fabbbe713acp-2"],
    ),
    "exponential float64": (
        lambda g: random.exponential(4, dtype="float64", generator=g),
        ["0x1.0cb44fd595812p+0", "0x1.90c030a6e4d31p+0", "0x1.55e487a784f82p-1", "0x1.0f84b6a9d9f21p+0"],
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_golden_values_to_the_last_bit(name):
    draw, expected = EXACT[name]
    assert draw(seeded()).tolist() == [float.fromhex(x) for x in expected]


def test_golden_values_of_distributions_that_use_the_libraries_exp_tan_and_erfc():
    for draw, expected in [
        (random.cauchy, ["-0x1.04bcfa5fd45a8p-1", "-0x1.4c3024ba1660cp+0", "0x1.4b0dec4303fe8p-5"]),
        (random.log_normal, ["0x1.421d449628f2cp+0", "0x1.137af2729e924p-1", "0x1.731bc5bc950ccp+1"]),
        (random.truncated_normal, ["-0x1.7795f50c7919bp-2", "-0x1.8780f68cb8efcp-1", "0x1.f80df1ab2e645p-6"]),
    ]:
        exact = [float.fromhex(x) for x in expected]
        np.testing.assert_allclose(draw(3, dtype="float64", generator=seeded()), exact, rtol=1e-14)


def test_golden_integers_masks_and_permutations():
    assert random.integers(6, 0, 1000, generator=seeded()).tolist() == [350, 208, 512, 346, 422, 342]
    assert random.integers(2, -(2**63), 2**63, generator=seeded()).tolist() == [
        -2765747435421628765,
        -5368047094665318605,
    ]
    assert random.permutation(8, generator=seeded()).tolist() == [6, 1, 5, 3, 0, 4, 2, 7]
    assert random.dropout_mask(8, 0.5, seeded()).tolist() == [True, True, False, True, False, False, False, True]
    assert random.bernoulli(0.5, 8, seeded()).tolist() == [True, True, False, True, True, True, True, False]
    assert random.geometric(8, 0.25, "int64", seeded()).tolist() == [4, 6, 3, 4, 3, 4, 8, 1]
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    assert random.multinomial(weights, 4, generator=seeded()).tolist() == [2, 3, 1, 0]
    assert random.multinomial(weights, 8, True, seeded()).tolist() == [2, 1, 2, 2, 2, 2, 1, 3]


# ---- a draw can be cut anywhere -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ELEMENTWISE)
@given(st.data())
def test_a_draw_in_pieces_is_the_whole_draw(name, data):
    draw = ELEMENTWISE[name]
    size = data.draw(st.integers(0, 300))
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=4)))
    generator = seeded(data.draw(U64))
    key, counter = generator._key, generator.reserve(0)
    whole = draw(size, generator)
    pieces = [
        draw(end - begin, random.Piece(key, counter, begin))
        for begin, end in zip([0, *cuts], [*cuts, size], strict=True)
    ]
    assert np.concatenate(pieces).tobytes() == whole.tobytes()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_blocks_leave_no_trace(name, monkeypatch):
    whole = ELEMENTWISE[name](1000, seeded())
    alone = [ELEMENTWISE[name](1, random.Piece((SEED, 0), 0, i))[0] for i in range(0, 1000, 37)]
    assert np.array(alone).tobytes() == whole[::37].tobytes()
    monkeypatch.setattr(random, "_BLOCK", 7)
    assert ELEMENTWISE[name](1000, seeded()).tobytes() == whole.tobytes()


def test_a_large_draw_is_the_same_from_its_middle():
    whole = random.normal(100_000, generator=seeded())
    piece = random.Piece((SEED, 0), 0, 54_321)
    np.testing.assert_array_equal(random.normal(20_000, generator=piece), whole[54_321:74_321])


def test_consecutive_draws_use_disjoint_words():
    generator = seeded()
    random.uniform(5, generator=generator)  # five half-words: one block
    second = random.uniform(3, dtype="float64", generator=generator)
    np.testing.assert_array_equal(second, random.uniform(3, dtype="float64", generator=random.Piece((SEED, 0), 1)))
    assert generator.reserve(0) == 2


def test_the_same_words_give_the_same_normals_in_every_dtype():
    exact = random.normal(5000, dtype="float64", generator=seeded())
    for dtype in ("float32", "float16"):
        np.testing.assert_array_equal(random.normal(5000, dtype=dtype, generator=seeded()), exact.astype(dtype))


# ---- the page -------------------------------------------------------------------------------------------------------


def test_the_snippets_of_the_page_run():
    page = pathlib.Path(__file__).parents[2] / "docs" / "random.md"
    snippets = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert snippets
    names = {}
    for snippet in snippets:
        exec(compile(snippet, str(page), "exec"), names)  # noqa: S102 - the page is ours
