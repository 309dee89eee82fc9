"""Tensors and their memory: addresses, NumPy's view of them, layouts, and other shapes in place."""

import numpy as np
import pytest

import lepton
from lepton.autograd import grad
from lepton.errors import ArgumentTypeError, DeviceError, GradError, ShapeError, VersionError
from tests import standin


def leaf(*shape):
    return lepton.arange(1.0, np.prod(shape) + 1, dtype=lepton.float64).reshape(shape).detach().requires_grad_()


# ---------------------------------------------------------------------- addresses and NumPy


def test_data_ptr_is_the_address_of_the_first_element():
    x = lepton.zeros(4, 3)
    assert x.data_ptr() == x.numpy().ctypes.data
    assert x[1:].data_ptr() == x.data_ptr() + 12
    assert x.t().data_ptr() == x.data_ptr() == x.detach().data_ptr()
    assert x.clone().data_ptr() != x.data_ptr()


def test_numpy_shares_memory_and_refuses_what_would_lose_the_graph():
    x = lepton.zeros(3)
    x.numpy()[1] = 5
    assert x.tolist() == [0, 5, 0]
    x.requires_grad_()
    with pytest.raises(GradError, match="detach"):
        x.numpy()
    assert x.numpy(force=True).tolist() == x.detach().numpy().tolist() == [0, 5, 0]


def test_numpy_does_not_copy_from_a_device_by_itself():
    with standin.installed():
        x = lepton.ones(2).to("standin")
        with pytest.raises(ArgumentTypeError, match="cpu"):
            x.numpy()
        assert x.numpy(force=True).tolist() == [1, 1]


def test_cuda_without_a_gpu_says_so():
    with standin.installed(), pytest.raises(DeviceError, match="cuda"):
        lepton.ones(2).cuda(99)


def test_layout_is_always_strided():
    assert lepton.ones(2, 3).t().layout == "strided"


# ---------------------------------------------------------------------- detach_


def test_detach_in_place_cuts_the_tensor_off():
    x = leaf(2)
    y = x * 2
    assert y.detach_() is y
    assert y.is_leaf
    assert not y.requires_grad
    assert (x * y).sum().requires_grad
    assert not x.detach_().requires_grad


def test_a_view_of_a_result_cannot_be_detached_in_place():
    y = leaf(2) * 2
    with pytest.raises(GradError, match="views"):
        y[0].detach_()


# ---------------------------------------------------------------------- layouts


def test_storage_offset_counts_from_the_owner_of_the_memory():
    x = lepton.zeros(4, 3)
    assert x.storage_offset() == 0
    assert x[2:, 1].storage_offset() == x[2:][:, 1].storage_offset() == 7
    assert x.t()[1].storage_offset() == 1
    assert x[2:].clone().storage_offset() == 0


def test_new_empty_strided_has_the_layout_and_what_is_asked_for():
    made = lepton.zeros(2, dtype=lepton.float64).new_empty_strided((2, 3), (1, 2))
    assert made.shape == (2, 3)
    assert made.stride() == (1, 2)
    assert made.dtype is lepton.float64
    other = made.new_empty_strided((0, 2), (1, 1), dtype=lepton.float32, requires_grad=True)
    assert (other.dtype, other.requires_grad, other.shape) == (lepton.float32, True, (0, 2))
    for size, stride in (((2, 3), (1,)), ((2, 3), (-1, 1)), ((2, -3), (1, 1))):
        with pytest.raises(ShapeError):
            made.new_empty_strided(size, stride)


def test_as_strided_of_a_view_counts_from_the_owner():
    x = leaf(10)
    view = x[2:5]
    walked = view.as_strided((2, 2), (4, 1), 1)
    assert walked.tolist() == [[2, 3], [6, 7]]
    assert view.as_strided((2,), (1,)).tolist() == [3, 4]
    with pytest.raises(ShapeError, match="out of bounds"):
        view.as_strided((2,), (1,), 9)


def test_as_strided_of_a_view_has_the_gradient_of_all_elements_that_it_shows():
    x = leaf(6)
    walked = x[1:4].as_strided((6,), (1,), 0)
    assert grad(walked.sum(), x)[0].tolist() == [1, 1, 1, 1, 1, 1]
    y = x * 1.0
    written = y[1:4].as_strided((6,), (1,), 0)
    written.mul_(2.0)
    for shown in (y, written):
        assert grad(shown.sum(), x, retain_graph=True)[0].tolist() == [2, 2, 2, 2, 2, 2]


def test_elements_that_share_memory_share_the_gradient():
    x = leaf(3)
    wide = x.expand(4, 3)
    assert grad(wide.as_strided((3,), (1,)).sum(), x)[0].tolist() == [1, 1, 1]


def test_a_write_through_as_strided_reaches_the_owner():
    x = leaf(2, 3)
    y = (x * 1).t()
    y.as_strided((2, 2), (1, 3)).mul_(3)
    assert y.tolist() == [[3, 12], [6, 15], [3, 6]]
    (first,) = grad((y**2).sum(), x, create_graph=True)
    assert first.tolist() == [[18, 36, 6], [72, 90, 12]]
    assert grad(first.sum(), x)[0].tolist() == [[18, 18, 2], [18, 18, 2]]


# ---------------------------------------------------------------------- another shape in place

TURNS = {
    "unsqueeze_": ((0,), (1, 2, 3)),
    "squeeze_": ((), (2, 3)),
    "t_": ((), (3, 2)),
    "transpose_": ((0, 1), (3, 2)),
    "swapaxes_": ((0, 1), (3, 2)),
    "swapdims_": ((0, 1), (3, 2)),
    "as_strided_": (((3, 2), (1, 3)), (3, 2)),
}
over_turns = pytest.mark.parametrize("name", TURNS)


def turn(tensor, name):
    arguments, _ = TURNS[name]
    return getattr(tensor, name)(*arguments)


@over_turns
def test_a_turned_result_is_itself_in_another_shape(name):
    x = leaf(2, 3)
    y = x * 2
    memory = y.data_ptr()
    assert turn(y, name) is y
    assert y.shape == TURNS[name][1]
    assert (y.data_ptr(), y._version, y._is_view()) == (memory, 1, False)
    weights = lepton.arange(6.0, dtype=lepton.float64).reshape(y.shape)
    expected = 2 * weights.reshape(2, 3) if y.shape[-1] == 3 else 2 * weights.t()
    assert grad((y * weights).sum(), x)[0].tolist() == expected.tolist()


@over_turns
def test_leaves_that_require_a_gradient_turn_only_without_the_graph(name):
    x = leaf(2, 3)
    with pytest.raises(GradError, match="leaf"):
        turn(x, name)
    with pytest.raises(GradError, match="view of a leaf"):
        turn(x[:], name)
    with lepton.no_grad():
        turn(x, name)
    assert x.is_leaf
    assert x.requires_grad
    assert x.shape == TURNS[name][1]


@over_turns
def test_views_from_before_go_on_showing_the_memory(name):
    x = leaf(2, 3)
    y = x * 2
    row, column = y[0], y[:, 1]
    turn(y, name)
    row.mul_(3)
    turn(y, name) if name != "as_strided_" else y.t_()
    column.mul_(5)
    assert grad(row.sum(), x, retain_graph=True)[0].tolist() == [[6, 30, 6], [0, 0, 0]]
    assert grad(column.sum(), x, retain_graph=True)[0].tolist() == [[0, 30, 0], [0, 10, 0]]
    (first,) = grad((y * y).sum(), x, create_graph=True)
    scale = np.array([[6, 30, 6], [2, 10, 2]])
    assert first.tolist() == (2 * scale**2 * x.detach().numpy()).tolist()
    assert grad(first.sum(), x)[0].tolist() == (2 * scale**2).tolist()


@over_turns
def test_a_turned_view_still_writes_into_its_base(name):
    x = leaf(2, 3)
    y = x * 2
    view = y[:]
    turn(view, name)
    assert view._base is y
    view.mul_(3)
    assert y.shape == (2, 3)
    assert grad((y * y).sum(), x, retain_graph=True)[0].tolist() == (72 * x.detach()).tolist()
    y.mul_(5)
    weights = lepton.arange(6.0, dtype=lepton.float64).reshape(view.shape)
    expected = 30 * weights.reshape(2, 3) if view.shape[-1] == 3 else 30 * weights.t()
    assert grad((view * weights).sum(), x)[0].tolist() == expected.tolist()


@over_turns
def test_what_was_saved_before_the_turn_cannot_be_used(name):
    y = leaf(2, 3) * 2
    squares = y * y
    turn(y, name)
    with pytest.raises(VersionError):
        squares.sum().backward()


def test_a_retained_gradient_has_the_new_shape():
    y = leaf(2, 3) * 2
    y.retain_grad()
    y.unsqueeze_(0)
    y.sum().backward()
    assert y.grad.shape == (1, 2, 3)


def test_an_expanded_tensor_can_be_turned():
    assert lepton.ones(3).expand(4, 3).t_().shape == (3, 4)


# ---------------------------------------------------------------------- methods as functions


@pytest.mark.parametrize("name", ["abs_", "detach", "detach_", "is_signed", "zero_", "numel"])
def test_methods_as_functions_refuse_what_is_no_tensor(name):
    assert getattr(lepton, name)(lepton.ones(2)) is not None
    with pytest.raises(ArgumentTypeError, match=f"{name}.*must be Tensor, not float"):
        getattr(lepton, name)(3.0)


def test_methods_as_functions_do_what_the_methods_do():
    x = lepton.tensor([-1.5, 2.5])
    assert lepton.abs_(x) is x
    assert lepton.clamp_(x, max=2.0).tolist() == [1.5, 2]
    assert lepton.fill_(x, 7).tolist() == [7, 7]
    assert lepton.detach(x).data_ptr() == x.data_ptr()
    assert lepton.threshold_(x, 8.0, 1.0) is x
    assert x.tolist() == [1, 1]
    assert not lepton.is_inference(x)
    assert {"abs_", "celu_", "detach"} <= set(dir(lepton))


def test_to_takes_non_blocking_and_copy_by_position():
    x = lepton.zeros(3)
    assert x.to(lepton.float32, True, False) is x
    assert x.to(lepton.float32, False, True) is not x
