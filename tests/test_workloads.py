"""The benchmarks' workloads written as functions, for frameworks without modules, compute what Lepton's modules do."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import lepton
from lepton.kernels.special import erf

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SMALL: dict[str, dict[str, int]] = {
    "mlp-tiny": {},
    "mlp": {"batch": 4, "width": 16},
    "convnet": {"batch": 2, "width": 4},
    "gpt": {"batch": 2, "width": 64, "depth": 1, "tokens": 16},
    "lstm": {"batch": 2, "width": 16, "tokens": 5},
    "transformer": {"batch": 2, "width": 32, "depth": 1, "tokens": 5},
    "text": {"batch": 4, "words": 50, "width": 8},
    "convnet-1": {},
    "gpt-1": {},
}


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("workloads")


@pytest.mark.parametrize("name", SMALL)
def test_as_a_function(name: str, workloads: ModuleType, tmp_path: Path) -> None:
    functional, toolbox = importlib.import_module("sides.functional"), importlib.import_module("sides.toolbox")
    eager = importlib.import_module("sides.eager")
    k = toolbox.Toolbox()
    k.erf = erf
    workload = workloads.make(name, **SMALL[name])
    workloads.prepare(workload, lepton, tmp_path / "drawn.npz")
    w, b, batches = importlib.import_module("sides.drawn").read(str(tmp_path / "drawn.npz"), k)
    with np.load(tmp_path / "drawn.npz") as drawn:
        model = eager.loaded_model(lepton, workload, drawn)
    tensors = [lepton.from_numpy(each) for each in batches[0]]
    with lepton.no_grad():
        expected = workload.loss(lepton, model, *tensors).numpy()
    found = functional.FUNCTIONS[name](k, w, b, *batches[0])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * abs(expected).max())


OPTIMIZERS: list[tuple[str, dict[str, float]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("Adam", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("name", "settings"), OPTIMIZERS)
def test_optimizers_as_functions(name: str, settings: dict[str, Any], workloads: ModuleType) -> None:
    toolbox = importlib.import_module("sides.toolbox")
    rng = np.random.default_rng(0)
    w = {"a": rng.standard_normal((2, 3))}
    weight = lepton.nn.Parameter(lepton.from_numpy(w["a"].copy()))
    optimizer = getattr(lepton.optim, name)([weight], **settings)
    state = toolbox.first_state(np, name, settings, w)
    for t in range(1, 4):
        g = rng.standard_normal((2, 3))
        weight.grad = lepton.from_numpy(g)
        optimizer.step()
        w, state = toolbox.update(np, name, settings, w, {"a": g}, state, t)
    np.testing.assert_allclose(w["a"], weight.detach().numpy(), rtol=1e-6)


def test_sides_that_are_missing_are_named(
    workloads: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = importlib.import_module("sides")
    monkeypatch.setitem(sides.SIDES, "other", sides.Side("a_framework_that_is_not_there", "eager"))
    assert sides.installed(["lepton", "other"]) == ["lepton"]
    assert capsys.readouterr().out == "not installed, skipped: other\n"


def test_different_results_are_refused(workloads: ModuleType) -> None:
    harness = importlib.import_module("harness")

    class Told:
        def __init__(self, side: str, *numbers: float) -> None:
            self.side, self.numbers = side, [list(numbers)]

    harness.check_agreement([Told("a", 1.0, 1e-9), Told("b", 1.0, 0.0)], 1e-6)
    with pytest.raises(harness.DisagreementError, match=r"step 0 of a and b differ by 1\.0e-03"):
        harness.check_agreement([Told("a", 1.001, 0.0), Told("b", 1.0, 0.0)], 1e-6)
    with pytest.raises(harness.DisagreementError, match="nan"):
        harness.check_agreement([Told("a", float("nan"), 0.0), Told("b", 1.0, 0.0)], 1e-6)
