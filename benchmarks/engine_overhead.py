"""What the engine itself costs: a training step of an MLP so small that the arithmetic hardly counts, on one core.

4 linear layers 8-8-8-8-4 with ReLU between, batch 4, mean squared error, SGD, all through ``nn.Module``: zero_grad,
forward, loss, backward, step. It is the suite's "mlp-tiny" alone: see suite.py for how it is measured. PyTorch runs at
its defaults, on the same one core.
"""

from __future__ import annotations

import suite

if __name__ == "__main__":
    suite.run(suite.parser(__doc__, only=["mlp-tiny"], sides=["lepton", "torch"], threads=1).parse_args())
