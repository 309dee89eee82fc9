"""Arguments that are one int for all spatial dimensions, or one for each."""

from __future__ import annotations

import operator
from typing import Any

from lepton.errors import ArgumentTypeError


def ints(value: Any, what: str) -> tuple[int, ...]:
    """An int, or a sequence of ints, as a tuple.

    Raises:
        ArgumentTypeError: it is neither; ``what`` names the function and the argument.
    """
    if type(value) is int:
        return (value,)
    try:
        listed = value if isinstance(value, (tuple, list)) else (value,)
        return tuple([operator.index(each) for each in listed])
    except TypeError:
        raise ArgumentTypeError(f"{what} must be int or tuple of ints, not {value!r}") from None


def spread(value: Any, ndim: int, what: str) -> tuple[int, ...] | None:
    """One int for each of ``ndim`` dimensions; None if there are neither one nor ``ndim`` of them.

    Raises:
        ArgumentTypeError: as :func:`ints`.
    """
    found = ints(value, what)
    if len(found) == ndim:
        return found
    return found * ndim if len(found) == 1 else None
