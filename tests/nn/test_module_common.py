"""Hooks of all modules at once, and what modules gained with them: to_empty, strict set_submodule, repeated modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import nn
from lepton.errors import ArgumentError, ModuleAttributeError
from lepton.nn.modules import module as common

X = lepton.ones(4, 3)


def test_the_face_has_pytorchs_names() -> None:
    assert nn.modules.Linear is nn.Linear and common.Module is nn.Module
    assert all(callable(getattr(common, name)) for name in common.__all__)


def test_hooks_of_all_modules_come_before_a_modules_own() -> None:
    seen: list[str] = []

    def note(word: str) -> Callable[..., None]:
        return lambda module, *_: seen.append(f"{word} {type(module).__name__}")

    model = nn.Sequential(nn.Linear(3, 2))
    model.register_forward_pre_hook(note("own pre"))
    model[0].register_forward_hook(note("own"))
    with common.register_module_forward_pre_hook(note("pre")), common.register_module_forward_hook(note("after")):
        model(X)
    assert seen == [
        "pre Sequential", "own pre Sequential", "pre Linear", "after Linear", "own Linear", "after Sequential",
    ]  # fmt: skip
    model(X)
    assert seen[6:] == ["own pre Sequential", "own Linear"]


def test_hooks_of_all_modules_change_arguments_and_results() -> None:
    class Shifted(nn.Module):
        def forward(self, x: Any, more: int = 0) -> Any:
            return x + more

    shifted = Shifted()
    with common.register_module_forward_pre_hook(lambda module, args: args[0] * 2):
        assert lepton.equal(shifted(X), X * 2)
    with common.register_module_forward_hook(lambda module, args, output: output + len(args)):
        assert lepton.equal(shifted(X), X + 1)
    with common.register_module_forward_hook(
        lambda module, args, kwargs, output: output + kwargs["more"], with_kwargs=True
    ):
        assert lepton.equal(shifted(X, more=5), X + 10)
    assert lepton.equal(shifted(X), X)


def test_a_hook_of_all_modules_that_is_always_called() -> None:
    seen: list[Any] = []
    with (
        common.register_module_forward_hook(lambda *_: seen.append("usual")),
        common.register_module_forward_hook(lambda *given: seen.append(given[-1]), always_call=True),
        pytest.raises(RuntimeError, match="cannot be multiplied"),
    ):
        nn.Linear(3, 2)(lepton.ones(4, 7))
    assert seen == [None]


def test_an_always_called_hook_that_raises_too_gives_a_warning() -> None:
    linear = nn.Linear(3, 2)
    linear.register_forward_hook(lambda *_: 1 // 0, always_call=True)
    with pytest.warns(UserWarning, match="silenced as another error"), pytest.raises(RuntimeError, match="multiplied"):
        linear(lepton.ones(4, 7))
    with pytest.raises(ZeroDivisionError):
        linear(X)


def test_backward_hooks_of_all_modules() -> None:
    seen: list[Any] = []
    linear = nn.Linear(3, 2)
    linear.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append("own"))
    x = lepton.ones(4, 3, requires_grad=True)
    with (
        common.register_module_full_backward_pre_hook(lambda module, grad_output: grad_output[0] * 10),
        common.register_module_full_backward_hook(lambda module, *grads: seen.append(grads)),
    ):
        loss = linear(x).sum()
    loss.backward()  # a hook that was there in forward is called, even if it was removed since
    ((grad_input,), (grad_output,)), own = seen
    assert own == "own" and (grad_output == 10).all()
    np.testing.assert_allclose(grad_input.numpy(), x.grad.numpy())
    linear(x).sum().backward()
    assert seen[2:] == ["own"]


def test_registration_hooks_see_and_change_what_modules_are_given() -> None:
    seen: list[str] = []

    def note(module: Any, name: str, value: Any) -> None:
        seen.append(name)

    with (
        common.register_module_parameter_registration_hook(note),
        common.register_module_buffer_registration_hook(note),
        common.register_module_module_registration_hook(note),
    ):
        module = nn.Module()
        module.weight = nn.Parameter(X)
        module.register_buffer("mean", X)
        module.mean = X + 1
        module.scale = nn.Buffer(X)
        module.child = nn.Identity()
        module.child = None
        module.add_module("other", None)
    module.later = nn.Parameter(X)
    assert seen == ["weight", "mean", "mean", "scale", "child", "child", "other"]

    frozen = common.register_module_parameter_registration_hook(
        lambda module, name, param: nn.Parameter(param.detach(), requires_grad=False)
    )
    with frozen, common.register_module_module_registration_hook(lambda module, name, child: nn.Identity()):
        linear = nn.Sequential(nn.Linear(3, 2))
        assert isinstance(linear[0], nn.Identity)
        assert not nn.Linear(3, 2).weight.requires_grad
    with common.register_module_buffer_registration_hook(lambda module, name, buffer: buffer * 0 + 7):
        module.register_buffer("lucky", X)
    assert (module.lucky == 7).all()


def test_to_empty_keeps_shapes_and_parameters() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    weight, mean = model[0].weight, model[1].running_mean
    assert model.to_empty(device="cpu") is model
    assert model[0].weight is weight and weight.shape == (2, 3) and weight.requires_grad
    assert model[1].running_mean is not mean and model[1].num_batches_tracked.dtype is lepton.int64
    before = model[1].running_mean
    model.to_empty(device=None, recurse=False)
    assert model[1].running_mean is before


def test_set_submodule_replaces_modules_only() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 2)))
    model.set_submodule("0.0", nn.Identity(), strict=True)
    model.set_submodule("0.new", nn.Identity())
    assert isinstance(model[0][0], nn.Identity) and isinstance(model.get_submodule("0.new"), nn.Identity)
    with pytest.raises(ModuleAttributeError, match="has no attribute `other`"):
        model.set_submodule("0.other", nn.Identity(), strict=True)
    with pytest.raises(ModuleAttributeError, match=r"`training` is not an nn\.Module"):
        model.set_submodule("0.training", nn.Identity())
    with pytest.raises(ArgumentError, match=r"is not an nn\.Module, found"):
        model.set_submodule("0", 3)  # type: ignore[arg-type]


def test_modules_that_are_there_twice() -> None:
    shared = nn.Identity()
    model = nn.Sequential(shared, shared)
    assert list(model.modules()) == [model, shared]
    assert list(model.modules(remove_duplicate=False)) == [model, shared, shared]


def test_dictionaries_of_parameters_side_by_side() -> None:
    left, right = nn.ParameterDict({"a": X, "b": X}), nn.ParameterDict({"b": X * 2})
    assert list(left | right) == ["a", "b"] and lepton.equal((left | right)["b"], X * 2)
    assert lepton.equal(left.__ror__(right)["b"], X)
