"""Layers that make images larger or smaller, cut them into blocks, and rearrange channels and pixels."""

from __future__ import annotations

from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.nn import functional as F
from lepton.nn.module import Module

__all__ = [
    "ChannelShuffle", "Fold", "PixelShuffle", "PixelUnshuffle", "Unfold", "Upsample", "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]  # fmt: skip


class Upsample(Module):
    """The input, resized along its spatial dimensions: result i lies at the place s·(i + ½) − ½ of the input.

    s is 1/``scale_factor``, or the ratio of the lengths where ``size`` is given.

    Args:
        size: the spatial lengths of the result, one int for all or a tuple. scale_factor: or how many times as long.
        mode: ``"nearest"`` (the element at ⌊s·i⌋), ``"nearest-exact"``, ``"area"`` (the mean of what a result covers);
            between the two neighbours ``"linear"`` (N, C, L), ``"bilinear"`` (N, C, H, W), ``"trilinear"``
            (N, C, D, H, W); between four ``"bicubic"`` (N, C, H, W; Keys, 1981).
        align_corners: for linear to bicubic: let the corners' centres lie on each other, s = (L − 1)/(n − 1).
        recompute_scale_factor: take the ratio of the lengths for s although ``scale_factor`` is given.

    Input: (N, C, L), (N, C, H, W) or (N, C, D, H, W), floating; uint8 too for nearest, bilinear and bicubic. Output:
    (N, C, …) with the spatial lengths ``size`` or ⌊L·scale_factor⌋.

    Raises:
        When called: ArgumentError: arguments that exclude each other, or neither size nor factor. ShapeError:
            dimensions that the mode does not have, or an empty result. DTypeError: a type that it does not have.

    >>> from lepton import nn, tensor
    >>> nn.Upsample(scale_factor=2)(tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    >>> nn.Upsample(size=3, mode="linear", align_corners=True)(tensor([[[1.0, 2.0]]]))
    tensor([[[1.0000, 1.5000, 2.0000]]])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size, self.mode, self.align_corners = size, mode, align_corners
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple([float(each) for each in scale_factor])
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The resized input."""
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        given = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{given}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Images made larger or smaller by repeating the nearest pixel: y[i, j] = x[⌊i·H/H′⌋, ⌊j·W/W′⌋].

    Args:
        size: (H′, W′) of the result, or one int for both. scale_factor: or how many times as large, one number or two.

    Input: (N, C, H, W). Output: (N, C, H′, W′), with a factor H′ = ⌊H·scale_factor⌋, and W′ likewise.

    Raises:
        ArgumentError (when called): both size and factor, or neither. ShapeError (when called): an empty result.
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Images made larger or smaller between their pixels, bilinearly, with corners that lie on each other.

    Result i of a dimension lies at the place i·(H − 1)/(H′ − 1) and weights its two neighbours by nearness.

    Args:
        size: (H′, W′) of the result, or one int for both. scale_factor: or how many times as large, one number or two.

    Input: (N, C, H, W). Output: (N, C, H′, W′), with a factor H′ = ⌊H·scale_factor⌋, and W′ likewise.

    Raises:
        ArgumentError (when called): both size and factor, or neither. ShapeError (when called): an input of other
            dimensions, or an empty result.
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class Unfold(Module):
    """Every block that a window meets as a column: y[(c, i, j), p] = x[c, place (i, j) of window p].

    A convolution is then a matrix product, ``weight.flatten(1) @ columns``.

    Args:
        kernel_size: (KH, KW), a block's height and width. dilation: from one of its places to the next.
        padding: zeros around the image. stride: from one block to the next. All four: one int or (height, width).

    Input: (N, C, H, W) or (C, H, W). Output: (N, C·KH·KW, P) or (C·KH·KW, P), where P is the product of
    ⌊(H + 2·padding − dilation·(KH − 1) − 1)/stride⌋ + 1 and the same for W.

    Raises:
        When called: ShapeError: no block fits, or an input of other dimensions. DTypeError: it has an integer type.
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """The blocks as columns."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Fold(Unfold):
    """Columns added up where the blocks of :class:`Unfold` lie in an image: its transpose, not its inverse.

    Where blocks overlap, the result has the sum of all.

    Args:
        output_size: (H, W) of the image, or one int for both.
        kernel_size: (KH, KW), a block's height and width. dilation: from one of its places to the next.
        padding: zeros around the image. stride: from one block to the next. All four: one int or (height, width).

    Input: (N, C·KH·KW, P) or (C·KH·KW, P) with as many columns P as there are blocks. Output: (N, C, H, W) or
    (C, H, W).

    Raises:
        When called: ShapeError: an input that does not have these blocks. DTypeError: it has an integer type.
    """

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """The image."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"


class PixelShuffle(Module):
    """y[c, h·r + i, w·r + j] = x[c·r² + i·r + j, h, w]: blocks of r² channels as squares of r × r pixels.

    A convolution before it makes sub-pixel convolution (Shi et al., 2016).

    Args:
        upscale_factor: r.

    Input: (*, C·r², H, W). Output: (*, C, H·r, W·r).

    Raises:
        When called: ShapeError: fewer than three dimensions, or channels that are no multiple of r². ArgumentTypeError:
            r is no int.

    >>> from lepton import nn, tensor
    >>> nn.PixelShuffle(2)(tensor([[[1.0]], [[2.0]], [[3.0]], [[4.0]]]))
    tensor([[[1., 2.],
             [3., 4.]]])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The larger image of fewer channels."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """y[c·r² + i·r + j, h, w] = x[c, h·r + i, w·r + j]: squares of r × r pixels as blocks of r² channels.

    The inverse of :class:`PixelShuffle`.

    Args:
        downscale_factor: r.

    Input: (*, C, H·r, W·r). Output: (*, C·r², H, W).

    Raises:
        When called: ShapeError: fewer than three dimensions, or lengths that are no multiple of r. ArgumentTypeError: r
            is no int.
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The smaller image of more channels."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """y[j·g + i] = x[i·k + j] for C = g·k channels: dealt out anew, so that each group gets some of every other.

    After a convolution in groups the next one sees channels of all of them (Zhang et al., 2018).

    Args:
        groups: g, a divisor of C.

    Input: (N, C, L, …), of three or more dimensions. Output: of the same shape.

    Raises:
        When called: ShapeError: fewer dimensions, or channels that are no multiple of g. ArgumentTypeError: g is no
            int.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """The same channels in another order."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
