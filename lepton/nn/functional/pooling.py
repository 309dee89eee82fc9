"""Pooling over one, two and three spatial dimensions: the largest, the mean or a norm of each window."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.ops.arguments import check_floating, check_tensor
from lepton.autograd.ops.pooling import AvgPool, MaxPool
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import xp
from lepton.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedDTypeError, ValueRangeError
from lepton.kernels.pooling import Pooling
from lepton.kernels.windows import Ints
from lepton.nn.functional._sizes import ints, spread

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d",
    "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices",
    "max_pool3d", "max_pool3d_with_indices", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip


# ---------------------------------------------------------------------- max


def max_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window: y[n,c,p] = max over k of input[n,c,p·stride + k·dilation − padding].

    nan is larger than everything. Among equals the first receives the gradient.

    Args:
        input: (N, C, L), or (C, L).
        kernel_size: the window's length. stride: from one window to the next, by default ``kernel_size``.
        padding: −∞ on both sides, at most half of the window. dilation: from one place of the window to the next.
        ceil_mode: also make a last window that reaches over the end.
        return_indices: return also the int64 position in L of each maximum, as :func:`max_unpool1d` wants it.

    Returns:
        (N, C, ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1), or a pair of such tensors.

    Raises:
        ShapeError: an input without channels, settings that do not fit it, or no window that does.
        UnsupportedDTypeError: the input is bool.
    """
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of (N, C, H, W) or (C, H, W); see :func:`max_pool1d`.

    Settings are one int, or (height, width); indices count through the flattened H × W.

    Raises:
        ShapeError, UnsupportedDTypeError: as :func:`max_pool1d`.
    """
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The largest element of each window of (N, C, D, H, W) or (C, D, H, W); see :func:`max_pool1d`.

    Settings are one int, or (depth, height, width); indices count through the flattened D × H × W.

    Raises:
        ShapeError, UnsupportedDTypeError: as :func:`max_pool1d`.
    """
    return _max_pool("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """:func:`max_pool1d` with ``return_indices=True``, whatever is passed for that."""
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """:func:`max_pool2d` with ``return_indices=True``, whatever is passed for that."""
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """:func:`max_pool3d` with ``return_indices=True``, whatever is passed for that."""
    return _max_pool("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def _max_pool(
    name: str, ndim: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
    return_indices: bool,
) -> Any:  # fmt: skip
    pooling = _pooling(name, ndim, input, kernel_size, stride, padding, dilation, ceil_mode)
    return _pooled(name, input, pooling, return_indices)


def _pooled(name: str, input: Tensor, pooling: Pooling, return_indices: bool) -> Any:
    if input._data.dtype.kind == "b":
        raise UnsupportedDTypeError(f"\"{name}\" not implemented for 'Bool'; convert the input, as with .float()")
    op = MaxPool(pooling, STATE.grad_enabled and input.requires_grad, return_indices)
    out = op(input)
    return (out, Tensor(op.indices)) if return_indices else out


# ---------------------------------------------------------------------- mean


def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window: y[n,c,p] = (1/kernel_size) Σ over k of input[n,c,p·stride + k − padding].

    Args:
        input: (N, C, L), or (C, L), of a floating type.
        kernel_size: the window's length. stride: from one window to the next, by default ``kernel_size``.
        padding: zeros on both sides, at most half of the window.
        ceil_mode: also make a last window that reaches over the end.
        count_include_pad: count the zeros of the padding as elements of the window.

    Raises:
        ShapeError: an input without channels, settings that do not fit it, or no window that does.
        UnsupportedDTypeError: the input's type is not floating.
    """
    return _avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of (N, C, H, W) or (C, H, W); see :func:`avg_pool1d`.

    ``divisor_override`` divides the sums in place of the number of elements.

    Raises:
        ShapeError, UnsupportedDTypeError: as :func:`avg_pool1d`. ValueRangeError: ``divisor_override`` is 0.
    """
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window of (N, C, D, H, W) or (C, D, H, W); see :func:`avg_pool1d` and :func:`avg_pool2d`.

    Raises:
        ShapeError, UnsupportedDTypeError, ValueRangeError: as they do.
    """
    return _avg_pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _avg_pool(
    name: str, ndim: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool,
    count_include_pad: bool, divisor_override: int | None,
) -> Tensor:  # fmt: skip
    pooling = _pooling(name, ndim, input, kernel_size, stride, padding, 1, ceil_mode)
    check_floating(input, name)
    if divisor_override == 0:
        raise ValueRangeError("divisor must be not zero")
    divisor: Any = divisor_override
    if divisor is None:
        divisor = _window_sizes(input._data, pooling, count_include_pad)
    return AvgPool(pooling, divisor)(input)


def _window_sizes(x: Any, pooling: Pooling, count_include_pad: bool) -> Any:
    """How many elements each window has: a number where all have equally many, else an array."""
    if pooling.inside():
        return math.prod(pooling.kernel)
    along = []
    for k, s, b, _, length, n in zip(*pooling, strict=True):
        low, high = (-b, length + b) if count_include_pad else (0, length)
        along.append([min(i * s - b + k, high) - max(i * s - b, low) for i in range(n)])
    if all(len(set(each)) == 1 for each in along):
        return math.prod([each[0] for each in along])
    sizes = xp(x).ones((), x.dtype)
    for each in along:
        sizes = sizes[..., None] * xp(x).asarray(each, dtype=x.dtype)
    return sizes


# ---------------------------------------------------------------------- norm


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The p-norm of each window, (Σ xᵖ)^(1/p) with p = ``norm_type``; see :func:`avg_pool1d` for the windows.

    Raises:
        ShapeError, UnsupportedDTypeError: as :func:`avg_pool1d`.
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The p-norm of each window of (N, C, H, W) or (C, H, W); see :func:`lp_pool1d`."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """The p-norm of each window of (N, C, D, H, W) or (C, D, H, W); see :func:`lp_pool1d`."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def _lp_pool(ndim: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    name = f"lp_pool{ndim}d"
    check_tensor(input, name)
    means = _avg_pool(name, ndim, input**norm_type, kernel_size, stride, 0, ceil_mode, True, None)
    sums: Any = means * math.prod(spread(name, "kernel_size", kernel_size, ndim))
    return (sums.sign() * sums.abs().relu()) ** (1.0 / norm_type)


# ---------------------------------------------------------------------- adaptive


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of ``output_size`` bins; bin i of a length L is [⌊i·L/n⌋, ⌈(i + 1)·L/n⌉).

    Args:
        input: (N, C, L), or (C, L), of a floating type.
        output_size: n.

    Raises:
        ShapeError: an empty input, or a size that cannot be. UnsupportedDTypeError: the type is not floating.
    """
    return _adaptive_avg("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each bin of (N, C, H, W) or (C, H, W); see :func:`adaptive_avg_pool1d`.

    ``output_size`` is one int, or a pair in which None keeps the input's length.
    """
    return _adaptive_avg("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each bin of (N, C, D, H, W) or (C, D, H, W); see :func:`adaptive_avg_pool2d`."""
    return _adaptive_avg("adaptive_avg_pool3d", 3, input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each of ``output_size`` bins; see :func:`adaptive_avg_pool1d` and :func:`max_pool1d`.

    Raises:
        ShapeError: an empty input, or a size that cannot be. UnsupportedDTypeError: the input is bool.
    """
    return _adaptive_max("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each bin of (N, C, H, W) or (C, H, W); see :func:`adaptive_max_pool1d`."""
    return _adaptive_max("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of each bin of (N, C, D, H, W) or (C, D, H, W); see :func:`adaptive_max_pool1d`."""
    return _adaptive_max("adaptive_max_pool3d", 3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """:func:`adaptive_max_pool1d` with ``return_indices=True``, whatever is passed for that."""
    return _adaptive_max("adaptive_max_pool1d", 1, input, output_size, True)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """:func:`adaptive_max_pool2d` with ``return_indices=True``, whatever is passed for that."""
    return _adaptive_max("adaptive_max_pool2d", 2, input, output_size, True)


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """:func:`adaptive_max_pool3d` with ``return_indices=True``, whatever is passed for that."""
    return _adaptive_max("adaptive_max_pool3d", 3, input, output_size, True)


def _adaptive_avg(name: str, ndim: int, input: Any, output_size: Any) -> Tensor:
    counts = _adaptive_counts(name, ndim, input, output_size)
    check_floating(input, name)
    lengths = input._data.shape[-ndim:]
    if all(n and length % n == 0 for n, length in zip(counts, lengths, strict=True)):
        pooling = _equal_bins(lengths, counts)
        return AvgPool(pooling, math.prod(pooling.kernel))(input)
    out = input
    for dim, (length, n) in enumerate(zip(lengths, counts, strict=True), -ndim):
        if n != length:
            out = (out.swapaxes(dim, -1) @ _bin_means(input._data, length, n)).swapaxes(dim, -1)
    return out


def _bin_means(x: Any, length: int, count: int) -> Tensor:
    """The matrix (length, count) that takes a row to the means of its bins."""
    weights = xp(x).zeros((length, count), x.dtype)
    for i, (begin, end) in enumerate(_bins(length, count)):
        weights[begin:end, i] = 1 / (end - begin)
    return Tensor(weights)


def _adaptive_max(name: str, ndim: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    counts = _adaptive_counts(name, ndim, input, output_size)
    lengths = input._data.shape[-ndim:]
    if 0 in counts:
        empty = input[..., :0].reshape(*input._data.shape[:-ndim], *counts)
        return (empty, Tensor(empty._data.astype("int64"))) if return_indices else empty
    source: list[Any] = [None] * ndim
    for dim, (length, n) in enumerate(zip(lengths, counts, strict=True)):
        if length % n:
            source[dim] = _repeating(length, n)
            index = Tensor(xp(input._data).asarray(source[dim], dtype="int64"))
            input = input.index_select(dim - ndim, index)
    found = _pooled(name, input, _equal_bins(input._data.shape[-ndim:], counts), return_indices)
    if not return_indices or not any(source):
        return found
    return found[0], Tensor(_in_source(found[1]._data, input._data.shape[-ndim:], lengths, source))


def _repeating(length: int, count: int) -> list[int]:
    """Positions that make all bins as long as the longest, by repeating their last element."""
    bins = _bins(length, count)
    longest = max(end - begin for begin, end in bins)
    return [min(begin + k, end - 1) for begin, end in bins for k in range(longest)]


def _in_source(indices: Any, lengths: Ints, source_lengths: Ints, source: list[Any]) -> Any:
    """Flat positions in the tensor with repeated elements as flat positions in the one before."""
    module, found, step = xp(indices), 0, 1
    for dim in reversed(range(len(lengths))):
        place, indices = indices % lengths[dim], indices // lengths[dim]
        if source[dim] is not None:
            place = module.asarray(source[dim], dtype="int64")[place]
        found = found + place * step
        step *= source_lengths[dim]
    return found


def _bins(length: int, count: int) -> list[tuple[int, int]]:
    return [(i * length // count, -((-(i + 1) * length) // count)) for i in range(count)]


def _equal_bins(lengths: Ints, counts: Ints) -> Pooling:
    sizes = tuple([length // n for length, n in zip(lengths, counts, strict=True)])
    zeros, ones = (0,) * len(sizes), (1,) * len(sizes)
    return Pooling(sizes, sizes, zeros, ones, tuple(lengths), tuple(counts))


def _adaptive_counts(name: str, ndim: int, input: Tensor, output_size: Any) -> Ints:
    """The output's spatial dimensions; None keeps a dimension as it is."""
    check_tensor(input, name)
    shape = input._data.shape
    _check_ndim(name, ndim, shape)
    if output_size is None:
        raise ArgumentTypeError(f"{name}(): argument 'output_size' (position 2) must be tuple of ints, not NoneType")
    listed = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * ndim
    if len(listed) != ndim:
        raise ShapeError(f"{name}: output_size must be {ndim}, or one int, not {output_size}")
    kept = [length if each is None else each for each, length in zip(listed, shape[-ndim:], strict=True)]
    counts = ints(name, "output_size", kept)
    if min(counts) < 0:
        raise ShapeError(f"{name}: elements of output_size must be greater than or equal to 0 but received {counts}")
    with_channels = "max" in name or ndim == 3  # PyTorch's two others take an input without channels
    for dim in range(1, ndim + 1 + with_channels):
        if shape[-dim] == 0:
            raise ShapeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{list(shape)} with dimension {len(shape) - dim} being empty"
            )
    return counts


# ---------------------------------------------------------------------- the way back


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Each element of ``input`` at the position that :func:`max_pool1d` took it from, zeros elsewhere.

    Args:
        input, indices: what ``max_pool1d(..., return_indices=True)`` gave.
        kernel_size, stride, padding: as there.
        output_size: the length of what was pooled (or its whole shape), where the stride leaves several possible.

    Raises:
        ShapeError: shapes that do not fit. ArgumentError: an ``output_size`` that cannot be. ValueRangeError: an
            index outside of the output.
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """The way back from :func:`max_pool2d`; see :func:`max_unpool1d`."""
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """The way back from :func:`max_pool3d`; see :func:`max_unpool1d`."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


def _max_unpool(
    ndim: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    name = f"max_unpool{ndim}d"
    check_tensor(input, name)
    check_tensor(indices, name, "indices", 2)
    _check_ndim(name, ndim, input._data.shape)
    if indices._data.dtype.kind not in "iu" or indices._data.dtype.itemsize != 8:
        raise ShapeError(f"elements in indices should be type int64 but got: {indices.dtype}")
    if indices._data.shape != input._data.shape:
        raise ShapeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got indices "
            f"tensor with shape: {list(indices.shape)}"
        )
    sizes = spread(name, "kernel_size", kernel_size, ndim)
    steps = _strides(name, ndim, stride, sizes)
    pads = spread(name, "padding", padding, ndim)
    lead, counts = input._data.shape[:-ndim], input._data.shape[-ndim:]
    usual = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(counts, steps, sizes, pads, strict=True)]
    lengths = _unpooled_lengths(usual, steps, output_size)
    volume = math.prod(lengths)
    places = indices._data
    if places.size and (int(places.max()) >= volume or int(places.min()) < 0):
        bad = int(places.max()) if int(places.max()) >= volume else int(places.min())
        raise ValueRangeError(f"Found an invalid max index: {bad} (output volumes are of size {_by(lengths)})")
    room = Tensor(xp(input._data).zeros((*lead, volume), input._data.dtype))
    flat = (*lead, math.prod(counts))
    filled = room.scatter(-1, indices.reshape(flat), input.reshape(flat))
    return filled.reshape(*lead, *lengths)


def _unpooled_lengths(usual: list[int], steps: Ints, output_size: Any) -> list[int]:
    if output_size is None:
        return usual
    ndim = len(usual)
    wanted = list(output_size)[-ndim:]
    if len(output_size) not in (ndim, ndim + 2):
        raise ArgumentError(
            f"output_size should be a sequence containing {ndim} or {ndim + 2} elements, but it has a length of "
            f"'{len(output_size)}'"
        )
    for dim, (length, default, step) in enumerate(zip(wanted, usual, steps, strict=True)):
        if not default - step < length < default + step:
            raise ArgumentError(
                f'invalid output_size "{tuple(output_size)}" (dim {dim} must be between {default - step} and '
                f"{default + step})"
            )
    return wanted


# ---------------------------------------------------------------------- windows and checks


def _pooling(
    name: str, ndim: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Pooling:
    """The windows, after all checks.

    Raises:
        ShapeError: see :func:`max_pool1d`.
    """
    check_tensor(input, name)
    shape = input._data.shape
    sizes = spread(name, "kernel_size", kernel_size, ndim)
    steps = _strides(name, ndim, stride, sizes)
    pads = spread(name, "padding", padding, ndim)
    spread_out = spread(name, "dilation", dilation, ndim)
    for what, values in (("kernel_size", sizes), ("stride", steps), ("dilation", spread_out)):
        if min(values) < 1:
            raise ShapeError(f"{name}() {what} must be greater than zero, but got {min(values)}")
    for pad, k in zip(pads, sizes, strict=True):
        if pad < 0:
            raise ShapeError(f"{name}() padding must be non-negative, but got pad: {pad}")
        if pad > k // 2:
            raise ShapeError(
                f"{name}() padding should be at most half of kernel size, but got padding={pad} and kernel_size={k}"
            )
    _check_ndim(name, ndim, shape)
    lengths = shape[-ndim:]
    counts = tuple([_count(*each, ceil_mode) for each in zip(lengths, sizes, steps, pads, spread_out, strict=True)])
    if 0 in shape[-ndim - 1 :]:
        raise ShapeError(
            f"{name}: Expected {ndim + 1}D or {ndim + 2}D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{list(shape)}"
        )
    if min(counts) < 1:
        channels = shape[-ndim - 1]
        raise ShapeError(
            f"{name}(): Given input size: {_by((channels, *lengths))}. Calculated output size: "
            f"{_by((channels, *counts))}. Output size is too small"
        )
    return Pooling(sizes, steps, pads, spread_out, lengths, counts)


def _count(length: int, size: int, stride: int, pad: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows there are; the last may reach over the end, but must begin before the padding there."""
    room = length + 2 * pad - dilation * (size - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= length + pad else count


def _strides(name: str, ndim: int, stride: Any, sizes: Ints) -> Ints:
    """From one window to the next, by default its length."""
    return sizes if stride in (None, (), []) else spread(name, "stride", stride, ndim)


def _check_ndim(name: str, ndim: int, shape: Ints) -> None:
    if len(shape) not in (ndim + 1, ndim + 2):
        raise ShapeError(f"{name}(): Expected {ndim + 1}D or {ndim + 2}D tensor, but got {list(shape)}")


def _by(lengths: Any) -> str:
    return f"({'x'.join(map(str, lengths))})"
