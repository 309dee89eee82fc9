"""How long ``import lepton`` takes beyond ``import numpy``.

Each run is a new interpreter that imports NumPy first, then Lepton, and times both. Printed are medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

CODE = """
from time import perf_counter
begin = perf_counter()
import numpy
middle = perf_counter()
import lepton
end = perf_counter()
print(middle - begin, end - middle)
"""


def measure() -> tuple[float, float]:
    """Seconds for NumPy, and then for Lepton, in a new interpreter."""
    printed = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True).stdout
    numpy, lepton = map(float, printed.split())
    return numpy, lepton


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21, help="interpreters to start (default: 21)")
    parser.add_argument("--smoke", action="store_true", help="start two, to see that it works")
    options = parser.parse_args()
    measure()  # writes the byte code and warms the disk's cache
    times = [measure() for _ in range(2 if options.smoke else options.runs)]
    for name, values in zip(("import numpy", "import lepton, beyond numpy"), zip(*times, strict=True), strict=True):
        print(f"{name:<28} median {statistics.median(values) * 1e3:6.1f} ms   least {min(values) * 1e3:6.1f} ms")


if __name__ == "__main__":
    main()
