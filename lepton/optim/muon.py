"""Muon."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.kernels.optimizer import muon_step
from lepton.optim.optimizer import Optimizer, check_range, check_rate, zeros_like


class Muon(Optimizer):
    """Momentum, made orthogonal by Newton and Schulz's iteration; for the matrices of hidden layers.

    b ← μ·b + (1−μ)·∇;  u = (1−μ)·∇ + μ·b (Nesterov) or b;  θ ← θ·(1 − γλ) − γ'·O,  O ≈ U·Vᵀ for u = U·S·Vᵀ
    (Jordan et al., *Muon: An optimizer for hidden layers in neural networks*, 2024). O is computed in numbers of
    bfloat16's precision, as in PyTorch; biases, embeddings and the like are for another optimizer.

    Args:
        params: parameters or groups, all of two dimensions. lr: γ, a number or a tensor of one element.
        weight_decay: λ. momentum: μ. nesterov: look ahead along the momentum.
        ns_coefficients: (a, b, c) of the iteration X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ.
        eps: the least norm by which u is divided before. ns_steps: iterations, fewer than 100.
        adjust_lr_fn: γ' for A×B matrices: ``"original"`` (as None) γ·√max(1, A/B), ``"match_rms_adamw"``
            0.2·γ·√max(A, B) (Liu et al., *Muon is Scalable for LLM Training*, 2025).

    Raises:
        ArgumentError: an option is out of range, or a parameter is no matrix.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_rate(lr)
        check_range("momentum", momentum)
        check_range("weight decay", weight_decay)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ArgumentError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported; take 'original' or 'match_rms_adamw'"
            )
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of matrices, see :meth:`Optimizer.add_param_group`."""
        super().add_param_group(param_group)
        for parameter in self.param_groups[-1]["params"]:
            if parameter.ndim != 2:
                self.param_groups.pop()
                raise ArgumentError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {list(parameter.shape)}"
                )

    def _step_group(self, group: dict[str, Any]) -> None:
        lr, momentum, weight_decay = (float(group[each]) for each in ("lr", "momentum", "weight_decay"))
        coefficients, steps = group["ns_coefficients"], group["ns_steps"]
        if steps >= 100:
            raise ArgumentError(f"Number of steps must be less than 100 for computational efficiency, not {steps}")
        if len(coefficients) != 3:
            raise ArgumentError(f"Coefficients must be a tuple of exactly 3 values, got {coefficients!r}")
        shared = (momentum, group["nesterov"], coefficients, steps, float(group["eps"]), weight_decay)
        for parameter, state in self._stepped(group):
            settings = (lr, _adjusted(lr, group["adjust_lr_fn"], parameter), *shared)
            self._update(muon_step, parameter, state, ("momentum_buffer",), group, *settings)

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["momentum_buffer"] = zeros_like(parameter)


def _adjusted(lr: float, how: str | None, parameter: Tensor) -> float:
    rows, columns = parameter.shape
    if how == "match_rms_adamw":
        return lr * 0.2 * math.sqrt(max(rows, columns))
    return lr * math.sqrt(max(1.0, rows / columns))
