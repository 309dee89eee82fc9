"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict: what lists and dicts can do."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

import lepton
from lepton import nn
from lepton.errors import (
    ArgumentError,
    ArgumentTypeError,
    IndexRangeError,
    MissingForwardError,
    ModuleAttributeError,
    ModuleNameError,
)

A, B, C = nn.ReLU, nn.Tanh, nn.Sigmoid


def kinds(modules: Any) -> list[type]:
    return [type(each) for each in modules]


def names(module: nn.Module) -> list[str]:
    return list(module._modules)


def test_sequential_applies_in_order() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    x = lepton.randn(4, 2)
    assert lepton.equal(net(x), net[2](net[1](net[0](x))))
    assert nn.Sequential()(x) is x


def test_sequential_is_a_list() -> None:
    net = nn.Sequential(A(), B(), C())
    assert len(net) == 3 and kinds(net[1:]) == [B, C] and type(net[-1]) is C and kinds(net[::-1]) == [C, B, A]
    net[1] = C()
    assert kinds(net) == [A, C, C] and names(net) == ["0", "1", "2"]
    del net[0]
    assert kinds(net) == [C, C] and names(net) == ["0", "1"]
    net.append(A()).extend(nn.Sequential(B(), B())).insert(0, B()).insert(-1, A())
    assert kinds(net) == [B, C, C, A, B, A, B] and names(net) == [str(i) for i in range(7)]
    assert type(net.pop(1)) is C and kinds(net.pop(slice(0, 2))) == [B, C] and kinds(net) == [A, B, A, B]
    assert kinds(net + nn.Sequential(C())) == [A, B, A, B, C] and len(net) == 4
    net += nn.Sequential(C())
    net *= 2
    assert kinds(net[:2] * 2) == kinds(2 * net[:2]) == [A, B, A, B] and len(net) == 10
    del net[2:]
    assert kinds(net) == [A, B]


def test_sequential_with_names() -> None:
    net = nn.Sequential(OrderedDict([("lin", nn.Linear(2, 3)), ("act", A())]))
    assert type(net.act) is A and names(net[1:]) == ["act"] and list(net.state_dict()) == ["lin.weight", "lin.bias"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda: nn.Sequential(3), ArgumentTypeError),
        (lambda: nn.Sequential(A())[1], IndexRangeError),
        (lambda: nn.Sequential(A())["0"], ArgumentTypeError),
        (lambda: nn.Sequential(A()).pop(4), IndexRangeError),
        (lambda: nn.Sequential(A()).insert(5, A()), IndexRangeError),
        (lambda: nn.Sequential(A()).insert(0, 3), ArgumentTypeError),
        (lambda: nn.Sequential(A()).append(3), ArgumentTypeError),
        (lambda: nn.Sequential(A()) + [A()], ArgumentError),
        (lambda: nn.Sequential(A()) * 0, ArgumentError),
        (lambda: nn.Sequential(A()) * 2.0, ArgumentTypeError),
        (lambda: nn.ModuleList([3]), ArgumentTypeError),
        (lambda: nn.ModuleList(3), ArgumentTypeError),
        (lambda: nn.ModuleList([A()])[3], IndexRangeError),
        (lambda: nn.ModuleList()(3), MissingForwardError),
        (lambda: nn.ModuleDict([A()]), ArgumentTypeError),
        (lambda: nn.ModuleDict(3), ArgumentTypeError),
        (lambda: nn.ModuleDict([("a", A(), A())]), ArgumentError),
        (lambda: nn.ModuleDict({"items": A()}), ModuleNameError),
        (lambda: nn.ModuleDict({"a": A()})["b"], KeyError),
        (lambda: nn.ParameterList(3), ArgumentTypeError),
        (lambda: nn.ParameterList([lepton.ones(1)])[1], IndexRangeError),
        (lambda: nn.ParameterList()(), MissingForwardError),
        (lambda: nn.ParameterDict([1]), ArgumentTypeError),
        (lambda: nn.ParameterDict({3: lepton.ones(1)}), ArgumentTypeError),
        (lambda: nn.ParameterDict()["a"], ModuleAttributeError),
        (lambda: nn.ParameterDict()(), MissingForwardError),
    ],
)
def test_what_is_refused(change: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        change()


def test_module_list() -> None:
    modules = nn.ModuleList([A(), B()])
    modules.insert(1, C())
    modules.append(A()).extend([B()])
    modules += [C()]
    assert kinds(modules) == [A, C, B, A, B, C] and names(modules) == [str(i) for i in range(6)]
    assert kinds(modules[1:3]) == [C, B] and type(modules[1:3]) is nn.ModuleList
    assert kinds(modules + [A()])[-1] is A and len(modules) == 6
    del modules[1:5]
    assert kinds(modules) == [A, C] and type(modules.pop(-1)) is C


def test_module_list_prints_runs_once() -> None:
    modules = nn.ModuleList([nn.Linear(1, 2), nn.Linear(1, 2), nn.Sequential(A()), nn.Sequential(A()), B()])
    assert repr(modules) == (
        "ModuleList(\n"
        "  (0-1): 2 x Linear(in_features=1, out_features=2, bias=True)\n"
        "  (2-3): 2 x Sequential(\n"
        "    (0): ReLU()\n"
        "  )\n"
        "  (4): Tanh()\n"
        ")"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_module_dict() -> None:
    modules = nn.ModuleDict({"a": A(), "b": B()})
    modules["c"] = C()
    modules.update([("a", B())])
    modules.update(nn.ModuleDict({"d": A()}))
    assert list(modules) == ["a", "b", "c", "d"] and type(modules["a"]) is B and "c" in modules and len(modules) == 4
    assert type(modules.pop("b")) is B and list(modules.keys()) == ["a", "c", "d"]
    del modules["a"]
    assert kinds(modules.values()) == [C, A] and dict(modules.items())["d"] is modules.d
    modules.clear()
    assert len(modules) == 0


def test_parameter_list() -> None:
    parameters = nn.ParameterList([lepton.ones(2), nn.Parameter(lepton.zeros(1)), "text"])
    parameters.append(lepton.ones(3)).extend([lepton.ones(1)])
    parameters += [lepton.ones(1)]
    assert len(parameters) == 6 and isinstance(parameters[0], nn.Parameter) and parameters[2] == "text"
    assert list(parameters.state_dict()) == ["0", "1", "3", "4", "5"]
    assert [len(each) for each in parameters[3:5]] == [3, 1] and len(parameters[-1]) == 1
    parameters[0] = lepton.zeros(4)
    assert len(parameters[0]) == 4 and parameters[0].requires_grad


def test_parameter_dict() -> None:
    parameters = nn.ParameterDict({"a": lepton.ones(2), "b": 3})
    parameters["c"] = lepton.ones(1)
    assert isinstance(parameters.a, nn.Parameter) and parameters["b"] == 3 and list(parameters) == ["a", "b", "c"]
    assert list(reversed(parameters)) == ["c", "b", "a"] and "a" in parameters and len(parameters) == 3
    assert parameters.get("z") is None and parameters.setdefault("d", lepton.ones(1)) is parameters["d"]
    assert parameters.popitem()[0] == "d" and parameters.pop("b") == 3 and list(parameters.keys()) == ["a", "c"]
    merged = parameters | nn.ParameterDict({"e": lepton.ones(1)})
    parameters |= nn.ParameterDict({"f": lepton.ones(1)})
    assert list(merged) == ["a", "c", "e"] and list(parameters) == ["a", "c", "f"]
    assert [len(each) for each in parameters.values()] == [2, 1, 1] and parameters.copy()["a"] is parameters["a"]
    assert list(nn.ParameterDict.fromkeys("xy", lepton.ones(1)).state_dict()) == ["x", "y"]
    parameters.clear()
    assert len(parameters) == 0 and not list(parameters.parameters())
