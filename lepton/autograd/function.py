"""Operations that users define themselves, in PyTorch's ``ctx`` style, on top of the engine's own ``Op``.

::

    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

    z = Exp.apply(x)

Under ``create_graph=True`` the saved inputs and outputs come back as tensors on the graph, so a ``backward`` written
with tensor operations can be differentiated in turn.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any

from lepton.autograd.inplace import rebase
from lepton.autograd.op import FORWARD_LINES, Op
from lepton.autograd.saving import UNSHARED, pack
from lepton.autograd.state import STATE, no_grad
from lepton.autograd.tensor import Tensor, View
from lepton.backend.devices import xp
from lepton.errors import ArgumentTypeError, GradError, ShapeError


class FunctionCtx:
    """What one application of a Function remembers between its forward and its backward; any attribute may be set.

    Attributes:
        needs_input_grad: for each argument of ``forward`` whether its gradient is wanted.
    """

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True
        self._to_save: tuple[Any, ...] = ()
        self._saved: tuple[Any, ...] | None = None
        self._dirty: tuple[Tensor, ...] = ()
        self._constant: tuple[Tensor, ...] = ()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, outputs or intermediates for backward; a later write to one of them is then noticed.

        Raises:
            ArgumentTypeError: something else than a tensor or None; keep that as an attribute of ``ctx``.
        """
        for each in tensors:
            if each is not None and not isinstance(each, Tensor):
                raise ArgumentTypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(each).__name__}; "
                    "keep it as an attribute of ctx"
                )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What :meth:`save_for_backward` kept.

        Raises:
            GradError: outside of backward, or after the graph was freed.
        """
        if self._saved is None:
            raise GradError("saved_tensors can be read only while backward runs")
        return self._saved

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs ``forward`` changed in place; they must be among its outputs."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (True, the start) or None for outputs without gradient."""
        self.materialize_grads = value


class Function:
    """The base of user-defined operations: static methods ``forward`` and ``backward``; call ``.apply(...)``.

    ``forward(ctx, *args)`` computes on tensors, unrecorded, and returns a tensor or a tuple. In PyTorch's other style
    it is ``forward(*args)``, and ``setup_context(ctx, inputs, output)`` says what to keep. ``backward(ctx, *grads)``
    gets a gradient for each output and returns one for each argument of ``forward`` (None for those without).
    """

    @staticmethod
    def forward(*args: Any) -> Any:
        """Compute the outputs; see the class."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the gradients; see the class."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    setup_context: Any = None

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Compute, and record if an argument requires a gradient."""
        ctx = FunctionCtx()
        places = [i for i, each in enumerate(args) if isinstance(each, Tensor)]
        needs = tuple([isinstance(each, Tensor) and each.requires_grad for each in args])
        recorded = STATE.grad_enabled and any(needs)
        ctx.needs_input_grad = needs
        edges = [(args[i] if args[i]._edge is None else args[i]._edge) if needs[i] else None for i in places]
        with no_grad():
            if cls.setup_context is None:
                output = cls.forward(ctx, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
        single = not isinstance(output, tuple)
        outputs = [output] if single else list(output)
        _check_dirty(cls, ctx, outputs, recorded)
        inputs = [args[i] for i in places]
        outputs = [_own(each, ctx, inputs) for each in outputs]
        if recorded:
            node = _FunctionNode(cls, ctx, len(args), tuple(places), outputs)
            node.needs = tuple([needs[i] for i in places])
            node.edges, node.watch = tuple(edges), None
            node.restore = tuple([(each._data.shape, each._data.dtype) for each in inputs])
            node.saved = tuple([_save(each, ctx, inputs, outputs) for each in ctx._to_save])
            _attach(node, ctx, outputs)
            if STATE.anomaly:
                FORWARD_LINES[node] = "".join(traceback.format_stack()[:-1])
        ctx._to_save = ctx._dirty = ctx._constant = ()
        return outputs[0] if single else tuple(outputs)


class _FunctionNode(Op):
    """A user's Function on the graph."""

    __slots__ = ("function", "ctx", "arguments", "places", "metas", "restore")
    several = True
    restores = True
    may_alias = True

    def __init__(
        self, function: type[Function], ctx: FunctionCtx, arguments: int, places: tuple[int, ...], outputs: list[Any]
    ) -> None:
        self.function = function
        self.ctx = ctx
        self.arguments = arguments
        self.places = places
        self.metas = tuple([(each._data.shape, each._data.dtype, xp(each._data)) for each in outputs])
        self.restore: Any = None

    def name(self) -> str:  # type: ignore[override]
        return f"{self.function.__name__}Backward"

    def backward(self, g: Any, *saved: Any) -> Any:
        recorded = STATE.grad_enabled
        grads: list[Any] = list(g) + [None] * (len(self.metas) - len(g))
        for index, (shape, array_type, module) in enumerate(self.metas):
            if grads[index] is None and self.ctx.materialize_grads:
                grads[index] = module.zeros(shape, array_type)
        ctx = self.ctx
        ctx._saved = tuple([each if each is None or isinstance(each, Tensor) else Tensor(each) for each in saved])
        try:
            results = self.function.backward(
                ctx, *[each if each is None or isinstance(each, Tensor) else Tensor(each) for each in grads]
            )
        finally:
            ctx._saved = None
        if not isinstance(results, tuple):
            results = (results,)
        return self._checked(results, recorded)

    def _checked(self, results: tuple[Any, ...], recorded: bool) -> tuple[Any, ...]:
        if len(results) > self.arguments and all(each is None for each in results[self.arguments :]):
            results = results[: self.arguments]
        if len(results) != self.arguments:
            raise GradError(
                f"function {self.name()} returned an incorrect number of gradients "
                f"(expected {self.arguments}, got {len(results)})"
            )
        checked: list[Any] = []
        for index, (place, (shape, _)) in enumerate(zip(self.places, self.restore, strict=True)):
            result = results[place] if self.needs[index] else None
            if result is None:
                checked.append(None)
                continue
            if not isinstance(result, Tensor):
                raise ArgumentTypeError(
                    f"function {self.name()} returned a {type(result).__name__} as gradient {place}; expected a Tensor"
                )
            if not _sums_to(result._data.shape, shape):
                raise ShapeError(
                    f"Function {self.name()} returned an invalid gradient at index {place} - got "
                    f"{list(result.shape)} but expected shape compatible with {list(shape)}"
                )
            checked.append(result if recorded else result._data)
        return tuple(checked)


def _sums_to(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return len(own) >= len(shape) and all(b in (1, a) for a, b in zip(own[::-1], shape[::-1], strict=False))


def _check_dirty(cls: type[Function], ctx: FunctionCtx, outputs: list[Any], recorded: bool) -> None:
    for each in outputs:
        if not isinstance(each, Tensor):
            raise ArgumentTypeError(
                f"{cls.__name__}.forward: expected to return Tensors, got {type(each).__name__} among its outputs"
            )
    for each in ctx._dirty:
        if not any(each is out for out in outputs):
            raise GradError(
                "Some elements marked as dirty during the forward method were not returned as output. "
                "The inputs that are modified inplace must all be outputs of the Function."
            )
        if recorded and each.requires_grad and each.is_leaf:
            raise GradError("a leaf Variable that requires grad is being used in an in-place operation.")


def _own(output: Tensor, ctx: FunctionCtx, inputs: list[Tensor]) -> Tensor:
    """The tensor to give out: a new one where ``forward`` returned an input that it did not change."""
    if any(output is each for each in ctx._dirty):
        return output
    for each in inputs:
        if output is each:
            alias = each.detach()
            cell = each._cell
            alias._view = View(each, (), 0 if cell is None else cell[0], "by a user-defined Function")
            return alias
    return output


def _attach(node: _FunctionNode, ctx: FunctionCtx, outputs: list[Tensor]) -> None:
    for index, out in enumerate(outputs):
        constant = any(out is each for each in ctx._constant)
        if constant or not out.dtype.is_floating_point:
            continue
        if any(out is each for each in ctx._dirty):
            rebase(out, (node, index))
        else:
            out._edge, out._needs = (node, index), True


def _save(value: Any, ctx: FunctionCtx, inputs: list[Tensor], outputs: list[Tensor]) -> Any:
    if value is None:
        return (None, UNSHARED, 0, None)
    code = None
    for index, each in enumerate(outputs):
        if each is value:
            code = -1 - index
    for index, each in enumerate(inputs):
        if each is value and not any(each is dirty for dirty in ctx._dirty):
            code = index
    if STATE.saved_hooks is not None:
        return pack(value, code)
    if value._cell is None:
        raise GradError(
            "Inference tensors cannot be saved for backward. To work around you can make a clone to use it in autograd."
        )
    return (value._data, value._cell, value._cell[0], code)


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a Function's ``backward`` as not itself differentiable: differentiating its result raises ``GradError``."""

    @functools.wraps(backward)
    def once(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            results = backward(ctx, *grads)
        if not STATE.grad_enabled:
            return results
        alone = not isinstance(results, tuple)
        sources = _with_gradient((*grads, *ctx.saved_tensors))
        sealed = [
            _Sealed()(each, *sources) if isinstance(each, Tensor) else each
            for each in ((results,) if alone else results)
        ]
        return sealed[0] if alone else tuple(sealed)

    return once


def _with_gradient(grads: tuple[Any, ...]) -> list[Tensor]:
    return [each for each in grads if isinstance(each, Tensor) and each.requires_grad]


class _Sealed(Op):
    """z = x, once: its derivative raises."""

    __slots__ = ()

    def forward(self, x: Any, *sources: Any) -> Any:
        return x.copy()

    def backward(self, g: Any) -> Any:
        raise GradError("trying to differentiate twice a function that was marked with @once_differentiable")


__all__ = ["Function", "FunctionCtx", "once_differentiable"]
