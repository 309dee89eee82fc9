"""Pruning against PyTorch: masks, states, gradients, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.oracle._modules import LIBRARIES, both, fill, same, used

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
