"""``save`` and ``load``: a tree of tensors and plain values to one file and back."""

from __future__ import annotations

import os
import stat
from io import BytesIO, FileIO
from typing import Any

from lepton.backend import devices
from lepton.errors import ArgumentTypeError, CheckpointError
from lepton.io import atomic, container, tree
from lepton.io.strict import damaged, shorten

_WANTED = frozenset((tree.VERSION_KEY, tree.ROOT_KEY))

# What libraries around safetensors ask for before they take a file's layouts for PyTorch's, which ours are.
_FORMAT = {"format": "pt"}


def save(obj: Any, path: str | os.PathLike[str]) -> None:
    """Save ``obj`` to ``path`` as a safetensors file, in one step that leaves the old file or the new one.

    ``obj`` is a tensor, or a tree of dict, OrderedDict, list and tuple over tensors, parameters, NumPy arrays and
    scalars, str, bytes, int, float, bool, None, dtypes and devices. Keys of dicts are str, int, float, bool or None.
    Everything comes back as the type and the bits it had; tensors on the same memory are stored once and come back on
    the same memory. Tensors are stored under their path in the tree (``model.conv1.weight``), so that a ``state_dict``
    gives the file that other programs expect. Nothing is pickled.

    Raises:
        CheckpointError: something in ``obj`` cannot be saved, or ``path`` is not a file. ArgumentTypeError: ``path``
            is not a path. OSError: the file cannot be written. In each case the earlier file is untouched.

    >>> import lepton
    >>> lepton.save({"weight": lepton.ones(2), "epoch": 3}, "run.safetensors")
    >>> lepton.load("run.safetensors")
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    target = _as_path(path)
    text, arrays = tree.encode(obj)
    arrays = container.in_order(arrays)
    head = container.build_header(arrays, {**_FORMAT, tree.VERSION_KEY: tree.VERSION, tree.ROOT_KEY: text})
    tree.check_cost(text, container.parse_header(head[8:], _WANTED))  # never save what load would refuse
    with atomic.replacing(target) as file:
        file.write(head)
        container.write_arrays(file, arrays)


def load(path: str | os.PathLike[str], map_location: devices.device | str | int | None = None) -> Any:
    """What :func:`save` saved to ``path``; of another program's safetensors file, a dict from names to tensors.

    Memory stays within the size of the file and 64 MiB, whatever the file says, and no content can run code.

    Args:
        path: the file.
        map_location: the device for the tensors; the CPU unless told otherwise.

    Raises:
        CheckpointError: the file is damaged, hostile, or of another format. DeviceError: there is no such device.
        ArgumentTypeError: ``path`` is not a path. OSError: the file cannot be opened or read (FileNotFoundError, …).
    """
    target = _as_path(path)
    device = devices.as_device(map_location)
    with open(target, "rb", buffering=0, opener=_open_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise CheckpointError(f"{target}: it is a device, pipe or socket; a checkpoint is a file")
        return _read(file, status.st_size, target, device)


def parse(buffer: bytes, map_location: devices.device | str | int | None = None) -> Any:
    """What :func:`load` gives for a file with these bytes.

    Raises:
        CheckpointError: they are no valid checkpoint. DeviceError: there is no such device.
    """
    return _read(BytesIO(buffer), len(buffer), "<bytes>", devices.as_device(map_location))


def _as_path(path: Any) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError(f"path must be a str or an os.PathLike such as pathlib.Path, not {type(path).__name__}")
    return os.fsdecode(path)


def _open_without_waiting(path: str, flags: int) -> int:
    """Opening a named pipe would wait for its writer; this opens it at once, and the caller refuses it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _read(file: FileIO | BytesIO, size: int, name: str, device: devices.device) -> Any:
    try:
        return _contents(container.Reader(file, size, _WANTED), device)
    except CheckpointError as error:
        raise CheckpointError(f"can't load the checkpoint '{name}': {error}") from error.__cause__


def _contents(reader: container.Reader, device: devices.device) -> Any:
    metadata = reader.header.metadata
    if not metadata:
        return {name: tree.to_tensor(name, reader, device) for name in reader.header.entries}
    if metadata.get(tree.VERSION_KEY) != tree.VERSION or tree.ROOT_KEY not in metadata:
        version = metadata.get(tree.VERSION_KEY)
        raise CheckpointError(
            f"its tree is of version {shorten(version)}, and this version of Lepton reads {tree.VERSION!r}; "
            "update Lepton, or read the tensors alone with safetensors.numpy.load_file"
        )
    made = tree.decode(metadata.pop(tree.ROOT_KEY), reader, device)
    unread = reader.unread()
    if unread:
        raise damaged(f"it holds tensor {unread[0]!r}, which its tree does not mention ({len(unread)} in all)")
    return made
