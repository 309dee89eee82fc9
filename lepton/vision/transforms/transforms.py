"""Transforms of images as objects, to be put together with :class:`Compose`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentTypeError
from lepton.vision.transforms import functional
from lepton.vision.transforms.functional import InterpolationMode


class Compose:
    """Several transforms one after another.

    >>> from lepton.vision.transforms import Compose, Normalize, ToTensor
    >>> Compose([ToTensor(), Normalize(mean=[0.5], std=[0.5])])
    Compose(
        ToTensor()
        Normalize(mean=[0.5], std=[0.5])
    )
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *(f"    {each}" for each in self.transforms), ")"])


class ToTensor:
    """A PIL image or an array (height, width, channels) as a floating tensor (channels, height, width) in [0, 1].

    See :func:`~lepton.vision.transforms.functional.to_tensor` for types other than 8-bit pixels, and for errors.

    >>> import numpy as np
    >>> from lepton.vision.transforms import ToTensor
    >>> ToTensor()(np.array([[0, 51], [102, 255]], np.uint8))
    tensor([[[0.0000, 0.2000],
             [0.4000, 1.0000]]])
    """

    def __call__(self, pic: Any) -> Tensor:
        return functional.to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class PILToTensor:
    """A PIL image as a tensor (channels, height, width) of the numbers that it has, uint8 for most.

    Raises:
        ArgumentTypeError: called with something else than a PIL image.
    """

    def __call__(self, pic: Any) -> Tensor:
        return functional.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Normalize:
    """(x − mean) / std for each channel of a floating tensor (…, channels, height, width).

    Args:
        mean, std: a number for each channel. inplace: write into the tensor.

    Errors are those of :func:`~lepton.vision.transforms.functional.normalize`.

    >>> from lepton import tensor
    >>> from lepton.vision.transforms import Normalize
    >>> Normalize(mean=[0.5], std=[0.25])(tensor([[[0.25, 0.5, 1.0]]]))
    tensor([[[-1.,  0.,  2.]]])
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def __call__(self, tensor: Tensor) -> Tensor:
        return functional.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mean={self.mean}, std={self.std})"


class Resize:
    """A PIL image of another size.

    Args:
        size: (height, width), or the length of the shorter side, the other in proportion.
        interpolation: the filter. max_size: with a single ``size``, what the longer side may have at most.
        antialias: accepted for torchvision's sake; Pillow always smooths where it makes smaller.

    Raises:
        ArgumentTypeError, ArgumentError: a size or filter that cannot be; called with something else than a PIL image.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        functional.checked_size(size)
        self.size = size
        self.interpolation = functional.checked_interpolation(interpolation)
        self.max_size = max_size
        self.antialias = antialias

    def __call__(self, img: Any) -> Any:
        return functional.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class CenterCrop:
    """The middle of a PIL image or of a tensor (…, height, width); where it is smaller, zeros are put around it.

    Args:
        size: (height, width), or both in one.

    Raises:
        ArgumentTypeError, ArgumentError: a size that cannot be; called with something else.
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        sizes = functional.checked_size(size)
        self.size = sizes * 2 if len(sizes) == 1 else sizes

    def __call__(self, img: Any) -> Any:
        return functional.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class Grayscale:
    """A PIL image or a tensor (…, 3 or 1, height, width) in shades of grey, in one channel or three equal ones.

    Errors are those of :func:`~lepton.vision.transforms.functional.rgb_to_grayscale`.
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def __call__(self, img: Any) -> Any:
        return functional.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class Lambda:
    """Any function as a transform.

    Raises:
        ArgumentTypeError: ``lambd`` cannot be called.
    """

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise ArgumentTypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
