"""What the ops of linear algebra share: checks of matrices, PyTorch's words for what fails, small notation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lepton.autograd.op import broadcast_shape
from lepton.autograd.ops.arguments import check_tensor, scalar_name
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.shape import expand
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import to_numpy, xp
from lepton.errors import DTypeError, LinAlgError, ShapeError, UnsupportedDTypeError
from lepton.kernels.reduction import is_narrow

NO_INVERSE = (
    "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
)


def mT(x: Any) -> Any:  # noqa: N802 - PyTorch's word
    """The transposes of matrices, of an array or a Tensor."""
    return x.swapaxes(-1, -2)


def where_not_zero(values: Any) -> Any:
    """1/values, and 0 where they are 0."""
    zero = values == 0
    return Where.on(zero, 0, 1 / Where.on(zero, 1, values))


def all_of(g: Any, count: int) -> list[Any]:
    """The gradients of ``count`` outputs, None where there is none; the engine leaves out those at the end."""
    return [*g, *[None] * (count - len(g))]


# ---------------------------------------------------------------------- checks


def check_numbers(tensor: Tensor, what: str) -> None:
    """Refuse all types but float32 and float64.

    Raises:
        DTypeError: the type is integer, bool, or of half precision.
    """
    kind = tensor._data.dtype
    if is_narrow(kind):
        raise UnsupportedDTypeError(
            f"{what}: Low precision dtypes not supported. Got {scalar_name(kind)}; convert it first with .float()"
        )
    check_floating(tensor, what)


def check_floating(tensor: Tensor, what: str) -> None:
    """Refuse integers and bools.

    Raises:
        DTypeError: the type is not floating.
    """
    if not tensor.dtype.is_floating_point:
        raise DTypeError(
            f"{what}: Expected a floating point or complex tensor as input. Got {scalar_name(tensor._data.dtype)}; "
            "convert it first with .float()"
        )


def check_matrix(tensor: Any, what: str, argument: str = "A", position: int = 1) -> Any:
    """The array of a matrix, or of a batch of them.

    Raises:
        ArgumentTypeError: it is no tensor. ShapeError: it has fewer than two dimensions.
    """
    data = check_tensor(tensor, what, argument, position)._data
    if data.ndim < 2:
        raise ShapeError(
            f"{what}: {argument} must have at least 2 dimensions, as a matrix or a batch of them; its shape is "
            f"{list(data.shape)}"
        )
    return data


def check_square(tensor: Any, what: str, argument: str = "A", position: int = 1) -> Any:
    """The array of square matrices of float32 or float64.

    Raises:
        ShapeError: the matrices are not square. DTypeError: the type is another.
    """
    data = check_matrix(tensor, what, argument, position)
    check_numbers(tensor, what)
    check_lengths(tensor, what, argument)
    return data


def check_lengths(tensor: Tensor, what: str, argument: str = "A") -> None:
    """Refuse matrices that are not square.

    Raises:
        ShapeError: they are not.
    """
    rows, columns = tensor._data.shape[-2:]
    if rows != columns:
        raise ShapeError(
            f"{what}: {argument} must be batches of square matrices, but they are {rows} by {columns} matrices"
        )


def check_system(a: Tensor, b: Tensor, left: bool, what: str) -> None:
    """Refuse a system AX = B (XA = B if not ``left``) whose shapes or types do not fit.

    Raises:
        ShapeError: the shapes do not fit. DTypeError: the types differ.
    """
    first, second = a._data, b._data
    if first.dtype != second.dtype:
        raise DTypeError(
            f"{what}: Expected A and B to have the same dtype, but found A of type {scalar_name(first.dtype)} and B of "
            f"type {scalar_name(second.dtype)} instead"
        )
    if first.shape[-1] != second.shape[-2 if left else -1]:
        rows, columns = second.shape[-2:]
        raise ShapeError(
            f"{what}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
            f"({first.shape[-2]}x{first.shape[-1]} and {rows}x{columns})"
        )


def of_one_batch(*matrices: Tensor) -> list[Tensor]:
    """The tensors with their batch dimensions, all but the last two, broadcast.

    Raises:
        ShapeError: these do not broadcast.
    """
    batch = broadcast_shape(*[each._data.shape[:-2] for each in matrices])
    return [
        each if each._data.shape[:-2] == batch else expand(each, (*batch, *each._data.shape[-2:])) for each in matrices
    ]


# ---------------------------------------------------------------------- what fails


def check_info(info: Any, what: str, message: str) -> None:
    """Refuse a batch of which one matrix had no result.

    Args:
        info: an array with a number for each matrix, 0 where all went well.
        message: what went wrong, where ``{}`` stands for that number.

    Raises:
        LinAlgError: with the first such matrix.
    """
    if info.any():
        host = to_numpy(info).reshape(-1)
        place = int((host != 0).argmax())
        raise LinAlgError(f"{what}: {_element(info, place)}{message.format(int(host[place]))}")


def _element(batched: Any, place: int) -> str:
    return f"(Batch element {place}): " if batched.ndim else ""


def converging(what: str, a: Any, compute: Callable[[], Any]) -> Any:
    """What an iterative factorization of ``a`` gives.

    Raises:
        LinAlgError: it does not converge.
    """
    try:
        return compute()
    except np.linalg.LinAlgError:
        good = to_numpy(xp(a).isfinite(a).all(axis=(-2, -1))).reshape(-1)
    if good.all():
        raise LinAlgError(
            f"{what}: The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
            "repeated singular values."
        )
    raise LinAlgError(
        f"{what}: {_element(a[..., 0, 0], int(good.argmin()))}The algorithm failed to converge because the input "
        "matrix contained non-finite values."
    )
