"""JAX: the whole step is one compiled function, whose weights and moments are donated."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from workloads import make

from sides import Running
from sides.drawn import read
from sides.functional import FUNCTIONS
from sides.toolbox import Named, Toolbox, first_state, update


class Jax(Toolbox):
    """JAX's own layers; images are (N, H, W, C) and filters (H, W, in, out), which XLA computes fastest with."""

    np = jnp
    erf = staticmethod(lax.erf)

    def load_weight(self, array: np.ndarray) -> Any:
        return jnp.asarray(array.transpose(2, 3, 1, 0) if array.ndim == 4 else array)

    def load_input(self, array: np.ndarray) -> Any:
        return jnp.asarray(array.transpose(0, 2, 3, 1) if array.ndim == 4 else array)

    def flatten(self, x: Any) -> Any:
        return self.permute(x, (0, 3, 1, 2)).reshape(len(x), -1)

    def unflatten(self, x: Any, shape: tuple[int, ...]) -> Any:
        return self.permute(x.reshape(len(x), *shape), (0, 2, 3, 1))

    def sigmoid(self, x: Any) -> Any:
        return jax.nn.sigmoid(x)

    def conv2d(self, x: Any, w: Named, name: str | int, padding: int = 0, stride: int = 1) -> Any:
        y = lax.conv_general_dilated(
            x, w[f"{name}.weight"], (stride, stride), [(padding, padding)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip
        return y + w[f"{name}.bias"] if f"{name}.bias" in w else y

    def conv_transpose2d(self, x: Any, w: Named, name: str, padding: int, stride: int) -> Any:
        weight = w[f"{name}.weight"]
        before = weight.shape[0] - 1 - padding
        y = lax.conv_general_dilated(
            x, weight[::-1, ::-1], (1, 1), [(before, before)] * 2, lhs_dilation=(stride, stride),
            dimension_numbers=("NHWC", "HWOI", "NHWC"),
        )  # fmt: skip
        return y + w[f"{name}.bias"]

    def max_pool2d(self, x: Any) -> Any:
        n, rows, columns, channels = x.shape
        return x.reshape(n, rows // 2, 2, columns // 2, 2, channels).max((2, 4))

    def pool_all(self, x: Any) -> Any:
        return x.mean((1, 2))

    def batch_norm(self, x: Any, w: Named, b: Named, name: str, training: bool) -> Any:
        if training:
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
            count = x.size // x.shape[-1]
            for kind, new in (("mean", mean), ("var", variance * (count / (count - 1)))):
                b[f"{name}.running_{kind}"] = 0.9 * b[f"{name}.running_{kind}"] + 0.1 * new
        else:
            mean, variance = b[f"{name}.running_mean"], b[f"{name}.running_var"]
        factor = w[f"{name}.weight"] * lax.rsqrt(variance + 1e-5)
        return x * factor + (w[f"{name}.bias"] - mean * factor)

    def lstm(self, x: Any, w_input: Any, w_hidden: Any, b_input: Any, b_hidden: Any) -> Any:
        products = x @ w_input.T + (b_input + b_hidden)
        width = w_hidden.shape[1]
        zeros = jnp.zeros((x.shape[1], width), x.dtype)

        def step(carry: tuple[Any, Any], product: Any) -> tuple[tuple[Any, Any], Any]:
            h, c = self.lstm_cell(product + carry[0] @ w_hidden.T, carry[1], width)
            return (h, c), h

        return lax.scan(step, (zeros, zeros), products)[1]

    def embedding_bag(self, table: Any, words: Any, offsets: Any) -> Any:
        bags = jnp.searchsorted(offsets, jnp.arange(len(words)), side="right") - 1
        counts = jnp.diff(offsets, append=len(words))
        return jax.ops.segment_sum(table[words], bags, len(offsets)) / jnp.maximum(counts, 1)[:, None]


def workload(side: str, name: str, sizes: Named, path: str) -> Running:
    """The workload of that name, with the weights and batches of the file at ``path``."""
    k, chosen, function = Jax(), make(name, **sizes), FUNCTIONS[name]
    w, b, batches = read(path, k)
    following = itertools.cycle(batches)

    if not chosen.training:
        forward = jax.jit(lambda w, b, batch: function(k, w, b, *batch))
        last: list[Any] = [None]

        def evaluate() -> Any:
            last[0] = forward(w, b, next(following))
            return last[0]

        return Running(evaluate, np.asarray, lambda: jax.block_until_ready(last[0]))

    def train(w: Named, b: Named, state: Named, t: Any, batch: Any) -> Any:
        def loss(w: Named) -> tuple[Any, Named]:
            new = dict(b)
            return function(k, w, new, *batch), new

        (value, new), g = jax.value_and_grad(loss, has_aux=True)(w)
        w, state = update(jnp, str(chosen.optimizer), chosen.settings, w, g, state, t)
        return value, (w, new, state, t + 1)

    compiled = jax.jit(train, donate_argnums=(0, 1, 2, 3))
    held = [(w, b, first_state(jnp, str(chosen.optimizer), chosen.settings, w), jnp.float32(1))]

    def step() -> Any:
        value, held[0] = compiled(*held[0], next(following))
        return value

    return Running(step, np.asarray, lambda: jax.block_until_ready(held[0]))
