"""One step of each optimizer on one parameter, in place on arrays.

Formulas in the order of operations that PyTorch uses, so that float64 trajectories agree to rounding.
"""

from __future__ import annotations

import math
from typing import Any

from lepton.backend.devices import xp
from lepton.kernels.registry import kernel


@kernel
def sgd_step(
    parameter: Any,
    gradient: Any,
    momentum_buffer: Any,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> Any:
    """Stochastic gradient descent; returns the momentum buffer (made at the first step, None without momentum).

    g ← ±∇ + λ·θ;  b ← μ·b + (1−τ)·g (b ← g at first);  g ← g + μ·b (Nesterov) or b;  θ ← θ − γ·g
    """
    if maximize:
        gradient = -gradient
    if weight_decay != 0.0:
        gradient = gradient + weight_decay * parameter
    if momentum != 0.0:
        if momentum_buffer is None:
            momentum_buffer = gradient.copy()
        else:
            momentum_buffer *= momentum
            momentum_buffer += (1.0 - dampening) * gradient
        gradient = gradient + momentum * momentum_buffer if nesterov else momentum_buffer
    parameter -= lr * gradient
    return momentum_buffer


@kernel
def adam_step(
    parameter: Any,
    gradient: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    max_exp_avg_sq: Any,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """Adam (Kingma & Ba 2015); with ``decoupled`` AdamW (Loshchilov & Hutter 2019); AMSGrad if a maximum is kept.

    g ← ±∇ (+ λ·θ), or θ ← θ·(1 − γλ) first if decoupled;
    m ← m + (1−β₁)(g − m);  v ← β₂·v + (1−β₂)·g²;  θ ← θ − γ/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)
    """
    if maximize:
        gradient = -gradient
    if weight_decay != 0.0:
        if decoupled:
            parameter *= 1.0 - lr * weight_decay
        else:
            gradient = gradient + weight_decay * parameter
    exp_avg += (1.0 - beta1) * (gradient - exp_avg)
    exp_avg_sq *= beta2
    exp_avg_sq += (1.0 - beta2) * gradient * gradient
    second = exp_avg_sq
    module = xp(parameter)
    if max_exp_avg_sq is not None:
        module.maximum(max_exp_avg_sq, exp_avg_sq, out=max_exp_avg_sq)
        second = max_exp_avg_sq
    denominator = module.sqrt(second)
    denominator /= math.sqrt(1.0 - beta2**step)
    denominator += eps
    module.divide(exp_avg, denominator, out=denominator)
    denominator *= lr / (1.0 - beta1**step)
    parameter -= denominator
