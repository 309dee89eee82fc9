"""Measure how exact the functions are, against mpmath, and write docs/accuracy.md.

    python benchmarks/accuracy.py

Each function is computed at thousands of points: spread evenly and over all magnitudes, close to its zeros and poles
and to where one formula gives way to another, denormal and huge. For float32 the function is also computed at a hundred
times as many random numbers and compared with itself in float64, and where that differs most is measured as well. The
error is |found − exact| in units in the last place (ULP) of the exact result, or, where the table says so, of the
largest of the terms that nearly cancel. NumPy's functions differ with the instructions that the processor has, so all
is measured again with only a part of them, and the largest error of all counts. The exit status is 1 if one exceeds its
limit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import numpy as np
from numpy._core import _multiarray_umath as umath

import lepton
from lepton import special
from lepton.kernels import bessel, elementwise, gamma, loss
from lepton.kernels import special as kernels
from lepton.nn import functional

PAGE = Path(__file__).resolve().parents[1] / "docs" / "accuracy.md"
DTYPES = ("float32", "float64")
POINTS, WIDE = 3000, 100  # points of each kind; how many times more are compared in float64
WORST = 200  # of which this many are measured
BITS = 200  # of the exact values: some cancel by half of that

Array = Any
Exact = Callable[[Any], Any]


class Subject(NamedTuple):
    """A function to measure.

    Attributes:
        name: as the page shows it.
        exact: the result for one mpmath number (None at a pole), or for ``rows`` the results for a list of them.
        kernel: what computes it on arrays.
        public: what computes it on tensors, with the same results.
        points: (low, high) for points spread evenly, and (sign, low, high) for signs times powers of ten.
        special: zeros, poles and joints of formulas; points are taken on both sides at all distances.
        largest: the largest term of those that cancel, to whose last place errors are related.
        limits: in ULP, of float32 and float64.
        rows: it works on rows (of the last dimension) and not on elements.
    """

    name: str
    exact: Exact
    kernel: Callable[[Array], Array]
    public: Callable[[Any], Any]
    points: tuple[tuple[float, ...], ...] = ()
    special: tuple[float, ...] = ()
    largest: Exact | None = None
    limits: tuple[float, float] = (4.0, 2.0)
    rows: bool = False


# ---------------------------------------------------------------------- what is exact


def _at_pole(x: Any) -> bool:
    return bool(x <= 0 and x == mpmath.nint(x))


def _lgamma(x: Any) -> Any:
    if _at_pole(x):
        return None
    return mpmath.log(abs(mpmath.gamma(x))) if abs(x) < 1e4 else mpmath.re(mpmath.loggamma(x))


def _lgamma_terms(x: Any) -> Any:
    """ln|x·r|, r = x less the nearest integer, and ln Γ(−x), which make the result for x < −½."""
    return 0 if x > -0.5 or _at_pole(x) else max(abs(mpmath.log(abs(x * (x - mpmath.nint(x))))), abs(_lgamma(-x)))


def _digamma(x: Any) -> Any:
    return None if _at_pole(x) else mpmath.digamma(x)


def _digamma_terms(x: Any) -> Any:
    """ψ(1 − x) and π·cot πx, the difference of which is the result for x < 0."""
    return 0 if _at_pole(x) else max(abs(mpmath.digamma(1 - x)), abs(mpmath.pi * mpmath.cot(mpmath.pi * x)))


def _ndtr(x: Any) -> Any:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def _erfcx(x: Any) -> Any:
    if x < 1000:
        return mpmath.exp(x * x) * mpmath.erfc(x)
    return mpmath.hyperu(mpmath.mpf(1) / 2, mpmath.mpf(1) / 2, x * x) / mpmath.sqrt(mpmath.pi)


def _log_ndtr(x: Any) -> Any:
    if x < -1000:
        return mpmath.log(_erfcx(-x / mpmath.sqrt(2)) / 2) - x * x / 2
    return mpmath.log(_ndtr(x)) if x < 0 else mpmath.log1p(-_ndtr(-x))


def _tail_and_peak(row: list[Any]) -> tuple[Any, Any]:
    """log Σ e^(x − max x), and max x."""
    place = row.index(max(row))
    return mpmath.log1p(sum(mpmath.exp(x - row[place]) for k, x in enumerate(row) if k != place)), row[place]


def _logsumexp(row: list[Any]) -> list[Any]:
    return [sum(_tail_and_peak(row))]


def _logsumexp_terms(row: list[Any]) -> Any:
    return max(abs(each) for each in _tail_and_peak(row))


def _log_softmax(row: list[Any]) -> list[Any]:
    tail, peak = _tail_and_peak(row)
    return [(x - peak) - tail for x in row]


def _bessel(order: int, scaled: bool) -> Exact:
    return lambda x: mpmath.besseli(order, x) * (mpmath.exp(-abs(x)) if scaled else 1)


# ---------------------------------------------------------------------- what is measured

EVERYWHERE = ((-700.0, 700.0), (-3.0, 3.0), (1, -320, 2.5), (-1, -320, 2.5))
ABOVE = ((0.0, 20.0), (1, -320, 300))
BELOW = ((-20.0, 0.0), (-160.0, 0.0), (-1, -320, 14))
SMALL = ((-40.0, 40.0), (-3.0, 3.0), (1, -300, 1.6), (-1, -300, 1.6))

SUBJECTS = (
    Subject("exp", mpmath.exp, np.exp, lepton.exp, EVERYWHERE),
    Subject("log", mpmath.log, np.log, lepton.log, ((0.0, 3.0), (1, -323, 308)), (1.0,)),
    Subject("tanh", mpmath.tanh, elementwise.tanh, lepton.tanh, SMALL),
    Subject("sigmoid", lambda x: 1 / (1 + mpmath.exp(-x)), elementwise.sigmoid, lepton.sigmoid, EVERYWHERE),
    Subject("erf", mpmath.erf, kernels.erf, lepton.erf, SMALL, (1.0, -1.0)),
    Subject(
        "gelu",
        lambda x: x * _ndtr(x),
        elementwise.gelu,
        functional.gelu,
        SMALL,
        (2**0.5, -(2**0.5)),
        lambda x: abs(x) / 2,
    ),
    Subject(
        "softplus",
        lambda x: x if x > 20 else mpmath.log1p(mpmath.exp(x)),
        lambda x: elementwise.softplus(x, 1.0, 20.0),
        functional.softplus,
        EVERYWHERE,
        (20.0,),
    ),
    Subject(
        "logsigmoid",
        lambda x: -mpmath.log1p(mpmath.exp(-x)),
        elementwise.log_sigmoid,
        functional.logsigmoid,
        EVERYWHERE,
    ),
    Subject(
        "logsumexp",
        _logsumexp,
        lambda x: lepton.logsumexp(lepton.Tensor(x), -1, keepdim=True)._data,
        lambda x: lepton.logsumexp(x, -1, keepdim=True),
        largest=_logsumexp_terms,
        limits=(4.0, 2.5),
        rows=True,
    ),
    Subject(
        "log_softmax",
        _log_softmax,
        lambda x: loss.log_softmax(x, x.ndim - 1),
        lambda x: lepton.log_softmax(x, -1),
        limits=(4.0, 2.5),
        rows=True,
    ),
    Subject("lgamma, x > 0", _lgamma, gamma.lgamma, lepton.lgamma, ABOVE, (0.5, 1.0, 2.0, 3.0, 8.0)),
    Subject(
        "lgamma, x < 0", _lgamma, gamma.lgamma, lepton.lgamma, BELOW, (-0.5, -1.0, -2.4570247382208006, -3.0),
        _lgamma_terms, (4.0, 3.0),
    ),
    Subject(
        "digamma, x > 0", _digamma, gamma.digamma, lepton.digamma, ABOVE, (1.0, 1.4616321449683623, 2.0, 7.0),
        limits=(4.0, 2.5),
    ),
    Subject(
        "digamma, x < 0", _digamma, gamma.digamma, lepton.digamma, BELOW, (-0.504083008264455, -1.0, -2.25, -2.5),
        _digamma_terms, (4.0, 3.0),
    ),
    Subject("erfc", mpmath.erfc, kernels.erfc, lepton.erfc, SMALL, (0.75, -0.75), limits=(1.0, 6.0)),
    Subject("special.erfcx", _erfcx, kernels.erfcx, special.erfcx, SMALL, (0.75, -0.75), limits=(1.0, 6.0)),
    Subject("special.ndtr", _ndtr, kernels.ndtr, special.ndtr, SMALL, limits=(1.0, 6.0)),
    Subject("special.log_ndtr", _log_ndtr, kernels.log_ndtr, special.log_ndtr, EVERYWHERE, limits=(1.0, 6.0)),
    *[
        Subject(
            f"special.i{order}{'e' * scaled}",
            _bessel(order, scaled),
            lambda x, order=order, scaled=scaled: bessel.bessel_i(x, order, scaled),
            getattr(special, f"i{order}{'e' * scaled}"),
            SMALL,
            (8.0, -8.0),
            limits=(1.0, 5.0),
        )
        for order in (0, 1)
        for scaled in (False, True)
    ],
    Subject(
        "special.polygamma, n = 1",
        lambda x: mpmath.psi(1, x),
        lambda x: gamma.polygamma(x, 1),
        lambda x: special.polygamma(1, x),
        ABOVE,
        limits=(1.0, 6.0),
    ),
)  # fmt: skip


def points(subject: Subject, dtype: str, count: int, seed: int = 0) -> Array:
    """Where the function is measured: numbers, or for ``rows`` a list of rows of several lengths."""
    rng = np.random.default_rng([seed, count])
    if subject.rows:
        return [row.astype(dtype) for row in _rows(rng, count)]
    found = [np.asarray(subject.special, np.float64)]
    for kind in subject.points:
        if len(kind) == 2:
            found.append(rng.uniform(*kind, count))
        else:
            found.append(kind[0] * 10.0 ** rng.uniform(*kind[1:], count // 2))
    for center in subject.special:
        distances = 10.0 ** rng.uniform(-17, -0.3, count // 20)
        found += [center + distances, center - distances]
    with np.errstate(over="ignore"):
        made = np.unique(np.concatenate(found).astype(dtype))
    return made[np.isfinite(made) & (made != 0) & _domain(subject, made)]


def _domain(subject: Subject, x: Array) -> Array:
    low = min(kind[0] if len(kind) == 2 else 0.0 if kind[0] > 0 else -np.inf for kind in subject.points)
    high = max(kind[1] if len(kind) == 2 else np.inf if kind[0] > 0 else 0.0 for kind in subject.points)
    return (x >= low) & (x <= high)


def _rows(rng: np.random.Generator, count: int) -> Iterator[Array]:
    for length in (2, 3, 10, 100):
        for spread in (0.1, 1.0, 5.0, 30.0, 1e4):
            yield from rng.normal(size=(max(count // (20 * length), 1), length)) * spread
    for ahead in (1.0, 3.0, 9.0, 14.0, 17.0, 40.0, 90.0, 700.0, 1e4):  # one far above the others
        yield from rng.normal(size=(max(count // 60, 1), 3)) + [ahead, 0.0, 0.0]


# ---------------------------------------------------------------------- measuring


def ulp(value: Any, dtype: str) -> float:
    """The distance from a number to the next larger one of the type."""
    with np.errstate(over="ignore"):
        return float(np.spacing(np.abs(np.asarray(float(value)).astype(dtype))))


def error(found: float, exact: Any, largest: Any, dtype: str) -> float:
    """How far a result is off, in ULP; ∞ where the one is finite and the other is not."""
    if abs(exact) > np.finfo(dtype).max:
        return 0.0 if abs(found) == np.inf or abs(found) == np.finfo(dtype).max else np.inf
    if not np.isfinite(found):
        return np.inf
    return float(abs(mpmath.mpf(found) - exact) / ulp(max(abs(exact), largest), dtype))


def measure(subject: Subject, dtype: str, count: int, wide: int) -> tuple[float, Any]:
    """The largest error in ULP of a function in a type, and where.

    Raises:
        AssertionError: the public function differs from the kernel.
    """
    with mpmath.workprec(BITS), np.errstate(all="ignore"):
        return max(_errors(subject, dtype, count, wide), key=lambda pair: pair[0])


def _errors(subject: Subject, dtype: str, count: int, wide: int) -> Iterator[tuple[float, Any]]:
    chosen = points(subject, dtype, count)
    if dtype == "float32" and not subject.rows:
        chosen = np.concatenate([chosen, suspects(subject, count * wide)])
    for x in chosen if subject.rows else [chosen]:
        found = subject.kernel(x)
        public = subject.public(lepton.Tensor(x))._data
        assert np.array_equal(found, public, equal_nan=True), f"{subject.name} differs from its kernel"
        numbers = [mpmath.mpf(each) for each in x.tolist()]
        if subject.rows:
            largest = subject.largest(numbers) if subject.largest else 0
            for value, exact in zip(found.tolist(), subject.exact(numbers), strict=True):
                yield error(value, exact, largest, dtype), x.tolist()
        else:
            for number, value in zip(numbers, found.tolist(), strict=True):
                exact = subject.exact(number)
                if exact is not None:
                    largest = subject.largest(number) if subject.largest else 0
                    yield error(value, exact, largest, dtype), float(number)


def suspects(subject: Subject, count: int) -> Array:
    """Where float32 differs most from float64 among many random numbers."""
    x = points(subject, "float32", count, seed=1)
    exact = subject.kernel(x.astype(np.float64))
    scale = np.maximum(abs(exact), abs(x) / 2 if subject.name == "gelu" else 0).astype(np.float32)
    off = abs(subject.kernel(x) - exact) / np.spacing(scale)
    return x[np.argsort(np.where(np.isfinite(off), off, 0))[-WORST:]]


def measure_all(count: int = POINTS, wide: int = WIDE) -> dict[str, dict[str, float]]:
    """The largest errors of all functions, by name and type."""
    return {each.name: {dtype: measure(each, dtype, count, wide)[0] for dtype in DTYPES} for each in SUBJECTS}


# ---------------------------------------------------------------------- the page

HEADER = """\
# How exact the functions are

Written by `.venv/bin/python benchmarks/accuracy.py`, which tells how it measures; do not edit. The table has the
largest error that was found, in units in the last place (ULP), and in brackets the largest that is allowed, which
`tests/kernels/test_accuracy.py` checks. Half a unit is what rounding the exact result costs.

Measured with NumPy {numpy} on {machine}, once with each of the instruction sets {sets}, as NumPy's own functions differ
between them.

| function | float32 | float64 | units of |
|---|---|---|---|
"""
TERMS = {
    "gelu": "x/2: below 0 it is x/2 less nearly as much",
    "logsumexp": "the largest of max x and log Σ e^(x − max x), which cancel near 0",
    "lgamma, x < 0": "the largest of ln |x·r|, r = x less the nearest integer, and ln Γ(−x), which cancel at zeros",
    "digamma, x < 0": "the largest of ψ(1 − x) and π·cot πx, which cancel at zeros",
}


def page(measured: dict[str, dict[str, float]], sets: list[str]) -> str:
    """The text of docs/accuracy.md."""
    lines = [HEADER.format(numpy=np.__version__, machine=platform.machine(), sets=", ".join(sets))]
    for each in SUBJECTS:
        errors = [measured[each.name][dtype] for dtype in DTYPES]
        cells = " | ".join(f"{worst:.2f} ({limit:g})" for worst, limit in zip(errors, each.limits, strict=True))
        lines.append(f"| `{each.name}` | {cells} | {TERMS.get(each.name, 'the result')} |\n")
    return "".join(lines)


def instruction_sets() -> dict[str, str]:
    """What NumPy can compute with here, from the least to all, and for each what must be switched off."""
    found = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]
    least = umath.__cpu_baseline__[-1] if umath.__cpu_baseline__ else "the baseline"
    return {name: " ".join(found[k:]) for k, name in enumerate([least, *found])}


def main() -> int:
    """Measure in one process for each instruction set, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=int, default=POINTS, help="of each kind")
    parser.add_argument("--only-measure", action="store_true", help="print the errors of this process as JSON")
    options = parser.parse_args()
    if options.only_measure:
        json.dump(measure_all(options.points), sys.stdout)
        return 0
    largest: dict[str, dict[str, float]] = {}
    sets = instruction_sets()
    for name, switched_off in sets.items():
        print(f"measuring with {name}", file=sys.stderr)
        command = [sys.executable, __file__, "--only-measure", "--points", str(options.points)]
        environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": switched_off}
        errors = json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)
        for subject, by_dtype in errors.items():
            held = largest.setdefault(subject, by_dtype)
            largest[subject] = {dtype: max(held[dtype], by_dtype[dtype]) for dtype in DTYPES}
    PAGE.write_text(page(largest, list(sets)), encoding="utf-8")
    print(f"{PAGE} written")
    exceeded = [
        f"{each.name} in {dtype}: {largest[each.name][dtype]:.2f} ULP, {limit:g} allowed"
        for each in SUBJECTS
        for dtype, limit in zip(DTYPES, each.limits, strict=True)
        if largest[each.name][dtype] > limit
    ]
    print("\n".join(exceeded))
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
