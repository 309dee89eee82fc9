"""Clipping, vectors of parameters, fusion, normalised weights, and pruning."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lepton
from lepton import nn
from lepton.errors import ArgumentError, ArgumentTypeError, HookError, IndexRangeError, ShapeError, ValueRangeError
from lepton.nn import utils
from lepton.nn.utils import prune
from tests import standin


def with_gradient(*values: float) -> lepton.Tensor:
    made = lepton.zeros(len(values), requires_grad=True)
    made.grad = lepton.tensor(list(values))
    return made


# ---------------------------------------------------------------------- clipping


NUMBERS = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=5)


@given(NUMBERS, st.floats(0.1, 100), st.sampled_from([1, 2, 3]))
def test_a_clipped_norm_is_at_most_the_largest(values: list[float], largest: float, p: float) -> None:
    a, b = with_gradient(*values), with_gradient(1.0)
    before = [*values, 1.0]
    total = utils.clip_grad_norm_([a, b], largest, p).item()
    assert total == pytest.approx(sum(abs(each) ** p for each in before) ** (1 / p), rel=1e-5)
    after = [*a.grad.tolist(), *b.grad.tolist()]  # type: ignore[union-attr]
    factor = min(1.0, largest / (total + 1e-6))
    assert after == pytest.approx([factor * each for each in before], rel=1e-5, abs=1e-30)


def test_gradients_are_clipped_in_place_and_parameters_without_one_left_out() -> None:
    a, none = with_gradient(3.0, 4.0), lepton.zeros(1, requires_grad=True)
    held = a.grad
    assert utils.clip_grad_norm_(iter([a, none]), 1.0).item() == 5.0
    assert a.grad is held and a.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-5) and none.grad is None  # type: ignore[union-attr]
    utils.clip_grad_value_(a, 0.7)
    assert a.grad.tolist() == pytest.approx([0.6, 0.7], rel=1e-5)  # type: ignore[union-attr]


def test_a_norm_that_is_not_finite_can_be_refused() -> None:
    a = with_gradient(math.inf, 1.0)
    with pytest.raises(ValueRangeError, match=r"norm of order 2\.0 .* is non-finite.*it is inf"):
        utils.clip_grad_norm_(a, 1.0, error_if_nonfinite=True)
    assert a.grad.tolist() == [math.inf, 1.0]  # type: ignore[union-attr]


def test_clipping_on_another_device() -> None:
    with standin.installed():
        a = lepton.zeros(2).to(standin.DEVICE).requires_grad_()
        a.grad = lepton.tensor([3.0, 4.0]).to(standin.DEVICE)
        total = utils.clip_grad_norm_([a], 1.0)
        utils.clip_grad_value_([a], 0.7)
        assert total.device.type == standin.DEVICE and total.cpu().item() == 5.0
        assert a.grad.cpu().tolist() == pytest.approx([0.6, 0.7], rel=1e-5)


# ---------------------------------------------------------------------- vectors, fusion


def test_parameters_as_a_vector_and_back() -> None:
    model = nn.Linear(2, 1)
    utils.vector_to_parameters(lepton.tensor([1.0, 2.0, 3.0]), model.parameters())
    assert (model.weight.tolist(), model.bias.tolist()) == ([[1.0, 2.0]], [3.0])
    (utils.parameters_to_vector(model.parameters()) * lepton.tensor([1.0, 0.0, 2.0])).sum().backward()
    assert model.weight.grad.tolist() == [[1.0, 0.0]] and model.bias.grad.tolist() == [2.0]


def test_vectors_that_cannot_be() -> None:
    with pytest.raises(ArgumentTypeError, match=r"expected lepton\.Tensor, but got: list"):
        utils.vector_to_parameters([1.0], [lepton.zeros(1)])  # type: ignore[arg-type]
    with pytest.raises(ShapeError):
        utils.vector_to_parameters(lepton.zeros(1), [lepton.zeros(2)])
    with standin.installed(), pytest.raises(ArgumentTypeError, match="on different devices, cpu and standin"):
        utils.parameters_to_vector([lepton.zeros(1), lepton.zeros(1).to(standin.DEVICE)])


def test_fused_weights_are_the_weights_of_one_layer() -> None:
    mean, var, gamma, beta = [lepton.tensor(each) for each in ([1.0, 2.0], [0.5, 4.0], [3.0, -1.0], [0.25, 0.0])]
    scale = [3.0 / 0.5**0.5, -1.0 / 4.0**0.5]
    weight, bias = utils.fuse_linear_bn_weights(lepton.ones(2, 3), None, mean, var, 0.0, gamma, beta)
    np.testing.assert_allclose(weight.tolist(), [[scale[0]] * 3, [scale[1]] * 3], rtol=1e-6)
    np.testing.assert_allclose(bias.tolist(), [0.25 - 1.0 * scale[0], 0.0 - 2.0 * scale[1]], rtol=1e-6)
    kernel = lepton.ones(3, 2, 1)
    turned, _ = utils.fuse_conv_bn_weights(kernel, None, mean, var, 0.0, gamma, beta, transpose=True)
    np.testing.assert_allclose(turned.squeeze(2).tolist(), [scale] * 3, rtol=1e-6)
    straight, _ = utils.fuse_conv_bn_weights(kernel.transpose(0, 1), None, mean, var, 0.0, gamma, beta)
    np.testing.assert_allclose(straight.squeeze(2).tolist(), [[scale[0]] * 3, [scale[1]] * 3], rtol=1e-6)


def test_random_slices_are_pruned_whole() -> None:
    layer = nn.Linear(5, 6)
    method = prune.RandomStructured.apply(layer, "weight", amount=2, dim=0)
    assert isinstance(method, prune.RandomStructured)
    kept = [sum(row) for row in layer.weight_mask.tolist()]  # type: ignore[union-attr, operator]
    assert sorted(kept) == [0, 0, 5, 5, 5, 5]


def test_a_fused_layer_does_both() -> None:
    conv, norm = nn.Conv2d(2, 3, 2).eval(), nn.BatchNorm2d(3).eval()
    with lepton.no_grad():
        norm.running_mean.copy_(lepton.tensor([1.0, 2.0, 3.0]))  # type: ignore[union-attr]
        norm.running_var.copy_(lepton.tensor([0.5, 1.0, 4.0]))  # type: ignore[union-attr]
    x = lepton.randn(2, 2, 4, 4)
    np.testing.assert_allclose(
        utils.fuse_conv_bn_eval(conv, norm)(x).detach().numpy(), norm(conv(x)).detach().numpy(), rtol=1e-4, atol=1e-5
    )
    with pytest.raises(ArgumentError, match="Fusion only for eval!"):
        utils.fuse_conv_bn_eval(conv.train(), norm)
    with pytest.raises(ArgumentError, match=r"linear\.out_features=4 and bn\.num_features=3"):
        utils.fuse_linear_bn_eval(nn.Linear(2, 4).eval(), nn.BatchNorm1d(3).eval())


# ---------------------------------------------------------------------- normalised weights


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")
@pytest.mark.parametrize("way", ["hook", "parametrization"])
def test_weight_norm_learns_length_and_direction(way: str) -> None:
    layer = nn.Linear(2, 2, bias=False)
    with lepton.no_grad():
        layer.weight.copy_(lepton.tensor([[3.0, 4.0], [0.0, 2.0]]))
    if way == "hook":
        utils.weight_norm(layer)
        g: Any = layer.weight_g
    else:
        utils.parametrizations.weight_norm(layer)
        g = layer.parametrizations.weight.original0  # type: ignore[union-attr]
    assert g.tolist() == [[5.0], [2.0]]
    with lepton.no_grad():
        g.fill_(1.0)
    layer(lepton.ones(1, 2))
    assert layer.weight.tolist() == [pytest.approx([0.6, 0.8]), [0.0, 1.0]]


@pytest.mark.parametrize("way", ["hook", "parametrization"])
def test_spectral_norm_finds_the_largest_singular_value(way: str) -> None:
    lepton.manual_seed(0)
    layer = nn.Linear(5, 4).to(lepton.float64)
    sigma = np.linalg.svd(layer.weight.detach().numpy(), compute_uv=False)[0]
    before = layer.weight.detach().numpy().copy()
    kind: Any = utils if way == "hook" else utils.parametrizations
    kind.spectral_norm(layer, n_power_iterations=60)
    layer(lepton.ones(1, 5, dtype=lepton.float64))
    np.testing.assert_allclose(layer.weight.detach().numpy(), before / sigma, rtol=1e-6)


@pytest.mark.parametrize("way", ["hook", "parametrization"])
def test_spectral_norm_in_two_forwards_before_backward(way: str) -> None:
    layer = nn.Linear(3, 3)
    kind: Any = utils if way == "hook" else utils.parametrizations
    kind.spectral_norm(layer)
    x = lepton.ones(1, 3)
    (layer(x) - layer(2 * x)).sum().backward()
    assert all(each.grad is not None for each in layer.parameters())


def test_normalising_twice_or_what_is_not() -> None:
    with pytest.raises(HookError, match="Cannot register two spectral_norm hooks on the same parameter weight"):
        utils.spectral_norm(utils.spectral_norm(nn.Linear(2, 2)))
    with pytest.raises(ArgumentError, match="weight_norm of 'weight' not found in Linear"):
        utils.remove_weight_norm(nn.Linear(2, 2))
    with pytest.raises(ArgumentError, match="positive, but got n_power_iterations=0"):
        utils.spectral_norm(nn.Linear(2, 2), n_power_iterations=0)


# ---------------------------------------------------------------------- pruning


def test_what_is_pruned_stays_zero_through_training() -> None:
    layer = prune.l1_unstructured(nn.Linear(4, 3), "weight", 0.5)
    mask = layer.weight_mask.clone()  # type: ignore[union-attr, operator]
    optimizer = lepton.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (layer(lepton.randn(5, 4)) ** 2).sum().backward()
        optimizer.step()
    layer(lepton.zeros(1, 4))
    assert mask.sum().item() == 6 and ((layer.weight != 0) == (mask != 0)).all().item()
    assert [name for name, _ in layer.named_parameters()] == ["bias", "weight_orig"]
    prune.remove(layer, "weight")
    assert [name for name, _ in layer.named_parameters()] == ["bias", "weight"] and not prune.is_pruned(layer)
    assert (layer.weight == 0).sum().item() == 6


def test_pruning_again_takes_from_what_is_left() -> None:
    layer = nn.Linear(4, 3)
    for amount, left in ((4, 8), (0.5, 4), (1, 3)):
        hook = prune.RandomUnstructured.apply(layer, "weight", amount)
        assert layer.weight_mask.sum().item() == left  # type: ignore[union-attr, operator]
    assert isinstance(hook, prune.PruningContainer) and len(hook) == 3
    assert layer._hooks is not None and len(layer._hooks.forward_pre) == 1


def test_a_refusal_changes_nothing() -> None:
    layer = prune.identity(nn.Linear(4, 3), "weight")
    before = {name: each.tolist() for name, each in layer.state_dict().items()}
    for make, error in (
        (lambda: prune.l1_unstructured(layer, "weight", 13), ArgumentError),
        (lambda: prune.l1_unstructured(layer, "bias", 4), ArgumentError),
        (lambda: prune.ln_structured(layer, "bias", 1, 2, 0), ArgumentError),
        (lambda: prune.ln_structured(layer, "weight", 1, 2, 2), IndexRangeError),
        (lambda: prune.custom_from_mask(layer, "weight", lepton.ones(2)), ArgumentError),
    ):
        with pytest.raises(error):
            make()
    assert {name: each.tolist() for name, each in layer.state_dict().items()} == before
    assert layer._hooks is not None and len(layer._hooks.forward_pre) == 1


def test_global_pruning_takes_the_least_of_all() -> None:
    small, large = nn.Linear(3, 2), nn.Linear(2, 3)
    with lepton.no_grad():
        small.weight.fill_(0.1)
        large.weight.fill_(5.0)
        large.weight[0, 0] = 0.01
    pairs = ((each, "weight") for each in (small, large))
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=7)
    assert (small.weight == 0).all().item() and (large.weight == 0).sum().item() == 1


class Even(prune.BasePruningMethod):
    """What a user may write."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: lepton.Tensor, default_mask: lepton.Tensor) -> lepton.Tensor:
        mask = default_mask.clone()
        mask.view(-1)[::2] = 0
        return mask


def test_a_method_of_ones_own() -> None:
    layer = nn.Linear(4, 2)
    Even.apply(layer, "weight")
    assert layer.weight_mask.tolist() == [[0.0, 1.0, 0.0, 1.0]] * 2  # type: ignore[union-attr, operator]
    Even.apply(layer, "weight")  # of the four that are left
    assert layer.weight_mask.tolist() == [[0.0, 0.0, 0.0, 1.0]] * 2  # type: ignore[union-attr, operator]
    with pytest.raises(TypeError, match="abstract"):
        prune.BasePruningMethod()  # type: ignore[abstract]


def test_a_pruned_model_can_be_copied() -> None:
    layer = prune.l1_unstructured(nn.Linear(4, 2), "weight", 3)
    layer.weight = layer.weight.detach()
    other = copy.deepcopy(layer)
    assert prune.is_pruned(other) and other(lepton.ones(1, 4)).tolist() == layer(lepton.ones(1, 4)).tolist()
