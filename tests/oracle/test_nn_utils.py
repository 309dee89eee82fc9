"""``nn.utils`` against PyTorch: clipping, fusion, normalised and orthogonal weights, parametrisations, pruning."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.utils.parametrizations
import torch.nn.utils.prune

import lepton

LIBRARIES = (lepton, torch)
OLD = pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")


def host(tensor: Any) -> np.ndarray[Any, Any]:
    return np.array(tensor.detach().numpy())


def fill(library: Any, module: Any, seed: int = 0) -> Any:
    """The module in float64, with parameters and running statistics that depend on the seed alone."""
    rng = np.random.default_rng(seed)
    module = module.to(library.float64)
    with library.no_grad():
        for parameter in module.parameters():
            parameter.copy_(library.tensor(rng.standard_normal(tuple(parameter.shape))))
        for name, buffer in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.copy_(library.tensor(rng.uniform(0.5, 1.5, tuple(buffer.shape))))
    return module


def same(ours: Any, theirs: Any, rtol: float = 1e-10, atol: float = 1e-12) -> None:
    """Equal states: names in order, types, values."""
    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert str(value.dtype)[7:] == str(theirs[name].dtype)[6:], name
        np.testing.assert_allclose(host(value), host(theirs[name]), rtol=rtol, atol=atol, err_msg=name)


def both(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    """What a function makes in both libraries; if PyTorch raises, Lepton has to raise the same."""
    made: list[Any] = []
    for library in (torch, lepton):
        try:
            made.append(make(library))
        except Exception as error:  # noqa: BLE001 - which exception it is, is what is compared
            made.append(error)
    theirs, ours = made
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        wanted = ValueError if isinstance(theirs, AssertionError) else type(theirs)
        assert isinstance(theirs, Exception) and isinstance(ours, wanted), made
    return ours, theirs


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


def used(library: Any, module: Any, shape: Any, count: int = 3) -> dict[str, Any]:
    """Outputs of some calls, gradients of their sum, and the state."""
    rng = np.random.default_rng(7)
    outputs = []
    total: Any = 0.0
    for _ in range(count):
        out = module(library.tensor(rng.standard_normal(shape)))
        outputs.append(out)
        total = total + (out * out).sum()
    total.backward()
    seen = {f"out{index}": each for index, each in enumerate(outputs)}
    seen.update({f"grad {name}": each.grad for name, each in module.named_parameters()})
    return {**seen, **module.state_dict()}


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


# ---------------------------------------------------------------------- orthogonal weights


@pytest.mark.parametrize("trivial", [True, False])
@pytest.mark.parametrize("how", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 3), (1, 1)])
def test_orthogonal(shape: tuple[int, ...], how: Any, trivial: bool) -> None:
    found = []
    for library in LIBRARIES:
        rng = np.random.default_rng(11)
        module = library.nn.Module()
        module.register_parameter("weight", library.nn.Parameter(library.tensor(rng.standard_normal(shape))))
        utils = library.nn.utils
        utils.parametrizations.orthogonal(module, orthogonal_map=how, use_trivialization=trivial)
        inner = module.parametrizations.weight
        if trivial:  # where the matrix is not square, its other columns are drawn
            n = max(shape[-2:])
            base, _ = np.linalg.qr(rng.standard_normal((*shape[:-2], n, n)))
            inner[0].base = library.tensor(base) if shape[-1] != shape[-2] else inner[0].base
        with library.no_grad():
            inner.original.add_(library.tensor(0.5 * rng.standard_normal(shape)))
            if how == "householder" or (how is None and shape[-1] != shape[-2]):
                inner.original.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        weight = module.weight
        (weight * library.tensor(rng.standard_normal(shape))).sum().backward()
        found.append({"weight": weight, "gradient": inner.original.grad, **module.state_dict()})
    same(*found, rtol=1e-8, atol=1e-9)
    tall = host(found[0]["weight"]) if shape[-2] >= shape[-1] else host(found[0]["weight"]).swapaxes(-1, -2)
    gram = tall.swapaxes(-1, -2) @ tall
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(gram.shape[-1]), gram.shape), atol=1e-9)


@pytest.mark.parametrize("how", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivial", [True, False])
def test_assigning_to_an_orthogonal_weight(how: str, trivial: bool) -> None:
    def assigned(library: Any) -> dict[str, Any]:
        module = fill(library, library.nn.Linear(4, 4))
        library.nn.utils.parametrizations.orthogonal(module, orthogonal_map=how, use_trivialization=trivial)
        matrix, _ = np.linalg.qr(np.random.default_rng(12).standard_normal((4, 4)))
        module.weight = library.tensor(matrix)
        np.testing.assert_allclose(host(module.weight), matrix, atol=1e-10)
        return {"weight": module.weight, **module.state_dict()}

    ours, theirs = both(assigned)
    if not isinstance(theirs, Exception):
        same(ours, theirs, rtol=1e-8)


# ---------------------------------------------------------------------- parametrisations


def parametrizations(library: Any) -> dict[str, Any]:
    """Some modules that parametrise."""
    nn = library.nn

    class Symmetric(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x: Any) -> Any:
            return x.triu()

    class Doubled(nn.Module):
        def forward(self, x: Any) -> Any:
            return 2 * x

    class Product(nn.Module):
        def forward(self, x: Any, y: Any) -> Any:
            return x * y

        def right_inverse(self, z: Any) -> Any:
            return z * 2, library.full_like(z, 0.5)

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(library.tensor(3.0, dtype=library.float64))

        def forward(self, x: Any) -> Any:
            return self.scale * x

        def right_inverse(self, x: Any) -> Any:
            return x / self.scale

    class NotImplementedInverse(Doubled):
        def right_inverse(self, x: Any) -> Any:
            raise NotImplementedError

    class Float32(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.to(library.float32)

    class Shorter(nn.Module):
        def forward(self, x: Any) -> Any:
            return x[1:]

    class Number(nn.Module):
        def forward(self, x: Any) -> Any:
            return 1.0

    class InverseNumber(Doubled):
        def right_inverse(self, x: Any) -> Any:
            return 1.0

    class InverseNumbers(Doubled):
        def right_inverse(self, x: Any) -> Any:
            return 1.0, x

    class InverseFloat32(Doubled):
        def right_inverse(self, x: Any) -> Any:
            return x.to(library.float32)

    class InverseShorter(Doubled):
        def right_inverse(self, x: Any) -> Any:
            return x[1:]

    return {name: each for name, each in locals().items() if isinstance(each, type)}


CHAINS = [
    ["Symmetric"],
    ["Doubled"],
    ["Product"],
    ["Scaled"],
    ["NotImplementedInverse"],
    ["Symmetric", "Scaled"],
    ["Product", "Symmetric"],
    ["Scaled", "Scaled", "Doubled"],
]


def chained(library: Any, names: list[str], tensor: str = "weight", unsafe: bool = False) -> Any:
    kinds = parametrizations(library)
    module = fill(library, library.nn.Linear(4, 4))
    for name in names:
        library.nn.utils.parametrize.register_parametrization(
            module, tensor, kinds[name]().to(library.float64), unsafe=unsafe
        )
    return module


@pytest.mark.parametrize("tensor", ["weight", "bias"])
@pytest.mark.parametrize("names", CHAINS, ids="+".join)
def test_chains_of_parametrizations(names: list[str], tensor: str) -> None:
    if tensor == "bias" and "Symmetric" in names:
        names = [each for each in names if each != "Symmetric"] or ["Doubled"]
    found = []
    for library in LIBRARIES:
        P = library.nn.utils.parametrize
        module = chained(library, names, tensor)
        before = type(module).__name__, P.type_before_parametrizations(module) is library.nn.Linear, repr(module)
        seen = used(library, module, (5, 4))
        assert P.is_parametrized(module) and P.is_parametrized(module, tensor) and not P.is_parametrized(module, "x")
        inner = module.parametrizations[tensor]
        seen["is"] = library.tensor([inner.is_tensor, inner.unsafe, len(inner) == len(names)])
        seen["count"] = library.tensor(inner.ntensors)
        P.remove_parametrizations(module, tensor)
        assert type(module) is library.nn.Linear and not hasattr(module, "parametrizations")
        found.append({**seen, **{f"after {name}": each for name, each in module.state_dict().items()}})
        found.append(before)
    same(found[0], found[2])
    assert found[1] == found[3]


@pytest.mark.parametrize("names", CHAINS, ids="+".join)
def test_going_back_to_the_original(names: list[str]) -> None:
    def removed(library: Any) -> dict[str, Any]:
        module = chained(library, names)
        original = getattr(module.parametrizations.weight, "original", None)
        library.nn.utils.parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
        assert module.weight is original
        return dict(module.state_dict())

    ours, theirs = both(removed)
    if not isinstance(theirs, Exception):
        same(ours, theirs)


@pytest.mark.parametrize("names", CHAINS, ids="+".join)
def test_assigning_to_a_parametrized_tensor(names: list[str]) -> None:
    def assigned(library: Any) -> dict[str, Any]:
        module = chained(library, names)
        value = np.random.default_rng(3).standard_normal((4, 4))
        module.weight = library.tensor(value + value.T)
        return {"weight": module.weight, **module.state_dict()}

    ours, theirs = both(assigned)
    if not isinstance(theirs, Exception):
        same(ours, theirs)


@pytest.mark.parametrize("unsafe", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        *([each] for each in ("Float32", "Shorter", "Number", "InverseNumber", "InverseNumbers", "InverseFloat32")),
        *(["Doubled", each] for each in ("Float32", "Shorter", "Number", "InverseNumber", "InverseNumbers")),
        *(["Doubled", each] for each in ("InverseFloat32", "InverseShorter")),
    ],
    ids="+".join,
)
def test_parametrizations_that_change_what_they_may_not(names: list[str], unsafe: bool) -> None:
    ours, theirs = both(lambda library: chained(library, names, unsafe=unsafe))
    if not isinstance(theirs, Exception) and "Number" not in names:
        same({"weight": ours.weight}, {"weight": theirs.weight})


def test_parametrizing_and_removing_what_is_not_there() -> None:
    P = "parametrize"
    for make in (
        lambda library: chained(library, ["Doubled"], "nothing"),
        lambda library: getattr(library.nn.utils, P).remove_parametrizations(library.nn.Linear(2, 2), "weight"),
        lambda library: getattr(library.nn.utils, P).ParametrizationList([], library.zeros(1)),
        lambda library: setattr(chained(library, ["Scaled"]), "weight", library.nn.Parameter(library.zeros(4, 4))),
    ):
        assert isinstance(both(make)[0], Exception)


@pytest.mark.parametrize("names", [["Symmetric"], ["Product"], ["Scaled", "Doubled"]], ids="+".join)
@pytest.mark.parametrize("tensor", [None, "weight"])
def test_transferring_parametrizations(names: list[str], tensor: Any) -> None:
    found = []
    for library in LIBRARIES:
        P = library.nn.utils.parametrize
        source = chained(library, names)
        target = fill(library, library.nn.Linear(4, 4), 5)
        empty = library.nn.Module()
        P.transfer_parametrizations_and_params(source, target, tensor)
        P.transfer_parametrizations_and_params(source, empty, tensor)
        P.transfer_parametrizations_and_params(library.nn.Linear(2, 2), library.nn.Linear(2, 2))
        inner = target.parametrizations.weight
        first = "original" if inner.is_tensor else "original0"
        assert getattr(inner, first) is getattr(source.parametrizations.weight, first)
        found.append({"weight": target.weight, "empty": empty.weight, **target.state_dict()})
    same(*found)


def test_a_parametrized_buffer() -> None:
    found = []
    for library in LIBRARIES:
        kinds = parametrizations(library)
        module = library.nn.Module()
        module.register_buffer("table", library.tensor(np.arange(9.0).reshape(3, 3)))
        library.nn.utils.parametrize.register_parametrization(module, "table", kinds["Symmetric"]())
        seen = {"table": module.table, **module.state_dict()}
        library.nn.utils.parametrize.remove_parametrizations(module, "table")
        found.append({**seen, "after": module.table, "is buffer": library.tensor("table" in module._buffers)})
    same(*found)


# ---------------------------------------------------------------------- pruning


PRUNINGS: dict[str, Any] = {
    "identity": lambda prune, m, _: prune.identity(m, "weight"),
    "l1 count": lambda prune, m, _: prune.l1_unstructured(m, "weight", 5),
    "l1 part": lambda prune, m, _: prune.l1_unstructured(m, "weight", 0.3),
    "l1 none": lambda prune, m, _: prune.l1_unstructured(m, "weight", 0),
    "l1 all": lambda prune, m, _: prune.l1_unstructured(m, "weight", 1.0),
    "l1 by scores": lambda prune, m, scores: prune.l1_unstructured(m, "weight", 5, importance_scores=scores),
    "ln": lambda prune, m, _: prune.ln_structured(m, "weight", 1, 2, 0),
    "ln inf": lambda prune, m, _: prune.ln_structured(m, "weight", 0.5, float("-inf"), 1),
    "ln by scores": lambda prune, m, scores: prune.ln_structured(m, "weight", 2, 1, -1, importance_scores=scores),
    "mask": lambda prune, m, scores: prune.custom_from_mask(m, "weight", scores > 0),
    "global": lambda prune, m, _: prune.global_unstructured(
        [(m, "weight"), (m, "bias")], prune.L1Unstructured, amount=6
    ),
}


def pruned(library: Any, names: tuple[str, ...]) -> Any:
    prune = library.nn.utils.prune
    module = fill(library, library.nn.Linear(4, 3))
    scores = library.tensor(np.random.default_rng(13).standard_normal((3, 4)))
    for name in names:
        PRUNINGS[name](prune, module, scores)
    return module


SEQUENCES = [
    *((name,) for name in PRUNINGS),
    ("l1 part", "l1 count"),
    ("l1 count", "ln"),
    ("ln", "l1 part", "mask"),
    ("ln inf", "ln"),
    ("identity", "l1 count", "ln by scores"),
    ("global", "global"),
    ("l1 count", "global", "ln"),
]


@pytest.mark.parametrize("names", SEQUENCES, ids="+".join)
def test_pruning(names: tuple[str, ...]) -> None:
    found = []
    for library in LIBRARIES:
        prune = library.nn.utils.prune
        module = pruned(library, names)
        assert prune.is_pruned(module) and prune.is_pruned(library.nn.Sequential(module))
        weight = module.weight.detach().clone()
        seen = {"present": weight, **used(library, module, (5, 4))}
        prune.remove(module, "weight")
        if "global" in names:
            assert prune.is_pruned(module)
            prune.remove(module, "bias")
        assert not prune.is_pruned(module)
        found.append({**seen, **{f"after {name}": each for name, each in module.state_dict().items()}})
    same(*found)


@pytest.mark.parametrize("amount", [0, 3, 0.5, 1.0])
def test_random_pruning_takes_as_many(amount: float) -> None:
    found = []
    for library in LIBRARIES:
        prune = library.nn.utils.prune
        library.manual_seed(0)
        counts = []
        module = prune.random_unstructured(fill(library, library.nn.Linear(4, 3)), "weight", amount)
        counts.append(int(module.weight_mask.sum()))
        prune.random_unstructured(module, "weight", amount if isinstance(amount, float) else min(amount, 9))
        counts.append(int(module.weight_mask.sum()))
        module = prune.random_structured(fill(library, library.nn.Linear(4, 3)), "weight", amount, 0)
        counts.append(int(module.weight_mask.sum()))
        found.append(counts)
    assert found[0] == found[1]


def test_methods_of_pruning_by_themselves() -> None:
    found = []
    for library in LIBRARIES:
        prune = library.nn.utils.prune
        t = library.tensor(np.random.default_rng(1).standard_normal((3, 4)))
        mask = library.ones(3, 4, dtype=library.float64)
        mask[0] = 0
        seen = {
            "l1": prune.L1Unstructured(amount=4).prune(t),
            "l1 after": prune.L1Unstructured(4).prune(t, default_mask=mask),
            "ln": prune.LnStructured(0.5, 2, 1).prune(t, importance_scores=t * t),
            "mask": prune.CustomFromMask(mask).prune(t),
            "identity": prune.Identity().prune(t),
        }
        method = prune.L1Unstructured.apply(fill(library, library.nn.Linear(4, 3)), "weight", 2)
        container = prune.PruningContainer(method)
        container.add_pruning_method(method)
        seen["container"] = library.tensor([len(container), container[0] is method, len(list(container))])
        found.append(seen)
    same(*found)


REFUSALS: list[Any] = [
    lambda prune, m: prune.l1_unstructured(m, "weight", "half"),
    lambda prune, m: prune.l1_unstructured(m, "weight", -1),
    lambda prune, m: prune.l1_unstructured(m, "weight", 1.1),
    lambda prune, m: prune.l1_unstructured(m, "weight", -0.1),
    lambda prune, m: prune.l1_unstructured(m, "weight", 13),
    lambda prune, m: prune.ln_structured(m, "bias", 1, 2, 0),
    lambda prune, m: prune.ln_structured(m, "weight", 1, 2, 2),
    lambda prune, m: prune.ln_structured(m, "weight", 1, 2, -3),
    lambda prune, m: prune.ln_structured(m, "weight", 5, 2, 0),
    lambda prune, m: prune.random_structured(m, "weight", 5, 0),
    lambda prune, m: prune.random_structured(prune.identity(m, "weight"), "weight", 1, -3),
    lambda prune, m: prune.remove(m, "weight"),
    lambda prune, m: prune.remove(prune.identity(m, "bias"), "weight"),
    lambda prune, m: prune.identity(m, "nothing"),
    lambda prune, m: prune.global_unstructured(3, prune.L1Unstructured, amount=1),
    lambda prune, m: prune.global_unstructured([(m, "weight")], prune.L1Unstructured, importance_scores=[1], amount=1),
    lambda prune, m: prune.global_unstructured([(m, "weight")], prune.LnStructured, amount=1, n=2),
    lambda prune, m: prune.l1_unstructured(m, "weight", 1, importance_scores=m.bias),
    lambda prune, m: prune.custom_from_mask(m, "weight", m.bias),
    lambda prune, m: prune.L1Unstructured(1).prune(m.weight, importance_scores=m.bias),
    lambda prune, m: prune.PruningContainer(prune.L1Unstructured.apply(m, "weight", 1)).add_pruning_method(3),
    lambda prune, m: prune.PruningContainer(prune.L1Unstructured.apply(m, "weight", 1)).add_pruning_method(
        prune.L1Unstructured.apply(m, "bias", 1)
    ),
]


@pytest.mark.parametrize("number", range(len(REFUSALS)))
def test_what_pruning_refuses(number: int) -> None:
    ours, _ = both(lambda library: REFUSALS[number](library.nn.utils.prune, fill(library, library.nn.Linear(4, 3))))
    assert isinstance(ours, Exception)


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
