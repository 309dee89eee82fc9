"""From an entry and a call to tensors of one framework, ready to run: Lepton, Lepton on the stand-in, or PyTorch."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.table._format import Attr, Call, Const, Entry, Make

Array = np.ndarray[Any, Any]


class Library:
    """What the binding must know of a framework."""

    root: Any

    def tensor(self, array: Array, requires_grad: bool) -> Any:
        """A leaf with these values, this type, and where it can the same strides; never the same memory."""
        raise NotImplementedError

    def host(self, tensor: Any) -> Array:
        """The values as a NumPy array."""
        raise NotImplementedError

    def is_tensor(self, value: Any) -> bool:
        """Whether it is a tensor of this framework."""
        return isinstance(value, self.root.Tensor)

    def home(self, module: Any) -> Any:
        """The module, moved to where this framework's tensors are."""
        return module

    def grad(self, *args: Any, **kwargs: Any) -> Any:
        """The framework's ``autograd.grad``."""
        return self.root.autograd.grad(*args, **kwargs)

    def find(self, path: str) -> Any:
        """The object at a dotted path.

        Raises:
            AttributeError: there is none.
        """
        found = self.root
        for name in path.split("."):
            found = getattr(found, name)
        return found


class Lepton(Library):
    """Lepton on NumPy arrays, or on those that ``send`` makes of them."""

    def __init__(self, send: Callable[[Array], Any] | None = None) -> None:
        import lepton

        self.root = lepton
        self.send = send

    def tensor(self, array: Array, requires_grad: bool) -> Any:
        data = with_own_memory(array)
        return self.root.Tensor(data if self.send is None else self.send(data)).requires_grad_(requires_grad)

    def home(self, module: Any) -> Any:
        return module if self.send is None else module.to(self.tensor(np.zeros(1), False).device)

    def host(self, tensor: Any) -> Array:
        from lepton.backend import devices

        return np.asarray(devices.to_numpy(tensor._data))


class Torch(Library):
    """PyTorch on the CPU."""

    def __init__(self) -> None:
        import torch

        self.root = torch

    def tensor(self, array: Array, requires_grad: bool) -> Any:
        torch = self.root
        source = torch.from_numpy(array.copy())
        if array.size and all(stride > 0 for stride in array.strides):
            made = torch.empty_strided(array.shape, [s // array.itemsize for s in array.strides], dtype=source.dtype)
            made.copy_(source)
        else:
            made = source
        return made.requires_grad_(requires_grad)

    def host(self, tensor: Any) -> Array:
        plain = tensor.detach()
        return np.asarray((plain.float() if plain.dtype is self.root.bfloat16 else plain).numpy(force=True))


def with_own_memory(array: Array, dtype: Any = None) -> Array:
    """A copy (in another type, if wanted) with the same layout, gaps, negative steps and repeats included."""
    made_type = np.dtype(dtype or array.dtype)
    if array.size == 0:
        return array.astype(made_type)
    repeated = tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides)
    unique = array[(*repeated, ...)]  # the ellipsis keeps 0-d arrays arrays
    steps = [abs(stride) // array.itemsize for stride in unique.strides]
    span = sum(step * (length - 1) for step, length in zip(steps, unique.shape, strict=True)) + 1
    room = np.zeros(span, made_type)
    made = np.lib.stride_tricks.as_strided(room, unique.shape, [step * made_type.itemsize for step in steps])
    made = made[(*[slice(None, None, -1) if stride < 0 else slice(None) for stride in unique.strides], ...)]
    made[...] = unique
    return np.asarray(made) if made.shape == array.shape else np.broadcast_to(made, array.shape)


class Bound:
    """A call made ready for one framework.

    Attributes:
        leaves: the tensors that require a gradient (a module's parameters last), and ``labels`` where they came from.
        module: the module of an entry for a class, else None.
    """

    def __init__(self, library: Library, entry: Entry, call: Call, how: str = "function", dtype: str | None = None):
        """Make the leaves, and for a class the module.

        Args:
            library, entry, call: what runs where with which arguments.
            how: ``"function"``, ``"method"``, or ``"inplace"`` on a clone of the first argument.
            dtype: another type for the floating arrays.
        """
        self.library, self.entry, self.call, self.how, self.dtype = library, entry, call, how, dtype
        self.leaves: list[Any] = []
        self.labels: list[str] = []
        self.module: Any = None
        self._args = [self._bind(each, entry.wants(k), str(k)) for k, each in enumerate(call.args)]
        self._kwargs = {k: self._bind(each, entry.wants(k), k) for k, each in call.kwargs.items()}
        if entry.is_module:
            self._build()
        else:
            self._function = self._find()

    def run(self) -> list[Any]:
        """Call it; the outputs, flat: tensors and plain values."""
        if self.module is not None:
            out = self.module(*[each() for each in self._inputs])
        else:
            args = [each() for each in self._args]
            if self.entry.prepare is not None and self.library.is_tensor(args[0]):
                args[0] = self.entry.prepare(args[0])
            if self._clones and self.library.is_tensor(args[0]):
                args[0] = args[0].clone()
            out = self._function(*args, **{k: each() for k, each in self._kwargs.items()})
        if self.entry.outputs is not None:
            out = self.entry.outputs(out)
        return list(flatten(out))

    def tensors(self) -> list[Any]:
        """The outputs that are floating tensors."""
        return [each for each in self.run() if self.library.is_tensor(each) and each.dtype.is_floating_point]

    def buffers(self) -> dict[str, Array]:
        """A module's buffers as they are now."""
        named = () if self.module is None else self.module.named_buffers()
        return {name: self.library.host(each).copy() for name, each in named}

    @property
    def _clones(self) -> bool:
        room, _, name = self.entry.name.rpartition(".")
        return self.how == "inplace" or (room in ("Tensor", "nn.functional") and name.endswith("_"))

    def _find(self) -> Callable[..., Any]:
        name, library = self.entry.name, self.library
        if isinstance(library, Torch):
            oracle = self.entry.oracle
            if callable(oracle):
                return lambda *args, **kwargs: oracle(library.root, *args, **kwargs)
            name = oracle or name
        if self.how != "function":
            name = f"Tensor.{name.rpartition('.')[2]}" + "_" * (self.how == "inplace")
        found = library.find(name)
        return found if callable(found) else found.__get__  # the latter: an attribute such as Tensor.shape

    def _build(self) -> None:
        library, wanted = self.library, self.dtype or "float64"
        made = self._find()(*[each() for each in self._args], **{k: each() for k, each in self._kwargs.items()})
        self.module = library.home(made.to(getattr(library.root, wanted)))
        state = {}
        for name, value in self.module.state_dict().items():
            if value.dtype.is_floating_point:
                state[name] = library.tensor(parameter_values(name, tuple(value.shape), wanted), False)
            else:
                state[name] = value
        self.module.load_state_dict(state)
        inputs = self.call.inputs or ()
        self._inputs = [self._bind(each, self.entry.wants(k), f"input {k}") for k, each in enumerate(inputs)]
        if self.entry.grad is not False:
            for name, parameter in self.module.named_parameters():
                self.leaves.append(parameter)
                self.labels.append(name)

    def _bind(self, value: Any, wanted: bool, where: str) -> Callable[[], Any]:
        """What gives the argument at each run: a leaf as it is, an expanded leaf expanded anew."""
        if isinstance(value, Const):
            return self._bind_array(value.array, False, where)
        if isinstance(value, np.ndarray):
            return self._bind_array(value, wanted, where)
        if isinstance(value, (list, tuple)) and any(isinstance(each, (np.ndarray, Const)) for each in value):
            parts = [self._bind(each, wanted, f"{where}[{k}]") for k, each in enumerate(value)]
            kind = type(value)
            return lambda: kind([part() for part in parts])
        if isinstance(value, Attr):
            found = self.library.find(value.path)
            return lambda: found
        if isinstance(value, Make):
            made = [self._bind(each, wanted, f"{where}, part {k}") for k, each in enumerate(value.parts)]
            return lambda: value.build(self.library.root, *[part() for part in made])
        return lambda: value

    def _bind_array(self, array: Array, wanted: bool, where: str) -> Callable[[], Any]:
        if self.dtype is not None and array.dtype.kind == "f":
            array = with_own_memory(array, self.dtype)
        wanted = wanted and array.dtype.kind == "f"
        repeated = [stride == 0 and length > 1 for stride, length in zip(array.strides, array.shape, strict=True)]
        unique = array[tuple(slice(0, 1) if each else slice(None) for each in repeated)] if any(repeated) else array
        leaf = self.library.tensor(unique, wanted)
        if wanted:
            self.leaves.append(leaf)
            self.labels.append(where)
        return (lambda: leaf.expand(*array.shape)) if any(repeated) else (lambda: leaf)


def parameter_values(name: str, shape: tuple[int, ...], dtype: str) -> Array:
    """The same values in every framework for a parameter or buffer of this name; variances are positive."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    low = 0.5 if name.endswith("var") else -1.0
    return np.asarray(rng.uniform(low, 1.0, shape).astype(dtype))


def flatten(out: Any) -> Iterator[Any]:
    """The leaves of nested tuples and lists."""
    if isinstance(out, (tuple, list)) and type(out).__name__ != "Size":
        for each in out:
            yield from flatten(each)
    else:
        yield out
