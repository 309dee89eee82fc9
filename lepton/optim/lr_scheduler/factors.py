"""Schedules that multiply: by a function, in steps, along a line, an exponential or a polynomial."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from lepton.errors import ArgumentError, ArgumentTypeError
from lepton.optim.lr_scheduler.base import LRScheduler, check_optimizer, restore_function, saved_function
from lepton.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]

Factor = Callable[[int], float]


class _ByFunction(LRScheduler):
    """A schedule by functions of the step, one for all groups or one for each."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | list[Factor], last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        count = len(optimizer.param_groups)
        given: list[Factor] = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * count
        if len(given) != count:
            raise ArgumentError(f"Expected {count} lr_lambdas, but got {len(given)}")
        for each in given:
            if not callable(each):
                raise ArgumentTypeError(f"lr_lambda should be a function, but got {type(each).__name__}")
        self.lr_lambdas = given
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions; of callable objects their attributes."""
        state = super().state_dict()
        state["lr_lambdas"] = [saved_function(each) for each in state.pop("lr_lambdas")]
        return state

    def _take_over(self, state: dict[str, Any]) -> None:
        for function, saved in zip(self.lr_lambdas, state.pop("lr_lambdas"), strict=True):
            restore_function(function, saved)
        super()._take_over(state)


class LambdaLR(_ByFunction):
    """γₜ = γ₀·f(t).

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. lr_lambda: f, or a list with one for each group.

    Raises:
        ArgumentError: not as many functions as groups. ArgumentTypeError: no functions.
    """

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        return [
            base * function(self.last_epoch) for function, base in zip(self.lr_lambdas, self.base_lrs, strict=True)
        ]


class MultiplicativeLR(_ByFunction):
    """γ ← γ·f(t), from the first step on.

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. lr_lambda: f, or a list with one for each group.

    Raises:
        ArgumentError: not as many functions as groups. ArgumentTypeError: no functions.
    """

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        if self._is_initial:
            return self._rates()
        groups = self.optimizer.param_groups
        return [
            group["lr"] * function(self.last_epoch) for function, group in zip(self.lr_lambdas, groups, strict=True)
        ]


class StepLR(LRScheduler):
    """γ ← γ·gamma every ``step_size`` steps.

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. step_size: steps between changes. gamma: the factor.

    Raises:
        ArgumentTypeError: no optimizer. MissingOptionError: going on, and the groups have no ``initial_lr``.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._rates()
        return self._rates_times(self.gamma)

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """γ ← γ·gamma at each milestone, once for each time that it is listed.

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. milestones: the steps at which to change. gamma: the factor.

    Raises:
        ArgumentTypeError: no optimizer. MissingOptionError: going on, and the groups have no ``initial_lr``.
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        if self.last_epoch not in self.milestones:
            return self._rates()
        return self._rates_times(self.gamma ** self.milestones[self.last_epoch])

    def _get_closed_form_lr(self) -> list[Any]:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; the milestones as a plain dict, which a checkpoint can hold."""
        return {**super().state_dict(), "milestones": dict(self.milestones)}

    def _take_over(self, state: dict[str, Any]) -> None:
        super()._take_over({**state, "milestones": Counter(state["milestones"])})


class ConstantLR(LRScheduler):
    """γₜ = γ₀·factor for t < total_iters, then γ₀.

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. factor: the factor. total_iters: how long it holds.

    Raises:
        ArgumentError: ``factor`` is outside [0, 1].
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 <= factor <= 1.0:
            raise ArgumentError(f"Constant multiplicative factor expected to be between 0 and 1, got {factor}")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        if self.last_epoch == 0:
            return self._rates_times(self.factor)
        if self.last_epoch != self.total_iters:
            return self._rates()
        return self._rates_times(1.0 / self.factor)

    def _get_closed_form_lr(self) -> list[Any]:
        factor = self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)
        return [base * factor for base in self.base_lrs]


class LinearLR(LRScheduler):
    """γₜ = γ₀·(start + (end − start)·min(t, total)/total).

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. start_factor, end_factor: the factors at both ends.
        total_iters: steps from one to the other.

    Raises:
        ArgumentError: ``start_factor`` is outside (0, 1], or ``end_factor`` outside [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1.0:
            raise ArgumentError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to 1, "
                f"got {start_factor}"
            )
        if not 0 <= end_factor <= 1.0:
            raise ArgumentError(f"Ending multiplicative factor expected to be between 0 and 1, got {end_factor}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        if self.last_epoch == 0:
            return self._rates_times(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        rise = self.end_factor - self.start_factor
        return self._rates_times(1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise))

    def _get_closed_form_lr(self) -> list[Any]:
        rise = (self.end_factor - self.start_factor) * min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * (self.start_factor + rise) for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """γ ← γ·gamma at every step.

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. gamma: the factor.

    Raises:
        ArgumentTypeError: no optimizer. MissingOptionError: going on, and the groups have no ``initial_lr``.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        return self._rates() if self._is_initial else self._rates_times(self.gamma)

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """γₜ = γ₀·(1 − min(t, total)/total)^power.

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. total_iters: steps to zero. power: the exponent.

    Raises:
        ArgumentTypeError: no optimizer. MissingOptionError: going on, and the groups have no ``initial_lr``.
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        left, before = (1.0 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1))
        return self._rates_times((left / before) ** self.power)

    def _get_closed_form_lr(self) -> list[Any]:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]
