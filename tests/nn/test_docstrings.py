"""``help(nn.Conv2d)`` teaches: docstrings of layers, optimizers and schedules name arguments, errors and shapes."""

from __future__ import annotations

import builtins
import inspect
import re
from typing import Any

import pytest

from lepton import errors, nn, optim
from lepton.optim import lr_scheduler, swa_utils

CLASSES = {
    f"{space.__name__.removeprefix('lepton.')}.{name}": kind
    for space in (nn, optim, lr_scheduler, swa_utils)
    for name in space.__all__
    if isinstance(kind := getattr(space, name), type)
}
LAYERS = {
    name: kind
    for name, kind in CLASSES.items()
    if issubclass(kind, nn.Module) and kind.forward is not nn.Module.forward and name.startswith("nn.")
}
PASS_ON = ("nn.Identity", "nn.Sequential")  # they take and give whatever it is
MET_FIRST = (
    nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.BCELoss, nn.BCEWithLogitsLoss, nn.BatchNorm1d, nn.BatchNorm2d, nn.CTCLoss,
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.CrossEntropyLoss, nn.Dropout, nn.Embedding, nn.Flatten,
    nn.GELU, nn.GRU, nn.L1Loss, nn.LSTM, nn.LayerNorm, nn.LeakyReLU, nn.Linear, nn.LogSoftmax, nn.MSELoss,
    nn.MaxPool2d, nn.ModuleList, nn.MultiheadAttention, nn.NLLLoss, nn.PixelShuffle, nn.ReLU, nn.Sequential, nn.SiLU,
    nn.Sigmoid, nn.Softmax, nn.Tanh, nn.TransformerEncoderLayer, nn.Upsample,
)  # fmt: skip
SAME_FOR_ALL = ("device", "dtype")  # where and of which type the parameters are
SHAPE = re.compile(r"\((?:[A-Z*][^()]*)?\)|\bshapes?\b")  # (N, C, …), (), or words on it


def text_of(kind: type) -> str:
    """A class's own docstring."""
    return inspect.cleandoc(kind.__dict__.get("__doc__") or "")


def section(text: str, title: str) -> str:
    """The indented lines under a title."""
    found = re.search(rf"^{title}:\n((?:    .*\n?|\n)*)", text, re.MULTILINE)
    return found[1] if found else ""


def arguments_of(kind: type) -> list[str]:
    """The names of the constructor's arguments that a docstring has to tell."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [each.name for each in inspect.signature(kind).parameters.values() if each.kind not in variable]
    return [name for name in named if name not in SAME_FOR_ALL and not name.startswith("_")]


@pytest.mark.parametrize("name", CLASSES)
def test_every_argument_is_told(name: str) -> None:
    kind = CLASSES[name]
    told = section(text_of(kind), "Args")
    missing = [each for each in arguments_of(kind) if not re.search(rf"(?<![\w`.]){each}(?:, \w+)*:", told)]
    assert not missing, f"help({name}) does not say what these arguments are"


@pytest.mark.parametrize("name", CLASSES)
def test_no_argument_is_told_that_does_not_exist(name: str) -> None:
    kind = CLASSES[name]
    entries = re.findall(r"^    (\*?\w+(?:, \w+)*):", section(text_of(kind), "Args"), re.MULTILINE)
    told = {each.lstrip("*") for entry in entries for each in entry.split(", ")}
    assert told <= set(inspect.signature(kind).parameters)


@pytest.mark.parametrize("name", CLASSES)
def test_errors_are_told_and_exist(name: str) -> None:
    kind = CLASSES[name]
    text = text_of(kind)
    told = re.findall(r"\b[A-Z]\w*Error\b", text[text.find("\nRaises") :]) if "\nRaises" in text else []
    assert told or not arguments_of(kind), f"help({name}) does not say what is refused"
    assert [each for each in told if not hasattr(errors, each) and not hasattr(builtins, each)] == []


@pytest.mark.parametrize("name", LAYERS)
def test_shapes_are_told(name: str) -> None:
    found = re.search(r"^Input:\s(.*?)\sOutput:\s(.*?)(?:\n\n|\Z|\nRaises)", text_of(LAYERS[name]), re.M | re.S)
    assert found, f"help({name}) does not say what goes in and what comes out"
    assert name in PASS_ON or all(SHAPE.search(part) or part.startswith("of the same") for part in found.groups())


@pytest.mark.parametrize("name", CLASSES)
def test_a_docstring_begins_with_what_the_class_is(name: str) -> None:
    text = text_of(CLASSES[name])
    assert not re.match(r":class:|[Ss]ee ", text)
    assert not re.search(r"(?:[Aa]rguments|Args) .*as for :", text)


@pytest.mark.parametrize("kind", MET_FIRST, ids=lambda kind: kind.__name__)
def test_what_people_meet_first_has_an_example(kind: Any) -> None:
    assert "\n>>> " in text_of(kind)
