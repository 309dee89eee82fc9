"""Optimizers and learning-rate schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from lepton.optim import swa_utils as swa_utils

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
    "swa_utils",
]


def __getattr__(name: str) -> Any:
    """Averages of weights, which bring the layers with them, are imported when they are first named."""
    if name == "swa_utils":
        import importlib

        return importlib.import_module("lepton.optim.swa_utils")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
