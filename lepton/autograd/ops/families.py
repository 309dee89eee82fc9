"""All families of ops; importing this module fills the table, and its names are the public functions."""

from typing import TYPE_CHECKING

from lepton.autograd.ops import (
    activation,
    arithmetic,
    bessel,
    comparison,
    conversion,  # noqa: F401 - methods only
    creation,
    distance,
    division,
    exponential,
    extrema,
    extremes,
    indexing,
    inquiry,
    joining,
    linear_algebra,
    logical,
    matrix,
    memory,
    products,
    random,
    rearranging,
    reduction,
    replacing,
    rounding,
    scan,
    scattering,
    shape,
    sorting,
    special,
    statistics,
    summaries,
    trigonometric,
)
from lepton.autograd.ops import softmax as softmax_family  # the function takes the name
from lepton.autograd.ops.activation import *  # noqa: F403
from lepton.autograd.ops.arithmetic import *  # noqa: F403
from lepton.autograd.ops.bessel import *  # noqa: F403
from lepton.autograd.ops.comparison import *  # noqa: F403
from lepton.autograd.ops.creation import *  # noqa: F403
from lepton.autograd.ops.distance import *  # noqa: F403
from lepton.autograd.ops.division import *  # noqa: F403
from lepton.autograd.ops.exponential import *  # noqa: F403
from lepton.autograd.ops.extrema import *  # noqa: F403
from lepton.autograd.ops.extremes import *  # noqa: F403
from lepton.autograd.ops.indexing import *  # noqa: F403
from lepton.autograd.ops.inquiry import *  # noqa: F403
from lepton.autograd.ops.joining import *  # noqa: F403
from lepton.autograd.ops.linear_algebra import *  # noqa: F403
from lepton.autograd.ops.logical import *  # noqa: F403
from lepton.autograd.ops.matrix import *  # noqa: F403
from lepton.autograd.ops.memory import *  # noqa: F403
from lepton.autograd.ops.products import *  # noqa: F403
from lepton.autograd.ops.random import *  # noqa: F403
from lepton.autograd.ops.rearranging import *  # noqa: F403
from lepton.autograd.ops.reduction import *  # noqa: F403
from lepton.autograd.ops.replacing import *  # noqa: F403
from lepton.autograd.ops.rounding import *  # noqa: F403
from lepton.autograd.ops.scan import *  # noqa: F403
from lepton.autograd.ops.scattering import *  # noqa: F403
from lepton.autograd.ops.shape import *  # noqa: F403
from lepton.autograd.ops.softmax import *  # noqa: F403
from lepton.autograd.ops.sorting import *  # noqa: F403
from lepton.autograd.ops.special import *  # noqa: F403
from lepton.autograd.ops.statistics import *  # noqa: F403
from lepton.autograd.ops.summaries import *  # noqa: F403
from lepton.autograd.ops.trigonometric import *  # noqa: F403

if not TYPE_CHECKING:  # which would take a computed list for an empty one, and all names for private ones
    __all__ = [
        name
        for family in (
            activation, arithmetic, bessel, comparison, creation, distance, division, exponential, extrema, extremes,
            indexing, inquiry, joining, linear_algebra, logical, matrix, memory, products, random, rearranging,
            reduction, replacing, rounding, scan, scattering, shape, softmax_family, sorting, special, statistics,
            summaries, trigonometric,
        )
        for name in family.__all__
    ]  # fmt: skip
