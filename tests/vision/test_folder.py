"""Folders of class folders: what is found, in which order, and every way in which a file or folder can be bad."""

from __future__ import annotations

import inspect
import os
import socket
import struct
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lepton.data import DataLoader
from lepton.errors import ArgumentError, DataError, DataNotFoundError
from lepton.vision.datasets import IMG_EXTENSIONS, DatasetFolder, ImageFolder, default_loader
from lepton.vision.transforms import Compose, Normalize, Resize, ToTensor


def write(path: Path, color: Any = (10, 20, 30), size: tuple[int, int] = (4, 3), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for name in ("dog/2.png", "dog/10.png", "cat/a.jpg", "cat/B.PNG", "cat/young/kitten.bmp"):
        write(folder / name)
    (folder / "cat" / "notes.txt").write_text("not an image")
    (folder / "README").write_text("beside the classes")
    return folder


def names(data: DatasetFolder) -> list[str]:
    return [os.path.relpath(path, data.root) for path, _ in data.samples]


# ---------------------------------------------------------------------- what is found


def test_classes_and_samples_in_order(root: Path) -> None:
    data = ImageFolder(root)
    assert data.classes == ["cat", "dog"] and data.class_to_idx == {"cat": 0, "dog": 1}
    assert names(data) == ["cat/B.PNG", "cat/a.jpg", "cat/young/kitten.bmp", "dog/10.png", "dog/2.png"]
    assert data.targets == [0, 0, 0, 1, 1] and data.imgs is data.samples and len(data) == 5
    assert data.root == str(root) and data.loader is default_loader and data.extensions == IMG_EXTENSIONS


def test_a_sample_is_an_rgb_image_and_a_number(root: Path) -> None:
    image, target = ImageFolder(root)[-1]
    assert image.mode == "RGB" and image.size == (4, 3) and image.getpixel((0, 0)) == (10, 20, 30) and target == 1
    with pytest.raises(IndexError):
        ImageFolder(root)[5]


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_images_of_every_kind_become_rgb(tmp_path: Path, mode: str) -> None:
    path = write(tmp_path / f"x.{'tif' if mode == 'CMYK' else 'png'}", color=0, mode=mode)
    assert default_loader(path).mode == "RGB"


def test_transforms_of_samples_and_targets(root: Path) -> None:
    data = ImageFolder(root, transform=lambda image: image.size, target_transform=lambda number: f"class {number}")
    assert data[0] == ((4, 3), "class 0")


def test_is_valid_file_takes_the_place_of_extensions(root: Path) -> None:
    data = ImageFolder(root, is_valid_file=lambda path: path.endswith(".txt") or "dog" in path, loader=os.path.basename)
    assert [data[i] for i in range(len(data))] == [("notes.txt", 0), ("10.png", 1), ("2.png", 1)]


def test_dataset_folder_of_other_files(tmp_path: Path) -> None:
    for name in ("a/1.npy", "a/2.NPY", "b/3.npy", "b/4.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    data = DatasetFolder(tmp_path, lambda path: Path(path).read_text(), extensions=".npy")
    assert [data[i] for i in range(3)] == [("a/1.npy", 0), ("a/2.NPY", 0), ("b/3.npy", 1)]
    for options in ({}, {"extensions": (".npy",), "is_valid_file": bool}):
        with pytest.raises(ArgumentError, match="Both extensions and is_valid_file"):
            DatasetFolder(tmp_path, Path, **options)  # type: ignore[arg-type]


def test_classes_can_be_chosen(root: Path) -> None:
    class DogsAlone(ImageFolder):
        def find_classes(self, directory: Any) -> tuple[list[str], dict[str, int]]:
            return ["dog"], {"dog": 7}

    assert DogsAlone(root).targets == [7, 7]


def test_how_it_prints(root: Path) -> None:
    assert repr(ImageFolder(root)) == f"Dataset ImageFolder\n    Number of datapoints: 5\n    Root location: {root}"
    data = ImageFolder(str(root), Compose([ToTensor(), Normalize([0.5], [0.5])]), target_transform=abs)
    assert repr(data) == (
        "Dataset ImageFolder\n"
        "    Number of datapoints: 5\n"
        f"    Root location: {root}\n"
        "    StandardTransform\n"
        "    Transform: Compose(\n"
        "                   ToTensor()\n"
        "                   Normalize(mean=[0.5], std=[0.5])\n"
        "               )\n"
        "    Target transform: <built-in function abs>"
    )


@pytest.mark.parametrize("workers", [0, 3])
def test_through_a_loader(root: Path, workers: int) -> None:
    data = ImageFolder(root, Compose([Resize((2, 2)), ToTensor()]))
    (images, targets), (rest, _) = DataLoader(data, 3, num_workers=workers)
    assert images.shape == (3, 3, 2, 2) and targets.tolist() == [0, 0, 0] and rest.shape == (2, 3, 2, 2)


def test_an_error_in_the_transform_names_the_file(root: Path) -> None:
    def fails(image: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        ImageFolder(root, fails)[4]
    assert caught.value.__notes__ == [f"While the transform was applied to '{root}/dog/2.png'."]


# ---------------------------------------------------------------------- folders that are bad


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"there is no folder '.*missing'; check the path") as caught:
        ImageFolder(tmp_path / "missing")
    assert isinstance(caught.value, FileNotFoundError)


def test_a_file_instead_of_a_folder(root: Path) -> None:
    with pytest.raises(DataNotFoundError, match="README' is a file, not a folder"):
        ImageFolder(root / "README")


def test_no_class_folders(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"Couldn't find any class folder in .*dog. It takes a folder for each"):
        ImageFolder(root / "dog")


def test_classes_without_images(root: Path) -> None:
    (root / "empty").mkdir()
    (root / "only text").mkdir()
    (root / "only text" / "x.txt").write_text("x")
    with pytest.raises(DataNotFoundError, match=r"for the classes empty, only text in .*Supported.*\.png.*allow_empty"):
        ImageFolder(root)
    data = ImageFolder(root, allow_empty=True)
    assert data.classes == ["cat", "dog", "empty", "only text"] and len(data) == 5
    with pytest.raises(DataNotFoundError, match="Put files into these folders") as caught:
        ImageFolder(root, is_valid_file=lambda path: False)
    assert "extensions" not in str(caught.value)


def test_a_folder_that_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = os.scandir

    def scandir(path: str) -> Any:
        if path.endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return allowed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"dog' cannot be read .Permission denied.; check its permissions"):
        ImageFolder(root)


def test_a_folder_with_the_name_of_an_image(root: Path) -> None:
    write(root / "dog" / "folder.png" / "inside.png")
    assert "dog/folder.png/inside.png" in names(ImageFolder(root))


def test_folders_deeper_than_the_recursion_limit(tmp_path: Path) -> None:
    write(tmp_path / "class" / Path(*["d"] * 200) / "x.png")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        assert len(ImageFolder(tmp_path)) == 1
    finally:
        sys.setrecursionlimit(limit)


# ---------------------------------------------------------------------- links


def test_links_that_stay_inside_are_followed(root: Path) -> None:
    (root / "cat" / "link.png").symlink_to(root / "dog" / "2.png")
    (root / "cat" / "relative.png").symlink_to("../dog/2.png")
    (root / "puppy").symlink_to("dog")
    data = ImageFolder(root)
    assert {"cat/link.png", "cat/relative.png", "puppy/2.png"} <= set(names(data)) and len(data) == 9
    assert data[0][0].size == (4, 3)


def test_the_root_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert len(ImageFolder(tmp_path / "link")) == 5


@pytest.mark.parametrize("where", ["cat/link.png", "cat/young/link.png"])
def test_links_to_files_outside_are_refused(root: Path, tmp_path: Path, where: str) -> None:
    secret = write(tmp_path / "secret.png")
    (root / where).symlink_to(secret)
    with pytest.raises(DataError, match=f"{where}' is a symbolic link that leaves the folder .*secret.png'. Copy"):
        ImageFolder(root)


def test_links_to_folders_outside_are_refused(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "x.png")
    (root / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="cat/more' is a symbolic link that leaves the folder"):
        ImageFolder(root)
    (root / "cat" / "more").unlink()
    (root / "mouse").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="mouse' is a symbolic link that leaves the folder"):
        ImageFolder(root)


def test_a_folder_whose_name_begins_like_the_root_is_outside(root: Path) -> None:
    write(root.with_name("images2") / "x.png")
    (root / "cat" / "link.png").symlink_to(root.with_name("images2") / "x.png")
    with pytest.raises(DataError, match="leaves the folder"):
        ImageFolder(root)


def test_links_out_by_way_of_links_are_refused(root: Path, tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.png")
    (root / "dog" / "first").symlink_to(secret)
    (root / "cat" / "link.png").symlink_to(root / "dog" / "first")
    with pytest.raises(DataError, match="leaves the folder"):
        ImageFolder(root)


def test_links_that_lead_nowhere(root: Path) -> None:
    (root / "cat" / "link.png").symlink_to("gone.png")
    with pytest.raises(DataError, match=r"link.png' is a symbolic link to 'gone.png', which is not there"):
        ImageFolder(root)


@pytest.mark.parametrize("target", ["gone", "bird"])
def test_a_link_that_leads_nowhere_is_no_missing_class(root: Path, target: str) -> None:
    (root / "bird").symlink_to(target)
    with pytest.raises(DataError, match=rf"bird' is a symbolic link to '{target}', which is not there"):
        ImageFolder(root)


def test_links_that_lead_round_in_circles(root: Path) -> None:
    (root / "cat" / "up").symlink_to("..")
    (root / "cat" / "young" / "again").symlink_to("../young")
    (root / "cat" / "self").symlink_to("self")
    (root / "dog" / "cats").symlink_to("../cat")
    data = ImageFolder(root)
    assert set(names(data)) >= {"cat/a.jpg", "dog/2.png"} and len(data) < 30
    (root / "cat" / "self.png").symlink_to("self.png")
    with pytest.raises(DataError, match=r"self.png' is a symbolic link"):
        ImageFolder(root)


def test_what_is_neither_file_nor_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "cat" / "pipe.png")
    with pytest.raises(DataError, match=r"pipe.png' is a pipe, socket or device"):
        ImageFolder(root)
    (root / "cat" / "pipe.png").unlink()
    monkeypatch.chdir(root / "cat")  # the name of a socket has to be short
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind("ear.png")
        with pytest.raises(DataError, match=r"ear.png' is a pipe, socket or device"):
            ImageFolder(root)


# ---------------------------------------------------------------------- files that are bad


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        default_loader(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_an_empty_file(tmp_path: Path) -> None:
    assert "is empty (0 bytes); get the file anew or remove it" in refused(tmp_path / "x.png", b"")


@pytest.mark.parametrize("content", [b"hello", b"\0" * 5000, b"<html></html>", b"\x80\x04\x95pickle", b"PK\x03\x04"])
def test_a_file_that_is_no_image(tmp_path: Path, content: bytes) -> None:
    assert "is not an image in a format that Pillow reads; remove it" in refused(tmp_path / "x.png", content)


def test_a_program_in_postscript_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_: pytest.fail("it was run"))
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    assert "is a program in PostScript, not an image; convert it" in refused(tmp_path / "x.png", content)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"x.png' is a pipe, socket or device"):
        default_loader(tmp_path / "x.png")


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "ppm", "tif", "webp"])
def test_truncated_files(tmp_path: Path, ending: str) -> None:
    image = Image.effect_noise((64, 64), 80).convert("RGB")
    image.save(tmp_path / f"whole.{ending}")
    whole = (tmp_path / f"whole.{ending}").read_bytes()
    for keep in (len(whole) // 2, len(whole) * 3 // 4):
        message = refused(tmp_path / f"x.{ending}", whole[:keep])
        assert "truncated" in message or "not an image" in message


@given(st.data())
def test_damage_of_any_kind_gives_one_kind_of_error(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    ending = data.draw(st.sampled_from(["png", "jpg", "bmp", "ppm", "tif", "webp", "pgm"]))
    path = tmp_path_factory.mktemp("damage") / f"x.{ending}"
    Image.linear_gradient("L").resize((16, 16)).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        assert default_loader(path).mode == "RGB"
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017 - damage may also go unnoticed


@pytest.mark.parametrize("side", [10_000, 14_000, 60_000, 2**31 - 1])
def test_decompression_bombs(tmp_path: Path, side: int) -> None:
    message = refused(tmp_path / "bomb.png", png_that_claims(side, side))
    assert "larger than images may be" in message and "MAX_IMAGE_PIXELS" in message


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_that_pillow_only_warns_about(tmp_path: Path) -> None:
    assert "it has 10000×10000 pixels" in refused(tmp_path / "bomb.png", png_that_claims(10_000, 10_000))


def test_the_limit_is_pillows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.png", size=(40, 40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1600)
    assert default_loader(path).size == (40, 40)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1599)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(DataError, match="which is 1599"):
            default_loader(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert default_loader(path).size == (40, 40)


def test_a_file_that_went_away(root: Path) -> None:
    data = ImageFolder(root)
    (root / "cat" / "a.jpg").unlink()
    with pytest.raises(DataNotFoundError, match=r"there is no file '.*cat/a.jpg' any more"):
        data[1]


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: Any, **options: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path / "x.png")
    monkeypatch.setattr("builtins.open", forbidden)
    with pytest.raises(DataError, match=r"x.png' cannot be read .Permission denied.; check"):
        default_loader(path)
    monkeypatch.undo()
    with pytest.raises(DataError, match=r"cannot be read .Is a directory."):
        default_loader(tmp_path)


def test_a_bad_file_comes_out_of_the_loader_by_name(root: Path) -> None:
    (root / "dog" / "2.png").write_bytes(b"")
    data = ImageFolder(root, ToTensor())
    with pytest.raises(DataError, match=r"dog/2.png' is empty"):
        list(DataLoader(data, 5, num_workers=2))
