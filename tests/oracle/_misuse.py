"""Calls as nobody should make them, for every public function and class."""

from __future__ import annotations

import builtins
import warnings
from collections.abc import Iterator
from typing import Any

from tests.oracle._compare import TORCH
from tests.table import Entry

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def oracle_of(entry: Entry) -> Any:
    """PyTorch's function or class of the same name, or None where there is nothing to call."""
    if not isinstance(entry.oracle, str):
        return None
    found = TORCH.find(entry.oracle or entry.name)
    return found if callable(found) else None


def misuses(entry: Entry) -> Iterator[Arguments]:
    """No arguments at all, an unknown one, and something in the tensor's place that is none."""
    yield (), {}
    yield (), {"no_such_argument": 1}
    if not entry.is_module and not entry.name.startswith("Tensor."):
        yield ("text",), {}
        yield (object(),), {}


def error_of(function: Any, arguments: Arguments) -> Exception | None:
    """What the call raises, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(*arguments[0], **arguments[1])
        except Exception as error:  # noqa: BLE001 - which exception it is, is what is compared
            return error
    return None


def expected(error: Exception) -> type[BaseException]:
    """The class of Python's own that the error is; an attribute that PyTorch asked of something else is a TypeError."""
    kind = next(each for each in type(error).__mro__ if getattr(builtins, each.__name__, None) is each)
    return {AttributeError: TypeError, NotImplementedError: RuntimeError}.get(kind, kind)


def is_refused(entry: Entry) -> bool:
    """Whether PyTorch refuses any misuse."""
    function = oracle_of(entry)
    return function is not None and any(error_of(function, each) is not None for each in misuses(entry))
