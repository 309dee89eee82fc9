"""A run left in the middle of an epoch that goes on from its checkpoint, in other objects, has the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lepton import get_rng_state, nn, optim, set_rng_state
from lepton.autograd.tensor import Tensor
from lepton.backend.random import default_generator
from lepton.data import DataLoader, TensorDataset
from lepton.errors import CheckpointError
from lepton.io import load, save
from lepton.optim import lr_scheduler
from tests.io.support import same

MAKERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda parameters: optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "Adam": lambda parameters: optim.Adam(parameters, lr=0.01, betas=(0.8, 0.99), amsgrad=True),
    "AdamW": lambda parameters: optim.AdamW([{"params": parameters[:2], "lr": 0.02}, {"params": parameters[2:]}]),
}


@pytest.fixture(autouse=True)
def _keep_random_state() -> Any:
    state = default_generator.get_state_bytes()
    yield
    default_generator.set_state_bytes(state)


class Run:
    """A model with everything that has state, and the loop that trains it."""

    def __init__(self, optimizer: str, seed: int) -> None:
        default_generator.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
        self.optimizer = MAKERS[optimizer](list(self.model.parameters()))
        self.scheduler = lr_scheduler.StepLR(self.optimizer, step_size=1, gamma=0.5)
        data = np.random.Generator(np.random.PCG64(0)).normal(size=(40, 4)).astype(np.float32)
        dataset = TensorDataset(Tensor(data), Tensor(np.arange(40) % 3))
        self.loader = DataLoader(dataset, batch_size=4, shuffle=True, num_workers=2)
        self.epoch, self.losses = 0, []

    def train(self, epochs: int, leave_after: int | None = None, path: Path | None = None) -> None:
        """Go on to the end of ``epochs``, or to the checkpoint after so many batches in all."""
        criterion, done = nn.CrossEntropyLoss(), 0
        while self.epoch < epochs:
            for inputs, targets in self.loader:
                self.optimizer.zero_grad()
                loss = criterion(self.model(inputs), targets)
                loss.backward()
                self.optimizer.step()
                self.losses.append(loss.item())
                done += 1
                if done == leave_after:
                    save(self.state(), path)
                    return
            self.scheduler.step()
            self.epoch += 1

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "loader": self.loader.state_dict(),
            "random": get_rng_state(),
            "epoch": self.epoch,
            "losses": self.losses,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.loader.load_state_dict(state["loader"])
        set_rng_state(state["random"])
        self.epoch, self.losses = state["epoch"], state["losses"]


@pytest.mark.parametrize("optimizer", MAKERS)
@pytest.mark.parametrize("leave_after", [1, 17, 20])
def test_bit_for_bit(optimizer: str, leave_after: int, tmp_path: Path) -> None:
    whole = Run(optimizer, 1)
    whole.train(3)
    left = Run(optimizer, 1)
    left.train(3, leave_after, tmp_path / "checkpoint")
    resumed = Run(optimizer, 999)
    resumed.restore(load(tmp_path / "checkpoint"))
    resumed.train(3)
    assert resumed.losses == whole.losses and len(whole.losses) == 30
    assert same(resumed.state(), whole.state())


def test_every_state_comes_back_as_it_was(tmp_path: Path) -> None:
    run = Run("AdamW", 1)
    run.train(2, 13, tmp_path / "checkpoint")
    loaded = load(tmp_path / "checkpoint")
    assert same(loaded, run.state())
    assert loaded["model"]._metadata == run.model.state_dict()._metadata


def test_a_failed_load_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    run = Run("Adam", 1)
    run.train(2, 13, path)
    before = run.state()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="1 bytes too early"):
        run.restore(load(path))
    assert same(run.state(), before)
