"""Transforms of images; :mod:`~lepton.vision.transforms.functional` has each as a function."""

from lepton.vision.transforms import functional
from lepton.vision.transforms.functional import InterpolationMode
from lepton.vision.transforms.transforms import (
    CenterCrop,
    Compose,
    Grayscale,
    Lambda,
    Normalize,
    PILToTensor,
    Resize,
    ToTensor,
)

__all__ = [
    "CenterCrop",
    "Compose",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Resize",
    "ToTensor",
    "functional",
]
