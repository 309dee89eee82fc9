"""How long ``import lepton`` takes beyond ``import numpy``.

Each run is a new interpreter that imports NumPy first, then Lepton, and times both: on the clock, and in processor
time, which other programs disturb less. Byte code is cached in a folder of its own, as it is for an installed package.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

CODE = """
from time import perf_counter, process_time
wall, processor = [perf_counter()], [process_time()]
import numpy
wall.append(perf_counter()); processor.append(process_time())
import lepton
wall.append(perf_counter()); processor.append(process_time())
print(*(times[i + 1] - times[i] for i in (0, 1) for times in (wall, processor)))
"""


def measure(environment: dict[str, str]) -> list[float]:
    """Seconds in a new interpreter: NumPy's on the clock and of the processor, then Lepton's."""
    command = [sys.executable, "-c", CODE]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return [float(each) for each in printed.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21, help="interpreters to start (default: 21)")
    parser.add_argument("--smoke", action="store_true", help="start two, to see that it works")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        measure(environment)  # writes the byte code
        times = [measure(environment) for _ in range(2 if options.smoke else options.runs)]
    medians = [statistics.median(each) * 1e3 for each in zip(*times, strict=True)]
    for what, wall, processor in (("import numpy", *medians[:2]), ("import lepton, beyond numpy", *medians[2:])):
        print(f"{what:<28} {wall:6.1f} ms, of the processor {processor:6.1f} ms")
    print(f"medians of {len(times)} interpreters")


if __name__ == "__main__":
    main()
