"""Parametrisations against PyTorch, orthogonal weights among them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.oracle._modules import LIBRARIES, both, fill, host, same, used

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
