"""HIPS autograd: NumPy's functions, and a tape of what they did."""

from __future__ import annotations

import itertools
from typing import Any

import autograd
import numpy as np
from autograd import numpy as anp
from autograd.scipy.special import erf
from workloads import make

from sides import Running
from sides.drawn import read
from sides.functional import FUNCTIONS
from sides.toolbox import Named, Toolbox, first_state, update


class Autograd(Toolbox):
    np = anp
    erf = staticmethod(erf)


def workload(side: str, name: str, sizes: Named, path: str) -> Running:
    """The workload of that name, with the weights and batches of the file at ``path``."""
    k, chosen, function = Autograd(), make(name, **sizes), FUNCTIONS[name]
    w, b, batches = read(path, k)
    following = itertools.cycle(batches)
    if not chosen.training:
        return Running(lambda: function(k, w, b, *next(following)), np.asarray)
    state = first_state(np, str(chosen.optimizer), chosen.settings, w)
    counter = itertools.count(1)
    differentiate = autograd.value_and_grad(lambda w, batch: function(k, w, b, *batch))

    def step() -> Any:
        nonlocal w, state
        value, g = differentiate(w, next(following))
        w, state = update(np, str(chosen.optimizer), chosen.settings, w, g, state, next(counter))
        return value

    return Running(step, np.asarray)
