"""``Module``: parameters, buffers and child modules under names, and everything that is done to them as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from lepton.autograd.hooks import RemovableHandle
from lepton.autograd.ops.conversion import parse_to
from lepton.autograd.ops.creation import empty_like
from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend import devices, dtypes
from lepton.errors import (
    ArgumentError,
    ArgumentTypeError,
    LeptonError,
    MissingForwardError,
    ModuleAttributeError,
    ModuleNameError,
    StateDictError,
)
from lepton.nn import module_state
from lepton.nn.module_hooks import COMMON, REGISTRATION, ModuleHooks, call_with_hooks, registered
from lepton.nn.module_state import IncompatibleKeys
from lepton.nn.module_text import in_parentheses, indented, name_layer, type_name
from lepton.nn.parameter import Buffer, Parameter
from lepton.nn.registry import REGISTRIES, Registry

__all__ = ["Module"]


def _no_forward(self: Module, *input: Any) -> Any:
    raise MissingForwardError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module:
    """The base of all layers and models.

    Parameters, buffers and modules that are assigned to attributes are registered under the attribute's name::

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.hidden = nn.Linear(4, 8)
                self.scale = nn.Parameter(lepton.ones(8))

            def forward(self, x):
                return self.hidden(x).relu() * self.scale

    Calling a module runs its ``forward`` and the hooks around it. An error from inside names the layer.
    """

    training: bool
    forward: Callable[..., Any] = _no_forward
    _version: int = 1
    _parameters: Registry
    _buffers: Registry
    _modules: Registry
    _non_persistent_buffers_set: set[str]
    _hooks: ModuleHooks | None = None

    def __init__(self) -> None:
        own = self.__dict__
        own["training"] = True
        own["_hooks"] = None
        own["_non_persistent_buffers_set"] = set()
        for registry in REGISTRIES:
            own[registry] = Registry(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooks is None and not COMMON:
                return self.forward(*args, **kwargs)
            return call_with_hooks(self, args, kwargs)
        except LeptonError as error:
            name_layer(error, self)
            raise

    # ------------------------------------------------------------------ attributes

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            self._need_init("_parameters", "parameters")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
        elif name in own.get("_parameters", ()):
            if value is not None:
                raise ArgumentTypeError(
                    f"cannot assign '{type_name(value)}' as parameter '{name}' (lepton.nn.Parameter or None expected)"
                )
            self.register_parameter(name, None)
        elif isinstance(value, Module):
            self._need_init("_modules", "module")
            self._forget(name, "_modules")
            self._enter("_modules", name, value)
        elif name in own.get("_modules", ()):
            if value is not None:
                raise ArgumentTypeError(
                    f"cannot assign '{type_name(value)}' as child module '{name}' (lepton.nn.Module or None expected)"
                )
            self._enter("_modules", name, None)
        elif isinstance(value, Buffer) or name in own.get("_buffers", ()):
            self._set_buffer(name, value)
        elif name in REGISTRIES:
            self._replace_registry(name, value)
        else:
            object.__setattr__(self, name, value)

    def _set_buffer(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{type_name(value)}' as buffer '{name}' "
                "(lepton.nn.Buffer, lepton.Tensor or None expected)"
            )
        if isinstance(value, Buffer):
            self._need_init("_buffers", "buffer")
            self._forget(name, "_buffers")
            self.register_buffer(name, value, value.persistent)
        else:
            self._enter("_buffers", name, value)

    def _enter(self, registry: str, name: str, value: Any) -> None:
        self.__dict__[registry][name] = registered(self, registry, name, value) if REGISTRATION else value

    def _replace_registry(self, registry: str, items: Mapping[str, Any]) -> None:
        listed = dict(items)  # they may be the present ones, which are cleared next
        held = self.__dict__.get(registry)
        if held is not None:
            held.clear()
        self.__dict__[registry] = Registry(self, listed)

    def _need_init(self, registry: str, what: str) -> None:
        if registry not in self.__dict__:
            raise ModuleAttributeError(
                f"cannot assign {what} before Module.__init__() call; begin {type(self).__name__}.__init__ "
                "with super().__init__()"
            )

    def _forget(self, name: str, but: str) -> None:
        """Remove a name from wherever it stands, save from the registry ``but``."""
        for registry in REGISTRIES:
            if registry != but:
                self.__dict__[registry].pop(name, None)
        self._non_persistent_buffers_set.discard(name)
        if name not in self.__dict__[but]:
            self.__dict__.pop(name, None)

    def __getattr__(self, name: str) -> Any:
        if name in REGISTRIES:
            hint = "; was Module.__init__() called?"
        else:
            hint = ""
        raise ModuleAttributeError(f"'{type(self).__name__}' object has no attribute '{name}'{hint}")

    def __delattr__(self, name: str) -> None:
        for registry in REGISTRIES:
            if name in self.__dict__.get(registry, ()):
                del self.__dict__[registry][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted(name for name in super().__dir__() if not name[0].isdigit())

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for registry in REGISTRIES:  # a copy's registries write to the copy
            self.__dict__[registry] = Registry(self, state[registry])
        self.__dict__["_non_persistent_buffers_set"] = set(state["_non_persistent_buffers_set"])

    # ------------------------------------------------------------------ registration

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Enter a parameter under ``name``; None reserves the name, and there is nothing to learn.

        Raises:
            ModuleNameError: ``name`` is empty, has a dot, or is taken by something else. ArgumentTypeError: ``name`` is
                no string or ``param`` no Parameter. ArgumentError: ``param`` is a result, not a leaf.
        """
        self._need_init("_parameters", "parameter")
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(
                f"cannot assign '{type_name(param)}' object to parameter '{name}' "
                "(lepton.nn.Parameter or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ArgumentError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. "
                f"To express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        self._enter("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Enter a tensor that is state but is not learnt; with ``persistent`` it is part of the state_dict.

        Raises:
            ModuleNameError: ``name`` is empty, has a dot, or is taken by something else. ArgumentTypeError: ``name`` is
                no string or ``tensor`` no tensor.
        """
        self._need_init("_buffers", "buffer")
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{type_name(tensor)}' object to buffer '{name}' (lepton.Tensor or None required)"
            )
        self._enter("_buffers", name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as :meth:`add_module`."""
        self.add_module(name, module)

    def add_module(self, name: str, module: Module | None) -> None:
        """Enter a child module under ``name``.

        Raises:
            ModuleNameError: ``name`` is empty, has a dot, or is taken by something else. ArgumentTypeError: ``name`` is
                no string or ``module`` no Module.
        """
        if module is not None and not isinstance(module, Module):
            raise ArgumentTypeError(f"{type_name(module)} is not a Module subclass")
        self._need_init("_modules", "module")
        self._check_name("module", name, "_modules")
        self._enter("_modules", name, module)

    def _check_name(self, what: str, name: Any, registry: str) -> None:
        if not isinstance(name, str):
            raise ArgumentTypeError(f"{what} name should be a string. Got {type_name(name)}")
        if name not in self.__dict__[registry] and hasattr(self, name):
            raise ModuleNameError(f"attribute '{name}' already exists")
        if "." in name:
            raise ModuleNameError(f"{what} name can't contain \".\", got: {name}")
        if name == "":
            raise ModuleNameError(f'{what} name can\'t be empty string ""')

    # ------------------------------------------------------------------ looking through

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and everything in it, each with its dotted name, parents before children."""
        seen = set() if memo is None else memo
        if self in seen:
            return
        if remove_duplicate:
            seen.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(seen, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and everything in it, each once, or with ``remove_duplicate=False`` as often as it is there."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly in this one, each once, with their names."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly in this one, each once."""
        for _, module in self.named_children():
            yield module

    def _named_tensors(
        self, registry: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(None, prefix, remove_duplicate) if recurse else ((prefix, self),)
        for path, module in modules:
            for name, value in module.__dict__[registry].items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names; with ``recurse`` those of all modules in this one too."""
        return self._named_tensors("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once: what an optimizer is given."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names; with ``recurse`` those of all modules in this one too."""
        return self._named_tensors("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> Module:
        """The module of the dotted name ``target``; the empty name is this module.

        Raises:
            ModuleAttributeError: there is no such module.
        """
        module: Module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise ModuleAttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise ModuleAttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put ``module`` in the place of the dotted name ``target``; with ``strict`` there must be one already.

        Raises:
            ModuleAttributeError: the module that is to hold it does not exist, or what it replaces is no module.
            ArgumentError: ``target`` is empty, or ``module`` is no module.
        """
        if target == "":
            raise ArgumentError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ArgumentError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent.get_submodule(name)
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of the dotted name ``target``.

        Raises:
            ModuleAttributeError: there is no such parameter.
        """
        found = self._get_tensor(target)
        if not isinstance(found, Parameter):
            raise ModuleAttributeError(f"`{target.rpartition('.')[2]}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of the dotted name ``target``.

        Raises:
            ModuleAttributeError: there is no such buffer.
        """
        found = self._get_tensor(target)
        path, _, name = target.rpartition(".")
        if name not in self.get_submodule(path)._buffers:
            raise ModuleAttributeError(f"`{name}` is not a buffer")
        return found

    def _get_tensor(self, target: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise ModuleAttributeError(f"{type(module).__name__} has no attribute `{name}`")
        return getattr(module, name)

    # ------------------------------------------------------------------ changing everything at once

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` on every module in this one, children first, then on itself; returns itself."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Put ``fn`` of each parameter, gradient and buffer in its place. A parameter stays the same object."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    parameter.data = fn(parameter)
                    if parameter._grad is not None:
                        parameter._grad.data = fn(parameter._grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``, in place; returns itself.

        A ``dtype`` converts floating parameters and buffers only.

        Raises:
            ArgumentTypeError: ``dtype`` is not floating, or the arguments are none of these forms.
            DeviceError: there is no such device.
        """
        dtype, device, _ = parse_to(args, kwargs)
        if dtype is not None and not dtype.is_floating_point:
            raise ArgumentTypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}")
        return self._apply(lambda t: t.to(device=device, dtype=dtype if t.is_floating_point() else None))

    def _to_floating(self, dtype: dtypes.dtype) -> Self:
        return self._apply(lambda t: t.to(dtype=dtype) if t.is_floating_point() else t)

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32, in place; returns itself."""
        return self._to_floating(dtypes.float32)

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64, in place; returns itself."""
        return self._to_floating(dtypes.float64)

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16, in place; returns itself."""
        return self._to_floating(dtypes.float16)

    def bfloat16(self) -> Self:
        """Convert floating parameters and buffers to bfloat16, in place; returns itself."""
        return self._to_floating(dtypes.bfloat16)

    def type(self, dst_type: dtypes.dtype) -> Self:
        """Convert all parameters and buffers to ``dst_type``, in place; returns itself."""
        return self._apply(lambda t: t.to(dtype=dtypes.as_dtype(dst_type)))

    def cpu(self) -> Self:
        """Move parameters and buffers to the CPU, in place; returns itself."""
        return self.to(devices.CPU)

    def cuda(self, device: int | devices.device | None = None) -> Self:
        """Move parameters and buffers to a CUDA device, in place; returns itself."""
        return self.to("cuda" if device is None else device)

    def to_empty(self, *, device: devices.device | str | int | None, recurse: bool = True) -> Self:
        """Put tensors whose elements have no values yet in the place of parameters and buffers; returns itself.

        Args:
            device: where they are to be, None for where they are. recurse: those of all modules in this one too.
        """
        return self._apply(lambda t: empty_like(t, device=device), recurse)

    def train(self, mode: bool = True) -> Self:
        """Choose training mode (or with False evaluation mode) for this module and all in it; returns itself.

        Raises:
            ArgumentError: ``mode`` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ArgumentError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Choose evaluation mode for this module and all in it; returns itself."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Ask for gradients of all parameters, or freeze them; returns itself."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the parameters' gradients, or with ``set_to_none=False`` fill them with zeros."""
        for parameter in self.parameters():
            if parameter._grad is not None:
                if set_to_none:
                    parameter._grad = None
                else:
                    parameter._grad = parameter._grad.detach().zero_()

    # ------------------------------------------------------------------ state

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """All parameters and persistent buffers by their dotted names, in an ``OrderedDict``.

        Args:
            destination: a mapping to write into instead of a new one. prefix: put before every name.
            keep_vars: give the parameters themselves, not tensors detached from the graph that share their memory.
        """
        return module_state.state_of(self, destination, prefix, keep_vars)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        module_state.save_own(self, destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy parameters and buffers from ``state_dict`` into this module and all in it, or change nothing and raise.

        Args:
            state_dict: what :meth:`state_dict` of such a module gave.
            strict: its keys must be exactly those of this module.
            assign: take the tensors themselves, with their types and devices, instead of copying their values.

        Returns:
            ``(missing_keys, unexpected_keys)``.

        Raises:
            StateDictError: a key is missing or unexpected (if ``strict``), a shape differs, a value is no tensor, or
                the versions that the state carries are no numbers.
            ArgumentTypeError: ``state_dict`` is no mapping, or a key of it no string.
        """
        return module_state.load_into(self, state_dict, strict, assign)

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        module_state.plan_own(
            self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def get_extra_state(self) -> Any:
        """What else belongs to the state_dict; a class that has such state overrides this and ``set_extra_state``."""
        raise StateDictError(f"{type(self).__name__} has no extra state: override get_extra_state() to give it some")

    get_extra_state.is_default = True  # type: ignore[attr-defined]

    def set_extra_state(self, state: Any) -> None:
        """Take back what ``get_extra_state`` gave."""
        raise StateDictError(f"{type(self).__name__} has no extra state: override set_extra_state() to take some")

    set_extra_state.is_default = True  # type: ignore[attr-defined]

    # ------------------------------------------------------------------ hooks

    def _hook_table(self) -> ModuleHooks:
        if self._hooks is None:
            self.__dict__["_hooks"] = ModuleHooks()
        hooks = self._hooks
        assert hooks is not None
        return hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns (if not None) are the arguments instead.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)`` and returns None or ``(args, kwargs)``. ``prepend``
        puts it before the hooks that are there.
        """
        return RemovableHandle(self._hook_table().forward_pre, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; what it returns (if not None) is the output instead.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``. With ``always_call`` it is also called, with
        output None, when ``forward`` raises. ``prepend`` puts it before the hooks that are there.
        """
        return RemovableHandle(self._hook_table().forward, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the module's backward; it may return another ``grad_output``."""
        return RemovableHandle(self._hook_table().backward_pre, hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` after the module's backward.

        Both are tuples with None where there is no gradient; what it returns (if not None) is ``grad_input`` instead.
        """
        return RemovableHandle(self._hook_table().backward, hook, prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before this module's state is written into a state_dict."""
        return RemovableHandle(self._hook_table().state_dict_pre, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after the state of this module was written."""
        return RemovableHandle(self._hook_table().state_dict_post, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a hook before this module's part of a state_dict is loaded.

        ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)`` may
        change ``state_dict`` (a copy) and the lists.
        """
        return RemovableHandle(self._hook_table().load_pre, hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; removing keys from the lists excuses them."""
        return RemovableHandle(self._hook_table().load_post, hook)

    # ------------------------------------------------------------------ how it prints

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What a layer shows between its parentheses; for subclasses to override."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        own = extra.split("\n") if extra else []
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        return in_parentheses(self._get_name(), own, children)
