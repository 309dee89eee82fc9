"""Memory of the process: what an array has freed stays with the process for the next array.

A training step makes and frees tens of megabytes of arrays, the same sizes each time. C libraries give blocks that
large back to the system at once, and the system hands out new ones page by page, zeroed: on fresh memory an addition
spends longer on page faults than on adding (10 ms against 1 ms for ten megabytes, measured). GNU's C library can be
told to keep freed memory, up to a limit.
"""

from __future__ import annotations

import os

LARGEST_KEPT = 32 << 20  # bytes; the largest block that GNU's library takes from its own heap
KEPT = 256 << 20  # bytes of free memory at the end of the heap that are not given back

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names and numbers of malloc.h


def keep_freed() -> bool:
    """Keep freed memory for the arrays to come; whether that could be arranged.

    Settings in the environment (``MALLOC_…_`` or ``GLIBC_TUNABLES``, see mallopt(3)) take precedence: where there are
    any, nothing is changed. Nor is it on systems with another C library.
    """
    if "GLIBC_TUNABLES" in os.environ or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        import ctypes  # NumPy has imported it already

        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(_M_TRIM_THRESHOLD, KEPT))


def release_freed() -> bool:
    """Give what is free back to the system now; whether anything was, and False where the C library cannot."""
    import ctypes

    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return False
    return bool(trim(0))
