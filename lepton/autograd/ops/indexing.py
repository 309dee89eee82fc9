"""``x[index]`` in all its forms, and the ops that pick elements by their places.

An index is taken apart as PyTorch does it: integers, slices, ``None`` and ``...`` first, which give a view; then the
tensors among it, all at once, which give a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lepton.autograd.op import Op, ViewOp, broadcast_shape
from lepton.autograd.ops.arguments import check_tensor, index_array
from lepton.autograd.ops.shape import clone, expand, reshape
from lepton.autograd.registry import public
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend.devices import device_of, is_array, move, xp
from lepton.errors import ArgumentError, ArgumentTypeError, DTypeError, IndexRangeError, PlaceError, ShapeError
from lepton.kernels import indexing as kernels
from lepton.kernels.indexing import along

__all__ = [
    "select", "narrow", "narrow_copy", "index_select", "gather", "take", "take_along_dim", "masked_select", "nonzero",
    "argwhere",
]  # fmt: skip

FULL = slice(None)


class Slice(ViewOp):
    """z = x[index] with integers, slices, None and ...          ∂L/∂x = zeros with g at index"""

    __slots__ = ("index", "source")

    def __init__(self, index: tuple[Any, ...]) -> None:
        self.index = index

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return x[self.index]

    def backward(self, g: Any) -> Any:
        return Unslice.on(g, index=self.index, shape=self.source)

    def explain(self, error: Exception, inputs: tuple[Any, ...]) -> Exception | None:
        if isinstance(error, (IndexError, ValueError)) and isinstance(inputs[0], Tensor):
            return explain_index(error, inputs[0]._data.shape)
        return super().explain(error, inputs)


class Unslice(Op):
    """z = zeros with x at an index of integers, slices, None and ...          ∂L/∂x = g[index]"""

    __slots__ = ("index", "shape")

    def __init__(self, index: tuple[Any, ...], shape: tuple[int, ...]) -> None:
        self.index, self.shape = index, shape

    def forward(self, x: Any) -> Any:
        out = xp(x).zeros(self.shape, x.dtype)
        out[self.index] = x
        return out

    def backward(self, g: Any) -> Any:
        return g[self.index]


class Index(Op):
    """z = x[index] with integer arrays          ∂L/∂x = zeros with g added at index"""

    __slots__ = ("index", "unique", "source")
    saves = ("index",)

    def __init__(self, index: tuple[Any, ...], unique: bool = False) -> None:
        self.index, self.unique = index, unique

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return x[self.index]

    def backward(self, g: Any, index: Any) -> Any:
        return IndexAdd.on(g, index=index, shape=self.source, unique=self.unique)

    def explain(self, error: Exception, inputs: tuple[Any, ...]) -> Exception | None:
        if isinstance(error, (IndexError, ValueError)) and isinstance(inputs[0], Tensor):
            return explain_index(error, inputs[0]._data.shape)
        return super().explain(error, inputs)


class IndexAdd(Op):
    """z = zeros with x added at index          ∂L/∂x = g[index]"""

    __slots__ = ("index", "shape", "unique")
    saves = ("index",)

    def __init__(self, index: tuple[Any, ...], shape: tuple[int, ...], unique: bool) -> None:
        self.index, self.shape, self.unique = index, shape, unique

    def forward(self, x: Any) -> Any:
        if not self.unique:
            return kernels.index_add(x, self.index, self.shape)
        out = xp(x).zeros(self.shape, x.dtype)
        out[self.index] = x
        return out

    def backward(self, g: Any, index: Any) -> Any:
        return Index.on(g, index=index, unique=self.unique)


class Plan:
    """An index taken apart for a tensor of a given shape: ``basic`` gives a view, of which ``advanced`` then picks.

    ``advanced`` is None when the index has no tensors. ``unique`` says that no element can be picked twice (masks).
    """

    __slots__ = ("basic", "advanced", "unique")

    def __init__(self, index: Any, x: Tensor) -> None:
        self.basic, self.advanced, self.unique = _parse(index, x)


# ---------------------------------------------------------------------- taking an index apart


def getitem(input: Tensor, index: Any) -> Tensor:
    """``input[index]``: a view for integers, slices, ``None`` and ``...``; a copy where the index holds tensors.

    Integer tensors (lists and arrays too) pick along their dimension and are broadcast against each other; bool
    tensors pick where they are true. Slices may have negative steps.

    Raises:
        IndexRangeError: an index is out of bounds, there are too many of them, or a mask has another shape.
    """
    kind = type(index)
    if kind is int or kind is slice:
        return Slice((index, ...))(input)
    if kind is tuple and _is_basic(index):
        return Slice(index if Ellipsis in index else (*index, ...))(input)
    plan = Plan(index, input)
    if plan.basic is not None:
        input = Slice(plan.basic)(input)
    return input if plan.advanced is None else Index(plan.advanced, plan.unique)(input)


def _is_basic(index: tuple[Any, ...]) -> bool:
    dots = 0
    for each in index:
        kind = type(each)
        if kind is slice:
            if not _is_plain(each):
                return False
        elif kind is not int and each is not None:
            if each is not Ellipsis or dots:
                return False
            dots = 1
    return True


def _is_plain(each: slice) -> bool:
    return type(each.start) in _PLAIN and type(each.stop) in _PLAIN and type(each.step) in _PLAIN


_PLAIN = {int, type(None)}


def _parse(index: Any, x: Tensor) -> tuple[Any, Any, bool]:
    """The basic and the advanced part of an index, and whether the latter picks no element twice."""
    entries = [_entry(each, x._data) for each in (index if isinstance(index, tuple) else (index,))]
    consumed = 0
    for each in entries:
        if each is not None and each is not Ellipsis:
            consumed += each.ndim if is_array(each) and each.dtype == bool else 1
    consumed -= sum([isinstance(each, bool) for each in entries])
    ndim = x._data.ndim
    if consumed > ndim:
        if ndim == 0:
            raise IndexRangeError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number"
            )
        raise IndexRangeError(f"too many indices for tensor of dimension {ndim}")
    if sum([each is Ellipsis for each in entries]) > 1:
        entries = _single_ellipsis(entries)
    if Ellipsis not in [each for each in entries if not is_array(each)]:
        entries.append(Ellipsis)
    basic: list[Any] = []
    advanced: list[Any] = []
    unique = True
    trivial = True
    dim = 0
    for each in entries:
        if each is Ellipsis:
            basic.append(...)
            advanced.extend([FULL] * (ndim - consumed))
            dim += ndim - consumed
        elif isinstance(each, bool):
            basic.append(None)
            advanced.append(xp(x._data).zeros(1 if each else 0, np.int64))
            trivial = False
        elif is_array(each):
            if each.dtype == bool:
                _check_mask(each, x._data.shape, dim)
                advanced.extend(xp(each).nonzero(each))
            else:
                unique = False
                advanced.append(each)
            width = each.ndim if each.dtype == bool else 1
            basic.extend([FULL] * width)
            dim += width
        else:
            basic.append(each)
            if not isinstance(each, int):
                advanced.append(FULL)
            trivial = trivial and isinstance(each, slice) and each == FULL
            dim += each is not None
    while advanced and isinstance(advanced[-1], slice):
        advanced.pop()
    if not advanced:
        return tuple(basic), None, True
    return None if trivial else tuple(basic), _broadcastable(advanced, x), unique and _independent(entries)


def _independent(entries: list[Any]) -> bool:
    """Whether masks alone pick, and just one of them: two would be paired element by element."""
    return sum([is_array(each) or isinstance(each, bool) for each in entries]) == 1


def _single_ellipsis(entries: list[Any]) -> list[Any]:
    """Further ``...`` stand for no dimension, as in PyTorch."""
    first = next(place for place, each in enumerate(entries) if each is Ellipsis)
    return [each for place, each in enumerate(entries) if each is not Ellipsis or place == first]


def _broadcastable(advanced: list[Any], x: Tensor) -> tuple[Any, ...]:
    shapes = [each.shape for each in advanced if not isinstance(each, slice)]
    try:
        broadcast_shape(*shapes)
    except ShapeError:
        listed = ", ".join(str(list(each)) for each in shapes)
        raise IndexRangeError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {listed}"
        ) from None
    return tuple(advanced)


def _entry(each: Any, x: Any) -> Any:
    """One element of an index: an int, slice, None, ..., bool, or an array of integers or bools."""
    if each is None or each is Ellipsis or type(each) is int or isinstance(each, bool):
        return each
    if isinstance(each, slice):
        return slice(_bound(each.start), _bound(each.stop), _bound(each.step))
    if isinstance(each, np.generic) and each.dtype.kind in "iub":
        return each.item()
    if isinstance(each, Tensor):
        array = each._data
    elif is_array(each):
        array = each
    elif isinstance(each, (Sequence, range)) and not isinstance(each, str):
        array = _array_of_sequence(each)
    elif isinstance(each, str):
        raise ArgumentTypeError(f"an index cannot be a string: {each!r} (new(): invalid data type 'str')")
    elif hasattr(each, "__index__"):
        return each.__index__()
    else:
        raise IndexRangeError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(each).__name__})"
        )
    return _index_entry(array, x)


def _index_entry(array: Any, x: Any) -> Any:
    if array.dtype == bool:
        return move(array, device_of(x)) if array.ndim else bool(array)
    if array.dtype.kind not in "iu" or (array.dtype.itemsize < 4 and array.dtype != np.uint8):
        raise IndexRangeError("tensors used as indices must be long, int, byte or bool tensors")
    if array.dtype == np.uint8:
        _warn_about_byte_mask()
        return move(array, device_of(x)) != 0
    if array.ndim == 0:
        return int(array)
    # a copy: backward reads it again, and the user may write to theirs in between
    return move(array.astype(np.int64, copy=STATE.grad_enabled), device_of(x))


def _array_of_sequence(values: Any) -> Any:
    listed = [each.tolist() if isinstance(each, Tensor) else each for each in values]
    try:
        array = np.array(listed)
    except ValueError:
        array = np.array(listed, dtype=object)
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise IndexRangeError(
            "a list used as an index must hold ints or bools, in nested lists of equal lengths; for several "
            "dimensions write x[tuple(indices)]"
        )
    return array


def _bound(value: Any) -> Any:
    if value is None or type(value) is int:
        return value
    if isinstance(value, Tensor) or hasattr(value, "__index__"):
        return value.__index__()
    raise ArgumentTypeError(
        f"slice indices must be integers or None or have an __index__ method, not {type(value).__name__}"
    )


def _check_mask(mask: Any, shape: tuple[int, ...], dim: int) -> None:
    for offset, length in enumerate(mask.shape):
        if dim + offset >= len(shape) or shape[dim + offset] != length:
            raise IndexRangeError(
                f"The shape of the mask {list(mask.shape)} at index {offset} does not match the shape of the indexed "
                f"tensor {list(shape)} at index {dim + offset}"
            )


def _warn_about_byte_mask() -> None:
    import warnings

    warnings.warn(
        "indexing with dtype uint8 is now deprecated, please use a dtype bool instead.", UserWarning, stacklevel=5
    )


def explain_index(error: Exception, shape: tuple[int, ...]) -> Exception:
    """NumPy's message about an index in PyTorch's words."""
    message = str(error)
    if isinstance(error, ValueError):
        return ArgumentError(message)
    if not shape:
        return IndexRangeError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number"
        )
    if message.startswith("too many indices"):
        return IndexRangeError(f"too many indices for tensor of dimension {len(shape)}")
    return IndexRangeError(message.replace("for axis", "for dimension"))


# ---------------------------------------------------------------------- parts along one dimension


@public()
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice number ``index`` along ``dim``, without that dimension: a view.

    Raises:
        IndexRangeError: there is no such slice, or no such dimension.
    """
    shape = check_tensor(input, "select")._data.shape
    if not shape:
        raise IndexRangeError("select() cannot be applied to a 0-dim tensor.")
    dim = normalize_dim(dim, len(shape))
    place = index.__index__()
    if not -shape[dim] <= place < shape[dim]:
        raise IndexRangeError(
            f"select(): index {place} out of range for tensor of size {list(shape)} at dimension {dim}"
        )
    return Slice(along(dim, place % shape[dim]))(input)


@public()
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """The ``length`` slices along ``dim`` from number ``start`` on: a view.

    Raises:
        ShapeError: they reach beyond the end. IndexRangeError: ``start`` or ``dim`` is out of range.
    """
    shape = check_tensor(input, "narrow")._data.shape
    if not shape:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = normalize_dim(dim, len(shape))
    size, begin = shape[dim], start.__index__()
    if length < 0:
        raise ShapeError("narrow(): length must be non-negative.")
    if not -size <= begin <= size:
        raise IndexRangeError(f"start out of range (expected to be in range of [{-size}, {size}], but got {begin})")
    begin = begin + size if begin < 0 else begin
    if begin + length > size:
        raise ShapeError(f"start ({begin}) + length ({length}) exceeds dimension size ({size}).")
    return Slice(along(dim, slice(begin, begin + length)))(input)


@public()
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """As :func:`narrow`, in memory of its own."""
    return clone(narrow(input, dim, start, length))


# ---------------------------------------------------------------------- picking by index tensors


@public()
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices along ``dim`` whose numbers ``index`` (1-d or 0-d, int32 or int64) lists, in that order.

    Raises:
        IndexRangeError: a number is out of range (negative ones are), or ``index`` has more dimensions.
    """
    data = check_tensor(input, "index_select")._data
    places = index_array(index, data, "index_select()")
    if places.ndim > 1:
        raise IndexRangeError("index_select(): Index is supposed to be a vector")
    dim = normalize_dim(dim, data.ndim)
    length = data.shape[dim] if data.ndim else 1
    if places.size and (places.min() < 0 or places.max() >= length):
        raise PlaceError(f"index out of range in self: the indices must be in [0, {length - 1}]")
    if data.ndim == 0:
        return clone(input)
    return Index((FULL,) * dim + (_kept(places.reshape(-1)),))(input)


def _kept(places: Any) -> Any:
    """Indices that backward will read again, out of reach of writes by the user."""
    return places.copy() if STATE.grad_enabled else places


class Gather(Op):
    """z[…, i, …] = x[…, index[…, i, …], …]          ∂L/∂x = zeros with g added there"""

    __slots__ = ("dim", "source")
    saves = ("index",)

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any, index: Any) -> Any:
        self.source = x.shape
        return kernels.take_along(x, index, self.dim)

    def backward(self, g: Any, index: Any) -> Any:
        return GatherBackward.on(g, index, dim=self.dim, shape=self.source), None


class GatherBackward(Op):
    """z = zeros with x added at z[…, index[…, i, …], …]          ∂L/∂x = those elements of g"""

    __slots__ = ("dim", "shape")
    saves = ("index",)

    def __init__(self, dim: int, shape: tuple[int, ...]) -> None:
        self.dim, self.shape = dim, shape

    def forward(self, x: Any, index: Any) -> Any:
        return kernels.index_add(x, kernels.open_grid(index, self.dim), self.shape)

    def backward(self, g: Any, index: Any) -> Any:
        return Gather.on(g, index, dim=self.dim), None


def long_index(index: Any, x: Any, what: str) -> Tensor:
    """An index tensor as int64 on the device of ``x``: itself when it is that already."""
    array = index_array(index, x, what)
    return index if array is index._data else Tensor(array)


def check_places(index: Any, length: int, dim: int) -> None:
    """Refuse indices outside of [0, length − 1]."""
    if index.size and (index.min() < 0 or index.max() >= length):
        wrong = int(index.min()) if index.min() < 0 else int(index.max())
        raise PlaceError(f"index {wrong} is out of bounds for dimension {dim} with size {length}")


def check_extent(index: Any, shape: tuple[int, ...], dim: int, what: str) -> None:
    """Refuse an index tensor with another number of dimensions, or longer than ``shape`` apart from ``dim``."""
    if max(index.ndim, 1) != max(len(shape), 1):
        raise ShapeError(f"Index tensor must have the same number of dimensions as {what} tensor")
    for place, (mine, theirs) in enumerate(zip(index.shape, shape, strict=False)):
        if place != dim and mine > theirs:
            raise ShapeError(
                f"Size does not match at dimension {place} expected index {list(index.shape)} to be no larger than "
                f"self {list(shape)} apart from dimension {dim}"
            )


@public()
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """z[i][j][k] = input[index[i][j][k]][j][k] for ``dim=0``, and likewise for other dimensions.

    Args:
        index: int32 or int64, of as many dimensions, no longer than ``input`` apart from ``dim``; the result has
            its shape.
        sparse_grad: accepted for PyTorch's sake; gradients are dense.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: ``index`` is not of integers. IndexRangeError: out of range.
    """
    data = check_tensor(input, "gather")._data
    places = long_index(index, data, "gather()")
    dim = normalize_dim(dim, data.ndim)
    check_extent(places._data, data.shape, dim, "input")
    check_places(places._data, data.shape[dim] if data.ndim else 1, dim)
    if data.ndim and places._data.ndim:
        return Gather(dim)(input, places)
    line, flat = reshape(input, -1), places if places._data.ndim else Tensor(places._data.reshape(1))
    return reshape(Gather(0)(line, flat), places._data.shape)


@public()
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements whose numbers, counted through the flattened tensor, ``index`` holds, in the shape of ``index``.

    Raises:
        IndexRangeError: a number is outside of [−n, n − 1].
    """
    data = check_tensor(input, "take")._data
    places = index_array(index, data, "take()")
    check_flat(places, data.size)
    places = xp(places).where(places < 0, places + data.size, places)
    return Index((places,))(reshape(input, -1))


def check_flat(places: Any, size: int) -> None:
    """Refuse numbers of elements outside of [−size, size − 1]."""
    if places.size and (places.min() < -size or places.max() >= size):
        wrong = int(places.min()) if places.min() < -size else int(places.max())
        if size == 0:
            raise IndexRangeError("take(): tried to take from an empty tensor")
        raise IndexRangeError(f"out of range: tried to access index {wrong} on a tensor of {size} elements.")


@public()
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """The elements that ``indices`` (int64, as from argsort or argmax) points to along ``dim``; see :func:`gather`.

    Without ``dim`` both are flattened. Other dimensions are broadcast against each other.

    Raises:
        ShapeError: the numbers of dimensions differ. DTypeError: ``indices`` is not int64. IndexRangeError: out of
            range.
    """
    data = check_tensor(input, "take_along_dim")._data
    places = check_tensor(indices, "take_along_dim", "indices", 2)
    if places._data.dtype != np.int64:
        raise DTypeError(f"torch.take_along_dim(): dtype of indices should be Long but got {places.dtype}")
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(places, -1))
    if places._data.ndim != data.ndim:
        raise ShapeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{data.ndim} dimensions for input, and {places._data.ndim} dimensions for indices"
        )
    dim = normalize_dim(dim, data.ndim)
    own, theirs = list(data.shape), list(places._data.shape)
    length, picks = own[dim], theirs[dim]
    own[dim] = theirs[dim] = 1
    shape = list(broadcast_shape(tuple(own), tuple(theirs)))
    wide = expand(input, [*shape[:dim], length, *shape[dim + 1 :]])
    return gather(wide, dim, expand(places, [*shape[:dim], picks, *shape[dim + 1 :]]))


@public()
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the bool ``mask`` is true, in one dimension; the two are broadcast.

    Raises:
        DTypeError: the mask is not bool. ShapeError: the shapes do not broadcast.
    """
    data = check_tensor(input, "masked_select")._data
    chosen = check_tensor(mask, "masked_select", "mask", 2)._data
    if chosen.dtype != bool:
        raise DTypeError("masked_select: expected BoolTensor for mask")
    shape = broadcast_shape(data.shape, chosen.shape)
    wide = input if data.shape == shape else expand(input, shape)
    if not shape:
        return getitem(wide, chosen)
    return Index(xp(chosen).nonzero(xp(chosen).broadcast_to(chosen, shape)), True)(wide)


@public()
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of the elements that are not 0, int64: one row of indices for each, in order.

    Args:
        as_tuple: one 1-d tensor of indices for each dimension instead.
    """
    data = check_tensor(input, "nonzero")._data
    module = xp(data)
    found = module.nonzero(data if data.ndim or not as_tuple else data.reshape(1)) if data.ndim or as_tuple else None
    if found is None:
        return Tensor(module.zeros((int(bool(data)), 0), module.int64))
    if as_tuple:
        return tuple([Tensor(each) for each in found])
    return Tensor(module.stack(found, axis=1))


@public()
def argwhere(input: Tensor) -> Tensor:
    """The places of the elements that are not 0, one row of indices for each; see :func:`nonzero`."""
    found: Tensor = nonzero(input)
    return found
