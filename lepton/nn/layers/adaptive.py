"""Softmax over very many classes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from lepton.autograd.ops.comparison import where
from lepton.autograd.ops.joining import cat
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, PlaceError, ShapeError
from lepton.nn import functional as F
from lepton.nn.layers._parameters import DeviceLike, DType
from lepton.nn.layers.linear import Linear
from lepton.nn.module import Module
from lepton.nn.module_containers import ModuleList, Sequential

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class AdaptiveOutput(NamedTuple):
    """What the layer gives: the log-probability of each sample's class, and minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Softmax over classes in clusters by frequency, of which only those that occur are computed.

    Classes below the first cutoff have a score in the head, every cluster beyond has one for all its classes; within
    the cluster a tail, a linear map through fewer features, says which. log p(y) = log p_head(y), or
    log p_head(cluster) + log p_tail(y | cluster) (Grave et al., *Efficient softmax approximation for GPUs*, 2017).

    Args:
        in_features, n_classes: the number of features and of classes.
        cutoffs: the first class of each cluster: integers between 1 and n_classes − 1, increasing.
        div_value: the tail of the i-th cluster, from 1 on, has in_features / div_valueⁱ features.
        head_bias: whether the head has a bias.

    Input: (N, in_features) and the classes (N), or (in_features) and (); frequent classes have the small numbers.
    Output: a pair ``output``, the log-probability of each sample's class, (N) or (), and ``loss``, minus their mean,
    ().

    Parameters: ``head.weight`` (cutoffs[0] + clusters, in_features), and for each cluster two matrices in ``tail``;
    they begin as a :class:`Linear`'s.

    Raises:
        ArgumentError: ``cutoffs`` are none of those. ShapeError (when called): the shapes do not fit together.
            PlaceError (when called): a class is outside [0, n_classes).
    """

    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: DeviceLike = None,
        dtype: DType = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        _check_cutoffs(cutoffs, n_classes)
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for place, (first, end) in enumerate(itertools.pairwise(self.cutoffs)):
            features = int(in_features // div_value ** (place + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, features, bias=False, device=device, dtype=dtype),
                    Linear(features, end - first, bias=False, device=device, dtype=dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for pair in self.tail:
            for each in pair:
                each.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> AdaptiveOutput:
        """The log-probability of each sample's class, and the mean loss."""
        self._check(input_, target_)
        batched = target_.ndim > 0
        input: Any = input_ if batched else input_.unsqueeze(0)
        target: Any = target_ if batched else target_.unsqueeze(0)
        cluster: Any = sum((target >= cutoff).long() for cutoff in self.cutoffs[:-1])
        place = where(cluster == 0, target, self.shortlist_size - 1 + cluster)
        output = F.log_softmax(self.head(input), 1).gather(1, place.unsqueeze(1)).squeeze(1)
        for number, first in enumerate(self.cutoffs[:-1]):
            rows = (cluster == number + 1).nonzero().squeeze(1)
            if rows.numel():
                within = F.log_softmax(self.tail[number](input[rows]), 1)
                chosen = within.gather(1, (target[rows] - first).unsqueeze(1)).squeeze(1)
                output = output.index_add(0, rows, chosen)
        loss = (-output).mean()
        return AdaptiveOutput(output if batched else output.squeeze(0), loss)

    def _check(self, input: Tensor, target: Tensor) -> None:
        if target.ndim > 1:
            raise ShapeError(
                f"0D or 1D target tensor expected, multi-target not supported: the target is {list(target.shape)}"
            )
        if input.ndim != target.ndim + 1:
            raise ShapeError(
                f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with size "
                f"{list(input.shape)}"
            )
        if target.ndim and input.shape[0] != target.shape[0]:
            raise ShapeError(
                "Input and target should have the same size in the batch dimension, but they have "
                f"{input.shape[0]} and {target.shape[0]}."
            )
        data = target._data
        if data.size and not 0 <= data.min() <= data.max() < self.n_classes:
            raise PlaceError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{data.min()}, {data.max()}] were found."
            )

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, in_features) → (N, n_classes)."""
        return self._log_prob(input, self.head(input))

    def _log_prob(self, input: Tensor, head: Tensor) -> Tensor:
        head_log_p: Any = F.log_softmax(head, 1)
        parts = [head_log_p[:, : self.shortlist_size]]
        for number, tail in enumerate(self.tail):
            place = self.shortlist_size + number
            parts.append(F.log_softmax(tail(input), 1) + head_log_p[:, place : place + 1])
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each sample: (N, in_features) → (N). Tails are computed only where they matter."""
        head: Any = self.head(input)
        best: Any = head.argmax(1)
        rows = (best >= self.shortlist_size).nonzero().squeeze(1)
        if rows.numel():
            best[rows] = self._log_prob(input[rows], head[rows]).argmax(1)
        return best


def _check_cutoffs(cutoffs: list[int], n_classes: int) -> None:
    if not cutoffs:
        raise ArgumentError("cutoffs should be a sequence of length larger than 0")
    increasing = all(one < next_one for one, next_one in itertools.pairwise(cutoffs))
    if not increasing or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1 or any(int(c) != c for c in cutoffs):
        raise ArgumentError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value "
            f"is between 1 and n_classes-1 = {n_classes - 1}, but they are {cutoffs}"
        )
