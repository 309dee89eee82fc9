"""Files for the tests of checkpoints: built by hand, to be wrong in one place."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lepton.autograd.tensor import Tensor


def file_with(header: bytes | str | dict[str, Any], data: bytes = b"") -> bytes:
    """A safetensors file with that header, which need not be a valid one."""
    if isinstance(header, dict):
        header = json.dumps(header)
    if isinstance(header, str):
        header = header.encode()
    return len(header).to_bytes(8, "little") + header + data


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    """The description of a tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def file_with_tree(root: str, version: str = "1", **tensors: dict[str, Any]) -> bytes:
    """A checkpoint whose tree is the JSON text ``root``, with the zeros that its tensors need."""
    end = max((each["data_offsets"][1] for each in tensors.values()), default=0)
    return file_with({"__metadata__": {"lepton.tree": version, "lepton.root": root}, **tensors}, bytes(end))


def same(left: Any, right: Any) -> bool:
    """Whether two trees are equal in every type and every bit."""
    if type(left) is not type(right):
        return False
    if isinstance(left, Tensor):
        return left.requires_grad == right.requires_grad and same(left.numpy(force=True), right.numpy(force=True))
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    if isinstance(left, np.generic):
        return left.dtype == right.dtype and left.tobytes() == right.tobytes()
    if isinstance(left, dict):
        keys = [(type(key), repr(key)) for key in left] == [(type(key), repr(key)) for key in right]
        return keys and all(map(same, left.values(), right.values()))
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right if isinstance(left, int) else repr(left) == repr(right)
