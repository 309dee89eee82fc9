"""``state_dict`` and ``load_state_dict`` of a Module.

Loading goes in two steps. First every module checks what is meant for it and enters into a :class:`Plan` what is to be
written; only when nothing is wrong anywhere is the plan carried out. A load that fails has changed nothing.
"""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from typing import Any

from lepton.autograd.inplace import check_writable, copy_
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentTypeError, LeptonError, StateDictError
from lepton.nn.parameter import Parameter

__all__ = ["EXTRA_STATE", "IncompatibleKeys", "Plan", "load_into", "plan_own", "save_own", "state_of"]

EXTRA_STATE = "_extra_state"
PLAN = "plan"  # where a module's ``local_metadata`` carries the plan of the load


class IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What ``load_state_dict`` returns: the keys that a module wanted and did not get, and those nobody wanted."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class StateDict(OrderedDict[str, Any]):
    """Names and tensors in the order of registration, with the version of each module in ``_metadata``."""

    _metadata: OrderedDict[str, dict[str, Any]]


# ---------------------------------------------------------------------- saving


def state_of(module: Any, destination: Any, prefix: str, keep_vars: bool) -> Any:
    """The state of a module and everything in it, written into ``destination`` (a new one if that is None)."""
    if destination is None:
        destination = StateDict()
        destination._metadata = OrderedDict()
    local_metadata = {"version": module._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = local_metadata
    hooks = module._hooks
    if hooks is not None:
        for hook in list(hooks.state_dict_pre.values()):
            hook(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    if hooks is not None:
        for hook in list(hooks.state_dict_post.values()):
            if hook(module, destination, prefix, local_metadata) is not None:
                raise StateDictError(f"state_dict post-hook must return None; {hook!r} did not")
    return destination


def save_own(module: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
    """Write one module's own parameters, persistent buffers and extra state into ``destination``."""
    for name, value in _own_state(module).items():
        destination[prefix + name] = value if keep_vars else value.detach()
    if _has_extra_state(module, "get_extra_state"):
        destination[prefix + EXTRA_STATE] = module.get_extra_state()


def _own_state(module: Any) -> dict[str, Tensor]:
    transient = module._non_persistent_buffers_set
    return {
        **{name: value for name, value in module._parameters.items() if value is not None},
        **{name: value for name, value in module._buffers.items() if value is not None and name not in transient},
    }


def _has_extra_state(module: Any, method: str) -> bool:
    """Whether the module's class has a ``get_extra_state`` or ``set_extra_state`` of its own."""
    return not getattr(getattr(type(module), method), "is_default", False)


# ---------------------------------------------------------------------- loading


class Plan:
    """What a load will write, once everything has been found in order."""

    __slots__ = ("copies", "replacements", "extras")

    def __init__(self) -> None:
        self.copies: list[tuple[Tensor, Tensor]] = []
        self.replacements: list[tuple[Any, str, Tensor]] = []
        self.extras: list[tuple[Any, Any]] = []

    def carry_out(self) -> None:
        """Write; extra state first, since only a user's ``set_extra_state`` can still raise, and is then put back."""
        done: list[tuple[Any, Any]] = []
        try:
            for module, state in self.extras:
                held = module.get_extra_state() if _has_extra_state(module, "get_extra_state") else None
                module.set_extra_state(state)
                done.append((module, held))
        except Exception:
            for module, held in reversed(done):
                module.set_extra_state(held)
            raise
        with no_grad():
            for target, source in self.copies:
                copy_(target, source)
        for module, name, value in self.replacements:
            replaced = module._parameters.get(name)
            if replaced is not None:
                value.requires_grad_(replaced.requires_grad)
            setattr(module, name, value)


def load_into(module: Any, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Load a state into a module and everything in it, or change nothing and raise.

    Raises:
        ArgumentTypeError: ``state_dict`` is no mapping, or a key of it no string. StateDictError: a key is missing or
            unexpected (if ``strict``), a shape differs, a value is no tensor, or the versions in it are no numbers.
    """
    if not isinstance(state_dict, Mapping):
        raise ArgumentTypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    for key in state_dict:
        if not isinstance(key, str):
            raise ArgumentTypeError(f"the keys of a state_dict are names, but this one has the key {key!r}")
    metadata = _versions(state_dict)
    keys = IncompatibleKeys([], [])
    messages: list[str] = []
    plan = Plan()
    _visit(module, dict(state_dict), "", metadata, assign, keys, messages, plan)
    fits = not messages and not (strict and any(keys))
    if fits:
        plan.carry_out()
    if not messages:
        _after_load(module, keys)  # a hook may excuse missing or unexpected keys
    if strict:
        messages = _about_keys(keys) + messages
    if messages:
        raise StateDictError(
            f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(messages)
        )
    if not fits:
        plan.carry_out()
    return keys


def _versions(state_dict: Any) -> Mapping[str, Mapping[str, Any]]:
    """The metadata that a state_dict carries beside its keys: for each module its version."""
    metadata = getattr(state_dict, "_metadata", None) or {}
    if isinstance(metadata, Mapping) and all(isinstance(own, Mapping) for own in metadata.values()):
        versions = [own.get("version") for own in metadata.values()]
        if all(each is None or isinstance(each, int) for each in versions):
            return metadata
    raise StateDictError(
        f"the _metadata of the state_dict is damaged: {metadata!r} does not map names to {{'version': number}}"
    )


def _visit(
    module: Any,
    state: dict[str, Any],
    prefix: str,
    metadata: Mapping[str, Any],
    assign: bool,
    keys: IncompatibleKeys,
    messages: list[str],
    plan: Plan,
) -> None:
    local_metadata = dict(metadata.get(prefix[:-1], {}))
    local_metadata["assign_to_params_buffers"] = assign
    local_metadata[PLAN] = plan
    arguments = (state, prefix, local_metadata, True, keys.missing_keys, keys.unexpected_keys, messages)
    if module._hooks is not None:
        for hook in list(module._hooks.load_pre.values()):
            hook(module, *arguments)
    module._load_from_state_dict(*arguments)
    for name, child in module._modules.items():
        if child is not None:
            inner = f"{prefix}{name}."
            own = {key: value for key, value in state.items() if key.startswith(inner)}
            _visit(child, own, inner, metadata, assign, keys, messages, plan)


def _after_load(module: Any, keys: IncompatibleKeys) -> None:
    """Call the post-hooks, of children before those of their parents."""
    for child in module._modules.values():
        if child is not None:
            _after_load(child, keys)
    if module._hooks is not None:
        for hook in list(module._hooks.load_post.values()):
            if hook(module, keys) is not None:
                raise StateDictError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                    "values, if incompatible_keys need to be modified, it should be done inplace."
                )


def _about_keys(keys: IncompatibleKeys) -> list[str]:
    lines = []
    for what, names in (("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys)):
        if names:
            quoted = ", ".join(f'"{name}"' for name in names)
            lines.append(f"{what} key(s) in state_dict: {quoted}. ")
    return lines


def plan_own(
    module: Any,
    state: Mapping[str, Any],
    prefix: str,
    local_metadata: dict[str, Any],
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    messages: list[str],
) -> None:
    """Check one module's own part of a state and enter it into the plan (without a plan: load it at once)."""
    plan = local_metadata.get(PLAN)
    mine = Plan() if plan is None else plan
    assign = local_metadata.get("assign_to_params_buffers", False)
    own = _own_state(module)
    before = len(messages)
    for name, target in own.items():
        key = prefix + name
        if key in state:
            _plan_tensor(mine, module, name, key, target, state[key], assign, messages)
        elif strict:
            missing.append(key)
    extra = prefix + EXTRA_STATE
    if _has_extra_state(module, "set_extra_state"):
        if extra in state:
            mine.extras.append((module, state[extra]))
        elif strict:
            missing.append(extra)
    elif strict and extra in state:
        unexpected.append(extra)
    if strict:
        unexpected.extend(_unexpected(module, state, prefix, own))
    if plan is None and len(messages) == before:
        mine.carry_out()


def _unexpected(module: Any, state: Mapping[str, Any], prefix: str, own: dict[str, Tensor]) -> list[str]:
    found = []
    for key in state:
        if key.startswith(prefix) and key != prefix + EXTRA_STATE:
            first, dot, _ = key[len(prefix) :].partition(".")
            if first not in module._modules if dot else first not in own:
                found.append(key)
    return found


def _plan_tensor(
    plan: Plan, module: Any, name: str, key: str, target: Tensor, value: Any, assign: bool, messages: list[str]
) -> None:
    if not isinstance(value, Tensor):
        messages.append(
            f'While copying the parameter named "{key}", expected lepton.Tensor or Tensor-like object from checkpoint '
            f"but received {type(value)}"
        )
        return
    if target.ndim == 0 and value._data.shape == (1,):
        value = Tensor(value._data.reshape(()))  # what very old checkpoints hold for scalars
    if value._data.shape != target._data.shape:
        messages.append(
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
            f"the shape in current model is {target.shape}."
        )
        return
    try:
        if not assign:
            with no_grad():
                check_writable(target)
            plan.copies.append((target, value))
        elif isinstance(target, Parameter):
            made = Parameter(value, requires_grad=target.requires_grad)  # refuses what can't require a gradient
            plan.replacements.append((module, name, value if isinstance(value, Parameter) else made))
        else:
            plan.replacements.append((module, name, value))
    except LeptonError as error:
        messages.append(
            f'While copying the parameter named "{key}", whose dimensions in the model are {target.shape} and whose '
            f"dimensions in the checkpoint are {value.shape}, an exception occurred : {error.args}."
        )
