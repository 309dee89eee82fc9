"""Learning-rate schedules: the closed formulas, chaining, going on, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton.errors import ArgumentError, ArgumentTypeError, MissingOptionError, OptimizerError
from lepton.optim import SGD, Adam
from lepton.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

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


def test_the_other_factors() -> None:
    assert rates(lambda o: ConstantLR(o, 0.5, 2), 4, 1.0) == [0.5, 0.5, 1.0, 1.0]
    assert rates(lambda o: ExponentialLR(o, 0.5), 3, 1.0) == [1.0, 0.5, 0.25]
    assert rates(lambda o: MultiStepLR(o, [1, 3, 3], 0.5), 5, 1.0) == [1.0, 0.5, 0.5, 0.125, 0.125]
    assert rates(lambda o: LambdaLR(o, lambda t: 1 / (1 + t)), 3, 1.0) == [1.0, 1 / 2, 1 / 3]
    assert rates(lambda o: MultiplicativeLR(o, lambda t: 1 / t), 4, 1.0) == pytest.approx([1.0, 1.0, 1 / 2, 1 / 6])
    assert rates(lambda o: PolynomialLR(o, 4, 2.0), 6, 1.0) == pytest.approx([1.0, 9 / 16, 1 / 4, 1 / 16, 0.0, 0.0])


def test_warm_restarts_come_ever_later() -> None:
    seen = rates(lambda o: CosineAnnealingWarmRestarts(o, 2, T_mult=2), 15, 1.0)
    assert [step for step, rate in enumerate(seen) if rate == 1.0] == [0, 2, 6, 14]
    assert seen[1] == pytest.approx(0.5) and seen[4] == pytest.approx(0.5)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_a_cycle_moves_momentum_against_the_rate(kind: Any) -> None:
    options = {"momentum": 0.5} if kind is SGD else {}
    subject = kind([lepton.zeros(1, requires_grad=True)], lr=9.0, **options)
    schedule = CyclicLR(subject, 1.0, 3.0, step_size_up=2, mode="triangular2", base_momentum=0.6, max_momentum=0.8)
    seen = []
    for _ in range(7):
        group = subject.param_groups[0]
        seen.append((group["lr"], group["momentum"] if kind is SGD else group["betas"][0]))
        subject.step()
        schedule.step()
    assert [rate for rate, _ in seen] == [1.0, 2.0, 3.0, 2.0, 1.0, 1.5, 2.0]
    assert [momentum for _, momentum in seen] == pytest.approx([0.8, 0.7, 0.6, 0.7, 0.8, 0.75, 0.7])
    if kind is Adam:
        assert subject.param_groups[0]["betas"][1] == 0.999


def test_one_cycle_goes_up_and_down() -> None:
    subject = optimizer(7.0)
    schedule = OneCycleLR(subject, 1.0, total_steps=11, pct_start=0.5, div_factor=10.0, final_div_factor=10.0)
    seen = []
    for _ in range(11):
        seen.append(subject.param_groups[0]["lr"])
        subject.step()
        schedule.step()
    assert seen[0] == pytest.approx(0.1) and seen[10] == pytest.approx(0.01)
    top = seen.index(max(seen))
    assert seen[: top + 1] == sorted(seen[: top + 1]) and seen[top:] == sorted(seen[top:], reverse=True)
    with pytest.raises(ArgumentError, match="Tried to step 12 times"):
        schedule.step()


def test_a_plateau_lowers_the_rate() -> None:
    subject = optimizer(1.0)
    schedule = ReduceLROnPlateau(subject, factor=0.5, patience=1, cooldown=1, min_lr=0.2)
    seen = []
    for metric in (3.0, 2.0, 2.0, lepton.tensor(2.0), 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0):
        schedule.step(metric)
        seen.append(subject.param_groups[0]["lr"])
    assert seen == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2] and schedule.best == 2.0


def test_a_plateau_needs_as_many_lowest_rates_as_groups() -> None:
    subject = optimizer(1.0)
    schedule = ReduceLROnPlateau(subject, patience=0, min_lr=[0.1])
    subject.add_param_group({"params": [lepton.zeros(1, requires_grad=True)]})
    schedule.step(1.0)
    with pytest.raises(OptimizerError, match=r"\(2\) differs from when .* was initialized \(1\)"):
        schedule.step(1.0)


def test_one_schedule_after_the_other() -> None:
    made = rates(lambda o: SequentialLR(o, [ConstantLR(o, 0.5, 3), ExponentialLR(o, 0.5)], [2]), 5, 1.0)
    assert made == [0.5, 0.5, 1.0, 0.5, 0.25]


def test_schedules_at_once_multiply() -> None:
    made = rates(lambda o: ChainedScheduler([ConstantLR(o, 0.5, 2), ExponentialLR(o, 0.5)]), 4, 1.0)
    assert made == [0.5, 0.25, 0.25, 0.125]


def test_a_rate_in_a_tensor_is_written_in_place() -> None:
    lr = lepton.tensor(1.0)
    subject = SGD([lepton.zeros(1, requires_grad=True)], lr=lr)
    schedule = SequentialLR(subject, [StepLR(subject, 1, 0.5), ExponentialLR(subject, 0.5)], [3])
    subject.step()
    schedule.step()
    assert lr.item() == 0.5 and subject.param_groups[0]["lr"] is lr
    assert schedule.get_last_lr()[0] is not lr and schedule.get_last_lr()[0].item() == 0.5


@pytest.mark.parametrize("make", [lambda o: StepLR(o, 2), lambda o: ExponentialLR(o, 0.5), lambda o: ConstantLR(o)])
def test_a_step_to_an_epoch_is_deprecated(make: Make) -> None:
    subject = optimizer(1.0)
    schedule = make(subject)
    subject.step()
    with pytest.warns(UserWarning, match="The epoch parameter"):
        schedule.step(5)
    expected = rates(make, 6, 1.0)[5]
    assert schedule.get_last_lr() == [pytest.approx(expected)] and schedule.last_epoch == 5


def test_get_lr_is_for_schedules_themselves() -> None:
    with pytest.warns(UserWarning, match="please use `get_last_lr"):
        StepLR(optimizer(1.0), 2).get_lr()


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
    "lambda": lambda o: LambdaLR(o, Halving(3)),
    "multiplicative": lambda o: MultiplicativeLR(o, [Halving(4)]),
    "milestones": lambda o: MultiStepLR(o, [2, 5, 5, 7], 0.5),
    "constant": lambda o: ConstantLR(o, 0.5, 6),
    "exponential": lambda o: ExponentialLR(o, 0.9),
    "polynomial": lambda o: PolynomialLR(o, 9, 1.5),
    "restarts": lambda o: CosineAnnealingWarmRestarts(o, 2, 2),
    "cyclic": lambda o: CyclicLR(o, 0.1, 0.5, 3, mode="exp_range", gamma=0.9, cycle_momentum=False),
    "cyclic, own scale": lambda o: CyclicLR(o, 0.1, 0.5, 3, scale_fn=Halving(2), cycle_momentum=False),
    "one cycle": lambda o: OneCycleLR(o, 0.5, 20),
    "sequential": lambda o: SequentialLR(o, [LinearLR(o), ExponentialLR(o, 0.9)], [5]),
    "chained": lambda o: ChainedScheduler([LinearLR(o), ExponentialLR(o, 0.9)]),
}


class Halving:
    """A callable object, whose attributes are part of a schedule's state."""

    def __init__(self, every: int) -> None:
        self.every = every

    def __call__(self, step: float) -> float:
        return float(0.5 ** (step // self.every))


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("left_after", [0, 1, 5, 6])
@pytest.mark.parametrize("through_file", [False, True])
def test_going_on_from_a_state_dict(name: str, left_after: int, through_file: bool, tmp_path: Any) -> None:
    make, expected = MAKERS[name], rates(MAKERS[name], 14)
    subject = optimizer(0.5)
    schedule = make(subject)
    for _ in range(left_after):
        subject.step()
        schedule.step()
    of_optimizer, state = subject.state_dict(), schedule.state_dict()
    assert "optimizer" not in state
    if through_file:
        lepton.save({"o": of_optimizer, "s": state}, tmp_path / "state.safetensors")
        loaded = lepton.load(tmp_path / "state.safetensors")
        of_optimizer, state = loaded["o"], loaded["s"]
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


def test_a_step_that_was_replaced_is_warned_about() -> None:
    subject = optimizer(1.0)
    schedule = StepLR(subject, 1)
    subject.step = lambda closure=None: None
    with pytest.warns(UserWarning, match="has been overridden after learning rate scheduler initialization"):
        schedule.step()


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
    for name, value in (("last_epoch", "x"), ("base_lrs", [1.0, 2.0]), ("base_lrs", 1.0), ("gamma", None)):
        with pytest.raises(ArgumentError, match=rf"this is no state of this StepLR: it has {name}="):
            schedule.load_state_dict({**before, name: value})
    with pytest.raises(ArgumentError, match="a StepLR's state is a dict, not a NoneType"):
        schedule.load_state_dict(None)  # type: ignore[arg-type]
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
