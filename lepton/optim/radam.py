"""RAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.kernels.optimizer import radam_step
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


class RAdam(Optimizer):
    """Adam whose first steps, when the variance is hardly known, are rectified (Liu et al. 2020).

    ρ∞ = 2/(1−β₂) − 1;  ρₜ = ρ∞ − 2t·β₂ᵗ/(1−β₂ᵗ);  m and v as Adam's;
    θ ← θ − γ·m̂·√((ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ))·√(1−β₂ᵗ)/(√v + ε) where ρₜ > 5, else θ ← θ − γ·m̂
    (*On the Variance of the Adaptive Learning Rate and Beyond*)

    Args:
        params: parameters or groups. lr: γ, a number or a tensor of one element. betas: (β₁, β₂). eps: ε.
        weight_decay: λ, added to the gradient as λ·θ (L2), or applied to θ itself if ``decoupled_weight_decay``.
        decoupled_weight_decay: θ ← θ·(1 − γλ) before each step, as AdamW does. maximize: climb instead of descend.
        foreach: accepted for PyTorch's sake; there is one implementation.
        capturable: must be False, as there are no CUDA graphs.
        differentiable: record the step on the graph, as :class:`SGD` does; the state too.

    Raises:
        ArgumentError: an option is out of range, or cannot be granted.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        lr, weight_decay = number(group["lr"], group), number(group["weight_decay"], group)
        beta1, beta2, eps = float(group["betas"][0]), float(group["betas"][1]), float(group["eps"])
        flags = (group["decoupled_weight_decay"], group["maximize"])
        for parameter, state in self._stepped(group):
            settings = (next_step(state), lr, beta1, beta2, eps, weight_decay, *flags)
            self._update(radam_step, parameter, state, ("exp_avg", "exp_avg_sq"), group, *settings)

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["exp_avg"] = zeros_like(parameter)
        state["exp_avg_sq"] = zeros_like(parameter)
