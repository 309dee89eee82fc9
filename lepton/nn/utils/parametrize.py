"""A parameter computed from other ones: ``module.weight`` is then what modules make of ``…weight.original``.

A parametrised module gets a class of its own, ``Parametrized…``, with a property in the parameter's place, and a child
``parametrizations`` with a :class:`ParametrizationList` for each such parameter.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ParametrizationError
from lepton.nn.module import Module
from lepton.nn.module_containers import ModuleDict, ModuleList
from lepton.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

M = TypeVar("M", bound=Module)


class _Cache(threading.local):
    """What :func:`cached` keeps: how many of them are entered, and the tensors by module and name."""

    depth = 0

    def __init__(self) -> None:
        self.tensors: dict[tuple[Module, str], Tensor] = {}


_CACHE = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Inside, each parametrised tensor is computed once, when it is first asked for, and then kept until the end."""
    _CACHE.depth += 1
    try:
        yield
    finally:
        _CACHE.depth -= 1
        if not _CACHE.depth:
            _CACHE.tensors.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _inverse(parametrization: Module, value: Any) -> Any:
    """What the parametrisation makes ``value`` of; itself where it does not say."""
    try:
        return parametrization.right_inverse(value) if hasattr(parametrization, "right_inverse") else value
    except NotImplementedError:
        return value


def _check_kept(what: str, made: Any, expected: Tensor, of: str) -> None:
    """Refuse a result that is no tensor, or of another type or shape than the tensor that it stands for."""
    if not isinstance(made, Tensor):
        raise ArgumentError(f"{what} must return a tensor. Got {type(made).__name__}.")
    for aspect in ("dtype", "shape"):
        found, right = getattr(made, aspect), getattr(expected, aspect)
        if found != right:
            raise ArgumentError(
                f"{what} may not change the {aspect} of the tensor, unless the `unsafe` flag is enabled: {of} has "
                f"{right}, and it returned {found}"
            )


class ParametrizationList(ModuleList):
    """The parametrisations of one tensor, applied one after the other, and what it is computed from.

    That is ``original``, or ``original0``, ``original1``, … where the first parametrisation's ``right_inverse`` returns
    several tensors. :func:`register_parametrization` makes it.

    Args:
        modules: the parametrisations, at least one. original: the parameter or buffer.
        unsafe: types and shapes may change, and are not checked.

    Raises:
        ArgumentError: there is none, or a check fails.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ArgumentError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        with no_grad():
            new: Any = original
            before = original.detach()
            for module in reversed(list(self)):
                new = _inverse(module, new)
        if not isinstance(new, (Tensor, Sequence)):
            raise ArgumentError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            self._hold_one(original, new)
        else:
            self._hold_several(original, new)
        if not unsafe:
            _check_kept("Registering a parametrization", self(), before, "it")

    def _hold_one(self, original: Tensor, new: Tensor) -> None:
        for aspect in ("dtype", "device"):
            if getattr(original, aspect) != getattr(new, aspect):
                raise ArgumentError(
                    f"When `right_inverse` outputs one tensor, it may not change the {aspect}: the original is "
                    f"{getattr(original, aspect)}, and it returned {getattr(new, aspect)}"
                )
        original.data = new  # it stays the same object, which optimizers know
        _register(self, "original", original)

    def _hold_several(self, original: Tensor, new: Sequence[Any]) -> None:
        for index, each in enumerate(new):
            if not isinstance(each, Tensor):
                raise ArgumentError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                    f"Got element {index} of the sequence with type {type(each).__name__}."
                )
            kept = each.detach()
            if isinstance(original, Parameter):
                kept = Parameter(kept, original.requires_grad)
            _register(self, f"original{index}", kept.requires_grad_(original.requires_grad))

    def originals(self) -> list[Tensor]:
        """What the tensor is computed from."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{index}") for index in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the tensor becomes ``value``, by the ``right_inverse`` of each parametrisation.

        Raises:
            ParametrizationError: one has none. ArgumentError: what they return does not fit the originals.
        """
        with no_grad():
            new: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise ParametrizationError(
                        f"parametrization {type(module).__name__} does not implement right_inverse, which assigning to "
                        "the parametrized tensor needs"
                    )
                new = module.right_inverse(new)
        if self.is_tensor and not isinstance(new, Tensor):
            raise ArgumentError(f"`right_inverse` should return a tensor. Got {type(new).__name__}")
        if not self.is_tensor and not (isinstance(new, Sequence) and len(new) == self.ntensors):
            what = f"length {len(new)}" if isinstance(new, Sequence) else f"{type(new).__name__}"
            raise ArgumentError(
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got {what}."
            )
        pairs = list(zip(self.originals(), [new] if self.is_tensor else new, strict=True))
        for index, (original, each) in enumerate(pairs):
            if not isinstance(each, Tensor) or each.dtype != original.dtype:
                found = each.dtype if isinstance(each, Tensor) else type(each).__name__
                raise ArgumentError(
                    f"Tensor {index} returned by `right_inverse` has dtype {found} while its original has dtype "
                    f"{original.dtype}"
                )
        for original, each in pairs:
            original.data = each

    def forward(self) -> Any:
        """The tensor."""
        first, *rest = self
        x = first(*self.originals())
        for module in rest:
            x = module(x)
        return x


# ---------------------------------------------------------------------- the class of a parametrised module


def _no_state(self: Module) -> Any:
    raise ParametrizationError(
        "Serialization of parametrized modules is only supported through state_dict(): save that, and load it into a "
        "module with the same parametrizations"
    )


def _deepcopy(self: Module, memo: dict[int, Any]) -> Module:
    """A copy with a class of its own, since parametrisations of either are removed from the class."""
    kind = type(self)
    made: Any = object.__new__(type(kind.__name__, kind.__bases__, dict(kind.__dict__)))
    memo[id(self)] = made
    made.__setstate__(copy.deepcopy(self.__dict__, memo))
    return made


def _own_class(module: Module) -> None:
    """Give the module a class of its own, in which properties can stand."""
    base = type(module)
    members: dict[str, Any] = {"__getstate__": _no_state, "__module__": base.__module__, "__doc__": base.__doc__}
    if not hasattr(base, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), members)


def _property(name: str) -> property:
    def get_parametrized(self: Any) -> Tensor:
        parametrization = self.parametrizations[name]
        if not _CACHE.depth:
            return parametrization()
        if (self, name) not in _CACHE.tensors:
            _CACHE.tensors[self, name] = parametrization()
        return _CACHE.tensors[self, name]

    def set_original(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get_parametrized, set_original)


# ---------------------------------------------------------------------- for everybody


def register_parametrization(
    module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> M:
    """Let ``module.<tensor_name>`` be ``parametrization(original)`` from now on, at each access.

    A second one is applied to the result of the first. If the parametrisation has ``right_inverse(tensor)``, that gives
    the original (one tensor or several) for the present value, and for values that are assigned; otherwise the
    original is the present value.

    Args:
        module: whose tensor. tensor_name: which parameter or buffer. parametrization: a module.
        unsafe: it may change type and shape, which are then not checked.

    Returns:
        The module.

    Raises:
        ArgumentError: there is no such tensor, or the parametrisation changes type or shape.
    """
    parametrization.train(module.training)
    holder: Any = module
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_appended(getattr(module, tensor_name), parametrization)
        held = holder.parametrizations[tensor_name]
        held.append(parametrization)
        held.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        made = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _own_class(module)
            holder.parametrizations = ModuleDict()
        setattr(type(module), tensor_name, _property(tensor_name))
        holder.parametrizations[tensor_name] = made
    else:
        raise ArgumentError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _check_appended(present: Tensor, parametrization: Module) -> None:
    made = parametrization(present)
    _check_kept("Registering a parametrization", made, present, "it")
    _check_kept("parametrization.right_inverse", _inverse(parametrization, made), present, "the parametrized tensor")


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a tensor of the module, or without a name any, is parametrised."""
    held = getattr(module, "parametrizations", None)
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Make the tensor a parameter or buffer again.

    Args:
        module: whose tensor. tensor_name: which.
        leave_parametrized: keep its present value; otherwise go back to the original.

    Returns:
        The module.

    Raises:
        ArgumentError: it is not parametrised; or there are several originals, to which one cannot go back.
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"Module {module} does not have a parametrization on {tensor_name}")
    holder: Any = module
    held = holder.parametrizations[tensor_name]
    if held.is_tensor:
        original = held.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name)
    elif leave_parametrized:
        present = getattr(module, tensor_name)
        original = Parameter(present.detach()) if present.requires_grad else present
    else:
        raise ArgumentError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del holder.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del holder.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before it was parametrised."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module: Module, to_module: M, tensor_name: str | None = None) -> M:
    """Let ``to_module`` have the parametrisations of ``from_module``, the same modules and the same originals.

    Args:
        from_module: where they are; if there are none nothing happens. to_module: where to; what it lacks is made.
        tensor_name: which tensor; all if None.

    Returns:
        ``to_module``.
    """
    if not is_parametrized(from_module):
        return to_module
    source: Any = from_module
    target: Any = to_module
    for name in list(source.parametrizations) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        held = source.parametrizations[name]
        for each in held:
            register_parametrization(to_module, name, each)
        for own in held._parameters | held._buffers:
            setattr(target.parametrizations[name], own, getattr(held, own))
    return to_module
