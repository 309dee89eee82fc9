"""Functions of ``autograd.functional``, hooks on saved tensors and checkpoints against PyTorch's."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.utils.checkpoint

import lepton
import lepton.utils.checkpoint

Library = Any
ARRAYS = [np.random.default_rng(seed).uniform(0.5, 1.5, 3) for seed in range(4)]


def flat(found: Any) -> list[Any]:
    if isinstance(found, (tuple, list)):
        return [each for part in found for each in flat(part)]
    return [found.detach().numpy()]


def nesting(found: Any) -> Any:
    return tuple(nesting(each) for each in found) if isinstance(found, tuple) else tuple(found.shape)


def outcome(lib: Library, call: Callable[[Library, Any], Any]) -> Any:
    tensors = [lib.tensor(each, requires_grad=place < 2) for place, each in enumerate(ARRAYS)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(lib, tensors)
    except Exception as error:  # noqa: BLE001 - it is what is compared
        return error


def compare(call: Callable[[Library, Any], Any]) -> None:
    ours, theirs = outcome(lepton, call), outcome(torch, call)
    if isinstance(theirs, Exception):
        kind = next(each for each in type(theirs).__mro__ if each.__module__ == "builtins")
        assert isinstance(ours, kind), f"{ours!r}, PyTorch has {theirs!r}"
        return
    if isinstance(ours, Exception):
        raise ours
    assert nesting(ours) == nesting(theirs)
    for one, other in zip(flat(ours), flat(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def scalar(x: Any, y: Any) -> Any:
    return (x**3 * y).sum() + (y.sin() * x).sum()


def vector(x: Any, y: Any) -> Any:
    return x.exp() * y, (x * y).sum()


def one(x: Any) -> Any:
    return x**3


def partly(x: Any, y: Any) -> Any:
    return x * 2


def total(x: Any) -> Any:
    return (x**3).sum()


CALLS: list[Callable[[Any, Library, Any], Any]] = [
    lambda D, lib, t: D.jacobian(vector, (t[0], t[1])),
    lambda D, lib, t: D.jacobian(one, t[2]),
    lambda D, lib, t: D.jacobian(vector, (t[2], t[3]), vectorize=True),
    lambda D, lib, t: D.jacobian(one, t[2], vectorize=True, strategy="forward-mode"),
    lambda D, lib, t: lib.autograd.grad(D.jacobian(one, t[0], create_graph=True).sum(), t[0]),
    lambda D, lib, t: D.hessian(scalar, (t[0], t[1])),
    lambda D, lib, t: D.hessian(total, t[2], vectorize=True),
    lambda D, lib, t: D.hessian(total, t[2], vectorize=True, outer_jacobian_strategy="forward-mode"),
    lambda D, lib, t: lib.autograd.grad(D.hessian(total, t[0], create_graph=True).sum(), t[0]),
    lambda D, lib, t: D.vjp(vector, (t[0], t[1]), (t[2], lib.tensor(2.0, dtype=lib.float64))),
    lambda D, lib, t: D.vjp(total, t[0]),
    lambda D, lib, t: D.jvp(vector, (t[0], t[1]), (t[2], t[3])),
    lambda D, lib, t: D.jvp(one, t[2], t[3]),
    lambda D, lib, t: D.vhp(scalar, (t[0], t[1]), (t[2], t[3])),
    lambda D, lib, t: D.hvp(scalar, (t[0], t[1]), (t[2], t[3])),
    lambda D, lib, t: lib.autograd.grad(D.jvp(one, t[0], t[2], create_graph=True)[1].sum(), t[0]),
    lambda D, lib, t: lib.autograd.grad(D.hvp(total, t[0], t[2], create_graph=True)[1].sum(), t[0]),
    lambda D, lib, t: D.jacobian(partly, (t[0], t[1])),
    lambda D, lib, t: D.jacobian(partly, (t[0], t[1]), strict=True),
    lambda D, lib, t: D.vjp(partly, (t[0], t[1]), t[2]),
    lambda D, lib, t: D.vjp(partly, (t[0], t[1]), t[2], strict=True),
    lambda D, lib, t: D.jvp(partly, (t[0], t[1]), (t[2], t[3])),
    lambda D, lib, t: D.jvp(partly, (t[0], t[1]), (t[2], t[3]), strict=True),
    lambda D, lib, t: D.hvp(lambda x: x.sum(), t[0], t[2]),
    lambda D, lib, t: D.hvp(lambda x: x.sum(), t[0], t[2], strict=True),
    lambda D, lib, t: D.vhp(lambda x: x.sum(), t[0], t[2], strict=True),
    lambda D, lib, t: D.hvp(lambda x: (x * x).sum(), t[0], t[2], strict=True, create_graph=True),
    lambda D, lib, t: D.vhp(lambda x: (x * x).sum(), t[0], t[2], strict=True, create_graph=True),
    lambda D, lib, t: D.hessian(lambda x: x.sum(), t[0], strict=True),
    lambda D, lib, t: D.hessian(lambda x: (x * x).sum(), t[0], strict=True, create_graph=True),
    lambda D, lib, t: D.jacobian(lambda x: lib.ones(2), t[0]),
    lambda D, lib, t: D.jacobian(lambda x: lib.ones(2), t[0], strict=True),
    lambda D, lib, t: D.jacobian(one, [t[0]]),
    lambda D, lib, t: D.jacobian(lambda x: [x], t[0]),
    lambda D, lib, t: D.jacobian(one, t[0], strategy="other"),
    lambda D, lib, t: D.jacobian(one, t[0], strategy="forward-mode"),
    lambda D, lib, t: D.jacobian(one, t[0], create_graph=True, strategy="forward-mode"),
    lambda D, lib, t: D.jacobian(one, t[0], strict=True, vectorize=True, strategy="forward-mode"),
    lambda D, lib, t: D.jacobian(one, t[0], strict=True, vectorize=True),
    lambda D, lib, t: D.jacobian(one, lib.arange(3)),
    lambda D, lib, t: D.hessian(one, t[0]),
    lambda D, lib, t: D.hessian(lambda x: (x.sum(),), t[0]),
    lambda D, lib, t: D.hessian(total, t[0], outer_jacobian_strategy="other"),
    lambda D, lib, t: D.vjp(one, t[0]),
    lambda D, lib, t: D.vjp(one, t[0], t[2][:2]),
    lambda D, lib, t: D.jvp(one, t[0]),
    lambda D, lib, t: D.jvp(one, t[0], (t[2], t[3])),
    lambda D, lib, t: D.jvp(partly, (t[0], t[1]), (t[2],)),
    lambda D, lib, t: D.vhp(one, t[0], t[2]),
    lambda D, lib, t: D.hvp(lambda x: (x.sum(),), t[0], t[2]),
    lambda D, lib, t: D.jvp(one, t[0], 3),
]


@pytest.mark.parametrize("call", CALLS)
def test_functional(call: Callable[[Any, Library, Any], Any]) -> None:
    compare(lambda lib, tensors: call(lib.autograd.functional, lib, tensors))


def chain(x: Any, y: Any) -> Any:
    return (x.sin() * y).exp().sum()


def writing(lib: Library, tensors: Any) -> Any:
    x = tensors[0] * 1
    out = lib.utils.checkpoint.checkpoint(chain, x, tensors[1], use_reentrant=False)
    with lib.no_grad():
        x += 1
    out.backward()


CHECKPOINTS: list[Callable[[Any, Library, Any], Any]] = [
    lambda run, lib, t: lib.autograd.grad(run(chain, t[0], t[1], use_reentrant=False), t[:2]),
    lambda run, lib, t: lib.autograd.grad(run(chain, t[0], t[1], use_reentrant=True), t[:2]),
    lambda run, lib, t: run(chain, t[0], t[1], use_reentrant=True).backward(inputs=t[:2]),
    lambda run, lib, t: run(chain, t[0], y=t[1], use_reentrant=False),
    lambda run, lib, t: run(chain, t[0], y=t[1], use_reentrant=True),
    lambda run, lib, t: run(chain, t[0], t[1], use_reentrant=True, debug=True),
    lambda run, lib, t: run(chain, t[0], t[1], use_reentrant=False, determinism_check="some"),
    lambda run, lib, t: run(lambda x: x.detach(), t[0], use_reentrant=True).sum().backward(),
    lambda run, lib, t: writing(lib, t),
    lambda run, lib, t: run(changing(), t[0], use_reentrant=False).sum().backward(),
    lambda run, lib, t: lib.utils.checkpoint.checkpoint_sequential([one, one, one], 2, t[0], use_reentrant=False),
    lambda run, lib, t: lib.utils.checkpoint.checkpoint_sequential([one], 2, t[0], use_reentrant=False, other=3),
    lambda run, lib, t: lib.utils.checkpoint.detach_variable([t[0]]),
]


def changing() -> Callable[[Any], Any]:
    runs = iter((lambda x: x.sin().cos(), lambda x: x.sin()))
    return lambda x: next(runs)(x)


@pytest.mark.parametrize("call", CHECKPOINTS)
def test_checkpoint(call: Callable[[Any, Library, Any], Any]) -> None:
    compare(lambda lib, tensors: call(lib.utils.checkpoint.checkpoint, lib, tensors) or lib.ones(1))


def hooked(unpack: Callable[[Any], Any], pack: Any = lambda t: t.detach()) -> Callable[[Library, Any], Any]:
    def call(lib: Library, tensors: Any) -> Any:
        with lib.autograd.graph.saved_tensors_hooks(pack, unpack):
            out = tensors[0] * tensors[1]
        return lib.autograd.grad(out.sum(), tensors[0])

    return call


def refusing(lib: Library, tensors: Any) -> Any:
    with lib.autograd.graph.disable_saved_tensors_hooks("no"), lib.autograd.graph.save_on_cpu():
        pass


@pytest.mark.parametrize(
    "call",
    [
        hooked(lambda kept: kept),
        hooked(lambda kept: 3),
        hooked(lambda kept: kept[0], lambda t: (t.detach(),)),
        hooked(lambda kept: kept, 3),
        refusing,
        lambda lib, t: lib.autograd.graph.register_multi_grad_hook((t[0],), print, mode="some"),
        lambda lib, t: lib.autograd.graph.register_multi_grad_hook((t[2],), print),
    ],
)
def test_hooks(call: Callable[[Library, Any], Any]) -> None:
    compare(call)


def test_arguments_have_the_names_order_and_defaults_of_pytorch() -> None:
    for room, names in (
        ("autograd.functional", lepton.autograd.functional.__all__),
        ("utils.checkpoint", ["checkpoint", "checkpoint_sequential", "set_checkpoint_early_stop"]),
        ("autograd.graph", ["saved_tensors_hooks", "save_on_cpu", "disable_saved_tensors_hooks", "increment_version"]),
    ):
        for name in names:
            found = []
            for lib in (lepton, torch):
                home: Any = lib
                for part in (*room.split("."), name):
                    home = getattr(home, part)
                listed = inspect.signature(home).parameters.values()
                found.append([(each.name, each.kind, repr(each.default).split(" at ")[0]) for each in listed])
            assert found[0] == found[1], name
