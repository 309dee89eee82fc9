"""The engine: what backward computes, keeps, frees and refuses."""

import gc
import threading
import weakref

import numpy as np
import pytest

import lepton
from lepton.autograd import engine, grad
from lepton.autograd.op import Op
from lepton.errors import AnomalyError, GradError, ShapeError, VersionError


def leaf(*values):
    return lepton.tensor(list(values), dtype=lepton.float64, requires_grad=True)


def test_gradient_of_a_product():
    x, y = leaf(1, 2, 3), leaf(4, 5, 6)
    (x * y).sum().backward()
    assert x.grad.tolist() == [4, 5, 6]
    assert y.grad.tolist() == [1, 2, 3]


def test_gradients_accumulate_over_calls():
    x = leaf(2)
    for _ in range(3):
        (x * x).sum().backward()
    assert x.grad.tolist() == [12]


def test_a_tensor_used_many_times_sums_its_uses():
    x = leaf(3)
    y = x * x + x * 2.0 + x
    y.backward(lepton.tensor([1.0], dtype=lepton.float64))
    assert x.grad.tolist() == [2 * 3 + 2 + 1]


def test_second_derivative_by_backward_of_gradient():
    x = leaf(2)
    (g,) = grad((x * x * x).sum(), x, create_graph=True)
    assert g.tolist() == [12]
    (h,) = grad(g.sum(), x)
    assert h.tolist() == [12]


def test_third_derivative():
    x = leaf(2)
    y = (x * x * x * x).sum()
    for expected in (32, 48, 48):
        (y,) = grad(y.sum(), x, create_graph=True)
        assert y.tolist() == [expected]


def test_grad_leaves_the_grad_attribute_alone():
    x = leaf(2)
    grad((x * x).sum(), x)
    assert x.grad is None


def test_grad_of_an_intermediate_result():
    x = leaf(2)
    y = x * x
    z = (y * 3.0).sum()
    gy, gx = grad(z, [y, x])
    assert gy.tolist() == [3]
    assert gx.tolist() == [12]


def test_grad_of_an_output_with_respect_to_itself():
    x = leaf(2, 3)
    y = x * 1.0
    (g,) = grad(y, y, grad_outputs=lepton.tensor([5.0, 6.0], dtype=lepton.float64))
    assert g.tolist() == [5, 6]


def test_grad_runs_only_what_lies_on_the_way():
    from lepton.autograd import Function

    class Loud(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        def backward(ctx, g):
            raise AssertionError("not on the way")

    x, y = leaf(1), leaf(2)
    out = (Loud.apply(x) * y).sum()
    (g,) = grad(out, y)
    assert g.tolist() == [1]


def test_unused_input_raises_or_gives_none():
    x, y = leaf(1), leaf(2)
    out = (x * x).sum()
    with pytest.raises(GradError, match="allow_unused=True"):
        grad(out, y, retain_graph=True)
    assert grad(out, [x, y], allow_unused=True, retain_graph=True)[1] is None
    assert grad(out, [y], materialize_grads=True)[0].tolist() == [0]


def test_backward_into_chosen_inputs_only():
    x, y = leaf(1), leaf(2)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [2]
    assert y.grad is None
    with pytest.raises(GradError, match="cannot be empty"):
        (x * y).sum().backward(inputs=[])


def test_arguments_of_old():
    x = lepton.tensor([1.0, 2.0], requires_grad=True)
    with pytest.warns(FutureWarning, match="`grad_variables` is deprecated"):
        lepton.autograd.backward(x * 3, grad_variables=lepton.ones(2))
    assert x.grad.tolist() == [3, 3]
    with pytest.warns(FutureWarning), pytest.raises(GradError, match="both passed"):
        lepton.autograd.backward(x * 3, lepton.ones(2), grad_variables=lepton.ones(2))
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        (found,) = grad(x.sum(), x, only_inputs=False)
    assert found.tolist() == [1, 1]


def test_batched_grad_outputs():
    x = leaf(1, 2, 3)
    y = x * x
    rows = lepton.eye(3, dtype=lepton.float64)
    (jacobian,) = grad(y, x, grad_outputs=rows, is_grads_batched=True)
    assert jacobian.tolist() == [[2, 0, 0], [0, 4, 0], [0, 0, 6]]


def test_several_roots_at_once():
    x = leaf(1, 2)
    a, b = (x * 2.0).sum(), (x * x).sum()
    lepton.autograd.backward([a, b])
    assert x.grad.tolist() == [4, 6]


def test_backward_on_a_leaf_itself():
    x = leaf(7)
    seed = lepton.tensor([2.0], dtype=lepton.float64)
    x.backward(seed)
    assert x.grad.tolist() == [2]
    seed.fill_(9)
    assert x.grad.tolist() == [2]


def test_backward_on_nonscalar_needs_a_gradient():
    x = leaf(1, 2)
    with pytest.raises(GradError, match="grad can be implicitly created only for scalar outputs"):
        (x * x).backward()
    with pytest.raises(ShapeError, match="Mismatch in shape"):
        (x * x).backward(lepton.ones(3, dtype=lepton.float64))


def test_backward_without_anything_that_requires_grad():
    with pytest.raises(GradError, match="does not require grad and does not have a grad_fn"):
        lepton.ones(1).sum().backward()


def test_integers_cannot_require_grad():
    with pytest.raises(GradError, match="only Tensors of floating point dtype can require gradients"):
        lepton.tensor([1, 2], requires_grad=True)
    with pytest.raises(GradError, match="floating point"):
        lepton.tensor([True]).requires_grad_()


def test_second_backward_raises_and_retain_graph_allows_it():
    x = leaf(3)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [12]
    with pytest.raises(GradError, match="backward through the graph a second time"):
        y.backward()
    assert x.grad.tolist() == [12]


def test_second_backward_through_ops_that_saved_nothing_is_fine():
    x = leaf(3)
    shared = x + 1.0
    shared.sum().backward()
    shared.sum().backward()
    assert x.grad.tolist() == [2]


def test_two_threads_cannot_both_use_up_one_graph():
    for _ in range(20):
        x = leaf(*range(50))
        y = x
        for _ in range(30):
            y = y * x
        y = y.sum()
        barrier, outcomes = threading.Barrier(2), []

        def work(y=y, barrier=barrier, outcomes=outcomes):
            barrier.wait()
            try:
                y.backward()
                outcomes.append("done")
            except GradError:
                outcomes.append("refused")

        threads = [threading.Thread(target=work) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert sorted(outcomes) == ["done", "refused"]


def test_threads_that_share_a_leaf_lose_no_gradient(monkeypatch):
    x = leaf(1, 2)
    copying, may_go_on = threading.Event(), threading.Event()
    own_copy = engine._own_copy

    def slow_copy(array):
        if threading.current_thread() is first:  # it has seen that there is no gradient yet
            copying.set()
            assert may_go_on.wait(10)
        return own_copy(array)

    monkeypatch.setattr(engine, "_own_copy", slow_copy)
    first, second = (threading.Thread(target=x.sum().backward) for _ in range(2))
    first.start()
    assert copying.wait(10)
    second.start()
    second.join(0.1)
    may_go_on.set()
    for each in (first, second):
        each.join()
    assert x.grad.tolist() == [2, 2]


def test_an_exception_in_backward_leaves_the_rest_usable():
    x = leaf(2)
    y = x * x
    z = y * 2.0

    def fail(_):
        raise ValueError("on purpose")

    handle = y.register_hook(fail)
    with pytest.raises(ValueError, match="on purpose"):
        z.sum().backward()
    handle.remove()
    y.sum().backward()
    assert x.grad.tolist() == [4]
    assert lepton.is_grad_enabled()


def test_in_place_damage_is_noticed():
    x = leaf(1, 2)
    y = x * 2.0
    z = y * y
    y.add_(1.0)
    with pytest.raises(VersionError, match=r"modified by an inplace operation.*version 1; expected version 0"):
        z.sum().backward()


def test_in_place_damage_is_noticed_by_second_derivatives():
    x = lepton.tensor([1.0, -2.0], requires_grad=True)
    y = x * 1.0
    (first,) = lepton.autograd.grad((y**4).sum(), y, create_graph=True)
    with lepton.no_grad():
        y += 1.0
    with pytest.raises(VersionError, match="modified by an inplace operation"):
        lepton.autograd.grad(first.sum(), x)


def test_damage_through_detach_is_noticed_and_through_data_is_not():
    x = leaf(1, 2)
    y = x * 2.0
    z = (y * y).sum()
    y.detach().zero_()
    with pytest.raises(VersionError):
        z.backward()
    y = x * 2.0
    z = (y * y).sum()
    y.data.zero_()
    z.backward()
    assert x.grad.tolist() == [0, 0]


# ---------------------------------------------------------------------- aliasing


def test_leaf_gradients_alias_nothing():
    x, y = leaf(1, 2), leaf(3, 4)
    seed = lepton.ones(2, dtype=lepton.float64)
    (x + y).backward(seed)
    arrays = [x.grad.numpy(), y.grad.numpy(), seed.numpy(), x.detach().numpy(), y.detach().numpy()]
    for i, a in enumerate(arrays):
        for b in arrays[i + 1 :]:
            assert not np.shares_memory(a, b)
    assert all(array.flags.writeable for array in arrays)


def test_gradient_of_sum_is_writable_and_contiguous():
    x = lepton.ones(3, 4, requires_grad=True)
    x.sum().backward()
    assert x.grad.is_contiguous()
    x.grad.mul_(2.0)
    assert x.grad.tolist() == [[2.0] * 4] * 3


def test_gradient_is_not_a_saved_array():
    x, y = leaf(1, 2), leaf(3, 4)
    (x * y).backward(lepton.ones(2, dtype=lepton.float64), retain_graph=True)
    x.grad.zero_()
    assert y.tolist() == [3, 4]


def test_float16_leaf_keeps_its_type():
    x = lepton.ones(2, dtype=lepton.float16, requires_grad=True)
    y = lepton.ones(2, dtype=lepton.float32, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype is lepton.float16
    assert y.grad.dtype is lepton.float32


@pytest.mark.parametrize("dtype", [lepton.float64, lepton.float16])
def test_a_number_used_twice_keeps_its_type(dtype):
    x = lepton.tensor(0.3, dtype=dtype, requires_grad=True)
    (x * x).backward(create_graph=True)
    assert x.grad.dtype is dtype and x.grad.item() == (x + x).item()
    (x * x).backward()
    assert x.grad.dtype is dtype


def test_broadcast_gradient_is_summed_back():
    x = lepton.ones(3, 1, requires_grad=True)
    y = lepton.ones(4, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.tolist() == [[4.0]] * 3
    assert y.grad.tolist() == [3.0] * 4


# ---------------------------------------------------------------------- hooks


def test_tensor_hooks_see_and_change_gradients():
    x = leaf(1, 2)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g * 10.0)
    y = x * 3.0
    y.register_hook(lambda g: g * 2.0)
    y.sum().backward()
    assert seen == [[6, 6]]
    assert x.grad.tolist() == [60, 60]


def test_hooks_fire_once_with_the_complete_gradient():
    x = leaf(1)
    seen = []
    x.register_hook(lambda g: seen.append(g.item()))
    ((x * 2.0) + (x * 3.0) + x).sum().backward()
    assert seen == [6]


def test_hook_must_not_change_the_shape():
    x = leaf(1, 2)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(ShapeError, match="changed the size of value"):
        (x * 2.0).sum().backward()


def test_removed_hooks_stay_silent():
    x = leaf(1)
    with x.register_hook(lambda g: g * 100.0):
        pass
    handle = x.register_hook(lambda g: g * 100.0)
    handle.remove()
    handle.remove()
    (x * 2.0).sum().backward()
    assert x.grad.tolist() == [2]


def test_post_accumulate_hooks():
    x = leaf(1)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 2.0).sum().backward()
    (x * 2.0).sum().backward()
    assert seen == [2, 4]
    with pytest.raises(GradError, match="non-leaf"):
        (x * 2.0).register_post_accumulate_grad_hook(print)


def test_hook_needs_a_gradient():
    with pytest.raises(GradError, match="doesn't require gradient"):
        lepton.ones(1).register_hook(print)


def test_retain_grad():
    x = leaf(2)
    y = x * 3.0
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward()
    assert y.grad.tolist() == [12]
    with pytest.raises(GradError, match="requires_grad=False"):
        lepton.ones(1).retain_grad()


def test_grad_of_a_result_warns():
    y = leaf(2) * 1.0
    with pytest.warns(UserWarning, match="not a leaf Tensor"):
        assert y.grad is None


def test_hooks_under_create_graph_are_differentiable():
    x = leaf(2)
    handle = x.register_hook(lambda g: g * g)
    (x * x).sum().backward(create_graph=True)
    assert x.grad.tolist() == [16]
    g = x.grad
    handle.remove()
    (h,) = grad(g.sum(), x)
    assert h.tolist() == [16]  # d(4x²)/dx
    x.grad = None


# ---------------------------------------------------------------------- memory and depth


def test_chain_of_150_000_ops():
    x = leaf(1)
    y = x
    for _ in range(150_000):
        y = y + 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1]
    del y


def test_chain_with_saves_is_freed_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(150_000):
        y = y * x
    del y


def test_deep_graph_under_grad_with_inputs():
    x = leaf(1)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    (g,) = grad(y.sum(), x)
    assert g.tolist() == [1]


def test_an_activation_that_no_op_saves_dies_before_backward():
    x = lepton.ones(1000, requires_grad=True)
    middle = x + 1.0
    alive = weakref.ref(middle)
    array = weakref.ref(middle._data)
    gc.disable()
    try:
        out = (middle + 2.0).sum()
        del middle
        assert alive() is None
        assert array() is None
        out.backward()
    finally:
        gc.enable()
    assert x.grad.tolist() == [1.0] * 1000


def test_an_input_that_nobody_needs_is_not_kept():
    frozen = lepton.ones(10)
    x = lepton.ones(10) * 2.0
    weight = lepton.ones(10, requires_grad=True)
    array = weakref.ref(weight._data)
    y = x * weight  # only the weight's gradient is wanted, so only x is kept
    del weight
    assert [entry[0] is not None for entry in y.grad_fn.saved] == [True, False]
    assert array() is not None  # the leaf itself is where the gradient goes
    assert not (frozen * x).requires_grad


def test_saves_are_freed_as_backward_goes():
    x = lepton.ones(10, requires_grad=True)
    y = x * 2.0
    z = y * y
    held = weakref.ref(y._data)
    del y
    assert held() is not None
    out = z.sum()
    out.backward()
    assert held() is None


def test_training_steps_leave_nothing_behind():
    w = lepton.ones(8, 8, requires_grad=True)
    x = lepton.ones(4, 8)

    def step():
        loss = ((x @ w).relu() * 2.0).sum()
        loss.backward()
        with lepton.no_grad():
            w.sub_(w.grad * 0.01)
        w.grad = None

    gc.collect()
    gc.disable()
    try:
        step()
        before = len(gc.get_objects())
        for _ in range(1000):
            step()
        assert len(gc.get_objects()) <= before + 5
    finally:
        gc.enable()


# ---------------------------------------------------------------------- anomalies


def test_anomaly_shows_the_forward_line():
    with lepton.autograd.detect_anomaly():
        x = leaf(0.0)
        y = x.sqrt() * 0.0  # this line is shown
        with pytest.raises(AnomalyError, match="this line is shown"):
            y.sum().backward()
    assert not lepton.is_anomaly_enabled()


def test_anomaly_without_nan_check_adds_a_note_to_errors():
    with lepton.autograd.detect_anomaly(check_nan=False):
        x = leaf(1.0)
        y = x * 2.0
        z = y * y
        y.add_(1.0)
        with pytest.raises(VersionError) as caught:
            z.sum().backward()
    assert "test_anomaly_without_nan_check" in str(caught.value)


# ---------------------------------------------------------------------- the graph as people see it


def test_grad_fn_names_and_edges():
    x = leaf(1, 2)
    y = x * 2.0
    z = y.sum()
    assert z.grad_fn.name() == "SumBackward0"
    assert z.grad_fn.next_functions[0][0] is y.grad_fn
    assert y.grad_fn.next_functions[0][0] is x
    assert x.grad_fn is None
    assert x.is_leaf
    assert not y.is_leaf
    assert "MulBackward0" in repr(y)


def test_saved_tensors_hooks_pack_and_unpack():
    packed = []

    def pack(t):
        packed.append(t.shape)
        return t.detach().numpy().copy()

    x = leaf(1, 2)
    lepton.autograd.state.STATE.saved_hooks = (pack, lepton.from_numpy)
    try:
        y = (x * x).sum()
    finally:
        lepton.autograd.state.STATE.saved_hooks = None
    y.backward()
    assert packed
    assert x.grad.tolist() == [2, 4]


@pytest.mark.parametrize("seed", range(3))
def test_same_graph_gives_the_same_bits(seed):
    values = np.random.default_rng(seed).standard_normal((5, 7))

    def run():
        x = lepton.from_numpy(values.copy()).requires_grad_()
        y = (x.exp() * x).sum(0)
        (y * y).sum().backward()
        return x.grad.numpy()

    assert np.array_equal(run(), run())


class Twice(Op):
    """z = 2·(x + y)          ∂L/∂x = ∂L/∂y = 2·g, one array for both"""

    __slots__ = ()

    def forward(self, x, y):
        return 2 * (x + y)

    def backward(self, g):
        both = 2 * g
        return both, both


def test_one_array_returned_for_two_inputs_is_not_shared_by_their_gradients():
    x, y = leaf(1, 2), leaf(3, 4)
    Twice()(x, y).sum().backward()
    with lepton.no_grad():
        x.grad.add_(1.0)
    assert y.grad.tolist() == [2, 2]
