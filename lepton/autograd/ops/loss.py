"""The losses as ops: one value out of predictions and targets, with the gradient in one step."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from lepton.autograd.op import Op, SumTo, as_array, data_of
from lepton.autograd.ops.activation import Hardtanh
from lepton.autograd.ops.arguments import same_type, scalar_name
from lepton.autograd.ops.arithmetic import Sign
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.exponential import Exp, Log, Log1p, Sigmoid
from lepton.autograd.ops.extrema import ClampMin
from lepton.autograd.ops.softmax import LogSoftmaxBackward
from lepton.backend.devices import is_array, xp
from lepton.errors import IndexRangeError, UnsupportedDTypeError
from lepton.kernels import loss as kernels
from lepton.kernels.indexing import put_along, take_along
from lepton.kernels.reduction import total, widen

__all__: list[str] = []  # their public faces are in lepton.nn.functional


# ---------------------------------------------------------------------- classes


class Classes:
    """The checked class indices of a batch: where each sample's class is, and which samples count.

    ``index`` (int64) and ``counted`` (bool, or None when every sample counts) have one class along ``axis``. ``index``
    is a copy, so that writing to the target afterwards does not change the gradient.
    """

    __slots__ = ("axis", "index", "counted")

    def __init__(self, target: Any, shape: tuple[int, ...], ignore_index: int) -> None:
        self.axis = 0 if len(shape) == 1 else 1
        classes = shape[self.axis]
        module = xp(target)
        index = target.astype("int64").reshape(shape[: self.axis] + (1,) + shape[self.axis + 1 :])
        self.index, self.counted = index, None
        if not 0 <= ignore_index < classes and index.size and index.min() >= 0 and index.max() < classes:
            return  # the usual case, at the price of two comparisons
        inside = (index >= 0) & (index < classes)
        counted = inside & (index != ignore_index) if 0 <= ignore_index < classes else inside
        if not inside.all():
            outside = index[~inside & (index != ignore_index)]
            if outside.size:
                raise IndexRangeError(
                    f"Target {int(outside[0])} is out of bounds. There are {classes} classes, 0 to {classes - 1}"
                    f"{'' if ignore_index < 0 else f', and ignore_index={ignore_index}'}; targets outside: "
                    f"{outside.size} of {index.size}."
                )
        self.counted = None if counted.all() else counted
        self.index = index if self.counted is None else module.where(counted, index, 0)

    def weigh(self, weight: Any, dtype: Any) -> Any:
        """Each sample's weight: that of its class, or 1; 0 where it does not count. One number if it is 1 for all."""
        module = xp(self.index)
        if weight is None:
            return 1.0 if self.counted is None else self.counted.astype(dtype)
        found = weight[self.index]
        return found if self.counted is None else module.where(self.counted, found, 0)

    def total(self, weights: Any, dtype: Any) -> Any:
        """The sum of what :meth:`weigh` gave."""
        return as_array(total(weights) if is_array(weights) else self.index.size).astype(dtype)

    def masked(self, g: Any) -> Any:
        """A gradient for each sample (array or Tensor), 0 where it does not count, be it infinite elsewhere."""
        return g if self.counted is None else Where.on(self.counted, g, 0)


class NegativeLikelihood(Op):
    """z = −w·x at each sample's class          ∂L/∂x = −w·g there, 0 elsewhere"""

    __slots__ = ("classes", "scale", "source")

    def __init__(self, classes: Classes, scale: Any) -> None:
        self.classes, self.scale = classes, scale

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        loss = -(take_along(x, self.classes.index, self.classes.axis) * self.scale)
        counted = self.classes.counted
        return loss if counted is None else xp(x).where(counted, loss, 0)

    def backward(self, g: Any) -> Any:
        g = self.classes.masked(g)
        return NegativeLikelihoodBackward.on(g, classes=self.classes, scale=self.scale, shape=self.source)


class NegativeLikelihoodBackward(Op):
    """z = −w·g at each sample's class, 0 elsewhere          ∂L/∂g = −w·h at each sample's class"""

    __slots__ = ("classes", "scale", "shape")

    def __init__(self, classes: Classes, scale: Any, shape: tuple[int, ...]) -> None:
        self.classes, self.scale, self.shape = classes, scale, shape

    def forward(self, g: Any) -> Any:
        return put_along(-(g * self.scale), self.classes.index, self.classes.axis, self.shape)

    def backward(self, h: Any) -> Any:
        return NegativeLikelihood.on(h, classes=self.classes, scale=self.scale)


class Share(Op):
    """What the two ops of cross-entropy share: how the weight of each sample is divided among the classes.

    ``hard`` goes to the sample's own class, ``soft`` (None without label smoothing) to every class: with smoothing ε
    over C classes of weights w they are (1 − ε)·w_y and (ε/C)·w. Samples that do not count have 0 in both.
    ``hard`` is one number where it is the same for all samples.
    """

    __slots__ = ("classes", "hard", "soft")

    def __init__(self, classes: Classes, hard: Any, soft: Any) -> None:
        self.classes, self.hard, self.soft = classes, hard, soft

    def whole(self) -> Any:
        """The sum of what the classes get, for each sample."""
        return self.hard if self.soft is None else self.hard + self.soft.sum(axis=self.classes.axis, keepdims=True)

    def shares(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """What each class gets, for each sample."""
        index = self.classes.index
        hard = self.hard if is_array(self.hard) else xp(index).full(index.shape, self.hard, dtype)
        hard = put_along(hard, index, self.classes.axis, shape)
        return hard if self.soft is None else hard + self.soft


class CrossEntropy(Share):
    """z = −Σ_c s_c·log p_c, p = softmax x, summed over samples and divided by n          ∂L/∂x = (g/n)·(p·Σ_c s_c − s)

    The second output is log p, which the gradient needs: second derivatives go through it.

    ``reduction`` is as in :func:`lepton.nn.functional.cross_entropy`; for ``"mean"``, n is ``count``.
    """

    __slots__ = ("reduction", "count")
    several = True
    saves = ("out1",)

    def __init__(self, classes: Classes, hard: Any, soft: Any, reduction: str, count: Any) -> None:
        super().__init__(classes, hard, soft)
        self.reduction, self.count = reduction, count

    def forward(self, x: Any) -> Any:
        axis, counted = self.classes.axis, self.classes.counted
        log_p = kernels.log_softmax(x, axis)
        wide = widen(log_p)
        loss = take_along(wide, self.classes.index, axis) * self.hard
        if self.soft is not None:
            loss += (wide * self.soft).sum(axis=axis, keepdims=True)
        if counted is not None:
            loss = xp(x).where(counted, loss, 0)
        if self.reduction == "none":
            found = -loss.reshape(x.shape[:axis] + x.shape[axis + 1 :])
        else:
            found = -total(loss)
            if self.reduction == "mean":
                found = found / widen(self.count)
        return found.astype(x.dtype), log_p

    def backward(self, g: Any, log_p: Any) -> Any:
        dx = None
        if g[0] is not None:
            scale = g[0].reshape(self.classes.index.shape) if self.reduction == "none" else g[0]
            scale = scale / self.count if self.reduction == "mean" else scale
            scale = self.classes.masked(scale)
            dx = CrossEntropyBackward.on(scale, log_p, classes=self.classes, hard=self.hard, soft=self.soft)
        if len(g) > 1 and g[1] is not None:
            through = LogSoftmaxBackward.on(g[1], log_p, dim=self.classes.axis)
            dx = through if dx is None else dx + through
        return dx


class CrossEntropyBackward(Share):
    """z = g·(p·Σ_c s_c − s), p = eˡ          ∂L/∂g = Σ_c h·(p·Σ s − s),  ∂L/∂l = h·g·p·Σ s"""

    __slots__ = ()
    saves = ("g", "log_p")

    def forward(self, g: Any, log_p: Any) -> Any:
        soft = None if self.soft is None else self.soft * g
        return kernels.cross_entropy_backward(
            log_p, self.whole() * g, self.hard * g, soft, self.classes.index, self.classes.axis
        )

    def backward(self, h: Any, g: Any, log_p: Any) -> Any:
        spread = Exp.on(log_p) * self.whole()
        data = data_of(h)
        dg = None
        if self.needs[0]:
            dg = (h * (spread - self.shares(data.shape, data.dtype))).sum(axis=self.classes.axis, keepdims=True)
            dg = SumTo.on(dg, shape=()) if g.ndim == 0 else dg
        return dg, h * g * spread if self.needs[1] else None


# ---------------------------------------------------------------------- element by element


class PointwiseLoss(Op):
    """The base of losses that compare element by element and then average, sum, or leave the elements alone.

    A subclass gives ``value(x, y)`` on arrays and ``slopes(x, y)``, the two derivatives, on arrays and Tensors alike.
    """

    __slots__ = ("reduction", "count")
    saves = ("x", "y")
    kernel_name: ClassVar[str] = ""

    def __init__(self, reduction: str) -> None:
        self.reduction = reduction

    def accept(self, inputs: tuple[Any, ...]) -> Any:
        arrays = super().accept(inputs)
        same_type(self.kernel_name, *inputs)
        found = arrays[0].dtype
        if found.kind not in "fV":
            raise UnsupportedDTypeError(
                f"\"{self.kernel_name}\" not implemented for '{scalar_name(found)}': convert the input with .float()"
            )
        return arrays

    def value(self, x: Any, y: Any) -> Any:
        """The loss of each element."""
        raise NotImplementedError

    def slopes(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The derivatives of each element's loss by x and by y, None where not needed."""
        raise NotImplementedError

    def forward(self, x: Any, y: Any) -> Any:
        self.count = x.size
        loss = self.value(x, y)
        if self.reduction == "none":
            return loss
        if self.reduction == "sum":
            return total(loss)
        return (total(widen(loss)) / (self.count or math.nan)).astype(x.dtype)

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        if self.reduction == "mean":
            g = g / (self.count or 1)
        return tuple([None if slope is None else slope * g for slope in self.slopes(x, y)])


class DifferenceLoss(PointwiseLoss):
    """The base of losses of the difference d = x − y alone: ∂L/∂y = −∂L/∂x."""

    __slots__ = ()

    def value(self, x: Any, y: Any) -> Any:
        return self.of_difference(x - y)

    def slopes(self, x: Any, y: Any) -> tuple[Any, Any]:
        slope = self.slope(x - y)
        return slope if self.needs[0] else None, -slope if self.needs[1] else None

    def of_difference(self, d: Any) -> Any:
        """The loss of each difference."""
        raise NotImplementedError

    def slope(self, d: Any) -> Any:
        """Its derivative."""
        raise NotImplementedError


class MseLoss(DifferenceLoss):
    """z = (1/n) Σ (x − y)²          ∂L/∂x = (g/n)·2·(x − y),  ∂L/∂y = −∂L/∂x"""

    __slots__ = ()
    kernel_name = "mse_cpu"

    def of_difference(self, d: Any) -> Any:
        return d * d

    def slope(self, d: Any) -> Any:
        return d + d


class L1Loss(DifferenceLoss):
    """z = (1/n) Σ |x − y|          ∂L/∂x = (g/n)·sgn(x − y),  ∂L/∂y = −∂L/∂x"""

    __slots__ = ()
    kernel_name = "l1_loss"

    def of_difference(self, d: Any) -> Any:
        return abs(d)

    def slope(self, d: Any) -> Any:
        return Sign.on(d)


class SmoothL1Loss(DifferenceLoss):
    """z = (1/n) Σ d²/(2β) if |d| < β else |d| − β/2, d = x − y          ∂L/∂x = (g/n)·clamp(d/β, −1, 1)"""

    __slots__ = ("beta",)
    kernel_name = "smooth_l1_cpu"

    def __init__(self, reduction: str, beta: float) -> None:
        super().__init__(reduction)
        self.beta = beta

    def of_difference(self, d: Any) -> Any:
        size = abs(d)
        near = xp(d).minimum(size, self.beta)  # d² would overflow where the quadratic piece is not taken
        return xp(d).where(size < self.beta, near * near * (0.5 / self.beta), size - 0.5 * self.beta)

    def slope(self, d: Any) -> Any:
        return Hardtanh.on(d / self.beta, low=-1.0, high=1.0)


class HuberLoss(DifferenceLoss):
    """z = (1/n) Σ d²/2 if |d| ≤ δ else δ·(|d| − δ/2), d = x − y          ∂L/∂x = (g/n)·clamp(d, −δ, δ)"""

    __slots__ = ("delta",)
    kernel_name = "huber_cpu"

    def __init__(self, reduction: str, delta: float) -> None:
        super().__init__(reduction)
        self.delta = delta

    def of_difference(self, d: Any) -> Any:
        size = abs(d)
        near = xp(d).minimum(size, self.delta)
        return near * (size - 0.5 * near)

    def slope(self, d: Any) -> Any:
        return Hardtanh.on(d, low=-self.delta, high=self.delta)


_LOG_FLOOR = -100.0  # a prediction of exactly 0 or 1 costs at most this, as in PyTorch
_SLOPE_FLOOR = 1e-12


class BinaryCrossEntropy(PointwiseLoss):
    """z = −(1/n) Σ y·log x + (1 − y)·log(1 − x)          ∂L/∂x = (g/n)·(x − y)/(x·(1 − x)),  ∂L/∂y = (g/n)·log(1/x − 1)

    The logarithms are at least −100, and x·(1 − x) counts as at least 10⁻¹².
    """

    __slots__ = ()
    kernel_name = "binary_cross_entropy"

    def value(self, x: Any, y: Any) -> Any:
        module = xp(x)
        hit = module.maximum(module.log(x), _LOG_FLOOR)
        miss = module.maximum(module.log1p(-x), _LOG_FLOOR)
        return (y - 1) * miss - y * hit

    def slopes(self, x: Any, y: Any) -> tuple[Any, Any]:
        dx = (x - y) / ClampMin.on(x * (1 - x), _SLOPE_FLOOR) if self.needs[0] else None
        if not self.needs[1]:
            return dx, None
        return dx, ClampMin.on(Log1p.on(-x), _LOG_FLOOR) - ClampMin.on(Log.on(x), _LOG_FLOOR)


class BinaryCrossEntropyWithLogits(PointwiseLoss):
    """z = (1/n) Σ max(x, 0) − x·y + log(1 + e^−|x|)          ∂L/∂x = (g/n)·(σ(x) − y),  ∂L/∂y = −(g/n)·x"""

    __slots__ = ()
    kernel_name = "binary_cross_entropy_with_logits"

    def value(self, x: Any, y: Any) -> Any:
        module = xp(x)
        return module.maximum(x, 0) - x * y + module.log1p(module.exp(-abs(x)))

    def slopes(self, x: Any, y: Any) -> tuple[Any, Any]:
        return Sigmoid.on(x) - y if self.needs[0] else None, -x if self.needs[1] else None
