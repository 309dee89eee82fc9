"""Derivatives of functions: Jacobians and Hessians, and their products with vectors.

``func`` takes tensors and returns a tensor or a tuple of them; where it has several inputs, ``inputs`` is a tuple. With
``create_graph`` the results can be differentiated in turn. With ``strict``, GradError is raised where something does
not depend on an input, instead of giving zeros; it says what, and where.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lepton.autograd.engine import grad
from lepton.autograd.ops.creation import zeros_like
from lepton.autograd.ops.joining import stack
from lepton.autograd.state import STATE, enable_grad, set_grad_enabled
from lepton.autograd.tensor import Tensor
from lepton.errors import ArgumentTypeError, ContractError, GradError, ShapeError, UnsupportedError

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = tuple[Tensor, ...]
STRATEGIES = ("forward-mode", "reverse-mode")


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, and vᵀ·J with its Jacobian J: one backward.

    Args:
        func, inputs, create_graph, strict: see this module's text.
        v: of the outputs' shapes; may be left out for a single output of one element.

    Returns:
        The outputs, and the product, of the inputs' shapes.

    Raises:
        ArgumentTypeError: inputs, outputs or v are no tensors. ShapeError: v does not fit. GradError: see ``strict``.
    """
    with enable_grad():
        several, points = _as_tuple(inputs, "inputs", "vjp")
        points = _prepared(points, create_graph)
        many, outputs = _outputs(func, points, "vjp", strict)
        v = _vector(v, outputs, many, "vjp", create_graph, "user-provided function returns")
    with set_grad_enabled(create_graph or STATE.grad_enabled):
        found = _filled(_derived(outputs, points, v, create_graph), points, strict, create_graph, "vjp")
    return _given(outputs, many, create_graph), _given(found, several, create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, and J·v with its Jacobian J: uᵀ·J is linear in u, and its derivative along v is J·v.

    Args:
        func, inputs, create_graph, strict: see this module's text.
        v: of the inputs' shapes; may be left out for a single input of one element.

    Returns:
        The outputs, and the product, of the outputs' shapes.

    Raises:
        ArgumentTypeError: inputs, outputs or v are no tensors. ShapeError: v does not fit. GradError: see ``strict``.
    """
    with enable_grad():
        several, points = _as_tuple(inputs, "inputs", "jvp")
        points = _prepared(points, create_graph)
        v = _vector(v, points, several, "jvp", create_graph, "input to the user-provided function is")
        many, outputs = _outputs(func, points, "jvp", strict)
        u = tuple([zeros_like(each).requires_grad_() for each in outputs])
        product = _derived(outputs, points, u, True)
        _check_depends(product, "gradient", strict)
    found = _along(product, u, v, outputs, strict, create_graph, "jvp")
    return _given(outputs, many, create_graph), _given(found, many, create_graph)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """J[i][j] = ∂outputᵢ/∂inputⱼ, each of the output's shape followed by the input's: a backward for each element.

    Args:
        func, inputs, create_graph, strict: see this module's text.
        vectorize: accepted; the backwards run one by one.
        strategy: ``"reverse-mode"``, or ``"forward-mode"``, which gives the outputs' types in place of the inputs'.

    Returns:
        One tensor for one input and one output, a tuple if one of the two is a tuple, a tuple of tuples if both are.

    Raises:
        ArgumentTypeError: inputs or outputs are no tensors. ContractError: no such strategy. GradError: see ``strict``;
            or ``strict`` with ``vectorize`` or ``"forward-mode"``. UnsupportedError: ``"forward-mode"`` with
            ``create_graph``, or without ``vectorize``.
    """
    _check_strategy(strategy, create_graph, strict, vectorize)
    with enable_grad():
        several, points = _as_tuple(inputs, "inputs", "jacobian")
        points = _prepared(points, create_graph)
        many, outputs = _outputs(func, points, "jacobian", strict)
        if vectorize and strict:
            raise GradError(
                "jacobian: `strict=True` and `vectorize=True` are not supported together. Please either set "
                "`strict=False` or `vectorize=False`."
            )
        rows = tuple([_rows(out, place, points, strict, create_graph) for place, out in enumerate(outputs)])
        if strategy == "forward-mode":
            rows = tuple([tuple([each.to(out.dtype) for each in row]) for row, out in zip(rows, outputs, strict=True)])
    found = tuple([_given(row, several, create_graph) for row in rows])
    return found if many else found[0]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """H[i][j] = ∂²func/∂inputᵢ∂inputⱼ of a function with one element: the Jacobian of its gradient.

    Args:
        func, inputs, create_graph, strict: see this module's text.
        vectorize: accepted; the backwards run one by one.
        outer_jacobian_strategy: as ``strategy`` of :func:`jacobian`.

    Returns:
        One tensor for one input, of its shape twice; a tuple of tuples for several.

    Raises:
        ArgumentTypeError: inputs or output are no tensors. ContractError: no such strategy. GradError: the function
            returns a tuple or more than one element; see ``strict``. UnsupportedError: as :func:`jacobian`.
    """
    several, points = _as_tuple(inputs, "inputs", "hessian")
    _check_strategy(outer_jacobian_strategy, False, False, True)

    def gradient(*at: Tensor) -> Any:
        def single(*given: Tensor) -> Any:
            return _single(*_outputs(func, given, "hessian", strict), "hessian").squeeze()

        found = jacobian(single, at, create_graph=True)
        _check_depends(found, "jacobian", strict)
        return found

    found = jacobian(gradient, points, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if several else found[0][0]


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)`` of one element, and vᵀ·H with its Hessian H: a backward through the gradient.

    Args:
        func, inputs, create_graph, strict: see this module's text.
        v: of the inputs' shapes; may be left out for a single input of one element.

    Returns:
        The output, and the product, of the inputs' shapes.

    Raises:
        ArgumentTypeError: inputs, output or v are no tensors. ShapeError: v does not fit. GradError: the function
            returns a tuple or more than one element; see ``strict``.
    """
    several, points, v, output, gradient = _gradient(func, inputs, v, create_graph, strict, "vhp")
    with set_grad_enabled(create_graph or STATE.grad_enabled):
        found = _filled(_derived(gradient, points, v, create_graph), points, strict, create_graph, "vhp")
    return _given((output,), False, create_graph), _given(found, several, create_graph)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)`` of one element, and H·v with its Hessian H; :func:`vhp` gives the same in less time.

    Arguments, results and errors are those of :func:`vhp`.
    """
    several, points, v, output, gradient = _gradient(func, inputs, v, create_graph, strict, "hvp")
    with enable_grad():
        u = tuple([zeros_like(each).requires_grad_() for each in points])
        product = _derived(gradient, points, u, True)
    with set_grad_enabled(create_graph or STATE.grad_enabled):
        found = _along(product, u, v, points, strict, create_graph, "hvp")
    return _given((output,), False, create_graph), _given(found, several, create_graph)


# ---------------------------------------------------------------------- arguments and results


def _as_tuple(value: Any, what: str, function: str) -> tuple[bool, Tensors]:
    """Whether it is a tuple, and it as a tuple of tensors."""
    several = isinstance(value, tuple)
    listed = value if several else (value,)
    for place, each in enumerate(listed):
        if not isinstance(each, Tensor):
            where = f"value at index {place}" if several else f"given {what}"
            raise ArgumentTypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the {where} has "
                f"type {type(each)}."
            )
    return several, listed


def _prepared(tensors: Tensors, create_graph: bool, wanted: bool = True) -> Tensors:
    """New tensors that gradients are wanted of; on the graph of the given ones if results are to be differentiated."""
    return tuple(
        [
            each.view_as(each) if create_graph and each.requires_grad else each.detach().requires_grad_(wanted)
            for each in tensors
        ]
    )


def _outputs(func: Callable[..., Any], points: Tensors, function: str, strict: bool) -> tuple[bool, Tensors]:
    many, outputs = _as_tuple(func(*points), "outputs of the user-provided function", function)
    for place, each in enumerate(outputs):
        if strict and not each.requires_grad:
            raise GradError(
                f"Output {place} of the user-provided function does not require gradients. The outputs must be "
                "computed in a differentiable manner from the input when running in strict mode."
            )
    return many, outputs


def _single(several: bool, outputs: Tensors, function: str) -> Tensor:
    """The one output of one element.

    Raises:
        GradError: there is another.
    """
    if several:
        raise GradError(f"The function given to {function} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise GradError(
            f"The Tensor returned by the function given to {function} should contain a single element, but its shape "
            f"is {list(outputs[0].shape)}"
        )
    return outputs[0]


def _vector(v: Any, like: Tensors, several: bool, function: str, create_graph: bool, what: str) -> Any:
    """``v`` as a tuple that fits ``like``; None where it may be left out."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise ShapeError(f"The vector v can only be None if the {what} a single Tensor with a single element.")
        return None
    _, v = _as_tuple(v, "v", function)
    if len(v) != len(like):
        raise ShapeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}."
            if several
            else "The given v should contain a single Tensor."
        )
    for place, (mine, other) in enumerate(zip(v, like, strict=True)):
        if mine._data.shape != other._data.shape:
            which = f"Entry {place} in v" if several else "v"
            raise ShapeError(f"{which} has invalid size: should be {other.shape} but got {mine.shape}.")
    return _prepared(v, create_graph, False)


def _given(found: Sequence[Any], several: bool, create_graph: bool) -> Any:
    """Results as the user gets them: without a graph that nobody asked for, in a tuple if the inputs were."""
    kept = tuple(found) if create_graph else tuple([each.detach() for each in found])
    return kept if several else kept[0]


def _check_strategy(strategy: str, create_graph: bool, strict: bool, vectorize: bool) -> None:
    if strategy not in STRATEGIES:
        raise ContractError(f"Expected strategy to be one of {STRATEGIES}, but got {strategy!r}")
    if strategy == "reverse-mode":
        return
    if create_graph:
        raise UnsupportedError(
            'jacobian: `create_graph=True` and `strategy="forward-mode"` are not supported together. Please either set '
            '`create_graph=False` or `strategy="reverse-mode"`.'
        )
    if strict:
        raise GradError(
            'jacobian: `strict=True` and `strategy="forward-mode"` are not supported together. Please either set '
            '`strict=False` or `strategy="reverse-mode"`.'
        )
    if not vectorize:
        raise UnsupportedError('jacobian: `strategy="forward-mode"` is only implemented for `vectorize=True`.')


# ---------------------------------------------------------------------- derivatives


def _derived(
    outputs: Sequence[Any], inputs: Tensors, v: Any, create_graph: bool, keep: bool | None = None
) -> tuple[Any, ...]:
    """``grad`` of those outputs that have one; None for inputs that none of them depends on."""
    pairs = zip(outputs, (None,) * len(outputs) if v is None else v, strict=True)
    usable = [(out, g) for out, g in pairs if out is not None and out.requires_grad]
    if not usable:
        return (None,) * len(inputs)
    outs, gs = zip(*usable, strict=True)
    return grad(outs, inputs, gs, keep, create_graph, allow_unused=True)


def _gradient(
    func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool, function: str
) -> tuple[bool, Tensors, Any, Tensor, Any]:
    """What products with a Hessian begin with: are there several inputs, they, v, the output, and its gradient."""
    with enable_grad():
        several, points = _as_tuple(inputs, "inputs", function)
        points = _prepared(points, create_graph)
        v = _vector(v, points, several, function, create_graph, "input to the user-provided function is")
        output = _single(*_outputs(func, points, function, strict), function)
        gradient = _derived((output,), points, None, True)
        _check_depends(gradient, "jacobian", strict)
    return several, points, v, output, gradient


def _along(
    product: Any, u: Tensors, v: Any, like: Tensors, strict: bool, create_graph: bool, function: str
) -> tuple[Tensor, ...]:
    """The derivative along v of a product that is linear in u."""
    with set_grad_enabled(create_graph or STATE.grad_enabled):
        return _filled(_derived(product, u, v, create_graph), like, strict, create_graph, function)


def _rows(out: Tensor, place: int, points: Tensors, strict: bool, create_graph: bool) -> Tensors:
    """∂out/∂input for each input: the gradients of all elements, stacked."""
    flat: Any = out.reshape(-1)
    listed: list[list[Tensor]] = [[] for _ in points]
    for element in range(out.numel()):
        for index, found in enumerate(_derived((flat[element],), points, None, create_graph, True)):
            if found is None and strict:
                raise GradError(
                    f"Output {place} of the user-provided function is independent of input {index}. This is not "
                    "allowed in strict mode."
                )
            if found is not None and strict and create_graph and not found.requires_grad:
                raise GradError(
                    f"The jacobian of the user-provided function is independent of input {index}. This is not allowed "
                    "in strict mode when create_graph=True."
                )
            listed[index].append(zeros_like(points[index]) if found is None else found)
    shapes = [(*out._data.shape, *each._data.shape) for each in points]
    if not out.numel():
        return tuple([each.new_zeros(shape) for each, shape in zip(points, shapes, strict=True)])
    return tuple([stack(each).reshape(shape) for each, shape in zip(listed, shapes, strict=True)])


# ---------------------------------------------------------------------- what depends on what

_INDEPENDENT = {
    "vjp": "The output of the user-provided function is independent of input {}.",
    "jvp": (
        "The gradient with respect to the input is independent of entry {} in the grad_outputs when using the double "
        "backward trick to compute forward mode gradients."
    ),
    "vhp": "The jacobian of the user-provided function is independent of input {}.",
    "hvp": (
        "The hessian of the user-provided function is independent of entry {} in the grad_jacobian, so that the double "
        "backward trick cannot replace forward mode AD."
    ),
    "gradient": "The gradient with respect to input {} is independent of the inputs of the user-provided function.",
    "jacobian": (
        "While computing the hessian, found that the jacobian of the user-provided function with respect to input {} "
        "is independent of the input. You should ensure that your function is twice differentiable and that the "
        "jacobian depends on the inputs (this would be violated by a linear function for example)."
    ),
}


def _independent(what: str, place: int) -> GradError:
    return GradError(_INDEPENDENT[what].format(place) + " This is not allowed in strict mode.")


def _check_depends(found: Sequence[Any], what: str, strict: bool) -> None:
    for place, each in enumerate(found):
        if strict and each is None:
            raise _independent("vjp", place)
        if strict and not each.requires_grad:
            raise _independent(what, place)


def _filled(found: Sequence[Any], like: Tensors, strict: bool, create_graph: bool, function: str) -> Tensors:
    """Zeros for None; with ``strict`` an error instead, and for a result without a graph if one was asked for."""
    for place, each in enumerate(found):
        if strict and each is None:
            raise _independent(function, place)
        if strict and create_graph and not each.requires_grad:
            kind = "hessian" if function in ("vhp", "hvp") else "jacobian"
            raise GradError(
                f"The {kind} of the user-provided function is independent of input {place}. This is not allowed in "
                "strict mode when create_graph=True."
            )
    return tuple([zeros_like(one) if each is None else each for each, one in zip(found, like, strict=True)])
