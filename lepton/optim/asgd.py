"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.kernels.optimizer import asgd_step
from lepton.optim.optimizer import (
    Optimizer,
    check_implementation,
    check_range,
    check_rate,
    next_step,
    number,
    scalar,
    zeros_like,
)


class ASGD(Optimizer):
    """Stochastic gradient descent that also averages (Polyak & Juditsky 1992); the average is ``state[p]["ax"]``.

    g ← ∇ + λ·θ;  θ ← θ·(1 − Λ·η) − η·g;  ax ← ax + μ·(θ − ax);
    η = γ/(1 + Λ·γ·t)^α;  μ = 1/max(1, t − t₀)   (*Acceleration of Stochastic Approximation by Averaging*)

    Args:
        params: parameters or groups. lr: γ, a number or a tensor of one element. lambd: Λ. alpha: α.
        t0: t₀, the step at which averaging begins. weight_decay: λ.
        foreach: accepted for PyTorch's sake; there is one implementation. maximize: climb instead of descend.
        differentiable: record the step on the graph, as :class:`SGD` does, though ``lr`` has no gradient.
        capturable: must be False, as there are no CUDA graphs.

    Raises:
        ArgumentError: an option is out of range, or cannot be granted.
    """

    _scalars = ("step", "eta", "mu")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        check_range("weight_decay value", weight_decay)
        check_implementation(capturable=capturable)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        lr, lambd, alpha, t0 = (float(group[each]) for each in ("lr", "lambd", "alpha", "t0"))
        weight_decay = number(group["weight_decay"], group)
        for parameter, state in self._stepped(group):
            step = next_step(state)
            eta, mu = state["eta"]._data, state["mu"]._data
            settings = (eta.item(), mu.item(), lambd, weight_decay, group["maximize"])
            self._update(asgd_step, parameter, state, ("ax",), group, *settings)
            eta[...] = lr / (1.0 + lambd * lr * step) ** alpha
            mu[...] = 1.0 / max(1.0, step - t0)

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["eta"] = scalar(float(group["lr"]))
        state["mu"] = scalar(1.0)
        state["ax"] = zeros_like(parameter)
