"""``lepton.special``: what it costs, what it needs, and derivatives of high order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import special
from lepton.errors import MissingExtraError

ROOT = Path(__file__).parents[1]
BY_SCIPY = (
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "gammainc", "gammaincc", "modified_bessel_i0",
    "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "spherical_bessel_j0",
)  # fmt: skip
ARGUMENTS: dict[str, tuple[int, ...]] = {
    "softmax": (-1,), "log_softmax": (-1,), "logsumexp": (-1,), "multigammaln": (1,),
}  # fmt: skip
TWO = ("gammainc", "gammaincc", "xlog1py", "xlogy", "zeta")


def call(name: str, x: lepton.Tensor) -> Any:
    if name == "polygamma":
        return special.polygamma(1, x)
    return getattr(special, name)(x, *((x,) if name in TWO else ARGUMENTS.get(name, ())))


def test_it_is_loaded_on_first_use(clean_environment: dict[str, str]) -> None:
    code = (
        "import sys, lepton; assert 'lepton.special' not in sys.modules; lepton.special.ndtr(lepton.zeros(1)); "
        "assert 'lepton.special' in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean_environment, check=True)


@pytest.mark.parametrize("name", special.__all__)
def test_without_scipy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [each for each in sys.modules if each.partition(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    x = lepton.tensor([1.5, 2.5], dtype=lepton.float64)
    if name in BY_SCIPY:
        with pytest.raises(MissingExtraError, match=r"lepton\[special\]"):
            call(name, x)
    else:
        assert np.isfinite(call(name, x * 0.3 if name in ("erfinv", "logit", "ndtri") else x).numpy()).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_dtype_is_converted_first(name: str) -> None:
    x = lepton.tensor([1, 2, 3])
    out = getattr(special, name)(x, 0, dtype=lepton.float64)
    assert out.dtype is lepton.float64
    np.testing.assert_array_equal(out.numpy(), getattr(lepton, name)(x.double(), 0).numpy())


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        ("i0", 0.0, 0.375),
        ("i1", 2.0, 1.0612433763684803508),
        ("erfcx", 2.0, 0.13057772489933449274),
        ("log_ndtr", -3.0, 0.018930547102077378334),
        ("gammaln", 0.75, 19.76331253485059976),
        ("ndtri", 0.25, -643.55202469967567871),
    ],
)
def test_fourth_derivatives(name: str, at: float, expected: float) -> None:
    x = lepton.tensor([at], dtype=lepton.float64, requires_grad=True)
    out = getattr(special, name)(x)
    for _ in range(4):
        (out,) = lepton.autograd.grad(out.sum(), x, create_graph=True)
    assert out.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["gammainc", "zeta"])
def test_there_is_no_derivative_for_the_first_argument(name: str) -> None:
    x = lepton.tensor([2.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match="detach"):
        getattr(special, name)(x, lepton.ones(1)).backward()
