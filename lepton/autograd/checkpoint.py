"""Checkpoints: what a function's ops save is dropped, and computed once more when backward needs it.

Memory for time (Chen, Xu, Zhang and Guestrin, *Training Deep Nets with Sublinear Memory Cost*, 2016). Two mechanisms
have PyTorch's names. The one to use, ``use_reentrant=False``, is built on the hooks of saved tensors: the function
records its graph as ever, but an empty :class:`_Holder` stands for each tensor that an op saves. The first of them that
backward unpacks lets the function run again, and the tensors that its ops then save fill the holders, in order. The
other, ``use_reentrant=True``, records the function as one node, whose backward runs the function again and a backward
of its own.
"""

from __future__ import annotations

import sys
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from lepton.autograd.engine import backward
from lepton.autograd.function import Function
from lepton.autograd.graph import saved_tensors_hooks
from lepton.autograd.saving import pack, unpack
from lepton.autograd.state import STATE, enable_grad, no_grad
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.random import current_generator, using
from lepton.errors import ArgumentError, GradError, RecomputationError, VersionError

__all__ = [
    "CheckpointFunction", "check_backward_validity", "checkpoint", "checkpoint_sequential", "detach_variable",
    "noop_context_fn", "set_checkpoint_debug_enabled", "set_checkpoint_early_stop",
]  # fmt: skip

Kind = tuple[Any, Any, Any]  # shape, type and device
Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


def noop_context_fn() -> Contexts:
    """Two contexts that do nothing: :func:`checkpoint`'s default ``context_fn``."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, keeping its arguments in place of what its ops save; backward runs it again.

    Args:
        function: what to run. It must do the same when it runs again; its random draws are the same, and buffers such
            as running statistics are updated in the first run alone.
        use_reentrant: which mechanism. False: works with ``autograd.grad``, higher derivatives, keyword arguments and
            nested structures. True: gradients reach tensors among ``args`` only, ``backward()`` alone can be used, and
            one of ``args`` must require a gradient. To be given; left out it is True, with a warning.
        context_fn: gives two contexts, in which the function runs first and again.
        determinism_check: ``"default"``: compare shapes, types and devices of what is computed again; ``"none"``.
        debug: let the error about a difference list where in the code each tensor was saved.
        early_stop: end the second run as soon as the last tensor that is needed is there.
        preserve_rng_state: (keyword) False: let the second run draw other random numbers.

    Returns:
        What the function returns.

    Raises:
        ArgumentError: keyword arguments, ``context_fn`` or ``debug`` with ``use_reentrant=True``, or no such
            ``determinism_check``. RecomputationError (in backward): the second run saved other tensors. VersionError
            (in backward): an argument was written to since.
    """
    if use_reentrant is None:
        _warn_of_default("checkpoint")
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ArgumentError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ArgumentError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if _OVERRIDES.debug is not None:
        debug = _OVERRIDES.debug
    if _OVERRIDES.early_stop is not None:
        early_stop = _OVERRIDES.early_stop
    if debug and context_fn is not noop_context_fn:
        raise ArgumentError("debug=True is incompatible with non-default context_fn")
    if determinism_check not in ("default", "none"):
        raise ArgumentError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    first, second = context_fn()
    if not STATE.grad_enabled:
        return function(*args, **kwargs)
    frame = _Frame(_again(function, kwargs, preserve, second), args, determinism_check == "default", debug, early_stop)
    done = False
    with saved_tensors_hooks(frame.pack, frame.unpack), first:
        result = function(*args, **kwargs)
        done = True
    if not done:
        raise RecomputationError(
            "checkpoint: the forward context provided by context_fn suppressed an exception raised during the "
            "checkpointed forward, so that there is no result to return"
        )
    frame.complete = True
    return result


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Run functions, or a ``Sequential``, one after the other, each of ``segments`` runs but the last checkpointed.

    Args:
        functions: modules or functions of one argument.
        segments: how many runs they are cut into, at most as many as there are functions.
        input: of the first function.
        use_reentrant: as for :func:`checkpoint`. preserve_rng_state: (keyword) as for :func:`checkpoint`.

    Raises:
        ArgumentError: other keyword arguments, or a number of segments that cannot be.
    """
    if use_reentrant is None:
        _warn_of_default("checkpoint_sequential")
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ArgumentError("Unexpected keyword arguments: " + ",".join(kwargs))
    listed = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 0 < segments <= len(listed):
        raise ArgumentError(f"checkpoint_sequential: {len(listed)} functions cannot be cut into {segments} segments")

    def run(part: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
        def forward(value: Any) -> Any:
            for each in part:
                value = each(value)
            return value

        return forward

    size = len(listed) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        part = run(listed[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return run(listed[last:])(input)


def _warn_of_default(name: str) -> None:
    warnings.warn(
        f"lepton.utils.checkpoint.{name}: the use_reentrant parameter should be passed explicitly. use_reentrant=False "
        "is recommended; the default is use_reentrant=True, as in PyTorch.",
        stacklevel=3,
    )


# ---------------------------------------------------------------------- settings of a block


class _Overrides(threading.local):
    """What this thread sets for all checkpoints; None leaves it to each."""

    early_stop: bool | None = None
    debug: bool | None = None


_OVERRIDES = _Overrides()


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within the block, all new checkpoints have this ``early_stop``, wherever their backward runs."""
    previous, _OVERRIDES.early_stop = _OVERRIDES.early_stop, enable
    try:
        yield
    finally:
        _OVERRIDES.early_stop = previous


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Within the block, all new checkpoints have this ``debug``; None leaves it to each."""
    previous, _OVERRIDES.debug = _OVERRIDES.debug, enabled
    try:
        yield
    finally:
        _OVERRIDES.debug = previous


# ---------------------------------------------------------------------- the same surroundings


class _Surroundings:
    """The random state and the autocast of the first run, to be there again in the second, which spares buffers."""

    def __init__(self, preserve: bool) -> None:
        self.generator = current_generator() if preserve else None
        self.state = None if self.generator is None else self.generator.get_state_bytes()
        self.autocast = STATE.autocast

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Within the block everything is as it was; afterwards, as it is now."""
        now = STATE.autocast, STATE.recomputing
        STATE.autocast, STATE.recomputing = self.autocast, True
        try:
            if self.generator is None or self.state is None:
                yield
            else:
                drawn = self.generator.get_state_bytes()
                self.generator.set_state_bytes(self.state)
                try:
                    with using(self.generator):
                        yield
                finally:
                    self.generator.set_state_bytes(drawn)
        finally:
            STATE.autocast, STATE.recomputing = now


def _again(
    function: Callable[..., Any], kwargs: dict[str, Any], preserve: bool, context: AbstractContextManager[Any]
) -> Callable[..., None]:
    """The second run: of its result nothing is needed."""
    surroundings = _Surroundings(preserve)

    def again(*args: Any) -> None:
        with surroundings.restored(), context:
            function(*args, **kwargs)

    return again


# ---------------------------------------------------------------------- without a node of its own


class _Holder:
    """Stands in the graph for a saved tensor; holds it from the second run until it is unpacked."""

    __slots__ = ("value", "__weakref__")

    def __init__(self) -> None:
        self.value: Tensor | None = None


class _Enough(BaseException):
    """Ends the second run. Not an Exception, so that no function catches it on its way."""


class _Argument:
    """A tensor among the arguments, kept as an op would keep it: by the hooks of a checkpoint around this one."""

    __slots__ = ("kept", "unpack_hook", "version", "edge")

    def __init__(self, tensor: Tensor) -> None:
        self.edge = tensor._target() if tensor.requires_grad else None
        self.kept: Any = tensor
        self.unpack_hook: Any = None
        self.version = None if tensor._cell is None else tensor._cell[0]
        if STATE.saved_hooks is not None:
            self.kept, self.unpack_hook, _, _ = pack(tensor, None)

    def restored(self) -> Tensor:
        """The tensor on its place in the graph."""
        if self.unpack_hook is not None:
            found = Tensor(unpack(self.kept, self.unpack_hook)._data)
            if self.edge is not None:
                found._edge, found._needs = self.edge, True
            return found
        tensor: Tensor = self.kept
        if tensor._cell is not None and tensor._cell[0] != self.version:
            raise VersionError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: an "
                f"argument of a checkpointed function, of shape {list(tensor.shape)}, is at version {tensor._cell[0]}; "
                f"expected version {self.version} instead. Write to a copy (tensor.clone()), or let the function do so."
            )
        return tensor


class _Frame:
    """One checkpointed call: its arguments, and a weak reference to each holder that its ops got.

    Attributes:
        complete: whether the first run is over. loose: a backward inside of the first run has seen a second run that
            went further than the first one had, so that the two cannot be compared.
        saved, saved_again: shape, type and device of each tensor of the first and of the second run; places: where in
            the code they were saved (two lists that stay empty unless there is ``debug``).
    """

    def __init__(
        self, again: Callable[..., None], args: tuple[Any, ...], compared: bool, debug: bool, early_stop: bool
    ) -> None:
        self.again, self.compared, self.debug, self.early_stop = again, compared, debug, early_stop
        self.args = [_Argument(each) if isinstance(each, Tensor) else each for each in args]
        self.holders: list[weakref.ref[_Holder]] = []
        self.saved: list[Kind] = []
        self.saved_again: list[Kind] = []
        self.places: tuple[list[str], list[str]] = ([], [])
        self.complete = self.loose = False

    def pack(self, tensor: Tensor) -> _Holder:
        """In the first run: a holder in place of the tensor."""
        holder = _Holder()
        self.holders.append(weakref.ref(holder))
        self.saved.append(_kind(tensor))
        if self.debug:
            self.places[0].append(_place())
        return holder

    def unpack(self, holder: _Holder) -> Tensor:
        """The tensor that the holder stands for, after a second run if it is empty."""
        if holder.value is None:
            self._run_again()
        value, holder.value = holder.value, None
        if value is None:
            raise self._error("A tensor that was saved during the original forward was not saved again.")
        return value

    def _run_again(self) -> None:
        self.saved_again.clear()
        self.places[1].clear()
        args = [each.restored() if isinstance(each, _Argument) else each for each in self.args]
        try:
            with saved_tensors_hooks(self._pack_again, lambda tensor: tensor), enable_grad():
                self.again(*args)
        except _Enough:
            pass
        self._compare()

    def _pack_again(self, tensor: Tensor) -> Tensor:
        """In the second run: fill the next holder. The graph of this run keeps the tensor too, for its own backward."""
        tensor = tensor.detach()
        place = len(self.saved_again)
        self.saved_again.append(_kind(tensor))
        if self.debug:
            self.places[1].append(_place())
        if place >= len(self.holders):
            if self.complete:
                raise self._error("More tensors are saved during recomputation than during the original forward.")
            self.loose = True
            return tensor
        holder = self.holders[place]()
        if holder is not None:
            holder.value = tensor
        if self.early_stop and place + 1 == len(self.holders):
            raise _Enough
        return tensor

    def _compare(self) -> None:
        """Check that both runs saved the same.

        Raises:
            RecomputationError: they did not.
        """
        if self.loose:
            return
        if len(self.saved) != len(self.saved_again):
            raise self._error(
                "A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.saved)}\n"
                f"Number of tensors saved during recomputation: {len(self.saved_again)}."
            )
        pairs = zip(self.saved, self.saved_again, strict=True)
        wrong = [
            f"tensor at position {place}:\nsaved metadata: {_described(one)}\nrecomputed metadata: {_described(other)}"
            for place, (one, other) in enumerate(pairs)
            if self.compared and one != other
        ]
        if wrong:
            raise self._error(
                "Recomputed values for the following tensors have different metadata than during the forward pass.\n"
                + "\n".join(wrong)
            )

    def _error(self, message: str) -> RecomputationError:
        if not self.debug:
            tip = "Pass debug=True to checkpoint() to see where in the code each tensor was saved."
            return RecomputationError(f"checkpoint: {message}\n{tip}")
        for title, places, saved in (
            ("the original forward", self.places[0], self.saved),
            ("recomputation", self.places[1], self.saved_again),
        ):
            listed = [
                f"  {place}: {_described(what)} at {where}"
                for place, (what, where) in enumerate(zip(saved, places, strict=True))
            ]
            message += f"\nTensors saved during {title}:\n" + "\n".join(listed)
        return RecomputationError(f"checkpoint: {message}")


def _kind(tensor: Tensor) -> Kind:
    return tensor._data.shape, tensor._data.dtype, tensor.device


def _described(kind: Kind) -> str:
    return f"shape {list(kind[0])}, dtype {dtypes.of(kind[1])}, device {kind[2]}"


_PACKAGE = str(Path(__file__).parents[1])


def _place() -> str:
    """The line of the user's code that runs now."""
    for frame, line in traceback.walk_stack(sys._getframe()):
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            return f"{frame.f_code.co_filename}:{line}"
    return "an unknown place"


# ---------------------------------------------------------------------- as a node with a backward of its own


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors among ``inputs`` as new leaves that require a gradient where those did; the rest as it is.

    Raises:
        GradError: ``inputs`` is no tuple.
    """
    if not isinstance(inputs, tuple):
        raise GradError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(
        [each.detach().requires_grad_(each.requires_grad) if isinstance(each, Tensor) else each for each in inputs]
    )


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn if none of the tensors among ``inputs`` requires a gradient."""
    if not any(each.requires_grad for each in inputs if isinstance(each, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


class CheckpointFunction(Function):
    """``function(*args)`` as one node of the graph, whose backward runs it again."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        """Run the function without recording; keep its arguments."""
        check_backward_validity(args)
        ctx.run_function, ctx.surroundings = run_function, _Surroundings(preserve_rng_state)
        ctx.inputs = [None if isinstance(each, Tensor) else each for each in args]
        ctx.places = [place for place, each in enumerate(args) if isinstance(each, Tensor)]
        ctx.save_for_backward(*[args[place] for place in ctx.places])
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Run the function again, and a backward through it."""
        if STATE.run.captures is not None:
            raise GradError(
                "When use_reentrant=True, checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
                ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() "
                "without passing the `inputs` argument."
            )
        inputs = list(ctx.inputs)
        for place, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[place] = tensor.detach().requires_grad_(ctx.needs_input_grad[place + 2])
        with ctx.surroundings.restored(), enable_grad():
            outputs = ctx.run_function(*inputs)
        if isinstance(outputs, Tensor):
            outputs = (outputs,)
        pairs = zip(outputs, grad_outputs, strict=True)
        wanted = [(out, g) for out, g in pairs if isinstance(out, Tensor) and out.requires_grad]
        if not wanted:
            raise GradError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([out for out, _ in wanted], [g for _, g in wanted])
        return (None, None, *[each.grad if isinstance(each, Tensor) else None for each in inputs])
