"""Random numbers: every draw is a function of (key, counter), the same on every machine and in any number of pieces.

Raw words come from Philox 4×64-10 (`_random_words`); the transforms into uniform, normal, … numbers are our own
(`_random_transforms`), since NumPy's samplers reject and so can be neither cut into pieces nor matched on a GPU.

All drawing functions are at the level of arrays and share three arguments: `shape`, an int or a tuple of ints;
`dtype`, anything that `dtypes.as_dtype` takes; `generator`, a Generator, a Piece of a draw, or None for
`default_generator`.  They reserve ⌈elements/4⌉ blocks (⌈elements/8⌉ where half a word makes an element) and use element
i's word alone for element i.  Each raises ShapeError for a negative size, ArgumentTypeError for what is no shape, no
dtype or no generator; the errors are subclasses of those that PyTorch raises.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from lepton.backend import _random_transforms as transforms
from lepton.backend import dtypes, floats
from lepton.backend._normal_quantile import erfinv, ndtri
from lepton.backend._random_generator import Generator, Piece, current_generator, default_generator, stream, using
from lepton.backend._random_words import half_words, words
from lepton.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    RandomError,
    ShapeError,
    UnsupportedDTypeError,
)

__all__ = [
    "Generator",
    "Piece",
    "bernoulli",
    "cauchy",
    "current_generator",
    "default_generator",
    "dropout_mask",
    "erfinv",
    "exponential",
    "geometric",
    "half_words",
    "integers",
    "log_normal",
    "multinomial",
    "ndtri",
    "normal",
    "permutation",
    "stream",
    "truncated_normal",
    "uniform",
    "using",
    "words",
]

Array = np.ndarray[Any, np.dtype[Any]]
Shape = int | tuple[int, ...]
Source = Generator | Piece | None

# Elements worked on at a time: the temporaries of a block stay in the cache.
_BLOCK = 32768


def uniform(
    shape: Shape, low: float = 0.0, high: float = 1.0, dtype: Any = dtypes.float32, generator: Source = None
) -> Array:
    """Numbers from [low, high): never `high`, not by rounding either (only `low` where the two are equal in `dtype`).

    float64: u = ⌊w/2¹¹⌋·2⁻⁵³ from a word; float32, float16, bfloat16: u = ⌊h/2³²⁻ᵇ⌋·2⁻ᵇ from half a word, with b = 24,
    11, 8 bits.  x = min(low + u·(high − low), the number before high).

    Raises:
        RandomError: low > high, one of them not finite in `dtype`, or a width that `dtype` cannot hold.
        UnsupportedDTypeError: `dtype` is not floating.
    """
    kind = _floating("uniform", dtype)
    bounds = _uniform_bounds(kind, low, high)
    if kind is dtypes.float64:
        return _draw(shape, kind, generator, lambda words: _stretch(transforms.unit_float64(np, words), kind, bounds))
    bits = transforms.significand_bits(kind.name)
    return _draw_halves(
        shape, kind, generator, lambda halves: _stretch(transforms.unit_float32(np, halves, bits), kind, bounds)
    )


def normal(
    shape: Shape,
    mean: float | Array = 0.0,
    std: float | Array = 1.0,
    dtype: Any = dtypes.float32,
    generator: Source = None,
) -> Array:
    """x = mean + std·z, z = Φ⁻¹(u) (Wichura's AS 241), in float64 and rounded once; |z| < 8.21, always finite.

    `mean` and `std` may be arrays that broadcast to `shape`.

    Raises:
        RandomError: `std` is negative or NaN somewhere.
        UnsupportedDTypeError: `dtype` is not floating.
    """
    kind = _floating("normal", dtype)
    if isinstance(std, np.ndarray):
        if not (std >= 0.0).all():
            raise RandomError("normal expects all elements of std >= 0.0")
    elif not std >= 0.0:
        raise RandomError(f"normal expects std >= 0.0, but found std {std}")
    if isinstance(mean, np.ndarray) or isinstance(std, np.ndarray):
        z = normal(shape, dtype=dtypes.float64, generator=generator)
        token = floats.silence()
        try:
            return _rounded(_shift_scale(z, np.asarray(mean, np.float64), np.asarray(std, np.float64)), kind)
        finally:
            floats.restore(token)
    return _draw(shape, kind, generator, lambda words: _shift_scale(transforms.standard_normal(np, words), mean, std))


def truncated_normal(
    shape: Shape,
    mean: float = 0.0,
    std: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
    dtype: Any = dtypes.float32,
    generator: Source = None,
) -> Array:
    """A normal number on condition that it lies in [low, high] (absolute bounds, not multiples of std).

    x = mean + std·Φ⁻¹(Φ(a) + (Φ(b) − Φ(a))·u), a = (low − mean)/std, b = (high − mean)/std, in float64; an interval
    above the mean is mirrored, so that its tail keeps its digits.  An interval more than 37 std away from the mean,
    whose probability is 0 in float64, gives its end nearest to the mean.

    Raises:
        RandomError: std ≤ 0, low > high, or NaN among them.
        UnsupportedDTypeError: `dtype` is not floating.
    """
    kind = _floating("truncated_normal", dtype)
    if not std > 0.0:
        raise RandomError(f"truncated_normal expects std > 0.0, but found std={std}")
    if not low <= high or math.isnan(mean):
        raise RandomError(f"truncated_normal expects low <= high, but found low={low}, high={high}, mean={mean}")
    a, b = (low - mean) / std, (high - mean) / std
    sign = -1.0 if a > 0.0 else 1.0
    if sign < 0.0:
        a, b = -b, -a
    first, last = _normal_cdf(a), _normal_cdf(b)

    def transform(words: Array) -> Array:
        z = transforms.truncated_normal(np, words, first, last) if first < last else np.full(words.shape, b)
        return np.clip(_shift_scale(z, mean, sign * std), low, high)

    return _draw(shape, kind, generator, transform)


def log_normal(
    shape: Shape, mean: float = 1.0, std: float = 2.0, dtype: Any = dtypes.float32, generator: Source = None
) -> Array:
    """x = exp(mean + std·z), z standard normal, in float64 and rounded once.

    Raises:
        RandomError: std ≤ 0 or NaN.
        UnsupportedDTypeError: `dtype` is not floating.
    """
    kind = _floating("log_normal", dtype)
    if not std > 0.0:
        raise RandomError(f"log_normal_ expects std > 0.0, but found std={std}")
    return _draw(
        shape, kind, generator, lambda words: np.exp(_shift_scale(transforms.standard_normal(np, words), mean, std))
    )


def exponential(shape: Shape, rate: float = 1.0, dtype: Any = dtypes.float32, generator: Source = None) -> Array:
    """x = −log(u)/rate, in float64 and rounded once; positive for a finite rate, 0 for an infinite one.

    Raises:
        RandomError: rate ≤ 0 or NaN.
        UnsupportedDTypeError: `dtype` is not floating.
    """
    kind = _floating("exponential", dtype)
    if not rate > 0.0:
        raise RandomError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
    # Half precision would round the smallest ones to 0, whose logarithm Gumbel samples take.
    least = 0.0 if math.isinf(rate) else _smallest(kind)
    return _draw(
        shape, kind, generator, lambda words: np.maximum(transforms.standard_exponential(np, words) / rate, least)
    )


def cauchy(
    shape: Shape, median: float = 0.0, sigma: float = 1.0, dtype: Any = dtypes.float32, generator: Source = None
) -> Array:
    """x = median + sigma·tan(π(u − ½)), in float64 and rounded once (float16 overflows to inf, as in PyTorch).

    Raises:
        RandomError: sigma ≤ 0 or NaN.
        UnsupportedDTypeError: `dtype` is not floating.
    """
    kind = _floating("cauchy", dtype)
    if not sigma > 0.0:
        raise RandomError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    return _draw(
        shape, kind, generator, lambda words: _shift_scale(transforms.standard_cauchy(np, words), median, sigma)
    )


def geometric(shape: Shape, p: float, dtype: Any = dtypes.float32, generator: Source = None) -> Array:
    """The number of trials up to the first success: k = max(1, ⌈log(u)/log(1 − p)⌉), P(k) = p·(1 − p)ᵏ⁻¹.

    Integer dtypes hold at their largest value what is larger.

    Raises:
        RandomError: p not in (0, 1).
        UnsupportedDTypeError: `dtype` is bool.
    """
    kind = dtypes.as_dtype(dtype)
    if kind is dtypes.bool_:
        raise UnsupportedDTypeError("geometric is not implemented for bool; use a floating or an integer dtype")
    if not 0.0 < p < 1.0:
        raise RandomError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    rate = -math.log1p(-p)

    def transform(words: Array) -> Array:
        trials = np.maximum(np.ceil(transforms.standard_exponential(np, words) / rate), 1.0)
        return trials if kind.is_floating_point else _saturated(trials, kind)

    return _draw(shape, kind, generator, transform)


def integers(shape: Shape, low: int, high: int, dtype: Any = dtypes.int64, generator: Source = None) -> Array:
    """Whole numbers from [low, high): low + ⌊w·(high − low)/2⁶⁴⌋ from a word w.

    Each value's probability is off by less than 2⁻⁶⁴, which relative to 1/(high − low) is a bias below
    (high − low)·2⁻⁶⁴: under 2⁻³² for up to 2³² values.  Powers of two are exact, the whole of int64 included.

    Raises:
        RandomError: low ≥ high, or a bound that `dtype` cannot hold.
        ArgumentTypeError: a bound is not an integer.
    """
    kind = dtypes.as_dtype(dtype)
    low, high = _integer(low), _integer(high)
    if low >= high:
        raise RandomError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    least, most = _integer_limits(kind)
    if not least <= low <= most:
        raise RandomError(f"from is out of bounds for {kind.name}: got {low}, outside [{least}, {most}]")
    if not least <= high - 1 <= most:
        raise RandomError(f"to - 1 is out of bounds for {kind.name}: got {high - 1}, outside [{least}, {most}]")

    def transform(words: Array) -> Array:
        drawn: Array = transforms.below(np, words, high - low)
        # Modulo 2⁶⁴, so that a range wider than int64's positive half comes out right.
        drawn += np.uint64(low % 2**64)
        return drawn.view(np.int64)

    return _draw(shape, kind, generator, transform)


def bernoulli(p: float | Array, shape: Shape | None = None, generator: Source = None) -> Array:
    """True with probability `p` (a number, or an array that broadcasts to `shape`): u < p, u float64 in [0, 1); bool.

    `shape` may be left out where `p` is an array: it is p's then.

    Raises:
        RandomError: p outside [0, 1] or NaN.
    """
    if isinstance(p, np.ndarray):
        if not ((p >= 0.0) & (p <= 1.0)).all():
            raise RandomError("bernoulli expects all elements of p to be in [0, 1]")
        u = uniform(p.shape if shape is None else shape, dtype=dtypes.float64, generator=generator)
        return np.asarray(u < p.astype(np.float64))
    if not 0.0 <= p <= 1.0:
        raise RandomError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    return _draw(
        () if shape is None else shape,
        dtypes.bool_,
        generator,
        lambda words: transforms.unit_float64(np, words) < p,
    )


def dropout_mask(shape: Shape, keep_probability: float, generator: Source = None) -> Array:
    """True with probability `keep_probability`: h < round(2³²·keep_probability) from half a word h; bool.

    Raises:
        ArgumentError: keep_probability outside [0, 1] or NaN.
    """
    if not 0.0 <= keep_probability <= 1.0:
        raise ArgumentError(f"dropout: the probability to keep must be between 0 and 1, but got {keep_probability}")
    threshold = round(keep_probability * 2**32)
    return _draw_halves(shape, dtypes.bool_, generator, lambda halves: transforms.keep_mask(np, halves, threshold))


def permutation(n: int, generator: Source = None) -> Array:
    """0 … n − 1 in random order: the stable argsort of n words; int64.

    Raises:
        ShapeError: n is negative.
    """
    count = _dimensions(n)[1]
    drawn: Array = transforms.order(np, _piece(generator, count).words(0, count))
    return drawn


def multinomial(weights: Array, num_samples: int, replacement: bool = False, generator: Source = None) -> Array:
    """Indices drawn in proportion to `weights`, row by row; int64, shape (num_samples,) or (m, num_samples).

    With replacement: the first index whose cumulative weight exceeds u·(sum of weights), in float64; sample s of row
    r uses word r·num_samples + s.  Without: the num_samples smallest of eᵢ/wᵢ, eᵢ exponential, in ascending order,
    which is drawing one by one without putting back (the exponential race); weight i of row r uses word r·k + i.

    Args:
        weights: floating, shape (k,) or (m, k); not negative, finite, each row with a positive sum.

    Raises:
        DTypeError: weights that are not floating.
        ShapeError: weights of another rank.
        RandomError: weights out of range; num_samples ≤ 0; without replacement, num_samples larger than k or than
            a row's number of positive weights.
    """
    w = _checked_weights(weights, num_samples, replacement)
    rows, k = w.shape
    if replacement:
        u = uniform((rows, num_samples), dtype=dtypes.float64, generator=generator)
        drawn = np.empty(u.shape, np.int64)
        # Relative to the largest weight, so that no sum overflows.
        for row, cumulative in enumerate(np.cumsum(w / w.max(axis=1, keepdims=True, initial=0.0), axis=1)):
            drawn[row] = np.searchsorted(cumulative, u[row] * cumulative[-1], side="right")
    else:
        arrival = exponential((rows, k), dtype=dtypes.float64, generator=generator)
        with np.errstate(divide="ignore", over="ignore"):
            arrival /= w  # a weight of 0 never arrives
        drawn = np.argsort(arrival, axis=1, kind="stable")[:, :num_samples]
    return drawn.reshape(weights.shape[:-1] + (num_samples,))


# ---- how a draw is made -------------------------------------------------------------------------------------------


def _draw(shape: Shape, kind: dtypes.dtype, generator: Source, transform: Callable[[Array], Array]) -> Array:
    """An array of `shape`, each element made by `transform` from one 64-bit word."""
    dimensions, count = _dimensions(shape)
    return _in_blocks(_piece(generator, count).words, dimensions, count, kind, transform)


def _draw_halves(shape: Shape, kind: dtypes.dtype, generator: Source, transform: Callable[[Array], Array]) -> Array:
    """The same from one 32-bit half-word."""
    dimensions, count = _dimensions(shape)
    return _in_blocks(_piece(generator, (count + 1) // 2).half_words, dimensions, count, kind, transform)


def _in_blocks(
    raw: Callable[[int, int], Array],
    dimensions: tuple[int, ...],
    count: int,
    kind: dtypes.dtype,
    transform: Callable[[Array], Array],
) -> Array:
    # What a user's mean or scale makes overflow is inf, without a word, as in PyTorch.
    token = floats.silence()
    try:
        if count <= _BLOCK:
            return _rounded(transform(raw(0, count)), kind).reshape(dimensions)
        out = np.empty(count, kind.numpy)
        for begin in range(0, count, _BLOCK):
            size = min(_BLOCK, count - begin)
            out[begin : begin + size] = _rounded(transform(raw(begin, size)), kind)
        return out.reshape(dimensions)
    finally:
        floats.restore(token)


def _piece(generator: Source, words: int) -> Piece:
    if isinstance(generator, Piece):
        return generator
    if generator is None:
        return current_generator().piece(words)
    if not isinstance(generator, Generator):
        raise ArgumentTypeError(
            f"expected a 'Generator' object for argument 'generator' but found {type(generator).__name__}"
        )
    return generator.piece(words)


def _dimensions(shape: Shape) -> tuple[tuple[int, ...], int]:
    dimensions = tuple(map(_integer, shape)) if isinstance(shape, (tuple, list)) else (_integer(shape),)
    for size in dimensions:
        if size < 0:
            raise ShapeError(f"Trying to create tensor with negative dimension {size}: {list(dimensions)}")
    return dimensions, math.prod(dimensions)


def _integer(value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"expected an integer, but got {value!r} of type {type(value).__name__}") from None


# ---- dtypes, bounds, rounding -------------------------------------------------------------------------------------


def _floating(what: str, dtype: Any) -> dtypes.dtype:
    kind = dtypes.as_dtype(dtype)
    if not kind.is_floating_point:
        raise UnsupportedDTypeError(
            f'"{what}" is not implemented for {kind.name}: it has a density; use a floating dtype, or integers()'
        )
    return kind


def _shift_scale(values: Array, shift: Any, scale: Any) -> Array:
    values *= scale
    values += shift
    return values


def _rounded(values: Array, kind: dtypes.dtype) -> Array:
    """`values` in the array dtype of `kind`, rounded once."""
    if values.dtype == kind.numpy:
        return values
    if kind is dtypes.bfloat16:
        values = _rounded_to_8_bits(values)
    return values.astype(kind.numpy)


def _rounded_to_8_bits(values: Array) -> Array:
    # To nearest, ties to even, on the bits: through float32 it would be rounded twice.
    bits = np.asarray(values, np.float64).view(np.int64)
    return ((bits + ((bits >> 45) & 1) + (2**44 - 1)) & -(2**45)).view(np.float64)


def _uniform_bounds(kind: dtypes.dtype, low: float, high: float) -> tuple[float, float, float] | None:
    """(low, high − low, the largest number below high), all in `kind`; None for [0, 1)."""
    if low == 0.0 and high == 1.0:
        return None
    limit = dtypes.finfo(kind).max
    for name, bound in (("from", low), ("to", high)):
        if not abs(bound) <= limit:
            raise RandomError(f"{name} is out of bounds for {kind.name}: got {bound}")
    if low > high:
        raise RandomError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    if float(high) - float(low) > limit:
        raise RandomError(
            f"uniform_ expects to-from <= std::numeric_limits<{kind.name}>::max(), but found to={high} and "
            f"from={low} which result in to-from to exceed the limit"
        )
    first, end = (float(_rounded(np.asarray(bound, np.float64), kind)) for bound in (low, high))
    return first, end - first, _before(kind, end) if first < end else end


def _before(kind: dtypes.dtype, high: float) -> float:
    """The largest number below `high` in `kind`."""
    if kind is not dtypes.bfloat16:
        return float(np.nextafter(kind.numpy.type(high), kind.numpy.type(-math.inf)))
    bits = int(np.nextafter(np.float32(high), np.float32(-math.inf)).view(np.uint32))
    away_from_zero = 0xFFFF if bits >> 31 else 0
    return float(np.uint32((bits + away_from_zero) & 0xFFFF0000).view(np.float32))


def _stretch(u: Array, kind: dtypes.dtype, bounds: tuple[float, float, float] | None) -> Array:
    if bounds is None:
        return u
    low, width, last = bounds
    stretched: Array = np.minimum(_rounded(_shift_scale(u, low, width), kind), kind.numpy.type(last))
    return stretched


def _smallest(kind: dtypes.dtype) -> float:
    """The smallest positive number of `kind`, below the normal ones."""
    limits = dtypes.finfo(kind)
    return limits.tiny * limits.eps


def _integer_limits(kind: dtypes.dtype) -> tuple[int, int]:
    if kind is dtypes.bool_:
        return 0, 1
    if kind.is_floating_point:
        # Beyond these not every whole number exists, and rounding would bring forth `high`.
        whole = round(2 / dtypes.finfo(kind).eps)
        return max(-whole, -(2**63)), min(whole, 2**63 - 1)
    limits = dtypes.iinfo(kind)
    return limits.min, limits.max


def _saturated(values: Array, kind: dtypes.dtype) -> Array:
    most = dtypes.iinfo(kind).max
    return np.where(values < most, values, 0.0).astype(np.int64) + np.where(values < most, 0, most)


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


def _checked_weights(weights: Array, num_samples: int, replacement: bool) -> Array:
    if weights.dtype.kind != "f" and weights.dtype.name != "bfloat16":
        raise DTypeError(f"multinomial only supports floating-point dtypes for input, got: {weights.dtype}")
    if weights.ndim not in (1, 2):
        raise ShapeError(f"prob_dist must be 1 or 2 dim, but got shape {weights.shape}")
    if num_samples <= 0:
        raise RandomError(f"cannot sample n_sample <= 0 samples, but got {num_samples}")
    k = weights.shape[-1]
    if not replacement and num_samples > k:
        raise RandomError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
            f"got n_sample = {num_samples} and prob_dist.size(-1) = {k}"
        )
    w: Array = np.atleast_2d(weights).astype(np.float64)
    if not (np.isfinite(w) & (w >= 0.0)).all():
        raise RandomError("probability tensor contains either `inf`, `nan` or element < 0")
    positive = np.count_nonzero(w, axis=1)
    if not positive.all():
        raise RandomError(f"invalid multinomial distribution (sum of probabilities <= 0) in row {positive.argmin()}")
    if not replacement and positive.min(initial=k) < num_samples:
        raise RandomError(
            f"invalid multinomial distribution (with replacement=False, row {positive.argmin()} has "
            f"{positive.min()} positive weights for {num_samples} samples); draw fewer, or with replacement"
        )
    return w
