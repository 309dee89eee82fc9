"""``torch.utils.checkpoint``'s names: :mod:`lepton.autograd.checkpoint`."""

from lepton.autograd.checkpoint import *  # noqa: F403
from lepton.autograd.checkpoint import __all__ as _names
from lepton.errors import RecomputationError as CheckpointError

__all__ = ["CheckpointError", *_names]
