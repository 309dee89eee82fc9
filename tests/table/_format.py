"""What an entry of the table is: a public op, how to draw its arguments, and what it claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True, slots=True)
class Const:
    """An array that becomes a tensor without a gradient (a mask, an index, a weight that is not differentiated)."""

    array: np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Attr:
    """A name of the framework, such as a dtype: ``Attr("float32")`` is ``lepton.float32`` or ``torch.float32``."""

    path: str


@dataclass(frozen=True, slots=True)
class Make:
    """An argument that each framework builds for itself: ``Make(lambda lib: lib.Generator().manual_seed(0))``.

    ``parts`` are arguments as a call has them, and come after ``lib``; floating arrays among them are differentiated.
    """

    build: Callable[..., Any]
    parts: tuple[Any, ...] = ()


class Call:
    """The arguments of one call.

    Every NumPy array among them (in lists and tuples too) becomes a tensor of its dtype and memory layout; the floating
    ones require a gradient, unless wrapped in :class:`Const` or excluded by the entry's ``grad``. Everything else is
    passed as it is. For an entry of a module class these are the arguments of the constructor, and ``inputs`` those of
    the call. ``tag`` names the case in test ids and in ``docs/deviations.md``.
    """

    __slots__ = ("args", "inputs", "kwargs", "tag")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs
        self.inputs: tuple[Any, ...] | None = None
        self.tag = ""

    def tagged(self, tag: str) -> Call:
        """This call, named."""
        self.tag = tag
        return self

    def on(self, *inputs: Any) -> Call:
        """For modules: what the built module is called with."""
        self.inputs = inputs
        return self

    def __repr__(self) -> str:
        parts = [_short(each) for each in self.args] + [f"{name}={_short(v)}" for name, v in self.kwargs.items()]
        after = "" if self.inputs is None else f"({', '.join(_short(each) for each in self.inputs)})"
        return f"({', '.join(parts)}){after}"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array({value.tolist()}, {value.dtype}, strides={value.strides})"
    if isinstance(value, Const):
        return f"Const({_short(value.array)})"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_short(each) for each in value) + "]"
    return value.path if isinstance(value, Attr) else repr(value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One public op.

    Attributes:
        name: its path under ``lepton``: ``"add"``, ``"linalg.inv"``, ``"nn.functional.relu"``, ``"nn.Linear"``. A
            ``"Tensor.name"`` is called as a method. Methods and functions of ``nn.functional`` whose names end in an
            underscore get a clone of the first argument.
        cases: fixed calls, in float64, at points where the op is smooth: values and gradients of both orders.
        draw: a Hypothesis strategy of such calls.
        values: further fixed calls of which only values, dtypes and errors are compared: integers, bool, float32,
            promotion pairs, nan and inf, ties, kinks. Where PyTorch refuses, an error of the same class is expected.
        errors: calls with the class of exception that they must raise, checked without PyTorch too.
        grad: whether floating arguments are differentiated: True (all), False (none, a non-differentiable op), or the
            positions and keyword names of those that are.
        second_order: False only where the gradient itself has no derivative (say why in a comment).
        oracle: the path in ``torch`` (by default ``name``), a function ``(torch, *args, **kwargs)``, or None: there is
            nothing to compare with.
        prepare: makes the first argument of what was drawn, so that it is of a kind and its gradients too:
            ``lambda a: a @ a.mT`` for a symmetric one.
        outputs: makes of a raw result what is compared and differentiated, for instance to leave out signs of
            eigenvectors: ``lambda out: (out[0], out[1].abs())``.
        compare: ``"values"``, or ``"meta"`` (shapes and dtypes only: random results, uninitialised memory).
        relative_to: ``"element"``: tolerances are relative to each element; ``"result"``: to the largest one, for
            results that come of sums.
        loose: by how much the oracle's tolerances are widened (a factor for all dtypes).
        loose_gradient: the same for gradients, beyond ``loose``, where PyTorch's own are imprecise (trigamma).
        atol, rtol: tolerances of the gradient checks.
        standin: whether it runs on the strict stand-in for a GPU (False for what lives on the CPU by nature).
        covers: further public names that this entry speaks for.
    """

    name: str
    cases: tuple[Call, ...] = ()
    draw: SearchStrategy[Call] | None = None
    values: tuple[Call, ...] = ()
    errors: tuple[tuple[Call, type[BaseException]], ...] = ()
    grad: bool | Sequence[int | str] = True
    second_order: bool = True
    oracle: str | Callable[..., Any] | None = ""
    prepare: Callable[[Any], Any] | None = None
    outputs: Callable[[Any], Any] | None = None
    compare: str = "values"
    relative_to: str = "result"
    loose: float = 1.0
    loose_gradient: float = 1.0
    atol: float = 1e-5
    rtol: float = 1e-3
    standin: bool = True
    covers: tuple[str, ...] = ()

    def wants(self, place: int | str) -> bool:
        """Whether the floating arguments at this position or keyword are differentiated."""
        return self.grad if isinstance(self.grad, bool) else place in self.grad

    @property
    def is_module(self) -> bool:
        """Whether it is a class of ``nn``."""
        return self.name.startswith("nn.") and self.name.rpartition(".")[2][:1].isupper()


def entry(
    name: str,
    *cases: Call,
    values: Iterable[Call] = (),
    errors: Iterable[tuple[Call, type[BaseException]]] = (),
    **claims: Any,
) -> Entry:
    """An :class:`Entry` with its cases listed."""
    return Entry(name=name, cases=tuple(cases), values=tuple(values), errors=tuple(errors), **claims)
