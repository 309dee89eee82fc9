"""Entries of what ``lepton.special`` has of its own, and of ``i0``."""

from __future__ import annotations

import numpy as np

from tests.table._families import binary, typed, unary
from tests.table._format import Call, Entry
from tests.table._strategies import above_one, nonzero, positive, probability, real

FAR = np.array([1e4, -1e4, 80.0, -80.0, 20.0, -20.0, 6.0, -6.0, 1e-8, -1e-8])


def far(like: str = "float64") -> Call:
    """Arguments far out, where a formula that is not stable overflows or cancels."""
    return Call(FAR.astype(like)).tagged(f"far {like}")


REFUSED = [(Call(typed("float16")), NotImplementedError)]


def by_scipy(name: str) -> Entry:
    """A function that SciPy computes and that has no derivative."""
    return unary(name, above_one, grad=False, draw=None, standin=False, loose=1e5, errors=REFUSED)


NORMAL = [
    unary("special.entr", positive),
    binary("special.xlog1py", real, positive, values=[Call(2.0, typed("float64")).tagged("number first")]),
    unary("special.erfcx", values=[far()], errors=REFUSED, loose=10),
    unary("special.ndtr", values=[far(), far("float32")], loose=100),
    unary("special.log_ndtr", values=[far(), far("float32")], errors=REFUSED, loose=100),
    unary("special.ndtri", probability, errors=REFUSED, loose=100),
]

BESSEL = [
    unary("i0", loose=10),
    unary("special.i1", nonzero, loose=10),
    unary("special.i0e", nonzero, values=[far()], loose=100),
    unary("special.i1e", nonzero, values=[far()], loose=100),
    *[
        by_scipy(f"special.{name}")
        for name in (
            "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "modified_bessel_i0", "modified_bessel_i1",
            "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1",
            "spherical_bessel_j0",
        )
    ],
]  # fmt: skip

ZETA = [
    binary(
        "special.zeta",
        above_one,
        positive,
        grad=(1,),
        values=[Call(np.array([2.0, 3.0, 4.0, 41.0, 2.0]), np.array([-0.5, -7.3, -999.75, 0.7, 1e5])).tagged("far")],
        errors=[(Call(typed("float16"), typed("float16")), NotImplementedError)],
        loose=100,
    )
]

ENTRIES = [*NORMAL, *BESSEL, *ZETA]
