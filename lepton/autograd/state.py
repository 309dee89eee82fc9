"""What the current thread is doing: recording or not, in inference mode, hunting anomalies.

Each of the four switches works as a context manager and as a decorator, and touches its own thread alone.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class State(threading.local):
    """The switches of one thread; the class attributes are what a new thread starts with."""

    grad_enabled = True
    inference = False
    anomaly = False
    anomaly_check_nan = True
    autocast: Any = None
    saved_hooks: tuple[Callable[..., Any], Callable[..., Any]] | None = None
    saved_hooks_refused: str | None = None  # why no hooks on saved tensors may be set
    run: Any = None  # the innermost backward that is under way
    recomputing = False  # a checkpointed function runs again: what it did to buffers is done


STATE = State()


class _Switch:
    """A context manager that is also a decorator; a decorated generator function keeps the switch while it runs."""

    __slots__ = ("_previous",)

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        raise NotImplementedError

    def _fresh(self) -> _Switch:
        return type(self)()

    def __call__(self, function: F) -> F:
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)  # type: ignore[return-value]

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return inside  # type: ignore[return-value]

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            step, argument = generator.send, None
            while True:
                try:
                    with self._fresh():
                        produced = step(argument)
                except StopIteration as stop:
                    return stop.value
                try:
                    step, argument = generator.send, (yield produced)
                except GeneratorExit:
                    with self._fresh():
                        generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - handed into the generator, which decides what becomes of it
                    step, argument = generator.throw, error

        return inside


class _GradSwitch(_Switch):
    __slots__ = ()
    _mode = False

    def __enter__(self) -> None:
        self._previous = STATE.grad_enabled
        STATE.grad_enabled = self._mode

    def __exit__(self, *exception: object) -> None:
        STATE.grad_enabled = self._previous

    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        return made if function is None else made(function)


class no_grad(_GradSwitch):  # noqa: N801 - the name is PyTorch's
    """Record nothing: results have ``requires_grad=False``. Context manager, ``@no_grad()`` or ``@no_grad``."""

    __slots__ = ()


class enable_grad(_GradSwitch):  # noqa: N801 - the name is PyTorch's
    """Record again inside a ``no_grad`` region. Context manager, ``@enable_grad()`` or ``@enable_grad``."""

    __slots__ = ()
    _mode = True


class set_grad_enabled(_Switch):  # noqa: N801 - the name is PyTorch's
    """Switch recording on or off: at once when called, until the end of the block when used with ``with``."""

    __slots__ = ("mode",)

    def __init__(self, mode: bool) -> None:
        self._previous = STATE.grad_enabled
        self.mode = bool(mode)
        STATE.grad_enabled = self.mode

    def __call__(self, function: F) -> F:
        STATE.grad_enabled = self._previous  # a decorator changes the function, not the present
        return super().__call__(function)

    def _fresh(self) -> _Switch:
        return set_grad_enabled(self.mode)

    def __enter__(self) -> None:
        STATE.grad_enabled = self.mode

    def __exit__(self, *exception: object) -> None:
        STATE.grad_enabled = self._previous


class inference_mode(_Switch):  # noqa: N801 - the name is PyTorch's
    """Like ``no_grad``, and what is made inside keeps no version counter, so autograd can never use it."""

    __slots__ = ("mode",)
    mode: bool

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls)
        if callable(mode):
            made.mode = True
            return made(mode)
        made.mode = bool(mode)
        return made

    def _fresh(self) -> _Switch:
        fresh: _Switch = inference_mode(self.mode)
        return fresh

    def __enter__(self) -> None:
        self._previous = (STATE.inference, STATE.grad_enabled)
        STATE.inference = self.mode
        STATE.grad_enabled = not self.mode and STATE.grad_enabled

    def __exit__(self, *exception: object) -> None:
        STATE.inference, STATE.grad_enabled = self._previous


class set_detect_anomaly(_Switch):  # noqa: N801 - the name is PyTorch's
    """Switch anomaly detection on or off at once; see :class:`detect_anomaly`."""

    __slots__ = ("mode", "check_nan")

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.mode, self.check_nan = mode, check_nan
        self.__enter__()

    def _fresh(self) -> _Switch:
        return set_detect_anomaly(self.mode, self.check_nan)

    def __enter__(self) -> None:
        if not hasattr(self, "_previous"):
            self._previous = (STATE.anomaly, STATE.anomaly_check_nan)
        STATE.anomaly, STATE.anomaly_check_nan = self.mode, self.check_nan

    def __exit__(self, *exception: object) -> None:
        STATE.anomaly, STATE.anomaly_check_nan = self._previous


class detect_anomaly(_Switch):  # noqa: N801 - the name is PyTorch's
    """Remember for every recorded op where it was called; a failing backward then shows that forward line.

    With ``check_nan`` a gradient that is nan where the incoming one was not raises ``AnomalyError``. Slow: for
    debugging only.
    """

    __slots__ = ("check_nan",)

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def _fresh(self) -> _Switch:
        return detect_anomaly(self.check_nan)

    def __enter__(self) -> None:
        self._previous = (STATE.anomaly, STATE.anomaly_check_nan)
        STATE.anomaly, STATE.anomaly_check_nan = True, self.check_nan

    def __exit__(self, *exception: object) -> None:
        STATE.anomaly, STATE.anomaly_check_nan = self._previous


def is_grad_enabled() -> bool:
    """Whether this thread records."""
    return STATE.grad_enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in inference mode."""
    return STATE.inference


def is_anomaly_enabled() -> bool:
    """Whether this thread hunts anomalies."""
    return STATE.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection also looks for nan."""
    return STATE.anomaly_check_nan
