"""Networks on sequences: GPT, an LSTM, a transformer encoder, and a classifier of bags of words."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from workloads.workload import Workload, classification_loss, forward, integers, normal

BYTES = 256  # GPT's vocabulary
HEAD = 32  # features of one of GPT's heads

# ---------------------------------------------------------------------- GPT


def gpt_model(framework: Any, depth: int, width: int, tokens: int) -> Any:
    """GPT-2's architecture (Radford et al., 2019) on bytes; the output layer has weights of its own.

    Pre-norm blocks of causal attention and a GELU layer four times as wide; learned positions.
    """
    nn = framework.nn

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.norm2 = nn.LayerNorm(width)
            self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            n, t, _ = x.shape
            qkv = self.qkv(self.norm1(x)).reshape(n, t, 3, width // HEAD, HEAD).permute(2, 0, 3, 1, 4)
            attended = nn.functional.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], is_causal=True)
            x = x + self.out(attended.transpose(1, 2).reshape(n, t, width))
            return x + self.feed(self.norm2(x))

    class GPT(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(BYTES, width), nn.Embedding(tokens, width)
            self.blocks = nn.Sequential(*[Block() for _ in range(depth)])
            self.norm, self.scores = nn.LayerNorm(width), nn.Linear(width, BYTES, bias=False)

        def forward(self, words: Any) -> Any:
            x = self.words(words) + self.places.weight[: words.shape[1]]
            return self.scores(self.norm(self.blocks(x)))

    return GPT()


def gpt_loss(framework: Any, model: Any, words: Any, following: Any) -> Any:
    """Cross-entropy of every next byte."""
    return framework.nn.functional.cross_entropy(model(words).reshape(-1, BYTES), following.reshape(-1))


def gpt(batch: int = 8, width: int = 192, depth: int = 4, tokens: int = 128, name: str = "gpt") -> Workload:
    return Workload(
        name, f"GPT {depth} layers, width {width}, {tokens} tokens, batch {batch}, AdamW",
        model=lambda framework: gpt_model(framework, depth, width, tokens),
        batch=lambda rng: (integers(rng, BYTES, batch, tokens), integers(rng, BYTES, batch, tokens)),
        loss=gpt_loss,
        optimizer="AdamW", settings={"lr": 3e-4, "weight_decay": 0.1},
    )  # fmt: skip


def gpt_inference(batch: int) -> Workload:
    return Workload(
        f"gpt-{batch}", f"GPT 4 layers, width 192, 128 tokens, batch {batch}",
        model=lambda framework: gpt_model(framework, 4, 192, 128),
        batch=lambda rng: (integers(rng, BYTES, batch, 128),),
        loss=forward,
    )  # fmt: skip


# ---------------------------------------------------------------------- LSTM


def lstm_model(framework: Any, width: int, depth: int) -> Any:
    """A stack of LSTMs; the scores are made from the last step."""
    nn = framework.nn

    class Classifier(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.scores = nn.LSTM(width, width, depth), nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            out, _ = self.lstm(x)
            return self.scores(out[-1])

    return Classifier()


def lstm(batch: int = 32, width: int = 256, depth: int = 2, tokens: int = 64) -> Workload:
    return Workload(
        "lstm", f"LSTM {depth} layers, width {width}, {tokens} steps, batch {batch}, Adam",
        model=lambda framework: lstm_model(framework, width, depth),
        batch=lambda rng: (normal(rng, tokens, batch, width), integers(rng, 10, batch)),
        loss=classification_loss,
        optimizer="Adam", settings={"lr": 0.001},
    )  # fmt: skip


# ---------------------------------------------------------------------- transformer encoder


def transformer_model(framework: Any, width: int, depth: int) -> Any:
    """``nn.TransformerEncoder`` at its defaults but for dropout; the scores are made from the mean over tokens."""
    nn = framework.nn

    class Classifier(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
            self.encoder, self.scores = nn.TransformerEncoder(layer, depth), nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            return self.scores(self.encoder(x).mean(1))

    return Classifier()


def transformer(batch: int = 16, width: int = 256, depth: int = 3, tokens: int = 64) -> Workload:
    return Workload(
        "transformer", f"TransformerEncoder {depth} layers, width {width}, {tokens} tokens, batch {batch}, Adam",
        model=lambda framework: transformer_model(framework, width, depth),
        batch=lambda rng: (normal(rng, batch, tokens, width), integers(rng, 10, batch)),
        loss=classification_loss,
        optimizer="Adam", settings={"lr": 0.001},
    )  # fmt: skip


# ---------------------------------------------------------------------- bags of words


def text_model(framework: Any, words: int, width: int) -> Any:
    """The mean of the words' vectors, then a linear layer (Joulin et al., *Bag of Tricks*, 2016)."""
    nn = framework.nn

    class Classifier(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.scores = nn.EmbeddingBag(words, width), nn.Linear(width, 4)

        def forward(self, text: Any, offsets: Any) -> Any:
            return self.scores(self.embedding(text, offsets))

    return Classifier()


def text_batch(rng: np.random.Generator, words: int, texts: int, total: int) -> tuple[np.ndarray, ...]:
    """``total`` words, rare ones rarely (∝ 1/rank), cut into texts at random; where each begins; labels."""
    text = np.minimum(np.exp(rng.random(total) * np.log(words)).astype(np.int64) - 1, words - 1)
    cuts = np.sort(rng.choice(np.arange(1, total), texts - 1, replace=False))
    return text, np.concatenate([[0], cuts]), integers(rng, 4, texts)


def text(batch: int = 64, words: int = 20_000, width: int = 64) -> Workload:
    return Workload(
        "text", f"embedding-bag classifier, {words} words, width {width}, batch {batch}, SGD",
        model=lambda framework: text_model(framework, words, width),
        batch=lambda rng: text_batch(rng, words, batch, 64 * batch),
        loss=classification_loss,
        optimizer="SGD", settings={"lr": 0.5},
    )  # fmt: skip


MAKERS = {
    "gpt": gpt,
    "gpt-1024": functools.partial(gpt, batch=2, tokens=1024, name="gpt-1024"),
    "gpt-1": functools.partial(gpt_inference, 1),
    "gpt-32": functools.partial(gpt_inference, 32),
    "lstm": lstm,
    "transformer": transformer,
    "text": text,
}
