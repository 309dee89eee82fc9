"""The elementwise ops at the points that matter: ties, kinks, nan and infinity, types, errors, what they keep."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import Tensor
from lepton.autograd import grad
from lepton.autograd.ops import activation
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError, UnsupportedDTypeError

INF, NAN = math.inf, math.nan


def leaf(*values: float, dtype: Any = np.float64) -> Tensor:
    return Tensor(np.array(values, dtype)).requires_grad_()


def array(*values: Any, dtype: Any = None) -> Tensor:
    return Tensor(np.array(values, dtype))


def slopes(function: Callable[..., Tensor], *leaves: Tensor) -> list[list[float]]:
    """The gradients of the sum of ``function(*leaves)``."""
    out = function(*leaves)
    found = grad(out, leaves, Tensor(np.ones(out.shape, out._data.dtype)), allow_unused=True)
    return [[] if each is None else each.tolist() for each in found]


def curvature(function: Callable[[Tensor], Tensor], x: Tensor) -> list[float]:
    """The second derivative at each element."""
    out = function(x)
    ones = Tensor(np.ones(out.shape, out._data.dtype))
    (first,) = grad(out, x, ones, create_graph=True)
    return grad(first, x, ones)[0].tolist()


# ---------------------------------------------------------------------- ties and kinks


def test_maximum_and_minimum_share_the_gradient_of_ties() -> None:
    x, y = leaf(1, 2, 3), leaf(2, 2, 2)
    assert slopes(lepton.maximum, x, y) == [[0, 0.5, 1], [1, 0.5, 0]]
    assert slopes(lepton.minimum, x, y) == [[1, 0.5, 0], [0, 0.5, 1]]


def test_fmax_gives_the_gradient_of_ties_to_the_first_and_ignores_nan() -> None:
    x, y = leaf(2, NAN, 1), leaf(2, 1, NAN)
    assert lepton.fmax(x, y).tolist() == [2, 1, 1]
    assert slopes(lepton.fmax, x, y) == [[1, 0, 1], [0, 1, 0]]


def test_maximum_propagates_nan() -> None:
    assert np.isnan(lepton.maximum(array(NAN, 1.0), array(1.0, NAN))._data).all()


def test_clamp_passes_the_gradient_at_its_bounds() -> None:
    x = leaf(1, 2, 2.5, 3, 4, NAN)
    assert slopes(lambda x: x.clamp(2, 3), x) == [[0, 1, 1, 1, 0, 0]]
    assert slopes(lambda x: x.clamp(min=2), x) == [[0, 1, 1, 1, 1, 0]]
    assert slopes(lambda x: x.clamp(max=3), x) == [[1, 1, 1, 1, 0, 0]]


def test_clamp_with_crossed_bounds_is_the_upper_one() -> None:
    x = leaf(1, 2, 5)
    assert x.clamp(3, 2).tolist() == [2, 2, 2]
    assert slopes(lambda x: x.clamp(3, 2), x) == [[0, 0, 0]]


def test_hardtanh_stops_the_gradient_at_its_limits() -> None:
    assert slopes(lambda x: activation.hardtanh(x, -1.0, 1.0), leaf(-1, -0.5, 1)) == [[0, 1, 0]]


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lepton.abs, 0),
        (lepton.relu, 0),
        (lepton.sqrt, INF),
        (lepton.rsqrt, -INF),
        (lambda x: activation.leaky_relu(x, 0.2), 0.2),
        (lambda x: activation.leaky_relu(x, -0.5), -0.5),
        (lambda x: activation.elu(x, 2.0), 2),
        (lambda x: activation.threshold(x, 0.0, 5.0), 0),
        (lepton.sinc, 0),
        (lambda x: x**0, 0),
        (lambda x: x**1, 1),
        (lambda x: x**0.5, INF),
        (lambda x: 0.0**x, 0),
    ],
)
def test_slope_at_zero(function: Callable[[Tensor], Tensor], slope: float) -> None:
    assert slopes(function, leaf(0)) == [[slope]]


def test_pow_at_base_zero_and_exponent_zero() -> None:
    base, exponent = leaf(0, 0, 2, -2), leaf(0, 2, 0, 2)
    to_base, to_exponent = slopes(lepton.pow, base, exponent)
    assert to_base == [0, 0, 0, -4]
    assert to_exponent[:3] == [0, 0, pytest.approx(math.log(2))]
    assert math.isnan(to_exponent[3])


def test_second_derivatives_of_pow_at_base_zero_are_finite() -> None:
    base, exponent = leaf(0, 0), leaf(2, 3)
    (first,) = grad(base**exponent, exponent, array(1.0, 1.0), create_graph=True)
    assert grad(first, exponent, array(1.0, 1.0))[0].tolist() == [0, 0]


def test_sinc_has_all_derivatives_at_zero() -> None:
    assert curvature(lepton.sinc, leaf(0, 1e-9)) == pytest.approx([-(math.pi**2) / 3] * 2)


def test_xlogy_is_zero_at_zero_and_so_is_its_slope() -> None:
    x, y = leaf(0, 0, 2), leaf(0, 3, 1)
    assert lepton.xlogy(x, y).tolist() == [0, 0, 0]
    assert slopes(lepton.xlogy, x, y)[0] == [0, pytest.approx(math.log(3)), 0]


# ---------------------------------------------------------------------- stability


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (lepton.sigmoid, (0, 0), (1, 0)),
        (lepton.tanh, (-1, 0), (1, 0)),
        (activation.silu, (0, 0), (1e4, 1)),
        (activation.gelu, (0, 0), (1e4, 1)),
        (lambda x: activation.gelu(x, "tanh"), (0, 0), (1e4, 1)),
        (activation.softplus, (0, 0), (1e4, 1)),
        (activation.logsigmoid, (-1e4, 1), (0, 0)),
        (activation.elu, (-1, 0), (1e4, 1)),
        (lambda x: lepton.logaddexp(x, x * 0), (0, 0), (1e4, 1)),
    ],
)
def test_far_from_zero(
    function: Callable[[Tensor], Tensor], low: tuple[float, float], high: tuple[float, float], dtype: Any
) -> None:
    x = leaf(-1e4, 1e4, dtype=dtype)
    assert function(x).tolist() == [low[0], high[0]]
    assert slopes(function, x) == [[low[1], high[1]]]
    assert np.isfinite(curvature(function, x)).all()


def test_sigmoid_keeps_its_digits_in_the_tail() -> None:
    assert lepton.sigmoid(array(-40.0)).tolist() == pytest.approx([math.exp(-40)], rel=1e-15)


# ---------------------------------------------------------------------- nan and infinity


def test_relu_keeps_nan_and_an_infinite_gradient_does_not_leak() -> None:
    x = leaf(NAN, -1, 1)
    out = lepton.relu(x)
    assert math.isnan(out.tolist()[0])
    (to_x,) = grad(out, x, array(1.0, INF, INF))
    assert to_x.tolist() == [1, 0, INF]


@pytest.mark.parametrize("size", [3, 5000])
def test_where_selects_and_does_not_multiply(size: int) -> None:
    mask = np.arange(size) % 3 == 0
    x = Tensor(np.where(mask, 1.0, NAN)).requires_grad_()
    y = Tensor(np.where(mask, INF, -0.0)).requires_grad_()
    out = lepton.where(Tensor(mask), x, y)
    np.testing.assert_array_equal(out._data, np.where(mask, 1.0, -0.0))
    to_x, to_y = grad(out, (x, y), Tensor(np.where(mask, 2.0, NAN)))
    np.testing.assert_array_equal(to_x._data, np.where(mask, 2.0, 0.0))
    np.testing.assert_array_equal(to_y._data, np.where(mask, 0.0, NAN))


def test_sign_of_nan_is_zero() -> None:
    assert lepton.sign(array(NAN, -0.0, -INF)).tolist() == [0, 0, -1]


# ---------------------------------------------------------------------- types


@pytest.mark.parametrize("number", [2, 2.5, -1])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "remainder", "xlogy", "clamp_min", "copysign"])
def test_a_number_never_widens(name: str, dtype: Any, number: float) -> None:
    x = Tensor(np.array([1.0, 2.0], dtype)).requires_grad_()
    out = getattr(lepton, name)(x, number)
    assert out._data.dtype == dtype
    assert grad(out, x, Tensor(np.ones(2, dtype)))[0]._data.dtype == dtype


def test_integers_with_a_floating_number_take_the_default_type() -> None:
    assert (array(1, 2) * 2.5).dtype is lepton.float32
    lepton.set_default_dtype(lepton.float64)
    try:
        assert (array(1, 2) * 2.5).dtype is lepton.float64
        assert lepton.exp(array(1, 2)).dtype is lepton.float64
    finally:
        lepton.set_default_dtype(lepton.float32)


def test_gradients_of_promoted_and_broadcast_inputs_have_their_own_type_and_shape() -> None:
    x = Tensor(np.ones((2, 3), np.float32)).requires_grad_()
    y = Tensor(np.ones((3,), np.float64)).requires_grad_()
    to_x, to_y = grad(x * y, (x, y), Tensor(np.full((2, 3), 2.0)))
    assert (to_x.dtype, to_x.shape, to_y.dtype, to_y.shape) == (lepton.float32, (2, 3), lepton.float64, (3,))
    assert to_y.tolist() == [4, 4, 4]


def test_uint8_wraps() -> None:
    x = array(200, dtype=np.uint8)
    assert (x + 100).tolist() == [44]
    assert (x * 2).tolist() == [144]
    assert (-x).tolist() == [56]
    assert (x > 300).tolist() == [True]


@pytest.mark.parametrize(
    ("exponent", "plain"),
    [(2, lambda x: x * x), (3, lambda x: x * x * x), (-1, lambda x: 1 / x), (-2, lambda x: 1 / (x * x))],
)
def test_common_powers_are_products(exponent: int, plain: Callable[[Any], Any]) -> None:
    x = np.linspace(0.1, 3, 300)
    np.testing.assert_array_equal((Tensor(x) ** exponent)._data, plain(x))


def test_integer_powers_stay_integers() -> None:
    assert (array(2, -3) ** 3).tolist() == [8, -27]
    assert (array(1, -1, -1, 2) ** array(-1, -1, -2, -1)).tolist() == [1, -1, 1, 0]
    assert (2 ** array(3, -1)).tolist() == [8, 0]


def test_whole_quotients_and_remainders() -> None:
    x = array(7, -7, 7, -7)
    y = array(2, 2, -2, -2)
    assert (x // y).tolist() == [3, -4, -4, 3]
    assert lepton.div(x, y, rounding_mode="trunc").tolist() == [3, -3, -3, 3]
    assert (x % y).tolist() == [1, 1, -1, -1]
    assert lepton.fmod(x, y).tolist() == [1, -1, 1, -1]
    assert (x / 2).dtype is lepton.float32


def test_shifts_beyond_the_width() -> None:
    x = array(1, -1, dtype=np.int8)
    assert (x << 9).tolist() == [0, 0]
    assert (x >> 9).tolist() == [0, -1]
    assert (x << -1).tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1, 1)])
def test_empty_and_0d(shape: tuple[int, ...]) -> None:
    x = Tensor(np.full(shape, 0.5)).requires_grad_()
    for name in ("exp", "relu", "sigmoid", "erf", "abs", "sinc", "square", "sign", "erfinv", "nan_to_num", "frac"):
        out = getattr(lepton, name)(x)
        assert out.shape == shape
        assert isinstance(out._data, np.ndarray)
        assert grad(out, x, Tensor(np.ones(shape)))[0].shape == shape


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: array(True) - array(True), DTypeError, "Subtraction, the `-` operator, with two bool tensors"),
        (lambda: array(True) - 1, DTypeError, "with a bool tensor is not supported"),
        (lambda: 1 - array(True), DTypeError, "with a bool tensor is not supported"),
        (lambda: array(1) - array(True), DTypeError, "with a bool tensor is not supported"),
        (lambda: lepton.sub(array(True), array(True), alpha=2), DTypeError, "with two bool tensors"),
        (lambda: -array(True), DTypeError, "Negation, the `-` operator, on a bool tensor"),
        (lambda: +array(True), DTypeError, "The `\\+` operator, on a bool tensor"),
        (lambda: array(1) // 0, DTypeError, "ZeroDivisionError"),
        (lambda: array(1) % array(0), DTypeError, "ZeroDivisionError"),
        (lambda: lepton.fmod(array(1), 0), DTypeError, "ZeroDivisionError"),
        (lambda: array(2) ** -1, DTypeError, "Integers to negative integer powers are not allowed"),
        (lambda: lepton.div(array(1), 2, rounding_mode="up"), DTypeError, "one of None, 'trunc', or 'floor'"),
        (lambda: array(1.0) & array(1.0), UnsupportedDTypeError, "\"bitwise_and_cpu\" not implemented for 'Double'"),
        (lambda: lepton.floor(array(True)), UnsupportedDTypeError, "not implemented for 'Bool'"),
        (lambda: lepton.abs(array(True)), UnsupportedDTypeError, "\"abs_cpu\" not implemented for 'Bool'"),
        (lambda: activation.gelu(array(1)), UnsupportedDTypeError, "\"GeluKernelImpl\" not implemented for 'Long'"),
        (lambda: activation.gelu(array(1.0), "x"), DTypeError, "approximate argument must be either none or tanh"),
        (lambda: lepton.relu(array(True)), DTypeError, "Boolean inputs not supported for relu"),
        (lambda: array(1.0).clamp(), DTypeError, "At least one of 'min' or 'max' must not be None"),
        (lambda: lepton.where(array(1), array(1), array(2)), DTypeError, "condition to be a boolean tensor"),
        (lambda: lepton.where(array(True), 1), ArgumentTypeError, "condition alone, or condition, input and other"),
        (lambda: lepton.where(True, 1, 2), ArgumentTypeError, "must be Tensor, not bool"),
        (lambda: lepton.add(array(1), array(1), alpha=2.5), DTypeError, "alpha must not be a floating point number"),
        (
            lambda: lepton.add(array(1.0), "a"),
            ArgumentTypeError,
            "'other' \\(position 2\\) must be Tensor or Number, not str",
        ),
        *[
            (
                lambda name=name: getattr(lepton, name)("a"),
                ArgumentTypeError,
                "'input' \\(position 1\\) must be Tensor, not str",
            )
            for name in ("exp", "relu", "neg", "square", "positive", "frexp", "sigmoid", "isreal")
        ],
        (lambda: lepton.addcdiv(array(1), array(1), array(1)), DTypeError, "Integer division with addcdiv"),
        (lambda: lepton.lerp(array(1.0), array(1), 0.5), DTypeError, "expected dtype"),
        (lambda: lepton.heaviside(array(1.0), array(1)), DTypeError, "different dtypes"),
        (lambda: lepton.frexp(array(1)), DTypeError, "only supports floating-point dtypes"),
        (lambda: lepton.isclose(array(1), array(1.0)), DTypeError, "Long did not match Double"),
        (lambda: lepton.polygamma(-1, array(1.0)), DTypeError, "does not support negative n"),
        (lambda: array(1.0, dtype=np.float32).float_power_(2), DTypeError, "requires dtype Double"),
        (lambda: activation.hardtanh(array(1.0), 2, 1), ValueError, "min_val cannot be greater than max_val"),
    ],
)
def test_errors(call: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "eq", "logical_and", "atan2"])
def test_shapes_that_do_not_broadcast(name: str) -> None:
    with pytest.raises(
        ShapeError, match=r"The size of tensor a \(2\) must match the size of tensor b \(3\) at non-sing"
    ):
        getattr(lepton, name)(Tensor(np.ones((4, 2))), Tensor(np.ones((4, 3))))


def test_the_derivative_of_heaviside_is_not_defined() -> None:
    out = lepton.heaviside(leaf(1.0), leaf(2.0))
    with pytest.raises(NotImplementedError, match="derivative of Heaviside"):
        out.backward()


# ---------------------------------------------------------------------- what is kept, and where it is written


@pytest.mark.parametrize("function", [lepton.relu, lepton.sigmoid, lepton.tanh, lepton.exp, activation.leaky_relu])
def test_ops_that_keep_their_result_let_their_input_die(function: Callable[[Tensor], Tensor]) -> None:
    x = leaf(1, 2)
    middle = x * 2.0
    watched = weakref.ref(middle._data)
    gc.disable()
    try:
        out = function(middle)
        del middle
        assert watched() is None
    finally:
        gc.enable()
    assert out.requires_grad


def test_products_keep_only_what_a_gradient_needs() -> None:
    weight, data = leaf(1, 2), array(3.0, 4.0)
    (weight * data).sum().backward()
    assert (weight * data).grad_fn.saved[0][0] is None  # the weight: nobody wants the data's gradient
    assert weight.grad.tolist() == [3, 4]


def test_float_power_in_place() -> None:
    x = leaf(2, 3)
    y = x * 1.0
    assert y.float_power_(2) is y
    y.sum().backward()
    assert x.grad.tolist() == [4, 6]


def test_in_place_ops_that_need_their_input_still_have_it() -> None:
    x = leaf(0.5, 2)
    y = x * 1.0
    y.sin_()
    y.sum().backward()
    np.testing.assert_allclose(x.grad._data, np.cos([0.5, 2]))


def test_frexp_names_its_parts() -> None:
    x = leaf(3, -0.5)
    parts = lepton.frexp(x)
    assert (parts.mantissa.tolist(), parts.exponent.tolist()) == ([0.75, -0.5], [2, 0])
    assert parts.exponent.dtype is lepton.int32
    assert slopes(lambda x: lepton.frexp(x).mantissa, x) == [[0.25, 1]]


def test_where_alone_gives_the_places() -> None:
    rows, columns = lepton.where(Tensor(np.array([[True, False], [False, True]])))
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [0, 1])


def test_bfloat16() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x = Tensor(np.array([-1.0, 0.5, 2.0], bfloat16)).requires_grad_()
    for function in (lepton.relu, lepton.sigmoid, lepton.exp, activation.gelu, lambda x: x * 2 + 1, lambda x: 1 - x):
        out = function(x)
        assert out.dtype is lepton.bfloat16
        assert grad(out, x, Tensor(np.ones(3, bfloat16)))[0].dtype is lepton.bfloat16


def test_second_derivatives_of_mixed_types_are_as_precise_as_the_result() -> None:
    x, y = leaf(0.1, 0.2), array(0.3, 0.7, dtype=np.float32)
    assert curvature(lambda each: lepton.hypot(each, y), x) == curvature(lambda each: lepton.hypot(each, y.double()), x)
