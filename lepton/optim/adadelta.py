"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.kernels.optimizer import adadelta_step
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


class Adadelta(Optimizer):
    """Adadelta (Zeiler, *ADADELTA: An Adaptive Learning Rate Method*, 2012).

    g ← ∇ + λ·θ;  v ← ρ·v + (1−ρ)·g²;  Δ = √(u + ε)/√(v + ε)·g;  u ← ρ·u + (1−ρ)·Δ²;  θ ← θ − γ·Δ

    Args:
        params: parameters or groups. lr: γ, a number or a tensor of one element. rho: ρ. eps: ε. weight_decay: λ.
        foreach: accepted for PyTorch's sake; there is one implementation.
        capturable: must be False, as there are no CUDA graphs. maximize: climb instead of descend.
        differentiable: record the step on the graph, as :class:`SGD` does; the state too.

    Raises:
        ArgumentError: an option is out of range, or cannot be granted.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 <= rho <= 1.0:
            raise ArgumentError(f"Invalid rho value: {rho}; it must be in [0, 1]")
        check_range("epsilon value", eps)
        check_range("weight_decay value", weight_decay)
        check_implementation(capturable=capturable)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        options = [number(group[each], group) for each in ("lr", "rho", "eps", "weight_decay")]
        for parameter, state in self._stepped(group):
            next_step(state)
            settings = (*options, group["maximize"])
            self._update(adadelta_step, parameter, state, ("square_avg", "acc_delta"), group, *settings)

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["square_avg"] = zeros_like(parameter)
        state["acc_delta"] = zeros_like(parameter)
