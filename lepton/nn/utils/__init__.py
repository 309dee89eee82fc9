"""Utilities around modules and their parameters."""

from lepton.nn.utils import rnn

__all__ = ["rnn"]
