"""Checkpoints: the same gradients from less memory, the same random numbers, and what is said where that fails."""

from __future__ import annotations

import copy
import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import nn
from lepton.autograd.graph import disable_saved_tensors_hooks, saved_tensors_hooks
from lepton.errors import ArgumentError, GradError, RecomputationError, VersionError
from lepton.utils import checkpoint as face
from lepton.utils.checkpoint import (
    CheckpointFunction,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
)

both = pytest.mark.parametrize("reentrant", [False, True])


def net() -> nn.Sequential:
    lepton.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)
    )


def point(*shape: int) -> Any:
    return lepton.tensor(
        np.random.default_rng(0).normal(size=shape or (5, 4)), dtype=lepton.float32, requires_grad=True
    )


def gradients(model: nn.Module, run: Callable[[Any], Any], x: Any) -> list[Any]:
    """Of all parameters and of the input, from the same random state."""
    lepton.manual_seed(3)
    model.zero_grad()
    x.grad = None
    out = run(x)
    (out * out).sum().backward()
    return [each.grad.numpy().copy() for each in (*model.parameters(), x)]


def assert_same(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@both
def test_the_second_run_leaves_buffers_alone(reentrant: bool) -> None:
    """Running statistics, their count, and the vectors of power iterations are what they are without a checkpoint."""
    lepton.manual_seed(1)
    model = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(4, 6)),
        nn.BatchNorm1d(6),
        nn.utils.spectral_norm(nn.Linear(6, 6)),
        nn.BatchNorm1d(6, momentum=None),
        nn.Unflatten(1, (2, 3)),
        nn.InstanceNorm1d(2, track_running_stats=True),
    )
    plain, x = copy.deepcopy(model), point()
    first = gradients(plain, plain, x)
    assert_same(gradients(model, lambda x: checkpoint(model, x, use_reentrant=reentrant), x), first)
    for name, buffer in plain.named_buffers():
        np.testing.assert_array_equal(model.get_buffer(name).numpy(), buffer.numpy(), err_msg=name)
    model(x)
    assert int(model[1].num_batches_tracked) == 2


@both
def test_gradients_are_bit_by_bit_those_without_it(reentrant: bool) -> None:
    model, x = net(), point()
    assert_same(
        gradients(model, lambda x: checkpoint(model, x, use_reentrant=reentrant), x), gradients(model, model, x)
    )


@both
@pytest.mark.parametrize("segments", [1, 2, 3, 7])
def test_sequential(reentrant: bool, segments: int) -> None:
    model, x = net(), point()
    expected = gradients(model, model, x)
    for functions in (model, list(model)):
        found = gradients(
            model, lambda x, f=functions: checkpoint_sequential(f, segments, x, use_reentrant=reentrant), x
        )
        assert_same(found, expected)


def test_nested() -> None:
    model, x = net(), point()

    def inner(x: Any) -> Any:
        return checkpoint(model[3:], checkpoint(model[:3], x, use_reentrant=False), use_reentrant=False)

    def outer(x: Any) -> Any:
        return checkpoint(lambda x: checkpoint(inner, x, use_reentrant=False), x, use_reentrant=False)

    assert_same(gradients(model, outer, x), gradients(model, model, x))


def test_other_random_numbers_when_asked() -> None:
    x = lepton.ones(1000, requires_grad=True)
    lepton.manual_seed(0)
    out = checkpoint(lambda x: nn.functional.dropout(x, 0.5) * x, x, use_reentrant=False, preserve_rng_state=False)
    out.sum().backward()
    dropped = out.detach() == 0
    assert dropped.any()
    assert (x.grad[dropped] != 0).any()  # the gradient came through another mask


@both
def test_random_state_goes_on_as_if_nothing_ran_again(reentrant: bool) -> None:
    x = point()
    numbers = []
    for run in (lambda f: f(x), lambda f: checkpoint(f, x, use_reentrant=reentrant)):
        lepton.manual_seed(1)
        out = run(lambda x: nn.functional.dropout(x, 0.5) * x)
        before = lepton.rand(3)
        out.sum().backward()
        numbers.append([*before.tolist(), *lepton.rand(3).tolist()])
    assert numbers[0] == numbers[1]


def test_works_with_grad_inputs_and_higher_derivatives() -> None:
    x = point().double().detach().requires_grad_()

    def function(x: Any) -> Any:
        return (x**3).sin().sum()

    found = []
    for run in (function, lambda x: checkpoint(function, x, use_reentrant=False)):
        (first,) = lepton.autograd.grad(run(x), x, create_graph=True)
        (second,) = lepton.autograd.grad((first * first).sum(), x)
        x.grad = None
        run(x).backward(inputs=[x])
        found.append([first.detach().numpy(), second.numpy(), x.grad.numpy()])
    assert_same(found[1], found[0])


def test_backward_twice_and_in_part() -> None:
    a, b = point(3), point(3)
    out = checkpoint(lambda a, b: (a.sin() * b.cos()).sum(), a, b, use_reentrant=False)
    (ga,) = lepton.autograd.grad(out, a, retain_graph=True)
    again = lepton.autograd.grad(out, (a, b), retain_graph=True)
    np.testing.assert_array_equal(again[0].numpy(), ga.numpy())
    out.backward()
    np.testing.assert_array_equal(b.grad.numpy(), again[1].numpy())
    with pytest.raises(GradError, match="second time"):
        out.backward()


def test_keyword_arguments_structures_and_several_outputs() -> None:
    x = point()

    def function(x: Any, *, scale: Any, parts: dict[str, Any]) -> dict[str, Any]:
        return {"a": (x * scale).sin(), "b": [x.cos() * parts["w"]]}

    out = checkpoint(function, x, scale=lepton.tensor(2.0), parts={"w": x}, use_reentrant=False)
    (out["a"].sum() + out["b"][0].sum()).backward()
    expected = (
        2 * np.cos(2 * x.detach().numpy())
        + np.cos(x.detach().numpy())
        - np.sin(x.detach().numpy()) * x.detach().numpy()
    )
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("early_stop", [True, False])
@pytest.mark.parametrize("retain", [True, False])
def test_a_backward_inside(early_stop: bool, retain: bool) -> None:
    x = point()

    def function(x: Any) -> Any:
        y = x.sin()
        (g,) = lepton.autograd.grad(y.cos().sum(), x, retain_graph=retain)
        return x.cos() * g * (y if retain else 1.0)

    function(x).sum().backward()
    expected, x.grad = x.grad, None
    checkpoint(function, x, use_reentrant=False, early_stop=early_stop).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), expected.numpy())


def test_a_function_of_the_user_saves_through_it() -> None:
    class Square(lepton.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = point()
    out = checkpoint(lambda x: Square.apply(Square.apply(x)).sum(), x, use_reentrant=False)
    (first,) = lepton.autograd.grad(out, x, create_graph=True)
    np.testing.assert_allclose(first.detach().numpy(), 4 * x.detach().numpy() ** 3, rtol=1e-5)
    (second,) = lepton.autograd.grad(first.sum(), x)
    np.testing.assert_allclose(second.numpy(), 12 * x.detach().numpy() ** 2, rtol=1e-5)


def test_runs_once_more_and_stops_early() -> None:
    trace: list[str] = []

    def function(x: Any) -> Any:
        trace.append("begin")
        x = x.sin()
        trace.append("end")
        return x

    for early_stop, expected in ((True, 3), (False, 4)):
        trace.clear()
        with set_checkpoint_early_stop(early_stop):
            out = checkpoint(function, point(), use_reentrant=False)
        out.sum().backward()
        assert len(trace) == expected


def test_contexts_of_both_runs() -> None:
    entered: list[str] = []

    @contextmanager
    def noting(name: str) -> Iterator[None]:
        entered.append(name)
        yield

    out = checkpoint(lambda x: x.sin(), point(), use_reentrant=False, context_fn=lambda: (noting("a"), noting("b")))
    assert entered == ["a"]
    out.sum().backward()
    assert entered == ["a", "b"]


def test_nothing_is_recorded_without_gradients() -> None:
    with lepton.no_grad():
        assert not checkpoint(lambda x: x.sin(), point(), use_reentrant=False).requires_grad


def test_saved_tensors_do_not_stay() -> None:
    """Of a chain of eight products on an array only the argument stays, and the graph frees itself."""
    x = lepton.ones(1 << 16, requires_grad=True)

    def chain(x: Any) -> Any:
        for _ in range(8):
            x = x.sin()
        return x

    sizes = []
    for run in (
        chain,
        lambda x: checkpoint(chain, x, use_reentrant=False),
        lambda x: checkpoint(chain, x, use_reentrant=True),
    ):
        tracemalloc.start()
        out = run(x)
        sizes.append(tracemalloc.get_traced_memory()[0] / x.nbytes)
        tracemalloc.stop()
        del out
    assert sizes[0] > 7.5
    assert max(sizes[1:]) < 1.5


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@both
@pytest.mark.parametrize("used", [True, False])
@pytest.mark.usefixtures("_no_collector")
def test_the_graph_dies_without_the_garbage_collector(reentrant: bool, used: bool) -> None:
    model = net()
    out = checkpoint(model, point(), use_reentrant=reentrant)
    if used:
        out.sum().backward()
    node = weakref.ref(out.grad_fn)
    del out
    assert node() is None


# ---------------------------------------------------------------------- what is refused


def changing(*functions: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Another function in each run."""
    listed = iter(functions)
    return lambda x: next(listed)(x)


def sin(x: Any) -> Any:
    return x.sin()


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        ((lambda x: x.sin().cos(), sin), "A different number of tensors was saved"),
        (
            (sin, lambda x: x[:2].sin()),
            r"position 0:\nsaved metadata: shape \[5, 4\].*\nrecomputed metadata: shape \[2, 4\]",
        ),
        ((sin, lambda x: x.double().sin()), "recomputed metadata: .*float64"),
    ],
)
@pytest.mark.parametrize("debug", [True, False])
def test_another_function_the_second_time(functions: Any, words: str, debug: bool) -> None:
    with set_checkpoint_debug_enabled(debug):
        out = checkpoint(changing(*functions), point(), use_reentrant=False)
    with pytest.raises(RecomputationError, match=words) as error:
        out.sum().backward()
    assert ("test_checkpoint.py:" in str(error.value)) == debug


def test_more_the_second_time() -> None:
    function = changing(sin, lambda x: x.sin().cos())
    out = checkpoint(function, point(), use_reentrant=False, early_stop=False)
    with pytest.raises(face.CheckpointError, match="More tensors"):
        out.sum().backward()


def test_differences_are_let_pass_when_asked() -> None:
    function = changing(sin, lambda x: (x + 0.0 * x.detach()).sin())
    checkpoint(function, point(), use_reentrant=False, determinism_check="none").sum().backward()


def test_an_argument_written_to() -> None:
    x = point() * 1.0
    out = checkpoint(sin, x, use_reentrant=False)
    with lepton.no_grad():
        x += 1
    with pytest.raises(VersionError, match="argument of a checkpointed function"):
        out.sum().backward()


def test_settings_that_do_not_go_together() -> None:
    x = point()
    with pytest.raises(ArgumentError, match="Unexpected keyword arguments: scale"):
        checkpoint(sin, x, use_reentrant=True, scale=3)
    with pytest.raises(ArgumentError, match="Unexpected keyword arguments: scale"):
        checkpoint_sequential([sin], 1, x, use_reentrant=False, scale=3)
    for segments in (0, 3):
        with pytest.raises(ArgumentError, match="cannot be cut into"):
            checkpoint_sequential([sin, sin], segments, x, use_reentrant=False)
    with pytest.raises(ArgumentError, match="only supported when"):
        checkpoint(sin, x, use_reentrant=True, debug=True)
    with pytest.raises(ArgumentError, match="incompatible"):
        checkpoint(sin, x, use_reentrant=False, debug=True, context_fn=lambda: face.noop_context_fn())
    with pytest.raises(ArgumentError, match="determinism_check"):
        checkpoint(sin, x, use_reentrant=False, determinism_check="some")
    with pytest.warns(UserWarning, match="use_reentrant"):
        assert type(checkpoint(sin, x).grad_fn).__name__ == "_FunctionNode"
    with pytest.warns(UserWarning, match="use_reentrant"):
        checkpoint_sequential([sin, sin], 2, x)
    with pytest.raises(GradError, match="Only tuple"):
        face.detach_variable([x])


def test_a_context_that_swallows_an_error() -> None:
    from contextlib import nullcontext, suppress

    def function(x: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(RecomputationError, match="suppressed"):
        checkpoint(
            function, point(), use_reentrant=False, context_fn=lambda: (suppress(ZeroDivisionError), nullcontext())
        )
    with pytest.raises(ZeroDivisionError):
        checkpoint(function, point(), use_reentrant=False)


def test_reentrant_works_with_backward_alone() -> None:
    x = point()
    for derive in (lambda out: lepton.autograd.grad(out, x), lambda out: out.backward(inputs=[x])):
        with pytest.raises(GradError, match="is incompatible with"):
            derive(checkpoint(sin, x, use_reentrant=True).sum())
    with pytest.warns(UserWarning, match="None of the inputs"):
        checkpoint(sin, x.detach(), use_reentrant=True)
    constant = CheckpointFunction.apply(lambda x: x.detach(), True, x)
    with pytest.raises(GradError, match="none of output has requires_grad"):
        constant.sum().backward()


def test_hooks_inside_are_the_users() -> None:
    kept: list[Any] = []

    def function(x: Any) -> Any:
        with saved_tensors_hooks(lambda t: kept.append(t.shape) or t.detach(), lambda t: t):
            y = x.sin()
        return y.cos()

    x = point()
    checkpoint(function, x, use_reentrant=False).sum().backward()
    np.testing.assert_allclose(
        x.grad.numpy(), -np.sin(np.sin(x.detach().numpy())) * np.cos(x.detach().numpy()), rtol=1e-5
    )
    assert len(kept) == 2  # once in each run
    with disable_saved_tensors_hooks("not here"), pytest.raises(GradError, match="not here"):
        checkpoint(sin, x, use_reentrant=False)


def test_inputs_without_a_gradient_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        face.check_backward_validity([lepton.ones(1), 2])
    face.check_backward_validity([lepton.ones(1), lepton.ones(1, requires_grad=True)])
