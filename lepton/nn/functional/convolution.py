"""Convolutions and transposed convolutions over one, two and three spatial dimensions."""

from __future__ import annotations

from typing import Any

from lepton.autograd.ops.arguments import check_storage, check_tensor, scalar_name
from lepton.autograd.ops.convolution import Convolution, ConvolutionInputGradient
from lepton.autograd.tensor import Tensor
from lepton.errors import DTypeError, ShapeError, UnsupportedDTypeError
from lepton.kernels.convolution import Windows
from lepton.kernels.windows import Ints, Pads, window_count
from lepton.nn.functional._sizes import check_int, spread

__all__ = ["conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation: y[n,o,p] = b[o] + Σ over c, k of weight[o,c,k] · input[n,c,p·stride + k·dilation − padding].

    Args:
        input: (N, C, L), or (C, L) for one sample.
        weight: (O, C / groups, K). bias: (O).
        stride, padding, dilation: ints; ``padding`` may also be ``"valid"`` (0) or ``"same"`` (the output has the
            input's length; stride 1 only).
        groups: input and output channels are cut into so many groups that do not see each other.

    Returns:
        (N, O, ⌊(L + 2·padding − dilation·(K − 1) − 1) / stride⌋ + 1), of the input's type.

    Raises:
        ShapeError: shapes or settings that do not fit. DTypeError: several number types.
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation over height and width; see :func:`conv1d`.

    Args:
        input: (N, C, H, W), or (C, H, W). weight: (O, C / groups, KH, KW). bias: (O).
        stride, padding, dilation: one int, or (height, width).
        groups: as for :func:`conv1d`.

    Raises:
        ShapeError: shapes or settings that do not fit. DTypeError: several number types.
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation over depth, height and width; see :func:`conv1d`.

    Args:
        input: (N, C, D, H, W), or (C, D, H, W). weight: (O, C / groups, KD, KH, KW). bias: (O).
        stride, padding, dilation: one int, or (depth, height, width).
        groups: as for :func:`conv1d`.

    Raises:
        ShapeError: shapes or settings that do not fit. DTypeError: several number types.
    """
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of :func:`conv1d`: each input element adds its multiple of the kernel to the output.

    y[n,o,q] = b[o] + Σ input[n,c,p] · weight[c,o,k] over all p, k with p·stride + k·dilation − padding = q.

    Args:
        input: (N, C, L), or (C, L).
        weight: (C, O / groups, K). bias: (O).
        stride, padding, dilation, groups: of the convolution that this is the adjoint of.
        output_padding: lengthens the output, of whose possible lengths (a stride reaches several) the shortest is made.

    Returns:
        (N, O, (L − 1)·stride − 2·padding + dilation·(K − 1) + output_padding + 1).

    Raises:
        ShapeError: shapes or settings that do not fit. DTypeError: several number types.
    """
    return _transpose("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of :func:`conv2d`; see :func:`conv_transpose1d`.

    Args:
        input: (N, C, H, W), or (C, H, W). weight: (C, O / groups, KH, KW). bias: (O).
        stride, padding, output_padding, dilation: one int, or (height, width). groups: as for the convolution.

    Raises:
        ShapeError: shapes or settings that do not fit. DTypeError: several number types.
    """
    return _transpose("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of :func:`conv3d`; see :func:`conv_transpose1d`.

    Args:
        input: (N, C, D, H, W), or (C, D, H, W). weight: (C, O / groups, KD, KH, KW). bias: (O).
        stride, padding, output_padding, dilation: one int, or (depth, height, width). groups: as for the convolution.

    Raises:
        ShapeError: shapes or settings that do not fit. DTypeError: several number types.
    """
    return _transpose("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """:func:`conv1d` with time first: y[t, n, o] = bias[o] + Σ over k, c of weight[k, c, o] · input[t + k − pad, n, c].

    Args:
        input: (T, N, C). weight: (K, C, O). bias: (O).
        pad: zeros before and after in time.

    Returns:
        (T + 2·pad − K + 1, N, O).

    Raises:
        ShapeError: shapes that do not fit. DTypeError: several number types. ArgumentTypeError: ``pad`` is no int.
    """
    for place, (what, each) in enumerate((("input", input), ("weight", weight), ("bias", bias)), 1):
        check_tensor(each, "conv_tbc", what, place)
    check_int("conv_tbc", "pad", pad)
    if input.ndim != 3:
        raise ShapeError(f"Input must have 3 dims: time, batch, in_channel; but it has the shape {list(input.shape)}")
    if weight.ndim != 3:
        raise ShapeError(
            "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels; but it has the shape "
            f"{list(weight.shape)}"
        )
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)


# ---------------------------------------------------------------------- one path for any number of dimensions


def _convolve(
    name: str, ndim: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Tensor:  # fmt: skip
    batched = _check(name, ndim, input, weight, bias, groups)
    steps = _setting(name, "stride", stride, ndim, 1)
    spread_out = _setting(name, "dilation", dilation, ndim, 1)
    sizes = weight._data.shape[2:]
    pads = _padding(name, padding, sizes, steps, spread_out)
    if not batched:
        input = input.unsqueeze(0)
    x_shape, weight_shape = input._data.shape, weight._data.shape
    _check_channels(f"groups={groups}", weight_shape, x_shape, weight_shape[1] * groups)
    _check_bias(f"weight of size {list(weight_shape)}", bias, weight_shape[0])
    _check_lengths(x_shape, sizes, steps, pads, spread_out)
    out = Convolution(Windows(x_shape, weight_shape, steps, pads, spread_out, groups))(input, weight, bias)
    return out if batched else out.squeeze(0)


def _transpose(
    name: str, ndim: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any,
    output_padding: Any, groups: int, dilation: Any,
) -> Tensor:  # fmt: skip
    batched = _check(name, ndim, input, weight, bias, groups)
    steps = _setting(name, "stride", stride, ndim, 1)
    spread_out = _setting(name, "dilation", dilation, ndim, 1)
    pads = _setting(name, "padding", padding, ndim, 0)
    extra = _setting(name, "output_padding", output_padding, ndim, 0)
    if any(e >= s and e >= d for e, s, d in zip(extra, steps, spread_out, strict=True)):
        raise ShapeError(
            "output padding must be smaller than either stride or dilation, but got "
            f"output_padding={extra}, stride={steps}, dilation={spread_out}"
        )
    if not batched:
        input = input.unsqueeze(0)
    x_shape, weight_shape = input._data.shape, weight._data.shape
    sizes = weight_shape[2:]
    _check_channels("transposed=1", weight_shape, x_shape, weight_shape[0])
    outputs = weight_shape[1] * groups
    _check_bias(f"transposed=1, weight of size {list(weight_shape)}", bias, outputs)
    lengths = [
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(x_shape[2:], steps, pads, spread_out, sizes, extra, strict=True)
    ]
    if min(lengths) < 1:
        raise ShapeError(
            f"Given input size per channel: {_by(x_shape[2:])}. Calculated output size per channel: {_by(lengths)}. "
            "Output size is too small"
        )
    around = tuple([(p, p - e) for p, e in zip(pads, extra, strict=True)])
    windows = Windows((x_shape[0], outputs, *lengths), weight_shape, steps, around, spread_out, groups)
    out = ConvolutionInputGradient(windows)(input, weight, bias)
    return out if batched else out.squeeze(0)


# ---------------------------------------------------------------------- checks


def _check(name: str, ndim: int, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> bool:
    """Tensors, numbers of dimensions, number types and groups; whether the input is a batch."""
    check_tensor(input, name)
    check_tensor(weight, name, "weight", 2)
    if bias is not None:
        check_tensor(bias, name, "bias", 3)
    if input._data.ndim not in (ndim + 1, ndim + 2):
        raise ShapeError(
            f"Expected {ndim + 1}D (unbatched) or {ndim + 2}D (batched) input to {name}, but got input of size: "
            f"{list(input.shape)}"
        )
    shape = weight._data.shape
    if len(shape) != ndim + 2:
        raise ShapeError(f"Expected {ndim + 2}-dimensional weight in {name}, but got weight of size {list(shape)}")
    _check_types(input, weight, bias)
    check_int(name, "groups", groups)
    if groups < 1:
        raise ShapeError("non-positive groups is not supported")
    if shape[0] % groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size {list(shape)} instead"
        )
    if 0 in shape[2:]:
        raise ShapeError(f"the kernel has no elements: weight of size {list(shape)}")
    for dim in range(2 if name.startswith("conv_transpose") else 1):
        if shape[dim] == 0:
            raise ShapeError(
                f"Given groups={groups}, expected weight to be at least 1 at dimension {dim}, but got weight of size "
                f"{list(shape)} instead"
            )
    return input._data.ndim == ndim + 2


def _check_types(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    kind = input._data.dtype
    if weight._data.dtype != kind:
        raise DTypeError(
            f"Input type ({scalar_name(kind)}Tensor) and weight type ({scalar_name(weight._data.dtype)}Tensor) should "
            "be the same: convert one with tensor.to(dtype)"
        )
    if bias is not None and bias._data.dtype != kind:
        raise DTypeError(
            f"Input type ({scalar_name(kind).lower()}) and bias type ({scalar_name(bias._data.dtype).lower()}) should "
            "be the same"
        )
    if kind.kind == "b":
        raise UnsupportedDTypeError("a convolution is not implemented for 'Bool'; convert the input, as with .float()")


def _check_channels(how: str, weight_shape: Ints, x_shape: Ints, expected: int) -> None:
    if x_shape[1] != expected:
        raise ShapeError(
            f"Given {how}, weight of size {list(weight_shape)}, expected input{list(x_shape)} to have {expected} "
            f"channels, but got {x_shape[1]} channels instead"
        )


def _check_bias(given: str, bias: Tensor | None, outputs: int) -> None:
    if bias is not None and bias._data.shape != (outputs,):
        raise ShapeError(
            f"Given {given}, expected bias to be 1-dimensional with {outputs} elements, but got bias of size "
            f"{list(bias.shape)} instead"
        )


def _check_lengths(x_shape: Ints, sizes: Ints, stride: Ints, pads: Pads, dilation: Ints) -> None:
    lengths = x_shape[2:]
    if min(map(window_count, lengths, sizes, stride, pads, dilation)) < 1:
        padded = [n + sum(pad) for n, pad in zip(lengths, pads, strict=True)]
        reach = [d * (k - 1) + 1 for d, k in zip(dilation, sizes, strict=True)]
        raise ShapeError(
            f"Calculated padded input size per channel: {_by(padded)}. Kernel size: {_by(reach)}. Kernel size can't be "
            "greater than actual input size"
        )
    check_storage([n + sum(pad) for n, pad in zip(lengths, pads, strict=True)], "the padded input")
    if 0 in lengths:
        raise ShapeError(f"Only zero batch or zero channel inputs are supported, but got input shape: {list(x_shape)}")


def _by(lengths: Any) -> str:
    return f"({' x '.join(map(str, lengths))})"


def _setting(name: str, what: str, value: Any, ndim: int, least: int) -> Ints:
    """A setting for each spatial dimension.

    Raises:
        ShapeError: there are neither one nor ``ndim`` ints, or one is too small.
    """
    found = spread(name, what, value, ndim)
    if min(found) < least:
        raise ShapeError(f"{'non-positive' if least else 'negative'} {what} is not supported")
    return found


def _padding(name: str, padding: Any, sizes: Ints, stride: Ints, dilation: Ints) -> Pads:
    """Zeros before and after each spatial dimension."""
    if not isinstance(padding, str):
        return tuple([(each, each) for each in _setting(name, "padding", padding, len(sizes), 0)])
    if padding == "valid":
        return ((0, 0),) * len(sizes)
    if padding != "same":
        raise ShapeError(f"Invalid padding string: '{padding}'; it is one of 'valid', 'same'")
    if any(each != 1 for each in stride):
        raise ShapeError("padding='same' is not supported for strided convolutions")
    return tuple([(d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2) for d, k in zip(dilation, sizes, strict=True)])
