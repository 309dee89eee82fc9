"""Layers as functions, written for any library with NumPy's names; each framework replaces what it has itself.

Images are (N, C, H, W) here; a framework may keep them otherwise, as long as it turns weights and batches when they are
loaded (:meth:`Toolbox.load_weight`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy

Named = dict[str, Any]


class Toolbox:
    """The layers that ``sides.functional`` uses; ``np`` is the library, ``erf`` its error function."""

    np: Any = numpy
    erf: Any = None

    def load_weight(self, array: numpy.ndarray) -> Any:
        """A weight of the file, as the framework wants it."""
        return array

    def load_input(self, array: numpy.ndarray) -> Any:
        """An array of a batch, as the framework wants it."""
        return array

    # ------------------------------------------------------------------ arithmetic and shape

    def exp(self, x: Any) -> Any:
        return self.np.exp(x)

    def sum(self, x: Any) -> Any:
        return self.np.sum(x)

    def mean(self, x: Any, axis: int | None = None) -> Any:
        return self.np.mean(x, axis=axis)

    def matmul(self, a: Any, b: Any) -> Any:
        return self.np.matmul(a, b)

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        return self.np.reshape(x, shape)

    def permute(self, x: Any, axes: tuple[int, ...]) -> Any:
        return self.np.transpose(x, axes)

    def flatten(self, x: Any) -> Any:
        return self.reshape(x, (x.shape[0], -1))

    def unflatten(self, x: Any, shape: tuple[int, ...]) -> Any:
        return self.reshape(x, (x.shape[0], *shape))

    # ------------------------------------------------------------------ dense layers

    def linear(self, x: Any, w: Named, name: str | int) -> Any:
        y = self.matmul(x, self.permute(w[f"{name}.weight"], (1, 0)))
        return y + w[f"{name}.bias"] if f"{name}.bias" in w else y

    def relu(self, x: Any) -> Any:
        return self.np.maximum(x, 0)

    def gelu(self, x: Any) -> Any:
        return 0.5 * x * (1 + self.erf(x * math.sqrt(0.5)))

    def softplus(self, x: Any) -> Any:
        return self.np.logaddexp(x, 0)

    def sigmoid(self, x: Any) -> Any:
        return 0.5 * (self.np.tanh(0.5 * x) + 1)

    def softmax(self, x: Any) -> Any:
        e = self.np.exp(x - self.np.max(x, axis=-1, keepdims=True))
        return e / self.np.sum(e, axis=-1, keepdims=True)

    def layer_norm(self, x: Any, w: Named, name: str) -> Any:
        centered = x - self.np.mean(x, axis=-1, keepdims=True)
        variance = self.np.mean(centered * centered, axis=-1, keepdims=True)
        return centered / self.np.sqrt(variance + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def cross_entropy(self, scores: Any, labels: Any) -> Any:
        z = scores - self.np.max(scores, axis=-1, keepdims=True)
        chosen = z[numpy.arange(len(labels)), labels]
        return self.np.mean(self.np.log(self.np.sum(self.np.exp(z), axis=-1)) - chosen)

    # ------------------------------------------------------------------ images

    def conv2d(self, x: Any, w: Named, name: str | int, padding: int = 0, stride: int = 1) -> Any:
        """One product of the weight with all windows, which are slices of the padded image."""
        weight = w[f"{name}.weight"]
        out, _, height, width = weight.shape
        n, channels, rows, columns = x.shape
        x = self.np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), "constant")
        rows, columns = (rows + 2 * padding - height) // stride + 1, (columns + 2 * padding - width) // stride + 1
        windows = self.np.stack([
            x[:, :, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride]
            for i in range(height)
            for j in range(width)
        ], axis=2)  # fmt: skip
        windows = self.reshape(windows, (n, channels * height * width, rows * columns))
        y = self.reshape(self.matmul(self.reshape(weight, (out, -1)), windows), (n, out, rows, columns))
        return y + self.reshape(w[f"{name}.bias"], (-1, 1, 1)) if f"{name}.bias" in w else y

    def max_pool2d(self, x: Any) -> Any:
        n, channels, rows, columns = x.shape
        windows = self.reshape(x, (n, channels, rows // 2, 2, columns // 2, 2))
        return self.np.max(windows, axis=(3, 5))

    # ------------------------------------------------------------------ sequences

    def attention(self, q: Any, k: Any, v: Any, causal: bool = False) -> Any:
        scores = self.matmul(q, self.np.swapaxes(k, -1, -2)) * (q.shape[-1] ** -0.5)
        if causal:
            scores = scores + numpy.triu(numpy.full(scores.shape[-2:], -numpy.inf, numpy.float32), 1)
        return self.matmul(self.softmax(scores), v)

    def lstm(self, x: Any, w_input: Any, w_hidden: Any, b_input: Any, b_hidden: Any) -> Any:
        """All steps' outputs; the inputs' products are one, taken out of the loop."""
        products = self.matmul(x, self.permute(w_input, (1, 0))) + (b_input + b_hidden)
        turned = self.permute(w_hidden, (1, 0))
        width = w_hidden.shape[1]
        h = c = numpy.zeros((x.shape[1], width), numpy.float32)
        outputs = []
        for step in range(x.shape[0]):
            h, c = self.lstm_cell(products[step] + self.matmul(h, turned), c, width)
            outputs.append(h)
        return self.np.stack(outputs)

    def lstm_cell(self, z: Any, c: Any, width: int) -> tuple[Any, Any]:
        i, f, o = (self.sigmoid(z[:, k * width : (k + 1) * width]) for k in (0, 1, 3))
        c = f * c + i * self.np.tanh(z[:, 2 * width : 3 * width])
        return o * self.np.tanh(c), c

    def embedding(self, table: Any, words: Any) -> Any:
        return table[words]

    def embedding_bag(self, table: Any, words: Any, offsets: Any) -> Any:
        """The mean of each bag, as a product of shares with the words' vectors."""
        ends = numpy.append(offsets[1:], len(words))
        places = numpy.arange(len(words))
        inside = (places >= offsets[:, None]) & (places < ends[:, None])
        shares = inside / numpy.maximum(ends - offsets, 1)[:, None]
        return self.matmul(shares.astype(numpy.float32), table[words])


# ---------------------------------------------------------------------- optimizers


def update(np: Any, optimizer: str, settings: Named, w: Named, g: Named, state: Named, t: Any) -> tuple[Named, Named]:
    """PyTorch's SGD, Adam or AdamW as a function: the new weights and the new state.

    Args:
        np: the library. settings: the optimizer's arguments. w, g: weights and gradients by name. state: ``first`` and
            ``second`` moments by name. t: the number of this step, from 1.
    """
    rate = settings["lr"]
    if optimizer == "SGD":
        if "momentum" not in settings:
            return {name: w[name] - rate * g[name] for name in w}, state
        first = {name: settings["momentum"] * state["first"][name] + g[name] for name in w}
        return {name: w[name] - rate * first[name] for name in w}, {"first": first}
    kept = 1 - rate * settings.get("weight_decay", 0.0)
    first = {name: 0.9 * state["first"][name] + 0.1 * g[name] for name in w}
    second = {name: 0.999 * state["second"][name] + 0.001 * g[name] * g[name] for name in w}
    length, root = rate / (1 - 0.9**t), (1 - 0.999**t) ** 0.5
    moved = {name: kept * w[name] - length * first[name] / (np.sqrt(second[name]) / root + 1e-8) for name in w}
    return moved, {"first": first, "second": second}


def first_state(np: Any, optimizer: str, settings: Named, w: Named) -> Named:
    """The moments before the first step."""
    moments = {"SGD": ["first"] if "momentum" in settings else []}.get(optimizer, ["first", "second"])
    return {moment: {name: np.zeros_like(each) for name, each in w.items()} for moment in moments}
