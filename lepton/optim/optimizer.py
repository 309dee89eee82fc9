"""The base of all optimizers: parameter groups, state, hooks, checkpoints."""

from __future__ import annotations

import copy
import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from types import NoneType
from typing import Any, ClassVar

import numpy as np

from lepton.autograd.hooks import RemovableHandle
from lepton.autograd.ops.conversion import convert
from lepton.autograd.state import enable_grad, no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.devices import xp
from lepton.backend.floats import restore, silence
from lepton.errors import ArgumentError, ArgumentTypeError, HookError, OptimizerError
from lepton.kernels.optimizer import step_each
from lepton.optim.differentiable import Recorded, update_recorded

StateDict = dict[str, Any]
Hooks = dict[int, Callable[..., Any]]

_global_pre_hooks: Hooks = {}
_global_post_hooks: Hooks = {}


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before each step of any optimizer; see ``register_step_pre_hook``."""
    return RemovableHandle(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after each step of any optimizer."""
    return RemovableHandle(_global_post_hooks, hook)


def _hooked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A ``step`` with the hooks around it; a ``super().step()`` inside runs without."""

    @functools.wraps(function)
    def step(*args: Any, **kwargs: Any) -> Any:
        self: Optimizer = args[0]
        if self._stepping:
            return function(*args, **kwargs)
        self._stepping = self._step_called = True
        try:
            for hook in [*_global_pre_hooks.values(), *self._pre_hooks.values()]:
                answer = hook(self, args, kwargs)
                if answer is not None:
                    if not (isinstance(answer, tuple) and len(answer) == 2):
                        raise HookError(
                            "a step pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                            f"{answer!r} from {hook!r}"
                        )
                    args, kwargs = answer
            result = function(*args, **kwargs)
            for hook in [*self._post_hooks.values(), *_global_post_hooks.values()]:
                hook(self, args, kwargs)
        finally:
            self._stepping = False
        return result

    return step


class Optimizer:
    """Base class: ``Optimizer(params, defaults)``; a subclass says how one group is stepped (``_step_group``).

    An optimizer of one's own may as well override ``step`` whole.

    Args:
        params: tensors, pairs (name, tensor), or dicts with the key ``params`` and options of that group.
        defaults: the options of groups that do not say otherwise.

    Raises:
        ArgumentError: no parameters, a parameter twice, one that is a result, or names for some only.
        ArgumentTypeError: not tensors.
    """

    _rule: Callable[..., None]  # how the group is stepped that is gone through, with what in ``_rows``, ``_settings``
    _scalars: ClassVar[tuple[str, ...]] = ("step",)  # state that keeps its own number type when it is loaded

    def __init_subclass__(cls) -> None:
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor; "
                "put it in a list"
            )
        self.defaults = defaults
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._forget_hooks()
        groups = list(params)
        if not groups:
            raise ArgumentError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _forget_hooks(self) -> None:
        self._pre_hooks: Hooks = {}
        self._post_hooks: Hooks = {}
        self._state_dict_pre_hooks: Hooks = {}
        self._state_dict_post_hooks: Hooks = {}
        self._load_pre_hooks: Hooks = {}
        self._load_post_hooks: Hooks = {}
        self._stepping = self._step_called = False
        self._watched_step: Callable[..., Any] | None = None
        self._rows: list[Any] = []
        self._settings: list[Any] = []

    def _watch_steps(self) -> None:
        """Begin to note whether ``step`` is called: schedules are to be stepped after their optimizer."""
        if self._watched_step is None:
            self._watched_step = self.__dict__.get("step", type(self).step)
            self._step_called = False

    def _steps_are_watched(self) -> bool:
        """Whether ``step`` is still the method that it was when watching began."""
        return self.__dict__.get("step", type(self).step) is self._watched_step

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget_hooks()

    # ------------------------------------------------------------------ groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: a dict with ``params`` and the options in which it differs from the defaults.

        Raises:
            ArgumentError: a parameter is not a leaf, or is in another group already; some parameters have names and
                others none. ArgumentTypeError: no tensors.
        """
        if not isinstance(param_group, dict):
            raise ArgumentTypeError(f"param_group must be a dict, but got {type(param_group).__name__}")
        given = param_group["params"]
        if isinstance(given, set):
            raise ArgumentTypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            )
        listed = [given] if isinstance(given, Tensor) else list(given)
        group = dict(param_group)
        names = [each[0] for each in listed if isinstance(each, tuple)]
        if names:
            if len(names) != len(listed):
                raise ArgumentError(
                    f"all optimizer params should be with/without names. Some param names are missing: {len(names)} of "
                    f"{len(listed)} have one"
                )
            group["param_names"] = names
            listed = [parameter for _, parameter in listed]
        self._check_parameters(listed)
        self._check_names(group)
        group["params"] = listed
        for name, value in self.defaults.items():
            group.setdefault(name, value)
        self.param_groups.append(group)

    def _check_parameters(self, listed: list[Any]) -> None:
        for each in listed:
            if not isinstance(each, Tensor):
                raise ArgumentTypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(each).__name__}"
                )
            if not (each.is_leaf or each.retains_grad or self.defaults.get("differentiable")):
                raise ArgumentError("can't optimize a non-leaf Tensor")
        if len({id(each) for each in listed}) != len(listed):
            warnings.warn("optimizer contains a parameter group with duplicate parameters", stacklevel=4)
        known = {id(each) for group in self.param_groups for each in group["params"]}
        if any(id(each) in known for each in listed):
            raise ArgumentError("some parameters appear in more than one parameter group")

    def _check_names(self, group: dict[str, Any]) -> None:
        named = "param_names" in group
        if any(("param_names" in each) != named for each in self.param_groups):
            raise ArgumentError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if named else 'without'} names to the optimizer"
            )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients: ``.grad`` becomes None, or zeros with ``set_to_none=False``."""
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter._grad
                if gradient is None:
                    continue
                if set_to_none:
                    parameter._grad = None
                else:
                    parameter._grad = Tensor(gradient._data)
                    parameter._grad._data[...] = 0

    # ------------------------------------------------------------------ stepping

    @_hooked
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss again (forward and backward) before the update; its value is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        token = silence()
        try:
            for group in self.param_groups:
                self._rows, self._settings = [], []
                self._step_group(group)
                if self._rows:
                    step_each(self._rule, self._rows, self._settings)
        finally:
            self._rows, self._settings = [], []
            restore(token)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        """Update the parameters of one group that have a gradient."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to step a group")

    def _begin(self, state: dict[str, Any], parameter: Tensor, group: dict[str, Any]) -> None:
        """Fill the empty state of a parameter that is stepped for the first time."""

    def _stepped(self, group: dict[str, Any]) -> Iterator[tuple[Tensor, dict[str, Any]]]:
        """The parameters of a group that have a gradient, each with its state, begun if it was empty."""
        for parameter in group["params"]:
            if parameter._grad is not None:
                state = self.state[parameter]
                if not state:
                    self._begin(state, parameter, group)
                yield parameter, state

    def _update(
        self,
        rule: Callable[..., None],
        parameter: Tensor,
        state: dict[str, Any],
        buffers: tuple[str, ...],
        group: dict[str, Any],
        *settings: Any,
    ) -> None:
        """Let a rule run on a parameter, its gradient and those parts of its state, None for one that is not there.

        It runs when the whole group has been gone through, on all of its parameters at once; only where the step is
        differentiable at once, on the graph.
        """
        if group.get("differentiable"):
            with enable_grad():
                update_recorded(rule, parameter, state, buffers, settings)
            return
        arrays = [parameter._data, parameter._grad._data]  # type: ignore[union-attr]
        for name in buffers:
            held = state.get(name)
            arrays.append(None if held is None else held._data)
        self._rule = rule
        self._rows.append(arrays)
        self._settings.append(settings)
        parameter._cell[0] += 1  # type: ignore[index]

    # ------------------------------------------------------------------ hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step.

        ``args`` begins with the optimizer itself. The hook returns None, or the ``(args, kwargs)`` to use instead.
        """
        return RemovableHandle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return RemovableHandle(self._post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before each ``state_dict()``."""
        return RemovableHandle(self._state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on each ``state_dict()``; what it returns takes its place."""
        return RemovableHandle(self._state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before each load; what it returns takes the dict's place."""
        return RemovableHandle(self._load_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` after each load."""
        return RemovableHandle(self._load_post_hooks, hook, prepend)

    # ------------------------------------------------------------------ checkpoints

    def state_dict(self) -> StateDict:
        """The state by parameter number, and the groups with numbers for parameters; tensors are not copied."""
        for hook in self._state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for each in group["params"]:
                numbers.setdefault(id(each), len(numbers))
            packed = {name: value for name, value in group.items() if name != "params"}
            packed["params"] = [numbers[id(each)] for each in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, Tensor) else key: dict(value) for key, value in self.state.items()
        }
        packed_state: StateDict = {"state": state, "param_groups": groups}
        for hook in self._state_dict_post_hooks.values():
            answer = hook(self, packed_state)
            packed_state = packed_state if answer is None else answer
        return packed_state

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over what :meth:`state_dict` gave, tensors copied and cast to the parameters' types.

        Raises:
            ArgumentError: the groups do not match, or it is not what :meth:`state_dict` gives. ArgumentTypeError: it is
                no dict. Nothing is changed then.
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentTypeError(f"an optimizer's state_dict is a dict, not a {type(state_dict).__name__}")
        state_dict = dict(state_dict)
        for hook in self._load_pre_hooks.values():
            answer = hook(self, state_dict)
            state_dict = state_dict if answer is None else answer
        missing = {"state", "param_groups"} - set(state_dict)
        if missing:
            raise ArgumentError(f"this is no optimizer state_dict: it lacks {' and '.join(sorted(missing))}")
        _check_form(state_dict)
        saved_groups = state_dict["param_groups"]
        self._check_groups(saved_groups)
        by_number: dict[Any, Tensor] = {}
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            by_number.update(zip(saved["params"], group["params"], strict=True))
        self.state = self._loaded_state(state_dict["state"], by_number)
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            group.update({name: _copied(value) for name, value in saved.items() if name != "params"})
        for hook in self._load_post_hooks.values():
            hook(self)

    def _check_groups(self, saved_groups: list[dict[str, Any]]) -> None:
        if len(saved_groups) != len(self.param_groups):
            raise ArgumentError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved_groups)}, and the optimizer has {len(self.param_groups)}"
            )
        for index, (group, saved) in enumerate(zip(self.param_groups, saved_groups, strict=True)):
            for name, value in saved.items():
                held = group.get(name)
                if isinstance(held, (int, float)) and not isinstance(value, (int, float, Tensor, NoneType)):
                    raise ArgumentError(f"loaded state dict has {name}={value!r} in group {index}, which is no number")
            if len(group["params"]) != len(saved["params"]):
                raise ArgumentError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {index} has {len(saved['params'])} parameters there and {len(group['params'])} here"
                )

    def _loaded_state(self, saved: dict[Any, Any], by_number: dict[Any, Tensor]) -> defaultdict[Any, dict[str, Any]]:
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for key, values in saved.items():
            if key in by_number:
                parameter = by_number[key]
                state[parameter] = {name: self._taken_over(name, each, parameter) for name, each in values.items()}
            elif isinstance(key, int):
                raise ArgumentError(f"the state_dict has state for parameter {key}, which is in none of its groups")
            else:  # an optimizer of the user's own keeps what belongs to no parameter
                state[key] = values
        return state

    def _taken_over(self, name: str | None, value: Any, parameter: Tensor) -> Any:
        if isinstance(value, dict):
            return {key: self._taken_over(key, each, parameter) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)([self._taken_over(None, each, parameter) for each in value])
        if not isinstance(value, Tensor):
            return scalar(value) if name in self._scalars else value  # plain numbers in very old checkpoints
        with no_grad():
            if name in self._scalars or not value.dtype.is_floating_point:
                return convert(value, None, None, copy=True)
            return convert(value.detach(), parameter.dtype, parameter.device, copy=True)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {index}")
            lines.extend(f"    {name}: {group[name]}" for name in sorted(group) if name != "params")
        return "\n".join([*lines, ")"])


# ---------------------------------------------------------------------- what the optimizers share


def _check_form(state_dict: StateDict) -> None:
    """Refuse what has not the form that ``state_dict()`` gives."""
    groups, state = state_dict["param_groups"], state_dict["state"]
    if not isinstance(groups, (list, tuple)):
        raise ArgumentError(f"this is no optimizer state_dict: its param_groups are a {type(groups).__name__}")
    for index, group in enumerate(groups):
        numbers = group.get("params") if isinstance(group, Mapping) else None
        if not isinstance(numbers, (list, tuple)) or not all(isinstance(each, Hashable) for each in numbers):
            raise ArgumentError(f"this is no optimizer state_dict: group {index} has no list of params")
    if not isinstance(state, Mapping):
        raise ArgumentError(f"this is no optimizer state_dict: its state is a {type(state).__name__}")
    for key, values in state.items():
        if isinstance(key, int) and not isinstance(values, Mapping):
            raise ArgumentError(f"this is no optimizer state_dict: the state of parameter {key} is no dict")


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else copy.deepcopy(value)


def zeros_like(parameter: Tensor) -> Tensor:
    """What an average begins with: zeros of the parameter's shape, type, device and memory layout."""
    return Tensor(xp(parameter._data).zeros_like(parameter._data))


def scalar(value: float) -> Tensor:
    """A number in an optimizer's state: a 0-d float32 tensor on the CPU, float64 where that is the default type."""
    wide = dtypes.get_default_dtype() is dtypes.float64
    return Tensor(np.asarray(value, np.float64 if wide else np.float32))


def next_step(state: dict[str, Any]) -> int:
    """Count one step, and say which it is, from 1."""
    count = state["step"]._data
    step = int(count.item()) + 1
    count.fill(step)
    return step


def number(value: Any, group: dict[str, Any]) -> Any:
    """An option as a Python float; a tensor that wants a gradient stays one where the step is recorded."""
    if isinstance(value, Tensor) and value.requires_grad and group.get("differentiable"):
        return Recorded(value.reshape(()))
    return float(value)


def check_range(name: str, value: Any, low: float = 0.0, high: float = float("inf")) -> None:
    """Refuse an option outside [low, high).

    Raises:
        ArgumentError: it is.
    """
    if not low <= float(value) < high:
        raise ArgumentError(f"Invalid {name}: {value}; it must be in [{low:g}, {high:g})")


def check_rate(lr: Any) -> None:
    """Refuse a learning rate that is negative or not one number.

    Raises:
        ArgumentError: it is.
    """
    check_single("lr", lr)
    check_range("learning rate", lr)


def check_single(name: str, value: Any) -> None:
    """Refuse a tensor of several elements where one number belongs.

    Raises:
        ArgumentError: it is one.
    """
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ArgumentError(f"Tensor {name} must be 1-element, its shape is {list(value.shape)}")


def check_betas(betas: Any) -> None:
    """Refuse what is no pair of numbers in [0, 1).

    Raises:
        ArgumentError: it is not.
    """
    if len(betas) != 2:
        raise ArgumentError(f"betas must be two numbers, got {betas!r}")
    for index, beta in enumerate(betas):
        check_single(f"betas[{index}]", beta)
        check_range(f"beta parameter at index {index}", beta, 0.0, 1.0)


def check_implementation(
    foreach: bool | None = None, fused: bool | None = None, capturable: bool = False, differentiable: bool = False
) -> None:
    """Refuse wishes about the implementation that exclude each other or cannot be granted.

    Raises:
        OptimizerError: ``fused`` with ``differentiable`` or ``foreach``. ArgumentError: ``capturable``.
    """
    if fused and differentiable:
        raise OptimizerError("`fused` does not support `differentiable`; leave one of them out")
    if fused and foreach:
        raise OptimizerError("`fused` and `foreach` cannot be `True` together; both compute the same here")
    if capturable:
        raise ArgumentError("capturable=True: there are no CUDA graphs here that could capture a step; leave it False")
