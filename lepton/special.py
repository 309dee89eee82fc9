"""``torch.special``'s names: functions of :mod:`lepton.autograd.ops`, some of which have another name there."""

from lepton.autograd.ops.bessel import (
    airy_ai,
    bessel_j0,
    bessel_j1,
    bessel_y0,
    bessel_y1,
    i0,
    i0e,
    i1,
    i1e,
    modified_bessel_i0,
    modified_bessel_i1,
    modified_bessel_k0,
    modified_bessel_k1,
    scaled_modified_bessel_k0,
    scaled_modified_bessel_k1,
    spherical_bessel_j0,
)
from lepton.autograd.ops.exponential import exp2, expm1, log1p, xlogy
from lepton.autograd.ops.exponential import sigmoid as expit
from lepton.autograd.ops.normal import entr, erfcx, log_ndtr, ndtr, ndtri, xlog1py
from lepton.autograd.ops.rounding import round  # noqa: A004
from lepton.autograd.ops.softmax import log_softmax, softmax
from lepton.autograd.ops.special import digamma, erf, erfc, erfinv, logit, polygamma, zeta
from lepton.autograd.ops.special import digamma as psi
from lepton.autograd.ops.special import igamma as gammainc
from lepton.autograd.ops.special import igammac as gammaincc
from lepton.autograd.ops.special import lgamma as gammaln
from lepton.autograd.ops.special import mvlgamma as multigammaln
from lepton.autograd.ops.statistics import logsumexp
from lepton.autograd.ops.trigonometric import sinc

__all__ = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv",
    "exp2", "expit", "expm1", "gammainc", "gammaincc", "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr",
    "log_softmax", "logit", "logsumexp", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0",
    "modified_bessel_k1", "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "round", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "sinc", "softmax", "spherical_bessel_j0", "xlog1py", "xlogy", "zeta",
]  # fmt: skip
