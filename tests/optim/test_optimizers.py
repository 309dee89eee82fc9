"""Optimizers: single steps by hand, groups, state, hooks, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton.errors import ArgumentError, ArgumentTypeError, GradError
from lepton.optim import SGD, Adam, AdamW, Optimizer
from lepton.optim.lr_scheduler import StepLR

ALL = [SGD, Adam, AdamW]


def parameter(*values: float, grad: list[float] | None = None) -> lepton.Tensor:
    made = lepton.tensor(values, dtype=lepton.float64, requires_grad=True)
    if grad is not None:
        made.grad = lepton.tensor(grad, dtype=lepton.float64)
    return made


def steps(optimizer: Optimizer, theta: lepton.Tensor, gradients: list[float]) -> list[float]:
    seen = []
    for gradient in gradients:
        theta.grad = lepton.tensor([gradient], dtype=lepton.float64)
        optimizer.step()
        seen.append(theta.item())
    return seen


# ---------------------------------------------------------------------- formulas, by hand


def test_sgd_goes_down_the_gradient() -> None:
    theta = parameter(1.0)
    assert steps(SGD([theta], lr=0.5), theta, [2.0, -1.0]) == [0.0, 0.5]


def test_sgd_with_momentum_begins_with_the_gradient_itself() -> None:
    theta = parameter(0.0)
    # b = 1, then 0.9·1 + 1 = 1.9, then 0.9·1.9 + 0 = 1.71
    assert steps(SGD([theta], 0.1, momentum=0.9), theta, [1.0, 1.0, 0.0]) == pytest.approx([-0.1, -0.29, -0.461])


def test_sgd_with_dampening_spares_the_first_step() -> None:
    theta = parameter(0.0)
    # b = 1, then 0.9·1 + 0.5·1 = 1.4
    assert steps(SGD([theta], 0.1, 0.9, 0.5), theta, [1.0, 1.0]) == pytest.approx([-0.1, -0.24])


def test_nesterov_looks_ahead() -> None:
    theta = parameter(0.0)
    # g + 0.9·b: 1 + 0.9 = 1.9, then b = 1.9: 1 + 1.71 = 2.71
    assert steps(SGD([theta], 0.1, 0.9, nesterov=True), theta, [1.0, 1.0]) == pytest.approx([-0.19, -0.461])


def test_weight_decay_pulls_to_zero() -> None:
    theta = parameter(2.0)
    assert steps(SGD([theta], 0.1, weight_decay=0.5), theta, [0.0]) == pytest.approx([1.9])


@pytest.mark.parametrize("kind", ALL)
def test_maximize_goes_up(kind: Any) -> None:
    down, up = parameter(1.0), parameter(1.0)
    options = {"lr": 0.1, "weight_decay": 0.0}
    lower = steps(kind([down], **options), down, [2.0, 1.0])
    higher = steps(kind([up], maximize=True, **options), up, [2.0, 1.0])
    assert higher == pytest.approx([2 - value for value in lower]) and higher[0] > 1.0


@given(st.floats(1e-6, 1e6), st.floats(1e-4, 1.0))
def test_adams_first_step_has_the_length_of_the_rate(gradient: float, lr: float) -> None:
    theta = parameter(0.0)
    moved = steps(Adam([theta], lr=lr, eps=0.0), theta, [gradient])[0]
    assert moved == pytest.approx(-lr, rel=1e-9)


def test_adam_by_hand() -> None:
    theta = parameter(0.0)
    m1, v1 = 0.1 * 1.0, 0.001 * 1.0
    m2, v2 = 0.9 * m1 + 0.1 * 3.0, 0.999 * v1 + 0.001 * 9.0
    first = -0.1 * (m1 / 0.1) / (math.sqrt(v1 / 0.001) + 1e-8)
    second = first - 0.1 * (m2 / (1 - 0.81)) / (math.sqrt(v2 / (1 - 0.998001)) + 1e-8)
    assert steps(Adam([theta], lr=0.1), theta, [1.0, 3.0]) == pytest.approx([first, second], rel=1e-12)


def test_adamw_decays_the_weight_itself_and_adam_its_gradient() -> None:
    theta = parameter(2.0)
    assert steps(AdamW([theta], lr=0.1, weight_decay=0.5), theta, [0.0]) == pytest.approx([2.0 * (1 - 0.05)])
    theta = parameter(2.0)
    assert steps(Adam([theta], lr=0.1, weight_decay=0.5, eps=0.0), theta, [0.0]) == pytest.approx([1.9])
    theta = parameter(2.0)
    assert steps(Adam([theta], 0.1, weight_decay=0.5, decoupled_weight_decay=True), theta, [0.0]) == pytest.approx(
        [1.9]
    )


def test_amsgrad_never_forgets_the_largest() -> None:
    large = [100.0] + [1.0] * 5
    plain, kept = parameter(0.0), parameter(0.0)
    fast = steps(Adam([plain], 0.1, betas=(0.0, 0.1)), plain, large)
    slow = steps(Adam([kept], 0.1, betas=(0.0, 0.1), amsgrad=True), kept, large)
    assert abs(fast[-1] - fast[-2]) > 3 * abs(slow[-1] - slow[-2])


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("dtype", [lepton.float32, lepton.float16, lepton.float64])
def test_steps_keep_type_place_and_identity(kind: Any, dtype: lepton.dtype) -> None:
    theta = lepton.ones(3, dtype=dtype, requires_grad=True)
    memory = theta.data_ptr()
    optimizer = kind([theta], lr=lepton.tensor(0.1))
    for _ in range(3):
        optimizer.zero_grad()
        (theta * theta).sum().backward()
        optimizer.step()
    assert theta.dtype is dtype and theta.data_ptr() == memory and theta.is_leaf and theta.requires_grad
    assert all(0.0 < value < 1.0 for value in theta.tolist())


@pytest.mark.parametrize(
    ("kind", "options"), [(SGD, {"momentum": 0.9, "weight_decay": 0.1}), (Adam, {"amsgrad": True}), (AdamW, {})]
)
@pytest.mark.parametrize("maximize", [False, True])
def test_a_parameter_of_no_dimension_is_stepped_like_one_of_one(
    kind: Any, options: dict[str, Any], maximize: bool
) -> None:
    row = parameter(2.0)
    single = lepton.tensor(2.0, dtype=lepton.float64, requires_grad=True)
    optimizer = kind([row, single], lr=0.1, maximize=maximize, **options)
    for _ in range(3):
        optimizer.zero_grad()
        (row.sum() ** 3 + single**3).backward()
        optimizer.step()
    assert single.item() == row.item() and single.shape == () and single.dtype is lepton.float64
    for name, held in optimizer.state[single].items():
        assert name == "step" or (held.shape == () and held.dtype is lepton.float64)


@pytest.mark.parametrize("kind", ALL)
def test_a_step_does_not_write_into_the_gradient(kind: Any) -> None:
    theta = parameter(1.0, 2.0, grad=[3.0, 4.0])
    for _ in range(2):
        kind([theta], lr=0.1, weight_decay=0.5, maximize=True).step()
    assert theta.grad.tolist() == [3.0, 4.0]  # type: ignore[union-attr]


def test_the_momentum_has_memory_of_its_own() -> None:
    theta = parameter(0.0, grad=[1.0])
    optimizer = SGD([theta], 0.1, momentum=0.9)
    optimizer.step()
    theta.grad._data[...] = 100.0  # type: ignore[union-attr]
    assert optimizer.state[theta]["momentum_buffer"].item() == 1.0


@pytest.mark.parametrize("kind", ALL)
def test_a_step_counts_as_a_write(kind: Any) -> None:
    theta = parameter(3.0, grad=[1.0])
    loss = (theta * theta).sum()
    kind([theta], lr=0.1).step()
    with pytest.raises(GradError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("kind", ALL)
def test_parameters_of_non_contiguous_memory(kind: Any) -> None:
    base = lepton.ones(4, 6)
    for view in (base.t(), base[:, ::2]):
        theta = view.detach().requires_grad_()
        theta.grad = lepton.ones(*theta.shape)
        optimizer = kind([theta], lr=0.1)
        before = theta.tolist()
        optimizer.step()
        assert theta.tolist() != before and base.tolist() != [[1.0] * 6] * 4


# ---------------------------------------------------------------------- groups


def test_groups_have_options_of_their_own() -> None:
    a, b = parameter(0.0, grad=[1.0]), parameter(0.0, grad=[1.0])
    optimizer = SGD([{"params": [a]}, {"params": b, "lr": 1.0}], lr=0.1)
    optimizer.step()
    assert (a.item(), b.item()) == (-0.1, -1.0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 1.0]
    c = parameter(0.0, grad=[1.0])
    optimizer.add_param_group({"params": [c], "momentum": 0.5})
    optimizer.step()
    assert c.item() == -0.1 and optimizer.param_groups[2]["momentum"] == 0.5


def test_named_parameters() -> None:
    optimizer = SGD([("weight", parameter(1.0)), ("bias", parameter(2.0))])
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert [each.item() for each in optimizer.param_groups[0]["params"]] == [1.0, 2.0]


def test_parameters_without_a_gradient_stay() -> None:
    a, b = parameter(1.0), parameter(1.0, grad=[1.0])
    optimizer = AdamW([a, b])
    optimizer.step()
    assert a.item() == 1.0 and list(optimizer.state) == [b]


def test_zero_grad() -> None:
    theta = parameter(1.0, grad=[5.0])
    optimizer = SGD([theta])
    held = theta.grad
    optimizer.zero_grad(set_to_none=False)
    assert theta.grad.item() == 0.0 and held.item() == 0.0  # type: ignore[union-attr]
    optimizer.zero_grad()
    assert theta.grad is None


def test_a_closure_is_run_with_gradients_on() -> None:
    theta = parameter(2.0)
    optimizer = SGD([theta], lr=0.25)

    def closure() -> lepton.Tensor:
        optimizer.zero_grad()
        loss = (theta * theta).sum()
        loss.backward()
        return loss

    with lepton.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert theta.item() == 1.0


# ---------------------------------------------------------------------- refused


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (list, ArgumentError, "empty parameter list"),
        (lambda: parameter(1.0), ArgumentTypeError, "put it in a list"),
        (lambda: [1.0], ArgumentTypeError, "can only optimize Tensors"),
        (lambda: [{"params": {parameter(1.0)}}], ArgumentTypeError, "Please use a list"),
        (lambda: [parameter(1.0) * 2], ArgumentError, "non-leaf"),
    ],
)
def test_parameters_that_cannot_be(kind: Any, params: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        kind(params())


def test_a_parameter_in_two_groups_or_twice() -> None:
    theta = parameter(1.0)
    with pytest.raises(ArgumentError, match="more than one parameter group"):
        SGD([{"params": [theta]}, {"params": [theta]}])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        SGD([theta, theta])
    with pytest.raises(ArgumentTypeError, match="must be a dict"):
        SGD([theta]).add_param_group([theta])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SGD, {"lr": -1.0}, "Invalid learning rate: -1.0"),
        (SGD, {"lr": math.nan}, "Invalid learning rate"),
        (SGD, {"momentum": -0.1}, "Invalid momentum value"),
        (SGD, {"weight_decay": -0.1}, "Invalid weight_decay value"),
        (SGD, {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        (SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "Nesterov"),
        (Adam, {"lr": -1.0}, "Invalid learning rate"),
        (Adam, {"eps": -1.0}, "Invalid epsilon value"),
        (Adam, {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
        (Adam, {"betas": (0.9, -0.1)}, "Invalid beta parameter at index 1"),
        (Adam, {"betas": (0.9,)}, "betas must be two numbers"),
        (AdamW, {"weight_decay": -1.0}, "Invalid weight_decay value"),
    ],
)
def test_options_that_cannot_be(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        kind([parameter(1.0)], **options)


def test_the_base_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="does not say how to step"):
        Optimizer([parameter(1.0)], {}).step()


# ---------------------------------------------------------------------- state


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
    [(SGD, {"momentum": 0.9}), (SGD, {}), (Adam, {"amsgrad": True}), (AdamW, {})],
    ids=["momentum", "sgd", "amsgrad", "adamw"],
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
    ):
        with pytest.raises(ArgumentError, match=message):
            optimizer.load_state_dict(wrong)
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
