"""Optimizers: going on from a state, hooks, copies, optimizers of one's own, steps on the graph."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest

import lepton
from lepton.errors import ArgumentError, ArgumentTypeError, HookError
from lepton.optim import (
    ASGD,
    LBFGS,
    SGD,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Muon,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
)
from lepton.optim.lr_scheduler import StepLR
from lepton.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from tests.optim._problem import ALL, parameter, steps


def trained(kind: Any, count: int, **options: Any) -> tuple[lepton.Tensor, Any]:
    theta = parameter(1.0, -2.0)
    optimizer = kind([{"params": [theta]}, {"params": [parameter(1.0)]}], lr=0.1, **options)
    go_on(theta, optimizer, count)
    return theta, optimizer


def go_on(theta: lepton.Tensor, optimizer: Any, count: int) -> None:
    for _ in range(count):
        optimizer.zero_grad()
        (theta**4).sum().backward()
        optimizer.step()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SGD, {"momentum": 0.9}),
        (Adam, {"amsgrad": True}),
        (RMSprop, {"centered": True, "momentum": 0.9}),
        (ASGD, {"lambd": 0.1, "t0": 2}),
        *((kind, {}) for kind in ALL),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else ",".join(each),
)
@pytest.mark.parametrize("through_file", [False, True])
def test_going_on_from_a_state_dict_is_the_same_to_the_bit(
    kind: Any, options: dict[str, Any], through_file: bool, tmp_path: Any
) -> None:
    expected, _ = trained(kind, 7, **options)
    theta, optimizer = trained(kind, 3, **options)
    state = optimizer.state_dict()
    if through_file:
        lepton.save(state, tmp_path / "state.safetensors")
        state = lepton.load(tmp_path / "state.safetensors")
    _, fresh = trained(kind, 0, **options)
    copied = fresh.param_groups[0]["params"][0]
    with lepton.no_grad():
        copied.copy_(theta)
    fresh.load_state_dict(state)
    go_on(copied, fresh, 4)
    assert copied.numpy(force=True).tobytes() == expected.numpy(force=True).tobytes()


@pytest.mark.parametrize("kind", [Muon, LBFGS])
@pytest.mark.parametrize("through_file", [False, True])
def test_going_on_with_muon_and_lbfgs_is_the_same_to_the_bit(kind: Any, through_file: bool, tmp_path: Any) -> None:
    options = {"line_search_fn": "strong_wolfe", "max_iter": 2} if kind is LBFGS else {}

    def begun() -> tuple[lepton.Tensor, Any]:
        theta = lepton.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=lepton.float64, requires_grad=True)
        return theta, kind([theta], lr=0.1, **options)

    def run(theta: lepton.Tensor, optimizer: Any, count: int) -> None:
        def closure() -> lepton.Tensor:
            optimizer.zero_grad()
            loss = (theta**4).sum() + (theta[0] * theta[1]).sum()
            loss.backward()
            return loss

        for _ in range(count):
            optimizer.step(closure)

    expected, whole = begun()
    run(expected, whole, 5)
    theta, first = begun()
    run(theta, first, 2)
    state = first.state_dict()
    if through_file:
        lepton.save(state, tmp_path / "state.safetensors")
        state = lepton.load(tmp_path / "state.safetensors")
    again, second = begun()
    with lepton.no_grad():
        again.copy_(theta)
    second.load_state_dict(state)
    run(again, second, 3)
    assert again.tolist() == expected.tolist()


def test_the_form_of_a_state_dict_is_pytorchs() -> None:
    theta, optimizer = trained(Adam, 2)
    state = optimizer.state_dict()
    assert set(state) == {"state", "param_groups"} and set(state["state"]) == {0}
    assert set(state["state"][0]) == {"step", "exp_avg", "exp_avg_sq"} and state["state"][0]["step"].item() == 2.0
    assert [group["params"] for group in state["param_groups"]] == [[0], [1]]
    assert state["state"][0]["exp_avg"] is optimizer.state[theta]["exp_avg"]


def test_loading_takes_copies_in_the_parameters_type() -> None:
    _, optimizer = trained(Adam, 2)
    state = optimizer.state_dict()
    theta = lepton.ones(2, dtype=lepton.float32, requires_grad=True)
    other = Adam([{"params": [theta]}, {"params": [lepton.ones(1, requires_grad=True)]}])
    other.load_state_dict(state)
    held = other.state[theta]
    assert held["exp_avg"].dtype is lepton.float32 and held["step"].item() == 2.0
    assert other.param_groups[0]["lr"] == 0.1
    held["step"] += 1
    assert state["state"][0]["step"].item() == 2.0


def test_state_dicts_that_do_not_fit_change_nothing() -> None:
    _, optimizer = trained(Adam, 2)
    good = optimizer.state_dict()
    before = repr(good)
    unknown = {**good, "state": {**good["state"], 9: good["state"][0]}}
    shorter = {**good, "param_groups": good["param_groups"][:1]}
    longer = {**good, "param_groups": [{**good["param_groups"][0], "params": [0, 1]}, good["param_groups"][1]]}
    for wrong, message in (
        ({}, "lacks param_groups and state"),
        ({"state": {}}, "lacks param_groups"),
        (shorter, "different number of parameter groups: 1, and the optimizer has 2"),
        (longer, "doesn't match the size of optimizer's group: group 0 has 2 parameters there and 1 here"),
        (unknown, "state for parameter 9"),
        ({**good, "param_groups": None}, "its param_groups are a NoneType"),
        ({**good, "param_groups": ["a", "b"]}, "group 0 has no list of params"),
        ({**good, "param_groups": [{**each, "params": [[0]]} for each in good["param_groups"]]}, "no list of params"),
        ({**good, "param_groups": [{**each, "lr": "fast"} for each in good["param_groups"]]}, "lr='fast' in group 0"),
        ({**good, "state": []}, "its state is a list"),
        ({**good, "state": {0: 3}}, "the state of parameter 0 is no dict"),
    ):
        with pytest.raises(ArgumentError, match=message):
            optimizer.load_state_dict(wrong)
        assert repr(optimizer.state_dict()) == before
    for nothing in (None, [("state", {})], 3):
        with pytest.raises(ArgumentTypeError, match="an optimizer's state_dict is a dict, not a"):
            optimizer.load_state_dict(nothing)  # type: ignore[arg-type]
    assert repr(optimizer.state_dict()) == before


def test_hooks_around_steps_and_states() -> None:
    theta, optimizer = trained(SGD, 0)
    seen: list[str] = []
    handles = [
        optimizer.register_step_pre_hook(lambda *_: seen.append("before")),
        optimizer.register_step_post_hook(lambda *_: seen.append("after")),
        optimizer.register_state_dict_pre_hook(lambda *_: seen.append("before state")),
        optimizer.register_state_dict_post_hook(lambda _, state: {**state, "more": 1}),
        optimizer.register_load_state_dict_pre_hook(lambda _, state: {**state, "state": {}}),
        optimizer.register_load_state_dict_post_hook(lambda _: seen.append("loaded")),
    ]
    go_on(theta, optimizer, 1)
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    assert seen == ["before", "after", "before state", "loaded"] and state["more"] == 1
    for handle in handles:
        handle.remove()
    go_on(theta, optimizer, 1)
    assert "more" not in optimizer.state_dict() and len(seen) == 4


def test_step_hooks_see_and_change_the_arguments() -> None:
    _, optimizer = trained(SGD, 0)
    closures: list[Any] = []

    def instead(given: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        assert given is optimizer and args == (optimizer,) and set(kwargs) == {"closure"}
        return args, {"closure": lambda: 7}

    optimizer.register_step_pre_hook(instead)
    optimizer.register_step_post_hook(lambda *given: closures.append(given[2]["closure"]()))
    assert optimizer.step(closure=lambda: 3) == 7 and closures == [7]
    optimizer.register_step_pre_hook(lambda *_: 5)
    with pytest.raises(HookError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 5"):
        optimizer.step(closure=lambda: 3)


def test_hooks_on_all_optimizers() -> None:
    seen: list[str] = []
    _, first = trained(SGD, 0)
    _, second = trained(Adam, 0)
    handles = [
        register_optimizer_step_pre_hook(lambda given, *_: seen.append(f"before {type(given).__name__}")),
        register_optimizer_step_post_hook(lambda given, *_: seen.append(f"after {type(given).__name__}")),
    ]
    first.register_step_pre_hook(lambda *_: seen.append("its own before"))
    first.register_step_post_hook(lambda *_: seen.append("its own after"))
    first.step()
    second.step()
    for handle in handles:
        handle.remove()
    second.step()
    assert seen == ["before SGD", "its own before", "its own after", "after SGD", "before Adam", "after Adam"]


class Signs(Optimizer):
    """What a user may write: ``step`` overridden whole, and state that belongs to no parameter."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})

    @lepton.no_grad()
    def step(self, closure: Any = None) -> Any:
        self.state["all"]["count"] = self.state["all"].get("count", 0) + 1
        for group in self.param_groups:
            for each in group["params"]:
                each -= group["lr"] * each.grad.sign()
        return None if closure is None else closure()


class LoudSigns(Signs):
    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


@pytest.mark.parametrize("kind", [Signs, LoudSigns])
def test_an_optimizer_of_ones_own(kind: Any) -> None:
    theta = parameter(1.0, 1.0, grad=[5.0, -0.1])
    optimizer = kind([theta])
    seen: list[str] = []
    optimizer.register_step_pre_hook(lambda *_: seen.append("hook"))
    schedule = StepLR(optimizer, 1, 0.5)
    optimizer.step()
    schedule.step()
    assert theta.tolist() == [0.9, 1.1] and seen == ["hook"] and optimizer.param_groups[0]["lr"] == 0.05
    other = kind([parameter(0.0, 0.0)])
    other.load_state_dict(optimizer.state_dict())
    assert other.state["all"] == {"count": 1}


@pytest.mark.parametrize("kind", ALL)
def test_a_copy_goes_its_own_way(kind: Any) -> None:
    theta, optimizer = trained(kind, 2)
    optimizer.register_step_post_hook(lambda *_: pytest.fail("hooks stay behind"))
    other = copy.deepcopy(optimizer)
    mine = other.param_groups[0]["params"][0]
    before = theta.tolist()
    go_on(mine, other, 1)
    assert theta.tolist() == before != mine.tolist()
    _, same = trained(kind, 3)
    assert mine.tolist() == same.param_groups[0]["params"][0].tolist()


def test_adamw_stays_decoupled_with_adams_state() -> None:
    _, adam = trained(Adam, 2)
    _, adamw = trained(AdamW, 0)
    adamw.load_state_dict(adam.state_dict())
    assert [each["decoupled_weight_decay"] for each in adamw.param_groups] == [True, True]


def test_a_rate_can_be_learnt_through_steps() -> None:
    rate = lepton.tensor(0.1, dtype=lepton.float64, requires_grad=True)
    for kind in (SGD, Adam, AdamW, Adamax, NAdam, RAdam, Adagrad, RMSprop):
        theta = parameter(1.0, -2.0).clone()
        optimizer = kind([theta], lr=rate, differentiable=True)
        for _ in range(3):
            present = theta.clone()  # the step writes into theta itself
            (theta.grad,) = lepton.autograd.grad((present**4).sum(), present, create_graph=True)
            optimizer.step()
        (slope,) = lepton.autograd.grad((theta**2).sum(), rate)
        small = 1e-6
        losses = []
        for lr in (0.1 - small, 0.1 + small):
            plain, same = trained(kind, 0)
            same.param_groups[0]["lr"] = lr
            go_on(plain, same, 3)
            losses.append((plain**2).sum().item())
        assert slope.item() == pytest.approx((losses[1] - losses[0]) / (2 * small), rel=1e-4)


def test_how_it_prints() -> None:
    told = repr(SGD([parameter(1.0)], lr=0.1, momentum=0.9))
    assert told.splitlines()[:2] == ["SGD (", "Parameter Group 0"] and "    lr: 0.1\n" in told and told.endswith("\n)")


def test_a_schedule_and_its_optimizer_through_a_file(tmp_path: Any) -> None:
    theta, optimizer = trained(SGD, 0, momentum=0.9)
    schedule = StepLR(optimizer, 2, gamma=0.5)
    go_on(theta, optimizer, 1)
    schedule.step()
    lepton.save({"o": optimizer.state_dict(), "s": schedule.state_dict()}, tmp_path / "x.safetensors")
    state = lepton.load(tmp_path / "x.safetensors")
    _, other = trained(SGD, 1, momentum=0.9)
    again = StepLR(other, 5, gamma=0.1)
    other.load_state_dict(state["o"])
    again.load_state_dict(state["s"])
    again.step()
    assert again.get_last_lr() == [0.05, 0.05] == [group["lr"] for group in other.param_groups]


def test_subnormal_second_moments_do_not_warn() -> None:
    theta = parameter(1.0)
    with np.errstate(all="raise"):
        steps(Adam([theta], lr=0.1), theta, [1e-200, 0.0, 1e-300])
    assert math.isfinite(theta.item())
