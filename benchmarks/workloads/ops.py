"""Single ops, with the shapes that they have in the workloads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.workload import integers, normal

CHAIN = 32  # ops in a row when the engine's own cost is measured


@dataclass(frozen=True)
class Case:
    """One op.

    Attributes:
        function: from the framework and the inputs' tensors to the result.
        inputs: draws the inputs; those of floating type get gradients.
    """

    function: Callable[..., Any]
    inputs: Callable[[np.random.Generator], tuple[np.ndarray, ...]]


def on(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Case:
    """An op on normal numbers of these shapes."""
    return Case(function, lambda rng: tuple(normal(rng, *shape) for shape in shapes))


def convolution(n: int, before: int, after: int, size: int, image: int, stride: int = 1) -> Case:
    """A convolution that keeps the image's size or divides it by the stride."""

    def function(framework: Any, x: Any, weight: Any) -> Any:
        return framework.nn.functional.conv2d(x, weight, stride=stride, padding=size // 2)

    return on(function, (n, before, image, image), (after, before, size, size))


def functional(name: str, **settings: Any) -> Callable[..., Any]:
    """A function of ``nn.functional``."""
    return lambda framework, *inputs: getattr(framework.nn.functional, name)(*inputs, **settings)


def plain(name: str, **settings: Any) -> Callable[..., Any]:
    """A function of the framework itself."""
    return lambda framework, *inputs: getattr(framework, name)(*inputs, **settings)


def batch_norm(framework: Any, x: Any, weight: Any, bias: Any) -> Any:
    return framework.nn.functional.batch_norm(x, None, None, weight, bias, training=True)


def layer_norm(framework: Any, x: Any, weight: Any, bias: Any) -> Any:
    return framework.nn.functional.layer_norm(x, x.shape[-1:], weight, bias)


def attention(framework: Any, q: Any, k: Any, v: Any) -> Any:
    return framework.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def where(framework: Any, mask: Any, x: Any, y: Any) -> Any:
    return framework.where(mask, x, y)


def turn(framework: Any, x: Any) -> Any:
    return x.transpose(1, 2).contiguous()


CASES = {
    "add 32×32×24×24": on(plain("add"), (32, 32, 24, 24), (32, 32, 24, 24)),
    "mul 1024×192": on(plain("mul"), (1024, 192), (1024, 192)),
    "relu 32×32×24×24": on(functional("relu"), (32, 32, 24, 24)),
    "exp 1024×768": on(plain("exp"), (1024, 768)),
    "tanh 1024×768": on(plain("tanh"), (1024, 768)),
    "sigmoid 1024×768": on(plain("sigmoid"), (1024, 768)),
    "gelu 1024×768": on(functional("gelu"), (1024, 768)),
    "where 1024×768": Case(
        where, lambda rng: (rng.random((1024, 768)) < 0.5, normal(rng, 1024, 768), normal(rng, 1024, 768))
    ),
    "sum over rows 1024×768": on(plain("sum", dim=0), (1024, 768)),
    "mean over columns 1024×768": on(plain("mean", dim=1), (1024, 768)),
    "turn 8×128×6×32": on(turn, (8, 128, 6, 32)),
    "softmax 48×128×128": on(functional("softmax", dim=-1), (48, 128, 128)),
    "layer_norm 1024×192": on(layer_norm, (1024, 192), (192,), (192,)),
    "batch_norm 32×16×32×32": on(batch_norm, (32, 16, 32, 32), (16,), (16,)),
    "batch_norm 8×512×4×4": on(batch_norm, (8, 512, 4, 4), (512,), (512,)),
    "max_pool2d 32×32×24×24": on(functional("max_pool2d", kernel_size=2), (32, 32, 24, 24)),
    "linear 128×784→512": on(functional("linear"), (128, 784), (512, 784), (512,)),
    "linear 32×2304→128": on(functional("linear"), (32, 2304), (128, 2304), (128,)),
    "linear 1024×192→768": on(functional("linear"), (1024, 192), (768, 192), (768,)),
    "matmul 1024×1024×1024": on(plain("matmul"), (1024, 1024), (1024, 1024)),
    "matmul 48×128×32×128": on(plain("matmul"), (48, 128, 32), (48, 32, 128)),
    "conv2d 3→32 24×24, 32": convolution(32, 3, 32, 3, 24),
    "conv2d 32→64 12×12, 32": convolution(32, 32, 64, 3, 12),
    "conv2d 16→16 32×32, 32": convolution(32, 16, 16, 3, 32),
    "conv2d 64→64 8×8, 32": convolution(32, 64, 64, 3, 8),
    "conv2d 64→64 32×32, 8": convolution(8, 64, 64, 3, 32),
    "conv2d 64→128/2 32×32, 8": convolution(8, 64, 128, 3, 32, 2),
    "conv2d 1×1 64→128/2 32×32, 8": convolution(8, 64, 128, 1, 32, 2),
    "conv2d 256→256 8×8, 8": convolution(8, 256, 256, 3, 8),
    "conv2d 512→512 4×4, 8": convolution(8, 512, 512, 3, 4),
    "conv_transpose2d 64→32·2 7×7, 64": on(
        functional("conv_transpose2d", stride=2, padding=1), (64, 64, 7, 7), (64, 32, 4, 4)
    ),
    "attention 8×6×128×32": on(attention, *[(8, 6, 128, 32)] * 3),
    "attention 2×6×1024×32": on(attention, *[(2, 6, 1024, 32)] * 3),
    "cross_entropy 128×10": Case(
        functional("cross_entropy"), lambda rng: (normal(rng, 128, 10), integers(rng, 10, 128))
    ),
    "cross_entropy 1024×256": Case(
        functional("cross_entropy"), lambda rng: (normal(rng, 1024, 256), integers(rng, 256, 1024))
    ),
    "embedding 256×192, 1024": Case(
        functional("embedding"), lambda rng: (integers(rng, 256, 1024), normal(rng, 256, 192))
    ),
    "embedding_bag 20000×64, 64×64": Case(
        functional("embedding_bag"), lambda rng: (integers(rng, 20_000, 64, 64), normal(rng, 20_000, 64))
    ),
}

SMALL: dict[str, Case] = {
    "relu": on(functional("relu"), (4, 4)),
    "add": on(lambda framework, x: x + x, (4, 4)),
    "mul": on(plain("mul"), (4, 4), (4, 4)),
    "tanh": on(plain("tanh"), (4, 4)),
    "matmul": on(lambda framework, x, y: x @ y, (4, 4), (4, 4)),
    "linear": on(functional("linear"), (4, 4), (4, 4), (4,)),
    "softmax": on(functional("softmax", dim=-1), (4, 4)),
    "layer_norm": on(layer_norm, (4, 4), (4,), (4,)),
    "transpose": on(lambda framework, x: x.transpose(0, 1), (4, 4)),
    "reshape": on(lambda framework, x: x.reshape(2, 8).reshape(4, 4), (4, 4)),
}

OPTIMIZERS: dict[str, tuple[str, dict[str, float]]] = {
    "SGD": ("SGD", {"lr": 0.01}),
    "SGD with momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "Adam": ("Adam", {"lr": 0.001}),
    "AdamW": ("AdamW", {"lr": 0.001, "weight_decay": 0.1}),
}
PARAMETERS = {
    "GPT": [(576, 192), (576,), (192, 192), (192,), (768, 192), (768,), (192, 768), (192,)] * 4,
    "ResNet-18": [(512, 512, 3, 3), (512,), (256, 256, 3, 3), (256,), (128, 128, 3, 3), (128,)] * 3,
}
