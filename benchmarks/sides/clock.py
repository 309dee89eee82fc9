"""Timing Lepton from within: which op takes how long, and how fast the machine could have been.

The ops' ``forward`` and ``backward`` are wrapped, so that each op's time, its floating-point operations and the bytes
that it must at least read and write are added up by its class. What an op computes through other ops is its own.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

import lepton
from lepton.autograd.op import Op, ViewOp

# ---------------------------------------------------------------------- floating-point operations

Rule = tuple[Callable[..., float], Callable[[Any], float]]  # forward, and how many times that backward is


def each_input(op: Any) -> float:
    """As much again for each of the two factors that wants a gradient."""
    return sum(op.needs[:2])


FLOPS: dict[str, Rule] = {
    "Linear": (lambda op, out, x, *_: 2 * out.size * x.shape[-1], each_input),
    "Mm": (lambda op, out, x, *_: 2 * out.size * x.shape[-1], each_input),
    "Bmm": (lambda op, out, x, *_: 2 * out.size * x.shape[-1], each_input),
    "Convolution": (lambda op, out, x, weight, *_: 2 * out.size * math.prod(weight.shape[1:]), each_input),
    "ConvolutionInputGradient": (lambda op, out, y, weight, *_: 2 * y.size * math.prod(weight.shape[1:]), each_input),
    # two products forward and four backward, half of each where later tokens are not seen
    "Attention": (lambda op, out, q, k, *_: 4 * q.size * k.shape[-2] / (1 + op.how.causal), lambda op: 2),
    # with inputs as wide as the states: two products forward, and backward three and one if the input wants a gradient
    "LSTMScan": (lambda op, out, x, h, c, w, u, *_: 2 * len(x) * (w.size + u.size), lambda op: (3 + op.needs[0]) / 2),
}
TOUCHED = {"SGD": 3, "Adam": 7, "AdamW": 7}  # numbers that an optimizer reads and writes for each weight
TOUCHED_BY_MOMENTUM = 2

# ---------------------------------------------------------------------- the clock


@dataclass
class Spent:
    """What one kind of op has taken: calls, seconds, floating-point operations and bytes."""

    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    flops: float = 0.0
    bytes: float = 0.0

    def floor(self, flops_rate: float, bytes_rate: float) -> float:
        """The seconds that it would take at the machine's rates, whichever of the two bounds it."""
        return max(self.flops / flops_rate, self.bytes / bytes_rate)


class Clock:
    """Wraps all ops and optimizers while it is entered; ``spent`` has what they took, by the name of the class."""

    def __init__(self) -> None:
        self.spent: dict[str, Spent] = defaultdict(Spent)
        self._forward_flops: dict[int, float] = {}  # by id of the op
        self._inside = False
        self._methods: list[tuple[type, str, Any]] = []

    def __enter__(self) -> Clock:
        wrappers = {"forward": self._timed_forward, "backward": self._timed_backward, "step": self._timed_step}
        for each in {*_subclasses(Op), lepton.optim.Optimizer}:
            for name, wrap in wrappers.items():
                if name in each.__dict__:
                    method = each.__dict__[name]
                    self._methods.append((each, name, method))
                    setattr(each, name, wrap(method))
        return self

    def __exit__(self, *_: object) -> None:
        for each, name, method in self._methods:
            setattr(each, name, method)
        self._methods.clear()

    def _timed_forward(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def forward(op: Op, *arrays: Any, **settings: Any) -> Any:
            if self._inside:
                return method(op, *arrays, **settings)
            out, seconds = self._time(method, op, *arrays, **settings)
            spent = self.spent[type(op).__name__]
            spent.calls += 1
            spent.forward += seconds
            rule = FLOPS.get(type(op).__name__)
            if rule is not None:
                self._forward_flops[id(op)] = rule[0](op, out, *arrays)
                spent.flops += self._forward_flops[id(op)]
            if not isinstance(op, ViewOp):
                spent.bytes += _bytes(arrays) + _bytes(out)
            return out

        return forward

    def _timed_backward(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def backward(op: Op, *arrays: Any, **settings: Any) -> Any:
            if self._inside:
                return method(op, *arrays, **settings)
            gradients, seconds = self._time(method, op, *arrays, **settings)
            spent = self.spent[type(op).__name__]
            spent.backward += seconds
            rule = FLOPS.get(type(op).__name__)
            if rule is not None:
                spent.flops += self._forward_flops.pop(id(op)) * rule[1](op)
            if not isinstance(op, ViewOp):
                spent.bytes += _bytes(arrays) + _bytes(gradients)
            return gradients

        return backward

    def _timed_step(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """An optimizer's ``step`` with its time and bytes added up, under the name of its class."""

        def step(optimizer: Any) -> None:
            _, seconds = self._time(method, optimizer)
            spent = self.spent[f"{type(optimizer).__name__}.step"]
            spent.calls += 1
            spent.forward += seconds
            for group in optimizer.param_groups:
                touched = TOUCHED[type(optimizer).__name__] + TOUCHED_BY_MOMENTUM * bool(group.get("momentum"))
                spent.bytes += touched * sum(each._data.nbytes for each in group["params"])

        return step

    def _time(self, method: Callable[..., Any], *arguments: Any, **settings: Any) -> tuple[Any, float]:
        self._inside = True
        started = time.perf_counter()
        try:
            result = method(*arguments, **settings)
        finally:
            seconds = time.perf_counter() - started
            self._inside = False
        return result, seconds


def _subclasses(of: type) -> Iterator[type]:
    for each in of.__subclasses__():
        yield each
        yield from _subclasses(each)


def _bytes(value: Any) -> float:
    if isinstance(value, (tuple, list)):
        return sum(map(_bytes, value))
    return value.nbytes if isinstance(value, np.ndarray) else 0


# ---------------------------------------------------------------------- what the machine can do


def flops_rate(side: int = 2048, times: int = 5) -> float:
    """Floating-point operations a second of Lepton's product of two large matrices."""
    a = lepton.ones(side, side)
    return 2 * side**3 / _least(lambda: a @ a, times)


def bytes_rate(threads: int, size: int = 8 << 20, times: int = 50) -> float:
    """Bytes read and written a second when every thread copies its part of an array of 8 MiB."""
    source, target = np.ones((2, threads, size // threads), np.uint8)
    with ThreadPoolExecutor(threads) as pool:
        return 2 * size / _least(lambda: list(pool.map(np.copyto, target, source)), times)


def _least(function: Callable[[], Any], times: int) -> float:
    function()
    found = []
    for _ in range(times):
        started = time.perf_counter()
        function()
        found.append(time.perf_counter() - started)
    return min(found)
