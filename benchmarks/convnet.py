"""A training step of the documented convolutional network, with Lepton's kernels, on NumPy alone, and with PyTorch.

conv 3→32 (3×3, padding 1) → ReLU → max-pool 2×2 → conv 32→64 → ReLU → max-pool 2×2 → flatten → linear 2304→128 → ReLU →
linear 128→10; cross-entropy; SGD with learning rate 0.001 and momentum 0.9; 24×24 images in batches of 32. It is the
suite's "convnet" alone: see suite.py for how it is measured.
"""

from __future__ import annotations

import suite

if __name__ == "__main__":
    suite.run(suite.parser(__doc__, only=["convnet"], sides=["lepton", "lepton-reference", "torch"]).parse_args())
