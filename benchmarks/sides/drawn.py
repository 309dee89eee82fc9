"""Reading the file of weights and batches, for the sides that have no modules to load them into."""

from __future__ import annotations

from typing import Any

import numpy as np
from workloads import BATCHES


def read(path: str, toolbox: Any) -> tuple[dict[str, Any], dict[str, Any], list[tuple[Any, ...]]]:
    """Weights by name, running statistics by name, and the batches, each as the toolbox loads it."""
    with np.load(path) as file:
        weights = {name.partition("/")[2]: file[name] for name in file if name.startswith("weight/")}
        buffers = {name.partition("/")[2]: file[name] for name in file if name.startswith("buffer/")}
        count = sum(name.startswith("batch/0/") for name in file)
        batches = [[toolbox.load_input(file[f"batch/{k}/{i}"]) for i in range(count)] for k in range(BATCHES)]
    return (
        {name: toolbox.load_weight(each) for name, each in weights.items()},
        {name: toolbox.load_weight(each) for name, each in buffers.items()},
        [tuple(each) for each in batches],
    )
