"""The strict stand-in must be strict: what would slip to the host on a GPU is refused here."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from lepton.autograd.op import BroadcastTo
from lepton.autograd.tensor import Tensor
from lepton.backend import devices
from tests import standin
from tests.standin import XP, Array, send


@pytest.fixture(autouse=True)
def _device() -> Iterator[None]:
    with standin.installed():
        yield


HOST = np.arange(6.0).reshape(2, 3)


def far() -> Array:
    return send(HOST)


REFUSED: dict[str, Callable[[], Any]] = {
    "np.asarray": lambda: np.asarray(far()),
    "a NumPy function": lambda: np.concatenate([far(), far()]),
    "a NumPy ufunc": lambda: np.exp(far()),
    "a NumPy ufunc that writes into it": lambda: np.add(HOST, HOST, out=far()),
    "device + host": lambda: far() + HOST,
    "host + device": lambda: HOST + far(),
    "device @ host": lambda: far() @ HOST.T,
    "device == host": lambda: far() == HOST,
    "a host array in place": lambda: operator.iadd(far(), HOST),
    "a host array among arguments": lambda: XP.where(HOST > 1, far(), far()),
    "a host array in a list": lambda: XP.stack([far(), HOST]),
    "a host mask as index": lambda: far()[HOST > 2],
    "a host index in a tuple": lambda: far()[:, np.array([0, 1])],
    "writing a host array": lambda: far().__setitem__(0, HOST[0]),
    "a device array as index of a host array": lambda: HOST[XP.array([0])],
    "a function that CuPy lacks": lambda: XP.apply_over_axes(np.sum, far(), [0]),
    "hashing": lambda: hash(far()),
    "the truth of several": lambda: bool(far()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises((TypeError, AttributeError, ValueError, IndexError)):
        REFUSED[name]()


COMPUTED: dict[str, Callable[[Any, Any], Any]] = {
    "operators": lambda xp, a: (2 * a - 1) / (a + 1) ** 2 // 3 % 5,
    "comparison": lambda xp, a: (a > 2) & ~(a == 4) | (a != a),
    "methods": lambda xp, a: a.sum(axis=0).reshape(3, 1).astype("float32"),
    "functions": lambda xp, a: xp.where(a > 2, xp.exp(a), xp.zeros_like(a)),
    "methods of ufuncs": lambda xp, a: xp.add.reduce(a, axis=1),
    "linear algebra": lambda xp, a: xp.linalg.norm(a, axis=1),
    "masks": lambda xp, a: a[a > 2],
    "slices and indices": lambda xp, a: a[::-1, xp.array([0, 2])],
    "strided views": lambda xp, a: xp.lib.stride_tricks.sliding_window_view(a, 2, axis=1).sum(axis=-1),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_computed_as_numpy_does(name: str) -> None:
    found = COMPUTED[name](XP, far())
    assert isinstance(found, Array)
    np.testing.assert_array_equal(found.get(), COMPUTED[name](np, HOST))


def test_results_without_dimensions_stay_arrays() -> None:
    for found in (far().sum(), far()[0, 0], XP.max(far()), XP.linalg.norm(far())):
        assert isinstance(found, Array)
        assert found.ndim == 0
    assert far().sum().item() == 15.0


def test_writes_reach_views() -> None:
    array = far()
    view = array[0]
    view += 1
    view[1] = 9
    XP.add.at(array, (XP.array([1, 1]), XP.array([0, 0])), 1.0)
    assert array.get().tolist() == [[1.0, 9.0, 3.0], [5.0, 4.0, 5.0]]


def test_out_is_returned() -> None:
    out = far()
    assert XP.exp(far(), out=out) is out


def test_tensors_live_there() -> None:
    x = Tensor(far()).requires_grad_()
    assert (str(x.device), x.data_ptr() > 0) == ("standin:0", True)
    y = BroadcastTo((4, 2, 3))(x)
    y.backward(Tensor(XP.ones((4, 2, 3))))
    assert isinstance(x.grad._data, Array)  # type: ignore[union-attr]
    assert x.grad.tolist() == [[4.0] * 3] * 2  # type: ignore[union-attr]


def test_it_is_gone_afterwards() -> None:
    devices.unregister(standin.DEVICE)
    assert not devices.is_array(far())
    devices.register(
        devices.Place(standin.DEVICE, XP, Array, send, standin.fetch, lambda _: devices.device(standin.DEVICE, 0))
    )
