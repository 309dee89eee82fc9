"""The named tuples that ops with several results return."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

ValuesIndices = namedtuple("ValuesIndices", ("values", "indices"))
MinMax = namedtuple("MinMax", ("min", "max"))
Histogram = namedtuple("Histogram", ("hist", "bin_edges"))


def _printed(self: Any) -> str:
    fields = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
    return f"lepton.return_types.{type(self).__name__}(\n{fields})"


def _named(name: str, base: Any) -> Any:
    return type(name, (base,), {"__slots__": (), "__repr__": _printed, "__module__": __name__})


def _values_indices(name: str) -> type[ValuesIndices]:
    return _named(name, ValuesIndices)


max = _values_indices("max")
min = _values_indices("min")
median = _values_indices("median")
nanmedian = _values_indices("nanmedian")
mode = _values_indices("mode")
kthvalue = _values_indices("kthvalue")
sort = _values_indices("sort")
topk = _values_indices("topk")
cummax = _values_indices("cummax")
cummin = _values_indices("cummin")
aminmax: type[MinMax] = _named("aminmax", MinMax)
histogram: type[Histogram] = _named("histogram", Histogram)
