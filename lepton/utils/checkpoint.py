"""``torch.utils.checkpoint``'s names: :mod:`lepton.autograd.checkpoint`."""

from typing import TYPE_CHECKING

from lepton.autograd.checkpoint import *  # noqa: F403
from lepton.errors import RecomputationError

CheckpointError = RecomputationError

if not TYPE_CHECKING:  # which would take a computed list for an empty one, and all names for private ones
    from lepton.autograd.checkpoint import __all__ as _names

    __all__ = ["CheckpointError", *_names]
