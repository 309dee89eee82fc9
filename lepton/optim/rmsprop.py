"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.kernels.optimizer import rmsprop_step
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


class RMSprop(Optimizer):
    """RMSprop (Hinton, *Neural Networks for Machine Learning*, lecture 6, 2012; centred: Graves 2013).

    g ← ∇ + λ·θ;  v ← α·v + (1−α)·g²;  d = √v + ε;  θ ← θ − γ·g/d
    (centred: a ← α·a + (1−α)·g;  d = √(v − a²) + ε;  with momentum: b ← μ·b + g/d;  θ ← θ − γ·b)

    Args:
        params: parameters or groups. lr: γ, a number or a tensor of one element. alpha: α. eps: ε. weight_decay: λ.
        momentum: μ. centered: divide by an estimate of the gradient's standard deviation.
        capturable: must be False, as there are no CUDA graphs.
        foreach: accepted for PyTorch's sake; there is one implementation. maximize: climb instead of descend.
        differentiable: record the step on the graph, as :class:`SGD` does; the state too.

    Raises:
        ArgumentError: an option is out of range, or cannot be granted.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        check_range("epsilon value", eps)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        check_range("alpha value", alpha)
        check_implementation(capturable=capturable)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        options = [number(group[each], group) for each in ("lr", "alpha", "eps", "weight_decay", "momentum")]
        buffers = ("square_avg", "grad_avg", "momentum_buffer")
        for parameter, state in self._stepped(group):
            next_step(state)
            self._update(rmsprop_step, parameter, state, buffers, group, *options, group["maximize"])

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["square_avg"] = zeros_like(parameter)
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(parameter)
        if group["centered"]:
            state["grad_avg"] = zeros_like(parameter)
