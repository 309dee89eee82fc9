"""What the recorded graph keeps and tells: hooks on saved tensors, hooks on several gradients, versions."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lepton.autograd.hooks import RemovableHandle
from lepton.autograd.op import Op as Node
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ArgumentTypeError, ContractError, GradError

__all__ = [
    "Node", "disable_saved_tensors_hooks", "increment_version", "register_multi_grad_hook", "save_on_cpu",
    "saved_tensors_hooks",
]  # fmt: skip


class saved_tensors_hooks:  # noqa: N801 - the name is PyTorch's
    """Within the block, what ops save for backward is kept as ``pack_hook`` makes it.

    ``pack_hook(tensor)`` is called for every tensor that an op saves, without recording; what it returns, anything, is
    kept. ``unpack_hook`` is given that when backward needs the tensor, and returns a tensor of the same values. Of
    nested pairs only the innermost is used. A hook that returns the tensor itself makes a reference cycle;
    ``tensor.detach()`` does not.

    Raises:
        ArgumentTypeError (on entering): a hook cannot be called; or in backward: ``unpack_hook`` returned no tensor.
        GradError (on entering): within :class:`disable_saved_tensors_hooks`; or when an op is recorded: ``pack_hook``
            wrote to the tensor.
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook
        self._previous: list[Any] = []

    def __enter__(self) -> None:
        if STATE.saved_hooks_refused is not None:
            raise GradError(STATE.saved_hooks_refused)
        for name, hook in (("pack_hook", self.pack_hook), ("unpack_hook", self.unpack_hook)):
            if not callable(hook):
                raise ArgumentTypeError(f"saved_tensors_hooks: {name} must be callable, not {type(hook).__name__}")
        self._previous.append(STATE.saved_hooks)
        STATE.saved_hooks = (self.pack_hook, self.unpack_hook)

    def __exit__(self, *exception: object) -> None:
        STATE.saved_hooks = self._previous.pop()


class save_on_cpu(saved_tensors_hooks):  # noqa: N801 - the name is PyTorch's
    """Within the block, what ops save for backward is moved to the CPU, and back when backward needs it.

    Args:
        pin_memory, device_type: accepted as PyTorch's; memory is never pinned.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: (tensor.device, tensor.detach().cpu()), lambda kept: kept[1].to(kept[0]))


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within the block, setting hooks on saved tensors raises ``GradError`` with this message.

    Raises:
        GradError: there are hooks already.
    """
    if STATE.saved_hooks is not None:
        raise GradError(error_message)
    previous, STATE.saved_hooks_refused = STATE.saved_hooks_refused, error_message
    try:
        yield
    finally:
        STATE.saved_hooks_refused = previous


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Tell autograd that a tensor's memory, or that of each of several, was written to behind its back."""
    for each in (tensor,) if isinstance(tensor, Tensor) else tensor:
        if each._cell is not None:
            each._cell[0] += 1


class _Handles:
    """Detaches several hooks at once."""

    __slots__ = ("_handles",)

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self._handles = handles

    def remove(self) -> None:
        """Detach the hooks; a second call does nothing."""
        for each in self._handles:
            each.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all") -> _Handles:
    """Call ``fn`` when a backward has computed the gradients of several tensors.

    Args:
        tensors: results or leaves that require a gradient.
        fn: with ``mode="all"`` called with the list of all gradients, None for tensors that this backward does not
            reach; with ``mode="any"`` called with the first one that is known.

    Returns:
        A handle, whose ``remove()`` detaches the hook.

    Raises:
        ArgumentError: there is no such mode. ContractError: a tensor requires no gradient (with ``"all"``).
    """
    if mode not in ("all", "any"):
        raise ArgumentError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    called: weakref.WeakSet[Any] = weakref.WeakSet()

    def once(gradient: Tensor) -> None:
        if STATE.run not in called:
            called.add(STATE.run)
            fn(gradient)

    if mode == "any":
        return _Handles([each.register_hook(once) for each in tensors if each.requires_grad])
    for place, each in enumerate(tensors):
        if not each.requires_grad:
            raise ContractError(f"Expected gradient function to be set, but tensor {place} requires no gradient")
    nodes = [each if each.grad_fn is None else each.grad_fn for each in tensors]
    found: weakref.WeakKeyDictionary[Any, list[Tensor | None]] = weakref.WeakKeyDictionary()

    def at(place: int) -> Callable[[Tensor], None]:
        def collect(gradient: Tensor) -> None:
            run = STATE.run
            gradients = found.setdefault(run, [None] * len(nodes))
            gradients[place] = gradient
            if sum(each is not None for each in gradients) == sum(node in run.counts for node in nodes):
                fn(found.pop(run))

        return collect

    return _Handles([each.register_hook(at(place)) for place, each in enumerate(tensors)])
