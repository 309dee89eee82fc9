"""The workloads as functions of weights and batch, for frameworks without PyTorch's modules.

Each function gets ``k``, the framework's toolbox (see ``sides.toolbox``), ``w``, the weights by the names that PyTorch
gives them, ``b``, the buffers, which are replaced when they change, and the batch. The mathematics is that of
``workloads``; results are compared before anything is timed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from workloads.sequences import HEAD

Named = dict[str, Any]


def numbers(w: Named, prefix: str = "") -> list[int]:
    """The numbers of a sequence's layers that have weights."""
    return sorted({int(name.removeprefix(prefix).split(".")[0]) for name in w if name.startswith(prefix)})


# ---------------------------------------------------------------------- dense


def perceptron(k: Any, w: Named, b: Named, x: Any) -> Any:
    *hidden, last = numbers(w)
    for index in hidden:
        x = k.relu(k.linear(x, w, index))
    return k.linear(x, w, last)


def regression_loss(k: Any, w: Named, b: Named, x: Any, y: Any) -> Any:
    difference = perceptron(k, w, b, x) - y
    return k.mean(difference * difference)


def classification(model: Callable[..., Any]) -> Callable[..., Any]:
    """The cross-entropy of a model's scores."""

    def loss(k: Any, w: Named, b: Named, *batch: Any) -> Any:
        *inputs, labels = batch
        return k.cross_entropy(model(k, w, b, *inputs), labels)

    return loss


# ---------------------------------------------------------------------- images


def convnet(k: Any, w: Named, b: Named, x: Any) -> Any:
    first, second, third, last = numbers(w)
    for index in (first, second):
        x = k.max_pool2d(k.relu(k.conv2d(x, w, index, padding=1)))
    return k.linear(k.relu(k.linear(k.flatten(x), w, third)), w, last)


def resnet(k: Any, w: Named, b: Named, x: Any, training: bool = True) -> Any:
    def convolution(x: Any, name: str, index: int, stride: int) -> Any:
        size = 1 if "shortcut" in name else 3
        x = k.conv2d(x, w, f"{name}{index}", stride=stride, padding=size // 2)
        return k.batch_norm(x, w, b, f"{name}{index + 1}", training)

    stem, _, *blocks, last = numbers(w)
    x = k.relu(convolution(x, "", stem, 1))
    for block in blocks:
        stride = 2 if f"{block}.shortcut.0.weight" in w else 1
        y = k.relu(convolution(x, f"{block}.body.", 0, stride))
        y = convolution(y, f"{block}.body.", 3, 1)
        x = k.relu(y + (x if stride == 1 else convolution(x, f"{block}.shortcut.", 0, stride)))
    return k.linear(k.pool_all(x), w, last)


def vae_loss(k: Any, w: Named, b: Named, x: Any, noise: Any) -> Any:
    y = x
    for index in (0, 2):
        y = k.relu(k.conv2d(y, w, f"encoder.{index}", stride=2, padding=1))
    encoded = k.linear(k.flatten(y), w, "encoder.5")
    latent = noise.shape[1]
    mean, log_variance = encoded[:, :latent], encoded[:, latent:]
    y = k.unflatten(k.relu(k.linear(mean + noise * k.exp(0.5 * log_variance), w, "decoder.0")), (64, 7, 7))
    y = k.relu(k.conv_transpose2d(y, w, "decoder.3", stride=2, padding=1))
    scores = k.conv_transpose2d(y, w, "decoder.5", stride=2, padding=1)
    pixels = k.sum(k.softplus(scores) - scores * x)
    divergence = -0.5 * k.sum(1 + log_variance - mean * mean - k.exp(log_variance))
    return (pixels + divergence) / x.shape[0]


# ---------------------------------------------------------------------- sequences


def gpt(k: Any, w: Named, b: Named, words: Any) -> Any:
    n, t = words.shape
    x = k.embedding(w["words.weight"], words) + w["places.weight"][:t]
    width = x.shape[-1]
    for index in numbers(w, "blocks."):
        name = f"blocks.{index}."
        qkv = k.linear(k.layer_norm(x, w, name + "norm1"), w, name + "qkv")
        qkv = k.permute(k.reshape(qkv, (n, t, 3, width // HEAD, HEAD)), (2, 0, 3, 1, 4))
        attended = k.attention(qkv[0], qkv[1], qkv[2], causal=True)
        x = x + k.linear(k.reshape(k.permute(attended, (0, 2, 1, 3)), (n, t, width)), w, name + "out")
        hidden = k.gelu(k.linear(k.layer_norm(x, w, name + "norm2"), w, name + "feed.0"))
        x = x + k.linear(hidden, w, name + "feed.2")
    return k.linear(k.layer_norm(x, w, "norm"), w, "scores")


def gpt_loss(k: Any, w: Named, b: Named, words: Any, following: Any) -> Any:
    scores = gpt(k, w, b, words)
    return k.cross_entropy(k.reshape(scores, (-1, scores.shape[-1])), k.reshape(following, (-1,)))


def lstm(k: Any, w: Named, b: Named, x: Any) -> Any:
    for layer in range(sum(name.startswith("lstm.weight_ih") for name in w)):
        weights = [w[f"lstm.{what}_l{layer}"] for what in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        x = k.lstm(x, *weights)
    return k.linear(x[-1], w, "scores")


def transformer(k: Any, w: Named, b: Named, x: Any, heads: int = 4) -> Any:
    n, t, width = x.shape
    for index in numbers(w, "encoder.layers."):
        name = f"encoder.layers.{index}."
        qkv = k.matmul(x, k.permute(w[name + "self_attn.in_proj_weight"], (1, 0))) + w[name + "self_attn.in_proj_bias"]
        qkv = k.permute(k.reshape(qkv, (n, t, 3, heads, width // heads)), (2, 0, 3, 1, 4))
        attended = k.reshape(k.permute(k.attention(qkv[0], qkv[1], qkv[2]), (0, 2, 1, 3)), (n, t, width))
        x = k.layer_norm(x + k.linear(attended, w, name + "self_attn.out_proj"), w, name + "norm1")
        hidden = k.linear(k.relu(k.linear(x, w, name + "linear1")), w, name + "linear2")
        x = k.layer_norm(x + hidden, w, name + "norm2")
    return k.linear(k.mean(x, 1), w, "scores")


def text(k: Any, w: Named, b: Named, words: Any, offsets: Any) -> Any:
    return k.linear(k.embedding_bag(w["embedding.weight"], words, offsets), w, "scores")


def evaluated(model: Callable[..., Any]) -> Callable[..., Any]:
    return functools.partial(model, training=False)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "mlp-tiny": regression_loss,
    "mlp": classification(perceptron),
    "convnet": classification(convnet),
    "resnet": classification(resnet),
    "resnet18": classification(resnet),
    "vae": vae_loss,
    "gpt": gpt_loss,
    "gpt-1024": gpt_loss,
    "lstm": classification(lstm),
    "transformer": classification(transformer),
    "text": classification(text),
    "convnet-1": convnet,
    "convnet-32": convnet,
    "resnet18-1": evaluated(resnet),
    "resnet18-32": evaluated(resnet),
    "gpt-1": gpt,
    "gpt-32": gpt,
}
