"""``gradcheck``: are the gradients right? Every derivative is compared with a central difference.

For an output y and an input x the two Jacobians J[i, j] = ∂y_j/∂x_i are computed:

    numerical    (y_j(x_i + ε) − y_j(x_i − ε)) / 2ε          error O(ε²) + O(u/ε), u the unit roundoff
    analytical   column j is the gradient that backward gives for the output gradient e_j

``gradgradcheck`` does the same with the function (x, g) ↦ gᵀ·∂y/∂x, so it checks second derivatives, and the derivative
with respect to the incoming gradient.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lepton.autograd.engine import grad
from lepton.autograd.tensor import Tensor
from lepton.backend import devices
from lepton.backend.dtypes import float64
from lepton.errors import ArgumentError, ArgumentTypeError, GradcheckError

Matrix = np.ndarray[Any, Any]
Inputs = Tensor | Sequence[Any]

_SHOWN = 8  # rows and columns of a Jacobian that a message prints


def gradcheck(
    func: Callable[..., Any],
    inputs: Inputs,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Compare the gradients of ``func`` with central differences; True if all agree.

    |analytical − numerical| ≤ atol + rtol·|numerical| must hold for every element of every Jacobian. The inputs are
    perturbed in place and put back.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a sequence of arguments. Those with ``requires_grad`` are checked; they should be float64.
        eps: the step ε of the difference.
        atol, rtol: absolute and relative tolerance.
        raise_exception: raise on a mismatch; else return False.
        nondet_tol: by how much two backward passes over the same graph may differ.
        check_undefined_grad: let the gradients of the other outputs be undefined, not zero, when one is checked.
        check_grad_dtypes: a gradient must have its input's dtype.
        fast_mode: compare vᵀJu for one random u and v instead of each element: 2 evaluations for each input.

    Raises:
        GradcheckError: a derivative disagrees, backward is not repeatable, a gradient has another shape or dtype than
            its input. The message names input and output, the largest difference and both Jacobians.
        ArgumentError: no input requires a gradient, or inputs share memory, so that they cannot be perturbed apart.
    """
    arguments = _as_arguments(inputs)
    checked = _check_inputs(arguments)
    check = _Check(func, arguments, checked, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes)
    try:
        check.run(fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Inputs,
    grad_outputs: Inputs | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Compare second derivatives with central differences of first ones; True if all agree.

    Args:
        func, inputs, eps, atol, rtol, raise_exception, nondet_tol, check_undefined_grad, check_grad_dtypes, fast_mode:
            as for :func:`gradcheck`, which is run on (inputs, grad_outputs) ↦ gradients of the inputs.
        grad_outputs: the gradients of the outputs; drawn at random when not given.
        gen_non_contig_grad_outputs: make the drawn ones non-contiguous.

    Raises:
        GradcheckError, ArgumentError: as for :func:`gradcheck`.
    """
    arguments = _as_arguments(inputs)
    count = len(arguments)
    if grad_outputs is None:
        outputs = _differentiable(func(*arguments))
        seeds = tuple(_draw_gradient(each, gen_non_contig_grad_outputs, k) for k, each in enumerate(outputs))
    else:
        seeds = tuple(_as_arguments(grad_outputs))

    def gradients(*values: Any) -> tuple[Tensor, ...]:
        outs = _differentiable(func(*values[:count]))
        wanted = [each for each in values[:count] if isinstance(each, Tensor) and each.requires_grad]
        if not outs:
            return ()
        found = grad(outs, wanted, list(values[count:]), create_graph=True, allow_unused=True)
        return tuple(each for each in found if each is not None)

    return gradcheck(
        gradients,
        (*arguments, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        fast_mode=fast_mode,
    )


# ---------------------------------------------------------------------- arguments


def _as_arguments(inputs: Inputs) -> tuple[Any, ...]:
    if isinstance(inputs, Tensor):
        return (inputs,)
    if not isinstance(inputs, (tuple, list)):
        raise ArgumentTypeError(f"inputs must be a Tensor or a sequence of arguments, not {type(inputs).__name__}")
    return tuple(inputs)


def _check_inputs(arguments: tuple[Any, ...]) -> dict[int, Tensor]:
    """The inputs to check, by their position."""
    checked = {k: each for k, each in enumerate(arguments) if isinstance(each, Tensor) and each.requires_grad}
    if not checked:
        raise ArgumentError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have "
            "requires_grad=True: call requires_grad_() on what is to be checked"
        )
    places: dict[int, tuple[Tensor, Matrix]] = {}
    for k, each in checked.items():
        if each.dtype is not float64:
            warnings.warn(
                f"Input #{k} requires gradient and is not a double precision floating point. This check will likely "
                "fail if all the inputs are not of double precision floating point.",
                UserWarning,
                stacklevel=3,
            )
        own = _addresses(each)
        if np.unique(own).size != own.size:
            raise ArgumentError(
                f"The {k}th input has elements that share one place in memory (shape {list(each.shape)}, strides "
                f"{tuple(each._data.strides)}), so they cannot be perturbed one by one. gradcheck needs inputs "
                "that do not overlap: pass x.clone(), or check the function x -> func(x.expand(...))."
            )
        for other, (tensor, theirs) in places.items():
            if tensor is not each and np.intersect1d(own, theirs).size:
                raise ArgumentError(
                    f"Inputs {other} and {k} share memory, so they cannot be perturbed apart: pass a clone of one."
                )
        places[k] = (each, own)
    return checked


def _addresses(tensor: Tensor) -> Matrix:
    """Where each element lies."""
    data = tensor._data
    found = np.zeros(1, np.int64)
    for length, stride in zip(data.shape, data.strides, strict=True):
        found = (found[:, None] + stride * np.arange(length)).ravel()
    return found + (tensor.data_ptr() if data.size else 0)


def _differentiable(outputs: Any) -> tuple[Tensor, ...]:
    listed = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    return tuple([each for each in listed if isinstance(each, Tensor) and each.requires_grad])


def _draw_gradient(like: Tensor, non_contiguous: bool, seed: int) -> Tensor:
    shape = tuple(like.shape)
    room = (*shape, 2) if non_contiguous else shape
    drawn = np.asarray(np.random.default_rng(seed).uniform(0.5, 1.5, room) * (-1) ** seed, like._data.dtype)
    return _on_device(drawn[..., 0] if non_contiguous else drawn, like).requires_grad_()


def _on_device(array: Matrix, like: Tensor) -> Tensor:
    return Tensor(devices.move(array, like.device))


def _host(tensor: Tensor) -> Matrix:
    return devices.to_numpy(tensor._data)


# ---------------------------------------------------------------------- the comparison


class _Check:
    """One gradcheck: the function, what is perturbed, and the tolerances."""

    def __init__(
        self,
        func: Callable[..., Any],
        arguments: tuple[Any, ...],
        checked: dict[int, Tensor],
        eps: float,
        atol: float,
        rtol: float,
        nondet_tol: float,
        undefined: bool,
        dtypes: bool,
    ) -> None:
        self.func, self.arguments, self.checked = func, arguments, checked
        self.eps, self.atol, self.rtol, self.nondet_tol = eps, atol, rtol, nondet_tol
        self.undefined, self.dtypes = undefined, dtypes

    def run(self, fast: bool) -> None:
        result = self.func(*self.arguments)
        outputs = _differentiable(result)
        if not outputs:
            self._check_constant(result)
            return
        places = self._places(result)
        if fast:
            self._check_projections(outputs, places)
        else:
            self._check_jacobians(outputs, places)
        self._check_repeatable(outputs)

    def _places(self, result: Any) -> list[int]:
        listed = result if isinstance(result, (tuple, list)) else (result,)
        return [k for k, each in enumerate(listed) if isinstance(each, Tensor) and each.requires_grad]

    def _values(self, places: list[int] | None) -> list[Matrix]:
        """The outputs as flat copies: they may be views of an input that is about to be put back."""
        result = self.func(*self.arguments)
        listed = result if isinstance(result, (tuple, list)) else (result,)
        chosen = [listed[k] for k in places] if places is not None else [each for each in listed if _is_real(each)]
        return [np.array(_host(each), dtype=np.float64).ravel() for each in chosen]

    def _difference(self, step: Callable[[float], None], places: list[int] | None) -> list[Matrix]:
        try:
            step(self.eps)
            above = self._values(places)
            step(-self.eps)
            below = self._values(places)
        finally:
            step(0.0)
        return [(high - low) / (2 * self.eps) for high, low in zip(above, below, strict=True)]

    def _numerical(self, tensor: Tensor, places: list[int] | None) -> list[Matrix]:
        """For each output the Jacobian with a row for each element of the input."""
        rows: list[list[Matrix]] = []
        data = tensor._data
        for index in np.ndindex(*data.shape):
            held = data[index].item()

            def step(by: float, index: tuple[int, ...] = index, held: float = held) -> None:
                data[index] = held + by

            rows.append(self._difference(step, places))
        if not rows:
            return [np.zeros((0, each.size)) for each in self._values(places)]
        return [np.stack(column) for column in zip(*rows, strict=True)]

    def _backward(self, outputs: tuple[Tensor, ...], gradients: list[Matrix | None]) -> list[Matrix]:
        """The gradient of each checked input, flat, zeros where an output does not depend on it."""
        used = [k for k, each in enumerate(gradients) if each is not None]
        found = grad(
            [outputs[k] for k in used],
            list(self.checked.values()),
            [_on_device(np.asarray(gradients[k], outputs[k]._data.dtype), outputs[k]) for k in used],
            retain_graph=True,
            allow_unused=True,
        )
        rows = []
        for (place, tensor), gradient in zip(self.checked.items(), found, strict=True):
            if gradient is None:
                rows.append(np.zeros(tensor.numel()))
                continue
            self._check_form(place, tensor, gradient)
            rows.append(np.asarray(_host(gradient), np.float64).ravel())
        return rows

    def _check_form(self, place: int, tensor: Tensor, gradient: Tensor) -> None:
        if gradient.shape != tensor.shape:
            raise GradcheckError(
                f"Analytical gradient has incorrect size: the gradient of input {place} has shape "
                f"{list(gradient.shape)}, the input {list(tensor.shape)}"
            )
        if self.dtypes and gradient.dtype is not tensor.dtype:
            raise GradcheckError(
                f"Analytical gradient has incorrect dtype: the gradient of input {place} is {gradient.dtype}, the "
                f"input {tensor.dtype}"
            )

    def _analytical(self, outputs: tuple[Tensor, ...], which: int) -> list[Matrix]:
        """For each checked input the Jacobian of one output, as many rows as the input has elements."""
        output = outputs[which]
        columns = []
        for index in np.ndindex(*output.shape):
            gradients: list[Matrix | None] = [
                None if self.undefined else np.zeros(tuple(each.shape)) for each in outputs
            ]
            one = np.zeros(tuple(output.shape))
            one[index] = 1.0
            gradients[which] = one
            columns.append(self._backward(outputs, gradients))
        if not columns:
            return [np.zeros((each.numel(), 0)) for each in self.checked.values()]
        return [np.stack(rows, axis=1) for rows in zip(*columns, strict=True)]

    def _check_jacobians(self, outputs: tuple[Tensor, ...], places: list[int]) -> None:
        numerical = [self._numerical(each, places) for each in self.checked.values()]
        for k in range(len(outputs)):
            for m, (place, analytical) in enumerate(zip(self.checked, self._analytical(outputs, k), strict=True)):
                self._compare(analytical, numerical[m][k], place, places[k])

    def _compare(self, analytical: Matrix, numerical: Matrix, place: int, out: int) -> None:
        if np.allclose(analytical, numerical, rtol=self.rtol, atol=self.atol):
            return
        with np.errstate(invalid="ignore"):
            distance = np.abs(analytical - numerical)
        at = np.unravel_index(int(np.argmax(np.where(np.isnan(distance), np.inf, distance))), distance.shape)
        raise GradcheckError(
            f"Jacobian mismatch for output {out} with respect to input {place}: the largest difference is "
            f"{distance[at]:.6g}, between element {at[0]} of the input and element {at[1]} of the output (analytical "
            f"{analytical[at]:.10g}, numerical {numerical[at]:.10g}; atol={self.atol}, rtol={self.rtol}),\n"
            f"numerical:{_excerpt(numerical)}\nanalytical:{_excerpt(analytical)}\n"
        )

    def _check_constant(self, result: Any) -> None:
        """No output requires a gradient: then the numerical derivative must be zero."""
        listed = result if isinstance(result, (tuple, list)) else (result,)
        real = [k for k, each in enumerate(listed) if _is_real(each)]
        for place, tensor in self.checked.items():
            for out, jacobian in zip(real, self._numerical(tensor, None), strict=True):
                if not np.allclose(jacobian, 0, atol=self.atol):
                    raise GradcheckError(
                        f"Output {out} does not require a gradient, but it depends on input {place}: its numerical "
                        f"derivative is not zero,\nnumerical:{_excerpt(jacobian)}\n"
                    )

    def _check_projections(self, outputs: tuple[Tensor, ...], places: list[int]) -> None:
        rng = np.random.default_rng(0)
        for m, (place, tensor) in enumerate(self.checked.items()):
            u = rng.uniform(0.1, 1.0, tuple(tensor.shape))
            data, held = tensor._data, _host(tensor).copy()

            def step(by: float, data: Any = data, held: Matrix = held, u: Matrix = u) -> None:
                data[...] = devices.move(np.asarray(held + by * u, held.dtype), devices.device_of(data))

            numerical = self._difference(step, places)
            for k, output in enumerate(outputs):
                v = rng.uniform(0.1, 1.0, tuple(output.shape))
                gradients: list[Matrix | None] = [
                    None if self.undefined else np.zeros(tuple(each.shape)) for each in outputs
                ]
                gradients[k] = v
                found = float(self._backward(outputs, gradients)[m] @ u.ravel())
                expected = float(v.ravel() @ numerical[k])
                if not np.isclose(found, expected, rtol=self.rtol, atol=self.atol * u.sum() * v.sum()):
                    raise GradcheckError(
                        f"Jacobian mismatch for output {places[k]} with respect to input {place} in fast mode: "
                        f"vᵀJu is {found:.10g} analytically, {expected:.10g} numerically. "
                        "Run with fast_mode=False for the whole Jacobians."
                    )

    def _check_repeatable(self, outputs: tuple[Tensor, ...]) -> None:
        rng = np.random.default_rng(1)
        v: list[Matrix | None] = [rng.uniform(0.1, 1.0, tuple(each.shape)) for each in outputs]
        once, twice = self._backward(outputs, v), self._backward(outputs, v)
        for place, first, again in zip(self.checked, once, twice, strict=True):
            if not np.allclose(first, again, rtol=0, atol=self.nondet_tol, equal_nan=True):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    f"gives different values for input {place}: they differ by {np.max(np.abs(first - again)):.6g}. "
                    f"The tolerance for nondeterminism was {self.nondet_tol}."
                )


def _is_real(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype.is_floating_point


def _excerpt(jacobian: Matrix) -> str:
    rows, columns = jacobian.shape
    shown = np.array2string(jacobian[:_SHOWN, :_SHOWN], precision=6, prefix="  ", max_line_width=118)
    cut = f"\n  (the first {_SHOWN} rows and columns of {rows}x{columns})" if max(rows, columns) > _SHOWN else ""
    return f"\n  {shown}{cut}"
