"""Functions of one number for compiled loops, without branches, so that the compiler turns loops of them into vectors.

Each is written for float32 and float64 alike and picks its constants by the argument's type. A value is the same in the
body of a loop and in its tail: nothing is left to the compiler that could round otherwise.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from lepton.kernels.special import ERF_NEAR_32, ERF_NEAR_64

f4, f8, i4, i8 = np.float32, np.float64, np.int32, np.int64


def _cast_of_bits(source: Any, target: Any) -> Any:
    @intrinsic
    def cast(context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return cast


bits32, float32_of = _cast_of_bits(types.float32, types.int32), _cast_of_bits(types.int32, types.float32)
bits64, float64_of = _cast_of_bits(types.float64, types.int64), _cast_of_bits(types.int64, types.float64)


def _inlined(function: Any) -> Any:
    """Let what is decorated be compiled for calls of ``function``, and be copied into every loop that calls it."""
    return overload(function, jit_options={"forceinline": True})


def _fma(builder: Any, x: Any, y: Any, z: Any) -> Any:
    kind = x.type
    name = f"llvm.fma.{'f32' if isinstance(kind, ir.FloatType) else 'f64'}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
    return builder.call(function, [x, y, z])


@intrinsic
def fma(context: Any, x: Any, y: Any, z: Any) -> Any:
    """x·y + z, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _fma(builder, *arguments)

    return x(x, x, x), generate


def polynomial(*coefficients: float) -> Any:
    """The polynomial with these coefficients, highest power first, for compiled loops: one line of ``fma`` (Horner)."""

    @intrinsic
    def evaluate(context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            value = ir.Constant(arguments[0].type, coefficients[0])
            for each in coefficients[1:]:
                value = _fma(builder, value, arguments[0], ir.Constant(arguments[0].type, each))
            return value

        return x(x), generate

    return evaluate


# e^r on |r| ≤ ½·log 2 is 1 + r + r²·(…): the coefficients of the bracket, highest power first; 1/k! (Taylor) in double,
# where thirteen terms are exact to the last digit, least squares in single.
_rest_of_exp_64 = polynomial(*[1.0 / math.factorial(k) for k in range(13, 1, -1)])
_rest_of_exp_32 = polynomial(
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1
)
_LOG2_E = math.log2(math.e)
_LN2_HIGH_64, _LN2_LOW_64 = 0.6931471803691238, 1.9082149292705877e-10
_LN2_HIGH_32, _LN2_LOW_32 = 0.693359375, -2.12194440e-4
_ROUND_32, _ROUND_64 = 12582912.0, 6755399441055744.0  # 1.5·2^23 and 1.5·2^52: adding them rounds to an integer


def exp(x: float) -> float:
    """eˣ inside compiled loops, at most 1 ULP off; nan for nan, 0 and ∞ beyond the range.

    e^x = 2^n·e^r with n = round(x/log 2), r = x − n·log 2 (in two parts), and a polynomial for e^r (J.-M. Muller,
    *Elementary Functions*, 3rd edition, section 11.4). 2^n is multiplied in two halves, so that
    subnormal results are rounded once.
    """
    raise NotImplementedError("exp is for compiled loops; elsewhere there is NumPy's")


@_inlined(exp)
def _exp(x: Any) -> Any:
    if x == types.float32:
        return _exp_32
    return _exp_64


def _exp_32(x: Any) -> Any:
    x = f4(89.0) if x > f4(89.0) else x
    x = f4(-104.0) if x < f4(-104.0) else x
    shifted = fma(x, f4(_LOG2_E), f4(_ROUND_32))
    n = shifted - f4(_ROUND_32)
    r = fma(n, f4(-_LN2_LOW_32), fma(n, f4(-_LN2_HIGH_32), x))
    p = fma(_rest_of_exp_32(r) * r, r, r) + f4(1.0)
    power = bits32(shifted) - i4(0x4B400000)
    half = power >> i4(1)
    return p * float32_of((half + i4(127)) << i4(23)) * float32_of((power - half + i4(127)) << i4(23))


def _exp_64(x: Any) -> Any:
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
    shifted = fma(x, _LOG2_E, _ROUND_64)
    n = shifted - _ROUND_64
    r = fma(n, -_LN2_LOW_64, fma(n, -_LN2_HIGH_64, x))
    p = fma(_rest_of_exp_64(r) * r, r, r) + 1.0
    power = bits64(shifted) - i8(0x4338000000000000)
    half = power >> i8(1)
    return p * float64_of((half + i8(1023)) << i8(52)) * float64_of((power - half + i8(1023)) << i8(52))


# ---------------------------------------------------------------------- hyperbolic tangent, logistic function


@intrinsic
def _signed_as(context: Any, magnitude: Any, x: Any) -> Any:
    """``magnitude``, not negative, with the sign of ``x``, that of zero too."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        name = f"llvm.copysign.{'f32' if signature.return_type == types.float32 else 'f64'}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 2), name)
        return builder.call(function, arguments)

    return x(x, x), generate


def expm1(x: float) -> float:
    """eˣ − 1 inside compiled loops for 0 ≤ x ≤ 80, at most 2 ULP off; nan for nan.

    With n and r as in :func:`exp`, 2^n·(e^r − 1) + (2^n − 1), of which the last is exact.
    """
    raise NotImplementedError("expm1 is for compiled loops; elsewhere there is NumPy's")


@_inlined(expm1)
def _expm1(x: Any) -> Any:
    return _expm1_32 if x == types.float32 else _expm1_64


def _expm1_32(x: Any) -> Any:
    shifted = fma(x, f4(_LOG2_E), f4(_ROUND_32))
    n = shifted - f4(_ROUND_32)
    r = fma(n, f4(-_LN2_LOW_32), fma(n, f4(-_LN2_HIGH_32), x))
    power = float32_of((bits32(shifted) - i4(0x4B400000) + i4(127)) << i4(23))
    return fma(power, fma(_rest_of_exp_32(r) * r, r, r), power - f4(1.0))


def _expm1_64(x: Any) -> Any:
    shifted = fma(x, _LOG2_E, _ROUND_64)
    n = shifted - _ROUND_64
    r = fma(n, -_LN2_LOW_64, fma(n, -_LN2_HIGH_64, x))
    power = float64_of((bits64(shifted) - i8(0x4338000000000000) + i8(1023)) << i8(52))
    return fma(power, fma(_rest_of_exp_64(r) * r, r, r), power - 1.0)


def tanh(x: float) -> float:
    """(eˣ − e⁻ˣ)/(eˣ + e⁻ˣ) inside compiled loops, as t/(t + 2) with t = e^2|x| − 1; at most 3 ULP off."""
    raise NotImplementedError("tanh is for compiled loops; elsewhere there is NumPy's")


@_inlined(tanh)
def _tanh(x: Any) -> Any:
    kind = f4 if x == types.float32 else f8

    def compute(x: Any) -> Any:
        a: Any = abs(x)
        a = kind(20.0) if a > kind(20.0) else a  # ±1 to the last digit from there on
        t = expm1(a + a)
        return _signed_as(t / (t + kind(2.0)), x)

    return compute


def sigmoid(x: float) -> float:
    """1/(1 + e^−x) inside compiled loops, as max(e^−|x|, [x ≥ 0])/(1 + e^−|x|); at most 3 ULP off."""
    raise NotImplementedError("sigmoid is for compiled loops; elsewhere there is kernels.elementwise.sigmoid")


@_inlined(sigmoid)
def _sigmoid(x: Any) -> Any:
    kind = f4 if x == types.float32 else f8

    def compute(x: Any) -> Any:
        small = exp(-abs(x))
        return (small if x < kind(0.0) else kind(1.0)) / (kind(1.0) + small)

    return compute


# ---------------------------------------------------------------------- the normal distribution function, erf, log

# e^(a²/2)·Φ(−a)·(a + k) for a ≥ √2, interpolated at Chebyshev points of t = (a − k)/(a + k) with 40 digits:
# Φ(−a) is 5e-9 off in single precision, where k is 3, and 2e-18 in double, where it is 5.
_far_32 = polynomial(
    -0.0007748487600537712, 0.0005422207453650325, 0.007067742479325414, -0.010371210251106409, -0.04728673068260714,
    0.23001231682925377, -0.5093310933171533, 0.7290837532987746,
)  # fmt: skip
_far_64 = polynomial(
    1.7505628186346165e-08, -7.820399062216203e-08, 1.559687240858884e-08, 4.566461883353139e-07,
    -3.276015019444796e-07, -2.7831153540951147e-06, 3.980441684771191e-06, 1.668528997436436e-05,
    -4.976323894121399e-05, -5.937639324471956e-05, 0.0005448991727452389, -0.0007978693380329895,
    -0.0029933767808075326, 0.020795066797039193, -0.0691186387059445, 0.16502036617044077, -0.3135331566713054,
    0.49530561596997624, -0.6653825028900567, 0.769193049750063,
)  # fmt: skip
_near_32, _near_64 = polynomial(*ERF_NEAR_32), polynomial(*ERF_NEAR_64)


def normal_tail(a: float) -> float:
    """Φ(−a), Φ the normal distribution function, in compiled loops for a ≥ √2: within 0.3 units of ½'s last digit."""
    raise NotImplementedError("normal_tail is for compiled loops; elsewhere there is kernels.special.ndtr")


@_inlined(normal_tail)
def _normal_tail(a: Any) -> Any:
    kind, k, far = (f4, f4(3.0), _far_32) if a == types.float32 else (f8, f8(5.0), _far_64)

    def compute(a: Any) -> Any:
        inverse = kind(1.0) / (a + k)
        tail = exp(a * a * kind(-0.5)) * (far((a - k) * inverse) * inverse)
        return kind(0.0) if a > kind(10.0) else tail  # where ½ − Φ(−a) has been ½ for long

    return compute


def normal_below(x: float) -> float:
    """Φ(x), the normal distribution function, inside compiled loops: at most 1.5 units of ½'s last place off.

    ½ + (x/√2)·P(x²/2)/2 for |x| < √2, with the P of :func:`erf`; beyond, :func:`normal_tail`.
    """
    raise NotImplementedError("normal_below is for compiled loops; elsewhere there is kernels.special.ndtr")


@_inlined(normal_below)
def _normal_below(x: Any) -> Any:
    kind, near = (f4, _near_32) if x == types.float32 else (f8, _near_64)
    slope = kind(math.sqrt(0.125))

    def compute(x: Any) -> Any:
        half_square = x * x * kind(0.5)
        tail = normal_tail(abs(x))
        outer = tail if x < kind(0.0) else kind(1.0) - tail
        return fma(x * slope, near(half_square), kind(0.5)) if half_square < kind(1.0) else outer

    return compute


def gelu(x: float) -> float:
    """x·Φ(x) inside compiled loops, for |x| < √2 as x/2 + x·(Φ(x) − ½): within 2.5 units of the last place of x/2."""
    raise NotImplementedError("gelu is for compiled loops; elsewhere there is kernels.elementwise.gelu")


@_inlined(gelu)
def _gelu(x: Any) -> Any:
    kind, near = (f4, _near_32) if x == types.float32 else (f8, _near_64)
    slope = kind(math.sqrt(0.125))

    def compute(x: Any) -> Any:
        half_square = x * x * kind(0.5)
        tail = normal_tail(abs(x))
        outer = tail if x < kind(0.0) else kind(1.0) - tail
        inner = fma(x * x * slope, near(half_square), x * kind(0.5))
        return inner if half_square < kind(1.0) else x * outer

    return compute


def erf(x: float) -> float:
    """(2/√π)·∫₀ˣ e^−t² dt inside compiled loops: x·P(x²) for |x| < 1, else ±(1 − 2·Φ(−√2·|x|)); at most 3 ULP off."""
    raise NotImplementedError("erf is for compiled loops; elsewhere there is kernels.special.erf")


@_inlined(erf)
def _erf(x: Any) -> Any:
    kind, near = (f4, _near_32) if x == types.float32 else (f8, _near_64)
    root = kind(math.sqrt(2.0))

    def compute(x: Any) -> Any:
        square = x * x
        outer = fma(kind(-2.0), normal_tail(abs(x) * root), kind(1.0))
        return x * near(square) if square < kind(1.0) else _signed_as(outer, x)

    return compute


# log(1 + f) = f − f²/2 + s·(f²/2 + z·(…)) with s = f/(2 + f), z = s²: the coefficients of the bracket, highest power
# first, from Sun's fdlibm (e_log.c, e_logf.c), which bounds the error by 1 ULP.
_rest_of_log_32 = polynomial(0.24279078841, 0.28498786688, 0.40000972152, 0.66666662693)
_rest_of_log_64 = polynomial(
    1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
    2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01,
)  # fmt: skip
_LOG_2_32 = 0.693138122559, 9.05800061445e-6
_LOG_2_64 = 6.93147180369123816e-1, 1.90821492927058770e-10


def log(x: float) -> float:
    """ln x inside compiled loops, at most 1 ULP off: −∞ for 0, nan below.

    x = 2^n·(1 + f) with √½ ≤ 1 + f < √2, and log x = n·log 2 + log(1 + f).
    """
    raise NotImplementedError("log is for compiled loops; elsewhere there is NumPy's")


@_inlined(log)
def _log(x: Any) -> Any:
    single = x == types.float32
    kind, whole = (f4, i4) if single else (f8, i8)
    least, lift, lifted = (f4(2.0**-126), f4(2.0**24), i4(24)) if single else (f8(2.0**-1022), f8(2.0**54), i8(54))
    digits, half_root = (i4(23), i4(0x3F3504F3)) if single else (i8(52), i8(0x3FE6A09E667F3BCD))
    high, low = [kind(each) for each in (_LOG_2_32 if single else _LOG_2_64)]
    rest = _rest_of_log_32 if single else _rest_of_log_64
    bits, real = (bits32, float32_of) if single else (bits64, float64_of)

    def compute(x: Any) -> Any:
        tiny = x < least
        shifted = bits(x * lift if tiny else x) - half_root
        n = kind((shifted >> digits) - (lifted if tiny else whole(0)))
        f = real(shifted - ((shifted >> digits) << digits) + half_root) - kind(1.0)
        s = f / (kind(2.0) + f)
        z = s * s
        half = kind(0.5) * f * f
        found = fma(n, high, f - (half - fma(s, half + rest(z) * z, n * low)))
        found = x if not x < kind(math.inf) else found
        found = kind(-math.inf) if x == kind(0.0) else found
        return kind(math.nan) if x < kind(0.0) else found

    return compute


# ---------------------------------------------------------------------- rows


def ordered(x: float) -> int:
    """An integer for each number inside compiled loops, in the same order, nan above ∞ (or, negative, below −∞).

    The largest of many numbers is sought among these: the compiler makes vectors of that, which it may not do where
    numbers do not compare. It is its own inverse on the bits; see :func:`unordered`.
    """
    raise NotImplementedError("ordered is for compiled loops")


@_inlined(ordered)
def _ordered(x: Any) -> Any:
    return _ordered_32 if x == types.float32 else _ordered_64


def _ordered_32(x: Any) -> Any:
    return i4(bits32(x) ^ ((bits32(x) >> 31) & 0x7FFFFFFF))


def _ordered_64(x: Any) -> Any:
    return bits64(x) ^ ((bits64(x) >> 63) & 0x7FFFFFFFFFFFFFFF)


def unordered(k: int) -> float:
    """The number for which :func:`ordered` gives ``k``."""
    raise NotImplementedError("unordered is for compiled loops")


@_inlined(unordered)
def _unordered(k: Any) -> Any:
    return _unordered_32 if k == types.int32 else _unordered_64


def _unordered_32(k: Any) -> Any:
    return float32_of(i4(k ^ ((k >> 31) & 0x7FFFFFFF)))


def _unordered_64(k: Any) -> Any:
    return float64_of(k ^ ((k >> 63) & 0x7FFFFFFFFFFFFFFF))
