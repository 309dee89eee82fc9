"""What can be done with a ``Tensor``: methods and operators, bound from the table of ops.

Importing this module binds them. ``tensor.pyi`` beside ``tensor.py`` is generated from the same table for editors and
type checkers, and a test holds the two together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from numbers import Number
from typing import Any

from lepton.autograd import engine, inplace, printing
from lepton.autograd.ops import families as _families  # noqa: F401 - fills the table
from lepton.autograd.ops.arguments import check_tensor
from lepton.autograd.ops.indexing import getitem
from lepton.autograd.ops.inquiry import real
from lepton.autograd.ops.memory import way_back
from lepton.autograd.ops.setitem import setitem
from lepton.autograd.ops.shape import PROPERTIES as TRANSPOSES
from lepton.autograd.registry import TABLE
from lepton.autograd.tensor import Tensor, View
from lepton.backend.devices import is_array
from lepton.errors import ArgumentTypeError

OPERATORS = {
    "__add__": "add",
    "__radd__": "add",
    "__sub__": "sub",
    "__rsub__": "rsub",
    "__mul__": "mul",
    "__rmul__": "mul",
    "__truediv__": "div",
    "__floordiv__": "floor_divide",
    "__mod__": "remainder",
    "__pow__": "pow",
    "__matmul__": "matmul",
    "__eq__": "eq",
    "__ne__": "ne",
    "__lt__": "lt",
    "__le__": "le",
    "__gt__": "gt",
    "__ge__": "ge",
    "__and__": "bitwise_and",
    "__rand__": "bitwise_and",
    "__or__": "bitwise_or",
    "__ror__": "bitwise_or",
    "__xor__": "bitwise_xor",
    "__rxor__": "bitwise_xor",
    "__lshift__": "bitwise_left_shift",
    "__rshift__": "bitwise_right_shift",
}
SWAPPED = {
    "__rtruediv__": "div",
    "__rfloordiv__": "floor_divide",
    "__rmod__": "remainder",
    "__rpow__": "pow",
    "__rmatmul__": "matmul",
    "__rlshift__": "bitwise_left_shift",
    "__rrshift__": "bitwise_right_shift",
}
UNARY = {"__neg__": "neg", "__pos__": "positive", "__abs__": "abs"}
IN_PLACE = {
    "__iadd__": "add_",
    "__isub__": "sub_",
    "__imul__": "mul_",
    "__itruediv__": "div_",
    "__ifloordiv__": "floor_divide_",
    "__imod__": "remainder_",
    "__ipow__": "pow_",
    "__iand__": "bitwise_and_",
    "__ior__": "bitwise_or_",
    "__ixor__": "bitwise_xor_",
    "__ilshift__": "bitwise_left_shift_",
    "__irshift__": "bitwise_right_shift_",
}
_KNOWN = {Tensor, int, float, bool}


def _is_operand(value: Any) -> bool:
    return isinstance(value, (Tensor, Number)) or is_array(value)


def _operator(function: Callable[..., Tensor], name: str) -> Callable[..., Any]:
    def operator(self: Tensor, other: Any) -> Any:
        if type(other) in _KNOWN or _is_operand(other):
            return function(self, other)
        return NotImplemented

    operator.__name__, operator.__doc__ = name, function.__doc__
    return operator


def _swapped(function: Callable[..., Tensor], name: str) -> Callable[..., Any]:
    def operator(self: Tensor, other: Any) -> Any:
        return function(other, self) if _is_operand(other) else NotImplemented

    operator.__name__, operator.__doc__ = name, function.__doc__
    return operator


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Accumulate into the leaves' ``.grad`` the gradient of this tensor; see :func:`lepton.autograd.backward`.

    Args:
        gradient: ∂L/∂self, of this shape; may be left out for a tensor of one element.
        retain_graph, create_graph, inputs: as for :func:`lepton.autograd.backward`.
    """
    engine.backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def _iterate(self: Tensor) -> Any:
    if self._data.ndim == 0:
        raise ArgumentTypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def _invert(self: Tensor) -> Any:
    if self.dtype.is_floating_point:
        raise ArgumentTypeError(
            f"~ (operator.invert) is only implemented on integer and Boolean-type tensors; this one is {self.dtype}"
        )
    return TABLE["bitwise_not"].function(self)


def _contains(self: Tensor, element: Any) -> bool:
    return bool((self == element).any())


OTHERS: tuple[Callable[..., Any], ...] = (backward, inplace.copy_, inplace.fill_, inplace.zero_)
PROPERTIES: dict[str, Callable[[Tensor], Tensor]] = {**TRANSPOSES, "real": real}
SPECIAL: dict[str, Callable[..., Any]] = {
    "__getitem__": getitem,
    "__setitem__": setitem,
    "__invert__": _invert,
    "__iter__": _iterate,
    "__contains__": _contains,
    "__repr__": printing.tensor_repr,
}


# What PyTorch offers as functions too, though Lepton has it as a method: ``lepton.abs_(x)`` is ``x.abs_()``.
AS_FUNCTIONS = (
    "abs_", "acos_", "acosh_", "addmv_", "arccos_", "arccosh_", "arcsin_", "arcsinh_", "arctan_", "arctanh_",
    "as_strided_", "asin_", "asinh_", "atan_", "atanh_", "ceil_", "clamp_", "clamp_max_", "clamp_min_", "clip_",
    "cos_", "cosh_", "deg2rad_", "detach", "detach_", "erf_", "erfc_", "exp2_", "exp_", "expm1_", "fill_", "fix_",
    "floor_", "frac_", "gcd_", "i0_", "index_put_", "is_complex", "is_floating_point", "is_inference", "is_signed",
    "lcm_", "ldexp_", "log10_", "log1p_", "log2_", "log_", "logit_", "nan_to_num_", "neg_", "negative_", "numel",
    "rad2deg_", "reciprocal_", "relu_", "round_", "rsqrt_", "sigmoid_", "sin_", "sinc_", "sinh_", "sqrt_",
    "square_", "tan_", "tanh_", "trunc_", "xlogy_", "zero_",
)  # fmt: skip


def as_function(name: str) -> Callable[..., Any]:
    """A method of ``Tensor`` as a function of the tensor."""
    method = getattr(Tensor, name)

    @functools.wraps(method)
    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        return method(check_tensor(input, name), *args, **kwargs)

    return function


def _bind() -> None:
    for entry in TABLE.values():
        if entry.method:
            setattr(Tensor, entry.name, entry.function)
        if entry.inplace:
            name = f"{entry.name}_"
            setattr(Tensor, name, inplace.inplace_twin(entry, name))
    for special, name in OPERATORS.items():
        setattr(Tensor, special, _operator(TABLE[name].function, special))
    for special, name in SWAPPED.items():
        setattr(Tensor, special, _swapped(TABLE[name].function, special))
    for special, name in UNARY.items():
        setattr(Tensor, special, TABLE[name].function)
    for special, name in IN_PLACE.items():
        setattr(Tensor, special, getattr(Tensor, name))
    for function in OTHERS:
        setattr(Tensor, function.__name__, function)
    for special, function in SPECIAL.items():
        setattr(Tensor, special, function)
    for name, function in PROPERTIES.items():
        setattr(Tensor, name, property(function))
    View.way_back = staticmethod(way_back)


_bind()
