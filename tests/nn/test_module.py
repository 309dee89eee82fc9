"""Module: registration, attributes, looking through, changing everything at once, copies, printing, errors."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import lepton
from lepton import nn
from lepton.errors import (
    ArgumentError,
    ArgumentTypeError,
    GradError,
    LeptonError,
    MissingForwardError,
    ModuleAttributeError,
    ModuleNameError,
    ShapeError,
)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(3, 2)
        self.register_buffer("mean", lepton.zeros(2))
        self.register_buffer("scratch", lepton.ones(1), persistent=False)
        self.register_parameter("absent", None)
        self.plain = 3

    def forward(self, x: Any) -> Any:
        return self.lin(x) + self.mean


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = Block()
        self.rest = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 1)])

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        for each in self.rest:
            x = each(x)
        return x


@pytest.fixture
def net() -> Net:
    return Net()


# ---------------------------------------------------------------------- registration


def test_assigned_parameters_buffers_and_modules_are_registered(net: Net) -> None:
    assert [name for name, _ in net.named_parameters()] == [
        "first.lin.weight", "first.lin.bias", "rest.0.weight", "rest.0.bias", "rest.1.weight", "rest.1.bias",
    ]  # fmt: skip
    assert [name for name, _ in net.named_buffers()] == ["first.mean", "first.scratch"]
    assert [name for name, _ in net.named_modules()] == ["", "first", "first.lin", "rest", "rest.0", "rest.1"]
    assert list(net.state_dict()) == [
        "first.mean", "first.lin.weight", "first.lin.bias", "rest.0.weight", "rest.0.bias", "rest.1.weight",
        "rest.1.bias",
    ]  # fmt: skip


def test_a_buffer_class_says_whether_it_is_persistent() -> None:
    module = nn.Module()
    module.kept = nn.Buffer(lepton.ones(1))
    module.dropped = nn.Buffer(lepton.ones(1), persistent=False)
    assert list(module.state_dict()) == ["kept"]
    module.dropped = nn.Buffer(lepton.ones(1))
    assert list(module.state_dict()) == ["kept", "dropped"]


def test_attributes_and_registries_agree_whoever_writes() -> None:
    module = Block()
    weight = nn.Parameter(lepton.ones(2, 3))
    module.lin._parameters["weight"] = weight
    assert module.lin.weight is weight
    del module.lin._parameters["weight"]
    assert not hasattr(module.lin, "weight")
    module.lin.weight = weight
    assert module.lin._parameters["weight"] is weight
    assert module.lin._parameters.pop("weight") is weight and not hasattr(module.lin, "weight")
    module.lin._parameters.update(weight=weight)
    module.lin._parameters |= {"bias": None}
    assert module.lin.weight is weight and module.lin.bias is None
    assert module.lin._parameters.setdefault("weight", None) is weight
    module.lin._parameters = {"weight": None}
    assert module.lin.weight is None and not hasattr(module.lin, "bias")
    assert module._modules.popitem()[0] == "lin" and not hasattr(module, "lin")
    module._buffers.clear()
    assert not hasattr(module, "mean")


def test_an_attribute_changes_its_kind() -> None:
    module = Block()
    module.plain = nn.Parameter(lepton.ones(1))
    assert "plain" in module._parameters
    module.mean = nn.Parameter(lepton.ones(1))
    assert "mean" in module._parameters and "mean" not in module._buffers
    module.lin = nn.Parameter(lepton.ones(1))
    assert "lin" in module._parameters and "lin" not in module._modules
    module.scratch = nn.Linear(1, 1)
    assert "scratch" in module._modules and "scratch" not in module._buffers


def test_none_takes_a_registered_place() -> None:
    module = Block()
    module.mean = None
    module.lin.bias = None
    module.lin = None
    assert list(module.parameters()) == [] and list(module.state_dict()) == [] and list(module.children()) == []
    module.mean = lepton.ones(2)
    assert list(module.state_dict()) == ["mean"]


def test_deleting(net: Net) -> None:
    del net.first.lin.bias
    del net.first.mean
    del net.rest
    assert list(net.state_dict()) == ["first.lin.weight"]
    with pytest.raises(AttributeError):
        del net.nothing


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda m: m.register_parameter(3, None), ArgumentTypeError, "parameter name should be a string. Got int"),
        (lambda m: m.register_parameter("a.b", None), ModuleNameError, "parameter name can't contain"),
        (lambda m: m.register_parameter("", None), ModuleNameError, "can't be empty"),
        (lambda m: m.register_parameter("plain", None), ModuleNameError, "attribute 'plain' already exists"),
        (lambda m: m.register_parameter("forward", None), ModuleNameError, "attribute 'forward' already exists"),
        (lambda m: m.register_parameter("p", lepton.ones(1)), ArgumentTypeError, "Parameter or None required"),
        (lambda m: m.register_buffer("plain", None), ModuleNameError, "already exists"),
        (lambda m: m.register_buffer("b", 3), ArgumentTypeError, "cannot assign 'int' object to buffer 'b'"),
        (lambda m: m.add_module("plain", nn.Linear(1, 1)), ModuleNameError, "already exists"),
        (lambda m: m.add_module("a.b", nn.Linear(1, 1)), ModuleNameError, "got: a.b"),
        (lambda m: m.add_module("x", 3), ArgumentTypeError, "int is not a Module subclass"),
        (lambda m: setattr(m, "lin", 3), ArgumentTypeError, "cannot assign 'int' as child module 'lin'"),
        (lambda m: setattr(m.lin, "weight", lepton.ones(1)), ArgumentTypeError, "as parameter 'weight'"),
        (lambda m: setattr(m, "mean", 3), ArgumentTypeError, "as buffer 'mean'"),
        (lambda m: m.nothing, ModuleAttributeError, "'Block' object has no attribute 'nothing'"),
        (lambda m: nn.Module()(3), MissingForwardError, r"Module \[Module\] is missing the required"),
        (lambda m: m.train(3), ArgumentError, "training mode is expected to be boolean"),
        (lambda m: m.to(lepton.int64), ArgumentTypeError, "only accepts floating point"),
        (lambda m: m.get_submodule("lin.x"), ModuleAttributeError, "Linear has no attribute `x`"),
        (lambda m: m.get_submodule("plain"), ModuleAttributeError, "`plain` is not an nn.Module"),
        (lambda m: m.get_parameter("mean"), ModuleAttributeError, "`mean` is not an nn.Parameter"),
        (lambda m: m.get_buffer("lin.weight"), ModuleAttributeError, "`weight` is not a buffer"),
        (lambda m: nn.Parameter(lepton.ones(2).long()), GradError, "only Tensors of floating point"),
        (lambda m: nn.Parameter([1.0]), ArgumentTypeError, "must be a Tensor, not list"),
    ],
)
def test_what_is_refused(change: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        change(Block())


@pytest.mark.parametrize("value", [nn.Parameter(lepton.ones(1)), nn.Linear(1, 1), nn.Buffer(lepton.ones(1))])
def test_registration_before_init_is_refused(value: Any) -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.x = value

    with pytest.raises(ModuleAttributeError, match=r"before Module.__init__\(\) call"):
        Early()


def test_a_result_is_no_parameter() -> None:
    module = Block()
    computed = nn.Parameter(lepton.ones(1))
    computed._edge, computed._needs = (module.lin.weight * 2)._edge, True
    with pytest.raises(ArgumentError, match="non-leaf"):
        module.register_parameter("p", computed)


def test_getters(net: Net) -> None:
    assert net.get_submodule("") is net
    assert net.get_submodule("rest.1") is net.rest[1]
    assert net.get_parameter("first.lin.weight") is net.first.lin.weight
    assert net.get_buffer("first.mean") is net.first.mean
    net.set_submodule("first.lin", nn.Linear(3, 2, bias=False))
    assert net.first.lin.bias is None
    with pytest.raises(ArgumentError, match="without a target name"):
        net.set_submodule("", nn.Linear(1, 1))


def test_shared_parts_are_listed_once_unless_asked(net: Net) -> None:
    net.rest[1] = net.rest[0]
    assert len(list(net.parameters())) == 4
    assert len(list(net.named_parameters(remove_duplicate=False))) == 6
    assert len(list(net.modules())) == 5 and len(list(net.named_modules(remove_duplicate=False))) == 6
    assert len(list(net.rest.children())) == 1
    assert len(list(net.first.named_parameters(recurse=False))) == 0


def test_a_parameter_shares_memory_and_version() -> None:
    data = lepton.ones(3)
    parameter = nn.Parameter(data)
    data.fill_(2.0)
    assert parameter.tolist() == [2.0, 2.0, 2.0] and parameter._version == data._version
    assert parameter.requires_grad and parameter.is_leaf
    assert repr(parameter).startswith("Parameter containing:\ntensor([2., 2., 2.]")


# ---------------------------------------------------------------------- changing everything at once


def test_train_eval_apply_and_freezing(net: Net) -> None:
    seen = []
    assert net.eval() is net and not any(each.training for each in net.modules())
    assert net.train() is net and all(each.training for each in net.modules())
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Linear", "Block", "Linear", "Linear", "ModuleList", "Net"]
    net.requires_grad_(False)
    assert not any(each.requires_grad for each in net.parameters())


def test_converting_keeps_parameters_the_same_objects(net: Net) -> None:
    before = list(net.parameters())
    net(lepton.ones(1, 3)).sum().backward()
    net.first.register_buffer("count", lepton.zeros(1).long())
    assert net.double() is net
    assert all(a is b for a, b in zip(before, net.parameters(), strict=True))
    assert {each.dtype for each in net.parameters()} == {lepton.float64}
    assert {each.grad.dtype for each in net.parameters()} == {lepton.float64}
    assert net.first.mean.dtype is lepton.float64 and net.first.count.dtype is lepton.int64
    assert net.first.mean is net.first._buffers["mean"]
    net.half()
    assert net.first.lin.weight.dtype is lepton.float16
    net.to(lepton.float32).to("cpu").to(lepton.ones(1)).cpu()
    assert net.float().first.lin.weight.dtype is lepton.float32
    assert net.type(lepton.float64).first.count.dtype is lepton.float64


def test_zero_grad(net: Net) -> None:
    net(lepton.ones(1, 3)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all((each.grad == 0).all() for each in net.parameters())
    net.zero_grad()
    assert all(each.grad is None for each in net.parameters())


# ---------------------------------------------------------------------- copies and memory


def test_deepcopy_is_independent_and_keeps_sharing(net: Net) -> None:
    net.tied = net.rest[0]
    net.first.note = [1]
    net.first.register_forward_hook(lambda module, args, output: output * 0)
    twin = copy.deepcopy(net)
    assert twin.tied is twin.rest[0] and twin.first.lin.weight is twin.first.lin._parameters["weight"]
    assert twin.first.lin.weight is not net.first.lin.weight and twin.first.note is not net.first.note
    twin.first.lin._parameters["weight"] = nn.Parameter(lepton.zeros(2, 3))
    assert (twin.first.lin.weight == 0).all() and not (net.first.lin.weight == 0).all()
    assert (twin.first(lepton.ones(1, 3)) == 0).all()
    assert list(twin.state_dict()) == list(net.state_dict())


def test_a_shallow_copy_has_registries_of_its_own(net: Net) -> None:
    twin = copy.copy(net.first)
    assert twin.lin is net.first.lin
    twin.lin = nn.Linear(1, 1)
    assert net.first.lin.in_features == 3


def test_modules_die_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        net = Net()
        net(lepton.ones(1, 3)).sum().backward()
        alive = [weakref.ref(net), weakref.ref(net.first.lin), weakref.ref(net.first.lin.weight)]
        del net
        assert [each() for each in alive] == [None, None, None]
    finally:
        gc.enable()


# ---------------------------------------------------------------------- printing, dir, errors


def test_repr(net: Net) -> None:
    assert repr(net) == (
        "Net(\n"
        "  (first): Block(\n"
        "    (lin): Linear(in_features=3, out_features=2, bias=True)\n"
        "  )\n"
        "  (rest): ModuleList(\n"
        "    (0): Linear(in_features=2, out_features=2, bias=True)\n"
        "    (1): Linear(in_features=2, out_features=1, bias=True)\n"
        "  )\n"
        ")"
    )


def test_dir_lists_attributes_and_no_numbers(net: Net) -> None:
    assert {"first", "rest", "parameters"} <= set(dir(net))
    assert "0" not in dir(net.rest)


def layers_of(error: LeptonError) -> Iterator[str]:
    return iter(str(error).partition(" [in ")[2].rstrip("]").split(": ", 1))


def test_an_error_names_the_layer_and_the_way_to_it(net: Net) -> None:
    with pytest.raises(ShapeError) as caught:
        net(lepton.ones(2, 5))
    assert str(caught.value) == (
        "mat1 and mat2 shapes cannot be multiplied (2x5 and 3x2) "
        "[in Net.first.lin: Linear(in_features=3, out_features=2, bias=True)]"
    )
    with pytest.raises(ShapeError, match=r"\[in Linear\(in_features=3, out_features=2, bias=True\)\]$"):
        net.first.lin(lepton.ones(2, 5))


def test_an_error_that_is_raised_again_keeps_its_place(net: Net) -> None:
    class Retry(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Any) -> Any:
            try:
                return self.net(x)
            except ShapeError:
                return self.net(x)

    with pytest.raises(ShapeError) as caught:
        Retry()(lepton.ones(2, 5))
    assert next(layers_of(caught.value)) == "Retry.net.first.lin"


def test_a_module_called_from_outside_of_its_parent_is_named_alone() -> None:
    stray = nn.Linear(3, 2)

    class Caller(nn.Module):
        def forward(self, x: Any) -> Any:
            return stray(x)

    with pytest.raises(ShapeError, match=r"\[in Linear\(in_features=3"):
        Caller()(lepton.ones(2, 5))
