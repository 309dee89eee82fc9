"""Functions that make tensors: from Python's and NumPy's data, filled with one value, counting up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lepton.autograd.inplace import fill_
from lepton.autograd.op import broadcast_shape
from lepton.autograd.ops.arguments import check_tensor, sizes_of, tensor_sequence
from lepton.autograd.ops.nested import array_of_nested
from lepton.autograd.ops.shape import clone, expand, reshape
from lepton.autograd.registry import public
from lepton.autograd.scalars import written_number
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor
from lepton.backend import devices, dtypes
from lepton.backend.devices import is_array, xp
from lepton.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, UnsupportedDTypeError

__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "eye", "fill", "from_numpy", "full", "full_like",
    "from_dlpack", "linspace", "logspace", "meshgrid", "ones", "ones_like", "scalar_tensor", "tensor",
    "tril_indices", "triu_indices", "zeros", "zeros_like",
]  # fmt: skip


def new_tensor_of(array: Any, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A leaf on ``device`` that owns ``array``."""
    if device is not None:
        array = devices.move(array, devices.as_device(device))
    made = Tensor(array)
    if STATE.inference:
        made._cell = None
    if requires_grad:
        made.requires_grad_()
    return made


def numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """The NumPy dtype of an argument ``dtype``, whose None is the default floating type."""
    return (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)).numpy


def shape_of(size: tuple[Any, ...], named: dict[str, Any], what: str) -> tuple[int, ...]:
    """The shape of ``what(2, 3)``, ``what((2, 3))`` or ``what(size=(2, 3))``.

    Raises:
        ArgumentTypeError: no size, or not of ints. ShapeError: a negative length.
    """
    if "size" in named:
        size = (named.pop("size"),)
    elif not size:
        raise ArgumentTypeError(f'{what}() missing 1 required positional arguments: "size"')
    if named:
        raise ArgumentTypeError(f"{what}() got an unexpected keyword argument '{next(iter(named))}'")
    shape = sizes_of(size)
    for length in shape:
        if length < 0:
            raise ShapeError(f"{what}: Dimension size must be non-negative, but got shape {list(shape)}")
    return shape


# ---------------------------------------------------------------------- from data


@public(method=False)
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of ``data``.

    Args:
        data: a number, nested sequences of numbers, an array, or a tensor (whose values are copied, not its graph).
        dtype: by default that of an array or tensor; int64 for Python's ints, bool for bools, the default floating
            type for floats.

    Raises:
        ArgumentError: sequences of unequal lengths. ArgumentTypeError, DTypeError: there is something else than
            numbers in it, or a number that the type does not hold.
    """
    if isinstance(data, Tensor):
        target = data._data.dtype if dtype is None else numpy_dtype(dtype)
        return new_tensor_of(data._data.astype(target), requires_grad, device)
    if is_array(data) and not isinstance(data, np.ndarray):
        return new_tensor_of(data.astype(data.dtype if dtype is None else numpy_dtype(dtype)), requires_grad, device)
    return new_tensor_of(array_of_nested(data, dtype), requires_grad, device)


@public(method=False)
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a tensor, without copying where that can be.

    A tensor of that type and device is returned itself, with its graph; an array shares its memory.
    """
    if isinstance(data, Tensor):
        return data if dtype is None and device is None else data.to(dtype=dtype, device=device)
    if not isinstance(data, np.ndarray):
        return tensor(data, dtype=dtype, device=device)
    array = np.asarray(data)
    target = dtypes.of(array.dtype).numpy if dtype is None else numpy_dtype(dtype)
    return new_tensor_of(array.astype(target, copy=False), False, device)


@public(method=False)
def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """``obj`` as a tensor.

    Args:
        obj: a tensor, an array, an object with DLPack's protocol, a number or nested sequences.
        copy: True always copies; False never does and raises where it would have to; None copies where needed.

    Raises:
        ArgumentError: ``copy=False`` but a copy is needed.
    """
    if not isinstance(obj, (Tensor, np.ndarray, np.generic)) and hasattr(obj, "__dlpack__"):
        obj = from_dlpack(obj)
    if copy:
        made = tensor(obj, dtype=dtype, device=device)
    else:
        made = as_tensor(obj, dtype, device)
        held = obj._data if isinstance(obj, Tensor) else obj
        if copy is False and not (is_array(held) and xp(made._data).may_share_memory(made._data, held)):
            raise ArgumentError(f"can't alias a {type(obj).__name__} of that type and device without a copy")
    if isinstance(obj, Tensor) and made._needs and not requires_grad:
        return made.detach()
    return made.requires_grad_() if requires_grad else made


@public(method=False)
def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares the memory of a NumPy array.

    Raises:
        ArgumentTypeError: it is no array, or of a type that tensors do not have.
    """
    if not isinstance(ndarray, np.ndarray):
        raise ArgumentTypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.of(ndarray.dtype)
    return new_tensor_of(np.asarray(ndarray))


@public(method=False)
def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares the memory of any object with DLPack's protocol (of another framework's tensor, say).

    Raises:
        ArgumentTypeError: it does not have the protocol, or a type that tensors do not have.
    """
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()
    if not hasattr(ext_tensor, "__dlpack__"):
        raise ArgumentTypeError(f"from_dlpack() expects an object with __dlpack__, not {type(ext_tensor).__name__}")
    array = np.from_dlpack(ext_tensor)
    dtypes.of(array.dtype)
    return new_tensor_of(array.copy() if copy else array, False, device)


@public(method=False)
def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor of the default floating type (or ``dtype``) with the value ``s``."""
    return new_tensor_of(np.array(_number(s), numpy_dtype(dtype)), requires_grad, device)


@public()
def new_tensor(
    input: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor with a copy of ``data``, of the type and on the device of ``input`` unless told otherwise."""
    return tensor(
        data,
        dtype=input.dtype if dtype is None else dtype,
        device=input.device if device is None else device,
        requires_grad=requires_grad,
    )


# ---------------------------------------------------------------------- filled


@public(method=False)
def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Tensor:
    """A tensor of a shape whose memory is whatever it was."""
    return new_tensor_of(np.empty(shape_of(size, named, "empty"), numpy_dtype(dtype)), requires_grad, device)


@public(method=False)
def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Tensor:
    """A tensor of a shape, filled with 0."""
    return new_tensor_of(np.zeros(shape_of(size, named, "zeros"), numpy_dtype(dtype)), requires_grad, device)


@public(method=False)
def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Tensor:
    """A tensor of a shape, filled with 1."""
    return new_tensor_of(np.ones(shape_of(size, named, "ones"), numpy_dtype(dtype)), requires_grad, device)


@public(method=False)
def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of a shape, filled with one value, whose type it has: bool, int64, or the default floating type."""
    value = _number(fill_value)
    kind = dtypes.of_number(value).numpy if dtype is None else numpy_dtype(dtype)
    value = written_number(value, dtypes.of(kind))
    if isinstance(size, int):
        raise ArgumentTypeError("full(): argument 'size' (position 1) must be tuple of ints, not int")
    shape = shape_of((), {"size": size}, "full")
    return new_tensor_of(np.full(shape, value, kind), requires_grad, device)


def _number(value: Any) -> Any:
    """A Python number, also out of a 0-d tensor or NumPy scalar."""
    if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
        return value
    if isinstance(value, Tensor) or (isinstance(value, (np.generic, np.ndarray)) and value.size == 1):
        return value.item()
    raise ArgumentTypeError(f"a fill value must be a number, not {type(value).__name__}")


def _like(
    make: str, input: Tensor, dtype: Any, device: Any, requires_grad: bool, memory_format: Any, *value: Any
) -> Tensor:
    data = check_tensor(input, f"{make}_like")._data
    kind = data.dtype if dtype is None else numpy_dtype(dtype)
    order = "C" if str(memory_format).endswith("contiguous_format") else "K"
    number = [written_number(each, dtypes.of(kind)) for each in value]
    made = getattr(xp(data), f"{make}_like")(data, *number, dtype=kind, order=order)
    return new_tensor_of(made, requires_grad, device)


@public(method=False)
def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """A tensor like ``input`` (shape, type, device) whose memory is whatever it was."""
    return _like("empty", input, dtype, device, requires_grad, memory_format)


@public(method=False)
def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """A tensor like ``input`` (shape, type, device), filled with 0."""
    return _like("zeros", input, dtype, device, requires_grad, memory_format)


@public(method=False)
def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """A tensor like ``input`` (shape, type, device), filled with 1."""
    return _like("ones", input, dtype, device, requires_grad, memory_format)


@public(method=False)
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor like ``input`` (shape, type, device), filled with one value."""
    return _like("full", input, dtype, device, requires_grad, memory_format, _number(fill_value))


def _new(
    make: str, input: Tensor, size: tuple[Any, ...], named: dict[str, Any], dtype: Any, device: Any, grad: bool,
    *value: Any,
) -> Tensor:  # fmt: skip
    data = check_tensor(input, f"new_{make}")._data
    kind = data.dtype if dtype is None else numpy_dtype(dtype)
    return new_tensor_of(
        getattr(xp(data), make)(shape_of(size, named, f"new_{make}"), *value, dtype=kind), grad, device
    )


@public(method=False)
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like ``input`` with one value, a number or a 0-d tensor, in every element.

    Raises:
        ShapeError: ``value`` is a tensor that is not 0-d. DTypeError: the type does not have this number.
    """
    return fill_(clone(input), value)


@public()
def new_empty(
    input: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """A tensor of a shape, of ``input``'s type and device, whose memory is whatever it was."""
    return _new("empty", input, size, named, dtype, device, requires_grad)


@public()
def new_zeros(
    input: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """A tensor of a shape, of ``input``'s type and device, filled with 0."""
    return _new("zeros", input, size, named, dtype, device, requires_grad)


@public()
def new_ones(
    input: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
) -> Tensor:
    """A tensor of a shape, of ``input``'s type and device, filled with 1."""
    return _new("ones", input, size, named, dtype, device, requires_grad)


@public()
def new_full(
    input: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of a shape, of ``input``'s type and device, filled with one value."""
    kind = input._data.dtype if dtype is None else numpy_dtype(dtype)
    value = written_number(_number(fill_value), dtypes.of(kind))
    return _new("full", input, (size,), {}, dtype, device, requires_grad, value)


# ---------------------------------------------------------------------- counting


@public(method=False)
def arange(
    start: Any = None, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """start, start + step, … up to ``end``, which is left out; ``arange(end)`` begins at 0.

    ⌈(end − start)/step⌉ elements: int64 if all three are ints, else of the default floating type.

    Raises:
        ShapeError: the step is 0 or points away from ``end``. ArgumentTypeError: there is no end.
    """
    if end is None:
        start, end = None, start
    if end is None:
        raise ArgumentTypeError("arange() needs an end: arange(end), arange(start, end) or arange(start, end, step)")
    start = 0 if start is None else start
    first, last, by = _number(start), _number(end), _number(step)
    if dtype is not None:
        kind = numpy_dtype(dtype)
    else:
        whole = not any(isinstance(each, float) for each in (first, last, by))
        kind = np.dtype(np.int64) if whole else numpy_dtype(None)
    if kind.kind == "b":
        raise UnsupportedDTypeError("\"arange_cpu\" not implemented for 'Bool'")
    if by == 0:
        raise ShapeError("step must be nonzero")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise ShapeError(f"unsupported range: {first} -> {last}")
    if (last - first) * by < 0:
        raise ShapeError(
            f"upper bound and lower bound inconsistent with step sign: arange({first}, {last}, {by})"
        )
    if kind.kind in "iu":
        return new_tensor_of(np.arange(int(first), int(last), int(by)).astype(kind), requires_grad, device)
    places = np.arange(math.ceil((last - first) / by), dtype=np.float64)
    return new_tensor_of((first + places * by).astype(kind), requires_grad, device)


def _steps(start: Any, end: Any, steps: int, what: str) -> np.ndarray[Any, Any]:
    first, last = float(_number(start)), float(_number(end))
    if not isinstance(steps, int) or isinstance(steps, bool):
        raise ArgumentTypeError(f"{what}(): argument 'steps' (position 3) must be int, not {type(steps).__name__}")
    if steps < 0:
        raise ShapeError("number of steps must be non-negative")
    if steps == 1:
        return np.array([first])
    by = (last - first) / max(steps - 1, 1)
    places = np.arange(steps, dtype=np.float64)
    return np.where(places < steps // 2, first + by * places, last - by * (steps - 1 - places))


@public(method=False)
def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """``steps`` evenly spaced numbers from ``start`` to ``end``, both included.

    Raises:
        ShapeError: ``steps`` is negative. UnsupportedDTypeError: ``dtype`` is bool.
    """
    kind = numpy_dtype(dtype)
    if kind.kind == "b":
        raise UnsupportedDTypeError("\"linspace_cpu\" not implemented for 'Bool': ask for an integer or floating dtype")
    return new_tensor_of(_steps(start, end, steps, "linspace").astype(kind), requires_grad, device)


@public(method=False)
def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``steps`` numbers base^start … base^end, whose exponents are evenly spaced.

    Raises:
        ShapeError: ``steps`` is negative.
    """
    powers = np.power(float(base), _steps(start, end, steps, "logspace"))
    return new_tensor_of(powers.astype(numpy_dtype(dtype)), requires_grad, device)


@public(method=False)
def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The n × m matrix with 1 on its diagonal and 0 elsewhere.

    Raises:
        ShapeError: n or m is negative.
    """
    for name, each in (("n", n), ("m", m)):
        if each is not None and each < 0:
            raise ShapeError(f"{name} must be greater or equal to 0, got {each}")
    return new_tensor_of(np.eye(n, m, dtype=numpy_dtype(dtype)), requires_grad, device)


def _indices(pair: tuple[Any, Any], dtype: Any, device: Any) -> Tensor:
    kind = np.dtype(np.int64) if dtype is None else numpy_dtype(dtype)
    return new_tensor_of(np.stack(pair).astype(kind), False, device)


@public(method=False)
def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The places of the lower triangle of a row × col matrix: a row of row numbers and one of column numbers."""
    _check_matrix_size(row, col)
    return _indices(np.tril_indices(row, offset, col), dtype, device)


@public(method=False)
def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The places of the upper triangle of a row × col matrix: a row of row numbers and one of column numbers."""
    _check_matrix_size(row, col)
    return _indices(np.triu_indices(row, offset, col), dtype, device)


def _check_matrix_size(row: int, col: int) -> None:
    for name, each in (("row", row), ("col", col)):
        if each < 0:
            raise ShapeError(f"{name} must be non-negative, got{each}")


@public(method=False)
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """For vectors x, y, …: tensors whose elements at [i, j, …] are xᵢ, yⱼ, …; views.

    Args:
        indexing: ``"ij"``, or ``"xy"``: the first two dimensions exchanged, as in plots.

    Raises:
        ShapeError: one has more than one dimension, or another ``indexing``. DTypeError: their types differ.
    """
    if indexing not in ("ij", "xy"):
        raise ShapeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    given: Sequence[Any] = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    listed = list(tensor_sequence(given, "meshgrid"))
    if not listed:
        raise ShapeError("meshgrid expects a non-empty TensorList")
    for each in listed:
        if each.ndim > 1:
            raise ShapeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {list(each.shape)}")
        if each.dtype is not listed[0].dtype:
            raise DTypeError("torch.meshgrid expects all tensors to have the same dtype")
    order = list(range(len(listed)))
    if indexing == "xy" and len(listed) > 1:
        order[:2] = [1, 0]
    lines = [
        reshape(each, (1,) * order[place] + (-1,) + (1,) * (len(listed) - 1 - order[place]))
        for place, each in enumerate(listed)
    ]
    shape = broadcast_shape(*[each._data.shape for each in lines])
    return tuple([expand(each, shape) for each in lines])
