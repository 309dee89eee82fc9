"""The base of all schedules: counting steps, setting rates, warning of the wrong order, checkpoints."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ArgumentTypeError, MissingOptionError
from lepton.optim.optimizer import Optimizer

__all__ = ["LRScheduler"]


class LRScheduler:
    """The base: ``get_lr`` gives the groups' next rates.

    A rate that is a tensor stays that tensor, and is written in place.

    Args:
        optimizer: whose rates to change.
        last_epoch: the step to go on from; −1 begins, and remembers the rates as ``initial_lr``.

    Raises:
        MissingOptionError: going on with an optimizer whose groups have no ``initial_lr``.
        ArgumentTypeError: no optimizer.
    """

    # In the instances these two are part of the state, as in PyTorch.
    _get_lr_called_within_step: bool = False
    _is_initial: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copy_of(group["lr"]))
            elif "initial_lr" not in group:
                raise MissingOptionError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming scheduler with "
                    f"last_epoch >= 0 (here {last_epoch}). Load the optimizer's state first, or set it."
                )
        self.base_lrs: list[Any] = [copy_of(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch: Any = last_epoch
        optimizer._watch_steps()
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    # ------------------------------------------------------------------ rates

    def get_lr(self) -> list[Any]:
        """The groups' rates for the present ``last_epoch``, from those for the one before; ``step()`` calls it."""
        raise NotImplementedError(f"{type(self).__name__} does not say its rates")

    def get_last_lr(self) -> list[Any]:
        """The rates that the last ``step()`` set."""
        return self._last_lr

    def _rates(self) -> list[Any]:
        return [copy_of(group["lr"]) for group in self.optimizer.param_groups]

    def _rates_times(self, factor: float) -> list[Any]:
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def step(self, epoch: int | None = None) -> None:
        """Go to the next step and set its rates; call it after ``optimizer.step()``.

        Args:
            epoch: deprecated: the step to go to, by the closed formula where there is one.
        """
        if self._step_count == 1:
            self._warn_of_order()
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch()
        self._update_lr(epoch)

    def _warn_of_order(self) -> None:
        if not self.optimizer._steps_are_watched():
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`.",
                UserWarning,
                stacklevel=3,
            )
        elif not self.optimizer._step_called:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In this order the first value of "
                "the learning rate schedule is skipped; call `optimizer.step()` first.",
                UserWarning,
                stacklevel=3,
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        with self._inside_step():
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                closed_form = getattr(self, "_get_closed_form_lr", self.get_lr)
                rates = closed_form()
        self._set_rates(rates)

    def _set_rates(self, rates: list[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_option(group, "lr", rate)
        self._last_lr = self._rates()

    @contextmanager
    def _inside_step(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    # ------------------------------------------------------------------ checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave.

        Raises:
            ArgumentError: it is the state of another kind of schedule, or of one for other groups, or no state at all;
                nothing is changed then.
        """
        held = self.state_dict()
        if not isinstance(state_dict, dict):
            raise ArgumentError(f"a {type(self).__name__}'s state is a dict, not a {type(state_dict).__name__}")
        expected = set(held)
        if set(state_dict) != expected:
            raise ArgumentError(
                f"this is no state of a {type(self).__name__}: missing {sorted(expected - set(state_dict))}, "
                f"unexpected {sorted(set(state_dict) - expected, key=str)}"
            )
        for name, value in state_dict.items():
            if not _replaces(held[name], value):
                raise ArgumentError(f"this is no state of this {type(self).__name__}: it has {name}={value!r}")
        self._take_over(dict(state_dict))

    def _take_over(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


# ---------------------------------------------------------------------- what the schedules share


def _replaces(held: Any, value: Any) -> bool:
    """Whether a state's value is of the kind of the one that it takes the place of: a number, or as long a list."""
    if isinstance(held, (int, float)):
        return isinstance(value, (int, float, Tensor))
    return not isinstance(held, list) or (isinstance(value, list) and len(value) == len(held))


def check_optimizer(optimizer: Any) -> None:
    """Refuse what is no optimizer.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(f"{type(optimizer).__name__} is not an Optimizer")


def copy_of(value: Any) -> Any:
    """A tensor's copy; a number is itself."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def set_option(group: dict[str, Any], name: str, value: Any) -> None:
    """Set an option of a group; one that is a tensor is written in place."""
    held = group[name]
    if isinstance(held, Tensor):
        with no_grad():
            held.fill_(float(value))
    else:
        group[name] = value


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for each group, from a list or tuple of them or one for all.

    Raises:
        ArgumentError: there are more or fewer of them than groups.
    """
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [copy_of(value) for _ in range(count)]
    if len(value) != count:
        raise ArgumentError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {count}."
        )
    return [copy_of(each) for each in value]


def saved_function(function: Any) -> dict[str, Any] | None:
    """What a state keeps of a function: nothing; of a callable object its attributes."""
    return None if function is None or isinstance(function, types.FunctionType) else dict(vars(function))


def restore_function(function: Callable[..., Any] | None, saved: dict[str, Any] | None) -> None:
    """Give a callable object the attributes that :func:`saved_function` kept."""
    if saved is not None:
        vars(function).update(saved)


def warn_of_epoch() -> None:
    """Say that ``step(epoch)`` is deprecated."""
    warnings.warn(
        "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please "
        "use `scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the "
        "closed form is used instead of the new chainable form, where available.",
        UserWarning,
        stacklevel=3,
    )
