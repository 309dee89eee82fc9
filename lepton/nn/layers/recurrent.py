"""Recurrent layers: Elman's network, long short-term memory, gated recurrent units."""

from __future__ import annotations

import math
import warnings
from typing import Any

from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.creation import zeros
from lepton.autograd.ops.indexing import index_select
from lepton.autograd.ops.joining import cat, stack, unbind
from lepton.autograd.ops.shape import reshape, squeeze, transpose, unsqueeze
from lepton.autograd.recurrence import ElmanScan, GRUScan, LSTMScan, RecurrentScan
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from lepton.kernels.recurrence import walk
from lepton.nn import functional as F
from lepton.nn import init
from lepton.nn.layers._parameters import DeviceLike, DType, new_parameter
from lepton.nn.module import Module
from lepton.nn.packed_sequence import PackedSequence, step_sizes
from lepton.nn.parameter import Parameter

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

SCANS: dict[str, tuple[type[RecurrentScan], dict[str, Any]]] = {  # for each mode the op and its settings
    "RNN_TANH": (ElmanScan, {"rectified": False}),
    "RNN_RELU": (ElmanScan, {"rectified": True}),
    "LSTM": (LSTMScan, {}),
    "GRU": (GRUScan, {}),
}


class RNNBase(Module):
    """What RNN, LSTM and GRU share: parameters, and the way of a sequence through layers and directions.

    Layer k has ``weight_ih_lk`` (G·H, I) and ``weight_hh_lk`` (G·H, P), with ``bias`` also ``bias_ih_lk`` and
    ``bias_hh_lk`` (G·H), with ``proj_size`` also ``weight_hr_lk`` (P, H); in the other direction their names end in
    ``_reverse``. G is the number of gates, P is ``proj_size`` or H, I is ``input_size``, or P times the directions
    above the first layer. All begin uniform over ±1/√H, drawn in this order.

    Args:
        mode: ``"RNN_TANH"``, ``"RNN_RELU"``, ``"LSTM"`` or ``"GRU"``.
        input_size, hidden_size: I and H. num_layers: how many layers, each of which reads the one below.
        bias: whether there are biases. batch_first: batches are (N, T, …) instead of (T, N, …).
        dropout: the probability of :class:`~lepton.nn.Dropout` after each layer but the last.
        bidirectional: a second row of layers reads the sequence backwards.
        proj_size: P, less than ``hidden_size``, or 0 for no projection.

    Raises:
        ArgumentTypeError: a size is no int, or a switch no bool. ArgumentError: a number is out of its range, or there
            is no such mode.
    """

    mode: str

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.mode, self.bias, self.batch_first, self.bidirectional = mode, bias, batch_first, bidirectional
        self.input_size, self.hidden_size, self.proj_size = input_size, hidden_size, proj_size
        self.num_layers, self.dropout = num_layers, dropout
        self._check_settings()
        self.dropout = float(dropout)
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: self._directions]:
                self._add_weights(layer, suffix, device, dtype)
        self.reset_parameters()

    def _check_settings(self) -> None:
        p: Any = self.dropout
        if not isinstance(p, (int, float)) or isinstance(p, bool) or not 0 <= p <= 1:
            raise ArgumentError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
                f"not {p!r}"
            )
        if p > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={p} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise ArgumentTypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) <= 0:
                raise ArgumentError(f"{name} must be greater than zero, got: {getattr(self, name)}")
        if self.proj_size < 0:
            raise ArgumentError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ArgumentError("proj_size has to be smaller than hidden_size")
        if self.mode not in SCANS:
            raise ArgumentError(f"Unrecognized RNN mode: {self.mode}; there are {', '.join(SCANS)}")

    def _add_weights(self, layer: int, suffix: str, device: DeviceLike, dtype: DType) -> None:
        gates, width = len(SCANS[self.mode][0].halves) * self.hidden_size, self._width
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (gates, self._directions * width if layer else self.input_size),
            "weight_hh": (gates, width),
        }
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            setattr(self, f"{name}_l{layer}{suffix}", new_parameter(shape, device, dtype))
        self._all_weights.append([f"{name}_l{layer}{suffix}" for name in shapes])

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _width(self) -> int:
        """How many numbers h has."""
        return self.proj_size or self.hidden_size

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """For each layer and direction its weights."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing: there is no faster memory layout to bring the weights into."""

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # ------------------------------------------------------------------ checks

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Refuse an input of another type, or of other dimensions, than this layer's.

        Raises:
            ArgumentError: the type differs. ShapeError: a dimension does.
        """
        weight = self._flat_weights[0]
        if input.dtype is not weight.dtype:
            raise ArgumentError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        dims = 3 if batch_sizes is None else 2
        if input.ndim != dims:
            raise ShapeError(f"input must have {dims} dimensions, got {input.ndim}")
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that h_0 must have."""
        if batch_sizes is None:
            batch = input.shape[0 if self.batch_first else 1]
        else:
            batch = int(batch_sizes[0])
        return (self.num_layers * self._directions, batch, self._width)

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Refuse a state of another shape.

        Raises:
            ShapeError: it differs.
        """
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise ShapeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Refuse an input or a state that does not fit this layer."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """A state with its sequences in another order."""
        return hx if permutation is None else index_select(hx, 1, permutation)

    # ------------------------------------------------------------------ the way through

    def _states(self, hx: Any) -> tuple[Tensor, ...]:
        """The states one by one."""
        return (check_tensor(hx, type(self).__name__, "hx", 2),)

    def _hidden(self, states: Any) -> Any:
        """The states as the user has them."""
        return states[0]

    def _zero_states(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[Tensor, ...]:
        shape = self.get_expected_hidden_size(input, batch_sizes)
        return (zeros(shape, dtype=input.dtype, device=input.device),)

    def _run(self, input: Any, hx: Any) -> tuple[Any, Any]:
        """The output of the last layer and the last states, for an input in any of its three forms."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx)
        name = type(self).__name__
        if check_tensor(input, name).ndim not in (2, 3):
            raise ArgumentError(f"{name}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        batched, batch_dim = input.ndim == 3, 0 if self.batch_first else 1
        states = None if hx is None else self._states(hx)
        if states is not None:
            self._check_state_dims(states, input.ndim)
        if not batched:
            input = unsqueeze(input, batch_dim)
            states = None if states is None else tuple([unsqueeze(each, 1) for each in states])
        states = self._checked_states(input, states, None)
        steps = transpose(input, 0, 1) if self.batch_first else input
        times, batch, features = steps.shape
        if not times:
            raise ShapeError(f"Expected sequence length to be larger than 0 in RNN; the input is {list(input.shape)}")
        rows, last = self._through_layers(reshape(steps, (times * batch, features)), (batch,) * times, states)
        output = reshape(rows, (times, batch, self._directions * self._width))
        if self.batch_first:
            output = transpose(output, 0, 1)
        if not batched:
            output, last = squeeze(output, batch_dim), [squeeze(each, 1) for each in last]
        return output, self._hidden(last)

    def _run_packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        data, batch_sizes, order, back = input
        sizes = step_sizes(input)
        if hx is not None:
            hx = self._states(hx)
            self._check_state_dims(hx, 3)
            hx = self._states(self.permute_hidden(self._hidden(hx), order))
        states = self._checked_states(data, hx, batch_sizes)
        rows, last = self._through_layers(data, sizes, states)
        return PackedSequence(rows, batch_sizes, order, back), self.permute_hidden(self._hidden(last), back)

    def _check_state_dims(self, states: tuple[Tensor, ...], ndim: int) -> None:
        if any(each.ndim != ndim for each in states):
            names = " and ".join(("hx", "cx")[: len(states)])
            found = ", ".join(f"{each.ndim}-D" for each in states)
            raise ShapeError(
                f"For {'batched 3' if ndim == 3 else 'unbatched 2'}-D input, {names} should also be {ndim}-D but got "
                + (f"({found}) tensors" if len(states) > 1 else f"{found} tensor")
            )

    def _checked_states(
        self, input: Tensor, states: tuple[Tensor, ...] | None, batch_sizes: Tensor | None
    ) -> tuple[Tensor, ...]:
        """The first states, zeros unless they are given, after checking that everything fits."""
        self.check_input(input, batch_sizes)
        if states is None:
            return self._zero_states(input, batch_sizes)
        self.check_forward_args(input, self._hidden(states), batch_sizes)
        for each in states:
            if each.dtype is not input.dtype:
                raise DTypeError(f"the input is {input.dtype} and a state is {each.dtype}; convert it with .to(dtype)")
        return states

    def _through_layers(
        self, rows: Tensor, sizes: tuple[int, ...], states: tuple[Tensor, ...]
    ) -> tuple[Tensor, list[Tensor]]:
        (scan, settings), first = SCANS[self.mode], [unbind(each, 0) for each in states]
        walks = [walk(sizes, False), walk(sizes, True)][: self._directions]
        last = []
        for layer in range(self.num_layers):
            outputs = []
            for place, steps in enumerate(walks, layer * len(walks)):
                out, *ends = scan(steps, **settings)(rows, *self._inputs_of(place, [each[place] for each in first]))
                outputs.append(out)
                last.append(ends)
            rows = outputs[0] if len(outputs) == 1 else cat(outputs, 1)
            if self.dropout and layer < self.num_layers - 1:
                rows = F.dropout(rows, self.dropout, self.training)
        return rows, [stack(each, 0) for each in zip(*last, strict=True)]

    def _inputs_of(self, place: int, states: list[Tensor]) -> tuple[Any, ...]:
        """What the scan of one layer and direction takes after x: h0, c0, W_ih, W_hh, b_ih, b_hh, W_hr."""
        weights: list[Any] = [getattr(self, name) for name in self._all_weights[place]]
        projection = weights.pop() if self.proj_size else None
        biases = weights[2:] if self.bias else [None, None]
        cell = states[1] if len(states) > 1 else None
        return (states[0], cell, *weights[:2], *biases, projection)

    def extra_repr(self) -> str:
        parts = [
            f"{self.input_size}, {self.hidden_size}",
            f"proj_size={self.proj_size}" if self.proj_size else "",
            f"num_layers={self.num_layers}" if self.num_layers != 1 else "",
            "" if self.bias else f"bias={self.bias}",
            f"batch_first={self.batch_first}" if self.batch_first else "",
            f"dropout={self.dropout}" if self.dropout else "",
            f"bidirectional={self.bidirectional}" if self.bidirectional is not False else "",
        ]
        return ", ".join(part for part in parts if part)


def _refuse_projection(proj_size: Any) -> None:
    if proj_size is not None:
        raise ArgumentError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """h_t = φ(x_t·W_ihᵀ + b_ih + h_{t−1}·W_hhᵀ + b_hh), φ = tanh or ReLU: Elman's network (Elman, 1990).

    Args:
        input_size, hidden_size: I and H. num_layers: how many layers, each of which reads the one below.
        nonlinearity: ``"tanh"`` or ``"relu"``. bias: whether there are b_ih and b_hh.
        batch_first: batches are (N, T, …) instead of (T, N, …); the states are (…, N, H) either way.
        dropout: the probability of :class:`~lepton.nn.Dropout` after each layer but the last.
        bidirectional: a second row of layers reads the sequence backwards (D = 2 directions instead of 1).
        proj_size: must be None; only :class:`LSTM` has projections.

    Input: (T, N, I), (T, I) for one sequence, or a ``PackedSequence``; and h_0, (D·num_layers, N, H), by default zeros.
    Output: h of the last layer, (T, N, D·H), the directions side by side, or packed; and h_n, as h_0.

    Parameters: for layer k ``weight_ih_lk`` (H, I), or (H, D·H) above the first, ``weight_hh_lk`` (H, H),
    ``bias_ih_lk`` and ``bias_hh_lk`` (H), in the other direction with ``_reverse``; all begin uniform over ±1/√H.

    Raises:
        ArgumentTypeError: a size is no int, or a switch no bool. ArgumentError: a number is out of its range, or there
            is no such nonlinearity. When called: ArgumentError: the input has another type or number of dimensions.
            ShapeError: a dimension does not fit. DTypeError: the state has another type.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: DeviceLike = None,
        dtype: DType = None,
        *,
        proj_size: None = None,
    ) -> None:
        _refuse_projection(proj_size)
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, device=device, dtype=dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """All h of the last layer, and the last h of each layer and direction."""
        return self._run(input, hx)


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997; with forget gates, Gers et al., 2000).

    With (i, f, g, o) = x_t·W_ihᵀ + b_ih + h_{t−1}·W_hhᵀ + b_hh::

        c_t = σ(f)∘c_{t−1} + σ(i)∘tanh(g),    h_t = σ(o)∘tanh(c_t)

    With ``proj_size`` P, h_t = (σ(o)∘tanh(c_t))·W_hrᵀ has P numbers (Sak et al., 2014), else P = H.

    Args:
        input_size, hidden_size: I and H. num_layers: how many layers, each of which reads the one below.
        bias: whether there are b_ih and b_hh.
        batch_first: batches are (N, T, …) instead of (T, N, …); the states are (…, N, H) either way.
        dropout: the probability of :class:`~lepton.nn.Dropout` after each layer but the last.
        bidirectional: a second row of layers reads the sequence backwards (D = 2 directions instead of 1).
        proj_size: P, less than ``hidden_size``, or 0 for no projection.

    Input: (T, N, I), (T, I) for one sequence, or a ``PackedSequence``; and (h_0, c_0), (D·num_layers, N, P) and
    (D·num_layers, N, H), by default zeros.
    Output: h of the last layer, (T, N, D·P), the directions side by side, or packed; and (h_n, c_n), as (h_0, c_0).

    Parameters: for layer k ``weight_ih_lk`` (4·H, I), or (4·H, D·P) above the first, ``weight_hh_lk`` (4·H, P),
    ``bias_ih_lk`` and ``bias_hh_lk`` (4·H), with a projection ``weight_hr_lk`` (P, H), in the other direction with
    ``_reverse``; all begin uniform over ±1/√H.

    Raises:
        ArgumentTypeError: a size is no int, or a switch no bool; when called: the state is no pair. ArgumentError: a
            number is out of its range; when called: the input has another type or number of dimensions. ShapeError
            (when called): a dimension does not fit. DTypeError (when called): a state has another type.

    >>> from lepton import nn, ones
    >>> layer = nn.LSTM(input_size=3, hidden_size=5, num_layers=2, batch_first=True)
    >>> out, (h, c) = layer(ones(4, 7, 3))
    >>> [list(each.shape) for each in (out, h, c)]
    [[4, 7, 5], [2, 4, 5], [2, 4, 5]]
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            device, dtype,
        )  # fmt: skip

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that c_0 must have."""
        return (*self.get_expected_hidden_size(input, batch_sizes)[:2], self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Refuse an input or states that do not fit this layer."""
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        for place, (each, shape) in enumerate(zip(hidden, expected, strict=True)):
            self.check_hidden_size(each, shape, f"Expected hidden[{place}] size {{}}, got {{}}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states with their sequences in another order."""
        return hx if permutation is None else tuple([index_select(each, 1, permutation) for each in hx])

    def _states(self, hx: Any) -> tuple[Tensor, ...]:
        if not isinstance(hx, (tuple, list)) or len(hx) != 2:
            kind = type(hx).__name__
            raise ArgumentTypeError(f"LSTM(): argument 'hx' must be a pair of tensors (h_0, c_0), not {kind}")
        return tuple([check_tensor(each, "LSTM", f"hx[{place}]", 2) for place, each in enumerate(hx)])

    def _hidden(self, states: Any) -> Any:
        return tuple(states)

    def _zero_states(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[Tensor, ...]:
        shapes = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        return tuple([zeros(shape, dtype=input.dtype, device=input.device) for shape in shapes])

    def forward(
        self, input: Any, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """All h of the last layer, and the last h and c of each layer and direction."""
        return self._run(input, hx)


class GRU(RNNBase):
    """Gated recurrent units (Cho et al., 2014), with the reset gate applied after the product.

    With z = x_t·W_ihᵀ + b_ih and v = h_{t−1}·W_hhᵀ + b_hh, each in three parts r, u, n::

        r = σ(z_r + v_r),    u = σ(z_u + v_u),    n = tanh(z_n + r∘v_n),    h_t = (1 − u)∘n + u∘h_{t−1}

    Args:
        input_size, hidden_size: I and H. num_layers: how many layers, each of which reads the one below.
        bias: whether there are b_ih and b_hh.
        batch_first: batches are (N, T, …) instead of (T, N, …); the states are (…, N, H) either way.
        dropout: the probability of :class:`~lepton.nn.Dropout` after each layer but the last.
        bidirectional: a second row of layers reads the sequence backwards (D = 2 directions instead of 1).
        proj_size: must be None; only :class:`LSTM` has projections.

    Input: (T, N, I), (T, I) for one sequence, or a ``PackedSequence``; and h_0, (D·num_layers, N, H), by default zeros.
    Output: h of the last layer, (T, N, D·H), the directions side by side, or packed; and h_n, as h_0.

    Parameters: for layer k ``weight_ih_lk`` (3·H, I), or (3·H, D·H) above the first, ``weight_hh_lk`` (3·H, H),
    ``bias_ih_lk`` and ``bias_hh_lk`` (3·H), in the other direction with ``_reverse``; all begin uniform over ±1/√H.

    Raises:
        ArgumentTypeError: a size is no int, or a switch no bool. ArgumentError: a number is out of its range; when
            called: the input has another type or number of dimensions. ShapeError (when called): a dimension does not
            fit. DTypeError (when called): the state has another type.

    >>> from lepton import nn, ones
    >>> out, h = nn.GRU(input_size=3, hidden_size=5, bidirectional=True)(ones(7, 4, 3))
    >>> [list(each.shape) for each in (out, h)]
    [[7, 4, 10], [2, 4, 5]]
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: DeviceLike = None,
        dtype: DType = None,
        *,
        proj_size: None = None,
    ) -> None:
        _refuse_projection(proj_size)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """All h of the last layer, and the last h of each layer and direction."""
        return self._run(input, hx)
