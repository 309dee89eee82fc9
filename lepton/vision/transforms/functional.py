"""Transforms of images as functions, with torchvision's names."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from lepton.autograd.ops.creation import tensor as make_tensor
from lepton.autograd.ops.joining import cat
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.errors import ArgumentError, ArgumentTypeError, ShapeError, require

if TYPE_CHECKING:
    from PIL.Image import Image

# Y = 0.299·R + 0.587·G + 0.114·B (ITU-R BT.601), rounded as torchvision has it.
_LUMA = (0.2989, 0.587, 0.114)


class InterpolationMode(enum.Enum):
    """How an image is resized; Pillow's filters by their names."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


def is_pil_image(value: Any) -> bool:
    """Whether ``value`` is an image of Pillow's, without importing Pillow where nobody has."""
    import sys

    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(value, pillow.Image)


# ---------------------------------------------------------------------- to tensors


def to_tensor(pic: Image | np.ndarray[Any, Any]) -> Tensor:
    """An image as a tensor of shape (channels, height, width).

    8-bit pixels and those of mode "1" become x / 255 in the default floating type, in [0, 1]; of other kinds the
    numbers stay as they are: modes "I" and "I;16" give int32, "F" float32, an array its own type.

    Args:
        pic: a PIL image, or an array of shape (height, width) or (height, width, channels).

    Raises:
        ArgumentTypeError: it is neither. ArgumentError: an array with another number of dimensions.
    """
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ArgumentError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        dtypes.of(pic.dtype)
        pixels = pic
    elif is_pil_image(pic):
        pixels = _pixels(pic)
        if pic.mode == "1":
            pixels = pixels * np.uint8(255)
    else:
        raise ArgumentTypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if pixels.dtype != np.uint8:
        return Tensor(_channels_first(pixels))
    scaled = _channels_first(pixels).astype(dtypes.get_default_dtype().numpy)
    scaled /= 255
    return Tensor(scaled)


def pil_to_tensor(pic: Image) -> Tensor:
    """An image as a tensor of shape (channels, height, width), its numbers as they are (uint8 for most modes).

    Raises:
        ArgumentTypeError: it is no PIL image.
    """
    return Tensor(_channels_first(_pixels(_checked_pil("pil_to_tensor", pic))))


def _pixels(image: Image) -> np.ndarray[Any, Any]:
    pixels = np.array(image)
    # Tensors have no uint16, and int16 would turn the upper half of 16-bit pixels into negative numbers.
    return pixels.astype(np.int32) if pixels.dtype.kind == "u" and pixels.itemsize == 2 else pixels


def _channels_first(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """From (height, width[, channels]) to (channels, height, width), always a copy."""
    return np.array((pixels[:, :, None] if pixels.ndim == 2 else pixels).transpose(2, 0, 1), order="C")


# ---------------------------------------------------------------------- on tensors


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """(x − mean) / std for each channel.

    Args:
        tensor: floating, of shape (…, channels, height, width). mean, std: a number for each channel, or one for all.
        inplace: write into ``tensor``.

    Raises:
        ArgumentTypeError: not a floating tensor. ArgumentError: fewer than three dimensions, or a ``std`` of 0 in the
            tensor's type. ShapeError: as many numbers as it has channels are needed.
    """
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"img should be Tensor Image. Got {type(tensor)}; put ToTensor before Normalize")
    if not tensor.is_floating_point():
        raise ArgumentTypeError(
            f"Input tensor should be a float tensor. Got {tensor.dtype}; divide by 255, as ToTensor does"
        )
    if tensor.ndim < 3:
        raise ArgumentError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tuple(tensor.shape)}"
        )
    channels = tensor.shape[-3]
    means, deviations = (_per_channel(name, each, channels, tensor) for name, each in (("mean", mean), ("std", std)))
    if (deviations == 0).any():
        raise ArgumentError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    if inplace:
        return tensor.sub_(means).div_(deviations)
    return (tensor - means) / deviations


def _per_channel(name: str, values: Sequence[float], channels: int, like: Tensor) -> Tensor:
    made = make_tensor(values, dtype=like.dtype, device=like.device)
    if made.numel() not in (1, channels):
        raise ShapeError(
            f"normalize: {name} has {made.numel()} numbers for an image of {channels} channels (shape "
            f"{tuple(like.shape)}); give one for each channel"
        )
    return made.reshape(-1, 1, 1)


# ---------------------------------------------------------------------- on PIL images and tensors


def resize(
    img: Image,
    size: int | Sequence[int],
    interpolation: InterpolationMode | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Image:
    """A PIL image of another size, by Pillow, which always smooths where it makes smaller.

    Args:
        img: a PIL image. size: (height, width), or the length of the shorter side, the other in proportion.
        interpolation: the filter, or Pillow's number of it.
        max_size: with a single ``size``, what the longer side may have at most.
        antialias: accepted for torchvision's sake.

    Raises:
        ArgumentTypeError: no PIL image. ArgumentError: a size that cannot be.
    """
    _checked_pil("resize", img, "resize images before ToTensor")
    wanted = checked_size(size)
    if len(wanted) == 1:
        height, width = _in_proportion((img.height, img.width), wanted[0], max_size)
    elif max_size is not None:
        raise ArgumentError("max_size should only be passed if size specifies the length of the smaller edge")
    else:
        height, width = wanted
    if (img.height, img.width) == (height, width):
        return img
    return img.resize((width, height), _pillow_filter(interpolation))


def checked_size(size: Any) -> tuple[int, ...]:
    """``size`` as a tuple of one or two positive ints.

    Raises:
        ArgumentTypeError: neither a number nor a sequence. ArgumentError: not one or two positive numbers.
    """
    if not isinstance(size, (int, Sequence)) or isinstance(size, (str, bytes)):
        raise ArgumentTypeError(f"Size should be int or sequence. Got {type(size)}")
    sizes = (size,) if isinstance(size, int) else tuple(size)
    if len(sizes) not in (1, 2):
        raise ArgumentError(f"If size is a sequence, it should have 1 or 2 values, but got {size!r}")
    if not all(isinstance(each, int) and each > 0 for each in sizes):
        raise ArgumentError(f"an image's sides must be positive integers, but got size={size!r}")
    return sizes


def _in_proportion(sides: tuple[int, int], shorter: int, longest: int | None) -> tuple[int, int]:
    if longest is not None and longest <= shorter:
        raise ArgumentError(
            f"max_size = {longest} must be strictly greater than the requested size for the smaller edge "
            f"size = {shorter}"
        )
    short, long = min(sides), max(sides)
    new_short, new_long = shorter, int(shorter * long / short)
    if longest is not None and new_long > longest:
        new_short, new_long = max(int(longest * new_short / new_long), 1), longest
    return (new_short, new_long) if sides[0] <= sides[1] else (new_long, new_short)


def checked_interpolation(value: Any) -> InterpolationMode:
    """``value``, or the mode that Pillow's number stands for.

    Raises:
        ArgumentTypeError: it is neither a mode nor one of those numbers.
    """
    if isinstance(value, InterpolationMode):
        return value
    by_number = ("NEAREST", "LANCZOS", "BILINEAR", "BICUBIC", "BOX", "HAMMING")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(by_number):
        return InterpolationMode[by_number[value]]
    raise ArgumentTypeError(
        f"interpolation should be an InterpolationMode or a number of Pillow's from 0 to 5, but got {value!r}"
    )


def _pillow_filter(interpolation: InterpolationMode | int) -> Any:
    pillow = require("PIL.Image", "vision", "resize")
    return getattr(pillow.Resampling, checked_interpolation(interpolation).name)


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of an image; where the image is smaller, zeros are put around it.

    Args:
        img: a PIL image, or a tensor of shape (…, height, width). output_size: (height, width), or both in one.

    Raises:
        ArgumentTypeError: neither of them. ArgumentError: a size that cannot be.
    """
    wanted = checked_size(output_size)
    height, width = wanted * 2 if len(wanted) == 1 else wanted
    if isinstance(img, Tensor):
        if img.ndim < 2:
            raise ArgumentError(f"center_crop: an image has 2 dimensions or more, but got shape {tuple(img.shape)}")
        return _cropped(_cropped(img, -2, height), -1, width)
    _checked_pil("center_crop", img)
    top, left = _crop_start(img.height, height), _crop_start(img.width, width)
    return img.crop((left, top, left + width, top + height))


def _crop_start(length: int, wanted: int) -> int:
    """Where the middle ``wanted`` of ``length`` begins; negative where there are fewer."""
    return -((wanted - length) // 2) if wanted > length else round((length - wanted) / 2)


def _cropped(img: Tensor, dim: int, wanted: int) -> Tensor:
    length = img.shape[dim]
    start = _crop_start(length, wanted)
    if wanted <= length:
        return img.narrow(dim, start, wanted)
    before, after = list(img.shape), list(img.shape)
    before[dim], after[dim] = -start, wanted - length + start
    return cat([img.new_zeros(before), img, img.new_zeros(after)], dim)


def to_grayscale(img: Image, num_output_channels: int = 1) -> Image:
    """A PIL image in shades of grey: mode "L", or "RGB" with three equal channels.

    Y = 0.299·R + 0.587·G + 0.114·B (ITU-R BT.601), in whole numbers, by Pillow.

    Raises:
        ArgumentTypeError: no PIL image. ArgumentError: neither 1 nor 3 channels.
    """
    _check_channels(num_output_channels)
    grey = _checked_pil("to_grayscale", img).convert("L")
    return grey if num_output_channels == 1 else grey.convert("RGB")


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A PIL image (see :func:`to_grayscale`) or tensor of shape (…, 3 or 1, height, width) in shades of grey.

    Y = 0.2989·R + 0.587·G + 0.114·B in the tensor's type; of an image with one channel, that one.

    Raises:
        ArgumentTypeError: neither of them. ArgumentError: other numbers of channels.
    """
    if not isinstance(img, Tensor):
        return to_grayscale(img, num_output_channels)
    _check_channels(num_output_channels)
    if img.ndim < 3 or img.shape[-3] not in (1, 3):
        raise ArgumentError(
            f"rgb_to_grayscale: an image tensor has shape (…, 3 or 1, height, width), but got {tuple(img.shape)}"
        )
    grey = img
    if img.shape[-3] == 3:
        red, green, blue = (img.narrow(-3, channel, 1) for channel in range(3))
        grey = (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).to(img.dtype)
    return grey if num_output_channels == 1 else cat([grey, grey, grey], -3)


def _check_channels(number: Any) -> None:
    if not isinstance(number, Real) or number not in (1, 3):
        raise ArgumentError(f"num_output_channels should be either 1 or 3, but got {number!r}")


def _checked_pil(function: str, img: Any, remedy: str = "open the file with PIL.Image.open") -> Any:
    if not is_pil_image(img):
        raise ArgumentTypeError(f"{function}: img should be PIL Image. Got {type(img)}; {remedy}")
    return img
