"""Random numbers: shapes, dtypes, the ends of every range, and bad input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepton import errors
from lepton.backend import _random_transforms as transforms
from lepton.backend import dtypes, random
from tests.backend._random_support import ELEMENTWISE, FLOATING, SEED, ExtremeWords, extreme, seeded

U64 = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3), 4, [2, 2], (np.int64(2), 1)])
def test_shapes(shape):
    expected = np.empty(shape).shape
    for draw in ELEMENTWISE.values():
        assert draw(shape, None).shape == expected


def test_an_empty_draw_uses_no_words():
    generator = seeded()
    random.normal((0, 3), generator=generator)
    random.permutation(0, generator)
    assert generator.reserve(0) == 0


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_dtypes(dtype):
    drawn = random.integers(50, 0, 2, dtype)
    assert drawn.dtype == dtype
    assert set(drawn.tolist()) == {0, 1}
    if dtype in FLOATING:
        for draw in (random.uniform, random.normal, random.truncated_normal, random.exponential, random.cauchy):
            assert draw(3, dtype=dtype).dtype == dtype
            assert draw(3, dtype=dtypes.as_dtype(dtype)).dtype == dtype
    if dtype != "bool":
        assert random.geometric(3, 0.5, dtype).dtype == dtype


def test_transforms_of_extreme_words_stay_in_range_and_raise_no_flag():
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        u = transforms.unit_float64(np, extreme())
        assert u.min() == 0.0 and u.max() == 1 - 2**-53
        for bits in (8, 11, 24):
            u = transforms.unit_float32(np, np.array([0, 2**32 - 1], np.uint32), bits)
            assert u.dtype == np.float32 and u.tolist() == [0.0, 1 - 2.0**-bits]
        u = transforms.open_unit(np, extreme())
        assert u.min() == 2**-53 and u.max() == 1 - 2**-53
        z = transforms.standard_normal(np, extreme())
        assert np.isfinite(z).all() and (np.diff(z) >= 0).all()
        assert z[0] == -z[-1] == pytest.approx(float.fromhex("-0x1.06b48528cea52p+3"), rel=1e-15)
        e = transforms.standard_exponential(np, extreme())
        assert e.min() > 1.1e-16 and e.max() < 36.8
        c = transforms.standard_cauchy(np, extreme())
        assert np.isfinite(c).all() and (np.diff(c) >= 0).all()
        # −cot(π·2⁻⁵³), where tan(π(u − ½)) has lost every digit
        assert c[0] == pytest.approx(-(2.0**53) / math.pi, rel=1e-15)


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (-1, 1), (100, 101), (3, 3.01), (-5, 0), (0, 1e-6), (-2, -1.99), (1e4, 1e4 + 16), (-60000, 5000)],
)
def test_uniform_never_gives_its_upper_bound(dtype, low, high):
    for source in (ExtremeWords(), seeded()):
        drawn = random.uniform(5000, low, high, dtype, source)
        first, end = np.array([low, high], dtype)
        assert drawn.dtype == dtype
        assert (drawn >= first).all()
        assert (drawn < end).all() or first == end


def test_uniform_of_an_empty_interval_is_its_end():
    assert random.uniform(3, 2.0, 2.0).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("dtype", FLOATING)
def test_exponential_is_positive_unless_the_rate_is_infinite(dtype):
    assert (random.exponential(100, dtype=dtype, generator=ExtremeWords()) > 0).all()
    assert (random.exponential(3, math.inf, dtype) == 0).all()


def test_overflow_by_the_users_scale_is_silent():
    assert np.isinf(random.cauchy(10, 0.0, 1e5, "float16", ExtremeWords())).any()
    assert np.isinf(random.log_normal(10, 1000.0, 1.0)).all()
    assert np.isinf(random.normal(10, np.full(10, 1e300), 1.0)).all()


@given(st.lists(U64, min_size=1, max_size=30), st.integers(1, 2**64))
def test_integers_are_the_high_half_of_the_product(words, count):
    got = transforms.below(np, np.array(words, np.uint64), count)
    assert got.tolist() == [word * count >> 64 for word in words]


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("int64", -(2**63), 2**63),
        ("int64", 2**63 - 1, 2**63),
        ("int32", -(2**31), 2**31),
        ("int8", -128, 128),
        ("uint8", 0, 256),
        ("float32", -(2**24), 2**24 + 1),
        ("float64", -(2**53), 2**53),
    ],
)
def test_integers_reach_both_ends(dtype, low, high):
    drawn = random.integers(16, low, high, dtype, ExtremeWords())
    assert int(drawn[0]) == low and int(drawn[7]) == high - 1


def test_dropout_mask_at_its_ends_and_at_its_finest_step():
    assert not random.dropout_mask(100, 0.0, ExtremeWords()).any()
    assert random.dropout_mask(100, 1.0, ExtremeWords()).all()
    assert random.dropout_mask(3, 2.0**-32, ExtremeWords()).tolist() == [True, False, False]
    assert random.dropout_mask(3, 1 - 2.0**-32, ExtremeWords()).tolist() == [True, False, True]


def test_bernoulli_of_an_array():
    p = np.array([[0.0, 1.0, 0.5]], np.float32)
    drawn = random.bernoulli(p, (1000, 3))
    assert not drawn[:, 0].any() and drawn[:, 1].all() and 400 < drawn[:, 2].sum() < 600
    assert random.bernoulli(p).shape == (1, 3)
    assert random.bernoulli(np.array(1.0)).shape == ()
    np.testing.assert_array_equal(
        random.bernoulli(np.full(99, 0.3), generator=seeded()), random.bernoulli(0.3, 99, seeded())
    )


def test_bernoulli_at_the_ends():
    assert random.bernoulli(1.0, 100, ExtremeWords()).all()
    assert not random.bernoulli(0.0, 100, ExtremeWords()).any()


def test_normal_with_arrays_broadcasts():
    mean, std = np.array([[0.0], [100.0]], np.float32), np.array([0.0, 1.0, 2.0])
    drawn = random.normal((2, 3), mean, std, generator=seeded())
    z = random.normal((2, 3), dtype="float64", generator=seeded())
    np.testing.assert_array_equal(drawn, (mean + std * z).astype(np.float32))
    np.testing.assert_array_equal(
        random.normal(50, 3.0, 2.0, generator=seeded()), random.normal(50, np.array(3.0), 2.0, generator=seeded())
    )


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 5000])
def test_permutation_is_the_stable_argsort_of_the_words(size):
    drawn = random.permutation(size, seeded())
    assert drawn.dtype == np.int64
    np.testing.assert_array_equal(drawn, np.argsort(random.words((SEED, 0), 0, 0, size), kind="stable"))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_order_settles_ties_of_the_high_bits_by_the_low_ones_and_then_by_index(parts):
    words = np.array([(high << 60) | low for high, low in parts], np.uint64)
    np.testing.assert_array_equal(transforms.order(np, words), np.argsort(words, kind="stable"))


def test_multinomial_never_gives_a_weight_of_zero():
    weights = np.array([0.0, 0.1, 0.0, 0.7, 0.0])
    assert set(random.multinomial(weights, 100, True, ExtremeWords()).tolist()) == {1, 3}
    assert random.multinomial(weights, 2, generator=ExtremeWords()).tolist() in ([1, 3], [3, 1])


def test_truncated_normal_keeps_its_bounds_and_its_tails():
    for low, high in [(-2, 2), (0.5, 0.6), (-0.1, 0.1), (9, 10), (-10, -9), (-math.inf, -30), (30, math.inf)]:
        for source in (ExtremeWords(), seeded()):
            drawn = random.truncated_normal(2000, low=low, high=high, dtype="float64", generator=source)
            assert (drawn >= low).all() and (drawn <= high).all()
            assert np.unique(drawn).size > 1
    # beyond the range of Φ in float64: the nearest end
    assert random.truncated_normal(2, low=40, high=41).tolist() == [40, 40]
    assert random.truncated_normal(2, low=-41, high=-40).tolist() == [-40, -40]
    assert random.truncated_normal(2, 1.0, 0.1, 3.0, 3.0).tolist() == [3, 3]
    mirrored = random.truncated_normal(100, low=1, high=3, generator=seeded())
    np.testing.assert_array_equal(mirrored, -random.truncated_normal(100, low=-3, high=-1, generator=seeded()))


def test_geometric_starts_at_one_and_saturates():
    assert (random.geometric(100, 1 - 1e-16, generator=ExtremeWords()) == 1).all()
    assert (random.geometric(100, 1e-3, "uint8", seeded()) == 255).mean() > 0.5
    assert random.geometric(2, 1e-30, "int64", ExtremeWords())[0] == 2**63 - 1


# ---- bfloat16 -------------------------------------------------------------------------------------------------------


def test_rounding_to_bfloat16_is_one_rounding():
    values = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-40, -1 - 2**-8 - 2**-40, 0.0, math.inf])
    expected = [1.0, 1.0, 1 + 2**-6, 1 + 2**-7, -1 - 2**-7, 0.0, math.inf]
    assert random._rounded_to_8_bits(values).tolist() == expected


def test_bfloat16():
    pytest.importorskip("ml_dtypes")
    kind = dtypes.bfloat16
    unit = random.uniform(10_000, dtype=kind)
    assert unit.dtype == kind.numpy and unit.max() < 1
    for low, high in [(-1, 1), (0, 1e-3), (100, 101), (-5, 0), (-2, -1.99)]:
        drawn = random.uniform(10_000, low, high, kind, ExtremeWords())
        first, end = np.array([low, high]).astype(kind.numpy)
        assert (drawn >= first).all() and ((drawn < end).all() or first == end)
    assert np.isfinite(random.normal(10_000, dtype=kind).astype(np.float64)).all()
    assert (random.exponential(99, dtype=kind, generator=ExtremeWords()) > 0).all()


# ---- bad input ------------------------------------------------------------------------------------------------------

ONES = np.ones(3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: random.uniform(-1), errors.ShapeError, r"negative dimension -1: \[-1\]"),
        (lambda: random.uniform((2, -3)), errors.ShapeError, "negative dimension -3"),
        (lambda: random.uniform(2.5), errors.ArgumentTypeError, "2.5"),
        (lambda: random.uniform((2, "a")), errors.ArgumentTypeError, "'a'"),
        (lambda: random.uniform(3, generator=7), errors.ArgumentTypeError, "found int"),
        (lambda: random.uniform(3, dtype="int64"), NotImplementedError, '"uniform" is not implemented for int64'),
        (lambda: random.normal(3, dtype="bool"), NotImplementedError, "bool"),
        (lambda: random.geometric(3, 0.5, "bool"), errors.UnsupportedDTypeError, "bool"),
        (lambda: random.uniform(3, 2, 1), errors.RandomError, r"\[from, to\) range, but found from=2 > to=1"),
        (lambda: random.uniform(3, -3e38, 3e38), errors.RandomError, "to-from"),
        (lambda: random.uniform(3, -1.7e308, 1.7e308, "float64"), errors.RandomError, "to-from"),
        (lambda: random.uniform(3, math.nan, 1), errors.RandomError, "from is out of bounds for float32"),
        (lambda: random.uniform(3, 0, 1e5, "float16"), errors.RandomError, "to is out of bounds for float16"),
        (lambda: random.normal(3, std=-1), errors.RandomError, "std >= 0.0, but found std -1"),
        (lambda: random.normal(3, std=math.nan), errors.RandomError, "std >= 0.0"),
        (lambda: random.normal(3, 0, np.array([1, -1, 1.0])), errors.RandomError, "all elements of std"),
        (lambda: random.truncated_normal(3, std=0), errors.RandomError, "std > 0"),
        (lambda: random.truncated_normal(3, low=1, high=0), errors.RandomError, "low <= high"),
        (lambda: random.truncated_normal(3, math.nan), errors.RandomError, "mean=nan"),
        (lambda: random.log_normal(3, std=0), errors.RandomError, "std > 0.0, but found std=0"),
        (lambda: random.exponential(3, 0), errors.RandomError, "lambda > 0.0, but found lambda=0"),
        (lambda: random.exponential(3, math.nan), errors.RandomError, "lambda=nan"),
        (lambda: random.cauchy(3, 0, -1), errors.RandomError, "sigma > 0.0, but found sigma=-1"),
        (lambda: random.geometric(3, 1.0), errors.RandomError, r"\(0, 1\), but got p=1"),
        (lambda: random.geometric(3, 0.0), errors.RandomError, "p=0"),
        (lambda: random.integers(3, 5, 5), errors.RandomError, "from=5 >= to=5"),
        (lambda: random.integers(3, -1, 5, "uint8"), errors.RandomError, "from is out of bounds for uint8: got -1"),
        (lambda: random.integers(3, 0, 257, "uint8"), errors.RandomError, "to - 1 is out of bounds for uint8: got 256"),
        (lambda: random.integers(3, 0, 2**63 + 1), errors.RandomError, "out of bounds for int64"),
        (lambda: random.integers(3, 0, 2**24 + 2, "float32"), errors.RandomError, "out of bounds for float32"),
        (lambda: random.integers(3, 0, 1.5), errors.ArgumentTypeError, "1.5"),
        (lambda: random.bernoulli(1.5, 3), errors.RandomError, r"\[0, 1\], but got p=1.5"),
        (lambda: random.bernoulli(math.nan, 3), errors.RandomError, "p=nan"),
        (lambda: random.bernoulli(np.array([0.5, math.nan])), errors.RandomError, "all elements"),
        (lambda: random.dropout_mask(3, 1.1), ValueError, "between 0 and 1, but got 1.1"),
        (lambda: random.dropout_mask(3, math.nan), errors.ArgumentError, "nan"),
        (lambda: random.permutation(-1), errors.ShapeError, "negative dimension -1"),
        (
            lambda: random.multinomial(np.array([1, 2]), 1),
            errors.DTypeError,
            "floating-point dtypes for input, got: int64",
        ),
        (lambda: random.multinomial(np.ones((1, 1, 1)), 1), errors.ShapeError, "1 or 2 dim"),
        (lambda: random.multinomial(np.array(1.0), 1), errors.ShapeError, "1 or 2 dim"),
        (lambda: random.multinomial(ONES, 0), errors.RandomError, "n_sample <= 0"),
        (lambda: random.multinomial(ONES, 4), errors.RandomError, r"n_sample = 4 and prob_dist.size\(-1\) = 3"),
        (lambda: random.multinomial(np.array([1, -1.0]), 1), errors.RandomError, "element < 0"),
        (lambda: random.multinomial(np.array([1, math.inf]), 1, True), errors.RandomError, "`inf`"),
        (lambda: random.multinomial(np.array([1, math.nan]), 1, True), errors.RandomError, "`nan`"),
        (lambda: random.multinomial(np.array([[1.0, 0], [0, 0]]), 1), errors.RandomError, "<= 0.*row 1"),
        (lambda: random.multinomial(np.ones((2, 0)), 1, True), errors.RandomError, "row 0"),
        (lambda: random.multinomial(np.array([[1.0, 2], [0, 1]]), 2), errors.RandomError, "row 1 has 1 positive"),
        (lambda: random.Generator("cuda"), errors.DeviceError, "cuda"),
        (lambda: seeded(1.5), errors.RandomError, "expected a long, but got float"),
        (lambda: seeded(True), errors.RandomError, "expected a long, but got bool"),
        (lambda: seeded(2**64), ValueError, "Overflow when unpacking long long"),
        (lambda: seeded(-(2**63) - 1), errors.ArgumentError, "Overflow"),
        (lambda: random.stream(1, 2.0), errors.ArgumentTypeError, "2.0 of type float"),
        (lambda: random.stream(1, True), errors.ArgumentTypeError, "bool"),
        (lambda: random.stream("a"), errors.RandomError, "got str"),
    ],
)
def test_bad_input_gives_one_typed_error(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert isinstance(caught.value, errors.LeptonError)


def test_a_refused_draw_leaves_the_generator_where_it_was():
    generator = seeded()
    for call in (
        lambda: random.uniform(3, 2, 1, generator=generator),
        lambda: random.multinomial(np.zeros(3), 1, generator=generator),
        lambda: random.integers((2, -1), 0, 5, generator=generator),
    ):
        with pytest.raises(errors.LeptonError):
            call()
    assert generator.reserve(0) == 0
