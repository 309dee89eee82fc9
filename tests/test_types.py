"""What a type checker knows of the names that a program has after a bare import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lepton

MODULES = [
    lepton, lepton.autograd, lepton.linalg, lepton.nn, lepton.nn.functional, lepton.nn.init, lepton.nn.modules,
    lepton.nn.utils, lepton.nn.utils.rnn, lepton.optim, lepton.optim.lr_scheduler, lepton.optim.swa_utils,
    lepton.special, lepton.utils.checkpoint, lepton.utils.data,
]  # fmt: skip
MADE_ON_FIRST_USE = {*lepton._methods.AS_FUNCTIONS, *lepton._FUNCTIONS}  # the in-place functions, and the like


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_name_is_there_once_and_listed(module: object) -> None:
    names = module.__all__
    assert len(set(names)) == len(names)
    assert set(names) <= set(dir(module))
    assert all(hasattr(module, name) for name in names)


@pytest.mark.slow
def test_no_public_name_is_of_any_type(tmp_path: Path) -> None:
    """What mypy does not see in a module it takes for Any where there is a ``__getattr__``, for missing elsewhere."""
    pytest.importorskip("mypy")
    names = [f"{module.__name__}.{name}" for module in MODULES for name in module.__all__ if name[0] != "_"]
    names = [each for each in names if each.removeprefix("lepton.") not in MADE_ON_FIRST_USE]
    program = tmp_path / "program.py"
    program.write_text("\n".join(["import lepton", *[f"reveal_type({each})" for each in names]]))
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path), str(program)],
        env={**os.environ, "MYPYPATH": str(Path(lepton.__file__).parents[1])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = [line for line in run.stdout.splitlines() if Path(line.partition(":")[0]).name == program.name]
    assert len(told) == len(names), run.stdout + run.stderr
    unknown = [name for name, line in zip(names, told, strict=True) if 'Revealed type is "Any"' in line]
    assert not unknown and not [line for line in told if ": error:" in line]
