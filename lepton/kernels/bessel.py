"""Modified Bessel functions of the first kind, in NumPy's own operations.

I_n(x) = (x/2)ⁿ Σ (x²/4)ᵐ / (m!·(m + n)!) for |x| < 8, whose terms are all positive, and beyond
I_n(x) = e^x·P_n(16/x − 1)/√x for n = 0 and 1, I_{n+1} = I_{n−1} − (2n/x)·I_n for the others, I_n(−x) = (−1)ⁿ·I_n(x).
P₀ and P₁ interpolate √x·e⁻ˣ·I_n(x) at Chebyshev points, with 50 digits; what they leave out is below 5e-18. Everything
is computed in double precision.
"""

from __future__ import annotations

import math
from typing import Any

from lepton.backend.devices import xp
from lepton.kernels.piecewise import blocked, doubled, horner, pieces
from lepton.kernels.registry import kernel

# Highest power first.
_BESSEL0 = (
    2.0820836482032135e-11,
    -5.905024606657288e-11,
    -1.506611406586149e-10,
    4.478918203732151e-10,
    5.122212247948473e-10,
    -1.5930354847221417e-09,
    -1.1448789713087236e-09,
    3.598536298921123e-09,
    2.1053080285486195e-09,
    -5.915560571540404e-09,
    -3.905230633577895e-09,
    7.40623505291062e-09,
    7.737147038136471e-09,
    -5.3944567358424425e-09,
    -1.3466292949663997e-08,
    -6.750552282318801e-09,
    7.566352487947343e-09,
    2.154889361751524e-08,
    3.9324376995304916e-08,
    8.872214307452439e-08,
    2.973599622452142e-07,
    1.4838475687894934e-06,
    1.1143033787545385e-05,
    0.00013621607439186705,
    0.0033605519836678944,
    0.4021765094450081,
)
_BESSEL1 = (
    -1.967708391975114e-11,
    6.135932811596936e-11,
    1.417650881948075e-10,
    -4.6561598146771135e-10,
    -4.798751640637794e-10,
    1.6577647043367288e-09,
    1.071552879840219e-09,
    -3.753443394457326e-09,
    -1.992076566779614e-09,
    6.2029841195400054e-09,
    3.803814970715143e-09,
    -7.863004701529868e-09,
    -7.816968271265692e-09,
    5.963645799776436e-09,
    1.4088520753358902e-08,
    6.737493432946199e-09,
    -8.438800906079139e-09,
    -2.3374467872352206e-08,
    -4.3127789201645355e-08,
    -1.0001282610190059e-07,
    -3.483856740122992e-07,
    -1.8349101357991555e-06,
    -1.5038547197358572e-05,
    -0.00021923576383382282,
    -0.009749577193235768,
    0.38939845902587233,
)
_TERMS = 25  # of the series: the next one is below 1e-19 of the sum
_FAR = 1000.0  # e^x is ∞ beyond


def _near(x: Any, order: int) -> Any:
    """I_n(x) for |x| < 8."""
    factors = tuple(1 / (math.factorial(m) * math.factorial(m + order)) for m in reversed(range(_TERMS)))
    half = x * 0.5
    return horner(factors, half * half) * half**order


def _far(a: Any, order: int) -> Any:
    """e^−a·I_n(a) for a ≥ 8."""
    root = xp(a).sqrt(a)
    inverse = 1 / a
    value, following = [horner(each, inverse * 16 - 1) / root for each in (_BESSEL0, _BESSEL1)]
    for n in range(1, order + 1):
        value, following = following, value - (2 * n) * inverse * following
    return value


@kernel
@blocked
@doubled
def bessel_i(x: Any, order: int, scaled: bool) -> Any:
    """I_n(x) of order n ≥ 0, or e^−|x|·I_n(x)."""
    module = xp(x)

    def near(z: Any) -> Any:
        return _near(z, order) * module.exp(-module.abs(z)) if scaled else _near(z, order)

    def far(z: Any) -> Any:
        a = module.abs(z) if scaled else module.minimum(module.abs(z), _FAR)
        value = _far(a, order)
        if not scaled:  # in two steps, as e^x overflows before e^x/√x does
            growth = module.exp(a * 0.5)
            value = growth * value * growth
        return module.copysign(value, z) if order % 2 else value

    return pieces(x, (module.abs(x) < 8, near), (None, far))
