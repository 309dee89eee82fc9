"""Layers that change the shape alone."""

from __future__ import annotations

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentTypeError
from lepton.nn.module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """The dimensions from ``start_dim`` to ``end_dim`` made one: (N, C, H, W) → (N, C·H·W).

    Args:
        start_dim, end_dim: the first and the last of them; negative ones count from the end. A batch keeps dimension 0.

    Input: (*, d₁, …, dₖ, *). Output: (*, d₁⋯dₖ, *).

    Raises:
        IndexRangeError (when called): there is no such dimension. ShapeError (when called): ``start_dim`` comes after
            ``end_dim``.

    >>> from lepton import nn, ones
    >>> nn.Flatten()(ones(2, 3, 4, 5)).shape
    lepton.Size([2, 60])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """A view of the input where its memory allows, else a copy."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """One dimension made several: the inverse of :class:`Flatten`.

    Args:
        dim: the dimension. unflattened_size: the lengths that it becomes, a tuple; one of them may be −1.

    Input: (*, d, *) with d at ``dim``. Output: (*, *unflattened_size, *).

    Raises:
        ArgumentTypeError: ``unflattened_size`` is no tuple of ints. ShapeError (when called): the lengths do not
            multiply up to d. IndexRangeError (when called): there is no such dimension.
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, (tuple, list)):
            raise ArgumentTypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}"
            )
        for place, each in enumerate(unflattened_size):
            if not isinstance(each, int):
                raise ArgumentTypeError(
                    f"unflattened_size must be tuple of ints, but found element of type {type(each).__name__} at "
                    f"pos {place}"
                )
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """A view of the input."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
