"""Learning-rate schedules: each changes the ``lr`` of an optimizer's groups, once per ``step()``.

Most are written in PyTorch's chainable form, from the present rate to the next, so that several can act on one
optimizer.
"""

from lepton.optim.lr_scheduler.base import LRScheduler
from lepton.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR
from lepton.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from lepton.optim.lr_scheduler.cyclic import CyclicLR, OneCycleLR
from lepton.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from lepton.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
