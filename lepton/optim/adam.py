"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import ArgumentError
from lepton.kernels.optimizer import adam_step
from lepton.optim.optimizer import Optimizer, as_rows, check_range


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015).

    m ← β₁·m + (1−β₁)·g;  v ← β₂·v + (1−β₂)·g²;  θ ← θ − γ · m̂ / (√v̂ + ε),  m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ)

    Args:
        params: parameters or groups. lr: γ. betas: (β₁, β₂). eps: ε.
        weight_decay: λ, added to the gradient as λ·θ (L2), or applied to θ itself if ``decoupled_weight_decay``.
        amsgrad: use the largest v̂ so far (Reddi et al. 2018). maximize: climb instead of descend.

    Raises:
        ArgumentError: an option is out of range.
    """

    _decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_range("learning rate", lr)
        check_range("epsilon value", eps)
        check_range("weight_decay value", weight_decay)
        if len(betas) != 2:
            raise ArgumentError(f"betas must be two numbers, got {betas!r}")
        for index, beta in enumerate(betas):
            check_range(f"beta parameter at index {index}", beta, 0.0, 1.0)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay or self._decoupled,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        lr, (beta1, beta2) = float(group["lr"]), group["betas"]
        for parameter in group["params"]:
            gradient = parameter._grad
            if gradient is None:
                continue
            state = self.state[parameter]
            if not state:
                self._begin(state, parameter, group["amsgrad"])
            state["step"]._data += 1
            largest = state.get("max_exp_avg_sq")
            theta, slope, maximum = parameter._data, gradient._data, None if largest is None else largest._data
            mean, square = state["exp_avg"]._data, state["exp_avg_sq"]._data
            if not theta.ndim:
                theta, slope, mean, square, maximum = as_rows(theta, slope, mean, square, maximum)
            adam_step(
                theta,
                slope,
                mean,
                square,
                maximum,
                int(state["step"]._data),
                lr,
                float(beta1),
                float(beta2),
                group["eps"],
                group["weight_decay"],
                group["decoupled_weight_decay"],
                group["maximize"],
            )
            parameter._cell[0] += 1

    @staticmethod
    def _begin(state: dict[str, Any], parameter: Tensor, amsgrad: bool) -> None:
        zeros_like = xp(parameter._data).zeros_like
        state["step"] = Tensor(0.0)
        state["exp_avg"] = Tensor(zeros_like(parameter._data))
        state["exp_avg_sq"] = Tensor(zeros_like(parameter._data))
        if amsgrad:
            state["max_exp_avg_sq"] = Tensor(zeros_like(parameter._data))


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): θ ← θ·(1 − γλ) before each step.

    Args and errors as for :class:`Adam`; ``weight_decay`` is 0.01 unless told otherwise.
    """

    _decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
