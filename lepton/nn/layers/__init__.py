"""The layers: thin classes that hold parameters and call ``lepton.nn.functional``."""

from typing import TYPE_CHECKING

from lepton.nn.layers import (
    activation,
    adaptive,
    attention,
    convolution,
    distance,
    dropout,
    embedding,
    flatten,
    linear,
    loss,
    margin,
    normalization,
    padding,
    pooling,
    recurrent,
    recurrent_cell,
    resizing,
    synchronized,
    transformer,
)
from lepton.nn.layers.activation import *  # noqa: F403
from lepton.nn.layers.adaptive import *  # noqa: F403
from lepton.nn.layers.attention import *  # noqa: F403
from lepton.nn.layers.convolution import *  # noqa: F403
from lepton.nn.layers.distance import *  # noqa: F403
from lepton.nn.layers.dropout import *  # noqa: F403
from lepton.nn.layers.embedding import *  # noqa: F403
from lepton.nn.layers.flatten import *  # noqa: F403
from lepton.nn.layers.linear import *  # noqa: F403
from lepton.nn.layers.loss import *  # noqa: F403
from lepton.nn.layers.margin import *  # noqa: F403
from lepton.nn.layers.normalization import *  # noqa: F403
from lepton.nn.layers.padding import *  # noqa: F403
from lepton.nn.layers.pooling import *  # noqa: F403
from lepton.nn.layers.recurrent import *  # noqa: F403
from lepton.nn.layers.recurrent_cell import *  # noqa: F403
from lepton.nn.layers.resizing import *  # noqa: F403
from lepton.nn.layers.synchronized import *  # noqa: F403
from lepton.nn.layers.transformer import *  # noqa: F403

if not TYPE_CHECKING:  # which would take a computed list for an empty one, and all names for private ones
    __all__ = [
        name
        for family in (
            activation,
            adaptive,
            attention,
            convolution,
            distance,
            dropout,
            embedding,
            flatten,
            linear,
            loss,
            margin,
            normalization,
            padding,
            pooling,
            recurrent,
            recurrent_cell,
            resizing,
            synchronized,
            transformer,
        )
        for name in family.__all__
    ]
