"""SyncBatchNorm: two ranks, as threads that add up their arrays, against BatchNorm on both batches together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import nn
from lepton.autograd.ops.mesh import MeshSum
from lepton.backend.injection import MESH_SUM, inject
from lepton.errors import ArgumentError

PATIENCE = 20.0  # seconds that a rank waits for the other


class Mesh:
    """Two ranks: each gives an array, each receives the sum."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(2, timeout=PATIENCE)
        self.given: dict[int, Any] = {}
        self.groups: list[Any] = []
        self.rank = threading.local()

    def total(self, array: Any, group: Any) -> Any:
        self.given[self.rank.number] = array
        self.groups.append(group)
        self.barrier.wait()
        found = self.given[0] + self.given[1]
        self.barrier.wait()
        return found

    def run(self, work: Callable[[int], Any]) -> list[Any]:
        """What ``work(rank)`` returns on both ranks; an error on one breaks the other's wait."""

        def on_rank(number: int) -> Any:
            self.rank.number = number
            try:
                return work(number)
            except BaseException:
                self.barrier.abort()
                raise

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(on_rank, range(2)))


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    made = Mesh()
    inject(MESH_SUM, made.total)
    yield made
    inject(MESH_SUM, None)


def batch(*shape: int) -> Any:
    return np.random.default_rng([5, *shape]).normal(3.0, 2.0, shape)


def prepared(kind: type[nn.Module], **settings: Any) -> Any:
    """A layer with other weights than it begins with, the same in every rank."""
    layer = kind(3, dtype=lepton.float64, **settings)
    with lepton.no_grad():
        for k, parameter in enumerate(layer.parameters()):
            parameter.copy_(lepton.tensor([0.5, -1.5, 2.0 + k], dtype=lepton.float64))
    return layer


def worked(layer: Any, x: Any, g: Any) -> dict[str, Any]:
    """Result, gradients of first and second order, and buffers, as arrays."""
    leaf = lepton.tensor(x, requires_grad=True)
    arriving = lepton.tensor(g, requires_grad=True)
    out = layer(leaf)
    parameters = dict(layer.named_parameters())
    first = lepton.autograd.grad(out, [leaf, *parameters.values()], arriving, create_graph=True)
    weights = [lepton.tensor(np.cos(np.arange(each.numel()).reshape(each.shape) + len(x))) for each in first[:1]]
    second = lepton.autograd.grad(first[:1], [leaf, arriving], weights)
    found = {"out": out, "x": first[0], "second x": second[0], "second g": second[1]}
    found |= dict(zip(parameters, first[1:], strict=True))
    return {name: each.detach().numpy().copy() for name, each in {**found, **dict(layer.named_buffers())}.items()}


@pytest.mark.parametrize("shape", [(3,), (3, 5), (3, 2, 4)])
@pytest.mark.parametrize("settings", [{}, {"momentum": None, "bias": False}, {"affine": False, "eps": 0.1}])
def test_two_ranks_are_one_batch(mesh: Mesh, shape: tuple[int, ...], settings: dict[str, Any]) -> None:
    x, g = batch(7, *shape), batch(7, *shape)[::-1]
    parts = (slice(0, 2), slice(2, 7))  # ranks need not have the same number of samples
    found = mesh.run(lambda rank: worked(prepared(nn.SyncBatchNorm, **settings), x[parts[rank]], g[parts[rank]]))
    inject(MESH_SUM, None)
    layer = prepared(nn.SyncBatchNorm, **settings)  # now without a mesh: batch normalisation
    leaf, arriving = lepton.tensor(x, requires_grad=True), lepton.tensor(g, requires_grad=True)
    out = layer(leaf)
    names = dict(layer.named_parameters())
    first = lepton.autograd.grad(out, [leaf, *names.values()], arriving, create_graph=True)
    weights = np.concatenate([np.cos(np.arange(x[part].size).reshape(x[part].shape) + len(x[part])) for part in parts])
    second = lepton.autograd.grad(first[:1], [leaf, arriving], [lepton.tensor(weights)])
    expected = {"out": out, "x": first[0], "second x": second[0], "second g": second[1]}
    for name, each in expected.items():
        together = np.concatenate([rank[name] for rank in found])
        np.testing.assert_allclose(together, each.detach().numpy(), rtol=1e-10, atol=1e-11, err_msg=name)
    for name, each in zip(names, first[1:], strict=True):
        added = found[0][name] + found[1][name]  # what adding up the ranks' gradients gives
        np.testing.assert_allclose(added, each.detach().numpy(), rtol=1e-10, atol=1e-11, err_msg=name)
    for name, each in layer.named_buffers():
        for rank in found:
            np.testing.assert_allclose(rank[name], each.numpy(), rtol=1e-12, err_msg=name)


def test_sixteen_bits_a_rank_without_samples_and_the_group(mesh: Mesh) -> None:
    x = batch(4, 3, 200).astype("float16") * np.float16(100)
    parts = (x, x[:0])

    def work(rank: int) -> Any:
        layer = nn.SyncBatchNorm(3, process_group="the group")
        leaf = lepton.tensor(parts[rank], requires_grad=True)
        out = layer(leaf)
        out.backward(lepton.ones_like(out))
        assert out.dtype is leaf.grad.dtype is lepton.float16
        return out.detach().numpy()

    found = mesh.run(work)
    expected = nn.BatchNorm1d(3)(lepton.tensor(x)).detach().numpy()
    np.testing.assert_allclose(found[0], expected, atol=2e-3)
    assert found[1].shape == (0, 3, 200)
    assert set(mesh.groups) == {"the group"}


def test_the_variance_does_not_cancel(mesh: Mesh) -> None:
    x = (batch(6, 3) * 0.1 + 1000).astype("float32")
    found = mesh.run(lambda rank: nn.SyncBatchNorm(3)(lepton.tensor(x[3 * rank : 3 * rank + 3])).detach().numpy())
    exact = nn.BatchNorm1d(3, dtype=lepton.float64)(lepton.tensor(x.astype("float64"))).detach().numpy()
    np.testing.assert_allclose(np.concatenate(found), exact, atol=1e-2)


def test_one_value_on_all_ranks_together_is_refused_on_all(mesh: Mesh) -> None:
    parts = (batch(1, 3), batch(0, 3))

    def work(rank: int) -> None:
        with pytest.raises(ArgumentError, match="more than 1 value"):
            nn.SyncBatchNorm(3, dtype=lepton.float64)(lepton.tensor(parts[rank]))

    mesh.run(work)


def test_evaluation_asks_nobody(mesh: Mesh) -> None:
    layer = nn.SyncBatchNorm(3).eval()  # a call of the mesh would wait for the other rank
    x = lepton.tensor(batch(2, 3).astype("float32"))
    np.testing.assert_allclose(layer(x).detach().numpy(), x.numpy() / np.sqrt(1 + 1e-5), rtol=1e-6)
    assert not mesh.groups


def test_converting_a_model_keeps_its_tensors() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.BatchNorm1d(3, momentum=0.3), nn.ReLU()), nn.BatchNorm2d(2))
    model[2].eval()
    before, norm = dict(model.state_dict()), model[1][0]
    made = nn.SyncBatchNorm.convert_sync_batchnorm(model, "group")
    assert made is model
    assert type(model[1][0]) is type(model[2]) is nn.SyncBatchNorm
    assert (model[1][0].momentum, model[1][0].process_group) == (0.3, "group")
    assert model[1][0].training and not model[2].training
    assert model[1][0].weight is norm.weight and model[1][0].running_var is norm.running_var
    assert list(before) == list(model.state_dict())
    bare = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(2, affine=False, track_running_stats=False))
    assert bare.weight is bare.bias is bare.running_mean is None


def test_without_a_mesh_a_sum_is_the_array_itself() -> None:
    x = lepton.tensor([1.0, 2.0], requires_grad=True)
    out = MeshSum()(x)
    out.backward(lepton.tensor([3.0, 4.0]))
    assert (out.tolist(), x.grad.tolist()) == ([1.0, 2.0], [3.0, 4.0])
    assert not np.shares_memory(out.detach().numpy(), x.detach().numpy())
