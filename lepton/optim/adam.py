"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.kernels.optimizer import adam_step
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


class Adam(Optimizer):
    """Adam (Kingma & Ba, *Adam: A Method for Stochastic Optimization*, 2015).

    m ← β₁·m + (1−β₁)·g;  v ← β₂·v + (1−β₂)·g²;  θ ← θ − γ · m̂ / (√v̂ + ε),  m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ)

    Args:
        params: parameters or groups. lr: γ, a number or a tensor of one element.
        betas: (β₁, β₂), two floats or two tensors of one element. eps: ε.
        weight_decay: λ, added to the gradient as λ·θ (L2).
        decoupled_weight_decay: apply it to θ itself instead, θ ← θ·(1 − γλ) before each step, as :class:`AdamW` does.
        amsgrad: use the largest v̂ so far (Reddi et al. 2018). maximize: climb instead of descend.
        foreach, fused: accepted for PyTorch's sake; there is one implementation.
        capturable: must be False, as there are no CUDA graphs.
        differentiable: record the step on the graph, so that gradients flow from the new parameters to the old ones,
            to their gradients and state, and to ``lr``, ``betas`` and ``weight_decay`` where these are tensors that
            require one. The state then holds new tensors after each step. The step still writes into the parameters:
            over several steps, compute each loss on ``parameter.clone()``.

    Raises:
        ArgumentError: an option is out of range, or cannot be granted.
        OptimizerError: ``fused`` together with ``foreach`` or ``differentiable``.
    """

    _decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | Tensor = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_rate(lr)
        check_range("epsilon value", eps)
        check_betas(betas)
        check_range("weight_decay value", weight_decay)
        _check_kinds(lr, betas, foreach)
        check_implementation(foreach, fused, capturable, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple([each.reshape(()) if isinstance(each, Tensor) else each for each in betas]),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay or self._decoupled,
            },
        )

    def _step_group(self, group: dict[str, Any]) -> None:
        options = [number(each, group) for each in (group["lr"], *group["betas"], group["eps"], group["weight_decay"])]
        flags = (group["decoupled_weight_decay"], group["maximize"])
        buffers = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        for parameter, state in self._stepped(group):
            self._update(adam_step, parameter, state, buffers, group, next_step(state), *options, *flags)

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["exp_avg"] = zeros_like(parameter)
        state["exp_avg_sq"] = zeros_like(parameter)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(parameter)


def _check_kinds(lr: Any, betas: Any, foreach: bool | None) -> None:
    """PyTorch's rules on which options are floats, which tensors, and together with what."""
    tensors = [isinstance(each, Tensor) for each in betas]
    if any(tensors) != all(tensors) or not all(isinstance(each, (float, Tensor)) for each in betas):
        raise ArgumentError(f"betas must be either both floats or both Tensors, got {betas!r}")
    if foreach and (isinstance(lr, Tensor) or any(tensors)):
        what = "lr" if isinstance(lr, Tensor) else "betas"
        raise ArgumentError(f"{what} as a Tensor is not supported for capturable=False and foreach=True")


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, *Decoupled Weight Decay Regularization*, 2019).

    θ ← θ·(1 − γλ);  m ← β₁·m + (1−β₁)·g;  v ← β₂·v + (1−β₂)·g²;  θ ← θ − γ · m̂ / (√v̂ + ε),
    m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ)

    Args:
        params: parameters or groups. lr: γ, a number or a tensor of one element.
        betas: (β₁, β₂), two floats or two tensors of one element. eps: ε. weight_decay: λ.
        amsgrad: use the largest v̂ so far (Reddi et al. 2018). maximize: climb instead of descend.
        foreach, fused: accepted for PyTorch's sake; there is one implementation.
        capturable: must be False, as there are no CUDA graphs.
        differentiable: record the step on the graph, as :class:`Adam` does; the state too.

    Raises:
        ArgumentError: an option is out of range, or cannot be granted.
        OptimizerError: ``fused`` together with ``foreach`` or ``differentiable``.
    """

    _decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | Tensor = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, Adam's too; the weight decay stays decoupled."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
