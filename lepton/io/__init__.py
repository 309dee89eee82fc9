"""Checkpoints: any nested tree of tensors, numbers and strings in one safetensors file, with nothing ever unpickled."""

from __future__ import annotations

from lepton.io.checkpoint import load, parse, save

__all__ = ["load", "parse", "save"]
