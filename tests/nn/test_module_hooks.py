"""Hooks of modules: around forward, around backward, removed, prepended, always called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lepton
from lepton import nn
from lepton.errors import GradError, HookError


@pytest.fixture
def linear() -> nn.Linear:
    return nn.Linear(3, 2)


X = lepton.ones(4, 3)


def test_forward_hooks_see_and_change(linear: nn.Linear) -> None:
    seen: list[Any] = []
    plain = linear(X)
    before = linear.register_forward_pre_hook(lambda module, args: seen.append(("pre", module, args)))
    after = linear.register_forward_hook(lambda module, args, output: output * 2)
    assert lepton.equal(linear(X), plain * 2)
    assert seen[0][0] == "pre" and seen[0][1] is linear and seen[0][2][0] is X
    after.remove()
    before.remove()
    assert lepton.equal(linear(X), plain) and len(seen) == 1


def test_pre_hooks_change_arguments(linear: nn.Linear) -> None:
    plain = linear(X * 2)
    with linear.register_forward_pre_hook(lambda module, args: args[0] * 2):
        assert lepton.equal(linear(X), plain)
    with linear.register_forward_pre_hook(lambda module, args, kwargs: (args, {"input": X * 2}), with_kwargs=True):
        assert lepton.equal(linear(input=X), plain)
    with (
        linear.register_forward_pre_hook(lambda module, args, kwargs: 3, with_kwargs=True),
        pytest.raises(HookError, match=r"must return None or a tuple of \(new_args, new_kwargs\)"),
    ):
        linear(X)


def test_order_and_prepend(linear: nn.Linear) -> None:
    seen: list[int] = []
    linear.register_forward_hook(lambda *_: seen.append(1))
    linear.register_forward_hook(lambda *_: seen.append(2))
    linear.register_forward_hook(lambda *_: seen.append(0), prepend=True)
    linear.register_forward_hook(lambda module, args, kwargs, output: seen.append(len(kwargs)), with_kwargs=True)
    linear(input=X)
    assert seen == [0, 1, 2, 1]


def test_always_called_hooks_are_called_when_forward_raises(linear: nn.Linear) -> None:
    seen: list[Any] = []
    linear.register_forward_hook(lambda module, args, output: seen.append("usual"))
    linear.register_forward_hook(lambda module, args, output: seen.append(output), always_call=True)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        linear(lepton.ones(4, 7))
    assert seen == [None]
    linear(X)
    assert seen[1] == "usual" and len(seen) == 3


def gradients(linear: nn.Linear, x: Any) -> Any:
    linear.zero_grad()
    linear(x).sum().backward()
    return linear.weight.grad


def test_full_backward_hooks_see_both_sides(linear: nn.Linear) -> None:
    seen: list[Any] = []
    linear.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append((grad_input, grad_output)))
    x = lepton.ones(4, 3, requires_grad=True)
    (linear(x) * 3).sum().backward()
    (grad_input,), (grad_output,) = seen[0]
    assert (grad_output == 3).all() and grad_output.shape == (4, 2)
    np.testing.assert_allclose(grad_input.numpy(), x.grad.numpy())
    np.testing.assert_allclose(x.grad.numpy(), 3 * np.ones((4, 2)) @ linear.weight.detach().numpy(), rtol=1e-6)


def test_full_backward_hooks_change_both_sides(linear: nn.Linear) -> None:
    linear.register_full_backward_pre_hook(lambda module, grad_output: grad_output[0] * 10)
    linear.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] * 0 + 7,))
    x = lepton.ones(4, 3, requires_grad=True)
    linear(x).sum().backward()
    assert (x.grad == 7).all() and (linear.bias.grad == 40).all()


def test_backward_hooks_without_a_differentiable_input(linear: nn.Linear) -> None:
    seen: list[Any] = []
    handle = linear.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append(grad_input))
    with pytest.warns(UserWarning, match="since no inputs require gradients"):
        gradients(linear, X)
    assert seen == [(None,)]
    handle.remove()
    linear.register_full_backward_hook(lambda module, grad_input, grad_output: (X,))
    with pytest.warns(UserWarning, match="is firing"), pytest.raises(HookError, match="no input requires gradient"):
        gradients(linear, X)


def test_backward_hooks_and_second_derivatives(linear: nn.Linear) -> None:
    plain = second_derivative(linear)
    linear.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] * 2,))
    np.testing.assert_allclose(second_derivative(linear), 4 * plain, rtol=1e-6)


def second_derivative(linear: nn.Linear) -> Any:
    x = lepton.linspace(0.1, 1, 12).reshape(4, 3).requires_grad_()
    (first,) = lepton.autograd.grad(linear(x).tanh().sum(), x, create_graph=True)
    linear.zero_grad()
    (first * first).sum().backward()
    return linear.weight.grad.numpy()


def test_a_backward_hook_must_return_as_many_gradients(linear: nn.Linear) -> None:
    linear.register_full_backward_hook(lambda module, grad_input, grad_output: (X, X))
    with pytest.raises(HookError, match="invalid number of grad_input, got 2, but expected 1"):
        linear(lepton.ones(4, 3, requires_grad=True)).sum().backward()


def test_an_output_that_is_no_tensor_gets_a_warning() -> None:
    class Named(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"y": x * 2}

    module = Named()
    module.register_full_backward_hook(lambda *_: None)
    with pytest.warns(UserWarning, match="module output should be a Tensor or a tuple of Tensors"):
        module(X)


def test_tuples_of_outputs_and_unused_ones() -> None:
    class Two(nn.Module):
        def forward(self, x: Any, scale: float, y: Any) -> Any:
            return x * scale, y * scale, "text"

    seen: list[Any] = []
    module = Two()
    module.register_full_backward_hook(lambda module, grad_input, grad_output: seen.append((grad_input, grad_output)))
    x, y = lepton.ones(2, requires_grad=True), lepton.ones(2, requires_grad=True)
    module(x, 3.0, y)[0].sum().backward()
    grad_input, grad_output = seen[0]
    assert (grad_input[0] == 3).all() and grad_input[1] is None and grad_input[2] is None
    assert (grad_output[0] == 1).all() and grad_output[1] is None and grad_output[2] is None


def test_writing_into_the_inputs_of_a_hooked_module_is_refused() -> None:
    class InPlace(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.mul_(2)

    module = InPlace()
    module.register_full_backward_hook(lambda *_: None)
    x = lepton.ones(2, requires_grad=True) * 1
    with pytest.raises(GradError, match="full backward hooks"):
        module(x)
