"""Datasets of files in class folders: ``root/<class>/…/<file>``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from lepton.data.dataset import Dataset
from lepton.errors import ArgumentError, DataError, DataNotFoundError
from lepton.vision.datasets.image_file import default_loader

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")

Accepts = Callable[[str], bool]


class DatasetFolder(Dataset[tuple[Any, Any]]):
    """Files in class folders; sample i is ``(transform(loader(path)), target_transform(class number))``.

    Each folder in ``root`` is a class, and the files below it, at any depth, are its samples. Classes are numbered in
    the order of their names, samples come in the order of theirs: both the same on every machine.

    Args:
        root: the folder of class folders.
        loader: reads the file of a path.
        extensions: what the names of files may end in, in lower case; others are left aside.
        transform, target_transform: applied to what the loader gives, and to the class number.
        is_valid_file: says of each path whether it is a sample, instead of ``extensions``.
        allow_empty: let a class have no files.

    Attributes:
        classes: the names. class_to_idx: their numbers. samples: pairs (path, class number). targets: class numbers.

    Symbolic links are followed as long as they stay in ``root``: a data set that was got from elsewhere cannot make
    this program read other files of the machine.

    Raises:
        DataNotFoundError: ``root`` is not there, has no class folders, or one has no files.
        DataError: something in it cannot be read, or is a link that leaves it or leads nowhere, or is neither file nor
            folder. ArgumentError: both ``extensions`` and ``is_valid_file`` are given, or neither.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | str | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        is_valid_file: Accepts | None = None,
        allow_empty: bool = False,
    ) -> None:
        self.root = os.fspath(root)
        self.loader = loader
        self.extensions = extensions
        self.transform = transform
        self.target_transform = target_transform
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [number for _, number in self.samples]

    @staticmethod
    def make_dataset(
        directory: str | os.PathLike[str],
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | str | None = None,
        is_valid_file: Accepts | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """The pairs (path, class number) of all files of these classes; override it to choose others.

        Raises:
            DataNotFoundError, DataError, ArgumentError: as :class:`DatasetFolder` does.
        """
        if (extensions is None) == (is_valid_file is None):
            raise ArgumentError("Both extensions and is_valid_file cannot be None or not None at the same time")
        endings = (extensions,) if isinstance(extensions, str) else extensions
        accepts = is_valid_file or (lambda path: path.lower().endswith(endings or ()))
        inside = os.path.realpath(directory)
        samples: list[tuple[str, int]] = []
        empty = []
        for name, number in sorted(class_to_idx.items()):
            found = sorted(_files(os.path.join(directory, name), accepts, inside), key=os.path.split)
            samples.extend((path, number) for path in found)
            if not found:
                empty.append(name)
        if empty and not allow_empty:
            raise DataNotFoundError(_no_files_message(directory, empty, endings))
        return samples

    def find_classes(self, directory: str | os.PathLike[str]) -> tuple[list[str], dict[str, int]]:
        """The names of the class folders in ``directory``, sorted, and their numbers; override it to choose others.

        Raises:
            DataNotFoundError: it is not there, is no folder, or has no folders in it. DataError: it cannot be read, or
                has a link in it that leads nowhere, and may stand for a class.
        """
        entries = _entries(os.fspath(directory))
        for entry in entries:
            _check_leads_somewhere(entry)
        classes = sorted(entry.name for entry in entries if _is_folder(entry))
        if not classes:
            raise DataNotFoundError(
                f"Couldn't find any class folder in {directory}. It takes a folder for each class, with the class's "
                f"files in it: {os.path.join(directory, 'cat', 'first.png')}, …"
            )
        return classes, {name: number for number, name in enumerate(classes)}

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        sample = self.loader(path)
        try:
            if self.transform is not None:
                sample = self.transform(sample)
        except Exception as error:
            error.add_note(f"While the transform was applied to '{path}'.")
            raise
        return sample, target if self.target_transform is None else self.target_transform(target)

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}", f"Root location: {self.root}"]
        if self.transform is not None or self.target_transform is not None:
            lines.append("StandardTransform")
        for head, transform in (("Transform: ", self.transform), ("Target transform: ", self.target_transform)):
            if transform is not None:
                lines.extend((head + repr(transform)).replace("\n", "\n" + " " * len(head)).splitlines())
        return "\n".join([f"Dataset {type(self).__name__}", *("    " + line for line in lines)])


class ImageFolder(DatasetFolder):
    """Images in class folders; sample i is ``(transform(image), target_transform(class number))``.

    Args:
        root: the folder of class folders: ``root/cat/1.png``, ``root/dog/2.png``, …
        transform: applied to each image, which is a PIL image in RGB. target_transform: applied to the class number.
        loader: reads the file of a path; :func:`default_loader` unless told otherwise.
        is_valid_file: says of each path whether it is a sample; else the usual extensions of image files do.
        allow_empty: let a class have no images.

    Attributes and errors are those of :class:`DatasetFolder`, and ``imgs`` is ``samples``; taking a sample raises what
    :func:`default_loader` raises. Needs Pillow (``pip install 'lepton[vision]'``).
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Accepts | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError as error:
        raise DataNotFoundError(f"there is no folder '{folder}'; check the path") from error
    except NotADirectoryError as error:
        raise DataNotFoundError(f"'{folder}' is a file, not a folder of class folders; check the path") from error
    except OSError as error:
        raise DataError(f"the folder '{folder}' cannot be read ({error.strerror}); check its permissions") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # A link is asked by its path, which answers False for one that leads nowhere or round in a circle.
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _files(root: str, accepts: Accepts, inside: str) -> Iterator[str]:
    """The files below ``root``, all of them in the folder ``inside``."""
    real = os.path.realpath(root)
    _check_inside(root, real, inside)
    waiting: list[tuple[str, str, tuple[str, ...]]] = [(root, real, ())]  # path, true path, where links were taken
    while waiting:
        folder, real, jumps = waiting.pop()
        for entry in _entries(folder):
            if not _is_folder(entry):
                if accepts(entry.path):
                    _check_file(entry, inside)
                    yield entry.path
            elif not entry.is_symlink():
                waiting.append((entry.path, os.path.join(real, entry.name), jumps))
            else:
                target = os.path.realpath(entry.path)
                _check_inside(entry.path, target, inside)
                if not any(_is_in(place, target) for place in (*jumps, real)):  # else it leads round in a circle
                    waiting.append((entry.path, target, (*jumps, real)))


def _check_file(entry: os.DirEntry[str], inside: str) -> None:
    if entry.is_symlink():
        _check_inside(entry.path, os.path.realpath(entry.path), inside)
        _check_leads_somewhere(entry)
    if not entry.is_file():
        raise DataError(f"'{entry.path}' is a pipe, socket or device, not a file; remove it from the folder")


def _check_leads_somewhere(entry: os.DirEntry[str]) -> None:
    if entry.is_symlink() and not os.path.exists(entry.path):
        raise DataError(
            f"'{entry.path}' is a symbolic link to '{os.readlink(entry.path)}', which is not there or leads back; "
            "put there what it leads to, or remove the link"
        )


def _is_in(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def _check_inside(path: str, real: str, inside: str) -> None:
    if not _is_in(real, inside):
        raise DataError(
            f"'{path}' is a symbolic link that leaves the folder '{inside}': it leads to '{real}'. Copy what it leads "
            "to into the folder, or remove the link"
        )


def _no_files_message(directory: str | os.PathLike[str], empty: list[str], endings: tuple[str, ...] | None) -> str:
    message = f"Found no valid file for the classes {', '.join(empty)} in {directory}."
    if endings is not None:
        message += f" Supported extensions are: {', '.join(endings)}."
    return message + " Put files into these folders, remove them, or pass allow_empty=True."
