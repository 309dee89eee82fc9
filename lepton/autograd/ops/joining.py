"""Ops that put tensors together, along a dimension (``cat``) or a new one (``stack``), and take them apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lepton.autograd.op import BroadcastTo, Cast, Op, link_view, result_type
from lepton.autograd.ops.arguments import check_tensor, sizes_of, tensor_sequence
from lepton.autograd.ops.indexing import Slice, getitem
from lepton.autograd.ops.shape import atleast_1d, atleast_2d, atleast_3d, reshape
from lepton.autograd.registry import public
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.backend.devices import xp
from lepton.errors import ArgumentError, IndexRangeError, ShapeError
from lepton.kernels.indexing import along

__all__ = [
    "cat", "concat", "concatenate", "stack", "hstack", "vstack", "row_stack", "dstack", "column_stack", "block_diag",
    "cartesian_prod", "combinations", "split", "split_with_sizes", "chunk", "tensor_split", "hsplit", "vsplit",
    "dsplit", "unbind", "unsafe_split", "unsafe_chunk",
]  # fmt: skip


class Stack(Op):
    """z = the inputs side by side along a new dimension          ∂L/∂xᵢ = slice i of g"""

    __slots__ = ("dim",)

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *inputs: Any) -> Any:
        return xp(inputs[0]).stack(inputs, axis=self.dim)

    def backward(self, g: Any) -> Any:
        return tuple([g[along(self.dim, i)] if need else None for i, need in enumerate(self.needs)])


class Cat(Op):
    """z = the inputs end to end along a dimension          ∂L/∂xᵢ = their part of g"""

    __slots__ = ("dim", "lengths")

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, *inputs: Any) -> Any:
        self.lengths = [each.shape[self.dim] for each in inputs]
        return xp(inputs[0]).concatenate(inputs, axis=self.dim)

    def backward(self, g: Any) -> Any:
        parts, start = [], 0
        for need, length in zip(self.needs, self.lengths, strict=True):
            parts.append(g[along(self.dim, slice(start, start + length))] if need else None)
            start += length
        return tuple(parts)


def _as_they_lie(parts: Any, indices: tuple[tuple[Any, ...], ...], shape: tuple[int, ...]) -> Any:
    """The array of this shape of which the parts are views, each at its index already; None if there is none."""
    base = getattr(parts[0], "base", None)
    if type(base) is not np.ndarray or base.size != math.prod(shape) or not base.flags.c_contiguous:
        return None
    if parts[0].ndim != len(shape):  # the index names single elements
        return None
    order = sorted(range(len(shape)), key=lambda axis: -parts[0].strides[axis])
    lengths = [shape[axis] for axis in order]
    whole = base.reshape(lengths).transpose([order.index(axis) for axis in range(len(shape))])
    for index, part in itertools.zip_longest(indices, parts):
        place = whole[index]
        if type(part) is not np.ndarray or part.base is not base or part.dtype != base.dtype:
            return None
        if part.shape != place.shape:
            return None
        if part.strides != place.strides or part.__array_interface__["data"] != place.__array_interface__["data"]:
            return None
    return whole


class Split(Op):
    """zᵢ = x[indexᵢ], views of parts of x          ∂L/∂x = the gᵢ put together"""

    __slots__ = ("indices", "source")
    several = True

    def __init__(self, indices: tuple[tuple[Any, ...], ...]) -> None:
        self.indices = indices

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return tuple([x[each] for each in self.indices])

    def backward(self, g: Any) -> Any:
        found = _as_they_lie(g, self.indices, self.source)
        return Join.on(*g, indices=self.indices, shape=self.source) if found is None else found


class Join(Op):
    """z = zeros with each xᵢ at indexᵢ          ∂L/∂xᵢ = g[indexᵢ]"""

    __slots__ = ("indices", "shape")

    def __init__(self, indices: tuple[tuple[Any, ...], ...], shape: tuple[int, ...]) -> None:
        self.indices, self.shape = indices, shape

    def forward(self, *parts: Any) -> Any:
        given = [each for each in parts if each is not None]
        whole = len(given) == len(self.indices)
        module = xp(given[0])
        out = (module.empty if whole else module.zeros)(self.shape, given[0].dtype)
        for index, part in zip(self.indices, parts, strict=False):
            if part is not None:
                out[index] = part
        return out

    def backward(self, g: Any) -> Any:
        return tuple([g[index] if need else None for index, need in zip(self.indices, self.needs, strict=False)])


# ---------------------------------------------------------------------- putting together


@public(method=False, aliases=("concat", "concatenate"))
def cat(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """The tensors end to end along ``dim``, of the type that they promote to.

    Args:
        tensors: of equal shapes apart from ``dim``; 1-d tensors of length 0 are skipped, as in PyTorch.

    Raises:
        ShapeError: other lengths differ. ArgumentError: there are no tensors.
    """
    listed = tensor_sequence(tensors, "cat")
    if not listed:
        raise ArgumentError("torch.cat(): expected a non-empty list of Tensors")
    place = dim if axis is None else axis
    shapes = [each._data.shape for each in listed]
    if (0,) in shapes and any(shape != (0,) for shape in shapes):
        listed = [each for each in listed if each._data.shape != (0,)]
        shapes = [each._data.shape for each in listed]
    place = normalize_dim(place, len(shapes[0]))
    _check_cat(shapes, place)
    return Cat(place)(*_of_one_type(listed))


concat = concatenate = cat


def _of_one_type(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """The tensors in the type that they promote to."""
    first = tensors[0]._data.dtype
    for each in tensors:
        if each._data.dtype != first:
            common = result_type(*tensors).numpy
            return [t if t._data.dtype == common else Cast(common)(t) for t in tensors]
    return tensors


def _check_cat(shapes: list[tuple[int, ...]], dim: int) -> None:
    first = shapes[0]
    if not first:
        raise ShapeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    for number, shape in enumerate(shapes):
        if len(shape) != len(first):
            if not shape:
                raise ShapeError(f"zero-dimensional tensor (at position {number}) cannot be concatenated")
            raise ShapeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}")
        for place, (mine, theirs) in enumerate(zip(first, shape, strict=True)):
            if place != dim and mine != theirs:
                raise ShapeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {mine} but got size "
                    f"{theirs} for tensor number {number} in the list."
                )


@public(method=False)
def stack(tensors: Sequence[Tensor], dim: int = 0, *, axis: int | None = None) -> Tensor:
    """The tensors side by side along a new dimension ``dim``, of the type that they promote to.

    Raises:
        ShapeError: their shapes differ, or there are none.
    """
    listed = tensor_sequence(tensors, "stack")
    if not listed:
        raise ShapeError("stack expects a non-empty TensorList")
    shape = listed[0]._data.shape
    for number, each in enumerate(listed):
        if each._data.shape != shape:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(each._data.shape)} at entry {number}"
            )
    return Stack(normalize_dim(dim if axis is None else axis, len(shape) + 1))(*_of_one_type(listed))


def _not_empty(tensors: Sequence[Tensor], what: str) -> Sequence[Tensor]:
    listed = tensor_sequence(tensors, what)
    if not listed:
        raise ShapeError(f"{what} expects a non-empty TensorList")
    return listed


@public(method=False)
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors end to end along dimension 1, along 0 if they are 1-d."""
    listed = atleast_1d(_not_empty(tensors, "hstack"))
    return cat(listed, 0 if listed[0].ndim == 1 else 1)


@public(method=False, aliases=("row_stack",))
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors below each other along dimension 0; 1-d ones are rows."""
    return cat(atleast_2d(_not_empty(tensors, "vstack")), 0)


row_stack = vstack


@public(method=False)
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors behind each other along dimension 2."""
    return cat(atleast_3d(_not_empty(tensors, "dstack")), 2)


@public(method=False)
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors side by side along dimension 1; 1-d ones are columns."""
    listed = _not_empty(tensors, "column_stack")
    return hstack([each if each.ndim > 1 else reshape(each, -1, 1) for each in listed])


class BlockDiag(Op):
    """z = zeros with the matrices along the diagonal          ∂L/∂xᵢ = its block of g"""

    __slots__ = ("blocks",)

    def forward(self, *inputs: Any) -> Any:
        rows = columns = 0
        self.blocks = []
        for each in inputs:
            height, width = each.shape
            self.blocks.append((slice(rows, rows + height), slice(columns, columns + width)))
            rows, columns = rows + height, columns + width
        out = xp(inputs[0]).zeros((rows, columns), inputs[0].dtype)
        for block, each in zip(self.blocks, inputs, strict=True):
            out[block] = each
        return out

    def backward(self, g: Any) -> Any:
        return tuple([g[block] if need else None for block, need in zip(self.blocks, self.needs, strict=True)])


@public(method=False)
def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the tensors (matrices; vectors are rows, numbers 1 × 1) along its diagonal, 0 elsewhere.

    Raises:
        ShapeError: one has more than two dimensions.
    """
    listed = tensor_sequence(tensors, "block_diag")
    for number, each in enumerate(listed):
        if each.ndim > 2:
            raise ShapeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
                f"Input {number} has {each.ndim} dimensions"
            )
    if not listed:
        return _empty_matrix()
    return BlockDiag()(*_of_one_type([atleast_2d(each) for each in listed]))


def _empty_matrix() -> Tensor:
    return reshape(Tensor(), 1, 0)


@public(method=False)
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All ways to take one element of each 1-d tensor, one a row, as :func:`itertools.product` orders them.

    Raises:
        ShapeError: one is not 1-d.
    """
    listed = tensor_sequence(tensors, "cartesian_prod")
    for each in listed:
        if each.ndim != 1:
            raise ShapeError(f"Expect a 1D vector, but got shape {list(each.shape)}")
    if len(listed) == 1:
        return listed[0]
    shape = tuple([each._data.shape[0] for each in listed])
    columns = []
    for place, each in enumerate(listed):
        spread = reshape(each, (1,) * place + (-1,) + (1,) * (len(shape) - place - 1))
        columns.append(reshape(BroadcastTo(shape)(spread), -1))
    return stack(columns, 1)


@public(method=False)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to take ``r`` elements of a 1-d tensor, one a row, as :mod:`itertools` orders them.

    Raises:
        ShapeError: it is not 1-d, or ``r`` is negative.
    """
    if check_tensor(input, "combinations").ndim != 1:
        raise ShapeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise ShapeError(f"Expect a non-negative number, but got {r}")
    data = input._data
    if r == 0:
        return Tensor(xp(data).empty(0, data.dtype))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = xp(data).asarray(list(choose(range(data.shape[0]), r)), dtype="int64").reshape((-1, r))
    return getitem(input, Tensor(rows))


# ---------------------------------------------------------------------- taking apart


def _parts(input: Tensor, indices: tuple[tuple[Any, ...], ...]) -> tuple[Tensor, ...]:
    """Several views of ``input``, made by one op, so that backward puts their gradients together once."""
    made: tuple[Tensor, ...] = Split(indices)(input)
    frozen = None if STATE.grad_enabled else "under no_grad"
    for index, each in zip(indices, made, strict=True):
        step = Slice(index)
        step.source = input._data.shape
        link_view(input, each, (step,), frozen)
    return made


def _cuts(input: Tensor, dim: int, ends: Sequence[int]) -> tuple[Tensor, ...]:
    """The parts of ``input`` between the given places along ``dim``, from 0 on."""
    indices, start = [], 0
    for end in ends:
        indices.append(along(dim, slice(start, end)))
        start = end
    return _parts(input, tuple(indices))


@public(aliases=("unsafe_split",))
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0, **named: Any) -> tuple[Tensor, ...]:
    """The tensor cut along ``dim``: into parts of one size (the last may be shorter) or of the listed sizes; views.

    Raises:
        ShapeError: the size is 0 or negative, or the sizes do not add up to the dimension's.
    """
    sections = named.get("split_size", split_size_or_sections)
    if not isinstance(sections, int):
        return split_with_sizes(tensor, sections, dim)
    data = check_tensor(tensor, "split")._data
    if data.ndim == 0:
        raise ShapeError("split expects at least a 1-dimensional tensor")
    if sections < 0:
        raise ShapeError(f"split expects split_size be non-negative, but got split_size={sections}")
    dim = normalize_dim(dim, data.ndim)
    length = data.shape[dim]
    if sections == 0:
        if length:
            raise ShapeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}")
        return _cuts(tensor, dim, [0])
    return _cuts(tensor, dim, [min(end, length) for end in range(sections, length + sections, sections)] or [0])


unsafe_split = split


@public()
def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """The tensor cut along ``dim`` into parts of the listed sizes; views.

    Raises:
        ShapeError: a size is negative, or they do not add up to the dimension's.
    """
    sizes = sizes_of((split_sizes,), "split_sizes")
    data = check_tensor(input, "split_with_sizes")._data
    if data.ndim == 0:
        raise ShapeError("split expects at least a 1-dimensional tensor")
    dim = normalize_dim(dim, data.ndim)
    if any(size < 0 for size in sizes):
        raise ShapeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(sizes)}"
        )
    ends, end = [], 0
    for size in sizes:
        end += size
        ends.append(end)
    if end != data.shape[dim]:
        raise ShapeError(
            f"split_with_sizes expects split_sizes to sum exactly to {data.shape[dim]} (input tensor's size at "
            f"dimension {dim}), but got split_sizes={list(sizes)}"
        )
    return _cuts(input, dim, ends)


@public(aliases=("unsafe_chunk",))
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """The tensor cut along ``dim`` into at most ``chunks`` parts of equal size, the last perhaps shorter; views.

    Raises:
        ShapeError: ``chunks`` is not positive.
    """
    data = check_tensor(input, "chunk")._data
    if data.ndim == 0:
        raise ShapeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise ShapeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = normalize_dim(dim, data.ndim)
    length = data.shape[dim]
    if length == 0:
        return _cuts(input, dim, [0] * chunks)
    return split(input, -(-length // chunks), dim)


unsafe_chunk = chunk


@public()
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0, **named: Any) -> tuple[Tensor, ...]:
    """The tensor cut along ``dim`` into a number of nearly equal parts, or at the listed places; views.

    Raises:
        ShapeError: the number is not positive. IndexRangeError: there is no such dimension.
    """
    data = check_tensor(input, "tensor_split")._data
    if data.ndim == 0:
        raise ShapeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim = normalize_dim(dim, data.ndim)
    length = data.shape[dim]
    where = indices_or_sections.tolist() if isinstance(indices_or_sections, Tensor) else indices_or_sections
    if isinstance(where, int):
        if where <= 0:
            raise ShapeError(f"number of sections must be larger than 0, got {where}")
        small, larger = divmod(length, where)
        return _cuts(input, dim, [small * (i + 1) + min(i + 1, larger) for i in range(where)])
    spans = [slice(*each).indices(length)[:2] for each in itertools.pairwise([0, *where, length])]
    indices = [along(dim, slice(start, max(start, stop))) for start, stop in spans]
    ends = [0, *[stop for _, stop in spans]]
    if ends == sorted(ends) and all(start == before for (start, _), before in zip(spans, ends, strict=False)):
        return _parts(input, tuple(indices))
    return tuple([Slice(each)(input) for each in indices])  # parts that overlap, or leave something out


def _split_at(name: str, input: Tensor, where: Any, dim: int, least: int) -> tuple[Tensor, ...]:
    if check_tensor(input, name)._data.ndim < least:
        raise ShapeError(
            f"torch.{name} requires a tensor with at least {least} dimension{'s' * (least > 1)}, but got a tensor with "
            f"{input.ndim} dimensions!"
        )
    length = input._data.shape[dim]
    if isinstance(where, int) and (where <= 0 or length % where):
        raise ShapeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {length} is not "
            f"divisible by the split_size {where}!"
        )
    return tensor_split(input, where, dim)


@public()
def hsplit(input: Tensor, *indices_or_sections: Any) -> tuple[Tensor, ...]:
    """The tensor cut along dimension 1 (0 if it is 1-d) into equal parts or at the listed places; views."""
    return _split_at("hsplit", input, _where(indices_or_sections), int(check_tensor(input, "hsplit")._data.ndim > 1), 1)


@public()
def vsplit(input: Tensor, *indices_or_sections: Any) -> tuple[Tensor, ...]:
    """The tensor cut along dimension 0 into equal parts or at the listed places; views."""
    return _split_at("vsplit", input, _where(indices_or_sections), 0, 2)


@public()
def dsplit(input: Tensor, *indices_or_sections: Any) -> tuple[Tensor, ...]:
    """The tensor cut along dimension 2 into equal parts or at the listed places; views."""
    return _split_at("dsplit", input, _where(indices_or_sections), 2, 3)


def _where(given: tuple[Any, ...]) -> Any:
    return given[0] if len(given) == 1 else given


@public()
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along ``dim``, without that dimension; views.

    Raises:
        IndexRangeError: there is no such dimension.
    """
    data = check_tensor(input, "unbind")._data
    if data.ndim == 0:
        raise IndexRangeError("Dimension specified as 0 but tensor has no dimensions")
    dim = normalize_dim(dim, data.ndim)
    return _parts(input, tuple([along(dim, place) for place in range(data.shape[dim])]))
