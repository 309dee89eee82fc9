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

    The mean stays what it was. In evaluation the input passes unchanged.

    Args:
        p: in [0, 1]. inplace: write the result into the input.

    Input: (*), any shape. Output: (*).

    Raises:
        ArgumentError: ``p`` is outside [0, 1]. GradError (when called): ``inplace`` on a leaf that needs a gradient.

    >>> from lepton import nn, ones
    >>> layer = nn.Dropout(0.5)
    >>> layer(ones(1000)).unique()
    tensor([0., 2.])
    >>> layer.eval()(ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with elements dropped."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """In training, each channel of each sample is 0 with probability p and x/(1 − p) otherwise (Tompson et al., 2015).

    Neighbouring elements are alike, so that single ones, as :class:`Dropout` has them, would hardly be missed.

    Args:
        p: in [0, 1]. inplace: write the result into the input.

    Input: (N, C, L) or (C, L). Output: of the same shape.

    Raises:
        ArgumentError: ``p`` is outside [0, 1]. ShapeError (when called): an input of other dimensions. GradError (when
            called): ``inplace`` on a leaf that needs a gradient.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels dropped."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """In training, each channel of each image is 0 with probability p and x/(1 − p) otherwise (Tompson et al., 2015).

    Neighbouring pixels are alike, so that single ones, as :class:`Dropout` has them, would hardly be missed.

    Args:
        p: in [0, 1]. inplace: write the result into the input.

    Input: (N, C, H, W); (N, C, L) too, with a warning. Output: of the same shape.

    Raises:
        ArgumentError: ``p`` is outside [0, 1]. GradError (when called): ``inplace`` on a leaf that needs a gradient.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels dropped."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """In training, each channel of each volume is 0 with probability p and x/(1 − p) otherwise (Tompson et al., 2015).

    Args:
        p: in [0, 1]. inplace: write the result into the input.

    Input: (N, C, D, H, W) or (C, D, H, W). Output: of the same shape.

    Raises:
        ArgumentError: ``p`` is outside [0, 1]. GradError (when called): ``inplace`` on a leaf that needs a gradient.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels dropped."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout for SELU networks: in training, each element is α′ = −1.7581… with probability p, SELU's lower limit.

    The result is scaled and moved, a·x + b, so that mean 0 and variance 1 stay (Klambauer et al., 2017).

    Args:
        p: in [0, 1]. inplace: write the result into the input.

    Input: (*), any shape. Output: (*).

    Raises:
        ArgumentError: ``p`` is outside [0, 1]. GradError (when called): ``inplace`` on a leaf that needs a gradient.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with elements set to SELU's lower limit, rescaled."""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_DropoutNd):
    """Dropout for SELU networks: in training, each channel is α′ = −1.7581… with probability p, SELU's lower limit.

    The result is scaled and moved, a·x + b, so that mean 0 and variance 1 stay (Klambauer et al., 2017).

    Args:
        p: in [0, 1]. inplace: write the result into the input.

    Input: (N, C, …). Output: of the same shape.

    Raises:
        ArgumentError: ``p`` is outside [0, 1]. ShapeError (when called in training): the input has fewer than two
            dimensions. GradError (when called): ``inplace`` on a leaf that needs a gradient.
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with channels set to SELU's lower limit, rescaled."""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
