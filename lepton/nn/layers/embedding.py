"""The embedding layer."""

from __future__ import annotations

from lepton.autograd.state import no_grad
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ShapeError
from lepton.nn import functional as F
from lepton.nn import init
from lepton.nn.layers._parameters import DeviceLike, DType, new_parameter
from lepton.nn.module import Module
from lepton.nn.parameter import Parameter

__all__ = ["Embedding"]


class Embedding(Module):
    """A table of vectors looked up by index: indices (*) → (*, embedding_dim).

    The weight, (num_embeddings, embedding_dim), begins with standard normal numbers.

    Args:
        num_embeddings, embedding_dim: the number of vectors and their length.
        padding_idx: a row that begins as 0 and gets no gradient; a negative one counts from the end.
        max_norm, norm_type, scale_grad_by_freq, sparse: as for :func:`lepton.nn.functional.embedding`.

    Raises:
        ArgumentError: ``padding_idx`` is no row. IndexRangeError (when called): an index is no row.
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
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ArgumentError(
                    f"Padding_idx must be within num_embeddings: it is {padding_idx}, and there are {num_embeddings}"
                )
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        if _weight is None:
            self.weight = new_parameter((num_embeddings, embedding_dim), device, dtype)
            self.weight.requires_grad_(not _freeze)
            self.reset_parameters()
        else:
            if tuple(_weight.shape) != (num_embeddings, embedding_dim):
                raise ShapeError(
                    "Shape of weight does not match num_embeddings and embedding_dim: "
                    f"{list(_weight.shape)} is not {[num_embeddings, embedding_dim]}"
                )
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew; the padding row becomes 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

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
            ShapeError: ``embeddings`` is not two-dimensional.
        """
        if embeddings.ndim != 2:
            raise ShapeError(f"Embeddings parameter is expected to be 2-dimensional, but is {list(embeddings.shape)}")
        rows, columns = embeddings.shape
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
