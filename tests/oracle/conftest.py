"""The comparisons run wherever PyTorch is importable; elsewhere they are skipped as a whole."""

from __future__ import annotations

import importlib.util
import os

import pytest

# PyTorch's values at nan, and its last digits, depend on the width of the CPU's vectors. The plain code is the same on
# every machine. It must be chosen before torch is first imported.
os.environ.setdefault("ATEN_CPU_CAPABILITY", "default")

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]


@pytest.fixture(autouse=True)
def _same_beginning() -> None:
    """Every test draws the same first weights, whichever ran before it in this process."""
    import torch

    import lepton

    torch.manual_seed(0)
    lepton.manual_seed(0)
