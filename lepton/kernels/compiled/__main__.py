"""Compile all kernels ahead of time: ``python -m lepton.kernels.compiled``."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import time

from lepton.errors import require
from lepton.kernels import compiled
from lepton.kernels.registry import NEEDED

PRIVATE = ("__main__",)


def main() -> None:
    """Compile what is not in the cache yet, saying what and how long it took."""
    argparse.ArgumentParser("python -m lepton.kernels.compiled", description=__doc__.partition(":")[0]).parse_args()
    for package in NEEDED:
        require(package, "fast", "compiled kernels")
    for module in pkgutil.iter_modules(compiled.__path__, f"{compiled.__name__}."):
        if module.name.rpartition(".")[2] not in PRIVATE:
            importlib.import_module(module.name)
    from lepton.kernels.compiled import loops

    loops.announced()
    begun = time.perf_counter()
    every = loops.all_loops()
    for place, each in enumerate(every, 1):
        sys.stderr.write(f"\r{place} of {len(every)}: {each.name:40}")
        sys.stderr.flush()
        each.compile()
    sys.stderr.write(f"\r{len(every)} loops in {time.perf_counter() - begun:.1f} s, kept in {loops.cache_base()}\n")


if __name__ == "__main__":
    main()
