"""PyTorch's name for where modules and layers live: ``torch.nn.modules``."""

from typing import TYPE_CHECKING

from lepton.nn.layers import *  # noqa: F403
from lepton.nn.module import Module as Module
from lepton.nn.module_containers import *  # noqa: F403
from lepton.nn.modules import module as module

if not TYPE_CHECKING:  # which would take a computed list for an empty one, and all names for private ones
    from lepton.nn import layers, module_containers

    __all__ = ["Module", "module", *module_containers.__all__, *layers.__all__]
