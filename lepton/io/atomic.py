"""A file replaced as a whole: at every moment, a power cut included, the old one or the new one is there.

The new content goes to a temporary file in the same folder, is forced to the disk, and takes the old file's name in
one step; then the folder itself is forced to the disk. The writer holds a lock on the temporary file for as long as it
lives, and the system drops the lock of a process that was killed: so the next writer can tell what was left behind
from what is still being written, across processes, containers and machines, and removes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from lepton.errors import CheckpointError

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed and so needs no lock
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of ``path`` when the block ends without an exception.

    A symbolic link is followed, and stays. The permissions are those of any new file (they follow the umask).

    Raises:
        CheckpointError: something other than a file is at ``path``. OSError: the folder is missing or not writable,
            the disk is full. In each case what was at ``path`` is untouched.
    """
    target = os.path.realpath(path)
    _check_target(target)
    folder = os.path.dirname(target)
    prefix = _prefix(target)
    _remove_abandoned(folder, prefix)
    file, temporary = _create(folder, prefix)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:
                os.replace(temporary, target)  # before it is closed, and its lock with it
        if fcntl is None:
            os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # already renamed
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _check_target(target: str) -> None:
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory; give the name of a file in it", target)
    if not stat.S_ISREG(mode):
        raise CheckpointError(f"{target}: it is a device, pipe or socket, not a file that could be replaced")


def _prefix(target: str) -> str:
    """How the names of the temporary files for ``target`` begin; a digest, since its own name may be of full length."""
    import hashlib

    digest = hashlib.blake2b(os.fsencode(os.path.basename(target)), digest_size=8).hexdigest()
    return f".lepton-save-{digest}-"


def _create(folder: str, prefix: str) -> tuple[BinaryIO, str]:
    while True:
        temporary = os.path.join(folder, f"{prefix}{os.urandom(6).hex()}.tmp")
        try:
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise type(error)(error.errno, f"{error.strerror} (no file can be made in the folder)", folder) from None
        if _lock(descriptor) and os.path.exists(temporary):
            return os.fdopen(descriptor, "w+b"), temporary
        os.close(descriptor)  # another writer took it for abandoned before it was locked


def _lock(descriptor: int) -> bool:
    """Whether the file is now locked by us, or cannot be locked on this file system at all."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nobody can lock it, so nobody will remove it either
        return True
    return True


def _remove_abandoned(folder: str, prefix: str) -> None:
    """Remove the temporary files of writers that were killed."""
    with contextlib.suppress(OSError):  # what cannot be tidied is in nobody's way; the save itself reports real trouble
        for name in os.listdir(folder):
            if name.startswith(prefix) and name.endswith(".tmp"):
                _remove_if_abandoned(os.path.join(folder, name))


def _remove_if_abandoned(path: str) -> None:
    if fcntl is None:
        os.unlink(path)
        return
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    finally:
        os.close(descriptor)


def _sync_folder(folder: str) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (
            errno.EINVAL,
            errno.ENOTSUP,
        ):  # some network file systems keep folders safe by themselves
            raise
    finally:
        os.close(descriptor)
