"""Hot loops that scan: each element combined with all before it along an axis."""

from __future__ import annotations

from lepton.backend.devices import Array, xp
from lepton.kernels.indexing import along
from lepton.kernels.reduction import widen
from lepton.kernels.registry import kernel


@kernel
def running_best(x: Array, axis: int, largest: bool) -> tuple[Array, Array]:
    """The largest (or smallest) element so far along ``axis``, and its latest place; nan counts as best."""
    module = xp(x)
    values = (module.maximum if largest else module.minimum).accumulate(x, axis=axis)
    here = (x == values) | (x != x)
    places = module.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - axis - 1))
    return values, module.maximum.accumulate(module.where(here, places, 0), axis=axis)


@kernel
def log_cumsum_exp(x: Array, axis: int) -> Array:
    """log Σ e^x over the elements so far along ``axis``: sums of pairs at distances 1, 2, 4, …, each one stable."""
    module, out = xp(x), widen(x)
    step = 1
    while step < x.shape[axis]:
        first, last = out[along(axis, slice(step))], out[along(axis, slice(-step))]
        later = out[along(axis, slice(step, None))]
        out = module.concatenate([first, module.logaddexp(later, last)], axis=axis)
        step *= 2
    return out.astype(x.dtype)
