"""``Tensor``: an array, and where its gradient goes.

This file holds what a tensor *is*: its data, its place in the recorded graph, the memory that it shares with views and
with NumPy. What can be *computed* with it is bound from the table of ops (``autograd/methods.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from lepton.autograd.hooks import LeafHooks, RemovableHandle, Watch
from lepton.autograd.state import STATE
from lepton.backend import devices, dtypes
from lepton.backend.layout import address, strides
from lepton.errors import ArgumentError, ArgumentTypeError, DTypeError, GradError, IndexRangeError, ShapeError


class View:
    """How a view came from the tensor that owns its memory.

    ``chain`` are the view ops from ``base`` to here; ``version`` is the storage's version for which the tensor's edge
    was made. Once the storage moves on, the edge is made anew from ``base``. ``frozen`` says why that cannot be done
    (a view made under ``no_grad``, or by a user's Function), or is None. ``origin`` is the array of the base from which
    the chain leads: not its present one, where the base was given another shape in place since.
    """

    __slots__ = ("base", "chain", "version", "frozen", "origin")

    way_back: Callable[[Any, Any], tuple[Any, ...]]  # from a base's array to its former one; bound as the methods are

    def __init__(
        self, base: Tensor, chain: tuple[Any, ...], version: int, frozen: str | None, origin: Any = None
    ) -> None:
        self.base = base
        self.chain = chain
        self.version = version
        self.frozen = frozen
        self.origin = base._data if origin is None else origin


class Tensor:
    """A multi-dimensional array of one number type that remembers how it was computed.

    Make one with :func:`lepton.tensor`, :func:`lepton.zeros` and their family; ``Tensor(data)`` itself, as in
    PyTorch, gives numbers of the default floating type, and an empty tensor when called without data.

    The slots: ``_data`` the array; ``_needs`` whether a gradient is wanted; ``_edge`` the recorded op that made it, a
    pair (op, output index) for ops with several outputs, or None for a leaf; ``_cell`` the version counter in a list
    of one, shared by all tensors on this memory (None: made in inference mode, uncounted); ``_view`` how it came from
    the owner of its memory; ``_hooks`` what is attached to a leaf.
    """

    __slots__ = ("_data", "_needs", "_edge", "_cell", "_view", "_hooks", "_grad", "__weakref__", "__dict__")

    __array_ufunc__ = None  # else ndarray * Tensor would be computed by NumPy, and the graph dropped in silence
    __array_priority__ = 1000

    def __init__(self, data: Any = None) -> None:
        if type(data) is not np.ndarray:
            data = _array_for_constructor(data)
        self._data = data
        self._needs = False
        self._edge: Any = None
        self._cell: list[int] | None = None if STATE.inference else [0]
        self._view: View | None = None
        self._hooks: LeafHooks | None = None
        self._grad: Tensor | None = None

    # ------------------------------------------------------------------ what it is

    @property
    def shape(self) -> Size:
        """The lengths of its dimensions, a :class:`Size`."""
        return Size(self._data.shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self._data.ndim)

    @property
    def dtype(self) -> dtypes.dtype:
        """The number type, such as ``lepton.float32``."""
        return dtypes.of(self._data.dtype)

    @property
    def device(self) -> devices.device:
        """Where its memory is."""
        return devices.device_of(self._data)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(self._data.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self._data.nbytes)

    @property
    def layout(self) -> str:
        """Always ``"strided"``: every tensor is dense."""
        return "strided"

    @property
    def is_cuda(self) -> bool:
        """Whether it lives on a CUDA device."""
        return self.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        """Whether it lives in host memory."""
        return self.device.type == "cpu"

    def dim(self) -> int:
        """The number of dimensions."""
        return int(self._data.ndim)

    ndimension = dim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one dimension.

        Raises:
            IndexRangeError: there is no such dimension.
        """
        return self.shape if dim is None else self._data.shape[normalize_dim(dim, self._data.ndim)]

    def numel(self) -> int:
        """The number of elements."""
        return int(self._data.size)

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element."""
        return int(self._data.itemsize)

    def stride(self, dim: int | None = None) -> Any:
        """Steps between neighbours along each dimension (or ``dim``), counted in elements."""
        steps = strides(self._data)
        return steps if dim is None else steps[normalize_dim(dim, self._data.ndim)]

    def is_contiguous(self) -> bool:
        """Whether the elements lie in memory row by row."""
        return bool(self._data.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """Whether the number type is floating."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Always False."""
        return False

    def is_signed(self) -> bool:
        """Whether the number type has negative numbers."""
        return self.dtype.is_signed

    def is_inference(self) -> bool:
        """Whether it was made in inference mode."""
        return self._cell is None

    def data_ptr(self) -> int:
        """The address of the first element."""
        return address(self._data)

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise ArgumentTypeError("len() of a 0-d tensor; use .numel() for the number of elements")
        return int(self._data.shape[0])

    __hash__ = object.__hash__

    # ------------------------------------------------------------------ its place in the graph

    def _target(self) -> Any:
        """Where its gradient goes: to the op that made it, a pair (op, output index), or to itself, the leaf."""
        return self if self._edge is None else self._edge

    def _sync(self) -> None:
        """Make a view's edge anew when its memory was written through another tensor since.

        Raises:
            GradError: that cannot be done, and the base requires a gradient.
        """
        view = self._view
        if view is None or self._cell is None or view.version == self._cell[0]:
            return
        base = view.base
        if view.frozen:
            if base._needs:
                raise GradError(
                    f"A view was created {view.frozen} and its base or another view of its base has been modified "
                    "inplace since. This view is not on the graph of its base, so what is computed from it would lack "
                    "a gradient. Create it with grad mode enabled, or use detach() or clone() if it is a constant."
                )
            return
        if view.origin is not base._data:
            view.chain = View.way_back(base._data, view.origin) + view.chain
            view.origin = base._data
        if base._needs:
            edge = base._target()
            for op in view.chain:
                edge = op.retrace(edge)
            self._edge, self._needs = edge, True
        elif self._edge is not None:  # the base was cut off from the graph after it was written
            self._edge, self._needs = None, False
        view.version = self._cell[0]

    @property
    def requires_grad(self) -> bool:
        """Whether operations on it are recorded, so that a gradient can reach it."""
        if self._view is not None and not self._view.frozen:
            self._sync()
        return self._needs

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient, or no longer; returns itself.

        Raises:
            GradError: the type is not floating, or it is a result (only leaves can be switched off).
        """
        if requires_grad and not self.dtype.is_floating_point:
            raise GradError(
                f"only Tensors of floating point dtype can require gradients; this one is {self.dtype}. "
                "Convert it first, for instance with .float()."
            )
        if not requires_grad and not self.is_leaf:
            raise GradError(
                "you can only change requires_grad flags of leaf variables. "
                "If you want to use a computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        if requires_grad and self._cell is None and not STATE.inference:
            raise GradError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self._needs = bool(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user and not computed from tensors that require gradients."""
        if self._view is not None and not self._view.frozen:
            self._sync()
        return self._edge is None

    @property
    def grad_fn(self) -> Any:
        """The recorded op that made it; None for a leaf."""
        if self._view is not None:
            self._sync()
        return self._edge[0] if type(self._edge) is tuple else self._edge

    @property
    def output_nr(self) -> int:
        """Which output of ``grad_fn`` it is."""
        return self._edge[1] if type(self._edge) is tuple else 0

    @property
    def grad(self) -> Tensor | None:
        """The gradient that ``backward`` accumulated here, or None."""
        if self._grad is None and self._edge is not None and not self.retains_grad:
            _warn_about_grad_of_result()
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            _check_assigned_grad(self, value)
        self._grad = value

    @property
    def retains_grad(self) -> bool:
        """Whether it is a result that keeps its gradient, see :meth:`retain_grad`."""
        watch = self.grad_fn.watch if self._edge is not None else None
        return watch is not None and self.output_nr in watch.retained

    def retain_grad(self) -> None:
        """Keep the gradient in ``.grad`` although this is a result, not a leaf.

        Raises:
            GradError: it does not require a gradient.
        """
        if not self.requires_grad:
            raise GradError("can't retain_grad on Tensor that has requires_grad=False")
        if self._edge is not None:
            self._watch().retained[self.output_nr] = weakref.ref(self)

    def _watch(self) -> Watch:
        node = self.grad_fn
        if node.watch is None:
            node.watch = Watch()
        watch: Watch = node.watch
        return watch

    def _leaf_hooks(self) -> LeafHooks:
        if self._hooks is None:
            self._hooks = LeafHooks()
        return self._hooks

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook(grad)`` when its gradient is known; a returned tensor takes the gradient's place.

        Raises:
            GradError: it does not require a gradient.
        """
        if not self.requires_grad:
            raise GradError("cannot register a hook on a tensor that doesn't require gradient")
        if self._edge is None:
            return RemovableHandle(self._leaf_hooks().gradient, hook)
        return RemovableHandle(self._watch().gradient.setdefault(self.output_nr, {}), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call ``hook(tensor)`` after a backward has accumulated this leaf's final gradient into ``.grad``.

        Raises:
            GradError: it does not require a gradient, or is a result.
        """
        if not self.requires_grad:
            raise GradError("cannot register a hook on a tensor that doesn't require gradient")
        if self._edge is not None:
            raise GradError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return RemovableHandle(self._leaf_hooks().accumulated, hook)

    # ------------------------------------------------------------------ memory that it shares

    @property
    def _version(self) -> int:
        if self._cell is None:
            raise GradError("Inference tensors do not track version counter.")
        return self._cell[0]

    @property
    def _base(self) -> Tensor | None:
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    def detach(self) -> Tensor:
        """The same memory without the graph; writes to it are still seen by the version counter."""
        made = Tensor(self._data)
        made._cell = self._cell
        return made

    def detach_(self) -> Tensor:
        """Cut this tensor itself off from the graph, in place.

        Raises:
            GradError: it is a view.
        """
        if self._view is not None:
            raise GradError("Can't detach views in-place; use detach() instead.")
        self._edge, self._needs = None, False
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without the graph and with a version counter of its own: autograd sees no write to it."""
        return Tensor(self._data)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._needs and not value.dtype.is_floating_point:
            raise DTypeError(f"data set to a tensor that requires gradients must be floating point, got {value.dtype}")
        self._data = value._data

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The array itself, memory shared; with ``force`` a detached copy on the CPU where that is needed.

        Raises:
            GradError: it requires a gradient. ArgumentTypeError: it is not on the CPU.
        """
        if not force:
            if self.requires_grad:
                raise GradError(
                    "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
                )
            if not isinstance(self._data, np.ndarray):
                raise ArgumentTypeError(
                    f"can't convert {self.device} device type tensor to numpy. "
                    "Use Tensor.cpu() to copy the tensor to host memory first."
                )
        return devices.to_numpy(self._data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if any(each < 0 for each in self._data.strides):  # on receiving one PyTorch ends the whole process
            raise BufferError("Can't export tensors with negative strides, use tensor.contiguous()")
        return self._data.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        kind, index = self._data.__dlpack_device__()
        return int(kind), int(index)

    # ------------------------------------------------------------------ as Python values

    def item(self) -> Any:
        """The one element as a Python number.

        Raises:
            ShapeError: there is not exactly one element.
        """
        if self._data.size != 1:
            raise ShapeError(
                f"a Tensor with {self._data.size} elements cannot be converted to Scalar (its shape is "
                f"{tuple(self._data.shape)}); reduce it first, for instance with .sum() or .mean()"
            )
        return self._data.item() if self.dtype is not dtypes.bfloat16 else float(self._data.reshape(()))

    def tolist(self) -> Any:
        """The elements as nested Python lists, a plain number for a 0-d tensor."""
        host = devices.to_numpy(self._data)
        return (host if self.dtype is not dtypes.bfloat16 else host.astype(np.float32)).tolist()

    def __bool__(self) -> bool:
        if self._data.size != 1:
            what = "no values" if self._data.size == 0 else "more than one value"
            raise ShapeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self._data.item())

    def __float__(self) -> float:
        return float(self._only_element())

    def __int__(self) -> int:
        return int(self._only_element())

    def _only_element(self) -> Any:
        if self._data.size != 1:
            raise ArgumentError(
                f"only one element tensors can be converted to Python scalars; this one has shape {list(self.shape)}"
            )
        return self.item()

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub" or self._data.size != 1:
            raise ArgumentTypeError(
                "only integer tensors of a single element can be converted to an index; "
                f"this one is {self.dtype} of shape {tuple(self._data.shape)}"
            )
        return int(self._data.item())

    def __format__(self, spec: str) -> str:
        return format(self.item() if self._data.ndim == 0 and spec else str(self), spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if not self.is_leaf:
            raise GradError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment; this one is a result: copy tensor.detach() instead."
            )
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        Tensor.__init__(made, self._data.copy())
        made._needs = self._needs
        if self._grad is not None:
            made._grad = self._grad.__deepcopy__(memo)
        for name, value in self.__dict__.items():
            made.__dict__[name] = value
        return made


class Size(tuple[int, ...]):
    """A shape: a tuple that prints as PyTorch's does and knows ``numel()``."""

    __slots__ = ()

    def numel(self) -> int:
        """The product of the lengths."""
        product = 1
        for each in self:
            product *= each
        return product

    def __repr__(self) -> str:
        return f"lepton.Size({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> Any:
        return Size(tuple(self) + tuple(other))


def normalize_dim(dim: int, ndim: int) -> int:
    """``dim`` counted from the front; a 0-d tensor is treated as having one dimension, as in PyTorch.

    Raises:
        IndexRangeError: ``dim`` is outside [−ndim, ndim − 1].
    """
    if type(dim) is int and 0 <= dim < ndim:
        return dim
    return _normalize_odd_dim(dim, ndim)


def _normalize_odd_dim(dim: Any, ndim: int) -> int:
    from_end = max(ndim, 1)
    try:
        index = dim.__index__()
    except (AttributeError, TypeError):
        raise ArgumentTypeError(f"a dimension must be an int, not {type(dim).__name__}") from None
    if not -from_end <= index < from_end:
        raise IndexRangeError(
            f"Dimension out of range (expected to be in range of [{-from_end}, {from_end - 1}], but got {index})"
        )
    return int(index % from_end)


def _array_for_constructor(data: Any) -> Any:
    """What ``Tensor(data)`` holds: PyTorch's legacy constructor always gives the default floating type."""
    if data is None:
        return np.empty(0, dtypes.get_default_dtype().numpy)
    if isinstance(data, np.ndarray):
        return np.asarray(data)  # a memmap or another subclass as the plain array that it is
    if devices.is_array(data):
        return data
    if isinstance(data, Tensor):
        return data._data
    try:
        return np.array(data, dtype=dtypes.get_default_dtype().numpy)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"Tensor() expects nested sequences of numbers of equal lengths: {error}") from None


def _check_assigned_grad(tensor: Tensor, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise ArgumentTypeError(f"assigned grad expected to be a Tensor or None but got {type(value).__name__}")
    if value._data.shape != tensor._data.shape:
        raise ShapeError(
            f"attempting to assign a gradient of size '{list(value._data.shape)}' to a tensor of size "
            f"'{list(tensor._data.shape)}'. Please ensure that the gradient and the tensor are the same size"
        )
    if value._data.dtype != tensor._data.dtype:
        raise DTypeError(
            f"attempting to assign a gradient with dtype '{value.dtype}' to a tensor of dtype '{tensor.dtype}'. The "
            "gradient must have the tensor's dtype; convert it first"
        )
    if value.device != tensor.device:
        raise GradError(f"assigned grad has data located on a different device: {value.device}, not {tensor.device}")


def _warn_about_grad_of_result() -> None:
    import warnings

    warnings.warn(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
        "populated during autograd.backward(). Use .retain_grad() on it if you want that, or look at the leaf.",
        UserWarning,
        stacklevel=3,
    )
