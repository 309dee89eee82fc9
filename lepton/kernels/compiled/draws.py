"""Random words inside compiled loops, and the masks of dropout that are made of them.

The words are those of ``lepton.backend.random``: Philox 4×64-10 (Salmon, Moraes, Dror and Shaw, *Parallel random
numbers: as easy as 1, 2, 3*, 2011), each a function of key and counter, so that any thread can make any part of a draw.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from lepton.backend.random import Piece
from lepton.kernels.compiled.loops import inner, parallel

u8 = np.uint64
FIRST, SECOND = u8(0xD2E7470EE14C6C93), u8(0xCA5A826395121157)  # multipliers
BUMP_0, BUMP_1 = u8(0x9E3779B97F4A7C15), u8(0xBB67AE8584CAA73B)  # what the keys grow by
HALVES = 8  # 32-bit halves in a block of four words
ROWS = 1 << 11  # blocks that a thread makes at a time


@intrinsic
def _high(context: Any, x: Any, y: Any) -> Any:
    """The upper half of the 128 bits of x·y."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        a, b = [builder.zext(each, wide) for each in arguments]
        return builder.trunc(builder.lshr(builder.mul(a, b), ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@inner()
def block(key_0: Any, key_1: Any, counter: Any) -> Any:
    """The four words of the block with this number."""
    a, b, c, d = counter, u8(0), u8(0), u8(0)
    for _ in range(10):
        a, b, c, d = _high(SECOND, c) ^ b ^ key_0, SECOND * c, _high(FIRST, a) ^ d ^ key_1, FIRST * a
        key_0 += BUMP_0
        key_1 += BUMP_1
    return a, b, c, d


@inner()
def keep_run(key_0: Any, key_1: Any, counter: Any, start: int, threshold: Any, out: Any, value: Any) -> None:
    """out[i] ← ``value`` where half word start + i of the draw is below the threshold, else 0."""
    number, skip = start // HALVES, start % HALVES
    zero = out.dtype.type(0)
    place = -skip
    while place < out.size:
        words = block(key_0, key_1, counter + u8(number))
        for half in range(HALVES):
            i = place + half
            if 0 <= i < out.size:
                word = words[half // 2]
                bits = word >> u8(32) if half % 2 else word & u8(0xFFFFFFFF)
                out[i] = value if bits < threshold else zero
        place += HALVES
        number += 1


@parallel("void(u8, u8, u8, i8, u8, u1[::1])")
def _keep(key_0: Any, key_1: Any, counter: Any, start: int, threshold: Any, out: Any) -> None:
    each = ROWS * HALVES
    for part in prange((out.size + each - 1) // each):
        here = out[part * each : (part + 1) * each]
        keep_run(key_0, key_1, counter, start + part * each, threshold, here, np.uint8(1))


def place_of(draw: Piece) -> tuple[Any, Any, Any, int]:
    """The key, the counter and the start of a draw, as the loops take them."""
    return u8(draw.key[0]), u8(draw.key[1]), u8(draw.counter), draw.start


def threshold_of(keep: float) -> Any:
    """The half words below this are as many as ``keep`` says."""
    return u8(round(keep * 2**32))


def keep_mask(like: Any, shape: tuple[int, ...], keep: float, draw: Piece) -> Any:
    """True with probability ``keep``."""
    out = np.empty(math.prod(shape), np.bool_)
    _keep(*place_of(draw), threshold_of(keep), out.view(np.uint8))
    return out.reshape(shape)


@parallel("void(X[::1], b1[::1], X, X[::1])")
def _dropout(x: Any, mask: Any, scale: Any, out: Any) -> None:
    zero = x.dtype.type(0)
    for i in prange(x.size):
        out[i] = x[i] * scale if mask[i] else zero


def dropout(x: Any, mask: Any, scale: float) -> Any:
    """s·x where the mask is true, else 0."""
    if x.dtype.char not in "fd" or x.shape != mask.shape or not (x.flags.c_contiguous and mask.flags.c_contiguous):
        return NotImplemented
    out = np.empty_like(x)
    _dropout(x.reshape(-1), mask.reshape(-1), x.dtype.type(scale), out.reshape(-1))
    return out
