"""How tensors print: as PyTorch prints them, so that people read the same thing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lepton.autograd.tensor import Tensor
from lepton.backend import devices, dtypes
from lepton.errors import ArgumentError

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
_options: dict[str, Any] = {**_PROFILES["default"], "sci_mode": None}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors print.

    Args:
        precision: digits after the point. threshold: elements from which on the middle is left out.
        edgeitems: elements shown at each end then. linewidth: characters in a line.
        profile: ``"default"``, ``"short"`` or ``"full"``, which the other arguments refine.
        sci_mode: scientific notation always (True), never (False), or where it helps (None).

    Raises:
        ArgumentError: there is no such profile.
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ArgumentError(f"there is no print profile {profile!r}; there are {', '.join(_PROFILES)}")
        _options.update(_PROFILES[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update({name: value for name, value in given.items() if value is not None})
    _options["sci_mode"] = sci_mode


class _Formatter:
    """Chooses one notation and one width for all numbers of a tensor."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.floating = values.dtype.kind == "f"
        self.whole = self.scientific = False
        self.width = 1
        if not self.floating:
            self.width = max((len(str(each)) for each in values.ravel().tolist()), default=1)
            return
        usual = values[np.isfinite(values) & (values != 0)].astype(np.float64)
        if usual.size == 0:
            return
        size = np.abs(usual)
        largest, smallest = float(size.max()), float(size.min())
        spread = largest / smallest > 1000.0 or largest > 1.0e8
        self.whole = bool((usual == np.ceil(usual)).all())
        self.scientific = spread or (not self.whole and smallest < 1.0e-4)
        if _options["sci_mode"] is not None:
            self.scientific = _options["sci_mode"]
        self.width = max(len(self._text(each)) for each in usual.tolist())

    def _text(self, value: Any) -> str:
        if not self.floating:
            return str(value)
        if not math.isfinite(value):
            return str(value)
        if self.scientific:
            return f"{value:.{_options['precision']}e}"
        return f"{value:.0f}." if self.whole or self.width == 1 and value == 0 else f"{value:.{_options['precision']}f}"

    def format(self, value: Any) -> str:
        return self._text(value).rjust(self.width)


def _line(values: list[Any], indent: int, formatter: _Formatter, summarize: bool) -> str:
    per_line = max(1, (_options["linewidth"] - indent) // (formatter.width + 2))
    edge = _options["edgeitems"]
    if summarize and len(values) > 2 * edge:
        shown = [formatter.format(each) for each in values[:edge]] + [" ..."]
        shown += [formatter.format(each) for each in values[-edge:]] if edge else []
    else:
        shown = [formatter.format(each) for each in values]
    lines = [", ".join(shown[start : start + per_line]) for start in range(0, len(shown), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _body(values: np.ndarray[Any, Any], indent: int, formatter: _Formatter, summarize: bool) -> str:
    if values.ndim == 0:
        return formatter.format(values.item())
    if values.ndim == 1:
        return _line(values.tolist(), indent, formatter, summarize)
    edge = _options["edgeitems"]
    if summarize and len(values) > 2 * edge:
        rows = [_body(each, indent + 1, formatter, summarize) for each in values[:edge]] + ["..."]
        rows += [_body(each, indent + 1, formatter, summarize) for each in values[len(values) - edge :]]
    else:
        rows = [_body(each, indent + 1, formatter, summarize) for each in values]
    return "[" + ("," + "\n" * (values.ndim - 1) + " " * (indent + 1)).join(rows) + "]"


def _edges(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The elements that a summary shows."""
    edge = _options["edgeitems"]
    for axis in range(values.ndim):
        length = values.shape[axis]
        if length > 2 * edge:
            values = values.take(list(range(edge)) + list(range(length - edge, length)), axis=axis)
    return values


def _suffixes(tensor: Tensor) -> list[str]:
    found = []
    if tensor.device != devices.CPU:
        found.append(f"device='{tensor.device}'")
    if tensor._data.size == 0:
        if tensor._data.ndim != 1:
            found.append(f"size={tuple(tensor._data.shape)}")
        if tensor.dtype is not dtypes.get_default_dtype():
            found.append(f"dtype={tensor.dtype}")
    elif tensor.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_):
        found.append(f"dtype={tensor.dtype}")
    node = tensor.grad_fn
    if node is not None:
        found.append(f"grad_fn=<{node.name()}>")
    elif tensor.requires_grad:
        found.append("requires_grad=True")
    return found


def tensor_repr(self: Tensor) -> str:
    """The tensor's numbers, and what is unusual about it: type, device, how it was computed."""
    prefix = "tensor("
    indent = len(prefix)
    values = devices.to_numpy(self._data)
    if self.dtype is dtypes.bfloat16:
        values = values.astype(np.float32)
    if values.size == 0:
        text = "[]"
    else:
        summarize = values.size > _options["threshold"]
        text = _body(values, indent, _Formatter(_edges(values) if summarize else values), summarize)
    parts = prefix + text
    last = len(parts) - parts.rfind("\n")
    for suffix in _suffixes(self):
        if last + len(suffix) + 2 > _options["linewidth"]:
            parts += ",\n" + " " * indent + suffix
            last = indent + len(suffix)
        else:
            parts += ", " + suffix
            last += len(suffix) + 2
    return parts + ")"
