"""A strict stand-in for a GPU's array library: NumPy behind a wall.

Its arrays hold NumPy arrays, and behave as CuPy's do where NumPy's are lenient: they refuse to become NumPy arrays
(``np.asarray``, ``__array__``, NumPy's functions), they refuse to meet NumPy arrays in one operation, results without
dimensions stay arrays, and their module has only functions that CuPy has too. What runs here does not touch the CPU by
accident. Moving is explicit: :func:`send` and :func:`fetch`, which ``Tensor.to`` uses.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from lepton.backend import devices

DEVICE = "standin"


class StandinError(TypeError):
    """Something that would not work, or would silently copy to the host, on a GPU."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Array:
    """An array that lives elsewhere."""

    __slots__ = ("_held",)
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, held: np.ndarray[Any, Any]) -> None:
        self._held = held

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise StandinError("implicit conversion of a device array to a NumPy array")

    def __array_function__(self, func: Any, *_: Any) -> Any:
        raise StandinError(f"NumPy's {func.__name__} was called with a device array; use xp(array).{func.__name__}")

    def __repr__(self) -> str:
        return f"standin({self._held!r})"

    @property
    def data(self) -> Any:
        """The memory, whose ``ptr`` is an address."""
        return SimpleNamespace(ptr=self._held.ctypes.data)

    @property
    def flags(self) -> Any:
        """The memory layout's flags."""
        return self._held.flags

    @property
    def base(self) -> Array | None:
        """The array whose memory this one views."""
        return None if self._held.base is None else Array(np.asarray(self._held.base))

    def item(self, *index: int) -> Any:
        """One element on the host, explicitly."""
        return self._held.item(*index)

    def get(self) -> np.ndarray[Any, Any]:
        """A copy on the host, explicitly."""
        return self._held.copy()

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Array]:
        return (wrap(each) for each in self._held)

    def __getitem__(self, index: Any) -> Any:
        return wrap(self._held[unwrap_index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._held[unwrap_index(index)] = unwrap(value)


for _name in ("shape", "ndim", "size", "dtype", "itemsize", "nbytes", "strides"):
    setattr(Array, _name, property(operator.attrgetter(f"_held.{_name}")))
Array.T = property(lambda self: wrap(self._held.T))  # type: ignore[attr-defined]

METHODS = _words(
    "all any argmax argmin argpartition argsort astype choose clip compress conj copy cumprod cumsum diagonal dot fill "
    "flatten max mean min nonzero partition prod put ravel repeat reshape round sort squeeze std sum swapaxes take "
    "trace transpose var view"
)
BINARY = _words("add and floordiv lshift matmul mod mul or pow rshift sub truediv xor")
COMPARISONS = _words("eq ge gt le lt ne")
UNARY = _words("abs invert neg pos")
CONVERSIONS = {"__bool__": bool, "__float__": float, "__int__": int, "__index__": operator.index}  # CuPy has these too


def unwrap(value: Any) -> Any:
    """What NumPy is to see of an argument.

    Raises:
        StandinError: it is, or contains, a NumPy array with dimensions.
    """
    if isinstance(value, Array):
        return value._held
    if isinstance(value, np.ndarray) and value.ndim:
        raise StandinError(f"a NumPy array of shape {value.shape} meets device arrays; make it with xp, or send it")
    if isinstance(value, (list, tuple)):
        return type(value)([unwrap(each) for each in value])
    if isinstance(value, _Function):
        return value._function
    return value


def unwrap_index(index: Any) -> Any:
    """An index as NumPy is to see it; lists of device scalars, as in CuPy, are no index."""
    if isinstance(index, tuple):
        return tuple([unwrap_index(each) for each in index])
    if isinstance(index, slice):
        return slice(*[unwrap(each) for each in (index.start, index.stop, index.step)])
    return unwrap(index)


def wrap(value: Any) -> Any:
    """A result of NumPy as the stand-in gives it: arrays, also those without dimensions, stay on the device."""
    if isinstance(value, (np.ndarray, np.generic)):
        return Array(np.asarray(value))
    if isinstance(value, tuple) and type(value) is not tuple:  # a named tuple, as np.linalg's
        return type(value)(*[wrap(each) for each in value])
    if isinstance(value, (list, tuple)):
        return type(value)([wrap(each) for each in value])
    return value


class _Function:
    """A function, or a ufunc with its methods, seen through the wall."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self._function(*[unwrap(each) for each in args], **{k: unwrap(v) for k, v in kwargs.items()})
        return kwargs["out"] if isinstance(kwargs.get("out"), Array) else wrap(result)

    def __getattr__(self, name: str) -> _Function:
        if name not in ("at", "reduce", "accumulate", "reduceat", "outer"):
            raise AttributeError(f"{self._function.__name__} has no {name!r} on the device")
        return _Function(getattr(self._function, name))


def _method(name: str) -> Callable[..., Any]:
    of_arrays = _Function(getattr(np.ndarray, name))

    def method(self: Array, *args: Any, **kwargs: Any) -> Any:
        return of_arrays(self, *args, **kwargs)

    return method


def _infix(name: str) -> Callable[..., Any]:
    operation = getattr(operator, f"{name}_" if name in ("and", "or") else name, None)
    assert operation is not None

    def infix(self: Array, other: Any) -> Any:
        return wrap(operation(self._held, unwrap(other)))

    return infix


def _swapped(name: str) -> Callable[..., Any]:
    operation = getattr(operator, f"{name}_" if name in ("and", "or") else name)

    def infix(self: Array, other: Any) -> Any:
        return wrap(operation(unwrap(other), self._held))

    return infix


def _in_place(name: str) -> Callable[..., Any]:
    operation = getattr(operator, f"i{name}")

    def infix(self: Array, other: Any) -> Any:
        operation(self._held if self._held.ndim else self._held[...], unwrap(other))
        return self

    return infix


def _prefix(name: str) -> Callable[..., Any]:
    operation = getattr(operator, name)
    return lambda self: wrap(operation(self._held))


def _convert(to: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda self: to(self._held)


for _name in METHODS:
    setattr(Array, _name, _method(_name))
for _name in BINARY:
    setattr(Array, f"__{_name}__", _infix(_name))
    setattr(Array, f"__r{_name}__", _swapped(_name))
    setattr(Array, f"__i{_name}__", _in_place(_name))
for _name in COMPARISONS:
    setattr(Array, f"__{_name}__", _infix(_name))
for _name in UNARY:
    setattr(Array, f"__{_name}__", _prefix(_name))
for _name, _to in CONVERSIONS.items():
    setattr(Array, _name, _convert(_to))

# ---------------------------------------------------------------------- the module

PLAIN = _words(
    """bool_ dtype e errstate euler_gamma finfo float16 float32 float64 floating generic iinfo inf int16 int32
    int64 int8 integer intp isscalar nan newaxis number pi uint16 uint32 uint64 uint8 issubdtype can_cast
    promote_types broadcast_shapes s_ index_exp ndindex"""
)
FUNCTIONS = _words(
    """abs absolute add all allclose amax amin angle any append apply_along_axis arange arccos arccosh arcsin
    arcsinh arctan arctan2 arctanh argmax argmin argpartition argsort argwhere around array array_equal
    array_split ascontiguousarray asfortranarray astype asarray atleast_1d atleast_2d atleast_3d average
    bincount bitwise_and bitwise_not bitwise_or bitwise_xor block broadcast_arrays broadcast_to cbrt ceil
    choose clip column_stack compress concatenate copysign copyto corrcoef correlate cos cosh count_nonzero
    cov cross cumprod cumsum deg2rad degrees delete diag diag_indices diag_indices_from diagflat diagonal diff
    digitize divide divmod dot dsplit dstack ediff1d einsum empty empty_like equal exp exp2 expand_dims expm1
    extract eye fabs fill_diagonal flatnonzero flip fliplr flipud float_power floor floor_divide fmax fmin
    fmod frexp full full_like gcd gradient greater greater_equal heaviside histogram hsplit hstack hypot i0
    identity in1d indices inner interp intersect1d invert isclose isfinite isin isinf isnan isneginf isposinf
    kron lcm ldexp left_shift less less_equal lexsort linspace log log10 log1p log2 logaddexp logaddexp2
    logical_and logical_not logical_or logical_xor logspace matmul max maximum may_share_memory mean median meshgrid min
    minimum mod modf moveaxis multiply nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean
    nanmedian nanmin nanprod nanstd nansum nanvar ndim negative nextafter nonzero not_equal ones ones_like
    outer pad partition percentile piecewise place positive power prod ptp put put_along_axis putmask quantile
    rad2deg radians ravel ravel_multi_index reciprocal remainder repeat require reshape resize result_type
    right_shift rint roll rollaxis rot90 round searchsorted select setdiff1d shape sign signbit sin sinc sinh
    size sort split sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh
    tensordot tile trace transpose tri tril tril_indices trim_zeros triu triu_indices true_divide trunc
    union1d unique unravel_index unwrap vander var shares_memory vdot vsplit vstack where zeros zeros_like"""
)
LINALG = _words(
    "cholesky cond det eigh eigvalsh inv lstsq matrix_norm matrix_power matrix_rank norm pinv qr slogdet solve svd "
    "tensorinv tensorsolve LinAlgError"
)


class _Module:
    """A module of which only the listed names are seen."""

    def __init__(self, module: Any, plain: frozenset[str], functions: frozenset[str], **inner: Any) -> None:
        self._module, self._plain, self._functions = module, plain, functions
        self.__dict__.update(inner)
        self.__name__ = f"standin.{module.__name__}"

    def __getattr__(self, name: str) -> Any:
        if name in self._plain:
            return getattr(self._module, name)
        if name not in self._functions:
            raise AttributeError(f"{self.__name__} has no {name!r}: it is not known to exist in CuPy")
        found = getattr(self._module, name)
        if not isinstance(found, type):
            found = _Function(found)
        self.__dict__[name] = found
        return found


XP = _Module(
    np,
    PLAIN,
    FUNCTIONS,
    ndarray=Array,
    linalg=_Module(np.linalg, _words("LinAlgError"), LINALG),
    lib=SimpleNamespace(
        stride_tricks=_Module(np.lib.stride_tricks, frozenset(), _words("as_strided sliding_window_view broadcast_to"))
    ),
)


def send(array: np.ndarray[Any, Any], device: Any = None) -> Array:
    """A copy of the array on the stand-in."""
    return Array(array.copy())


def fetch(array: Array) -> np.ndarray[Any, Any]:
    """The array on the host."""
    return array.get()


@contextmanager
def installed() -> Iterator[None]:
    """While this lasts, ``device="standin"`` exists."""
    there = devices.device(DEVICE, 0)
    devices.register(devices.Place(DEVICE, XP, Array, send, fetch, lambda _: there))
    try:
        yield
    finally:
        devices.unregister(DEVICE)
