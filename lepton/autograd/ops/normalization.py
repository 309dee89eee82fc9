"""Normalisation with the statistics of the input itself, or with given ones."""

from __future__ import annotations

from typing import Any

from lepton.autograd.op import BroadcastTo, Cast, Op, SumTo, data_of
from lepton.autograd.ops.reduction import Mean, Sum
from lepton.kernels import normalization as kernels
from lepton.kernels.normalization import Norm
from lepton.kernels.reduction import widen


def in_kind(value: Any, kind: Any) -> Any:
    """An array or Tensor in this NumPy dtype: weights of 32 bits may meet inputs of 16."""
    return value if data_of(value).dtype == kind else Cast.on(value, target=kind)


def kinds_of(*arrays: Any) -> tuple[Any, ...]:
    """The arrays' dtypes; None for those that are not there."""
    return tuple([None if each is None else each.dtype for each in arrays])


class Normalization(Op):
    """z = x̂·w + b          ∂L/∂x = ρ·(h − mean h − x̂·mean h·x̂) with h = g·w,  ∂L/∂w = Σ g·x̂,  ∂L/∂b = Σ g

    Here x̂ = (x − μ)·ρ and ρ = 1/√(σ² + ε), with the mean μ and the variance σ² of the elements normalised together.
    After the call ``statistics`` holds μ and σ², with the axes that they were taken over kept.
    """

    __slots__ = ("norm", "mean", "rstd", "statistics", "kinds")
    saves = ("x", "weight", "mean", "rstd")

    def __init__(self, norm: Norm) -> None:
        self.norm = norm

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        out, self.mean, var, self.rstd = kernels.normalize(x, weight, bias, self.norm)
        self.statistics, self.kinds = (self.mean, var), kinds_of(x, weight, bias)
        return out

    def backward(self, g: Any, x: Any, weight: Any, mean: Any, rstd: Any) -> Any:
        found = iter(NormalizationBackward.on(g, x, weight, norm=self.norm, mean=mean, rstd=rstd, wanted=self.needs))
        wanted = zip(self.needs, self.kinds, strict=True)
        return tuple([in_kind(next(found), kind) if need else None for need, kind in wanted])


class NormalizationBackward(Op):
    """z = the wanted ones of: ρ·(h − mean h − x̂·mean h·x̂) with h = g·w;  Σ g·x̂;  Σ g          ∂L = see ``backward``

    With P u = u − mean u − x̂·mean u·x̂, which is its own adjoint, the first output is ρ·P h. Along a direction v of it,
    and v′, v″ of the other two, and with c = Σ v·P h over the elements that share a mean:

        ∂L/∂g = w·ρ·P v + v′·x̂ + v″,    ∂L/∂w = Σ g·ρ·P v,
        ∂L/∂x = ρ·P(g·v′ − ρ·(v·mean h·x̂ + h·mean v·x̂)) − ρ²·x̂·c/n
    """

    __slots__ = ("norm", "mean", "rstd", "wanted")
    several = True
    saves = ("g", "x", "weight")

    def __init__(self, norm: Norm, mean: Any, rstd: Any, wanted: tuple[bool, bool, bool]) -> None:
        self.norm, self.mean, self.rstd, self.wanted = norm, mean, rstd, wanted

    def forward(self, g: Any, x: Any, weight: Any) -> Any:
        found = kernels.normalize_backward(g, x, weight, self.mean, self.rstd, self.norm, self.wanted)
        return tuple([each for each in found if each is not None])

    def backward(self, outgoing: Any, g: Any, x: Any, weight: Any) -> Any:
        at = _Point(self.norm, g, x, weight)
        given = iter(outgoing)
        v, v_weight, v_bias = [next(given, None) if want else None for want in self.wanted]
        for_g, for_x, for_weight = [], [], []
        if v is not None:
            v = v.reshape(self.norm.view)
            turned = at.rstd * at.projected(v)
            for_g.append(turned if weight is None else turned * at.weight)
            for_weight.append(turned * at.g)
            for_x.append(at.along_x(v))
        if v_weight is not None:
            v_weight = v_weight.reshape(self.norm.weight)
            for_g.append(at.normal * v_weight)
            for_x.append(at.rstd * at.projected(at.g * v_weight))
        if v_bias is not None:
            for_g.append(BroadcastTo.on(v_bias.reshape(self.norm.weight), shape=self.norm.view))
        return (
            _added(for_g, g.shape) if self.needs[0] else None,
            _added(for_x, x.shape) if self.needs[1] else None,
            SumTo.on(_added(for_weight, self.norm.view), shape=self.norm.weight).reshape(weight.shape)
            if self.needs[2] and for_weight
            else None,
        )


class _Point:
    """Where a normalisation's gradient is differentiated: all that the formulas of its derivative are made of."""

    def __init__(self, norm: Norm, g: Any, x: Any, weight: Any) -> None:
        self.norm, self.g, x = norm, g.reshape(norm.view), x.reshape(norm.view)
        self.weight = None if weight is None else weight.reshape(norm.weight)
        self.h = self.g if weight is None else self.g * self.weight
        away = x - self.mean(x) if norm.centered else x
        self.rstd = (self.mean(away * away) + norm.eps) ** -0.5
        self.normal = away * self.rstd

    def mean(self, u: Any) -> Any:
        """The mean over the elements that are normalised together."""
        return Mean.on(u, axes=self.norm.axes, keepdim=True)

    def projected(self, u: Any) -> Any:
        """P u: what is left of u when its parts along 1 (if centred) and along x̂ are taken out."""
        left = u - self.mean(u) if self.norm.centered else u
        return left - self.normal * self.mean(u * self.normal)

    def along_x(self, v: Any) -> Any:
        """∂(v·ρ·P h)/∂x."""
        inner = v * self.mean(self.h * self.normal) + self.h * self.mean(v * self.normal)
        change = self.mean(v * self.projected(self.h))
        return -self.rstd * self.rstd * (self.projected(inner) + self.normal * change)


def _added(terms: list[Any], shape: Any) -> Any:
    """The sum of the terms in this shape; None if there are none."""
    if not terms:
        return None
    total = terms[0]
    for each in terms[1:]:
        total = total + each
    return total.reshape(shape)


class FixedNormalization(Op):
    """z = (x − μ)·ρ·w + b with given μ and ρ          ∂L/∂x = g·ρ·w,  ∂L/∂w = Σ g·(x − μ)·ρ,  ∂L/∂b = Σ g

    Channels are the second dimension; the slots ``mean`` and ``rstd`` have one number for each, and so have w and b.
    """

    __slots__ = ("mean", "rstd", "kinds")
    saves = {"x": "weight", "weight": "x"}

    def __init__(self, mean: Any, rstd: Any) -> None:
        self.mean, self.rstd = mean, rstd

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        self.kinds = kinds_of(x, weight, bias)
        scale = self.rstd if weight is None else self.rstd * weight
        return kernels.scale_channels(widen(x), self.mean, scale, bias).astype(x.dtype, copy=False)

    def backward(self, g: Any, x: Any, weight: Any) -> Any:
        rstd, others = self.beside(g, self.rstd), (0, *range(2, g.ndim))
        found = (
            g * (rstd if weight is None else self.beside(g, weight) * rstd) if self.needs[0] else None,
            Sum.on(g * ((x - self.beside(g, self.mean)) * rstd), axes=others, keepdim=False) if self.needs[1] else None,
            Sum.on(g, axes=others, keepdim=False) if self.needs[2] else None,
        )
        every = zip(found, self.kinds, strict=True)
        return tuple([None if each is None else in_kind(each, kind) for each, kind in every])

    @staticmethod
    def beside(x: Any, channels: Any) -> Any:
        """One number for each channel, in a shape that broadcasts with x."""
        return channels.reshape(-1, *[1] * (x.ndim - 2))
