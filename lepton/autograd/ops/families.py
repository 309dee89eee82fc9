"""All families of ops; importing this module fills the table."""

from lepton.autograd.ops import conversion, joining

__all__ = ["conversion", "joining"]
