"""The logarithm of the gamma function and its derivatives, in NumPy's own operations.

ln Γ(1 + y) = y·A(y) on [−½, 0],   y·(y − 1)·B(y − ½) on [0, 1];
ln Γ(x) = ln Γ(1 + x) − ln|x| for |x| < ½,
          ln((x − 1)(x − 2)…(x − k)) + y·C(y) below 8, with y = x − k − 2 in [0, 1),
          (x − ½)·(ln x − 1) + ½·ln 2π − ½ + D(1/x²)/x beyond,
          ln(π / |x·sin πx|) − ln Γ(−x) below −½, with ln|sin πx| = ln(π|r|) + r²·E(r²), r = x less the nearest integer;
ψ(1 + y) = (y − z)·F(y − ½) for y < 1, z where it vanishes,
          ψ(x − k) + 1/(x − 1) + … + 1/(x − k) below x = 1 + y = 7, with ψ(2 + t) = G(t − ½) on [0, 1),
          ln x − 1/(2x) − H(1/x²)/x² beyond;
ψ(x) = ψ(1 − x) − π·cot πx below 0, with π·cot πr = I(r²)/r for |r| ≤ ¼ and (½ − r)·J((½ − r)²) up to ½;
ζ(s, q) = Σ 1/(q + k)ˢ, the first ten terms one by one, the others by the formula of Euler and Maclaurin.

Nothing cancels but at zeros that are no whole numbers, and at 1, at 2 and at the zero of ψ, the differences y, y − 1
and y − z are exact. A to J interpolate at Chebyshev points, with 60 digits, the quotients that the formulas define;
what they leave out is below 3e-18 of the result. Everything is computed in double precision.
"""

from __future__ import annotations

import math
from typing import Any

from lepton.backend.devices import xp
from lepton.kernels.piecewise import blocked, doubled, horner, pieces
from lepton.kernels.registry import kernel

# Highest power first.
_BELOW_ONE = (
    34.64325505271053,
    154.70688279131795,
    328.28729410124873,
    434.6681184207262,
    400.94424338043495,
    272.3316013099275,
    140.98321716071976,
    56.54861328181337,
    17.935948382223792,
    4.373963359726541,
    0.9593039555734737,
    0.044671086707468326,
    0.1164803804552857,
    -0.10981157098315052,
    0.12561649049967236,
    -0.14404439539455577,
    0.16955737702547402,
    -0.2073855461770461,
    0.2705808084997627,
    -0.40068563438596655,
    0.822467033424115,
    -0.5772156649015329,
)
_ONE_TO_TWO = (
    -7.760660152513446e-06,
    1.2140008083973407e-05,
    -8.355075869795273e-06,
    1.3186019073996835e-05,
    -2.7201673025504752e-05,
    4.30276814976503e-05,
    -6.614136022346414e-05,
    0.00010535512483785591,
    -0.0001689178215524898,
    0.00027131373861446925,
    -0.00043799307479613914,
    0.000711519067515296,
    -0.0011644145847310124,
    0.0019229163127905161,
    -0.0032120740737152814,
    0.005446457839126065,
    -0.009425622448525798,
    0.01679709863127416,
    -0.031308487501010646,
    0.06291140107456439,
    -0.14595989591430608,
    0.4831289505409809,
)
_FROM_TWO = (
    -1.4586003484400256e-08,
    1.5540880982714287e-07,
    -8.157095534193105e-07,
    2.886878253165098e-06,
    -8.029176213047633e-06,
    1.9474032684790926e-05,
    -4.434429266466537e-05,
    9.920719737440423e-05,
    -0.00022307340973614113,
    0.0005096498775058962,
    -0.0011927504708616357,
    0.0028905099092988804,
    -0.007385550994468451,
    0.020580808426093205,
    -0.06735230105315392,
    0.32246703342411276,
    0.42278433509846713,
)
_STIRLING = (
    0.005065905360081594,
    -0.0018903829938839239,
    0.0008414700852502405,
    -0.0005952365845057042,
    0.0007936507897524059,
    -0.002777777777773988,
    0.08333333333333333,
)
_SINE = (
    -0.4663842569000922,
    0.3789551394951188,
    -0.33731123053225054,
    0.010799427070790636,
    -0.1139439397714797,
    -0.0960417168690342,
    -0.11159624434764187,
    -0.12495963988012415,
    -0.14286848171848532,
    -0.16670757284855897,
    -0.20019891796834927,
    -0.2510193390014526,
    -0.3391143539952259,
    -0.5411616168555677,
    -1.6449340668482264,
)
_PSI_ONE = (
    -8.153978973309418e-05,
    0.00012230983055406747,
    -6.11554261750751e-05,
    9.173383289174792e-05,
    -0.0002178682145501451,
    0.0003268068044141764,
    -0.0004599625144612576,
    0.0006899717801166841,
    -0.001042261556504223,
    0.0015635679757533885,
    -0.002344650082351321,
    0.0035180800751066694,
    -0.00528001782089874,
    0.007927024067961237,
    -0.011908215172584002,
    0.017907248195969127,
    -0.02697579684427536,
    0.04076083394462657,
    -0.06192213327165706,
    0.09498872445283,
    -0.14840492305391761,
    0.24054248424078736,
    -0.42362742128146047,
    0.9510558760318328,
)
_PSI_TWO = (
    8.267815845287522e-08,
    -2.0687583795242883e-07,
    4.2481223325063033e-07,
    -1.0640705254157975e-06,
    2.7109965480846823e-06,
    -6.803232576993842e-06,
    1.708891125596372e-05,
    -4.3052048513574485e-05,
    0.00010882586435206692,
    -0.00027643930999581804,
    0.0007073881640957325,
    -0.0018305640355441625,
    0.004821409821419739,
    -0.013073166646180193,
    0.03731764146954176,
    -0.11810202582086309,
    0.49035775610023485,
    0.7031566406452432,
)
_PSI_FAR = (
    -0.26886136312921194,
    0.07823545304642024,
    -0.021009956001659995,
    0.007574991595408723,
    -0.0041666627675679396,
    0.003968253958426331,
    -0.00833333333332384,
    0.08333333333333333,
)
_COTANGENT = (
    -2.754510196031669,
    -1.8937505486777433,
    -2.0081651650285974,
    -2.0001287620397377,
    -2.0019992515334613,
    -2.008154542083837,
    -2.034686125614277,
    -2.1646464674142183,
    -3.2898681336964684,
    1.0,
)
_TANGENT = (
    78992902769.5862,
    -19748226324.33976,
    4011358491.8797674,
    -212139173.1108933,
    57140462.94487098,
    7246140.832979852,
    2137257.015230967,
    523262.97898140905,
    131090.9501412444,
    32767.75807399806,
    8192.017697258394,
    2048.034887415421,
    512.0794517083707,
    128.185225809952,
    32.46969701133421,
    9.869604401089358,
)
_PSI_ZERO = 0.46163214496836236  # of ψ(1 + y): the nearest number, so that y less it is exact nearby, and the rest
_PSI_ZERO_REST = -1.5522348162858677e-17
_HALF_LOG_2PI = 0.9189385332046727

# ---------------------------------------------------------------------- ln Γ


def _log_gamma_one_plus(y: Any) -> Any:
    """ln Γ(1 + y) for −½ < y < 1."""
    low = xp(y).minimum(y, 0)
    high = xp(y).maximum(y, 0)
    return low * horner(_BELOW_ONE, low) + high * ((high - 1) * horner(_ONE_TO_TWO, high - 0.5))


def _near_zero(x: Any) -> Any:
    return _log_gamma_one_plus(x) - xp(x).log(xp(x).abs(x))


def _near_one(x: Any) -> Any:
    return _log_gamma_one_plus(x - 1)


def _moderate(x: Any) -> Any:
    module = xp(x)
    product = module.ones_like(x)
    for _ in range(5):
        high = x >= 3
        x = module.where(high, x - 1, x)
        product = module.where(high, product * x, product)
    y = x - 2
    return y * horner(_FROM_TWO, y) + module.log(product)


def _stirling(x: Any) -> Any:
    inverse = 1 / x
    logarithm = xp(x).log(x)
    less_one = logarithm - 1
    product, lost = _product((x - 0.5) * 2.0**-30, less_one)  # scaled, as the halves of numbers near 1e308 overflow
    lost = xp(x).where(product < math.inf, lost * 2.0**30 + x * ((logarithm - less_one) - 1), 0)
    return product * 2.0**30 + (horner(_STIRLING, inverse * inverse) * inverse + (_HALF_LOG_2PI - 0.5) + lost)


def _log_reflection(a: Any) -> Any:
    """ln |a·sin(πa) / π|."""
    module = xp(a)
    a = module.minimum(a, 2.0**53)  # beyond, as there, all numbers are whole
    r = a - module.rint(a)
    square = r * r
    product, lost = _product(a, r)
    return module.log(module.abs(product)) + (square * horner(_SINE, square) + lost / module.where(r == 0, 1, product))


def _product(x: Any, y: Any) -> tuple[Any, Any]:
    """x·y as the rounded product and what it lost by rounding (T. J. Dekker, Numer. Math. 18 (1971) 224)."""
    product = x * y
    (x_high, x_low), (y_high, y_low) = _halves(x), _halves(y)
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def _halves(x: Any) -> tuple[Any, Any]:
    """The upper half of the digits and the lower one; products of halves are exact."""
    high = x * 134217729.0  # 2²⁷ + 1
    high = high - (high - x)
    return high, x - high


@kernel
@blocked
@doubled
def lgamma(x: Any) -> Any:
    """ln |Γ(x)|: ∞ at ±∞ and at the poles 0, −1, −2, …"""
    module = xp(x)
    negative = x < -0.5
    a = module.where(negative, -x, x)
    out = pieces(a, (a < 0.5, _near_zero), (a < 2, _near_one), (a < 8, _moderate), (None, _stirling))
    places = module.flatnonzero(negative & (x > -math.inf))
    if places.size:
        flat = out.reshape(-1)
        finite = module.minimum(flat[places], 1e308)  # at the poles it is taken away from ∞
        flat[places] = -_log_reflection(a.reshape(-1)[places]) - finite
    return out


# ---------------------------------------------------------------------- ψ


def _psi_near(y: Any) -> Any:
    return ((y - _PSI_ZERO) - _PSI_ZERO_REST) * horner(_PSI_ONE, y - 0.5)


def _psi_moderate(y: Any) -> Any:
    module = xp(y)
    total = module.zeros_like(y)
    for _ in range(4):
        high = y >= 2
        total = module.where(high, total + 1 / y, total)
        y = module.where(high, y - 1, y)
    return horner(_PSI_TWO, y - 1.5) + total


def _psi_far(y: Any) -> Any:
    x = 1 + y
    inverse = 1 / x
    return xp(x).log(x) - inverse * (0.5 + inverse * horner(_PSI_FAR, inverse * inverse))


def _pi_cotangent(a: Any) -> Any:
    """π·cot πa; nan at the integers, where ψ has its poles."""
    module = xp(a)
    r = a - module.rint(a)
    steep = module.abs(r) > 0.25
    near = module.where(steep | (r == 0), 0.25, r)
    far = module.copysign(0.5 - module.abs(r), r)
    value = module.where(steep, far * horner(_TANGENT, far * far), horner(_COTANGENT, near * near) / near)
    return module.where(r == 0, math.nan, value)


@kernel
@blocked
@doubled
def digamma(x: Any) -> Any:
    """ψ(x), the derivative of ln Γ(x): ∓∞ at ±0, nan at the other poles −1, −2, … and at −∞."""
    module = xp(x)
    low = x < 1
    y = module.where(low, module.abs(x), x - 1)
    out = pieces(y, (y < 1, _psi_near), (y < 6, _psi_moderate), (None, _psi_far))
    places = module.flatnonzero(low)
    if places.size:
        flat, at = out.reshape(-1), x.reshape(-1)[places]
        value = flat[places]
        # near 1, where 1/x is larger than the result, taking 1 and 1/x − 1 away rounds less than taking 1/x
        above = module.where(at < 0.5, value - 1 / at, (value - 1) - (1 - at) / at)
        flat[places] = module.where(at < 0, value + _pi_cotangent(-at), above)
    return out


# ---------------------------------------------------------------------- ζ

_DIRECT = 10  # terms of the series that are added one by one
_BERNOULLI = tuple(  # B₂ⱼ/(2j)! for 2j = 24, 22, …, 2
    numerator / (denominator * math.factorial(2 * j))
    for j, numerator, denominator in (
        (12, -236364091, 2730), (11, 854513, 138), (10, -174611, 330), (9, 43867, 798), (8, -3617, 510), (7, 7, 6),
        (6, -691, 2730), (5, 5, 66), (4, -1, 30), (3, 1, 42), (2, -1, 30), (1, 1, 6),
    )
)  # fmt: skip


def _zeta_positive(q: Any, s: Any) -> Any:
    """ζ(s, q) for s > 1, q > 0: Σ_{k<n} 1/(q + k)ˢ + e¹⁻ˢ/(s − 1) + e⁻ˢ·(½ + Σⱼ B₂ⱼ/(2j)!·s(s + 1)…(s + 2j − 2)/e²ʲ⁻¹).

    e = q + n. What the formula leaves out is below 1e-17 of the result for every s.
    """
    module = xp(q)
    integral = (q + _DIRECT) ** (1 - s)
    inverse = 1 / (q + _DIRECT)
    last = integral * inverse
    order = module.where(last > 0, s, 2.0)  # where the last term is 0, what it is multiplied with must not be ∞
    correction = module.zeros_like(last)
    for place, factor in enumerate(_BERNOULLI):
        j = 2 * (len(_BERNOULLI) - place)
        correction = factor + correction * ((order + j) * inverse) * ((order + (j - 1)) * inverse)
    total = last * (0.5 + correction * order * inverse) + integral / (s - 1)
    for k in range(_DIRECT - 1, -1, -1):
        total += (q + k) ** -s
    return total


def _zeta_negative(q: Any, s: Any) -> Any:
    """ζ(s, q) for q < 0 and a whole s: r⁻ˢ + ζ(s, 1 + r) ± (ζ(s, 1 − r) − ζ(s, 1 − q)), r = q less the nearest integer.

    For ζ(s, q) ± ζ(s, 1 − q) is the sum of 1/(q + k)ˢ over all integers k, which is the same for r as for q.
    """
    module = xp(q)
    r = q - module.rint(q)
    sign = 1 - 2 * module.remainder(module.minimum(s, 2.0**53), 2)  # beyond, all numbers are even
    return r**-s + _zeta_positive(1 + r, s) + sign * (_zeta_positive(1 - r, s) - _zeta_positive(1 - q, s))


@kernel
@blocked
@doubled
def zeta(q: Any, s: Any) -> Any:
    """Σ 1/(q + k)ˢ, k = 0, 1, …, of two arrays of one shape.

    ∞ at s = 1 and at the poles q = 0, −1, …; nan for s < 1, and for q < 0 unless s is whole.
    """
    module, shape = xp(q), q.shape
    q, s = q.reshape(-1), s.reshape(-1)
    out = q + s  # nan where one is
    whole, pole = s == module.floor(s), (q <= 0) & (q == module.floor(q))
    for places, formula in (
        ((s > 1) & (q > 0), _zeta_positive),
        ((s > 1) & (q < 0) & whole & ~pole, _zeta_negative),
    ):
        out[places] = formula(q[places], s[places])
    out[(s < 1) | ((q < 0) & ~whole)] = math.nan
    out[(s == 1) | (pole & ~(s < 1))] = math.inf
    return out.reshape(shape)


@kernel
@blocked
@doubled
def polygamma(x: Any, n: int) -> Any:
    """ψ⁽ⁿ⁾(x) = (−1)ⁿ⁺¹·n!·ζ(n + 1, x) for n ≥ 1."""
    factor = float(math.factorial(n)) if n <= 170 else math.inf
    return zeta(x, xp(x).full(x.shape, n + 1.0)) * (factor if n % 2 else -factor)
