"""What the comparisons of ``nn.utils`` share: modules of equal weights, and their states compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.utils.parametrizations
import torch.nn.utils.prune

import lepton

LIBRARIES = (lepton, torch)


def host(tensor: Any) -> np.ndarray[Any, Any]:
    return np.array(tensor.detach().numpy())


def fill(library: Any, module: Any, seed: int = 0) -> Any:
    """The module in float64, with parameters and running statistics that depend on the seed alone."""
    rng = np.random.default_rng(seed)
    module = module.to(library.float64)
    with library.no_grad():
        for parameter in module.parameters():
            parameter.copy_(library.tensor(rng.standard_normal(tuple(parameter.shape))))
        for name, buffer in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.copy_(library.tensor(rng.uniform(0.5, 1.5, tuple(buffer.shape))))
    return module


def same(ours: Any, theirs: Any, rtol: float = 1e-10, atol: float = 1e-12) -> None:
    """Equal states: names in order, types, values."""
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert str(value.dtype)[7:] == str(theirs[name].dtype)[6:], name
        np.testing.assert_allclose(host(value), host(theirs[name]), rtol=rtol, atol=atol, err_msg=name)


def both(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    """What a function makes in both libraries; if PyTorch raises, Lepton has to raise the same."""
    made: list[Any] = []
    for library in (torch, lepton):
        try:
            made.append(make(library))
        except Exception as error:  # noqa: BLE001 - which exception it is, is what is compared
            made.append(error)
    theirs, ours = made
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert isinstance(theirs, Exception) and isinstance(ours, type(theirs)), made
    return ours, theirs


def used(library: Any, module: Any, shape: Any, count: int = 3) -> dict[str, Any]:
    """Outputs of some calls, gradients of their sum, and the state."""
    rng = np.random.default_rng(7)
    outputs = []
    total: Any = 0.0
    for _ in range(count):
        out = module(library.tensor(rng.standard_normal(shape)))
        outputs.append(out)
        total = total + (out * out).sum()
    total.backward()
    seen = {f"out{index}": each for index, each in enumerate(outputs)}
    seen.update({f"grad {name}": each.grad for name, each in module.named_parameters()})
    return {**seen, **module.state_dict()}
