"""Arguments that are one int for all spatial dimensions, or one for each."""

from __future__ import annotations

import operator
from typing import Any

from lepton.errors import ArgumentTypeError, ShapeError


def ints(function: str, argument: str, value: Any) -> tuple[int, ...]:
    """An int, or a sequence of ints, as a tuple.

    Raises:
        ArgumentTypeError: it is neither.
    """
    if type(value) is int:
        return (value,)
    try:
        listed = value if isinstance(value, (tuple, list)) else (value,)
        return tuple([operator.index(each) for each in listed])
    except TypeError:
        raise ArgumentTypeError(
            f"{function}(): argument '{argument}' must be int or tuple of ints, not {value!r}"
        ) from None


def only_ints(function: str, argument: str, value: Any) -> tuple[int, ...]:
    """A sequence of ints as a tuple.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not isinstance(value, (tuple, list)):
        raise ArgumentTypeError(
            f"{function}(): argument '{argument}' must be tuple of ints, not {type(value).__name__}"
        )
    return ints(function, argument, value)


def spread(function: str, argument: str, value: Any, ndim: int) -> tuple[int, ...]:
    """One int for each of ``ndim`` dimensions.

    Raises:
        ArgumentTypeError: as :func:`ints`. ShapeError: there are neither one nor ``ndim`` of them.
    """
    found = ints(function, argument, value)
    if len(found) == 1:
        return found * ndim
    if len(found) != ndim:
        raise ShapeError(f"{function}(): {argument} must be a single int, or a tuple of {ndim} ints, not {value!r}")
    return found


def check_int(function: str, argument: str, value: Any) -> int:
    """An int, and no bool.

    Raises:
        ArgumentTypeError: it is none.
    """
    if type(value) is not int:
        raise ArgumentTypeError(f"{function}(): argument '{argument}' must be int, not {type(value).__name__}")
    return value
