"""Tensors print as PyTorch prints them."""

import numpy as np
import pytest
import torch

import lepton

CASES = {
    "scalar": np.float32(3.5),
    "integer scalar": np.int64(7),
    "whole floats": np.array([1.0, 2.0, -3.0], np.float32),
    "fractions": np.array([1.5, -2.25, 100.125], np.float32),
    "small": np.array([1e-5, 1.0], np.float32),
    "large": np.array([1e9, 1.0], np.float32),
    "large fractions": np.array([12345.678, 0.5], np.float32),
    "special": np.array([np.nan, np.inf, -np.inf, 1.5], np.float32),
    "only special": np.array([np.nan, np.inf], np.float32),
    "zeros": np.zeros(3, np.float32),
    "negative zero": np.array([-0.0, 1.0], np.float32),
    "integers": np.array([[1, -20], [300, 4]], np.int64),
    "int32": np.array([1, 2], np.int32),
    "uint8": np.array([1, 255], np.uint8),
    "bool": np.array([[True, False]]),
    "float64": np.array([1.5, 2.5]),
    "float16": np.array([1.5, 2.5], np.float16),
    "cube": np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7,
    "long": np.arange(60, dtype=np.float32) / 3,
    "summary": np.arange(2000, dtype=np.float32),
    "summary 2d": np.arange(10000, dtype=np.float32).reshape(100, 100),
    "summary 3d": np.arange(4000, dtype=np.float32).reshape(2, 40, 50),
    "empty": np.zeros(0, np.float32),
    "empty 2d": np.zeros((0, 3), np.float32),
    "empty integers": np.zeros((2, 0), np.int64),
    "many bools": np.arange(50) % 3 == 0,
}


@pytest.mark.parametrize("name", CASES)
def test_same_text(name):
    array = np.asarray(CASES[name])
    ours = repr(lepton.from_numpy(array.copy()))
    theirs = repr(torch.from_numpy(array.copy()))
    assert ours == theirs.replace("torch.", "lepton.")


def test_gradients_in_the_text():
    for lib in (torch, lepton):
        x = lib.ones(2, requires_grad=True)
        assert repr(x) == "tensor([1., 1.], requires_grad=True)"
        assert repr(x * 2) == "tensor([2., 2.], grad_fn=<MulBackward0>)"


@pytest.mark.parametrize(
    "options",
    [{"precision": 2}, {"sci_mode": True}, {"threshold": 5}, {"linewidth": 40}, {"profile": "short"}],
    ids=str,
)
def test_print_options(options):
    array = np.arange(12, dtype=np.float32) / 7
    try:
        lepton.set_printoptions(**options)
        torch.set_printoptions(**options)
        assert repr(lepton.from_numpy(array)) == repr(torch.from_numpy(array))
    finally:
        lepton.set_printoptions(profile="default")
        torch.set_printoptions(profile="default")
