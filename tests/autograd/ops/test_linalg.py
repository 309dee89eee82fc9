"""Linear algebra where the table does not reach: degenerate and singular matrices, messages, which triangle is read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lepton
from lepton import Tensor, linalg
from lepton.autograd import grad, gradcheck, gradgradcheck
from lepton.errors import DTypeError, GradError, ShapeError
from lepton.linalg import LinAlgError

RNG = np.random.default_rng(11)


def leaf(array: Any) -> Tensor:
    return Tensor(np.array(array, np.float64)).requires_grad_()


def of_rank(rank: int, n: int) -> Any:
    return RNG.standard_normal((n, rank)) @ RNG.standard_normal((rank, n))


# ---------------------------------------------------------------------- determinants of singular matrices


@pytest.mark.parametrize(("rank", "n"), [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (1, 4), (2, 4), (3, 4)])
def test_a_singular_determinant_has_both_derivatives(rank: int, n: int) -> None:
    x = leaf(of_rank(rank, n))
    assert gradcheck(linalg.det, (x,))
    assert gradgradcheck(linalg.det, (x,))


def test_derivatives_of_determinants_in_a_batch_of_all_ranks() -> None:
    x = leaf(np.stack([of_rank(rank, 3) for rank in (2, 3, 0, 1, 3)]))
    assert gradcheck(linalg.det, (x,))
    assert gradgradcheck(linalg.det, (x,))


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_the_third_derivative_of_a_determinant_is_its_polynomials(rank: int) -> None:
    x, t = leaf(of_rank(rank, 3)), [RNG.standard_normal((3, 3)) for _ in range(3)]
    out = linalg.det(x)
    for each in t:
        (slope,) = grad(out, x, create_graph=True)
        out = (slope * Tensor(each)).sum()
    corners = [np.linalg.det(sum((t[k] for k in range(3) if mask >> k & 1), np.zeros((3, 3)))) for mask in range(8)]
    signs = [(-1) ** (3 - mask.bit_count()) for mask in range(8)]
    assert out.item() == pytest.approx(float(np.dot(corners, signs)), rel=1e-9)  # by polarisation


def test_cofactors_of_an_ill_conditioned_matrix_keep_their_digits() -> None:
    u, v = np.linalg.qr(RNG.standard_normal((4, 4)))[0], np.linalg.qr(RNG.standard_normal((4, 4)))[0]
    s = np.array([1.0, 1e-3, 1e-6, 1e-13])
    x = leaf((u * s) @ v)
    (found,) = grad(linalg.det(x), x)
    exact = np.linalg.det(u) * np.linalg.det(v) * (u * (s.prod() / s)) @ v
    np.testing.assert_allclose(found.numpy(), exact, atol=1e-5 * abs(exact).max())


# ---------------------------------------------------------------------- equal eigenvalues and singular values


@pytest.mark.parametrize(
    "function",
    [
        lambda a: (linalg.eigvalsh((a + a.mT) * 0.5) ** 2).sum(),
        lambda a: linalg.eigh((a + a.mT) * 0.5)[0].sum(),
        lambda a: (linalg.svdvals(a) ** 2).sum(),
    ],
)
def test_sums_over_equal_values_have_their_gradient(function: Callable[[Tensor], Tensor]) -> None:
    assert gradcheck(function, (leaf(np.eye(3)),))


def test_vectors_of_equal_values_have_no_gradient() -> None:
    x = leaf(np.eye(2))
    for out in (linalg.eigh(x)[1], linalg.svd(x)[0]):
        assert not np.isfinite(grad(out, x, Tensor(np.ones((2, 2))))[0].numpy()).all()


def test_the_nuclear_norm_is_smooth_at_equal_singular_values() -> None:
    x = leaf(np.linalg.qr(RNG.standard_normal((4, 3)))[0])
    assert gradcheck(lambda a: linalg.matrix_norm(a, "nuc"), (x,))
    assert gradgradcheck(lambda a: linalg.matrix_norm(a, "nuc"), (x,))


def test_the_nuclear_norm_has_a_third_derivative() -> None:
    x = leaf(RNG.standard_normal((3, 2)))

    def slope(a: Tensor) -> Tensor:
        return grad(linalg.matrix_norm(a, "nuc"), a, create_graph=True)[0] ** 2

    assert gradgradcheck(slope, (x,))


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)])
def test_the_pseudo_inverse_is_smooth_at_equal_singular_values(shape: tuple[int, int]) -> None:
    x = leaf(np.eye(*shape))
    assert gradcheck(linalg.pinv, (x,))
    assert gradgradcheck(linalg.pinv, (x,))


def test_first_columns_of_full_factors_have_a_derivative() -> None:
    x = leaf(RNG.standard_normal((4, 2)))
    assert gradcheck(lambda a: linalg.svd(a)[0][:, :2] ** 2, (x,))


# ---------------------------------------------------------------------- gradients beyond the table


@pytest.mark.parametrize("upper", [True, False])
def test_a_system_given_by_its_cholesky_factor_is_differentiable_for_the_factor(upper: bool) -> None:
    factor, right = leaf(np.tril(RNG.uniform(-1, 1, (3, 3))) + 2 * np.eye(3)), leaf(RNG.standard_normal((3, 2)))

    def solved(b: Tensor, a: Tensor) -> Tensor:
        return lepton.cholesky_solve(b, a.mT if upper else a, upper)

    assert gradcheck(solved, (right, factor))
    assert gradgradcheck(solved, (right, factor))
    (found,) = grad(solved(right, factor).sum(), factor)
    assert not np.triu(found.numpy(), 1).any()  # what is not looked at has no gradient


def test_the_gradient_of_the_exponential_does_not_depend_on_the_size_of_what_arrives() -> None:
    x = leaf(RNG.standard_normal((3, 3)))
    arriving = RNG.standard_normal((3, 3))
    (once,) = grad(linalg.matrix_exp(x), x, Tensor(arriving))
    (scaled,) = grad(linalg.matrix_exp(x), x, Tensor(arriving * 2.0**40))
    np.testing.assert_allclose(scaled.numpy(), once.numpy() * 2.0**40, rtol=1e-14)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, float("inf")])
def test_distances_taken_in_parts_are_the_same(p: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from lepton.autograd.ops import distances

    x, y = leaf(RNG.standard_normal((2, 7, 3))), leaf(RNG.standard_normal((2, 4, 3)))
    arriving = Tensor(RNG.standard_normal((2, 7, 4)))
    at_once = [lepton.cdist(x, y, p), *grad(lepton.cdist(x, y, p), (x, y), arriving)]
    monkeypatch.setattr(distances, "AT_ONCE", 60)
    in_parts = [lepton.cdist(x, y, p), *grad(lepton.cdist(x, y, p), (x, y), arriving)]
    for one, other in zip(at_once, in_parts, strict=True):
        np.testing.assert_allclose(one.numpy(force=True), other.numpy(force=True), rtol=1e-12)


@pytest.mark.parametrize("mode", ["use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"])
def test_distances_of_equal_points_have_no_gradient(mode: str) -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    out = lepton.cdist(x, x.detach(), compute_mode=mode)
    assert out.diagonal().tolist() == [0.0, 0.0]
    (found,) = grad(out.diagonal().sum(), x)
    assert not found.numpy().any()


def test_exact_distances_far_from_zero() -> None:
    x = RNG.uniform(0, 1, (3, 2))
    found = lepton.cdist(Tensor(x + 2.0**20), Tensor(x[:1] + 2.0**20))
    near = lepton.cdist(Tensor((x + 2.0**20) - 2.0**20), Tensor((x[:1] + 2.0**20) - 2.0**20))
    np.testing.assert_array_equal(found.numpy(), near.numpy())


def test_norms_neither_overflow_nor_vanish() -> None:
    for size in (1e200, 1e-200):
        x = leaf(np.full((2, 2), size))
        for order in (2, 3, 1.5):
            out = linalg.vector_norm(x, order)
            assert out.item() == pytest.approx(size * 4 ** (1 / order))
            assert np.isfinite(grad(out, x)[0].numpy()).all()


def test_everything_is_computed_silently() -> None:
    x = leaf(np.zeros((2, 2)))
    with np.errstate(all="raise"):
        linalg.inv_ex(x)
        linalg.cond(x)
        linalg.det(x).backward()
        linalg.slogdet(x)
        linalg.solve_triangular(x, x, upper=True)


# ---------------------------------------------------------------------- what is looked at


@pytest.mark.parametrize("function", [linalg.cholesky, lepton.cholesky])
def test_cholesky_looks_at_one_triangle(function: Callable[..., Tensor]) -> None:
    symmetric = of_rank(3, 3)
    symmetric = symmetric @ symmetric.T + np.eye(3)
    lower, upper = Tensor(np.tril(symmetric)), Tensor(np.triu(symmetric))
    np.testing.assert_allclose(function(lower).numpy(), np.linalg.cholesky(symmetric), atol=1e-13)
    np.testing.assert_allclose(function(upper, upper=True).numpy(), np.linalg.cholesky(symmetric).T, atol=1e-13)


def test_eigenvalues_look_at_one_triangle() -> None:
    symmetric = RNG.standard_normal((3, 3))
    symmetric = symmetric + symmetric.T
    right = np.linalg.eigvalsh(symmetric)
    for function in (linalg.eigvalsh, lambda a, uplo: linalg.eigh(a, uplo)[0]):
        np.testing.assert_allclose(function(Tensor(np.tril(symmetric)), "L").numpy(), right, atol=1e-14)
        np.testing.assert_allclose(function(Tensor(np.triu(symmetric)), "U").numpy(), right, atol=1e-14)


# ---------------------------------------------------------------------- errors and results


def test_what_fails_is_a_linalg_error_that_names_the_matrix() -> None:
    assert issubclass(LinAlgError, RuntimeError)
    batch = np.stack([np.eye(3), np.eye(3), np.diag([1.0, 0.0, 1.0])])
    with pytest.raises(LinAlgError, match=r"linalg.inv: \(Batch element 2\): The diagonal element 2 is zero"):
        linalg.inv(Tensor(batch))
    with pytest.raises(LinAlgError, match=r"linalg.solve: \(Batch element 2\): The solver failed"):
        linalg.solve(Tensor(batch), Tensor(batch))
    with pytest.raises(LinAlgError, match=r"linalg.cholesky: \(Batch element 2\): .* leading minor of order 2 is not"):
        linalg.cholesky(Tensor(batch))
    with pytest.raises(LinAlgError, match=r"linalg.lu_factor: \(Batch element 2\): U\[2,2\] is zero"):
        linalg.lu_factor(Tensor(batch))
    with pytest.raises(LinAlgError, match=r"linalg.inv: The diagonal element 1 is zero"):
        linalg.inv(Tensor(np.zeros((2, 2))))
    batch[1, 0, 0] = np.nan
    with pytest.raises(LinAlgError, match=r"linalg.svd: \(Batch element 1\): .* contained non-finite values"):
        linalg.svd(Tensor(batch))


def test_the_logarithm_of_a_determinant_of_0_has_no_gradient() -> None:
    with pytest.raises(LinAlgError, match="singular"):
        linalg.slogdet(leaf(np.zeros((2, 2))))[1].backward()


def test_shapes_and_types_are_named() -> None:
    with pytest.raises(ShapeError, match=r"linalg.det: A must be batches of square matrices, but they are 2 by 3"):
        linalg.det(lepton.ones(2, 3))
    with pytest.raises(DTypeError, match=r"Expected a floating point or complex tensor as input. Got Long"):
        linalg.inv(lepton.ones(2, 2, dtype=lepton.int64))
    with pytest.raises(DTypeError, match=r"Low precision dtypes not supported. Got Half"):
        linalg.qr(lepton.ones(2, 2, dtype=lepton.float16))
    with pytest.raises(ShapeError, match=r"for the equation XA = B \(3x3 and 3x2\)"):
        linalg.solve(lepton.eye(3), lepton.ones(3, 2), left=False)


def test_what_cannot_be_differentiated_says_so() -> None:
    with pytest.raises(GradError, match="mode='r'"):
        linalg.qr(leaf(np.eye(2)), "r")[1].sum().backward()
    with pytest.raises(GradError, match="mode='complete' and nrows > ncols"):
        linalg.qr(leaf(np.ones((3, 2))), "complete")[1].sum().backward()


def test_a_failed_factor_is_nan_and_told() -> None:
    factor, info = linalg.cholesky_ex(Tensor(np.stack([np.eye(2), -np.eye(2)])))
    assert info.tolist() == [0, 1]
    assert info.dtype is lepton.int32
    np.testing.assert_array_equal(factor[0].numpy(), np.eye(2))
    assert np.isnan(factor[1].numpy()).all()


def test_least_squares_tell_what_their_driver_knows() -> None:
    a, b = Tensor(RNG.standard_normal((4, 2))), Tensor(RNG.standard_normal((4, 3)))
    told = {driver: [each.numel() > 0 for each in linalg.lstsq(a, b, driver=driver)[1:]] for driver in (
        "gels", "gelsy", "gelsd", "gelss",
    )}  # fmt: skip
    assert told == {
        "gels": [True, False, False],
        "gelsy": [False, True, False],
        "gelsd": [True, True, True],
        "gelss": [True, True, True],
    }


def test_results_have_names() -> None:
    a = lepton.eye(2)
    assert str(linalg.slogdet(a)) == "lepton.return_types.linalg_slogdet(\nsign=tensor(1.),\nlogabsdet=tensor(0.))"
    assert linalg.svd(a).Vh.shape == lepton.svd(a).V.shape == (2, 2)
    assert linalg.eigh(a).eigenvalues.tolist() == [1.0, 1.0]
    assert linalg.lu_factor(a).pivots.tolist() == [1, 2]


def test_importing_lepton_does_not_load_it(clean_environment: dict[str, str]) -> None:
    code = (
        "import sys, lepton\n"
        "heavy = [f'lepton.autograd.ops.{name}' for name in ('factorization', 'solving', 'determinants', 'norms')]\n"
        "assert not [name for name in (*heavy, 'lepton.linalg', 'lepton.kernels.linalg') if name in sys.modules]\n"
        "lepton.eye(2).inverse()\n"
        "assert heavy[1] in sys.modules and heavy[0] not in sys.modules\n"
        "assert lepton.linalg.det(lepton.eye(2)).item() == 1\n"
    )
    root = lepton.__path__[0].rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=root, env=clean_environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
