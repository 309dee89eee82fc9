"""User-defined operations in PyTorch's ctx style."""

import pytest

import lepton
from lepton.autograd import Function, grad, gradcheck, gradgradcheck
from lepton.autograd.function import once_differentiable
from lepton.errors import ArgumentTypeError, GradError, ShapeError, VersionError


def leaf(*values):
    return lepton.tensor(list(values), dtype=lepton.float64, requires_grad=True)


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class Scaled(Function):
    """In the style of setup_context, with an argument that is no tensor."""

    @staticmethod
    def forward(x, y, factor):
        return x * y * factor, x + y

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, y, factor = inputs
        ctx.save_for_backward(x, y)
        ctx.factor = factor

    @staticmethod
    def backward(ctx, g, h):
        x, y = ctx.saved_tensors
        return g * y * ctx.factor + h, g * x * ctx.factor + h, None


def test_first_and_second_order():
    x = leaf(0.3, -0.7)
    assert gradcheck(Exp.apply, (x,))
    assert gradgradcheck(Exp.apply, (x,))


def test_several_outputs_and_constants():
    x, y = leaf(1, 2), leaf(3, 4)
    assert gradcheck(lambda a, b: Scaled.apply(a, b, 2.5), (x, y))
    assert gradgradcheck(lambda a, b: Scaled.apply(a, b, 2.5), (x, y))
    first, _ = Scaled.apply(x, y, 2.0)
    first.sum().backward()
    assert x.grad.tolist() == [6, 8]
    assert "ScaledBackward" in repr(first)


def test_missing_gradients_are_zeros_or_none():
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x, materialize):
            ctx.set_materialize_grads(materialize)
            return x * 2.0, x * 3.0

        @staticmethod
        def backward(ctx, g, h):
            seen.append((g, h))
            return g * 2.0, None

    for materialize in (True, False):
        x = leaf(1)
        Two.apply(x, materialize)[0].sum().backward()
        assert x.grad.tolist() == [2]
    assert seen[0][1].tolist() == [0]
    assert seen[1][1] is None


def test_needs_input_grad():
    seen = []

    class Ask(Function):
        @staticmethod
        def forward(ctx, x, y, n):
            return x * y

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            return g, g, None

    Ask.apply(leaf(1), lepton.ones(1, dtype=lepton.float64), 3).sum().backward()
    assert seen == [(True, False, False)]


def test_returning_an_input_does_not_change_the_input():
    class Identity(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5.0

    x = leaf(1)
    y = Identity.apply(x)
    assert y is not x
    assert x.is_leaf
    y.sum().backward()
    assert x.grad.tolist() == [5]


def test_mark_dirty():
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2.0)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2.0

    x = leaf(1, 2)
    y = x * 1.0
    z = Double.apply(y)
    assert z is y
    y.sum().backward()
    assert x.grad.tolist() == [2, 2]
    with pytest.raises(GradError, match="leaf Variable"):
        Double.apply(leaf(1))


def test_mark_non_differentiable():
    class Order(Function):
        @staticmethod
        def forward(ctx, x):
            places = x.argmax()
            largest = x.max() * 1.0
            ctx.mark_non_differentiable(largest)
            ctx.save_for_backward(places)
            return largest, x * 1.0

        @staticmethod
        def backward(ctx, g, h):
            return h

    x = leaf(2, 1)
    largest, same = Order.apply(x)
    assert not largest.requires_grad
    same.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_saved_tensor_that_was_written_to_raises():
    x = leaf(1)
    y = Exp.apply(x)
    y.add_(1.0)
    with pytest.raises(VersionError):
        y.sum().backward()


def test_wrong_answers_are_named():
    class Wrong(Function):
        answer = None

        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        def backward(ctx, g):
            return Wrong.answer

    cases = [
        ((lepton.ones(1), lepton.ones(1)), GradError, r"incorrect number of gradients \(expected 1, got 2\)"),
        (lepton.ones(3, dtype=lepton.float64), ShapeError, "invalid gradient at index 0"),
        (1.0, ArgumentTypeError, "returned a float"),
    ]
    for answer, error, message in cases:
        Wrong.answer = answer
        with pytest.raises(error, match=message):
            Wrong.apply(leaf(1, 2)).sum().backward()


def test_save_for_backward_takes_tensors_only():
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, 3)
            return x * 1.0

    with pytest.raises(ArgumentTypeError, match="can only save variables"):
        Bad.apply(leaf(1))


def test_not_recorded_under_no_grad():
    with lepton.no_grad():
        assert not Exp.apply(leaf(1)).requires_grad


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x * 2.0

    x = leaf(3)
    Once.apply(x).sum().backward()
    assert x.grad.tolist() == [6]
    (g,) = grad(Once.apply(x).sum(), x, create_graph=True)
    assert g.tolist() == [6]
    with pytest.raises(GradError, match="once_differentiable"):
        grad(g.sum(), x)


def test_gradient_is_not_the_users_array():
    stash = lepton.ones(2, dtype=lepton.float64)

    class Stash(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        def backward(ctx, g):
            return stash

    x = leaf(1, 2)
    Stash.apply(x).sum().backward()
    x.grad.mul_(7.0)
    assert stash.tolist() == [1, 1]
