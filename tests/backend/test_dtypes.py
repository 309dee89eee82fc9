"""Number types: what each is, how they promote, and their limits."""

from __future__ import annotations

import numpy as np
import pytest

import lepton
from lepton.errors import ArgumentTypeError

FLOATING = (lepton.float64, lepton.float32, lepton.float16, lepton.bfloat16)
WHOLE = (lepton.int64, lepton.int32, lepton.int16, lepton.int8, lepton.uint8)


@pytest.mark.parametrize("kind", [*FLOATING, *WHOLE, lepton.bool], ids=str)
def test_what_a_type_is(kind):
    name = str(kind).removeprefix("lepton.")
    assert getattr(lepton, name) is kind
    assert kind.is_floating_point == (kind in FLOATING)
    assert kind.is_signed == (kind not in (lepton.uint8, lepton.bool))
    made = lepton.ones(2, dtype=kind)
    assert made.dtype is kind
    assert made.element_size() == kind.itemsize == made.numpy().itemsize
    if kind is not lepton.bfloat16:
        assert made.numpy().dtype == np.dtype(name)


def test_other_names():
    assert (lepton.double, lepton.float, lepton.half) == (lepton.float64, lepton.float32, lepton.float16)
    assert (lepton.long, lepton.int, lepton.short) == (lepton.int64, lepton.int32, lepton.int16)


@pytest.mark.parametrize("a", [*FLOATING, *WHOLE, lepton.bool], ids=str)
@pytest.mark.parametrize("b", [*FLOATING, *WHOLE, lepton.bool], ids=str)
def test_promotion_is_symmetric_and_loses_no_category(a, b):
    found = lepton.promote_types(a, b)
    assert found is lepton.promote_types(b, a)
    assert lepton.can_cast(a, found) and lepton.can_cast(b, found)
    assert lepton.promote_types(found, a) is found
    assert (lepton.ones(1, dtype=a) + lepton.ones(1, dtype=b)).dtype is found


def test_pairs_where_neither_holds_the_other():
    assert lepton.promote_types(lepton.float16, lepton.bfloat16) is lepton.float32
    assert lepton.promote_types(lepton.uint8, lepton.int8) is lepton.int16


def test_numbers_and_0d_tensors_do_not_widen():
    x = lepton.ones(2, dtype=lepton.float16)
    assert (x * 2.5).dtype is lepton.float16
    assert (x * lepton.tensor(2.5, dtype=lepton.float64)).dtype is lepton.float16
    assert (lepton.ones(2, dtype=lepton.int8) * 300).dtype is lepton.int8
    assert (lepton.ones(2, dtype=lepton.int8) * 2.5).dtype is lepton.get_default_dtype()


@pytest.mark.parametrize("kind", FLOATING[:3], ids=str)
def test_limits_of_floating_types(kind):
    found, right = lepton.finfo(kind), np.finfo(str(kind).removeprefix("lepton."))
    assert (found.bits, found.eps, found.max, found.min, found.tiny, found.smallest_normal) == (
        right.bits, float(right.eps), float(right.max), float(right.min), float(right.tiny),
        float(right.smallest_normal),
    )  # fmt: skip
    with pytest.raises(ArgumentTypeError):
        lepton.iinfo(kind)


@pytest.mark.parametrize("kind", WHOLE, ids=str)
def test_limits_of_integers(kind):
    found, right = lepton.iinfo(kind), np.iinfo(str(kind).removeprefix("lepton."))
    assert (found.bits, found.max, found.min) == (right.bits, right.max, right.min)
    with pytest.raises(ArgumentTypeError):
        lepton.finfo(kind)


def test_what_is_no_type_is_refused():
    with pytest.raises(ArgumentTypeError, match=r"argument 1 must be lepton\.dtype, not str"):
        lepton.promote_types("float32", lepton.int8)
    with pytest.raises(ArgumentTypeError, match=r"argument 2 must be lepton\.dtype, not int"):
        lepton.can_cast(lepton.int8, 3)
    with pytest.raises(ArgumentTypeError, match="only floating-point types"):
        lepton.set_default_dtype(lepton.int8)
