"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.kernels.optimizer import adagrad_step
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


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan & Singer, *Adaptive Subgradient Methods*, JMLR 2011).

    g ← ∇ + λ·θ;  s ← s + g²;  θ ← θ − γ/(1 + (t−1)·η) · g/(√s + ε)

    Args:
        params: parameters or groups. lr: γ, a number or a tensor of one element. lr_decay: η. weight_decay: λ.
        initial_accumulator_value: what s begins with. eps: ε. maximize: climb instead of descend.
        foreach, fused: accepted for PyTorch's sake; there is one implementation.
        differentiable: record the step on the graph, as :class:`SGD` does; the state too.

    Raises:
        ArgumentError: an option is out of range.
        OptimizerError: ``fused`` together with ``foreach`` or ``differentiable``.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr)
        check_range("lr_decay value", lr_decay)
        check_range("weight_decay value", weight_decay)
        check_range("initial_accumulator_value value", initial_accumulator_value)
        check_range("epsilon value", eps)
        check_implementation(foreach, fused, differentiable=differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        for group in self.param_groups:
            for parameter in group["params"]:
                self._begin(self.state[parameter], parameter, group)

    def _step_group(self, group: dict[str, Any]) -> None:
        lr, weight_decay = number(group["lr"], group), number(group["weight_decay"], group)
        decay, eps = float(group["lr_decay"]), float(group["eps"])
        for parameter, state in self._stepped(group):
            decayed = lr / (1.0 + (next_step(state) - 1) * decay)
            settings = (decayed, eps, weight_decay, group["maximize"])
            self._update(adagrad_step, parameter, state, ("sum",), group, *settings)

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["sum"] = zeros_like(parameter)
        state["sum"]._data[...] = self.defaults["initial_accumulator_value"]
