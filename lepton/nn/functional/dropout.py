"""Dropout: in training, elements (or whole channels) are zeroed at random and the others scaled up."""

from __future__ import annotations

import math
import warnings

from lepton.autograd.inplace import assign
from lepton.autograd.op import Cast
from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.dropout import Dropout
from lepton.autograd.tensor import Tensor
from lepton.backend import random
from lepton.errors import ArgumentError, ShapeError
from lepton.kernels.dropout import keep_mask

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
]

_SELU_FLOOR = 1.7580993408473766  # −(lower limit of SELU): what a dropped element of alpha dropout becomes


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")


def _mask(input: Tensor, p: float, shape: tuple[int, ...]) -> object:
    """True with probability 1 − p, drawn from the default generator; the same on every device."""
    draw = random.current_generator().piece((math.prod(shape) + 1) // 2)
    return keep_mask(input._data, shape, 1.0 - p, draw)


def _dropped(input: Tensor, p: float, inplace: bool, shape: tuple[int, ...]) -> Tensor:
    scale = 1.0 / (1.0 - p) if p < 1.0 else 0.0
    found = Dropout(_mask(input, p, shape), scale)(input)
    return assign(input, found) if inplace else found


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each element becomes 0 with probability p and x/(1 − p) otherwise; else the input itself.

    Args:
        input: of any shape. p: in [0, 1]. training: whether anything is dropped at all.
        inplace: write the result into the input.

    Raises:
        ArgumentError: ``p`` is outside [0, 1].
    """
    _check_probability(p)
    check_tensor(input, "dropout")
    if not training or p == 0.0:
        return input
    return _dropped(input, p, inplace, input._data.shape)


def _dropped_channels(input: Tensor, p: float, training: bool, inplace: bool, batched: bool) -> Tensor:
    if not training or p == 0.0:
        return input
    shape, leading = input._data.shape, 2 if batched else 1
    return _dropped(input, p, inplace, shape[:leading] + (1,) * (len(shape) - leading))


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """:func:`dropout` of whole channels of an input of shape (N, C, L) or (C, L).

    Raises:
        ArgumentError: ``p`` is outside [0, 1]. ShapeError: the input has neither two nor three dimensions.
    """
    _check_probability(p)
    ndim = check_tensor(input, "dropout1d").ndim
    if ndim not in (2, 3):
        raise ShapeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        )
    return _dropped_channels(input, p, training, inplace, ndim == 3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """:func:`dropout` of whole channels of an input of shape (N, C, H, W); (N, C, L) is taken for it too.

    Raises:
        ArgumentError: ``p`` is outside [0, 1].
    """
    _check_probability(p)
    ndim = check_tensor(input, "dropout2d").ndim
    if ndim not in (3, 4):
        _warn_about_dims("dropout2d", ndim, "2 spatial dimensions", "3D or 4D")
    elif ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim. Please use dropout1d instead.",
            stacklevel=2,
        )
    return _dropped_channels(input, p, training, inplace, True)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """:func:`dropout` of whole channels of an input of shape (N, C, D, H, W) or (C, D, H, W).

    Raises:
        ArgumentError: ``p`` is outside [0, 1].
    """
    _check_probability(p)
    ndim = check_tensor(input, "dropout3d").ndim
    if ndim not in (4, 5):
        _warn_about_dims("dropout3d", ndim, "3 spatial dimensions", "4D or 5D")
    return _dropped_channels(input, p, training, inplace, ndim != 4)


def _warn_about_dims(what: str, ndim: int, spatial: str, wanted: str) -> None:
    warnings.warn(
        f"{what}: Received a {ndim}-D input to {what}, which is deprecated and will result in an error in a future "
        f"release. Note that {what} exists to provide channel-wise dropout on inputs with {spatial}, a channel "
        f"dimension, and an optional batch dimension (i.e. {wanted} inputs).",
        stacklevel=3,
    )


def _alpha(input: Tensor, p: float, inplace: bool, shape: tuple[int, ...]) -> Tensor:
    """a·(x where kept, −α′ elsewhere) + b, with a and b such that mean 0 and variance 1 are kept."""
    kept = Cast(input._data.dtype)(Tensor(_mask(input, p, shape)))
    if p == 1.0:
        found = input * kept
    else:
        a = 1.0 / math.sqrt((_SELU_FLOOR**2 * p + 1.0) * (1.0 - p))
        found = input * (kept * a) + ((kept - 1) * (_SELU_FLOOR * a) + _SELU_FLOOR * a * p)
    return assign(input, found) if inplace else found


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout for SELU networks: dropped elements get SELU's lower limit, and mean 0 and variance 1 are kept.

    Args:
        input: floating, of any shape. p: in [0, 1]. training: whether anything is dropped at all.
        inplace: write the result into the input.

    Raises:
        ArgumentError: ``p`` is outside [0, 1].
    """
    _check_probability(p)
    check_tensor(input, "alpha_dropout")
    if not training or p == 0.0:
        return input
    return _alpha(input, p, inplace, input._data.shape)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """:func:`alpha_dropout` of whole channels of an input of shape (N, C, …).

    Raises:
        ArgumentError: ``p`` is outside [0, 1]. ShapeError: the input has fewer than two dimensions.
    """
    _check_probability(p)
    shape = check_tensor(input, "feature_alpha_dropout")._data.shape
    if not training or p == 0.0:
        return input
    if len(shape) < 2:
        raise ShapeError(
            f"Feature dropout requires at least 2 dimensions in the input, (N, C, …), but got {list(shape)}"
        )
    return _alpha(input, p, inplace, shape[:2] + (1,) * (len(shape) - 2))
