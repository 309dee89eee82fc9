"""How a nested tree of Python values becomes readable JSON plus named arrays, and comes back.

What JSON has stands for itself: null, true, numbers, strings, lists, objects. All else is an object whose first key is
a tag that begins with ``$`` (``docs/checkpoints.md`` lists them). Tensors are called by their path in the tree, so
that a ``state_dict`` gives the file that any other reader of safetensors expects.
"""

from __future__ import annotations

import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from lepton.autograd.tensor import Size, Tensor
from lepton.backend import devices, dtypes
from lepton.errors import CheckpointError
from lepton.io import container, strict
from lepton.io.strict import damaged, shorten
from lepton.nn.module_state import StateDict
from lepton.nn.parameter import Parameter

VERSION = "1"
VERSION_KEY = "lepton.tree"
ROOT_KEY = "lepton.root"

MAX_NESTING = 64  # a level takes at most three of JSON's
_INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_SCALARS = (*_INTEGERS, "float16", "float32", "float64", "bfloat16")
_HEXADECIMAL = re.compile(r"-?0x[0-9a-f]+\Z")
_KEY_TYPES = (str, int, float, bool, type(None))


# ---------------------------------------------------------------------- to JSON


def encode(obj: Any) -> tuple[str, dict[str, np.ndarray[Any, Any]]]:
    """The tree as JSON text, and its arrays by name.

    Raises:
        CheckpointError: something in it has no place in a checkpoint; the message says where and what to do.
    """
    encoder = _Encoder()
    root = encoder.value(obj, "", 0)
    return json.dumps(root, allow_nan=False, separators=(",", ":")), encoder.arrays


class _Encoder:
    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._by_memory: dict[tuple[Any, ...], str] = {}
        self._names = {container.METADATA}

    def value(self, obj: Any, path: str, level: int) -> Any:
        """What stands for ``obj``, which is at ``path``, in the JSON."""
        if level > MAX_NESTING:
            raise CheckpointError(
                f"can't save {_at(path)}: it is nested more than {MAX_NESTING} levels deep, or contains itself"
            )
        encode_as = _ENCODERS.get(type(obj))
        if encode_as is not None:
            return encode_as(self, obj, path, level)
        if isinstance(obj, Tensor):
            return self.tensor(obj, path, level)
        if isinstance(obj, np.generic) and obj.dtype.name in _SCALARS:
            return {"$scalar": [obj.dtype.name, self.value(_number_of(obj), path, level)]}
        raise CheckpointError(
            f"can't save {_at(path)}: a {type(obj).__module__}.{type(obj).__qualname__}. A checkpoint holds tensors, "
            "NumPy arrays and scalars, dict, OrderedDict, list, tuple, str, bytes, int, float, bool, None, dtypes and "
            "devices, and no subclasses of these; convert it to one of them, or leave it out"
        )

    def plain(self, obj: Any, path: str, level: int) -> Any:
        return obj

    def integer(self, obj: int, path: str, level: int) -> Any:
        return obj if -(1 << 63) <= obj < 1 << 64 else {"$int": hex(obj)}

    def floating(self, obj: float, path: str, level: int) -> Any:
        return obj if math.isfinite(obj) else {"$float": repr(obj)}

    def list_(self, obj: Any, path: str, level: int) -> Any:
        return [self.value(each, _join(path, index), level + 1) for index, each in enumerate(obj)]

    def tuple_(self, obj: Any, path: str, level: int) -> Any:
        return {"$tuple": self.list_(obj, path, level)}

    def size(self, obj: Any, path: str, level: int) -> Any:
        return {"$size": self.list_(obj, path, level)}

    def dict_(self, obj: Any, path: str, level: int) -> Any:
        if all(type(key) is str and not key.startswith("$") for key in obj):
            return {key: self.value(each, _join(path, key), level + 1) for key, each in obj.items()}
        return {"$dict": self.pairs(obj, path, level)}

    def ordered(self, obj: Any, path: str, level: int) -> Any:
        return {"$ordered": self.pairs(obj, path, level)}

    def state_dict(self, obj: StateDict, path: str, level: int) -> Any:
        made = {"$state_dict": self.pairs(obj, path, level)}
        if hasattr(obj, "_metadata"):
            made["metadata"] = self.ordered(obj._metadata, _join(path, "_metadata"), level + 1)
        return made

    def pairs(self, obj: Any, path: str, level: int) -> Any:
        for key in obj:
            if type(key) not in _KEY_TYPES:
                raise CheckpointError(
                    f"can't save {_at(path)}: a dict with the key {shorten(key)} of type {type(key).__qualname__}; "
                    "keys can be str, int, float, bool and None"
                )
        return [
            [self.value(key, path, level), self.value(each, _join(path, key), level + 1)] for key, each in obj.items()
        ]

    def array(self, obj: np.ndarray[Any, Any], path: str, level: int) -> Any:
        return {"$array": self._store(obj, path)}

    def bytes_(self, obj: bytes, path: str, level: int) -> Any:
        # Not by way of _store: equal bytes can be one object, and a blob is read once.
        name = self._name(path)
        self.arrays[name] = np.frombuffer(obj, np.uint8)
        return {"$bytes": name}

    def tensor(self, obj: Tensor, path: str, level: int) -> Any:
        tag, usual = ("$parameter", True) if isinstance(obj, Parameter) else ("$tensor", False)
        made: dict[str, Any] = {tag: self._store(obj.numpy(force=True), path)}
        if obj.requires_grad is not usual:
            made["requires_grad"] = not usual
        return made

    def dtype(self, obj: dtypes.dtype, path: str, level: int) -> Any:
        return {"$dtype": obj.name}

    def device(self, obj: devices.device, path: str, level: int) -> Any:
        return {"$device": str(obj)}

    def _store(self, array: np.ndarray[Any, Any], path: str) -> str:
        """Give the array a name in the file; arrays on the same memory, tied weights say, share one."""
        if not container.can_hold(array):
            raise CheckpointError(
                f"can't save {_at(path)}: a NumPy array of dtype {array.dtype}; convert it to a real number type, "
                "for instance with array.astype('float64')"
            )
        memory = (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype)
        name = self._by_memory.get(memory) if array.size else None
        if name is None:
            name = self._by_memory[memory] = self._name(path)
            self.arrays[name] = array
        return name

    def _name(self, path: str) -> str:
        plain = path or "tensor"
        if not plain.isprintable():
            plain = plain.encode("unicode_escape").decode()
        name, count = plain, 1
        while name in self._names:
            count += 1
            name = f"{plain}~{count}"
        if len(json.dumps(name, ensure_ascii=False).encode()) > container.LONGEST_NAME:
            raise CheckpointError(
                f"can't save {_at(path)}: its name would take more than {container.LONGEST_NAME} bytes; "
                "give the keys on the way to it shorter names"
            )
        self._names.add(name)
        return name


_ENCODERS: dict[type, Callable[[_Encoder, Any, str, int], Any]] = {
    type(None): _Encoder.plain,
    bool: _Encoder.plain,
    str: _Encoder.plain,
    int: _Encoder.integer,
    float: _Encoder.floating,
    list: _Encoder.list_,
    tuple: _Encoder.tuple_,
    Size: _Encoder.size,
    dict: _Encoder.dict_,
    OrderedDict: _Encoder.ordered,
    StateDict: _Encoder.state_dict,
    bytes: _Encoder.bytes_,
    np.ndarray: _Encoder.array,
    np.memmap: _Encoder.array,
    dtypes.dtype: _Encoder.dtype,
    devices.device: _Encoder.device,
}


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _at(path: str) -> str:
    return f"what is at {shorten(path)}" if path else "it"


def _number_of(scalar: np.generic) -> bool | int | float:
    return scalar.item() if scalar.dtype.name in _INTEGERS else float(scalar)


# ---------------------------------------------------------------------- from JSON


def check_cost(text: str, header: container.Header) -> None:
    """Hold the tree's depth and size against what may be read, before anything is built from it.

    Raises:
        CheckpointError: it is nested too deeply, or its objects would take too much memory.
    """
    raw = text.encode()
    header.spend(0, passing=3 * len(raw))
    depth, cost = strict.measure(raw)
    if depth > strict.MAX_DEPTH:
        raise damaged(f"its tree is nested {depth} levels deep, more than the {strict.MAX_DEPTH} that are read")
    header.spend(cost)


def decode(text: str, reader: container.Reader, device: devices.device) -> Any:
    """The values that JSON text stands for; ``reader`` gives the arrays, tensors go to ``device``.

    Raises:
        CheckpointError: the text is not what :func:`encode` writes, or does not fit the tensors in the file.
    """
    check_cost(text, reader.header)
    return strict.Decoder(_Decoder(reader, device).object_)(text, "its tree")


class _Decoder:
    """Turns tagged objects into values from the innermost out, so that no second copy of the tree is ever held."""

    def __init__(self, reader: container.Reader, device: devices.device) -> None:
        self._reader = reader
        self._device = device
        self._tensors: dict[str, Tensor] = {}

    def object_(self, pairs: list[tuple[str, Any]]) -> Any:
        """The value of a JSON object."""
        if pairs and pairs[0][0].startswith("$"):
            tag, value = pairs[0]
            decode_as = _DECODERS.get(tag)
            if decode_as is None:
                raise CheckpointError(
                    f"it has the tag {shorten(tag)}, which this version of Lepton does not know; the file is damaged, "
                    "or a newer version wrote it: update Lepton"
                )
            return decode_as(self, value, strict.without_duplicates(pairs[1:]))
        made = strict.without_duplicates(pairs)
        if any(key.startswith("$") for key in made):
            raise damaged(f"an object of its tree has a tag that is not its first key: {shorten(list(made))}")
        return made

    def tensor(self, name: Any, options: dict[str, Any]) -> Tensor:
        return _with_grad(self._on_device(name), options, usual=False)

    def parameter(self, name: Any, options: dict[str, Any]) -> Tensor:
        held = self._on_device(name)
        return _with_grad(Parameter(held, requires_grad=False), options, usual=True)

    def _on_device(self, name: Any) -> Tensor:
        _require(type(name) is str, "$tensor", name)
        if name not in self._tensors:
            self._tensors[name] = to_tensor(name, self._reader, self._device)
        return self._tensors[name].detach()

    def array(self, name: Any, options: dict[str, Any]) -> np.ndarray[Any, Any]:
        _require(type(name) is str and not options, "$array", name)
        return self._reader.array(name)

    def bytes_(self, name: Any, options: dict[str, Any]) -> bytes:
        _require(type(name) is str and not options, "$bytes", name)
        return self._reader.blob(name)

    def integer(self, value: Any, options: dict[str, Any]) -> int:
        _require(type(value) is str and not options and _HEXADECIMAL.match(value) is not None, "$int", value)
        return int(value, 16)

    def floating(self, value: Any, options: dict[str, Any]) -> float:
        _require(value in ("nan", "inf", "-inf") and not options, "$float", value)
        return float(value)

    def tuple_(self, value: Any, options: dict[str, Any]) -> tuple[Any, ...]:
        _require(type(value) is list and not options, "$tuple", value)
        return tuple(value)

    def size(self, value: Any, options: dict[str, Any]) -> Size:
        _require(type(value) is list and not options and all(type(each) is int for each in value), "$size", value)
        return Size(value)

    def dict_(self, value: Any, options: dict[str, Any]) -> dict[Any, Any]:
        return dict(self._pairs("$dict", value, options))

    def ordered(self, value: Any, options: dict[str, Any]) -> OrderedDict[Any, Any]:
        return OrderedDict(self._pairs("$ordered", value, options))

    def state_dict(self, value: Any, options: dict[str, Any]) -> StateDict:
        metadata = options.pop("metadata", None)
        made = StateDict(self._pairs("$state_dict", value, options))
        _require(all(type(key) is str for key in made), "$state_dict", list(made))
        if metadata is not None:
            fits = type(metadata) is OrderedDict and all(type(each) is dict for each in metadata.values())
            _require(fits, "$state_dict", metadata)
            made._metadata = metadata
        return made

    def _pairs(self, tag: str, value: Any, options: dict[str, Any]) -> Any:
        _require(type(value) is list and not options, tag, value)
        for pair in value:
            _require(type(pair) is list and len(pair) == 2 and type(pair[0]) in _KEY_TYPES, tag, pair)
        if len({key for key, _ in value}) != len(value):
            raise strict.duplicate_key(key for key, _ in value)
        return value

    def scalar(self, value: Any, options: dict[str, Any]) -> np.generic:
        _require(type(value) is list and len(value) == 2 and not options, "$scalar", value)
        name, number = value
        _require(type(name) is str and name in _SCALARS and type(number) in (bool, int, float), "$scalar", value)
        return _scalar(name, number)

    def dtype(self, value: Any, options: dict[str, Any]) -> dtypes.dtype:
        _require(type(value) is str and value in _DTYPES and not options, "$dtype", value)
        return _DTYPES[value]

    def device(self, value: Any, options: dict[str, Any]) -> devices.device:
        _require(type(value) is str and _DEVICE.match(value) is not None and not options, "$device", value)
        return devices.device(value)


_DECODERS: dict[str, Callable[[_Decoder, Any, dict[str, Any]], Any]] = {
    "$tensor": _Decoder.tensor,
    "$parameter": _Decoder.parameter,
    "$array": _Decoder.array,
    "$bytes": _Decoder.bytes_,
    "$int": _Decoder.integer,
    "$float": _Decoder.floating,
    "$tuple": _Decoder.tuple_,
    "$size": _Decoder.size,
    "$dict": _Decoder.dict_,
    "$ordered": _Decoder.ordered,
    "$state_dict": _Decoder.state_dict,
    "$scalar": _Decoder.scalar,
    "$dtype": _Decoder.dtype,
    "$device": _Decoder.device,
}
_DTYPES = {each.name: each for each in dtypes.ALL}
_DEVICE = re.compile(r"[a-z]+(:[0-9]{1,4})?\Z")


def to_tensor(name: str, reader: container.Reader, device: devices.device) -> Tensor:
    """The tensor called ``name`` in the file, on ``device``.

    Raises:
        CheckpointError: it is not there, damaged, or of a type that tensors do not have.
    """
    array = reader.array(name)
    if array.dtype.name not in _DTYPES:
        raise CheckpointError(
            f"tensor {name!r} is of dtype {array.dtype}, which tensors do not have; "
            "read it with safetensors.numpy.load_file and convert it"
        )
    return Tensor(devices.move(array, device))


def _require(holds: bool, tag: str, value: Any) -> None:
    if not holds:
        raise damaged(f"the tag {tag!r} in its tree does not go with {shorten(value)}")


def _with_grad(tensor: Tensor, options: dict[str, Any], usual: bool) -> Tensor:
    wanted = options.get("requires_grad", usual)
    _require(type(wanted) is bool and options.keys() <= {"requires_grad"}, "requires_grad", options)
    _require(not wanted or tensor.is_floating_point(), "requires_grad", tensor.dtype)
    return tensor.requires_grad_(wanted)


def _scalar(name: str, value: bool | int | float) -> np.generic:
    dtype = container.numpy_dtype(name, "a scalar")
    with np.errstate(over="ignore"):
        try:
            made: np.generic = dtype.type(value)
        except OverflowError:
            made = dtype.type(0)
    same = _number_of(made)
    _require(type(same) is type(value) and (same == value or same != same and value != value), "$scalar", [name, value])
    return made
