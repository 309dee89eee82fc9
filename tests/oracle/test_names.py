"""In-place functions: Lepton has those that PyTorch has, apart from what it has no ground for."""

import torch
from torch.nn import functional

import lepton
from lepton.nn import functional as ours

# Complex numbers, sparse and resized memory, and dropout, which is in nn.functional alone.
WITHOUT = {"conj_physical_", "resize_as_", "resize_as_sparse_", "alpha_dropout_", "dropout_"}


def in_place_names(names):
    return {name for name in names if name.endswith("_") and not name.startswith("_")}


def test_functions():
    known = {name for name in in_place_names(dir(torch)) if hasattr(lepton.Tensor, name) or hasattr(ours, name)}
    assert in_place_names(lepton.__all__) == known - WITHOUT


def test_activations():
    assert in_place_names(ours.__all__) == in_place_names(dir(functional))


def test_every_one_works_as_pytorch_s():
    further = {
        "addmv_": ([[1.0, 2], [3, 4]], [0.5, 0.5]), "as_strided_": "plain", "clamp_": 0.3, "clamp_max_": 0.3,
        "clamp_min_": 0.3, "clip_": 0.3, "fill_": 3.0, "index_put_": "index", "ldexp_": [2, 1], "xlogy_": [0.5, 2.0],
        "threshold_": "pair",
    }  # fmt: skip
    for name in sorted(in_place_names(lepton.__all__)):
        found, expected = [call(lib, name, further.get(name, ())) for lib in (lepton, torch)]
        assert found == expected, name


def call(lib, name, further):
    whole = name in ("gcd_", "lcm_")
    x = lib.tensor([4, 6] if whole else [0.25, 0.75], dtype=lib.int64 if whole else lib.float64)
    special = {"plain": ((2, 1), (1, 1)), "pair": (0.5, 9.0)}
    if whole:
        arguments = [lib.tensor([6, 4])]
    elif further == "index":
        arguments = [(lib.tensor([1]),), lib.tensor([5.0], dtype=lib.float64)]
    elif isinstance(further, str):
        arguments = list(special[further])
    elif isinstance(further, tuple):
        arguments = [lib.tensor(each, dtype=lib.float64) for each in further]
    else:
        arguments = [lib.tensor(further, dtype=lib.float64) if isinstance(further, list) else further]
    made = getattr(lib, name)(x, *arguments)
    assert made is x
    return [str(round(each, 12)) for each in made.flatten().tolist()]  # as text, in which nan is nan
