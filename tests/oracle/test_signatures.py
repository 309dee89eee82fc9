"""Arguments have PyTorch's names, order and defaults, wherever PyTorch's can be seen from Python."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import pytest
import torch

from tests.table._proof import find, surface

importlib.import_module("torch.nn.utils.prune")  # PyTorch does not load it by itself

# Why an argument differs. NumPy's axis and keepdims follow PyTorch's own, and count as additions.
DIFFERS = {
    "meshgrid": "indexing has the default that PyTorch warns to come",
    "norm": "out is not accepted",
    "chain_matmul": "out is not accepted",
    "tensordot": "out is not accepted",
    "enable_grad": "the decorated function's name shows nowhere",
    "autograd.enable_grad": "as above",
    "autograd.gradcheck": "there is neither forward mode nor vmap to check",
    "autograd.gradgradcheck": "as above",
    "optim.lr_scheduler.ReduceLROnPlateau": "min_lr is 0.0, not 0",
    "utils.data.random_split": "None stands for the default generator, which PyTorch has as the default itself",
}


def arguments(function: Any) -> list[tuple[str, str]] | None:
    """Names and defaults; None where they cannot be seen."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    named = [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    return [(each.name, re.sub(r" at 0x\w+|torch\.|lepton\.", "", repr(each.default))) for each in named]



SEEN = [name for names in surface().values() for name in names if callable(find(name, torch))]


@pytest.mark.parametrize("name", [name for name in SEEN if arguments(find(name, torch)) is not None])
def test_arguments(name: str) -> None:
    ours, theirs = arguments(find(name)), arguments(find(name, torch))
    assert ours is not None and theirs is not None
    same = ours[: len(theirs)] == theirs
    assert same == (name not in DIFFERS), f"{ours}, PyTorch has {theirs}"
