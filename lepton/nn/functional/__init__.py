"""The layers' mathematics as functions, under PyTorch's names."""

from typing import TYPE_CHECKING

from lepton.nn.functional import activation as _activation
from lepton.nn.functional import attention as _attention
from lepton.nn.functional import convolution as _convolution
from lepton.nn.functional import ctc as _ctc
from lepton.nn.functional import distance as _distance
from lepton.nn.functional import dropout as _dropout
from lepton.nn.functional import embedding as _embedding
from lepton.nn.functional import folding as _folding
from lepton.nn.functional import interpolation as _interpolation
from lepton.nn.functional import likelihood as _likelihood
from lepton.nn.functional import linear as _linear
from lepton.nn.functional import loss as _loss
from lepton.nn.functional import margin as _margin
from lepton.nn.functional import multihead as _multihead
from lepton.nn.functional import normalization as _normalization
from lepton.nn.functional import padding as _padding
from lepton.nn.functional import pooling as _pooling
from lepton.nn.functional import sampling as _sampling
from lepton.nn.functional import shuffling as _shuffling
from lepton.nn.functional.activation import *  # noqa: F403
from lepton.nn.functional.attention import *  # noqa: F403
from lepton.nn.functional.convolution import *  # noqa: F403
from lepton.nn.functional.ctc import *  # noqa: F403
from lepton.nn.functional.distance import *  # noqa: F403
from lepton.nn.functional.dropout import *  # noqa: F403
from lepton.nn.functional.embedding import *  # noqa: F403
from lepton.nn.functional.folding import *  # noqa: F403
from lepton.nn.functional.interpolation import *  # noqa: F403
from lepton.nn.functional.likelihood import *  # noqa: F403
from lepton.nn.functional.linear import *  # noqa: F403
from lepton.nn.functional.loss import *  # noqa: F403
from lepton.nn.functional.margin import *  # noqa: F403
from lepton.nn.functional.multihead import *  # noqa: F403
from lepton.nn.functional.normalization import *  # noqa: F403
from lepton.nn.functional.padding import *  # noqa: F403
from lepton.nn.functional.pooling import *  # noqa: F403
from lepton.nn.functional.sampling import *  # noqa: F403
from lepton.nn.functional.shuffling import *  # noqa: F403

if not TYPE_CHECKING:  # which would take a computed list for an empty one, and all names for private ones
    __all__ = [
        name
        for family in (
            _activation,
            _attention,
            _convolution,
            _ctc,
            _distance,
            _dropout,
            _embedding,
            _folding,
            _interpolation,
            _likelihood,
            _linear,
            _loss,
            _margin,
            _multihead,
            _normalization,
            _padding,
            _pooling,
            _sampling,
            _shuffling,
        )
        for name in family.__all__
    ]
