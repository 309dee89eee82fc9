"""Modules that hold others: ``Sequential``, ``ModuleList``, ``ModuleDict``, ``ParameterList``, ``ParameterDict``."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ArgumentTypeError, IndexRangeError, MissingForwardError
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


def _place(index: Any, length: int, message: str = "index {} is out of range") -> int:
    """``index`` counted from the front."""
    try:
        place = operator.index(index)
    except TypeError:
        raise ArgumentTypeError(f"indices must be integers or slices, not {type(index).__name__}") from None
    if not -length <= place < length:
        raise IndexRangeError(f"{message.format(place)}; there are {length} items")
    return place % length


def _pairs(given: Any, kind: str) -> list[tuple[Any, Any]]:
    """The items of a mapping, or the pairs of an iterable."""
    if not isinstance(given, Iterable):
        raise ArgumentTypeError(
            f"{kind}.update should be called with an iterable of key/value pairs, but got {type(given).__name__}"
        )
    if isinstance(given, (Mapping, ModuleDict, ParameterDict)):
        return list(given.items())
    pairs = []
    for place, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise ArgumentTypeError(
                f"{kind} update sequence element #{place} should be Iterable; is {type(pair).__name__}"
            )
        pair = tuple(pair)
        if len(pair) != 2:
            raise ArgumentError(f"{kind} update sequence element #{place} has length {len(pair)}; 2 is required")
        pairs.append(pair)
    return pairs


class _Numbered(Module):
    """What the two containers that number their modules share: everything that a list of modules can do."""

    def _renumber(self, modules: Iterable[Module]) -> None:
        listed = list(modules)
        self._modules.clear()
        for place, module in enumerate(listed):
            self.add_module(str(place), module)

    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._of(list(self._modules.items())[index])
        return list(self._modules.values())[_place(index, len(self))]

    def _of(self, items: list[tuple[str, Any]]) -> Self:
        made = type(self)()
        made._renumber(module for _, module in items)
        return made

    def __setitem__(self, index: int, module: Module) -> None:
        name = list(self._modules)[_place(index, len(self))]
        setattr(self, name, module)

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)
        for name in names[index] if isinstance(index, slice) else [names[_place(index, len(self))]]:
            del self._modules[name]
        self._renumber(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def append(self, module: Module) -> Self:
        """Put a module at the end; returns itself.

        Raises:
            ArgumentTypeError: it is no Module.
        """
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key: int | slice) -> Any:
        """Remove a module (or a slice of them) and return it."""
        found = self[key]
        del self[key]
        return found


class Sequential(_Numbered):
    """y = fₙ(…f₂(f₁(x))): modules applied one after another.

    ``Sequential(f1, f2)`` numbers them; ``Sequential(OrderedDict([("conv", f1), ("act", f2)]))`` names them. It can be
    indexed, sliced, extended and iterated over as a list.

    Args:
        *args: modules, or one mapping from names to modules.

    Input: what the first module takes. Output: what the last one gives.

    Raises:
        ArgumentTypeError: an argument is no Module.

    >>> from lepton import nn, ones
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> model(ones(3, 4)).shape
    lepton.Size([3, 2])
    >>> model[:2]
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *args: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            named: Iterable[tuple[str, Any]] = args[0].items()
        else:
            named = [(str(place), module) for place, module in enumerate(args)]
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        """The last module's output."""
        for module in self._modules.values():
            input = module(input)
        return input

    def _of(self, items: list[tuple[str, Any]]) -> Self:
        return type(self)(dict(items))

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Put modules at the end; returns itself.

        Raises:
            ArgumentTypeError: one of them is no Module.
        """
        for module in list(sequential):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at ``index``; returns itself.

        Raises:
            IndexRangeError: ``index`` is outside [−len, len]. ArgumentTypeError: ``module`` is no Module.
        """
        if not isinstance(module, Module):
            raise ArgumentTypeError(f"module should be of type: {Module}, not {type(module).__name__}")
        if not -len(self) <= index <= len(self):
            raise IndexRangeError(f"Index out of range: {index}; there are {len(self)} modules")
        modules = list(self._modules.values())
        modules.insert(index + len(modules) if index < 0 else index, module)
        self._renumber(modules)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self).extend(self._other(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(self._other(other))

    def _other(self, other: Any) -> Sequential:
        if not isinstance(other, Sequential):
            raise ArgumentError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return other

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*(list(self) * self._times(other)))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> Self:
        for module in list(self) * (self._times(other) - 1):
            self.append(module)
        return self

    def _times(self, other: Any) -> int:
        if not isinstance(other, int):
            raise ArgumentTypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ArgumentError(f"Non-positive multiplication factor {other} for {type(self)}")
        return other


class ModuleList(_Numbered):
    """A list of modules whose parameters are registered, as they would not be in a list of Python's.

    It has no ``forward`` of its own.

    Args:
        modules: what it begins with; nothing by default.

    Raises:
        ArgumentTypeError: an item is no Module, or ``modules`` is not iterable.

    >>> from lepton import nn, ones
    >>> layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    >>> x = ones(2, 4)
    >>> for layer in layers:
    ...     x = layer(x).relu()
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put modules at the end; returns itself.

        Raises:
            ArgumentTypeError: one of them is no Module, or ``modules`` is not iterable.
        """
        if not isinstance(modules, Iterable):
            raise ArgumentTypeError(
                f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at ``index``, as ``list.insert`` does."""
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        if not self._modules:
            return f"{self._get_name()}()"
        runs: list[tuple[int, int, str]] = []
        for place, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], place, text)
            else:
                runs.append((place, place, text))
        lines = [
            (f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}")
            for first, last, text in runs
        ]
        return "\n".join([f"{self._get_name()}(", *[f"  {line}".replace("\n", "\n  ") for line in lines], ")"])


class ModuleDict(Module):
    """Modules under names, whose parameters are registered, as they would not be in a dict of Python's.

    It has no ``forward`` of its own.

    Args:
        modules: what it begins with, a mapping or pairs (name, module); nothing by default.

    Raises:
        ArgumentTypeError: a value is no Module, or ``modules`` neither a mapping nor pairs.
        ModuleNameError: a key is empty, has a dot, or is a method's name.
    """

    def __init__(
        self, modules: ModuleDict | Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Remove the module of that key and return it."""
        return self._modules.pop(key)

    def keys(self) -> Iterable[str]:
        """The keys."""
        return self._modules.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The keys with their modules."""
        return self._modules.items()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: ModuleDict | Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add the modules of a mapping or of pairs, replacing those that have the same keys.

        Raises:
            ArgumentTypeError, ArgumentError: it is neither. As for the class.
        """
        for key, module in _pairs(modules, "ModuleDict"):
            self[key] = module


class _ParameterContainer(Module):
    """What the two containers of parameters share: a tensor becomes a Parameter, anything else is kept as it is."""

    def _put(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value)
        setattr(self, name, value)

    def extra_repr(self) -> str:
        """One line for each item."""
        return "\n".join(f"  ({name}): {self._described(value)}" for name, value in self._named_items())

    def _described(self, value: Any) -> str:
        if not isinstance(value, Tensor):
            return f"Object of type: {type(value).__name__}"
        kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
        place = f" ({value.device})" if value.is_cuda else ""
        return f"{kind} containing: [{self._type_of(value)} of size {'x'.join(map(str, value._data.shape))}{place}]"

    def _type_of(self, value: Tensor) -> str:
        return str(value.dtype)

    def _named_items(self) -> list[tuple[str, Any]]:
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise MissingForwardError(f"{self._get_name()} should not be called.")


class ParameterList(_ParameterContainer):
    """A list of parameters that are registered. Tensors become Parameters; other values are kept, unregistered.

    Args:
        values: what it begins with; nothing by default.

    Raises:
        ArgumentTypeError: ``values`` is not iterable.
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _named_items(self) -> list[tuple[str, Any]]:
        return [(str(place), value) for place, value in enumerate(self)]

    @overload
    def __getitem__(self, index: slice) -> Self: ...
    @overload
    def __getitem__(self, index: int) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)([self[place] for place in range(*index.indices(self._size))])
        return getattr(self, str(_place(index, self._size)))

    def __setitem__(self, index: int, value: Any) -> None:
        self._put(str(_place(index, self._size)), value)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([self[place] for place in range(self._size)])

    def append(self, value: Any) -> Self:
        """Put a value at the end; returns itself."""
        self._size += 1
        self._put(str(self._size - 1), value)
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Put values at the end; returns itself.

        Raises:
            ArgumentTypeError: ``values`` is not iterable.
        """
        if not isinstance(values, Iterable) or (isinstance(values, Tensor) and values.ndim == 0):
            raise ArgumentTypeError(
                f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}"
            )
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)


class ParameterDict(_ParameterContainer):
    """Parameters under names, registered. Tensors become Parameters; other values are kept, unregistered.

    Args:
        parameters: what it begins with, a mapping or pairs (name, value); nothing by default.

    Raises:
        ArgumentTypeError: ``parameters`` is neither a mapping nor pairs.
    """

    def __init__(
        self, parameters: ParameterDict | Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None
    ) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _named_items(self) -> list[tuple[str, Any]]:
        return self.items()

    def _type_of(self, value: Tensor) -> str:
        return str(value.type())

    def _checked(self, key: Any) -> str:
        if not isinstance(key, str):
            raise ArgumentTypeError(
                "Index given to ParameterDict cannot be used as a key as it is not a string "
                f"(type is '{type(key).__name__}')."
            )
        return key

    def __getitem__(self, key: str) -> Any:
        return getattr(self, self._checked(key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[self._checked(key)] = None
        self._put(key, value)

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """A new container of the same parameters."""
        return ParameterDict(dict(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, which is set to ``default`` if it is not there."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove all items."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Remove the item of that key and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last item; returns it with its key."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, or ``default``."""
        return self[key] if key in self._keys else default

    @classmethod
    def fromkeys(cls, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """One container in which every key has the value ``default``."""
        return cls(dict.fromkeys(keys, default))

    def keys(self) -> Iterable[str]:
        """The keys."""
        return self._keys.keys()

    def items(self) -> list[tuple[str, Any]]:
        """The keys with their values."""
        return [(key, self[key]) for key in self._keys]

    def values(self) -> list[Any]:
        """The values."""
        return [self[key] for key in self._keys]

    def update(self, parameters: ParameterDict | Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add the items of a mapping or of pairs, replacing those that have the same keys.

        Raises:
            ArgumentTypeError, ArgumentError: it is neither.
        """
        for key, value in _pairs(parameters, "ParameterDict"):
            self[key] = value

    def __or__(self, other: ParameterDict) -> ParameterDict:
        made = self.copy()
        made.update(other)
        return made

    def __ror__(self, other: ParameterDict) -> ParameterDict:
        made = other.copy()
        made.update(self)
        return made

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self
