"""Where a Module keeps its parameters, buffers and child modules: in ordered mappings, and as plain attributes.

The mappings give order and membership; the plain attributes make ``self.weight`` as fast as any attribute. A
``Registry`` keeps the two the same whoever writes to it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["REGISTRIES", "Registry"]

REGISTRIES = ("_parameters", "_buffers", "_modules")

_MISSING = object()


class Registry(dict[str, Any]):
    """A dict whose items are also attributes of the module that owns it.

    The module is held weakly: a cycle would keep its memory until the garbage collector comes by.
    """

    __slots__ = ("_owner",)

    def __init__(self, owner: Any, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__()
        self._owner = weakref.ref(owner)
        self.update(items)

    def _attributes(self) -> dict[str, Any]:
        owner = self._owner()
        return {} if owner is None else owner.__dict__

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self._attributes()[name] = value

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._attributes().pop(name, None)

    def pop(self, name: str, default: Any = _MISSING) -> Any:
        """Remove a name from mapping and module, and return what it stood for."""
        if name not in self and default is not _MISSING:
            return default
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last name; returns it with what it stood for."""
        name, value = super().popitem()
        self._attributes().pop(name, None)
        return name, value

    def clear(self) -> None:
        """Remove all names."""
        for name in list(self):
            del self[name]

    def update(self, *others: Any, **named: Any) -> None:
        """Set each item of a mapping or of pairs."""
        for name, value in dict(*others, **named).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of ``name``, set to ``default`` if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def __ior__(self, other: Any) -> Registry:  # type: ignore[override, misc]
        self.update(other)
        return self

    def __reduce__(self) -> Any:
        return dict, (dict(self),)  # copies belong to no module until the module's copy adopts them
