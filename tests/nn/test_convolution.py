"""Convolutions against naive loops, for every way in which the work is cut; their derivatives; what they refuse."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import lepton
from lepton.autograd.gradcheck import gradcheck, gradgradcheck
from lepton.errors import DTypeError, ShapeError, UnsupportedDTypeError
from lepton.kernels import convolution as kernels
from lepton.kernels.convolution import Windows, plan_of
from lepton.kernels.windows import span, window_count
from lepton.nn import functional as F


def naive(x: Any, weight: Any, windows: Windows) -> Any:
    """The definition, element by element: also gives which products meet, for the two adjoints."""
    counts = tuple(map(window_count, x.shape[2:], weight.shape[2:], windows.stride, windows.padding, windows.dilation))
    out = np.zeros((x.shape[0], weight.shape[0], *counts))
    for n, o, c, p, k in met(x, weight, windows, counts):
        out[(n, o, *p)] += weight[(o, c[0], *k)] * x[(n, c[1], *at(p, k, windows))]
    return out


def naive_input_gradient(g: Any, weight: Any, windows: Windows) -> Any:
    x = np.zeros(windows.x_shape)
    for n, o, c, p, k in met(x, weight, windows, g.shape[2:]):
        x[(n, c[1], *at(p, k, windows))] += weight[(o, c[0], *k)] * g[(n, o, *p)]
    return x


def naive_weight_gradient(g: Any, x: Any, windows: Windows) -> Any:
    weight = np.zeros(windows.weight_shape)
    for n, o, c, p, k in met(x, weight, windows, g.shape[2:]):
        weight[(o, c[0], *k)] += g[(n, o, *p)] * x[(n, c[1], *at(p, k, windows))]
    return weight


def at(p: Any, k: Any, windows: Windows) -> tuple[int, ...]:
    every = zip(p, k, windows.stride, windows.dilation, windows.padding, strict=True)
    return tuple(i * s + j * d - pad[0] for i, j, s, d, pad in every)


def met(x: Any, weight: Any, windows: Windows, counts: Any) -> Any:
    per_group = weight.shape[0] // windows.groups
    for n, o, c in itertools.product(range(x.shape[0]), range(weight.shape[0]), range(weight.shape[1])):
        channel = o // per_group * weight.shape[1] + c
        for p in itertools.product(*map(range, counts)):
            for k in itertools.product(*map(range, weight.shape[2:])):
                if all(0 <= q < length for q, length in zip(at(p, k, windows), x.shape[2:], strict=True)):
                    yield n, o, (c, channel), p, k


CASES = {
    "plain": ((2, 3, 6, 5), (4, 3, 3, 2), 1, ((0, 0), (0, 0)), 1, 1),
    "padded": ((2, 2, 5, 4), (3, 2, 3, 3), 1, ((1, 1), (1, 1)), 1, 1),
    "uneven padding": ((2, 2, 5, 4), (3, 2, 2, 4), 1, ((0, 1), (1, 2)), 1, 1),
    "end cut off": ((2, 2, 6, 6), (3, 2, 2, 2), 2, ((1, -1), (0, -1)), 1, 1),
    "strided": ((2, 2, 7, 6), (3, 2, 3, 2), (2, 3), ((1, 1), (0, 0)), 1, 1),
    "stride over gaps": ((1, 2, 9, 9), (3, 2, 2, 1), 4, ((1, 1), (0, 0)), 1, 1),
    "dilated": ((2, 2, 8, 7), (3, 2, 3, 2), 1, ((2, 2), (0, 0)), (2, 3), 1),
    "groups": ((2, 4, 5, 4), (6, 2, 2, 3), 1, ((1, 1), (1, 1)), 1, 2),
    "depthwise": ((2, 4, 5, 4), (4, 1, 3, 3), 1, ((1, 1), (1, 1)), 1, 4),
    "depthwise, strided": ((2, 4, 5, 4), (4, 1, 3, 3), 2, ((1, 1), (1, 1)), 1, 4),
    "1×1": ((2, 3, 4, 5), (4, 3, 1, 1), 1, ((0, 0), (0, 0)), 1, 1),
    "1×1, strided": ((2, 3, 5, 5), (4, 3, 1, 1), 2, ((0, 0), (0, 0)), 1, 1),
    "1×1, padded": ((2, 3, 3, 2), (4, 3, 1, 1), 3, ((3, 3), (2, 2)), 1, 1),
    "wide": ((2, 16, 3, 2), (3, 16, 3, 3), 1, ((1, 1), (1, 1)), 1, 1),
    "wide, padded by more": ((2, 16, 3, 2), (2, 16, 2, 2), 1, ((2, 2), (2, 2)), 1, 1),
    "one dimension": ((3, 2, 9), (4, 2, 3), 2, ((2, 2),), 2, 1),
    "three dimensions": ((2, 2, 4, 3, 3), (2, 2, 2, 3, 2), (1, 2, 1), ((1, 1), (1, 1), (0, 0)), 1, 1),
    "window larger than the image": ((1, 1, 2, 2), (1, 1, 5, 5), 1, ((2, 2), (2, 2)), 1, 1),
    "no images": ((0, 2, 4, 4), (3, 2, 3, 3), 1, ((0, 0), (0, 0)), 1, 1),
}
CUTS = {  # bytes of workspace, and from how many windows on an image has a product of its own
    "whole images, merged": (1 << 20, 10_000),
    "whole images, alone": (1 << 20, 1),
    "two images at a time": (4000, 1),
    "two images at a time, merged": (4000, 10_000),
    "one row at a time": (1, 1),
}


@pytest.fixture(params=CUTS, ids=str)
def _cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    workspace, few = CUTS[request.param]
    monkeypatch.setattr(kernels, "WORKSPACE", workspace)
    monkeypatch.setattr(kernels, "FEW_WINDOWS", few)
    plan_of.cache_clear()
    yield
    plan_of.cache_clear()


@pytest.mark.usefixtures("_cut")
@pytest.mark.parametrize("case", CASES)
def test_against_loops(case: str) -> None:
    x_shape, weight_shape, stride, padding, dilation, groups = CASES[case]
    ndim = len(padding)
    steps, gaps = [each if isinstance(each, tuple) else (each,) * ndim for each in (stride, dilation)]
    windows = Windows(x_shape, weight_shape, steps, padding, gaps, groups)
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal(x_shape), rng.standard_normal(weight_shape)
    expected = naive(x, weight, windows)
    out = kernels.convolution(x, weight, None, windows)
    np.testing.assert_allclose(out, expected, atol=1e-12)
    bias = rng.standard_normal(weight_shape[0])
    np.testing.assert_allclose(
        kernels.convolution(x, weight, bias, windows), expected + bias.reshape(-1, *[1] * ndim), atol=1e-12
    )
    g = rng.standard_normal(out.shape)
    back = naive_input_gradient(g, weight, windows)
    np.testing.assert_allclose(kernels.convolution_input_gradient(g, weight, None, windows), back, atol=1e-12)
    bias = rng.standard_normal(x_shape[1])
    np.testing.assert_allclose(
        kernels.convolution_input_gradient(g, weight, bias, windows), back + bias.reshape(-1, *[1] * ndim), atol=1e-12
    )
    np.testing.assert_allclose(
        kernels.convolution_weight_gradient(g, x, windows), naive_weight_gradient(g, x, windows), atol=1e-12
    )


@pytest.mark.usefixtures("_cut")
def test_layouts_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    x, weight, g = (rng.standard_normal(shape) for shape in ((3, 4, 5, 6), (2, 4, 3, 3), (3, 2, 3, 4)))
    windows = Windows(x.shape, weight.shape, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    turned = [np.ascontiguousarray(each.T).T for each in (x, weight, g)]
    flipped = [np.ascontiguousarray(each[..., ::-1])[..., ::-1] for each in (x, weight, g)]
    for a, b, c in (turned, flipped):
        np.testing.assert_allclose(
            kernels.convolution(a, b, None, windows), kernels.convolution(x, weight, None, windows), atol=1e-12
        )
        np.testing.assert_allclose(
            kernels.convolution_input_gradient(c, b, None, windows),
            kernels.convolution_input_gradient(g, weight, None, windows),
            atol=1e-12,
        )
        np.testing.assert_allclose(
            kernels.convolution_weight_gradient(c, a, windows),
            kernels.convolution_weight_gradient(g, x, windows),
            atol=1e-12,
        )


def test_the_workspace_is_bounded() -> None:
    import tracemalloc

    x, weight = np.ones((8, 16, 64, 64), np.float32), np.ones((4, 16, 5, 5), np.float32)
    windows = Windows(x.shape, weight.shape, (1, 1), ((2, 2), (2, 2)), (1, 1), 1)
    kernels.convolution(x[:1, :, :8], weight, None, windows._replace(x_shape=(1, 16, 8, 64)))
    tracemalloc.start()
    out = kernels.convolution(x, weight, None, windows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    columns = 25 * x.nbytes
    assert peak - out.nbytes < 6 * kernels.WORKSPACE < columns / 5


def test_an_image_does_not_depend_on_its_batch() -> None:
    """Where an image has its own product, its result has the same bits in any batch."""
    rng = np.random.default_rng(2)
    x = lepton.from_numpy(rng.standard_normal((5, 3, 12, 12)).astype("float32"))
    weight = lepton.from_numpy(rng.standard_normal((8, 3, 3, 3)).astype("float32"))
    together = F.conv2d(x, weight, padding=1)
    for i in range(5):
        assert (F.conv2d(x[i : i + 1], weight, padding=1) == together[i : i + 1]).all()


@pytest.mark.parametrize(("shift", "stride"), list(itertools.product(range(-5, 9), (1, 2, 3))))
def test_span(shift: int, stride: int) -> None:
    windows, elements = span(shift, stride, 6, 4)
    inside = [(i, i * stride + shift) for i in range(4) if 0 <= i * stride + shift < 6]
    assert list(zip(range(4)[windows], range(6)[elements], strict=True)) == inside


# ---------------------------------------------------------------------- derivatives


def leaf(*shape: int, seed: int = 0) -> Any:
    return lepton.from_numpy(np.random.default_rng([seed, *shape]).standard_normal(shape)).requires_grad_()


def test_third_order() -> None:
    x, weight = leaf(1, 1, 4), leaf(1, 1, 2)

    def second(x: Any, weight: Any) -> Any:
        y = F.conv1d(x, weight, padding=1)
        (first,) = lepton.autograd.grad((y**3).sum(), x, create_graph=True)
        return lepton.autograd.grad((first * first).sum(), (x, weight), create_graph=True)

    assert gradcheck(second, (x, weight))
    assert gradgradcheck(second, (x, weight))


def noting(ran: list[str], name: str, original: Any) -> Any:
    def run(*arguments: Any) -> Any:
        ran.append(name)
        return original(*arguments)

    return run


@pytest.mark.parametrize("wanted", list(itertools.product((False, True), repeat=3)))
def test_only_wanted_gradients_are_computed(wanted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    for name in ("convolution_input_gradient", "convolution_weight_gradient"):
        monkeypatch.setattr(kernels, name, noting(ran, name, getattr(kernels, name)))
    leaves = [leaf(2, 3, 5, 5), leaf(4, 3, 3, 3), leaf(4)]
    for each, want in zip(leaves, wanted, strict=True):
        each.requires_grad_(want)
    out = F.conv2d(*leaves).sum()
    if any(wanted):
        out.backward()
    expected = [name for name, want in zip(("input", "weight"), wanted[:2], strict=True) if want]
    assert sorted(ran) == [f"convolution_{name}_gradient" for name in expected]
    assert [each.grad is not None for each in leaves] == list(wanted)


def test_what_is_kept() -> None:
    x, weight = leaf(2, 3, 5, 5), leaf(4, 3, 3, 3)
    frozen = weight.detach()
    op = F.conv2d(x, frozen).grad_fn
    assert [value is None for value, *_ in op.saved] == [True, False], "the input is of no use without ∂weight"
    op = F.conv2d(x.detach(), weight).grad_fn
    assert [value is None for value, *_ in op.saved] == [False, True], "the weight is of no use without ∂input"


def test_transposed_is_the_adjoint() -> None:
    """⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩."""
    for stride, padding, dilation, extra in ((1, 0, 1, 0), (2, 1, 1, 1), (3, 2, 2, 0)):
        weight = leaf(4, 2, 3, 3)
        y = leaf(2, 4, 4, 4, seed=1)
        back = F.conv_transpose2d(y, weight, stride=stride, padding=padding, dilation=dilation, output_padding=extra)
        x = leaf(*back.shape, seed=2)
        forth = F.conv2d(x, weight, stride=stride, padding=padding, dilation=dilation)
        assert forth.shape == y.shape
        assert abs(((forth * y).sum() - (x * back).sum()).item()) < 1e-10


def test_same_padding_keeps_the_length() -> None:
    for size, dilation in itertools.product((1, 2, 3, 4, 5), (1, 2)):
        assert F.conv1d(leaf(1, 1, 9), leaf(1, 1, size), padding="same", dilation=dilation).shape == (1, 1, 9)


def test_half_precision_is_accumulated_wide() -> None:
    x = lepton.from_numpy(np.full((1, 64, 40), 0.1, np.float16))
    weight = lepton.from_numpy(np.full((1, 64, 9), 0.1, np.float16))
    out = F.conv1d(x, weight)
    assert out.dtype is lepton.float16
    exact = 64 * 9 * float(np.float16(0.1)) ** 2
    assert abs(out[0, 0, 0].item() - exact) < exact * 2**-11


def test_gradients_of_half_precision_are_those_of_single_rounded() -> None:
    rng = np.random.default_rng(3)
    x, weight = [lepton.from_numpy(rng.standard_normal(shape).astype(np.float16)) for shape in ((2, 8, 9), (8, 8, 3))]
    found = []
    for kind in (lepton.float16, lepton.float32):
        leaves = [each.to(kind, copy=True).requires_grad_() for each in (x, weight)]
        (F.conv1d(leaves[0], leaves[1], stride=2) * 0.5).sum().backward()
        found.append([each.grad.half().tolist() for each in leaves])
    assert found[0] == found[1]


# ---------------------------------------------------------------------- errors


X, W = leaf(8, 1, 28, 28), leaf(32, 3, 3, 3)


@pytest.mark.parametrize(
    ("arguments", "settings", "kind", "message"),
    [
        (
            (X, W), {}, ShapeError,
            "Given groups=1, weight of size [32, 3, 3, 3], expected input[8, 1, 28, 28] to have 3 channels, but got 1 "
            "channels instead",
        ),
        ((leaf(8, 3, 2, 2), W), {}, ShapeError, "Kernel size: (3 x 3). Kernel size can't be greater than actual input"),
        ((leaf(28, 28), W), {}, ShapeError, "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got"),
        ((leaf(8, 3, 9, 9), leaf(32, 3, 3)), {}, ShapeError, "Expected 4-dimensional weight"),
        ((leaf(8, 3, 9, 9), W, leaf(31)), {}, ShapeError, "expected bias to be 1-dimensional with 32 elements"),
        ((leaf(8, 3, 9, 9), W), {"stride": 0}, ShapeError, "non-positive stride is not supported"),
        ((leaf(8, 3, 9, 9), W), {"stride": (1, 2, 3)}, ShapeError, "stride must be a single int, or a tuple of 2 ints"),
        ((leaf(8, 3, 9, 9), W), {"padding": "same", "stride": 2}, ShapeError, "is not supported for strided"),
        ((leaf(8, 3, 9, 9), W), {"padding": "full"}, ShapeError, "Invalid padding string: 'full'"),
        ((leaf(8, 3, 9, 9), W.float()), {}, DTypeError, "Input type (DoubleTensor) and weight type (FloatTensor)"),
        ((leaf(8, 3, 9, 9) > 0, W > 0), {}, UnsupportedDTypeError, "not implemented for 'Bool'"),
        ((leaf(8, 3, 9, 9), leaf(32, 3, 0, 3)), {}, ShapeError, "the kernel has no elements"),
        ((leaf(8, 3, 9, 9), W), {"stride": 1.5}, TypeError, "'stride' must be int or tuple of ints"),
    ],
)  # fmt: skip
def test_refusals(arguments: Any, settings: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind) as caught:
        F.conv2d(*arguments, **settings)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"output_padding": 1}, "output padding must be smaller than either stride or dilation"),
        ({"padding": 9}, "Output size is too small"),
        ({"groups": 2}, "expected weight to be divisible by 2 at dimension 0"),
    ],
)
def test_refusals_of_transposed(settings: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        F.conv_transpose2d(leaf(2, 3, 5, 5), leaf(3, 2, 3, 3), **settings)


@pytest.mark.parametrize("length", [3, 99])
@pytest.mark.parametrize("size", [1, 2])
def test_an_input_without_channels_gives_the_bias(size: int, length: int) -> None:
    bias = lepton.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x, weight = lepton.ones(2, 0, length, requires_grad=True), lepton.ones(3, 0, size, requires_grad=True)
    out = F.conv1d(x, weight, bias)
    assert out.shape == (2, 3, length - size + 1)
    assert out[0, :, 0].tolist() == [1.0, 2.0, 3.0]
    out.sum().backward()
    assert (x.grad.shape, weight.grad.shape) == (x.shape, weight.shape)


@pytest.mark.parametrize("shape", [(0, 2, 2, 2), (2, 0, 2, 2)])
def test_a_result_without_channels_is_refused(shape: tuple[int, ...]) -> None:
    function = F.conv_transpose2d if shape[0] else F.conv2d
    with pytest.raises(ShapeError, match="at least 1 at dimension"):
        function(lepton.ones(1, 2, 3, 3), lepton.ones(*shape))
