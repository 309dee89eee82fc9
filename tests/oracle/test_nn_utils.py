"""``nn.utils`` against PyTorch: clipping, vectors of parameters, fusion, normalised weights, names."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

from tests.oracle._modules import LIBRARIES, both, fill, host, same, used

OLD = pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")


# ---------------------------------------------------------------------- clipping


def gradients(library: Any, scale: float = 1.0, kinds: Any = ("float64", "float64", "float32")) -> list[Any]:
    rng = np.random.default_rng(0)
    parameters = []
    for shape, kind in zip(((3, 4), (), (5,)), kinds, strict=True):
        parameter = library.zeros(shape, dtype=getattr(library, kind), requires_grad=True)
        parameter.grad = library.tensor((scale * rng.standard_normal(shape)).astype(kind))
        parameters.append(parameter)
    parameters.append(library.zeros(2, requires_grad=True))
    return parameters


@pytest.mark.parametrize("foreach", [None, True, False])
@pytest.mark.parametrize("norm_type", [2.0, 1, 3.5, 0.5, float("inf"), "inf", 0, float("-inf")])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_grad_norm(norm_type: Any, max_norm: float, foreach: Any) -> None:
    found = []
    for library in LIBRARIES:
        parameters = gradients(library)
        total = library.nn.utils.clip_grad_norm_(parameters, max_norm, norm_type, foreach=foreach)
        found.append({"total": total, **{str(i): each.grad for i, each in enumerate(parameters[:3])}})
    same(*found, rtol=1e-6)


@pytest.mark.parametrize("value", [0.3, 10.0, 0.0, -1.0])
def test_clip_grad_value(value: float) -> None:
    found = []
    for library in LIBRARIES:
        parameters = gradients(library)
        library.nn.utils.clip_grad_value_(iter(parameters), value)
        found.append({str(i): each.grad for i, each in enumerate(parameters[:3])})
    same(*found)


@pytest.mark.parametrize("scale", [float("inf"), float("nan"), 0.0])
@pytest.mark.parametrize("refuse", [False, True])
def test_clipping_gradients_without_a_norm(scale: float, refuse: bool) -> None:
    def clipped(library: Any) -> dict[str, Any]:
        parameters = gradients(library, scale)
        total = library.nn.utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=refuse)
        return {"total": total, **{str(i): each.grad for i, each in enumerate(parameters[:3])}}

    with np.errstate(invalid="ignore"):
        ours, theirs = both(clipped)
    if not isinstance(theirs, Exception):
        same(ours, theirs)


def test_the_parts_of_clipping() -> None:
    found = []
    for library in LIBRARIES:
        utils = library.nn.utils
        parameters = gradients(library)
        total = utils.get_total_norm([each.grad for each in parameters[:3]], 3)
        one = utils.get_total_norm(parameters[0].grad)
        none = utils.get_total_norm([])
        utils.clip_grads_with_norm_(parameters, 0.1, total)
        utils.clip_grad_norm_(parameters[0], 0.01)
        found.append({"t": total, "1": one, "0": none, **{str(i): p.grad for i, p in enumerate(parameters[:3])}})
    same(*found, rtol=1e-6)


def test_warnings_of_clipping() -> None:
    for library in LIBRARIES:
        with pytest.warns(UserWarning, match="empty generator"):
            library.nn.utils.clip_grad_norm_((each for each in ()), 1.0)
        with pytest.warns(FutureWarning, match="deprecated"):
            library.nn.utils.clip_grad_norm(gradients(library), 1.0)


# ---------------------------------------------------------------------- vectors, fusion


def test_parameters_to_vector_and_back() -> None:
    found = []
    for library in LIBRARIES:
        utils = library.nn.utils
        model = fill(library, library.nn.Sequential(library.nn.Linear(3, 2), library.nn.Linear(2, 1)))
        vector = utils.parameters_to_vector(model.parameters())
        assert vector.requires_grad
        new = library.arange(20, dtype=library.float64)
        utils.vector_to_parameters(new, model.parameters())
        new[0] = 100.0  # memory is shared
        found.append({"vector": vector, **model.state_dict()})
    same(*found)


def test_vectors_that_do_not_fit() -> None:
    both(lambda library: library.nn.utils.vector_to_parameters([1.0], [library.zeros(1)]))
    both(lambda library: library.nn.utils.vector_to_parameters(library.zeros(3), [library.zeros(4)]))
    both(lambda library: library.nn.utils.parameters_to_vector([]))
    both(lambda library: library.nn.utils.parameters_to_vector([library.zeros(3, 4).t()]))


CONVOLUTIONS: dict[str, Any] = {
    "1d": lambda nn: (nn.Conv1d(3, 4, 2), nn.BatchNorm1d(4)),
    "2d": lambda nn: (nn.Conv2d(3, 4, 2, bias=False), nn.BatchNorm2d(4)),
    "3d": lambda nn: (nn.Conv3d(2, 4, 2), nn.BatchNorm3d(4, affine=False)),
    "groups": lambda nn: (nn.Conv2d(4, 4, 2, groups=2), nn.BatchNorm2d(4, eps=0.1)),
    "transposed": lambda nn: (nn.ConvTranspose2d(3, 4, 2), nn.BatchNorm2d(4)),
    "transposed without bias": lambda nn: (nn.ConvTranspose1d(3, 4, 2, bias=False), nn.BatchNorm1d(4)),
}


@pytest.mark.parametrize("make", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_fusing_convolutions(make: Any) -> None:
    found = []
    for library in LIBRARIES:
        conv, norm = (fill(library, each, seed).eval() for seed, each in enumerate(make(library.nn)))
        fused = library.nn.utils.fuse_conv_bn_eval(conv, norm, transpose="Transpose" in type(conv).__name__)
        assert fused is not conv and not fused.training
        shape = (2, conv.in_channels, *[5] * (conv.weight.ndim - 2))
        x = library.tensor(np.random.default_rng(5).standard_normal(shape))
        np.testing.assert_allclose(host(fused(x)), host(norm(conv(x))), rtol=1e-10, atol=1e-12)
        found.append(fused.state_dict())
        found.append({name: library.tensor(each.requires_grad) for name, each in fused.named_parameters()})
    same(found[0], found[2])
    same(found[1], found[3])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("features", [4, 1])
def test_fusing_linear_layers(bias: bool, features: int) -> None:
    found = []
    for library in LIBRARIES:
        linear = fill(library, library.nn.Linear(3, 4, bias=bias)).eval()
        norm = fill(library, library.nn.BatchNorm1d(features), 1).eval()
        found.append(library.nn.utils.fuse_linear_bn_eval(linear, norm).state_dict())
    same(*found)


def test_what_cannot_be_fused() -> None:
    def training(library: Any) -> Any:
        return library.nn.utils.fuse_conv_bn_eval(library.nn.Conv1d(3, 4, 2), library.nn.BatchNorm1d(4).eval())

    def untracked(library: Any) -> Any:
        norm = library.nn.BatchNorm1d(4, track_running_stats=False).eval()
        return library.nn.utils.fuse_conv_bn_eval(library.nn.Conv1d(3, 4, 2).eval(), norm)

    def other_features(library: Any) -> Any:
        return library.nn.utils.fuse_linear_bn_eval(library.nn.Linear(3, 4).eval(), library.nn.BatchNorm1d(3).eval())

    for make in (training, untracked, other_features):
        assert isinstance(both(make)[0], ValueError)


# ---------------------------------------------------------------------- normalised weights, old and new


LAYERS: dict[str, Any] = {
    "linear": lambda nn: nn.Linear(3, 4),
    "conv": lambda nn: nn.Conv2d(2, 3, 2),
    "transposed": lambda nn: nn.ConvTranspose1d(3, 2, 2),
}
INPUTS = {"linear": (5, 3), "conv": (2, 2, 4, 4), "transposed": (2, 3, 5)}


def set_directions(library: Any, module: Any) -> None:
    """The vectors of spectral normalisation, which are drawn, made the same in both libraries."""
    rng = np.random.default_rng(8)
    for name, buffer in module.named_buffers():
        if name.rpartition(".")[2] in ("_u", "_v", "weight_u", "weight_v"):
            direction = rng.standard_normal(tuple(buffer.shape))
            buffer.copy_(library.tensor(direction / np.linalg.norm(direction)))


@OLD
@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("dim", [0, 1, None, -1])
@pytest.mark.parametrize("layer", LAYERS)
def test_weight_norm(layer: str, dim: Any, new: bool) -> None:
    found = []
    for library in LIBRARIES:
        utils = library.nn.utils
        module = fill(library, LAYERS[layer](library.nn))
        module = (utils.parametrizations if new else utils).weight_norm(module, dim=dim)
        seen = used(library, module, INPUTS[layer])
        if new:
            utils.parametrize.remove_parametrizations(module, "weight")
        else:
            utils.remove_weight_norm(module)
        found.append({**seen, **{f"after {name}": each for name, each in module.state_dict().items()}})
        assert [name for name, _ in module.named_parameters()] == ["bias", "weight"]
    same(*found)


@OLD
def test_the_new_weight_norm_loads_the_state_of_the_old_one() -> None:
    found = []
    for library in LIBRARIES:
        utils = library.nn.utils
        old = utils.weight_norm(fill(library, library.nn.Linear(3, 4)))
        new = utils.parametrizations.weight_norm(fill(library, library.nn.Linear(3, 4), 1))
        model = library.nn.Sequential(new)
        model.load_state_dict({f"0.{name}": each for name, each in old.state_dict().items()})
        found.append(model.state_dict())
    same(*found)


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3, "dim": 1}, {"eps": 0.1}], ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_spectral_norm(layer: str, options: Any, new: bool) -> None:
    found = []
    for library in LIBRARIES:
        utils = library.nn.utils
        module = fill(library, LAYERS[layer](library.nn))
        module = (utils.parametrizations if new else utils).spectral_norm(module, **options)
        set_directions(library, module)
        seen = used(library, module, INPUTS[layer])
        module.eval()
        seen["evaluated"] = module(library.tensor(np.random.default_rng(9).standard_normal(INPUTS[layer])))
        if new:
            utils.parametrize.remove_parametrizations(module, "weight")
        else:
            utils.remove_spectral_norm(module)
        found.append({**seen, **{f"after {name}": each for name, each in module.state_dict().items()}})
    same(*found, rtol=1e-8)


def test_spectral_norm_of_a_vector() -> None:
    found = []
    for library in LIBRARIES:
        module = fill(library, library.nn.Linear(3, 4))
        module = library.nn.utils.parametrizations.spectral_norm(module, "bias")
        found.append(used(library, module, (5, 3)))
    same(*found)


def test_the_state_of_an_old_spectral_norm() -> None:
    found = []
    for library in LIBRARIES:
        utils = library.nn.utils
        module = utils.spectral_norm(fill(library, library.nn.Linear(3, 4)))
        rng = np.random.default_rng(10)
        u = rng.standard_normal(4)
        orig = rng.standard_normal((4, 3))
        state = {
            "bias": library.zeros(4, dtype=library.float64),
            "weight_orig": library.tensor(orig),
            "weight": library.tensor(orig / 1.7),
            "weight_u": library.tensor(u / np.linalg.norm(u)),
        }
        module.load_state_dict(state)
        metadata = module.state_dict()._metadata[""]
        found.append({**module.state_dict(), "version": library.tensor(metadata["spectral_norm"]["weight.version"])})
        with pytest.raises(RuntimeError, match=r'Missing key.*"weight_u"'):
            module.load_state_dict({name: each for name, each in state.items() if name != "weight_u"})
    same(*found, rtol=1e-8)


@OLD
def test_what_normalisation_refuses() -> None:
    def twice(how: str) -> Any:
        def make(library: Any) -> Any:
            function = getattr(library.nn.utils, how)
            return function(function(library.nn.Linear(3, 4)))

        return make

    def new(how: str, **options: Any) -> Any:
        return lambda library: getattr(library.nn.utils.parametrizations, how)(library.nn.Linear(3, 4), **options)

    makers = [
        twice("weight_norm"),
        twice("spectral_norm"),
        lambda library: library.nn.utils.remove_weight_norm(library.nn.Linear(3, 4)),
        lambda library: library.nn.utils.remove_spectral_norm(library.nn.Linear(3, 4)),
        lambda library: library.nn.utils.weight_norm(library.nn.Linear(3, 4), dim=5),
        lambda library: library.nn.utils.weight_norm(library.nn.Linear(3, 4), "nothing"),
        lambda library: library.nn.utils.spectral_norm(library.nn.Linear(3, 4), n_power_iterations=0),
        lambda library: library.nn.utils.spectral_norm(library.nn.Linear(3, 4, bias=False), "bias"),
        new("spectral_norm", n_power_iterations=0),
        new("spectral_norm", dim=2),
        new("spectral_norm", dim=-3),
        new("spectral_norm", name="nothing"),
        new("weight_norm", name="nothing"),
        new("weight_norm", dim=5),
        new("orthogonal", name="nothing"),
        new("orthogonal", name="bias"),
        new("orthogonal", orthogonal_map="rotation"),
    ]
    for make in makers:
        assert isinstance(both(make)[0], Exception)


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize("place", ["utils", "utils.parametrize", "utils.parametrizations", "utils.prune"])
def test_arguments_and_defaults_are_the_same(place: str) -> None:
    modules: list[Any] = []
    for library in LIBRARIES:
        module: Any = library.nn
        for part in place.split("."):
            module = getattr(module, part)
        modules.append(module)
    for name in modules[0].__all__:
        mine, other = (getattr(module, name) for module in modules)
        if not callable(mine) or name == "clip_grad_norm":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours, theirs = (inspect.signature(each).parameters.values() for each in (mine, other))
        if name == "PruningContainer":
            continue
        assert [(each.name, each.default) for each in ours] == [(each.name, each.default) for each in theirs], name
