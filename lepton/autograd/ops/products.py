"""Products over several dimensions: ``einsum``, ``tensordot``, Kronecker's and the cross product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lepton.autograd.op import BroadcastTo, broadcast_shape
from lepton.autograd.ops.arguments import check_tensor, scalar_name, tensor_sequence
from lepton.autograd.ops.arithmetic import mul
from lepton.autograd.ops.joining import stack, unbind
from lepton.autograd.ops.matrix import Matmul, check_types, mm
from lepton.autograd.ops.rearranging import Diagonal
from lepton.autograd.ops.reduction import Sum
from lepton.autograd.ops.shape import Permute, expand, reshape
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor, normalize_dim
from lepton.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, UnsupportedDTypeError

__all__ = ["cross", "einsum", "kron", "tensordot", "trace"]


# ---------------------------------------------------------------------- einsum


@public(method=False)
def einsum(*args: Any) -> Tensor:
    """Σ over products of operands, written with one letter a dimension: ``einsum("ij,jk->ik", a, b)`` is a·b.

    A letter that appears in several operands is multiplied along; one that the right side lacks is summed over; twice
    in one operand it takes the diagonal; ``...`` stands for dimensions that broadcast. Without ``->`` the result has
    the letters that appear once, in alphabetical order. Operands are contracted from left to right, each pair as one
    batch of matrix products.

    Args:
        args: the letters and the operands; or the operands and lists of dimension numbers in turn,
            ``einsum(a, [0, 1], b, [1, 2])``.

    Raises:
        ArgumentError: there is no operand. ArgumentTypeError: one is no tensor.
        ShapeError: letters and dimensions do not fit, in PyTorch's words.
    """
    if len(args) < 2:
        raise ArgumentError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    equation, operands = (args[0], args[1:]) if isinstance(args[0], str) else _from_lists(args)
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    if not operands:
        raise ShapeError("einsum(): must provide at least one operand")
    tensors = tensor_sequence(operands, "einsum")
    inputs, output = _parse(equation, tensors)
    sizes = _sizes(inputs, tensors)
    terms = [_simplified(tensor, letters) for tensor, letters in zip(tensors, inputs, strict=True)]
    current, letters = terms[0]
    for place, (other, others) in enumerate(terms[1:], 1):
        later = {letter for _, rest in terms[place + 1 :] for letter in rest}
        current, letters = _pair(current, letters, other, others, later | set(output), sizes)
    return _arranged(current, letters, output)


def _from_lists(arguments: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The equation of ``einsum(a, [0, 1], b, [1, 2], [0, 2])``."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def word(numbers: Any) -> str:
        if not isinstance(numbers, (tuple, list)):
            raise ArgumentTypeError(f"einsum(): a list of dimension numbers was expected, not {type(numbers).__name__}")
        for each in numbers:
            if each is not Ellipsis and not 0 <= each < len(letters):
                raise ShapeError(f"einsum(): expected subscripts to be within the range [0, 52), but got {each}")
        return "".join("..." if each is Ellipsis else letters[each] for each in numbers)

    pairs = len(arguments) // 2
    equation = ",".join(word(arguments[2 * i + 1]) for i in range(pairs))
    if len(arguments) % 2:
        equation += "->" + word(arguments[-1])
    return equation, tuple(arguments[: 2 * pairs : 2])


def _parse(equation: str, tensors: Sequence[Tensor]) -> tuple[list[list[str]], list[str]]:
    """The letters of each operand and of the output; dimensions of ``...`` are named by negative numbers."""
    left, arrow, right = equation.partition("->")
    words = left.split(",")
    if len(words) < len(tensors):
        raise ShapeError("einsum(): more operands were provided than specified in the equation")
    if len(words) > len(tensors):
        raise ShapeError("einsum(): fewer operands were provided than specified in the equation")
    inputs = [_letters(word, each.ndim, place) for place, (word, each) in enumerate(zip(words, tensors, strict=True))]
    dots = sorted({letter for letters in inputs for letter in letters if letter.startswith("-")}, key=int)
    if arrow:
        return inputs, _output_letters(right, dots, inputs)
    flat = [letter for letters in inputs for letter in letters]
    return inputs, dots + sorted({each for each in flat if flat.count(each) == 1 and not each.startswith("-")})


def _letters(word: str, ndim: int, operand: int) -> list[str]:
    word = word.replace(" ", "")
    before, dots, after = word.partition("...")
    for place, letter in enumerate(before + after):
        if not (letter.isascii() and letter.isalpha()):
            raise ShapeError(
                f"einsum(): invalid subscript given at index {place} in the equation string, subscripts must be in "
                f"[a-zA-Z]: {letter!r} in {word!r}"
            )
    named = len(before) + len(after)
    if named > ndim or (named < ndim and not dots):
        more = "" if dots else " and no ellipsis was given"
        raise ShapeError(
            f"einsum(): the number of subscripts in the equation ({named}) "
            f"{'is more than' if dots else 'does not match'} the number of dimensions ({ndim}) for operand "
            f"{operand}{more}"
        )
    return [*before, *[str(place) for place in range(named - ndim, 0)], *after]


def _output_letters(word: str, dots: list[str], inputs: list[list[str]]) -> list[str]:
    before, found, after = word.replace(" ", "").partition("...")
    output = [*before, *(dots if found else []), *after]
    known = {letter for letters in inputs for letter in letters}
    for place, letter in enumerate([*before, *after]):
        if not (letter.isascii() and letter.isalpha()):
            raise ShapeError(
                f"einsum(): invalid subscript given at index {place} in the equation string, subscripts must be in "
                f"[a-zA-Z]: {letter!r} in the output {word!r}"
            )
        if output.count(letter) > 1:
            raise ShapeError(f"einsum(): output subscript {letter} appears more than once in the output")
        if letter not in known:
            raise ShapeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
            )
    return output


def _sizes(inputs: list[list[str]], tensors: Sequence[Tensor]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for operand, (letters, each) in enumerate(zip(inputs, tensors, strict=True)):
        for letter, length in zip(letters, each._data.shape, strict=True):
            held = sizes.get(letter, 1)
            if 1 not in (held, length) and held != length:
                raise ShapeError(
                    f"einsum(): subscript {letter} has size {length} for operand {operand} which does not broadcast "
                    f"with previously seen size {held}"
                )
            sizes[letter] = length if held == 1 else held
    return sizes


def _simplified(tensor: Tensor, letters: list[str]) -> tuple[Tensor, list[str]]:
    """An operand in which every letter appears once: diagonals taken of those that appear twice."""
    letters = list(letters)
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            tensor = Diagonal(0, first, second)(_equalized(tensor, first, second))
            letters = [*[each for place, each in enumerate(letters) if place not in (first, second)], letter]
    return tensor, letters


def _equalized(tensor: Tensor, first: int, second: int) -> Tensor:
    """A dimension of length 1 broadcasts against the other of the same letter."""
    shape = list(tensor._data.shape)
    shape[first] = shape[second] = max(shape[first], shape[second])
    return tensor if tuple(shape) == tensor._data.shape else expand(tensor, shape)


def _pair(
    x: Tensor, x_letters: list[str], y: Tensor, y_letters: list[str], wanted: set[str], sizes: dict[str, int]
) -> tuple[Tensor, list[str]]:
    """The contraction of two operands as one batch of matrix products: batch · rows × sums · columns."""
    check_types(x, y)
    x, x_letters = _summed(x, x_letters, wanted | set(y_letters))
    y, y_letters = _summed(y, y_letters, wanted | set(x_letters))
    both = [each for each in x_letters if each in y_letters]
    batch = [each for each in both if each in wanted]
    inner = [each for each in both if each not in wanted]
    rows = [each for each in x_letters if each not in both]
    columns = [each for each in y_letters if each not in both]
    left = _blocks(x, x_letters, (batch, rows, inner), both, sizes)
    right = _blocks(y, y_letters, (batch, inner, columns), both, sizes)
    if batch:
        product = Matmul()(left, right)
    else:
        product = mm(reshape(left, left._data.shape[1:]), reshape(right, right._data.shape[1:]))
    own = dict(zip(x_letters, x._data.shape, strict=True)) | dict(zip(y_letters, y._data.shape, strict=True))
    shape = [_common_length(each, x, x_letters, y, y_letters) for each in batch]
    shape += [own[each] for each in (*rows, *columns)]
    return reshape(product, shape), [*batch, *rows, *columns]


def _common_length(letter: str, x: Tensor, x_letters: list[str], y: Tensor, y_letters: list[str]) -> int:
    """The length that a letter of two operands broadcasts to."""
    return max(x._data.shape[x_letters.index(letter)], y._data.shape[y_letters.index(letter)])


def _summed(x: Tensor, letters: list[str], needed: set[str]) -> tuple[Tensor, list[str]]:
    """An operand summed over the letters that nobody else has."""
    axes = tuple([place for place, letter in enumerate(letters) if letter not in needed])
    if not axes:
        return x, letters
    return Sum(axes, False)(x), [letter for letter in letters if letter in needed]


def _blocks(
    x: Tensor, letters: list[str], groups: tuple[list[str], ...], both: list[str], sizes: dict[str, int]
) -> Tensor:
    """An operand with its dimensions in the order of three groups, each flattened to one dimension."""
    wide = [sizes[each] if each in both else length for each, length in zip(letters, x._data.shape, strict=True)]
    if tuple(wide) != x._data.shape:
        x = BroadcastTo(tuple(wide))(x)
    lengths = dict(zip(letters, wide, strict=True))
    order = [letters.index(each) for group in groups for each in group]
    if order != list(range(len(order))):
        x = Permute(tuple(order))(x)
    return reshape(x, [math.prod([lengths[each] for each in group]) for group in groups])


def _arranged(x: Tensor, letters: list[str], output: list[str]) -> Tensor:
    x, letters = _summed(x, letters, set(output))
    return Permute(tuple([letters.index(each) for each in output]))(x)


# ---------------------------------------------------------------------- tensordot and others


@public(method=False)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Σ over dimensions of ``a`` and ``b`` that are paired: the last ``dims`` of a with the first of b, or as listed.

    Args:
        dims: a number, or two lists of dimensions.

    Raises:
        ShapeError: paired dimensions have different lengths. DTypeError: the types differ.
    """
    left, right = check_tensor(a, "tensordot", "a")._data, check_tensor(b, "tensordot", "b", 2)._data
    mine, theirs = _paired(dims, left.ndim)
    if len(mine) != len(theirs):
        raise ShapeError("both dimension lists should have same length")
    ours = [normalize_dim(each, left.ndim) for each in mine]
    yours = [normalize_dim(each, right.ndim) for each in theirs]
    for i, j, first, second in zip(ours, yours, mine, theirs, strict=True):
        if left.shape[i] == 1 and right.shape[j] != 1:
            b = Sum((j,), True)(b)
        elif right.shape[j] == 1 and left.shape[i] != 1:
            a = Sum((i,), True)(a)
        elif left.shape[i] != right.shape[j]:
            raise ShapeError(
                f"contracted dimensions need to match, but first has size {left.shape[i]} in dim {first} and second "
                f"has size {right.shape[j]} in dim {second}"
            )
    rows = [dim for dim in range(left.ndim) if dim not in ours]
    columns = [dim for dim in range(right.ndim) if dim not in yours]
    inner = math.prod([a._data.shape[dim] for dim in ours])
    check_types(a, b)
    x = reshape(Permute(tuple(rows + ours))(a), math.prod([left.shape[dim] for dim in rows]), inner)
    y = reshape(Permute(tuple(yours + columns))(b), inner, math.prod([right.shape[dim] for dim in columns]))
    return reshape(mm(x, y), [*[left.shape[dim] for dim in rows], *[right.shape[dim] for dim in columns]])


def _paired(dims: Any, ndim: int) -> tuple[list[int], list[int]]:
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise ShapeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > ndim:
            raise ShapeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(-dims, 0)), list(range(dims))
    if not isinstance(dims, (tuple, list)) or len(dims) != 2:
        raise ArgumentTypeError("tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]]")
    first, second = [[each] if isinstance(each, int) else list(each) for each in dims]
    return first, second


@public()
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product: every element of ``input`` times the whole of ``other``, block by block.

    Missing leading dimensions count as 1.
    """
    a, b = check_tensor(input, "kron")._data.shape, check_tensor(other, "kron", "other", 2)._data.shape
    ndim = max(len(a), len(b))
    a, b = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
    x = reshape(input, [length for each in a for length in (each, 1)])
    y = reshape(other, [length for each in b for length in (1, each)])
    return reshape(mul(x, y), [m * n for m, n in zip(a, b, strict=True)])


@public()
def trace(input: Tensor) -> Tensor:
    """Σ of the diagonal of a matrix; integers add up in int64.

    Raises:
        ShapeError: it is not a matrix.
    """
    if check_tensor(input, "trace").ndim != 2:
        raise ShapeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    if input._data.dtype.kind == "b":
        raise UnsupportedDTypeError("\"trace\" not implemented for 'Bool': convert the matrix first, with .int()")
    return Sum(None, False)(Diagonal(0, 0, 1)(input))


@public()
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product of 3-vectors along ``dim`` (by default the first one of length 3), the others broadcast.

    z = (a₂b₃ − a₃b₂, a₃b₁ − a₁b₃, a₁b₂ − a₂b₁)

    Raises:
        ShapeError: the dimension is not of length 3, or the numbers of dimensions differ.
    """
    a, b = check_tensor(input, "cross")._data, check_tensor(other, "cross", "other", 2)._data
    if a.dtype != b.dtype:
        raise DTypeError(
            f"linalg.cross: expected both tensors to have the same dtype, but got {scalar_name(a.dtype)} and "
            f"{scalar_name(b.dtype)}"
        )
    if a.ndim != b.ndim:
        raise ShapeError("linalg.cross: inputs must have the same number of dimensions.")
    shape = broadcast_shape(a.shape, b.shape)
    if dim is None:
        if 3 not in a.shape:
            raise ShapeError("no dimension of size 3 in input")
        dim = a.shape.index(3)
    dim = normalize_dim(dim, a.ndim)
    if a.shape[dim] != 3 or b.shape[dim] != 3:
        raise ShapeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.shape[dim]} and {b.shape[dim]}"
        )
    x, y = [unbind(BroadcastTo(shape)(each), dim) for each in (input, other)]
    return stack([x[i] * y[j] - x[j] * y[i] for i, j in ((1, 2), (2, 0), (0, 1))], dim)
