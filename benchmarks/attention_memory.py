"""How the memory of attention grows with the number of tokens, Lepton beside PyTorch.

Each measurement is a process of its own: causal attention of 8 heads, 32 wide, forward and backward, once on few tokens
so that everything is loaded, then once on many. What counts is by how much that raised the peak of the process's
resident memory (VmHWM, reset in between). An array of all scores would take tokens² · 8 heads · 4 bytes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sides import thread_environment

HEADS, WIDTH, FEW = 8, 32, 64
SIDES = ("lepton", "torch")


def attend(framework: Any, tokens: int) -> None:
    """Forward and backward of attention among so many tokens."""
    random = np.random.default_rng(0)
    q, k, v = [
        framework.from_numpy(random.standard_normal((1, HEADS, tokens, WIDTH)).astype(np.float32)).requires_grad_()
        for _ in range(3)
    ]
    framework.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).sum().backward()


def peak() -> int:
    """The largest resident memory of this process since :func:`forget_peak`, in bytes."""
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def forget_peak() -> None:
    """Let the peak begin anew at what is resident now (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(side: str, tokens: int) -> None:
    framework = __import__(side)
    if side == "torch":
        framework.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    for _ in range(2):
        attend(framework, FEW)
    forget_peak()
    before = peak()
    attend(framework, tokens)
    print(peak() - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--tokens", type=int, nargs="+", default=[1024, 2048, 4096, 8192], help="how many, in turn")
    parser.add_argument("--threads", type=int, default=2, help="of each side (default: 2)")
    parser.add_argument("--smoke", action="store_true", help="few tokens, to see that it works")
    options = parser.parse_args()
    if options.side:
        measure(options.side, options.tokens[0])
        return
    print(f"{'tokens':>8}{'all scores':>14}" + "".join(f"{side:>14}" for side in SIDES))
    for tokens in (256, 512) if options.smoke else options.tokens:
        grown = []
        for side in SIDES:
            command = [sys.executable, __file__, "--side", side, "--tokens", str(tokens)]
            environment = thread_environment(options.threads)
            done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            grown.append(int(done.stdout) / 2**20)
        scores = tokens**2 * HEADS * 4 / 2**20
        print(f"{tokens:>8}" + "".join(f"{each:>10.1f} MiB" for each in (scores, *grown)))


if __name__ == "__main__":
    main()
