"""Every DataModule by name."""

from datamodules.classification import SST2, IMDb, RottenTomatoes, TextFiles

__all__ = ["IMDb", "RottenTomatoes", "SST2", "TextFiles"]
