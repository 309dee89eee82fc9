"""``Parameter`` and ``Buffer``: tensors that a Module registers when they are assigned to one of its attributes."""

from __future__ import annotations

from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentTypeError

__all__ = ["Buffer", "Parameter"]


def _share(target: Tensor, data: Any, what: str) -> None:
    """Make ``target`` a leaf on the memory (and version counter) of ``data``."""
    if data is None:
        Tensor.__init__(target)
    elif isinstance(data, Tensor):
        Tensor.__init__(target, data._data)
        target._cell = data._cell
    else:
        raise ArgumentTypeError(
            f"{what}(data): data must be a Tensor, not {type(data).__name__}; make one with lepton.tensor(data)"
        )


class Parameter(Tensor):
    """A tensor that is to be learnt: assigned to a Module's attribute, it appears among ``module.parameters()``.

    It shares the memory of ``data`` and is a leaf of the graph.

    Args:
        data: a tensor of any shape; left out, an empty one.
        requires_grad: whether gradients are accumulated in it; needs a floating type.

    Raises:
        GradError: ``requires_grad`` with a type that is not floating. ArgumentTypeError: ``data`` is not a tensor.
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        _share(self, data, "Parameter")
        if requires_grad:
            self.requires_grad_()

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that belongs to a Module's state but is not learnt, such as a running mean.

    Args:
        data: a tensor of any shape, whose memory is shared; left out, an empty one.
        persistent: whether it is part of the module's ``state_dict``.

    Raises:
        ArgumentTypeError: ``data`` is not a tensor.
    """

    persistent: bool

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        _share(self, data, "Buffer")
        self.persistent = persistent
