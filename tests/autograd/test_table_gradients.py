"""Gradients of first and second order of every op in the table: at fixed cases, and on calls that Hypothesis draws."""

from __future__ import annotations

import contextlib
import gc
import math
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lepton.autograd.gradcheck import gradcheck, gradgradcheck
from lepton.autograd.registry import TABLE
from lepton.errors import GradError
from tests.table import Call, Entry, entries
from tests.table._binding import Bound, Lepton

LEPTON = Lepton()
SMOOTH = [each for each in entries() if each.grad is not False]
DRAWN = [each for each in SMOOTH if each.draw is not None]
PLANNED = {"full": 20_000}.get(settings.get_current_profile_name(), 2_000)
PER_ENTRY = math.ceil(PLANNED / max(len(DRAWN), 1))
FEW = {"fixed": 24, "drawn": 12}  # elements up to which each derivative is checked, beyond that random directions

over = pytest.mark.parametrize


def named(chosen: Sequence[Entry]) -> Any:
    return over("entry", chosen, ids=lambda each: each.name)


@contextlib.contextmanager
def naming(call: Call) -> Iterator[None]:
    """Say in an error which call it was."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in the call {call}")
        raise


def twins(entry: Entry) -> list[str]:
    """How an entry's op can be called: as a function, and as the registry says as a method and in place."""
    known = TABLE.get(entry.name)
    if known is None:
        return ["function"]
    return ["function"] + ["method"] * known.method + ["inplace"] * known.inplace


def outgoing(outputs: Sequence[Any], seed: int = 7) -> list[Any]:
    """A gradient for each output."""
    rng = np.random.default_rng(seed)
    return [
        LEPTON.tensor(np.asarray(rng.uniform(0.5, 1.5, tuple(out.shape)), LEPTON.host(out).dtype), False)
        for out in outputs
    ]


def differentiable(bound: Bound) -> list[Any]:
    return [each for each in bound.tensors() if each.requires_grad]


def gradients(bound: Bound, **options: Any) -> list[Any]:
    outputs = differentiable(bound)
    return list(LEPTON.grad(outputs, bound.leaves, outgoing(outputs), allow_unused=True, **options))


def check_both_orders(entry: Entry, call: Call, few: int) -> None:
    """Both orders against differences; the first order of calls up to twice as large element by element."""
    bound = Bound(LEPTON, entry, call)
    if not bound.leaves:
        return
    size = sum(leaf.numel() for leaf in bound.leaves)
    limits = {"atol": entry.atol, "rtol": entry.rtol, "check_grad_dtypes": True}

    def run(*_: Any) -> Any:
        return tuple(bound.tensors())

    gradcheck(run, bound.leaves, fast_mode=size > 2 * few, **limits)
    if entry.second_order:
        gradgradcheck(run, bound.leaves, fast_mode=size > few, **limits)


# ---------------------------------------------------------------------- fixed cases


@named(SMOOTH)
def test_fixed_cases(entry: Entry) -> None:
    assert entry.cases, "an entry that claims gradients needs cases"
    for call in entry.cases:
        with naming(call):
            check_both_orders(entry, call, FEW["fixed"])


@named([each for each in SMOOTH if len(twins(each)) > 1])
def test_methods_and_in_place_twins_have_the_same_gradients(entry: Entry) -> None:
    for call in entry.cases:
        with naming(call):
            plain = Bound(LEPTON, entry, call)
            expected = [LEPTON.host(each) for each in plain.tensors()]
            wanted = gradients(plain)
            for how in twins(entry)[1:]:
                twin = Bound(LEPTON, entry, call, how)
                try:
                    found = [LEPTON.host(each) for each in twin.tensors()]
                except RuntimeError:
                    if how == "inplace" and expected[0].shape != getattr(call.args[0], "shape", ()):
                        continue  # a result of another shape than the tensor's cannot be written into it
                    raise
                for one, other in zip(found, expected, strict=True):
                    np.testing.assert_array_equal(one, other, err_msg=how)
                for one, other in zip(gradients(twin), wanted, strict=True):
                    assert_same(one, other, how)


def assert_same(found: Any, expected: Any, message: str) -> None:
    if found is None or expected is None:
        present = found if expected is None else expected
        assert present is None or not np.any(LEPTON.host(present)), message
        return
    assert found.dtype is expected.dtype, message
    np.testing.assert_allclose(LEPTON.host(found), LEPTON.host(expected), rtol=1e-12, atol=1e-12, err_msg=message)


@named(SMOOTH)
def test_the_rule_gives_the_same_on_arrays_and_on_tensors(entry: Entry) -> None:
    for call in entry.cases:
        with naming(call):
            bound = Bound(LEPTON, entry, call)
            for recorded, plain in zip(gradients(bound, create_graph=True), gradients(bound), strict=True):
                assert_same(recorded, plain, "under create_graph")


@named(SMOOTH)
def test_gradients_alias_nothing_and_inputs_stay(entry: Entry) -> None:
    for call in entry.cases:
        with naming(call):
            bound = Bound(LEPTON, entry, call)
            before = [leaf._data.copy() for leaf in bound.leaves]
            outputs = differentiable(bound)
            if not outputs:
                continue
            arriving = outgoing(outputs)
            held = [each._data.copy() for each in arriving]
            results = [each._data.copy() for each in outputs]
            LEPTON.root.autograd.backward(outputs, arriving)
            taken = [*outputs, *arriving, *bound.leaves]
            for leaf, values in zip(bound.leaves, before, strict=True):
                np.testing.assert_array_equal(leaf._data, values, "an input was changed")
                if leaf.grad is None:
                    continue
                data = leaf.grad._data
                assert data.flags.writeable
                assert data.size == 0 or all(s for s, n in zip(data.strides, data.shape, strict=True) if n > 1)
                assert not any(np.shares_memory(data, other._data) for other in taken), "a gradient is aliased"
                taken.append(leaf.grad)
            for each, values in zip([*arriving, *outputs], [*held, *results], strict=True):
                np.testing.assert_array_equal(each._data, values, "an output or its gradient was changed")


def graph_of(outputs: Sequence[Any]) -> list[Any]:
    """All recorded ops from which the outputs came."""
    seen: dict[Any, None] = {}
    stack = [out.grad_fn for out in outputs if out.grad_fn is not None]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen[node] = None
            stack += [each for each, _ in node.next_functions if each is not None and hasattr(each, "next_functions")]
    return list(seen)


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@named(SMOOTH)
@pytest.mark.usefixtures("_no_collector")
def test_the_graph_is_used_once_and_dies_without_the_garbage_collector(entry: Entry) -> None:
    for call in entry.cases:
        with naming(call):
            bound = Bound(LEPTON, entry, call)
            outputs = differentiable(bound)
            nodes = graph_of(outputs)
            if not nodes:
                continue
            kept = any(node.saved for node in nodes)
            LEPTON.root.autograd.backward(outputs, outgoing(outputs))
            assert not any(node.saved for node in nodes), "backward left saved arrays behind"
            if kept:
                with pytest.raises(GradError, match="second time"):
                    LEPTON.root.autograd.backward(outputs, outgoing(outputs))
            watched = [weakref.ref(node) for node in nodes]
            del outputs, nodes
            assert not any(each() is not None for each in watched), "the graph hangs in a reference cycle"


@named([each for each in entries() if each.grad is False])
def test_ops_without_derivative_record_nothing(entry: Entry) -> None:
    for call in entry.cases:
        with naming(call):
            bound = Bound(LEPTON, Entry(name=entry.name, outputs=entry.outputs), call)
            for out in bound.tensors():
                if out.requires_grad and all(out is not leaf for leaf in bound.leaves):
                    with pytest.raises(RuntimeError, match="derivative"):
                        out.sum().backward()


@named([each for each in entries() if each.errors])
def test_what_is_refused(entry: Entry) -> None:
    for call, kind in entry.errors:
        with naming(call), pytest.raises(kind):
            Bound(LEPTON, entry, call).run()


# ---------------------------------------------------------------------- drawn cases


def check_narrow(entry: Entry, call: Call, dtype: str) -> None:
    """In a narrower type the gradients have that type, and the wide type's values as far as it goes."""
    narrow, wide = Bound(LEPTON, entry, call, dtype=dtype), Bound(LEPTON, entry, call)
    for leaf, same in zip(narrow.leaves, wide.leaves, strict=True):
        same._data[...] = leaf._data
    limit = float(np.finfo(dtype).eps) ** 0.5
    for leaf, found, expected in zip(narrow.leaves, gradients(narrow), gradients(wide), strict=True):
        if found is None or expected is None:
            assert found is expected
            continue
        assert found.dtype is leaf.dtype
        right = LEPTON.host(expected)
        scale = float(np.max(np.abs(right), initial=1.0))
        np.testing.assert_allclose(LEPTON.host(found).astype(np.float64) / scale, right / scale, rtol=0, atol=limit)


@named(DRAWN)
def test_drawn_cases(entry: Entry) -> None:
    seen = 0

    @settings(max_examples=PER_ENTRY, deadline=None, suppress_health_check=list(HealthCheck))
    @given(call=entry.draw, dtype=st.sampled_from(["float64", "float64", "float32"]))
    def check(call: Call, dtype: str) -> None:
        nonlocal seen
        check_both_orders(entry, call, FEW["drawn"])
        if dtype != "float64":
            check_narrow(entry, call, dtype)
        seen += 1

    check()
    assert seen >= PER_ENTRY, f"{seen} cases were drawn of the {PER_ENTRY} planned"


def test_enough_cases_are_planned() -> None:
    assert len(DRAWN) * PER_ENTRY >= PLANNED >= 2_000
