"""The comparisons run wherever PyTorch is importable; elsewhere they are skipped as a whole."""

from __future__ import annotations

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]
