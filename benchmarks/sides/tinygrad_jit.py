"""tinygrad: the whole step is captured once by its JIT, and replayed. Its processor backend needs clang."""

from __future__ import annotations

import itertools

import numpy as np
from tinygrad import Device, Tensor, TinyJit
from workloads import make

from sides import Running
from sides.drawn import read
from sides.functional import FUNCTIONS
from sides.toolbox import Named, Toolbox, first_state, update


class TinyNames:
    """The two of NumPy's functions that the optimizers use."""

    @staticmethod
    def sqrt(x: Tensor) -> Tensor:
        return x.sqrt()

    @staticmethod
    def zeros_like(x: Tensor) -> Tensor:
        return Tensor.zeros(*x.shape).contiguous().realize()


class Tinygrad(Toolbox):
    """tinygrad's own layers, which are methods of its tensor."""

    np = TinyNames

    def load_weight(self, array: np.ndarray) -> Tensor:
        return Tensor(array).realize()

    def load_input(self, array: np.ndarray) -> Tensor:
        return Tensor(array.astype(np.int32) if array.dtype == np.int64 else array).realize()

    def mean(self, x: Tensor, axis: int | None = None) -> Tensor:
        return x.mean(axis)

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b

    def reshape(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        return x.reshape(shape)

    def permute(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        return x.permute(axes)

    def relu(self, x: Tensor) -> Tensor:
        return x.relu()

    def cross_entropy(self, scores: Tensor, labels: Tensor) -> Tensor:
        return scores.sparse_categorical_crossentropy(labels)

    def conv2d(self, x: Tensor, w: Named, name: str | int, padding: int = 0, stride: int = 1) -> Tensor:
        return x.conv2d(w[f"{name}.weight"], w.get(f"{name}.bias"), stride=stride, padding=padding)

    def max_pool2d(self, x: Tensor) -> Tensor:
        return x.max_pool2d((2, 2))


def workload(side: str, name: str, sizes: Named, path: str) -> Running:
    """The workload of that name, with the weights and batches of the file at ``path``."""
    k, chosen, function = Tinygrad(), make(name, **sizes), FUNCTIONS[name]
    w, b, batches = read(path, k)
    following = itertools.cycle(batches)

    def finish() -> None:
        Device[Device.DEFAULT].synchronize()

    if not chosen.training:
        forward = TinyJit(lambda *batch: function(k, w, b, *batch).realize())
        return Running(lambda: forward(*next(following)), as_numpy, finish)
    state = first_state(TinyNames, str(chosen.optimizer), chosen.settings, w)
    t = Tensor([1.0]).contiguous().realize()

    @TinyJit
    def train(*batch: Tensor) -> Tensor:
        loss = function(k, w, b, *batch)
        g = dict(zip(w, loss.gradient(*w.values()), strict=True))
        moved, moments = update(TinyNames, str(chosen.optimizer), chosen.settings, w, g, state, t)
        changed = [w[name].assign(each) for name, each in moved.items()]
        for moment, by_name in moments.items():
            changed += [state[moment][name].assign(each) for name, each in by_name.items()]
        Tensor.realize(loss, *changed, t.assign(t + 1))
        return loss

    return Running(lambda: train(*next(following)), as_numpy, finish)


def as_numpy(result: Tensor) -> np.ndarray:
    """A tensor's numbers."""
    return np.asarray(result.numpy())
