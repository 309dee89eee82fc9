"""How a loop is compiled: with fixed argument types, at its first use, once for all processes, for the one pool.

Numba compiles each function in seconds, and keeps the machine code on disk; processes that come later load it in
milliseconds. The files lie beside the source, or under ``LEPTON_CACHE_DIR``, or where the source cannot be written to
in the user's cache; for each module in a directory named by a digest of the sources, so that nothing outlives them.

The pool is that of OpenMP where it can be loaded, else Numba's own, which costs 50 µs more per loop. OpenMP's threads
do not survive a fork: a child runs the reference.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core import event

from lepton._version import __version__
from lepton.backend import threads
from lepton.backend.blas import one_pool
from lepton.errors import ArgumentError
from lepton.kernels.registry import use_reference

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

F = TypeVar("F", bound=Callable[..., Any])

HERE = Path(__file__).parent
MESSAGE = "Lepton compiles its fast kernels, once for this machine (ahead of time: python -m lepton.kernels.compiled)"

_compiling = threading.RLock()
_one_caller = threading.RLock()
_loops: list[_Loop] = []


@functools.cache
def cache_base() -> Path:
    """The directory under which all machine code is kept."""
    given = os.environ.get("LEPTON_CACHE_DIR")
    base = Path(given) if given else HERE / "__pycache__" / "machine_code"
    try:
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except OSError as error:
        if given:
            raise ArgumentError(f"LEPTON_CACHE_DIR={given!r} in the environment: {error}") from error
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lepton"


@functools.cache
def cache_directory(module: str) -> str:
    """Where the machine code of one module's loops is kept: named by a digest of all sources that went into it."""
    digest = hashlib.sha256(f"{__version__} {numba.__version__} {sys.version}".encode())
    for each in sorted(_sources(module, set())):
        digest.update(Path(str(sys.modules[each].__file__)).read_bytes())
    return str(cache_base() / f"{module.rpartition('.')[2]}-{digest.hexdigest()[:16]}")


def _sources(module: str, found: set[str]) -> set[str]:
    """The module, and those of this package whose functions it uses, directly or not."""
    found.add(module)
    for value in vars(sys.modules[module]).values():
        origin = getattr(value, "__module__", None)
        if isinstance(origin, str) and origin.startswith(__package__) and origin not in found:
            _sources(origin, found)
    return found


class _Announcer(event.Listener):  # type: ignore[misc]
    """Says once that something is compiled, which takes seconds; what comes from the cache is not announced."""

    said = False  # by this process

    def on_start(self, event: Any) -> None:
        if not _Announcer.said:
            _Announcer.said = True
            print(MESSAGE, file=sys.stderr, flush=True)  # noqa: T201

    def on_end(self, event: Any) -> None:
        """Nothing is to be said then."""


@contextlib.contextmanager
def _kept_in(directory: str) -> Iterator[None]:
    """Let Numba keep what is compiled here in this directory, and the user's own functions where they belong.

    Of several processes that want the same, as the ranks of a host do at their start, the first compiles, and the
    others wait and load it.
    """
    Path(directory).mkdir(parents=True, exist_ok=True)
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, directory
    with open(Path(directory) / "lock", "w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
        try:
            yield
        finally:
            numba.config.CACHE_DIR = before


class _Seen:
    """The memory of an array as a new one sees it."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__ | {"data": (array.ctypes.data, False)}


def _as_if_writable(value: Any) -> Any:
    """A read-only array, such as a broadcast one, as of the type that loops are compiled for (they only read it)."""
    return value if getattr(getattr(value, "flags", None), "writeable", True) else np.asarray(_Seen(value))


class _Loop:
    """A function that compiles itself at its first call."""

    def __init__(self, function: Callable[..., Any], signatures: tuple[str, ...], options: dict[str, Any]) -> None:
        self._function, self._signatures, self._options = function, signatures, options
        self._ready: Callable[..., Any] | None = None
        self._threads = threading.local()
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        functools.update_wrapper(self, function)
        _loops.append(self)

    def compile(self) -> Callable[..., Any]:
        """Compile it, or load what was compiled before; the function that runs."""
        with _compiling:
            if self._ready is None:
                prepare()
                self._ready = self._compiled()
        return self._ready

    def _compiled(self) -> Callable[..., Any]:
        module = sys.modules[self._function.__module__]
        on_disk = hasattr(module, "__file__")  # what is typed at a prompt or in a notebook has none
        kept = _kept_in(cache_directory(module.__name__)) if on_disk else contextlib.nullcontext()
        with kept, event.install_listener("numba:compile", _Announcer()):
            options = {"cache": on_disk, "nogil": True, "error_model": "numpy", **self._options}
            made = numba.njit(**options)(self._function)
            for each in self._signatures:
                made.compile(each)
            made.disable_compile()
        return _in_turn(made) if self._options.get("parallel") else made

    def __call__(self, *arguments: Any) -> Any:
        ready = self._ready or self.compile()
        wanted = threads.get_num_threads()
        if getattr(self._threads, "number", None) != wanted:
            numba.set_num_threads(min(wanted, numba.config.NUMBA_NUM_THREADS))
            self._threads.number = wanted
        try:
            return ready(*arguments)
        except TypeError:  # before anything ran: no signature fits
            if all(each.flags.writeable for each in arguments if isinstance(each, np.ndarray)):
                raise
            return ready(*[_as_if_writable(each) for each in arguments])


def _in_turn(loop: Callable[..., Any]) -> Callable[..., Any]:
    """The loop itself; where the pool can serve one caller only, callers wait for each other."""
    if numba.threading_layer() != "workqueue":
        return loop

    def wait(*arguments: Any) -> Any:
        with _one_caller:
            return loop(*arguments)

    return wait


@functools.cache
def prepare() -> None:
    """Choose the pool, and load the matrix products that loops call by name.

    It happens once, before anything is compiled or loaded.
    """
    if "NUMBA_THREADING_LAYER" not in os.environ:
        numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]
    importlib.import_module("lepton.kernels.compiled.blas").load()
    one_pool()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=use_reference)


def parallel(*signatures: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function with ``numba.prange`` loops be compiled for these argument types and run by the pool.

    Args:
        signatures: Numba's, such as ``"void(f4[::1], f4[::1])"``. One with ``X`` in it stands for two: with f4 and f8.
        options: further ones of ``numba.njit``, such as ``fastmath``.
    """
    return _entered(signatures, {"parallel": True, **options})


def serial(*signatures: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function be compiled for these argument types and run by the calling thread."""
    return _entered(signatures, options)


def _entered(
    signatures: tuple[str, ...], options: dict[str, Any]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    every = [each.replace("X", kind) for each in signatures for kind in (("f4", "f8") if "X" in each else ("",))]

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        return _Loop(function, tuple(every), options)

    return enter


def inner(**options: Any) -> Callable[[F], F]:
    """Let a function be compiled into the loops that call it."""

    def enter(function: F) -> F:
        return cast(F, numba.njit(nogil=True, error_model="numpy", **options)(function))

    return enter


def announced() -> None:
    """Keep quiet about what is compiled from now on."""
    _Announcer.said = True


def all_loops() -> list[_Loop]:
    """Every loop of the modules that have been imported."""
    return list(_loops)
