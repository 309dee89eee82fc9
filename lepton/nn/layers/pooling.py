"""Pooling layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from lepton.autograd.tensor import Tensor
from lepton.nn import functional as F
from lepton.nn.layers._parameters import repeated
from lepton.nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]

Lengths = int | tuple[int, ...]


class _MaxPoolNd(Module):
    """What the three maximum poolings share."""

    function: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        dilation: Lengths = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        """The largest element of each window (and where it was)."""
        return self.function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The largest element of each window of (N, C, L), or (C, L); L′ as in :class:`MaxPool2d`.

    Args:
        kernel_size: the window's length. stride: from one window to the next, by default the kernel size.
        padding: elements of −∞ put at both ends. dilation: from one element of a window to the next.
        return_indices: give (maxima, where they were). ceil_mode: keep a window that ends beyond the input.

    Input: (N, C, L) or (C, L). Output: (N, C, ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1)/stride⌋ + 1).

    Raises:
        ShapeError (when called): an input of other dimensions, settings that do not fit it, or no window that does.
    """

    function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """z[y, x] = max over i, j of input[y·stride + i·dilation, x·stride + j·dilation]: the largest of each window.

    - input: (N, C, H, W), or (C, H, W)
    - output: (N, C, H′, W′), H′ = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1)/stride⌋ + 1, ⌈…⌉ with ``ceil_mode``

    The gradient goes to the element that was the largest, the first of several.

    Args:
        kernel_size, stride, padding, dilation: one number for both dimensions, or (height, width). ``stride``, from one
            window to the next, is by default the kernel size; ``padding`` puts −∞ around.
        return_indices: give (maxima, where they were), which :class:`MaxUnpool2d` takes.
        ceil_mode: keep a window that ends beyond the input.

    Raises:
        ShapeError (when called): an input of other dimensions or too small, or padding above half the kernel size.

    >>> import lepton
    >>> from lepton import nn
    >>> nn.MaxPool2d(2)(lepton.arange(16.0).reshape(1, 4, 4)).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """

    function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """The largest element of each window of (N, C, D, H, W); arguments as :class:`MaxPool1d`."""

    function = staticmethod(F.max_pool3d)


class AvgPool1d(Module):
    """The mean of each window: y[n,c,p] = (1/kernel_size) Σ over k of x[n,c,p·stride + k − padding].

    Args:
        kernel_size: the window's length. stride: from one window to the next, by default the kernel size.
        padding: zeros put at both ends. ceil_mode: keep a window that ends beyond the input.
        count_include_pad: padding counts among the elements that the sum is divided by.

    Input: (N, C, L) or (C, L). Output: (N, C, ⌊(L + 2·padding − kernel_size)/stride⌋ + 1).

    Raises:
        ShapeError (when called): an input of other dimensions, settings that do not fit it, or no window that does.
    """

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = repeated(kernel_size, 1)
        self.stride = repeated(kernel_size if stride is None else stride, 1)
        self.padding = repeated(padding, 1)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """The mean of each window."""
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPoolNd(Module):
    """What mean pooling over two and over three dimensions share."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """The mean of each window."""
        return self.function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPoolNd):
    """The mean of each window, z[y, x] = (1/k²) Σ over i, j of input[y·stride + i, x·stride + j], k = ``kernel_size``.

    Input: (N, C, H, W), or (C, H, W); output: (N, C, H′, W′), H′ = ⌊(H + 2·padding − k)/stride⌋ + 1 (⌈…⌉ with
    ``ceil_mode``).

    Args:
        kernel_size, stride, padding: one number for both dimensions, or (height, width). ``stride`` is by default the
            kernel size; ``padding`` puts zeros around.
        ceil_mode: keep a window that ends beyond the input.
        count_include_pad: padding counts among the elements that the sum is divided by.
        divisor_override: divide the sums by this number instead.

    Raises:
        ShapeError (when called): an input of other dimensions or too small, or padding above half the kernel size.
            ValueRangeError (when called): ``divisor_override`` is 0.

    >>> import lepton
    >>> from lepton import nn
    >>> nn.AvgPool2d(2)(lepton.arange(16.0).reshape(1, 4, 4)).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """

    function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolNd):
    """The mean of each window of (N, C, D, H, W); arguments as :class:`AvgPool2d`."""

    function = staticmethod(F.avg_pool3d)


class _LPPoolNd(Module):
    """What the three p-norm poolings share."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, norm_type: float, kernel_size: Lengths, stride: Lengths | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """The p-norm of each window."""
        return self.function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """(Σ xᵖ)^(1/p) over each window of (N, C, L), p = ``norm_type``; other arguments as :class:`AvgPool1d`."""

    function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """(Σ xᵖ)^(1/p) over each window of (N, C, H, W); arguments as :class:`LPPool1d`."""

    function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """(Σ xᵖ)^(1/p) over each window of (N, C, D, H, W); arguments as :class:`LPPool1d`."""

    function = staticmethod(F.lp_pool3d)


class _AdaptiveAvgPoolNd(Module):
    """What the three adaptive mean poolings share."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """The mean of each of the windows into which the input is divided."""
        return self.function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """(N, C, L) → (N, C, n), n = ``output_size``: the mean of each of n bins, bin i from ⌊i·L/n⌋ to ⌈(i + 1)·L/n⌉.

    Raises:
        ShapeError (when called): an input of other dimensions or without elements.
    """

    function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """The mean of each of h·w windows of (nearly) equal size, however large the input: (N, C, H, W) → (N, C, h, w).

    Window i covers the rows from ⌊i·H/h⌋ to ⌈(i + 1)·H/h⌉ − 1, and the columns likewise. (C, H, W) is one image.

    Args:
        output_size: h and w in one number, or (h, w), of which None keeps the input's length.

    Raises:
        ShapeError (when called): a negative size, or an input of other dimensions.

    >>> import lepton
    >>> from lepton import nn
    >>> nn.AdaptiveAvgPool2d(1)(lepton.arange(16.0).reshape(1, 4, 4)).tolist()
    [[[7.5]]]
    """

    function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """(N, C, D, H, W) → (N, C, *output_size): one number, or three, of which None keeps the input's length."""

    function = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPoolNd(Module):
    """What the three adaptive maximum poolings share."""

    function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Tensor) -> Any:
        """The largest element of each of the windows into which the input is divided (and where it was)."""
        return self.function(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """(N, C, L) → (N, C, output_size): the largest element of each of the bins of :class:`AdaptiveAvgPool1d`.

    Args:
        output_size: their number. return_indices: give (maxima, where they were).

    Raises:
        ShapeError (when called): an input of other dimensions or without elements.
    """

    function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """(N, C, H, W) → (N, C, *output_size); arguments as :class:`AdaptiveMaxPool1d`, sizes one number or two."""

    function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """(N, C, D, H, W) → (N, C, *output_size); arguments as :class:`AdaptiveMaxPool1d`, sizes one number or three."""

    function = staticmethod(F.adaptive_max_pool3d)


class _MaxUnpoolNd(Module):
    """What the three ways back from maximum pooling share."""

    dims: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, kernel_size: Lengths, stride: Lengths | None = None, padding: Lengths = 0) -> None:
        super().__init__()
        self.kernel_size = repeated(kernel_size, self.dims)
        self.stride = repeated(kernel_size if stride is None else stride, self.dims)
        self.padding = repeated(padding, self.dims)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """The elements of the input where ``indices`` say that they came from, zeros elsewhere.

        Args:
            output_size: the lengths of what was pooled (or its whole shape), where the stride leaves several possible.
        """
        return self.function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """The way back from :class:`MaxPool1d` with ``return_indices=True``: maxima at their places, zeros elsewhere.

    Args:
        kernel_size, stride, padding: as for the pooling.

    Raises:
        ShapeError (when called): shapes that do not fit. ArgumentError: an ``output_size`` that cannot be.
    """

    dims = 1
    function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """The way back from :class:`MaxPool2d`; arguments, each one or two numbers, as :class:`MaxUnpool1d`."""

    dims = 2
    function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """The way back from :class:`MaxPool3d`; arguments, each one or three numbers, as :class:`MaxUnpool1d`."""

    dims = 3
    function = staticmethod(F.max_unpool3d)
