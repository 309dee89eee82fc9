"""Connectionist temporal classification."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lepton.autograd.ops.arguments import SCALAR_NAMES, check_floating, check_tensor
from lepton.autograd.ops.comparison import where
from lepton.autograd.ops.ctc import CtcLattice
from lepton.autograd.ops.indexing import Index
from lepton.autograd.ops.statistics import logsumexp
from lepton.autograd.tensor import Tensor
from lepton.backend.devices import device_of, move, xp
from lepton.errors import (
    ArgumentTypeError,
    DTypeError,
    IndexRangeError,
    ShapeError,
    ValueRangeError,
)
from lepton.nn.functional._reduction import check_reduction

__all__ = ["ctc_loss"]


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """−log Σ Π_t p_t(π_t) over the alignments π of each label sequence with its input (Graves et al., 2006).

    An alignment names a class for each time; it is one of a label sequence if that remains when repetitions are
    joined and then blanks left out. Where there is none, because the input is too short, the loss is infinite.

    Args:
        log_probs: log p, of shape (T, N, C), or (T, C) for one sample; float32 or float64. The gradient is
            the true one, minus the probability of each class at each time given the labels.
        targets: the labels, of shape (N, S) with rows filled up by anything, or all after each other in one dimension.
        input_lengths, target_lengths: of each sample, N of them; a tensor of integers or a sequence of ints.
        blank: the class that stands for no label.
        reduction: ``"mean"``: each loss is divided by its number of labels (at least 1), then they are averaged;
            ``"sum"``; or ``"none"``.
        zero_infinity: let infinite losses be 0, and their gradients too.

    Raises:
        ShapeError: shapes or numbers of lengths do not fit together. ValueRangeError: a length or ``blank`` is out of
            range. IndexRangeError: a label is no class. DTypeError, ArgumentTypeError: a type is none of those.
            ArgumentError: there is no such reduction.
    """
    check_reduction(reduction)
    scores: Any = _checked_scores(log_probs)
    check_tensor(targets, "ctc_loss", "targets", 2)
    times, samples, classes = scores.shape
    if not 0 <= blank < classes:
        raise ValueRangeError(f"blank must be in label range: it is {blank}, and there are {classes} classes")
    lengths = _lengths(input_lengths, "input_lengths", samples, times)
    label_counts = _lengths(target_lengths, "target_lengths", samples, None)
    labels = _padded(move(targets._data, device_of(scores._data)), label_counts, classes, blank)
    loss = -_log_likelihoods(scores, _with_blanks(labels, blank), lengths, label_counts, zero_infinity)
    if zero_infinity:
        loss = where(loss == math.inf, 0, loss)
    if reduction == "mean":
        return (loss / scores.new_tensor([max(count, 1) for count in label_counts])).mean()
    if reduction == "sum":
        return loss.sum()
    return loss if log_probs.ndim == 3 else loss.squeeze(0)


def _log_likelihoods(scores: Any, states: Any, lengths: list[int], label_counts: list[int], zero_infinity: bool) -> Any:
    """The logarithm of each sample's sum over all paths through its states."""
    module = xp(states)
    ends, counts = module.asarray(lengths), module.asarray(label_counts)
    skips = module.zeros(states.shape, dtype=bool)
    skips[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    found = _sum_of_ends(CtcLattice(skips)(_emissions(scores, states, ends)), ends, counts, zero_infinity)
    if min(lengths) > 0:
        return found
    of_nothing = module.where(counts == 0, 0, -math.inf).astype(scores._data.dtype)
    return where(Tensor(ends > 0), found, Tensor(of_nothing))


def _emissions(scores: Any, states: Any, ends: Any) -> Any:
    """log p of each state's class at each time; 0 after a sample's end, where nothing is to be read, be it nan."""
    module = xp(states)
    found = Index((slice(None), module.arange(len(states))[:, None], states))(scores)
    inside = module.arange(len(scores))[:, None] < ends
    return found if inside.all() else where(Tensor(inside[:, :, None]), found, 0)


def _sum_of_ends(a: Any, ends: Any, counts: Any, zero_infinity: bool) -> Any:
    """log of the sum of the paths that are, at a sample's end, in its last label or the blank behind it."""
    module = xp(ends)
    states = module.stack((2 * counts, module.maximum(2 * counts - 1, 0)), axis=1)
    last = Index((module.maximum(ends - 1, 0)[:, None], module.arange(len(ends))[:, None], states))(a)
    last = where(Tensor(module.stack((counts >= 0, counts > 0), axis=1)), last, -math.inf)
    peak = last._data.max(axis=1, keepdims=True)
    dead = peak == -math.inf
    if zero_infinity:  # log 0 without its gradient, which is nan
        last = where(Tensor(dead), 0, last)
    peak = Tensor(module.where(module.isfinite(peak), peak, 0))  # small numbers have exact shares in the gradient
    found = logsumexp(last - peak, 1, keepdim=True) + peak
    return (where(Tensor(dead), -math.inf, found) if zero_infinity else found).squeeze(1)


def _checked_scores(log_probs: Tensor) -> Tensor:
    """log p as (T, N, C)."""
    data = check_tensor(log_probs, "ctc_loss", "log_probs")._data
    if data.ndim not in (2, 3):
        raise ShapeError(f"ctc_loss: log_probs must be (T, N, C) or (T, C), but it is {list(data.shape)}")
    if not data.size:
        raise ShapeError(f"log_probs tensor must not be empty, but it is {list(data.shape)}")
    check_floating(log_probs, "ctc_loss", wide=True)
    return log_probs if data.ndim == 3 else log_probs.unsqueeze(1)


def _lengths(lengths: Any, name: str, samples: int, most: int | None) -> list[int]:
    """The checked lengths."""
    if isinstance(lengths, Tensor):
        if lengths._data.dtype.kind not in "iu":
            raise DTypeError(f"{name} must be integral, not {SCALAR_NAMES[lengths.dtype]}")
        lengths = lengths.reshape(-1).tolist()
    if not isinstance(lengths, (tuple, list)) or not all(type(each) is int for each in lengths):
        raise ArgumentTypeError(f"ctc_loss(): argument '{name}' must be Tensor or tuple of ints, not {lengths!r}")
    if len(lengths) != samples:
        raise ShapeError(f"{name} must be of size batch_size: there are {len(lengths)}, and the batch has {samples}")
    low, high = min(lengths), max(lengths)
    if low < 0:
        raise ValueRangeError(f"Expected {name} to have value at least 0, but got value {low}")
    if most is not None and high > most:
        raise ValueRangeError(f"Expected {name} to have value at most {most}, but got value {high}")
    return list(lengths)


def _padded(targets: Any, counts: list[int], classes: int, blank: int) -> Any:
    """The labels as (N, S), blanks after each sample's last one."""
    module, samples, most = xp(targets), len(counts), max(counts)
    number = module.asarray(counts)[:, None]
    valid = module.arange(most) < number
    if targets.ndim == 1:
        if targets.size != sum(counts):
            raise ShapeError(
                f"Expected tensor to have size {sum(counts)} at dimension 0, but got size {targets.size} for argument "
                "#2 'targets': the target_lengths add up to that"
            )
        found = module.zeros((samples, most), "int64")
        found[valid] = targets
    elif targets.ndim == 2:
        if targets.shape[0] != samples or targets.shape[1] < most:
            raise ShapeError(
                f"Expected targets of shape [{samples}, at least {most}], as the batch and target_lengths say, but got "
                f"{list(targets.shape)}"
            )
        found = targets[:, :most].astype("int64")
    else:
        raise ShapeError(f"Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor for 'targets'")
    wrong = valid & ((found < 0) | (found >= classes))
    if wrong.any():
        raise IndexRangeError(
            f"ctc_loss: label {int(found[wrong][0])} is out of bounds: there are {classes} classes, 0 to {classes - 1}"
        )
    return module.where(valid, found, blank)


def _with_blanks(labels: Any, blank: int) -> Any:
    """The states of each sample: (N, S) → (N, 2S + 1)."""
    samples, most = labels.shape
    states = xp(labels).full((samples, 2 * most + 1), blank)
    states[:, 1::2] = labels
    return states
