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
    """Kernels that slide along a line; the formula of :class:`Conv2d` with one dimension.

    - input: (N, in_channels, L), or (in_channels, L) for one sample
    - output: (N, out_channels, L′), L′ = ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1)/stride⌋ + 1
    - weight: (out_channels, in_channels/groups, kernel_size), bias: (out_channels); both begin uniform over ±1/√fan_in,
      fan_in = in_channels/groups · kernel_size

    Args and errors: as for :class:`Conv2d`, each length one number.
    """

    dims = 1
    function = staticmethod(F.conv1d)


class Conv2d(_ConvNd):
    """Kernels that slide over images and find the same pattern wherever it is (LeCun et al., 1989).

    z[n, o, y, x] = b[o] + Σ over c, i, j of w[o, c, i, j] · input[n, c, y·stride + i·dilation, x·stride + j·dilation],
    which is cross-correlation, on the input with ``padding`` around it.

    - input: (N, in_channels, H, W), or (in_channels, H, W) for one image
    - output: (N, out_channels, H′, W′), H′ = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1)/stride⌋ + 1, W′ likewise
    - weight w: (out_channels, in_channels/groups, kernel_size, kernel_size), bias b: (out_channels); both begin uniform
      over ±1/√fan_in, fan_in = in_channels/groups · kernel_size²

    Args:
        in_channels, out_channels: of the input and of the result.
        kernel_size, stride, padding, dilation: one number for both dimensions, or (height, width). ``padding`` may
            also be ``"valid"`` (none) or ``"same"`` (the result is as large as the input; stride 1 only).
        groups: input and output channels are cut into that many groups which see only each other.
        bias: whether there is one.
        padding_mode: what is put around the input: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Raises:
        ArgumentError: channels that are no multiple of ``groups``, an unknown padding or padding mode, or ``"same"``
            with strides. ShapeError (when called): an input of other channels or dimensions, or smaller than a kernel.
            DTypeError (when called): an input of another type than the weight's.

    >>> import lepton
    >>> from lepton import nn
    >>> nn.Conv2d(3, 8, kernel_size=3, padding=1)(lepton.ones(2, 3, 28, 28)).shape
    lepton.Size([2, 8, 28, 28])
    >>> sums = nn.Conv2d(1, 1, kernel_size=2, bias=False)
    >>> _ = nn.init.ones_(sums.weight)
    >>> sums(lepton.arange(9.0).reshape(1, 1, 3, 3)).tolist()
    [[[[8.0, 12.0], [20.0, 24.0]]]]
    """

    dims = 2
    function = staticmethod(F.conv2d)


class Conv3d(_ConvNd):
    """Kernels that slide through a space; the formula of :class:`Conv2d` with three dimensions.

    Input: (N, in_channels, D, H, W), or without N; output: (N, out_channels, D′, H′, W′), each length as in
    :class:`Conv2d`. Arguments and errors are those of :class:`Conv2d`, lengths one number or (depth, height, width).
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
    """The transpose of :class:`Conv1d`: (N, in_channels, L) → (N, out_channels, L′), longer by the stride.

    L′ as in :class:`ConvTranspose2d`, whose arguments and errors these are. The weight has the shape
    (in_channels, out_channels/groups, kernel_size).
    """

    dims = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of :class:`Conv2d` as a linear map: each element of the input writes a kernel into the output.

    It is what a convolution's gradient does to its input, and enlarges by ``stride`` (Zeiler et al., 2010).

    - input: (N, in_channels, H, W), or (in_channels, H, W)
    - output: (N, out_channels, H′, W′), H′ = (H − 1)·stride − 2·padding + dilation·(kernel_size − 1) + 1 +
      output_padding, W′ likewise
    - weight: (in_channels, out_channels/groups, kernel_size, kernel_size), bias: (out_channels); both begin as in
      :class:`Conv2d`

    Args:
        output_padding: rows and columns added at one end, to choose among the sizes that the stride allows.
        other arguments: as for :class:`Conv2d`; the only padding mode is ``"zeros"``.

    Raises:
        ArgumentError: channels that are no multiple of ``groups``, another padding mode, or (when called) an
            ``output_size`` that cannot be. ShapeError (when called): an input of other channels or dimensions.

    >>> import lepton
    >>> from lepton import nn
    >>> nn.ConvTranspose2d(8, 3, kernel_size=2, stride=2)(lepton.ones(1, 8, 14, 14)).shape
    lepton.Size([1, 3, 28, 28])
    """

    dims = 2
    function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of :class:`Conv3d`: (N, in_channels, D, H, W) → (N, out_channels, D′, H′, W′).

    Lengths, arguments and errors are as for :class:`ConvTranspose2d`.
    """

    dims = 3
    function = staticmethod(F.conv_transpose3d)
