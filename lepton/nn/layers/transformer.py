"""The transformer: stacks of layers that attend, to their own sequence or to another's, and feed forward."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from lepton.autograd.ops.creation import full
from lepton.autograd.ops.rearranging import triu
from lepton.autograd.state import STATE
from lepton.autograd.tensor import Tensor
from lepton.errors import ShapeError, ValueRangeError
from lepton.nn import functional as F
from lepton.nn import init
from lepton.nn.functional.multihead import added_mask
from lepton.nn.layers._parameters import DeviceLike, DType
from lepton.nn.layers.activation import GELU, ReLU
from lepton.nn.layers.attention import MultiheadAttention
from lepton.nn.layers.dropout import Dropout
from lepton.nn.layers.linear import Linear
from lepton.nn.layers.normalization import LayerNorm
from lepton.nn.module import Module
from lepton.nn.module_containers import ModuleList

__all__ = [
    "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer",
]  # fmt: skip

Activation = str | Callable[[Tensor], Tensor]


class _Layer(Module):
    """What both kinds of layer share: attention to the own sequence, and two linear maps around an activation.

    Attributes:
        attentions: how many kinds of attention there are; one more normalisation and dropout than that.
    """

    self_attn: MultiheadAttention
    attentions: int

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        for name in ("self_attn", "multihead_attn")[: self.attentions]:
            attention = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **made)
            self.add_module(name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm_first = norm_first
        places = range(1, self.attentions + 2)
        for place in places:
            self.add_module(f"norm{place}", LayerNorm(d_model, layer_norm_eps, bias=bias, **made))
        for place in places:
            self.add_module(f"dropout{place}", Dropout(dropout))
        self.activation = _activation(activation) if isinstance(activation, str) else activation

    def _added(self, x: Any, place: int, block: Callable[[Any], Any]) -> Any:
        """x + dropout(block(x)) with the normalisation and dropout of this place: before the block, or at the end."""
        norm, dropout = getattr(self, f"norm{place}"), getattr(self, f"dropout{place}")
        if self.norm_first:
            return x + dropout(block(norm(x)))
        return norm(x + dropout(block(x)))

    def _feed(self, x: Tensor) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Attention of a sequence to itself, then linear2(activation(linear1(x))), each added to its input and normalised.

    From Vaswani et al., *Attention Is All You Need*, 2017; with ``norm_first`` as in Xiong et al., *On Layer
    Normalization in the Transformer Architecture*, 2020.

    Args:
        d_model: E, the width of the sequence. nhead: the number of heads.
        dim_feedforward: the width between the linear maps.
        dropout: of the weights of attention, of the activation's result, and of what is added.
        activation: ``"relu"``, ``"gelu"``, or a function of a tensor.
        layer_norm_eps: ε of the normalisations.
        batch_first: (N, S, E) in place of (S, N, E).
        norm_first: normalise what goes into attention and linear maps, instead of the sums.
        bias: whether projections, linear maps and normalisations have biases.

    Input: (S, N, E), (N, S, E) if ``batch_first``, or (S, E); masks as ``forward`` tells. Output: of the same shape.

    Parameters: those of ``self_attn``, a :class:`MultiheadAttention`, of ``linear1`` and ``linear2``, and of ``norm1``
    and ``norm2``, two :class:`LayerNorm`.

    Raises:
        ValueRangeError: no such activation. ArgumentError: ``dropout`` is outside [0, 1]. ContractError: ``nhead`` does
            not divide E; when called: shapes that do not fit.

    >>> from lepton import nn, ones
    >>> layer = nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(ones(4, 5, 8)).shape
    lepton.Size([4, 5, 8])
    """

    attentions = 1

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """The sequence, (S, N, E), (N, S, E) if ``batch_first``, or (S, E), after both blocks.

        ``src_mask`` and ``src_key_padding_mask`` are those of :class:`MultiheadAttention`; ``is_causal`` is a hint that
        the first, which must be given, is the causal one.
        """
        padding = added_mask(src_key_padding_mask, "src_key_padding_mask", src.dtype, src_mask, "src_mask")
        mask = added_mask(src_mask, "src_mask", src.dtype)

        def attend(x: Tensor) -> Any:
            return self.self_attn(x, x, x, padding, False, mask, is_causal=is_causal)[0]

        return self._added(self._added(src, 1, attend), 2, self._feed)


class TransformerDecoderLayer(_Layer):
    """Attention of a sequence to itself, then to ``memory``, then linear2(activation(linear1(x))).

    Each of the three is added to its input and normalised (Vaswani et al., *Attention Is All You Need*, 2017).

    Args:
        d_model: E, the width of the sequence. nhead: the number of heads.
        dim_feedforward: the width between the linear maps.
        dropout: of the weights of attention, of the activation's result, and of what is added.
        activation: ``"relu"``, ``"gelu"``, or a function of a tensor.
        layer_norm_eps: ε of the normalisations.
        batch_first: (N, T, E) in place of (T, N, E).
        norm_first: normalise what goes into attention and linear maps, instead of the sums.
        bias: whether projections, linear maps and normalisations have biases.

    Input: the sequence (T, N, E) and the memory (S, N, E), (N, …, E) if ``batch_first``, or (T, E) and (S, E); masks as
    ``forward`` tells. Output: of the sequence's shape.

    Parameters: those of ``self_attn`` and ``multihead_attn``, two :class:`MultiheadAttention`, of ``linear1`` and
    ``linear2``, and of ``norm1`` to ``norm3``, three :class:`LayerNorm`.

    Raises:
        ValueRangeError: no such activation. ArgumentError: ``dropout`` is outside [0, 1]. ContractError: ``nhead`` does
            not divide E; when called: shapes that do not fit.
    """

    attentions = 2
    multihead_attn: MultiheadAttention

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The sequence, (T, N, E), (N, T, E) if ``batch_first``, or (T, E), after all three blocks.

        ``memory`` is (S, N, E) and so on. The masks are those of :class:`MultiheadAttention`, for the attention to the
        sequence itself and to the memory; the last two arguments are hints that a mask is the causal one.
        """

        def attend(x: Tensor) -> Any:
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask, is_causal=tgt_is_causal)[0]

        def remember(x: Tensor) -> Any:
            masks = (memory_key_padding_mask, False, memory_mask)
            return self.multihead_attn(x, memory, memory, *masks, is_causal=memory_is_causal)[0]

        return self._added(self._added(self._added(tgt, 1, attend), 2, remember), 3, self._feed)


class TransformerEncoder(Module):
    """norm(layerₙ(…layer₁(x))): several layers one after the other, then perhaps a normalisation.

    Args:
        encoder_layer: of which each layer is a copy, with the same parameters to begin with.
        num_layers: n, how many there are.
        norm: applied to the last one's result.
        enable_nested_tensor: without training and gradients, give 0 in the place of padding (before ``norm``), as
            PyTorch does where it packs padded sequences. It packs with layers of its own kind alone that have
            ``batch_first``, biases, an even number of heads, ReLU or GELU, and no ``norm_first``, and without ``mask``.
        mask_check: do so only where all padding is at the sequences' ends.

    Input: (S, N, E), (N, S, E) if the layers have ``batch_first``, or (S, E); masks as ``forward`` tells. Output: of
    the same shape.

    Raises:
        ContractError (when called): shapes that do not fit. IndexRangeError (when called): there are no layers.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = enable_nested_tensor and _can_be_packed(encoder_layer)
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """The sequence after all layers; see :class:`TransformerEncoderLayer`.

        ``is_causal`` says whether ``mask`` is the causal one; None: look.
        """
        padding = added_mask(src_key_padding_mask, "src_key_padding_mask", src.dtype, mask, "mask")
        mask = added_mask(mask, "mask", src.dtype)
        first: Any = self.layers[0]
        causal = _is_causal(mask, is_causal, src, first.self_attn.batch_first)
        output: Any = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        if padding is not None and mask is None and self._packs(first, src, padding):
            output = output.masked_fill((padding != 0).unsqueeze(-1), 0.0)
        return output if self.norm is None else self.norm(output)

    def _packs(self, first: Any, src: Tensor, padding: Any) -> bool:
        """Whether PyTorch would pack the sequences without their padding."""
        if not self.use_nested_tensor or first.training or src.ndim != 3:
            return False
        if STATE.grad_enabled and (src.requires_grad or any(each.requires_grad for each in first.parameters())):
            return False
        padded = padding != 0
        return not self.mask_check or bool((padded[:, 1:] >= padded[:, :-1]).all())


class TransformerDecoder(Module):
    """norm(layerₙ(…layer₁(x, memory), memory)): several layers one after the other, then perhaps a normalisation.

    Args:
        decoder_layer: of which each layer is a copy, with the same parameters to begin with.
        num_layers: n, how many there are.
        norm: applied to the last one's result.

    Input: the sequence (T, N, E) and the memory (S, N, E), (N, …, E) if the layers have ``batch_first``, or (T, E) and
    (S, E); masks as ``forward`` tells. Output: of the sequence's shape.

    Raises:
        ContractError (when called): shapes that do not fit. IndexRangeError (when called): there are no layers.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The sequence after all layers; see :class:`TransformerDecoderLayer`.

        ``tgt_is_causal`` says whether ``tgt_mask`` is the causal one; None: look.
        """
        first: Any = self.layers[0]
        causal = _is_causal(tgt_mask, tgt_is_causal, tgt, first.self_attn.batch_first)
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """decoder(tgt, encoder(src)): an encoder, whose result is the memory of a decoder.

    From Vaswani et al., *Attention Is All You Need*, 2017. All matrices begin uniform (Xavier). Embeddings, positions
    and the map to words are not part of it.

    Args:
        d_model: E, the width of both sequences. nhead: the number of heads.
        num_encoder_layers, num_decoder_layers: how many layers the two have; each stack ends with a normalisation.
        dim_feedforward: the width between the linear maps of a layer.
        dropout: of the weights of attention, of the activation's result, and of what is added.
        activation: ``"relu"``, ``"gelu"``, or a function of a tensor.
        custom_encoder, custom_decoder: modules in the place of the two.
        layer_norm_eps: ε of the normalisations.
        batch_first: (N, S, E) in place of (S, N, E).
        norm_first: normalise what goes into attention and linear maps, instead of the sums.
        bias: whether projections, linear maps and normalisations have biases.

    Input: ``src`` (S, N, E) and ``tgt`` (T, N, E), (N, …, E) if ``batch_first``, or (S, E) and (T, E); masks as
    ``forward`` tells. Output: of the shape of ``tgt``.

    Raises:
        ValueRangeError: no such activation. ArgumentError: ``dropout`` is outside [0, 1]. ContractError: ``nhead`` does
            not divide E. ShapeError (when called): ``src`` and ``tgt`` have different batch sizes, or not the width E.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any | None = None,
        custom_decoder: Any | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        shape = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        if custom_encoder is None:
            encoder_layer = TransformerEncoderLayer(*shape, **made)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
            custom_encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm)
        self.encoder = custom_encoder
        if custom_decoder is None:
            decoder_layer = TransformerDecoderLayer(*shape, **made)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **made)
            custom_decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        """Draw all matrices anew."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Any:
        """The decoder's result for ``tgt``, of its shape, with the encoder's for ``src`` as memory.

        Args:
            src: (S, N, E), (N, S, E) if ``batch_first``, or (S, E). tgt: (T, N, E), and so on.
            src_mask: (S, S). tgt_mask: (T, T). memory_mask: (T, S), of the decoder's attention to the memory; or each
                with one for each sequence and head. True, or −∞ to be added, where a query may not attend to a key.
            src_key_padding_mask: (N, S). tgt_key_padding_mask: (N, T). memory_key_padding_mask: (N, S). True for keys
                that nobody may attend to; or numbers to be added.
            src_is_causal, tgt_is_causal, memory_is_causal: whether a mask is the causal one; None: look.
        """
        along = 0 if self.batch_first else 1
        if src.ndim == 3 and src._data.shape[along] != tgt._data.shape[along]:
            raise ShapeError(
                f"the batch number of src and tgt must be equal, but the shapes are {list(src.shape)} and "
                f"{list(tgt.shape)}, with the batch in dimension {along} as batch_first={self.batch_first}"
            )
        if src._data.shape[-1] != self.d_model or tgt._data.shape[-1] != self.d_model:
            raise ShapeError(
                f"the feature number of src and tgt must be equal to d_model, {self.d_model}, but the shapes are "
                f"{list(src.shape)} and {list(tgt.shape)}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: DeviceLike = None, dtype: DType = None) -> Tensor:
        """The causal mask, (sz, sz): −∞ above the diagonal, where a key comes after the query, and 0 elsewhere."""
        return triu(full((sz, sz), -math.inf, dtype=dtype, device=device), 1)


def _activation(name: str) -> Callable[[Tensor], Tensor]:
    if name not in ("relu", "gelu"):
        raise ValueRangeError(f"activation should be relu/gelu, not {name}")
    return F.relu if name == "relu" else F.gelu


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


def _can_be_packed(layer: Any) -> bool:
    """Whether PyTorch has a way through such a layer for sequences without their padding."""
    return (
        isinstance(layer, TransformerEncoderLayer)
        and not layer.norm_first
        and layer.self_attn.batch_first
        and layer.self_attn.in_proj_bias is not None
        and layer.self_attn.num_heads % 2 == 0
        and layer.norm1.eps == layer.norm2.eps
        and (layer.activation in (F.relu, F.gelu) or isinstance(layer.activation, (ReLU, GELU)))
    )


def _is_causal(mask: Any, hint: bool | None, sequence: Tensor, batch_first: bool) -> bool:
    """The hint; without one, whether the mask is the causal one of this sequence."""
    if hint is not None or mask is None:
        return bool(hint)
    length = sequence._data.shape[1 if batch_first and sequence.ndim == 3 else 0]
    if mask._data.shape != (length, length):
        return False
    causal = Transformer.generate_square_subsequent_mask(length, mask.device, mask.dtype)
    return bool((mask == causal).all())
