"""``Op``: one operation, its formula and its derivative, and, once called, its own node in the recorded graph.

An op is written as one class with one rule::

    class Mul(Elementwise):
        \"\"\"z = x·y          ∂L/∂x = g·y,  ∂L/∂y = g·x\"\"\"

        saves = {"x": "y", "y": "x"}

        def forward(self, x, y):
            return x * y

        def backward(self, g, x, y):
            return (g * y if self.needs[0] else None, g * x if self.needs[1] else None)

``forward`` computes on raw arrays. ``backward`` serves twice: the engine hands it raw arrays, or, under
``create_graph=True``, Tensors rebuilt from each saved array and its edge, so that the same lines record a graph and
derivatives of any order follow. A rule that needs another op's mathematics calls ``Other.on(...)``, which computes on
arrays and records on Tensors.

Called with tensors, an op computes, and if a gradient is wanted keeps three things: ``needs`` (which inputs want a
gradient), ``edges`` (where their gradients go: another op, a pair (op, output index), a leaf, or None) and ``saved``
(what ``saves`` declares). It never holds an input Tensor that is a result, so an activation that nobody declared dies
with its last user.
"""

from __future__ import annotations

import traceback
import weakref
from typing import Any, ClassVar

import numpy as np

from lepton.autograd.hooks import Watch
from lepton.autograd.saving import UNSHARED, Saved, pack, unpack
from lepton.autograd.scalars import fit_number
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor, View
from lepton.backend import dtypes
from lepton.backend.devices import Array, device_of, is_array, xp
from lepton.backend.floats import restore, silence
from lepton.errors import ArgumentTypeError, DeviceError, GradError, ShapeError, VersionError

FORWARD_LINES: weakref.WeakKeyDictionary[Op, str] = weakref.WeakKeyDictionary()  # filled in anomaly mode only


class Op:
    """The base of all operations; see this module's text for how to write one.

    Class attributes that a subclass sets:
        saves: names of what ``backward`` receives after ``g``: parameters of ``forward``, ``"out"`` for the result
            (``"out0"``, ``"out1"``, … when there are several), or slots that ``forward`` filled with plain arrays
            (indices, masks: constants of the derivative). As a mapping, a name is kept only when one of the inputs
            named by its value (a name or a tuple of names) wants a gradient; an unkept one arrives as None.
        several: ``forward`` returns a tuple of outputs, and ``g`` is a tuple with None for those without gradient.
        differentiable: False for ops whose result does not depend smoothly on any input.
        may_alias: ``backward`` may return arrays that it keeps elsewhere (only users' Functions may).
        restores: whether gradients must be brought back to the inputs' shapes and types (elementwise ops).
    """

    __slots__ = ("needs", "edges", "saved", "watch", "__weakref__")

    saves: ClassVar[tuple[str, ...] | dict[str, str | tuple[str, ...]]] = ()
    several: ClassVar[bool] = False
    differentiable: ClassVar[bool] = True
    restores: ClassVar[bool] = False
    may_alias: ClassVar[bool] = False
    parameters: ClassVar[tuple[str, ...]] = ()
    _plans: ClassVar[dict[tuple[bool, ...], tuple[Any, ...]]] = {}

    needs: tuple[bool, ...]
    edges: tuple[Any, ...]
    saved: tuple[Saved, ...] | None
    watch: Watch | None

    def __init_subclass__(cls) -> None:
        if "forward" in cls.__dict__:
            code = cls.forward.__code__
            cls.parameters = code.co_varnames[1 : code.co_argcount]
        cls._plans = {}

    def forward(self, *inputs: Any, **_: Any) -> Any:
        """The result as an array (a tuple of them if ``several``), computed from the inputs' arrays."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *g_and_saved: Any, **_: Any) -> Any:
        """The inputs' gradients from the output's, a tuple (or the one gradient of an op with one input)."""
        raise NotImplementedError(f"the derivative of {type(self).__name__} is not defined")

    # ------------------------------------------------------------------ computing

    @classmethod
    def on(cls, *inputs: Any, **settings: Any) -> Any:
        """Compute on arrays, record on Tensors: what a rule calls to use another op's mathematics."""
        op = cls(**settings)
        for each in inputs:
            if isinstance(each, Tensor):
                return op(*inputs)
        return op.forward(*inputs)

    def accept(self, inputs: tuple[Any, ...]) -> Any:
        """The arrays of the inputs; None stays None (an optional tensor that was not given)."""
        return [None if each is None else each._data for each in inputs]

    def __call__(self, *inputs: Any) -> Any:
        token = silence()
        try:
            arrays = self.accept(inputs)
            out = self.forward(*arrays)
        except Exception as error:
            better = self.explain(error, inputs)
            if better is None:
                raise
            raise better from None
        finally:
            restore(token)
        if self.several:
            return self._wrap_several(inputs, arrays, out)
        if type(out) is not np.ndarray:
            out = as_array(out)
        made = Tensor(out)
        if STATE.grad_enabled and self.differentiable:
            self._record(inputs, arrays, (made,))
        return made

    def _wrap_several(self, inputs: tuple[Any, ...], arrays: Any, outs: tuple[Any, ...]) -> tuple[Tensor, ...]:
        made = tuple([Tensor(as_array(each)) for each in outs])
        if STATE.grad_enabled and self.differentiable:
            self._record(inputs, arrays, made)
        return made

    # ------------------------------------------------------------------ recording

    def _record(self, inputs: tuple[Any, ...], arrays: Any, made: tuple[Tensor, ...]) -> None:
        needs = []
        edges = []
        for each in inputs:
            if isinstance(each, Tensor):
                if each._view is not None:
                    each._sync()
                if each._needs:
                    needs.append(True)
                    edges.append(each if each._edge is None else each._edge)
                    continue
            needs.append(False)
            edges.append(None)
        if True not in needs or not self._mark(made):
            return
        self.needs = wanted = tuple(needs)
        self.edges = tuple(edges)
        self.watch = None
        plan = self._plans.get(wanted)
        if plan is None:
            plan = self._make_plan(wanted)
        if not plan:
            self.saved = ()
        else:
            hooked = STATE.saved_hooks is not None
            saved = []
            for code in plan:
                if type(code) is int and not hooked:  # the usual case: an input as it came, or the result
                    owner = inputs[code] if code >= 0 else made[-1 - code]
                    if isinstance(owner, Tensor):
                        array, cell = owner._data, owner._cell
                        if cell is not None and (code < 0 or array is arrays[code]):
                            saved.append((array, cell, cell[0], code))
                            continue
                saved.append(self._keep(code, inputs, arrays, made))
            self.saved = tuple(saved)
        if STATE.anomaly:
            FORWARD_LINES[self] = "".join(traceback.format_stack()[:-2])

    def _mark(self, made: tuple[Tensor, ...]) -> bool:
        """Let the floating outputs come from this op; False if there are none."""
        if not self.several:
            out = made[0]
            if out._data.dtype.kind not in "fV":
                return False
            out._edge, out._needs = self, True
            return True
        for index, out in enumerate(made):
            if out._data.dtype.kind in "fV":
                out._edge, out._needs = (self, index), True
        return any(out._needs for out in made)

    def record(self, *edges: Any) -> None:
        """Make this a node of the graph by hand, one that saves nothing; an edge for each input, or None."""
        self.needs, self.edges = tuple([each is not None for each in edges]), edges
        self.saved, self.watch = (), None

    def _make_plan(self, needs: tuple[bool, ...]) -> tuple[Any, ...]:
        """Where each saved value comes from: an input's index, −1−k for output k, a slot's name, None if not kept."""
        plan: list[Any] = []
        for name in self.saves:
            wanted = self.saves[name] if isinstance(self.saves, dict) else ()
            for_whom = (wanted,) if isinstance(wanted, str) else wanted
            if for_whom and not any(needs[self.parameters.index(each)] for each in for_whom):
                plan.append(None)
            elif name in self.parameters:
                plan.append(self.parameters.index(name))
            elif name.startswith("out") and (name == "out" or name[3:].isdecimal()):
                plan.append(-1 - int(name[3:] or 0))
            else:
                plan.append(name)
        return self._plans.setdefault(needs, tuple(plan))

    def _keep(self, code: Any, inputs: tuple[Any, ...], arrays: Any, made: tuple[Tensor, ...]) -> Saved:
        """A saved value that is not simply an input or the result: its cell, version and code, as in ``Saved``."""
        if type(code) is not int:
            if code is None:
                return (None, UNSHARED, 0, None)
            value = getattr(self, code)
            setattr(self, code, None)
            if STATE.saved_hooks is not None and is_array(value):
                return pack(Tensor(value), None)
            return (value, UNSHARED, 0, None)
        if code < 0:
            owner = made[-1 - code]
            array = owner._data
        else:
            owner, array = inputs[code], arrays[code]
            if array is None or not isinstance(owner, Tensor) or array is not owner._data:
                owner = None  # a number, nothing, or a converted copy that nobody else holds
        if STATE.saved_hooks is not None and is_array(array):
            return pack(Tensor(array) if owner is None else owner, code)
        if owner is None:
            return (array, UNSHARED, 0, code)
        cell = owner._cell
        if cell is None:
            raise GradError(
                f"Inference tensors cannot be saved for backward (by {self.name()}). "
                "To work around you can make a clone to use it in autograd."
            )
        return (array, cell, cell[0], code)

    # ------------------------------------------------------------------ what the engine asks for

    def unpack(self, saved: tuple[Saved, ...]) -> list[Any]:
        """The saved arrays, after checking that nobody wrote to them since.

        Raises:
            VersionError: somebody did.
        """
        values = []
        for index, (array, cell, version, _) in enumerate(saved):
            if version is None:
                array = unpack(array, cell)._data
            elif cell[0] != version:
                raise self._version_error(index, array, cell[0], version)
            values.append(array)
        return values

    def _version_error(self, index: int, array: Array, found: int, expected: int) -> VersionError:
        what = list(self.saves)[index] if self.saves else f"saved tensor {index}"
        lines = FORWARD_LINES.get(self)
        where = f" The op was recorded here:\n{lines}" if lines else (
            " Hint: enable anomaly detection to find the operation that failed to compute its gradient, "
            "with lepton.autograd.set_detect_anomaly(True)."
        )
        return VersionError(
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"[{dtypes.of(array.dtype)} {list(array.shape)}], which is {what!r} of {self.name()}, is at version "
            f"{found}; expected version {expected} instead. Write to a copy (tensor.clone()), or use the op that "
            f"returns a new tensor.{where}"
        )

    def rebuild(self, saved: tuple[Saved, ...]) -> list[Any]:
        """What :meth:`unpack` gives, as Tensors on the recorded graph, for a backward that is itself recorded."""
        rebuilt = []
        for (_, cell, version, code), value in zip(saved, self.unpack(saved), strict=True):
            if code is not None and is_array(value):
                need = code < 0 or self.edges[code] is not None
                edge = self._output_edge(-1 - code) if code < 0 else self.edges[code]
                value = self._on_graph(value, edge, code) if need else Tensor(value)
                if version is not None and cell is not UNSHARED:  # a later write is to be noticed there too
                    value._cell = cell
            rebuilt.append(value)
        return rebuilt

    def _output_edge(self, index: int) -> Any:
        return (self, index) if self.several else self

    def _on_graph(self, array: Array, edge: Any, code: int) -> Tensor:
        made = Tensor(array)
        made._edge, made._needs = edge, True
        return made

    def settings(self) -> dict[str, Any]:
        """The non-tensor arguments, by the names of the slots that hold them."""
        mine = [name for each in type(self).__mro__ if each is not Op for name in getattr(each, "__slots__", ())]
        return {name: getattr(self, name) for name in mine if not name.startswith("__") and hasattr(self, name)}

    def copy(self) -> Op:
        """An op of the same class and settings, not recorded."""
        made = object.__new__(type(self))
        for name, value in self.settings().items():
            setattr(made, name, value)
        return made

    def narrowed(self, needs: tuple[bool, ...]) -> Op:
        """This node with fewer gradients wanted: what ``autograd.grad`` runs where it needs only some of them."""
        made = self.copy()
        made.needs, made.edges, made.saved, made.watch = needs, self.edges, self.saved, self.watch
        return made

    # ------------------------------------------------------------------ what people see

    @classmethod
    def name(cls) -> str:
        """The name that ``grad_fn`` prints, as PyTorch forms it."""
        return f"{cls.__name__}Backward0"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """For each input where its gradient goes: (op, output index), (the leaf, 0), or (None, 0)."""
        return tuple([each if type(each) is tuple else (each, 0) for each in self.edges])

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    def explain(self, error: Exception, inputs: tuple[Any, ...]) -> Exception | None:
        """A better error than the array library's for these inputs, or None when theirs is good enough."""
        if getattr(type(error), "__module__", "") == "lepton.errors":
            return None
        for index, each in enumerate(inputs):
            if each is not None and not isinstance(each, Tensor):
                names = self.parameters
                which = repr(names[index]) if index < len(names) else str(index)
                return ArgumentTypeError(
                    f"{label(type(self))}(): argument {which} (position {index + 1}) must be Tensor, "
                    f"not {type(each).__name__}"
                )
        return device_error(label(type(self)), inputs)


def label(op: type[Op]) -> str:
    """The name by which a user knows an op's class."""
    name = op.__name__
    return "".join(("_" + c.lower()) if c.isupper() and i else c.lower() for i, c in enumerate(name))


def device_error(what: str, inputs: tuple[Any, ...]) -> DeviceError | None:
    """The error for inputs on several devices, or None when they share one."""
    found = {str(device_of(each._data)): None for each in inputs if isinstance(each, Tensor)}
    if len(found) < 2:
        return None
    places = " and ".join(found)
    return DeviceError(
        f"{what}(): expected all tensors to be on the same device, but found at least two devices, {places}! "
        "Move them together with tensor.to(device)."
    )


def as_array(value: Any) -> Array:
    """An op's result as an array: NumPy turns 0-d results into scalars, which are put back into arrays."""
    if type(value) is np.ndarray or not isinstance(value, (np.generic, np.ndarray)):
        return value if is_array(value) else np.asarray(value)
    return np.asarray(value)


def data_of(x: Any) -> Array:
    """The array of what a rule was given: it itself, or its Tensor's."""
    return x._data if isinstance(x, Tensor) else x


def constant(array: Array, beside: Any) -> Any:
    """An array that a rule has computed with, beside another value: as a Tensor where that is one."""
    return Tensor(array) if isinstance(beside, Tensor) else array


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to.

    Raises:
        ShapeError: they do not, in PyTorch's words.
    """
    ndim = max((len(each) for each in shapes), default=0)
    result = [1] * ndim
    for shape in shapes:
        for dim in reversed(range(len(shape))):
            place = ndim - len(shape) + dim
            length, held = shape[dim], result[place]
            if length == held or length == 1:
                continue
            if held != 1:
                raise ShapeError(
                    f"The size of tensor a ({held}) must match the size of tensor b ({length}) at non-singleton "
                    f"dimension {place}; the shapes are {' and '.join(str(list(s)) for s in shapes)}"
                )
            result[place] = length
    return tuple(result)


class Elementwise(Op):
    """An op that works element by element: its inputs are promoted to one type and broadcast to one shape.

    Python numbers stay numbers: NumPy lets them take the arrays' type. ``restore`` holds, where it differs, each
    input's own (shape, NumPy dtype) for the engine to bring the gradient back to; None for the usual case of equals.

    Class attributes:
        integers: what becomes of integer and bool inputs: ``"keep"`` them, make them ``"float"`` (the default floating
            type), or ``"bool"``: the op compares, and whatever type it computes in, the result is bool.
    """

    __slots__ = ("restore",)
    restore: tuple[Any, ...] | None
    restores = True
    integers: ClassVar[str] = "keep"

    def accept(self, inputs: tuple[Any, ...]) -> Any:
        try:
            if len(inputs) == 1:
                a = inputs[0]._data
                if self.integers != "float" or a.dtype.kind == "f":
                    self.restore = None
                    return (a,)
            elif len(inputs) == 2:
                a, b = inputs[0]._data, inputs[1]._data
                if a.dtype is b.dtype and (self.integers != "float" or a.dtype.kind == "f"):
                    self.restore = None if a.shape == b.shape else ((a.shape, a.dtype), (b.shape, b.dtype))
                    return (a, b)
        except AttributeError:
            arrays = self._with_number(inputs)
            if arrays is not None:
                return arrays
        return self._promote(inputs)

    def _with_number(self, inputs: tuple[Any, ...]) -> Any:
        """What ``_promote`` gives for a floating tensor and a number, in either order, in a fraction of the time."""
        if len(inputs) == 1:
            raise ArgumentTypeError(
                f"{label(type(self))}(): argument 'input' (position 1) must be Tensor, not {type(inputs[0]).__name__}"
            )
        if len(inputs) == 2:
            x, y = inputs
            if isinstance(x, Tensor):
                if (type(y) is float or type(y) is int) and x._data.dtype.kind == "f":
                    self.restore = None
                    return (x._data, float(y))
            elif (type(x) is float or type(x) is int) and isinstance(y, Tensor) and y._data.dtype.kind == "f":
                self.restore = None
                return (float(x), y._data)
        return None

    def _promote(self, inputs: tuple[Any, ...]) -> list[Any]:
        inputs = tuple([self._operand(each, index) for index, each in enumerate(inputs)])
        common = result_type(*inputs)
        if self.integers == "float" and not common.is_floating_point:
            common = dtypes.get_default_dtype()
        shape = broadcast_shape(*[each._data.shape for each in inputs if isinstance(each, Tensor)])
        wanted = common.numpy
        arrays: list[Any] = []
        inherit = True
        for each in inputs:
            if isinstance(each, Tensor):
                array = each._data
                inherit = inherit and array.shape == shape and array.dtype == wanted
                arrays.append(array if array.dtype == wanted else array.astype(wanted))
            else:
                arrays.append(fit_number(each, common))
        if not any(isinstance(each, Tensor) for each in inputs):
            arrays[0] = np.asarray(arrays[0], wanted)
        self.restore = None if inherit else tuple(
            [(each._data.shape, each._data.dtype) if isinstance(each, Tensor) else None for each in inputs]
        )
        return arrays

    def _operand(self, value: Any, index: int) -> Any:
        if isinstance(value, (Tensor, bool, int, float)):
            return value
        if isinstance(value, np.generic):
            return value.item()
        if is_array(value):
            return Tensor(value)
        which = self.parameters[index] if index < len(self.parameters) else str(index)
        which = {"x": "input", "y": "other"}.get(which, which)  # formulas have the one, functions the other
        raise ArgumentTypeError(
            f"{label(type(self))}(): argument {which!r} (position {index + 1}) must be Tensor or Number, "
            f"not {type(value).__name__}"
        )

    def _on_graph(self, array: Array, edge: Any, code: int) -> Tensor:
        made = super()._on_graph(array, edge, code)
        own = self.restore[code] if code >= 0 and self.restore is not None else None
        if own is not None and own[1] != array.dtype:
            converted = Cast(array.dtype)
            converted.record(edge)
            converted.source = own[1]
            made._edge = converted
        return made

    def explain(self, error: Exception, inputs: tuple[Any, ...]) -> Exception | None:
        if isinstance(error, (ShapeError, ArgumentTypeError)):
            return None
        try:
            broadcast_shape(*[each._data.shape for each in inputs if isinstance(each, Tensor)])
        except ShapeError as better:
            return better
        return device_error(label(type(self)), inputs)


def result_type(*operands: Any) -> dtypes.dtype:
    """The type that an arithmetic operation on these tensors and numbers has, by PyTorch's rules of promotion."""
    ranked = []
    for each in operands:
        if isinstance(each, Tensor):
            ranked.append((dtypes.of(each._data.dtype), 2 if each._data.ndim else 1))
        elif isinstance(each, (bool, int, float, np.generic)):
            ranked.append((dtypes.of_number(each), 0))
        else:
            raise ArgumentTypeError(f"result_type(): expected tensors and numbers, not {type(each).__name__}")
    return dtypes.result_dtype(ranked)


class Cast(Op):
    """z = x in another number type          ∂L/∂x = g in x's type"""

    __slots__ = ("target", "source")

    def __init__(self, target: Any) -> None:
        self.target = target

    def forward(self, x: Any) -> Any:
        self.source = x.dtype
        return x.astype(self.target)

    def backward(self, g: Any) -> Any:
        return Cast.on(g, target=self.source)


class SumTo(Op):
    """z = x summed over the dimensions that broadcasting added          ∂L/∂x = g broadcast back"""

    __slots__ = ("shape", "source")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        extra = x.ndim - len(self.shape)
        axes = tuple(range(extra)) + tuple(
            [extra + i for i, length in enumerate(self.shape) if length == 1 and x.shape[extra + i] != 1]
        )
        return as_array(x.sum(axis=axes, dtype=x.dtype)).reshape(self.shape) if axes else x.reshape(self.shape)

    def backward(self, g: Any) -> Any:
        return BroadcastTo.on(g, shape=self.source)


class ViewOp(Op):
    """An op whose result shares its input's memory. Its ``forward`` must give a view, and it saves nothing."""

    __slots__ = ()

    def __call__(self, *inputs: Any) -> Any:
        made = super().__call__(*inputs)
        link_view(inputs[0], made, (self,), None if STATE.grad_enabled else "under no_grad")
        return made

    def retrace(self, edge: Any) -> Op:
        """Record this op again on ``edge``, without computing: how a view's edge is made anew."""
        made = self.copy()
        made.record(edge)
        return made


def link_view(source: Tensor, made: Tensor, chain: tuple[ViewOp, ...], frozen: str | None) -> None:
    """Let ``made`` share ``source``'s version, and know its way from the owner of the memory."""
    cell = made._cell = source._cell
    upper = source._view
    version = 0 if cell is None else cell[0]
    if upper is None:
        made._view = View(source, chain, version, frozen)
    else:
        made._view = View(upper.base, upper.chain + chain, version, frozen or upper.frozen, upper.origin)


class BroadcastTo(ViewOp):
    """z = x repeated to a larger shape, without copying          ∂L/∂x = g summed over the repeats"""

    __slots__ = ("shape", "source")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return xp(x).broadcast_to(x, self.shape)

    def backward(self, g: Any) -> Any:
        return SumTo.on(g, shape=self.source)
