"""One call in Lepton and in PyTorch: where do they differ?"""

from __future__ import annotations

import builtins
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tests.table import Call, Entry
from tests.table._binding import Bound, Lepton, Library, Torch

LEPTON, TORCH = Lepton(), Torch()

# Relative to each element, or to the largest one: float64 to some 4,000 roundings, float32 to 16, float16 to 4.
RTOL = {"float64": 1e-12, "float32": 2e-6, "float16": 4e-3, "bfloat16": 3e-2}
GRADIENT_ROOM = 10  # gradients are compositions: several roundings more

Difference = tuple[str, str]  # aspect, what differs


class Failed(Exception):
    """A call that raised; ``kind`` is the class of Python's own that it is."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        self.kind = next(each for each in type(error).__mro__ if getattr(builtins, each.__name__, None) is each)
        self.error = error


def run(bound_args: tuple[Any, ...]) -> tuple[Bound, list[Any]] | Failed:
    try:
        bound = Bound(*bound_args)
        return bound, bound.run()
    except Exception as error:  # noqa: BLE001 - which exception it is, is what is compared
        return Failed(error)


def differences(
    entry: Entry, call: Call, how: str = "function", compared: set[str] | None = None
) -> Iterator[Difference]:
    """What differs: aspects ``error``, ``shape``, ``dtype``, ``value``, ``gradient``, ``second order``.

    ``compared`` is filled with the aspects of which there was something to compare.
    """
    compared = set() if compared is None else compared
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = run((TORCH, entry, call, how))
        ours = run((LEPTON, entry, call, how))
        if isinstance(theirs, Failed) or isinstance(ours, Failed):
            compared.add("error")
            yield from _errors(ours, theirs)
            return
        compared.add("value" if entry.compare == "values" else "shape")
        yield from _outputs(entry, ours[1], theirs[1])
        if entry.compare == "values" and entry.grad is not False:
            yield from _gradients(entry, ours, theirs, compared)
        yield from _buffers(entry, ours[0], theirs[0])


def _errors(ours: Any, theirs: Any) -> Iterator[Difference]:
    if not isinstance(theirs, Failed):
        yield "error", f"PyTorch computes it, Lepton raises {ours}"
    elif not isinstance(ours, Failed):
        yield "error", f"PyTorch raises {theirs}, Lepton computes it"
    else:
        kind = RuntimeError if theirs.kind is NotImplementedError else theirs.kind
        if not isinstance(ours.error, kind):
            yield "error", f"PyTorch raises {theirs}, Lepton {ours}"


def _outputs(entry: Entry, ours: Sequence[Any], theirs: Sequence[Any]) -> Iterator[Difference]:
    if len(ours) != len(theirs):
        yield "shape", f"{len(ours)} outputs, PyTorch has {len(theirs)}"
        return
    for place, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        where = f"output {place}: " if len(ours) > 1 else ""
        if not TORCH.is_tensor(other):
            if not _equal_plain(mine, other) and entry.compare == "values":
                yield "value", f"{where}{mine!r}, PyTorch has {other!r}"
        elif not LEPTON.is_tensor(mine):
            yield "value", f"{where}{type(mine).__name__}, PyTorch has a tensor"
        else:
            for aspect, text in tensor_differences(mine, other, entry.loose, entry.relative_to, entry.compare):
                yield aspect, where + text


def _equal_plain(mine: Any, other: Any) -> bool:
    if isinstance(other, float):
        return isinstance(mine, float) and bool(np.isclose(mine, other, rtol=1e-6, atol=0, equal_nan=True))
    if type(other).__module__.startswith("torch"):
        return str(mine).replace("lepton", "torch") == str(other)
    return type(mine) is type(other) and mine == other


def type_name(tensor: Any) -> str:
    """``float32`` for ``lepton.float32`` and ``torch.float32``."""
    return str(tensor.dtype).rpartition(".")[2]


def tensor_differences(
    mine: Any, other: Any, loose: float = 1.0, relative_to: str = "result", compare: str = "values"
) -> Iterator[Difference]:
    """How a tensor of ours differs from PyTorch's."""
    if tuple(mine.shape) != tuple(other.shape):
        yield "shape", f"{tuple(mine.shape)}, PyTorch has {tuple(other.shape)}"
        return
    kind = type_name(other)
    if type_name(mine) != kind:
        yield "dtype", f"{type_name(mine)}, PyTorch has {kind}"
    if compare == "values":
        found, right = LEPTON.host(mine), TORCH.host(other)
        yield from value_differences(found, right, near(found, right, RTOL.get(kind, 0.0) * loose, relative_to))


def value_differences(found: Any, right: Any, equal: Any) -> Iterator[Difference]:
    """The elements that are not equal."""
    wrong = ~equal
    if wrong.any():
        where = f" at {np.argwhere(wrong)[:6].tolist()}" if wrong.ndim else ""
        yield "value", f"{shown(found[wrong])}, PyTorch has {shown(right[wrong])}{where} of {wrong.size}"


def near(found: Any, right: Any, rtol: float, relative_to: str = "result", floor: float = 0.0) -> Any:
    """Where two arrays agree: equal where infinite or nan, near where finite.

    Relative to each element or to the largest one, and at least to ``floor``.
    """
    if rtol == 0.0:
        return found == right
    tiny = float(np.finfo(right.dtype).tiny)
    found, right = found.astype(np.float64), right.astype(np.float64)
    scale = np.abs(right)
    if relative_to == "result":
        scale = np.full(scale.shape, np.max(scale[np.isfinite(scale)], initial=floor))
    with np.errstate(invalid="ignore"):
        inside = np.abs(found - right) <= rtol * scale + tiny
    return np.where(np.isfinite(right), inside, (found == right) | (np.isnan(found) & np.isnan(right)))


def shown(array: Any) -> str:
    """An array in one line."""
    return np.array2string(array.ravel(), threshold=12, precision=17, max_line_width=10_000).replace("\n", "")


# ---------------------------------------------------------------------- gradients


def _gradients(
    entry: Entry, ours: tuple[Bound, list[Any]], theirs: tuple[Bound, list[Any]], compared: set[str]
) -> Iterator[Difference]:
    mine = [each for each in ours[1] if LEPTON.is_tensor(each) and each.requires_grad]
    other = [each for each in theirs[1] if TORCH.is_tensor(each) and each.requires_grad]
    if len(mine) != len(other):
        yield "gradient", f"{len(mine)} outputs require a gradient, in PyTorch {len(other)}"
        return
    if not other or not theirs[0].leaves or any(a.shape != tuple(b.shape) for a, b in zip(mine, other, strict=True)):
        return
    incoming = [_arriving(TORCH.host(each), seed) for seed, each in enumerate(other)]
    first = [_derive(LEPTON, mine, ours[0].leaves, incoming), _derive(TORCH, other, theirs[0].leaves, incoming)]
    if isinstance(first[1], Failed):
        return  # PyTorch has no derivative here
    if isinstance(first[0], Failed):
        yield "gradient", f"PyTorch computes it, Lepton raises {first[0]}"
        return
    compared.add("gradient")
    kinds = {type_name(each) for each in (*other, *theirs[0].leaves)}
    loosest = max(kinds, key=lambda kind: RTOL[kind])
    yield from _named("gradient", entry, ours[0].labels, first[0][0], first[1][0], loosest)
    if not entry.second_order or not all(_finite(each) for each in first[1][0]):
        return
    second = [_derive_again(LEPTON, ours[0].leaves, *first[0]), _derive_again(TORCH, theirs[0].leaves, *first[1])]
    if isinstance(second[1], Failed):
        return  # PyTorch has no second derivative here
    if isinstance(second[0], Failed):
        yield "second order", f"PyTorch computes it, Lepton raises {second[0]}"
        return
    compared.add("second order")
    labels = [*ours[0].labels, *[f"the gradient of output {k}" for k in range(len(mine))]]
    yield from _named("second order", entry, labels, second[0], second[1], loosest)


def _finite(gradient: Any) -> bool:
    return gradient is None or bool(np.isfinite(TORCH.host(gradient)).all())


def _arriving(like: Any, seed: int) -> Any:
    return np.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, like.shape).astype(like.dtype))


def _derive(library: Library, outputs: list[Any], leaves: list[Any], incoming: list[Any]) -> Any:
    """The first gradients on their graph, and the gradients that came in."""
    arriving = [library.tensor(each, True) for each in incoming]
    try:
        return list(library.grad(outputs, leaves, arriving, create_graph=True, allow_unused=True)), arriving
    except Exception as error:  # noqa: BLE001 - which exception it is, is what is compared
        return Failed(error)


def _derive_again(library: Library, leaves: list[Any], found: list[Any], arriving: list[Any]) -> Any:
    usable = [each for each in found if each is not None and each.requires_grad]
    if not usable:
        return [None] * (len(leaves) + len(arriving))
    weights = [library.tensor(_arriving(library.host(each), 100 + k), False) for k, each in enumerate(usable)]
    try:
        return list(library.grad(usable, [*leaves, *arriving], weights, allow_unused=True))
    except Exception as error:  # noqa: BLE001 - PyTorch lacks some second derivatives
        return Failed(error)


def _named(
    aspect: str, entry: Entry, labels: Sequence[str], ours: Sequence[Any], theirs: Sequence[Any], narrowest: str
) -> Iterator[Difference]:
    """Compare gradients; no gradient and a gradient of zeros say the same.

    Tolerances follow the narrowest type in which a step may have rounded. A second derivative that vanishes is a sum of
    first ones that cancel, so it is measured against 1; and ours may be finite where PyTorch's is nan.
    """
    rtol = RTOL[narrowest] * entry.loose * entry.loose_gradient * GRADIENT_ROOM
    for label, mine, other in zip(labels, ours, theirs, strict=True):
        if mine is None and other is None:
            continue
        if mine is not None and other is not None:
            for kind, text in tensor_differences(mine, other, compare="meta"):
                yield aspect, f"of {label}: {kind} {text}"
        found = None if mine is None else LEPTON.host(mine)
        right = np.zeros_like(found) if other is None else TORCH.host(other)
        found = np.zeros_like(right) if found is None else found
        if found.shape != right.shape:
            continue
        again = aspect == "second order"
        equal = near(found, right, rtol, floor=1.0 if again else 0.0)
        for _, text in value_differences(
            found, right, equal | (np.isnan(right) & np.isfinite(found)) if again else equal
        ):
            yield aspect, f"of {label}: {text}"


def _buffers(entry: Entry, ours: Bound, theirs: Bound) -> Iterator[Difference]:
    mine, other = ours.buffers(), theirs.buffers()
    if list(mine) != list(other):
        yield "value", f"buffers {list(mine)}, PyTorch has {list(other)}"
        return
    for name, values in mine.items():
        if not np.allclose(values, other[name], rtol=1e-12 * entry.loose, atol=1e-12):
            yield "value", f"buffer {name}: {shown(values)}, PyTorch has {shown(other[name])}"
