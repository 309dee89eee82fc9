"""Special functions in NumPy's own operations: the error function, the normal distribution function, their relatives.

erf x = x·P(x²) for |x| < 1 (¾ where the result is 1 less it), and beyond, with a = |x| and t = (a − k) / (a + k),
erfc a = e^−a²·Q(t) / (a + k), erf a = 1 − erfc a, erf(−a) = −erf a, erfc(−a) = 2 − erfc a.
P and Q interpolate erf(x)/x and e^a²·erfc(a)·(a + k) at Chebyshev points, with 60 digits; what they leave out is
below 3e-18 in double and 5e-9 in single precision. (The form with t is Schonfelder's, Math. Comp. 32 (1978) 1232.)

Derivatives far out are differences of nearly equal numbers, so what is left of these has a form of its own:
1/√π − a·e^a²·erfc a = R(t) / (a + k)², with R made as Q was.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lepton.backend import _normal_quantile
from lepton.backend.devices import xp
from lepton.kernels.piecewise import blocked, doubled, horner, pieces, widened
from lepton.kernels.registry import fast_kernel, kernel
from lepton.kernels.selection import choose

# Highest power first.
ERF_NEAR_64 = (
    5.957176147748911e-11,
    -1.1372848856791674e-09,
    1.4659775274047436e-08,
    -1.6350312701054695e-07,
    1.6461000484121368e-06,
    -1.4925595266831182e-05,
    0.0001205533111164271,
    -0.000854832698083379,
    0.0052239776248180145,
    -0.026866170645076792,
    0.11283791670954879,
    -0.3761263890318375,
    1.1283791670955126,
)
_LARGE_64 = (
    3.859452333553094e-09,
    -1.3618321252717765e-08,
    -6.978120596341796e-09,
    6.25838866053695e-08,
    4.778457067025239e-08,
    -2.444054596762013e-07,
    -4.0675683033766853e-07,
    1.0045406162027598e-06,
    2.7642182288650974e-06,
    -4.751105466123108e-06,
    -1.7470125829626087e-05,
    3.0398580490509904e-05,
    0.00010756139536246866,
    -0.00027677790732102183,
    -0.000548309680893475,
    0.0030340620067576276,
    -0.0012124166279132652,
    -0.026827234624762445,
    0.11952776128731206,
    -0.31046726190056084,
    0.5902283571041016,
    -0.8833944531698836,
    1.0740069070883398,
)
ERF_NEAR_32 = (
    7.875875062685488e-05,
    -0.000801686428716587,
    0.005189087423433974,
    -0.026854212010626412,
    0.11283594715160218,
    -0.37612626666720334,
    1.1283791658483509,
)
_LARGE_32 = (
    -0.00043644576486841734,
    -0.0008509891852115594,
    0.003006188661575788,
    0.006487697349801751,
    -0.021499005019373827,
    -0.036443142428836416,
    0.2794715368641585,
    -0.6871606649721675,
    1.021582709550067,
)

_REST_64 = (
    -1.0609944389399048e-08,
    5.5219165498456744e-08,
    -5.3700571753888146e-08,
    -1.6210701377145964e-07,
    1.8532173941484715e-07,
    5.711404684148061e-07,
    -1.6485946650653365e-07,
    -2.5340081611854304e-06,
    -1.402848882957739e-06,
    1.1255491567771241e-05,
    1.3214107054311162e-05,
    -5.260042300728782e-05,
    -8.26785440762216e-05,
    0.0002872115373229206,
    0.00042439629162371184,
    -0.0019216964845737595,
    -0.0012218930590787564,
    0.0143294867509248,
    -0.014862675217075646,
    -0.0768444539905775,
    0.3658874897800664,
    -0.8599900463757468,
    1.351043428506995,
    -1.4736228102739852,
    0.9787006801291117,
)

_JOINT = 0.75
_ERF_JOINT = 1.0


def _scaled_erfc(a: Any, k: float, large: tuple[float, ...]) -> Any:
    """e^a²·erfc a for a ≥ ¾."""
    inverse = 1 / (a + k)
    return horner(large, 1 - inverse * (2 * k)) * inverse


@fast_kernel("activation", 1 << 12)
@blocked
@widened
def erf(x: Any) -> Any:
    """(2/√π) ∫₀ˣ e^−t² dt, within 2 ULP; ±1 at ±∞."""
    module = xp(x)
    single = x.dtype.itemsize == 4
    small, large, k, far = (ERF_NEAR_32, _LARGE_32, 2.0, 10.0) if single else (ERF_NEAR_64, _LARGE_64, 3.0, 26.0)
    a = module.abs(x)
    near = module.minimum(a, _ERF_JOINT)
    outer = module.minimum(module.maximum(a, _ERF_JOINT), far)
    outer = 1 - module.exp(-(outer * outer)) * _scaled_erfc(outer, k, large)
    return choose(x * horner(small, near * near), module.copysign(outer, x), a < _ERF_JOINT)


def _gauss(a: Any, factor: float) -> Any:
    """e^(−factor·a²) for a factor of 1 or ½ and |a| ≤ 40, without the square's rounding, which a² would multiply."""
    high = a * 134217729.0  # 2²⁷ + 1: the upper half of the digits, whose square is exact
    high = high - (high - a)
    exp = xp(a).exp
    return exp(high * high * -factor) * exp((high - a) * (high + a) * factor)


@kernel
@blocked
@doubled
def erfc(x: Any) -> Any:
    """1 − erf x without its cancellation, within 6 ULP of double precision, in which it is computed."""
    module = xp(x)
    a = module.abs(x)
    near = module.minimum(a, _JOINT)
    outer = module.minimum(module.maximum(a, _JOINT), 28.0)
    tail = _gauss(outer, 1.0) * _scaled_erfc(outer, 3.0, _LARGE_64)
    tail = choose(tail, 2 - tail, x > 0)
    return choose(1 - x * horner(ERF_NEAR_64, near * near), tail, a < _JOINT)


@kernel
def erfinv(x: Any) -> Any:
    """The y with erf y = x: ±∞ at ±1, nan outside [−1, 1]; computed in double precision."""
    return _normal_quantile.erfinv(xp(x), x.astype(np.float64, copy=False)).astype(x.dtype, copy=False)


# ---------------------------------------------------------------------- e^x²·erfc x


def _erfcx_near(x: Any) -> Any:
    return xp(x).exp(x * x) * (1 - x * horner(ERF_NEAR_64, x * x))


def _erfcx_far(a: Any) -> Any:
    return _scaled_erfc(a, 3.0, _LARGE_64)


def _erfcx_growing(x: Any) -> Any:
    return 2 / _gauss(xp(x).minimum(-x, 40.0), 1.0) - _erfcx_far(-x)


@kernel
@blocked
@doubled
def erfcx(x: Any) -> Any:
    """e^x²·erfc x: 0 at ∞, ∞ at −∞."""
    return pieces(x, (xp(x).abs(x) < _JOINT, _erfcx_near), (x < 0, _erfcx_growing), (None, _erfcx_far))


def _erfcx_slope_far(a: Any) -> Any:
    inverse = 1 / (a + 3.0)
    return horner(_REST_64, 1 - inverse * 6.0) * (inverse * inverse * -2)


@kernel
@blocked
@doubled
def erfcx_slope(x: Any) -> Any:
    """The derivative of erfcx, 2x·erfcx x − 2/√π, without its cancellation for large x."""

    def low(z: Any) -> Any:
        return 2 * z * erfcx(z) - 2 / math.sqrt(math.pi)

    return pieces(x, (x < _JOINT, low), (None, _erfcx_slope_far))


# ---------------------------------------------------------------------- the normal distribution function

_ROOT_HALF = math.sqrt(0.5)
_NORMAL_JOINT = -_JOINT / _ROOT_HALF


def _tail(a: Any) -> Any:
    """Φ(−a) for a > ¾·√2."""
    return 0.5 * _gauss(xp(a).minimum(a, 40.0), 0.5) * _erfcx_far(a * _ROOT_HALF)


def _middle(x: Any) -> Any:
    return 0.5 + x * (horner(ERF_NEAR_64, x * x * 0.5) * (0.5 * _ROOT_HALF))


@kernel
@blocked
@doubled
def ndtr(x: Any) -> Any:
    """Φ(x) = erfc(−x/√2) / 2."""
    return pieces(
        x,
        (xp(x).abs(x) < -_NORMAL_JOINT, _middle),
        (x < 0, lambda z: _tail(-z)),
        (None, lambda z: 1 - _tail(z)),
    )


@kernel
@blocked
@doubled
def log_ndtr(x: Any) -> Any:
    """ln Φ(x): that of the tail apart from its factor e^−x²/2 far below 0, ln(1 − Φ(−x)) above 0."""
    module = xp(x)
    return pieces(
        x,
        (x < _NORMAL_JOINT, lambda z: module.log(_erfcx_far(-z * _ROOT_HALF) * 0.5) - z * z * 0.5),
        (x < 0, lambda z: module.log(_middle(z))),
        (None, lambda z: module.log1p(-ndtr(-z))),
    )


def _hazard_far(x: Any) -> Any:
    return math.sqrt(2 / math.pi) / _erfcx_far(-x * _ROOT_HALF)


def _hazard(x: Any) -> Any:
    return _gauss(xp(x).minimum(x, 40.0), 0.5) * (1 / math.sqrt(2 * math.pi)) / ndtr(x)


@kernel
@blocked
@doubled
def normal_hazard(x: Any) -> Any:
    """h(x) = φ(x) / Φ(x), φ = Φ′, the derivative of ln Φ."""
    return pieces(x, (x < _NORMAL_JOINT, _hazard_far), (None, _hazard))


@kernel
@blocked
@doubled
def normal_excess(x: Any) -> Any:
    """h(x) + x, without its cancellation far below 0."""

    def far(z: Any) -> Any:
        a = -z * _ROOT_HALF
        return _erfcx_slope_far(a) / (_erfcx_far(a) * (-2 * _ROOT_HALF))

    return pieces(x, (x < _NORMAL_JOINT, far), (None, lambda z: _hazard(z) + z))


@kernel
def ndtri(x: Any) -> Any:
    """The z with Φ(z) = x: ∓∞ at 0 and 1, nan outside; computed in double precision."""
    return _normal_quantile.ndtri(xp(x), x.astype(np.float64, copy=False)).astype(x.dtype, copy=False)
