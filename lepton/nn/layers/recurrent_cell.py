"""One step of a recurrent network: what its layers do at each time, for loops that the user writes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from lepton.autograd.ops.arguments import check_tensor, same_type
from lepton.autograd.ops.creation import zeros
from lepton.autograd.ops.shape import squeeze, unsqueeze
from lepton.autograd.recurrence import ElmanScan, GRUScan, LSTMScan, RecurrentScan
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ArgumentTypeError, ShapeError, ValueRangeError
from lepton.kernels.recurrence import Steps, walk
from lepton.nn import init
from lepton.nn.layers._parameters import DeviceLike, DType, new_parameter
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What the cells share: ``weight_ih`` (G·H, I), ``weight_hh`` (G·H, H), ``bias_ih`` and ``bias_hh`` (G·H).

    G is ``num_chunks``, the number of gates. All begin uniform over ±1/√H, drawn in this order. ``states`` tells how
    many tensors a cell hands on to the next step.

    Args:
        input_size, hidden_size: I and H. bias: whether there are biases. num_chunks: G.

    Raises:
        ShapeError: a size is negative.
    """

    states: ClassVar[int] = 1
    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates = num_chunks * hidden_size
        self.weight_ih = new_parameter((gates, input_size), device, dtype)
        self.weight_hh = new_parameter((gates, hidden_size), device, dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, new_parameter((gates,), device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(
        self, scan: Callable[[Steps], RecurrentScan], input: Any, states: tuple[Tensor, ...] | None
    ) -> list[Tensor]:
        """The next states, h first, of a batch (N, I) or one sample (I)."""
        name = type(self).__name__
        if check_tensor(input, name).ndim not in (1, 2):
            raise ArgumentError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        single = input.ndim == 1
        rows = unsqueeze(input, 0) if single else input
        if states is None:
            empty = zeros((rows.shape[0], self.hidden_size), dtype=input.dtype, device=input.device)
            states = (empty,) * self.states
        elif single:
            states = tuple([unsqueeze(each, 0) for each in states])
        self._check(rows, states)
        cell = states[1] if len(states) > 1 else None
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, None)
        _, *found = scan(walk((rows.shape[0],), False))(rows, states[0], cell, *weights)
        return [squeeze(each, 0) for each in found] if single else found

    def _check(self, rows: Tensor, states: tuple[Tensor, ...]) -> None:
        if rows.shape[1] != self.input_size:
            raise ShapeError(f"input has inconsistent input_size: got {rows.shape[1]} expected {self.input_size}")
        for place, each in enumerate(states):
            if each.shape[0] != rows.shape[0]:
                raise ShapeError(
                    f"Input batch size {rows.shape[0]} doesn't match hidden{place} batch size {each.shape[0]}"
                )
            if each.ndim != 2 or each.shape[1] != self.hidden_size:
                raise ShapeError(
                    f"hidden{place} has inconsistent hidden_size: got {each.shape[-1]}, expected {self.hidden_size}; "
                    f"its shape is {list(each.shape)}"
                )
        same_type(type(self).__name__, rows, *states, self.weight_ih)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias is True else f", bias={self.bias}")


def _hidden(cell: RNNCellBase, hx: Any) -> tuple[Tensor, ...] | None:
    """The state of a cell that has one, checked, in a tuple; None of None."""
    if hx is None:
        return None
    name = type(cell).__name__
    if check_tensor(hx, name, "hx", 2).ndim not in (1, 2):
        raise ArgumentError(f"{name}: Expected hidden to be 1D or 2D, got {hx.ndim}D instead")
    return (hx,)


class RNNCell(RNNCellBase):
    """h' = φ(x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh) with φ = tanh or ReLU: one step of :class:`~lepton.nn.RNN`.

    Args:
        input_size, hidden_size: I and H. bias: whether there are b_ih and b_hh.
        nonlinearity: ``"tanh"`` or ``"relu"``.

    Input: x, (N, I) or (I), and h, (N, H) or (H), by default zeros. Output: h', (N, H) or (H).

    Parameters: ``weight_ih`` (H, I), ``weight_hh`` (H, H), ``bias_ih`` and ``bias_hh`` (H); all begin uniform over
    ±1/√H.

    Raises:
        When called: ArgumentError: a number of dimensions is wrong. ShapeError: a dimension does not fit. DTypeError:
            the types differ. ValueRangeError: there is no such nonlinearity.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next h."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueRangeError(f"Unknown nonlinearity: {self.nonlinearity}; there are tanh and relu")
        (h,) = self._step(lambda steps: ElmanScan(steps, self.nonlinearity == "relu"), input, _hidden(self, hx))
        return h

    def extra_repr(self) -> str:
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + other


class LSTMCell(RNNCellBase):
    """One step of :class:`~lepton.nn.LSTM`: with (i, f, g, o) = x·W_ihᵀ + b_ih + h·W_hhᵀ + b_hh,

        c' = σ(f)∘c + σ(i)∘tanh(g),    h' = σ(o)∘tanh(c')

    Args:
        input_size, hidden_size: I and H. bias: whether there are b_ih and b_hh.

    Input: x, (N, I) or (I), and (h, c), each (N, H) or (H), by default zeros. Output: (h', c'), of the same shapes.

    Parameters: ``weight_ih`` (4·H, I), ``weight_hh`` (4·H, H), ``bias_ih`` and ``bias_hh`` (4·H); all begin uniform
    over ±1/√H.

    Raises:
        When called: ArgumentError: a number of dimensions is wrong. ShapeError: a dimension does not fit. DTypeError:
            the types differ. ArgumentTypeError: the state is no pair.
    """

    states = 2

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: DeviceLike = None, dtype: DType = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next h and c."""
        if hx is not None:
            if not isinstance(hx, (tuple, list)) or len(hx) != 2:
                kind = type(hx).__name__
                raise ArgumentTypeError(f"LSTMCell(): argument 'hx' must be a pair of tensors (h, c), not {kind}")
            for place, each in enumerate(hx):
                if check_tensor(each, "LSTMCell", f"hx[{place}]", 2).ndim not in (1, 2):
                    raise ArgumentError(f"LSTMCell: Expected hx[{place}] to be 1D or 2D, got {each.ndim}D instead")
        h, c = self._step(LSTMScan, input, hx)
        return h, c


class GRUCell(RNNCellBase):
    """One step of :class:`~lepton.nn.GRU`: with z = x·W_ihᵀ + b_ih and v = h·W_hhᵀ + b_hh in three parts r, u, n,

        r = σ(z_r + v_r),    u = σ(z_u + v_u),    n = tanh(z_n + r∘v_n),    h' = (1 − u)∘n + u∘h

    Args:
        input_size, hidden_size: I and H. bias: whether there are b_ih and b_hh.

    Input: x, (N, I) or (I), and h, (N, H) or (H), by default zeros. Output: h', (N, H) or (H).

    Parameters: ``weight_ih`` (3·H, I), ``weight_hh`` (3·H, H), ``bias_ih`` and ``bias_hh`` (3·H); all begin uniform
    over ±1/√H.

    Raises:
        When called: ArgumentError: a number of dimensions is wrong. ShapeError: a dimension does not fit. DTypeError:
            the types differ.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: DeviceLike = None, dtype: DType = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next h."""
        (h,) = self._step(GRUScan, input, _hidden(self, hx))
        return h
