"""From random words to random numbers: one value from one word (or half a word), nothing rejected, nothing carried.

So element i of a draw is a function of word i alone, and a draw can be cut into pieces anywhere.  `xp` is the array
module, `words` a uint64 array, `halves` a uint32 array; both may be overwritten.  Apart from `cauchy` and
`log_normal` everything is made from operations that IEEE 754 rounds correctly, hence has the same bits everywhere.
"""

from __future__ import annotations

from typing import Any

from lepton.backend import _normal_quantile

Array = Any
_FLOAT32_BITS = {"float32": 24, "float16": 11, "bfloat16": 8}


def unit_float64(xp: Any, words: Array) -> Array:
    """u = ⌊w / 2¹¹⌋ · 2⁻⁵³ in [0, 1)."""
    words >>= 11
    return words.astype(xp.float64) * 2.0**-53


def unit_float32(xp: Any, halves: Array, bits: int) -> Array:
    """u = ⌊h / 2³²⁻ᵇ⌋ · 2⁻ᵇ in [0, 1), float32; b = `bits` ≤ 24 significant bits."""
    halves >>= 32 - bits
    return halves.astype(xp.float32) * 2.0**-bits


def significand_bits(dtype_name: str) -> int:
    """How many bits the fraction of a uniform number has in float32, float16 and bfloat16."""
    return _FLOAT32_BITS[dtype_name]


def centred_offset(xp: Any, words: Array) -> Array:
    """u − ½ for u = (⌊w / 2¹²⌋ + ½) · 2⁻⁵²: float64, exact, symmetric, in (−½, ½) and never 0."""
    words >>= 12
    offset = words.astype(xp.float64)
    offset += 0.5 - 2.0**51
    offset *= 2.0**-52
    return offset


def open_unit(xp: Any, words: Array) -> Array:
    """u = (⌊w / 2¹²⌋ + ½) · 2⁻⁵²: float64, exact, in (0, 1) without its ends."""
    words >>= 12
    u = words.astype(xp.float64)
    u += 0.5
    u *= 2.0**-52
    return u


def standard_normal(xp: Any, words: Array) -> Array:
    """z = Φ⁻¹(u), u as in `centred_offset`; float64, |z| < 8.21."""
    offset = centred_offset(xp, words)
    return _normal_quantile.quantile_of_offset(xp, offset, 0.5 - xp.abs(offset))


def truncated_normal(xp: Any, words: Array, low: float, high: float) -> Array:
    """z = Φ⁻¹(low + (high − low)·u) for the probabilities `low` < `high` in [0, 1]; float64."""
    p = open_unit(xp, words)
    p *= high - low
    p += low
    return _normal_quantile.ndtri(xp, p)


def standard_exponential(xp: Any, words: Array) -> Array:
    """e = −log u, u as in `open_unit`; float64, in (1.1e-16, 36.8)."""
    return -_normal_quantile.log(xp, open_unit(xp, words))


def standard_cauchy(xp: Any, words: Array) -> Array:
    """c = tan(π(u − ½)), u as in `centred_offset`; float64, finite.

    Beyond a quarter it is the cotangent of the exact distance to the pole, so that tails keep their digits.
    """
    offset = centred_offset(xp, words)
    magnitude = xp.abs(offset)
    outer = magnitude > 0.25
    tangent = xp.tan(xp.where(outer, 0.5 - magnitude, magnitude) * xp.pi)
    return xp.copysign(xp.where(outer, 1.0 / tangent, tangent), offset)


def below(xp: Any, words: Array, count: int) -> Array:
    """k = ⌊w · count / 2⁶⁴⌋ in [0, count) for 1 ≤ count ≤ 2⁶⁴; uint64.  |P(k) − 1/count| < 2⁻⁶⁴.

    Lemire (2019), "Fast random integer generation in an interval", without its rejection step.
    """
    if count == 2**64:
        return words
    high, low = words >> 32, words & xp.uint64(0xFFFFFFFF)
    count_high, count_low = count >> 32, count & 0xFFFFFFFF
    low_by_low = low * xp.uint64(count_low)
    cross = high * xp.uint64(count_low) + (low_by_low >> 32)
    if count_high == 0:
        return cross >> 32
    other = low * xp.uint64(count_high) + (cross & xp.uint64(0xFFFFFFFF))
    return high * xp.uint64(count_high) + (cross >> 32) + (other >> 32)


def keep_mask(xp: Any, halves: Array, threshold: int) -> Array:
    """h < threshold, for 0 ≤ threshold ≤ 2³²; bool.  P = threshold / 2³², exactly."""
    if threshold == 2**32:
        return xp.ones(halves.shape, dtype=bool)
    return halves < xp.uint32(threshold)


def order(xp: Any, words: Array) -> Array:
    """The permutation that sorts `words`, equal ones in index order: `argsort(words, stable)`, int64.

    Sorting (high bits of the word, index) packed in one integer is several times faster than an argsort, and as all
    are different, every sorting algorithm gives the same; the few runs whose high bits agree are put right after.
    """
    size = words.shape[0]
    bits = max(size - 1, 1).bit_length()
    index_mask = (1 << bits) - 1
    packed = words & xp.uint64(2**64 - 1 - index_mask)
    packed |= xp.arange(size, dtype=xp.uint64)
    packed.sort()
    permutation = (packed & xp.uint64(index_mask)).astype(xp.int64)
    packed >>= bits
    tie = packed[1:] == packed[:-1]
    if tie.any():
        tied = xp.zeros(size, dtype=bool)
        tied[1:] = tie
        tied[:-1] |= tie
        places = xp.flatnonzero(tied)
        # Runs stay apart: their words are in order already.
        run = permutation[places]
        permutation[places] = run[xp.argsort(words[run], kind="stable")]
    return permutation
