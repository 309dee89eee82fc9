"""Schedules against PyTorch: every rate and momentum of long runs, states, warnings and refusals."""

from __future__ import annotations

import inspect
import itertools
import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import lepton

STEPS = 120
LIBRARIES = (lepton, torch)

# Both libraries warn of the order where schedules nest, although nobody stepped them.
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")

Make = Callable[[Any, Any], Any]  # of the library's schedules and an optimizer


class Doubling:
    """A callable object, whose attributes are part of a schedule's state."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, epoch: float) -> float:
        return self.rate ** (epoch % 7)


def by(name: str, **options: Any) -> Make:
    """A schedule of this name."""

    def make(schedules: Any, optimizer: Any, **more: Any) -> Any:
        return getattr(schedules, name)(optimizer, **options, **more)

    shown = ",".join(f"{key}={value}" for key, value in options.items() if not callable(value))
    # A test's name is the same in every run: functions without their addresses.
    make.__name__ = re.sub(r"<([^<>]|<[^<>]*>)*>", "f", f"{name}({shown})")
    return make


def sequential(milestones: list[int], *parts: Make) -> Make:
    def make(schedules: Any, optimizer: Any) -> Any:
        return schedules.SequentialLR(optimizer, [part(schedules, optimizer) for part in parts], milestones)

    make.__name__ = f"sequential{milestones}({','.join(part.__name__ for part in parts)})"
    return make


def chained(*parts: Make, **options: Any) -> Make:
    def make(schedules: Any, optimizer: Any) -> Any:
        more = {"optimizer": optimizer} if options else {}
        return schedules.ChainedScheduler([part(schedules, optimizer) for part in parts], **more)

    make.__name__ = f"chained({','.join(part.__name__ for part in parts)})"
    return make


SIMPLE: list[Make] = [
    by("LambdaLR", lr_lambda=lambda epoch: 0.95**epoch),
    by("LambdaLR", lr_lambda=[lambda epoch: 1 / (1 + epoch), Doubling(0.5)]),
    by("MultiplicativeLR", lr_lambda=lambda epoch: 0.9 + 0.1 * (epoch % 2)),
    by("MultiplicativeLR", lr_lambda=(Doubling(0.9), lambda epoch: 0.95)),
    by("StepLR", step_size=1),
    by("StepLR", step_size=7, gamma=0.5),
    by("MultiStepLR", milestones=[3, 10, 10, 50]),
    by("MultiStepLR", milestones=(6, 5, 30), gamma=0.7),
    by("ConstantLR"),
    by("ConstantLR", factor=0.1, total_iters=40),
    by("ConstantLR", factor=1.0, total_iters=1),
    by("LinearLR"),
    by("LinearLR", start_factor=0.1, end_factor=0.7, total_iters=40),
    by("LinearLR", start_factor=1.0, end_factor=0.0, total_iters=10),
    by("ExponentialLR", gamma=0.95),
    by("PolynomialLR"),
    by("PolynomialLR", total_iters=60, power=2.5),
    by("CosineAnnealingLR", T_max=10),
    by("CosineAnnealingLR", T_max=37, eta_min=0.001),
    by("CosineAnnealingLR", T_max=1),
    by("CosineAnnealingWarmRestarts", T_0=5),
    by("CosineAnnealingWarmRestarts", T_0=3, T_mult=2, eta_min=0.001),
]
CYCLIC: list[Make] = [
    by("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=5),
    by("CyclicLR", base_lr=[0.01, 0.02], max_lr=[0.1, 0.3], step_size_up=7, step_size_down=3, mode="triangular2"),
    by("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=11, mode="exp_range", gamma=0.98),
    by("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=4, scale_fn=lambda x: 0.8**x),
    by("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=4, scale_fn=Doubling(0.9), scale_mode="iterations"),
    by("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=5, cycle_momentum=False),
    by("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=5, base_momentum=[0.7, 0.6], max_momentum=[0.8, 0.99]),
    by("OneCycleLR", max_lr=0.1, total_steps=STEPS),
    by("OneCycleLR", max_lr=[0.1, 0.3], epochs=12, steps_per_epoch=STEPS // 10, anneal_strategy="linear"),
    by("OneCycleLR", max_lr=0.1, total_steps=STEPS, three_phase=True, pct_start=0.25),
    by("OneCycleLR", max_lr=0.1, total_steps=STEPS, three_phase=True, anneal_strategy="linear", cycle_momentum=False),
    by("OneCycleLR", max_lr=0.1, total_steps=STEPS + 5, div_factor=5.0, final_div_factor=10.0, base_momentum=0.5),
]
COMPOSED: list[Make] = [
    sequential([20], by("ConstantLR", factor=0.1, total_iters=20), by("ExponentialLR", gamma=0.9)),
    sequential([5, 60], by("LinearLR", total_iters=5), by("CosineAnnealingLR", T_max=55), by("StepLR", step_size=10)),
    sequential([], by("StepLR", step_size=10)),
    sequential([10, 10], by("StepLR", step_size=4), by("ConstantLR"), by("ExponentialLR", gamma=0.9)),
    sequential(
        [30],
        sequential([10], by("LinearLR", total_iters=10), by("ExponentialLR", gamma=0.97)),
        by("CosineAnnealingLR", T_max=20),
    ),
    chained(by("ConstantLR", factor=0.1, total_iters=20), by("ExponentialLR", gamma=0.9)),
    chained(by("LinearLR"), by("StepLR", step_size=9), by("CosineAnnealingLR", T_max=25), optimizer=True),
    chained(by("MultiStepLR", milestones=[4, 8]), chained(by("ConstantLR"), by("PolynomialLR", total_iters=90))),
    sequential([15], chained(by("ConstantLR"), by("ExponentialLR", gamma=0.95)), by("StepLR", step_size=3)),
]
EVERY = [*SIMPLE, *CYCLIC, *COMPOSED]


def optimizer_of(library: Any, kind: str = "SGD", tensors: bool = False, begun: bool = False) -> Any:
    groups = []
    for rate in (0.1, 0.02):
        lr = library.tensor(rate, dtype=library.float64) if tensors else rate
        groups.append({"params": [library.zeros(1, requires_grad=True)], "lr": lr})
        if begun:
            groups[-1].update(initial_lr=rate, max_lr=0.3, min_lr=0.001, base_momentum=0.7, max_momentum=0.9)
    return getattr(library.optim, kind)(groups, **({"momentum": 0.9} if kind == "SGD" else {}))


def present(optimizer: Any) -> list[Any]:
    """Rates and momenta of all groups."""
    seen: list[Any] = []
    for group in optimizer.param_groups:
        seen += [float(group["lr"]), group.get("momentum"), group.get("betas")]
    return seen


def run(library: Any, make: Make, count: int = STEPS, **kind: Any) -> list[Any]:
    optimizer = optimizer_of(library, **kind)
    schedule = make(library.optim.lr_scheduler, optimizer)
    seen = []
    for _ in range(count):
        seen.append([*present(optimizer), *map(float, schedule.get_last_lr())])
        optimizer.step()
        schedule.step()
    return seen


def names(make: Any) -> str:
    return make.__name__


@pytest.mark.parametrize("make", EVERY, ids=names)
def test_every_rate_and_momentum_is_the_same(make: Make) -> None:
    assert run(lepton, make) == run(torch, make)


@pytest.mark.parametrize("make", CYCLIC, ids=names)
def test_the_first_beta_is_cycled_as_momentum(make: Make) -> None:
    assert run(lepton, make, kind="Adam") == run(torch, make, kind="Adam")


@pytest.mark.parametrize("make", EVERY, ids=names)
def test_a_rate_that_is_a_tensor_stays_one(make: Make) -> None:
    found = []
    for library in LIBRARIES:
        optimizer = optimizer_of(library, tensors=True)
        held = [group["lr"] for group in optimizer.param_groups]
        schedule = make(library.optim.lr_scheduler, optimizer)
        seen = []
        for _ in range(40):
            seen.append([*map(float, held), *map(float, schedule.get_last_lr())])
            optimizer.step()
            schedule.step()
        assert all(group["lr"] is each for group, each in zip(optimizer.param_groups, held, strict=True))
        found.append(seen)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("last_epoch", [0, 1, 5, 10])
@pytest.mark.parametrize("make", [*SIMPLE, *CYCLIC], ids=names)
def test_going_on_by_last_epoch(make: Any, last_epoch: int) -> None:
    found = []
    for library in LIBRARIES:
        optimizer = optimizer_of(library, begun=True)
        schedule = make(library.optim.lr_scheduler, optimizer, last_epoch=last_epoch)
        seen = []
        for _ in range(60):
            seen.append(present(optimizer))
            optimizer.step()
            schedule.step()
        found.append(seen)
    assert found[0] == found[1]


PAIRS = list(itertools.combinations(SIMPLE[::3], 2))


@pytest.mark.parametrize("chosen", PAIRS, ids=lambda each: "+".join(map(names, each)))
def test_two_schedules_on_one_optimizer(chosen: tuple[Make, Make]) -> None:
    found = []
    for library in LIBRARIES:
        optimizer = optimizer_of(library)
        schedules = [make(library.optim.lr_scheduler, optimizer) for make in chosen]
        seen = []
        for _ in range(30):
            seen.append(present(optimizer))
            optimizer.step()
            for each in schedules:
                each.step()
        found.append(seen)
    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("make", SIMPLE, ids=names)
def test_the_closed_form(make: Make) -> None:
    found = []
    for library in LIBRARIES:
        optimizer = optimizer_of(library)
        schedule = make(library.optim.lr_scheduler, optimizer)
        optimizer.step()
        seen = []
        for epoch in (1, 7, 3, 0, 40, 41, 100):
            schedule.step(epoch)
            seen.append([present(optimizer), schedule.last_epoch])
        schedule.step()
        found.append([*seen, present(optimizer)])
    assert found[0] == found[1]


@pytest.mark.parametrize("options", [{"T_0": 4}, {"T_0": 2, "T_mult": 2}, {"T_0": 3, "T_mult": 3, "eta_min": 0.01}])
def test_warm_restarts_within_epochs(options: dict[str, Any]) -> None:
    found = []
    for library in LIBRARIES:
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, **options)
        seen = []
        for quarter in range(90):
            schedule.step(quarter / 4)
            seen.append([present(optimizer), schedule.last_epoch, schedule.T_cur, schedule.T_i])
        schedule.step()
        found.append([*seen, present(optimizer)])
    assert found[0] == found[1]


PLATEAUS = [
    {},
    {"patience": 2, "factor": 0.5, "cooldown": 3},
    {"patience": 0, "threshold_mode": "abs", "threshold": 0.5},
    {"mode": "max", "patience": 3, "min_lr": [0.01, 0.001]},
    {"mode": "max", "patience": 1, "threshold_mode": "abs", "threshold": 0.3, "min_lr": 0.005, "eps": 0.01},
]


def measured(library: Any, options: dict[str, Any], tensors: bool) -> Any:
    optimizer = optimizer_of(library, tensors=tensors)
    schedule = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    metrics = np.cumsum(np.random.default_rng(4).normal(-0.05, 0.4, STEPS))
    seen = []
    for number, metric in enumerate(metrics):
        schedule.step(library.tensor(metric) if number % 2 else metric)
        state = [schedule.num_bad_epochs, schedule.cooldown_counter, schedule.in_cooldown, schedule.last_epoch]
        seen.append([*present(optimizer)[::3], *map(float, schedule.get_last_lr()), schedule.best, *state])
    return seen, schedule


@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_reduce_on_plateau(options: dict[str, Any], tensors: bool) -> None:
    (ours, mine), (theirs, torchs) = (measured(library, options, tensors) for library in LIBRARIES)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
    if not tensors:
        assert list(mine.state_dict().items()) == list(torchs.state_dict().items())


def test_a_group_added_to_a_plateau() -> None:
    for given, fails in ((0.01, False), ([0.01, 0.01], True)):
        for library in LIBRARIES:
            optimizer = optimizer_of(library)
            schedule = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=given)
            optimizer.add_param_group({"params": [library.zeros(1, requires_grad=True)], "lr": 0.5})
            schedule.step(1.0)
            if fails:
                with pytest.raises(RuntimeError, match="number of param groups"):
                    schedule.step(2.0)
            else:
                schedule.step(2.0)
                assert schedule.get_last_lr() == pytest.approx([0.01, 0.01, 0.05])


# ---------------------------------------------------------------------- states


@pytest.mark.parametrize("make", EVERY, ids=names)
def test_the_state_has_the_same_keys_and_values(make: Make) -> None:
    states = []
    for library in LIBRARIES:
        optimizer = optimizer_of(library)
        schedule = make(library.optim.lr_scheduler, optimizer)
        for _ in range(13):
            optimizer.step()
            schedule.step()
        states.append(schedule.state_dict())
    assert list(states[0]) == list(states[1])
    assert states[0] == states[1]


@pytest.mark.parametrize("make", EVERY, ids=names)
def test_going_on_from_pytorchs_state(make: Make) -> None:
    theirs = optimizer_of(torch)
    before = make(torch.optim.lr_scheduler, theirs)
    for _ in range(17):
        theirs.step()
        before.step()
    ours = optimizer_of(lepton)
    schedule = make(lepton.optim.lr_scheduler, ours)
    schedule.load_state_dict(before.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for _ in range(40):
        for optimizer, each in ((theirs, before), (ours, schedule)):
            optimizer.step()
            each.step()
        assert present(ours) == present(theirs)


@pytest.mark.parametrize("name", lepton.optim.lr_scheduler.__all__)
def test_arguments_and_defaults_are_the_same(name: str) -> None:
    ours, theirs = (
        inspect.signature(getattr(library.optim.lr_scheduler, name).__init__).parameters for library in LIBRARIES
    )
    assert [(each.name, each.default) for each in ours.values()] == [
        (each.name, each.default) for each in theirs.values()
    ]


def test_no_schedule_is_missing() -> None:
    assert sorted(lepton.optim.lr_scheduler.__all__) == sorted(torch.optim.lr_scheduler.__all__)


# ---------------------------------------------------------------------- warnings


def wrong_order(library: Any, optimizer: Any, schedule: Any) -> None:
    schedule.step()
    schedule.step()


def right_order(library: Any, optimizer: Any, schedule: Any) -> None:
    optimizer.step()
    schedule.step()


def replaced_step(library: Any, optimizer: Any, schedule: Any) -> None:
    optimizer.step = lambda: None
    optimizer.step()
    schedule.step()


def by_epoch(library: Any, optimizer: Any, schedule: Any) -> None:
    optimizer.step()
    schedule.step(3)


def asked_outside(library: Any, optimizer: Any, schedule: Any) -> None:
    schedule.get_lr()


def second_schedule(library: Any, optimizer: Any, schedule: Any) -> None:
    optimizer.step()
    schedule.step()
    library.optim.lr_scheduler.ConstantLR(optimizer).step()


def stepped_before(library: Any, optimizer: Any, schedule: Any) -> None:
    fresh = optimizer_of(library)
    fresh.step()
    library.optim.lr_scheduler.StepLR(fresh, 2).step()


USES = [wrong_order, right_order, replaced_step, by_epoch, asked_outside, second_schedule, stepped_before]


@pytest.mark.parametrize("use", USES, ids=names)
@pytest.mark.parametrize("make", SIMPLE[::4], ids=names)
def test_warnings_are_the_same(make: Make, use: Any) -> None:
    found = []
    for library in LIBRARIES:
        optimizer = optimizer_of(library)
        schedule = make(library.optim.lr_scheduler, optimizer)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            use(library, optimizer, schedule)
        found.append([(each.category, str(each.message)[:40]) for each in caught])
    assert found[0] == found[1]


# ---------------------------------------------------------------------- refusals


class Other:
    """No schedule."""


def of_none(name: str, **options: Any) -> Make:
    return lambda schedules, _: by(name, **options)(schedules, [1])


REFUSED: dict[str, Make] = {
    "no optimizer to step": of_none("StepLR", step_size=1),
    "no optimizer to cycle": of_none("CyclicLR", base_lr=0.1, max_lr=0.2),
    "no optimizer for one cycle": of_none("OneCycleLR", max_lr=0.1, total_steps=3),
    "no optimizer on a plateau": of_none("ReduceLROnPlateau"),
    "no initial_lr": by("StepLR", step_size=2, last_epoch=3),
    "one function of two": by("LambdaLR", lr_lambda=[math.sin]),
    "no function": by("MultiplicativeLR", lr_lambda=[0.9, 0.8]),
    "three functions of two": by("MultiplicativeLR", lr_lambda=[math.sin] * 3),
    "constant above 1": by("ConstantLR", factor=1.1),
    "constant below 0": by("ConstantLR", factor=-0.1),
    "linear from 0": by("LinearLR", start_factor=0.0),
    "linear from above 1": by("LinearLR", start_factor=1.5),
    "linear to below 0": by("LinearLR", end_factor=-0.1),
    "linear to above 1": by("LinearLR", end_factor=1.1),
    "restart at 0": by("CosineAnnealingWarmRestarts", T_0=0),
    "restart at a fraction": by("CosineAnnealingWarmRestarts", T_0=2.5),
    "no growth": by("CosineAnnealingWarmRestarts", T_0=2, T_mult=0),
    "eta_min a string": by("CosineAnnealingWarmRestarts", T_0=2, eta_min="0"),
    "a negative epoch": lambda schedules, optimizer: schedules.CosineAnnealingWarmRestarts(optimizer, 3).step(-1),
    "factor 1": by("ReduceLROnPlateau", factor=1.0),
    "unknown mode": by("ReduceLROnPlateau", mode="best"),
    "unknown threshold mode": by("ReduceLROnPlateau", threshold_mode="best"),
    "three min_lrs": by("ReduceLROnPlateau", min_lr=[0.1, 0.1, 0.1]),
    "unknown cycle": by("CyclicLR", base_lr=0.1, max_lr=0.2, mode="square"),
    "three base_lrs": by("CyclicLR", base_lr=[0.1] * 3, max_lr=0.2),
    "three max_lrs": by("CyclicLR", base_lr=0.1, max_lr=[0.2] * 3),
    "three momenta": by("CyclicLR", base_lr=0.1, max_lr=0.2, max_momentum=[0.9] * 3),
    "no steps": by("OneCycleLR", max_lr=0.1),
    "epochs alone": by("OneCycleLR", max_lr=0.1, epochs=3),
    "0 steps": by("OneCycleLR", max_lr=0.1, total_steps=0),
    "steps a fraction": by("OneCycleLR", max_lr=0.1, total_steps=2.5),
    "0 epochs": by("OneCycleLR", max_lr=0.1, epochs=0, steps_per_epoch=3),
    "0 steps per epoch": by("OneCycleLR", max_lr=0.1, epochs=3, steps_per_epoch=0),
    "pct_start 2": by("OneCycleLR", max_lr=0.1, total_steps=9, pct_start=2.0),
    "pct_start an int": by("OneCycleLR", max_lr=0.1, total_steps=9, pct_start=1),
    "unknown annealing": by("OneCycleLR", max_lr=0.1, total_steps=9, anneal_strategy="square"),
    "no schedules": lambda schedules, optimizer: schedules.SequentialLR(optimizer, [], []),
    "no schedules to chain": lambda schedules, _: schedules.ChainedScheduler([]),
    "no schedule in sequence": lambda schedules, optimizer: schedules.SequentialLR(optimizer, [Other()], []),
    "no schedule in chain": lambda schedules, optimizer: schedules.ChainedScheduler([Other()], optimizer),
    "milestones too many": sequential([1, 2], by("ConstantLR"), by("ConstantLR")),
    "a plateau in sequence": sequential([], by("ReduceLROnPlateau")),
    "a plateau in chain": chained(by("ReduceLROnPlateau")),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_what_pytorch_refuses(make: Make) -> None:
    caught = []
    for library in LIBRARIES:
        try:
            make(library.optim.lr_scheduler, optimizer_of(library))
        except Exception as error:  # noqa: BLE001 - which exception it is, is what is compared
            caught.append(error)
    assert len(caught) == 2 and isinstance(caught[0], type(caught[1])), caught


@pytest.mark.parametrize("kind", ["Adagrad", "Rprop"])
@pytest.mark.parametrize("make", [CYCLIC[0], CYCLIC[7]], ids=names)
def test_an_optimizer_without_momentum_is_refused(make: Make, kind: str) -> None:
    for library in LIBRARIES:
        with pytest.raises(ValueError, match="optimizer must support momentum or beta1"):
            run(library, make, 1, kind=kind)


def test_schedules_of_two_optimizers_are_refused() -> None:
    for library in LIBRARIES:
        schedules = library.optim.lr_scheduler
        first, second = optimizer_of(library), optimizer_of(library)
        parts = [schedules.ConstantLR(first), schedules.ConstantLR(second)]
        with pytest.raises(ValueError, match="expects all schedulers to belong to the same optimizer"):
            schedules.SequentialLR(first, parts, [3])
        with pytest.raises(ValueError, match="expects all schedulers to belong to the same optimizer"):
            schedules.ChainedScheduler(parts)


def test_one_cycle_has_an_end() -> None:
    for library in LIBRARIES:
        with pytest.raises(ValueError, match="Tried to step 6 times"):
            run(library, by("OneCycleLR", max_lr=0.1, total_steps=5), 10)
