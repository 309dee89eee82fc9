"""Optimizers and learning-rate schedules."""

from lepton.optim import lr_scheduler
from lepton.optim.adam import Adam, AdamW
from lepton.optim.optimizer import Optimizer
from lepton.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
