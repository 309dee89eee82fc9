"""One step of an optimizer on many parameters: one pass over memory, blocks of all parameters in one parallel loop.

Each element is computed in the reference's order of operations, each of them rounded as there, so that the results are
the reference's to the bit.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import numpy as np
from numba import prange

from lepton.kernels.compiled import addresses
from lepton.kernels.compiled.addresses import KIND, REFUSED, block_of, ends_of, part_of
from lepton.kernels.compiled.loops import inner, parallel

BLOCK = 1 << 13  # elements that a thread steps at a time
GRADIENT = 1  # its place in a row: it is only read

_ARGUMENTS = "void(X[::1], i8[:, ::1], f8[:, ::1])"  # an empty array of the type, the addresses, the rows' settings


def step_each(rule: str, rows: list[Any], settings: list[Any]) -> list[int]:
    """Step all rows of arrays by a rule of :mod:`lepton.kernels.optimizer`; the numbers of those that it does not take.

    Args:
        rows: for each parameter what the rule takes of arrays, None for one that is not there.
        settings: for each parameter the numbers that follow.
    """
    loop = _RULES.get(rule)
    if loop is None or not addresses.readable():
        return list(range(len(rows)))
    table = addresses.table_of(rows)
    width = len(settings[0])
    numbers = np.fromiter(chain.from_iterable(settings), np.float64, len(rows) * width).reshape(len(rows), width)
    for like in addresses.surveyed(table, BLOCK, GRADIENT):
        loop(like, table, numbers)
    return [] if table[:, KIND].all() else np.flatnonzero(table[:, KIND] == REFUSED).tolist()


@inner()
def _followed(gradient: Any, parameter: Any, weight_decay: Any, maximize: bool) -> Any:
    """g = ±∇ + λ·θ."""
    g = -gradient if maximize else gradient
    return g if weight_decay == 0 else g + weight_decay * parameter


@inner()
def _approached(average: Any, target: Any, weight: Any, rest: Any) -> Any:
    """average + weight·(target − average), exact where the weight is 1; ``rest`` is 1 − weight."""
    difference = target - average
    return average + weight * difference if weight < 0.5 else target - rest * difference


@inner()
def _larger(x: Any, y: Any) -> Any:
    """max(x, y); nan if one of them is."""
    return x if x >= y or x != x else y


# ---------------------------------------------------------------------- the rules


@parallel(_ARGUMENTS)
def _sgd(like: Any, table: Any, settings: Any) -> None:
    real = like.dtype.type
    for number in prange(table[-1, ends_of(like)]):
        row, here = block_of(table, number, BLOCK, like)
        lr, momentum, dampening, weight_decay, nesterov, maximize = settings[row]
        p, g, b = part_of(here, 0), part_of(here, 1), part_of(here, 2)
        rate, kept, new, decay = real(lr), real(momentum), real(1.0 - dampening), real(weight_decay)
        if b.size == 0:
            for i in range(p.size):
                p[i] -= rate * _followed(g[i], p[i], decay, maximize != 0)
        else:
            for i in range(p.size):
                followed = _followed(g[i], p[i], decay, maximize != 0)
                b[i] = b[i] * kept + new * followed
                p[i] -= rate * (followed + kept * b[i] if nesterov != 0 else b[i])


@inner()
def _moments(p: Any, g: Any, m: Any, v: Any, betas: Any, decay: float, shrink: float, up: bool) -> None:
    """What Adam and its kin begin with: θ times ``shrink``, unless that is 0; then m and v."""
    real = p.dtype.type
    beta1, beta2 = betas
    weight, rest, kept, new = real(1.0 - beta1), real(1.0 - (1.0 - beta1)), real(beta2), real(1.0 - beta2)
    decayed, shrunk = real(decay), real(shrink)
    for i in range(p.size):
        parameter = p[i] * shrunk if shrunk != 0 else p[i]
        followed = _followed(g[i], parameter, decayed, up)
        p[i] = parameter
        m[i] = _approached(m[i], followed, weight, rest)
        v[i] = v[i] * kept + new * followed * followed


@inner()
def _decay(lr: float, weight_decay: float, decoupled: float) -> tuple[float, float]:
    """The weight decay that goes into the gradient, and what the parameter is multiplied by, 0 for nothing."""
    if decoupled != 0 and weight_decay != 0:
        return 0.0, 1.0 - lr * weight_decay
    return weight_decay, 0.0


@parallel(_ARGUMENTS)
def _adam(like: Any, table: Any, settings: Any) -> None:
    real = like.dtype.type
    for number in prange(table[-1, ends_of(like)]):
        row, here = block_of(table, number, BLOCK, like)
        step, lr, beta1, beta2, eps, weight_decay, decoupled, maximize = settings[row]
        p, g, m, v, largest = part_of(here, 0), part_of(here, 1), part_of(here, 2), part_of(here, 3), part_of(here, 4)
        decay, shrink = _decay(lr, weight_decay, decoupled)
        decayed, shrunk, up = real(decay), real(shrink), maximize != 0
        weight, rest, kept, new = real(1.0 - beta1), real(1.0 - (1.0 - beta1)), real(beta2), real(1.0 - beta2)
        correction, small = real(1.0 / (1.0 - beta2**step) ** 0.5), real(eps)
        rate = real(lr / (1.0 - beta1**step))
        if largest.size == 0:
            for i in range(p.size):
                parameter = p[i] * shrunk if shrunk != 0 else p[i]
                followed = _followed(g[i], parameter, decayed, up)
                m[i] = first = _approached(m[i], followed, weight, rest)
                v[i] = second = v[i] * kept + new * followed * followed
                p[i] = parameter - first / (math.sqrt(second) * correction + small) * rate
        else:
            _moments(p, g, m, v, (beta1, beta2), decay, shrink, up)
            for i in range(p.size):
                largest[i] = _larger(largest[i], v[i])
            for i in range(p.size):
                p[i] -= m[i] / (math.sqrt(largest[i]) * correction + small) * rate


@parallel(_ARGUMENTS)
def _adamax(like: Any, table: Any, settings: Any) -> None:
    real = like.dtype.type
    for number in prange(table[-1, ends_of(like)]):
        row, here = block_of(table, number, BLOCK, like)
        step, lr, beta1, beta2, eps, weight_decay, maximize = settings[row]
        p, g, m, u = part_of(here, 0), part_of(here, 1), part_of(here, 2), part_of(here, 3)
        weight, rest, kept = real(1.0 - beta1), real(1.0 - (1.0 - beta1)), real(beta2)
        decay, small, rate = real(weight_decay), real(eps), real(lr / (1.0 - beta1**step))
        for i in range(p.size):
            followed = _followed(g[i], p[i], decay, maximize != 0)
            m[i] = _approached(m[i], followed, weight, rest)
            u[i] = _larger(u[i] * kept, abs(followed) + small)
            p[i] -= m[i] / u[i] * rate


@parallel(_ARGUMENTS)
def _nadam(like: Any, table: Any, settings: Any) -> None:
    real = like.dtype.type
    for number in prange(table[-1, ends_of(like)]):
        row, here = block_of(table, number, BLOCK, like)
        step, mu, after, product, lr, beta1, beta2, eps, weight_decay, decoupled, maximize = settings[row]
        p, g, m, v = part_of(here, 0), part_of(here, 1), part_of(here, 2), part_of(here, 3)
        decay, shrink = _decay(lr, weight_decay, decoupled)
        for_g, for_m = real(lr * (1.0 - mu) / (1.0 - product)), real(lr * after / (1.0 - product * after))
        correction, small, decayed, up = real(1.0 - beta2**step), real(eps), real(decay), maximize != 0
        shrunk = real(shrink)
        weight, rest, kept, new = real(1.0 - beta1), real(1.0 - (1.0 - beta1)), real(beta2), real(1.0 - beta2)
        for i in range(p.size):
            parameter = p[i] * shrunk if shrunk != 0 else p[i]
            followed = _followed(g[i], parameter, decayed, up)
            m[i] = _approached(m[i], followed, weight, rest)
            v[i] = v[i] * kept + new * followed * followed
            denominator = math.sqrt(v[i] / correction) + small
            p[i] = parameter - for_g * followed / denominator - for_m * m[i] / denominator


@parallel(_ARGUMENTS)
def _radam(like: Any, table: Any, settings: Any) -> None:
    real = like.dtype.type
    for number in prange(table[-1, ends_of(like)]):
        row, here = block_of(table, number, BLOCK, like)
        step, lr, beta1, beta2, eps, weight_decay, decoupled, maximize = settings[row]
        p, g, m, v = part_of(here, 0), part_of(here, 1), part_of(here, 2), part_of(here, 3)
        decay, shrink = _decay(lr, weight_decay, decoupled)
        decayed, shrunk, up = real(decay), real(shrink), maximize != 0
        weight, rest, kept, new = real(1.0 - beta1), real(1.0 - (1.0 - beta1)), real(beta2), real(1.0 - beta2)
        correction, small, rate, one = real(1.0 - beta1**step), real(eps), real(lr), real(1)
        length, factor = _rectified(step, beta2)
        rectified, adaptive = real(factor), length > 5.0
        for i in range(p.size):
            parameter = p[i] * shrunk if shrunk != 0 else p[i]
            followed = _followed(g[i], parameter, decayed, up)
            m[i] = first = _approached(m[i], followed, weight, rest)
            v[i] = second = v[i] * kept + new * followed * followed
            change = first / correction * rectified / (math.sqrt(second) + small if adaptive else one)
            p[i] = parameter - change * rate


@inner()
def _rectified(step: float, beta2: float) -> tuple[float, float]:
    """RAdam's ρ, and the factor of its step: 1 where ρ is too small."""
    correction = 1.0 - beta2**step
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * step * beta2**step / correction
    if not length > 5.0:
        return length, 1.0
    ratio = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
    return length, ratio**0.5 * correction**0.5


@parallel(_ARGUMENTS)
def _adagrad(like: Any, table: Any, settings: Any) -> None:
    real = like.dtype.type
    for number in prange(table[-1, ends_of(like)]):
        row, here = block_of(table, number, BLOCK, like)
        lr, eps, weight_decay, maximize = settings[row]
        p, g, s = part_of(here, 0), part_of(here, 1), part_of(here, 2)
        rate, small, decay = real(lr), real(eps), real(weight_decay)
        for i in range(p.size):
            followed = _followed(g[i], p[i], decay, maximize != 0)
            s[i] += followed * followed
            p[i] -= rate * followed / (math.sqrt(s[i]) + small)


@parallel(_ARGUMENTS)
def _adadelta(like: Any, table: Any, settings: Any) -> None:
    real = like.dtype.type
    for number in prange(table[-1, ends_of(like)]):
        row, here = block_of(table, number, BLOCK, like)
        lr, rho, eps, weight_decay, maximize = settings[row]
        p, g, v, u = part_of(here, 0), part_of(here, 1), part_of(here, 2), part_of(here, 3)
        rate, kept, new, small, decay = real(lr), real(rho), real(1.0 - rho), real(eps), real(weight_decay)
        for i in range(p.size):
            followed = _followed(g[i], p[i], decay, maximize != 0)
            v[i] = v[i] * kept + new * followed * followed
            change = math.sqrt(u[i] + small) / math.sqrt(v[i] + small) * followed
            u[i] = u[i] * kept + new * change * change
            p[i] -= rate * change


@parallel(_ARGUMENTS)
def _rmsprop(like: Any, table: Any, settings: Any) -> None:
    real = like.dtype.type
    for number in prange(table[-1, ends_of(like)]):
        row, here = block_of(table, number, BLOCK, like)
        lr, alpha, eps, weight_decay, momentum, maximize = settings[row]
        p, g, v, a, b = part_of(here, 0), part_of(here, 1), part_of(here, 2), part_of(here, 3), part_of(here, 4)
        rate, kept, new, small, decay = real(lr), real(alpha), real(1.0 - alpha), real(eps), real(weight_decay)
        weight, rest, again, up = real(1.0 - alpha), real(1.0 - (1.0 - alpha)), real(momentum), maximize != 0
        if a.size == 0 and b.size == 0:
            for i in range(p.size):
                followed = _followed(g[i], p[i], decay, up)
                v[i] = second = v[i] * kept + new * followed * followed
                p[i] -= rate * (followed / (math.sqrt(second) + small))
            continue
        for i in range(p.size):
            followed = _followed(g[i], p[i], decay, up)
            v[i] = v[i] * kept + new * followed * followed
        for i in range(a.size):
            a[i] = _approached(a[i], _followed(g[i], p[i], decay, up), weight, rest)
        centred = a if a.size else v
        for i in range(p.size):
            mean = centred[i] if a.size else real(0)
            change = _followed(g[i], p[i], decay, up) / (math.sqrt(v[i] - mean * mean) + small)
            if b.size:
                b[i] = change = b[i] * again + change
            p[i] -= rate * change


@parallel(_ARGUMENTS)
def _rprop(like: Any, table: Any, settings: Any) -> None:
    real = like.dtype.type
    for number in prange(table[-1, ends_of(like)]):
        row, here = block_of(table, number, BLOCK, like)
        shrinking, growing, smallest, largest, maximize = settings[row]
        p, g, previous, sizes = part_of(here, 0), part_of(here, 1), part_of(here, 2), part_of(here, 3)
        less, more, low, high, zero = real(shrinking), real(growing), real(smallest), real(largest), real(0)
        for i in range(p.size):
            followed = -g[i] if maximize != 0 else g[i]
            agreement = followed * previous[i]
            size = sizes[i]
            size = size * more if agreement > 0 else size * less if agreement < 0 else size
            size = low if size < low else size
            size = high if size > high else size
            followed = zero if agreement < 0 else followed
            sign = real(1) if followed > 0 else real(-1) if followed < 0 else followed * zero
            sizes[i] = size
            p[i] -= sign * size
            previous[i] = followed


@parallel(_ARGUMENTS)
def _asgd(like: Any, table: Any, settings: Any) -> None:
    real = like.dtype.type
    for number in prange(table[-1, ends_of(like)]):
        row, here = block_of(table, number, BLOCK, like)
        eta, mu, lambd, weight_decay, maximize = settings[row]
        p, g, average = part_of(here, 0), part_of(here, 1), part_of(here, 2)
        rate, shrunk, decay = real(eta), real(1.0 - lambd * eta), real(weight_decay)
        weight, rest = real(mu), real(1.0 - mu)
        for i in range(p.size):
            followed = _followed(g[i], p[i], decay, maximize != 0)
            p[i] = p[i] * shrunk - rate * followed
            average[i] = _approached(average[i], p[i], weight, rest)


_RULES = {
    "sgd_step": _sgd,
    "adam_step": _adam,
    "adamax_step": _adamax,
    "nadam_step": _nadam,
    "radam_step": _radam,
    "adagrad_step": _adagrad,
    "adadelta_step": _adadelta,
    "rmsprop_step": _rmsprop,
    "rprop_step": _rprop,
    "asgd_step": _asgd,
}
