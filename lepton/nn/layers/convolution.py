"""Convolution layers, over one, two and three spatial dimensions: one mechanism for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.nn import functional as F
from lepton.nn.layers._parameters import DeviceLike, DType, new_parameter, repeated, reset_weight_and_bias
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

Lengths = int | tuple[int, ...]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Convolution(Module):
    """What convolutions and transposed convolutions share: their settings, parameters, start and representation."""

    dims: ClassVar[int]
    transposed: ClassVar[bool]
    function: ClassVar[Callable[..., Tensor]]
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Lengths,
        stride: Lengths,
        padding: str | Lengths,
        dilation: Lengths,
        output_padding: Lengths,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: DeviceLike,
        dtype: DType,
    ) -> None:
        super().__init__()
        _check_channels(in_channels, out_channels, groups)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = repeated(kernel_size, self.dims)
        self.stride = repeated(stride, self.dims)
        self.padding = padding if isinstance(padding, str) else repeated(padding, self.dims)
        self.dilation = repeated(dilation, self.dims)
        self.output_padding = repeated(output_padding, self.dims)
        self.padding_mode = padding_mode
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = new_parameter((first, second // groups, *self.kernel_size), device, dtype)
        self.register_parameter("bias", new_parameter((out_channels,), device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        reset_weight_and_bias(self.weight, self.bias)

    def extra_repr(self) -> str:
        nothing = (0,) * self.dims
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}",
            "" if self.padding == nothing else f"padding={self.padding}",
            "" if self.dilation == (1,) * self.dims else f"dilation={self.dilation}",
            "" if self.output_padding == nothing else f"output_padding={self.output_padding}",
            "" if self.groups == 1 else f"groups={self.groups}",
            "" if self.bias is not None else "bias=False",
            "" if self.padding_mode == "zeros" else f"padding_mode={self.padding_mode}",
        ]
        return ", ".join(part for part in parts if part)


def _check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    if groups <= 0:
        raise ArgumentError(f"groups must be a positive integer, but got {groups}")
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            raise ArgumentError(f"{name} must be divisible by groups, but {channels} is not by {groups}")


class _ConvNd(_Convolution):
    """What the three convolutions share."""

    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Lengths,
        stride: Lengths = 1,
        padding: str | Lengths = 0,
        dilation: Lengths = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        _check_padding(padding, padding_mode, stride, self.dims)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )
        self._pads = self._pads_around() if padding_mode != "zeros" else None

    def _pads_around(self) -> list[int]:
        """Before and after each spatial dimension, from the last to the first, as ``F.pad`` takes them."""
        if not isinstance(self.padding, str):
            return [each for each in reversed(self.padding) for _ in range(2)]
        pads: list[int] = []
        for dim in reversed(range(self.dims)):
            both = self.dilation[dim] * (self.kernel_size[dim] - 1) if self.padding == "same" else 0
            pads += [both // 2, both - both // 2]
        return pads

    def forward(self, input: Tensor) -> Tensor:
        """The cross-correlation of the input with the weight, plus the bias."""
        if self._pads is None:
            return self.function(
                input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
            )
        around = F.pad(input, self._pads, mode=self.padding_mode)
        return self.function(around, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def _check_padding(padding: Any, padding_mode: str, stride: Any, dims: int) -> None:
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ArgumentError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
        if padding == "same" and any(each != 1 for each in repeated(stride, dims)):
            raise ArgumentError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _PADDING_MODES:
        raise ArgumentError(f"padding_mode must be one of {_PADDING_MODES}, but got padding_mode={padding_mode!r}")


class Conv1d(_ConvNd):
    """Cross-correlation: y[o, p] = b[o] + Σ over c, k of weight[o, c, k]·x[c, p·stride + k·dilation − padding].

    For each of ``out_channels`` a kernel is moved along the input (LeCun et al., 1989, in two dimensions).

    Args:
        in_channels, out_channels: C and O, of the input and of the result.
        kernel_size: K, the kernel's length. stride: from one place of the kernel to the next.
        padding: how many elements are put at both ends, or ``"valid"`` (none), or ``"same"`` (L′ = L; stride 1 only).
        dilation: from one element of the kernel to the next.
        groups: input and output channels are cut into that many groups which see only each other.
        bias: whether b is added.
        padding_mode: what is put at the ends: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Input: (N, C, L), or (C, L) for one sample. Output: (N, O, L′) or (O, L′) with
    L′ = ⌊(L + 2·padding − dilation·(K − 1) − 1)/stride⌋ + 1.

    Parameters: ``weight`` (O, C/groups, K) and ``bias`` (O); both begin uniform over ±1/√(C/groups·K).

    Raises:
        ArgumentError: channels that are no multiple of ``groups``, an unknown padding or padding mode, or ``"same"``
            with strides. ShapeError (when called): an input of other channels or dimensions, or shorter than the
            kernel. DTypeError (when called): an input of another type than the weight.

    >>> from lepton import nn, ones
    >>> nn.Conv1d(2, 4, kernel_size=3, padding=1)(ones(8, 2, 10)).shape
    lepton.Size([8, 4, 10])
    """

    dims = 1
    function = staticmethod(F.conv1d)


class Conv2d(_ConvNd):
    """Cross-correlation of images: for each of ``out_channels`` a kernel is moved over height and width.

    y[o, p] = b[o] + Σ over c, k of weight[o, c, k]·x[c, p·stride + k·dilation − padding] with pairs p and k (LeCun et
    al., 1989).

    Args:
        in_channels, out_channels: C and O, of the input and of the result.
        kernel_size: (KH, KW), the kernel's height and width. stride: from one place of the kernel to the next.
        padding: how many elements are put on both sides, or ``"valid"`` (none), or ``"same"`` (the result has the
            input's height and width; stride 1 only).
        dilation: from one element of the kernel to the next. Like the three before, one int or (height, width).
        groups: input and output channels are cut into that many groups which see only each other.
        bias: whether b is added.
        padding_mode: what is put around: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Input: (N, C, H, W), or (C, H, W) for one image. Output: (N, O, H′, W′) or (O, H′, W′) with
    H′ = ⌊(H + 2·padding − dilation·(KH − 1) − 1)/stride⌋ + 1, and W′ likewise.

    Parameters: ``weight`` (O, C/groups, KH, KW) and ``bias`` (O); both begin uniform over ±1/√(C/groups·KH·KW).

    Raises:
        ArgumentError: channels that are no multiple of ``groups``, an unknown padding or padding mode, or ``"same"``
            with strides. ShapeError (when called): an input of other channels or dimensions, or smaller than the
            kernel. DTypeError (when called): an input of another type than the weight.

    >>> from lepton import arange, nn, ones
    >>> layer = nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1)
    >>> layer(ones(4, 3, 32, 32)).shape
    lepton.Size([4, 8, 16, 16])
    >>> layer.weight.shape
    lepton.Size([8, 3, 3, 3])
    >>> sums = nn.Conv2d(1, 1, kernel_size=2, bias=False)
    >>> _ = nn.init.ones_(sums.weight)
    >>> sums(arange(9.0).reshape(1, 1, 3, 3)).tolist()
    [[[[8.0, 12.0], [20.0, 24.0]]]]
    """

    dims = 2
    function = staticmethod(F.conv2d)


class Conv3d(_ConvNd):
    """Cross-correlation of volumes: for each of ``out_channels`` a kernel is moved through depth, height and width.

    y[o, p] = b[o] + Σ over c, k of weight[o, c, k]·x[c, p·stride + k·dilation − padding] with triples p and k.

    Args:
        in_channels, out_channels: C and O, of the input and of the result.
        kernel_size: (KD, KH, KW), the kernel's lengths. stride: from one place of the kernel to the next.
        padding: how many elements are put on both sides, or ``"valid"`` (none), or ``"same"`` (the result has the
            input's lengths; stride 1 only).
        dilation: from one element of the kernel to the next. Like the three before, one int or (depth, height, width).
        groups: input and output channels are cut into that many groups which see only each other.
        bias: whether b is added.
        padding_mode: what is put around: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Input: (N, C, D, H, W), or (C, D, H, W) for one sample. Output: (N, O, D′, H′, W′) or (O, D′, H′, W′) with
    D′ = ⌊(D + 2·padding − dilation·(KD − 1) − 1)/stride⌋ + 1, and H′ and W′ likewise.

    Parameters: ``weight`` (O, C/groups, KD, KH, KW) and ``bias`` (O); both begin uniform over ±1/√(C/groups·KD·KH·KW).

    Raises:
        ArgumentError: channels that are no multiple of ``groups``, an unknown padding or padding mode, or ``"same"``
            with strides. ShapeError (when called): an input of other channels or dimensions, or smaller than the
            kernel. DTypeError (when called): an input of another type than the weight.

    >>> from lepton import nn, ones
    >>> nn.Conv3d(1, 2, kernel_size=(1, 3, 3))(ones(1, 4, 6, 6)).shape
    lepton.Size([2, 4, 4, 4])
    """

    dims = 3
    function = staticmethod(F.conv3d)


class _ConvTransposeNd(_Convolution):
    """What the three transposed convolutions share."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Lengths,
        stride: Lengths = 1,
        padding: Lengths = 0,
        output_padding: Lengths = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Lengths = 1,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ArgumentError(
                f'Only "zeros" padding mode is supported for {type(self).__name__}, but got {padding_mode!r}'
            )
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: tuple[int, ...] | None = None) -> Tensor:
        """The transposed convolution of the input with the weight, plus the bias.

        Args:
            output_size: the spatial lengths that the result shall have (all dimensions may be given).
        """
        extra = self.output_padding if output_size is None else self._extra_for(input, output_size)
        return self.function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _extra_for(self, input: Tensor, output_size: tuple[int, ...]) -> tuple[int, ...]:
        """The output padding that gives the result those lengths."""
        wanted = tuple(output_size)[-self.dims :]
        lengths = input._data.shape[-self.dims :]
        if len(output_size) not in (self.dims, input.ndim):
            raise ArgumentError(
                f"{type(self).__name__}: for {input.ndim}D input, output_size must have {self.dims} or {input.ndim} "
                f"elements (got {len(output_size)})"
            )
        least = [
            (lengths[d] - 1) * self.stride[d] - 2 * self.padding[d] + self.dilation[d] * (self.kernel_size[d] - 1) + 1
            for d in range(self.dims)
        ]
        extra = tuple([wanted[d] - least[d] for d in range(self.dims)])
        if any(not 0 <= extra[d] < max(self.stride[d], self.dilation[d]) for d in range(self.dims)):
            most = [least[d] + max(self.stride[d], self.dilation[d]) - 1 for d in range(self.dims)]
            raise ArgumentError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} "
                f"(for an input of {lengths})"
            )
        return extra


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of a convolution: each element adds its multiple of the kernel to a longer sequence.

    y[o, q] = b[o] + Σ x[c, p]·weight[c, o, k] over all c, p, k where p·stride + k·dilation − padding = q. As a linear
    map it is the transpose of :class:`Conv1d` with the same settings, that is, its gradient (Zeiler et al., 2010).

    Args:
        in_channels, out_channels: C and O, of the input and of the result.
        kernel_size: K, the kernel's length. stride: from one place of the kernel to the next, in the result.
        padding: how many elements are cut off at both ends of the result.
        output_padding: elements added at its end, to choose among the lengths that the stride allows.
        groups: input and output channels are cut into that many groups which see only each other.
        bias: whether b is added. dilation: from one element of the kernel to the next.
        padding_mode: must be ``"zeros"``.

    Input: (N, C, L), or (C, L); and ``output_size``, if wanted, in place of ``output_padding``. Output: (N, O, L′) or
    (O, L′) with L′ = (L − 1)·stride − 2·padding + dilation·(K − 1) + output_padding + 1.

    Parameters: ``weight`` (C, O/groups, K) and ``bias`` (O); both begin uniform over ±1/√(O/groups·K).

    Raises:
        ArgumentError: channels that are no multiple of ``groups``, another padding mode; when called: an
            ``output_size`` that cannot be. ShapeError (when called): an input of other channels or dimensions, or
            ``output_padding`` as large as stride and dilation. DTypeError (when called): an input of another type than
            the weight.
    """

    dims = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of an image's convolution: each pixel adds its multiple of the kernel to a larger image.

    y[o, q] = b[o] + Σ x[c, p]·weight[c, o, k] over all c, p, k where p·stride + k·dilation − padding = q, with places
    p, q and offsets k as pairs. As a linear map it is the transpose of :class:`Conv2d` with the same settings, that is,
    its gradient (Zeiler et al., 2010).

    Args:
        in_channels, out_channels: C and O, of the input and of the result.
        kernel_size: (KH, KW), the kernel's height and width. stride: from one place to the next, in the result.
        padding: how many elements are cut off on all sides of the result.
        output_padding: rows and columns added at its end, to choose among the sizes that the stride allows.
        groups: input and output channels are cut into that many groups which see only each other.
        bias: whether b is added.
        dilation: from one element of the kernel to the next. Sizes, strides and pads: one int or (height, width).
        padding_mode: must be ``"zeros"``.

    Input: (N, C, H, W), or (C, H, W); and ``output_size``, if wanted, in place of ``output_padding``. Output:
    (N, O, H′, W′) or (O, H′, W′) with H′ = (H − 1)·stride − 2·padding + dilation·(KH − 1) + output_padding + 1, and W′
    likewise.

    Parameters: ``weight`` (C, O/groups, KH, KW) and ``bias`` (O); both begin uniform over ±1/√(O/groups·KH·KW).

    Raises:
        ArgumentError: channels that are no multiple of ``groups``, another padding mode; when called: an
            ``output_size`` that cannot be. ShapeError (when called): an input of other channels or dimensions, or
            ``output_padding`` as large as stride and dilation. DTypeError (when called): an input of another type than
            the weight.

    >>> from lepton import nn, ones
    >>> layer = nn.ConvTranspose2d(8, 3, kernel_size=3, stride=2, padding=1)
    >>> layer(ones(4, 8, 16, 16)).shape
    lepton.Size([4, 3, 31, 31])
    >>> layer(ones(4, 8, 16, 16), output_size=(32, 32)).shape
    lepton.Size([4, 3, 32, 32])
    """

    dims = 2
    function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of a volume's convolution: each element adds its multiple of the kernel to a larger volume.

    y[o, q] = b[o] + Σ x[c, p]·weight[c, o, k] over all c, p, k where p·stride + k·dilation − padding = q, with places
    p, q and offsets k as triples. As a linear map it is the transpose of :class:`Conv3d` with the same settings.

    Args:
        in_channels, out_channels: C and O, of the input and of the result.
        kernel_size: (KD, KH, KW), the kernel's lengths. stride: from one place to the next, in the result.
        padding: how many elements are cut off on all sides of the result.
        output_padding: elements added at its end, to choose among the sizes that the stride allows.
        groups: input and output channels are cut into that many groups which see only each other.
        bias: whether b is added.
        dilation: from one element of the kernel to the next. Sizes, strides and pads: one int or (depth, height,
            width).
        padding_mode: must be ``"zeros"``.

    Input: (N, C, D, H, W), or (C, D, H, W); and ``output_size``, if wanted, in place of ``output_padding``. Output:
    (N, O, D′, H′, W′) or (O, D′, H′, W′) with D′ = (D − 1)·stride − 2·padding + dilation·(KD − 1) + output_padding + 1,
    and H′ and W′ likewise.

    Parameters: ``weight`` (C, O/groups, KD, KH, KW) and ``bias`` (O); both begin uniform over ±1/√(O/groups·KD·KH·KW).

    Raises:
        ArgumentError: channels that are no multiple of ``groups``, another padding mode; when called: an
            ``output_size`` that cannot be. ShapeError (when called): an input of other channels or dimensions, or
            ``output_padding`` as large as stride and dilation. DTypeError (when called): an input of another type than
            the weight.
    """

    dims = 3
    function = staticmethod(F.conv_transpose3d)
