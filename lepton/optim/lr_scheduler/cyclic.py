"""Schedules that go up and down, and move the momentum against the rate: CyclicLR and OneCycleLR."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lepton.errors import ArgumentError
from lepton.optim.lr_scheduler.base import (
    LRScheduler,
    check_optimizer,
    for_each_group,
    restore_function,
    saved_function,
    set_option,
)
from lepton.optim.optimizer import Optimizer

__all__ = ["CyclicLR", "OneCycleLR"]


def _uses_beta1(optimizer: Optimizer) -> bool:
    """Whether momentum is called β₁ in this optimizer.

    Raises:
        ArgumentError: it has neither.
    """
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ArgumentError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled; "
            f"{type(optimizer).__name__} has neither: pass cycle_momentum=False"
        )
    return "betas" in optimizer.defaults


class _MomentumCycle(LRScheduler):
    """What both schedules do with momentum."""

    cycle_momentum: bool
    use_beta1: bool

    def _set_momentum(self, group: dict[str, Any], momentum: Any) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum

    def _begin_momentum(self, highest: list[Any], lowest: list[Any]) -> None:
        for group, most, least in zip(self.optimizer.param_groups, highest, lowest, strict=True):
            self._set_momentum(group, most)
            group["max_momentum"] = most
            group["base_momentum"] = least


class CyclicLR(_MomentumCycle):
    """γ goes from ``base_lr`` up to ``max_lr`` and back, over and over (Smith, *Cyclical Learning Rates*, 2017).

    γ = base + (max − base)·h·s, h rising from 0 to 1 in ``step_size_up`` steps and falling in ``step_size_down``, s the
    scale: 1 (``"triangular"``), 1/2^(cycle−1) (``"triangular2"``) or gamma^t (``"exp_range"``). Momentum goes the other
    way, from ``max_momentum`` down to ``base_momentum``.

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. base_lr, max_lr: the bounds, also one for each group.
        step_size_up, step_size_down: steps of the two halves; the second is as long as the first if None.
        mode: which scale. gamma: that of ``"exp_range"``. scale_fn: a scale of one's own; ``mode`` is then ignored.
        scale_mode: ``"cycle"`` or ``"iterations"``: what ``scale_fn`` is given.
        cycle_momentum: whether momentum (β₁ where there are betas) goes too.
        base_momentum, max_momentum: its bounds, also one for each group.

    Raises:
        ArgumentError: an unknown mode, bounds not as many as groups, or an optimizer without momentum.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = for_each_group("base_lr", optimizer, base_lr)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ArgumentError(
                f"mode is invalid and scale_fn is None; mode must be 'triangular', 'triangular2' or 'exp_range', "
                f"got {mode!r}"
            )
        self.max_lrs = for_each_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = _uses_beta1(optimizer)
            self.base_momentums = for_each_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = for_each_group("max_momentum", optimizer, max_momentum)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, base_lrs, strict=True):
                set_option(group, "lr", rate)
            if cycle_momentum:
                self._begin_momentum(self.max_momentums, self.base_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The scale of the present cycle, or step, counted by ``scale_mode``."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else float(self.gamma**x)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, least, most in bounds:
                self._set_momentum(group, most - (most - least) * height * scale)
        return [
            least + (most - least) * height * scale
            for least, most in zip(self.base_lrs, self.max_lrs, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and a scale function; of a callable object its attributes."""
        state = super().state_dict()
        state["_scale_fn_custom"] = saved_function(state.pop("_scale_fn_custom"))
        return state

    def _take_over(self, state: dict[str, Any]) -> None:
        restore_function(self._scale_fn_custom, state.pop("_scale_fn_custom"))
        super()._take_over(state)


class OneCycleLR(_MomentumCycle):
    """γ rises from ``max_lr/div_factor`` to ``max_lr`` and falls to ``max_lr/(div_factor·final_div_factor)``, once.

    (Smith & Topin, *Super-Convergence*, 2018; with two phases as in fastai, or with ``three_phase`` as in the paper.)
    Momentum goes the other way. It is stepped after every batch.

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. max_lr: the highest rate, also one for each group.
        total_steps: how many steps there are. epochs, steps_per_epoch: two numbers whose product it is, if not given.
        pct_start: the part of them in which γ rises, a float. anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum: whether momentum (β₁ where there are betas) goes too.
        base_momentum, max_momentum: its bounds, also one for each group.
        div_factor, final_div_factor: by how much the first and the last rate are lower.
        three_phase: fall as long as γ rose, and then on to the last rate.

    Raises:
        ArgumentError: an option is out of range, the steps are not told, or the optimizer has no momentum; on a step
            after the last one.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _total_steps(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ArgumentError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        self.cycle_momentum = cycle_momentum
        max_lrs = for_each_group("max_lr", optimizer, max_lr)
        if cycle_momentum:
            self.use_beta1 = _uses_beta1(optimizer)
            highest = for_each_group("max_momentum", optimizer, max_momentum)
            lowest = for_each_group("base_momentum", optimizer, base_momentum)
        if last_epoch == -1:
            for group, most in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"] = most / div_factor
                group["max_lr"] = most
                group["min_lr"] = group["initial_lr"] / final_div_factor
            if cycle_momentum:
                self._begin_momentum(highest, lowest)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        if self.last_epoch > self.total_steps:
            raise ArgumentError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}"
            )
        phase, done = self._phase()
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], done))
            if self.cycle_momentum:
                start, end = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(start, end, done))
        return rates

    def _phase(self) -> tuple[dict[str, Any], float]:
        """The present phase, and which part of it is done."""
        begin = 0.0
        for phase in self._schedule_phases[:-1]:
            if self.last_epoch <= phase["end_step"]:
                break
            begin = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        return phase, (self.last_epoch - begin) / (phase["end_step"] - begin)

    def _between(self, start: Any, end: Any, done: float) -> Any:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * done) + 1)
        return (end - start) * done + start


def _total_steps(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    if total_steps is not None:
        return _positive("total_steps", total_steps)
    if epochs is None or steps_per_epoch is None:
        raise ArgumentError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    return _positive("epochs", epochs) * _positive("steps_per_epoch", steps_per_epoch)


def _positive(name: str, value: Any) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ArgumentError(f"Expected positive integer {name}, but got {value}")
    return value


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
    """What goes from where to where, and until which step."""

    def phase(end_step: float, rates: tuple[str, str], momenta: tuple[str, str]) -> dict[str, Any]:
        return {
            "end_step": end_step,
            "start_lr": rates[0],
            "end_lr": rates[1],
            "start_momentum": momenta[0],
            "end_momentum": momenta[1],
        }

    highest, lowest = "max_momentum", "base_momentum"
    rise = phase(float(pct_start * total_steps) - 1, ("initial_lr", "max_lr"), (highest, lowest))
    if not three_phase:
        return [rise, phase(total_steps - 1, ("max_lr", "min_lr"), (lowest, highest))]
    return [
        rise,
        phase(float(2 * pct_start * total_steps) - 2, ("max_lr", "initial_lr"), (lowest, highest)),
        phase(total_steps - 1, ("initial_lr", "min_lr"), (highest, highest)),
    ]
