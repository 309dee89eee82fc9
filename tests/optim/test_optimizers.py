"""Optimizers: single steps by hand, groups, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton.errors import ArgumentError, ArgumentTypeError, GradError, OptimizerError
from lepton.optim import (
    ASGD,
    LBFGS,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Muon,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
)
from tests import standin
from tests.optim._problem import ALL, DECAYING, parameter, steps

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
    down, up = parameter(0.0), parameter(0.0)
    lower = steps(kind([down], lr=0.1), down, [2.0, 1.0])
    higher = steps(kind([up], lr=0.1, maximize=True), up, [2.0, 1.0])
    assert higher == pytest.approx([-value for value in lower]) and higher[1] > higher[0] > 0.0


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


def test_adagrad_by_hand() -> None:
    theta = parameter(0.0)
    first = -0.1 * 2.0 / math.sqrt(1.0 + 4.0)
    second = first - 0.1 / 1.5 * 1.0 / math.sqrt(1.0 + 4.0 + 1.0)
    optimizer = Adagrad([theta], lr=0.1, lr_decay=0.5, initial_accumulator_value=1.0, eps=0.0)
    assert steps(optimizer, theta, [2.0, 1.0]) == pytest.approx([first, second], rel=1e-12)


def test_rmsprop_by_hand() -> None:
    theta = parameter(0.0)
    v1 = 0.5 * 4.0
    v2 = 0.5 * v1 + 0.5 * 1.0
    first = -0.1 * 2.0 / math.sqrt(v1)
    second = first - 0.1 * 1.0 / math.sqrt(v2)
    optimizer = RMSprop([theta], lr=0.1, alpha=0.5, eps=0.0)
    assert steps(optimizer, theta, [2.0, 1.0]) == pytest.approx([first, second], rel=1e-12)


def test_asgd_averages_from_t0_on() -> None:
    theta = parameter(0.0)
    optimizer = ASGD([theta], lr=1.0, lambd=0.0, t0=1)
    reached = steps(optimizer, theta, [1.0, 1.0, 1.0, 1.0])
    # μ is 1 up to the third step, then 1/2: the average forgets what was before.
    assert reached == [-1.0, -2.0, -3.0, -4.0]
    assert optimizer.state[theta]["ax"].item() == -3.5


def test_radam_begins_with_momentum_alone() -> None:
    theta = parameter(0.0)
    assert steps(RAdam([theta], lr=0.1), theta, [3.0] * 5) == pytest.approx([-0.3, -0.6, -0.9, -1.2, -1.5])


def test_adafactor_keeps_rows_and_columns_only() -> None:
    theta = lepton.ones(5, 7, requires_grad=True)
    theta.grad = lepton.ones(5, 7)
    optimizer = Adafactor([theta])
    optimizer.step()
    assert {name: tuple(each.shape) for name, each in optimizer.state[theta].items()} == {
        "step": (),
        "row_var": (5, 1),
        "col_var": (1, 7),
    }


def test_muons_step_has_singular_values_near_one() -> None:
    theta = lepton.zeros(6, 4, requires_grad=True)
    lepton.manual_seed(0)
    theta.grad = lepton.randn(6, 4)
    Muon([theta], lr=1.0, momentum=0.0, nesterov=False, weight_decay=0.0).step()
    values = np.linalg.svd(theta.detach().numpy() / math.sqrt(6 / 4), compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.25
    assert np.linalg.norm(theta.detach().numpy() + theta.grad.numpy()) < np.linalg.norm(theta.grad.numpy())


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_finds_the_minimum_of_a_valley(search: str | None) -> None:
    theta = parameter(-1.2, 1.0)
    optimizer = LBFGS([theta], lr=1.0 if search else 0.1, max_iter=60, line_search_fn=search)

    def closure() -> lepton.Tensor:
        optimizer.zero_grad()
        loss = 100 * (theta[1] - theta[0] ** 2) ** 2 + (1 - theta[0]) ** 2
        loss.backward()
        return loss

    for _ in range(5 if search else 20):
        optimizer.step(closure)
    assert theta.tolist() == pytest.approx([1.0, 1.0], abs=1e-4)


def test_lbfgs_stays_where_the_gradient_vanishes() -> None:
    theta = parameter(3.0)
    optimizer = LBFGS([theta])
    assert optimizer.step(lambda: (theta * 0.0).sum()).item() == 0.0
    assert theta.item() == 3.0 and optimizer.state[theta] == {"func_evals": 1, "n_iter": 0}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("dtype", [lepton.float32, lepton.float16, lepton.float64])
def test_steps_keep_type_place_and_identity(kind: Any, dtype: lepton.dtype) -> None:
    theta = lepton.ones(3, dtype=dtype, requires_grad=True)
    memory = theta.data_ptr()
    optimizer = kind([theta], lr=lepton.tensor(1.0 if kind is Adadelta else 0.03))
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


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.5}, {"maximize": True}])
@pytest.mark.parametrize("kind", DECAYING)
def test_a_step_does_not_write_into_the_gradient(kind: Any, options: dict[str, Any]) -> None:
    theta = parameter(1.0, 2.0, grad=[3.0, 4.0])
    optimizer = kind([theta], lr=0.1, **options)
    for _ in range(2):
        optimizer.step()
    assert theta.grad.tolist() == [3.0, 4.0]  # type: ignore[union-attr]


def test_rprop_rests_where_the_gradient_turned_and_leaves_the_gradient_alone() -> None:
    theta = parameter(0.0, 0.0, grad=[1.0, 1.0])
    optimizer = Rprop([theta], lr=0.1)
    optimizer.step()
    theta.grad = lepton.tensor([2.0, -2.0], dtype=lepton.float64)
    optimizer.step()
    assert theta.tolist() == pytest.approx([-0.22, -0.1]) and theta.grad.tolist() == [2.0, -2.0]


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


@pytest.mark.parametrize("kind", [*ALL, Muon])
def test_it_runs_on_another_array_library(kind: Any) -> None:
    reached = []
    with standin.installed():
        for device in ("cpu", standin.DEVICE):
            shapes = ((3, 4),) if kind is Muon else ((3, 4), (2,), ())
            lepton.manual_seed(0)
            parameters = [lepton.randn(shape).to(device).requires_grad_() for shape in shapes]
            optimizer = kind(parameters, lr=0.1)
            for _ in range(3):
                for each in parameters:
                    each.grad = each.detach() * 0.5 + 1.0
                optimizer.step()
            state = optimizer.state_dict()
            optimizer.load_state_dict(state)
            kept = [each for held in optimizer.state.values() for name, each in held.items()]
            reached.append([each.detach().cpu().tolist() for each in (*parameters, *kept)])
            assert all(each.device.type == device for each in parameters)
    assert reached[0] == reached[1]


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
        (Adam, {"betas": (0, 0.9)}, "betas must be either both floats or both Tensors"),
        (Adam, {"capturable": True}, "there are no CUDA graphs"),
        (Adadelta, {"rho": 1.5}, "Invalid rho value: 1.5"),
        (Rprop, {"etas": (0.5, 0.9)}, "Invalid eta values: 0.5, 0.9"),
        (Adafactor, {"d": 0.5}, "Clipping threshold d should be >= 1 but is: 0.5"),
    ],
)
def test_options_that_cannot_be(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        kind([parameter(1.0)], **options)


def test_wishes_that_exclude_each_other() -> None:
    for options in ({"fused": True, "foreach": True}, {"fused": True, "differentiable": True}):
        with pytest.raises(OptimizerError, match="`fused`"):
            Adam([parameter(1.0)], **options)
    with pytest.raises(OptimizerError, match="only 'strong_wolfe' is supported"):
        LBFGS([parameter(1.0)], line_search_fn="armijo")
    with pytest.raises(ArgumentError, match=r"Tensor lr must be 1-element, its shape is \[2\]"):
        SGD([parameter(1.0)], lr=lepton.ones(2))


def test_the_base_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="does not say how to step"):
        Optimizer([parameter(1.0)], {}).step()
