"""How compiled kernels are chosen, compiled, kept and run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lepton.errors import ArgumentError
from lepton.kernels import registry
from lepton.kernels.compiled import loops

LARGE = """
import sys
import numpy as np
from lepton.kernels.elementwise import relu
x = np.linspace(-1, 1, 1 << 16, dtype=np.float32)
assert "numba" not in sys.modules
assert (relu(x[:64]) == np.maximum(x[:64], 0)).all()
assert "numba" not in sys.modules
assert (relu(x) == np.maximum(x, 0)).all()
print("numba" in sys.modules)
"""

FORK = """
import os
import numpy as np
from lepton.kernels.elementwise import relu
x = np.linspace(-1, 1, 1 << 16, dtype=np.float32)
relu(x)
child = os.fork()
if not child:
    os._exit(int(not (relu(x) == np.maximum(x, 0)).all()))
print(os.waitpid(child, 0)[1])
"""


def run(script: str, environment: dict[str, str], **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], env=environment | settings, capture_output=True, text=True, timeout=100
    )


def test_a_large_array_brings_the_compiled_kernel_and_a_small_one_does_not(clean_environment: dict[str, str]) -> None:
    made = run(LARGE, clean_environment, LEPTON_KERNELS="auto")
    assert made.stdout.strip() == "True", made.stderr


def test_the_environment_turns_them_off(clean_environment: dict[str, str]) -> None:
    made = run(LARGE, clean_environment, LEPTON_KERNELS="reference")
    assert made.stdout.strip() == "False", made.stderr


def test_without_numba_the_reference_runs(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    hide = (
        "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n, *p: None if n == 'numba' else f(n, *p)\n"
    )
    assert run(hide + LARGE, clean_environment, LEPTON_KERNELS="auto").stdout.strip() == "False"
    asked = run(hide + LARGE, clean_environment, LEPTON_KERNELS="compiled")
    assert "numba is not installed: pip install 'lepton[fast]'" in asked.stderr


def test_an_engine_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEPTON_KERNELS", "quick")
    with pytest.raises(ArgumentError, match=r"'quick'.*auto, reference, compiled"):
        registry.engine()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_child_of_a_fork_computes_without_the_pool(clean_environment: dict[str, str]) -> None:
    made = run(FORK, clean_environment, LEPTON_KERNELS="auto")
    assert made.stdout.strip() == "0", made.stderr


def test_machine_code_is_kept_and_found_again(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    script = (
        "from lepton.kernels.compiled import elementwise as e, loops; import numpy as np; x = np.ones(9); e.relu(x)"
    )
    first = run(script, clean_environment, LEPTON_CACHE_DIR=str(tmp_path))
    assert loops.MESSAGE in first.stderr, "the first process says that it compiles"
    assert list(tmp_path.glob("elementwise-*/**/*.nbc"))
    second = run(script, clean_environment, LEPTON_CACHE_DIR=str(tmp_path))
    assert second.stderr == "", "the second one finds what it needs"


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LEPTON_CACHE_DIR", str(tmp_path / "file" / "below"))
    with pytest.raises(ArgumentError, match=r"LEPTON_CACHE_DIR=.*below"):
        loops.cache_base.__wrapped__()


def test_threads_may_run_kernels_at_the_same_time() -> None:
    from lepton.kernels.elementwise import relu

    x = np.random.default_rng(0).standard_normal(1 << 18).astype(np.float32)
    expected, wrong = np.maximum(x, 0), []

    def work() -> None:
        for _ in range(20):
            if not np.array_equal(relu(x), expected):
                wrong.append(threading.current_thread().name)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert not wrong
