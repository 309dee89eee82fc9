"""Tables of vectors as layers."""

from __future__ import annotations

from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.errors import ContractError
from lepton.nn import functional as F
from lepton.nn import init
from lepton.nn.functional.embedding import padding_row
from lepton.nn.layers._parameters import DeviceLike, DType, new_parameter
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


def _check_table(weight: Tensor, rows: int, columns: int) -> None:
    if tuple(weight.shape) != (rows, columns):
        raise ContractError(
            "Shape of weight does not match num_embeddings and embedding_dim: "
            f"{list(weight.shape)} is not {[rows, columns]}"
        )


def _reset_table(weight: Parameter, padding_idx: int | None) -> None:
    """Standard normal numbers; the padding row becomes 0."""
    init.normal_(weight)
    if padding_idx is not None:
        with no_grad():
            weight[padding_idx].fill_(0)


def _size_of(embeddings: Tensor) -> tuple[int, int]:
    """The number of vectors and their length."""
    if embeddings.ndim != 2:
        raise ContractError(f"Embeddings parameter is expected to be 2-dimensional, but is {list(embeddings.shape)}")
    rows, columns = embeddings.shape
    return rows, columns


class Embedding(Module):
    """z[…] = weight[input[…]]: a table of vectors looked up by index, such as one vector for each word.

    Args:
        num_embeddings, embedding_dim: V and D, the number of vectors and their length.
        padding_idx: a row that begins as 0 and gets no gradient; a negative one counts from the end.
        max_norm: rows that are looked up and have a larger norm are first scaled down to it, in the table itself.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide a row's gradient by the number of times that it was looked up.
        sparse: must be False: every gradient is dense.

    Input: indices, int64 or int32, (*). Output: (*, D).

    Parameters: ``weight``, (V, D); begins with standard normal numbers, the padding row with 0. A table that there is
    already is taken over by :meth:`from_pretrained`.

    Raises:
        ContractError: ``padding_idx`` is no row. IndexRangeError (when called): an index is no row. DTypeError (when
            called): the indices are no integers. ArgumentError (when called): ``sparse`` is asked for.

    >>> from lepton import nn, tensor
    >>> layer = nn.Embedding.from_pretrained(tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]))
    >>> layer(tensor([2, 1, 2]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    >>> nn.Embedding(10, 4, padding_idx=0).weight[0].tolist()
    [0.0, 0.0, 0.0, 0.0]
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_row(padding_idx, num_embeddings, ContractError)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        if _weight is None:
            self.weight = new_parameter((num_embeddings, embedding_dim), device, dtype)
            self.weight.requires_grad_(not _freeze)
            self.reset_parameters()
        else:
            _check_table(_weight, num_embeddings, embedding_dim)
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew; the padding row becomes 0."""
        _reset_table(self.weight, self.padding_idx)

    def forward(self, input: Tensor) -> Tensor:
        """The rows that the indices name."""
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding whose table is ``embeddings`` (V, D), frozen unless ``freeze`` is False.

        Raises:
            ContractError: ``embeddings`` is not two-dimensional.
        """
        rows, columns = _size_of(embeddings)
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def extra_repr(self) -> str:
        parts = [
            f"{self.num_embeddings}, {self.embedding_dim}",
            "" if self.padding_idx is None else f"padding_idx={self.padding_idx}",
            "" if self.max_norm is None else f"max_norm={self.max_norm}",
            "" if self.norm_type == 2 else f"norm_type={self.norm_type}",
            "" if not self.scale_grad_by_freq else f"scale_grad_by_freq={self.scale_grad_by_freq}",
            "" if not self.sparse else "sparse=True",
        ]
        return ", ".join(part for part in parts if part)


class EmbeddingBag(Module):
    """Σ, mean or maximum over the vectors of each bag: z_b = Σ w_i·weight[input_i] over the indices i of bag b.

    It gives what :class:`Embedding` and a reduction give, for bags of different lengths too.

    Args:
        num_embeddings, embedding_dim: V and D, the number of vectors and their length.
        max_norm: rows that are looked up and have a larger norm are first scaled down to it, in the table itself.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide a row's gradient by the number of times that it was looked up; not for maxima.
        mode: ``"sum"``, ``"mean"`` or ``"max"`` (of each column).
        sparse: must be False: every gradient is dense.
        include_last_offset: the last offset says where the last bag ends, instead of where another begins.
        padding_idx: a row that begins as 0 and is left out of all bags; a negative one counts from the end.

    Input: indices, int64 or int32, (B, n) for B bags of n, or (L) with the offsets (B) at which the bags begin; and w,
    of the indices' shape, for sums only. Output: (B, D); 0 for empty bags.

    Parameters: ``weight``, (V, D); begins with standard normal numbers, the padding row with 0.

    Raises:
        ContractError: ``padding_idx`` is no row. When called: PlaceError: an index is no row. ArgumentError: shapes,
            ``mode``, or what is asked for do not fit together. ValueRangeError: offsets out of range. DTypeError: the
            indices are no integers. UnsupportedError: w for another mode than sum.
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.mode, self.sparse = scale_grad_by_freq, mode, sparse
        self.include_last_offset = include_last_offset
        self.padding_idx = padding_row(padding_idx, num_embeddings, ContractError)
        if _weight is None:
            self.weight = new_parameter((num_embeddings, embedding_dim), device, dtype)
            self.reset_parameters()
        else:
            _check_table(_weight, num_embeddings, embedding_dim)
            self.weight = Parameter(_weight)

    def reset_parameters(self) -> None:
        """Draw the table anew; the padding row becomes 0."""
        _reset_table(self.weight, self.padding_idx)

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """The bags that the indices, and in one dimension the offsets, name."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """An embedding bag whose table is ``embeddings`` (V, D), frozen unless ``freeze`` is False.

        Raises:
            ContractError: ``embeddings`` is not two-dimensional.
        """
        made = cls(
            *_size_of(embeddings),
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        made.weight.requires_grad_(not freeze)
        return made

    def extra_repr(self) -> str:
        parts = [
            f"{self.num_embeddings}, {self.embedding_dim}",
            "" if self.max_norm is None else f"max_norm={self.max_norm}",
            "" if self.norm_type == 2 else f"norm_type={self.norm_type}",
            "" if not self.scale_grad_by_freq else f"scale_grad_by_freq={self.scale_grad_by_freq}",
            f"mode={self.mode!r}",
            "" if self.padding_idx is None else f"padding_idx={self.padding_idx}",
        ]
        return ", ".join(part for part in parts if part)
