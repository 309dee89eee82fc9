"""Ops that turn, repeat and cut elements out of a tensor: flips, tiles, triangles, diagonals, windows."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Op, ViewOp, as_array, data_of
from lepton.autograd.ops.arguments import check_tensor, normalize_dims, scalar_name, sizes_of
from lepton.autograd.ops.indexing import FULL, IndexAdd, index_select, narrow
from lepton.autograd.ops.reduction import Sum
from lepton.autograd.ops.replacing import replace_view
from lepton.autograd.ops.setitem import setitem
from lepton.autograd.ops.shape import Permute, Transpose, clone, reshape
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend.devices import Array, xp
from lepton.errors import ArgumentError, ArgumentTypeError, IndexRangeError, ShapeError, UnsupportedDTypeError

__all__ = [
    "diag", "diag_embed", "diagflat", "diagonal", "diagonal_scatter", "flip", "fliplr", "flipud",
    "repeat_interleave", "roll", "rot90", "tile", "tril", "triu", "unravel_index",
]  # fmt: skip


class Flip(Op):
    """z = x with some dimensions turned round          ∂L/∂x = g with them turned round"""

    __slots__ = ("dims",)

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: Any) -> Any:
        turned = [slice(None, None, -1) if dim in self.dims else FULL for dim in range(x.ndim)]
        return x[(*turned, ...)].copy(order="C")

    def backward(self, g: Any) -> Any:
        return Flip.on(g, dims=self.dims)


class Roll(Op):
    """z = x moved along dimensions, what falls off the end put first          ∂L/∂x = g moved back"""

    __slots__ = ("dims", "shifts")

    def __init__(self, shifts: tuple[int, ...], dims: tuple[int, ...]) -> None:
        self.shifts, self.dims = shifts, dims

    def forward(self, x: Any) -> Any:
        return xp(x).roll(x, self.shifts, self.dims)

    def backward(self, g: Any) -> Any:
        return Roll.on(g, shifts=tuple([-each for each in self.shifts]), dims=self.dims)


class Repeat(Op):
    """z = copies of x side by side          ∂L/∂x = Σ over the copies of g"""

    __slots__ = ("repeats", "source")

    def __init__(self, repeats: tuple[int, ...]) -> None:
        self.repeats = repeats

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return xp(x).tile(x, self.repeats)

    def backward(self, g: Any) -> Any:
        extra = len(self.repeats) - len(self.source)
        lengths = (1,) * extra + self.source
        split = [each for pair in zip(self.repeats, lengths, strict=True) for each in pair]
        summed = Sum.on(g.reshape(tuple(split)), axes=tuple(range(0, len(split), 2)), keepdim=False)
        return summed.reshape(self.source)


class Tril(Op):
    """z = x with 0 above a diagonal          ∂L/∂x = g with 0 above it"""

    __slots__ = ("diagonal",)

    def __init__(self, diagonal: int) -> None:
        self.diagonal = diagonal

    def forward(self, x: Any) -> Any:
        return xp(x).tril(x, self.diagonal)

    def backward(self, g: Any) -> Any:
        return Tril.on(g, diagonal=self.diagonal)


class Triu(Op):
    """z = x with 0 below a diagonal          ∂L/∂x = g with 0 below it"""

    __slots__ = ("diagonal",)

    def __init__(self, diagonal: int) -> None:
        self.diagonal = diagonal

    def forward(self, x: Any) -> Any:
        return xp(x).triu(x, self.diagonal)

    def backward(self, g: Any) -> Any:
        return Triu.on(g, diagonal=self.diagonal)


def diagonal_of(x: Array, offset: int, dim1: int, dim2: int) -> Array:
    """A view of the diagonal, which can be written to if ``x`` can."""
    view = x.diagonal(offset, dim1, dim2)
    if getattr(x.flags, "writeable", False) and not view.flags.writeable:
        view.flags.writeable = True  # NumPy alone makes it read-only
    return view


class Diagonal(ViewOp):
    """z = the elements of x on a diagonal of two dimensions          ∂L/∂x = zeros with g there"""

    __slots__ = ("dim1", "dim2", "offset", "source")

    def __init__(self, offset: int, dim1: int, dim2: int) -> None:
        self.offset, self.dim1, self.dim2 = offset, dim1, dim2

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return diagonal_of(x, self.offset, self.dim1, self.dim2)

    def backward(self, g: Any) -> Any:
        return EmbedDiagonal.on(g, offset=self.offset, dim1=self.dim1, dim2=self.dim2, shape=self.source)


class EmbedDiagonal(Op):
    """z = zeros with x on a diagonal of two dimensions          ∂L/∂x = the diagonal of g"""

    __slots__ = ("dim1", "dim2", "offset", "shape")

    def __init__(self, offset: int, dim1: int, dim2: int, shape: tuple[int, ...]) -> None:
        self.offset, self.dim1, self.dim2, self.shape = offset, dim1, dim2, shape

    def forward(self, x: Any) -> Any:
        module, places = xp(x), xp(x).arange(x.shape[-1])
        out = module.zeros(self.shape, x.dtype)
        matrices = module.moveaxis(out, (self.dim1, self.dim2), (-2, -1))
        matrices[..., places + max(-self.offset, 0), places + max(self.offset, 0)] = x
        return out

    def backward(self, g: Any) -> Any:
        return Diagonal.on(g, offset=self.offset, dim1=self.dim1, dim2=self.dim2)


class Unfold(ViewOp):
    """z = all windows of a dimension, their elements along a new last one          ∂L/∂x = g added up where they lie"""

    __slots__ = ("dim", "size", "source", "step")

    def __init__(self, dim: int, size: int, step: int) -> None:
        self.dim, self.size, self.step = dim, size, step

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        shape, strides, dim = list(x.shape), list(x.strides), self.dim
        shape[dim] = (shape[dim] - self.size) // self.step + 1
        shape.append(self.size)
        strides.append(strides[dim])
        strides[dim] *= self.step
        return xp(x).lib.stride_tricks.as_strided(x, shape, strides)

    def backward(self, g: Any) -> Any:
        module = xp(data_of(g))
        windows = g.shape[self.dim]
        places = module.arange(windows).reshape(-1, 1) * self.step + module.arange(self.size)
        order = [*range(self.dim + 1), g.ndim - 1, *range(self.dim + 1, g.ndim - 1)]
        moved = Permute.on(g, dims=tuple(order))
        return IndexAdd.on(moved, index=(FULL,) * self.dim + (places,), shape=self.source, unique=False)


# ---------------------------------------------------------------------- turning and moving


@public()
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The tensor with the order along ``dims`` (one by one or as one sequence) turned round; a copy.

    Raises:
        IndexRangeError: there is no such dimension. ShapeError: one is named twice.
    """
    data = check_tensor(input, "flip")._data
    if not dims:
        raise ArgumentTypeError('flip() missing 1 required positional arguments: "dims"')
    return Flip(normalize_dims(sizes_of(dims, "dims"), data.ndim, empty_is_all=False) or ())(input)


@public()
def fliplr(input: Tensor) -> Tensor:
    """The tensor with the order along dimension 1 turned round; a copy.

    Raises:
        ShapeError: it has fewer than two dimensions.
    """
    if check_tensor(input, "fliplr")._data.ndim < 2:
        raise ShapeError("Input must be >= 2-d.")
    return Flip((1,))(input)


@public()
def flipud(input: Tensor) -> Tensor:
    """The tensor with the order along dimension 0 turned round; a copy.

    Raises:
        ShapeError: it has no dimensions.
    """
    if check_tensor(input, "flipud")._data.ndim < 1:
        raise ShapeError("Input must be >= 1-d.")
    return Flip((0,))(input)


@public()
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved by ``shifts`` places along ``dims``; what falls off the end comes first.

    Without ``dims`` they are moved through the flattened tensor.

    Raises:
        ShapeError: not as many shifts as dimensions.
    """
    data = check_tensor(input, "roll")._data
    moves = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    places = () if dims is None else (dims,) if isinstance(dims, int) else tuple(dims)
    if not moves:
        raise ShapeError("`shifts` required")
    if not places and len(moves) == 1:
        return reshape(Roll(moves, (0,))(reshape(input, data.size)), data.shape)
    if len(places) != len(moves):
        raise ShapeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(places)}")
    if not data.ndim:
        raise IndexRangeError(f"Dimension specified as {places[0]} but tensor has no dimensions")
    return Roll(moves, tuple([normalize_dim(each, data.ndim) for each in places]))(input)


@public()
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """The tensor turned by ``k`` · 90° in the plane of two dimensions, from the first towards the second.

    Raises:
        ShapeError: not two different dimensions.
    """
    ndim = check_tensor(input, "rot90")._data.ndim
    if len(dims) != 2:
        raise ShapeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise ShapeError(f"expected total dims >= 2, but got total dims = {ndim}")
    first, second = [normalize_dim(each, ndim) for each in dims]
    if first == second:
        raise ShapeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    turns = k % 4
    if turns == 0:
        return clone(input)
    if turns == 2:
        return Flip((first, second))(input)
    return Transpose(first, second)(Flip((second if turns == 1 else first,))(input))


# ---------------------------------------------------------------------- repeating


@public()
def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """Copies of the tensor side by side: ``repeats`` along each dimension, new ones in front.

    Raises:
        ShapeError: fewer numbers than dimensions, or a negative one.
    """
    counts, data = sizes_of(repeats, "repeats"), check_tensor(input, "repeat")._data
    if len(counts) < data.ndim:
        raise ShapeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: "
            f"{len(counts)} for {data.ndim}"
        )
    if any(each < 0 for each in counts):
        raise ShapeError(f"Trying to create tensor with negative dimension: repeats are {list(counts)}")
    return Repeat(counts)(input)


@public()
def tile(input: Tensor, *dims: Any) -> Tensor:
    """Copies of the tensor side by side; fewer ``dims`` than dimensions count for the last ones."""
    counts, ndim = sizes_of(dims, "dims"), check_tensor(input, "tile")._data.ndim
    return repeat(input, (1,) * (ndim - len(counts)) + counts)


@public()
def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element (each slice along ``dim``) ``repeats`` times in a row.

    ``repeat_interleave(repeats)`` alone gives each number i as often as ``repeats[i]`` says.

    Args:
        repeats: a number, or one for each slice.
        dim: the dimension; without it the flattened tensor is taken.
        output_size: the length of the result along ``dim``, checked if given.

    Raises:
        ShapeError: ``repeats`` does not have one number for each slice, a negative one, or another sum than
            ``output_size``.
    """
    if repeats is None:
        counts = _counts(check_tensor(input, "repeat_interleave", "repeats"))
        return Tensor(xp(counts).repeat(xp(counts).arange(counts.size), counts))
    data = check_tensor(input, "repeat_interleave")._data
    if dim is None:
        input, dim = reshape(input, data.size), 0
    dim = normalize_dim(dim, input._data.ndim)
    n = input._data.shape[dim] if input._data.ndim else 1
    counts = _counts(repeats) if isinstance(repeats, Tensor) else repeats
    if isinstance(counts, int):
        if counts < 0:
            raise ShapeError(f"Repeats must be non-negative, got {counts}")
    elif counts.size == 1:
        counts = int(counts.reshape(()))
    elif counts.size != n:
        raise ShapeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
            f"input.size({dim}) = {n}"
        )
    module = xp(data)
    places = module.repeat(module.arange(n), counts)
    if output_size is not None and output_size != places.size:
        raise ShapeError(f"allocated size does not match required size: {output_size} is not {places.size}")
    return index_select(input, dim, Tensor(places))


def _counts(repeats: Tensor) -> Any:
    data = repeats._data
    if data.ndim > 1:
        raise ShapeError(f"repeat_interleave only accept 1D vector as repeat, got {data.ndim} dimensions")
    if data.dtype.kind != "i" or data.dtype.itemsize < 4:
        raise UnsupportedDTypeError(
            f"\"repeat_interleave_cpu\" not implemented for '{scalar_name(data.dtype)}'; repeats must be int64 or int32"
        )
    if data.size and data.min() < 0:
        raise ShapeError("repeats can not be negative")
    return data


# ---------------------------------------------------------------------- triangles and diagonals


@public(inplace=True)
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrices with 0 above a diagonal: 0 the main one, positive ones above it.

    Raises:
        ShapeError: there are fewer than two dimensions.
    """
    _check_matrices(input, "tril")
    return Tril(diagonal)(input)


@public(inplace=True)
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrices with 0 below a diagonal: 0 the main one, positive ones above it.

    Raises:
        ShapeError: there are fewer than two dimensions.
    """
    _check_matrices(input, "triu")
    return Triu(diagonal)(input)


def _check_matrices(input: Tensor, what: str) -> None:
    if check_tensor(input, what)._data.ndim < 2:
        raise ShapeError(f"{what}: input tensor must have at least 2 dimensions")


@public()
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements on a diagonal of two dimensions, along a new last dimension: a view.

    Args:
        offset: 0 the main diagonal, positive ones above it.

    Raises:
        ShapeError: the two are the same. IndexRangeError: there is no such dimension.
    """
    return _diagonal_op(input, offset, dim1, dim2)(input)


def _diagonal_op(input: Tensor, offset: int, dim1: int, dim2: int) -> Diagonal:
    ndim = check_tensor(input, "diagonal")._data.ndim
    first, second = normalize_dim(dim1, ndim), normalize_dim(dim2, ndim)
    if first == second:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return Diagonal(offset, first, second)


@public()
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """``input`` with a diagonal replaced by ``src``.

    Raises:
        ShapeError: ``src`` does not have the diagonal's shape.
    """
    return replace_view(input, check_tensor(src, "diagonal_scatter", "src", 2), _diagonal_op(input, offset, dim1, dim2))


@public()
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Zeros with the last dimension of ``input`` on a diagonal of two new dimensions.

    Raises:
        ShapeError: the two are the same. IndexRangeError: there is no such dimension.
    """
    shape = check_tensor(input, "diag_embed")._data.shape
    first, second = normalize_dim(dim1, len(shape) + 1), normalize_dim(dim2, len(shape) + 1)
    if first == second:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = shape[-1] + abs(offset)
    rest = iter(shape[:-1])
    target = tuple([side if dim in (first, second) else next(rest) for dim in range(len(shape) + 1)])
    return EmbedDiagonal(offset, first, second, target)(input)


@public()
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Of a vector the matrix with it on a diagonal; of a matrix its diagonal, copied.

    Raises:
        ShapeError: neither a vector nor a matrix.
    """
    ndim = check_tensor(input, "diag")._data.ndim
    if ndim == 1:
        return diag_embed(input, diagonal)
    if ndim == 2:
        return clone(Diagonal(diagonal, 0, 1)(input))
    raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")


@public()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with the flattened ``input`` on a diagonal."""
    return diag_embed(reshape(input, check_tensor(input, "diagflat")._data.size), offset)


@public()
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write a value onto the main diagonal, in place; returns the tensor.

    Args:
        wrap: begin again below when a tall matrix's diagonal has ended.

    Raises:
        ShapeError: there are fewer than two dimensions, or more of unequal lengths.
    """
    shape = check_tensor(self, "fill_diagonal_", "self")._data.shape
    if len(shape) < 2:
        raise ShapeError(f"dimensions must larger than 1, but the shape is {list(shape)}")
    module = xp(self._data)
    if len(shape) > 2:
        if len(set(shape)) > 1:
            raise ShapeError(f"all dimensions of input must be of equal length, but the shape is {list(shape)}")
        places = (Tensor(module.arange(shape[0])),) * len(shape)
    else:
        rows, columns = shape
        last = rows * columns if wrap else min(rows, columns) * (columns + 1)
        flat = module.arange(0, min(last, rows * columns), columns + 1)
        places = (Tensor(flat // columns), Tensor(flat % columns)) if columns else (Tensor(flat), Tensor(flat))
    setitem(self, places, fill_value)
    return self


# ---------------------------------------------------------------------- views of memory


@public()
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of ``size`` elements along a dimension, ``step`` apart, their elements in a new last one: a view.

    Raises:
        ShapeError: the window is longer than the dimension, or ``step`` is not positive.
    """
    shape = check_tensor(self, "unfold", "self")._data.shape
    dim = normalize_dim(dimension, len(shape))
    length = shape[dim] if shape else 1
    if size < 0:
        raise ShapeError(f"size is {size} but must be >= 0")
    if size > length:
        raise ShapeError(f"maximum size for tensor at dimension {dim} is {length} but size is {size}")
    if step <= 0:
        raise ShapeError(f"step is {step} but must be > 0")
    return Unfold(dim, size, step)(self) if shape else narrow(reshape(self, 1), 0, 0, size)


@public(method=False)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """For numbers of elements in a tensor of ``shape``, counted row by row: their index along each dimension.

    Raises:
        ArgumentTypeError: the numbers are not integers. ArgumentError: a length is negative.
    """
    data = check_tensor(indices, "unravel_index", "indices")._data
    if data.dtype.kind not in "iu":
        raise ArgumentTypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    lengths = (shape,) if isinstance(shape, int) else sizes_of((shape,), "shape")
    if any(each < 0 for each in lengths):
        raise ArgumentError(f"'shape' cannot have negative values, but got {tuple(lengths)}")
    places, found = data.astype("int64"), []
    places = places % max(math.prod(lengths), 1)
    for length in reversed(lengths):
        found.append(places % length if length else places)
        places = places // max(length, 1)
    return tuple([Tensor(as_array(each)) for each in reversed(found)])
