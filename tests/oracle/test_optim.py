"""Optimizers against PyTorch: every one of 100 steps in float64, for every option; state, errors, derivatives."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import lepton

LIBRARIES = (lepton, torch)
STEPS = 100
TOLERANCE = 1e-9
SHAPES: tuple[tuple[int, ...], ...] = ((4, 3), (5,), ())

Options = dict[str, Any]
Case = tuple[str, Options]


class InTensor(float):
    """An option that is given as a float64 tensor."""

    def __repr__(self) -> str:
        return f"tensor({float(self)})"


def every(**choices: tuple[Any, ...]) -> Iterator[Options]:
    """All combinations of the options' values."""
    for chosen in itertools.product(*choices.values()):
        yield dict(zip(choices, chosen, strict=True))


BOTH = (False, True)
DECAY = (0.0, 0.1)
BETAS = ((0.9, 0.999), (0.5, 0.9))
OPTIONS: dict[str, list[Options]] = {
    "SGD": [
        each
        for each in every(
            momentum=(0.0, 0.9), dampening=(0.0, 0.3), weight_decay=DECAY, nesterov=BOTH, maximize=BOTH
        )
        if not each["nesterov"] or (each["momentum"] and not each["dampening"])
    ],
    "Adam": [
        *every(betas=BETAS, weight_decay=DECAY, amsgrad=BOTH, maximize=BOTH),
        *every(decoupled_weight_decay=(True,), weight_decay=DECAY, amsgrad=BOTH),
        {"eps": 1e-3},
        {"betas": (0.0, 0.9)},
        {"betas": (InTensor(0.8), InTensor(0.95)), "weight_decay": 0.1},
    ],
    "AdamW": [*every(betas=BETAS, weight_decay=(0.0, 0.2), amsgrad=BOTH, maximize=BOTH), {}, {"eps": 1e-3}],
    "Adamax": [*every(betas=BETAS, weight_decay=DECAY, maximize=BOTH), {"eps": 1e-2}],
    "NAdam": [
        *every(betas=BETAS, weight_decay=DECAY, decoupled_weight_decay=BOTH, maximize=BOTH),
        {"momentum_decay": 0.1, "eps": 1e-3},
    ],
    "RAdam": [
        *every(betas=BETAS, weight_decay=DECAY, decoupled_weight_decay=BOTH, maximize=BOTH),
        {"eps": 1e-3, "betas": (0.5, 0.0)},
    ],
    "Adagrad": [
        *every(lr_decay=(0.0, 0.05), weight_decay=DECAY, initial_accumulator_value=(0.0, 0.5), maximize=BOTH),
        {"eps": 1e-3},
    ],
    "Adadelta": [*every(rho=(0.9, 0.3), weight_decay=DECAY, maximize=BOTH), {"eps": 1e-2}, {"rho": 1.0}],
    "RMSprop": [
        *every(momentum=(0.0, 0.9), centered=BOTH, weight_decay=DECAY, maximize=BOTH),
        {"alpha": 0.5, "eps": 1e-3},
        {"alpha": 0.5, "centered": True},
    ],
    "Rprop": [*every(etas=((0.5, 1.2), (0.3, 1.9)), step_sizes=((1e-6, 50), (5e-3, 0.02)), maximize=BOTH)],
    "ASGD": [
        *every(lambd=(1e-4, 0.1), t0=(1e6, 20, 0), weight_decay=DECAY),
        {"alpha": 0.2, "lambd": 0.1, "maximize": True},
    ],
    "Adafactor": [
        *every(weight_decay=DECAY, eps=((None, 1e-3), (0.1, 0.5)), d=(1.0, 2.0), maximize=BOTH),
        {"beta2_decay": -0.3},
        {"beta2_decay": 0.0},
    ],
}
CASES: list[Case] = [(name, each) for name, listed in OPTIONS.items() for each in listed]
CASES += [(name, {"lr": InTensor(0.02)}) for name in OPTIONS]
IMPLEMENTATIONS: list[Case] = [
    *((name, {"foreach": each}) for name in OPTIONS for each in BOTH),
    *((name, {"fused": True}) for name in ("SGD", "Adam", "AdamW", "Adagrad")),
]
MUON: list[Options] = [
    *every(nesterov=BOTH, adjust_lr_fn=(None, "match_rms_adamw"), weight_decay=(0.1, 0.0)),
    {"momentum": 0.5, "adjust_lr_fn": "original", "ns_steps": 3},
    {"ns_coefficients": (2.0, -1.5, 0.5), "eps": 1e-3},
]
EVERY_NAME = [*OPTIONS, "Muon"]


def label(value: Any) -> str:
    return value if isinstance(value, str) else ",".join(f"{name}={each}" for name, each in value.items() if each)


def given(options: Options, library: Any) -> Options:
    """The options as this library takes them."""

    def one(value: Any) -> Any:
        if isinstance(value, InTensor):
            return library.tensor(float(value), dtype=library.float64)
        return tuple([one(each) for each in value]) if isinstance(value, tuple) else value

    return {name: one(value) for name, value in options.items()}


def host(tensor: Any) -> np.ndarray[Any, Any]:
    return np.asarray(tensor.detach().numpy())


class Run:
    """An optimizer of one library on a problem whose gradients depend on the parameters."""

    def __init__(self, library: Any, name: str, options: Options, dtype: str = "float64", shapes: Any = SHAPES) -> None:
        rng = np.random.default_rng(0)
        begin = [rng.standard_normal(shape) for shape in shapes]
        self.noise = [[rng.standard_normal(shape) for shape in shapes] for _ in range(STEPS)]
        self.library, self.dtype, self.taken = library, dtype, 0
        self.parameters = [library.tensor(self._array(each), requires_grad=True) for each in begin]
        groups = [{"params": self.parameters[:2]}, {"params": self.parameters[2:], "lr": 0.003}]
        self.optimizer = getattr(library.optim, name)(groups, **{"lr": 0.01, **given(options, library)})

    def _array(self, drawn: Any) -> Any:
        return np.array(drawn, self.dtype)

    def step(self) -> list[np.ndarray[Any, Any]]:
        """One step; the parameters after it."""
        for index, parameter in enumerate(self.parameters):
            noise = self.library.tensor(self._array(self.noise[self.taken][index]))
            missing = self.taken % 7 == 3 and index == 1  # a parameter that this step did not use
            parameter.grad = None if missing else parameter.detach() * 0.3 + noise
        self.optimizer.step()
        self.taken += 1
        return [host(each) for each in self.parameters]


def compare(ours: Run, theirs: Run, steps: int, tolerance: float) -> None:
    for number in range(steps):
        for mine, torchs in zip(ours.step(), theirs.step(), strict=True):
            assert mine.dtype == torchs.dtype
            np.testing.assert_allclose(mine, torchs, rtol=tolerance, atol=tolerance, err_msg=f"step {number}")


@pytest.mark.parametrize(("name", "options"), CASES, ids=label)
def test_each_of_a_hundred_steps_in_float64(name: str, options: Options) -> None:
    compare(Run(lepton, name, options), Run(torch, name, options), STEPS, TOLERANCE)


@pytest.mark.parametrize(("name", "options"), IMPLEMENTATIONS, ids=label)
def test_wishes_about_the_implementation_change_nothing(name: str, options: Options) -> None:
    # PyTorch's other implementations round elsewhere.
    compare(Run(lepton, name, options), Run(torch, name, options), 5, 1e-7)


@pytest.mark.parametrize("options", [{}, {"d": 3.0, "maximize": True}], ids=label)
def test_adafactor_on_stacks_of_matrices(options: Options) -> None:
    shapes = ((2, 3, 4), (1, 5), (3, 1, 2, 2))
    ours, theirs = (Run(library, "Adafactor", options, shapes=shapes) for library in LIBRARIES)
    compare(ours, theirs, STEPS, TOLERANCE)


@pytest.mark.parametrize("options", MUON, ids=label)
def test_muon_to_the_precision_of_bfloat16(options: Options) -> None:
    shapes = ((4, 3), (6, 9), (10, 10))
    ours, theirs = (Run(library, "Muon", options, shapes=shapes) for library in LIBRARIES)
    compare(ours, theirs, STEPS, 1e-4)


@pytest.mark.parametrize("name", EVERY_NAME)
def test_steps_in_float32(name: str) -> None:
    shapes = ((4, 3), (6, 9), (3, 3)) if name == "Muon" else SHAPES
    ours, theirs = (Run(library, name, {}, "float32", shapes) for library in LIBRARIES)
    compare(ours, theirs, STEPS, 1e-4)


@pytest.mark.parametrize(("kind", "tolerance"), [("float16", 4e-3), ("bfloat16", 3e-2)])
@pytest.mark.parametrize("name", EVERY_NAME)
def test_steps_in_half_precision(name: str, kind: str, tolerance: float) -> None:
    found = []
    for library in LIBRARIES:
        rng = np.random.default_rng(0)
        dtype = getattr(library, kind)
        parameter = library.tensor(rng.standard_normal((3, 4))).to(dtype).requires_grad_()
        options = {"eps": 1e-4} if "Adam" in name or name == "RMSprop" else {}
        optimizer = getattr(library.optim, name)([parameter], lr=0.01, **options)
        for _ in range(10):
            parameter.grad = library.tensor(rng.standard_normal((3, 4))).to(dtype)
            optimizer.step()
        assert parameter.dtype is dtype
        found.append(host(parameter.to(library.float64)))
    np.testing.assert_allclose(found[0], found[1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", [*OPTIONS])
def test_a_rate_in_a_float32_tensor(name: str) -> None:
    runs = []
    for library in LIBRARIES:
        run = Run(library, name, {})
        run.optimizer.param_groups[0]["lr"] = library.tensor(0.01)
        runs.append(run)
    compare(runs[0], runs[1], 50, 1e-5)


# ---------------------------------------------------------------------- L-BFGS


def valley(library: Any, parameters: list[Any]) -> Any:
    x, y = parameters
    return ((x[1:] - x[:-1] ** 2) ** 2 * 10).sum() + ((1 - x) ** 2).sum() + (y - 2) ** 4 + y * y


def bowl(library: Any, parameters: list[Any]) -> Any:
    x, y = parameters
    return (x * x).sum() * 0.7 + (x.sum() - y) ** 2


def waves(library: Any, parameters: list[Any]) -> Any:
    x, y = parameters
    return (3 * x).sin().sum() + 0.1 * (x * x).sum() + (y - x.sum()).cosh()


LBFGS = [
    {"lr": 0.05},
    {"lr": 0.05, "max_iter": 1},
    {"lr": 0.01, "max_iter": 7, "max_eval": 3, "history_size": 2},
    {"lr": 0.05, "tolerance_grad": 0.5},
    {"lr": 0.05, "tolerance_change": 0.05},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "max_iter": 3, "history_size": 2, "lr": 0.1},
    {"line_search_fn": "strong_wolfe", "max_iter": 8, "max_eval": 4},
    {"line_search_fn": "strong_wolfe", "lr": 5.0, "max_iter": 4},
    {"line_search_fn": "strong_wolfe", "lr": 30.0, "max_iter": 4, "max_eval": 9},
]


def minimized(library: Any, options: Options, loss_of: Any, state: Any = None) -> tuple[list[Any], Any]:
    """What L-BFGS does in some steps: parameters, loss, evaluations; and its state."""
    rng = np.random.default_rng(1)
    parameters = [library.tensor(np.array(rng.standard_normal(shape)), requires_grad=True) for shape in ((4,), ())]
    optimizer = library.optim.LBFGS(parameters, **options)
    evaluations = 0

    def closure() -> Any:
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        loss = loss_of(library, parameters)
        loss.backward()
        return loss

    seen: list[Any] = []
    for _ in range(6):
        loss = optimizer.step(closure)
        seen += [*map(host, parameters), float(loss.detach()), evaluations]
    return seen, optimizer.state_dict()


@pytest.mark.parametrize("loss_of", [valley, bowl, waves])
@pytest.mark.parametrize("options", LBFGS, ids=label)
def test_lbfgs(options: Options, loss_of: Any) -> None:
    (ours, our_state), (theirs, their_state) = (minimized(each, options, loss_of) for each in LIBRARIES)
    for mine, torchs in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, torchs, rtol=1e-7, atol=1e-8)
    assert list(our_state["state"][0]) == list(their_state["state"][0])
    for name, held in our_state["state"][0].items():
        torchs = their_state["state"][0][name]
        if isinstance(held, list):
            assert [isinstance(each, lepton.Tensor) for each in held] == [torch.is_tensor(each) for each in torchs]
    assert our_state["param_groups"] == their_state["param_groups"]


# ---------------------------------------------------------------------- what they are called, and what they keep


@pytest.mark.parametrize("name", [*EVERY_NAME, "LBFGS"])
def test_arguments_defaults_and_text_are_the_same(name: str) -> None:
    kinds = [getattr(library.optim, name) for library in LIBRARIES]
    ours, theirs = (list(inspect.signature(kind.__init__).parameters.values()) for kind in kinds)
    assert [(each.name, each.kind, each.default) for each in ours] == [
        (each.name, each.kind, each.default) for each in theirs
    ]
    made = [getattr(library.optim, name)([library.zeros(2, 2, requires_grad=True)]) for library in LIBRARIES]
    assert list(made[0].defaults.items()) == list(made[1].defaults.items())
    assert repr(made[0]) == repr(made[1])


LAYOUTS: list[Case] = [
    *((name, {}) for name in OPTIONS),
    ("SGD", {"momentum": 0.9}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("ASGD", {"t0": 3, "lambd": 0.1}),
]


@pytest.mark.parametrize(("name", "options"), LAYOUTS, ids=label)
def test_the_state_has_pytorchs_layout(name: str, options: Options) -> None:
    states = []
    for library in LIBRARIES:
        run = Run(library, name, options)
        for _ in range(4):
            run.step()
        states.append(run.optimizer.state_dict())
    ours, theirs = states
    assert list(ours) == list(theirs) == ["state", "param_groups"]
    assert list(ours["state"]) == list(theirs["state"])
    for number, held in ours["state"].items():
        assert list(held) == list(theirs["state"][number])
        for key, mine in held.items():
            torchs = theirs["state"][number][key]
            assert (str(mine.dtype)[7:], tuple(mine.shape)) == (str(torchs.dtype)[6:], tuple(torchs.shape)), key
            np.testing.assert_allclose(host(mine), host(torchs), rtol=1e-9, atol=1e-12)
    assert [list(each.items()) for each in ours["param_groups"]] == [
        list(each.items()) for each in theirs["param_groups"]
    ]


def ported(value: Any, source: Any, target: Any) -> Any:
    """A state of one library with the other's tensors."""
    if isinstance(value, source.Tensor):
        return target.tensor(host(value))
    if isinstance(value, dict):
        return {name: ported(each, source, target) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([ported(each, source, target) for each in value])
    return value


@pytest.mark.parametrize(("name", "options"), LAYOUTS, ids=label)
def test_going_on_from_pytorchs_state(name: str, options: Options) -> None:
    ours, theirs = Run(lepton, name, options), Run(torch, name, options)
    for _ in range(10):
        reached = theirs.step()
    with lepton.no_grad():
        for parameter, value in zip(ours.parameters, reached, strict=True):
            parameter.copy_(lepton.tensor(value))
    ours.taken = theirs.taken
    ours.optimizer.load_state_dict(ported(theirs.optimizer.state_dict(), torch, lepton))
    compare(ours, theirs, 20, TOLERANCE)


@pytest.mark.parametrize(("name", "options"), LAYOUTS, ids=label)
def test_pytorch_going_on_from_ours(name: str, options: Options) -> None:
    ours, theirs = Run(lepton, name, options), Run(torch, name, options)
    for _ in range(10):
        reached = ours.step()
    with torch.no_grad():
        for parameter, value in zip(theirs.parameters, reached, strict=True):
            parameter.copy_(torch.tensor(value))
    theirs.taken = ours.taken
    theirs.optimizer.load_state_dict(ported(ours.optimizer.state_dict(), lepton, torch))
    # PyTorch loads the factors that these two keep in float32 as float64, and then goes on with more digits.
    compare(ours, theirs, 20, 1e-6 if name in ("NAdam", "ASGD") else TOLERANCE)


def test_the_step_counter_follows_the_default_type() -> None:
    before = lepton.get_default_dtype(), torch.get_default_dtype()
    try:
        lepton.set_default_dtype(lepton.float64)
        torch.set_default_dtype(torch.float64)
        for name in ("Adam", "NAdam", "ASGD"):
            compare(Run(lepton, name, {}), Run(torch, name, {}), 20, TOLERANCE)
    finally:
        lepton.set_default_dtype(before[0])
        torch.set_default_dtype(before[1])


# ---------------------------------------------------------------------- differentiable


DIFFERENTIABLE: list[Case] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {"weight_decay": 0.1}),
    ("Adam", {"amsgrad": True, "maximize": True}),
    ("AdamW", {}),
    ("Adamax", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"weight_decay": 0.1}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adadelta", {"weight_decay": 0.1}),
    ("RMSprop", {"centered": True, "momentum": 0.9}),
    ("RMSprop", {"weight_decay": 0.1}),
    ("Rprop", {}),
    ("ASGD", {"weight_decay": 0.1}),
]
STATES = {
    "SGD": ("momentum_buffer",),
    "Adam": ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
    "AdamW": ("exp_avg", "exp_avg_sq"),
    "Adamax": ("exp_avg", "exp_inf"),
    "NAdam": ("exp_avg", "exp_avg_sq"),
    "RAdam": ("exp_avg", "exp_avg_sq"),
    "Adagrad": ("sum",),
    "Adadelta": ("square_avg", "acc_delta"),
    "RMSprop": ("square_avg", "momentum_buffer", "grad_avg"),
    "Rprop": ("prev", "step_size"),
    "ASGD": ("ax",),
}
SCALARS = {"step": 10.0, "mu_product": 0.5, "eta": 0.01, "mu": 0.7}


def derived(library: Any, name: str, options: Options) -> tuple[Any, list[Any]]:
    """A step through a clone, and its gradients to the parameter, its gradient and its state."""
    rng = np.random.default_rng(3)
    # The state's squares exceed those of the averages, as they do in life: their difference has a root.
    drawn = {each: 4 * rng.uniform(0.5, 1.0, 5) for each in ("theta", "grad", "weight", *STATES[name])}
    if "grad_avg" in drawn:
        drawn["grad_avg"] = drawn["grad_avg"] / 10
    leaves = {each: library.tensor(value, requires_grad=True) for each, value in drawn.items()}
    theta = leaves["theta"].clone()
    optimizer = getattr(library.optim, name)([theta], lr=0.1, differentiable=True, **options)
    theta.grad = leaves["grad"]
    scalars = ("step", *{"NAdam": ("mu_product",), "ASGD": ("eta", "mu")}.get(name, ()))
    state = {each: library.tensor(SCALARS[each], dtype=library.float64) for each in scalars}
    unused = {
        "momentum_buffer": not options.get("momentum"),
        "max_exp_avg_sq": not options.get("amsgrad"),
        "grad_avg": not options.get("centered"),
    }
    used = [each for each in STATES[name] if not unused.get(each)]
    optimizer.state[theta].update(state, **{each: leaves[each].clone() for each in used})
    optimizer.step()
    (theta * leaves["weight"]).sum().backward()
    return host(theta), [leaves[each].grad for each in ("theta", "grad", "weight", *used)]


@pytest.mark.parametrize(("name", "options"), DIFFERENTIABLE, ids=label)
def test_the_derivative_of_a_step(name: str, options: Options) -> None:
    (ours, our_gradients), (theirs, their_gradients) = (derived(each, name, options) for each in LIBRARIES)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    for mine, torchs in zip(our_gradients, their_gradients, strict=True):
        expected = np.zeros(5) if torchs is None else host(torchs)
        np.testing.assert_allclose(np.zeros(5) if mine is None else host(mine), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_the_derivative_by_the_options(name: str) -> None:
    found = []
    for library in LIBRARIES:
        chosen = {"lr": library.tensor(0.1, dtype=library.float64, requires_grad=True)}
        if name == "SGD":
            chosen["weight_decay"] = library.tensor(0.2, dtype=library.float64, requires_grad=True)
        betas = [library.tensor(each, dtype=library.float64, requires_grad=True) for each in (0.9, 0.99)]
        options = chosen if name == "SGD" else {**chosen, "betas": tuple(betas)}
        theta = library.tensor([1.0, -2.0], dtype=library.float64, requires_grad=True).clone()
        optimizer = getattr(library.optim, name)([theta], differentiable=True, **options)
        theta.grad = library.tensor([3.0, 0.5], dtype=library.float64)
        optimizer.step()
        (theta * theta).sum().backward()
        used = list(chosen.values()) + ([] if name == "SGD" else betas)
        found.append([float(each.grad) for each in used])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------------- what is refused


def plain(library: Any) -> list[Any]:
    return [library.ones(2, 3, requires_grad=True)]


def tensor_option(name: str, *values: float) -> Any:
    return lambda library: {name: library.tensor(list(values))}


REFUSED: list[tuple[str, Any]] = [
    *((name, {"lr": -1.0}) for name in [*EVERY_NAME, "LBFGS"]),
    *((name, tensor_option("lr", 0.1, 0.2)) for name in [*EVERY_NAME, "LBFGS"]),
    *((name, {"weight_decay": -0.1}) for name in EVERY_NAME if name != "Rprop"),
    *((name, {"eps": -1.0}) for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")),
    *((name, {"eps": -1.0}) for name in ("Adagrad", "Adadelta", "RMSprop")),
    *(
        (name, {"betas": betas})
        for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")
        for betas in ((1.0, 0.9), (0.9, 1.0), (-0.1, 0.9))
    ),
    *((name, {"fused": True, "foreach": True}) for name in ("SGD", "Adam", "AdamW", "Adagrad")),
    *((name, {"fused": True, "differentiable": True}) for name in ("SGD", "Adam", "AdamW", "Adagrad")),
    ("Adam", {"betas": (0, 0.9)}),
    ("Adam", lambda library: {"betas": (library.tensor(0.9), 0.99)}),
    ("Adam", lambda library: {"lr": library.tensor(0.1), "foreach": True}),
    ("Adam", lambda library: {"betas": (library.tensor(0.9), library.tensor(0.9)), "foreach": True}),
    ("SGD", {"momentum": -0.1}),
    ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
    ("NAdam", {"momentum_decay": -1.0}),
    ("Adagrad", {"lr_decay": -1.0}),
    ("Adagrad", {"initial_accumulator_value": -1.0}),
    ("Adadelta", {"rho": 1.1}),
    ("Adadelta", {"rho": -0.1}),
    ("RMSprop", {"alpha": -1.0}),
    ("RMSprop", {"momentum": -1.0}),
    ("Rprop", {"etas": (0.5, 0.9)}),
    ("Rprop", {"etas": (0.0, 1.2)}),
    ("Adafactor", {"beta2_decay": 0.5}),
    ("Adafactor", {"eps": (-1.0, 1e-3)}),
    ("Adafactor", {"eps": (None, -1.0)}),
    ("Adafactor", {"d": 0.5}),
    ("Muon", {"momentum": -1.0}),
    ("Muon", {"adjust_lr_fn": "unknown"}),
    ("Muon", {"ns_steps": 100}),
    ("Muon", {"ns_coefficients": (1.0, 2.0)}),
    ("LBFGS", {"line_search_fn": "armijo"}),
]


def refusal(library: Any, name: str, options: Any, parameters: Any = plain) -> Exception:
    chosen = options(library) if callable(options) else options
    try:
        used = parameters(library)
        optimizer = getattr(library.optim, name)(used, **chosen)
        used[0].grad = library.ones(2, 3)
        optimizer.step(*([lambda: used[0].sum()] if name == "LBFGS" else []))
    except Exception as error:  # noqa: BLE001 - which exception it is, is what is compared
        return error
    pytest.fail(f"{library.__name__} takes it")


def shown(value: Any) -> str:
    return value if isinstance(value, str) else "tensors" if callable(value) else label(value)


@pytest.mark.parametrize(("name", "options"), REFUSED, ids=shown)
def test_options_that_pytorch_refuses(name: str, options: Any) -> None:
    assert isinstance(refusal(lepton, name, options), type(refusal(torch, name, options)))


def named(library: Any) -> list[Any]:
    return [("a", library.ones(2, 3, requires_grad=True)), ("b", library.ones(1, requires_grad=True))]


PARAMETERS = {
    "none": lambda library: [],
    "a tensor": lambda library: library.ones(2, 3, requires_grad=True),
    "numbers": lambda library: [1.0],
    "a set": lambda library: [{"params": set(plain(library))}],
    "a result": lambda library: [library.ones(2, 3, requires_grad=True) * 2],
    "twice": lambda library: [{"params": (shared := plain(library))}, {"params": shared}],
    "some names": lambda library: [*named(library), *plain(library)],
    "names in one group": lambda library: [{"params": named(library)}, {"params": plain(library)}],
    "a group that is none": lambda library: [{"params": plain(library)}, plain(library)],
}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_that_pytorch_refuses(parameters: Any) -> None:
    ours, theirs = (refusal(library, "SGD", {}, parameters) for library in LIBRARIES)
    assert isinstance(ours, type(theirs))


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), ()])
def test_muon_takes_matrices_only(shape: tuple[int, ...]) -> None:
    for library, error in ((lepton, lepton.errors.ArgumentError), (torch, ValueError)):
        with pytest.raises(error, match="Muon only supports 2D parameters"):
            library.optim.Muon([library.ones(shape, requires_grad=True)])


def test_lbfgs_takes_one_group_only() -> None:
    for library, error in ((lepton, lepton.errors.ArgumentError), (torch, ValueError)):
        with pytest.raises(error, match="LBFGS doesn't support per-parameter options"):
            library.optim.LBFGS([{"params": plain(library)}, {"params": plain(library)}])


def test_named_parameters_through_a_state() -> None:
    states = []
    for library in LIBRARIES:
        optimizer = library.optim.SGD(named(library), lr=0.5)
        state = optimizer.state_dict()
        state["param_groups"][0]["param_names"] = ["c", "d"]
        optimizer.load_state_dict(state)
        without = {**state, "param_groups": [{k: v for k, v in state["param_groups"][0].items() if k != "param_names"}]}
        optimizer.load_state_dict(without)
        states.append(optimizer.state_dict()["param_groups"])
    assert states[0] == states[1] and states[0][0]["param_names"] == ["c", "d"]


def test_a_parameter_twice_in_a_group_is_warned_about() -> None:
    for library in LIBRARIES:
        shared = library.ones(1, requires_grad=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            library.optim.SGD([shared, shared])
        assert ["duplicate parameters" in str(each.message) for each in caught] == [True]
