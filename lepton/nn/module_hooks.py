"""What is attached to a Module: the hooks around ``forward``, around its backward, and around its state_dict."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from lepton.autograd.op import Op, link_view
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentTypeError, HookError

__all__ = ["BackwardHooks", "ModuleHooks"]

_INSIDE_HOOKS = "as the input or output of a module with full backward hooks"


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

    def call(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``module.forward`` with every hook around it."""
        done: set[int] = set()
        result = None
        try:
            args, kwargs = self._before(module, args, kwargs)
            backward = BackwardHooks(module, self) if self.backward or self.backward_pre else None
            if backward is not None:
                args = backward.around_inputs(args)
            result = module.forward(*args, **kwargs)
            for key, (hook, with_kwargs, _) in list(self.forward.items()):
                done.add(key)
                result = _forward_hook(hook, with_kwargs, module, args, kwargs, result)
            return result if backward is None else backward.around_outputs(result)
        except Exception:
            for key, (hook, with_kwargs, always) in list(self.forward.items()):
                if always and key not in done:
                    result = _forward_hook(hook, with_kwargs, module, args, kwargs, result)
            raise

    def _before(
        self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for hook, with_kwargs in list(self.forward_pre.values()):
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


def _forward_hook(
    hook: Callable[..., Any], with_kwargs: bool, module: Any, args: Any, kwargs: dict[str, Any], result: Any
) -> Any:
    answer = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
    return result if answer is None else answer


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

    __slots__ = ("module", "hooks", "grad_output", "inputs", "entered")

    def __init__(self, module: Any, hooks: ModuleHooks) -> None:
        self.module = module
        self.hooks = hooks
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
        for hook in list(self.hooks.backward_pre.values()):
            answer = hook(self.module, grads)
            if answer is not None:
                grads = _checked(answer, len(grads), "pre hook", "grad_output")
        if self.entered:
            self.grad_output = grads
            return grads
        for hook in list(self.hooks.backward.values()):
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
        for hook in list(self.hooks.backward.values()):
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
