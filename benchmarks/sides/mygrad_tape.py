"""MyGrad: tensors that record what is done to them."""

from __future__ import annotations

import itertools
from typing import Any

import mygrad
import numpy as np
from mygrad.nnet.activations import relu
from mygrad.nnet.layers import conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy
from workloads import make

from sides import Running
from sides.drawn import read
from sides.functional import FUNCTIONS
from sides.toolbox import Named, Toolbox, first_state, update


class MyGrad(Toolbox):
    """MyGrad's own layers where it has them."""

    np = mygrad

    def relu(self, x: Any) -> Any:
        return relu(x)

    def cross_entropy(self, scores: Any, labels: Any) -> Any:
        return softmax_crossentropy(scores, labels)

    def conv2d(self, x: Any, w: Named, name: str | int, padding: int = 0, stride: int = 1) -> Any:
        return conv_nd(x, w[f"{name}.weight"], stride=stride, padding=padding) + w[f"{name}.bias"].reshape(-1, 1, 1)

    def max_pool2d(self, x: Any) -> Any:
        return max_pool(x, (2, 2), 2)


def workload(side: str, name: str, sizes: Named, path: str) -> Running:
    """The workload of that name, with the weights and batches of the file at ``path``."""
    k, chosen, function = MyGrad(), make(name, **sizes), FUNCTIONS[name]
    w, b, batches = read(path, k)
    following = itertools.cycle(batches)

    def evaluate() -> Any:
        with mygrad.no_autodiff:
            return function(k, w, b, *next(following))

    if not chosen.training:
        return Running(evaluate, np.asarray)
    state = first_state(np, str(chosen.optimizer), chosen.settings, w)
    counter = itertools.count(1)

    def step() -> Any:
        nonlocal w, state
        tensors = {name: mygrad.tensor(each, copy=False) for name, each in w.items()}
        loss = function(k, tensors, b, *next(following))
        loss.backward()
        g = {name: each.grad for name, each in tensors.items()}
        w, state = update(np, str(chosen.optimizer), chosen.settings, w, g, state, next(counter))
        return loss.data

    return Running(step, np.asarray)
