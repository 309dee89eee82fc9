"""Writing into tensors: in-place operations on the recorded graph, through views too.

An in-place operation is its functional form, whose result is then *assigned*: written into the tensor's memory, with
the version counter moved on and the graph changed as if the tensor had been the new value from then on.

A write through a view changes the tensor that owns the memory. On the graph that is
``base = ViewScatter(base, new value of the view)``; the written view and all its siblings then make their edges anew
from the base when they are next used (``Tensor._sync``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lepton.autograd.op import Cast, Op, SumTo, ViewOp, broadcast_shape
from lepton.autograd.registry import PublicOp
from lepton.autograd.saving import UNSHARED
from lepton.autograd.scalars import as_written
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor, View
from lepton.backend import dtypes
from lepton.backend.devices import xp
from lepton.backend.floats import restore, silence
from lepton.errors import ArgumentError, DTypeError, GradError, ShapeError


def replay(chain: tuple[ViewOp, ...], x: Any) -> Any:
    """What the view shows of ``x``, an array or a Tensor."""
    for op in chain:
        x = op.copy()(x) if isinstance(x, Tensor) else op.forward(x)
    return x


def _with_region(x: Any, chain: tuple[ViewOp, ...], value: Any) -> Any:
    """A copy of the array ``x`` in which the region that the view shows holds ``value``."""
    out = x.copy(order="C")
    region = replay(chain, out)
    module = xp(x)
    if region.size == 0:
        return out
    if module.may_share_memory(region, out):
        region[...] = value
        return out
    # The view exists only with the strides of the original: its elements by their numbers. 0 is memory outside of x.
    numbers = replay(chain, module.arange(1, x.size + 1).reshape(x.shape))
    line = module.concatenate([module.zeros(1, x.dtype), out.reshape(-1)])
    line[numbers.reshape(-1)] = module.broadcast_to(value, numbers.shape).reshape(-1)
    return line[1:].reshape(x.shape)


class ViewScatter(Op):
    """z = x with what a view shows replaced by v          ∂L/∂x = g with that region 0,  ∂L/∂v = that region of g"""

    __slots__ = ("chain",)

    def __init__(self, chain: tuple[ViewOp, ...]) -> None:
        self.chain = chain

    def forward(self, x: Any, v: Any) -> Any:
        return _with_region(x, self.chain, v)

    def backward(self, g: Any) -> Any:
        return (
            ViewErase.on(g, chain=self.chain) if self.needs[0] else None,
            replay(self.chain, g) if self.needs[1] else None,
        )


class ViewErase(Op):
    """z = x with what a view shows set to 0          ∂L/∂x = g with that region 0"""

    __slots__ = ("chain",)

    def __init__(self, chain: tuple[ViewOp, ...]) -> None:
        self.chain = chain

    def forward(self, x: Any) -> Any:
        return _with_region(x, self.chain, 0)

    def backward(self, g: Any) -> Any:
        return ViewErase.on(g, chain=self.chain)


class Overwrite(Op):
    """z = v broadcast and cast to x's shape and type          ∂L/∂x = 0,  ∂L/∂v = g summed back to v"""

    __slots__ = ("shape", "source")

    def forward(self, x: Any, v: Any) -> Any:
        self.shape, self.source = v.shape, v.dtype
        return xp(x).broadcast_to(v, x.shape).astype(x.dtype)

    def backward(self, g: Any) -> Any:
        if not self.needs[1]:
            return None, None
        g = SumTo.on(g, shape=self.shape)
        return None, Cast.on(g, target=self.source)


def check_changeable(target: Tensor) -> None:
    """Refuse a change in place that would damage the graph.

    Raises:
        GradError: it is a leaf that requires a gradient (or a view of one), a view that cannot be followed, or was
            made in inference mode.
    """
    if STATE.grad_enabled:
        if target._needs and target._edge is None:
            raise GradError(
                "a leaf Variable that requires grad is being used in an in-place operation. "
                "Write to it under no_grad(), or to a copy (tensor.clone())."
            )
        view = target._view
        if view is not None and view.base._needs:
            if view.base._edge is None:
                raise GradError(
                    "a view of a leaf Variable that requires grad is being used in an in-place operation. "
                    "Write to it under no_grad(), or to a copy (tensor.clone())."
                )
            _check_followed(view)
    if target._cell is None and not STATE.inference:
        raise GradError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. "
            "You can make a clone to get a normal tensor before doing inplace update."
        )


def check_writable(target: Tensor) -> None:
    """Refuse a write that would damage the graph or memory that is not the tensor's own.

    Raises:
        GradError: as :func:`check_changeable`. ShapeError: its elements share memory (it was expanded). ArgumentError:
            read-only.
    """
    check_changeable(target)
    if not _writeable(target._data):
        if 0 in target._data.strides:
            raise ShapeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                "location. Please clone() the tensor before performing the operation."
            )
        raise ArgumentError("the tensor's memory is read-only (it came from a read-only array); clone() it first")


def on_graph(*tensors: Tensor) -> bool:
    """Whether what is done with these tensors now is recorded.

    Raises:
        GradError: one is a view that lost its way to the graph.
    """
    if not STATE.grad_enabled:
        return False
    for each in tensors:
        if each._view is not None:
            each._sync()
    return any(each._needs for each in tensors)


def _check_followed(view: View) -> None:
    if view.frozen:
        raise GradError(
            f"A view was created {view.frozen} and is being modified inplace with grad mode enabled. This view "
            "is not on the graph of its base, so the write could not be differentiated. Create the view with grad mode "
            "enabled, or write to it under no_grad() too."
        )


def _writeable(array: Any) -> bool:
    return bool(getattr(array.flags, "writeable", True))


def assign(target: Tensor, value: Tensor) -> Tensor:
    """Let ``target`` be ``value`` from now on: memory, version and graph. Returns ``target``.

    Raises:
        ShapeError: the shapes differ. DTypeError: the type of ``value`` cannot be stored in ``target``'s. And what
        :func:`check_writable` raises.
    """
    check_writable(target)
    data = target._data
    if value._data.shape != data.shape:
        raise ShapeError(
            f"output with shape {list(data.shape)} doesn't match the broadcast shape {list(value._data.shape)}"
        )
    if not dtypes.can_cast(value.dtype, target.dtype):
        raise DTypeError(f"result type {value.dtype} can't be cast to the desired output type {target.dtype}")
    recorded = on_graph(target, value)
    if recorded:
        if target._view is not None:
            _check_followed(target._view)
        if not value._needs:
            value = Overwrite()(target, value)
        elif value._data.dtype != data.dtype:
            value = Cast(data.dtype)(value)
        _protect_saved(value, target)
    if value._data is not data:
        xp(data).copyto(data, value._data, casting="unsafe")
    if target._cell is not None:
        target._cell[0] += 1
    if recorded:
        rebase(target, value._edge)
    return target


def rebase(target: Tensor, edge: Any) -> None:
    """Let gradients of ``target``, which was just written, go to ``edge``; through the base if it is a view."""
    retained = release_retained(target)
    view = target._view
    if view is None:
        target._edge, target._needs = edge, True
    else:
        base = view.base
        scatter = ViewScatter(view.chain)
        scatter.record(base._target() if base._needs else None, edge)
        base._edge, base._needs = scatter, True
        view.version = -1  # the edge that it has is the old one, even if it was asked for since the write
        target._sync()
    if retained:
        target.retain_grad()


def release_retained(target: Tensor) -> bool:
    """Before ``target`` gets another edge: whether it retains its gradient, which is to be that of the new value.

    (Its properties would not do here: a view's bring its edge up to date, and the base has no new edge yet.)
    """
    edge = target._edge
    node, place = edge if type(edge) is tuple else (edge, 0)
    return node is not None and node.watch is not None and node.watch.retained.pop(place, None) is not None


def _protect_saved(value: Tensor, target: Tensor) -> None:
    """Before ``target`` is overwritten: what the op saved of it is copied; the saved result becomes ``target``."""
    node = value.grad_fn
    kept = []
    for held, cell, version, code in node.saved:
        if cell is target._cell and version is not None and isinstance(code, int) and code >= 0:
            held, cell, version = held.copy(), UNSHARED, 0
        elif held is value._data and held.dtype == target._data.dtype:
            held, cell, version = target._data, target._cell, (target._version + 1)
        kept.append((held, cell, version, code))
    node.saved = tuple(kept)


def _out_of_reach(value: Any, target: Tensor) -> Any:
    """A copy of a tensor on memory that will be overwritten: hooks may keep what an op saves of it as it is."""
    return value.clone() if isinstance(value, Tensor) and value._cell is target._cell else value


def inplace_twin(entry: PublicOp, name: str) -> Callable[..., Tensor]:
    """The method ``Tensor.name_`` of a public function."""
    function, ufunc = entry.function, entry.ufunc

    def twin(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if ufunc is not None and len(args) == 1 and not kwargs and _compute_in_place(ufunc, self, args[0]):
            return self
        check_writable(self)
        if STATE.saved_hooks is None:
            return assign(self, function(self, *args, **kwargs))
        given = [_out_of_reach(each, self) for each in (self, *args)]
        return assign(self, function(*given, **{key: _out_of_reach(each, self) for key, each in kwargs.items()}))

    twin.__name__ = name
    twin.__qualname__ = f"Tensor.{name}"
    twin.__doc__ = f"In-place version of :meth:`Tensor.{entry.name}`; returns the tensor itself."
    return twin


def _compute_in_place(ufunc: str, target: Tensor, other: Any) -> bool:
    """Compute straight into the memory where nothing is recorded and no type or shape would change."""
    data = target._data
    if isinstance(other, Tensor):
        operand = other._data
        if operand.dtype is not data.dtype or (operand.shape != data.shape and operand.ndim):
            return False
        recorded = on_graph(other, target)
    elif type(other) is float and data.dtype.kind == "f":
        operand, recorded = other, on_graph(target)
    else:
        return False
    if data.dtype.kind != "f" or recorded:
        return False
    check_writable(target)
    token = silence()
    try:
        getattr(xp(data), ufunc)(data, operand, out=data)
    finally:
        restore(token)
    if target._cell is not None:
        target._cell[0] += 1
    return True


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Write ``src``, broadcast to this shape and cast to this type, into this tensor; returns it.

    Args:
        src: a tensor of any type and device, or a number.
        non_blocking: accepted for PyTorch's sake; host copies are always finished on return.

    Raises:
        ShapeError: ``src`` cannot be broadcast to this shape. DTypeError: the type does not have this number.
            ArgumentTypeError: ``src`` is no number.
    """
    source = src if isinstance(src, Tensor) else Tensor(as_written(src, self.dtype))
    if source.device != self.device:
        source = source.to(self.device)
    check_writable(self)
    shape, common = self._data.shape, broadcast_shape(self._data.shape, source._data.shape)
    if common != shape:
        raise ShapeError(f"output with shape {list(shape)} doesn't match the broadcast shape {list(common)}")
    if on_graph(self, source):
        return assign(self, Overwrite()(self, source))
    token = silence()
    try:
        xp(self._data).copyto(self._data, source._data, casting="unsafe")
    finally:
        restore(token)
    if self._cell is not None:
        self._cell[0] += 1
    return self


def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one value into every element; returns the tensor.

    Raises:
        ShapeError: ``value`` is not 0-d. ArgumentTypeError: it is no number. DTypeError: the type does not have it.
    """
    if not isinstance(value, Tensor):
        if isinstance(value, (bool, int, float)):
            dtypes.check_fits(value, self.dtype)
        value = Tensor(as_written(value, self.dtype))
    if value._data.ndim:
        raise ShapeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions."
        )
    return copy_(self, value)


def zero_(self: Tensor) -> Tensor:
    """Write 0 into every element; returns the tensor."""
    return copy_(self, 0)
