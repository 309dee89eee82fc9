"""``torch.utils.data``'s names: :mod:`lepton.data`."""

from lepton.data import *  # noqa: F403
from lepton.data import __all__ as __all__
