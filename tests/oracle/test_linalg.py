"""Linear algebra compared with PyTorch where the table does not look: named results in print, messages, keywords."""

import numpy as np
import pytest
import torch

import lepton

DIAGONAL = np.diag([3.0, 2.0, 1.0])
OF_A = ("det", "inv", "inv_ex", "lu", "lu_factor", "lu_factor_ex", "qr", "slogdet", "svd", "svdvals")
OF_INPUT = (
    "cholesky", "cholesky_ex", "cond", "eigh", "eigvalsh", "matrix_exp", "matrix_norm", "matrix_rank", "norm", "pinv",
    "vector_norm",
)  # fmt: skip
SINGULAR = np.stack([np.eye(3), np.diag([1.0, 0.0, 1.0])])


def both(function, *arrays):
    """The results of a function of (library, *tensors), ours and PyTorch's."""
    return [function(lib, *[lib.from_numpy(np.array(each)) for each in arrays]) for lib in (lepton, torch)]


@pytest.mark.parametrize(
    "function",
    [
        lambda lib, a: lib.linalg.cholesky_ex(a),
        lambda lib, a: lib.linalg.eigh(a),
        lambda lib, a: lib.linalg.inv_ex(a),
        lambda lib, a: lib.linalg.lu(a),
        lambda lib, a: lib.linalg.lu_factor(a),
        lambda lib, a: lib.linalg.lu_factor_ex(a),
        lambda lib, a: lib.linalg.lstsq(a, a, driver="gelsd"),
        lambda lib, a: lib.linalg.slogdet(a),
        lambda lib, a: lib.linalg.solve_ex(a, a),
        lambda lib, a: lib.linalg.svd(a),
        lambda lib, a: lib.slogdet(a),
        lambda lib, a: lib.svd(a),
        lambda lib, a: lib.triangular_solve(a, a),
    ],
)
@pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated")
def test_results_print_alike(function):
    ours, theirs = both(function, DIAGONAL)
    assert str(ours).replace("lepton", "torch").replace("-0.", "0.") == str(theirs).replace("-0.", "0.")
    assert [name for name in dir(ours) if name in type(ours)._fields] == sorted(type(ours)._fields)


@pytest.mark.parametrize(
    "function",
    [
        lambda lib, a: lib.linalg.inv(a),
        lambda lib, a: lib.linalg.inv(a[1]),
        lambda lib, a: lib.linalg.solve(a, a),
        lambda lib, a: lib.linalg.cholesky(a),
        lambda lib, a: lib.cholesky(a[1]),
        lambda lib, a: lib.cholesky_inverse(a),
        lambda lib, a: lib.linalg.svd(a * float("nan")),
        lambda lib, a: lib.linalg.svdvals(a[1] * float("nan")),
    ],
)
def test_what_fails_is_told_alike(function):
    messages = []
    for lib in (lepton, torch):
        with pytest.raises(lib.linalg.LinAlgError) as caught:
            function(lib, lib.from_numpy(SINGULAR.copy()))
        messages.append(str(caught.value).replace("torch.linalg", "linalg"))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        *[(name, ("A",), {}) for name in OF_A],
        *[(name, ("input",), {}) for name in OF_INPUT],
        ("diagonal", ("A",), {"offset": 1, "dim1": 0, "dim2": 1}),
        ("matrix_power", ("input",), {"n": 2}),
        ("tensorinv", ("input",), {"ind": 1}),
        ("solve", ("A", "B"), {"left": False}),
        ("solve_ex", ("A", "B"), {"left": True, "check_errors": True}),
        ("solve_triangular", ("input", "B"), {"upper": True, "left": False, "unitriangular": True}),
        ("lstsq", ("input", "b"), {"rcond": None, "driver": "gelsd"}),
        ("vecdot", ("x", "y"), {"dim": 0}),
        ("cross", ("input", "other"), {"dim": 0}),
        ("matmul", ("input", "other"), {}),
        ("vander", ("x",), {"N": 2}),
    ],
)
def test_arguments_have_the_same_names(name, arguments, options):
    for lib in (lepton, torch):
        getattr(lib.linalg, name)(**{each: lib.from_numpy(DIAGONAL.copy()) for each in arguments}, **options)
