"""Learning-rate schedules: the closed formulas, chaining, going on, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton.errors import ArgumentError, ArgumentTypeError, MissingOptionError
from lepton.optim import SGD
from lepton.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, StepLR

Make = Callable[[SGD], LRScheduler]


def optimizer(*rates: float) -> SGD:
    return SGD([{"params": [lepton.zeros(1, requires_grad=True)], "lr": rate} for rate in rates])


def rates(make: Make, count: int, lr: float = 0.5) -> list[float]:
    subject = optimizer(lr)
    schedule = make(subject)
    seen = []
    for _ in range(count):
        seen.append(subject.param_groups[0]["lr"])
        assert schedule.get_last_lr() == [seen[-1]]
        subject.step()
        schedule.step()
    return seen


def test_step_lr() -> None:
    assert rates(lambda o: StepLR(o, 2, gamma=0.5), 6, 1.0) == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    assert rates(lambda o: StepLR(o, 3), 4, 1.0) == [1.0, 1.0, 1.0, 0.1]


@given(st.floats(0.01, 1.0), st.floats(0.0, 1.0), st.integers(1, 12))
def test_linear_lr(start: float, end: float, total: int) -> None:
    expected = [0.5 * (start + (end - start) * min(t, total) / total) for t in range(16)]
    assert rates(lambda o: LinearLR(o, start, end, total), 16) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.integers(1, 12), st.floats(0.0, 0.1))
def test_cosine_annealing_and_back(period: int, lowest: float) -> None:
    expected = [lowest + (0.5 - lowest) * (1 + math.cos(math.pi * t / period)) / 2 for t in range(3 * period)]
    made = rates(lambda o: CosineAnnealingLR(o, period, lowest), 3 * period)
    assert made == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_every_group_has_its_own_rate() -> None:
    subject = optimizer(1.0, 0.1)
    schedule = LinearLR(subject, start_factor=0.5, total_iters=1)
    assert schedule.get_last_lr() == [0.5, 0.05] and schedule.base_lrs == [1.0, 0.1]
    subject.step()
    schedule.step()
    assert [group["lr"] for group in subject.param_groups] == pytest.approx([1.0, 0.1])


def test_a_second_schedule_knows_the_first_rate() -> None:
    subject = optimizer(1.0)
    LinearLR(subject, start_factor=0.5)
    assert subject.param_groups[0]["lr"] == 0.5 and CosineAnnealingLR(subject, 3).base_lrs == [1.0]


def test_two_schedules_on_one_optimizer_multiply() -> None:
    subject = optimizer(1.0)
    schedules = [StepLR(subject, 1, 0.5), StepLR(subject, 2, 0.1)]
    seen = []
    for _ in range(4):
        subject.step()
        for each in schedules:
            each.step()
        seen.append(subject.param_groups[0]["lr"])
    assert seen == pytest.approx([0.5, 0.025, 0.0125, 0.000625])


MAKERS: dict[str, Make] = {
    "step": lambda o: StepLR(o, 3, 0.5),
    "linear": lambda o: LinearLR(o, 0.25, 1.0, 6),
    "cosine": lambda o: CosineAnnealingLR(o, 5, 0.01),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("left_after", [0, 1, 5, 6])
def test_going_on_from_a_state_dict(name: str, left_after: int) -> None:
    make, expected = MAKERS[name], rates(MAKERS[name], 14)
    subject = optimizer(0.5)
    schedule = make(subject)
    for _ in range(left_after):
        subject.step()
        schedule.step()
    of_optimizer, state = subject.state_dict(), schedule.state_dict()
    assert "optimizer" not in state
    again = optimizer(123.0)
    resumed = make(again)
    again.load_state_dict(of_optimizer)
    resumed.load_state_dict(state)
    seen = []
    for _ in range(14 - left_after):
        seen.append(again.param_groups[0]["lr"])
        again.step()
        resumed.step()
    assert seen == expected[left_after:]


def test_last_epoch_goes_on_with_an_optimizer_that_knows_its_first_rate() -> None:
    subject = optimizer(0.5)
    with pytest.raises(MissingOptionError, match=r"'initial_lr' is not specified in param_groups\[0\].*here 3"):
        StepLR(subject, 2, last_epoch=3)
    subject.param_groups[0]["initial_lr"] = 0.5
    assert StepLR(subject, 2, 0.1, last_epoch=3).get_last_lr() == [0.05]


def test_a_schedule_before_the_first_step_is_warned_about() -> None:
    schedule = StepLR(optimizer(1.0), 1)
    with pytest.warns(UserWarning, match="call `optimizer.step\\(\\)` first"):
        schedule.step()


def test_states_that_do_not_fit_change_nothing() -> None:
    schedule = StepLR(optimizer(1.0), 4)
    before = schedule.state_dict()
    for wrong in ({}, {**before, "more": 1}, LinearLR(optimizer(1.0)).state_dict()):
        with pytest.raises(ArgumentError, match=r"this is no state of a StepLR: missing .*, unexpected"):
            schedule.load_state_dict(wrong)
    assert schedule.state_dict() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_factor": 0.0}, "greater than 0 and less or equal to 1, got 0.0"),
        ({"start_factor": 1.5}, "greater than 0 and less or equal to 1"),
        ({"end_factor": -0.1}, "between 0 and 1, got -0.1"),
        ({"end_factor": 1.1}, "between 0 and 1"),
    ],
)
def test_factors_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        LinearLR(optimizer(1.0), **options)


def test_what_is_no_optimizer() -> None:
    with pytest.raises(ArgumentTypeError, match="list is not an Optimizer"):
        StepLR([1], 2)  # type: ignore[arg-type]


def test_the_base_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="LRScheduler does not say its rates"):
        LRScheduler(optimizer(1.0))
