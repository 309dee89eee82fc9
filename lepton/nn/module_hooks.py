"""What is attached to a Module: the hooks around ``forward``, around its backward, and around its state_dict."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from lepton.autograd.hooks import RemovableHandle
from lepton.autograd.op import Op, link_view
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentTypeError, HookError

__all__ = [
    "COMMON",
    "REGISTRATION",
    "BackwardHooks",
    "ModuleHooks",
    "call_with_hooks",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
    "registered",
]

_INSIDE_HOOKS = "as the input or output of a module with full backward hooks"

COMMON: dict[int, tuple[str, Any]] = {}  # hooks of all modules: their kind, and what ``ModuleHooks`` holds of one
REGISTRATION: dict[int, tuple[str, Callable[..., Any]]] = {}  # hooks of all modules: to which registry they belong


class ModuleHooks:
    """A module's hooks by kind, each a dict from the handle's id to the hook (with its flags where it has some)."""

    __slots__ = (
        "forward_pre",
        "forward",
        "backward_pre",
        "backward",
        "state_dict_pre",
        "state_dict_post",
        "load_pre",
        "load_post",
    )

    def __init__(self) -> None:
        self.forward_pre: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.forward: dict[int, tuple[Callable[..., Any], bool, bool]] = {}
        self.backward_pre: dict[int, Callable[..., Any]] = {}
        self.backward: dict[int, Callable[..., Any]] = {}
        self.state_dict_pre: dict[int, Callable[..., Any]] = {}
        self.state_dict_post: dict[int, Callable[..., Any]] = {}
        self.load_pre: dict[int, Callable[..., Any]] = {}
        self.load_post: dict[int, Callable[..., Any]] = {}

    def of(self, kind: str) -> dict[int, Any]:
        """The hooks of one kind: those of all modules, then the module's own."""
        own: dict[int, Any] = getattr(self, kind)
        return {key: hook for key, (each, hook) in COMMON.items() if each == kind} | own if COMMON else dict(own)

    def call(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``module.forward`` with every hook around it."""
        done: set[int] = set()
        result = None
        try:
            args, kwargs = self._before(module, args, kwargs)
            pre, full = list(self.of("backward_pre").values()), list(self.of("backward").values())
            backward = BackwardHooks(module, pre, full) if pre or full else None
            if backward is not None:
                args = backward.around_inputs(args)
            result = module.forward(*args, **kwargs)
            for key, (hook, with_kwargs, _) in self.of("forward").items():
                done.add(key)
                result = _forward_hook(hook, with_kwargs, module, args, kwargs, result)
            return result if backward is None else backward.around_outputs(result)
        except Exception:
            for key, (hook, with_kwargs, always) in self.of("forward").items():
                if always and key not in done:
                    result = _hook_after_error(hook, with_kwargs, module, args, kwargs, result)
            raise

    def _before(
        self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for hook, with_kwargs in self.of("forward_pre").values():
            if not with_kwargs:
                answer = hook(module, args)
                if answer is not None:
                    args = answer if isinstance(answer, tuple) else (answer,)
                continue
            answer = hook(module, args, kwargs)
            if answer is not None:
                if not (isinstance(answer, tuple) and len(answer) == 2):
                    raise HookError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {answer!r} from {hook!r}."
                    )
                args, kwargs = answer
        return args, kwargs


def call_with_hooks(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``module.forward`` with the hooks of all modules and the module's own around it."""
    return (_NO_HOOKS if module._hooks is None else module._hooks).call(module, args, kwargs)


def _forward_hook(
    hook: Callable[..., Any], with_kwargs: bool, module: Any, args: Any, kwargs: dict[str, Any], result: Any
) -> Any:
    answer = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
    return result if answer is None else answer


def _hook_after_error(
    hook: Callable[..., Any], with_kwargs: bool, module: Any, args: Any, kwargs: dict[str, Any], result: Any
) -> Any:
    """Call a hook that is always called; the error that is under way goes before its own, which gives a warning."""
    try:
        return _forward_hook(hook, with_kwargs, module, args, kwargs, result)
    except Exception as error:  # noqa: BLE001 - whatever a user's hook raises
        warnings.warn(
            "module forward hook with ``always_call=True`` raised an exception that was silenced as another error was "
            f"raised in forward: {error}",
            stacklevel=5,
        )
        return result


class Boundary(Op):
    """z = x, at the edge of a module with backward hooks          ∂L/∂x = g, or what a hook returned"""

    __slots__ = ("observe",)
    several = True

    def __init__(self, observe: Callable[[tuple[Tensor | None, ...]], tuple[Tensor | None, ...]]) -> None:
        self.observe = observe

    def forward(self, *inputs: Any) -> Any:
        return inputs

    def backward(self, g: Any) -> Any:
        arriving = list(g) + [None] * (len(self.edges) - len(g))
        recorded = any(isinstance(each, Tensor) for each in arriving)
        shown = tuple([each if each is None or recorded else Tensor(each.copy()) for each in arriving])
        leaving = self.observe(shown)
        return tuple([each if each is None or recorded else each._data for each in leaving])

    def on_tensors(self, tensors: list[Tensor]) -> list[Tensor]:
        """The same tensors, on the graph behind this boundary."""
        made = self(*tensors)
        for source, each in zip(tensors, made, strict=True):
            link_view(source, each, (), _INSIDE_HOOKS)
        return list(made)


class BackwardHooks:
    """The backward hooks of one call of a module.

    Its output passes through a boundary that notes (and lets the pre-hooks change) ``grad_output``; its inputs pass
    through one where ``grad_input`` is known and the hooks are called. Without an input that requires a gradient the
    hooks are called at the output already, with None for every ``grad_input``.
    """

    __slots__ = ("module", "pre", "full", "grad_output", "inputs", "entered")

    def __init__(self, module: Any, pre: list[Callable[..., Any]], full: list[Callable[..., Any]]) -> None:
        self.module = module
        self.pre, self.full = pre, full
        self.grad_output: tuple[Tensor | None, ...] | None = None
        self.inputs = 0
        self.entered = False

    def around_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with the boundary at which ``grad_input`` is seen."""
        self.inputs = len(args)
        wrapped, self.entered = _through(args, self._at_inputs)
        return wrapped

    def around_outputs(self, result: Any) -> Any:
        """The result, with the boundary at which ``grad_output`` is seen."""
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                f"but received {type(result)}",
                stacklevel=4,
            )
            return result
        wrapped, _ = _through(result if isinstance(result, tuple) else (result,), self._at_outputs)
        return wrapped if isinstance(result, tuple) else wrapped[0]

    def _at_outputs(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in self.pre:
            answer = hook(self.module, grads)
            if answer is not None:
                grads = _checked(answer, len(grads), "pre hook", "grad_output")
        if self.entered:
            self.grad_output = grads
            return grads
        if self.full:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no "
                f"inputs require gradients (on {type(self.module).__name__}).",
                stacklevel=6,
            )
        for hook in self.full:
            answer = hook(self.module, (None,) * self.inputs, grads)
            if answer is not None and not (isinstance(answer, tuple) and all(each is None for each in answer)):
                raise HookError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    f"all gradients; {hook!r} on {type(self.module).__name__} returned {type(answer).__name__}."
                )
        return grads

    def _at_inputs(self, grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        if self.grad_output is None:
            raise HookError(
                f"Module backward hook for grad_input is called before the grad_output one, on "
                f"{type(self.module).__name__}. Its output must depend on its inputs through the returned tensors only."
            )
        for hook in self.full:
            answer = hook(self.module, grads, self.grad_output)
            if answer is not None:
                grads = _checked(answer, len(grads), "hook", "grad_input")
        self.grad_output = None
        return grads


def _through(
    values: tuple[Any, ...], observe: Callable[[tuple[Tensor | None, ...]], tuple[Tensor | None, ...]]
) -> tuple[tuple[Any, ...], bool]:
    """The values with their tensors behind a boundary, and whether there was a gradient to see."""
    places = [i for i, each in enumerate(values) if isinstance(each, Tensor)]
    if not STATE.grad_enabled or not any(values[i].requires_grad for i in places):
        return values, False

    def at_places(grads: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        whole: list[Tensor | None] = [None] * len(values)
        for place, grad in zip(places, grads, strict=True):
            whole[place] = grad
        answer = observe(tuple(whole))
        return tuple([answer[place] for place in places])

    wrapped = list(values)
    for place, each in zip(places, Boundary(at_places).on_tensors([values[i] for i in places]), strict=True):
        wrapped[place] = each
    return tuple(wrapped), True


def _checked(answer: Any, count: int, which: str, what: str) -> tuple[Tensor | None, ...]:
    answers = answer if isinstance(answer, tuple) else (answer,)
    if len(answers) != count:
        raise HookError(
            f"Backward {which} returned an invalid number of {what}, got {len(answers)}, but expected {count}"
        )
    for each in answers:
        if each is not None and not isinstance(each, Tensor):
            raise ArgumentTypeError(f"Backward {which} must return Tensors or None, not {type(each).__name__}")
    return answers


# ---------------------------------------------------------------------- hooks of all modules

_NO_HOOKS = ModuleHooks()


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, args)`` before the ``forward`` of every module, before its own pre-hooks.

    What it returns (if not None) are the arguments instead.
    """
    return RemovableHandle(COMMON, ("forward_pre", (hook, False)))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the ``forward`` of every module, before its own hooks.

    What it returns (if not None) is the output instead. With ``with_kwargs`` it is ``hook(module, args, kwargs,
    output)``; with ``always_call`` it is also called, with output None, when ``forward`` raises.
    """
    return RemovableHandle(COMMON, ("forward", (hook, with_kwargs, always_call)))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before the backward of every module; it may return another one."""
    return RemovableHandle(COMMON, ("backward_pre", hook))


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` after the backward of every module; it may return the former."""
    return RemovableHandle(COMMON, ("backward", hook))


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, param)`` when any module is given a parameter; it may return another one."""
    return RemovableHandle(REGISTRATION, ("_parameters", hook))


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` when any module is given a buffer; it may return another one."""
    return RemovableHandle(REGISTRATION, ("_buffers", hook))


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` when any module is given a child; it may return another one."""
    return RemovableHandle(REGISTRATION, ("_modules", hook))


def registered(module: Any, registry: str, name: str, value: Any) -> Any:
    """What ``module`` enters into one of its registries: ``value``, or what a hook of all modules gave for it."""
    if value is None and registry == "_parameters":
        return None  # a name without a parameter; PyTorch shows hooks None for buffers and children alone
    for kind, hook in list(REGISTRATION.values()):
        if kind == registry:
            answer = hook(module, name, value)
            value = value if answer is None else answer
    return value
