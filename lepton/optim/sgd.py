"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.kernels.optimizer import sgd_step
from lepton.optim.optimizer import Optimizer, as_rows, check_range


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked.

    g ← ∇ + λ·θ;  b ← μ·b + (1−τ)·g;  θ ← θ − γ·b   (Nesterov: θ ← θ − γ·(g + μ·b); Sutskever et al. 2013)

    Args:
        params: parameters or groups. lr: γ. momentum: μ. dampening: τ. weight_decay: λ.
        nesterov: look ahead along the momentum. maximize: climb instead of descend.

    Raises:
        ArgumentError: an option is out of range, or ``nesterov`` without momentum or with dampening.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        check_range("learning rate", lr)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
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
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        lr, momentum, state = float(group["lr"]), group["momentum"], self.state
        dampening, weight_decay = group["dampening"], group["weight_decay"]
        nesterov, maximize = group["nesterov"], group["maximize"]
        for parameter in group["params"]:
            gradient = parameter._grad
            if gradient is None:
                continue
            held = state[parameter].get("momentum_buffer") if momentum else None
            theta, slope, buffer = parameter._data, gradient._data, None if held is None else held._data
            if not theta.ndim:
                theta, slope, buffer = as_rows(theta, slope, buffer)
            buffer = sgd_step(
                theta,
                slope,
                buffer,
                lr,
                momentum,
                dampening,
                weight_decay,
                nesterov,
                maximize,
            )
            if held is None and buffer is not None:
                state[parameter]["momentum_buffer"] = Tensor(buffer.reshape(parameter._data.shape))
            parameter._cell[0] += 1
