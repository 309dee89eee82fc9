"""The exceptions: under which of Python's own classes each stands, and what `require` says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lepton import errors

CLASSES = [
    each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.LeptonError)
]
EXPECTED = {
    "IndexRangeError": IndexError,
    "PlaceError": IndexError,
    "ArgumentError": ValueError,
    "ArgumentTypeError": TypeError,
    "ModuleNameError": KeyError,
    "ModuleAttributeError": AttributeError,
    "MissingForwardError": NotImplementedError,
    "MissingExtraError": ImportError,
    "DataNotFoundError": FileNotFoundError,
    "UnsupportedDTypeError": NotImplementedError,
    "UnsupportedError": NotImplementedError,
}


@pytest.mark.parametrize("error", [each for each in CLASSES if each is not errors.LeptonError])
def test_each_is_caught_as_what_pytorch_raises(error: type[errors.LeptonError]) -> None:
    builtin = EXPECTED.get(error.__name__, RuntimeError)
    with pytest.raises(builtin, match=r"^shapes \(2,\) and \(3,\)$"):
        raise error("shapes (2,) and (3,)")
    assert error.__doc__


def test_require_hands_over_the_module() -> None:
    assert errors.require("json.decoder", "fast", "a test").__name__ == "json.decoder"


def test_require_names_the_extra_of_a_missing_package() -> None:
    with pytest.raises(errors.MissingExtraError) as caught:
        errors.require("no_such_package.inner", "vision", "reading images")
    assert str(caught.value) == (
        "the package 'no_such_package' is needed for reading images and is not installed: pip install 'lepton[vision]'"
    )
    assert caught.value.name == "no_such_package.inner"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import no_such_package", "is installed but misses the package 'no_such_package'"),
        ("raise ImportError('libmpi.so: cannot open')", "is installed but cannot be loaded (libmpi.so: cannot open)"),
    ],
)
def test_require_tells_a_broken_package_from_a_missing_one(
    body: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    with pytest.raises(errors.MissingExtraError) as caught:
        errors.require("broken", "mpi", "lepton.distributed")
    assert message in str(caught.value)
    assert "lepton[mpi]" in str(caught.value)
