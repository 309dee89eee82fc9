"""nn.init: moments and bounds of what is drawn, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import nn
from lepton.errors import ArgumentError
from lepton.nn import init

MANY = (200, 300)


def drawn(fill: Any, *args: Any, shape: tuple[int, ...] = MANY, **kwargs: Any) -> np.ndarray[Any, Any]:
    tensor = lepton.empty(shape, dtype=lepton.float64)
    assert fill(tensor, *args, generator=lepton.Generator().manual_seed(3), **kwargs) is tensor
    return tensor.numpy()


def within(found: float, expected: float, sigmas: float, count: int) -> bool:
    return abs(found - expected) < 5 * sigmas / math.sqrt(count)


def check_uniform(values: np.ndarray[Any, Any], bound: float) -> None:
    assert np.abs(values).max() <= bound and np.abs(values).max() > 0.999 * bound
    assert within(values.mean(), 0, bound / math.sqrt(3), values.size)
    assert within(values.var(), bound**2 / 3, bound**2 * 0.3, values.size)


def check_normal(values: np.ndarray[Any, Any], mean: float, std: float) -> None:
    assert within(values.mean(), mean, std, values.size)
    assert within(values.var(), std**2, std**2 * math.sqrt(2), values.size)
    assert within(((values - mean) ** 3).mean(), 0, std**3 * math.sqrt(15), values.size)


def test_uniform_and_normal() -> None:
    check_uniform(drawn(init.uniform_, -2.0, 2.0), 2.0)
    check_normal(drawn(init.normal_, 1.0, 3.0), 1.0, 3.0)


def test_truncated_normal() -> None:
    values = drawn(init.trunc_normal_, 0.0, 1.0, -1.0, 2.0)
    assert values.min() >= -1 and values.max() <= 2
    density = lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    inside = 0.5 * (math.erf(2 / math.sqrt(2)) + math.erf(1 / math.sqrt(2)))
    assert within(values.mean(), (density(-1) - density(2)) / inside, 1.0, values.size)
    with pytest.warns(UserWarning, match="more than 2 std"):
        drawn(init.trunc_normal_, 0.0, 1.0, 5.0, 6.0)


@pytest.mark.parametrize(("shape", "fans"), [(MANY, (300, 200)), ((40, 50, 3, 4), (600, 480))])
def test_xavier_and_kaiming(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    fan_in, fan_out = fans
    check_uniform(drawn(init.xavier_uniform_, 2.0, shape=shape), 2 * math.sqrt(6 / (fan_in + fan_out)))
    check_normal(drawn(init.xavier_normal_, shape=shape), 0, math.sqrt(2 / (fan_in + fan_out)))
    check_uniform(drawn(init.kaiming_uniform_, math.sqrt(5), shape=shape), 1 / math.sqrt(fan_in))
    check_normal(drawn(init.kaiming_normal_, 0, "fan_out", "relu", shape=shape), 0, math.sqrt(2 / fan_out))


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (5, 5), (4, 2, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = drawn(init.orthogonal_, 2.0, shape=shape).reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_is_uniformly_distributed() -> None:
    generator = lepton.Generator().manual_seed(0)
    corners = [init.orthogonal_(lepton.empty(2, 2), generator=generator)[0, 0].item() for _ in range(2000)]
    assert abs(np.mean(corners)) < 0.1 and abs(np.mean(np.square(corners)) - 0.5) < 0.05


def test_sparse() -> None:
    values = drawn(init.sparse_, 0.31, 0.5, shape=(100, 200))
    assert (np.count_nonzero(values == 0, axis=0) == 31).all()
    check_normal(values[values != 0], 0, 0.5)
    assert len({tuple(np.flatnonzero(column == 0)) for column in values.T}) > 100


def test_constants() -> None:
    assert (init.constant_(lepton.empty(3), 2.5) == 2.5).all()
    assert (init.ones_(lepton.empty(3)) == 1).all() and (init.zeros_(lepton.empty(3)) == 0).all()
    assert lepton.equal(init.eye_(lepton.empty(2, 3)), lepton.eye(2, 3))


def test_dirac_keeps_the_input() -> None:
    weight = init.dirac_(lepton.empty(4, 2, 3, 3), groups=2)
    x = lepton.randn(1, 4, 5, 5)
    assert lepton.equal(nn.functional.conv2d(x, weight, padding=1, groups=2), x)


def test_parameters_are_filled_outside_of_the_graph() -> None:
    parameter = nn.Parameter(lepton.empty(3, 3))
    version = parameter._version
    init.normal_(parameter)
    assert parameter.requires_grad and parameter.is_leaf and parameter._version > version


def test_the_global_generator_and_the_type() -> None:
    lepton.manual_seed(5)
    first = init.normal_(lepton.empty(4, dtype=lepton.float16))
    lepton.manual_seed(5)
    assert lepton.equal(init.normal_(lepton.empty(4, dtype=lepton.float16)), first) and first.dtype is lepton.float16


def test_empty_tensors() -> None:
    with pytest.warns(UserWarning, match="zero-element"):
        init.kaiming_uniform_(lepton.empty(3, 0))
    init.orthogonal_(lepton.empty(0, 3))


def test_gains() -> None:
    assert init.calculate_gain("tanh") == 5 / 3 and init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 0.5) == math.sqrt(2 / 1.25)
    with pytest.raises(ArgumentError, match="Unsupported nonlinearity foo"):
        init.calculate_gain("foo")


# ---------------------------------------------------------------------- what layers begin with


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (nn.Linear(300, 200), 300),
        (nn.Conv2d(40, 60, (3, 5), groups=2), 300),
        (nn.Conv1d(100, 200, 3), 300),
        (nn.ConvTranspose2d(60, 40, (3, 2)), 240),
    ],
)
def test_linear_and_convolution(layer: Any, fan_in: int) -> None:
    bound = 1 / math.sqrt(fan_in)
    check_uniform(layer.weight.detach().numpy().astype(np.float64), bound)
    bias = layer.bias.detach().numpy()
    assert np.abs(bias).max() <= bound and np.abs(bias).max() > 0.8 * bound


def test_bilinear_embedding_and_norms() -> None:
    check_uniform(nn.Bilinear(50, 40, 30).weight.detach().numpy().astype(np.float64), 1 / math.sqrt(50))
    table = nn.Embedding(300, 200, padding_idx=7).weight.detach().numpy().astype(np.float64)
    assert (table[7] == 0).all()
    check_normal(np.delete(table, 7, axis=0), 0, 1)
    norm = nn.BatchNorm2d(3)
    assert (norm.weight == 1).all() and (norm.bias == 0).all()
    assert (norm.running_mean == 0).all() and (norm.running_var == 1).all() and norm.num_batches_tracked.item() == 0


def test_layers_of_no_size() -> None:
    assert nn.Linear(0, 3)(lepton.ones(2, 0)).shape == (2, 3)
    assert nn.Linear(3, 0)(lepton.ones(2, 3)).shape == (2, 0)


NAMES_OF_OLD = (
    "constant", "dirac", "eye", "kaiming_normal", "kaiming_uniform", "normal", "orthogonal", "sparse", "uniform",
    "xavier_normal", "xavier_uniform",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES_OF_OLD)
def test_names_of_old_warn_and_do_the_same(name):
    arguments = {"constant": (2.0,), "sparse": (0.5,)}.get(name, ())
    shape = (3, 4, 2) if name == "dirac" else (3, 4)
    lepton.manual_seed(0)
    expected = getattr(nn.init, f"{name}_")(lepton.empty(shape), *arguments)
    lepton.manual_seed(0)
    with pytest.warns(FutureWarning, match=f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`"):
        found = getattr(nn.init, name)(lepton.empty(shape), *arguments)
    assert found.equal(expected)
