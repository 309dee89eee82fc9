"""Sliding blocks of an image as columns, and columns added back to an image."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.ops.arguments import check_tensor, scalar_name
from lepton.autograd.ops.folding import Fold, Unfold
from lepton.autograd.tensor import Tensor
from lepton.errors import ShapeError, UnsupportedDTypeError
from lepton.kernels.convolution import Windows, block_windows
from lepton.kernels.windows import Ints, window_count
from lepton.nn.functional._sizes import ints

__all__ = ["fold", "unfold"]


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Every block that a window meets as a column: y[n, (c, i, j), p] = input[n, c, place (i, j) of window p].

    A convolution is then a matrix product: ``weight.flatten(1) @ unfold(input, ...)``.

    Args:
        input: (N, C, H, W), or (C, H, W); floating, or bool.
        kernel_size, dilation, padding, stride: of the windows, one int or (height, width).

    Returns:
        (N, C · kernel height · kernel width, number of windows).

    Raises:
        ShapeError: an input of other dimensions or without elements, settings that cannot be, or no window that fits.
        UnsupportedDTypeError: an integer type.
    """
    _check("unfold", input)
    shape = input._data.shape
    sizes, spread_out, pads, steps = _settings("unfold", kernel_size, dilation, padding, stride)
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise ShapeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(shape)}"
        )
    counts = _counts(shape[-2:], sizes, steps, pads, spread_out)
    if min(counts) < 1:
        raise ShapeError(
            f"Given input with spatial size {shape[-2:]}, kernel_size={sizes}, dilation={spread_out}, padding={pads}, "
            f"calculated shape of the array of sliding blocks as {counts}, but its components must be at least one."
        )
    batch = input if len(shape) == 4 else input.unsqueeze(0)
    columns: Tensor = Unfold(_windows(batch._data.shape, sizes, steps, pads, spread_out))(batch)
    return columns.reshape(*shape[:-3], shape[-3] * math.prod(sizes), math.prod(counts))


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns added up where the blocks lie that :func:`unfold` takes from an image: its adjoint.

    Args:
        input: (N, C · kernel height · kernel width, number of windows), or one such matrix; floating, or bool.
        output_size: the image's height and width, or one int for both.
        kernel_size, dilation, padding, stride: as for :func:`unfold`.

    Returns:
        (N, C, *output_size), or (C, *output_size).

    Raises:
        ShapeError: dimensions that do not fit the windows, or settings that cannot be. UnsupportedDTypeError: an
            integer type.
    """
    _check("fold", input)
    shape = input._data.shape
    lengths = _pair("fold", "output_size", output_size)
    sizes, spread_out, pads, steps = _settings("fold", kernel_size, dilation, padding, stride)
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise ShapeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(shape)}"
        )
    rows, columns = shape[-2:]
    places = math.prod(sizes)
    if rows % places:
        raise ShapeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={sizes}."
        )
    counts = _counts(lengths, sizes, steps, pads, spread_out)
    if min(counts) < 1 or math.prod(counts) != columns:
        raise ShapeError(
            f"Given output_size={lengths}, kernel_size={sizes}, dilation={spread_out}, padding={pads}, stride={steps}, "
            "expected size of input's dimension 2 to match the calculated number of sliding blocks "
            f"{counts[0]} * {counts[1]} = {math.prod(counts)}, but got input.size(2)={columns}."
        )
    batch = input.reshape(shape[0] if len(shape) == 3 else 1, rows, *counts)
    x_shape = (batch._data.shape[0], rows // places, *lengths)
    image: Tensor = Fold(_windows(x_shape, sizes, steps, pads, spread_out))(batch)
    return image if len(shape) == 3 else image.squeeze(0)


# ---------------------------------------------------------------------- checks


def _check(name: str, input: Tensor) -> None:
    kind = check_tensor(input, name)._data.dtype
    if kind.kind in "iu":
        raise UnsupportedDTypeError(f"\"{name}\" not implemented for '{scalar_name(kind)}'; convert the input first")


def _pair(name: str, what: str, value: Any) -> Ints:
    found = ints(name, what, value)
    if not isinstance(value, (tuple, list)):
        found = found * 2
    if len(found) != 2:
        raise ShapeError(f"{name}: It is expected {what} equals to 2, but got size {len(found)}")
    return found


def _settings(name: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Ints, Ints, Ints, Ints]:
    named = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    found = {what: _pair(name, what, value) for what, value in named.items()}
    for what, pair in found.items():
        if min(pair) < (what != "padding"):
            least = "non-negative" if what == "padding" else "greater than zero"
            raise ShapeError(f"{name}: {what} should be {least}, but got {pair}")
    return found["kernel_size"], found["dilation"], found["padding"], found["stride"]


def _counts(lengths: Ints, sizes: Ints, steps: Ints, pads: Ints, spread_out: Ints) -> Ints:
    every = zip(lengths, sizes, steps, pads, spread_out, strict=True)
    return tuple([window_count(n, k, s, (p, p), d) for n, k, s, p, d in every])


def _windows(x_shape: Ints, sizes: Ints, steps: Ints, pads: Ints, spread_out: Ints) -> Windows:
    return block_windows(x_shape, sizes, steps, tuple([(p, p) for p in pads]), spread_out)
