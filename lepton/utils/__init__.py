"""PyTorch's names for what lives in other rooms: ``lepton.utils.data`` is :mod:`lepton.data`."""

from lepton.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
