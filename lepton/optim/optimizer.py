"""The base of all optimizers: parameter groups, state, hooks, checkpoints."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from lepton.autograd.hooks import RemovableHandle
from lepton.autograd.ops.conversion import convert
from lepton.autograd.state import enable_grad, no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend.floats import restore, silence
from lepton.errors import ArgumentError, ArgumentTypeError

StateDict = dict[str, Any]


class Optimizer:
    """Base class: ``Optimizer(params, defaults)``; a subclass says how one group is stepped (``_step_group``).

    Args:
        params: tensors, pairs (name, tensor), or dicts with the key ``params`` and options of that group.
        defaults: the options of groups that do not say otherwise.

    Raises:
        ArgumentError: no parameters, a parameter twice, or one that is a result. ArgumentTypeError: not tensors.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor; "
                "put it in a list"
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._pre_hooks: dict[int, Callable[..., Any]] = {}
        self._post_hooks: dict[int, Callable[..., Any]] = {}
        self._state_dict_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._state_dict_post_hooks: dict[int, Callable[..., Any]] = {}
        self._load_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._load_post_hooks: dict[int, Callable[..., Any]] = {}
        self._steps_taken = 0
        groups = list(params)
        if not groups:
            raise ArgumentError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: a dict with ``params`` and the options in which it differs from the defaults.

        Raises:
            ArgumentError: a parameter is not a leaf, or is in another group already. ArgumentTypeError: no tensors.
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
        if listed and all(isinstance(each, tuple) for each in listed):
            group["param_names"] = [name for name, _ in listed]
            listed = [parameter for _, parameter in listed]
        self._check_parameters(listed)
        group["params"] = listed
        for name, value in self.defaults.items():
            if name not in group:
                group[name] = value
        self.param_groups.append(group)

    def _check_parameters(self, listed: list[Any]) -> None:
        for each in listed:
            if not isinstance(each, Tensor):
                raise ArgumentTypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(each).__name__}"
                )
            if not (each.is_leaf or each.retains_grad):
                raise ArgumentError("can't optimize a non-leaf Tensor")
        if len({id(each) for each in listed}) != len(listed):
            warnings.warn("optimizer contains a parameter group with duplicate parameters", stacklevel=4)
        known = {id(each) for group in self.param_groups for each in group["params"]}
        if any(id(each) in known for each in listed):
            raise ArgumentError("some parameters appear in more than one parameter group")

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

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the loss again (forward and backward) before the update; its value is returned.
        """
        for hook in list(self._pre_hooks.values()):
            hook(self, (closure,), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        token = silence()
        try:
            for group in self.param_groups:
                self._step_group(group)
        finally:
            restore(token)
        self._steps_taken += 1
        for hook in list(self._post_hooks.values()):
            hook(self, (closure,), {})
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not say how to step a group")

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step."""
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
        state = {numbers[id(each)]: dict(value) for each, value in self.state.items()}
        packed_state: StateDict = {"state": state, "param_groups": groups}
        for hook in self._state_dict_post_hooks.values():
            answer = hook(self, packed_state)
            packed_state = packed_state if answer is None else answer
        return packed_state

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over what :meth:`state_dict` gave, tensors copied and cast to the parameters' types.

        Raises:
            ArgumentError: the groups do not match; nothing is changed then.
        """
        for hook in self._load_pre_hooks.values():
            answer = hook(self, state_dict)
            state_dict = state_dict if answer is None else answer
        missing = {"state", "param_groups"} - set(state_dict)
        if missing:
            raise ArgumentError(f"this is no optimizer state_dict: it lacks {' and '.join(sorted(missing))}")
        saved_groups = state_dict["param_groups"]
        self._check_groups(saved_groups)
        by_number: dict[Any, Tensor] = {}
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            by_number.update(zip(saved["params"], group["params"], strict=True))
        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for number, values in state_dict["state"].items():
            if number not in by_number:
                raise ArgumentError(
                    f"the state_dict has state for parameter {number!r}, which is in none of its groups"
                )
            parameter = by_number[number]
            state[parameter] = {name: _taken_over(name, value, parameter) for name, value in values.items()}
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            group.update({name: value for name, value in saved.items() if name not in ("params", "param_names")})
        self.state = state
        for hook in self._load_post_hooks.values():
            hook(self)

    def _check_groups(self, saved_groups: list[dict[str, Any]]) -> None:
        if len(saved_groups) != len(self.param_groups):
            raise ArgumentError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved_groups)}, and the optimizer has {len(self.param_groups)}"
            )
        for index, (group, saved) in enumerate(zip(self.param_groups, saved_groups, strict=True)):
            if len(group["params"]) != len(saved["params"]):
                raise ArgumentError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {index} has {len(saved['params'])} parameters there and {len(group['params'])} here"
                )

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {index}")
            lines.extend(f"    {name}: {group[name]}" for name in sorted(group) if name != "params")
        return "\n".join([*lines, ")"])


def _taken_over(name: str, value: Any, parameter: Tensor) -> Any:
    if not isinstance(value, Tensor):
        return value
    with no_grad():
        if name == "step" or not value.dtype.is_floating_point:
            return convert(value, None, None, copy=True)
        return convert(value.detach(), parameter.dtype, parameter.device, copy=True)


def as_rows(*arrays: Any) -> list[Any]:
    """0-d arrays as views with one dimension: arithmetic on 0-d arrays gives scalars, which cannot be written into."""
    return [None if each is None else each[None] for each in arrays]


def check_range(name: str, value: Any, low: float = 0.0, high: float = float("inf")) -> None:
    """Refuse an option outside [low, high).

    Raises:
        ArgumentError: it is.
    """
    if not low <= float(value) < high:
        raise ArgumentError(f"Invalid {name}: {value}; it must be in [{low:g}, {high:g})")
