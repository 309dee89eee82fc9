"""The house itself: what importing costs, what the rooms may need, that leaks are seen, that the version is one."""

from __future__ import annotations

import importlib.metadata
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lepton
from lepton import _version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OPTIONAL = (
    "numba", "llvmlite", "scipy_openblas32", "scipy", "mpi4py", "cupy", "PIL", "matplotlib", "safetensors", "tqdm",
    "ml_dtypes", "onnx", "torch",
)  # fmt: skip
# Each takes milliseconds to import, and nobody needs them before a first call.
SLOW_TO_IMPORT = (
    "asyncio", "concurrent.futures", "ctypes.util", "dataclasses", "email", "hashlib", "http", "importlib.metadata",
    "importlib.resources", "logging", "multiprocessing", "numpy.fft", "numpy.ma", "numpy.polynomial", "numpy.random",
    "numpy.testing", "random", "secrets", "shutil", "socket", "ssl", "statistics", "subprocess", "tempfile", "unittest",
    "urllib", "uuid", "zipfile",
)  # fmt: skip


def run(code: str, environment: dict[str, str], *arguments: str) -> str:
    """What a new interpreter prints for this code."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules() -> list[str]:
    """All modules of the package by name."""
    found = [each.name for each in pkgutil.walk_packages(lepton.__path__, "lepton.")]
    assert len(found) > 10
    return found


def test_import_brings_numpy_alone(clean_environment: dict[str, str]) -> None:
    code = "import sys, numpy; known = set(sys.modules); import lepton; print(*sorted(set(sys.modules) - known))"
    brought = run(code, clean_environment).split()
    foreign = {name.partition(".")[0] for name in brought} - sys.stdlib_module_names - {"lepton", "numpy"}
    assert not foreign, f"import lepton brings {foreign}"
    slow = [name for name in brought if name in SLOW_TO_IMPORT]
    assert not slow, f"import lepton brings {slow}, which are to be imported where they are used"


COMPILED = "lepton.kernels.compiled."  # what is only imported where Numba is installed


def test_every_module_can_be_imported_with_numpy_alone(clean_environment: dict[str, str]) -> None:
    code = (
        "import sys, importlib\n"
        "optional, names = sys.argv[1].split(), sys.argv[2].split()\n"
        "sys.modules.update(dict.fromkeys(optional))\n"  # None makes an import fail as if nothing were installed
        "for name in names: importlib.import_module(name)\n"
    )
    run(
        code,
        clean_environment,
        " ".join(OPTIONAL),
        " ".join(name for name in modules() if not name.startswith(COMPILED)),
    )


def test_there_is_one_version() -> None:
    assert lepton.__version__ == _version.__version__
    assert importlib.metadata.version("lepton") == _version.__version__


def test_the_core_depends_on_numpy_alone() -> None:
    assert PROJECT["project"]["dependencies"] == ["numpy>=2.0"]


LEAKS = """
import subprocess, sys, threading
import numpy as np
from lepton.autograd import state
from lepton.backend import dtypes

def test_errstate():
    np.seterr(over="raise")

def test_grad_mode():
    state.set_grad_enabled(False)

def test_anomaly():
    state.set_detect_anomaly(True)

def test_default_dtype():
    dtypes.set_default_dtype(dtypes.float64)

def test_thread():
    global release
    release = threading.Event()
    threading.Thread(target=release.wait, name="left", daemon=True).start()

def test_the_thread_ends_later():
    release.set()

def test_process():
    global child
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

def test_the_process_ends_later():
    child.communicate(b"\\n")

def test_nothing():
    with np.errstate(all="raise"), state.no_grad():
        thread = threading.Thread(target=int)
        thread.start()
"""


def test_leaks_are_seen(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    (tmp_path / "test_leaks.py").write_text(LEAKS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider",
         "-c", ROOT / "pyproject.toml", f"--rootdir={tmp_path}", tmp_path],
        cwd=ROOT, env=clean_environment, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    for name, told in {
        "test_errstate": "NumPy's error state was",
        "test_grad_mode": "grad mode was True, is False",
        "test_anomaly": "anomaly mode was (False, True), is (True, True)",
        "test_default_dtype": "default dtype was",
        "test_thread": "thread 'left'",
        "test_process": "process ",
    }.items():
        assert f"ERROR at teardown of {name} _" in done.stdout, done.stdout
        assert f"the test leaves behind: {told}" in done.stdout, done.stdout
    assert "9 passed, 6 errors" in done.stdout


@pytest.mark.parametrize("folder", ["lepton", "tests", "examples", "benchmarks"])
def test_no_file_is_too_long_to_read(folder: str) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / folder).rglob("*.py")}
    long = {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > 650}
    assert not long, f"split these files: {long}"
