"""gradcheck must accept what is right, and name what is wrong."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any, ClassVar

import numpy as np
import pytest

from lepton.autograd.gradcheck import gradcheck, gradgradcheck
from lepton.autograd.op import BroadcastTo, Elementwise, Op, SumTo
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentError, ArgumentTypeError, GradcheckError


class Cube(Elementwise):
    """z = x³          ∂L/∂x = 3·g·x²"""

    __slots__ = ()
    saves = ("x",)

    def forward(self, x: Any) -> Any:
        return x * x * x

    def backward(self, g: Any, x: Any) -> Any:
        return Times.on(Times.on(g, 3.0), Times.on(x, x))


class Times(Elementwise):
    """z = x·y          ∂L/∂x = g·y,  ∂L/∂y = g·x"""

    __slots__ = ()
    saves: ClassVar[dict[str, str]] = {"x": "y", "y": "x"}

    def forward(self, x: Any, y: Any) -> Any:
        return x * y

    def backward(self, g: Any, x: Any, y: Any) -> Any:
        return (Times.on(g, y) if self.needs[0] else None, Times.on(g, x) if self.needs[1] else None)


class HalfCube(Cube):
    """A cube whose derivative is too small by 1 %."""

    __slots__ = ()

    def backward(self, g: Any, x: Any) -> Any:
        return Times.on(super().backward(g, x), 0.99)


class FrozenCube(Cube):
    """A cube whose first derivative is right and whose second is lost."""

    __slots__ = ()

    def backward(self, g: Any, x: Any) -> Any:
        data = x._data if isinstance(x, Tensor) else x
        return Times.on(g, Tensor(3 * data * data) if isinstance(g, Tensor) else 3 * data * data)


class SquareAndCube(Op):
    """z₁ = x², z₂ = x³          ∂L/∂x = 2·g₁·x + 3·g₂·x²"""

    __slots__ = ()
    saves = ("x",)
    several = True
    blind = False

    def forward(self, x: Any) -> Any:
        return x * x, x * x * x

    def backward(self, g: Any, x: Any) -> Any:
        first, second = (*g, None)[:2]
        if first is not None and second is None and self.blind:
            return first * 0
        total = None if first is None else 2 * first * x
        if second is not None:
            total = 3 * second * x * x if total is None else total + 3 * second * x * x
        return total


class Blind(SquareAndCube):
    """Forgets the first output's gradient when the second one's is undefined."""

    __slots__ = ()
    blind = True


class Unsteady(Cube):
    """A gradient that changes a little from call to call."""

    __slots__ = ()
    calls = itertools.count()

    def backward(self, g: Any, x: Any) -> Any:
        return Times.on(super().backward(g, x), 1.0 + 1e-9 * next(self.calls))


class WrongShape(Op):
    """z = x, and a gradient of another shape."""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return x * 1

    def backward(self, g: Any) -> Any:
        return g.reshape(-1)


class WrongType(Op):
    """z = x, and a gradient of another type."""

    __slots__ = ()

    def forward(self, x: Any) -> Any:
        return x * 1

    def backward(self, g: Any) -> Any:
        return g.astype("float32")


def leaf(values: Any) -> Tensor:
    return Tensor(np.array(values, np.float64)).requires_grad_()


cube, half_cube, frozen_cube = (lambda x: Cube()(x)), (lambda x: HalfCube()(x)), (lambda x: FrozenCube()(x))
BOTH_MODES = pytest.mark.parametrize("fast", [False, True], ids=["slow", "fast"])


@BOTH_MODES
@pytest.mark.parametrize("values", [1.5, [1.0, -2.0], [[1.0, 2.0], [3.0, 0.0]], [], np.zeros((0, 2))])
def test_right_gradients_pass(values: Any, fast: bool) -> None:
    assert gradcheck(cube, leaf(values), fast_mode=fast) is True
    assert gradgradcheck(cube, leaf(values), fast_mode=fast) is True


@BOTH_MODES
def test_a_wrong_gradient_is_named(fast: bool) -> None:
    with pytest.raises(GradcheckError, match="output 0 with respect to input 0"):
        gradcheck(half_cube, leaf([1.0, 2.0]), fast_mode=fast)
    assert gradcheck(half_cube, leaf([1.0, 2.0]), fast_mode=fast, raise_exception=False) is False


def test_the_message_shows_where_and_how_much() -> None:
    with pytest.raises(GradcheckError) as caught:
        gradcheck(half_cube, leaf([1.0, 2.0]))
    text = str(caught.value)
    assert "the largest difference is 0.12, between element 1 of the input and element 1 of the output" in text
    for part in ("numerical:\n", "analytical:\n", "2.97", "11.88"):
        assert part in text


def test_large_jacobians_are_cut_in_the_message() -> None:
    with pytest.raises(GradcheckError, match="the first 8 rows and columns of 20x20"):
        gradcheck(half_cube, leaf(np.arange(20.0)))


def test_the_second_input_is_named() -> None:
    def product(x: Tensor, y: Tensor) -> Tensor:
        return Times()(x, HalfCube()(y))

    with pytest.raises(GradcheckError, match="output 0 with respect to input 1"):
        gradcheck(product, (leaf([1.0, 2.0]), leaf([3.0, 4.0])))


@BOTH_MODES
def test_a_lost_second_derivative_is_found_only_by_gradgradcheck(fast: bool) -> None:
    assert gradcheck(frozen_cube, leaf([1.0, 2.0]), fast_mode=fast)
    with pytest.raises(GradcheckError, match="output 0 with respect to input 0"):
        gradgradcheck(frozen_cube, leaf([1.0, 2.0]), fast_mode=fast)
    assert gradgradcheck(frozen_cube, leaf([1.0]), fast_mode=fast, raise_exception=False) is False


def test_given_grad_outputs_and_non_contiguous_ones() -> None:
    assert gradgradcheck(cube, leaf([1.0, 2.0]), leaf([0.5, -1.0]))
    assert gradgradcheck(cube, leaf([1.0, 2.0]), [leaf([0.5, -1.0])])
    assert gradgradcheck(cube, leaf([[1.0, 2.0]]), gen_non_contig_grad_outputs=True)


def test_several_outputs_and_undefined_gradients() -> None:
    assert gradcheck(lambda x: SquareAndCube()(x), leaf([1.0, 2.0]))
    assert gradcheck(lambda x: Blind()(x), leaf([1.0, 2.0]), check_undefined_grad=False)
    with pytest.raises(GradcheckError, match="output 0"):
        gradcheck(lambda x: Blind()(x), leaf([1.0, 2.0]))


def test_outputs_that_are_no_tensors_or_constant_are_passed_over() -> None:
    assert gradcheck(lambda x: (3, Tensor(np.ones(2)), Cube()(x)), leaf([1.0, 2.0]))
    with pytest.raises(GradcheckError, match="output 2 with"):
        gradcheck(lambda x: (3, Tensor(np.ones(2)), HalfCube()(x)), leaf([1.0, 2.0]))


def test_an_output_without_gradient_must_not_depend_on_the_input() -> None:
    assert gradcheck(lambda x: Tensor(np.ones(2)), leaf([1.0, 2.0]))
    assert gradgradcheck(lambda x: Tensor(np.ones(2)), leaf([1.0, 2.0]))
    with pytest.raises(GradcheckError, match="Output 0 does not require a gradient, but it depends on input 0"):
        gradcheck(lambda x: Tensor(x._data * 2), leaf([1.0, 2.0]))


def test_an_input_that_is_not_used_has_zero_gradient() -> None:
    assert gradcheck(lambda x, y: Cube()(x), (leaf([1.0]), leaf([2.0, 3.0])))
    assert gradgradcheck(lambda x, y: Cube()(x), (leaf([1.0]), leaf([2.0, 3.0])))


def test_arguments_that_are_not_checked_are_passed_on() -> None:
    fixed = Tensor(np.array([2.0, 3.0]))
    assert gradcheck(lambda x, y, k: Times()(Times()(x, y), k), (leaf([1.0, 2.0]), fixed, 3.0))


def test_the_same_tensor_may_be_given_twice() -> None:
    x = leaf([1.0, 2.0])
    assert gradcheck(lambda a, b: Times()(a, b), (x, x))


@pytest.mark.parametrize("view", [np.s_[::-1], np.s_[::2], np.s_[:, ::-1], np.s_[..., 0]], ids=str)
def test_layouts_of_the_input(view: Any) -> None:
    x = Tensor(np.arange(1.0, 13.0).reshape(3, 4)[view]).requires_grad_()
    before = x._data.copy()
    assert gradcheck(cube, x)
    assert gradgradcheck(cube, x)
    assert np.array_equal(x._data, before)


@BOTH_MODES
def test_inputs_are_put_back_when_the_function_raises(fast: bool) -> None:
    x, calls = leaf([1.0, 2.0]), itertools.count()

    def fails_later(x: Tensor) -> Tensor:
        if next(calls) == 2:
            raise RuntimeError("stop")
        return Cube()(x)

    with pytest.raises(RuntimeError, match="stop"):
        gradcheck(fails_later, x, fast_mode=fast)
    assert x._data.tolist() == [1.0, 2.0]


def test_views_of_the_input_as_output() -> None:
    assert gradcheck(lambda x: BroadcastTo((2, 3))(x), leaf([1.0, 2.0, 3.0]))
    assert gradgradcheck(lambda x: SumTo((3,))(BroadcastTo((2, 3))(x)), leaf([1.0, 2.0, 3.0]))


def test_overlapping_inputs_are_refused() -> None:
    repeated = Tensor(np.broadcast_to(np.array([1.0]), (3,))).requires_grad_()
    with pytest.raises(ArgumentError, match=r"The 0th input has elements that share one place.*expand"):
        gradcheck(cube, repeated)
    sliding = Tensor(np.lib.stride_tricks.as_strided(np.arange(4.0), (3, 2), (8, 8))).requires_grad_()
    with pytest.raises(ArgumentError, match="share one place in memory"):
        gradcheck(cube, sliding)


def test_inputs_that_share_memory_are_refused_and_neighbours_are_not() -> None:
    memory = np.arange(1.0, 7.0)
    first, second = (Tensor(memory[part]).requires_grad_() for part in (np.s_[:3], np.s_[2:5]))
    with pytest.raises(ArgumentError, match="Inputs 0 and 1 share memory"):
        gradcheck(lambda a, b: Times()(a, b), (first, second))
    even, odd = (Tensor(memory[part]).requires_grad_() for part in (np.s_[::2], np.s_[1::2]))
    assert gradcheck(lambda a, b: Times()(a, b), (even, odd))


def test_nothing_to_check_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="expects at least one input tensor to require gradient"):
        gradcheck(cube, Tensor(np.ones(2)))
    with pytest.raises(ArgumentTypeError, match="inputs must be a Tensor or a sequence"):
        gradcheck(cube, 3.0)  # type: ignore[arg-type]


def test_single_precision_is_warned_of() -> None:
    x = Tensor(np.ones(2, np.float32)).requires_grad_()
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double precision"):
        assert gradcheck(cube, x, eps=1e-2, atol=1e-2, rtol=1e-2)


def test_a_backward_that_varies_is_named() -> None:
    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(lambda x: Unsteady()(x), leaf([1.0, 2.0]))
    assert gradcheck(lambda x: Unsteady()(x), leaf([1.0, 2.0]), nondet_tol=1e-6)


def test_gradients_of_another_shape_or_type() -> None:
    with pytest.raises(GradcheckError, match=r"incorrect size: .*input 0 has shape \[2\], the input \[1, 2\]"):
        gradcheck(lambda x: WrongShape()(x), leaf([[1.0, 2.0]]))
    assert gradcheck(lambda x: WrongType()(x), leaf([1.0, 2.0]))
    with pytest.raises(GradcheckError, match="incorrect dtype"):
        gradcheck(lambda x: WrongType()(x), leaf([1.0, 2.0]), check_grad_dtypes=True)


def test_nan_is_a_mismatch() -> None:
    with pytest.raises(GradcheckError, match="the largest difference is nan"):
        gradcheck(lambda x: Times()(x, float("nan")), leaf([1.0]))


def test_the_function_has_the_name_that_its_module_has_too() -> None:
    """Whichever is imported first."""
    program = "import lepton.autograd.gradcheck; assert callable(lepton.autograd.gradcheck)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
