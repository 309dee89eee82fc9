"""The activations as modules: (*) → (*), any shape, but for ``GLU``, which halves a dimension."""

from __future__ import annotations

import warnings

from lepton.autograd.ops.creation import full
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ContractError
from lepton.nn import functional as F
from lepton.nn import init as initialise
from lepton.nn.layers._parameters import DeviceLike, DType
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class _InPlace(Module):
    """The base of activations that can write their result into the input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

    def _with_inplace(self, own: str) -> str:
        return f"{own}, inplace=True" if self.inplace else own


# ---------------------------------------------------------------------- piecewise linear


class ReLU(_InPlace):
    """max(x, 0), element by element: the rectified linear unit (Nair and Hinton, 2010). Its derivative at 0 is 0.

    Args:
        inplace: write the result into the input.

    Input: (*), any shape, of any type but bool. Output: (*).
    Raises when called: DTypeError: the input is bool. GradError: ``inplace`` on a leaf that needs a gradient.

    >>> from lepton import nn, tensor
    >>> nn.ReLU()(tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace)


class Hardtanh(_InPlace):
    """min(max(x, min_val), max_val), element by element. The derivative is 0 at both ends.

    Args:
        min_val, max_val: the least and the largest result. inplace: write the result into the input.
        min_value, max_value: deprecated names of the two.

    Input: (*), any shape, of any type but bool. Output: (*).

    Raises:
        ContractError: ``max_val`` is not greater than ``min_val``. When called: DTypeError: the input is bool, or
            unsigned with negative limits. GradError: ``inplace`` on a leaf that needs a gradient.
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__(inplace)
        for old, value in (("min_val", min_value), ("max_val", max_value)):
            if value is not None:
                warnings.warn(
                    f"keyword argument `{old}ue` is deprecated and rename to `{old}`", FutureWarning, stacklevel=2
                )
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        if self.max_val <= self.min_val:
            raise ContractError(f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})")

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(Hardtanh):
    """min(max(x, 0), 6), element by element (Krizhevsky, 2010). The derivative is 0 at both ends.

    Args:
        inplace: write the result into the input.

    Input: (*), any shape, of any type but bool. Output: (*).
    Raises when called: DTypeError: the input is bool. GradError: ``inplace`` on a leaf that needs a gradient.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    extra_repr = _InPlace.extra_repr


class LeakyReLU(_InPlace):
    """x where x > 0, else negative_slope·x, element by element (Maas et al., 2013).

    Args:
        negative_slope: the slope below 0. inplace: write the result into the input.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: DTypeError: the input is not floating. GradError: ``inplace`` on a leaf that needs a gradient.

    >>> from lepton import nn, tensor
    >>> nn.LeakyReLU(0.1)(tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1000,  0.0000,  2.0000])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"negative_slope={self.negative_slope}")


class RReLU(_InPlace):
    """x where x > 0, else a·x: a leaky ReLU whose slope is drawn at random in training (Xu et al., 2015).

    In training a is uniform over [lower, upper), anew for each element and call; in evaluation it is their mean.

    Args:
        lower, upper: the bounds of a. inplace: write the result into the input.

    Input: (*), any shape, floating. Output: (*).

    Raises:
        RandomError (when called in training): ``upper`` is below ``lower``. DTypeError (when called): the input is not
            floating. GradError (when called): ``inplace`` on a leaf that needs a gradient.
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.lower, self.upper = lower, upper

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"lower={self.lower}, upper={self.upper}")


class PReLU(Module):
    """x where x > 0, else w·x, with a learnt w (He et al., 2015).

    Args:
        num_parameters: how many numbers w has: 1, or one for each channel (dimension 1). init: what they begin with.

    Input: (N, C, …) for one w for each channel, (*), any shape, else. Output: of the same shape.

    Parameters: ``weight`` w, (num_parameters); begins as ``init``.

    Raises:
        ShapeError: ``num_parameters`` is negative; when called: it is neither 1 nor the number of channels. DTypeError
            (when called): the input is not of the weight's type.
    """

    weight: Parameter

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: DeviceLike = None, dtype: DType = None
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        """Set the weight to ``init``."""
        initialise.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Threshold(_InPlace):
    """x where x > threshold, else value, element by element.

    Args:
        threshold: what x must exceed. value: what stands in for the others. inplace: write the result into the input.

    Input: (*), any shape, of any type but bool. Output: (*).
    Raises when called: DTypeError: the input is bool. GradError: ``inplace`` on a leaf that needs a gradient.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold, self.value = threshold, value

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"threshold={self.threshold}, value={self.value}")


class Hardshrink(Module):
    """x where abs x > lambd, else 0, element by element: hard thresholding.

    Args:
        lambd: λ, the threshold.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: DTypeError: the input is not floating.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Softshrink(Module):
    """x − λ where x > λ, x + λ where x < −λ, else 0, element by element: soft thresholding (Donoho, 1995).

    Args:
        lambd: λ, by how much x moves towards 0.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: ValueRangeError: ``lambd`` is negative. DTypeError: the input is not floating.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardsigmoid(_InPlace):
    """min(max(x/6 + ½, 0), 1), element by element: a sigmoid of three lines (Howard et al., 2019).

    Args:
        inplace: write the result into the input.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: DTypeError: the input is not floating. GradError: ``inplace`` on a leaf that needs a gradient.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


class Hardswish(_InPlace):
    """x·min(max(x/6 + ½, 0), 1), element by element: :class:`SiLU` with a sigmoid of three lines (Howard et al., 2019).

    Args:
        inplace: write the result into the input.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: DTypeError: the input is not floating. GradError: ``inplace`` on a leaf that needs a gradient.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        return ""


# ---------------------------------------------------------------------- smooth


class Sigmoid(Module):
    """σ(x) = 1/(1 + e⁻ˣ), element by element: from any number into (0, 1); σ′ = σ·(1 − σ).

    Input: (*), any shape; integers become floating. Output: (*).

    >>> from lepton import nn, tensor
    >>> nn.Sigmoid()(tensor([-1.0, 0.0, 2.0]))
    tensor([0.2689, 0.5000, 0.8808])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class Tanh(Module):
    """tanh x = (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ), element by element: from any number into (−1, 1); tanh′ = 1 − tanh².

    Input: (*), any shape; integers become floating. Output: (*).

    >>> from lepton import nn, tensor
    >>> nn.Tanh()(tensor([-1.0, 0.0, 2.0]))
    tensor([-0.7616,  0.0000,  0.9640])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class LogSigmoid(Module):
    """log σ(x) = −log(1 + e⁻ˣ), element by element, stable for any x.

    Input: (*), any shape, floating. Output: (*).
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softplus(Module):
    """log(1 + e^(β·x))/β, element by element: a smooth ReLU (Dugas et al., 2001).

    Args:
        beta: β; the larger, the closer to a ReLU. threshold: where β·x is above it, the result is x itself.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: DTypeError: the input is not floating.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class GELU(Module):
    """x·Φ(x), element by element, Φ the distribution function of the normal distribution (Hendrycks and Gimpel, 2016).

    Args:
        approximate: ``"none"``, or ``"tanh"`` for ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).

    Input: (*), any shape, floating. Output: (*).
    Raises when called: DTypeError: ``approximate`` is something else, or the input is not floating.

    >>> from lepton import nn, tensor
    >>> nn.GELU()(tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1587,  0.0000,  1.9545])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(_InPlace):
    """x·σ(x), element by element, also called swish (Elfwing et al., 2018).

    Args:
        inplace: write the result into the input.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: DTypeError: the input is not floating. GradError: ``inplace`` on a leaf that needs a gradient.

    >>> from lepton import nn, tensor
    >>> nn.SiLU()(tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2689,  0.0000,  1.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class Mish(_InPlace):
    """x·tanh(log(1 + eˣ)), element by element (Misra, 2019).

    Args:
        inplace: write the result into the input.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: DTypeError: the input is not floating. GradError: ``inplace`` on a leaf that needs a gradient.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class ELU(_InPlace):
    """x where x > 0, else α·(eˣ − 1), element by element (Clevert et al., 2016).

    Args:
        alpha: α; far below 0 the result is −α. inplace: write the result into the input.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: DTypeError: the input is not floating. GradError: ``inplace`` on a leaf that needs a gradient.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"alpha={self.alpha}")


class CELU(_InPlace):
    """x where x > 0, else α·(e^(x/α) − 1), element by element: an ELU that is smooth for any α (Barron, 2017).

    Args:
        alpha: α; far below 0 the result is −α. inplace: write the result into the input.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: ValueRangeError: ``alpha`` is 0. DTypeError: the input is not floating. GradError: ``inplace``
    on a leaf that needs a gradient.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self._with_inplace(f"alpha={self.alpha}")


class SELU(_InPlace):
    """s·x where x > 0, else s·α·(eˣ − 1), with the s and α that keep mean 0 and variance 1 (Klambauer et al., 2017).

    s is 1.0507…, α is 1.6733…. Weights should begin normal with variance 1/fan_in.

    Args:
        inplace: write the result into the input.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: DTypeError: the input is not floating. GradError: ``inplace`` on a leaf that needs a gradient.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class Softsign(Module):
    """x/(1 + abs x), element by element: from any number into (−1, 1), slower than tanh.

    Input: (*), any shape, of any type but bool. Output: (*), floating.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """x − tanh x, element by element.

    Input: (*), any shape, of any type but bool. Output: (*), floating.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class GLU(Module):
    """a·σ(b), where a and b are the halves of the input along ``dim``: a gated linear unit (Dauphin et al., 2017).

    Args:
        dim: the dimension that is halved.

    Input: (*, 2·n, *), floating. Output: (*, n, *).
    Raises when called: ShapeError: the length along ``dim`` is odd. IndexRangeError: there is no such dimension.
    DTypeError: the input is not floating.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


# ---------------------------------------------------------------------- distributions over classes


class _AlongDim(Module):
    """The base of layers that normalise along ``dim``; None chooses it by the input's dimensions, with a warning."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """e^(xᵢ)/Σⱼ e^(xⱼ) along ``dim``: scores as probabilities, which add up to 1.

    For a loss, take :class:`CrossEntropyLoss` of the scores themselves.

    Args:
        dim: the dimension of the classes. None chooses it by the input's dimensions (0 for 0, 1 or 3 of them, else 1),
            with a warning.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: IndexRangeError: there is no such dimension. DTypeError: the input is not floating.

    >>> from lepton import nn, tensor
    >>> nn.Softmax(dim=0)(tensor([0.0, 1.0, 1.0]))
    tensor([0.1554, 0.4223, 0.4223])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """xᵢ − log Σⱼ e^(xⱼ) along ``dim``: scores as logarithms of probabilities, stable for any x.

    Args:
        dim: the dimension of the classes. None chooses it by the input's dimensions (0 for 0, 1 or 3 of them, else 1),
            with a warning.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: IndexRangeError: there is no such dimension. DTypeError: the input is not floating.

    >>> from lepton import nn, tensor
    >>> nn.LogSoftmax(dim=0)(tensor([0.0, 1.0, 1.0]))
    tensor([-1.8620, -0.8620, -0.8620])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """e^(−xᵢ)/Σⱼ e^(−xⱼ) along ``dim``: the smallest has the highest probability.

    Args:
        dim: the dimension of the classes. None chooses it by the input's dimensions (0 for 0, 1 or 3 of them, else 1),
            with a warning.

    Input: (*), any shape, floating. Output: (*).
    Raises when called: IndexRangeError: there is no such dimension. DTypeError: the input is not floating.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """e^(x_c)/Σ_k e^(x_k) over the channels at each place of an image.

    Input: (N, C, H, W) or (C, H, W), floating. Output: of the same shape.
    Raises when called: ArgumentError: the input has other dimensions.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ArgumentError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)
