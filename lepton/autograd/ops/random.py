"""Tensors of random numbers, and the generator that they are drawn from.

Every draw is a function of the generator's key and counter (``lepton.backend.random``); the same seed gives the same
numbers on every machine. The numbers are not those of PyTorch. What is drawn is not differentiable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lepton.autograd.inplace import assign, check_writable
from lepton.autograd.op import broadcast_shape
from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.creation import new_tensor_of, numpy_dtype, shape_of
from lepton.autograd.registry import public
from lepton.autograd.tensor import Tensor
from lepton.backend import devices, dtypes
from lepton.backend import random as draws
from lepton.backend.random import Generator, default_generator
from lepton.errors import ArgumentTypeError, DTypeError, ShapeError, UnsupportedDTypeError

__all__ = [
    "bernoulli", "get_rng_state", "initial_seed", "manual_seed", "multinomial", "normal", "rand", "rand_like",
    "randint", "randint_like", "randn", "randn_like", "randperm", "seed", "set_rng_state",
]  # fmt: skip

Source = Generator | None


# ---------------------------------------------------------------------- seeds and states


@public(method=False)
def manual_seed(seed: int) -> Generator:
    """Begin the default generator's stream of ``seed``, an int in [−2⁶³, 2⁶⁴); returns the generator.

    Raises:
        RandomError: not an integer. ArgumentError: out of range.
    """
    return default_generator.manual_seed(seed)


@public(method=False)
def seed() -> int:
    """Begin a stream of the default generator that nobody can foresee; returns its seed."""
    return default_generator.seed()


@public(method=False)
def initial_seed() -> int:
    """The seed that the default generator's stream began with."""
    return default_generator.initial_seed()


@public(method=False)
def get_rng_state() -> Tensor:
    """The default generator's state, a 1-d uint8 tensor."""
    return generator_state(default_generator)


@public(method=False)
def set_rng_state(new_state: Tensor) -> None:
    """Go back to a state that :func:`get_rng_state` gave.

    Raises:
        ArgumentTypeError: it is no uint8 tensor. RandomError: it is no such state, or damaged.
    """
    restore_generator(default_generator, new_state)


def generator_state(generator: Generator) -> Tensor:
    """``Generator.get_state()``: the state as a 1-d uint8 tensor."""
    return Tensor(np.frombuffer(generator.get_state_bytes(), np.uint8).copy())


def restore_generator(generator: Generator, new_state: Tensor) -> Generator:
    """``Generator.set_state(state)``: go back to a state; returns the generator.

    Raises:
        ArgumentTypeError: it is no uint8 tensor. RandomError: it is no such state, or damaged.
    """
    array = devices.to_numpy(check_tensor(new_state, "set_state", "new_state")._data)
    if array.dtype != np.uint8:
        raise ArgumentTypeError(f"RNG state must be a torch.ByteTensor, that is of uint8, not {new_state.dtype}")
    generator.set_state_bytes(np.ascontiguousarray(array))
    return generator


# ---------------------------------------------------------------------- of a shape


@public(method=False)
def rand(
    *size: Any, generator: Source = None, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    **named: Any,
) -> Tensor:  # fmt: skip
    """Numbers drawn evenly from [0, 1).

    Raises:
        UnsupportedDTypeError: ``dtype`` is not floating. ShapeError: a negative length.
    """
    shape = shape_of(size, named, "rand")
    return new_tensor_of(draws.uniform(shape, dtype=numpy_dtype(dtype), generator=generator), requires_grad, device)


@public(method=False)
def randn(
    *size: Any, generator: Source = None, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    **named: Any,
) -> Tensor:  # fmt: skip
    """Numbers drawn from the normal distribution with mean 0 and standard deviation 1.

    Raises:
        UnsupportedDTypeError: ``dtype`` is not floating. ShapeError: a negative length.
    """
    shape = shape_of(size, named, "randn")
    return new_tensor_of(draws.normal(shape, dtype=numpy_dtype(dtype), generator=generator), requires_grad, device)


@public(method=False)
def randint(
    *bounds: Any, generator: Source = None, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    **named: Any,
) -> Tensor:  # fmt: skip
    """``randint(low=0, high, size)``: whole numbers drawn evenly from [low, high), int64 unless told otherwise.

    Raises:
        RandomError: low ≥ high, or a bound that the type does not hold. ArgumentTypeError: a bound or the size is
            missing.
    """
    low, high, size = _randint_arguments(bounds, named)
    kind = dtypes.int64 if dtype is None else dtype
    shape = shape_of((), {"size": size}, "randint")
    return new_tensor_of(draws.integers(shape, low, high, kind, generator), requires_grad, device)


def _randint_arguments(bounds: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any, Any]:
    given = list(bounds)
    size = named.pop("size", None)
    if size is None:
        if len(given) < 2 and "high" not in named:
            raise ArgumentTypeError('randint() missing required positional arguments: "high", "size"')
        size = given.pop()
    if "high" in named:
        given = [named.pop("low", 0) if not given else given[0], named.pop("high")]
    if named or not 1 <= len(given) <= 2:
        raise ArgumentTypeError(f"randint() expects (low=0, high, size), got {bounds} and {sorted(named)}")
    return (0, given[0], size) if len(given) == 1 else (given[0], given[1], size)


@public(method=False)
def randperm(
    n: int, *, generator: Source = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """0 … n − 1 in random order, int64 unless told otherwise.

    Raises:
        ShapeError: n is negative. DTypeError: the type does not hold n − 1. UnsupportedDTypeError: it is bool.
    """
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    if kind is dtypes.bool_:
        raise UnsupportedDTypeError("\"randperm\" not implemented for 'Bool': ask for an integer dtype")
    if kind.category == 1 and n - 1 > dtypes.iinfo(kind).max:
        raise DTypeError(f"n is too large for result tensor type: '{kind.name}' does not hold {n - 1}")
    return new_tensor_of(draws.permutation(n, generator).astype(kind.numpy, copy=False), requires_grad, device)


@public(method=False)
def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Source = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Numbers drawn from normal distributions of these means and standard deviations.

    Args:
        mean, std: numbers, or tensors that broadcast, one for each result.
        size: the shape, where both are numbers.

    Raises:
        RandomError: a standard deviation is negative. ShapeError: the tensors do not broadcast.
    """
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        shape = shape_of((), {"size": size} if size is not None else {}, "normal")
        drawn = draws.normal(shape, mean, std, numpy_dtype(dtype), generator)
        return new_tensor_of(drawn, requires_grad, device)
    like = mean if isinstance(mean, Tensor) else std
    loc, scale = [devices.to_numpy(each._data) if isinstance(each, Tensor) else each for each in (mean, std)]
    shape = broadcast_shape(*[each.shape for each in (loc, scale) if isinstance(each, np.ndarray)])
    drawn = draws.normal(shape, loc, scale, like._data.dtype, generator)
    return new_tensor_of(drawn, requires_grad, like.device)


# ---------------------------------------------------------------------- like a tensor


def _like(
    input: Tensor, dtype: Any, device: Any, requires_grad: bool, draw: Callable[[tuple[int, ...], Any], Any]
) -> Tensor:
    data = input._data
    kind = data.dtype if dtype is None else numpy_dtype(dtype)
    return new_tensor_of(draw(data.shape, kind), requires_grad, input.device if device is None else device)


@public(method=False)
def rand_like(
    input: Tensor, *, generator: Source = None, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """:func:`rand` of the shape, type and device of ``input``; always contiguous, whatever ``memory_format``."""
    check_tensor(input, "rand_like")
    return _like(input, dtype, device, requires_grad, lambda s, k: draws.uniform(s, dtype=k, generator=generator))


@public(method=False)
def randn_like(
    input: Tensor, *, generator: Source = None, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """:func:`randn` of the shape, type and device of ``input``; always contiguous, whatever ``memory_format``."""
    check_tensor(input, "randn_like")
    return _like(input, dtype, device, requires_grad, lambda s, k: draws.normal(s, dtype=k, generator=generator))


@public(method=False)
def randint_like(
    input: Tensor, low: int, high: int | None = None, *, generator: Source = None, dtype: Any = None,
    device: Any = None, requires_grad: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Whole numbers from [low, high), or [0, low) without ``high``, of the shape, type and device of ``input``."""
    check_tensor(input, "randint_like")
    first, last = (0, low) if high is None else (low, high)
    return _like(input, dtype, device, requires_grad, lambda s, k: draws.integers(s, first, last, k, generator))


@public()
def bernoulli(input: Tensor, p: Any = None, *, generator: Source = None) -> Tensor:
    """1 with the probability that each element of ``input`` (or the number ``p``) gives, else 0; of its type.

    Raises:
        RandomError: a probability outside of [0, 1]. DTypeError: probabilities that are not floating.
    """
    data = check_tensor(input, "bernoulli")._data
    if p is None and not input.dtype.is_floating_point:
        raise DTypeError(f"bernoulli expects a tensor of probabilities of floating type, got {input.dtype}")
    return _moved(_bernoulli(devices.to_numpy(data) if p is None else p, data.shape, generator), input)


def _bernoulli(p: Any, shape: tuple[int, ...], generator: Source) -> Any:
    chance = devices.to_numpy(p._data) if isinstance(p, Tensor) else p
    if isinstance(p, Tensor) and broadcast_shape(p._data.shape, shape) != shape:
        raise ShapeError(f"probabilities of shape {list(p.shape)} do not expand to the size {list(shape)}")
    return draws.bernoulli(chance, shape, generator)


def _moved(array: Any, like: Tensor) -> Tensor:
    return new_tensor_of(array.astype(like._data.dtype, copy=False), False, like.device)


@public()
def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Source = None) -> Tensor:
    """Indices (int64) drawn in proportion to the weights in ``input``, row by row.

    Args:
        input: floating, (k) or (m, k): not negative, each row with a positive sum.
        num_samples: how many for each row; the result is (num_samples) or (m, num_samples).
        replacement: whether one index may be drawn several times.

    Raises:
        RandomError: weights or ``num_samples`` out of range. ShapeError: another number of dimensions.
    """
    weights = devices.to_numpy(check_tensor(input, "multinomial")._data)
    return new_tensor_of(draws.multinomial(weights, num_samples, replacement, generator), False, input.device)


# ---------------------------------------------------------------------- in place


def _fill(tensor: Tensor, draw: Callable[[tuple[int, ...], Any], Any]) -> Tensor:
    check_writable(tensor)
    data = tensor._data
    return assign(tensor, new_tensor_of(draw(data.shape, data.dtype), False, tensor.device))


def _bounds(what: str, given: tuple[Any, ...], named: dict[str, Any], defaults: tuple[Any, Any]) -> tuple[Any, Any]:
    """The arguments ``from`` and ``to``, of which the first has a name that Python does not allow in a signature."""
    values = dict(zip(("from", "to"), given, strict=False)) | named
    if len(given) > 2 or set(values) - {"from", "to"}:
        raise ArgumentTypeError(f"{what}() expects the bounds from and to, got {given} and {sorted(named)}")
    return values.get("from", defaults[0]), values.get("to", defaults[1])


@public()
def uniform_(self: Tensor, *bounds: float, generator: Source = None, **named: float) -> Tensor:
    """``uniform_(from=0, to=1)``: fill it with numbers drawn evenly from [from, to); returns it.

    Raises:
        RandomError: from > to. UnsupportedDTypeError: its type is not floating. GradError: it is a leaf that requires
            a gradient.
    """
    low, high = _bounds("uniform_", bounds, named, (0.0, 1.0))
    return _fill(self, lambda shape, kind: draws.uniform(shape, low, high, kind, generator))


@public()
def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Source = None) -> Tensor:
    """Fill it with numbers from the normal distribution; returns it.

    Raises:
        RandomError: ``std`` is negative. UnsupportedDTypeError: its type is not floating.
    """
    return _fill(self, lambda shape, kind: draws.normal(shape, mean, std, kind, generator))


@public()
def random_(self: Tensor, *bounds: int, generator: Source = None, **named: int) -> Tensor:
    """``random_(from=0, to=None)``: fill it with whole numbers drawn evenly from [from, to); returns it.

    ``random_(to)`` begins at 0. Without bounds: all that an integer type holds from 0 on, [0, 2^digits] for floats.

    Raises:
        RandomError: from ≥ to, or a bound that the type does not hold.
    """
    if len(bounds) == 1 and not named:
        bounds = (0, *bounds)
    low, high = _bounds("random_", bounds, named, (0, None))
    if high is None:
        high = _largest(self.dtype) + 1
    return _fill(self, lambda shape, kind: draws.integers(shape, low, high, kind, generator))


def _largest(dtype: dtypes.dtype) -> int:
    if dtype is dtypes.bool_:
        return 1
    return round(2 / dtypes.finfo(dtype).eps) if dtype.is_floating_point else dtypes.iinfo(dtype).max


@public()
def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Source = None) -> Tensor:
    """Fill it with 1 with probability ``p`` (a number, or a tensor that broadcasts), else 0; returns it.

    Raises:
        RandomError: a probability outside of [0, 1].
    """
    return _fill(self, lambda shape, kind: _bernoulli(p, shape, generator).astype(kind))


@public()
def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Source = None) -> Tensor:
    """Fill it with numbers of the density λ·e^(−λx); returns it.

    Raises:
        RandomError: λ ≤ 0. UnsupportedDTypeError: its type is not floating.
    """
    return _fill(self, lambda shape, kind: draws.exponential(shape, lambd, kind, generator))


@public()
def geometric_(self: Tensor, p: float, *, generator: Source = None) -> Tensor:
    """Fill it with the numbers of trials up to the first success, P(k) = p·(1 − p)^(k−1); returns it.

    Raises:
        RandomError: p is not in (0, 1).
    """
    return _fill(self, lambda shape, kind: draws.geometric(shape, p, kind, generator))


@public()
def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Source = None) -> Tensor:
    """Fill it with numbers of the density 1 / (π·σ·(1 + ((x − median)/σ)²)); returns it.

    Raises:
        RandomError: σ ≤ 0. UnsupportedDTypeError: its type is not floating.
    """
    return _fill(self, lambda shape, kind: draws.cauchy(shape, median, sigma, kind, generator))


@public()
def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Source = None) -> Tensor:
    """Fill it with e^x for x from the normal distribution; returns it.

    Raises:
        RandomError: ``std`` ≤ 0. UnsupportedDTypeError: its type is not floating.
    """
    return _fill(self, lambda shape, kind: draws.log_normal(shape, mean, std, kind, generator))


# PyTorch's states are tensors, which the backend's class does not know
Generator.get_state = generator_state  # type: ignore[attr-defined]
Generator.set_state = restore_generator  # type: ignore[attr-defined]
