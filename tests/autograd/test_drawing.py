"""Pictures of the recorded graph."""

import xml.etree.ElementTree as ElementTree

import pytest

import lepton
from lepton.autograd import Function, draw
from lepton.errors import ArgumentTypeError, GradError


def texts(drawing):
    root = ElementTree.fromstring(str(drawing))
    return [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]


def net():
    x = lepton.ones(4, 8)
    w = lepton.ones(8, 3, requires_grad=True)
    y = ((x @ w).relu() * 2.0).sum()
    return x, w, y


def test_ops_formulas_shapes_and_kept_tensors():
    _, w, y = net()
    found = texts(draw(y, {"weight": w}))
    for expected in (
        "weight",
        "[8, 3] float32",
        "Relu",
        "z = max(x, 0)",
        "gives [4, 3] float32",
        "keeps out [4, 3] float32",
        "keeps x [4, 8] float32",
        "gives [] float32",
    ):
        assert expected in found


def test_drawing_changes_nothing_and_calls_no_hook():
    _, w, y = net()
    w.register_hook(lambda g: pytest.fail("a hook was called"))
    draw(y)
    assert w.grad is None
    w._hooks.gradient.clear()
    y.backward()
    assert w.grad is not None


def test_used_graph_is_drawn_without_shapes():
    _, _, y = net()
    y.backward()
    assert "kept tensors: freed by backward" in texts(draw(y))


def test_several_outputs_and_user_functions():
    class Twice(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

        @staticmethod
        def backward(ctx, g):
            raise AssertionError("drawing must not run this")

    x = lepton.ones(6, requires_grad=True)
    first, second = Twice.apply(x).split(3)
    found = texts(draw((first * second).sum()))
    assert "TwiceBackward" in found
    assert "[6] float32" in found


def test_saved_and_shown(tmp_path):
    _, _, y = net()
    picture = draw(y)
    picture.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == picture._repr_svg_()


def test_deep_graph():
    x = lepton.ones(1, requires_grad=True)
    y = x
    for _ in range(3000):
        y = y + 1.0
    assert str(draw(y)).count("<rect") == 3001


def test_nothing_to_draw():
    with pytest.raises(GradError, match="nothing to draw"):
        draw(lepton.ones(1))
    with pytest.raises(ArgumentTypeError, match="expects a Tensor"):
        draw(3)


def test_the_last_op_may_have_several_outputs() -> None:
    x = lepton.ones(4, requires_grad=True)
    found = texts(draw(x.split([1, 3])[1]))
    assert "gives [3] float32" in found
    assert "[4] float32" in found
