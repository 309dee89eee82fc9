"""How far elements spread: variances, standard deviations, norms."""

from __future__ import annotations

import math
from typing import Any

from lepton.autograd.op import Cast, Op, as_array
from lepton.autograd.ops._elementwise import Flat
from lepton.autograd.ops.arguments import check_tensor, normalize_dims, scalar_name
from lepton.autograd.ops.arithmetic import Abs, Sign
from lepton.autograd.ops.comparison import Where
from lepton.autograd.ops.exponential import Exp
from lepton.autograd.ops.reduction import Axes, Mean, Reduction, Sum, count, in_type, spread
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend import dtypes
from lepton.backend.devices import xp
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError
from lepton.kernels.reduction import log_total_exp, total, two_norm, widen

__all__ = ["logsumexp", "norm", "std", "var"]


class Spread(Reduction):
    """What variance and standard deviation share: v = Σ (x − x̄)² / (n − c)."""

    __slots__ = ("correction",)

    def __init__(self, axes: Axes, keepdim: bool, correction: float) -> None:
        super().__init__(axes, keepdim)
        self.correction = correction

    def variance(self, x: Any) -> Any:
        """The variance in the type that it is accumulated in."""
        self.source = x.shape
        wide, n = widen(x), count(x.shape, self.axes)
        if n == 0:
            return total(wide, self.axes, self.keepdim) * math.nan
        off = wide - total(wide, self.axes, True) / n
        freedom = n - self.correction
        squares = total(off * off, self.axes, self.keepdim)
        return squares / freedom if freedom > 0 else squares / xp(x).zeros((), squares.dtype)

    def pull(self, g: Any, x: Any) -> Any:
        """The gradient of x from that of the variance."""
        freedom = count(self.source, self.axes) - self.correction
        g = g * (2.0 / freedom if freedom else math.inf)
        return spread(g, self.source, self.axes, self.keepdim) * (x - Mean.on(x, axes=self.axes, keepdim=True))


class Var(Spread):
    """z = Σ (x − x̄)² / (n − c)          ∂L/∂x = g·2(x − x̄)/(n − c)"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return self.variance(x).astype(x.dtype, copy=False)

    def backward(self, g: Any, x: Any) -> Any:
        return self.pull(g, x)


class Std(Spread):
    """z = √(Σ (x − x̄)² / (n − c))          ∂L/∂x = g·(x − x̄)/((n − c)·z), 0 where z = 0"""

    __slots__ = ()
    saves = ("x", "out")

    def forward(self, x: Any) -> Any:
        return xp(x).sqrt(self.variance(x)).astype(x.dtype, copy=False)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        return self.pull(Where.on(out == 0, 0, g / (2 * Where.on(out == 0, 1, out))), x)


class Norm(Reduction):
    """z = √Σ x²          ∂L/∂x = g·x/z, 0 where z = 0"""

    __slots__ = ()
    saves = ("x", "out")

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return two_norm(widen(x), self.axes, self.keepdim).astype(x.dtype, copy=False)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        g = Where.on(out == 0, 0, g / Where.on(out == 0, 1, out))
        return spread(g, self.source, self.axes, self.keepdim) * x


class LargestNorm(Reduction):
    """z = max |x|          ∂L/∂x = g·sign(x) shared evenly among the elements with |x| = z, 0 where z is nan"""

    __slots__ = ("kind",)
    saves = ("x", "out")

    def forward(self, x: Any) -> Any:
        self.source, self.kind = x.shape, x.dtype
        return abs(x).max(axis=self.axes, keepdims=self.keepdim)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        hits = Cast.on(Abs.on(x) == spread(out, self.source, self.axes, self.keepdim), target=self.kind)
        counts = Sum.on(hits, axes=self.axes, keepdim=True)
        shares = hits * Where.on(x == x, Sign.on(x), 0) / Where.on(counts == 0, 1, counts)
        return spread(g, self.source, self.axes, self.keepdim) * shares


class SmallestNorm(LargestNorm):
    """z = min |x|          ∂L/∂x = g·sign(x) shared evenly among the elements with |x| = z, 0 where z is nan"""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        self.source, self.kind = x.shape, x.dtype
        return abs(x).min(axis=self.axes, keepdims=self.keepdim)


class NotZero(Flat):
    """z = 1 where x ≠ 0, else 0          ∂L/∂x = 0"""

    __slots__ = ()
    refuses = ()

    def forward(self, x: Any) -> Any:
        return as_array(x != 0).astype(x.dtype)


class PNorm(Reduction):
    """z = (Σ |x|ᵖ)^(1/p)          ∂L/∂x = g·sign(x)·(|x|/z)^(p−1), 0 where x = 0 or z = 0"""

    __slots__ = ("p",)
    saves = ("x", "out")

    def __init__(self, axes: Axes, keepdim: bool, p: float) -> None:
        super().__init__(axes, keepdim)
        self.p = p

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        module, wide = xp(x), abs(widen(x))
        if x.size == 0:
            return total(wide, self.axes, self.keepdim).astype(x.dtype, copy=False)
        peak = (wide.max if self.p > 0 else wide.min)(axis=self.axes, keepdims=True)
        scale = module.where((peak > 0) & (peak < math.inf), peak, module.ones_like(peak))
        found = total((wide / scale) ** self.p, self.axes, True) ** (1 / self.p) * scale
        shape = total(wide, self.axes, self.keepdim).shape
        return found.reshape(shape).astype(x.dtype, copy=False)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        size = spread(out, self.source, self.axes, self.keepdim)
        flat = (x == 0) | (size == 0)
        slope = Sign.on(x) * (Where.on(flat, 1, Abs.on(x)) / Where.on(flat, 1, size)) ** (self.p - 1)
        return Where.on(flat, 0, spread(g, self.source, self.axes, self.keepdim) * slope)


def norm_of(x: Any, p: float, axes: Axes, keepdim: bool) -> Any:
    """The p-norm over ``axes`` of an array or a Tensor of floating type."""
    if p == 2:
        return Norm.on(x, axes=axes, keepdim=keepdim)
    if p == 0:
        return Sum.on(NotZero.on(x), axes=axes, keepdim=keepdim)
    if p == 1:
        return Sum.on(Abs.on(x), axes=axes, keepdim=keepdim)
    if math.isinf(p):
        return (LargestNorm if p > 0 else SmallestNorm).on(x, axes=axes, keepdim=keepdim)
    return PNorm.on(x, axes=axes, keepdim=keepdim, p=p)


class Renorm(Op):
    """z = x·min(1, m/‖x‖) for each slice          ∂L/∂x = g·m/‖x‖ − (Σ g·x)·m/‖x‖²·∂‖x‖/∂x where ‖x‖ > m, else g"""

    __slots__ = ("axes", "maxnorm", "p")
    saves = ("x",)

    def __init__(self, axes: tuple[int, ...], p: float, maxnorm: float) -> None:
        self.axes, self.p, self.maxnorm = axes, p, maxnorm

    def forward(self, x: Any) -> Any:
        return x * self._scales(norm_of(x, self.p, self.axes, True))

    def _scales(self, lengths: Any) -> Any:
        return Where.on(lengths > self.maxnorm, self.maxnorm / (lengths + 1e-7), 1.0)

    def backward(self, g: Any, x: Any) -> Any:
        lengths = norm_of(x, self.p, self.axes, True)
        along_x = Sum.on(g * x, axes=self.axes, keepdim=True) / (lengths + 1e-7)
        along_x = Where.on(lengths > self.maxnorm, along_x, 0)
        return (g - along_x * self._slopes(x, lengths)) * self._scales(lengths)

    def _slopes(self, x: Any, lengths: Any) -> Any:
        """∂‖x‖/∂x where ‖x‖ > 0."""
        lengths = Where.on(lengths == 0, 1, lengths)
        if self.p == 2:
            return x / lengths
        if math.isinf(self.p):
            hits = Where.on(Abs.on(x) == lengths, Sign.on(x), 0)
            return hits / Sum.on(Abs.on(hits), axes=self.axes, keepdim=True)
        inside = Where.on(x == 0, 1, x)
        return Where.on(x == 0, 0, Sign.on(inside) * (Abs.on(inside) / lengths) ** (self.p - 1))


class LogSumExp(Reduction):
    """z = log Σ eˣ          ∂L/∂x = g·e^(x−z)"""

    __slots__ = ()
    saves = ("x", "out")

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        module, wide = xp(x), widen(x)
        if x.size == 0:
            return module.log(total(wide, self.axes, self.keepdim)).astype(x.dtype, copy=False)
        peak = wide.max(axis=self.axes, keepdims=True)
        peak = module.where(module.isfinite(peak), peak, module.zeros_like(peak))
        found = (log_total_exp(wide, peak, self.axes)[1] + peak).astype(x.dtype, copy=False)
        return found if self.keepdim else found.squeeze(axis=self.axes)

    def backward(self, g: Any, x: Any, out: Any) -> Any:
        shape, axes, keepdim = self.source, self.axes, self.keepdim
        return spread(g, shape, axes, keepdim) * Exp.on(x - spread(out, shape, axes, keepdim))


# ---------------------------------------------------------------------- functions


def variance_arguments(
    input: Tensor, dim: Any, unbiased: bool | None, correction: float | None, what: str
) -> tuple[Axes, float]:
    """The axes and the correction c of n − c, from PyTorch's overloads: ``var(False)``, ``var(0, False)``, …

    Raises:
        DTypeError: the type is not floating.
    """
    data = check_tensor(input, what)._data
    if not input.dtype.is_floating_point:
        raise DTypeError("std and var only support floating point and complex dtypes")
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes = normalize_dims(dim, data.ndim)
    c = 1 if correction is None else correction
    c = c if unbiased is None else int(unbiased)
    if count(data.shape, axes) - c <= 0:
        import warnings

        warnings.warn(
            f"{what}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
            "(input numel divided by output numel).",
            UserWarning,
            stacklevel=3,
        )
    return axes, c


@public()
def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None, axis: Any = None, keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """Σ (x − x̄)² / (n − c) over ``dim`` (one, several, or all).

    Args:
        unbiased: c = 1 (the default) or, if False, 0.
        correction: any other c.

    Raises:
        DTypeError: the type is not floating.
    """
    axes, c = variance_arguments(input, dim if axis is None else axis, unbiased, correction, "var")
    return Var(axes, keepdim or keepdims, c)(input)


@public()
def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
    correction: float | None = None, axis: Any = None, keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """√var; see :func:`var`. The gradient is 0 where it is 0."""
    axes, c = variance_arguments(input, dim if axis is None else axis, unbiased, correction, "std")
    return Std(axes, keepdim or keepdims, c)(input)


@public()
def norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None, axis: Any = None,
    keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """(Σ |x|ᵖ)^(1/p) over ``dim`` (one, several, or all), elements of matrices taken as those of a vector.

    Args:
        p: a number; ``"fro"`` and 2 are √Σ x², ``inf`` the largest |x|, ``-inf`` the smallest, 0 the number of x ≠ 0,
            ``"nuc"`` the sum of the singular values of matrices in two dimensions.
        keepdim: keep the reduced dimensions with length 1.
        dtype: convert to this type first.

    Raises:
        DTypeError: the type is not floating. ShapeError: there is no such norm.
    """
    if dtype is not None:
        input = in_type(check_tensor(input, "norm"), dtype)
    data = check_tensor(input, "norm")._data
    check_norm_type(input)
    axes = normalize_dims(dim if axis is None else axis, data.ndim)
    keepdim = keepdim or keepdims
    if isinstance(p, str) and p == "nuc":
        return _nuclear(input, axes, keepdim)
    order = 2.0 if p in ("fro", None) else p
    if isinstance(order, bool) or not isinstance(order, (int, float)):
        raise ShapeError(f"linalg.matrix_norm: Order {p} not supported: p must be a number, 'fro' or 'nuc'")
    if math.isinf(order):
        _check_infinite_norm(data.shape, axes, order)
    return norm_of(input, float(order), axes, keepdim)


def _nuclear(input: Tensor, axes: Axes, keepdim: bool) -> Tensor:
    ndim = input._data.ndim
    if ndim < 2:
        raise ShapeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    dims = tuple(range(ndim)) if axes is None else axes
    if len(dims) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(str(each) for each in dims)}")
    from lepton.autograd.ops.nuclear import nuclear_norm  # it brings all factorizations

    return nuclear_norm(input, dims, keepdim)


def check_norm_type(input: Tensor) -> None:
    """Refuse numbers that have no norm.

    Raises:
        DTypeError: the type is not floating.
    """
    if not input.dtype.is_floating_point:
        raise DTypeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. "
            f"Got {scalar_name(input._data.dtype)}"
        )


def _check_infinite_norm(shape: tuple[int, ...], axes: Axes, order: float) -> None:
    if count(shape, axes) == 0:
        raise ShapeError(
            f"linalg.vector_norm cannot compute the {order} norm on an empty "
            "tensor because the operation does not have an identity"
        )


@public()
def logsumexp(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool = False
) -> Tensor:
    """log Σ eˣ over ``dim`` (one or several), computed as m + log Σ e^(x−m) with m = max x, so that nothing overflows.

    Integers are converted to the default floating type.

    Raises:
        ArgumentTypeError: ``dim`` is missing.
    """
    data = check_tensor(input, "logsumexp")._data
    wanted = dim if axis is None else axis
    if wanted is None:
        raise ArgumentTypeError('logsumexp() missing 1 required positional arguments: "dim"')
    if not input.dtype.is_floating_point:
        input = in_type(input, dtypes.get_default_dtype())
    return LogSumExp(normalize_dims(wanted, data.ndim), keepdim or keepdims)(input)
