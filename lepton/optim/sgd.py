"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.kernels.optimizer import sgd_step
from lepton.optim.optimizer import Optimizer, check_implementation, check_range, check_rate, number, zeros_like


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked.

    g ← ∇ + λ·θ;  b ← μ·b + (1−τ)·g;  θ ← θ − γ·b   (Nesterov: θ ← θ − γ·(g + μ·b); Sutskever et al. 2013)

    Args:
        params: parameters or groups. lr: γ, a number or a tensor of one element. momentum: μ.
        dampening: τ; the first step of a parameter, b ← g, is not damped. weight_decay: λ.
        nesterov: look ahead along the momentum. maximize: climb instead of descend.
        foreach, fused: accepted for PyTorch's sake; there is one implementation.
        differentiable: record the step on the graph, so that gradients flow from the new parameters to the old ones,
            to their gradients, and to ``lr`` and ``weight_decay`` where these are tensors that require one. The step
            still writes into the parameters: over several steps, compute each loss on ``parameter.clone()``.

    Raises:
        ArgumentError: an option is out of range, or ``nesterov`` without momentum or with dampening.
        OptimizerError: ``fused`` together with ``foreach`` or ``differentiable``.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        check_implementation(foreach, fused, differentiable=differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        momentum, dampening = float(group["momentum"]), float(group["dampening"])
        lr, weight_decay = number(group["lr"], group), number(group["weight_decay"], group)
        nesterov, maximize = group["nesterov"], group["maximize"]
        for parameter in group["params"]:
            if parameter._grad is None:
                continue
            state: dict[str, Any] = {}
            damped = dampening
            if momentum:
                state = self.state[parameter]
                if state.get("momentum_buffer") is None:
                    state["momentum_buffer"] = zeros_like(parameter)
                    damped = 0.0
            settings = (lr, momentum, damped, weight_decay, nesterov, maximize)
            self._update(sgd_step, parameter, state, ("momentum_buffer",), group, *settings)
