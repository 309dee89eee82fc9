"""How the losses of elements or samples become one number."""

from __future__ import annotations

import warnings

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError

REDUCTIONS = ("none", "mean", "sum")


def legacy_reduction(size_average: bool | None, reduce: bool | None, reduction: str, stacklevel: int = 3) -> str:
    """The reduction that PyTorch's two deprecated flags stand for, with a warning; without them ``reduction``."""
    if size_average is None and reduce is None:
        return reduction
    average = size_average is None or size_average
    chosen = "none" if reduce is False else "mean" if average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{chosen}' instead.",
        stacklevel=stacklevel,
    )
    return chosen


def check_reduction(reduction: str) -> str:
    """``reduction``, which must be one of ``"none"``, ``"mean"`` and ``"sum"``.

    Raises:
        ArgumentError: it is not.
    """
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"{reduction} is not a valid value for reduction; it is one of {', '.join(REDUCTIONS)}")
    return reduction


def chosen_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that a loss was called with, checked; the deprecated flags warn at its caller."""
    return check_reduction(legacy_reduction(size_average, reduce, reduction, stacklevel=4))


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The elements' losses averaged, summed, or as they are."""
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()
