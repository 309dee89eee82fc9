"""The surface is whole: what PyTorch's rooms have is in it, or stands here with the reason why not."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import torch

import lepton
from tests.table._proof import find, surface

NAMES = {name for names in surface().values() for name in names}
LEFT_OUT = {
    "nn": r"Lazy.*|Fractional.*|Quant.*|LinearCrossEntropy.*|Container|NLLLoss2d|CrossMapLRN2d|DataParallel"
    r"|Uninitialized.*",
    "nn.functional": r"(scaled_|grouped_|scaled_grouped_)mm|fractional_.*|upsample(_bilinear|_nearest)?"
    r"|has_torch_function.*|handle_torch_function|assert_int_or_pair|boolean_dispatch",
    "nn.init": r"",
    "optim": r"SparseAdam|swap_in_optimizer_.*",  # there are no sparse gradients, and no compiled steps
    "optim.lr_scheduler": r"",
    "utils.data": r"DistributedSampler|.*DataPipe|DataChunk|argument_validation|runtime_validation.*|guaranteed_.*"
    r"|non_deterministic|functional_datapipe|_DatasetKind",
}
COMPLEX = {"is_complex"}  # of complex numbers there is only the question


def public(room: Any) -> list[str]:
    """Names that a room of PyTorch has of its own: listed by it, or defined in it."""
    listed = getattr(room, "__all__", None)
    if listed is None or room is torch.nn.functional:
        names = [name for name in vars(room) if not name.startswith("_")]
        kind = inspect.isroutine if room in (torch.nn.functional, torch.nn.init) else inspect.isclass
        own = [name for name in names if kind(getattr(room, name))]
        return [name for name in own if getattr(getattr(room, name), "__module__", "") != "typing"]
    return list(listed)


@pytest.mark.parametrize("room", LEFT_OUT)
def test_a_room_is_whole(room: str) -> None:
    there = {name for name in public(find(room, torch)) if not re.fullmatch(LEFT_OUT[room], name)}
    there -= {"init", "functional", "parallel"} if room == "nn" else set()
    there -= {"lr_scheduler", "swa_utils"} if room == "optim" else set()
    missing = sorted(name for name in there if f"{room}.{name}" not in NAMES)
    assert not missing, f"{room} lacks {missing}"


def test_functions_and_methods_have_the_same_names_in_both() -> None:
    missing = []
    for name in sorted(each for each in NAMES if "." not in each):
        if hasattr(torch, name) and not hasattr(lepton, name):
            missing.append(name)
        for method in (name, f"{name}_"):
            if hasattr(torch.Tensor, method) and not hasattr(lepton.Tensor, method) and name not in COMPLEX:
                missing.append(f"Tensor.{method}")
    assert not missing, f"{len(missing)} names are missing: {missing}"
