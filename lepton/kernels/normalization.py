"""Normalisation over some axes, with a weight and a bias, and its gradient: one pair of kernels for all layers.

    x̂ = (x − μ)·ρ,    ρ = 1/√(σ² + ε),    y = x̂·weight + bias

μ and σ² are taken over ``axes``; without centring, μ = 0 and σ² is the mean square. The variance is the mean of
(x − μ)², in a second pass: E[x²] − μ² would cancel. 16-bit types are computed in float32.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from lepton.backend.devices import xp
from lepton.kernels.reduction import total, widen
from lepton.kernels.registry import fast_kernel
from lepton.kernels.windows import Ints

LETTERS = "abcdefgh"
SMALLEST = 1 << 11  # elements from which compiled loops pay


class Norm(NamedTuple):
    """What is normalised how.

    Attributes:
        view: the shape that the input is seen in. axes: those of the view that mean and variance are taken over.
        weight: the shape that weight and bias are seen in, to broadcast with the view. own: the shape that they have.
        eps: ε. centered: whether the mean is subtracted.
    """

    view: Ints
    axes: Ints
    weight: Ints
    own: Ints
    eps: float
    centered: bool

    def size(self) -> int:
        """How many elements share a mean."""
        return prod([self.view[axis] for axis in self.axes])

    def weight_axes(self) -> Ints:
        """The axes of the view along which weight and bias are repeated."""
        missing = len(self.view) - len(self.weight)
        return (*range(missing), *[missing + i for i, length in enumerate(self.weight) if length == 1])

    def weight_is_outside(self) -> bool:
        """Whether all elements that share a mean share their weight too."""
        return set(self.axes) <= set(self.weight_axes())


def sum_of_products(x: Any, y: Any, axes: Ints) -> Any:
    """Σ x·y over ``axes``, kept with length 1, without an array of the products."""
    letters = LETTERS[: x.ndim]
    kept = "".join([letter for axis, letter in enumerate(letters) if axis not in axes])
    shape = [1 if axis in axes else length for axis, length in enumerate(x.shape)]
    return xp(x).einsum(f"{letters},{letters}->{kept}", x, y).reshape(shape)


@fast_kernel("normalization", SMALLEST)
def normalize(x: Any, weight: Any, bias: Any, norm: Norm) -> tuple[Any, Any, Any, Any]:
    """y, and with kept axes μ (None if not centred), σ² and ρ; ``weight`` and ``bias`` may be None."""
    wide = widen(x).reshape(norm.view)
    count = norm.size()
    if norm.centered:
        mean = total(wide, norm.axes, True) / count
        y = wide - mean
    else:
        mean, y = None, wide.copy()
    var = sum_of_products(y, y, norm.axes) / count
    rstd = 1 / xp(x).sqrt(var + norm.eps)
    if weight is not None and norm.weight_is_outside():
        y *= rstd * weight.reshape(norm.weight)
    else:
        y *= rstd
        if weight is not None:
            y *= weight.reshape(norm.weight)
    if bias is not None:
        y += bias.reshape(norm.weight)
    return y.reshape(x.shape).astype(x.dtype, copy=False), mean, var, rstd


@fast_kernel("normalization", SMALLEST)
def normalize_backward(
    g: Any, x: Any, weight: Any, mean: Any, rstd: Any, norm: Norm, wanted: tuple[bool, bool, bool]
) -> tuple[Any, Any, Any]:
    """The gradients of x, weight and bias, each None unless ``wanted``; x may be None if only the bias's is.

    ∂x = ρ·(h − mean h − x̂·mean(h·x̂)) with h = g·weight, means over ``axes`` (without centring no mean h),
    ∂weight = Σ g·x̂, ∂bias = Σ g.
    """
    shape, kind, full = g.shape, g.dtype, widen(g).reshape(norm.view)
    repeated = norm.weight_axes()
    bias_gradient = total(full, repeated, True).reshape(norm.own) if wanted[2] else None
    if not (wanted[0] or wanted[1]):
        return None, None, bias_gradient
    wide = widen(x).reshape(norm.view)
    normal = (wide - mean) * rstd if norm.centered else wide * rstd
    weight_gradient = sum_of_products(full, normal, repeated).reshape(norm.own) if wanted[1] else None
    if not wanted[0]:
        return None, weight_gradient, bias_gradient
    scale = rstd
    if weight is not None:
        weight = widen(weight).reshape(norm.weight)
        if norm.weight_is_outside():
            scale = rstd * weight
        else:
            full = full * weight
    count = norm.size()
    normal *= sum_of_products(full, normal, norm.axes) / count
    if norm.centered:
        normal += total(full, norm.axes, True) / count
    xp(g).subtract(full, normal, out=normal)
    normal *= scale
    return normal.reshape(shape).astype(kind, copy=False), weight_gradient, bias_gradient


@fast_kernel("normalization", SMALLEST)
def scale_channels(x: Any, mean: Any, scale: Any, bias: Any) -> Any:
    """(x − mean)·scale + bias, one number of each for a channel (the second dimension); the bias may be None."""
    beside = (-1, *[1] * (x.ndim - 2))
    out = x - mean.reshape(beside)
    out *= scale.reshape(beside)
    if bias is not None:
        out += bias.reshape(beside)
    return out
