"""Rprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.kernels.optimizer import rprop_step
from lepton.optim.optimizer import Optimizer, check_implementation, check_rate, next_step, scalar, zeros_like


class Rprop(Optimizer):
    """Resilient backpropagation (Riedmiller & Braun, *The RPROP Algorithm*, 1993); for whole batches, not small ones.

    Each element has a step size η of its own, lr at first: it grows, η ← min(η·η₊, Γmax), where the gradient keeps its
    sign, and shrinks, η ← max(η·η₋, Γmin), where it turned, in which case that element rests;  θ ← θ − η·sign(∇)

    Args:
        params: parameters or groups. lr: the first step size, a number or a tensor of one element.
        etas: (η₋, η₊). step_sizes: (Γmin, Γmax). capturable: must be False, as there are no CUDA graphs.
        foreach: accepted for PyTorch's sake; there is one implementation. maximize: climb instead of descend.
        differentiable: record the step on the graph, as :class:`SGD` does, though ``lr`` has no gradient.

    Raises:
        ArgumentError: an option is out of range, or cannot be granted.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ArgumentError(f"Invalid eta values: {etas[0]}, {etas[1]}; they must be in (0, 1) and above 1")
        check_implementation(capturable=capturable)
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        settings = [float(each) for each in (*group["etas"], *group["step_sizes"])]
        for parameter, state in self._stepped(group):
            next_step(state)
            self._update(rprop_step, parameter, state, ("prev", "step_size"), group, *settings, group["maximize"])

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["prev"] = zeros_like(parameter)
        state["step_size"] = zeros_like(parameter)
        state["step_size"]._data[...] = float(group["lr"])
