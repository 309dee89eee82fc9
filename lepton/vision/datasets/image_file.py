"""Reading one image file, whatever may be in it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from lepton.errors import DataError, DataNotFoundError, require

if TYPE_CHECKING:
    from PIL.Image import Image


def default_loader(path: str | os.PathLike[str]) -> Image:
    """The image in a file, as RGB, decoded by Pillow.

    Raises:
        DataNotFoundError: there is no such file. DataError: it cannot be read, is empty, is no image, is damaged or
            truncated, is a program in PostScript, or has more pixels than ``PIL.Image.MAX_IMAGE_PIXELS`` (about 89
            million), which a small file can claim to exhaust the memory. MissingExtraError: Pillow is not installed.
    """
    pillow = require("PIL.Image", "vision", "reading images")
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            return _decode(pillow, file)
    except (DataError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise DataNotFoundError(f"there is no file '{path}' any more; make the dataset anew") from error
    except pillow.UnidentifiedImageError as error:
        raise DataError(
            f"'{path}' is not an image in a format that Pillow reads; remove it from the folder, or convert it"
        ) from error
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise DataError(_too_large(path, str(error), pillow.MAX_IMAGE_PIXELS)) from error
    except (PermissionError, IsADirectoryError) as error:
        raise DataError(f"'{path}' cannot be read ({error.strerror}); check what it is and its permissions") from error
    except Exception as error:  # Pillow's decoders meet damage with errors of any kind
        raise DataError(
            f"'{path}' is a damaged or truncated image ({type(error).__name__}: {error}); get it anew or remove it"
        ) from error


def _open_without_waiting(path: str, flags: int) -> int:
    """Opening a named pipe would wait for its writer; this opens it at once, and it is refused."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _decode(pillow: Any, file: Any) -> Image:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"'{file.name}' is a pipe, socket or device, not a file; remove it from the folder")
    if status.st_size == 0:
        raise DataError(f"'{file.name}' is empty (0 bytes); get the file anew or remove it")
    with pillow.open(file) as image:
        if image.format == "EPS":  # whatever the file is called; Pillow would have Ghostscript run it
            raise DataError(f"'{file.name}' is a program in PostScript, not an image; convert it, or remove it")
        pixels, limit = image.width * image.height, pillow.MAX_IMAGE_PIXELS
        if limit is not None and pixels > limit:  # up to twice as many Pillow only warns
            raise DataError(_too_large(file.name, f"it has {image.width}×{image.height} pixels", limit))
        return image.convert("RGB")


def _too_large(path: str | os.PathLike[str], what: str, limit: int) -> str:
    return (
        f"'{path}' is larger than images may be ({what}); it may be meant to exhaust the memory. Remove it or scale it "
        f"down; if you trust it, raise PIL.Image.MAX_IMAGE_PIXELS, which is {limit}"
    )
