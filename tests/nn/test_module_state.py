"""state_dict and load_state_dict: what goes out comes in, and a load that fails changes nothing."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton import nn
from lepton.errors import ArgumentTypeError, StateDictError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.lin = nn.Linear(3, 2)
        self.register_buffer("scratch", lepton.ones(1), persistent=False)

    def forward(self, x: Any) -> Any:
        return self.lin(self.norm(x))


def snapshot(module: nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: each.detach().numpy().copy() for name, each in tensors.items()}


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return list(a) == list(b) and all(np.array_equal(a[name], b[name]) for name in a)


def test_a_round_trip() -> None:
    one, other = Net(), Net()
    one(lepton.randn(5, 3))
    assert repr(other.load_state_dict(one.state_dict())) == "<All keys matched successfully>"
    assert same(snapshot(one), snapshot(other))
    assert "scratch" not in one.state_dict()


def test_the_state_shares_memory_and_has_no_graph() -> None:
    net = Net()
    state = net.state_dict()
    assert isinstance(state, OrderedDict) and not any(each.requires_grad for each in state.values())
    assert np.shares_memory(state["lin.weight"].numpy(), net.lin.weight.detach().numpy())
    assert net.state_dict(keep_vars=True)["lin.weight"] is net.lin.weight
    into: dict[str, Any] = {}
    assert net.state_dict(destination=into, prefix="a.") is into and "a.lin.weight" in into
    assert state._metadata["norm"] == {"version": 2}


def test_loading_writes_in_place_and_converts() -> None:
    net = Net()
    weight, version = net.lin.weight, net.lin.weight._version
    state = {name: each.double() if each.is_floating_point() else each for name, each in Net().state_dict().items()}
    net.load_state_dict(state)
    assert net.lin.weight is weight and weight._version > version and weight.dtype is lepton.float32
    assert net.lin.weight.requires_grad and net.lin.weight.is_leaf


def test_a_graph_that_saved_the_old_values_says_so() -> None:
    net = Net()
    x = lepton.randn(4, 3, requires_grad=True)
    loss = net(x).sum()
    net.load_state_dict(Net().state_dict())
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_assign_takes_the_tensors_themselves() -> None:
    net, state = Net(), {name: each.clone() for name, each in Net().double().state_dict().items()}
    net.lin.bias.requires_grad_(False)
    net.load_state_dict(state, assign=True)
    assert net.lin.weight.dtype is lepton.float64 and isinstance(net.lin.weight, nn.Parameter)
    assert net.lin.weight.requires_grad and not net.lin.bias.requires_grad
    assert np.shares_memory(net.lin.weight.detach().numpy(), state["lin.weight"].numpy())
    assert net.norm.running_mean is state["norm.running_mean"]
    weight = nn.Parameter(lepton.zeros(2, 3))
    net.load_state_dict({**net.state_dict(), "lin.weight": weight}, assign=True)
    assert net.lin.weight is weight


def test_the_error_lists_everything() -> None:
    net = Net()
    state = net.state_dict()
    del state["lin.bias"], state["norm.weight"]
    state["lin.weight"] = lepton.zeros(2, 4)
    state["norm.bias"] = 3
    state["extra"] = lepton.ones(1)
    with pytest.raises(StateDictError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "norm.weight", "lin.bias". \n'
        '\tUnexpected key(s) in state_dict: "extra". \n'
        '\tWhile copying the parameter named "norm.bias", expected lepton.Tensor or Tensor-like object from checkpoint '
        "but received <class 'int'>\n"
        "\tsize mismatch for lin.weight: copying a param with shape lepton.Size([2, 4]) from checkpoint, the shape in "
        "current model is lepton.Size([2, 3])."
    )


KEYS = tuple(Net().state_dict())


@given(
    missing=st.sets(st.sampled_from(KEYS)),
    wrong=st.sets(st.sampled_from([key for key in KEYS if key != "norm.num_batches_tracked"])),
    extra=st.sampled_from(((), ("more",), ("lin.more", "norm.deep.more"))),
    strict=st.booleans(),
    assign=st.booleans(),
    versioned=st.booleans(),
)
def test_a_failed_load_changes_nothing(
    missing: set[str], wrong: set[str], extra: tuple[str, ...], strict: bool, assign: bool, versioned: bool
) -> None:
    net = Net()
    before, objects = snapshot(net), dict(net.named_parameters())
    state = Net().state_dict()
    for name in missing:
        del state[name]
    if not versioned:
        state = dict(state)
    state.update({name: lepton.zeros(7) for name in wrong - missing})
    state.update({name: lepton.zeros(1) for name in extra})
    # As in PyTorch, only a state that says nothing of versions may lack the count, which old ones did not have.
    missed = missing if versioned else missing - {"norm.num_batches_tracked"}
    fails = bool(wrong - missing) or (strict and bool(missed or extra))
    if fails:
        with pytest.raises(StateDictError):
            net.load_state_dict(state, strict=strict, assign=assign)
        assert same(snapshot(net), before)
        assert all(each is objects[name] for name, each in net.named_parameters())
        return
    keys = net.load_state_dict(state, strict=strict, assign=assign)
    assert set(keys.missing_keys) == missed and set(keys.unexpected_keys) == set(extra)


def test_a_tensor_that_cannot_be_written_fails_before_anything_is_written() -> None:
    net = Net()
    frozen = np.zeros(2, np.float32)
    frozen.flags.writeable = False
    net.lin.bias = nn.Parameter(lepton.Tensor(frozen))
    before = snapshot(net)
    with pytest.raises(StateDictError, match="read-only"):
        net.load_state_dict(Net().state_dict())
    assert same(snapshot(net), before)


@pytest.mark.parametrize("state", [3, None, [("lin.weight", 1)]])
def test_no_mapping(state: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="Expected state_dict to be dict-like"):
        Net().load_state_dict(state)


def test_a_failed_load_leaves_what_it_was_given_too() -> None:
    weight = nn.Parameter(lepton.zeros(2, 3), requires_grad=False)
    with pytest.raises(StateDictError, match="size mismatch"):
        Net().load_state_dict({**Net().state_dict(), "lin.weight": weight, "lin.bias": lepton.zeros(7)}, assign=True)
    assert not weight.requires_grad
    counts = nn.Parameter(lepton.zeros(2, 3, dtype=lepton.int64), requires_grad=False)
    net = Net()
    before = snapshot(net)
    with pytest.raises(StateDictError, match="only Tensors of floating point dtype can require gradients"):
        net.load_state_dict({**Net().state_dict(), "lin.weight": counts}, assign=True)
    assert same(snapshot(net), before)


def test_a_key_that_is_no_name() -> None:
    net = Net()
    before = snapshot(net)
    with pytest.raises(ArgumentTypeError, match="this one has the key 3"):
        net.load_state_dict({**Net().state_dict(), 3: lepton.ones(1)})
    assert same(snapshot(net), before)


@pytest.mark.parametrize("metadata", ["abc", [1], {"": 5}, {"": {"version": "1"}}, {"norm": {"version": [2]}}])
def test_versions_that_are_damaged(metadata: Any) -> None:
    net, state = Net(), Net().state_dict()
    before = snapshot(net)
    state._metadata = metadata
    with pytest.raises(StateDictError, match="_metadata of the state_dict is damaged"):
        net.load_state_dict(state)
    assert same(snapshot(net), before)


def test_a_scalar_may_come_as_one_element() -> None:
    module = nn.Module()
    module.scale = nn.Parameter(lepton.tensor(1.0))
    module.load_state_dict({"scale": lepton.tensor([5.0])})
    assert module.scale.item() == 5.0 and module.scale.shape == ()


def test_a_batch_norm_of_the_first_version_has_no_count() -> None:
    state = {name: each for name, each in Net().state_dict().items() if "num_batches" not in name}
    Net().load_state_dict(state)


# ---------------------------------------------------------------------- extra state and hooks


class Counter(nn.Module):
    def __init__(self, count: int = 0) -> None:
        super().__init__()
        self.count = count

    def get_extra_state(self) -> Any:
        return {"count": self.count}

    def set_extra_state(self, state: Any) -> None:
        if state["count"] < 0:
            raise ValueError("negative")
        self.count = state["count"]


def test_extra_state_goes_along() -> None:
    other = nn.Sequential(Counter(1), Counter(2))
    other.load_state_dict(nn.Sequential(Counter(5), Counter(6)).state_dict())
    assert [each.count for each in other] == [5, 6]
    with pytest.raises(StateDictError, match='Missing key\\(s\\) in state_dict: "_extra_state"'):
        Counter().load_state_dict({})
    with pytest.raises(StateDictError, match='Unexpected key\\(s\\) in state_dict: "_extra_state"'):
        nn.ReLU().load_state_dict({"_extra_state": 3})


def test_extra_state_that_is_refused_is_put_back() -> None:
    modules = nn.Sequential(nn.Linear(1, 1), Counter(1), Counter(2))
    before = snapshot(modules)
    state = nn.Sequential(nn.Linear(1, 1), Counter(5), Counter(-1)).state_dict()
    with pytest.raises(ValueError, match="negative"):
        modules.load_state_dict(state)
    assert [modules[1].count, modules[2].count] == [1, 2] and same(snapshot(modules), before)


def without_bias(module: Any, state: Any, prefix: str, metadata: Any) -> None:
    del state[f"{prefix}bias"]


def test_hooks_around_saving() -> None:
    net = Net()
    seen: list[Any] = []
    net.lin.register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append((module, prefix, keep_vars)))
    net.lin.register_state_dict_post_hook(without_bias)
    assert "lin.bias" not in net.state_dict() and seen == [(net.lin, "lin.", False)]
    net.register_state_dict_post_hook(lambda *_: {})
    with pytest.raises(StateDictError, match="must return None"):
        net.state_dict()


def rename(module: Any, state: Any, prefix: str, *_: Any) -> None:
    if f"{prefix}old" in state:
        state[f"{prefix}weight"] = state.pop(f"{prefix}old")


def test_hooks_before_loading_may_rename() -> None:
    net, state = Net(), Net().state_dict()
    state["lin.old"] = state.pop("lin.weight")
    net.lin.register_load_state_dict_pre_hook(rename)
    net.load_state_dict(state)
    assert "lin.old" in state


def test_hooks_after_loading_may_excuse_keys() -> None:
    net, state = Net(), Net().state_dict()
    del state["lin.bias"]
    before = snapshot(net)
    net.lin.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    net.load_state_dict(state)
    after = snapshot(net)
    assert np.array_equal(after["lin.weight"], state["lin.weight"].numpy())
    assert np.array_equal(after["lin.bias"], before["lin.bias"])


def test_a_module_may_load_its_own_way() -> None:
    class Doubling(nn.Linear):
        def _load_from_state_dict(self, state: Any, prefix: str, *rest: Any) -> None:
            state[f"{prefix}weight"] = state[f"{prefix}weight"] * 2
            super()._load_from_state_dict(state, prefix, *rest)

    net = nn.Sequential(Doubling(2, 2))
    net.load_state_dict({"0.weight": lepton.ones(2, 2), "0.bias": lepton.zeros(2)})
    assert (net[0].weight == 2).all()
    lone = nn.Linear(2, 2)
    lone._load_from_state_dict({"weight": lepton.ones(2, 2), "bias": lepton.ones(2)}, "", {}, True, [], [], [])
    assert (lone.weight == 1).all()
