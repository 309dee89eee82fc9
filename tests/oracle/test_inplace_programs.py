"""Drawn programs of views, in-place writes and ops that save their inputs: the gradients are PyTorch's, or both refuse.

Gradients through memory that is shared and written are where a framework goes silently wrong. A program is a list of
steps, each of which picks one of the tensors that there are by a number; both frameworks run the same list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lepton

ROWS, COLUMNS = 3, 4
Step = tuple[str, int, int, int]

VIEWS: dict[str, Callable[[Any, int], Any]] = {
    "row": lambda x, k: x[k % x.shape[0]] if x.ndim else x.view(()),
    "rows": lambda x, k: x[k % x.shape[0] :] if x.ndim else x[None],
    "strided": lambda x, k: x[:: 1 + k % 2] if x.ndim else x.unsqueeze(0),
    "t": lambda x, k: x.t() if x.ndim < 3 else x.transpose(0, 2),
    "reshape": lambda x, k: x.reshape(-1),
    "unsqueeze": lambda x, k: x.unsqueeze(k % (x.ndim + 1)) if x.ndim < 3 else x.squeeze(),
    "narrow": lambda x, k: x.narrow(0, 0, 1) if x.ndim else x.reshape(1),
    "diagonal": lambda x, k: x.diagonal() if x.ndim > 1 else x,
    "detach": lambda x, k: x.detach(),
}
MAKES: dict[str, Callable[[Any, Any, int], Any]] = {
    "mul": lambda x, y, k: x * y,
    "exp": lambda x, y, k: (x / 4).exp(),
    "sigmoid": lambda x, y, k: x.sigmoid(),
    "square": lambda x, y, k: x**2,
    "add": lambda x, y, k: x + y,
    "clone": lambda x, y, k: x.clone(),
    "expand": lambda x, y, k: x.expand(2, *x.shape) * y if x.ndim < 3 else x.exp(),
    "sum": lambda x, y, k: x.sum(),
    "where": lambda x, y, k: x.where(x > 0, y),
}
WRITES: dict[str, Callable[[Any, Any, int], Any]] = {
    "mul_": lambda x, y, k: x.mul_(y),
    "add_": lambda x, y, k: x.add_(y),
    "mul number_": lambda x, y, k: x.mul_(0.5 + k),
    "copy_": lambda x, y, k: x.copy_(y),
    "zero_": lambda x, y, k: x.zero_(),
    "fill_": lambda x, y, k: x.fill_(0.25 * k),
    "sigmoid_": lambda x, y, k: x.sigmoid_(),
    "exp_": lambda x, y, k: x.div_(4).exp_(),
    "clamp_": lambda x, y, k: x.clamp_(-0.5, 0.5),
    "set number": lambda x, y, k: x.__setitem__(Ellipsis, 0.5),
    "set row": lambda x, y, k: x.__setitem__(0, y),
    "set mask": lambda x, y, k: x.__setitem__(x > 0, 0.125),
    "set picked": lambda x, y, k: x.__setitem__([-1, 0] if k % 2 and x.ndim and len(x) > 1 else [0], y),
    "masked_fill_": lambda x, y, k: x.masked_fill_(x > 0, 0.5),
    "index_add_": lambda x, y, k: x.index_add_(0, x.new_zeros(1).long(), y[:1].clone()),
    "relu_": lambda x, y, k: x.relu_(),
    "requires_grad_": lambda x, y, k: x.requires_grad_(),
}
NO_GRAD = "under no_grad: "
KINDS = [*VIEWS, *MAKES, *WRITES, NO_GRAD + "mul number_", NO_GRAD + "rows", NO_GRAD + "add_"]

steps = st.tuples(st.sampled_from(KINDS), st.integers(0, 7), st.integers(0, 7), st.integers(0, 2))


def step(library: Any, tensors: list[Any], what: Step) -> None:
    kind, first, second, number = what
    if kind.startswith(NO_GRAD):
        with library.no_grad():
            step(library, tensors, (kind.removeprefix(NO_GRAD), first, second, number))
        return
    x, y = tensors[first % len(tensors)], tensors[second % len(tensors)]
    if kind in VIEWS:
        tensors.append(VIEWS[kind](x, number))
    elif kind in MAKES:
        tensors.append(MAKES[kind](x, y, number))
    else:
        if (x is not y or kind.startswith("set")) and np.shares_memory(x.detach().numpy(), y.detach().numpy()):
            y = y.clone()  # PyTorch refuses most writes of memory that it reads from
        _ = x.grad_fn  # PyTorch takes a view for a leaf until somebody asks, if only its base was written
        WRITES[kind](x, y, number)


LEAVES = [np.random.default_rng(seed).uniform(-1, 1, shape) for seed, shape in ((0, (ROWS, COLUMNS)), (1, (COLUMNS,)))]
CONSTANT = np.random.default_rng(2).uniform(-1, 1, (ROWS, COLUMNS))


def play(library: Any, program: list[Step], leaves: list[Any]) -> tuple[list[int], list[Any]]:
    """Which steps were refused, and all tensors."""
    tensors = [leaves[0] * 2, leaves[1] + 0.5, library.tensor(CONSTANT), *leaves]
    refused = []
    for place, what in enumerate(program):
        try:
            step(library, tensors, what)
        except (RuntimeError, IndexError, ValueError):
            refused.append(place)  # why is compared elsewhere; what is wrong in two ways has two answers
    return refused, tensors


def outcome(library: Any, program: list[Step]) -> tuple[list[int], list[Any], list[Any] | None]:
    """Which steps were refused, the values of all tensors, and the gradients, None if they are refused."""
    leaves = [library.tensor(each, requires_grad=True) for each in LEAVES]
    refused, tensors = play(library, program, leaves)
    values = [each.detach().numpy().copy() for each in tensors]
    try:
        total = sum([(each * (k + 1)).sum() for k, each in enumerate(tensors) if each.requires_grad])
        found = library.autograd.grad(total, leaves, allow_unused=True)
    except RuntimeError:
        return refused, values, None
    return refused, values, [np.zeros(a.shape) if g is None else g.numpy() for a, g in zip(LEAVES, found, strict=True)]


def slopes(program: list[Step]) -> list[Any]:
    """The gradients by central differences, of a program in which every value depends on the leaves by the graph."""
    found = [np.zeros(each.shape) for each in LEAVES]
    for which, leaf in enumerate(LEAVES):
        for place in np.ndindex(leaf.shape):
            for sign in (1, -1):
                moved = [each.copy() for each in LEAVES]
                moved[which][place] += sign * 1e-6
                tensors = play(lepton, program, [lepton.tensor(each, requires_grad=True) for each in moved])[1]
                numbered = [(k + 1, each.detach().numpy()) for k, each in enumerate(tensors) if each.requires_grad]
                total = sum(factor * values.sum() for factor, values in numbered)
                found[which][place] += sign * total / 2e-6
    return found


CUTS = ("detach", "requires_grad_")


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, max_size=12))
def test_programs(program: list[Step]) -> None:
    our_refusals, ours, our_gradients = outcome(lepton, program)
    refusals, theirs, gradients = outcome(torch, program)
    assert our_refusals == refusals
    for found, right in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)
    if gradients is not None:
        assert our_gradients is not None, "PyTorch has gradients"
        for found, right in zip(our_gradients, gradients, strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-12)
    elif our_gradients is not None and not any(kind in CUTS or kind.startswith(NO_GRAD) for kind, *_ in program):
        for found, right in zip(our_gradients, slopes(program), strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)
