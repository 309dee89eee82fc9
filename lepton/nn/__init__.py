"""Neural networks: modules, layers, losses, and how parameters begin."""

from lepton.nn import functional, init, layers
from lepton.nn.layers import *  # noqa: F403
from lepton.nn.module import Module
from lepton.nn.module_containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from lepton.nn.parameter import Buffer, Parameter

__all__ = [
    "Buffer",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Sequential",
    "functional",
    "init",
    *layers.__all__,
]
