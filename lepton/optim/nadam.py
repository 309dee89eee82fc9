"""NAdam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.kernels.optimizer import nadam_step
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


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, *Incorporating Nesterov Momentum into Adam*, 2016).

    μₜ = β₁·(1 − 0.96^(t·ψ)/2);  m and v as Adam's;  m̂ = μₜ₊₁·m/(1−μ₁⋯μₜ₊₁) + (1−μₜ)·g/(1−μ₁⋯μₜ);
    θ ← θ − γ · m̂ / (√v̂ + ε)

    Args:
        params: parameters or groups. lr: γ, a number or a tensor of one element. betas: (β₁, β₂). eps: ε.
        weight_decay: λ, added to the gradient as λ·θ (L2), or applied to θ itself if ``decoupled_weight_decay``.
        momentum_decay: ψ. decoupled_weight_decay: θ ← θ·(1 − γλ) before each step, as AdamW does.
        maximize: climb instead of descend. foreach: accepted for PyTorch's sake; there is one implementation.
        capturable: must be False, as there are no CUDA graphs.
        differentiable: record the step on the graph, as :class:`SGD` does; the state too.

    Raises:
        ArgumentError: an option is out of range, or cannot be granted.
    """

    _scalars = ("step", "mu_product")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_range("momentum_decay value", momentum_decay)
        check_implementation(capturable=capturable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        lr, weight_decay = number(group["lr"], group), number(group["weight_decay"], group)
        beta1, beta2, eps = float(group["betas"][0]), float(group["betas"][1]), float(group["eps"])
        flags = (group["decoupled_weight_decay"], group["maximize"])
        decay = float(group["momentum_decay"])
        for parameter, state in self._stepped(group):
            step = next_step(state)
            mu, mu_next = (beta1 * (1.0 - 0.5 * 0.96 ** (t * decay)) for t in (step, step + 1))
            product = state["mu_product"]._data
            product *= mu
            settings = (step, mu, mu_next, product.item(), lr, beta1, beta2, eps, weight_decay, *flags)
            self._update(nadam_step, parameter, state, ("exp_avg", "exp_avg_sq"), group, *settings)

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["mu_product"] = scalar(1.0)
        state["exp_avg"] = zeros_like(parameter)
        state["exp_avg_sq"] = zeros_like(parameter)
