"""What can be written into a tensor, and what is no number of its type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lepton
from lepton.errors import ArgumentTypeError, DTypeError, IndexRangeError, ShapeError


@pytest.mark.parametrize("value", [None, "a", "1", object(), 1j, [1, [2]], ["a"], np.array(["a"]), np.array([1j])])
@pytest.mark.parametrize("index", [0, slice(None), [0, 1]])
def test_what_is_no_number_is_not_written(value: Any, index: Any) -> None:
    for dtype in (lepton.float32, lepton.int64, lepton.bool):
        x = lepton.ones(3, dtype=dtype)
        with pytest.raises(ArgumentTypeError, match=f"can't assign a {type(value).__name__} to a {dtype} tensor"):
            x[index] = value
        assert x.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1000, lepton.int8),
        (-129, lepton.int8),
        (256, lepton.uint8),
        (2**63, lepton.int64),
        (2**2000, lepton.float64),
        (1e39, lepton.float32),
        (float("nan"), lepton.int32),
        (float("-inf"), lepton.uint8),
    ],
)
def test_a_number_that_the_type_does_not_have(value: Any, dtype: Any) -> None:
    x = lepton.ones(3, dtype=dtype)
    for write in (x.fill_, x.copy_, lambda each: x.__setitem__(1, each), lambda each: x.__setitem__([1], each)):
        with pytest.raises(DTypeError, match=f"cannot be converted to type {dtype.name} without overflow"):
            write(value)
    assert x.tolist() == [1, 1, 1]


def test_what_half_precision_does_not_hold_becomes_infinite_at_an_index_alone() -> None:
    x = lepton.ones(3, dtype=lepton.float16)
    x[0], x[[1]] = 1e5, -(2**31)
    assert x.tolist() == [float("inf"), float("-inf"), 1]
    with pytest.raises(DTypeError, match="cannot be converted to type float16 without overflow"):
        x.fill_(1e5)


def test_lists_and_arrays_are_written_as_numpy_would() -> None:
    x = lepton.zeros(2, 3)
    x[0] = [1, 2.5, True]
    x[1, [0, 2]] = np.array([7, 8], np.int8)
    assert x.tolist() == [[1, 2.5, 1], [7, 0, 8]]
    x[:, 1] = np.float64(4)
    x[0, 0] = np.int64(9)
    assert x.tolist() == [[9, 4, 1], [7, 4, 8]]


@pytest.mark.parametrize("needs", [False, True])
def test_indices_and_shapes_that_do_not_fit_are_told_in_pytorchs_words(needs: bool) -> None:
    x = lepton.ones(2, 5, requires_grad=needs) * 1
    with pytest.raises(ShapeError, match=r"value tensor of shape \[3\] cannot be broadcast to indexing result of"):
        x[lepton.tensor([0, 1])] = lepton.ones(3)
    with pytest.raises(IndexRangeError, match="index 9 is out of bounds for dimension 0 with size 2"):
        x[lepton.tensor([0, 9])] = lepton.ones(5)
    with pytest.raises(ShapeError, match=r"size of tensor a \(5\) must match the size of tensor b \(3\) at non-single"):
        x[0] = lepton.ones(3)
    with pytest.raises(ShapeError, match=r"output with shape \[5\] doesn't match the broadcast shape \[2, 5\]"):
        x[0].copy_(lepton.ones(2, 5))


def test_the_last_dimension_that_does_not_fit_is_named() -> None:
    with pytest.raises(ShapeError, match=r"size of tensor a \(5\) must match the size of tensor b \(4\) at .* 1"):
        lepton.ones(2, 5) + lepton.ones(3, 4)


def test_a_gradient_of_another_shape_or_type() -> None:
    x = lepton.ones(3, requires_grad=True)
    with pytest.raises(ShapeError, match=r"assign a gradient of size '\[4\]' to a tensor of size '\[3\]'"):
        x.grad = lepton.ones(4)
    with pytest.raises(DTypeError, match=r"gradient with dtype 'lepton.float64' to a tensor of dtype 'lepton.float32'"):
        x.grad = lepton.ones(3, dtype=lepton.float64)
    assert x.grad is None
