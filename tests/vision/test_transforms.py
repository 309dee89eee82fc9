"""Transforms: values, shapes, how they print, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import lepton
from lepton.errors import ArgumentError, ArgumentTypeError, ShapeError
from lepton.vision.transforms import (
    CenterCrop,
    Compose,
    Grayscale,
    InterpolationMode,
    Lambda,
    Normalize,
    PILToTensor,
    Resize,
    ToTensor,
)
from lepton.vision.transforms import functional as F


def picture(height: int = 3, width: int = 5, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


# ---------------------------------------------------------------------- ToTensor


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1), ("RGBA", 4), ("CMYK", 4), ("LA", 2), ("P", 1)])
def test_8_bit_pixels_become_fractions(mode: str, channels: int) -> None:
    image = picture(mode=mode)
    made = ToTensor()(image)
    assert made.shape == (channels, 3, 5) and made.dtype is lepton.float32 and made.is_contiguous()
    expected = np.asarray(image).reshape(3, 5, channels).transpose(2, 0, 1).astype(np.float32) / 255
    assert np.array_equal(made.numpy(), expected)


def test_the_ends_are_exactly_0_and_1() -> None:
    assert ToTensor()(Image.new("RGB", (1, 1), (0, 255, 51))).flatten().tolist() == [0.0, 1.0, np.float32(51) / 255]


def test_arrays_are_height_width_channels() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(ToTensor()(array).numpy(), array.transpose(2, 0, 1).astype(np.float32) / 255)
    assert ToTensor()(array[:, :, 0]).shape == (1, 2, 4)
    turned = ToTensor()(array[::-1, ::2])
    assert np.array_equal(turned.numpy(), array[::-1, ::2].transpose(2, 0, 1).astype(np.float32) / 255)


def test_the_tensor_has_memory_of_its_own() -> None:
    for array in (np.zeros((2, 2, 1), np.float32), np.zeros((2, 2, 1), np.uint8)):
        made = ToTensor()(array)
        array[...] = 7
        assert made.tolist() == [[[0.0, 0.0], [0.0, 0.0]]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int16])
def test_arrays_of_other_types_keep_their_numbers(dtype: Any) -> None:
    array = np.array([[1, 2], [3, 100]], dtype)
    made = ToTensor()(array)
    assert made.numpy().dtype == dtype and np.array_equal(made.numpy(), array[None])


def test_pixels_of_more_than_8_bits_keep_their_numbers() -> None:
    deep = np.array([[0, 40000], [65535, 1]], np.uint16)
    made = ToTensor()(Image.fromarray(deep))
    assert made.dtype is lepton.int32 and np.array_equal(made.numpy()[0], deep)
    assert ToTensor()(Image.new("I", (2, 1), 70000)).tolist() == [[[70000, 70000]]]
    assert ToTensor()(Image.new("F", (1, 1), 0.5)).tolist() == [[[0.5]]]


def test_black_and_white_is_0_and_1() -> None:
    image = Image.fromarray(np.array([[True, False]]))
    assert image.mode == "1"
    assert ToTensor()(image).tolist() == [[[1.0, 0.0]]]
    assert PILToTensor()(image).tolist() == [[[True, False]]]


def test_the_default_type_is_heeded() -> None:
    lepton.set_default_dtype(lepton.float64)
    try:
        assert ToTensor()(picture()).dtype is lepton.float64
    finally:
        lepton.set_default_dtype(lepton.float32)


@pytest.mark.parametrize("wrong", [None, [[1, 2]], "image.png", lepton.zeros(3, 2, 2), np.float32(1)])
def test_what_is_no_picture(wrong: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="pic should be PIL Image or ndarray"):
        ToTensor()(wrong)
    with pytest.raises(ArgumentTypeError, match="should be PIL Image"):
        PILToTensor()(wrong)


@pytest.mark.parametrize("shape", [(), (3,), (1, 2, 3, 4)])
def test_arrays_of_other_dimensions(shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match=f"pic should be 2/3 dimensional. Got {len(shape)} dimensions"):
        ToTensor()(np.zeros(shape, np.uint8))


def test_arrays_of_types_that_tensors_do_not_have() -> None:
    with pytest.raises(ArgumentTypeError, match="uint16"):
        ToTensor()(np.zeros((2, 2), np.uint16))


def test_pil_to_tensor_keeps_the_bytes() -> None:
    image = picture()
    made = PILToTensor()(image)
    assert made.dtype is lepton.uint8 and np.array_equal(made.numpy(), np.asarray(image).transpose(2, 0, 1))


# ---------------------------------------------------------------------- Normalize


def test_normalize_by_channel() -> None:
    image = lepton.tensor([[[1.0, 2.0]], [[3.0, 4.0]]])
    made = Normalize([1.0, 3.0], [2.0, 0.5])(image)
    assert made.tolist() == [[[0.0, 0.5]], [[0.0, 2.0]]] and image.tolist() == [[[1.0, 2.0]], [[3.0, 4.0]]]
    assert made.dtype is lepton.float32
    batch = Normalize([1.0, 3.0], [2.0, 0.5])(lepton.stack([image, image]))
    assert batch.tolist() == [made.tolist()] * 2
    assert Normalize([1.0], [2.0])(image).tolist() == [[[0.0, 0.5]], [[1.0, 1.5]]]


def test_normalize_in_place_writes_into_the_tensor() -> None:
    image = lepton.tensor([[[1.0, 3.0]]])
    assert Normalize([1.0], [2.0], inplace=True)(image) is image and image.tolist() == [[[0.0, 1.0]]]


def test_normalize_has_a_gradient() -> None:
    image = lepton.zeros(1, 1, 2, requires_grad=True)
    Normalize([1.0], [4.0])(image).sum().backward()
    assert image.grad.tolist() == [[[0.25, 0.25]]]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("image", "mean", "std", "error", "message"),
    [
        (picture(), [0.0], [1.0], ArgumentTypeError, "should be Tensor Image.*put ToTensor before"),
        (lepton.zeros(3, 2, 2, dtype=lepton.uint8), [0.0], [1.0], ArgumentTypeError, "float tensor. Got lepton.uint8"),
        (lepton.zeros(2, 2), [0.0], [1.0], ArgumentError, r"size \(..., C, H, W\).*\(2, 2\)"),
        (lepton.zeros(3, 2, 2), [0.0], [0.0], ArgumentError, "std evaluated to zero"),
        (lepton.zeros(3, 2, 2), [0.0], [1e-60], ArgumentError, "std evaluated to zero"),
        (lepton.zeros(1, 2, 2), [0.0] * 3, [1.0] * 3, ShapeError, "mean has 3 numbers for an image of 1 channels"),
        (lepton.zeros(3, 2, 2), [0.0], [1.0] * 2, ShapeError, "std has 2 numbers for an image of 3 channels"),
    ],
)
def test_normalize_refuses(image: Any, mean: Any, std: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Normalize(mean, std)(image)


# ---------------------------------------------------------------------- Resize, CenterCrop


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
def test_one_size_is_the_shorter_side(height: int, width: int, size: int) -> None:
    made = Resize(size)(Image.new("L", (width, height)))
    long = int(size * max(height, width) / min(height, width))
    assert (made.height, made.width) == ((size, long) if height <= width else (long, size))


def test_two_sizes_are_height_and_width() -> None:
    assert Resize((4, 7))(picture()).size == (7, 4)
    assert Resize([6])(picture(3, 5)).size == (10, 6)
    image = picture(4, 7)
    assert Resize((4, 7))(image) is image


def test_max_size_bounds_the_longer_side() -> None:
    assert Resize(10, max_size=15)(Image.new("L", (40, 20))).size == (15, 7)
    assert Resize(10, max_size=25)(Image.new("L", (40, 20))).size == (20, 10)
    assert Resize(2, max_size=3)(Image.new("L", (1000, 1))).size == (3, 1)
    with pytest.raises(ArgumentError, match="max_size = 10 must be strictly greater"):
        Resize(10, max_size=10)(picture())
    with pytest.raises(ArgumentError, match="only be passed if size"):
        Resize((3, 4), max_size=10)(picture())


def test_resize_is_pillows() -> None:
    image = picture(20, 30)
    for mode in InterpolationMode:
        expected = image.resize((9, 6), getattr(Image.Resampling, mode.name))
        assert Resize((6, 9), mode)(image).tobytes() == expected.tobytes()
        assert Resize((6, 9), int(getattr(Image.Resampling, mode.name)))(image).tobytes() == expected.tobytes()


def test_making_smaller_smooths() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (8, 8))
    assert set(np.asarray(Resize((2, 4))(Image.fromarray(stripes))).flatten().tolist()) <= set(range(100, 156))


@pytest.mark.parametrize(
    ("size", "error"),
    [
        (0, ArgumentError), (-3, ArgumentError), ((3, 0), ArgumentError), ((1, 2, 3), ArgumentError),
        ((), ArgumentError), ((1.5, 2), ArgumentError), (2.5, ArgumentTypeError), ("24", ArgumentTypeError),
        (None, ArgumentTypeError),
    ],
)  # fmt: skip
def test_sizes_that_cannot_be(size: Any, error: type[Exception]) -> None:
    for make in (Resize, CenterCrop):
        with pytest.raises(error):
            make(size)


def test_resize_refuses_what_is_no_picture() -> None:
    with pytest.raises(ArgumentTypeError, match="resize images before ToTensor"):
        Resize(3)(lepton.zeros(3, 4, 4))
    with pytest.raises(ArgumentTypeError, match="InterpolationMode"):
        Resize(3, "bilinear")  # type: ignore[arg-type]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_cropping_images_and_tensors_is_the_same(height: int, width: int, new_height: int, new_width: int) -> None:
    image = picture(height, width)
    crop = CenterCrop((new_height, new_width))
    made = crop(image)
    assert made.size == (new_width, new_height)
    assert np.array_equal(PILToTensor()(made).numpy(), crop(PILToTensor()(image)).numpy())


def test_the_middle_is_kept() -> None:
    assert CenterCrop(2)(lepton.arange(16).reshape(1, 4, 4)).tolist() == [[[5, 6], [9, 10]]]
    padded = CenterCrop((1, 4))(lepton.tensor([[5]]))
    assert padded.tolist() == [[0, 5, 0, 0]]
    with pytest.raises(ArgumentTypeError, match="center_crop"):
        CenterCrop(2)("picture")
    with pytest.raises(ArgumentError, match="2 dimensions or more"):
        CenterCrop(2)(lepton.zeros(3))


# ---------------------------------------------------------------------- Grayscale, Lambda, Compose


def test_grey_pictures() -> None:
    image = picture()
    grey = Grayscale()(image)
    assert grey.mode == "L" and grey.tobytes() == image.convert("L").tobytes()
    three = Grayscale(3)(image)
    assert three.mode == "RGB" and all(band.tobytes() == grey.tobytes() for band in three.split())


def test_grey_tensors() -> None:
    image = lepton.tensor([1.0, 10.0, 100.0]).reshape(3, 1, 1)
    grey = Grayscale()(image)
    assert grey.shape == (1, 1, 1) and grey.item() == pytest.approx(0.2989 + 5.87 + 11.4)
    assert Grayscale(3)(image).flatten().tolist() == [grey.item()] * 3
    assert Grayscale()(image.to(lepton.uint8)).tolist() == [[[17]]] and Grayscale(3)(grey).shape == (3, 1, 1)
    batch = lepton.stack([image, image])
    assert Grayscale(3)(batch).shape == (2, 3, 1, 1)


@pytest.mark.parametrize("channels", [0, 2, 4, "3", None])
def test_greys_of_other_numbers_of_channels(channels: Any) -> None:
    for image in (picture(), lepton.zeros(3, 2, 2)):
        with pytest.raises(ArgumentError, match="either 1 or 3"):
            Grayscale(channels)(image)


def test_grey_refuses() -> None:
    with pytest.raises(ArgumentError, match=r"got \(4, 2, 2\)"):
        Grayscale()(lepton.zeros(4, 2, 2))
    with pytest.raises(ArgumentTypeError, match="Got <class 'NoneType'>"):
        Grayscale()(None)


def test_lambda_and_compose() -> None:
    double = Lambda(lambda x: x * 2)
    assert Compose([double, double])(3) == 12
    assert Compose([])(3) == 3
    with pytest.raises(ArgumentTypeError, match="callable, got 'int'"):
        Lambda(3)  # type: ignore[arg-type]


def test_how_they_print() -> None:
    every = Compose([
        Resize(256), Resize((3, 4), InterpolationMode.NEAREST, None, None), CenterCrop(24), Grayscale(3), ToTensor(),
        PILToTensor(), Lambda(abs), Normalize(mean=(0.5, 0.5), std=(0.25, 0.25)), Compose([ToTensor()]),
    ])  # fmt: skip
    assert repr(every) == (
        "Compose(\n"
        "    Resize(size=256, interpolation=bilinear, max_size=None, antialias=True)\n"
        "    Resize(size=(3, 4), interpolation=nearest, max_size=None, antialias=None)\n"
        "    CenterCrop(size=(24, 24))\n"
        "    Grayscale(num_output_channels=3)\n"
        "    ToTensor()\n"
        "    PILToTensor()\n"
        "    Lambda()\n"
        "    Normalize(mean=(0.5, 0.5), std=(0.25, 0.25))\n"
        "    Compose(\n"
        "    ToTensor()\n"
        ")\n"
        ")"
    )


def test_functions_and_objects_agree() -> None:
    image = picture(9, 7)
    assert F.resize(img=image, size=[4, 4]).tobytes() == Resize((4, 4))(image).tobytes()
    assert F.center_crop(image, output_size=4).tobytes() == CenterCrop(4)(image).tobytes()
    assert F.to_grayscale(image, 3).tobytes() == F.rgb_to_grayscale(image, 3).tobytes() == Grayscale(3)(image).tobytes()
    assert F.to_tensor(image).tolist() == ToTensor()(image).tolist()


WITHOUT_PILLOW = """
import sys
sys.modules["PIL"] = None
import numpy, lepton
from lepton.vision import datasets, transforms
print(transforms.ToTensor()(numpy.zeros((2, 2), numpy.uint8)).shape)
try:
    datasets.default_loader(__file__ if "__file__" in globals() else "x.png")
except lepton.errors.MissingExtraError as error:
    print(error)
"""


def test_without_pillow_arrays_still_work_and_the_extra_is_named(clean_environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PILLOW], env=clean_environment, capture_output=True, text=True, check=True
    )
    shape, message = done.stdout.splitlines()
    assert "1, 2, 2" in shape and "pip install 'lepton[vision]'" in message
