"""Dropout layers: at work in training mode, the identity in evaluation mode."""

from __future__ import annotations

from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError
from lepton.nn import functional as F
from lepton.nn.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    """What all of them share: the probability p, and whether to write into the input."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """In training, each element is 0 with probability p and x/(1 − p) otherwise (Srivastava et al., 2014).

    So the expectation of each stays what it was. In evaluation it is the identity. Input and output: (*).

    Args:
        p: in [0, 1]. inplace: write the result into the input.

    Raises:
        ArgumentError: ``p`` is outside [0, 1].

    >>> import lepton
    >>> from lepton import nn
    >>> layer = nn.Dropout(0.5)
    >>> sorted(set(layer(lepton.ones(1000)).tolist()))
    [0.0, 2.0]
    >>> layer.eval()(lepton.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with elements dropped."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """:class:`Dropout` of whole channels of (N, C, L) or (C, L)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels dropped."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """:class:`Dropout` of whole channels of (N, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels dropped."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """:class:`Dropout` of whole channels of (N, C, D, H, W) or (C, D, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels dropped."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout for SELU networks, which keeps mean 0 and variance 1 (Klambauer et al., 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with elements set to SELU's lower limit, rescaled."""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_DropoutNd):
    """:class:`AlphaDropout` of whole channels of (N, C, …)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels set to SELU's lower limit, rescaled."""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
