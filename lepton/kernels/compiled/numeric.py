"""Functions of one number for compiled loops, without branches, so that the compiler turns loops of them into vectors.

Each is written for float32 and float64 alike and picks its constants by the argument's type. A value is the same in the
body of a loop and in its tail: nothing is left to the compiler that could round otherwise.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

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


@intrinsic
def fma(context: Any, x: Any, y: Any, z: Any) -> Any:
    """x·y + z, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        name = f"llvm.fma.{'f32' if signature.return_type == types.float32 else 'f64'}"
        function = cgutils.get_or_insert_function(builder.module, _type_of(kind), name)
        return builder.call(function, arguments)

    return x(x, x, x), generate


def _type_of(kind: Any) -> Any:
    from llvmlite import ir

    return ir.FunctionType(kind, [kind, kind, kind])


# e^r on |r| ≤ ½·log 2 is 1 + r + r²·(…): the coefficients of the bracket, highest power first; 1/k! (Taylor) in double,
# where thirteen terms are exact to the last digit, least squares in single.
_EXP_64 = tuple([1.0 / math.factorial(k) for k in range(13, 1, -1)])
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


@overload(exp, inline="always")
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
    p = fma(f4(1.9875691500e-4), r, f4(1.3981999507e-3))
    p = fma(p, r, f4(8.3334519073e-3))
    p = fma(p, r, f4(4.1665795894e-2))
    p = fma(p, r, f4(1.6666665459e-1))
    p = fma(p, r, f4(5.0000001201e-1))
    p = fma(p * r, r, r) + f4(1.0)
    power = bits32(shifted) - i4(0x4B400000)
    half = power >> i4(1)
    return p * float32_of((half + i4(127)) << i4(23)) * float32_of((power - half + i4(127)) << i4(23))


def _exp_64(x: Any) -> Any:
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
    shifted = fma(x, _LOG2_E, _ROUND_64)
    n = shifted - _ROUND_64
    r = fma(n, -_LN2_LOW_64, fma(n, -_LN2_HIGH_64, x))
    p = _EXP_64[0]
    for k in range(1, len(_EXP_64)):
        p = fma(p, r, _EXP_64[k])
    p = fma(p * r, r, r) + 1.0
    power = bits64(shifted) - i8(0x4338000000000000)
    half = power >> i8(1)
    return p * float64_of((half + i8(1023)) << i8(52)) * float64_of((power - half + i8(1023)) << i8(52))
