"""Averages of a model's weights along training: stochastic weight averaging and exponential moving averages.

SWA is Izmailov et al., *Averaging Weights Leads to Wider Optima and Better Generalization*, 2018; EMA is Polyak's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from lepton.autograd.ops.creation import scalar_tensor
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend import devices, dtypes
from lepton.errors import ArgumentError, ContractError
from lepton.nn.layers.normalization import _BatchNorm
from lepton.nn.module import Module
from lepton.optim.lr_scheduler.base import LRScheduler, check_optimizer, for_each_group
from lepton.optim.optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[list[Tensor], list[Tensor], Any], None]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ArgumentError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The function (average, current, count) ↦ decay·average + (1 − decay)·current.

    Raises:
        ArgumentError: ``decay`` is outside [0, 1].
    """
    _check_decay(decay)

    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Average:
    """The function (average, current, count) ↦ average + (current − average)/(count + 1), the mean of all."""

    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """What :func:`get_ema_avg_fn` gives, for lists of tensors of one type, in place in the first list.

    Raises:
        ArgumentError: ``decay`` is outside [0, 1].
    """
    _check_decay(decay)
    average = get_ema_avg_fn(decay)

    def ema_update(ema_param_list: list[Tensor], current_param_list: list[Tensor], num_averaged: Any) -> None:
        _average_lists(ema_param_list, current_param_list, 1 - decay, average, num_averaged)

    return ema_update


def get_swa_multi_avg_fn() -> MultiAverage:
    """What :func:`get_swa_avg_fn` gives, for lists of tensors of one type, in place in the first list."""
    average = get_swa_avg_fn()

    def swa_update(averaged_param_list: list[Tensor], current_param_list: list[Tensor], num_averaged: Any) -> None:
        _average_lists(averaged_param_list, current_param_list, 1.0 / (float(num_averaged) + 1), average, num_averaged)

    return swa_update


def _average_lists(
    averaged: list[Tensor], current: list[Tensor], weight: float, average: Average, num_averaged: Any
) -> None:
    with no_grad():
        for mine, other in zip(averaged, current, strict=True):
            if mine.is_floating_point():
                mine.lerp_(other, weight)
            else:
                mine.copy_(average(mine, other, num_averaged))


class AveragedModel(Module):
    """A copy of a model whose weights are the average of those that the model had at each ``update_parameters``.

    Args:
        model: the model to copy. device: where to keep the average.
        avg_fn: (average, current, count) ↦ the next average, for each parameter; the mean of all if None.
        multi_avg_fn: the same in place, for lists of parameters of one device and type. One of the two at most.
        use_buffers: average the buffers too; otherwise they are copied from the model at each update.

    Attributes:
        module: the average, a model. n_averaged: how many models are in it.

    Raises:
        ContractError: both functions are given.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: str | int | devices.device | None = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ContractError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", scalar_tensor(0, dtype=dtypes.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the average gives."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's present parameters into the average; the first time they are copied."""
        averaged = [each.detach() for each in self._averaged(self.module)]
        current = [
            each.detach().to(device=mine.device)
            for mine, each in zip(averaged, self._averaged(model), strict=True)
        ]
        if int(self.n_averaged) == 0:
            for mine, each in zip(averaged, current, strict=True):
                mine.copy_(each)
        elif self.multi_avg_fn is not None:
            for averaged_part, current_part in _by_place(averaged, current):
                count = self.n_averaged.to(device=averaged_part[0].device)
                self.multi_avg_fn(averaged_part, current_part, count)
        else:
            average = get_swa_avg_fn() if self.avg_fn is None else self.avg_fn
            for mine, each in zip(averaged, current, strict=True):
                mine.copy_(average(mine, each, self.n_averaged.to(device=mine.device)))
        if not self.use_buffers:
            for buffer, source in zip(self.module.buffers(), model.buffers(), strict=True):
                buffer.detach().copy_(source.detach())
        self.n_averaged += 1

    def _averaged(self, model: Module) -> Iterator[Tensor]:
        return chain(model.parameters(), model.buffers()) if self.use_buffers else iter(model.parameters())


def _by_place(averaged: list[Tensor], current: list[Tensor]) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Both lists, in parts of one device and type each."""
    parts: dict[tuple[str, str], tuple[list[Tensor], list[Tensor]]] = {}
    for mine, each in zip(averaged, current, strict=True):
        part = parts.setdefault((str(mine.device), str(mine.dtype)), ([], []))
        part[0].append(mine)
        part[1].append(each)
    return iter(parts.values())


def update_bn(loader: Iterable[Any], model: Module, device: str | int | devices.device | None = None) -> None:
    """Compute the running statistics of all batch normalisations in ``model`` anew, by one pass over the data.

    Args:
        loader: batches: tensors, or lists and tuples that begin with the input. model: is run in training mode.
        device: where to move each batch before.
    """
    momenta = {each: each.momentum for each in model.modules() if isinstance(each, _BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for each in momenta:
        each.reset_running_stats()
        each.momentum = None
    try:
        with no_grad():
            for batch in loader:
                input = batch[0] if isinstance(batch, (list, tuple)) else batch
                model(input if device is None else input.to(device))
    finally:
        for each, momentum in momenta.items():
            each.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """γ goes from what it is to ``swa_lr`` in ``anneal_epochs`` steps, along a cosine or a line, and stays there.

    Args:
        optimizer, last_epoch: as for :class:`LRScheduler`. swa_lr: the last rate, also one for each group.
        anneal_epochs: steps to it. anneal_strategy: ``"cos"`` or ``"linear"``.

    Raises:
        ArgumentError: an option is out of range, or there are not as many rates as groups.
        ArgumentTypeError: no optimizer.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        rates = for_each_group("swa_lr", optimizer, swa_lr)
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        step = max(1, self._step_count - 1) if self.anneal_epochs == 0 else self._step_count - 1
        before, now = self._done(step - 1), self._done(step)
        rates = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            first = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates

    def _done(self, step: int) -> float:
        """Which part of the way is behind after a step."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2
