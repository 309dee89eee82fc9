"""Averages of weights: by hand, of buffers, on devices, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

import lepton
from lepton import nn
from lepton.errors import ArgumentError, ArgumentTypeError
from lepton.optim import SGD
from lepton.optim.swa_utils import (
    SWALR,
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)
from tests import standin


class Weight(nn.Module):
    """A model with a parameter, a parameter of another type, and an integer buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(lepton.zeros(2))
        self.b = nn.Parameter(lepton.zeros((), dtype=lepton.float64))
        self.register_buffer("count", lepton.tensor(0))

    def set(self, value: float) -> None:
        with lepton.no_grad():
            self.a.fill_(value)
            self.b.fill_(value)
            self.count.fill_(int(value))  # type: ignore[operator, union-attr]


def averages(values: list[float], **options: Any) -> list[list[float]]:
    model = Weight()
    averaged = AveragedModel(model, **options)
    seen = []
    for value in values:
        model.set(value)
        averaged.update_parameters(model)
        inner: Any = averaged.module
        assert inner.a[0].item() == pytest.approx(inner.b.item())
        seen.append([inner.b.item(), inner.count.item()])
    assert averaged.n_averaged.item() == len(values)
    return seen


def test_the_mean_of_all() -> None:
    assert averages([4.0, 8.0, 3.0]) == [[4.0, 4], [6.0, 8], [5.0, 3]]


def test_the_mean_of_lists_takes_buffers_too() -> None:
    expected = [[4.0, 4], [6.0, 6], [5.0, 5]]
    assert averages([4.0, 8.0, 3.0], use_buffers=True) == expected
    assert averages([4.0, 8.0, 3.0], use_buffers=True, multi_avg_fn=get_swa_multi_avg_fn()) == expected


@pytest.mark.parametrize(
    "options", [{"avg_fn": get_ema_avg_fn(0.75)}, {"multi_avg_fn": get_ema_multi_avg_fn(0.75)}], ids=["one", "lists"]
)
def test_the_exponential_average(options: Any) -> None:
    assert averages([4.0, 8.0, 1.0], **options) == [[4.0, 4], [5.0, 8], [4.0, 1]]
    assert averages([4.0, 8.0, 1.0], use_buffers=True, **options)[-1] == [4.0, 4]


def test_lists_are_of_one_type_each() -> None:
    seen: list[Any] = []

    def look(mine: list[lepton.Tensor], current: list[lepton.Tensor], count: Any) -> None:
        seen.append(([each.dtype for each in mine], [each.dtype for each in current], count.item()))

    model = Weight()
    averaged = AveragedModel(model, multi_avg_fn=look, use_buffers=True)
    averaged.update_parameters(model)
    averaged.update_parameters(model)
    assert seen == [([kind], [kind], 1) for kind in (lepton.float32, lepton.float64, lepton.int64)]


def test_the_average_is_a_copy_without_a_graph() -> None:
    model = nn.Linear(2, 1)
    averaged = AveragedModel(model)
    averaged.update_parameters(model)
    assert averaged.module.weight is not model.weight  # type: ignore[union-attr]
    assert averaged.module.weight.data_ptr() != model.weight.data_ptr()  # type: ignore[union-attr, operator]
    assert all(each.is_leaf and each.requires_grad for each in averaged.parameters())
    assert averaged(lepton.ones(3, 2)).shape == (3, 1)


def test_the_average_may_live_elsewhere() -> None:
    with standin.installed():
        model = Weight()
        averaged = AveragedModel(model, device=standin.DEVICE)
        for value in (4.0, 8.0):
            model.set(value)
            averaged.update_parameters(model)
        inner: Any = averaged.module
        assert inner.a.device.type == standin.DEVICE and inner.a.detach().cpu().tolist() == [6.0, 6.0]
        assert inner.count.cpu().item() == 8


def test_one_function_at_most() -> None:
    with pytest.raises(ArgumentError, match="Only one of avg_fn and multi_avg_fn should be provided"):
        AveragedModel(Weight(), avg_fn=get_ema_avg_fn(), multi_avg_fn=get_ema_multi_avg_fn())
    with pytest.raises(ArgumentError, match=r"Invalid decay value 1.5 provided"):
        get_ema_avg_fn(1.5)


def test_update_bn_takes_the_mean_over_batches() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2, momentum=0.3), nn.Linear(2, 2))
    model.eval()
    update_bn([lepton.tensor([[0.0, 1.0], [2.0, 3.0]]), (lepton.tensor([[4.0, 5.0], [6.0, 7.0]]), "label")], model)
    norm: Any = model[0]
    assert norm.running_mean.tolist() == [3.0, 4.0] and norm.running_var.tolist() == [2.0, 2.0]
    assert norm.num_batches_tracked.item() == 2 and norm.momentum == 0.3 and not model.training


def test_update_bn_leaves_a_model_without_statistics_alone() -> None:
    update_bn([None], nn.Linear(2, 2))  # not even the data is looked at


def test_update_bn_puts_back_what_it_changed_when_the_data_fail() -> None:
    model = nn.BatchNorm1d(2, momentum=0.3).eval()
    with pytest.raises(ArgumentError, match="expected 2D or 3D input"):
        update_bn([lepton.ones(2)], model)
    assert model.momentum == 0.3 and not model.training


def test_swalr_by_hand() -> None:
    optimizer = SGD([lepton.zeros(1, requires_grad=True)], lr=1.0)
    schedule = SWALR(optimizer, 0.2, anneal_epochs=4, anneal_strategy="linear")
    seen = [optimizer.param_groups[0]["lr"]]
    for _ in range(6):
        optimizer.step()
        schedule.step()
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2])


def test_what_swalr_refuses() -> None:
    optimizer = SGD([lepton.zeros(1, requires_grad=True)], lr=1.0)
    with pytest.raises(ArgumentTypeError, match="list is not an Optimizer"):
        SWALR([optimizer], 0.1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="anneal_epochs must be equal or greater than 0, got -1"):
        SWALR(optimizer, 0.1, anneal_epochs=-1)
    with pytest.raises(ArgumentError, match="'cos' or 'linear', instead got square"):
        SWALR(optimizer, 0.1, anneal_strategy="square")
    assert "swa_lr" not in optimizer.param_groups[0]
