"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.kernels.optimizer import adamax_step
from lepton.optim.optimizer import (
    Optimizer,
    check_betas,
    check_implementation,
    check_range,
    check_rate,
    next_step,
    number,
    scalar,
    zeros_like,
)


class Adamax(Optimizer):
    """Adam by the infinity norm (Kingma & Ba, *Adam: A Method for Stochastic Optimization*, 2015, section 7.1).

    g ← ∇ + λ·θ;  m ← β₁·m + (1−β₁)·g;  u ← max(β₂·u, |g| + ε);  θ ← θ − γ/(1−β₁ᵗ) · m/u

    Args:
        params: parameters or groups. lr: γ, a number or a tensor of one element. betas: (β₁, β₂). eps: ε.
        weight_decay: λ. maximize: climb instead of descend.
        foreach: accepted for PyTorch's sake; there is one implementation.
        capturable: must be False, as there are no CUDA graphs.
        differentiable: record the step on the graph, as :class:`SGD` does; the state too.

    Raises:
        ArgumentError: an option is out of range, or cannot be granted.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        check_range("epsilon value", eps)
        check_betas(betas)
        check_range("weight_decay value", weight_decay)
        check_implementation(capturable=capturable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        lr, weight_decay = number(group["lr"], group), number(group["weight_decay"], group)
        beta1, beta2, eps = float(group["betas"][0]), float(group["betas"][1]), float(group["eps"])
        for parameter, state in self._stepped(group):
            settings = (next_step(state), lr, beta1, beta2, eps, weight_decay, group["maximize"])
            self._update(adamax_step, parameter, state, ("exp_avg", "exp_inf"), group, *settings)

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["exp_avg"] = zeros_like(parameter)
        state["exp_inf"] = zeros_like(parameter)
