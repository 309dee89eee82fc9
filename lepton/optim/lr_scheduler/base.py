"""Learning-rate schedules: each changes the ``lr`` of an optimizer's groups, once per ``step()``.

Each is written in PyTorch's chainable form, from the present rate to the next, so that several can act on one
optimizer.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from lepton.errors import ArgumentError, ArgumentTypeError
from lepton.optim.optimizer import Optimizer


class LRScheduler:
    """The base: ``get_lr`` gives the groups' next rates.

    Args:
        optimizer: whose rates to change.
        last_epoch: the step to go on from; −1 begins, and remembers the rates as ``initial_lr``.

    Raises:
        ArgumentError: going on with an optimizer whose groups have no ``initial_lr``. ArgumentTypeError: no optimizer.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(f"{type(optimizer).__name__} is not an Optimizer")
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming scheduler with "
                    f"last_epoch >= 0 (here {last_epoch})"
                )
        self.optimizer = optimizer
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._steps_at_start = optimizer._steps_taken
        self._last_lr: list[float] = []
        self.step()

    def get_lr(self) -> list[float]:
        """The rates of the groups for the present ``last_epoch``, from those for the one before."""
        raise NotImplementedError(f"{type(self).__name__} does not say its rates")

    def get_last_lr(self) -> list[float]:
        """The rates that the last ``step()`` set."""
        return self._last_lr

    def step(self) -> None:
        """Go to the next step and set its rates; call it after ``optimizer.step()``."""
        if self._step_count == 1 and self.optimizer._steps_taken == self._steps_at_start:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In this order the first value of "
                "the learning rate schedule is skipped; call `optimizer.step()` first.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self.last_epoch += 1
        rates = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates

    @property
    def _first(self) -> bool:
        """Whether the schedule is just being made, and takes the rates that it finds."""
        return self._step_count == 1

    def _rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name not in ("optimizer", "_steps_at_start")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave.

        Raises:
            ArgumentError: it is the state of another kind of schedule; nothing is changed then.
        """
        expected = set(self.state_dict())
        if set(state_dict) != expected:
            raise ArgumentError(
                f"this is no state of a {type(self).__name__}: missing {sorted(expected - set(state_dict))}, "
                f"unexpected {sorted(set(state_dict) - expected)}"
            )
        self.__dict__.update(state_dict)


class StepLR(LRScheduler):
    """γ ← γ·gamma every ``step_size`` steps.

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. step_size: steps between changes. gamma: the factor.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._rates()
        return [rate * self.gamma for rate in self._rates()]


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

    def get_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in self._rates()]
        if self._first or self.last_epoch > self.total_iters:
            return self._rates()
        rise = self.end_factor - self.start_factor
        factor = 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)
        return [rate * factor for rate in self._rates()]


class CosineAnnealingLR(LRScheduler):
    """γₜ = η + (γ₀ − η)·(1 + cos(π·t/T))/2   (SGDR without restarts; Loshchilov & Hutter 2017).

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. T_max: T, the half period. eta_min: η, the lowest rate.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        epoch, period, lowest = self.last_epoch, self.T_max, self.eta_min
        rates = self._rates()
        if self._first:
            return rates
        if (epoch - 1 - period) % (2 * period) == 0:
            rise = (1 - math.cos(math.pi / period)) / 2
            return [rate + (base - lowest) * rise for base, rate in zip(self.base_lrs, rates, strict=True)]
        ratio = (1 + math.cos(math.pi * epoch / period)) / (1 + math.cos(math.pi * (epoch - 1) / period))
        return [ratio * (rate - lowest) + lowest for rate in rates]


__all__ = ["CosineAnnealingLR", "LRScheduler", "LinearLR", "StepLR"]
