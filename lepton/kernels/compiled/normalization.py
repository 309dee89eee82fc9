"""Normalisation: which loops take which axes."""

from __future__ import annotations

from lepton.kernels.compiled.channels import normalize, normalize_backward, scale_channels

__all__ = ["normalize", "normalize_backward", "scale_channels"]
