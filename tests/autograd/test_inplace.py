"""Writes into tensors: on the graph, through views, and where they are refused."""

import numpy as np
import pytest

import lepton
from lepton.autograd import grad
from lepton.errors import ArgumentError, DTypeError, GradError, ShapeError, VersionError


def leaf(*values):
    return lepton.tensor(list(values), dtype=lepton.float64, requires_grad=True)


def test_in_place_multiplication_differentiates_both_sides():
    x, w = leaf(1, 2), leaf(3, 4)
    y = x * 1.0
    y.mul_(w)
    assert y.tolist() == [3, 8]
    y.sum().backward()
    assert x.grad.tolist() == [3, 4]
    assert w.grad.tolist() == [1, 2]


def test_in_place_on_a_constant_puts_it_on_the_graph():
    x = lepton.zeros(2, dtype=lepton.float64)
    w = leaf(3, 4)
    x.add_(w)
    assert x.requires_grad
    (x * x).sum().backward()
    assert w.grad.tolist() == [6, 8]


def test_saved_result_is_the_tensor_itself():
    x = leaf(0.5, -1.0)
    y = x * 1.0
    y.relu_()
    assert y.grad_fn.saved[0][0] is y._data
    y.sum().backward()
    assert x.grad.tolist() == [1, 0]


def test_result_overwritten_after_being_saved_raises():
    x = leaf(0.5)
    y = (x * 1.0).exp_()
    y.add_(1.0)
    with pytest.raises(VersionError):
        y.sum().backward()


def test_the_written_view_has_the_new_value_s_gradient():
    x = leaf(1, 2, 3)
    y = x * 2.0
    view = y[1:2]
    view.mul_(3.0)
    assert grad(view.sum(), x, retain_graph=True)[0].tolist() == [0, 6, 0]
    assert grad(y.sum(), x)[0].tolist() == [2, 6, 2]


def test_write_through_a_view_reaches_the_base():
    x, w = leaf(1, 2, 3), leaf(10.0)
    y = x * 1.0
    view = y[1:2]
    view.mul_(w)
    assert y.tolist() == [1, 20, 3]
    y.sum().backward()
    assert x.grad.tolist() == [1, 10, 1]
    assert w.grad.tolist() == [2]


@pytest.mark.parametrize("write", [lambda v: v.zero_(), lambda v: v.masked_fill_(v > 0, 0.5), lambda v: v.copy_(5.0)])
def test_gradients_through_the_written_view_itself_are_cut_too(write):
    x = leaf(1, 2, 3)
    y = x * 1.0
    view = y[1:]
    write(view)
    view.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_a_view_whose_base_was_written_and_cut_off_is_a_constant():
    x = leaf(1, 2, 3)
    y = x * 1.0
    view = y[1:]
    y.mul_(y)
    y.detach_()
    assert not view.requires_grad
    with pytest.raises(GradError, match="detach views"):
        view.detach_()


def test_a_view_made_under_no_grad_cannot_be_used_once_its_base_was_written():
    y = leaf(1, 2, 3) * 1.0
    with lepton.no_grad():
        view = y[1:]
    y.mul_(2.0)
    with pytest.raises(GradError, match="created under no_grad and its base"):
        view * 2.0
    assert view.tolist() == [4, 6]


def test_a_refused_write_through_a_view_changes_nothing():
    constant = lepton.ones(3)
    with lepton.no_grad():
        view = constant[1:]
    with pytest.raises(GradError, match="created under no_grad and is being modified"):
        view.mul_(leaf(5.0))
    assert constant.tolist() == [1, 1, 1]
    assert not constant.requires_grad


def test_a_view_of_a_tensor_that_became_a_leaf_cannot_be_written():
    constant = lepton.ones(3)
    view = constant[1:]
    constant.requires_grad_()
    with pytest.raises(GradError, match="view of a leaf"):
        view.mul_(leaf(5.0))


def test_item_of_a_0d_result_is_cut_off():
    x = leaf(1, 2, 3)
    total = x.sum()
    total[...] = 0.5
    total.backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_items_of_the_wrong_shape_are_refused_in_pytorchs_words():
    y = leaf(1, 2, 3) * 1.0
    for target in (y, y.detach()):
        with pytest.raises(ShapeError, match=r"shape \[2\] cannot be broadcast to indexing result"):
            target[[0, 1, 2]] = lepton.ones(2)


def test_retained_gradient_of_a_written_view():
    x = leaf(1, 2, 3)
    view = (x * 1.0)[1:]
    view.retain_grad()
    view.mul_(2.0)
    (view * 3.0).sum().backward()
    assert view.grad.tolist() == [3, 3]
    assert x.grad.tolist() == [0, 6, 6]


def test_write_to_the_base_reaches_the_view():
    x, w = leaf(1, 2, 3), leaf(5.0)
    y = x * 1.0
    view = y[1:]
    y.mul_(w)
    assert view.tolist() == [10, 15]
    view.sum().backward()
    assert x.grad.tolist() == [0, 5, 5]
    assert w.grad.tolist() == [5]


def test_a_view_knows_of_a_write_to_its_base_when_it_is_asked_first():
    base = lepton.zeros(3, dtype=lepton.float64)
    view = base[1:]
    base.add_(leaf(1, 2, 3))
    assert view.requires_grad


def test_parts_of_one_split_are_views_like_others():
    x = leaf(1, 2, 3, 4)
    y = x * 1.0
    first, second = y.split(2)
    first.mul_(3.0)
    y.mul_(2.0)
    assert first.tolist() == [6, 12]
    assert grad(first.sum(), x, retain_graph=True)[0].tolist() == [6, 6, 0, 0]
    assert grad(second.sum(), x, retain_graph=True)[0].tolist() == [0, 0, 2, 2]
    assert grad(y.sum(), x)[0].tolist() == [6, 6, 2, 2]


def test_siblings_follow():
    x = leaf(1, 2, 3, 4)
    y = x * 1.0
    first, second = y[:3], y[1:]
    first.mul_(2.0)
    second.mul_(3.0)
    assert y.tolist() == [2, 12, 18, 12]
    first.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [2, 6, 6, 0]


def test_view_of_a_view_of_a_transpose():
    x = lepton.from_numpy(np.arange(6.0).reshape(2, 3)).requires_grad_()
    y = x * 1.0
    y.t()[1:][0].mul_(10.0)
    assert y.tolist() == [[0, 10, 2], [3, 40, 5]]
    (y * y).sum().backward()
    assert x.grad.tolist() == [[0, 200, 4], [6, 800, 10]]


def test_view_of_a_constant_base_comes_onto_the_graph():
    base = lepton.zeros(4, dtype=lepton.float64)
    view = base[1:3]
    w = leaf(5, 6)
    view.copy_(w)
    assert base.requires_grad
    assert view.requires_grad
    (base * base).sum().backward()
    assert w.grad.tolist() == [10, 12]


def test_second_derivatives_through_views():
    x = leaf(1, 2, 3)
    y = x * 1.0
    y[0:2].mul_(x[1:3])
    (g,) = grad((y * y).sum(), x, create_graph=True)
    # y = (x0·x1, x1·x2, x2);  L = Σy²
    values = np.array([1.0, 2.0, 3.0])
    a, b, c = values
    assert np.allclose(g.tolist(), [2 * a * b * b, 2 * a * a * b + 2 * b * c * c, 2 * b * b * c + 2 * c])
    (h,) = grad(g[0], x)
    assert np.allclose(h.tolist(), [2 * b * b, 4 * a * b, 0])


@pytest.mark.parametrize(
    "index",
    [0, slice(1, None), slice(None, None, 2), (slice(None), 1), (Ellipsis, 0), [0, 1], [[0, 1], [1, 0]], "mask", None],
    ids=str,
)
def test_setitem_is_differentiable(index):
    start = np.arange(6.0).reshape(2, 3)
    if index == "mask":
        index = lepton.tensor(start > 2)
    x = lepton.from_numpy(start.copy()).requires_grad_()
    y = x * 1.0
    raw = np.asarray(index) if isinstance(index, lepton.Tensor) else index
    value = lepton.tensor(7.0, dtype=lepton.float64, requires_grad=True)
    y[index] = value
    expected = start.copy()
    expected[raw] = 7
    assert y.tolist() == expected.tolist()
    y.sum().backward()
    ones = np.ones_like(start)
    ones[raw] = 0
    assert x.grad.tolist() == ones.tolist()
    assert value.grad.item() == (1 - ones).sum()


def test_setitem_on_the_graph_casts_and_the_gradient_comes_back_in_its_type():
    x = lepton.ones(3, requires_grad=True)
    y, value = x * 1.0, leaf(4, 5)
    y[lepton.tensor([0, 2])] = value
    assert y.dtype is lepton.float32
    y.sum().backward()
    assert (value.grad.dtype, value.grad.tolist()) == (lepton.float64, [1, 1])
    assert (x.grad.dtype, x.grad.tolist()) == (lepton.float32, [0, 1, 0])


def test_setitem_without_graph_casts_like_pytorch():
    x = lepton.zeros(3, dtype=lepton.int64)
    x[0] = 1.9
    x[1:] = lepton.tensor([2.0, 3.0])
    assert x.tolist() == [1, 2, 3]
    with pytest.raises(lepton.errors.LeptonError):
        x[0:2] = lepton.ones(3)


def test_leaf_that_requires_grad_cannot_be_written():
    x = leaf(1, 2)
    for write in (lambda: x.add_(1.0), lambda: x.zero_(), lambda: x.__setitem__(0, 1.0), lambda: x.copy_(x.detach())):
        with pytest.raises(GradError, match="leaf Variable that requires grad"):
            write()
    with pytest.raises(GradError, match="view of a leaf"):
        x[0:1].add_(1.0)
    with lepton.no_grad():
        x.add_(1.0)
    assert x.tolist() == [2, 3]
    assert x.is_leaf


def test_view_made_under_no_grad_cannot_be_written_with_grad():
    y = leaf(1, 2) * 1.0
    with lepton.no_grad():
        view = y[0:1]
    with pytest.raises(GradError, match="A view was created under no_grad"):
        view.mul_(2.0)


def test_expanded_memory_cannot_be_written():
    with pytest.raises(ShapeError, match="more than one element of the written-to tensor"):
        lepton.ones(1).expand(3).add_(1.0)


def test_read_only_memory_cannot_be_written():
    array = np.ones(3)
    array.flags.writeable = False
    with pytest.raises(ArgumentError, match="read-only"):
        lepton.Tensor(array).add_(1.0)


def test_result_must_fit():
    x = lepton.ones(3)
    with pytest.raises(ShapeError, match=r"output with shape \[3\] doesn't match the broadcast shape \[2, 3\]"):
        x.add_(lepton.ones(2, 3))
    with pytest.raises(DTypeError, match="can't be cast to the desired output type"):
        lepton.ones(3, dtype=lepton.int64).mul_(0.5)
    assert x.tolist() == [1, 1, 1]


def test_in_place_inputs_overlap():
    x = lepton.arange(5.0)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3]


def test_inference_tensors():
    with lepton.inference_mode():
        x = lepton.ones(2, dtype=lepton.float64)
        x.add_(1.0)
        assert x.is_inference()
    with pytest.raises(GradError, match="outside InferenceMode"):
        x.add_(1.0)
    w = leaf(1, 1)
    with pytest.raises(GradError, match="Inference tensors cannot be saved for backward"):
        w * x
    assert (w * x.clone()).requires_grad


def test_versions_are_shared_by_views_and_detached():
    x = lepton.zeros(3)
    view, detached, data = x[1:], x.detach(), x.data
    view.add_(1.0)
    detached.add_(1.0)
    assert x._version == view._version == detached._version == 2
    data.add_(1.0)
    assert x._version == 2
    assert x.tolist() == [2, 3, 3]


def test_memory_is_shared_with_numpy():
    array = np.zeros(3)
    x = lepton.from_numpy(array)
    array[0] = 5
    assert x[0].item() == 5
    assert np.shares_memory(x.numpy(), array)
    assert np.shares_memory(np.asarray(x), array)
    assert np.shares_memory(np.from_dlpack(x), array)
    assert np.shares_memory(lepton.from_dlpack(array).numpy(), array)
    with pytest.raises(GradError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
        leaf(1).numpy()
    with pytest.raises(GradError, match="Can't call numpy"):
        np.asarray(leaf(1))


def test_memory_that_others_cannot_share():
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        np.from_dlpack(leaf(1))
    turned = lepton.from_numpy(np.arange(3.0)[::-1])
    assert np.shares_memory(turned.numpy(), np.asarray(turned)) and turned.tolist() == [2, 1, 0]
    with pytest.raises(BufferError, match="Can't export tensors with negative strides"):
        np.from_dlpack(turned)
    assert np.from_dlpack(turned.contiguous()).tolist() == [2, 1, 0]


def test_ndarray_times_tensor_stays_on_the_graph():
    x = leaf(1, 2)
    y = np.array([3.0, 4.0]) * x
    assert isinstance(y, lepton.Tensor)
    y.sum().backward()
    assert x.grad.tolist() == [3, 4]


def test_fill_zero_copy():
    x = lepton.empty(2, 2)
    assert x.fill_(3).tolist() == [[3, 3], [3, 3]]
    assert x.zero_().tolist() == [[0, 0], [0, 0]]
    assert x.copy_(lepton.tensor([1, 2])).tolist() == [[1, 2], [1, 2]]
    with pytest.raises(ShapeError, match="0-dimension"):
        x.fill_(lepton.ones(2))
    with pytest.raises(ShapeError, match="must match the size of tensor b"):
        x.copy_(lepton.ones(3))


def test_zero_of_a_result_cuts_the_gradient_but_stays_on_the_graph():
    x = leaf(1, 2)
    y = x * 2.0
    y.zero_()
    assert y.requires_grad
    y.sum().backward()
    assert x.grad is None or x.grad.tolist() == [0, 0]


def test_retained_gradient_follows_the_tensor():
    x = leaf(1, 2)
    y = x * 2.0
    y.retain_grad()
    y.mul_(3.0)
    (y * 5.0).sum().backward()
    assert y.grad.tolist() == [5, 5]
    assert x.grad.tolist() == [30, 30]
