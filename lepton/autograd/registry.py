"""The table of public ops: which functions are also Tensor methods, and which have an in-place twin.

``@public(...)`` enters a function; ``autograd/methods.py`` reads the table and binds the methods onto ``Tensor``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class PublicOp(NamedTuple):
    """One entry: the function, whether it is a method, the ufunc for quick in-place work, whether ``name_`` exists."""

    name: str
    function: Callable[..., Any]
    method: bool
    inplace: bool
    ufunc: str | None


TABLE: dict[str, PublicOp] = {}


def public(
    *, method: bool = True, inplace: bool = False, ufunc: str | None = None, aliases: tuple[str, ...] = ()
) -> Callable[[F], F]:
    """Enter a function into the table.

    Args:
        method: it is also a Tensor method of the same name (its first argument is the tensor).
        inplace: it also has an in-place twin ``Tensor.name_``, made from the function itself.
        ufunc: the NumPy ufunc of two arrays that does the same in place, for when nothing is recorded.
        aliases: further names for method and in-place twin. (The module binds the function's aliases itself.)
    """

    def enter(function: F) -> F:
        for name in (function.__name__, *aliases):
            TABLE[name] = PublicOp(name, function, method, inplace, ufunc)
        return function

    return enter
