"""Modules against PyTorch's: how they print, the keys of their states, their arguments, errors, a training in step."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import lepton

Library = Any

BUILDERS: list[Callable[[Any], Any]] = [
    lambda nn: nn.Linear(2, 3, bias=False),
    lambda nn: nn.Bilinear(2, 3, 4),
    lambda nn: nn.Identity(3, a=4),
    lambda nn: nn.Flatten(0, 1),
    lambda nn: nn.Unflatten(1, (2, 3)),
    lambda nn: nn.Conv1d(2, 3, 3),
    lambda nn: nn.Conv2d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2, bias=False, padding_mode="reflect"),
    lambda nn: nn.Conv2d(2, 4, (3, 5), padding="same"),
    lambda nn: nn.Conv3d(1, 2, 3, padding=(1, 0, 1)),
    lambda nn: nn.ConvTranspose2d(2, 4, 3, stride=2, output_padding=1),
    lambda nn: nn.MaxPool1d(2),
    lambda nn: nn.MaxPool2d((2, 3), stride=1, padding=1, dilation=2, ceil_mode=True, return_indices=True),
    lambda nn: nn.AvgPool1d(2),
    lambda nn: nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False, divisor_override=3),
    lambda nn: nn.AvgPool3d((2, 2, 2)),
    lambda nn: nn.LPPool2d(2, 3),
    lambda nn: nn.AdaptiveAvgPool2d((3, None)),
    lambda nn: nn.AdaptiveMaxPool2d(3, return_indices=True),
    lambda nn: nn.BatchNorm1d(3),
    lambda nn: nn.BatchNorm2d(3, eps=1e-3, momentum=None, affine=False, track_running_stats=False),
    lambda nn: nn.BatchNorm3d(3, bias=False),
    lambda nn: nn.LayerNorm((2, 3), eps=1e-3, elementwise_affine=False),
    lambda nn: nn.LayerNorm(3, bias=False),
    lambda nn: nn.GroupNorm(2, 4),
    lambda nn: nn.RMSNorm((3, 4), eps=1e-3),
    lambda nn: nn.RMSNorm(4, elementwise_affine=False),
    lambda nn: nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
    lambda nn: nn.LocalResponseNorm(2),
    lambda nn: nn.Dropout(0.2, True),
    lambda nn: nn.Dropout2d(0.3),
    lambda nn: nn.FeatureAlphaDropout(0.1),
    lambda nn: nn.Embedding(10, 3),
    lambda nn: nn.Embedding(10, 3, padding_idx=-1, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True, sparse=True),
    lambda nn: nn.ReLU(True),
    lambda nn: nn.ReLU6(),
    lambda nn: nn.ReLU6(True),
    lambda nn: nn.Hardtanh(-2, 2, True),
    lambda nn: nn.LeakyReLU(0.2, True),
    lambda nn: nn.RReLU(0.1, 0.2, True),
    lambda nn: nn.PReLU(3),
    lambda nn: nn.Threshold(1, 2, True),
    lambda nn: nn.Hardshrink(),
    lambda nn: nn.Softshrink(0.2),
    lambda nn: nn.Hardsigmoid(True),
    lambda nn: nn.Hardswish(True),
    lambda nn: nn.GELU("tanh"),
    lambda nn: nn.SiLU(True),
    lambda nn: nn.Mish(),
    lambda nn: nn.ELU(2.0, True),
    lambda nn: nn.CELU(0.5, True),
    lambda nn: nn.SELU(True),
    lambda nn: nn.Softplus(),
    lambda nn: nn.GLU(),
    lambda nn: nn.Softmax(),
    lambda nn: nn.LogSoftmax(1),
    lambda nn: nn.Softmin(0),
    lambda nn: nn.Softmax2d(),
    lambda nn: nn.RNN(2, 3, 2, "relu", bias=False, bidirectional=True),
    lambda nn: nn.LSTM(2, 3, 2, batch_first=True, dropout=0.5, proj_size=1, bidirectional=True),
    lambda nn: nn.GRU(2, 3, dropout=0.0),
    lambda nn: nn.Sequential(nn.RNNCell(2, 3, False, "relu"), nn.LSTMCell(2, 3), nn.GRUCell(2, 3, bias=False)),
    lambda nn: nn.Sequential(nn.Sigmoid(), nn.Tanh(), nn.LogSigmoid(), nn.Softsign(), nn.Tanhshrink()),
    lambda nn: nn.Sequential(nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), nn.HuberLoss(), nn.KLDivLoss()),
    lambda nn: nn.Sequential(nn.CrossEntropyLoss(), nn.NLLLoss(), nn.BCELoss(), nn.BCEWithLogitsLoss()),
    lambda nn: nn.Sequential(nn.CTCLoss(), nn.GaussianNLLLoss(), nn.PoissonNLLLoss(), nn.SoftMarginLoss()),
    lambda nn: nn.Sequential(nn.HingeEmbeddingLoss(), nn.CosineEmbeddingLoss(), nn.MarginRankingLoss()),
    lambda nn: nn.Sequential(nn.MultiMarginLoss(), nn.MultiLabelMarginLoss(), nn.MultiLabelSoftMarginLoss()),
    lambda nn: nn.Sequential(nn.TripletMarginLoss(), nn.TripletMarginWithDistanceLoss(), nn.CosineSimilarity()),
    lambda nn: nn.PairwiseDistance(1.0),
    lambda nn: nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10], div_value=2.0, head_bias=True),
    lambda nn: nn.EmbeddingBag(10, 3),
    lambda nn: nn.EmbeddingBag(10, 3, 2.0, 1.0, True, "sum", True, include_last_offset=True, padding_idx=-1),
    lambda nn: nn.ModuleList([nn.Sequential(nn.Linear(2, 3)) for _ in range(3)] + [nn.ReLU(), nn.ModuleDict()]),
    lambda nn: nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.Sequential()}),
    lambda nn: nn.MultiheadAttention(4, 2, add_bias_kv=True),
    lambda nn: nn.MultiheadAttention(4, 2, bias=False, kdim=3, batch_first=True),
    lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2, nn.LayerNorm(4)),
    lambda nn: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8, activation=nn.GELU(), bias=False), 1),
    lambda nn: nn.Transformer(4, 2, 1, 1, 8, batch_first=True),
    lambda nn: nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), nn.Sequential(nn.Linear(3, 4))),
]


def printed(value: Any) -> str:
    return re.sub(r"\blepton\b", "torch", repr(value))


@pytest.mark.parametrize("build", BUILDERS)
def test_printing_states_and_parameters(build: Callable[[Any], Any]) -> None:
    ours, theirs = build(lepton.nn), build(torch.nn)
    assert printed(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for ask in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [name for name, _ in getattr(ours, ask)()] == [name for name, _ in getattr(theirs, ask)()]
    for name, value in ours.state_dict().items():
        other = theirs.state_dict()[name]
        assert tuple(value.shape) == tuple(other.shape) and str(value.dtype)[7:] == str(other.dtype)[6:]
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata


@pytest.mark.parametrize(
    "build",
    [
        lambda lib: lib.nn.ParameterList(),
        lambda lib: lib.nn.ParameterList([lib.ones(2)]),
        lambda lib: lib.nn.ParameterList([lib.ones(2), 3, lib.nn.Parameter(lib.ones(3, 2))]),
        lambda lib: lib.nn.ParameterDict({"a": lib.ones(2), "bc": lib.nn.Parameter(lib.ones(3).double())}),
        lambda lib: lib.nn.Sequential(lib.nn.ParameterDict({"a": lib.ones(2)}), lib.nn.ParameterList([1, 2])),
    ],
)
def test_printing_of_parameter_containers(build: Callable[[Any], Any]) -> None:
    assert printed(build(lepton)) == repr(build(torch))


def test_printing_of_parameters() -> None:
    for values in ([1.0, 2.5], [[0.1]]):
        ours, theirs = lepton.nn.Parameter(lepton.tensor(values)), torch.nn.Parameter(torch.tensor(values))
        assert printed(ours) == repr(theirs)


@pytest.mark.parametrize("room", ["nn", "nn.functional", "nn.init"])
def test_arguments_have_the_names_order_and_defaults_of_pytorch(room: str) -> None:
    ours, theirs = (lib.nn if room == "nn" else getattr(lib.nn, room[3:]) for lib in (lepton, torch))
    problems = []
    for name in ours.__all__:
        if name in ("functional", "init", "Parameter", "Buffer", "Sequential"):
            continue
        mine, other = signature(getattr(ours, name)), signature(getattr(theirs, name))
        if other is not None and mine != other:
            problems.append(f"{room}.{name}: {mine}, PyTorch has {other}")
    assert not problems, "\n".join(problems)


def signature(found: Any) -> list[tuple[str, str]] | None:
    """Names and defaults; None where PyTorch's cannot be seen."""
    try:
        parameters = inspect.signature(found).parameters.values()
    except ValueError:
        return None
    listed = [(each.name, repr(each.default).split(" at ")[0]) for each in parameters if each.kind != each.VAR_KEYWORD]
    return None if any(name in ("args", "kwargs") for name, _ in listed) else listed


def nets(lib: Library) -> Any:
    class Net(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.lin = lib.nn.Linear(2, 3)
            self.register_buffer("buf", lib.ones(2))
            self.plain = 3

    return Net()


CHANGES: list[Callable[[Any, Any], Any]] = [
    lambda lib, m: m.register_parameter(3, None),
    lambda lib, m: m.register_parameter("a.b", None),
    lambda lib, m: m.register_parameter("", None),
    lambda lib, m: m.register_parameter("plain", None),
    lambda lib, m: m.register_parameter("w", lib.ones(2)),
    lambda lib, m: m.register_buffer("plain", None),
    lambda lib, m: m.register_buffer("w", 3),
    lambda lib, m: m.add_module("w", 3),
    lambda lib, m: m.add_module("plain", lib.nn.Linear(1, 1)),
    lambda lib, m: setattr(m, "lin", 3),
    lambda lib, m: setattr(m.lin, "weight", 3),
    lambda lib, m: setattr(m, "buf", 3),
    lambda lib, m: m.nothing,
    lambda lib, m: m.forward(3),
    lambda lib, m: delattr(m, "nothing"),
    lambda lib, m: m.get_submodule("lin.z"),
    lambda lib, m: m.get_submodule("plain"),
    lambda lib, m: m.get_parameter("buf"),
    lambda lib, m: m.get_buffer("lin.weight"),
    lambda lib, m: m.load_state_dict(3),
    lambda lib, m: m.load_state_dict({"lin.weight": lib.ones(2, 2), "q": 3, "lin.q": 3, "buf": lib.ones(2)}),
    lambda lib, m: m.load_state_dict({**m.state_dict(), "lin.weight": lib.ones(2)}, strict=False),
    lambda lib, m: m.train(3),
    lambda lib, m: m.lin(lib.ones(2, 5)),
    lambda lib, m: lib.nn.ModuleList([3]),
    lambda lib, m: lib.nn.ModuleList([m])[3],
    lambda lib, m: lib.nn.Sequential(m) + 3,
    lambda lib, m: lib.nn.Sequential(m) * 0,
    lambda lib, m: lib.nn.Sequential(m).insert(5, m),
    lambda lib, m: lib.nn.ModuleDict({"items": m}),
    lambda lib, m: lib.nn.ModuleDict(3),
    lambda lib, m: lib.nn.ParameterList([lib.ones(1)])[4],
    lambda lib, m: lib.nn.Dropout(2.0),
    lambda lib, m: lib.nn.BatchNorm2d(3)(lib.ones(2, 3)),
    lambda lib, m: lib.nn.BatchNorm1d(3)(lib.ones(3)),
    lambda lib, m: lib.nn.GroupNorm(3, 4),
    lambda lib, m: lib.nn.Conv2d(3, 4, 3, padding="foo"),
    lambda lib, m: lib.nn.Conv2d(3, 4, 3, padding="same", stride=2),
    lambda lib, m: lib.nn.Unflatten(1, 3),
    lambda lib, m: lib.nn.Softmax2d()(lib.ones(2, 3)),
    lambda lib, m: lib.nn.CrossEntropyLoss()(lib.ones(2, 3), lib.tensor([0, 12])),
    lambda lib, m: lib.nn.CrossEntropyLoss()(lib.ones(2, 3), lib.tensor([0, 1, 1])),
    lambda lib, m: lib.nn.Embedding(3, 2)(lib.tensor([5])),
    lambda lib, m: lib.nn.MultiheadAttention(4, 3),
    lambda lib, m: lib.nn.MultiheadAttention(4, 0),
    lambda lib, m: lib.nn.MultiheadAttention(4, 2)(lib.ones(4), lib.ones(2, 4), lib.ones(2, 4)),
    lambda lib, m: lib.nn.MultiheadAttention(4, 2)(*[lib.ones(2, 3, 4)] * 3, attn_mask=lib.ones(3, 3) > 0),
    lambda lib, m: lib.nn.MultiheadAttention(4, 2)(*[lib.ones(2, 3, 4)] * 3, is_causal=True),
    lambda lib, m: lib.nn.TransformerEncoderLayer(4, 2, activation="tanh"),
    lambda lib, m: lib.nn.Transformer(4, 2, 1, 1, 8, batch_first=True)(lib.ones(2, 3, 4), lib.ones(3, 3, 4)),
    lambda lib, m: lib.nn.init.xavier_uniform_(lib.ones(3)),
    lambda lib, m: lib.nn.init.calculate_gain("foo"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_errors_are_of_pytorchs_class_and_begin_with_its_words(change: Callable[[Any, Any], Any]) -> None:
    caught = []
    for lib in (lepton, torch):
        with pytest.raises(Exception) as error:  # noqa: PT011 - which one it is, is what is compared
            change(lib, nets(lib))
        caught.append(error.value)
    ours, theirs = caught
    assert isinstance(ours, type(theirs))
    words = [re.sub(r"\blepton\b", "torch", str(each.args[0])) for each in caught]
    assert words[0].startswith(words[1].rstrip(".")) or words[0].split("'")[0] == words[1].split("'")[0], words


def test_training_together() -> None:
    """A network of many layers, same weights and batches: losses, gradients and running statistics over ten steps."""

    def build(lib: Library) -> Any:
        nn = lib.nn
        return nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular"), nn.BatchNorm2d(4), nn.LeakyReLU(),
            nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, groups=2), nn.GroupNorm(2, 4), nn.GELU(), nn.AdaptiveAvgPool2d(2),
            nn.Flatten(), nn.Linear(16, 8), nn.LayerNorm(8), nn.PReLU(8), nn.Linear(8, 3),
        ).double()  # fmt: skip

    ours, theirs = build(lepton), build(torch)
    start = {name: each.detach().numpy().copy() for name, each in theirs.state_dict().items()}
    ours.load_state_dict({name: lepton.tensor(each) for name, each in start.items()})
    rng = np.random.default_rng(0)
    for _ in range(10):
        x, y = rng.normal(size=(5, 2, 8, 8)), rng.integers(0, 3, 5)
        losses = []
        for lib, net in ((lepton, ours), (torch, theirs)):
            net.zero_grad()
            loss = lib.nn.CrossEntropyLoss(label_smoothing=0.1)(net(lib.tensor(x)), lib.tensor(y))
            loss.backward()
            with lib.no_grad():
                for parameter in net.parameters():
                    parameter -= 0.1 * parameter.grad
            losses.append(loss.item())
        assert abs(losses[0] - losses[1]) <= 1e-9 * abs(losses[1])
    for name, value in ours.state_dict().items():
        np.testing.assert_allclose(value.numpy(), theirs.state_dict()[name].numpy(), rtol=1e-7, atol=1e-10)
    with warnings.catch_warnings(), lepton.no_grad():
        warnings.simplefilter("error")
        ours.eval()(lepton.tensor(rng.normal(size=(1, 2, 8, 8))))
