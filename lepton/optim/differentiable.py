"""A step that is itself recorded on the graph: what ``differentiable=True`` asks of an optimizer.

The rules in ``lepton/kernels/optimizer.py`` write into arrays. Handed :class:`Recorded` cells instead, the very same
lines compute on tensors: what a rule does in place gives the cell a new tensor, so that nothing that backward needs is
ever overwritten.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from lepton.autograd.inplace import copy_
from lepton.autograd.ops import families
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import register_module

__all__ = ["Recorded", "update_recorded"]


class Recorded:
    """A tensor in the place of an array; arithmetic and comparisons are bound below."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __setitem__(self, everywhere: Any, value: Any) -> None:
        self.tensor = _plain(value)

    def __neg__(self) -> Recorded:
        return Recorded(-self.tensor)

    def __bool__(self) -> bool:
        return bool(self.tensor)


def _plain(value: Any) -> Any:
    return value.tensor if isinstance(value, Recorded) else value


def _infix(operation: Callable[[Any, Any], Any]) -> Callable[[Recorded, Any], Recorded]:
    return lambda self, other: Recorded(operation(self.tensor, _plain(other)))


def _swapped(operation: Callable[[Any, Any], Any]) -> Callable[[Recorded, Any], Recorded]:
    return lambda self, other: Recorded(operation(_plain(other), self.tensor))


def _in_place(operation: Callable[[Any, Any], Any]) -> Callable[[Recorded, Any], Recorded]:
    def infix(self: Recorded, other: Any) -> Recorded:
        self.tensor = operation(self.tensor, _plain(other))
        return self

    return infix


for _name in ("add", "sub", "mul", "truediv", "pow"):
    _operation = getattr(operator, _name)
    setattr(Recorded, f"__{_name}__", _infix(_operation))
    setattr(Recorded, f"__r{_name}__", _swapped(_operation))
    setattr(Recorded, f"__i{_name}__", _in_place(_operation))
for _name in ("lt", "gt"):
    setattr(Recorded, f"__{_name}__", _infix(getattr(operator, _name)))


def _on_cells(function: Callable[..., Any]) -> Callable[..., Recorded]:
    def on_cells(*arguments: Any, out: Recorded | None = None) -> Recorded:
        made = function(*[_plain(each) for each in arguments])
        if out is None:
            return Recorded(made)
        out.tensor = made
        return out

    return on_cells


_FUNCTIONS = ("abs", "clip", "divide", "maximum", "sign", "sqrt", "where", "zeros_like")
register_module(Recorded, SimpleNamespace(**{name: _on_cells(getattr(families, name)) for name in _FUNCTIONS}))


def update_recorded(
    rule: Callable[..., None],
    parameter: Tensor,
    state: dict[str, Any],
    buffers: tuple[str, ...],
    settings: tuple[Any, ...],
) -> None:
    """Let ``rule`` compute the parameter and its state anew, on the graph; the parameter is then written in place."""
    held = [state.get(name) for name in buffers]
    cells = [None if each is None else Recorded(each) for each in (parameter.clone(), parameter._grad, *held)]
    rule(*cells, *settings)
    for name, cell in zip(buffers, cells[2:], strict=True):
        if cell is not None:
            state[name] = cell.tensor
    assert cells[0] is not None
    copy_(parameter, cells[0].tensor)
