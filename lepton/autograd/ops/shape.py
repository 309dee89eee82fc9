"""Ops that change the shape or the order of dimensions. Most are views: they share the memory of their input."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import BroadcastTo, Op, ViewOp, broadcast_shape
from lepton.autograd.ops.arguments import check_tensor, normalize_dims, sizes_of, sizes_or_named, tensor_sequence
from lepton.autograd.registry import public
from lepton.autograd.tensor import Size, Tensor, normalize_dim
from lepton.backend import dtypes
from lepton.backend.devices import xp
from lepton.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

__all__ = [
    "adjoint", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_shapes", "broadcast_tensors", "broadcast_to",
    "clone", "flatten", "moveaxis", "movedim", "permute", "ravel", "reshape", "squeeze", "swapaxes", "swapdims", "t",
    "transpose", "unflatten", "unsqueeze",
]  # fmt: skip


class Reshaped(Op):
    """What the ops share that give elements another shape."""

    __slots__ = ("shape", "source")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return x.reshape(self.shape)

    def backward(self, g: Any) -> Any:
        return g.reshape(self.source)

    def explain(self, error: Exception, inputs: tuple[Any, ...]) -> Exception | None:
        return _explain_reshape(error, inputs, self.shape) or super().explain(error, inputs)


class View(Reshaped, ViewOp):
    """z = x's elements in another shape, without copying          ∂L/∂x = g in x's shape"""

    __slots__ = ()


class UnsafeView(Reshaped):
    """z = x's elements in another shape, in new memory          ∂L/∂x = g in x's shape"""

    __slots__ = ()


def _explain_reshape(error: Exception, inputs: tuple[Any, ...], shape: tuple[int, ...]) -> Exception | None:
    """PyTorch's sentence for a shape that does not fit the number of elements."""
    if not isinstance(error, ValueError) or not isinstance(inputs[0], Tensor):
        return None
    size, listed = inputs[0]._data.size, list(shape)
    if shape.count(-1) > 1:
        return ShapeError("only one dimension can be inferred")
    if -1 in shape and 0 in shape and size == 0:
        return ShapeError(
            f"cannot reshape tensor of 0 elements into shape {listed} because the unspecified dimension size -1 can be "
            "any value and is ambiguous"
        )
    return ShapeError(f"shape '{listed}' is invalid for input of size {size}")


class Transpose(ViewOp):
    """z = x with two dimensions exchanged          ∂L/∂x = g with them exchanged"""

    __slots__ = ("dim0", "dim1")

    def __init__(self, dim0: int, dim1: int) -> None:
        self.dim0, self.dim1 = dim0, dim1

    def forward(self, x: Any) -> Any:
        return x.swapaxes(self.dim0, self.dim1)

    def backward(self, g: Any) -> Any:
        return g.swapaxes(self.dim0, self.dim1)


class Permute(ViewOp):
    """z = x with its dimensions in another order          ∂L/∂x = g in the first order"""

    __slots__ = ("dims",)

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: Any) -> Any:
        return x.transpose(self.dims)

    def backward(self, g: Any) -> Any:
        inverse = [0] * len(self.dims)
        for place, dim in enumerate(self.dims):
            inverse[dim] = place
        return Permute.on(g, dims=tuple(inverse))


class Unsqueeze(ViewOp):
    """z = x with a new dimension of length 1          ∂L/∂x = g without it"""

    __slots__ = ("dim",)

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return x[(slice(None),) * self.dim + (None, ...)]

    def backward(self, g: Any) -> Any:
        return g.squeeze(self.dim)


class Squeeze(ViewOp):
    """z = x without some dimensions of length 1          ∂L/∂x = g in x's shape"""

    __slots__ = ("dims", "source")

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return x.squeeze(self.dims)

    def backward(self, g: Any) -> Any:
        return g.reshape(self.source)


class ViewDtype(ViewOp):
    """z = the bytes of x read as another number type (not differentiable between types)"""

    __slots__ = ("target",)
    differentiable = False

    def __init__(self, target: Any) -> None:
        self.target = target

    def forward(self, x: Any) -> Any:
        return x.view(self.target)


class Clone(Op):
    """z = a copy of x          ∂L/∂x = g"""

    __slots__ = ("order",)

    def __init__(self, order: str = "K") -> None:
        self.order = order

    def forward(self, x: Any) -> Any:
        # an expanded array has no memory order of its own to keep
        return x.copy(order="C" if self.order == "K" and 0 in x.strides else self.order)

    def backward(self, g: Any) -> Any:
        return g


# ---------------------------------------------------------------------- reshape


@public()
def reshape(input: Tensor, *shape: Any, **named: Any) -> Tensor:
    """The elements in another shape: a view where the memory allows it, else a copy.

    Args:
        shape: the lengths, one by one or as one sequence; one of them may be −1 and is worked out.

    Raises:
        ShapeError: the shape does not have as many elements as the tensor.
    """
    sizes = _sizes_to_view(sizes_or_named(shape, named, "reshape", "shape"), "shape")
    data = check_tensor(input, "reshape")._data
    if data.flags.c_contiguous or _reshapes_without_copy(data, sizes):
        return View(sizes)(input)
    return UnsafeView(sizes)(input)


def _sizes_to_view(shape: tuple[Any, ...], what: str) -> tuple[int, ...]:
    sizes = sizes_of(shape, what)
    for length in sizes:
        if length < -1:  # NumPy takes any negative length for one to work out
            raise ShapeError(
                f"invalid shape dimension {length} at index {sizes.index(length)} of shape {list(sizes)}"
            )
    return sizes


def _reshapes_without_copy(data: Any, sizes: tuple[int, ...]) -> bool:
    """Whether an array that is not contiguous can show its elements in this shape where they are."""
    try:
        return bool(xp(data).may_share_memory(data.reshape(sizes), data))
    except ValueError:
        return True  # let View say what is wrong with the shape


@public()
def view(input: Tensor, *shape: Any, **named: Any) -> Tensor:
    """The same memory in another shape (``view(2, 3)``), or read as another number type (``view(lepton.int32)``).

    Raises:
        ShapeError: the shape does not fit, or only a copy could have it (use :func:`reshape`).
    """
    if len(shape) == 1 and isinstance(shape[0], dtypes.dtype) or "dtype" in named:
        return _view_as_type(input, dtypes.as_dtype(named.get("dtype", shape[0] if shape else None)))
    sizes = _sizes_to_view(sizes_or_named(shape, named, "view", "size"), "size")
    data = check_tensor(input, "view")._data
    if not (data.flags.c_contiguous or _reshapes_without_copy(data, sizes)):
        raise ShapeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return View(sizes)(input)


def _view_as_type(input: Tensor, dtype: dtypes.dtype) -> Tensor:
    data, target = input._data, dtype.numpy
    if data.dtype == target:
        return View(data.shape)(input)
    if data.ndim == 0 and data.itemsize != target.itemsize:
        raise ShapeError(
            f"self.dim() cannot be 0 to view {input.dtype} as {dtype} (different element sizes)"
        )
    if data.itemsize != target.itemsize and data.strides[-1] != data.itemsize:
        raise ShapeError(f"self.stride(-1) must be 1 to view {input.dtype} as {dtype} (different element sizes)")
    if data.itemsize < target.itemsize and data.shape[-1] * data.itemsize % target.itemsize:
        raise ShapeError(
            f"self.size(-1) must be divisible by {target.itemsize // data.itemsize} to view {input.dtype} as {dtype} "
            f"(different element sizes), but got {data.shape[-1]}"
        )
    return ViewDtype(target)(input)


@public()
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """The same memory in the shape of ``other``; see :func:`view`."""
    return view(input, other.shape)


@public()
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """The elements in the shape of ``other``; see :func:`reshape`."""
    return reshape(input, other.shape)


@public()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from ``start_dim`` to ``end_dim`` as one; a 0-d tensor becomes 1-d.

    Raises:
        ShapeError: ``start_dim`` comes after ``end_dim``. IndexRangeError: there is no such dimension.
    """
    shape = check_tensor(input, "flatten")._data.shape
    ndim = len(shape)
    start, end = normalize_dim(start_dim, ndim), normalize_dim(end_dim, ndim)
    if start > end:
        raise ShapeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if ndim == 0:
        return reshape(input, 1)
    if start == end:
        return input
    merged = 1
    for length in shape[start : end + 1]:
        merged *= length
    return reshape(input, (*shape[:start], merged, *shape[end + 1 :]))


@public()
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension: a view of contiguous memory, else a copy."""
    return reshape(input, -1) if check_tensor(input, "ravel")._data.size else reshape(input, 0)


@public()
def unflatten(input: Tensor, dim: int, *sizes: Any) -> Tensor:
    """One dimension as several: a view.

    Args:
        dim: which one.
        sizes: their lengths, one by one or as one sequence; one of them may be −1.

    Raises:
        ShapeError: the lengths do not multiply up to the dimension's.
    """
    shape = check_tensor(input, "unflatten")._data.shape
    dim = normalize_dim(dim, len(shape))
    parts = sizes_of(sizes, "sizes")
    if not parts:
        raise ShapeError("unflatten: sizes must be non-empty")
    product = 1
    for each in parts:
        product *= abs(each)
    inferred = -1 in parts and product and shape[dim] % product == 0
    if not inferred and product != shape[dim]:
        raise ShapeError(
            f"unflatten: Provided sizes {list(parts)} don't multiply up to the size of dim {dim} ({shape[dim]}) "
            "in the input tensor"
        )
    return view(input, (*shape[:dim], *parts, *shape[dim + 1 :]))


# ---------------------------------------------------------------------- order of dimensions


@public(aliases=("swapdims",))
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """The tensor with two dimensions exchanged: a view.

    Raises:
        IndexRangeError: there is no such dimension.
    """
    ndim = check_tensor(input, "transpose")._data.ndim
    first, second = normalize_dim(dim0, ndim), normalize_dim(dim1, ndim)
    return Transpose(first, second)(input) if ndim else Permute(())(input)


@public()
def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """The tensor with two dimensions exchanged; NumPy's name for :func:`transpose`."""
    return transpose(input, axis0, axis1)


swapdims = transpose


@public()
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or a number is shown as it is.

    Raises:
        ShapeError: it has more than two dimensions.
    """
    ndim = check_tensor(input, "t")._data.ndim
    if ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return Transpose(0, 1)(input) if ndim == 2 else Permute(tuple(range(ndim)))(input)


@public()
def permute(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """The tensor with its dimensions in another order: a view.

    Args:
        dims: every dimension once, in the new order, one by one or as one sequence.

    Raises:
        ShapeError: not every dimension exactly once.
    """
    order = sizes_of(dims, "dims") if dims else tuple(named.get("dims", ()))
    ndim = check_tensor(input, "permute")._data.ndim
    if len(order) != ndim:
        raise ShapeError(
            "permute(): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(order)}"
        )
    places = tuple([normalize_dim(each, ndim) for each in order])
    if len(set(places)) != ndim:
        raise ShapeError("permute(): duplicate dims are not allowed.")
    return Permute(places)(input)


@public(aliases=("moveaxis",))
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """The tensor with some dimensions at other places, the rest in their order: a view.

    Args:
        source, destination: one dimension, or as many in one as in the other.

    Raises:
        ShapeError: they differ in number, or one appears twice.
    """
    ndim = check_tensor(input, "movedim")._data.ndim
    if isinstance(source, int) != isinstance(destination, int):
        raise ArgumentTypeError("movedim(): source and destination must both be int or both tuples of ints")
    sources, targets = _dims_of_move(source, ndim, "source"), _dims_of_move(destination, ndim, "destination")
    if len(sources) != len(targets):
        raise ShapeError(
            "movedim: Invalid source or destination dims: source "
            f"({list(sources)} dims) should contain the same number of dims as destination ({list(targets)} dims)"
        )
    rest = iter([dim for dim in range(ndim) if dim not in sources])
    placed = dict(zip(targets, sources, strict=True))
    return Permute(tuple([placed[dim] if dim in placed else next(rest) for dim in range(ndim)]))(input)


moveaxis = movedim


def _dims_of_move(dims: Any, ndim: int, which: str) -> tuple[int, ...]:
    listed = (dims,) if isinstance(dims, int) else tuple(dims)
    found = tuple([normalize_dim(each, ndim) for each in listed])
    if len(set(found)) != len(found):
        raise ShapeError(f"movedim: repeated dim in `{which}` ({list(listed)})")
    return found if ndim else ()


def _reversed(input: Tensor) -> Tensor:
    """``Tensor.T``: the dimensions in reverse order; a view."""
    return Permute(tuple(range(input._data.ndim - 1, -1, -1)))(input)


def _matrix_transpose(input: Tensor) -> Tensor:
    """``Tensor.mT``: the last two dimensions exchanged; a view."""
    ndim = check_tensor(input, "adjoint")._data.ndim
    if ndim == 0:
        return t(input)
    if ndim < 2:
        raise ShapeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {ndim}-D tensor."
        )
    return Transpose(ndim - 2, ndim - 1)(input)


def _hermitian(input: Tensor) -> Tensor:
    """``Tensor.H``: the transpose of a matrix (numbers are real); a view."""
    ndim = input._data.ndim
    if ndim not in (0, 2):
        raise ShapeError(f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor.")
    return t(input)


@public()
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged (numbers are real): a view.

    Raises:
        ShapeError: there are fewer than two dimensions.
    """
    return _matrix_transpose(input)


PROPERTIES = {"T": _reversed, "mT": _matrix_transpose, "H": _hermitian, "mH": _matrix_transpose}


# ---------------------------------------------------------------------- dimensions of length 1


@public()
def squeeze(input: Tensor, dim: Any = None, *, axis: Any = None) -> Tensor:
    """The tensor without dimensions of length 1 (all of them, or those of ``dim`` that have length 1): a view.

    Raises:
        IndexRangeError: there is no such dimension.
    """
    shape = check_tensor(input, "squeeze")._data.shape
    wanted = normalize_dims(dim if axis is None else axis, len(shape), empty_is_all=False)
    dims = range(len(shape)) if wanted is None else wanted
    return Squeeze(tuple([each for each in dims if shape[each] == 1]))(input)


@public()
def unsqueeze(input: Tensor, dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """The tensor with a new dimension of length 1 before place ``dim``: a view.

    Raises:
        IndexRangeError: ``dim`` is outside [−ndim − 1, ndim].
    """
    place: Any = dim if axis is None else axis
    return Unsqueeze(normalize_dim(place, check_tensor(input, "unsqueeze")._data.ndim + 1))(input)


# ---------------------------------------------------------------------- broadcasting


@public()
def expand(input: Tensor, *size: Any, implicit: bool = False) -> Tensor:
    """The tensor with dimensions of length 1 repeated, and new ones in front, without copying: a view.

    Args:
        size: the lengths, one by one or as one sequence; −1 keeps a length.
        implicit: accepted for PyTorch's sake; it has no effect there either.

    Raises:
        ShapeError: a length other than 1 would have to change.
    """
    own, wanted = check_tensor(input, "expand")._data.shape, sizes_of(size)
    extra = len(wanted) - len(own)
    if extra < 0:
        raise ShapeError(
            f"expand(tensor of shape {list(own)}, size={list(wanted)}): the number of sizes provided ({len(wanted)}) "
            f"must be greater or equal to the number of dimensions in the tensor ({len(own)})"
        )
    target = []
    for dim, length in enumerate(wanted):
        if length == -1:
            if dim < extra:
                raise ShapeError(
                    f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {dim}"
                )
            length = own[dim - extra]
        elif dim >= extra and own[dim - extra] not in (1, length):
            raise ShapeError(
                f"The expanded size of the tensor ({length}) must match the existing size ({own[dim - extra]}) at "
                f"non-singleton dimension {dim}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(own)}"
            )
        target.append(length)
    return BroadcastTo(tuple(target))(input)


@public()
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor expanded to the shape of ``other``; see :func:`expand`."""
    return expand(input, other.shape)


@public()
def broadcast_to(input: Tensor, *shape: Any, **named: Any) -> Tensor:
    """The tensor expanded to ``shape``: a view; see :func:`expand`."""
    return expand(input, *sizes_or_named(shape, named, "broadcast_to", "size", "shape"))


@public(method=False)
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors expanded to the shape that they broadcast to: views.

    Raises:
        ShapeError: they do not broadcast.
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    listed = tensor_sequence(given, "broadcast_tensors")
    shape = broadcast_shape(*[each._data.shape for each in listed])
    return tuple([BroadcastTo(shape)(each) for each in listed])


@public(method=False)
def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes (an int stands for one dimension) broadcast to.

    Raises:
        ShapeError: they do not. ArgumentError: a negative length.
    """
    for each in shapes:
        if not isinstance(each, (int, tuple, list)):
            raise ShapeError(
                f"Input shapes should be of type ints, a tuple of ints, or a list of ints, got {type(each).__name__}"
            )
    listed = [(each,) if isinstance(each, int) else tuple(each) for each in shapes]
    for shape in listed:
        if any(length < 0 for length in shape):
            raise ArgumentError(f"Attempting to broadcast a dimension with negative length: {list(shape)}")
    return Size(broadcast_shape(*listed))


@public(method=False)
def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least one dimension; one tensor for one, a tuple for several."""
    return _at_least(tensors, lambda x: x if x.ndim else reshape(x, 1))


@public(method=False)
def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least two dimensions, new ones in front."""
    return _at_least(tensors, lambda x: x if x.ndim > 1 else reshape(x, 1, -1 if x.ndim else 1))


@public(method=False)
def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least three dimensions: (n) becomes (1, n, 1) and (n, m) becomes (n, m, 1)."""
    return _at_least(tensors, lambda x: x if x.ndim > 2 else unsqueeze(atleast_2d(x), -1))


def _at_least(tensors: tuple[Any, ...], raise_one: Any) -> Any:
    if len(tensors) == 1:
        if isinstance(tensors[0], Tensor):
            return raise_one(tensors[0])
        tensors = tensors[0]
    return tuple([raise_one(each) for each in tensor_sequence(tensors, "atleast")])


# ---------------------------------------------------------------------- copies


@public()
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy that the gradient passes through.

    Args:
        memory_format: None or ``"preserve_format"`` keeps the order of dimensions in memory, ``"contiguous_format"``
            lays them out row by row.
    """
    return Clone(_order(memory_format))(check_tensor(input, "clone"))


@public()
def contiguous(input: Tensor, memory_format: Any = "contiguous_format") -> Tensor:
    """The tensor itself if its elements lie in memory row by row, else a copy in which they do."""
    if _order(memory_format) == "K":
        raise ArgumentError("preserve memory format is unsupported by the contiguous operator")
    return input if check_tensor(input, "contiguous")._data.flags.c_contiguous else Clone("C")(input)


def _order(memory_format: Any) -> str:
    name = str(memory_format or "preserve_format").rpartition(".")[2]
    if name not in ("preserve_format", "contiguous_format"):
        raise DTypeError(
            f"memory format {memory_format!r} is not supported: use 'contiguous_format' or 'preserve_format'"
        )
    return "K" if name == "preserve_format" else "C"
