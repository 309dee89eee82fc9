"""The benchmarks' workloads compute the same on Lepton and PyTorch: results, and gradients of all weights."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import lepton

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL: dict[str, dict[str, int]] = {
    "mlp-tiny": {},
    "mlp": {"batch": 4, "width": 16},
    "convnet": {"batch": 2, "width": 4},
    "resnet": {"batch": 2, "blocks": 1},
    "resnet18": {"batch": 2},
    "vae": {"batch": 2},
    "gpt": {"batch": 2, "width": 64, "depth": 1, "tokens": 16},
    "gpt-1024": {"batch": 1, "width": 32, "depth": 1},
    "lstm": {"batch": 2, "width": 16, "tokens": 5},
    "transformer": {"batch": 2, "width": 32, "depth": 1, "tokens": 5},
    "text": {"batch": 4, "words": 50, "width": 8},
    "convnet-1": {},
    "resnet18-1": {},
    "gpt-1": {},
}


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("workloads")


def result(framework: Any, workload: Any, drawn: Any) -> list[np.ndarray]:
    """What the first batch gives, and in training the gradients."""
    eager = importlib.import_module("sides.eager")
    model = eager.loaded_model(framework, workload, drawn)
    batch = [framework.from_numpy(drawn[f"batch/0/{i}"]) for i in range(eager.count_inputs(drawn))]
    out = workload.loss(framework, model, *batch)
    if not workload.training:
        return [out.detach().numpy()]
    out.backward()
    return [out.detach().numpy(), *[each.grad.numpy() for each in model.parameters()]]


@pytest.mark.parametrize("name", SMALL)
def test_both_compute_the_same(name: str, workloads: ModuleType, tmp_path: Path) -> None:
    workload = workloads.make(name, **SMALL[name])
    workloads.prepare(workload, lepton, tmp_path / "drawn.npz")
    with np.load(tmp_path / "drawn.npz") as drawn:
        mine, others = result(lepton, workload, drawn), result(torch, workload, drawn)
    assert len(mine) == len(others)
    for x, y in zip(mine, others, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-4 * abs(y).max())


def test_no_workload_is_left_out(workloads: ModuleType) -> None:
    assert set(SMALL) == {name for name in workloads.WORKLOADS if not name.endswith("-32")}
    assert set(workloads.WORKLOADS) == {*workloads.TRAINING, *workloads.INFERENCE}
