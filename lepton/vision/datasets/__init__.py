"""Datasets of images."""

from lepton.vision.datasets.folder import IMG_EXTENSIONS, DatasetFolder, ImageFolder
from lepton.vision.datasets.image_file import default_loader

__all__ = ["IMG_EXTENSIONS", "DatasetFolder", "ImageFolder", "default_loader"]
