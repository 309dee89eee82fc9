"""Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from lepton.errors import ArgumentError, ArgumentTypeError
from lepton.optim.lr_scheduler.base import LRScheduler, set_option
from lepton.optim.lr_scheduler.plateau import ReduceLROnPlateau
from lepton.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _Composed(LRScheduler):
    """What both share: checks, and a state that holds those of the parts."""

    _schedulers: Sequence[LRScheduler]

    def _check(self, schedulers: Sequence[Any], optimizer: Optimizer | None) -> Optimizer:
        """The optimizer that all parts act on."""
        name = type(self).__name__
        if not schedulers:
            raise ArgumentError(f"{name} expects at least one scheduler, but got no scheduler.")
        for index, each in enumerate(schedulers):
            if not hasattr(each, "optimizer"):
                raise ArgumentTypeError(f"{name} at index {index} should have `optimizer` as its attribute.")
            if isinstance(each, ReduceLROnPlateau):
                raise ArgumentError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
                    f"specified when calling `step`, but got one at index {index} in the given schedulers sequence."
                )
        shared: Optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        for index, each in enumerate(schedulers):
            if each.optimizer is not shared:
                raise ArgumentError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                    f"{type(each).__name__} at index {index} of another {type(each.optimizer).__name__}."
                )
        return shared

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, with the states of the parts."""
        state = super().state_dict()
        state["_schedulers"] = [each.state_dict() for each in state.pop("_schedulers")]
        return state

    def _take_over(self, state: dict[str, Any]) -> None:
        for each, saved in zip(self._schedulers, state.pop("_schedulers"), strict=True):
            each.load_state_dict(saved)
        super()._take_over(state)


class SequentialLR(_Composed):
    """One schedule after the other, each from its own beginning.

    Args:
        optimizer: that of all. schedulers: the schedules. milestones: the step at which each but the first begins.
        last_epoch: the step to go on from; −1 begins.

    Raises:
        ArgumentError: no schedules, another number of milestones than one less, schedules of several optimizers, or a
            :class:`ReduceLROnPlateau`. ArgumentTypeError: no schedule.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self._check(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            )
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            set_option(group, "lr", group["initial_lr"])
        _undo_first_step(self)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Go to the next step; at a milestone the next schedule begins."""
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo_first_step(scheduler: Any) -> None:
    """Take back the count of the step that each schedule made when it was made; the rates are set back elsewhere."""
    if hasattr(scheduler, "_schedulers"):
        for each in scheduler._schedulers:
            _undo_first_step(each)
    elif hasattr(scheduler, "last_epoch"):
        scheduler.last_epoch -= 1


class ChainedScheduler(_Composed):
    """Several schedules at once: their factors multiply.

    Args:
        schedulers: chainable schedules, stepped in this order. optimizer: that of all; by default the first one's.

    Raises:
        ArgumentError: no schedules, schedules of several optimizers, or a :class:`ReduceLROnPlateau`.
        ArgumentTypeError: no schedule.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        shared = self._check(schedulers, optimizer)
        self._schedulers = schedulers
        self.optimizer = shared
        self._last_lr = self._rates()

    def step(self) -> None:  # type: ignore[override]
        """Step them all."""
        for each in self._schedulers:
            each.step()
        self._last_lr = self._rates()
