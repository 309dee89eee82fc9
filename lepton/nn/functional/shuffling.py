"""Channels and pixels in another order: sub-pixel convolution's rearrangement, and the mixing of groups."""

from __future__ import annotations

from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.tensor import Tensor
from lepton.errors import ShapeError
from lepton.nn.functional._sizes import check_int

__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Blocks of r² channels as squares of r × r pixels (Shi et al., 2016).

    y[c, h·r + i, w·r + j] = x[c·r² + i·r + j, h, w].

    Args:
        input: (…, C·r², H, W).
        upscale_factor: r.

    Returns:
        (…, C, H·r, W·r).

    Raises:
        ShapeError: fewer than three dimensions, or channels that are no multiple of r². ArgumentTypeError: r is no int.
    """
    r = _factor("pixel_shuffle", input, "upscale_factor", upscale_factor)
    *lead, channels, height, width = input._data.shape
    if channels % (r * r):
        raise ShapeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={channels} is not divisible by {r * r}"
        )
    squares = input.reshape(*lead, channels // (r * r), r, r, height, width)
    return _rearranged(squares, (0, 3, 1, 4, 2)).reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of :func:`pixel_shuffle`: squares of r × r pixels as blocks of r² channels.

    Args:
        input: (…, C, H·r, W·r).
        downscale_factor: r.

    Returns:
        (…, C·r², H, W).

    Raises:
        ShapeError: fewer than three dimensions, or lengths that are no multiple of r. ArgumentTypeError: r is no int.
    """
    r = _factor("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    *lead, channels, height, width = input._data.shape
    for name, dim, length in (("height", -2, height), ("width", -1, width)):
        if length % r:
            raise ShapeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({dim})={length} "
                f"is not divisible by {r}"
            )
    squares = input.reshape(*lead, channels, height // r, r, width // r, r)
    return _rearranged(squares, (0, 2, 4, 1, 3)).reshape(*lead, channels * r * r, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels dealt out anew, so that each group gets some of every other (Zhang et al., 2018).

    With C = groups·k: y[n, j·groups + i] = x[n, i·k + j].

    Args:
        input: (N, C, L, …), of three or more dimensions.
        groups: a divisor of C.

    Raises:
        ShapeError: fewer dimensions, or channels that are no multiple of ``groups``. ArgumentTypeError: ``groups`` is
            no int.
    """
    check_tensor(input, "channel_shuffle")
    check_int("channel_shuffle", "groups", groups)
    shape = input._data.shape
    if len(shape) < 3:
        raise ShapeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups < 1:
        raise ShapeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if shape[1] % groups:
        raise ShapeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups."
        )
    split = input.reshape(shape[0], groups, shape[1] // groups, *shape[2:])
    return split.swapaxes(1, 2).reshape(*shape)


def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """:func:`channel_shuffle`, under the name that PyTorch has for one of its implementations."""
    return channel_shuffle(input, groups)


def _factor(name: str, input: Tensor, what: str, value: int) -> int:
    ndim = check_tensor(input, name)._data.ndim
    check_int(name, what, value)
    if ndim < 3:
        raise ShapeError(f"{name} expects input to have at least 3 dimensions, but got input with {ndim} dimension(s)")
    if value < 1:
        raise ShapeError(f"{name} expects a positive {what}, but got {value}")
    return value


def _rearranged(squares: Tensor, order: tuple[int, ...]) -> Tensor:
    """The last five dimensions in another order."""
    first = squares.ndim - 5
    return squares.permute(*range(first), *[first + each for each in order])
