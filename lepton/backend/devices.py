"""Where arrays live: which array module an array belongs to, and PyTorch's name for that place.

NumPy is known from the start. Another array library (CuPy, the strict stand-in of the tests) makes itself known with
:func:`register`; from then on everything that asks :func:`xp` for an array's module finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from lepton.errors import ArgumentError, ArgumentTypeError, DeviceError

Array = Any  # an array of whichever registered module; NumPy's unless told otherwise


class device:  # noqa: N801 - the name is PyTorch's
    """A place for tensors: ``device("cpu")``, ``device("cuda", 1)``, ``device("cuda:1")``."""

    __slots__ = ("type", "index")

    def __init__(self, type: str | device, index: int | None = None) -> None:
        if isinstance(type, device):
            self.type: str = type.type
            self.index: int | None = type.index if index is None else index
            return
        if not isinstance(type, str):
            raise ArgumentTypeError(f"device() expects a string such as 'cpu' or 'cuda:0', not {type!r}")
        name, colon, digits = type.partition(":")
        if colon:
            if index is not None:
                raise ArgumentError(f"device string {type!r} already has an index; do not pass index={index} as well")
            if not digits.isdecimal():
                raise ArgumentError(f"invalid device string: {type!r}; write it as in 'cuda:0'")
            index = int(digits)
        self.type = name
        self.index = index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"


class Place:
    """One array library: its module, how arrays enter and leave it, and which device an array of its is on."""

    __slots__ = ("device_type", "module", "array_type", "from_numpy", "to_numpy", "device_of")

    def __init__(
        self,
        device_type: str,
        module: ModuleType | Any,
        array_type: type,
        from_numpy: Callable[[np.ndarray[Any, Any], device], Array],
        to_numpy: Callable[[Array], np.ndarray[Any, Any]],
        device_of: Callable[[Array], device],
    ) -> None:
        self.device_type = device_type
        self.module = module
        self.array_type = array_type
        self.from_numpy = from_numpy
        self.to_numpy = to_numpy
        self.device_of = device_of


CPU = device("cpu")
_NUMPY = Place("cpu", np, np.ndarray, lambda array, _: array, lambda array: array, lambda _: CPU)
_PLACES: dict[str, Place] = {"cpu": _NUMPY}
_BY_TYPE: dict[type, Place] = {np.ndarray: _NUMPY}
_MODULES: dict[type, Any] = {np.ndarray: np, np.memmap: np}


def register(place: Place) -> None:
    """Make an array library known under its device type; a second registration replaces the first."""
    _PLACES[place.device_type] = place
    _BY_TYPE[place.array_type] = place
    _MODULES[place.array_type] = place.module


def unregister(device_type: str) -> None:
    """Forget an array library that :func:`register` made known."""
    place = _PLACES.pop(device_type)
    del _BY_TYPE[place.array_type], _MODULES[place.array_type]


def register_module(array_type: type, module: Any) -> None:
    """Let :func:`xp` answer ``module`` for values that stand in the place of arrays without being any library's."""
    _MODULES[array_type] = module


def xp(array: Array) -> Any:
    """The array module (``numpy``, ``cupy``, …) of an array; NumPy for its scalars and for Python numbers."""
    return _MODULES.get(type(array), np)


def is_array(value: Any) -> bool:
    """Whether ``value`` is an array of a registered library."""
    return type(value) in _MODULES or isinstance(value, np.ndarray)


def place_of(array: Array) -> Place:
    """The library that an array belongs to."""
    return _BY_TYPE.get(type(array), _NUMPY)


def device_of(array: Array) -> device:
    """The device that an array lives on."""
    return CPU if type(array) is np.ndarray else place_of(array).device_of(array)


def as_device(value: device | str | int | None) -> device:
    """``value`` as a device; ``None`` is the CPU.

    Raises:
        DeviceError: no library for that device type is registered.
    """
    if value is None:
        return CPU
    chosen = device("cuda", value) if isinstance(value, int) else device(value)
    if chosen.type not in _PLACES:
        known = ", ".join(sorted(_PLACES))
        raise DeviceError(f"device '{chosen}' is not available; devices here: {known}")
    return chosen


def move(array: Array, target: device) -> Array:
    """The array on ``target``: itself when it lives there already, else a copy."""
    here = device_of(array)
    if here == target or (here.type == target.type and target.index is None):
        return array
    return _PLACES[target.type].from_numpy(place_of(array).to_numpy(array), target)


def to_numpy(array: Array) -> np.ndarray[Any, Any]:
    """The array as a NumPy array: itself on the CPU, else a copy."""
    return array if type(array) is np.ndarray else place_of(array).to_numpy(array)
