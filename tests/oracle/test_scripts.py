"""The scripts that time Lepton against PyTorch run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_documents import AGAINST_PYTORCH, check_script, relative


@pytest.mark.parametrize("script", AGAINST_PYTORCH, ids=relative)
def test_every_script_runs(script: Path, tmp_path: Path, clean_environment: dict[str, str]) -> None:
    check_script(script, tmp_path, clean_environment)
