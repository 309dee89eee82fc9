"""Every op on the strict stand-in for a GPU: values and gradients as on NumPy, and nothing slips to the host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests import standin
from tests.autograd.test_table_gradients import naming
from tests.table import Call, Entry, entries
from tests.table._binding import Bound, Lepton

HERE, THERE = Lepton(), Lepton(standin.Array)
ON_DEVICE = [each for each in entries() if each.standin]


@pytest.fixture(autouse=True)
def _device() -> Iterator[None]:
    with standin.installed():
        yield


def outcome(library: Lepton, entry: Entry, call: Call) -> list[Any] | Exception:
    """Results, first and second derivatives, as NumPy arrays; or the exception."""
    try:
        bound = Bound(library, entry, call)
        outputs = bound.run()
    except standin.StandinError:
        raise
    except Exception as error:  # noqa: BLE001 - it is compared with NumPy's
        return error
    found = [library.host(each) if library.is_tensor(each) else each for each in outputs]
    if library is THERE:
        for each in outputs:
            if library.is_tensor(each) and not isinstance(each._data, standin.Array):
                raise standin.StandinError(f"a result of shape {tuple(each.shape)} is not on the device")
    smooth = [each for each in outputs if library.is_tensor(each) and each.requires_grad]
    if not smooth or not bound.leaves or entry.grad is False:
        return found
    incoming = [arriving(library, each, seed, True) for seed, each in enumerate(smooth)]
    first = list(library.grad(smooth, bound.leaves, incoming, create_graph=True, allow_unused=True))
    plain = list(library.grad(smooth, bound.leaves, incoming, retain_graph=True, allow_unused=True))
    usable = [each for each in first if each is not None and each.requires_grad]
    second = []
    if usable and entry.second_order:
        weights = [arriving(library, each, 50 + seed, False) for seed, each in enumerate(usable)]
        second = list(library.grad(usable, [*bound.leaves, *incoming], weights, allow_unused=True))
    return found + [None if each is None else library.host(each) for each in (*first, *plain, *second)]


def arriving(library: Lepton, like: Any, seed: int, requires_grad: bool) -> Any:
    values = np.random.default_rng(seed).uniform(0.5, 1.5, tuple(like.shape)).astype(library.host(like).dtype)
    return library.tensor(np.asarray(values), requires_grad)


@pytest.mark.parametrize("entry", ON_DEVICE, ids=lambda each: each.name)
def test_the_same_as_on_numpy(entry: Entry) -> None:
    for call in (*entry.cases, *entry.values, *[call for call, _ in entry.errors]):
        with naming(call):
            expected, found = outcome(HERE, entry, call), outcome(THERE, entry, call)
            if isinstance(expected, Exception):
                assert isinstance(found, type(expected)), f"{found!r} where NumPy gives {expected!r}"
                continue
            if isinstance(found, Exception):
                raise found
            assert len(found) == len(expected)
            for one, other in zip(found, expected, strict=True):
                if entry.compare == "values" and isinstance(other, np.ndarray):
                    assert one.dtype == other.dtype
                    limit = 1e-13 if other.dtype == np.float64 else 1e-6 if other.dtype == np.float32 else 1e-2
                    np.testing.assert_allclose(one, other, rtol=limit, atol=limit * 1e-2)
                elif isinstance(other, np.ndarray):
                    assert (one.shape, one.dtype) == (other.shape, other.dtype)
                elif entry.compare == "values":
                    assert one == other or (one != one and other != other)
