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
    """The largest element of each window: y[p] = max over k of x[p·stride + k·dilation − padding].

    The gradient goes to the largest, the first of several.

    Args:
        kernel_size: K, the window's length. stride: from one window to the next, by default the kernel size.
        padding: elements of −∞ put at both ends, at most half of the window.
        dilation: from one element of a window to the next.
        return_indices: give also the int64 place in L of each maximum, as :class:`MaxUnpool1d` wants it.
        ceil_mode: also make a last window that reaches over the end but begins before it.

    Input: (N, C, L) or (C, L). Output: (N, C, L′) or (C, L′), or a pair of such, with
    L′ = ⌊(L + 2·padding − dilation·(K − 1) − 1)/stride⌋ + 1 (or one more with ``ceil_mode``).

    Raises:
        When called: ShapeError: an input of other dimensions, settings that do not fit it, or no window that does.
            DTypeError: it is bool.
    """

    function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """The largest element of each window of an image: y[p] = max over k of x[p·stride + k·dilation − padding].

    Places p and offsets k are pairs (height, width). The gradient goes to the largest, the first of several.

    Args:
        kernel_size: (KH, KW), the window's height and width.
        stride: from one window to the next, by default the kernel size.
        padding: elements of −∞ put on all sides, at most half of the window.
        dilation: from one element of a window to the next. All four: one int or (height, width).
        return_indices: give also the int64 place of each maximum in the flattened H × W, as :class:`MaxUnpool2d` wants
            it.
        ceil_mode: also make a last window that reaches over the edge but begins before it.

    Input: (N, C, H, W) or (C, H, W). Output: (N, C, H′, W′) or (C, H′, W′), or a pair of such, with
    H′ = ⌊(H + 2·padding − dilation·(KH − 1) − 1)/stride⌋ + 1 (or one more with ``ceil_mode``), and W′ likewise.

    Raises:
        When called: ShapeError: an input of other dimensions, settings that do not fit it, or no window that does.
            DTypeError: it is bool.

    >>> from lepton import arange, nn
    >>> nn.MaxPool2d(2)(arange(16.0).reshape(1, 4, 4))
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """

    function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """The largest element of each window of a volume: y[p] = max over k of x[p·stride + k·dilation − padding].

    Places p and offsets k are triples (depth, height, width).

    Args:
        kernel_size: (KD, KH, KW), the window's lengths. stride: from one window to the next, by default the kernel
            size.
        padding: elements of −∞ put on all sides, at most half of the window.
        dilation: from one element of a window to the next. All four: one int or (depth, height, width).
        return_indices: give also the int64 place of each maximum in the flattened D × H × W, as :class:`MaxUnpool3d`
            wants it.
        ceil_mode: also make a last window that reaches over the edge but begins before it.

    Input: (N, C, D, H, W) or (C, D, H, W). Output: (N, C, D′, H′, W′) or (C, D′, H′, W′), or a pair of such, with
    D′ = ⌊(D + 2·padding − dilation·(KD − 1) − 1)/stride⌋ + 1 (or one more with ``ceil_mode``), and H′ and W′ likewise.

    Raises:
        When called: ShapeError: an input of other dimensions, settings that do not fit it, or no window that does.
            DTypeError: it is bool.
    """

    function = staticmethod(F.max_pool3d)


class AvgPool1d(Module):
    """The mean of each window: y[p] = (1/K) Σ over k of x[p·stride + k − padding].

    Args:
        kernel_size: K, the window's length. stride: from one window to the next, by default the kernel size.
        padding: zeros put at both ends, at most half of the window.
        ceil_mode: also make a last window that reaches over the end but begins before it.
        count_include_pad: padding counts among the elements that the sum is divided by.

    Input: (N, C, L) or (C, L), floating. Output: (N, C, L′) or (C, L′) with L′ = ⌊(L + 2·padding − K)/stride⌋ + 1 (or
    one more with ``ceil_mode``).

    Raises:
        When called: ShapeError: an input of other dimensions, settings that do not fit it, or no window that does.
            DTypeError: it is not floating.
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
    """The mean of each window of an image: y[p] = (1/(KH·KW)) Σ over k of x[p·stride + k − padding].

    Places p and offsets k are pairs (height, width).

    Args:
        kernel_size: (KH, KW), the window's height and width.
        stride: from one window to the next, by default the kernel size.
        padding: zeros put on all sides, at most half of the window. All three: one int or (height, width).
        ceil_mode: also make a last window that reaches over the edge but begins before it.
        count_include_pad: padding counts among the elements that the sum is divided by.
        divisor_override: divide the sums by this number instead.

    Input: (N, C, H, W) or (C, H, W), floating. Output: (N, C, H′, W′) or (C, H′, W′) with
    H′ = ⌊(H + 2·padding − KH)/stride⌋ + 1 (or one more with ``ceil_mode``), and W′ likewise.

    Raises:
        When called: ShapeError: an input of other dimensions, settings that do not fit it, or no window that does.
            DTypeError: it is not floating. ValueRangeError: ``divisor_override`` is 0.

    >>> from lepton import arange, nn
    >>> nn.AvgPool2d(2)(arange(16.0).reshape(1, 4, 4))
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """

    function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolNd):
    """The mean of each window of a volume: y[p] = (1/(KD·KH·KW)) Σ over k of x[p·stride + k − padding].

    Places p and offsets k are triples (depth, height, width).

    Args:
        kernel_size: (KD, KH, KW), the window's lengths. stride: from one window to the next, by default the kernel
            size.
        padding: zeros put on all sides, at most half of the window. All three: one int or (depth, height, width).
        ceil_mode: also make a last window that reaches over the edge but begins before it.
        count_include_pad: padding counts among the elements that the sum is divided by.
        divisor_override: divide the sums by this number instead.

    Input: (N, C, D, H, W) or (C, D, H, W), floating. Output: (N, C, D′, H′, W′) or (C, D′, H′, W′) with
    D′ = ⌊(D + 2·padding − KD)/stride⌋ + 1 (or one more with ``ceil_mode``), and H′ and W′ likewise.

    Raises:
        When called: ShapeError: an input of other dimensions, settings that do not fit it, or no window that does.
            DTypeError: it is not floating. ValueRangeError: ``divisor_override`` is 0.
    """

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
    """(Σ xᵖ)^(1/p) over each window: a norm, between the sum (p = 1) and the maximum (p → ∞).

    Args:
        norm_type: p, not 0. kernel_size: K, the window's length.
        stride: from one window to the next, by default the kernel size.
        ceil_mode: also make a last window that reaches over the end but begins before it.

    Input: (N, C, L) or (C, L), floating. Output: (N, C, L′) or (C, L′) with L′ = ⌊(L − K)/stride⌋ + 1 (or one more
    with ``ceil_mode``).

    Raises:
        ShapeError (when called): an input of other dimensions, settings that do not fit it, or no window that does.
    """

    function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """(Σ xᵖ)^(1/p) over each window of an image: a norm, between the sum (p = 1) and the maximum (p → ∞).

    Args:
        norm_type: p, not 0. kernel_size: (KH, KW), the window's height and width.
        stride: from one window to the next, by default the kernel size. Both: one int or (height, width).
        ceil_mode: also make a last window that reaches over the edge but begins before it.

    Input: (N, C, H, W) or (C, H, W), floating. Output: (N, C, H′, W′) or (C, H′, W′) with H′ = ⌊(H − KH)/stride⌋ + 1
    (or one more with ``ceil_mode``), and W′ likewise.

    Raises:
        ShapeError (when called): an input of other dimensions, settings that do not fit it, or no window that does.
    """

    function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """(Σ xᵖ)^(1/p) over each window of a volume: a norm, between the sum (p = 1) and the maximum (p → ∞).

    Args:
        norm_type: p, not 0. kernel_size: (KD, KH, KW), the window's lengths.
        stride: from one window to the next, by default the kernel size. Both: one int or (depth, height, width).
        ceil_mode: also make a last window that reaches over the edge but begins before it.

    Input: (N, C, D, H, W) or (C, D, H, W), floating. Output: (N, C, D′, H′, W′) or (C, D′, H′, W′) with
    D′ = ⌊(D − KD)/stride⌋ + 1 (or one more with ``ceil_mode``), and H′ and W′ likewise.

    Raises:
        ShapeError (when called): an input of other dimensions, settings that do not fit it, or no window that does.
    """

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
    """The mean of each of n windows, whatever the input's length: window i is [⌊i·L/n⌋, ⌈(i + 1)·L/n⌉).

    Args:
        output_size: n.

    Input: (N, C, L) or (C, L), floating. Output: (N, C, n) or (C, n).

    Raises:
        When called: ShapeError: an input of other dimensions or without elements, or a negative size. DTypeError: it is
            not floating.
    """

    function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """The mean of each of n × m windows of an image of any size.

    In a dimension of length L, of n windows, the i-th is [⌊i·L/n⌋, ⌈(i + 1)·L/n⌉).

    Args:
        output_size: (n, m), or one int for both; None in a pair keeps the input's length.

    Input: (N, C, H, W) or (C, H, W), floating. Output: (N, C, n, m) or (C, n, m).

    Raises:
        When called: ShapeError: an input of other dimensions or without elements, or a size that cannot be. DTypeError:
            it is not floating.

    >>> from lepton import arange, nn
    >>> nn.AdaptiveAvgPool2d(1)(arange(16.0).reshape(1, 4, 4)).tolist()
    [[[7.5]]]
    """

    function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """The mean of each of k × n × m windows of a volume of any size.

    In a dimension of length L, of n windows, the i-th is [⌊i·L/n⌋, ⌈(i + 1)·L/n⌉).

    Args:
        output_size: (k, n, m), or one int for all; None in a triple keeps the input's length.

    Input: (N, C, D, H, W) or (C, D, H, W), floating. Output: (N, C, k, n, m) or (C, k, n, m).

    Raises:
        When called: ShapeError: an input of other dimensions or without elements, or a size that cannot be. DTypeError:
            it is not floating.
    """

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
    """The largest element of each of n windows, whatever the input's length: window i is [⌊i·L/n⌋, ⌈(i + 1)·L/n⌉).

    Args:
        output_size: n. return_indices: give also the int64 place in L of each maximum.

    Input: (N, C, L) or (C, L). Output: (N, C, n) or (C, n), or a pair of such.

    Raises:
        ShapeError (when called): an input of other dimensions or without elements, or a negative size.
    """

    function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The largest element of each of n × m windows of an image of any size.

    In a dimension of length L, of n windows, the i-th is [⌊i·L/n⌋, ⌈(i + 1)·L/n⌉).

    Args:
        output_size: (n, m), or one int for both; None in a pair keeps the input's length.
        return_indices: give also the int64 place of each maximum in the flattened H × W.

    Input: (N, C, H, W) or (C, H, W). Output: (N, C, n, m) or (C, n, m), or a pair of such.

    Raises:
        ShapeError (when called): an input of other dimensions or without elements, or a size that cannot be.
    """

    function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The largest element of each of k × n × m windows of a volume of any size.

    In a dimension of length L, of n windows, the i-th is [⌊i·L/n⌋, ⌈(i + 1)·L/n⌉).

    Args:
        output_size: (k, n, m), or one int for all; None in a triple keeps the input's length.
        return_indices: give also the int64 place of each maximum in the flattened D × H × W.

    Input: (N, C, D, H, W) or (C, D, H, W). Output: (N, C, k, n, m) or (C, k, n, m), or a pair of such.

    Raises:
        ShapeError (when called): an input of other dimensions or without elements, or a size that cannot be.
    """

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
        kernel_size: K, of the pooling. stride: of the pooling, by default the kernel size. padding: of the pooling.

    Input: what the pooling gave, (N, C, L) or (C, L) each; and ``output_size``, the length (or whole shape) of what was
    pooled, where the stride leaves several possible. Output: (N, C, L′) with L′ = (L − 1)·stride + K − 2·padding.

    Raises:
        When called: ShapeError: shapes that do not fit. ArgumentError: an ``output_size`` that cannot be.
            ValueRangeError: an index outside of the result.
    """

    dims = 1
    function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """The way back from :class:`MaxPool2d` with ``return_indices=True``: maxima at their places, zeros elsewhere.

    Args:
        kernel_size: (KH, KW), of the pooling. stride: of the pooling, by default the kernel size.
        padding: of the pooling. All three: one int or (height, width).

    Input: what the pooling gave, (N, C, H, W) or (C, H, W) each; and ``output_size``, the lengths (or whole shape) of
    what was pooled, where the stride leaves several possible. Output: (N, C, H′, W′) with
    H′ = (H − 1)·stride + KH − 2·padding, and W′ likewise.

    Raises:
        When called: ShapeError: shapes that do not fit. ArgumentError: an ``output_size`` that cannot be.
            ValueRangeError: an index outside of the result.
    """

    dims = 2
    function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """The way back from :class:`MaxPool3d` with ``return_indices=True``: maxima at their places, zeros elsewhere.

    Args:
        kernel_size: (KD, KH, KW), of the pooling. stride: of the pooling, by default the kernel size.
        padding: of the pooling. All three: one int or (depth, height, width).

    Input: what the pooling gave, (N, C, D, H, W) or (C, D, H, W) each; and ``output_size``, the lengths (or whole
    shape) of what was pooled, where the stride leaves several possible. Output: (N, C, D′, H′, W′) with
    D′ = (D − 1)·stride + KD − 2·padding, and H′ and W′ likewise.

    Raises:
        When called: ShapeError: shapes that do not fit. ArgumentError: an ``output_size`` that cannot be.
            ValueRangeError: an index outside of the result.
    """

    dims = 3
    function = staticmethod(F.max_unpool3d)
