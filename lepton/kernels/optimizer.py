"""One step of each optimizer on one parameter, in place on arrays.

Formulas in the order of operations that PyTorch uses, so that float64 trajectories agree to rounding. γ is the learning
rate, λ the weight decay, ∇ the gradient of the loss, g = ±∇ + λ·θ the gradient that is followed, t the step, from 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lepton.backend.devices import xp
from lepton.kernels.registry import compiled_beside, is_overridden, kernel, pays

SMALLEST = 1 << 12  # elements of all parameters together from which stepping them in one compiled loop pays

_compiled_steps = compiled_beside("optimizer", "step_each")


def step_each(rule: Callable[..., None], rows: list[Any], settings: list[Any]) -> None:
    """``rule(*rows[k], *settings[k])`` for every k, in one go where that pays.

    Args:
        rule: one of the kernels below. rows: for each parameter the arrays that the rule takes, or None for one that is
            not there. settings: for each parameter what follows them.
    """
    left: Iterable[int] = range(len(rows))
    if pays(sum([row[0].size for row in rows]), SMALLEST) and not is_overridden(np.ndarray, rule.__name__):
        together = _compiled_steps()
        if together is not None:
            left = together(rule.__name__, rows, settings)
    for k in left:
        row = rows[k]
        if not row[0].ndim:  # arithmetic on 0-d arrays gives scalars, which cannot be written into
            row = [None if each is None else each[None] for each in row]
        rule(*row, *settings[k])


def _followed(parameter: Any, gradient: Any, weight_decay: float, maximize: bool) -> Any:
    """g = ±∇ + λ·θ, never in the gradient's own memory where it differs from it."""
    if maximize:
        gradient = -gradient
    if weight_decay != 0.0:
        gradient = gradient + weight_decay * parameter
    return gradient


def _decayed(parameter: Any, lr: float, weight_decay: float) -> float:
    """θ ← θ·(1 − γλ), decay decoupled from the gradient; returns the λ that is left for that, 0."""
    if weight_decay != 0.0:
        parameter *= 1.0 - lr * weight_decay
    return 0.0


def _approach(average: Any, target: Any, weight: float) -> None:
    """average ← average + weight·(target − average), exact where the weight is 1 (PyTorch's ``lerp_``)."""
    if weight < 0.5:
        average += weight * (target - average)
    else:
        average[...] = target - (1.0 - weight) * (target - average)


def _average_square(average: Any, gradient: Any, beta: float) -> None:
    """average ← β·average + (1−β)·g²."""
    average *= beta
    average += (1.0 - beta) * gradient * gradient


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
) -> None:
    """Stochastic gradient descent; without momentum there is no buffer.

    b ← μ·b + (1−τ)·g;  g ← g + μ·b (Nesterov) or b;  θ ← θ − γ·g
    """
    gradient = _followed(parameter, gradient, weight_decay, maximize)
    if momentum_buffer is not None:
        momentum_buffer *= momentum
        momentum_buffer += (1.0 - dampening) * gradient
        gradient = gradient + momentum * momentum_buffer if nesterov else momentum_buffer
    parameter -= lr * gradient


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
    """Adam; with ``decoupled`` AdamW; AMSGrad if a maximum is kept.

    θ ← θ·(1 − γλ) first if decoupled, and then g without λ;
    m ← m + (1−β₁)(g − m);  v ← β₂·v + (1−β₂)·g²;  θ ← θ − γ/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)
    """
    if decoupled:
        weight_decay = _decayed(parameter, lr, weight_decay)
    gradient = _followed(parameter, gradient, weight_decay, maximize)
    _approach(exp_avg, gradient, 1.0 - beta1)
    _average_square(exp_avg_sq, gradient, beta2)
    second = exp_avg_sq
    module = xp(parameter)
    if max_exp_avg_sq is not None:
        module.maximum(max_exp_avg_sq, exp_avg_sq, out=max_exp_avg_sq)
        second = max_exp_avg_sq
    denominator = module.sqrt(second)
    denominator *= 1.0 / (1.0 - beta2**step) ** 0.5
    denominator += eps
    module.divide(exp_avg, denominator, out=denominator)
    denominator *= lr / (1.0 - beta1**step)
    parameter -= denominator


@kernel
def adamax_step(
    parameter: Any,
    gradient: Any,
    exp_avg: Any,
    exp_inf: Any,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adamax.

    m ← m + (1−β₁)(g − m);  u ← max(β₂·u, |g| + ε);  θ ← θ − γ/(1−β₁ᵗ) · m/u
    """
    gradient = _followed(parameter, gradient, weight_decay, maximize)
    _approach(exp_avg, gradient, 1.0 - beta1)
    module = xp(parameter)
    exp_inf *= beta2
    module.maximum(exp_inf, module.abs(gradient) + eps, out=exp_inf)
    change = exp_avg / exp_inf
    change *= lr / (1.0 - beta1**step)
    parameter -= change


@kernel
def nadam_step(
    parameter: Any,
    gradient: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    step: int,
    mu: float,
    mu_next: float,
    mu_product: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """NAdam, with μₜ, μₜ₊₁ and Πₜ = μ₁⋯μₜ given.

    θ ← θ·(1 − γλ) first if decoupled, and then g without λ;  m and v as Adam's;
    θ ← θ − γ·((1−μₜ)/(1−Πₜ)·g + μₜ₊₁/(1−Πₜ·μₜ₊₁)·m) / (√(v/(1−β₂ᵗ)) + ε)
    """
    if decoupled:
        weight_decay = _decayed(parameter, lr, weight_decay)
    gradient = _followed(parameter, gradient, weight_decay, maximize)
    _approach(exp_avg, gradient, 1.0 - beta1)
    _average_square(exp_avg_sq, gradient, beta2)
    denominator = xp(parameter).sqrt(exp_avg_sq / (1.0 - beta2**step))
    denominator += eps
    parameter -= lr * (1.0 - mu) / (1.0 - mu_product) * gradient / denominator
    parameter -= lr * mu_next / (1.0 - mu_product * mu_next) * exp_avg / denominator


@kernel
def radam_step(
    parameter: Any,
    gradient: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """RAdam: Adam where the variance of its step is known well enough (ρₜ > 5), else momentum alone.

    θ ← θ·(1 − γλ) first if decoupled, and then g without λ;  m and v as Adam's;
    ρ∞ = 2/(1−β₂) − 1;  ρₜ = ρ∞ − 2t·β₂ᵗ/(1−β₂ᵗ);  r = √((ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ));
    θ ← θ − γ·m/(1−β₁ᵗ) · (r·√(1−β₂ᵗ)/(√v + ε) if ρₜ > 5, else 1)
    """
    if decoupled:
        weight_decay = _decayed(parameter, lr, weight_decay)
    gradient = _followed(parameter, gradient, weight_decay, maximize)
    _approach(exp_avg, gradient, 1.0 - beta1)
    _average_square(exp_avg_sq, gradient, beta2)
    change = exp_avg / (1.0 - beta1**step)
    correction = 1.0 - beta2**step
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * step * beta2**step / correction
    if length > 5.0:
        rectified = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
        change *= rectified**0.5 * correction**0.5
        change /= xp(parameter).sqrt(exp_avg_sq) + eps
    change *= lr
    parameter -= change


@kernel
def adagrad_step(
    parameter: Any,
    gradient: Any,
    sum_of_squares: Any,
    lr: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adagrad, with the decayed rate given.

    s ← s + g²;  θ ← θ − γ·g / (√s + ε)
    """
    gradient = _followed(parameter, gradient, weight_decay, maximize)
    sum_of_squares += gradient * gradient
    denominator = xp(parameter).sqrt(sum_of_squares)
    denominator += eps
    parameter -= lr * gradient / denominator


@kernel
def adadelta_step(
    parameter: Any,
    gradient: Any,
    square_avg: Any,
    acc_delta: Any,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adadelta.

    v ← ρ·v + (1−ρ)·g²;  Δ = √(u + ε)/√(v + ε)·g;  u ← ρ·u + (1−ρ)·Δ²;  θ ← θ − γ·Δ
    """
    gradient = _followed(parameter, gradient, weight_decay, maximize)
    _average_square(square_avg, gradient, rho)
    module = xp(parameter)
    change = module.sqrt(acc_delta + eps)
    change /= module.sqrt(square_avg + eps)
    change *= gradient
    _average_square(acc_delta, change, rho)
    parameter -= lr * change


@kernel
def rmsprop_step(
    parameter: Any,
    gradient: Any,
    square_avg: Any,
    grad_avg: Any,
    momentum_buffer: Any,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> None:
    """RMSprop; centred if an average of the gradient is kept, with momentum if there is a buffer.

    v ← α·v + (1−α)·g²;  a ← a + (1−α)(g − a);  d = √v + ε, centred √(v − a²) + ε;
    θ ← θ − γ·g/d, with momentum b ← μ·b + g/d;  θ ← θ − γ·b
    """
    gradient = _followed(parameter, gradient, weight_decay, maximize)
    _average_square(square_avg, gradient, alpha)
    second = square_avg
    if grad_avg is not None:
        _approach(grad_avg, gradient, 1.0 - alpha)
        second = square_avg - grad_avg * grad_avg
    denominator = xp(parameter).sqrt(second)
    denominator += eps
    change = gradient / denominator
    if momentum_buffer is not None:
        momentum_buffer *= momentum
        momentum_buffer += change
        change = momentum_buffer
    parameter -= lr * change


@kernel
def rprop_step(
    parameter: Any,
    gradient: Any,
    previous: Any,
    step_size: Any,
    shrinking: float,
    growing: float,
    smallest: float,
    largest: float,
    maximize: bool,
) -> None:
    """Rprop: each element has a step size of its own, and only the sign of its gradient counts.

    Where g and the previous gradient agree in sign, η ← min(η·η₊, Γmax); where they differ, η ← max(η·η₋, Γmin) and
    g ← 0;  θ ← θ − η·sign(g)
    """
    gradient = _followed(parameter, gradient, 0.0, maximize)
    module = xp(parameter)
    agreement = gradient * previous
    turned = agreement < 0
    changed = module.where(turned, step_size * shrinking, step_size)
    changed = module.where(agreement > 0, step_size * growing, changed)
    step_size[...] = module.clip(changed, smallest, largest)
    gradient = module.where(turned, module.zeros_like(gradient), gradient)
    parameter -= module.sign(gradient) * step_size
    previous[...] = gradient


@kernel
def asgd_step(
    parameter: Any,
    gradient: Any,
    average: Any,
    eta: float,
    mu: float,
    lambd: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Averaged SGD.

    θ ← θ·(1 − Λ·η) − η·g;  ax ← ax + μ·(θ − ax), at μ = 1 simply θ
    """
    gradient = _followed(parameter, gradient, weight_decay, maximize)
    parameter *= 1.0 - lambd * eta
    parameter -= eta * gradient
    _approach(average, parameter, mu)


@kernel
def adafactor_step(
    parameter: Any,
    gradient: Any,
    row_var: Any,
    col_var: Any,
    variance: Any,
    step: int,
    lr: float,
    beta2_decay: float,
    eps1: float,
    eps2: float,
    clipping: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adafactor: the second moment of a matrix is kept as a column R times a row C, that of a vector whole.

    w = t^τ;  α = max(ε₂, rms(θ))·min(γ, 1/√t);  θ ← θ·(1 − γλ);
    R ← R + w·(row means of g² − R);  C ← C + w·(column means of g² − C);  V = R·C / max(mean R, ε₁);
    U = g / √max(V, ε₁²);  θ ← θ − α·U / max(1, rms(U)/d)
    """
    module = xp(parameter)
    gradient = _followed(parameter, gradient, 0.0, maximize)
    weight = step**beta2_decay
    rate = max(eps2, _root_mean_square(parameter)) * min(lr, step**-0.5)
    _decayed(parameter, lr, weight_decay)
    square = gradient * gradient
    if variance is None:
        _approach(row_var, square.mean(axis=-1, keepdims=True), weight)
        _approach(col_var, square.mean(axis=-2, keepdims=True), weight)
        estimate = row_var * col_var
        estimate /= module.maximum(row_var.mean(axis=-2, keepdims=True), eps1)
    else:
        _approach(variance, square, weight)
        estimate = variance
    update = gradient / module.sqrt(module.maximum(estimate, eps1 * eps1))
    update *= rate / max(1.0, _root_mean_square(update) / clipping)
    parameter -= update


def _root_mean_square(x: Any) -> float:
    if x.itemsize < 4:
        x = x.astype(xp(x).float32)  # squares of half-precision numbers overflow soon
    return math.sqrt((x * x).sum().item() / x.size)


@kernel
def muon_step(
    parameter: Any,
    gradient: Any,
    momentum_buffer: Any,
    lr: float,
    adjusted_lr: float,
    momentum: float,
    nesterov: bool,
    coefficients: tuple[float, float, float],
    steps: int,
    eps: float,
    weight_decay: float,
) -> None:
    """Muon: momentum, made orthogonal.

    b ← b + (1−μ)(∇ − b);  u = ∇ + μ(b − ∇) (Nesterov) or b;  θ ← θ·(1 − γλ) − γ'·orthogonal(u)
    """
    _approach(momentum_buffer, gradient, 1.0 - momentum)
    update = momentum_buffer
    if nesterov:
        update = gradient.copy()
        _approach(update, momentum_buffer, momentum)
    parameter *= 1.0 - lr * weight_decay
    parameter -= adjusted_lr * orthogonalized(update, coefficients, steps, eps).astype(parameter.dtype)


def orthogonalized(x: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """U·S'·Vᵀ for x = U·S·Vᵀ, all of S' near 1, by Newton and Schulz's iteration with a quintic polynomial.

    X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ, in numbers that bfloat16 can hold, as PyTorch computes it: products are
    summed in float32, and what comes out is rounded.
    """
    a, b, c = coefficients
    wide = x.shape[0] <= x.shape[1]
    found = _rounded(x if wide else x.T)
    norm = _rounded(xp(x).sqrt((found * found).sum()))
    found = _rounded(found / xp(x).maximum(norm, eps))
    for _ in range(steps):
        gram = _rounded(found @ found.T)
        polynomial = _rounded(b * gram + c * (gram @ gram))
        found = _rounded(a * found + polynomial @ found)
    return found if wide else found.T


def _rounded(x: Any) -> Any:
    """x as float32, each number rounded to the 8 leading bits of bfloat16, ties to even."""
    module = xp(x)
    bits = module.ascontiguousarray(x, dtype=module.float32).view(module.uint32)
    even = (bits >> 16) & 1
    rounded = ((bits + (even + 0x7FFF)) & 0xFFFF0000).view(module.float32)
    return module.where(module.isnan(rounded), x.astype(module.float32), rounded)
