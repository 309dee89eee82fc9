"""Networks on images: the documented convolutional network, two ResNets, and a variational autoencoder."""

from __future__ import annotations

import functools
from typing import Any

from workloads.workload import Workload, classification_loss, forward, integers, normal

# ---------------------------------------------------------------------- the documented network


def convnet_model(framework: Any, width: int, depth: int) -> Any:
    """conv 3×3 → ReLU → max-pool, twice, the second with twice the channels; linear → ReLU → linear.

    ``depth`` counts the convolutions before each pooling.
    """
    nn = framework.nn
    layers: list[Any] = []
    channels = 3
    for out in (width, 2 * width):
        for _ in range(depth):
            layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU()]
            channels = out
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(channels * 6 * 6, 128), nn.ReLU(), nn.Linear(128, 10)]
    return nn.Sequential(*layers)


def convnet(batch: int = 32, width: int = 32, depth: int = 1) -> Workload:
    return Workload(
        "convnet", f"ConvNet 24×24, batch {batch}, SGD with momentum",
        model=lambda framework: convnet_model(framework, width, depth),
        batch=lambda rng: (normal(rng, batch, 3, 24, 24), integers(rng, 10, batch)),
        loss=classification_loss,
        optimizer="SGD", settings={"lr": 0.001, "momentum": 0.9},
    )  # fmt: skip


def convnet_inference(batch: int) -> Workload:
    return Workload(
        f"convnet-{batch}", f"ConvNet 24×24, batch {batch}",
        model=lambda framework: convnet_model(framework, 32, 1),
        batch=lambda rng: (normal(rng, batch, 3, 24, 24),),
        loss=forward,
    )  # fmt: skip


# ---------------------------------------------------------------------- ResNets


def resnet_model(framework: Any, widths: tuple[int, ...], blocks: int) -> Any:
    """A ResNet for 32×32 images (He et al., 2016): a 3×3 stem, then for each width so many blocks of two convolutions.

    The first block of every width but the first halves the image, and its shortcut is a 1×1 convolution.
    """
    nn = framework.nn

    def convolution(before: int, after: int, size: int, stride: int) -> list[Any]:
        layer = nn.Conv2d(before, after, size, stride=stride, padding=size // 2, bias=False)
        return [layer, nn.BatchNorm2d(after)]

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *convolution(before, after, 3, stride), nn.ReLU(), *convolution(after, after, 3, 1)
            )
            same = before == after and stride == 1
            self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(before, after, 1, stride))
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.body(x) + self.shortcut(x))

    layers = [*convolution(3, widths[0], 3, 1), nn.ReLU()]
    channels = widths[0]
    for stage, width in enumerate(widths):
        for block in range(blocks):
            layers.append(Block(channels, width, 2 if stage and not block else 1))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def resnet_training(name: str, widths: tuple[int, ...], blocks: int, batch: int) -> Workload:
    return Workload(
        name, f"ResNet {'-'.join(map(str, widths))}, {blocks} blocks each, 32×32, batch {batch}, SGD with momentum",
        model=lambda framework: resnet_model(framework, widths, blocks),
        batch=lambda rng: (normal(rng, batch, 3, 32, 32), integers(rng, 10, batch)),
        loss=classification_loss,
        optimizer="SGD", settings={"lr": 0.01, "momentum": 0.9},
    )  # fmt: skip


def resnet(batch: int = 32, blocks: int = 3) -> Workload:
    """ResNet-20."""
    return resnet_training("resnet", (16, 32, 64), blocks, batch)


def resnet18(batch: int = 8) -> Workload:
    """ResNet-18 with the stem for small images: 512 channels on 4×4 at the end."""
    return resnet_training("resnet18", (64, 128, 256, 512), 2, batch)


def resnet18_inference(batch: int) -> Workload:
    return Workload(
        f"resnet18-{batch}", f"ResNet-18 32×32, batch {batch}",
        model=lambda framework: resnet_model(framework, (64, 128, 256, 512), 2),
        batch=lambda rng: (normal(rng, batch, 3, 32, 32),),
        loss=forward,
    )  # fmt: skip


# ---------------------------------------------------------------------- autoencoder


def vae_model(framework: Any, latent: int = 16) -> Any:
    """A convolutional variational autoencoder of 28×28 images (Kingma & Welling, 2014)."""
    nn = framework.nn

    class Autoencoder(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.ReLU(),
                nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
                nn.Flatten(), nn.Linear(64 * 7 * 7, 2 * latent),
            )  # fmt: skip
            self.decoder = nn.Sequential(
                nn.Linear(latent, 64 * 7 * 7), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
                nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.ReLU(),
                nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
            )  # fmt: skip

        def forward(self, x: Any, noise: Any) -> tuple[Any, Any, Any]:
            mean, log_variance = self.encoder(x).chunk(2, 1)
            return self.decoder(mean + noise * (0.5 * log_variance).exp()), mean, log_variance

    return Autoencoder()


def vae_loss(framework: Any, model: Any, x: Any, noise: Any) -> Any:
    """Binary cross-entropy of the pixels plus the Kullback-Leibler divergence, per image."""
    scores, mean, log_variance = model(x, noise)
    pixels = framework.nn.functional.binary_cross_entropy_with_logits(scores, x, reduction="sum")
    divergence = -0.5 * (1 + log_variance - mean * mean - log_variance.exp()).sum()
    return (pixels + divergence) / x.shape[0]


def vae(batch: int = 64, latent: int = 16) -> Workload:
    return Workload(
        "vae", f"convolutional VAE 28×28, batch {batch}, Adam",
        model=lambda framework: vae_model(framework, latent),
        batch=lambda rng: (rng.random((batch, 1, 28, 28), "float32"), normal(rng, batch, latent)),
        loss=vae_loss,
        optimizer="Adam", settings={"lr": 0.001},
    )  # fmt: skip


MAKERS = {
    "convnet": convnet,
    "resnet": resnet,
    "resnet18": resnet18,
    "vae": vae,
    "convnet-1": functools.partial(convnet_inference, 1),
    "convnet-32": functools.partial(convnet_inference, 32),
    "resnet18-1": functools.partial(resnet18_inference, 1),
    "resnet18-32": functools.partial(resnet18_inference, 32),
}
