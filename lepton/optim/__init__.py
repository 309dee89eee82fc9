"""Optimizers and learning-rate schedules."""

from lepton.optim import lr_scheduler
from lepton.optim.adadelta import Adadelta
from lepton.optim.adafactor import Adafactor
from lepton.optim.adagrad import Adagrad
from lepton.optim.adam import Adam, AdamW
from lepton.optim.adamax import Adamax
from lepton.optim.asgd import ASGD
from lepton.optim.lbfgs import LBFGS
from lepton.optim.muon import Muon
from lepton.optim.nadam import NAdam
from lepton.optim.optimizer import Optimizer
from lepton.optim.radam import RAdam
from lepton.optim.rmsprop import RMSprop
from lepton.optim.rprop import Rprop
from lepton.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
]
