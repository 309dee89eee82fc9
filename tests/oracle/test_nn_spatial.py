"""Layers of padding, resizing, rearranging and unpooling against PyTorch's: how they print, their states, training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import lepton
from tests.oracle import test_nn

BUILDERS: list[Callable[[Any], Any]] = [
    *[lambda nn, n=n: getattr(nn, f"ConstantPad{n}d")(2, 3.5) for n in (1, 2, 3)],
    *[
        lambda nn, name=f"{kind}Pad{n}d": getattr(nn, name)(1)
        for kind in ("Zero", "Reflection", "Replication", "Circular")
        for n in (1, 2, 3)
    ],
    lambda nn: nn.ReplicationPad2d((1, 2, 3, 4)),
    lambda nn: nn.ConstantPad1d((3, 1), 0),
    lambda nn: nn.MaxUnpool1d(2),
    lambda nn: nn.MaxUnpool2d((2, 3), stride=(2, 1), padding=1),
    lambda nn: nn.MaxUnpool3d(3, 2),
    lambda nn: nn.Fold((3, 4), 2, padding=1),
    lambda nn: nn.Unfold((2, 3), stride=(1, 2)),
    lambda nn: nn.PixelShuffle(3),
    lambda nn: nn.PixelUnshuffle(3),
    lambda nn: nn.ChannelShuffle(2),
    lambda nn: nn.Upsample(2, mode="bilinear", align_corners=True),
    lambda nn: nn.Upsample(scale_factor=2),
    lambda nn: nn.Upsample(scale_factor=(2, 3.5), mode="bicubic"),
    lambda nn: nn.Upsample(size=(3, 4)),
    lambda nn: nn.UpsamplingNearest2d(scale_factor=2),
    lambda nn: nn.UpsamplingBilinear2d((2, 3)),
    lambda nn: nn.SyncBatchNorm(3),
    lambda nn: nn.SyncBatchNorm(3, momentum=None, affine=False, track_running_stats=False),
    lambda nn: nn.SyncBatchNorm.convert_sync_batchnorm(
        nn.Sequential(nn.BatchNorm1d(3, bias=False), nn.Sequential(nn.BatchNorm2d(2, affine=False)))
    ),
]


@pytest.mark.parametrize("build", BUILDERS)
def test_printing_states_and_parameters(build: Callable[[Any], Any]) -> None:
    test_nn.test_printing_states_and_parameters(build)


def test_attributes() -> None:
    for lib in (lepton, torch):
        layer = lib.nn.Upsample(scale_factor=(2, 3))
        assert (layer.name, layer.size, layer.scale_factor, layer.mode) == ("Upsample", None, (2.0, 3.0), "nearest")
        assert lib.nn.MaxUnpool2d(2).stride == (2, 2)
        assert lib.nn.CircularPad1d(2).padding == (2, 2)


def test_training_an_autoencoder_together() -> None:
    """Pooling and unpooling, shuffles, resizing and a spatial transformer: the same losses over ten steps."""

    def build(lib: Any) -> Any:
        nn = lib.nn

        class Net(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.pad, self.first = nn.ReflectionPad2d(1), nn.Conv2d(1, 4, 3)
                self.norm, self.shuffle = nn.SyncBatchNorm(4), nn.ChannelShuffle(2)
                self.pool = nn.MaxPool2d(2, return_indices=True)
                self.unpool, self.up = nn.MaxUnpool2d(2), nn.Upsample(scale_factor=2, mode="bilinear")
                self.blocks, self.fold = nn.Unfold(2, stride=2), nn.Fold(8, 2, stride=2)
                self.deep, self.pixels = nn.Conv2d(4, 4, 1), nn.PixelShuffle(2)
                self.theta = nn.Linear(64, 6)

            def forward(self, x: Any) -> Any:
                F = lib.nn.functional
                theta = self.theta(x.flatten(1)).tanh().reshape(-1, 2, 3)
                grid = F.affine_grid(theta, tuple(x.shape), align_corners=False)
                h = self.shuffle(self.norm(self.first(self.pad(F.grid_sample(x, grid, align_corners=False)))))
                pooled, places = self.pool(h)
                coarse = self.pixels(self.deep(pooled)) + self.up(pooled).mean(1, keepdim=True)
                return coarse + self.unpool(pooled, places).mean(1, keepdim=True) + self.fold(self.blocks(x))

        return Net().double()

    ours, theirs = build(lepton), build(torch)
    ours.load_state_dict({name: lepton.tensor(each.detach().numpy()) for name, each in theirs.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(3, 1, 8, 8))
    for _ in range(10):
        losses = []
        for lib, net in ((lepton, ours), (torch, theirs)):
            net.zero_grad()
            loss = ((net(lib.tensor(x)) - lib.tensor(x)) ** 2).mean()
            loss.backward()
            with lib.no_grad():
                for parameter in net.parameters():
                    parameter -= 0.01 * parameter.grad  # larger steps make roundings grow tenfold in each
            losses.append(loss.item())
        assert abs(losses[0] - losses[1]) <= 1e-9 * abs(losses[1])
