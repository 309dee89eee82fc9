"""What is particular to images: datasets of image files, and transforms of images (torchvision's names)."""

from lepton.vision import datasets, transforms

__all__ = ["datasets", "transforms"]
