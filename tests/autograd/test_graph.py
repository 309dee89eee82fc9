"""Hooks on saved tensors and on several gradients, versions, and the nodes of the graph."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import nn
from lepton.autograd import graph
from lepton.errors import ArgumentError, ArgumentTypeError, ContractError, GradError, VersionError


def leaf(*values: float) -> Any:
    return lepton.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def detached(tensor: Any) -> Any:
    return tensor.detach()


def same(kept: Any) -> Any:
    return kept


def test_each_saved_tensor_is_packed_and_unpacked() -> None:
    a, b = leaf(), leaf() * 2
    log: list[Any] = []

    def pack(tensor: Any) -> Any:
        log.append(("pack", tensor.requires_grad, lepton.is_grad_enabled()))
        return tensor.detach().numpy().copy()

    def unpack(kept: Any) -> Any:
        log.append("unpack")
        return lepton.from_numpy(kept)

    with graph.saved_tensors_hooks(pack, unpack):
        out = a * b
    assert log == [("pack", True, False)] * 2
    out.sum().backward()
    assert log[2:] == ["unpack"] * 2
    np.testing.assert_array_equal(a.grad.numpy(), b.detach().numpy())


def test_what_an_op_keeps_besides_its_inputs_is_packed_too() -> None:
    """Places of maxima, masks of dropout, statistics: whatever takes memory goes through the hooks."""
    x = lepton.rand(2, 4, 6, requires_grad=True)
    kinds: list[str] = []
    with graph.saved_tensors_hooks(lambda t: kinds.append(str(t.dtype)[7:]) or t.detach(), same):
        y = nn.functional.max_pool1d(x, 2)
        y = nn.functional.dropout(nn.functional.layer_norm(y, (3,)), 0.5)
    assert len(kinds) >= 5
    assert "bool" in kinds
    y.sum().backward()


def test_packing_costs_no_second_derivative() -> None:
    x = leaf(2.0)
    with graph.saved_tensors_hooks(lambda t: t.detach().numpy(), lepton.from_numpy):
        y = x**3
    (first,) = lepton.autograd.grad(y, x, create_graph=True)
    (second,) = lepton.autograd.grad(first, x)
    assert (first.item(), second.item()) == (12.0, 12.0)


def test_of_nested_pairs_the_innermost_is_used() -> None:
    a, b, log = leaf(), leaf(), []
    outer = graph.saved_tensors_hooks(lambda t: log.append("outer") or t.detach(), same)
    inner = graph.saved_tensors_hooks(lambda t: log.append("inner") or t.detach(), same)
    with outer:
        a * b
        with inner, outer, inner:
            a * b
        a * b
    a * b
    assert log == ["outer"] * 2 + ["inner"] * 2 + ["outer"] * 2


def test_what_hooks_may_not_do() -> None:
    a, b = leaf(), leaf() * 1
    for unpack in (lambda kept: 3, lambda kept: None):
        with graph.saved_tensors_hooks(detached, unpack):
            out = a * b
        with pytest.raises(ArgumentTypeError, match="unpack_hook expected to be a Tensor but got result of type"):
            out.sum().backward()
    with pytest.raises(ArgumentTypeError, match="pack_hook must be callable"), graph.saved_tensors_hooks(3, same):
        pass
    with graph.saved_tensors_hooks(lambda t: t.add_(1), same), pytest.raises(GradError, match="modifying its input"):
        b * b


def test_an_error_in_a_hook_leaves_recording_on() -> None:
    def fail(tensor: Any) -> Any:
        raise ZeroDivisionError

    with graph.saved_tensors_hooks(fail, same), pytest.raises(ZeroDivisionError):
        leaf() * leaf()
    assert lepton.is_grad_enabled()
    assert (leaf() * leaf()).requires_grad


def test_refusing_hooks() -> None:
    hooks = graph.saved_tensors_hooks(detached, same)
    with graph.disable_saved_tensors_hooks("not now"):
        with pytest.raises(GradError, match=r"^not now$"), hooks:
            pass
        with graph.disable_saved_tensors_hooks("nor now"), pytest.raises(GradError, match=r"^nor now$"), hooks:
            pass
        with pytest.raises(GradError, match=r"^not now$"), graph.save_on_cpu():
            pass
    with hooks, pytest.raises(GradError, match=r"^too late$"), graph.disable_saved_tensors_hooks("too late"):
        pass
    with hooks:
        leaf() * leaf()


def test_in_place_operations_keep_what_was_there() -> None:
    """Hooks that keep the tensor's own memory are not fooled by the write that follows."""
    for change in (
        lambda x, b: x.mul_(b),
        lambda x, b: x.mul_(x),
        lambda x, b: x.sin_(),
        lambda x, b: nn.functional.silu(x, inplace=True),
        lambda x, b: nn.functional.hardswish(x, inplace=True),
    ):
        found = []
        for hooked in (False, True):
            a, b = leaf(0.5, 1.0, -2.0), leaf()
            with graph.save_on_cpu() if hooked else contextlib.nullcontext():
                out = change(a * 2, b * 1)
            out.sum().backward()
            found.append([each.grad.tolist() for each in (a, b) if each.grad is not None])
        assert found[0] == found[1]


def test_save_on_cpu() -> None:
    a = leaf()
    with graph.save_on_cpu(pin_memory=True):
        out = (a * a).exp()
    out.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), 2 * a.detach().numpy() * out.detach().numpy(), rtol=1e-6)


def test_increment_version() -> None:
    a = leaf() * 1
    b = leaf() * 1
    out = a * b
    graph.increment_version([a])
    with pytest.raises(VersionError):
        out.sum().backward()
    with lepton.inference_mode():
        graph.increment_version(lepton.ones(2))  # it has no version


def test_nodes() -> None:
    out = leaf().clone()
    assert isinstance(out.grad_fn, graph.Node)
    assert out.grad_fn.name() == "CloneBackward0"


# ---------------------------------------------------------------------- several gradients


def test_a_hook_on_all_gradients() -> None:
    a, b = leaf(), leaf()
    c, d = a * b, a * b
    seen: list[list[bool]] = []
    handle = graph.register_multi_grad_hook((a, b, c, d), lambda found: seen.append([g is not None for g in found]))
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    assert seen == [[True, True, True, False], [True, False, True, False]]
    handle.remove()
    c.sum().backward(retain_graph=True)
    with graph.register_multi_grad_hook((a,), seen.append):
        c.sum().backward(retain_graph=True)
    c.sum().backward()
    assert len(seen) == 3
    np.testing.assert_array_equal(seen[2][0].numpy(), b.detach().numpy())


def test_a_hook_on_the_first_gradient() -> None:
    a, b = leaf(), leaf()
    seen: list[Any] = []
    graph.register_multi_grad_hook((a, b, lepton.ones(3)), seen.append, mode="any")
    (a * b).sum().backward()
    (a * b).sum().backward()
    assert len(seen) == 2


def test_hooks_that_cannot_be() -> None:
    with pytest.raises(ArgumentError, match="mode"):
        graph.register_multi_grad_hook((leaf(),), print, mode="some")
    with pytest.raises(ContractError, match="tensor 1 requires no gradient"):
        graph.register_multi_grad_hook((leaf(), lepton.ones(2)), print)
