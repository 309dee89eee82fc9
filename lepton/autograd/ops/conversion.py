"""Ops that change a tensor's number type or device."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import Cast, Op
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend import devices, dtypes
from lepton.errors import ArgumentError, ArgumentTypeError

__all__ = ["to", "type_as", "cpu", "cuda"]


class Move(Op):
    """z = x on another device          ∂L/∂x = g on x's device"""

    __slots__ = ("target", "source")

    def __init__(self, target: devices.device) -> None:
        self.target = target

    def forward(self, x: Any) -> Any:
        self.source = devices.device_of(x)
        return devices.move(x, self.target)

    def backward(self, g: Any) -> Any:
        return Move.on(g, target=self.source)


def convert(x: Tensor, dtype: dtypes.dtype | None, device: devices.device | None, copy: bool = False) -> Tensor:
    """``x`` in another type and on another device; ``x`` itself when nothing changes and no copy is asked for."""
    changed = x
    if device is not None and devices.move(x._data, device) is not x._data:
        changed = Move(device)(changed)
    if dtype is not None and changed._data.dtype != dtype.numpy:
        changed = Cast(dtype.numpy)(changed)
    return Cast(x._data.dtype)(x) if copy and changed is x else changed


def parse_to(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[dtypes.dtype | None, devices.device | None, bool]:
    """The type, device and copy flag of the arguments of ``.to``, in PyTorch's three forms.

    Raises:
        ArgumentTypeError: something that is neither a type, a device, nor a tensor.
    """
    dtype, device, copy = named.pop("dtype", None), named.pop("device", None), bool(named.pop("copy", False))
    named.pop("non_blocking", None)
    other = named.pop("other", None)
    if named:
        raise ArgumentTypeError(f"to() got unexpected keyword arguments: {', '.join(sorted(named))}")
    rest = list(args if other is None else (other, *args))
    if rest and isinstance(rest[0], Tensor):
        like = rest.pop(0)
        dtype, device = like.dtype, like.device
    elif rest and isinstance(rest[0], (str, devices.device, int)) and not isinstance(rest[0], bool):
        device = rest.pop(0)
        if rest and not isinstance(rest[0], bool):
            dtype = rest.pop(0)
    elif rest and rest[0] is not None and not (isinstance(rest[0], bool) and dtype is not None):
        dtype = rest.pop(0)
    if len(rest) > 1:
        copy = copy or bool(rest[1])
    return (
        None if dtype is None else dtypes.as_dtype(dtype),
        None if device is None else devices.as_device(device),
        copy,
    )


@public()
def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``to(dtype)``, ``to(device, dtype=None)`` or ``to(other)``: the tensor in that type, on that device.

    Itself when nothing changes (unless ``copy=True``). The gradient is converted back.

    Raises:
        DeviceError: there is no such device. ArgumentTypeError: the arguments are none of the three forms.
    """
    return convert(self, *parse_to(args, kwargs))


@public()
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the type and on the device of ``other``."""
    return convert(self, other.dtype, other.device)


@public()
def cpu(self: Tensor) -> Tensor:
    """The tensor in host memory."""
    return convert(self, None, devices.CPU)


@public()
def cuda(self: Tensor, device: Any = None) -> Tensor:
    """The tensor on a CUDA device.

    Raises:
        DeviceError: there is none.
    """
    return convert(self, None, devices.as_device("cuda" if device is None else device))


def _converter(name: str, dtype: dtypes.dtype) -> None:
    def method(self: Tensor) -> Tensor:
        return convert(self, dtype, None)

    method.__name__ = name
    method.__doc__ = f"The tensor as {dtype}; itself if it is that already."
    public()(method)


for _name, _dtype in {
    "double": dtypes.float64,
    "float": dtypes.float32,
    "half": dtypes.float16,
    "bfloat16": dtypes.bfloat16,
    "long": dtypes.int64,
    "int": dtypes.int32,
    "short": dtypes.int16,
    "char": dtypes.int8,
    "byte": dtypes.uint8,
    "bool": dtypes.bool_,
}.items():
    _converter(_name, _dtype)


@public()
def type(self: Tensor, dtype: Any = None) -> Any:
    """Without argument the type's name, as ``"lepton.FloatTensor"``; with one the tensor in that type."""
    if dtype is None:
        return _TYPE_NAMES[self.dtype]
    for known, name in _TYPE_NAMES.items():
        if dtype == name:
            return convert(self, known, None)
    if isinstance(dtype, str):
        raise ArgumentError(f"invalid type: {dtype!r}; known are {', '.join(_TYPE_NAMES.values())}")
    return convert(self, dtypes.as_dtype(dtype), None)


_TYPE_NAMES = {
    dtypes.float64: "lepton.DoubleTensor",
    dtypes.float32: "lepton.FloatTensor",
    dtypes.float16: "lepton.HalfTensor",
    dtypes.bfloat16: "lepton.BFloat16Tensor",
    dtypes.int64: "lepton.LongTensor",
    dtypes.int32: "lepton.IntTensor",
    dtypes.int16: "lepton.ShortTensor",
    dtypes.int8: "lepton.CharTensor",
    dtypes.uint8: "lepton.ByteTensor",
    dtypes.bool_: "lepton.BoolTensor",
}
