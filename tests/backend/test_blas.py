"""Other thread pools are held while Lepton computes, and only then."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from lepton.backend import blas


def numpys_threads() -> list[int]:
    return [each.get_num_threads() for each in ThreadpoolController().lib_controllers if each.user_api == "blas"]


@pytest.fixture
def two_threads() -> object:
    """NumPy's BLAS at two threads, whatever the environment says."""
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        yield


@pytest.mark.usefixtures("two_threads")
def test_a_blas_is_held_in_the_block_and_has_its_threads_again_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_pool_runs", True)
    blas._libraries.cache_clear()
    before = numpys_threads()
    assert max(before) == 2
    with blas.one_thread():
        assert set(numpys_threads()) == {1}
    assert numpys_threads() == before
    with contextlib.suppress(ZeroDivisionError), blas.one_thread():
        raise ZeroDivisionError
    assert numpys_threads() == before


@pytest.mark.usefixtures("two_threads")
def test_nothing_is_held_while_the_pool_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_pool_runs", False)
    with blas.one_thread():
        assert max(numpys_threads()) == 2


def test_factorizations_of_numpys_arrays_run_held(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(np.linalg, "trace", lambda x, offset: seen.append(numpys_threads()) or offset, raising=False)
    monkeypatch.setattr(blas, "_pool_runs", True)
    assert blas.lapack(np.eye(2)).trace(np.eye(2), offset=3) == 3
    assert set(seen[0]) == {1}
    monkeypatch.delattr(blas._HELD, "trace")
