"""PyTorch's name for where modules and layers live: ``torch.nn.modules``."""

from lepton.nn import layers
from lepton.nn.layers import *  # noqa: F403
from lepton.nn.module import Module
from lepton.nn.module_containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from lepton.nn.modules import module

__all__ = [
    "Module",
    "ModuleDict",
    "ModuleList",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "module",
    *layers.__all__,
]
