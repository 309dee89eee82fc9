"""The natural logarithm and the normal quantile, built from correctly rounded operations alone.

IEEE 754 fixes the result of +, −, ×, ÷ and √ to the last bit, and leaves log and erf to each library.  These two are
written in the former, one array operation a step (so that no compiler can contract a product and a sum): random
numbers made with them have the same bits on every machine, whatever the NumPy build, and on a GPU.

All functions take float64 arrays; `xp` is the array module (numpy or cupy).
"""

from __future__ import annotations

import math
from typing import Any

Array = Any

_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_SMALLEST_NORMAL = 2.0**-1022
# ln 2 in two parts; the first ends in 21 zero bits, so that its product with an exponent is exact.
_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
# atanh(s)/s − 1 = s²/3 + s⁴/5 + …; |s| ≤ 0.1716 makes the first term left out smaller than 2⁻⁵⁸.
_ATANH_SERIES = tuple(1.0 / odd for odd in range(21, 1, -2))

# Wichura's PPND16: numerator and denominator of each of three intervals, highest power first.
_CENTRAL = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
_MIDDLE = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)
_FAR = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ),
)


def log(xp: Any, x: Array) -> Array:
    """Natural logarithm of positive finite `x`, within 1 ULP.

    x = 2ᵏ·m with m in [√½, √2);  s = f / (2 + f), f = m − 1;
    log x = k·ln 2 + 2·atanh(s) = k·ln 2 + f − s·(f − 2(s²/3 + s⁴/5 + …)).
    """
    small = x < _SMALLEST_NORMAL
    bits = (x * xp.where(small, 2.0**54, 1.0)).view(xp.int64)
    exponent = (bits - _SQRT_HALF_BITS) >> 52
    f = (bits - (exponent << 52)).view(xp.float64)
    f -= 1.0
    k = (exponent - 54 * small).astype(xp.float64)
    s = f / (f + 2.0)
    square = s * s
    series = _horner(_ATANH_SERIES, square)
    series *= square
    series *= 2.0
    f_minus_series = f - series
    f_minus_series *= s
    low = k * _LN2_LOW
    low -= f_minus_series
    low += f
    k *= _LN2_HIGH
    k += low
    return k


def quantile_of_offset(xp: Any, offset: Array, tail: Array) -> Array:
    """z with Φ(z) = ½ + offset, for 1-d `offset` in (−½, ½) and `tail` = ½ − |offset| > 0.

    Both are asked for because each is exact where the other has lost its digits.  Relative error below 1e-15.
    Wichura (1988), "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37(3),
    PPND16: with q = offset, t = tail,
        |q| ≤ 0.425:        z = q · A(0.180625 − q²)
        r = √(−log t) ≤ 5:  z = ± B(r − 1.6)
        r > 5:              z = ± C(r − 5)
    where A, B, C are ratios of polynomials of degree 7.
    """
    magnitude = xp.abs(offset)
    # Clamped, so that the ratio stays tame for the elements that are overwritten below.
    z = _ratio(_CENTRAL, xp.maximum(0.180625 - offset * offset, 0.0))
    z *= offset
    outer = xp.flatnonzero(magnitude > 0.425)
    r = xp.sqrt(-log(xp, tail[outer]))
    value = _ratio(_MIDDLE, r - 1.6)
    far = xp.flatnonzero(r > 5.0)
    if far.size:
        value[far] = _ratio(_FAR, r[far] - 5.0)
    z[outer] = xp.copysign(value, offset[outer])
    return z


def ndtri(xp: Any, p: Array) -> Array:
    """The z with Φ(z) = p, Φ the distribution function of the standard normal; float64, any shape.

    −inf at 0, +inf at 1, NaN outside [0, 1].  Relative error below 1e-15 (near p = ½, of z itself).
    """
    return _extended(xp, p - 0.5, xp.minimum(p, 1.0 - p))


def erfinv(xp: Any, x: Array) -> Array:
    """The y with erf(y) = x: erf⁻¹(x) = Φ⁻¹((1 + x)/2) / √2; float64, any shape.

    ∓inf at ∓1, NaN outside [−1, 1].  Relative error below 1e-15.
    """
    return _extended(xp, x * 0.5, 0.5 - 0.5 * xp.abs(x)) * math.sqrt(0.5)


def _extended(xp: Any, offset: Array, tail: Array) -> Array:
    inside = tail > 0.0
    z = quantile_of_offset(xp, xp.where(inside, offset, 0.0).ravel(), xp.where(inside, tail, 0.5).ravel())
    edge = xp.where(tail == 0.0, xp.copysign(math.inf, offset), math.nan)
    return xp.where(inside, z.reshape(offset.shape), edge)


def _horner(coefficients: tuple[float, ...], x: Array) -> Array:
    value = x * coefficients[0]
    value += coefficients[1]
    for coefficient in coefficients[2:]:
        value *= x
        value += coefficient
    return value


def _ratio(pair: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    value = _horner(pair[0], x)
    value /= _horner(pair[1], x)
    return value
