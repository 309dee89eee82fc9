"""Every exception that a user of Lepton can meet.

Each message says what went wrong, where, with which shapes or values, and what to do. Where PyTorch raises one of
Python's own classes, ours is a subclass of it, so that ``except RuntimeError`` written for PyTorch still catches it.
"""

from __future__ import annotations

import importlib
from typing import Any


class LeptonError(Exception):
    """The base of all of them."""


class ShapeError(LeptonError, RuntimeError):
    """Shapes that do not fit together."""


class DTypeError(LeptonError, RuntimeError):
    """Number types that do not fit together, or that an operation does not have."""


class UnsupportedDTypeError(DTypeError, NotImplementedError):
    """A number type that an operation does not have, where PyTorch says ``not implemented for``."""


class DeviceError(LeptonError, RuntimeError):
    """Tensors on different devices, or a device that is not here."""


class GradError(LeptonError, RuntimeError):
    """Something that cannot be differentiated, or a backward that cannot be run."""


class VersionError(GradError):
    """A tensor that backward needs was written to after it was saved."""


class AnomalyError(GradError):
    """Anomaly detection found nan in a gradient."""


class GradcheckError(LeptonError, RuntimeError):
    """A derivative that disagrees with finite differences."""


class IndexRangeError(LeptonError, IndexError):
    """An index or a dimension outside of its range."""


class PlaceError(IndexRangeError, RuntimeError):
    """An element of an index tensor out of range, in the operations for which PyTorch raises RuntimeError."""


class ArgumentError(LeptonError, ValueError):
    """An argument of the right type with a value that cannot be."""


class ArgumentTypeError(LeptonError, TypeError):
    """An argument of the wrong type."""


class ValueRangeError(LeptonError, RuntimeError):
    """A number outside of its range, in the operations for which PyTorch raises RuntimeError."""


class ContractError(ArgumentError, AssertionError):
    """An argument that cannot be, or that does not fit the others, where PyTorch raises AssertionError."""


class UnsupportedError(LeptonError, NotImplementedError):
    """A combination of arguments that does not exist, where PyTorch raises NotImplementedError."""


class RecomputationError(LeptonError, RuntimeError):
    """A checkpointed function that did something else when it was run again."""


class LinAlgError(LeptonError, RuntimeError):
    """A matrix for which there is no result: singular, not positive-definite, or one on which an algorithm fails."""


class RandomError(LeptonError, RuntimeError):
    """A distribution's parameter outside of its range, or a random state that cannot be read."""


class ModuleNameError(LeptonError, KeyError):
    """A name that a part of a module cannot have, or that no part of it has."""

    __str__ = Exception.__str__  # KeyError would print the message with quotes and escapes


class ModuleAttributeError(LeptonError, AttributeError):
    """A module, parameter or buffer that is not there, or assigned before ``Module.__init__``."""


class HookError(LeptonError, RuntimeError):
    """A hook that returned what it may not, or was called out of order."""


class MissingForwardError(LeptonError, NotImplementedError):
    """A module that was called has no ``forward``."""


class ParametrizationError(LeptonError, RuntimeError):
    """A parametrised module that cannot do what it is asked."""


class MissingInverseError(LeptonError, NotImplementedError):
    """A parametrisation that has no inverse in the form that was chosen."""


class StateDictError(LeptonError, RuntimeError):
    """A state_dict that does not fit: missing or unexpected keys, other shapes."""


class OptimizerError(LeptonError, RuntimeError):
    """Options of an optimizer or a schedule that exclude each other, or that do not fit its groups."""


class MissingOptionError(LeptonError, KeyError):
    """A parameter group lacks an option that a schedule needs."""

    __str__ = Exception.__str__


class CheckpointError(LeptonError, RuntimeError):
    """A checkpoint file that cannot be read or written."""


class DataError(LeptonError, RuntimeError):
    """Data that cannot be used: an unreadable file, a folder without classes, a class without images."""


class DataNotFoundError(DataError, FileNotFoundError):
    """A file or folder of data that is not there, or in which nothing of use is found."""


class MissingExtraError(LeptonError, ImportError):
    """An optional package is not installed or cannot be loaded; the message names the extra that brings it."""


def require(module: str, extra: str, purpose: str) -> Any:
    """Import an optional module for a purpose, a noun: ``require("PIL.Image", "vision", "reading images")``.

    Raises:
        MissingExtraError: it is not installed, or installed and broken.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is None:
            state = f"is installed but cannot be loaded ({error})"
        elif missing.partition(".")[0] == package:
            state = "is not installed"
        else:
            state = f"is installed but misses the package '{missing}'"
        raise MissingExtraError(
            f"the package '{package}' is needed for {purpose} and {state}: pip install 'lepton[{extra}]'", name=module
        ) from error
